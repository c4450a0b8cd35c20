"""Instances, what they are made of, and what leads to them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from aiocloud.creation import Creation
from aiocloud.driver import NodeAuth, PowerControl, id_of, segment
from aiocloud.driver.keypairs import OURS
from aiocloud.errors import CloudError, ConfigurationError, NotFoundError
from aiocloud.http.client import Client
from aiocloud.http.paging import OnePage, Pager
from aiocloud.http.together import together
from aiocloud.mapping import raw
from aiocloud.models import Image, Location, Node, Size
from aiocloud.providers.ibm_vpc.keys import Keys
from aiocloud.providers.ibm_vpc.shapes import (
    IMAGE,
    NODE,
    SIZE,
    STATES,
    attached,
    floating_by_target,
    region_of,
    with_addresses,
    zone,
)

log = logging.getLogger("aiocloud")


class IBMVPC(Keys, PowerControl):
    """Needs an API key, which is exchanged for tokens.

    `region` is one of IBM's regions ("eu-de"), several, or "all"; without one it is "us-south". A location is a zone of
    a region ("eu-de-1"). Images and key pairs belong to a region: they are those of the place that is named, or else of
    the first region. An `endpoint` may hold `{region}`: `https://{region}.private.iaas.cloud.ibm.com/v1`.
    `ex_iam_endpoint` is where tokens are had, in place of IBM's usual host.
    """

    features = frozenset({"ssh_key", "user_data"})
    states = {"status": STATES}
    user_data_limit = 65535  # IBM names none: this is what fits on the same kind of drive with OpenStack
    usernames = ("root", "ubuntu", "vpcuser")

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All instances in the driver's regions, or those in one zone; with their floating addresses."""

        async def pagers() -> list[Pager[Node]]:
            regions = await self._regions() if location is None else [region_of(id_of(location))]
            return [*await together(*[partial(self._nodes_in, await self._at(region)) for region in regions])]

        if location is None:
            return Pager.chain(pagers)
        wanted = id_of(location)
        return Pager.of(lambda: _in_zone(Pager.chain(pagers), wanted))

    async def _nodes_in(self, http: Client, **params: str) -> Pager[Node]:
        floating = floating_by_target(await http.list("/floating_ips", raw, items="floating_ips"))

        def node(payload: Any, **context: Any) -> Node:
            return NODE(with_addresses(payload, floating), **context)

        return http.list("/instances", node, items="instances", params=params)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images of a region that can be used: IBM's and the account's own."""
        return self._list("/images", IMAGE, location, params={"status": "available"})

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The instance profiles of a region. This API tells no prices."""
        place = id_of(location) if location is not None else None

        def size(payload: Any, **context: Any) -> Size:
            return replace(SIZE(payload, **context), location=place)

        return self._list("/instance/profiles", size, location)

    def list_locations(self) -> Pager[Location]:
        """The zones of the driver's regions."""

        async def pagers() -> list[Pager[Location]]:
            home = self.ex_client(self._home)
            paths = [f"/regions/{segment(region)}/zones" for region in await self._regions()]
            return [home.list(path, zone, items="zones", paging=OnePage()) for path in paths]

        return Pager.chain(pagers)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The instance as it is now."""
        http = await self._of(node)
        payload = await http.call("GET", f"/instances/{segment(node)}")
        return http.read(NODE, with_addresses(payload, floating_by_target(await self._floating(http, payload))))

    async def _floating(self, http: Client, payload: Any) -> list[Any]:
        """The floating addresses of an instance, as the API tells them."""

        def at(id_: str) -> Pager[Any]:
            return http.list("/floating_ips", raw, items="floating_ips", params={"target.id": id_})

        found = await together(*[partial(at, id_) for id_ in attached(payload)])
        return [each for some in found for each in some]

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
        ex_subnet: str | None = None,
        ex_security_groups: Sequence[str] = (),
        ex_floating_ip: bool = True,
        ex_resource_group: str | None = None,
        ex_boot_volume: int | None = None,
    ) -> Node:
        """Make an instance. See `Compute.create_node`.

        Its name must be free in the region, and is how it is found if the answer is lost. A public key that the region
        does not know is imported, and stays there. The floating address is made when the instance is there; if that
        fails, a warning on the logger `aiocloud` says so, and the node is returned without one.
        ex_subnet           the id or name of the subnet, where the zone has several
        ex_security_groups  ids, in place of the VPC's default group
        ex_floating_ip      give it a public address, which is charged for, and released with the node
        ex_resource_group   the id of the resource group, in place of the account's default
        ex_boot_volume      GB of the volume that it boots from, in place of the image's own
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        text = self._user_data(user_data)
        http = await self._at(location)
        subnet = await self._subnet(http, location, ex_subnet)
        keys, before = await together(lambda: self._key_ids(http, auth), lambda: self._named(http, name))
        interface: dict[str, Any] = {"name": "eth0", "subnet": {"id": subnet["id"]}}
        if ex_security_groups:
            interface["security_groups"] = [{"id": each} for each in ex_security_groups]
        body = {
            "name": name,
            "zone": {"name": subnet["zone"]["name"]},
            "profile": {"name": id_of(size)},
            "image": {"id": id_of(image)},
            "keys": [{"id": key} for key in keys],
            "primary_network_interface": interface,
            "user_data": text,
            "resource_group": {"id": ex_resource_group} if ex_resource_group else None,
            "boot_volume_attachment": _boot_volume(ex_boot_volume),
        }
        wanted = {key: value for key, value in body.items() if value is not None}

        async def send() -> Node:
            payload = await http.call("POST", "/instances", json=wanted)
            return await self._reachable(http, payload, floating=ex_floating_ip)

        async def find() -> Node | None:
            new = [each for each in await self._named(http, name) if each["id"] not in {old["id"] for old in before}]
            return await self._reachable(http, new[0], floating=ex_floating_ip) if new else None

        # Names are unique in a region, so that the request may be sent again when nothing was found.
        making = Creation(name=name, token=None, send=send, find=find, destroy=self.destroy_node, repeat=True)
        return await making.run()

    async def _named(self, http: Client, name: str) -> list[Any]:
        """The instances of that name: one at most, unless another is on its way out."""
        return await http.list("/instances", raw, items="instances", params={"name": name})

    async def _subnet(self, http: Client, location: Location | str | None, wanted: str | None) -> Any:
        """The one subnet to put a node in. Raises ConfigurationError where there is none, or a choice to be made."""
        place = id_of(location) if location is not None else None
        params = {"zone.name": place} if place is not None and place != region_of(place) else {}
        found = await http.list("/subnets", raw, items="subnets", params=params)
        fit = [each for each in found if wanted in (None, each["id"], each["name"])]
        if len(fit) == 1:
            return fit[0]
        there = ", ".join(f"{each['name']} ({each['id']})" for each in found) or "none"
        raise ConfigurationError(
            f"ibm_vpc needs the one subnet of {place or self._home} that a new node is put in: give `location` and "
            f"`ex_subnet`. There are: {there}"
        )

    async def _reachable(self, http: Client, payload: Any, *, floating: bool) -> Node:
        """The node, with a floating address if it is to have one."""
        node = http.read(NODE, payload)
        if not floating:
            return node
        name = f"{OURS}{node.id.replace('_', '-')}"
        try:
            body = {"name": name, "target": {"id": attached(payload)[0]}}
            # The name makes a second one impossible, so that the request may be repeated.
            given = [await http.call("POST", "/floating_ips", json=body, idempotent=True)]
        except (CloudError, LookupError) as error:
            with suppress(CloudError):
                if (seen := await self.get_node(node)).public_ips:  # the first of two had arrived
                    return seen
            log.warning("node %s (%r) was made, and got no floating address: %s", node.id, node.name, error)
            return node
        return replace(node, public_ips=tuple(each["address"] for each in given))

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the instance, after the floating address that `create_node` gave it; others are only detached."""
        http = await self._of(node)
        payload = await http.call("GET", f"/instances/{segment(node)}")
        for each in await self._floating(http, payload):
            if each["name"].startswith(OURS):
                with suppress(NotFoundError):
                    await http.call("DELETE", f"/floating_ips/{segment(each['id'])}")
        await http.call("DELETE", f"/instances/{segment(node)}")

    async def reboot_node(self, node: Node | str, *, ex_force: bool = False) -> None:
        """Restart the operating system; with `ex_force` at once, and before what else was asked for."""
        await self._act(node, "reboot", force=ex_force)

    async def start_node(self, node: Node | str) -> None:
        """Start it."""
        await self._act(node, "start")

    async def stop_node(self, node: Node | str, *, ex_force: bool = False) -> None:
        """Shut it down, or with `ex_force` cut its power. Its volumes and address go on costing."""
        await self._act(node, "stop", force=ex_force)

    async def _act(self, node: Node | str, kind: str, **how: bool) -> None:
        path = f"/instances/{segment(node)}/actions"
        await (await self._of(node)).call("POST", path, json={"type": kind, **how}, idempotent=kind != "reboot")

    def failure_reason(self, node: Node) -> str | None:
        """What the API gives as the reasons for its status."""
        reasons = node.extra.get("status_reasons") or ()
        return "; ".join(str(each.get("message") or each.get("code")) for each in reasons) or None

    def _user_data(self, user_data: str | bytes | None) -> str | None:
        """User data as the API takes it: text, and no base64."""
        self.encoded_user_data(user_data)  # refuses too much
        try:
            return user_data.decode() if isinstance(user_data, bytes) else user_data
        except UnicodeDecodeError as error:
            raise ConfigurationError("ibm_vpc takes user data that is text, in UTF-8") from error

    # ---- what only IBM Cloud VPC has ----

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the instance another name."""
        return await self._change(node, {"name": name})

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> Node:
        """Give a stopped instance another profile."""
        return await self._change(node, {"profile": {"name": id_of(size)}})

    async def _change(self, node: Node | str, change: Mapping[str, Any]) -> Node:
        await (await self._of(node)).call("PATCH", f"/instances/{segment(node)}", json=change, idempotent=True)
        return await self.get_node(node)

    async def ex_get_initialization(self, node: Node | str) -> Mapping[str, Any]:
        """What it was set up with: keys, and for Windows the password, encrypted with the first of them."""
        path = f"/instances/{segment(node)}/initialization"
        found: Mapping[str, Any] = await (await self._of(node)).call("GET", path)
        return found

    def ex_list_vpcs(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The VPCs of a region."""
        return self._list("/vpcs", raw, location)

    def ex_list_subnets(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The subnets of a region, each of which lies in one zone."""
        return self._list("/subnets", raw, location)

    def ex_list_security_groups(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The security groups of a region."""
        return self._list("/security_groups", raw, location)

    def ex_list_floating_ips(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The floating addresses of a region, attached or not."""
        return self._list("/floating_ips", raw, location)

    async def ex_release_floating_ip(self, floating_ip_id: str, *, location: Location | str | None = None) -> None:
        """Give a floating address back; it is detached first."""
        await (await self._at(location)).call("DELETE", f"/floating_ips/{segment(floating_ip_id)}")


async def _in_zone(nodes: Pager[Node], wanted: str) -> list[Node]:
    """The nodes of a zone; all, where it is a region that is wanted. There is no filter for it."""
    return [node for node in await nodes if wanted in (node.location, region_of(node.location or ""))]


def _boot_volume(gigabytes: int | None) -> Mapping[str, Any] | None:
    if gigabytes is None:
        return None
    volume = {"capacity": gigabytes, "profile": {"name": "general-purpose"}}
    return {"delete_volume_on_instance_delete": True, "volume": volume}
