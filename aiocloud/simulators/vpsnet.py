"""VPS.net in miniature: machines made of nodes that are paid for, in two clouds."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count, cycle, islice
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

Json: TypeAlias = dict[str, Any]

SUFFIX = ".api10json"
BEFORE = datetime(2010, 11, 3, tzinfo=UTC)
CLOUDS = {2: "USA VPS Cloud", 3: "UK VPS Cloud"}
TEMPLATES = {  # each cloud numbers its own
    2: {9: "Ubuntu 8.04 x64", 10: "CentOS 5.4 x86"},
    3: {29: "Ubuntu 8.04 x64", 30: "CentOS 5.4 x86"},
}
NODES_AT_FIRST = 64


class RejectedError(Exception):
    """The API's no: a status, and pairs of a field and what is wrong with it."""

    def __init__(self, status: int, *errors: tuple[str, str]) -> None:
        super().__init__(status, errors)
        self.status, self.errors = status, errors


@dataclass(slots=True, kw_only=True)
class VirtualMachine:
    """A machine."""

    id: int
    label: str
    fqdn: str
    cloud: int
    template: int
    address: str
    created: datetime
    asked: Json = field(default_factory=dict)
    phases: Phases = field(default_factory=lambda: Phases("on"))
    installed: int = 1


class VPSNetSimulator(Simulator):
    """An account at VPS.net. `virtual` are its machines, `capacity` its nodes: which machine has which, if any."""

    provider = "vpsnet"
    endpoint = "https://api.vps.net"
    creates = "POST /virtual_machines"
    proof = "api_key"
    as_of = date(2010, 11, 3)
    facts = (
        "The clouds and templates are those of 2010, as far as VPS.net's documentation shows them; it tells no prices."
    )

    def __init__(self, *, api_key: str = "k3yK3Yk3y==", **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self._login = "Basic " + b64encode(f"dev@example.net:{api_key}".encode()).decode()
        self.virtual: dict[int, VirtualMachine] = {}
        self.capacity: dict[int, int | None] = {}
        self._ids, self._addresses = count(5120), count(0xC6120000 + 1)  # 198.18/15, which is nobody's
        self.buy(NODES_AT_FIRST)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The account's address and key."""
        return {"email": "dev@example.net", "api_key": self._key}

    def nodes(self) -> Iterable[VirtualMachine]:
        """The machines."""
        return self.virtual.values()

    def addresses(self, node: VirtualMachine) -> list[str]:
        """Its one address, from when it is set up."""
        there = self.virtual.get(node.id) is node and node.phases.seen(self.now()) != "building"
        return [node.address] if there else []

    def machine(self, node: VirtualMachine) -> Machine:
        """A machine, as its SSH server knows it."""
        return Machine(
            id=str(node.id),
            name=node.label,
            running=node.phases.seen(self.now()) == "on",
            password=_password(node),
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """So many running machines of one node each, and the nodes for them."""
        for number, cloud in enumerate(islice(cycle(CLOUDS), count), 1):
            (bought,) = self.buy(1)
            machine = self._place(f"quay-{number}", "example.net", cloud, min(TEMPLATES[cloud]), BEFORE)
            self.capacity[bought] = machine.id

    def operation(self, request: Request) -> str:
        """The method and the path, its ids left open and without the suffix."""
        path = request.url.path.removesuffix(SUFFIX)
        return f"{request.method} {re.sub('/[0-9]+(?=/|$)', '/{id}', path)}"

    def answer(self, request: Request) -> Response:
        """Check the key, find the route, do it."""
        if request.headers.get("Authorization") != self._login:
            return Response(status=406, body=b" ")
        route = ROUTES.get(self.operation(request)) if request.url.path.endswith(SUFFIX) else None
        ids = [int(each) for each in re.findall("/([0-9]+)(?=[/.])", request.url.path)]
        try:
            if route is None:
                raise RejectedError(404)
            return _reply(200, route(self, ids, _body(request.body)))
        except RejectedError as error:
            return _reply(error.status, {"errors": [list(pair) for pair in error.errors]})

    def throttled(self, request: Request, retry_after: float) -> Response:
        """No limit is documented: a gateway's usual answer."""
        return Response(status=429, headers=headers_of({"Retry-After": f"{retry_after:g}"}))

    def no_capacity(self, request: Request) -> Response:
        """The account has too few nodes; the words are a guess."""
        return _reply(422, {"errors": [["base", NOT_ENOUGH]]})

    # ---- the world ----

    def find(self, id_: int) -> VirtualMachine:
        """The machine of that number."""
        if id_ not in self.virtual:
            raise RejectedError(404)
        return self.virtual[id_]

    def new_id(self) -> int:
        """A number that nothing has had yet."""
        return next(self._ids)

    def buy(self, quantity: int) -> list[int]:
        """Nodes for machines to consist of; their ids."""
        bought = [self.new_id() for _ in range(quantity)]
        self.capacity.update(dict.fromkeys(bought))
        return bought

    def _place(self, label: str, domain: str, cloud: int, template: int, at: datetime) -> VirtualMachine:
        new, number = self.new_id(), next(self._addresses)
        address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        machine = self.virtual[new] = VirtualMachine(
            id=new, label=label, fqdn=f"{label}.{domain}", cloud=cloud, template=template, address=address, created=at
        )
        return machine

    def take(self, machine: int | None, quantity: int) -> list[int]:
        """So many free nodes."""
        free = [each for each, holder in self.capacity.items() if holder is None or holder == machine]
        if quantity < 1 or len(free) < quantity:
            raise RejectedError(422, ("slices_required", NOT_ENOUGH))
        return free[:quantity]

    def give(self, machine: int, nodes: Iterable[int]) -> None:
        """Let a machine consist of these nodes."""
        for each, holder in self.capacity.items():
            if holder == machine:
                self.capacity[each] = None
        for each in nodes:
            self.capacity[each] = machine

    def create(self, asked: Json) -> VirtualMachine:
        """A machine of a template that its cloud has."""
        cloud, template = asked.get("cloud_id", 0), asked.get("system_template_id", 0)
        wrong = [(word, "can't be blank") for word in ("label", "fqdn") if not asked.get(word)]
        if template not in TEMPLATES.get(cloud, ()):
            wrong.append(("system_template_id", "is not available in this cloud"))
        if wrong:
            raise RejectedError(422, *wrong)
        nodes = self.take(None, asked.get("slices_required", 1))
        machine = self._place(asked["label"], "", cloud, template, self.now())
        machine.fqdn, machine.asked = asked["fqdn"], asked
        self.give(machine.id, nodes)
        machine.phases.begin("building", then="on", at=self.after(self.boot))
        return machine

    def begin(self, machine: VirtualMachine, during: str, then: str) -> Json:
        """Work on a machine, which must be idle."""
        if machine.phases.seen(self.now()) not in ("on", "off"):
            raise RejectedError(422, ("base", "There is a pending power action"))
        machine.phases.begin(during, then=then, at=self.after(self.boot / 5))
        return self.show(machine)

    def show(self, machine: VirtualMachine, held: int | None = None) -> Json:
        """A machine as the API shows it; `held` is the number of its nodes, if it was counted already."""
        state = machine.phases.seen(self.now())
        hostname, _, domain = machine.fqdn.partition(".")
        fields = {
            "id": machine.id,
            "label": machine.label,
            "hostname": hostname,
            "domain_name": domain,
            "cloud_id": machine.cloud,
            "system_template_id": machine.template,
            "running": None if state == "building" else state in ("on", "stopping", "rebooting"),
            "power_action_pending": state not in ("on", "off"),
            "password": _password(machine).reveal(),
            "slices_count": Counter(self.capacity.values())[machine.id] if held is None else held,
            "backups_enabled": bool(machine.asked.get("backups_enabled")),
            "consumer_id": machine.asked.get("consumer_id", 0),
            "primary_ip_address": next(iter(self.addresses(machine)), None),
            "created_at": machine.created.isoformat(timespec="seconds"),
            "updated_at": machine.created.isoformat(timespec="seconds"),
        }
        return {"virtual_machine": fields}


NOT_ENOUGH = "You do not have enough free nodes"

# ---- what can be asked ----

Route: TypeAlias = Callable[[VPSNetSimulator, list[int], Json], Any]


def _machines(world: VPSNetSimulator, ids: list[int], body: Json) -> list[Json]:
    held = Counter(world.capacity.values())
    return [world.show(each, held[each.id]) for each in world.virtual.values()]


def _create(world: VPSNetSimulator, ids: list[int], body: Json) -> Json:
    return world.show(world.create(body.get("virtual_machine") or {}))


def _update(world: VPSNetSimulator, ids: list[int], body: Json) -> Json:
    machine, change = world.find(ids[0]), body.get("virtual_machine") or {}
    if "slices_required" in change:
        world.give(machine.id, world.take(machine.id, change["slices_required"]))
    machine.label = change.get("label", machine.label)
    return world.show(machine)


def _delete(world: VPSNetSimulator, ids: list[int], body: Json) -> None:
    machine = world.find(ids[0])
    if machine.phases.seen(world.now()) != "off":
        raise RejectedError(403)
    world.give(machine.id, ())
    del world.virtual[machine.id]


def _action(during: str, then: str) -> Route:
    return lambda world, ids, body: world.begin(world.find(ids[0]), during, then)


def _rebuild(world: VPSNetSimulator, ids: list[int], body: Json) -> Json:
    machine = world.find(ids[0])
    shown = world.begin(machine, "building", "on")
    machine.installed += 1
    return shown


def _clouds(world: VPSNetSimulator, ids: list[int], body: Json) -> list[Json]:
    return [
        {
            "cloud": {
                "id": id_,
                "label": label,
                "system_templates": [_template(*each) for each in TEMPLATES[id_].items()],
            }
        }
        for id_, label in CLOUDS.items()
    ]


def _template(id_: int, label: str) -> Json:
    return {"id": id_, "label": label}


def _capacity(world: VPSNetSimulator, ids: list[int], body: Json) -> list[Json]:
    rows = world.capacity.items()
    return [{"slice": {"id": id_, "virtual_machine_id": holder, "consumer_id": 0}} for id_, holder in rows]


def _buy(world: VPSNetSimulator, ids: list[int], body: Json) -> list[Json]:
    world.buy(body.get("quantity", 1))
    return _capacity(world, ids, body)


def _release(world: VPSNetSimulator, ids: list[int], body: Json) -> None:
    if ids[0] not in world.capacity:
        raise RejectedError(404)
    if world.capacity[ids[0]] is not None:
        raise RejectedError(422, ("base", "The node is in use"))
    del world.capacity[ids[0]]


ROUTES: Mapping[str, Route] = {
    "GET /virtual_machines": _machines,
    "POST /virtual_machines": _create,
    "GET /virtual_machines/{id}": lambda world, ids, body: world.show(world.find(ids[0])),
    "PUT /virtual_machines/{id}": _update,
    "DELETE /virtual_machines/{id}": _delete,
    "POST /virtual_machines/{id}/reboot": _action("rebooting", "on"),
    "POST /virtual_machines/{id}/power_on": _action("starting", "on"),
    "POST /virtual_machines/{id}/power_off": _action("stopping", "off"),
    "POST /virtual_machines/{id}/shutdown": _action("stopping", "off"),
    "POST /virtual_machines/{id}/rebuild": _rebuild,
    "GET /available_clouds": _clouds,
    "GET /nodes": _capacity,
    "POST /nodes": _buy,
    "DELETE /nodes/{id}": _release,
}


def _password(machine: VirtualMachine) -> Secret:
    return Secret(f"vps-{machine.id:x}-tide")


def _body(text: bytes) -> Json:
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RejectedError(422, ("base", "The request is not valid JSON"))
    return body


def _reply(status: int, payload: Any) -> Response:
    headers = headers_of({"Content-Type": "application/json"})
    return Response(status=status, headers=headers, body=b"" if payload is None else json.dumps(payload).encode())
