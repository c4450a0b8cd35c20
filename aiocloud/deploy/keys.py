"""Private keys: from files, from text, from the agent, or made for one deployment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiocloud.deploy.ssh import SSH, Key
from aiocloud.errors import ConfigurationError
from aiocloud.values import Secret

if TYPE_CHECKING:
    import asyncssh

USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
"""The files in ~/.ssh that are taken where nothing else is said."""


@dataclass(frozen=True, slots=True)
class KeyPairText:
    """A key pair made here: the private half in OpenSSH's format, the public one as a line."""

    private: Secret
    public: str


def make_key(comment: str) -> KeyPairText:
    """A new Ed25519 key."""
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return KeyPairText(Secret(key.export_private_key().decode()), key.export_public_key().decode().strip())


def load_key(key: Key, password: Secret | str | None = None) -> asyncssh.SSHKey:
    """A private key from its file or its text.

    Raises ConfigurationError, without quoting the key, where it cannot be read, is none, or is encrypted and the
    password is missing or wrong.
    """
    import asyncssh

    text, name = _text_of(key)
    phrase = password.reveal() if isinstance(password, Secret) else password
    try:
        return asyncssh.import_private_key(text, phrase)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError, ValueError) as error:
        if "passphrase" in str(error).lower() or isinstance(error, asyncssh.KeyEncryptionError):
            mend = (
                "the password given for it is wrong"
                if phrase
                else "give its password (ssh_key_password; --key-password-file)"
            )
            raise ConfigurationError(f"{name} is encrypted: {mend}") from None
        if "PRIVATE KEY" not in text:
            raise ConfigurationError(f"{name} holds no private key{_public(text)}") from None
        raise ConfigurationError(f"{name} cannot be read as a private key: {error}") from None


def _text_of(key: Key) -> tuple[str, str]:
    """The text, and what to call it."""
    text = key.reveal() if isinstance(key, Secret) else str(key)
    if "\n" in text or "PRIVATE KEY" in text:
        return text, "the private key"
    path = Path(text).expanduser()
    try:
        return path.read_text("utf-8"), f"the key file {path}"
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the key file {path} holds no private key as OpenSSH or PEM write it") from None


def _public(text: str) -> str:
    return ": it holds the public half; give the private one" if text.startswith(("ssh-", "ecdsa-")) else ""


def public_line(key: asyncssh.SSHKey) -> str:
    """The public half of a private key, as a line."""
    return key.export_public_key().decode().strip()


def client_keys(ssh: SSH) -> list[asyncssh.SSHKey]:
    """The private keys that were named, or those that usually lie in ~/.ssh. Raises ConfigurationError."""
    if ssh.keys:
        return [load_key(key, ssh.key_password) for key in ssh.keys]
    return list(_usual_keys(ssh)) if asks_agent(ssh) else []


def asks_agent(ssh: SSH) -> bool:
    """Whether the agent, and the usual files, are to be used."""
    return ssh.agent if ssh.agent is not None else not ssh.keys and not ssh.password


def _usual_keys(ssh: SSH) -> Sequence[asyncssh.SSHKey]:
    """Those that are there, and open without being asked for a password."""
    found = []
    for name in USUAL:
        path = Path.home() / ".ssh" / name
        if path.is_file():
            try:
                found.append(load_key(path, ssh.key_password))
            except ConfigurationError:  # encrypted: nobody has asked for this file
                continue
    return found


async def open_agent(ssh: SSH) -> asyncssh.SSHAgentClient | None:
    """The running agent, if it is to be used and there is one."""
    import asyncssh

    if not asks_agent(ssh) or not os.environ.get("SSH_AUTH_SOCK"):
        return None
    try:
        return await asyncssh.connect_agent()
    except OSError:
        return None
