"""Vultr in miniature: API v2, https://docs.vultr.com/api.

"Invalid API token." and the statuses are Vultr's own; where no record of a refusal was found, the words are ours.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from itertools import count, cycle, islice
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

Json: TypeAlias = dict[str, Any]

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
FIRST_IPV4 = int(IPv4Address("198.18.0.1"))  # nobody's: for measuring
FIRST_IPV6 = int(IPv6Address("2001:db8::100"))
REGIONS = {
    "ams": ("Amsterdam", "NL", "Europe"),
    "ewr": ("New Jersey", "US", "North America"),
    "fra": ("Frankfurt", "DE", "Europe"),
    "lhr": ("London", "GB", "Europe"),
    "nrt": ("Tokyo", "JP", "Asia"),
    "ord": ("Chicago", "US", "North America"),
    "sao": ("São Paulo", "BR", "South America"),
    "sgp": ("Singapore", "SG", "Asia"),
    "syd": ("Sydney", "AU", "Australia"),
}
ALL = tuple(REGIONS)
# vCPUs, MiB, GB of disk, GB of traffic, invented USD a month, and where
PLANS = {
    "vc2-1c-0.5gb-v6": (1, 512, 10, 512, 2.5, ("ewr",)),
    "vc2-1c-1gb": (1, 1024, 25, 1024, 5, ALL),
    "vc2-1c-2gb": (1, 2048, 55, 2048, 10, ALL),
    "vc2-2c-4gb": (2, 4096, 80, 3072, 20, ALL),
    "vc2-4c-8gb": (4, 8192, 160, 4096, 40, ALL),
    "vhf-1c-2gb": (1, 2048, 64, 2048, 12, ("ams", "ewr", "fra", "nrt")),
    "vhp-1c-2gb-amd": (1, 2048, 50, 3072, 12, ("ams", "ewr", "ord", "syd")),
}
DEARER = {"sao": 1.5}
SYSTEMS = {
    2284: ("Ubuntu 24.04 LTS x64", "ubuntu"),
    1743: ("Ubuntu 22.04 LTS x64", "ubuntu"),
    2136: ("Debian 12 x64 (bookworm)", "debian"),
    2625: ("Debian 13 x64 (trixie)", "debian"),
    159: ("Custom", "iso"),
    164: ("Snapshot", "snapshot"),
    180: ("Backup", "backup"),
    186: ("Application", "application"),
}
SNAPSHOT = 164
# The three fields that make up the state, as they are meanwhile.
FIELDS = {
    "installing": ("pending", "running", "none"),
    "booting": ("active", "running", "installingbooting"),
    "running": ("active", "running", "ok"),
    "stopped": ("active", "stopped", "ok"),
    "restarting": ("active", "running", "locked"),
    "resizing": ("resizing", "running", "locked"),
}
BUSY = frozenset({"installing", "resizing"})
MOST_TAGS = 50
KEY = re.compile(r"(ssh-(rsa|ed25519)|ecdsa-sha2-\S+) [A-Za-z0-9+/]{16,}={0,3}( .*)?")


class RefusedError(Exception):
    """The API's no: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def response(self) -> Response:
        """The answer."""
        return _reply(self.status, {"error": self.message, "status": self.status})


@dataclass(slots=True, kw_only=True)
class Instance:
    """A virtual machine, as long as it is there."""

    id: str
    label: str
    region: str
    plan: str
    os_id: int
    created: datetime
    ipv4: str
    ipv6: str | None = None
    hostname: str = "vultr"
    tags: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    password: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(12)))
    user_data: bytes | None = None
    firewall: str = ""
    phases: Phases = field(default_factory=lambda: Phases("running"))
    installed: int = 1


class VultrSimulator(Simulator):
    """An account at Vultr.

    `instances`, `keys`, `snapshots` and `reserved` hold what is in it. `sold_out` holds pairs of a plan and a region;
    `most` is how many instances the account may have.
    """

    provider = "vultr"
    endpoint = "https://api.vultr.com/v2"
    creates = "POST /instances"
    proof = "api_key"
    unknown_node = "00000000-0000-4000-8000-000000000000"
    facts = (
        "Regions, plans and systems bear Vultr's names and sizes of 2026, as far as they are here; no prices are told, "
        "since none here would be Vultr's."
    )

    def __init__(self, *, api_key: str = "HARBOURKEY7QX2MZ5D4T", invented_prices: bool = False, **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self.invented_prices = invented_prices
        self.instances: dict[str, Instance] = {}
        self.keys: dict[str, Json] = {}
        self.snapshots: dict[str, Json] = {}
        self.reserved: dict[str, Json] = {}
        self.sold_out: set[tuple[str, str]] = set()
        self.most: int | None = None
        self._numbers = count(1)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API key."""
        return {"api_key": self._key}

    def nodes(self) -> Iterable[Instance]:
        """The instances that are there."""
        return self.instances.values()

    def addresses(self, node: Instance) -> list[str]:
        """Its addresses."""
        reserved = [row["subnet"] for row in self.reserved.values() if row["instance_id"] == node.id]
        return [each for each in (node.ipv4, node.ipv6, *reserved) if each]

    def machine(self, node: Instance) -> Machine:
        """An instance, as its SSH server knows it."""
        return Machine(
            id=node.id,
            name=node.hostname,
            running=node.phases.seen(self.now()) == "running",
            keys=tuple(node.keys),
            password=node.password,
            user_data=node.user_data,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """So many running instances, of all plans and in all regions that have them."""
        sorts = [(plan, place) for plan, row in PLANS.items() for place in row[5]]
        for number, (plan, place) in enumerate(islice(cycle(sorts), count), 1):
            self.place(f"quay-{number}", place, plan, 2136, BEFORE)

    def operation(self, request: Request) -> str:
        """The method and the path, its ids left open."""
        path = re.sub(r"/[0-9a-f]{8}-[0-9a-f-]{27}", "/{id}", self._path(request))
        return f"{request.method} {path}"

    def answer(self, request: Request) -> Response:
        """Find the route, check the key where one is needed or given, do it."""
        try:
            for method, pattern, public, route in ROUTES:
                if method == request.method and (found := re.fullmatch(pattern, self._path(request))):
                    self._admitted(request, public)
                    status, payload = route(self, Call(request, found.groups()))
                    return _reply(status, payload)
            raise RefusedError(404, "Invalid path.")
        except RefusedError as error:
            return error.response()

    def throttled(self, request: Request, retry_after: float) -> Response:
        """The API's answer to too many requests; it names no time."""
        return RefusedError(429, "Rate limit reached - please try your request again later.").response()

    def no_capacity(self, request: Request) -> Response:
        """The API's answer where a plan is sold out; the words are ours."""
        return _sold_out().response()

    def _admitted(self, request: Request, public: bool) -> None:
        given = request.headers.get("Authorization")
        if given == f"Bearer {self._key}" or (public and given is None):
            return
        raise RefusedError(401, "Invalid API token.")

    @staticmethod
    def _path(request: Request) -> str:
        return request.url.path.removeprefix("/v2")

    # ---- the world ----

    def place(self, label: str, region: str, plan: str, os_id: int, at: datetime) -> Instance:
        """Put an instance into the world."""
        number = next(self._numbers)
        id_ = str(uuid.UUID(int=number << 80, version=4))
        ipv4 = str(IPv4Address(FIRST_IPV4 + number % 0x1FFFE))
        self.instances[id_] = Instance(
            id=id_, label=label, region=region, plan=plan, os_id=os_id, created=at, ipv4=ipv4
        )
        return self.instances[id_]

    def create(self, body: Json) -> Instance:
        """A new instance, of what there is. Raises RefusedError."""
        plan, region = body.get("plan"), body.get("region")
        if region not in REGIONS:
            raise RefusedError(400, "Invalid region.")
        if plan not in PLANS:
            raise RefusedError(400, "Invalid plan.")
        os_id = self._system(body)
        tags = _tags(body.get("tags") or [])
        keys = [self._key_of(id_)["ssh_key"] for id_ in body.get("sshkey_id") or ()]
        data = _decoded(body.get("user_data"))
        self._make_room(plan, region)
        instance = self.place(body.get("label") or "", region, plan, os_id, self.now())
        instance.tags, instance.keys, instance.user_data = tags, keys, data
        instance.hostname = body.get("hostname") or "vultr"
        instance.firewall = body.get("firewall_group_id") or ""
        if body.get("enable_ipv6") or plan.endswith("-v6"):
            instance.ipv6 = str(IPv6Address(FIRST_IPV6 + (len(self.instances) << 64)))
        instance.phases.begin("installing", then="running", at=self.after(self.boot))
        return instance

    def _system(self, body: Json) -> int:
        if (snapshot := body.get("snapshot_id")) is not None:
            if snapshot not in self.snapshots:
                raise RefusedError(400, "Invalid snapshot.")
            return SNAPSHOT
        os_id = body.get("os_id")
        if os_id not in SYSTEMS or os_id < 1000:
            raise RefusedError(400, "Invalid OS ID.")
        return int(os_id)

    def _make_room(self, plan: str, region: str) -> None:
        if self.most is not None and len(self.instances) >= self.most:
            raise RefusedError(400, "You have reached the maximum number of active instances for this account.")
        if region not in PLANS[plan][5] or (plan, region) in self.sold_out:
            raise _sold_out()

    def act(self, instance: Instance, name: str, body: Json) -> Json | None:
        """Do one of the actions on an instance."""
        if instance.phases.seen(self.now()) in BUSY:
            raise RefusedError(400, "Server is currently locked.")
        soon = self.after(self.boot / 5)
        match name:
            case "halt":
                instance.phases.begin("running", then="stopped", at=soon)
            case "start":
                instance.phases.begin("booting", then="running", at=soon)
            case "reboot":
                instance.phases.begin("restarting", then="running", at=soon)
            case "reinstall":
                return self.install(instance, instance.os_id)
            case _:
                if body.get("snapshot_id") not in self.snapshots:
                    raise RefusedError(400, "Invalid snapshot.")
                self.install(instance, SNAPSHOT)
        return None

    def install(self, instance: Instance, os_id: int) -> Json:
        """Write a system over its disk; the answer, with the new password."""
        instance.os_id = os_id
        instance.installed += 1
        instance.password = Secret(secrets.token_urlsafe(12))
        instance.phases.begin("installing", then="running", at=self.after(self.boot))
        return {"instance": self.show(instance) | {"default_password": instance.password.reveal()}}

    def change(self, instance: Instance, body: Json) -> Json:
        """Change what can be changed of an instance."""
        instance.label = body.get("label", instance.label)
        instance.tags = _tags(body.get("tags", instance.tags))
        instance.firewall = body.get("firewall_group_id", instance.firewall)
        if (plan := body.get("plan")) is not None:
            self._resize(instance, plan)
        if "os_id" in body:
            return self.install(instance, self._system(body))
        return {"instance": self.show(instance), "job_ids": []}

    def _resize(self, instance: Instance, plan: str) -> None:
        if plan not in PLANS or PLANS[plan][2] < PLANS[instance.plan][2]:
            raise RefusedError(400, "Invalid plan.")
        instance.plan = plan
        instance.phases.begin("resizing", then="running", at=self.after(self.boot / 2))

    def _key_of(self, id_: str) -> Json:
        if id_ not in self.keys:
            raise RefusedError(400, "Invalid SSH key.")
        return self.keys[id_]

    def show(self, instance: Instance) -> Json:
        """An instance as the API shows it."""
        phase = instance.phases.seen(self.now())
        status, power, server = FIELDS[phase]
        vcpus, ram, disk, traffic, _, _ = PLANS[instance.plan]
        settled = phase != "installing"
        return {
            "id": instance.id,
            "os": SYSTEMS[instance.os_id][0],
            "ram": ram,
            "disk": disk,
            "main_ip": instance.ipv4 if settled else "0.0.0.0",  # noqa: S104 - so the API says that there is none yet
            "vcpu_count": vcpus,
            "region": instance.region,
            "plan": instance.plan,
            "date_created": instance.created.replace(microsecond=0).isoformat(),
            "status": status,
            "allowed_bandwidth": traffic,
            "netmask_v4": "255.255.254.0",
            "gateway_v4": "198.18.0.1",
            "power_status": power,
            "server_status": server,
            "v6_network": "",
            "v6_main_ip": (instance.ipv6 or "") if settled else "",
            "v6_network_size": 64 if instance.ipv6 else 0,
            "label": instance.label,
            "internal_ip": "",
            "kvm": f"https://my.vultr.com/subs/vps/novnc/api.php?data={instance.id[:8]}",
            "hostname": instance.hostname,
            "tag": instance.tags[0] if instance.tags else "",
            "tags": instance.tags,
            "os_id": instance.os_id,
            "app_id": 0,
            "image_id": "",
            "firewall_group_id": instance.firewall,
            "features": ["ipv6"] if instance.ipv6 else [],
            "user_scheme": "root",
        }


class Call:
    """What a route is asked: the ids in the path, the query, the body."""

    def __init__(self, request: Request, ids: tuple[str, ...]) -> None:
        self.ids = ids
        self.query = request.url.query
        self._body = request.body

    @property
    def body(self) -> Json:
        """The JSON object that was sent. Raises RefusedError."""
        try:
            body = json.loads(self._body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise RefusedError(400, "Invalid JSON.")
        return body

    def page(self, key: str, rows: list[Json]) -> Json:
        """One page of a list, with the cursors of its neighbours."""
        size = min(int(self.query.get("per_page", "100")), 500)
        begin = _begin(self.query.get("cursor"))
        after, before = begin + size, begin - size
        links = {"next": _cursor(after) if after < len(rows) else "", "prev": _cursor(before) if before >= 0 else ""}
        return {key: rows[begin:after], "meta": {"total": len(rows), "links": links}}


def _cursor(begin: int) -> str:
    return base64.b64encode(f"next__{begin}".encode()).decode()


def _begin(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).removeprefix(b"next__"))
    except (binascii.Error, ValueError):
        raise RefusedError(400, "Invalid cursor.") from None


# ---- what can be asked ----

Answered: TypeAlias = tuple[int, Any]
Route: TypeAlias = Callable[[VultrSimulator, Call], Answered]


def _regions(world: VultrSimulator, call: Call) -> Answered:
    rows = [
        {"id": id_, "city": city, "country": country, "continent": continent, "options": ["ddos_protection"]}
        for id_, (city, country, continent) in REGIONS.items()
    ]
    return 200, call.page("regions", rows)


def _availability(world: VultrSimulator, call: Call) -> Answered:
    region = call.ids[0]
    if region not in REGIONS:
        raise RefusedError(400, "Invalid region.")
    here = [plan for plan, row in PLANS.items() if region in row[5] and (plan, region) not in world.sold_out]
    return 200, {"available_plans": here, "available_vpc_only_plans": []}


def _plans(world: VultrSimulator, call: Call) -> Answered:
    kind = call.query.get("type", "all")
    rows = [_plan(id_, world.invented_prices) for id_ in PLANS if kind in ("all", id_.partition("-")[0])]
    return 200, call.page("plans", rows)


def _plan(id_: str, priced: bool) -> Json:
    vcpus, ram, disk, traffic, cost, places = PLANS[id_]
    special = {
        place: {"monthly_cost": cost * factor, "hourly_cost": round(cost * factor / 730, 4)}
        for place, factor in DEARER.items()
        if place in places
    }
    prices = {"monthly_cost": cost, "hourly_cost": round(cost / 730, 4), "location_cost": special}
    return {
        "id": id_,
        "vcpu_count": vcpus,
        "ram": ram,
        "disk": disk,
        "disk_count": 1,
        "bandwidth": traffic,
        **(prices if priced else {}),
        "type": id_.partition("-")[0],
        "locations": list(places),
        "deploy_ondemand": True,
    }


def _systems(world: VultrSimulator, call: Call) -> Answered:
    rows = [{"id": id_, "name": name, "arch": "x64", "family": family} for id_, (name, family) in SYSTEMS.items()]
    return 200, call.page("os", rows)


def _instances(world: VultrSimulator, call: Call) -> Answered:
    rows = [world.show(each) for each in world.instances.values()]
    for name in ("label", "region", "main_ip", "hostname"):
        if name in call.query:
            rows = [row for row in rows if row[name] == call.query[name]]
    if (tag := call.query.get("tag", "").casefold()) != "":
        rows = [row for row in rows if tag in [each.casefold() for each in row["tags"]]]
    return 200, call.page("instances", rows)


def _create(world: VultrSimulator, call: Call) -> Answered:
    instance = world.create(call.body)
    return 202, {"instance": world.show(instance) | {"default_password": instance.password.reveal()}}


def _instance(world: VultrSimulator, call: Call) -> Answered:
    return 200, {"instance": world.show(_one(world.instances, call, "instance"))}


def _change(world: VultrSimulator, call: Call) -> Answered:
    return 202, world.change(_one(world.instances, call, "instance"), call.body)


def _delete(world: VultrSimulator, call: Call) -> Answered:
    del world.instances[_one(world.instances, call, "instance").id]
    return 204, None


def _act(world: VultrSimulator, call: Call) -> Answered:
    told = world.act(_one(world.instances, call, "instance"), call.ids[1], call.body)
    return (202, told) if told is not None else (204, None)


def _keys(world: VultrSimulator, call: Call) -> Answered:
    return 200, call.page("ssh_keys", list(world.keys.values()))


def _add_key(world: VultrSimulator, call: Call) -> Answered:
    body = call.body
    if not body.get("name") or not KEY.fullmatch(body.get("ssh_key") or ""):
        raise RefusedError(400, "Invalid SSH key.")
    id_ = str(uuid.uuid4())
    at = world.now().replace(microsecond=0).isoformat()
    world.keys[id_] = {"id": id_, "date_created": at, "name": body["name"], "ssh_key": body["ssh_key"]}
    return 201, {"ssh_key": world.keys[id_]}


def _delete_key(world: VultrSimulator, call: Call) -> Answered:
    del world.keys[_one(world.keys, call, "SSH key")["id"]]
    return 204, None


def _snapshots(world: VultrSimulator, call: Call) -> Answered:
    return 200, call.page("snapshots", list(world.snapshots.values()))


def _reserved(world: VultrSimulator, call: Call) -> Answered:
    return 200, call.page("reserved_ips", list(world.reserved.values()))


def _reserve(world: VultrSimulator, call: Call) -> Answered:
    body, id_ = call.body, str(uuid.uuid4())
    if body.get("region") not in REGIONS or body.get("ip_type") != "v4":
        raise RefusedError(400, "Invalid region.")
    subnet = f"198.19.255.{len(world.reserved) + 1}"
    row = {"id": id_, "region": body["region"], "ip_type": "v4", "subnet": subnet, "subnet_size": 32}
    world.reserved[id_] = row | {"label": body.get("label") or "", "instance_id": ""}
    return 201, {"reserved_ip": world.reserved[id_]}


def _attach(world: VultrSimulator, call: Call) -> Answered:
    address = _one(world.reserved, call, "reserved IP")
    instance = world.instances.get(call.body.get("instance_id") or "")
    if instance is None or instance.region != address["region"]:
        raise RefusedError(400, "Invalid instance.")
    address["instance_id"] = instance.id
    return 204, None


def _empty(key: str) -> Route:
    """A list of things of which the simulated account has none."""
    return lambda world, call: (200, call.page(key, []))


def _one(things: Mapping[str, Any], call: Call, kind: str) -> Any:
    if call.ids[0] not in things:
        raise RefusedError(404, f"Invalid {kind} ID.")
    return things[call.ids[0]]


ID = "([^/]+)"
ROUTES: tuple[tuple[str, str, bool, Route], ...] = (
    ("GET", "/regions", True, _regions),
    ("GET", f"/regions/{ID}/availability", True, _availability),
    ("GET", "/plans", True, _plans),
    ("GET", "/os", True, _systems),
    ("GET", "/instances", False, _instances),
    ("POST", "/instances", False, _create),
    ("GET", f"/instances/{ID}", False, _instance),
    ("PATCH", f"/instances/{ID}", False, _change),
    ("DELETE", f"/instances/{ID}", False, _delete),
    ("POST", f"/instances/{ID}/(halt|start|reboot|reinstall|restore)", False, _act),
    ("GET", "/ssh-keys", False, _keys),
    ("POST", "/ssh-keys", False, _add_key),
    ("DELETE", f"/ssh-keys/{ID}", False, _delete_key),
    ("GET", "/snapshots", False, _snapshots),
    ("GET", "/reserved-ips", False, _reserved),
    ("POST", "/reserved-ips", False, _reserve),
    ("POST", f"/reserved-ips/{ID}/attach", False, _attach),
    ("GET", "/firewalls", False, _empty("firewall_groups")),
    ("GET", "/vpcs", False, _empty("vpcs")),
)


def _sold_out() -> RefusedError:
    return RefusedError(400, "The selected plan is not available in the selected region.")


def _tags(tags: Any) -> list[str]:
    if not isinstance(tags, list) or len(tags) > MOST_TAGS or not all(isinstance(tag, str) for tag in tags):
        raise RefusedError(400, "Invalid tags.")
    return list(tags)


def _decoded(text: Any) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise RefusedError(400, "Invalid user_data: it must be base64 encoded.") from None


def _reply(status: int, payload: Any) -> Response:
    headers = headers_of({"Content-Type": "application/json"})
    return Response(status=status, headers=headers, body=b"" if payload is None else json.dumps(payload).encode())
