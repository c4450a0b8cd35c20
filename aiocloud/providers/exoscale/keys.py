"""SSH keys, which all zones of an account share."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from aiocloud.driver import KeyPairs, NodeAuth, segment
from aiocloud.driver.keypairs import name_for_key
from aiocloud.errors import ConflictError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.models import KeyPair, Location, NodeAuthSSHKey
from aiocloud.providers.exoscale.account import Zonal
from aiocloud.providers.exoscale.shapes import KEY_PAIR


class Keys(Zonal, KeyPairs):
    """The keys, of which the API tells names and fingerprints, and no more."""

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The account's keys. Of the keys themselves only the fingerprints are told."""
        return self._home.list("/ssh-key", KEY_PAIR, items="ssh-keys")

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key known. Raises ConflictError for a name that is taken."""
        body = {"name": name, "public-key": key_material.strip()}
        await self._do(self._home, "POST", "/ssh-key", body)
        return replace(await self.get_key_pair(name), public_key=key_material.strip())

    async def get_key_pair(self, name: str) -> KeyPair:
        """The one of that name. Raises NotFoundError."""
        return await self._home.get(f"/ssh-key/{segment(name)}", KEY_PAIR)

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Forget the key of that name."""
        name = key_pair if isinstance(key_pair, str) else key_pair.name
        await self._do(self._home, "DELETE", f"/ssh-key/{segment(name)}")

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key that a new node was given, if it is there."""
        with suppress(NotFoundError):
            await self.delete_key_pair(name_for_key(public_key))

    async def _key_names(self, auth: NodeAuth | None) -> list[str]:
        match auth:
            case NodeAuthSSHKey(public_key):
                return [await self._known_name(public_key)]
            case KeyPair(name=name):
                return [name]
        return []

    async def _known_name(self, public_key: str) -> str:
        """The name of that key, made known if it is not: keys cannot be compared, so that names must tell them."""
        name = name_for_key(public_key)
        try:
            await self.get_key_pair(name)
        except NotFoundError:
            with suppress(ConflictError):  # somebody else was faster
                await self.import_key_pair_from_string(name, public_key)
        return name
