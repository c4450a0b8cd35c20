"""Exoscale in miniature: API v2, a host for each zone, signed requests, operations that end later."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle, islice
from typing import Any, TypeAlias
from uuid import UUID

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.sshkeys import fingerprint
from aiocloud.values import Secret

Json: TypeAlias = dict[str, Any]

ZONES = ("ch-gva-2", "ch-dk-2", "at-vie-1", "at-vie-2", "de-fra-1", "de-muc-1", "bg-sof-1", "hr-zag-1")
GIB = 2**30
TYPES = {  # id: size, cores, bytes
    "71004023-bb72-4a97-b1e9-bc66dfce9470": ("micro", 1, GIB // 2),
    "b6cd1ff5-3a2f-4e9d-a4d1-8988c1191fe8": ("tiny", 1, GIB),
    "21624abb-764e-4def-81d7-9fc54b5957fb": ("small", 2, 2 * GIB),
    "b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844": ("medium", 2, 4 * GIB),
    "c6f99499-7f59-4138-9427-a09db13af2bc": ("large", 4, 8 * GIB),
    "350dc5ea-fe6d-42ba-b6c0-efb8b75617ad": ("extra-large", 4, 16 * GIB),
}
NOT_EVERYWHERE = {"350dc5ea-fe6d-42ba-b6c0-efb8b75617ad": ("hr-zag-1",)}
NEEDS_PERMISSION = "c6f99499-7f59-4138-9427-a09db13af2bc"
TEMPLATES = {  # id: name, family, version, default user, GiB
    "e0a5ddef-0000-4000-8000-000000000001": ("Linux Debian 12 (Bookworm) 64-bit", "debian", "12", "debian", 10),
    "e0a5ddef-0000-4000-8000-000000000002": ("Linux Ubuntu 24.04 LTS 64-bit", "ubuntu", "24.04", "ubuntu", 10),
    "e0a5ddef-0000-4000-8000-000000000003": ("Windows Server 2022", "windows", "2022", "Administrator", 50),
}
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
HOST = re.compile(r"api-(?P<zone>[a-z0-9-]+)\.exoscale\.com")
ID = re.compile(r"^(/[^/]+)/[^/:]+")
KEY_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")
USER_DATA = 32768


class RefusedError(Exception):
    """The API's no: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


def _absent(what: str = "resource") -> RefusedError:
    return RefusedError(404, f"{what} not found")


@dataclass(slots=True, kw_only=True)
class Instance:
    """A machine. `asked` is the body of the request that made it."""

    id: str
    name: str
    zone: str
    type: str
    template: str
    disk: int
    address: str
    created: datetime
    asked: Json = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    phases: Phases = field(default_factory=lambda: Phases("running"))
    installed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Work that ends at `due`, in success unless `failure` holds a reason and a message."""

    id: str
    due: datetime
    about: str
    command: str
    failure: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, understood."""

    zone: str
    ids: tuple[str, ...]
    query: Mapping[str, str]
    body: Json

    def needed(self, name: str) -> Any:
        """A field without which nothing can be done."""
        if self.body.get(name) in (None, ""):
            raise RefusedError(400, f"Invalid request: missing field: {name}")
        return self.body[name]


class ExoscaleSimulator(Simulator):
    """An account at Exoscale, with the same key in all zones.

    The host that a request is sent to names its zone; where it is none of Exoscale's, that is `zone`. A key whose role
    forbids something is had by `forbidden`, shell words that operations begin with ("POST /instance").
    """

    provider = "exoscale"
    endpoint = "https://api-ch-gva-2.exoscale.com/v2"
    creates = "POST /instance"
    proof = "secret"
    unknown_node = "0c0ffee0-0000-4000-8000-999999999999"
    unpaged = len(ZONES) + 1  # the zones, and each of them
    facts = (
        "Zones and what answers hold are those of the API's description in Exoscale's Python client 0.16.4, types those"
        " that clients list; templates and the words of refusals are invented, and there are no prices in this API."
    )

    def __init__(
        self,
        *,
        key: str = "EXO11aa22bb33cc44dd",
        secret: str = "quay-secret-of-geneva",  # noqa: S107 - opens nothing
        zone: str = ZONES[0],
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._key, self._secret, self._zone = key, secret, zone
        self.instances: dict[str, Instance] = {}
        self.operations: dict[str, Operation] = {}
        self.keys: dict[str, str] = {}
        self.elastic: dict[str, tuple[str, Json]] = {}
        self.groups: dict[str, Json] = {}
        self.quota = 10_000
        self.forbidden: list[str] = []
        self._ids, self._addresses = count(1), count(0xC6120000 + 1)  # 198.18/15, which is nobody's
        default = self.new_id("5e")
        self.groups[default] = {"id": default, "name": "default", "rules": []}

    @property
    def credentials(self) -> Mapping[str, str]:
        """The key and its secret."""
        return {"key": self._key, "secret": self._secret}

    def nodes(self) -> Iterable[Instance]:
        """The instances."""
        return [each for each in list(self.instances.values()) if self.state(each) != "gone"]

    def addresses(self, node: Instance) -> list[str]:
        """Its one address, if it has one, while it is there."""
        there = self.instances.get(node.id) is node and self.state(node) not in ("destroying", "gone")
        return [node.address] if there and node.asked.get("public-ip-assignment") != "none" else []

    def machine(self, node: Instance) -> Machine:
        """An instance, as its SSH server knows it."""
        data = node.asked.get("user-data")
        return Machine(
            id=node.id,
            name=node.name,
            running=self.state(node) == "running",
            users=("root", TEMPLATES[node.template][3]),
            keys=tuple(node.keys.values()),
            user_data=base64.b64decode(data) if data else None,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """So many running instances, spread over the zones, two by two: served on loopback, it has just the first."""
        places = zip(cycle(zone for zone in ZONES for _ in range(2)), cycle(TYPES), strict=False)
        for number, (zone, kind) in enumerate(islice(places, count), len(self.instances) + 1):
            self._place(f"quay-{number}", zone, kind, next(iter(TEMPLATES)), 10, BEFORE)

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open: "PUT /instance/{id}:stop"."""
        path = ID.sub(r"\1/{id}", _path(request))
        return f"{request.method} {path}"

    def answer(self, request: Request) -> Response:
        """Check the signature, find the route, do it."""
        try:
            self._authenticate(request)
            name = self.operation(request)
            if any(name.startswith(each) for each in self.forbidden):
                raise RefusedError(403, "Forbidden by role policy for compute - A deny rule matched. Rule index: 0")
            if name not in ROUTES:
                raise _absent("path")
            return _reply(200, ROUTES[name](self, self._understood(request)))
        except RefusedError as error:
            return _reply(error.status, {"message": error.message})

    def throttled(self, request: Request, retry_after: float) -> Response:
        """No limit is documented: the usual answer."""
        return _reply(429, {"message": "Too many requests"}, {"Retry-After": f"{retry_after:g}"})

    def no_capacity(self, request: Request) -> Response:
        """The operation is accepted, and fails; a broken instance stays."""
        operation = _create(self, self._understood(request), room=False)
        return _reply(200, operation)

    # ---- the door ----

    def _understood(self, request: Request) -> Call:
        found = HOST.fullmatch(request.url.host or "")
        zone = found["zone"] if found else self._zone
        if zone not in ZONES:
            raise _absent("zone")
        ids = tuple(each[1:] for each in re.findall(r"/[^/:]+", _path(request))[1::2])
        return Call(zone=zone, ids=ids, query=request.url.query, body=_body(request.body))

    def _authenticate(self, request: Request) -> None:
        kind, _, rest = request.headers.get("Authorization", "").partition(" ")
        given = dict(part.partition("=")[::2] for part in rest.split(","))
        expires = given.get("expires", "")
        names = given["signed-query-args"].split(";") if given.get("signed-query-args") else []
        query = "".join(request.url.query.get(name, "") for name in names)
        lines = [
            f"{request.method} {request.url.raw_path}".encode(),
            request.body,
            query.encode(),
            b"",
            expires.encode(),
        ]
        digest = hmac.new(self._secret.encode(), b"\n".join(lines), hashlib.sha256).digest()
        right = hmac.compare_digest(base64.b64encode(digest), given.get("signature", "").encode())
        if kind != "EXO2-HMAC-SHA256" or given.get("credential") != self._key or not right:
            raise RefusedError(403, "Invalid API key or signature")
        if not expires.isdecimal() or int(expires) < self.now().timestamp():
            raise RefusedError(403, "The signature has expired")

    # ---- the world ----

    def new_id(self, kind: str = "11") -> str:
        """An id that nothing has had yet."""
        return f"{kind}000000-0000-4000-8000-{next(self._ids):012x}"

    def state(self, instance: Instance) -> str:
        """What an observer sees; one that has gone is forgotten."""
        state = instance.phases.seen(self.now())
        if state == "gone":
            self.instances.pop(instance.id, None)
        return state

    def find(self, call: Call) -> Instance:
        """The instance of that id in that zone."""
        _uuid(call.ids[0])
        found = self.instances.get(call.ids[0])
        if found is None or found.zone != call.zone or self.state(found) == "gone":
            raise _absent("instance")
        return found

    def begin(self, command: str, about: str, seconds: float = 0.0, failure: tuple[str, str] | None = None) -> Json:
        """A new operation, as the API shows it."""
        new, due = self.new_id("09"), self.after(seconds)
        begun = self.operations[new] = Operation(id=new, due=due, about=about, command=command, failure=failure)
        return self.show_operation(begun)

    def show_operation(self, operation: Operation) -> Json:
        """An operation as the API shows it."""
        kind = operation.command.partition("-")[2] or operation.command
        reference = {"id": operation.about, "link": f"/v2/{kind}/{operation.about}", "command": f"get-{kind}"}
        shown: Json = {"id": operation.id, "state": "pending", "reference": reference}
        if self.now() < operation.due:
            return shown
        if operation.failure is None:
            return shown | {"state": "success"}
        reason, message = operation.failure
        return shown | {"state": "failure", "reason": reason, "message": message}

    def _place(self, name: str, zone: str, kind: str, template: str, disk: int, at: datetime) -> Instance:
        new, number = self.new_id(), next(self._addresses)
        address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        instance = self.instances[new] = Instance(
            id=new, name=name, zone=zone, type=kind, template=template, disk=disk, address=address, created=at
        )
        return instance

    def create(self, call: Call) -> Instance:
        """An instance of what its zone has."""
        kind, template = _reference(call.needed("instance-type")), _reference(call.needed("template"))
        disk, data = call.needed("disk-size"), call.body.get("user-data") or ""
        if kind not in TYPES or call.zone in NOT_EVERYWHERE.get(kind, ()):
            raise _absent("instance type")
        if kind == NEEDS_PERMISSION:
            raise RefusedError(403, "Forbidden by role policy for compute: the instance type is not authorized")
        if template not in TEMPLATES:
            raise _absent("template")
        if not isinstance(disk, int) or not TEMPLATES[template][4] <= disk <= 51200:
            raise RefusedError(400, "Invalid request: disk-size is smaller than the template, or too large")
        if len(data) > USER_DATA:
            raise RefusedError(400, "Invalid request: user-data is too long")
        if len(self.instances) >= self.quota:
            raise RefusedError(403, "The quota of instances is exceeded")
        unknown = [each["name"] for each in call.body.get("ssh-keys", ()) if each["name"] not in self.keys]
        if unknown:
            raise _absent(f"SSH key {unknown[0]}")
        made = self._place(call.body.get("name") or "vm", call.zone, kind, template, disk, self.now())
        made.asked, made.labels = call.body, dict(call.body.get("labels") or {})
        made.keys = {each["name"]: self.keys[each["name"]] for each in call.body.get("ssh-keys", ())}
        return made

    def show(self, instance: Instance, *, whole: bool) -> Json:
        """An instance as a list shows it, or by itself."""
        state, asked = self.state(instance), instance.asked
        assignment = asked.get("public-ip-assignment", "inet4")
        shown: Json = {
            "id": instance.id,
            "name": instance.name,
            "state": state,
            "created-at": instance.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "instance-type": {"id": instance.type},
            "template": {"id": instance.template},
            "labels": instance.labels,
            "public-ip-assignment": assignment,
            "ssh-keys": [{"name": name} for name in instance.keys],
            "security-groups": asked.get("security-groups") or [{"id": next(iter(self.groups))}],
        }
        if assignment != "none":
            shown["public-ip"] = instance.address
        if assignment == "dual":
            shown["ipv6-address"] = f"2001:db8::{int(instance.id[-4:], 16):x}"
        if whole:
            shown["disk-size"] = instance.disk
        if whole and asked.get("user-data"):
            shown["user-data"] = asked["user-data"]
        return shown

    def work(self, call: Call, command: str, during: str, then: str, *, on: Iterable[str], share: float = 0.2) -> Json:
        """Work on an instance that is in one of these states."""
        instance = self.find(call)
        if self.state(instance) not in on:
            return self.begin(command, instance.id, 0.0, ("conflict", f"The instance is {self.state(instance)}"))
        instance.phases.begin(during, then=then, at=self.after(self.boot * share))
        return self.begin(command, instance.id, self.boot * share)


# ---- what can be asked ----

Route: TypeAlias = Callable[[ExoscaleSimulator, Call], Json]


def _zones(world: ExoscaleSimulator, call: Call) -> Json:
    return {
        "zones": [
            {"name": zone, "api-endpoint": f"https://api-{zone}.exoscale.com/v2", "sos-endpoint": ""} for zone in ZONES
        ]
    }


def _type(id_: str) -> Json:
    size, cpus, memory = TYPES[id_]
    zones = [zone for zone in ZONES if zone not in NOT_EVERYWHERE.get(id_, ())]
    fields = {"id": id_, "size": size, "family": "standard", "cpus": cpus, "memory": memory, "zones": zones}
    return fields | {"authorized": id_ != NEEDS_PERMISSION}


def _template(zone: str, id_: str) -> Json:
    name, family, version, user, size = TEMPLATES[id_]
    fields = {"id": id_, "name": name, "family": family, "version": version, "default-user": user}
    more = {"size": size * GIB, "visibility": "public", "boot-mode": "legacy", "ssh-key-enabled": True}
    return fields | more | {"zones": [zone], "created-at": "2026-01-01T00:00:00Z"}


def _templates(world: ExoscaleSimulator, call: Call) -> Json:
    public = call.query.get("visibility", "public") == "public"
    return {"templates": [_template(call.zone, id_) for id_ in TEMPLATES] if public else []}


def _one(what: str, known: Mapping[str, Any], show: Callable[[Call], Json]) -> Route:
    def one(world: ExoscaleSimulator, call: Call) -> Json:
        if call.ids[0] not in known:
            raise _absent(what)
        return show(call)

    return one


def _instances(world: ExoscaleSimulator, call: Call) -> Json:
    here = [each for each in world.nodes() if each.zone == call.zone]
    return {"instances": [world.show(each, whole=False) for each in here]}


def _create(world: ExoscaleSimulator, call: Call, *, room: bool = True) -> Json:
    made = world.create(call)
    if not room:
        made.phases.begin("starting", then="error", at=world.after(world.boot / 5))
        return world.begin("create-instance", made.id, world.boot / 5, ("unavailable", "No host has room for it"))
    begins = call.body.get("auto-start", True)
    made.phases.begin("starting", then="running" if begins else "stopped", at=world.after(world.boot))
    return world.begin("create-instance", made.id, world.boot)


def _update(world: ExoscaleSimulator, call: Call) -> Json:
    instance = world.find(call)
    instance.name = call.body.get("name", instance.name)
    if "labels" in call.body:
        instance.labels = dict(call.body["labels"] or {})
    return world.begin("update-instance", instance.id)


def _delete(world: ExoscaleSimulator, call: Call) -> Json:
    return world.work(call, "delete-instance", "destroying", "gone", on=("running", "stopped", "error", "starting"))


def _scale(world: ExoscaleSimulator, call: Call) -> Json:
    kind = _reference(call.needed("instance-type"))
    if kind not in TYPES:
        raise _absent("instance type")
    answer = world.work(call, "scale-instance", "stopped", "stopped", on=("stopped",))
    if answer["state"] != "failure":
        world.find(call).type = kind
    return answer


def _resize_disk(world: ExoscaleSimulator, call: Call) -> Json:
    instance = world.find(call)
    if call.needed("disk-size") <= instance.disk:
        raise RefusedError(400, "Invalid request: a disk can only grow")
    answer = world.work(call, "resize-instance-disk", "stopped", "stopped", on=("stopped",))
    if answer["state"] != "failure":
        instance.disk = call.body["disk-size"]
    return answer


def _reset(world: ExoscaleSimulator, call: Call) -> Json:
    instance = world.find(call)
    template = _reference(call.body.get("template") or {"id": instance.template})
    if template not in TEMPLATES:
        raise _absent("template")
    answer = world.work(call, "reset-instance", "starting", "running", on=("running", "stopped"), share=1.0)
    if answer["state"] != "failure":
        instance.template, instance.installed = template, instance.installed + 1
    return answer


def _password(world: ExoscaleSimulator, call: Call) -> Json:
    return {"password": Secret(f"tide-{world.find(call).id[-4:]}").reveal()}


def _operation(world: ExoscaleSimulator, call: Call) -> Json:
    if call.ids[0] not in world.operations:
        raise _absent("operation")
    return world.show_operation(world.operations[call.ids[0]])


def _key(world: ExoscaleSimulator, name: str) -> Json:
    if name not in world.keys:
        raise _absent("SSH key")
    return {"name": name, "fingerprint": fingerprint(world.keys[name])}


def _add_key(world: ExoscaleSimulator, call: Call) -> Json:
    name, key = call.needed("name"), call.needed("public-key")
    if not KEY_NAME.fullmatch(name):
        raise RefusedError(400, "Invalid request: name")
    try:
        fingerprint(key)
    except ValueError as error:
        raise RefusedError(400, f"Invalid request: public-key: {error}") from None
    if name in world.keys:
        raise RefusedError(409, f"SSH key {name} already exists")
    world.keys[name] = key
    return world.begin("register-ssh-key", world.new_id("55"))


def _delete_key(world: ExoscaleSimulator, call: Call) -> Json:
    _key(world, call.ids[0])
    del world.keys[call.ids[0]]
    return world.begin("delete-ssh-key", world.new_id("55"))


def _add_rule(world: ExoscaleSimulator, call: Call) -> Json:
    if call.ids[0] not in world.groups:
        raise _absent("security group")
    world.groups[call.ids[0]]["rules"].append({"id": world.new_id("5f"), **call.body})
    return world.begin("add-rule-to-security-group", call.ids[0])


def _elastic(world: ExoscaleSimulator, call: Call) -> Json:
    return {"elastic-ips": [each for zone, each in world.elastic.values() if zone == call.zone]}


def _add_elastic(world: ExoscaleSimulator, call: Call) -> Json:
    new = world.new_id("e1")
    world.elastic[new] = call.zone, {"id": new, "ip": f"198.19.255.{len(world.elastic) + 1}", **call.body}
    return world.begin("create-elastic-ip", new)


def _attach_elastic(world: ExoscaleSimulator, call: Call) -> Json:
    holder = _reference(call.needed("instance"))
    if call.ids[0] not in world.elastic or holder not in world.instances:
        raise _absent()
    return world.begin("attach-instance-to-elastic-ip", call.ids[0])


def _delete_elastic(world: ExoscaleSimulator, call: Call) -> Json:
    if world.elastic.pop(call.ids[0], None) is None:
        raise _absent("elastic IP")
    return world.begin("delete-elastic-ip", call.ids[0])


ROUTES: Mapping[str, Route] = {
    "GET /zone": _zones,
    "GET /instance-type": lambda world, call: {"instance-types": [_type(id_) for id_ in TYPES]},
    "GET /instance-type/{id}": _one("instance type", TYPES, lambda call: _type(call.ids[0])),
    "GET /template": _templates,
    "GET /template/{id}": _one("template", TEMPLATES, lambda call: _template(call.zone, call.ids[0])),
    "GET /instance": _instances,
    "POST /instance": _create,
    "GET /instance/{id}": lambda world, call: world.show(world.find(call), whole=True),
    "PUT /instance/{id}": _update,
    "DELETE /instance/{id}": _delete,
    "PUT /instance/{id}:start": lambda world, call: world.work(
        call, "start-instance", "starting", "running", on=("stopped",)
    ),
    "PUT /instance/{id}:stop": lambda world, call: world.work(
        call, "stop-instance", "stopping", "stopped", on=("running",)
    ),
    "PUT /instance/{id}:reboot": lambda world, call: world.work(
        call, "reboot-instance", "running", "running", on=("running",)
    ),
    "PUT /instance/{id}:scale": _scale,
    "PUT /instance/{id}:resize-disk": _resize_disk,
    "PUT /instance/{id}:reset": _reset,
    "GET /instance/{id}:password": _password,
    "GET /operation/{id}": _operation,
    "GET /ssh-key": lambda world, call: {"ssh-keys": [_key(world, name) for name in world.keys]},
    "POST /ssh-key": _add_key,
    "GET /ssh-key/{id}": lambda world, call: _key(world, call.ids[0]),
    "DELETE /ssh-key/{id}": _delete_key,
    "GET /security-group": lambda world, call: {"security-groups": list(world.groups.values())},
    "POST /security-group/{id}/rules": _add_rule,
    "GET /elastic-ip": _elastic,
    "POST /elastic-ip": _add_elastic,
    "PUT /elastic-ip/{id}:attach": _attach_elastic,
    "DELETE /elastic-ip/{id}": _delete_elastic,
    "GET /quota": lambda world, call: {
        "quotas": [{"resource": "instance", "usage": len(world.instances), "limit": world.quota}]
    },
}


def _path(request: Request) -> str:
    """The path behind /v2. Without it there is nothing."""
    path = request.url.path
    return path.removeprefix("/v2") if path.startswith("/v2/") else ""


def _uuid(text: str) -> None:
    try:
        UUID(text)
    except ValueError:
        raise RefusedError(400, "Invalid request: id is not a UUID") from None


def _reference(thing: Any) -> str:
    """The id in a reference to something else."""
    id_ = thing.get("id") if isinstance(thing, dict) else None
    if not isinstance(id_, str):
        raise RefusedError(400, "Invalid request: a reference without an id")
    _uuid(id_)
    return id_


def _body(text: bytes) -> Json:
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "Invalid request: the body is no JSON object")
    return body


def _reply(status: int, payload: Json, headers: Mapping[str, str] | None = None) -> Response:
    kind = {"Content-Type": "application/json", **(headers or {})}
    return Response(status=status, headers=headers_of(kind), body=json.dumps(payload).encode())
