"""SSH keys that the provider knows by name."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import anyio

from aiocloud.driver.base import Driver
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.models import KeyPair
from aiocloud.values import Secret

OURS = "aiocloud-"
"""What the names begin with of things that were made for a node."""


def same_key(pairs: Iterable[KeyPair], public_key: str) -> KeyPair | None:
    """The one of these with that key, whatever is said of it in a comment."""
    material = public_key.split()[:2]
    return next((pair for pair in pairs if (pair.public_key or "").split()[:2] == material), None)


def name_for_key(public_key: str) -> str:
    """The name under which a key is imported that a new node is to have, where names must not be taken twice."""
    material = " ".join(public_key.split()[:2])
    return f"{OURS}{hashlib.sha256(material.encode()).hexdigest()[:20]}"


class KeyPairs(Driver):
    """SSH keys that the provider knows by name."""

    @abstractmethod
    def list_key_pairs(self) -> Pager[KeyPair]:
        """All of them."""

    async def get_key_pair(self, name: str) -> KeyPair:
        """The one of that name. Raises NotFoundError."""
        async for pair in self.list_key_pairs():
            if pair.name == name:
                return pair
        raise NotFoundError(f"no key pair {name!r}", provider=self.provider, account=self.account)

    async def create_key_pair(self, name: str) -> KeyPair:
        """A new key pair, with its private key, which nobody can ask for again.

        Where the provider makes none, an Ed25519 key is made here and its public half is imported.
        """
        import asyncssh

        key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        pair = await self.import_key_pair_from_string(name, key.export_public_key().decode().strip())
        return replace(pair, private_key=Secret(key.export_private_key().decode()))

    @abstractmethod
    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key (one OpenSSH line) known under that name. Raises ConflictError if it is taken."""

    async def import_key_pair_from_file(self, name: str, key_file_path: str | Path) -> KeyPair:
        """Make the public key in a file known under that name. Raises ConfigurationError for a private one."""
        path = await anyio.Path(key_file_path).expanduser()
        try:
            text = (await path.read_text("utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the key file {path} cannot be read: {error}") from error
        if "PRIVATE KEY" in text:
            raise ConfigurationError(f"{path} holds a private key; give the public one ({path}.pub)")
        return await self.import_key_pair_from_string(name, text)

    @abstractmethod
    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Forget the key pair of that name. Raises NotFoundError where the provider tells."""
