"""Virtual machines, made and removed with all that belongs to them."""

from __future__ import annotations

import logging
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, id_of
from aiocloud.errors import AmbiguousCreateError, CloudError, ConfigurationError, NotFoundError
from aiocloud.mapping import dig
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthPassword, NodeAuthSSHKey, Size
from aiocloud.providers.azure.chain import Chain
from aiocloud.providers.azure.nodes import Nodes
from aiocloud.providers.azure.operations import COMPUTE, PATIENCE, given
from aiocloud.providers.azure.shapes import MARK, NODE
from aiocloud.values import Secret

log = logging.getLogger("aiocloud")

USER = "aiocloud"
"""Who is made on a new node, and let in."""
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,54}[A-Za-z0-9])?")
"""A machine's name is up to 64 characters, and a part of it bears nine more."""


class Making(Nodes):
    """Machines, made exactly once and removed whole."""

    async def create_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        ex_username: str = USER,
        ex_resource_group: str | None = None,
        ex_network: str | None = None,
        ex_subnet: str | None = None,
        ex_security_group: str | None = None,
        ex_public_ip: bool | str = True,
        ex_disk_size: int | None = None,
        ex_disk_type: str | None = None,
        ex_zone: str | None = None,
        ex_spot: bool = False,
        ex_plan: Mapping[str, str] | None = None,
    ) -> Node:
        """Make a machine, with an interface, a public address and a disk, which go when it goes.

        See `Compute.create_node`. It is waited for until Azure has found room for it, or has not, for up to a minute.
        `image` is a URN ("Canonical:ubuntu-24_04-lts:server:latest"), or the id of an image of one's own. Without
        `auth`, a password is made, which stands in `node.password` of the answer.
        ex_username        who is made there, and let in
        ex_resource_group  where it is put, in place of the driver's; it must be there
        ex_network, ex_subnet  names or ids, in place of the network that is shared; the subnet is else "default"
        ex_security_group  its name or id; "" for none. The shared one, which lets in SSH, goes with the shared network
        ex_public_ip       give it a new public address, one by name or id that stays, or with False none
        ex_disk_size       GB of the disk that it boots from, in place of the image's size
        ex_disk_type       what kind of disk: "StandardSSD_LRS", "Premium_LRS", "Standard_LRS"
        ex_zone            the availability zone, "1" to "3"
        ex_spot            a cheaper one, which may be stopped at any time
        ex_plan            publisher, product and name, for images of the marketplace that are paid for
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        if not NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is no name for a machine: letters, digits, - _ and . up to 56")
        place = id_of(location) if location is not None else self._home()
        if place is None:
            raise ConfigurationError("azure needs a `location` for a new node, or the driver's `region`")
        token, group = new_token(), ex_resource_group or self.resource_group
        chain = Chain(
            name=name, token=token, group=group, place=place, tags=tags or {}, network=ex_network, subnet=ex_subnet,
            security_group=ex_security_group, public=ex_public_ip,
        )  # fmt: skip
        profile, password = await self._profile(name, ex_username, auth, user_data)
        disk = {
            "name": chain.own,
            "createOption": "FromImage",
            "deleteOption": "Delete",
            "diskSizeGB": ex_disk_size,
            "managedDisk": {"storageAccountType": ex_disk_type} if ex_disk_type else None,
        }
        properties = {
            "hardwareProfile": {"vmSize": id_of(size)},
            "storageProfile": {"imageReference": _reference(id_of(image)), "osDisk": given(disk)},
            "osProfile": profile,
            **({"priority": "Spot", "evictionPolicy": "Deallocate"} if ex_spot else {}),
        }
        body = {
            "location": place,
            "tags": {**(tags or {}), MARK: token},
            "zones": [ex_zone] if ex_zone else None,
            "plan": ex_plan,
            "properties": properties,
        }
        node = await self._made(chain, given(body))
        return replace(node, password=password) if password else node

    async def _made(self, chain: Chain, body: Mapping[str, Any]) -> Node:
        """The machine with its parts. Whatever goes wrong, none of them is left that nobody names."""
        path = self._in(COMPUTE, "virtualMachines", chain.name, group=chain.group)

        async def send() -> Node:
            link = await self._interface(chain)
            network = {"networkInterfaces": [{"id": link, "properties": {"primary": True, "deleteOption": "Delete"}}]}
            whole = {**body, "properties": {**body["properties"], "networkProfile": network}}
            return await self._send(chain, path, whole)

        async def find() -> Node | None:
            if path not in chain.begun:
                return None  # it was never asked for
            try:
                node = await self.get_node(path)
            except NotFoundError:
                return None
            return node if dig(node.extra, f"tags.{MARK}") == chain.token else None

        making = Creation(
            name=chain.name, token=chain.token, send=send, find=find, destroy=self._begin_to_destroy, repeat=True
        )
        try:
            return await making.run()
        except AmbiguousCreateError as error:
            error.add_note(f"its parts are named {chain.own}, in resource group {chain.group}")
            raise
        except BaseException as error:
            self._forget_shared()
            await self._undone(chain, path, error)
            raise

    async def _send(self, chain: Chain, path: str, body: Mapping[str, Any]) -> Node:
        """Ask for the machine, and see whether there is room. One that comes to nothing is removed.

        The request makes no second machine, and overwrites none, since it is refused where there is one of that name.
        """
        chain.begun |= self._parts(chain.own, chain.group) | {path: "virtualMachines"}
        response = await self._ask("PUT", path, json=body, headers={"If-None-Match": "*"})
        node = self.http.read(NODE, self._said(response, f"PUT {path}"), operation=f"PUT {path}")
        try:
            await self._settle(response, f"PUT {path}", PATIENCE)
        except CloudError:
            await self._remove_failed(path)
            raise
        try:
            return await self.get_node(node)
        except CloudError:
            return node

    async def _remove_failed(self, path: str) -> None:
        """Azure keeps a machine that it could not start. If it cannot be removed, `_undo` names it."""
        try:
            await self._do("DELETE", path)
        except CloudError as error:
            log.warning("node %s has failed, and cannot be removed: %s", path, error)

    async def _profile(
        self, name: str, username: str, auth: NodeAuth | None, user_data: str | bytes | None
    ) -> tuple[Mapping[str, Any], Secret | None]:
        """Who may sign in; and the password, if it is one that was made here."""
        profile: dict[str, Any] = {
            "computerName": re.sub(r"[^A-Za-z0-9-]", "-", name),
            "adminUsername": username,
            "customData": self.encoded_user_data(user_data),
        }
        made: Secret | None = None
        match auth:
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                profile["linuxConfiguration"] = _keys(username, public_key)
            case KeyPair():
                known = await self.get_key_pair(auth.name)
                profile["linuxConfiguration"] = _keys(username, known.public_key or "")
            case NodeAuthPassword(password):
                profile["adminPassword"] = self.secret(password, "password").reveal()
            case None:
                made = self.secret(_password(), "password")
                profile["adminPassword"] = made.reveal()
        return given(profile), made

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the machine; and with it the interface, the address and the disk that were made for it.

        Its end is awaited, for up to a minute, and then whether anything is left is looked into. What was not made
        for it stays, as it says itself. A warning names what cannot be removed.
        """
        path, group = self._where(node)
        seen = await self._get(path)
        self._same(node, seen)
        response = await self._ask("DELETE", path)
        if await self._settle(response, f"DELETE {path}", PATIENCE):
            await self._clear(seen, group)

    async def _begin_to_destroy(self, node: Node) -> None:
        """Delete it, and do not wait: `_undo` does."""
        await self._ask("DELETE", self._where(node)[0])


def _reference(image: str) -> Mapping[str, str]:
    """How a machine names its image."""
    if image.startswith("/"):
        return {"id": image}
    parts = image.split(":")
    if len(parts) != 4 or not all(parts):
        raise ConfigurationError(f"{image!r} is no image: neither publisher:offer:sku:version nor the id of one's own")
    return dict(zip(("publisher", "offer", "sku", "version"), parts, strict=True))


def _keys(username: str, public_key: str) -> Mapping[str, Any]:
    key = {"path": f"/home/{username}/.ssh/authorized_keys", "keyData": public_key.strip()}
    return {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}}


def _password() -> str:
    """As Azure wants it: with a small letter, a capital and a digit."""
    letters = string.ascii_letters + string.digits
    return "aA1" + "".join(secrets.choice(letters) for _ in range(21))
