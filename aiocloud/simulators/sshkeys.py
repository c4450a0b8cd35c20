"""SSH key pairs, made and fingerprinted as providers do, with nothing but the standard library.

Good for simulators only: the arithmetic takes a time that depends on the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import struct
from typing import TypeAlias

# Ed25519 as in RFC 8032: the field, the curve's constant, and extended coordinates of points.
PRIME = 2**255 - 19
CURVE = -121665 * pow(121666, -1, PRIME) % PRIME
Point: TypeAlias = tuple[int, int, int, int]


def _base_point() -> Point:
    y = 4 * pow(5, -1, PRIME) % PRIME
    square = (y * y - 1) * pow(CURVE * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if (x * x - square) % PRIME:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    x = x if x % 2 == 0 else PRIME - x
    return x, y, 1, x * y % PRIME


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % PRIME, (p[1] + p[0]) * (q[1] + q[0]) % PRIME
    c, d = 2 * p[3] * q[3] * CURVE % PRIME, 2 * p[2] * q[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


def public_key(seed: bytes) -> bytes:
    """The 32 bytes of the public key that belongs to a private one.

    >>> public_key(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).hex()
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
    """
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    result, addend = (0, 1, 1, 0), _base_point()
    while scalar:
        if scalar & 1:
            result = _add(result, addend)
        addend, scalar = _add(addend, addend), scalar >> 1
    inverse = pow(result[2], -1, PRIME)
    x, y = result[0] * inverse % PRIME, result[1] * inverse % PRIME
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def generate(comment: str = "") -> tuple[str, str]:
    """A new Ed25519 key: the private one as OpenSSH's file, the public one as its line."""
    seed = secrets.token_bytes(32)
    public = public_key(seed)
    blob = _string(b"ssh-ed25519") + _string(public)
    check = secrets.token_bytes(4)
    private = check * 2 + blob + _string(seed + public) + _string(comment.encode())
    private += bytes(range(1, 1 + -len(private) % 8))
    key = b"openssh-key-v1\0" + _string(b"none") * 2 + _string(b"") + struct.pack(">I", 1)
    text = base64.b64encode(key + _string(blob) + _string(private)).decode()
    lines = "\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    file = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----\n"
    return file, f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}".rstrip()


def fingerprint(line: str) -> str:
    """The MD5 fingerprint of a public key's line. Raises ValueError when it is none.

    >>> fingerprint("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea")
    'cf:07:be:9d:68:ae:65:54:6d:a0:93:c3:6f:bd:0d:82'
    """
    kind, _, rest = line.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.partition(" ")[0], validate=True)
    except binascii.Error:
        raise ValueError("not a public key: its second word is not base64") from None
    if not blob.startswith(_string(kind.encode())):
        raise ValueError("not a public key: it is not of the kind that it says")
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")
