"""UpCloud in miniature: API 1.3, whose lists are wrapped twice and whose servers must be stopped before they go.

The words of its errors, the form of its answers and the names of its fields are those of UpCloud's own clients, for Go
and for Python; the sentences of most errors are ours.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import unquote

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

Json: TypeAlias = dict[str, Any]

ZONES = {
    "fi-hel1": "Helsinki #1",
    "de-fra1": "Frankfurt #1",
    "nl-ams1": "Amsterdam #1",
    "pl-waw1": "Warsaw #1",
    "sg-sin1": "Singapore #1",
    "uk-lon1": "London #1",
    "us-chi1": "Chicago #1",
}
# name: cores, MiB, GiB of disk, tier; the sizes are UpCloud's, the prices in cents an hour are invented
PLANS = {
    "DEV-1xCPU-1GB": (1, 1024, 20, "standard", 0.5),
    "1xCPU-1GB": (1, 1024, 25, "maxiops", 1.0),
    "1xCPU-2GB": (1, 2048, 50, "maxiops", 2.0),
    "2xCPU-4GB": (2, 4096, 80, "maxiops", 4.0),
}
DEARER = {"sg-sin1": 2}
"""By how much all is dearer in a zone."""
# title, the least GiB, and whether keys and user data come by way of cloud-init
TEMPLATES = {
    "01000000-0000-4000-8000-000020070100": ("Debian GNU/Linux 12 (Bookworm)", 3, True),
    "01000000-0000-4000-8000-000030240200": ("Ubuntu Server 24.04 LTS (Noble Numbat)", 4, True),
    "01000000-0000-4000-8000-000020050100": ("Debian GNU/Linux 10 (Buster)", 3, False),
}
FIELDS = frozenset(
    [
        "avoid_host",
        "boot_order",
        "core_number",
        "firewall",
        "host",
        "hostname",
        "labels",
        "login_user",
        "memory_amount",
        "metadata",
        "networking",
        "nic_model",
        "password_delivery",
        "plan",
        "server_group",
        "simple_backup",
        "storage_devices",
        "timezone",
        "title",
        "user_data",
        "video_model",
        "zone",
    ]
)
CHANGES = frozenset(
    [
        "boot_order",
        "core_number",
        "firewall",
        "hostname",
        "labels",
        "memory_amount",
        "metadata",
        "nic_model",
        "plan",
        "simple_backup",
        "timezone",
        "title",
        "video_model",
        "vnc",
        "vnc_password",
    ]
)
LABEL = re.compile(r"[ -^`-~][ -~]{1,31}")
"""The key of a label: 2 to 32 printable characters, the first of which is no underscore."""
HOSTNAME = re.compile(r"(?=.{1,128}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class RejectedError(Exception):
    """The API's no: a status, a word, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.payload = {"error": {"error_code": code, "error_message": message}}


@dataclass(slots=True, kw_only=True)
class Server:
    """A server. `asked` is what its create said; `addresses` are (access, family, address)."""

    uuid: str
    title: str
    hostname: str
    zone: str
    plan: str
    template: str
    disk: Json
    addresses: list[tuple[str, str, str]]
    labels: dict[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    username: str = "root"
    password: Secret | None = None
    user_data: str | None = None
    settings: Json = field(default_factory=lambda: {"firewall": "off", "timezone": "UTC", "simple_backup": "no"})
    rules: list[Json] = field(default_factory=list)
    phases: Phases = field(default_factory=lambda: Phases("started"))


class UpCloudSimulator(Simulator):
    """An account at UpCloud. `servers`, `templates` of its own and `floating` addresses are what it holds."""

    provider = "upcloud"
    endpoint = "https://api.upcloud.com/1.3"
    creates = "POST /server"
    proof = "password"
    unknown_node = "00ffffff-0000-4000-8000-0000000000ff"
    unpaged = 2
    facts = (
        "Zones, templates and the sizes of the plans are a few of UpCloud's; no prices are told, since none here would "
        "be UpCloud's."
    )

    def __init__(
        self,
        *,
        username: str = "harbour",
        password: str = "Tide-and-0cean",  # noqa: S107 - of a world that is not there
        token: str = "ucat_0123456789",  # noqa: S107 - of a world that is not there
        invented_prices: bool = False,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self.invented_prices = invented_prices
        self._login, self._token = (username, password), token
        self.currency = "EUR"
        self.servers: dict[str, Server] = {}
        self.templates: dict[str, Json] = {}
        self.floating: dict[str, Json] = {}
        self.names: dict[str, str] = {}
        self._ids = count(1)
        self._public, self._inner = count(0xC6120000 + 1), count(0x0A010000 + 1)  # 198.18/15 is nobody's

    @property
    def credentials(self) -> Mapping[str, str]:
        """The name of the user, and the password."""
        return dict(zip(("username", "password"), self._login, strict=True))

    @property
    def token(self) -> str:
        """The API token that is accepted as well."""
        return self._token

    def nodes(self) -> Iterable[Server]:
        """The servers."""
        return self.servers.values()

    def addresses(self, node: Server) -> list[str]:
        """All its addresses, those that float to it too."""
        if node.uuid not in self.servers:
            return []
        floating = [address for address, row in self.floating.items() if row["mac"] == _mac(node, 1)]
        return [address for _, _, address in node.addresses] + floating

    def machine(self, node: Server) -> Machine:
        """A server, as its SSH server knows it."""
        return Machine(
            id=node.uuid,
            name=node.hostname,
            running=self.state(node) == "started",
            users=(node.username,),
            keys=node.keys,
            password=node.password,
            user_data=node.user_data.encode() if node.user_data else None,
        )

    def populate(self, count: int) -> None:
        """So many running servers, in all zones and of all plans."""
        zones, plans = list(ZONES), list(PLANS)
        for number in range(count):
            name, plan = f"quay-{number + 1}", plans[number % len(plans)]
            self._place(name, name, zones[number % len(zones)], plan, next(iter(TEMPLATES)), PLANS[plan][2])

    def state(self, server: Server) -> str:
        """Its state now."""
        return server.phases.seen(self.now())

    def operation(self, request: Request) -> str:
        """The method and the path, with ids and addresses left open."""
        path = _path(request)
        path = re.sub(r"^/(server|storage)/(?!template)[^/]+", r"/\1/{uuid}", path)
        path = re.sub(r"^/ip_address/[^/]+", "/ip_address/{address}", path)
        path = re.sub(r"/firewall_rule/[^/]+", "/firewall_rule/{position}", path)
        return f"{request.method} {re.sub('^/account/details/[^/]+', '/account/details/{username}', path)}"

    def answer(self, request: Request) -> Response:
        """Check who asks, find the route, do it."""
        try:
            self._check(request)
            route = ROUTES.get(self.operation(request))
            if route is None:
                raise RejectedError(404, "NOT_FOUND", "The requested resource does not exist.")
            status, found = route(self, Call(request))
        except RejectedError as error:
            return _reply(error.status, error.payload)
        return _reply(status, found)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """No limit is documented: the word is one that clients of others know."""
        error = RejectedError(429, "RATE_LIMITED", "Too many requests.")
        return _reply(429, error.payload, {"Retry-After": f"{retry_after:g}"})

    def no_capacity(self, request: Request) -> Response:
        """The zone is full."""
        error = RejectedError(409, "SERVER_RESOURCES_UNAVAILABLE", "No resources available for this server.")
        return _reply(409, error.payload)

    def _check(self, request: Request) -> None:
        pair = b64encode(":".join(self._login).encode()).decode()
        if request.headers.get("Authorization") not in (f"Basic {pair}", f"Bearer {self._token}"):
            raise RejectedError(401, "AUTHENTICATION_FAILED", "Authentication failed using the given credentials.")

    # ---- the world ----

    def server(self, uuid: str) -> Server:
        """The server of that id."""
        if not UUID.fullmatch(uuid):
            raise RejectedError(400, "SERVER_INVALID", "The attribute 'server' has an invalid value.")
        if uuid not in self.servers:
            raise RejectedError(404, "SERVER_NOT_FOUND", f"The server {uuid} does not exist.")
        return self.servers[uuid]

    def in_state(self, uuid: str, *states: str) -> Server:
        """The server, if it is in one of these states."""
        server = self.server(uuid)
        if (state := self.state(server)) not in states:
            message = f"The operation is not allowed while the server {uuid} is in state '{state}'."
            raise RejectedError(409, "SERVER_STATE_ILLEGAL", message)
        return server

    def _place(self, title: str, hostname: str, zone: str, plan: str, template: str, size: int, **more: Any) -> Server:
        uuid = self.new_id("00")
        public, inner = next(self._public), next(self._inner)
        addresses = [
            ("public", "IPv4", _dotted(public)),
            ("utility", "IPv4", _dotted(inner)),
            ("public", "IPv6", f"2001:db8::{public & 0xFFFF:x}"),
        ]
        disk = {"storage": self.new_id("01"), "size": size, "title": more.pop("disk_title", f"{title} OS disk")}
        server = self.servers[uuid] = Server(
            uuid=uuid, title=title, hostname=hostname, zone=zone, plan=plan, template=template, disk=disk,
            addresses=addresses, **more,
        )  # fmt: skip
        return server

    def new_id(self, kind: str) -> str:
        """An id that nothing has had: its first two digits tell what it is of."""
        return f"{kind}{next(self._ids):06x}-0000-4000-8000-000000000000"

    def new_address(self) -> str:
        """A public address that nothing has had."""
        return _dotted(next(self._public))

    def create(self, asked: Json) -> tuple[Server, str | None]:
        """A new server, and the password that was made for it, if any."""
        if unknown := sorted(set(asked) - FIELDS):
            raise RejectedError(400, "UNKNOWN_ATTRIBUTE", f"The attribute '{unknown[0]}' is unknown.")
        for name in ("zone", "title", "hostname", "storage_devices"):
            if not asked.get(name):
                raise RejectedError(400, f"{name.upper()}_MISSING", f"The required attribute '{name}' is missing.")
        if asked["zone"] not in ZONES:
            raise RejectedError(404, "ZONE_NOT_FOUND", f"The zone {asked['zone']} does not exist.")
        if asked.get("plan") not in PLANS:
            raise _invalid("plan")
        if not HOSTNAME.fullmatch(asked["hostname"]):
            raise _invalid("hostname")
        template, disk = self._disk(asked)
        user, password = self._user(asked, template)
        server = self._place(
            asked["title"], asked["hostname"], asked["zone"], asked["plan"], template,
            disk.get("size") or self._template(template)[1], disk_title=disk.get("title", ""), **user,
        )  # fmt: skip
        server.labels = _labels(asked.get("labels"))
        server.settings |= {key: asked[key] for key in server.settings if key in asked}
        kinds = [
            (each["type"], each["ip_addresses"]["ip_address"][0]["family"])
            for each in (asked.get("networking") or {}).get("interfaces", {}).get("interface", ())
        ]
        server.addresses = [row for row in server.addresses if not kinds or row[:2] in kinds]
        server.phases.begin("maintenance", then="started", at=self.after(self.boot))
        return server, password

    def _disk(self, asked: Json) -> tuple[str, Json]:
        """The template that is cloned, and what was said of the disk."""
        disks = asked["storage_devices"].get("storage_device") or [{}]
        disk: Json = next((each for each in disks if each.get("action") == "clone"), {})
        template = disk.get("storage", "")
        if not UUID.fullmatch(template):
            raise RejectedError(400, "STORAGE_INVALID", "The attribute 'storage' has an invalid value.")
        _, least, cloud_init = self._template(template)
        if disk.get("size", least) < least:
            raise RejectedError(400, "SIZE_INVALID", "The attribute 'size' has an invalid value.")
        if cloud_init and asked.get("metadata") != "yes":
            message = "The metadata service must be enabled for cloud-init templates."
            raise RejectedError(409, "METADATA_DISABLED_ON_CLOUD-INIT", message)
        return template, disk

    def _template(self, uuid: str) -> tuple[str, int, bool]:
        if uuid in self.templates:
            own = self.templates[uuid]
            return own["title"], own["size"], False
        if uuid not in TEMPLATES:
            raise RejectedError(404, "STORAGE_NOT_FOUND", f"The storage {uuid} does not exist.")
        return TEMPLATES[uuid]

    def _user(self, asked: Json, template: str) -> tuple[Json, str | None]:
        user = asked.get("login_user") or {}
        password = None
        if user.get("create_password", "no") == "yes":
            if self._template(template)[2]:
                code = "CAN_NOT_CREATE_PASSWORD_FOR_THE_SELECTED_DISTRIBUTION"
                raise RejectedError(409, code, "A password cannot be created for the selected distribution.")
            password = f"p4ss-{next(self._ids):x}"
        told: Json = {
            "keys": tuple((user.get("ssh_keys") or {}).get("ssh_key") or ()),
            "username": user.get("username", "root"),
            "password": Secret(password) if password else None,
            "user_data": asked.get("user_data"),
        }
        return told, password

    # ---- how it is shown ----

    def brief(self, server: Server) -> Json:
        """A server as lists show it."""
        cores, memory = PLANS[server.plan][:2]
        return {
            "core_number": str(cores),
            "hostname": server.hostname,
            "labels": {"label": [{"key": key, "value": value} for key, value in server.labels.items()]},
            "license": 0,
            "memory_amount": str(memory),
            "plan": server.plan,
            "state": self.state(server),
            "tags": {"tag": []},
            "title": server.title,
            "uuid": server.uuid,
            "zone": server.zone,
        }

    def shown(self, server: Server) -> Json:
        """A server as it is shown alone."""
        held = [{"access": access, "address": ip, "family": family} for access, family, ip in server.addresses]
        held += [
            {"access": "public", "address": ip, "family": "IPv4"}
            for ip, row in self.floating.items()
            if row["mac"] == _mac(server, 1)
        ]
        interfaces = [
            {
                "index": index,
                "ip_addresses": {"ip_address": [{"address": ip, "family": family, "floating": "no"}]},
                "mac": _mac(server, index),
                "type": access,
                "bootable": "no",
            }
            for index, (access, family, ip) in enumerate(server.addresses, 1)
        ]
        disk = {
            "address": "virtio:0",
            "part_of_plan": "yes",
            "storage": server.disk["storage"],
            "storage_size": server.disk["size"],
            "storage_tier": PLANS[server.plan][3],
            "storage_title": server.disk["title"],
            "type": "disk",
            "boot_disk": "0",
            "labels": [{"key": "_template_uuid", "value": server.template}],
        }
        return {
            **self.brief(server),
            **server.settings,
            "ip_addresses": {"ip_address": held},
            "metadata": "yes",
            "networking": {"interfaces": {"interface": interfaces}},
            "remote_access_enabled": "no",
            "remote_access_password": "aabbccdd",
            "storage_devices": {"storage_device": [disk]},
        }

    def ip_addresses(self) -> list[Json]:
        """All addresses."""
        held = [
            {"access": access, "address": address, "family": family, "floating": "no", "part_of_plan": "yes",
             "ptr_record": self.names.get(address, ""), "server": server.uuid, "zone": server.zone}
            for server in self.servers.values()
            for access, family, address in server.addresses
        ]  # fmt: skip
        return held + [self.floating_address(address) for address in self.floating]

    def floating_address(self, address: str) -> Json:
        """A floating address, and the server to which it leads."""
        row = self.floating[address]
        owner = next((each.uuid for each in self.servers.values() if row["mac"] == _mac(each, 1)), None)
        return {"access": "public", "address": address, "family": "IPv4", "floating": "yes", "mac": row["mac"] or "",
                "ptr_record": self.names.get(address, ""), "server": owner or "", "zone": row["zone"]}  # fmt: skip


class Call:
    """A request, taken apart."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.parts = [unquote(part) for part in _path(request).strip("/").split("/")]
        self.query = request.url.query

    @property
    def id(self) -> str:
        """What the path names: an id, or an address."""
        return self.parts[1]

    def body(self, wrapper: str) -> Json:
        """What the body wraps under that key; nothing where there is no body."""
        if not self.request.body:
            return {}
        try:
            told = json.loads(self.request.body)
        except ValueError:
            raise RejectedError(400, "REQUEST_INVALID", "The request body is not valid JSON.") from None
        if not isinstance(told, dict) or not isinstance(told.get(wrapper), dict):
            raise RejectedError(400, "UNKNOWN_ATTRIBUTE", f"The request body has no attribute '{wrapper}'.")
        inner: Json = told[wrapper]
        return inner


# ---- what can be asked: a status, and what is answered ----

Found: TypeAlias = tuple[int, Json | None]
Route: TypeAlias = Callable[[UpCloudSimulator, Call], Found]


def _account(world: UpCloudSimulator, call: Call) -> Found:
    limits = {"cores": 200, "memory": 1048576, "public_ipv4": 100, "storage_maxiops": 10240}
    return 200, {"account": {"credits": 10000, "username": world.credentials["username"], "resource_limits": limits}}


def _details(world: UpCloudSimulator, call: Call) -> Found:
    if call.parts[2] != world.credentials["username"]:
        raise RejectedError(404, "ACCOUNT_NOT_FOUND", "The account does not exist.")
    return 200, {"account": {"username": call.parts[2], "currency": world.currency, "type": "main"}}


def _zones(world: UpCloudSimulator, call: Call) -> Found:
    rows = [{"description": text, "id": zone, "public": "yes"} for zone, text in ZONES.items()]
    return 200, {"zones": {"zone": rows}}


def _plans(world: UpCloudSimulator, call: Call) -> Found:
    rows = [
        {
            "core_number": cores,
            "memory_amount": memory,
            "name": name,
            "public_traffic_out": 1024,
            "storage_size": disk,
            "storage_tier": tier,
        }
        for name, (cores, memory, disk, tier, _) in PLANS.items()
    ]
    return 200, {"plans": {"plan": rows}}


def _prices(world: UpCloudSimulator, call: Call) -> Found:
    rows = [
        {"name": zone, "ipv4_address": {"amount": 1, "price": 0.3}}
        | {
            f"server_plan_{name}": {"amount": 1, "price": round(row[4] * DEARER.get(zone, 1), 4)}
            for name, row in PLANS.items()
            if world.invented_prices
        }
        for zone in ZONES
    ]
    return 200, {"prices": {"zone": rows}}


def _templates(world: UpCloudSimulator, call: Call) -> Found:
    rows: list[Json] = [
        {
            "access": "public",
            "license": 0,
            "size": size,
            "state": "online",
            "template_type": "cloud-init" if cloud_init else "native",
            "title": title,
            "type": "template",
            "uuid": uuid,
        }
        for uuid, (title, size, cloud_init) in TEMPLATES.items()
    ]
    return 200, {"storages": {"storage": rows + list(world.templates.values())}}


def _templatize(world: UpCloudSimulator, call: Call) -> Found:
    server = next((each for each in world.servers.values() if each.disk["storage"] == call.id), None)
    if server is None:
        raise RejectedError(404, "STORAGE_NOT_FOUND", f"The storage {call.id} does not exist.")
    world.in_state(server.uuid, "stopped")
    made = {
        "access": "private", "license": 0, "size": server.disk["size"], "state": "maintenance", "tier": "maxiops",
        "title": call.body("storage")["title"], "type": "template", "uuid": world.new_id("01"), "zone": server.zone,
    }  # fmt: skip
    world.templates[made["uuid"]] = {**made, "state": "online"}
    return 201, {"storage": made}


def _delete_storage(world: UpCloudSimulator, call: Call) -> Found:
    if world.templates.pop(call.id, None) is None:
        raise RejectedError(404, "STORAGE_NOT_FOUND", f"The storage {call.id} does not exist.")
    return 204, None


def _servers(world: UpCloudSimulator, call: Call) -> Found:
    wanted = [label.partition("=") for label in call.query.getall("label", [])]
    found = [
        world.brief(each)
        for each in world.servers.values()
        if all(key in each.labels and (not equals or each.labels[key] == value) for key, equals, value in wanted)
    ]
    return 200, {"servers": {"server": found}}


def _server(world: UpCloudSimulator, call: Call) -> Found:
    return 200, {"server": world.shown(world.server(call.id))}


def _create(world: UpCloudSimulator, call: Call) -> Found:
    server, password = world.create(call.body("server"))
    told = {"username": server.username, "password": password} if password else {}
    return 202, {"server": {**world.shown(server), **told}}


def _change(world: UpCloudSimulator, call: Call) -> Found:
    server, asked = world.in_state(call.id, "started", "stopped"), call.body("server")
    if unknown := sorted(set(asked) - CHANGES):
        raise RejectedError(400, "UNKNOWN_ATTRIBUTE", f"The attribute '{unknown[0]}' is unknown.")
    if (plan := asked.get("plan", server.plan)) != server.plan:
        if plan not in PLANS:
            raise _invalid("plan")
        server = world.in_state(call.id, "stopped")
    server.plan = plan
    server.title = asked.get("title", server.title)
    server.hostname = asked.get("hostname", server.hostname)
    server.labels = _labels(asked["labels"]) if "labels" in asked else server.labels
    server.settings |= {key: asked[key] for key in server.settings if key in asked}
    return 202, {"server": world.shown(server)}


def _delete(world: UpCloudSimulator, call: Call) -> Found:
    server = world.in_state(call.id, "stopped", "error")
    if call.query.get("backups", "keep") not in ("keep", "keep_latest", "delete"):
        raise RejectedError(400, "BACKUP_DELETION_POLICY_INVALID", "The attribute 'backups' has an invalid value.")
    for row in world.floating.values():
        row["mac"] = None if row["mac"] == _mac(server, 1) else row["mac"]
    del world.servers[call.id]
    return 204, None


def _start(world: UpCloudSimulator, call: Call) -> Found:
    server = world.in_state(call.id, "stopped")
    server.phases.begin("maintenance", then="started", at=world.after(world.boot / 5))
    return 200, {"server": world.shown(server)}


def _stop(world: UpCloudSimulator, call: Call) -> Found:
    server, asked = world.in_state(call.id, "started"), call.body("stop_server")
    if asked.get("stop_type", "soft") not in ("soft", "hard"):
        raise RejectedError(400, "STOP_TYPE_INVALID", "The attribute 'stop_type' has an invalid value.")
    shown = world.shown(server)
    server.phases.begin("maintenance", then="stopped", at=world.after(world.boot / 5))
    return 200, {"server": shown}


def _restart(world: UpCloudSimulator, call: Call) -> Found:
    server, asked = world.in_state(call.id, "started"), call.body("restart_server")
    if asked.get("timeout_action", "ignore") not in ("destroy", "ignore"):
        raise RejectedError(400, "TIMEOUT_ACTION_INVALID", "The attribute 'timeout_action' has an invalid value.")
    shown = world.shown(server)
    server.phases.begin("maintenance", then="started", at=world.after(world.boot / 5))
    return 200, {"server": shown}


def _rules(world: UpCloudSimulator, call: Call) -> Found:
    rules = world.server(call.id).rules
    rows = [{**rule, "position": str(position)} for position, rule in enumerate(rules, 1)]
    return 200, {"firewall_rules": {"firewall_rule": rows}}


def _add_rule(world: UpCloudSimulator, call: Call) -> Found:
    rules, rule = world.server(call.id).rules, call.body("firewall_rule")
    if rule.get("direction") not in ("in", "out"):
        raise RejectedError(400, "DIRECTION_INVALID", "The attribute 'direction' has an invalid value.")
    rules.append(rule)
    return 201, {"firewall_rule": {**rule, "position": str(len(rules))}}


def _delete_rule(world: UpCloudSimulator, call: Call) -> Found:
    rules, position = world.server(call.id).rules, call.parts[3]
    if not position.isdecimal() or not 0 < int(position) <= len(rules):
        raise RejectedError(404, "FIREWALL_RULE_NOT_FOUND", "The firewall rule does not exist.")
    del rules[int(position) - 1]
    return 204, None


def _ips(world: UpCloudSimulator, call: Call) -> Found:
    return 200, {"ip_addresses": {"ip_address": world.ip_addresses()}}


def _add_ip(world: UpCloudSimulator, call: Call) -> Found:
    asked = call.body("ip_address")
    if asked.get("floating") != "yes" or asked.get("zone") not in ZONES:
        raise _invalid("ip_address")
    address = world.new_address()
    world.floating[address] = {"zone": asked["zone"], "mac": asked.get("mac")}
    return 201, {"ip_address": world.floating_address(address)}


def _change_ip(world: UpCloudSimulator, call: Call) -> Found:
    asked, known = call.body("ip_address"), {row["address"] for row in world.ip_addresses()}
    if call.id not in known:
        raise RejectedError(404, "IP_ADDRESS_NOT_FOUND", f"The IP address {call.id} does not exist.")
    if "ptr_record" in asked:
        world.names[call.id] = asked["ptr_record"]
    if "mac" in asked:
        if call.id not in world.floating:
            raise RejectedError(403, "IP_ADDRESS_FORBIDDEN", "The IP address does not float.")
        world.floating[call.id]["mac"] = asked["mac"]
    return 202, {"ip_address": next(row for row in world.ip_addresses() if row["address"] == call.id)}


def _delete_ip(world: UpCloudSimulator, call: Call) -> Found:
    if world.floating.pop(call.id, None) is None:
        raise RejectedError(404, "IP_ADDRESS_NOT_FOUND", f"The IP address {call.id} does not exist.")
    return 204, None


ROUTES: Mapping[str, Route] = {
    "GET /account": _account,
    "GET /account/details/{username}": _details,
    "GET /zone": _zones,
    "GET /plan": _plans,
    "GET /price": _prices,
    "GET /storage/template": _templates,
    "POST /storage/{uuid}/templatize": _templatize,
    "DELETE /storage/{uuid}": _delete_storage,
    "GET /server": _servers,
    "POST /server": _create,
    "GET /server/{uuid}": _server,
    "PUT /server/{uuid}": _change,
    "DELETE /server/{uuid}": _delete,
    "POST /server/{uuid}/start": _start,
    "POST /server/{uuid}/stop": _stop,
    "POST /server/{uuid}/restart": _restart,
    "GET /server/{uuid}/firewall_rule": _rules,
    "POST /server/{uuid}/firewall_rule": _add_rule,
    "DELETE /server/{uuid}/firewall_rule/{position}": _delete_rule,
    "GET /ip_address": _ips,
    "POST /ip_address": _add_ip,
    "PATCH /ip_address/{address}": _change_ip,
    "DELETE /ip_address/{address}": _delete_ip,
}


def _path(request: Request) -> str:
    return request.url.raw_path.removeprefix("/1.3").rstrip("/")


def _invalid(name: str) -> RejectedError:
    return RejectedError(400, f"{name.upper()}_INVALID", f"The attribute '{name}' has an invalid value.")


def _labels(asked: Json | None) -> dict[str, str]:
    rows = (asked or {}).get("label") or []
    found = {row["key"]: row.get("value", "") for row in rows}
    if len(found) < len(rows):
        raise RejectedError(400, "DUPLICATE_LABEL_KEYS", "The keys of labels must be unique.")
    if any(not LABEL.fullmatch(key) for key in found):
        raise RejectedError(400, "INVALID_LABEL_KEY", "The key of a label has an invalid value.")
    return found


def _mac(server: Server, index: int) -> str:
    number = f"{server.uuid[2:8]}{index:02x}"
    return "de:ff:" + ":".join(number[at : at + 2] for at in range(0, 8, 2))


def _dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _reply(status: int, payload: Json | None, headers: Mapping[str, str] | None = None) -> Response:
    told = headers_of({"Content-Type": "application/json", **(headers or {})})
    return Response(status=status, headers=told, body=json.dumps(payload).encode() if payload is not None else b"")
