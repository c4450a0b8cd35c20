"""The project's SSH keys, which IAM keeps."""

from __future__ import annotations

from aiocloud.driver import LabelledKeys, NodeAuth, segment
from aiocloud.http.paging import Pager
from aiocloud.models import KeyPair, NodeAuthSSHKey
from aiocloud.providers.scaleway.account import Zonal
from aiocloud.providers.scaleway.shapes import KEY_PAIR, KEY_TAG

PATH = "/iam/v1alpha1/ssh-keys"


class Keys(Zonal, LabelledKeys):
    """Keys that every new node of the project lets in."""

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The project's keys, or where none is named, all that the API key may see."""
        known = {"project_id": self.project_id} if self.project_id else {}
        return self._all(PATH, "ssh_keys", KEY_PAIR, **known)

    async def _add_key(self, name: str, key_material: str) -> KeyPair:
        body = {"name": name, "public_key": key_material.strip(), "project_id": self.project_id}
        wanted = {key: value for key, value in body.items() if value is not None}
        return self.http.read(KEY_PAIR, await self.http.call("POST", PATH, json=wanted))

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name from the project."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.http.send("DELETE", f"{PATH}/{segment(known)}")

    async def _key_tags(self, auth: NodeAuth | None) -> list[str]:
        """The tag by which one node lets a key in, whatever the project's keys are."""
        match auth:
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                key: str | None = public_key
            case KeyPair(name=name):
                key = (await self.get_key_pair(name)).public_key
            case _:
                key = None
        return [f"{KEY_TAG}={'_'.join(key.split()[:2])}"] if key else []
