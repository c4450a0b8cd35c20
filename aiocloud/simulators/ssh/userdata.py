"""User data as cloud-init reads it, as far as it matters for a node that accepts SSH."""

from __future__ import annotations

import base64
import gzip
import shlex
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any


@dataclass(slots=True)
class FirstBoot:
    """What a node is told to do when it boots for the first time."""

    host_key: str | None = None
    keys: list[str] = field(default_factory=list)
    files: list[tuple[str, bytes, int]] = field(default_factory=list)
    scripts: list[bytes] = field(default_factory=list)


def read(user_data: bytes | None) -> FirstBoot:
    r"""All parts of user data: a script, a cloud-config, or a MIME archive of them; compressed or not.

    >>> read(b"#cloud-config\nruncmd: [[echo, a b], ls]").scripts
    [b"#!/bin/sh\necho 'a b'\nls\n"]
    """
    told = FirstBoot()
    commands: list[str] = []
    for part in _parts(user_data or b""):
        if part.startswith(b"#!"):
            told.scripts.append(part)
        elif part.startswith(b"#cloud-config"):
            _take(_settings(part), told, commands)
    if commands:
        told.scripts.insert(0, "\n".join(["#!/bin/sh", *commands, ""]).encode())
    return told


def _parts(data: bytes) -> Iterator[bytes]:
    if data.startswith(b"\x1f\x8b"):
        with suppress(OSError, EOFError, zlib.error):
            yield from _parts(gzip.decompress(data))
    elif data.lower().startswith((b"content-type: multipart/", b"mime-version:")):
        for part in message_from_bytes(data).walk():
            body = None if part.is_multipart() else part.get_payload(decode=True)
            if isinstance(body, bytes):
                yield from _parts(body)
    elif data:
        yield data


def _settings(part: bytes) -> Mapping[str, Any]:
    import yaml  # with the shell, an extra of the package

    try:
        settings = yaml.safe_load(part)
    except yaml.YAMLError:
        return {}
    return settings if isinstance(settings, dict) else {}


def _take(settings: Mapping[str, Any], told: FirstBoot, commands: list[str]) -> None:
    keys = settings.get("ssh_keys")
    if isinstance(keys, dict) and isinstance(keys.get("ed25519_private"), str):
        told.host_key = keys["ed25519_private"]
    told.keys += [str(key) for key in _list(settings, "ssh_authorized_keys")]
    told.files += [_file(each) for each in _list(settings, "write_files") if isinstance(each, dict) and "path" in each]
    lines = _list(settings, "runcmd")
    commands += [shlex.join(map(str, line)) if isinstance(line, list) else str(line) for line in lines]


def _list(settings: Mapping[str, Any], name: str) -> list[Any]:
    value = settings.get(name)
    return value if isinstance(value, list) else []


def _file(each: Mapping[str, Any]) -> tuple[str, bytes, int]:
    contents, encoding = str(each.get("content", "")).encode(), str(each.get("encoding", "")).lower()
    if encoding in ("b64", "base64", "gz+b64", "gzip+base64", "gz+base64", "gzip+b64"):
        contents = base64.b64decode(contents)
    if encoding.startswith("gz"):
        contents = gzip.decompress(contents)
    mode = each.get("permissions", "0644")
    return str(each["path"]), contents, mode if isinstance(mode, int) else int(str(mode), 8)
