"""Key pairs, with the fingerprints that EC2 computes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import struct
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from aiocloud.simulators import sshkeys
from aiocloud.simulators.ec2.select import Ids, filters, passing
from aiocloud.simulators.ec2.tags import specified, tag_set
from aiocloud.simulators.ec2.wire import Body, Refusal, bad_value, missing
from aiocloud.simulators.ec2.world import Call, Key, new_id

IDS = Ids("key-", "InvalidKeyPair", "The key pair")
RSA_OID = bytes.fromhex("06092a864886f70d0101010500")  # rsaEncryption, and the NULL after it

READERS: Mapping[str, Any] = {
    "key-name": lambda key: [key.name],
    "key-pair-id": lambda key: [key.id],
    "fingerprint": lambda key: [key.fingerprint],
    "tag-key": lambda key: key.tags,
    "tag:": lambda key: key.tags.items(),
}


def not_found(name: str) -> Refusal:
    """There is no key pair of that name."""
    return Refusal("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def describe_key_pairs(call: Call) -> Body:
    """DescribeKeyPairs; the public keys only if asked for."""
    public = call.params.flag("IncludePublicKey")
    names, ids = call.params.values("KeyName"), call.params.values("KeyPairId")
    tests = filters(call.params, READERS)
    call.proceed()
    by_id = {key.id: key for key in call.region.keys.values()}
    if missing_name := next((name for name in names if name not in call.region.keys), None):
        raise not_found(missing_name)
    if missing_id := next((name for name in ids if name not in by_id), None):
        raise IDS.unknown(missing_id)
    found = [k for k in by_id.values() if not (names or ids) or k.name in names or k.id in ids]
    return {"keySet": [_key(key, public=public) for key in passing(found, tests)]}


def _key(key: Key, *, public: bool) -> Body:
    return {
        "keyPairId": key.id,
        "keyName": key.name,
        "keyFingerprint": key.fingerprint,
        "keyType": key.kind,
        "publicKey": key.public if public else None,
        "createTime": key.created,
        "tagSet": tag_set(key.tags),
    }


def create_key_pair(call: Call) -> Body:
    """CreateKeyPair: the answer is the only place where the private key is ever seen."""
    name = _new_name(call)
    kind = call.params.text("KeyType") or "rsa"
    form = call.params.text("KeyFormat") or "pem"
    if kind not in {"rsa", "ed25519"}:
        raise bad_value("KeyType", kind)
    if form != "pem":
        raise bad_value("KeyFormat", form, "This simulator writes PEM only.")
    tags = specified(call.params, "key-pair")
    call.proceed()
    made = make_key(kind)
    key = _add(call, name, kind, made.fingerprint, made.public, tags)
    return {**_identity(key), "keyMaterial": made.private}


def import_key_pair(call: Call) -> Body:
    """ImportKeyPair, from one OpenSSH line in base64."""
    name = _new_name(call)
    material = call.params.required("PublicKeyMaterial")
    tags = specified(call.params, "key-pair")
    line, kind, fingerprint = _read_public(material)
    call.proceed()
    return _identity(_add(call, name, kind, fingerprint, line, tags))


def delete_key_pair(call: Call) -> Body:
    """DeleteKeyPair: it works as well when there is none of that name."""
    name, key_id = call.params.text("KeyName"), call.params.text("KeyPairId")
    if not name and not key_id:
        raise missing("KeyName")
    call.proceed()
    doomed = [key for key in call.region.keys.values() if key.name == name or key.id == key_id]
    for key in doomed:
        del call.region.keys[key.name]
    return {"return": True, "keyPairId": doomed[0].id if doomed else None}


def _new_name(call: Call) -> str:
    name = call.params.required("KeyName")
    if len(name) > 255:
        raise bad_value("KeyName", name, "It must be at most 255 characters long.")
    if name in call.region.keys:
        raise Refusal("InvalidKeyPair.Duplicate", f"The keypair already exists: {name}")
    return name


def _add(call: Call, name: str, kind: str, fingerprint: str, public: str | None, tags: dict[str, str]) -> Key:
    key = Key(
        id=new_id("key"),
        name=name,
        fingerprint=fingerprint,
        kind=kind,
        public=public,
        created=call.now,
        tags=tags,
    )
    call.region.keys[name] = key
    return key


def _identity(key: Key) -> Body:
    return {
        "keyName": key.name,
        "keyFingerprint": key.fingerprint,
        "keyPairId": key.id,
        "tagSet": tag_set(key.tags),
    }


# Fingerprints


def _read_public(material: str) -> tuple[str, str, str]:
    try:
        line = base64.b64decode(material, validate=True).decode("ascii").strip()
        kind, blob = line.split()[:2]
        fields = _ssh_fields(base64.b64decode(blob, validate=True))
        if kind == fields[0].decode() == "ssh-rsa":
            return line, "rsa", hashlib.md5(_rsa_der(*fields[1:]), usedforsecurity=False).digest().hex(":")
        if kind == fields[0].decode() == "ssh-ed25519":
            return line, "ed25519", _sha256(base64.b64decode(blob))
    except (ValueError, IndexError, TypeError, struct.error, binascii.Error):
        pass
    raise Refusal("InvalidKey.Format", "Key is not in valid OpenSSH public key format")


def _ssh_fields(blob: bytes) -> list[bytes]:
    fields = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        if len(blob) < 4 + length:
            raise ValueError("a field is cut")
        fields.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return fields


def _rsa_der(exponent: bytes, modulus: bytes) -> bytes:
    """An RSA key's two numbers as the DER that openssl would print."""
    numbers = _der(0x30, _der(0x02, modulus) + _der(0x02, exponent))
    return _der(0x30, _der(0x30, RSA_OID) + _der(0x03, b"\0" + numbers))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sha256(blob: bytes) -> str:
    return base64.b64encode(hashlib.sha256(blob).digest()).decode()


# New keys


@dataclass(frozen=True, slots=True)
class MadeKey:
    """Both halves of a new key; `public` is None where no real one could be made."""

    private: str
    public: str | None
    fingerprint: str

    def __repr__(self) -> str:
        return f"MadeKey({self.fingerprint})"


def make_key(kind: str) -> MadeKey:
    """A key that signs in. An RSA one only looks real where the package `cryptography` is not installed."""
    if kind == "ed25519":
        private, public = sshkeys.generate()
        return MadeKey(private, public, _sha256(base64.b64decode(public.split()[1])))
    try:
        rsa = import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    except ImportError:
        return _lookalike()
    return _rsa(rsa, import_module("cryptography.hazmat.primitives.serialization"))


def _rsa(rsa: Any, serialization: Any) -> MadeKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form, openssh = serialization.Encoding, serialization.PrivateFormat, serialization.PublicFormat.OpenSSH
    plain = serialization.NoEncryption()
    der = key.private_bytes(encoding.DER, form.PKCS8, plain)
    pem = key.private_bytes(encoding.PEM, form.TraditionalOpenSSL, plain).decode()
    public = key.public_key().public_bytes(encoding.OpenSSH, openssh).decode()
    return MadeKey(pem, public, hashlib.sha1(der, usedforsecurity=False).digest().hex(":"))


def _lookalike() -> MadeKey:
    noise = os.urandom(1190)
    lines = "\n".join(textwrap.wrap(base64.b64encode(noise).decode(), 64))
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n"
    return MadeKey(pem, None, hashlib.sha1(noise, usedforsecurity=False).digest().hex(":"))
