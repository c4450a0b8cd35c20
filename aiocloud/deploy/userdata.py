"""What a new node is told by its user data, and how several things are told at once."""

from __future__ import annotations

import gzip
import textwrap
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from aiocloud.errors import ConfigurationError

# https://docs.cloud-init.io/en/latest/explanation/format.html
KINDS = {
    b"#cloud-config-archive": "cloud-config-archive",
    b"#cloud-config": "cloud-config",
    b"#cloud-boothook": "cloud-boothook",
    b"#part-handler": "part-handler",
    b"#include": "x-include-url",
    b"## template: jinja": "jinja2",
    b"#!": "x-shellscript",
}
"""How the kinds of user data begin, and what they are called as parts of one message."""


def combine(parts: Sequence[str | bytes]) -> bytes | None:
    """One piece of user data that says all these; None if there are none, and itself if there is one.

    Raises ConfigurationError where there are several, and one is nothing that cloud-init understands.
    """
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    if len(raw) < 2:
        return raw[0] if raw else None
    whole = MIMEMultipart(boundary="====aiocloud====")
    for part in raw:
        whole.attach(_part(part))
    return whole.as_bytes(policy=policy.default.clone(linesep="\n"))


def _part(data: bytes) -> Message:
    text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    if text.lower().startswith((b"content-type: multipart/", b"mime-version:")):
        return message_from_bytes(text)
    kind = next((word for start, word in KINDS.items() if text.startswith(start)), None)
    if kind is None:
        raise ConfigurationError(
            "the user data begins like nothing that cloud-init reads, so that no host key can be added to it: choose "
            "another policy for host keys than 'planted'"
        )
    try:
        # As it is where it can be: base64 would take a third more of the room that there is.
        return MIMEText(text.decode("utf-8"), kind, "us-ascii" if text.isascii() else "utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError("the user data is no UTF-8, so that nothing can be added to it") from None


def host_key_part(private: str, public: str) -> str:
    """The part that gives a machine its host key: https://docs.cloud-init.io/en/latest/reference/modules.html#ssh

    Other keys that the image has are removed, so that it shows this one.
    """
    indented = textwrap.indent(private.strip(), "    ")
    keys = f"ssh_keys:\n  ed25519_private: |\n{indented}\n  ed25519_public: {public}\n"
    return f"#cloud-config\nssh_deletekeys: true\n{keys}"
