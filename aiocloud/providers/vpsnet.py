"""VPS.net, its API in version 1.0 (`api10json`): https://control.vps.net/api"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import anyio

from aiocloud.driver import NodeAuth, Options, PowerControl, id_of, segment
from aiocloud.driver.namesakes import Namesakes
from aiocloud.errors import ConfigurationError, ConflictError, InvalidCredsError, NotFoundError, QuotaExceededError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.errors import ErrorTable
from aiocloud.http.paging import Pager
from aiocloud.mapping import Shape, at, dig, raw, system_in, timestamp
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.values import Secret

RUNNING = {"true": NodeState.RUNNING, "false": NodeState.STOPPED}
ACTION = {"true": NodeState.PENDING}

LARGEST = 18
"""The most nodes of which the control panel made one machine."""

COUNTRIES = {r"USA?|Atlanta|Chicago|Dallas|Los Angeles|Miami|New York|Salt Lake City|San Jose": "US"} | {
    r"UK|London|Maidenhead|Manchester": "GB",
    r"Amsterdam|Netherlands": "NL",
    r"Singapore": "SG",
}
"""Words in the names of clouds, which are all that the API says of where they are."""


def _message(body: Any) -> str | None:
    """All reasons, each after the field that it is about; some come without one."""
    reasons = body["errors"]
    texts = [reason if isinstance(reason, str) else ": ".join(map(str, reason)) for reason in reasons]
    return "; ".join(texts) or None


ERRORS = ErrorTable(
    message=_message,
    statuses={406: InvalidCredsError},
    texts={"*enough*nodes*": QuotaExceededError, "*already been taken*": ConflictError},
)


def _state(machine: Mapping[str, Any]) -> NodeState:
    if machine.get("power_action_pending"):
        return NodeState.PENDING
    running = machine.get("running")
    return NodeState.UNKNOWN if running is None else RUNNING[str(bool(running)).lower()]


def _country(label: str) -> str | None:
    return next((code for words, code in COUNTRIES.items() if re.search(rf"\b({words})\b", label)), None)


def _inside(name: str, shape: Any) -> Any:
    """A shape of what an element of a list holds under its one name."""
    return lambda element, **context: shape(dig(element, name) or {}, **context)


NODE = Shape(
    Node,
    id=at("id", str),
    name=at("label"),
    state=_state,
    public_ips=lambda machine: tuple(filter(None, [machine.get("primary_ip_address")])),
    size=at("slices_count", str),
    image=at("system_template_id", str),
    location=at("cloud_id", str),
    created_at=at("created_at", timestamp),
    hide=("password",),
)
LOCATION = Shape(
    Location, id=at("id", str), name=at("label"), country=at("label", _country), hide=("system_templates",)
)
IMAGE = Shape(
    Image,
    id=at("id", str),
    name=lambda template: f"{template['cloud']['label']}: {template['label']}",
    os=at("label", lambda label: system_in(label)[0]),
    version=at("label", lambda label: system_in(label)[1]),
    arch=at("label", lambda label: "x86_64" if "x64" in label else None),
    location=at("cloud.id", str),
)
SIZE = Shape(
    Size,
    id=at("slices", str),
    name=at("slices", lambda count: f"{count} node{'s' * (count > 1)}"),
    ram=at("slices", lambda count: 256 * count),
    disk=at("slices", lambda count: 10 * count),
    bandwidth=at("slices", lambda count: 250 * count),
)


class VPSNet(Namesakes, PowerControl):
    """Needs the account's e-mail address and an API key.

    Capacity is bought as VPS.net's own "nodes" of 256 MB, and a machine is made of some that are free: its size is
    their number. A machine has a full name beside its label: to a label without dots, `ex_domain` is added for it.
    """

    provider = "vpsnet"
    title = "VPS.net"
    website = "https://www.vps.net/"
    protocol = "VPS.net API 1.0, JSON"
    features = frozenset({"generates_password"})
    states = {"power_action_pending": ACTION, "running": RUNNING}
    api = Api(base_url="https://api.vps.net", errors=ERRORS, headers={"Accept": "application/json"})

    def __init__(
        self,
        email: str,
        api_key: str | Secret | None = None,
        *,
        ex_domain: str = "example.com",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self._expect("text", str, email=email, ex_domain=ex_domain)
        self.ex_domain = ex_domain
        pair = f"{email}:{self.secret(api_key, 'api_key').reveal()}"
        login = self.secret(b64encode(pair.encode()).decode(), "api_key")
        self.http = self.connect(auth=HeaderAuth("Authorization", "Basic ", login))

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All machines, or those in one cloud."""

        async def nodes() -> list[Node]:
            found = await self.http.list(_path("virtual_machines"), _inside("virtual_machine", NODE))
            return [node for node in found if location is None or node.location == id_of(location)]

        return Pager.of(nodes)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The templates of all clouds, or of one: each cloud has its own."""

        async def images() -> list[Image]:
            templates = [
                {**template, "cloud": {"id": cloud.get("id"), "label": cloud.get("label")}}
                for cloud in await self._clouds(raw)
                for template in cloud.get("system_templates") or ()
            ]
            found = [self.http.read(IMAGE, template) for template in templates]
            return [image for image in found if location is None or image.location == id_of(location)]

        return Pager.of(images)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """Machines of one node up to eighteen. The API tells no prices; `ex_list_capacity` shows what is paid for."""
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            every = [self.http.read(SIZE, {"slices": count}) for count in range(1, LARGEST + 1)]
            return [replace(size, location=where) for size in every]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The clouds. Their countries are guessed from their names."""
        return self._clouds(LOCATION)

    def _clouds(self, shape: Any) -> Pager[Any]:
        return self.http.list(_path("available_clouds"), _inside("cloud", shape))

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The machine as it is now."""
        return await self.http.get(_path("virtual_machines", node), NODE, item="virtual_machine")

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
        ex_fqdn: str | None = None,
        ex_backups: bool = False,
        ex_storage_nodes: int | None = None,
        ex_ram_nodes: int | None = None,
        ex_consumer_id: int | None = None,
    ) -> Node:
        """Make a machine of nodes that are free. See `Compute.create_node`.

        A machine can carry no mark: if the answer is lost, the one of that name that was not there before is taken for
        ours. Root's password is made there, and stands in `node.password`.
        ex_fqdn           its full name, where that is not the label
        ex_backups        daily backups, which cost more
        ex_storage_nodes, ex_ram_nodes  how many nodes that are only storage, or memory, to add
        ex_consumer_id    the customer of yours for whom it is
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        wanted = {
            "label": name,
            "fqdn": ex_fqdn or (name if "." in name else f"{name}.{self.ex_domain}"),
            "system_template_id": _number(image, "image"),
            "cloud_id": await self._cloud(image, location),
            "slices_required": _number(size, "size"),
            "backups_enabled": ex_backups,
            "rsync_backups_enabled": False,
            "r1_soft_backups_enabled": False,
            "storage_nodes_required": ex_storage_nodes,
            "ram_nodes_required": ex_ram_nodes,
            "consumer_id": ex_consumer_id,
        }
        body = {"virtual_machine": {key: value for key, value in wanted.items() if value is not None}}

        async def send() -> Node:
            made = await self.http.call("POST", _path("virtual_machines"), json=body)
            return replace(self._with_password(dig(made, "virtual_machine")), state=NodeState.PENDING)

        return await self._made_once(name, send)

    async def _called(self, name: str) -> list[Node]:
        machines = await self.http.list(_path("virtual_machines"), _inside("virtual_machine", raw))
        return [self._with_password(machine) for machine in machines if machine.get("label") == name]

    def _with_password(self, machine: Any) -> Node:
        """A new machine. The API goes on telling its password, which is no reason to do the same."""
        node = self.http.read(NODE, machine)
        password = dig(machine, "password")
        return replace(node, password=self.secret(password, "password")) if password else node

    async def _cloud(self, image: Image | str, location: Location | str | None) -> int:
        """The number of the cloud that was named, or else of the one whose template the image is."""
        place = location if location is not None else self.region
        if isinstance(place, Location | str):
            return _number(place, "location")
        if isinstance(image, Image) and image.location:
            return _number(image.location, "location")
        for known in await self.list_images():
            if known.id == id_of(image):
                return _number(known.location or "", "location")
        raise NotFoundError(f"no cloud has an image {id_of(image)!r}", provider=self.provider, account=self.account)

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 600.0) -> None:
        """Switch the machine off and delete it. Its nodes are free again, and go on costing as much.

        VPS.net deletes only what is off: that is waited for, up to `ex_wait` seconds; then ConflictError is raised.
        """
        patience = anyio.current_time() + ex_wait
        while (seen := await self.get_node(node)).state is not NodeState.STOPPED:
            if anyio.current_time() > patience:
                message = f"machine {seen.id} is {seen.state} after {ex_wait:g} s, and only one that is off is deleted"
                raise ConflictError(message, provider=self.provider, account=self.account)
            if seen.state is not NodeState.PENDING:
                await self.stop_node(node, ex_hard=True)
            await anyio.sleep(2.0)
        await self.http.call("DELETE", _path("virtual_machines", node))

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system."""
        await self._act(node, "reboot", idempotent=False)

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self._act(node, "power_on")

    async def stop_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Shut it down, or with `ex_hard` cut its power. It goes on costing as much."""
        await self._act(node, "power_off" if ex_hard else "shutdown")

    async def _act(self, node: Node | str, action: str, *, idempotent: bool = True) -> None:
        await self.http.call("POST", _path("virtual_machines", node, action), json={}, idempotent=idempotent)

    # ---- what only VPS.net has ----

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Let it consist of that many nodes."""
        body = {"virtual_machine": {"slices_required": _number(size, "size")}}
        await self.http.call("PUT", _path("virtual_machines", node), json=body)

    async def ex_rebuild_node(self, node: Node | str) -> None:
        """Install its template anew; its disk is lost."""
        await self._act(node, "rebuild", idempotent=False)

    def ex_list_capacity(self) -> Pager[Mapping[str, Any]]:
        """The nodes that are paid for; those whose `virtual_machine_id` is None are free."""
        return self.http.list(_path("nodes"), _inside("slice", raw))

    async def ex_buy_capacity(self, quantity: int) -> None:
        """Buy so many nodes more. This costs money at once; a request whose answer is lost is not repeated."""
        await self.http.call("POST", _path("nodes"), json={"quantity": quantity})

    async def ex_release_capacity(self, capacity_id: int) -> None:
        """Give a free node back, by its id."""
        await self.http.call("DELETE", _path("nodes", str(capacity_id)))


def _path(*parts: Node | str) -> str:
    """The path to a resource: the version and the format stand at its end.

    >>> _path("virtual_machines", "1384", "reboot")
    '/virtual_machines/1384/reboot.api10json'
    """
    return "/" + "/".join(map(segment, parts)) + ".api10json"


def _number(thing: Size | Image | Location | str, what: str) -> int:
    text = id_of(thing)
    if not text.isdecimal():
        raise ConfigurationError(f"vpsnet's ids are numbers: there is no {what} {text!r}")
    return int(text)
