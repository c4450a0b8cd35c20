"""SSH public keys that Azure keeps by name."""

from __future__ import annotations

from aiocloud.driver import KeyPairs
from aiocloud.errors import ConflictError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.models import KeyPair
from aiocloud.providers.azure.chain import Chains
from aiocloud.providers.azure.operations import COMPUTE
from aiocloud.providers.azure.shapes import KEY_PAIR


class Keys(Chains, KeyPairs):
    """Key pairs, in the driver's resource group."""

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The SSH keys of the whole subscription."""
        return self._kind(COMPUTE, "sshPublicKeys", KEY_PAIR)

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key known under that name, in the driver's resource group, in its region or eastus."""
        path = self._in(COMPUTE, "sshPublicKeys", name)
        place = self.region if isinstance(self.region, str) else "eastus"
        await self._ground(place)
        try:
            await self._get(path)
        except NotFoundError:
            body = {"location": place, "properties": {"publicKey": key_material.strip()}}
            payload = await self.http.call("PUT", path, json=body, params={"api-version": "2024-11-01"})
            return self.http.read(KEY_PAIR, payload, operation=f"PUT {path}")
        raise ConflictError(f"a key pair {name!r} is there already", provider=self.provider, account=self.account)

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Forget it. Azure does not tell whether it was there."""
        path = self._in(COMPUTE, "sshPublicKeys", key_pair) if isinstance(key_pair, str) else key_pair.id
        await self._do("DELETE", path)
