"""SSH keys, which the account knows by number; their labels serve as names."""

from __future__ import annotations

from aiocloud.driver import LabelledKeys
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


class Keys(SoftLayerAccount, LabelledKeys):
    """The account's SSH keys."""

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The account's SSH keys; the name is their label."""
        return self.services.list(
            "Account", "getSshKeys", KEY_PAIR, mask="id,label,key,fingerprint,notes,createDate", root="sshKeys"
        )

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that label."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.services.call("Security_Ssh_Key", "deleteObject", object_id=known.id, repeatable=True)

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the account, if it is there."""
        await self._forget_key(public_key)

    async def _add_key(self, name: str, key_material: str) -> KeyPair:
        wanted = {"label": name, "key": key_material.strip(), "notes": ""}
        pair: KeyPair = self._read(KEY_PAIR, await self.services.call("Security_Ssh_Key", "createObject", wanted))
        return pair
