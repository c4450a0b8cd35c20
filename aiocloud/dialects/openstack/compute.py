"""The verbs of `aiocloud.driver`, spoken to OpenStack."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar

import anyio

from aiocloud.creation import Creation, new_token
from aiocloud.dialects.openstack.account import OpenStackAccount
from aiocloud.dialects.openstack.regions import NETWORKS_BY_THEMSELVES, Nova, Region
from aiocloud.dialects.openstack.shapes import IMAGE, KEY_PAIR, MARK, NODE, SIZE, STATES, TASKS
from aiocloud.driver import KeyPairs, NodeAuth, PowerControl, id_of, segment
from aiocloud.errors import (
    CloudError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
)
from aiocloud.geography import located
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import Shape, dig
from aiocloud.models import (
    Image,
    KeyPair,
    Location,
    Node,
    NodeAuthPassword,
    NodeAuthSSHKey,
    Offer,
    Price,
    Size,
)
from aiocloud.values import Secret

T = TypeVar("T")
Networks: TypeAlias = Sequence[str] | Literal["auto", "none"]

ACTIVE = {"status": "active"}

PATIENCE = 5.0
"""Seconds in which a new server may tell about itself before what the create told must do: a cancelled create waits
for this, and must not lose the id meanwhile."""


class OpenStackCompute(OpenStackAccount, PowerControl, KeyPairs):
    """Nova and Glance. Locations are regions; `OpenStackAccount` tells how they are chosen."""

    features = frozenset({"ssh_key", "password", "generates_password", "user_data", "tags", "idempotent_create"})
    states = {"OS-EXT-STS:task_state": TASKS, "status": STATES}
    user_data_limit = 49149  # 65535 once encoded
    image: ClassVar[Shape[Image]] = IMAGE
    """How Glance's images are read; a provider may know more of its own."""

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All servers of the project, or those of one region."""
        return self._from_nova(location, lambda region, nova: self._servers(region, nova))

    def _servers(self, region: Region, nova: Nova, params: Mapping[str, str] | None = None) -> Pager[Node]:
        return nova.http.list("/servers/detail", self._node(region), items="servers", params=params)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images that are ready, of each region: public ones, the project's own, those shared with it."""

        async def lists() -> list[Pager[Image]]:
            return [
                region.glance.list("/images", partial(self.image, location=region.name), items="images", params=ACTIVE)
                for region in await self._those(location)
            ]

        return Pager.chain(lists)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The flavors. Where there are several regions, and none is named, each id once, and no region's price."""
        one = location is not None or isinstance(self.region, str)

        def flavors(region: Region, nova: Nova) -> Pager[Size]:
            return nova.http.list("/flavors/detail", self._sized(region.name if one else None), items="flavors")

        return distinct(self._from_nova(location, flavors))

    def list_locations(self) -> Pager[Location]:
        """The regions, with their availability zones."""

        async def locations() -> Sequence[Location]:
            return await together(*[_bind(self._location, region) for region in await self._regions()])

        return Pager.of(locations)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every flavor in every region, or in one, with its price if that is known."""

        async def lists() -> list[Pager[Offer]]:
            return [Pager.of(_bind(self._offers_in, region)) for region in await self._those(location)]

        return Pager.chain(lists)

    async def _offers_in(self, region: Region) -> list[Offer]:
        place, sizes = await together(lambda: self._location(region), lambda: self.list_sizes(location=region.name))
        return self.offers_of(place, sizes)

    async def _location(self, region: Region) -> Location:
        country, city = self._place(region.name)
        place = Location(
            id=region.name,
            name=region.name,
            country=self._countries.get(region.name, country),
            city=city,
            zones=await self._zones(region),
            provider=self.provider,
        )
        return located(place)

    def _place(self, region: str) -> tuple[str | None, str | None]:
        """ISO country and city of a region, as far as they are known."""
        return self.places.get(region, (None, None))

    async def _zones(self, region: Region) -> tuple[str, ...]:
        """The names of the zones that are open; none where the cloud does not tell."""
        nova = await region.nova()
        try:
            payload = await nova.http.call("GET", "/os-availability-zone")
        except (NotFoundError, ForbiddenError):
            return ()
        zones = dig(payload, "availabilityZoneInfo") or ()
        return tuple(zone["zoneName"] for zone in zones if dig(zone, "zoneState.available") is not False)

    def _price_of(self, size: Size, region: str | None) -> Price | None:
        """What a flavor costs in a region, or wherever it is; OpenStack itself knows no prices."""
        return None

    def _sized(self, region: str | None) -> Callable[..., Size]:
        def read(payload: Any, **context: Any) -> Size:
            size = SIZE(payload, **context)
            return replace(size, price=self._price_of(size, region), location=region)

        return read

    def _from_nova(self, location: Location | str | None, lists: Callable[[Region, Nova], Pager[T]]) -> Pager[T]:
        """One list after the other, from each region; a region is first spoken to when it is its turn."""

        async def of(region: Region) -> list[Pager[T]]:
            return [lists(region, await region.nova())]

        async def pagers() -> list[Pager[T]]:
            return [Pager.chain(_bind(of, region)) for region in await self._those(location)]

        return Pager.chain(pagers)

    # ---- nodes ----

    def _node(self, region: Region) -> Callable[..., Node]:
        """The shape of a server of that region."""
        return partial(NODE, location=region.name)

    async def _home(self, node: Node | str) -> Region:
        """The region of a node."""
        if isinstance(node, Node) and node.location is not None:
            return await self._region(node.location)
        regions = await self._regions()
        if len(regions) == 1:
            return regions[0]
        found = await self._search(regions, id_of(node))
        return await self._region(found.location or "")

    async def _search(self, regions: Sequence[Region], node_id: str) -> Node:
        """The node of that id in one of the regions; all are asked, and one that fails is not taken for a no."""

        async def look(region: Region) -> Node | CloudError:
            try:
                return await self._get(region, node_id)
            except CloudError as error:
                return error

        outcomes = await together(*[_bind(look, region) for region in regions])
        for outcome in outcomes:
            if isinstance(outcome, Node):
                return outcome
        failures = [outcome for outcome in outcomes if isinstance(outcome, CloudError)]
        raise next((error for error in failures if not isinstance(error, NotFoundError)), failures[0])

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now."""
        if isinstance(node, Node) and node.location is not None:
            return await self._get(await self._region(node.location), node.id)
        regions = await self._regions()
        if len(regions) == 1:
            return await self._get(regions[0], id_of(node))
        return await self._search(regions, id_of(node))

    async def _get(self, region: Region, node_id: str) -> Node:
        nova = await region.nova()
        return await nova.http.get(f"/servers/{segment(node_id)}", self._node(region), item="server")

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
        ex_networks: Sequence[str] | Literal["auto", "none"] | None = None,
        ex_security_groups: Sequence[str] | None = None,
        ex_availability_zone: str | None = None,
        ex_config_drive: bool | None = None,
        ex_boot_volume_size: int | None = None,
        ex_scheduler_hints: Mapping[str, Any] | None = None,
    ) -> Node:
        """Make a server. See `Compute.create_node`.

        Tags become metadata, beside a mark by which the server is found again. A NodeAuthSSHKey is imported under a
        name made of its fingerprint. `node.password` is what the cloud made, where it makes one. That no host had room
        is seen only later: the node goes to `error`, and `wait_until` tells why.

        ex_networks           ids of the networks to join; "auto" (the default, where the cloud knows it) or "none"
        ex_security_groups    names of security groups, in place of `default`
        ex_availability_zone  one of the location's zones
        ex_config_drive       give it metadata on a disk, too
        ex_boot_volume_size   GiB: boot from a new volume of that size, which is deleted with the server
        ex_scheduler_hints    such as {"group": id of a server group}
        """
        region = await self._one(location)
        nova = await region.nova()
        token = new_token()
        server = {
            "name": name,
            "flavorRef": await self._flavor_id(region, size),
            **boot_from(await self._image_id(region, image), ex_boot_volume_size),
            "metadata": {**(tags or {}), MARK: token},
            "user_data": self.encoded_user_data(user_data),
            "key_name": await self._key_name(nova, auth),
            "adminPass": password.reveal() if (password := self._password(auth)) else None,
            "networks": networks_of(await self._networks(region, ex_networks), nova),
            "security_groups": [{"name": group} for group in ex_security_groups or ()] or None,
            "availability_zone": ex_availability_zone,
            "config_drive": ex_config_drive,
        }
        wanted: dict[str, Any] = {"server": {key: value for key, value in server.items() if value is not None}}
        if ex_scheduler_hints:
            wanted["os:scheduler_hints"] = dict(ex_scheduler_hints)

        async def send() -> Node:
            told = await nova.http.call("POST", "/servers", json=wanted)
            return await self._made(region, dig(told, "server"), wanted["server"])

        async def find() -> Node | None:
            node = await self._marked(region, name, token)
            return replace(node, password=password) if node else None

        # Names may be shared, so that a request whose answer was lost is not sent again.
        making = Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node)
        return await making.run()

    # What a provider may know better: flavors and images by their names, networks for those who name none.

    async def _flavor_id(self, region: Region, size: Size | str) -> str:
        return id_of(size)

    async def _image_id(self, region: Region, image: Image | str) -> str:
        return id_of(image)

    async def _networks(self, region: Region, asked: Networks | None) -> Networks | None:
        return asked

    async def _made(self, region: Region, told: Any, wanted: Mapping[str, Any]) -> Node:
        """The whole of a new server. The answer to a create tells little more than its id, which must not be lost."""
        if not isinstance(told, Mapping) or not told.get("id"):
            raise MalformedResponseError("a new server without `id`", provider=self.provider, account=self.account)
        password = self._given_password(told)
        with anyio.move_on_after(PATIENCE):
            try:
                return replace(await self._get(region, told["id"]), password=password)
            except CloudError:
                pass  # it is there all the same, and can be asked for later
        known = {
            "name": wanted["name"],
            "status": "BUILD",
            "metadata": wanted["metadata"],
            "flavor": {"id": wanted["flavorRef"]},
            "image": {"id": wanted.get("imageRef")},
        }
        nova = await region.nova()
        return replace(nova.http.read(self._node(region), {**known, **told}), password=password)

    def _given_password(self, payload: Any) -> Secret | None:
        password = dig(payload, "adminPass")
        return self.secret(password, "adminPass") if password else None

    def _password(self, auth: NodeAuth | None) -> Secret | None:
        return self.secret(auth.password, "password") if isinstance(auth, NodeAuthPassword) else None

    async def _marked(self, region: Region, name: str, token: str) -> Node | None:
        """The server that this create has made, if it has."""
        # The filter is a regular expression of the cloud's database; a name in which nothing is special means itself.
        params = {"name": name} if re.fullmatch(r"[\w-]+", name, re.ASCII) else None
        async for node in self._servers(region, await region.nova(), params):
            if dig(node.extra, f"metadata.{MARK}") == token:
                return node
        return None

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the server. Floating addresses and volumes that were not made with it stay."""
        nova = await (await self._home(node)).nova()
        await nova.http.call("DELETE", f"/servers/{segment(node)}")

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system. Raises ConflictError where the server does not run."""
        await self._act(node, "reboot", {"type": "SOFT"})

    async def start_node(self, node: Node | str) -> None:
        """Start a server that is shut off."""
        await self._act(node, "os-start")

    async def stop_node(self, node: Node | str) -> None:
        """Shut it off. Whether it still costs money is the cloud's to say."""
        await self._act(node, "os-stop")

    async def _act(self, node: Node | str, action: str, argument: Any = None) -> Any:
        _, payload = await self._acted(node, action, argument)
        return payload

    async def _acted(self, node: Node | str, action: str, argument: Any = None) -> tuple[Mapping[str, str], Any]:
        """The headers and the payload of the answer to an action."""
        nova = await (await self._home(node)).nova()
        path = f"/servers/{segment(node)}/action"
        response = await nova.http.send("POST", path, json={action: argument}, operation=f"POST {path} {action}")
        return response.headers, nova.http.decode(response, f"POST {path} {action}")

    def failure_reason(self, node: Node) -> str | None:
        """The fault that Nova tells of a server in ERROR ("No valid host was found …")."""
        message = dig(node.extra, "fault.message")
        return str(message) if message else None

    # ---- key pairs ----

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The user's key pairs. Each region has its own; those of one name are told once."""
        found: Pager[KeyPair] = self._from_nova(
            None, lambda region, nova: nova.http.list("/os-keypairs", KEY_PAIR, items="keypairs")
        )
        return distinct(found)

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key known under that name, in every region that the driver works in."""
        pairs = [await self._import(await region.nova(), name, key_material) for region in await self._regions()]
        return pairs[0]

    async def _import(self, nova: Nova, name: str, public_key: str) -> KeyPair:
        body = {"keypair": {"name": name, "public_key": public_key.strip()}}
        return nova.http.read(KEY_PAIR, await nova.http.call("POST", "/os-keypairs", json=body))

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Forget the key pair of that name, in every region that the driver works in."""
        name = key_pair if isinstance(key_pair, str) else key_pair.name
        missing: list[NotFoundError] = []
        regions = await self._regions()
        for region in regions:
            try:
                await (await region.nova()).http.call("DELETE", f"/os-keypairs/{segment(name)}")
            except NotFoundError as error:
                missing.append(error)
        if len(missing) == len(regions):
            raise missing[0]

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key pair that `create_node` has made of it in that region, if it is there."""
        nova = await (await self._one(location)).nova()
        with suppress(NotFoundError):
            await nova.http.call("DELETE", f"/os-keypairs/{own_name(public_key)}")

    async def _key_name(self, nova: Nova, auth: NodeAuth | None) -> str | None:
        match auth:
            case KeyPair(name=name):
                return name
            case NodeAuthSSHKey(public_key):
                return await self._known_as(nova, public_key)
        return None

    async def _known_as(self, nova: Nova, public_key: str) -> str:
        """The name under which a public key is known in a region; it is imported if it is not."""
        name = own_name(public_key)
        with suppress(ConflictError):  # the name tells the key: it is known already
            await self._import(nova, name, public_key)
        return name


def _bind(call: Callable[[Region], Awaitable[T]], region: Region) -> Callable[[], Awaitable[T]]:
    return lambda: call(region)


def boot_from(image: str, volume_size: int | None) -> Mapping[str, Any]:
    """What a server boots from: the image itself, or a new volume with the image on it."""
    if volume_size is None:
        return {"imageRef": image}
    volume = {
        "boot_index": 0,
        "uuid": image,
        "source_type": "image",
        "destination_type": "volume",
        "volume_size": volume_size,
        "delete_on_termination": True,
    }
    return {"block_device_mapping_v2": [volume]}


def networks_of(asked: Sequence[str] | None, nova: Nova) -> list[Mapping[str, str]] | str | None:
    """The networks of a create: those asked for, or "auto" where the microversion wants a word."""
    if asked is None:
        return "auto" if nova.version is not None and nova.version >= NETWORKS_BY_THEMSELVES else None
    return asked if isinstance(asked, str) else [{"uuid": network} for network in asked]


def own_name(public_key: str) -> str:
    """The name that a public key gets from us."""
    return f"aiocloud-{fingerprint(public_key)}"


def fingerprint(public_key: str) -> str:
    """Twenty hexadecimal digits that tell this key from others. Raises ConfigurationError for what is no key."""
    parts = public_key.split()
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error, ValueError) as error:
        raise ConfigurationError("the public key is not one OpenSSH line, such as 'ssh-ed25519 AAAA…'") from error
    return hashlib.sha256(blob).hexdigest()[:20]


M = TypeVar("M", Size, KeyPair)


def distinct(pager: Pager[M]) -> Pager[M]:
    """The same list, with each id once."""

    async def pages(window: int) -> AsyncIterator[Sequence[M]]:
        seen: set[str] = set()
        async for page in pager.pages(window):
            fresh = [item for item in page if item.id not in seen]
            seen.update(item.id for item in fresh)
            yield fresh

    return Pager(pages)
