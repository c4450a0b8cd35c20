"""SSH keys that the provider knows by name."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio

from aiocloud.driver.base import Driver
from aiocloud.errors import ConfigurationError, ConflictError, NotFoundError
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


async def find_or_add(find: Callable[[], Awaitable[KeyPair | None]], add: Callable[[], Awaitable[KeyPair]]) -> KeyPair:
    """The key that is found, else the one that is added; where somebody else was faster, that is found."""
    if (pair := await find()) is not None:
        return pair
    try:
        return await add()
    except ConflictError:
        if (pair := await find()) is None:
            raise
        return pair


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

    # ---- for drivers: keys that a new node is to have ----

    async def _key_of(self, public_key: str) -> KeyPair | None:
        """The account's key of that material."""
        return same_key(await self.list_key_pairs(), public_key)

    async def _known_key(self, public_key: str, name: str | None = None) -> KeyPair:
        """The account's key of that material, imported if it does not have it: under that name, or one of its own."""
        wanted = name or name_for_key(public_key)
        return await find_or_add(lambda: self._key_of(public_key), lambda: self._add_key(wanted, public_key))

    async def _add_key(self, name: str, key_material: str) -> KeyPair:
        """Add a key, whoever else has its name."""
        return await self.import_key_pair_from_string(name, key_material)

    async def _forget_key(self, public_key: str) -> None:
        """Remove the key of that material, if it is there."""
        if (pair := await self._key_of(public_key)) is not None:
            with suppress(NotFoundError):
                await self.delete_key_pair(pair)


class LabelledKeys(KeyPairs):
    """SSH keys that the provider knows by an id: it lets two have the same name, and this driver does not."""

    @abstractmethod
    async def _add_key(self, name: str, key_material: str) -> KeyPair:
        """Add a key, whoever else has its name."""

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Add a public key to the account. Names need not be unique there, but ours are."""
        try:
            await self.get_key_pair(name)
        except NotFoundError:
            return await self._add_key(name, key_material)
        raise ConflictError(f"a key pair {name!r} is there already", provider=self.provider, account=self.account)
