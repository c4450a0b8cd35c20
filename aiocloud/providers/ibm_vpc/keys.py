"""SSH keys, of which each region has its own."""

from __future__ import annotations

from contextlib import suppress

from aiocloud.driver import KeyPairs, NodeAuth, segment
from aiocloud.driver.keypairs import find_or_add, name_for_key, same_key
from aiocloud.errors import NotFoundError
from aiocloud.http.client import Client
from aiocloud.http.paging import Pager
from aiocloud.models import KeyPair, Location, NodeAuthSSHKey
from aiocloud.providers.ibm_vpc.account import Regional
from aiocloud.providers.ibm_vpc.shapes import KEY_PAIR


class Keys(Regional, KeyPairs):
    """The keys of the regions."""

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The keys of the driver's first region."""
        return self._list("/keys", KEY_PAIR, None)

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key, RSA or Ed25519, known in the first region. Neither name nor key can be there twice."""
        return await self._key_added(self.ex_client(self._home), name, key_material)

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name from the first region."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.ex_client(self._home).call("DELETE", f"/keys/{segment(known)}")

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the region of that place, if it is there."""
        http = await self._at(location)
        if (pair := await _key_of(http, public_key)) is not None:
            with suppress(NotFoundError):
                await http.call("DELETE", f"/keys/{segment(pair)}")

    async def _key_added(self, http: Client, name: str, key: str) -> KeyPair:
        kind = "ed25519" if key.startswith("ssh-ed25519") else "rsa"
        body = {"name": name, "public_key": key.strip(), "type": kind}
        return http.read(KEY_PAIR, await http.call("POST", "/keys", json=body))

    async def _key_ids(self, http: Client, auth: NodeAuth | None) -> list[str]:
        match auth:
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                name = name_for_key(public_key)
                known = await find_or_add(
                    lambda: _key_of(http, public_key), lambda: self._key_added(http, name, public_key)
                )
                return [known.id]
            case KeyPair(name=name):
                found = [pair async for pair in http.list("/keys", KEY_PAIR, items="keys") if pair.name == name]
                if not found:
                    raise self._missing(f"no key pair {name!r}")
                return [found[0].id]
        return []


async def _key_of(http: Client, public_key: str) -> KeyPair | None:
    return same_key(await http.list("/keys", KEY_PAIR, items="keys"), public_key)
