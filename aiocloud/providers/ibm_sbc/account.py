"""One account: its connection, its keys, and what else it has beside nodes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, Unpack

from aiocloud.driver import KeyPairs, NodeAuth, Options, Retired, id_of, segment
from aiocloud.errors import ConfigurationError, MalformedResponseError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.mapping import raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey
from aiocloud.providers.ibm_sbc.shapes import CODEC, ERRORS, KEY_PAIR
from aiocloud.values import Secret

T = TypeVar("T")


class SmartCloudAccount(KeyPairs):
    """What the account has, without its nodes."""

    provider = "ibm_sbc"
    title = "IBM SmartCloud Enterprise"
    website = "https://www.ibm.com/cloud"
    protocol = "Smart Business Cloud API 2010-03-31, XML"
    retired = Retired(since="2014", successor="ibm_vpc")
    api = Api(codec=CODEC, errors=ERRORS, sparse=True, headers={"Accept": "text/xml"}, limits=Limits(concurrency=4))

    def __init__(
        self, username: str | None = None, password: str | Secret | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        if not username:
            raise ConfigurationError("ibm_sbc needs `username`")
        secret = self.secret(password, "password").reveal()
        pair = Secret(b64encode(f"{username}:{secret}".encode()).decode())
        self.redactor.add(pair)
        self.http = self.connect(auth=HeaderAuth("Authorization", "Basic ", pair))

    async def _one(self, method: str, path: str, shape: Callable[..., T], element: str, **options: Any) -> T:
        """The one thing that an answer holds."""
        held = (await self.http.call(method, path, **options)).get(element)
        if not held:
            raise self.http.errors.stamp(MalformedResponseError(f"an answer without {element}"), f"{method} {path}")
        return self.http.read(shape, held[0], operation=f"{method} {path}")

    async def _change(self, node: Node | str, *, idempotent: bool = True, **form: str) -> None:
        await self.http.send("PUT", f"/instances/{segment(node)}", form=form, idempotent=idempotent)

    async def _delete(self, path: str) -> None:
        await self.http.send("DELETE", path)

    # ---- key pairs ----

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The account's keys."""
        return self.http.list("/keys", KEY_PAIR, items="PublicKey")

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Store a public key under that name."""
        await self.http.send("POST", "/keys", form={"name": name, "publicKey": key_material.strip()})
        return KeyPair(
            id=name, name=name, public_key=key_material.strip(), provider=self.provider, account=self.account
        )

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name."""
        await self._delete(f"/keys/{segment(key_pair)}")

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the account, if it is there."""
        await self._forget_key(public_key)

    async def _key_name(self, auth: NodeAuth | None) -> str | None:
        """A key as a create wants it: the name of one that is stored."""
        match auth:
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                return (await self._known_key(public_key)).name
            case KeyPair(name=name):
                return name
        return None

    # ---- what only this cloud had ----

    async def ex_rename_node(self, node: Node | str, name: str) -> None:
        """Give the instance another name."""
        await self._change(node, name=name)

    async def ex_extend_node(self, node: Node | str, until: datetime) -> None:
        """Put off the moment at which the instance expires, and is removed."""
        await self._change(node, expirationTime=str(round(until.timestamp() * 1000)))

    async def ex_save_image(self, node: Node | str, name: str, *, description: str = "") -> None:
        """Begin to make an image of an active instance; it is listed when it is done."""
        await self._change(node, idempotent=False, state="save", name=name, description=description)

    async def ex_delete_image(self, image: Image | str) -> None:
        """Delete an image of the account's own."""
        await self._delete(f"/offerings/image/{segment(image)}")

    async def ex_attach_volume(self, node: Node | str, volume_id: str) -> None:
        """Attach a volume to an active instance of the same place."""
        await self._change(node, type="attach", storageID=volume_id)

    async def ex_detach_volume(self, node: Node | str, volume_id: str) -> None:
        """Detach a volume."""
        await self._change(node, type="detach", storageID=volume_id)

    def ex_list_volumes(self) -> Pager[Mapping[str, Any]]:
        """The account's volumes."""
        return self.http.list("/storage", raw, items="Volume")

    async def ex_create_volume(
        self, name: str, *, location: Location | str, offering: str, size: str, format_: str = "EXT3"
    ) -> Mapping[str, Any]:
        """A new volume: `size` is a word of the offering ("Small"), `format_` EXT3 or RAW."""
        where = {"name": name, "location": id_of(location)}
        form = {**where, "offeringID": offering, "size": size, "format": format_}
        return await self._one("POST", "/storage", raw, "Volume", form=form)

    async def ex_delete_volume(self, volume_id: str) -> None:
        """Delete a volume that is attached to nothing."""
        await self._delete(f"/storage/{segment(volume_id)}")

    def ex_list_volume_offerings(self) -> Pager[Mapping[str, Any]]:
        """The kinds of volumes on offer."""
        return self.http.list("/offerings/storage", raw, items="Offerings")

    def ex_list_addresses(self) -> Pager[Mapping[str, Any]]:
        """The account's reserved addresses."""
        return self.http.list("/addresses", raw, items="Address")

    async def ex_reserve_address(self, location: Location | str, offering: str) -> Mapping[str, Any]:
        """Reserve an address, which costs until it is released."""
        form = {"location": id_of(location), "offeringID": offering}
        return await self._one("POST", "/addresses", raw, "Address", form=form)

    async def ex_release_address(self, address_id: str) -> None:
        """Give a reserved address back."""
        await self._delete(f"/addresses/{segment(address_id)}")
