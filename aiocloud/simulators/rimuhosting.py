"""RimuHosting in miniature: orders of virtual servers, behind wrapped JSON and parameters in the path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle, islice
from typing import Any, TypeAlias
from urllib.parse import unquote

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

Json: TypeAlias = dict[str, Any]

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)
CENTRES = {
    "DCDALLAS": ("Dallas", "US"),
    "DCFRANKFURT": ("Frankfurt", "DE"),
    "DCAUCKLAND": ("Auckland", "NZ"),
}
# code, MiB, GB of disk, GB of traffic, data centre, USD a month; one of them is old, and bound to no data centre
PLANS = {
    "LaunchtimeVPSDal": (1024, 8, 6, "DCDALLAS", 9.0),
    "LaunchtimeVPSFra": (1024, 8, 6, "DCFRANKFURT", 9.0),
    "LaunchtimeVPSAkl": (1024, 8, 6, "DCAUCKLAND", 12.0),
    "MIRO1B": (512, 4, 3, None, 0.0),
}
DISTROS = {
    "deb12.64": "Debian 12 64-bit",
    "ubuntu2404.64": "Ubuntu 24.04 64-bit",
    "centos5.32": "Centos5 32-bit",
}
STATES = ("RUNNING", "NOTRUNNING", "RESTARTING", "POWERCYCLING")

# What the API calls the state of a server that is being set up is not documented: this word is invented.
SETTING_UP = "DEPLOYING"


class RejectedError(Exception):
    """The API's no: a status, the name of a class, and a sentence."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message

    def payload(self) -> Json:
        """The body of the answer."""
        info = {"error_class": self.kind, "error_title": self.kind, "full_error_message": self.message}
        info["human_readable_message"] = self.message
        return {"jaxrs_response": _envelope("ERROR", self.message, self.status) | {"error_info": info}}


@dataclass(slots=True, kw_only=True)
class Order:
    """A virtual server, as long as it is paid for and after. `asked` is what was ordered."""

    oid: int
    domain: str
    distro: str
    centre: str
    memory: int
    disk: int
    ips: list[str]
    ordered: datetime
    fee: float
    password: Secret
    asked: Json = field(default_factory=dict)
    phases: Phases = field(default_factory=lambda: Phases("RUNNING"))
    cancelled: datetime | None = None
    reverse: dict[str, str] = field(default_factory=dict)
    installed: int = 1


class RimuHostingSimulator(Simulator):
    """An account at RimuHosting. `orders` holds all that was ever ordered."""

    provider = "rimuhosting"
    endpoint = "https://rimuhosting.com/r"
    creates = "POST /orders/new-vps"
    proof = "api_key"
    facts = (
        "The plans are invented, in the form of the answers that RimuHosting's own client expects; no prices are told, "
        "since none here would be RimuHosting's."
    )

    def __init__(self, *, api_key: str = "123456789", invented_prices: bool = False, **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self.invented_prices = invented_prices
        self.orders: dict[int, Order] = {}
        self._oids, self._addresses = count(2853290001), count(0xC6120000 + 1)  # 198.18/15, which is nobody's

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API key."""
        return {"api_key": self._key}

    def nodes(self) -> Iterable[Order]:
        """The servers that are not cancelled."""
        return [order for order in self.orders.values() if order.cancelled is None]

    def addresses(self, node: Order) -> list[str]:
        """All its addresses, while it is paid for."""
        return node.ips if node.cancelled is None else []

    def machine(self, node: Order) -> Machine:
        """A server, as its SSH server knows it."""
        files = {row["path"]: row["data_as_string"] for row in node.asked.get("file_injection_data") or ()}
        options = node.asked.get("instantiation_options") or {}
        data = options.get("cloud_config_data")
        return Machine(
            id=str(node.oid),
            name=node.domain.partition(".")[0],
            running=node.phases.seen(self.now()) == "RUNNING",
            keys=tuple(files.get("/root/.ssh/authorized_keys", "").splitlines()),
            password=node.password,
            user_data=data.encode() if data else None,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """So many running servers, of all plans that have a place."""
        plans = cycle(row for row in PLANS.values() if row[3])
        for number, (memory, disk, _, centre, fee) in enumerate(islice(plans, count), 1):
            self._place(f"quay-{number}.harbour.example", "deb12.64", str(centre), memory, disk * 1024, 1, fee, BEFORE)

    def operation(self, request: Request) -> str:
        """The method and the path, the order's name left open and without parameters."""
        path = self._path(request)[0]
        return f"{request.method} {re.sub('/orders/order-[^/]+', '/orders/{order}', path)}"

    def answer(self, request: Request) -> Response:
        """Check the key, find the route, do it."""
        try:
            if request.headers.get("Authorization") != f"rimuhosting apikey={self._key}":
                raise RejectedError(403, "PermissionException", "You do not have permission to do that.")
            route = ROUTES.get(self.operation(request))
            if route is None:
                raise RejectedError(404, "NotFoundException", "There is no such resource.")
            root, message, found = route(self, *self._asked(request))
        except RejectedError as error:
            return _reply(error.status, error.payload())
        return _reply(200, {root: _envelope("OK", message, 200) | found})

    def throttled(self, request: Request, retry_after: float) -> Response:
        """No limit is documented: a gateway's usual answer."""
        return Response(status=429, headers=headers_of({"Retry-After": f"{retry_after:g}"}))

    def no_capacity(self, request: Request) -> Response:
        """A guess at the words."""
        error = RejectedError(400, "ProvisioningException", "There is not enough capacity at that data center.")
        return _reply(400, error.payload())

    # ---- the road in ----

    @staticmethod
    def _path(request: Request) -> tuple[str, dict[str, str]]:
        """The path below the context, and the parameters that stand in it."""
        path, *options = request.url.raw_path.removeprefix("/r").split(";")
        pairs = (option.partition("=") for option in options)
        return path, {name: unquote(value) for name, _, value in pairs}

    def _asked(self, request: Request) -> tuple[Order | None, dict[str, str], Json]:
        """The order that the path names, the parameters in it, and what the body wraps."""
        path, options = self._path(request)
        named = re.match(r"/orders/order-([^/]+)", path)
        if request.headers.get("Content-Type", "").startswith("application/x-www-form"):
            body: Json = dict(pair.split("=", 1) for pair in request.body.decode().split("&"))
        else:
            body = _body(request.body)
        return self._order(named[1].partition("-")[0]) if named else None, options, body

    def _order(self, oid: str) -> Order:
        order = self.orders.get(int(oid)) if oid.isdecimal() else None
        if order is None:
            raise RejectedError(404, "NotFoundException", f"There is no order {oid}.")
        return order

    # ---- the world ----

    def _place(
        self, domain: str, distro: str, centre: str, memory: int, disk: int, ips: int, fee: float, at: datetime
    ) -> Order:
        oid = next(self._oids)
        order = self.orders[oid] = Order(
            oid=oid, domain=domain, distro=distro, centre=centre, memory=memory, disk=disk, fee=fee, ordered=at,
            ips=[_dotted(next(self._addresses)) for _ in range(ips)], password=Secret(f"rimu-{oid:x}"),
        )  # fmt: skip
        return order

    def create(self, asked: Json) -> Order:
        """A new server, of a plan, a distribution and a place that there are."""
        options = asked.get("instantiation_options") or {}
        domain = options.get("domain_name") or ""
        if not re.fullmatch(r"(?=.{1,255}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", domain):
            raise RejectedError(400, "ValidationException", f"The domain name {domain!r} is not valid.")
        if options.get("distro", "deb12.64") not in DISTROS:
            raise RejectedError(400, "ValidationException", "There is no such distro.")
        plan = PLANS.get(asked.get("pricing_plan_code", "LaunchtimeVPSDal"))
        centre = asked.get("dc_location") or (plan[3] if plan else None) or "DCDALLAS"
        if plan is None or centre not in CENTRES or plan[3] not in (None, centre):
            raise RejectedError(400, "ValidationException", "There is no such pricing plan at that data center.")
        ips = (asked.get("ip_request") or {}).get("num_ips", 1)
        if ips > 1 and not asked["ip_request"].get("extra_ip_reason"):
            raise RejectedError(400, "ValidationException", "Give a reason for the extra IPs.")
        wanted = asked.get("vps_parameters") or {}
        memory, disk = wanted.get("memory_mb", plan[0]), wanted.get("disk_space_mb", plan[1] * 1024)
        distro = options.get("distro", "deb12.64")
        order = self._place(domain, distro, centre, memory, disk, ips, plan[4], self.now())
        order.asked = asked
        if options.get("password"):
            order.password = Secret(options["password"])
        order.phases.begin(SETTING_UP, then="RUNNING", at=self.after(self.boot))
        return order

    def switch(self, order: Order, wanted: str) -> None:
        """Start it, stop it, or both."""
        if wanted not in STATES:
            raise RejectedError(400, "ValidationException", f"{wanted!r} is not a running state.")
        if order.cancelled is not None:
            raise RejectedError(400, "ValidationException", "The order has been cancelled.")
        if wanted.endswith("RUNNING"):
            order.phases.begin(wanted)
        else:
            order.phases.begin(wanted, then="RUNNING", at=self.after(self.boot / 5))

    def show(self, order: Order) -> Json:
        """An order as the API shows it."""
        name, country = CENTRES[order.centre]
        state = order.phases.seen(self.now())
        return {
            "order_oid": order.oid,
            "domain_name": order.domain,
            "slug": f"order-{order.oid}-{order.domain.replace('.', '-')[:22]}",
            "billing_oid": 5550001,
            "server_type": "VPS",
            "running_state": "NOTRUNNING" if state == SETTING_UP else state,
            "deployed_state": state if state == SETTING_UP else "DEPLOYED",
            "distro": order.distro,
            "host_server_oid": "764",
            "vps_parameters": {"memory_mb": order.memory, "disk_space_mb": order.disk, "disk_space_2_mb": 0},
            "allocated_ips": {"primary_ip": order.ips[0], "secondary_ips": order.ips[1:] or None},
            "location": _centre(order.centre, name, country),
            "billing_info": {
                **_fees(order.fee, told=self.invented_prices),
                "cancellation_date": _moment(order.cancelled) if order.cancelled else None,
                "suspended_date": None,
                "order_date": _moment(order.ordered),
            },
            "meta_data": order.asked.get("meta_data") or [],
        }


# ---- what can be asked: a root, a message, and what is beside them ----

Found: TypeAlias = tuple[str, str, Json]
Route: TypeAlias = Callable[[RimuHostingSimulator, Any, dict[str, str], Json], Found]


def _orders(world: RimuHostingSimulator, _: None, options: dict[str, str], body: Json) -> Found:
    shown = [each for each in world.orders.values() if each.cancelled is None or options.get("include_inactive") == "Y"]
    wanted = options.get("search", "")
    found = [world.show(each) for each in shown if wanted in each.domain]
    return "get_orders_response", f"Found {len(found)}&nbsp;orders", {"about_orders": found}


def _shown(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    return "get_order_response", "", {"about_order": world.show(order)}


def _status(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    return "get_vps_status_response", "", {"running_vps_info": _running(world, order), "about_order": world.show(order)}


def _running(world: RimuHostingSimulator, order: Order) -> Json:
    shown = world.show(order)
    up = shown["running_state"] == "RUNNING"
    state = {key: shown[key] for key in ("running_state", "deployed_state")}
    return {**state, "pings_ok": up, "vps_uptime_s": 1 if up else 0, "is_suspended": False}


def _distros(world: RimuHostingSimulator, _: None, options: dict[str, str], body: Json) -> Found:
    rows = [{"distro_code": code, "distro_description": text} for code, text in DISTROS.items()]
    return "get_distros_response", f"Found {len(rows)} distros", {"distro_infos": rows}


def _plans(world: RimuHostingSimulator, _: None, options: dict[str, str], body: Json) -> Found:
    where = options.get("dc_location")
    rows = [
        {
            "pricing_plan_code": code,
            "pricing_plan_description": f"{code} ({CENTRES[centre][0]})" if centre else code,
            **_fees(fee, told=world.invented_prices),
            "minimum_memory_mb": memory,
            "minimum_disk_gb": disk,
            "minimum_data_transfer_allowance_gb": traffic,
            "see_also_url": None,
            "server_type": "VPS",
            "offered_at_data_center": _centre(centre, *CENTRES[centre]) if centre else None,
        }
        for code, (memory, disk, traffic, centre, fee) in PLANS.items()
        if where in (None, centre) or centre is None
    ]
    return "get_pricing_plans_response", f"Found {len(rows)} plans", {"pricing_plan_infos": rows}


def _create(world: RimuHostingSimulator, _: None, options: dict[str, str], body: Json) -> Found:
    order = world.create(body)
    chosen = {**(body.get("instantiation_options") or {}), "password": order.password.reveal()}
    found = {"about_order": world.show(order), "new_order_request": {**body, "instantiation_options": chosen}}
    return "post_new_vps_response", "", {**found, "setup_messages": [], "running_vps_info": _running(world, order)}


def _delete(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    order.cancelled = order.cancelled or world.now()
    order.phases.begin("NOTRUNNING")
    return "delete_server_response", "", {"cancel_messages": ["The server has been cancelled."]}


def _switch(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    world.switch(order, body.get("running_state", ""))
    return "put_running_state_response", "", {"running_vps_info": _running(world, order)}


def _resize(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    order.memory, order.disk = body.get("memory_mb", order.memory), body.get("disk_space_mb", order.disk)
    return "put_running_vps_data_response", "", {"resource_change_result": {}}


def _move(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    return "put_host_server_move_response", "", {"about_order": world.show(order)}


def _reverse(world: RimuHostingSimulator, order: Order, options: dict[str, str], body: Json) -> Found:
    if options.get("ip") not in order.ips:
        raise RejectedError(400, "ValidationException", "That is not an address of the order.")
    order.reverse[options["ip"]] = unquote(body["domain_name"])
    return "jaxrs_response", "", {}


ROUTES: Mapping[str, Route] = {
    "GET /orders": _orders,
    "POST /orders/new-vps": _create,
    "GET /orders/{order}": _shown,
    "GET /orders/{order}/vps": _status,
    "DELETE /orders/{order}/vps": _delete,
    "PUT /orders/{order}/vps/running-state": _switch,
    "PUT /orders/{order}/vps/parameters": _resize,
    "PUT /orders/{order}/vps/host-server": _move,
    "PUT /orders/{order}/ptr": _reverse,
    "GET /distributions": _distros,
    "GET /pricing-plans": _plans,
}


def _envelope(kind: str, message: str, status: int) -> Json:
    return {
        "status_message": None,
        "status_code": status,
        "error_info": None,
        "extended_error_infos": None,
        "response_type": kind,
        "human_readable_message": message,
        "redirect_uri": None,
        "response_display_duration_type": "REGULAR",
    }


def _body(text: bytes) -> Json:
    """What the request's one key holds."""
    try:
        body = json.loads(text or b'{"none": {}}')
    except ValueError:
        body = None
    if not isinstance(body, dict) or len(body) != 1 or not isinstance(inner := next(iter(body.values())), dict):
        raise RejectedError(400, "ValidationException", "The request is not valid JSON.")
    return inner


def _centre(code: str, name: str, country: str) -> Json:
    return {
        "data_center_location_code": code,
        "data_center_location_name": name,
        "data_center_location_country_2ltr": country,
    }


def _fees(fee: float, *, told: bool) -> Json:
    """What a plan or an order costs a month, where it is told."""
    amount = {"amt": fee, "currency": "CUR_USD", "amt_usd": fee}
    return {"monthly_recurring_fee": fee, "monthly_recurring_amt": amount} if told else {}


def _moment(moment: datetime) -> Json:
    text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"users_tz_offset_ms": 0, "iso_format": text, "ms_since_epoch": int(moment.timestamp()) * 1000}


def _dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _reply(status: int, payload: Json) -> Response:
    headers = headers_of({"Content-Type": "application/json"})
    return Response(status=status, headers=headers, body=json.dumps(payload).encode())
