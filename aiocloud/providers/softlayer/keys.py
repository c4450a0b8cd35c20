"""SSH keys, which the account knows by number; their labels serve as names."""

from __future__ import annotations

from contextlib import suppress

from aiocloud.driver import KeyPairs
from aiocloud.driver.keypairs import same_key
from aiocloud.errors import ConflictError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.mapping import Shape, at
from aiocloud.models import KeyPair, Location
from aiocloud.providers.softlayer.account import SoftLayerAccount

KEY_PAIR = Shape(
    KeyPair,
    id=at("id", str),
    name=lambda payload: payload.get("label") or "",
    public_key=at("key"),
    fingerprint=at("fingerprint"),
)


class Keys(SoftLayerAccount, KeyPairs):
    """The account's SSH keys."""

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The account's SSH keys; the name is their label."""
        return self.services.list(
            "Account", "getSshKeys", KEY_PAIR, mask="id,label,key,fingerprint,notes,createDate", root="sshKeys"
        )

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key known. Labels need not be unique here, but ours are; no key can be there twice."""
        try:
            await self.get_key_pair(name)
        except NotFoundError:
            return await self._add_key(name, key_material)
        raise self._no(ConflictError, f"a key pair {name!r} is there already")

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that label."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.services.call("Security_Ssh_Key", "deleteObject", object_id=known.id, repeatable=True)

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the account, if it is there."""
        if (pair := await self._key_of(public_key)) is not None:
            with suppress(NotFoundError):
                await self.delete_key_pair(pair)

    async def _add_key(self, label: str, key: str) -> KeyPair:
        wanted = {"label": label, "key": key.strip(), "notes": ""}
        pair: KeyPair = self._read(KEY_PAIR, await self.services.call("Security_Ssh_Key", "createObject", wanted))
        return pair

    async def _known_key(self, public_key: str, label: str) -> KeyPair:
        """The key of that material, imported if the account does not have it."""
        if (pair := await self._key_of(public_key)) is not None:
            return pair
        try:
            return await self._add_key(label, public_key)
        except ConflictError:  # somebody else was faster
            if (pair := await self._key_of(public_key)) is None:
                raise
            return pair

    async def _key_of(self, public_key: str) -> KeyPair | None:
        return same_key(await self.list_key_pairs(), public_key)
