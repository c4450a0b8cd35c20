"""Instances, what they are made of, and what leads to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, PowerControl, id_of, segment
from aiocloud.errors import CloudError, ConfigurationError, MalformedResponseError
from aiocloud.http.client import Client
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Node, NodeState, Offer, Size
from aiocloud.providers.exoscale.account import in_zone
from aiocloud.providers.exoscale.keys import Keys
from aiocloud.providers.exoscale.shapes import IMAGE, MARK, SIZE, STATES, disk_for, is_in, zone
from aiocloud.values import Secret

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
BOOTING = 15.0
"""Seconds for which a create waits for its operation: refusals for want of room come so."""


class Exoscale(Keys, PowerControl):
    """Needs an API key and its secret.

    `region` is one of Exoscale's zones ("de-fra-1"), several, or "all", as without one. Each zone has a host of its
    own: an `endpoint` may hold `{zone}`, and is that of one zone if it does not. Sizes may be named by id or as
    "standard.small". Where one zone is named as `region`, nodes are made there unless another is named.
    """

    features = frozenset({"ssh_key", "user_data", "tags"})
    states = {"state": STATES}
    user_data_limit = 24576  # 32768 characters in base64
    usernames = ("root", "ubuntu", "debian", "rockylinux")

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All instances in the driver's zones, or those in one."""

        async def pagers() -> list[Pager[Node]]:
            zones = await self._zones() if location is None else [id_of(location)]
            clients = [(each, await self._at(each)) for each in zones]
            return [http.list("/instance", in_zone(each), items="instances") for each, http in clients]

        return Pager.chain(pagers)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The templates of a zone: Exoscale's and the account's own."""

        async def pagers() -> list[Pager[Image]]:
            http = await self._at(location)
            kinds = ("public", "private")
            return [http.list("/template", IMAGE, items="templates", params={"visibility": kind}) for kind in kinds]

        return Pager.chain(pagers)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The instance types, or those that a zone has. This API tells no prices."""

        async def sizes() -> list[Size]:
            found = await self._list("/instance-type", SIZE, location)
            if location is None:
                return found
            place = id_of(location)
            return [replace(size, location=place) for size in found if is_in(size, place)]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The zones in which the driver works."""

        async def zones() -> list[Location]:
            found = await self._home.list("/zone", zone, items="zones")
            return [each for each in found if self._scope is None or each.id in self._scope]

        return Pager.of(zones)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every instance type in every zone that has it; `available` is whether the account may use it."""

        async def offers() -> list[Offer]:
            places, sizes = await together(lambda: self.list_locations(), lambda: self.list_sizes())
            wanted = [place for place in places if location is None or place.id == id_of(location)]
            return [self._offer(place, size) for place in wanted for size in sizes if is_in(size, place.id)]

        return Pager.of(offers)

    def _offer(self, place: Location, size: Size) -> Offer:
        size = replace(size, location=place.id)
        allowed = size.extra.get("authorized")
        return Offer(provider=self.provider, account=self.account, location=place, size=size, available=allowed)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The instance as it is now."""
        return await self._show(await self._where(node), node)

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
        ex_disk_size: int | None = None,
        ex_public_ip: Literal["inet4", "dual", "none"] = "inet4",
        ex_security_groups: Sequence[str] = (),
        ex_anti_affinity_groups: Sequence[str] = (),
        ex_auto_start: bool = True,
    ) -> Node:
        """Make an instance. See `Compute.create_node`.

        A public key that the account does not know is registered, and stays there. The operation is waited for, for
        some seconds, so that a zone without room is told at once.
        ex_disk_size             GiB; without it as many as the template needs, if an `Image` is given, or else 10
        ex_public_ip             "inet4", "dual" for IPv6 too, or "none"
        ex_security_groups       ids, in place of the account's default group
        ex_anti_affinity_groups  ids
        ex_auto_start            start it
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        data, token = self.encoded_user_data(user_data), new_token()
        http = await self._at(self._place(location))
        place = id_of(self._place(location))
        kind, keys = await together(lambda: self._type_id(http, size), lambda: self._key_names(auth))
        body = {
            "name": name,
            "instance-type": {"id": kind},
            "template": {"id": id_of(image)},
            "disk-size": ex_disk_size or disk_for(image),
            "labels": {**(tags or {}), MARK: token},
            "ssh-keys": [{"name": key} for key in keys],
            "user-data": data,
            "public-ip-assignment": ex_public_ip,
            "security-groups": [{"id": each} for each in ex_security_groups],
            "anti-affinity-groups": [{"id": each} for each in ex_anti_affinity_groups],
            "auto-start": ex_auto_start,
        }
        wanted = {key: value for key, value in body.items() if value not in (None, [], "")}

        async def send() -> Node:
            operation = await http.call("POST", "/instance", json=wanted)
            return await self._begun(http, place, name, operation)

        async def find() -> Node | None:
            found = http.list("/instance", in_zone(place), items="instances")
            return next((node for node in await found if dig(node.extra, f"labels.{MARK}") == token), None)

        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    def _place(self, location: Location | str | None) -> Location | str:
        """Where to make a node. Raises ConfigurationError where nothing says so."""
        if location is not None:
            return location
        if self._scope is None or len(self._scope) > 1:
            raise ConfigurationError("exoscale needs a `location` for a new node, or one zone as the driver's `region`")
        return self._scope[0]

    async def _type_id(self, http: Client, size: Size | str) -> str:
        """The id of an instance type, which may also be named."""
        wanted = id_of(size)
        if UUID.fullmatch(wanted):
            return wanted
        known = await http.list("/instance-type", SIZE, items="instance-types")
        found = next((each.id for each in known if each.name == wanted), None)
        if found is None:
            raise self._missing(f"no size {wanted!r}; it is an id, or a family and a size as in 'standard.small'")
        return found

    async def _begun(self, http: Client, place: str, name: str, operation: Any) -> Node:
        """The node that an operation makes. What fails here but the operation itself does not fail the create."""
        made = dig(operation, "reference.id")
        if not isinstance(made, str) or "state" not in operation:
            raise MalformedResponseError("an operation that does not say what it makes")
        with suppress(CloudError):
            operation = await self._end(http, operation, BOOTING)
        try:
            self._checked(operation, "POST /instance")
        except CloudError:
            with suppress(CloudError):  # what is left of it, if anything
                await http.call("DELETE", f"/instance/{segment(made)}")
            raise
        try:
            return await self._show(place, made)
        except CloudError:
            pending = NodeState.PENDING
            return Node(id=made, name=name, state=pending, location=place, provider=self.provider, account=self.account)

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the instance with its disk. One that is busy is insisted on for half a minute."""
        where = await self._where(node)
        path = f"/instance/{segment(node)}"
        there = node if isinstance(node, Node) else await self._show(where, node)
        await self.once_allowed(there, partial(self._do, self.ex_client(where), "DELETE", path), wait=30.0)

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system."""
        await self._change(node, "PUT", ":reboot", idempotent=False)

    async def start_node(self, node: Node | str, *, ex_rescue_profile: str | None = None) -> None:
        """Start it; with `ex_rescue_profile` ("netboot", "netboot-efi") a rescue system in its place."""
        await self._change(node, "PUT", ":start", {"rescue-profile": ex_rescue_profile} if ex_rescue_profile else {})

    async def stop_node(self, node: Node | str) -> None:
        """Shut it down. Its disk goes on costing."""
        await self._change(node, "PUT", ":stop")

    async def _change(
        self, node: Node | str, method: str, action: str = "", body: Any = None, **options: Any
    ) -> Mapping[str, Any]:
        http = self.ex_client(await self._where(node))
        return await self._do(http, method, f"/instance/{segment(node)}{action}", body, **options)

    # ---- what only Exoscale has ----

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the instance another name."""
        await self._change(node, "PUT", "", {"name": name})
        return await self.get_node(node)

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace all its labels."""
        await self._change(node, "PUT", "", {"labels": dict(tags)})
        return await self.get_node(node)

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> Node:
        """Give a stopped instance another type."""
        kind = await self._type_id(self.ex_client(await self._where(node)), size)
        await self._change(node, "PUT", ":scale", {"instance-type": {"id": kind}})
        return await self.get_node(node)

    async def ex_grow_disk(self, node: Node | str, gigabytes: int) -> None:
        """Enlarge the disk of a stopped instance to so many GiB."""
        await self._change(node, "PUT", ":resize-disk", {"disk-size": gigabytes})

    async def ex_rebuild_node(self, node: Node | str, image: Image | str, *, disk_size: int | None = None) -> None:
        """Install a template anew; all that is on its disk is lost. `disk_size` is in GiB."""
        body: dict[str, Any] = {"template": {"id": id_of(image)}}
        await self._change(node, "PUT", ":reset", body | ({"disk-size": disk_size} if disk_size else {}))

    async def ex_reveal_password(self, node: Node | str) -> Secret:
        """The password that was made for its default user, where its template has one."""
        http = self.ex_client(await self._where(node))
        return self.secret((await http.call("GET", f"/instance/{segment(node)}:password")).get("password"), "password")

    def ex_list_security_groups(self) -> Pager[Mapping[str, Any]]:
        """The account's security groups, which all zones share."""
        return self._home.list("/security-group", raw, items="security-groups")

    async def ex_open_port(
        self, security_group: str, port: int, *, protocol: str = "tcp", network: str = "0.0.0.0/0"
    ) -> None:
        """Let connections from a network in. `security_group` is an id. New groups let none in, not even for SSH."""
        rule = {"flow-direction": "ingress", "protocol": protocol, "network": network}
        ports = {"start-port": port, "end-port": port}
        await self._do(self._home, "POST", f"/security-group/{segment(security_group)}/rules", {**rule, **ports})

    def ex_list_elastic_ips(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The Elastic IPs of a zone."""
        return self._list("/elastic-ip", raw, location)

    async def ex_create_elastic_ip(self, *, location: Location | str, description: str = "") -> str:
        """A new Elastic IP in a zone, which is charged for; its id."""
        body = {"description": description} if description else {}
        made = await self._do(await self._at(location), "POST", "/elastic-ip", body)
        return str(dig(made, "reference.id"))

    async def ex_attach_elastic_ip(self, elastic_ip: str, node: Node | str) -> None:
        """Lead an Elastic IP of the node's zone to it. The node itself must be told of the address."""
        http = self.ex_client(await self._where(node))
        await self._do(http, "PUT", f"/elastic-ip/{segment(elastic_ip)}:attach", {"instance": {"id": id_of(node)}})

    async def ex_release_elastic_ip(self, elastic_ip: str, *, location: Location | str) -> None:
        """Give an Elastic IP back."""
        await self._do(await self._at(location), "DELETE", f"/elastic-ip/{segment(elastic_ip)}")

    def ex_list_quotas(self) -> Pager[Mapping[str, Any]]:
        """What the account may have, and has."""
        return self._home.list("/quota", raw, items="quotas")
