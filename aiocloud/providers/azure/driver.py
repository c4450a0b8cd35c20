"""Virtual machines."""

from __future__ import annotations

import logging
import re
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiocloud.creation import Creation, new_token, to_the_end
from aiocloud.driver import NodeAuth, PowerControl, id_of
from aiocloud.errors import AmbiguousCreateError, CloudError, ConfigurationError, NotFoundError
from aiocloud.http.message import Response
from aiocloud.http.paging import Pager, Params
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthPassword, NodeAuthSSHKey, Size
from aiocloud.providers.azure.chain import Chain
from aiocloud.providers.azure.keys import Keys
from aiocloud.providers.azure.market import Market
from aiocloud.providers.azure.networks import Networks
from aiocloud.providers.azure.operations import COMPUTE, NETWORK, PATIENCE, given
from aiocloud.providers.azure.shapes import MARK, NODE, NODE_ID, POWER, PROVISIONING
from aiocloud.values import Secret

log = logging.getLogger("aiocloud")

USER = "aiocloud"
"""Who is made on a new node, and let in."""
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,54}[A-Za-z0-9])?")
"""A machine's name is up to 64 characters, and a part of it bears nine more."""


class Azure(Market, Networks, Keys, PowerControl):
    """Needs an application's tenant, id and secret, and the subscription; or nothing at all for prices and places.

    In place of the secret `ex_token` is a token that somebody else has got ("az account get-access-token"), `ex_cli`
    runs the Azure CLI for one (True, or the path to it), and `ex_managed_identity` signs in as the machine that we run
    on (True, or the client id of one identity of several), or with `ex_identity_endpoint` and `ex_identity_header` as
    the app. `ex_sign_in_endpoint` and `ex_prices_endpoint` stand in place of Microsoft's usual hosts.
    `resource_group` is where nodes are made; "aiocloud", by default, is made when it is needed, and another one must
    be there. `region` is where nodes are made that name no location.
    """

    features = frozenset({"ssh_key", "password", "generates_password", "user_data", "tags", "idempotent_create"})
    states = {"instanceView.statuses": POWER, "provisioningState": PROVISIONING}
    user_data_limit = 65_535
    usernames = (USER,)

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All machines of the subscription, or those in one region.

        States, interfaces and public addresses are asked for once, and not for each machine.
        """
        wanted = id_of(location) if location is not None else None
        path = self._path(f"/providers/{COMPUTE}/virtualMachines")
        about: dict[str, Any] = {}

        async def fetch(page: Params) -> tuple[Response, Any]:
            if not page:  # the first
                about.update(await self._surroundings())
            response = await self.http.send("GET", path, params={"api-version": "2024-11-01", **page})
            payload = self._table(self.http.decode(response, f"GET {path}"))
            here = [each for each in payload["value"] if wanted in (None, each.get("location"))]
            return response, {**payload, "value": [_joined(each, about) for each in here]}

        return self.http.pager(fetch, NODE, items="value")

    async def _surroundings(self) -> dict[str, Any]:
        """The states of all machines and all interfaces, by id; addresses stand in their interfaces."""
        statuses, interfaces, addresses = await together(
            lambda: self._kind(COMPUTE, "virtualMachines", raw, statusOnly="true"),
            lambda: self._kind(NETWORK, "networkInterfaces", raw),
            lambda: self._kind(NETWORK, "publicIPAddresses", raw),
        )
        known = {each["id"].lower(): each for each in addresses}
        return {
            "states": {each["id"].lower(): dig(each, "properties.instanceView") for each in statuses},
            "interfaces": {each["id"].lower(): _expanded(each, known) for each in interfaces},
        }

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The machine as it is now. In place of its id, "group/name" will do, or its name in the driver's group."""
        path, _ = self._where(node)
        payload = await self._get(path, **{"$expand": "instanceView"})
        self._same(node, payload)
        links = [each["id"] for each in dig(payload, "properties.networkProfile.networkInterfaces") or ()]
        found = await together(*[self._asking(link) for link in links])
        return self.http.read(
            NODE, {**payload, "interfaces": [each for each in found if each]}, operation=f"GET {path}"
        )

    def _asking(self, interface: str) -> Any:
        async def ask() -> Mapping[str, Any] | None:
            try:
                return await self._get(interface, **{"$expand": "ipConfigurations/publicIPAddress"})
            except NotFoundError:  # it goes with the machine
                return None

        return ask

    def _where(self, node: Node | str) -> tuple[str, str]:
        """The path to a machine, and its resource group. Raises ConfigurationError for another subscription's."""
        text = id_of(node)
        if (found := NODE_ID.fullmatch(text)) is not None:
            if found[1].lower() != (self.subscription_id or "").lower():
                raise ConfigurationError(f"{text} is of another subscription than {self.subscription_id}")
            group, name = found[2], found[3]
        else:
            group, _, name = text.rpartition("/")
            group = group or self.resource_group
        return self._in(COMPUTE, "virtualMachines", name, group=group), group

    def _same(self, node: Node | str, payload: Mapping[str, Any]) -> None:
        """Raises NotFoundError if the name belongs to another machine by now."""
        known = dig(node.extra, "properties.vmId") if isinstance(node, Node) else None
        if known and dig(payload, "properties.vmId") not in (None, known):
            message = f"node {id_of(node)} has gone; another machine has its name"
            raise NotFoundError(message, code="ResourceNotFound", provider=self.provider, account=self.account)

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
            if (told := await to_the_end(self._undo(chain, path))) is not None:
                told = f"{chain.name!r} was not made, or is gone; {told}"
                error.add_note(told)
                log.warning(told)
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

    async def reboot_node(self, node: Node | str) -> None:
        """Restart it."""
        await self._act(node, "restart", patience=0.0)

    async def start_node(self, node: Node | str) -> None:
        """Start it. Raises CapacityError where there is no room for it now."""
        await self._act(node, "start")

    async def stop_node(self, node: Node | str) -> None:
        """Stop it, and give its processors back, so that they cost nothing. Its disks and its address go on costing."""
        await self._act(node, "deallocate", patience=0.0)

    async def _act(
        self, node: Node | str, action: str, body: Any = None, *, patience: float = PATIENCE
    ) -> Mapping[str, Any]:
        return await self._do("POST", f"{self._where(node)[0]}/{action}", json=body, patience=patience, idempotent=True)

    def failure_reason(self, node: Node) -> str | None:
        """What the instance view says of it."""
        statuses = dig(node.extra, "properties.instanceView.statuses") or ()
        told = (each.get("message") or each.get("displayStatus") for each in statuses if each.get("level") == "Error")
        return next(told, None)

    # ---- what only Azure has ----

    async def ex_power_off_node(self, node: Node | str) -> None:
        """Stop it, and keep its processors, which go on costing as much."""
        await self._act(node, "powerOff", patience=0.0)

    async def ex_redeploy_node(self, node: Node | str) -> None:
        """Move it to another host, and start it there. Its temporary disk is lost."""
        await self._act(node, "redeploy")

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Give it another size. One that runs is restarted."""
        body = {"properties": {"hardwareProfile": {"vmSize": id_of(size)}}}
        await self._do("PATCH", self._where(node)[0], json=body, idempotent=True)

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> None:
        """Replace all its tags."""
        path, _ = self._where(node)
        mark = ((await self._get(path)).get("tags") or {}).get(MARK)
        body = {"tags": {**tags, **({MARK: mark} if mark else {})}}
        await self._do("PATCH", path, json=body, idempotent=True)

    async def ex_run_command(self, node: Node | str, script: str | Sequence[str], *, ex_wait: float = 600.0) -> str:
        """Run shell commands on it as root, by its agent and without SSH; what they wrote, as the agent tells it.

        Azure keeps the last 4 kB of the output. They are awaited for `ex_wait` seconds.
        """
        lines = script.splitlines() if isinstance(script, str) else list(script)
        path = f"{self._where(node)[0]}/runCommand"
        response = await self._ask("POST", path, json={"commandId": "RunShellScript", "script": lines})
        result = response.headers.get("Location")
        await self._settle(response, f"POST {path}", ex_wait)
        payload = self._said(await self._follow(result), path) if result else self._said(response, path)
        return "\n".join(str(each.get("message") or "") for each in payload.get("value") or ())


def _joined(payload: Mapping[str, Any], about: Mapping[str, Any]) -> Mapping[str, Any]:
    """A machine as a list shows it, with what other lists say of it."""
    properties = payload.get("properties") or {}
    links = [each["id"].lower() for each in dig(properties, "networkProfile.networkInterfaces") or ()]
    interfaces = [about["interfaces"][link] for link in links if link in about["interfaces"]]
    view = about["states"].get(payload["id"].lower())
    return {**payload, "properties": {**properties, "instanceView": view}, "interfaces": interfaces}


def _expanded(interface: Mapping[str, Any], addresses: Mapping[str, Any]) -> Mapping[str, Any]:
    """An interface with its public addresses, as it is when one asks for it alone."""
    properties = interface.get("properties") or {}

    def expanded(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
        link = dig(configuration, "properties.publicIPAddress.id")
        if link is None or link.lower() not in addresses:
            return configuration
        return {
            **configuration,
            "properties": {**configuration["properties"], "publicIPAddress": addresses[link.lower()]},
        }

    configurations = [expanded(each) for each in properties.get("ipConfigurations") or ()]
    return {**interface, "properties": {**properties, "ipConfigurations": configurations}}


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
