"""The front door: routes, token, limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.hetzner.catalogue import LOCATIONS, PRICED, SERVER_TYPES, told_prices
from aiocloud.simulators.hetzner.wire import Json, RefusedError, invalid, missing, page, reply, selected
from aiocloud.simulators.hetzner.world import Server, World, checked_labels, sold_out
from aiocloud.simulators.ssh import Machine

BEFORE = datetime(2026, 3, 1, tzinfo=UTC)


class HetznerSimulator(Simulator):
    """A project at Hetzner Cloud. `world` holds what is in it."""

    provider = "hetzner"
    endpoint = "https://api.hetzner.cloud/v1"
    creates = "POST /servers"
    proof = "token"
    as_of = PRICED
    facts = (
        "Locations, server types and images bear Hetzner's names and sizes of 2026, as far as they are here. The price "
        "of cx33 in fsn1 is what the API told on 2026-05-27 (github.com/devantler-tech/platform); no others are told, "
        "since none here would be Hetzner's."
    )

    def __init__(
        self,
        *,
        token: str = "harbour-token-9Yd3kq7Rk2",  # noqa: S107 - opens nothing
        invented_prices: bool = False,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._token = token
        self.world = World(self.now, lambda: self.boot, invented_prices=invented_prices)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API token."""
        return {"token": self._token}

    def nodes(self) -> Iterable[Server]:
        """The servers that are there."""
        return self.world.living()

    def addresses(self, node: Server) -> list[str]:
        """Its addresses, until it is deleted."""
        if node.gone is not None:
            return []
        first = node.ipv6.partition("/")[0] + "1" if node.ipv6 else None
        floating = [each["ip"] for each in self.world.floating.values() if each["server"] == node.id]
        return [each for each in (node.ipv4, first, *floating) if each]

    def machine(self, node: Server) -> Machine:
        """A server, as its SSH server knows it."""
        return Machine(
            id=str(node.id),
            name=node.name,
            running=node.phases.seen(self.now()) == "running",
            keys=tuple(node.keys),
            password=node.password,
            user_data=node.user_data.encode() if node.user_data else None,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """So many running servers, of all types and in all places that sell them."""
        sorts = [(name, each["name"]) for name, row in SERVER_TYPES.items() for each in row["locations"]]
        images = {each["architecture"]: id_ for id_, each in self.world.images.items()}
        for number, (type_, place) in enumerate(islice(cycle(sorts), count), 1):
            image = images[SERVER_TYPES[type_]["architecture"]]
            self.world.place(f"quay-{number}", type_, image, place, BEFORE)

    def operation(self, request: Request) -> str:
        """The method and the path, its ids left open."""
        return f"{request.method} {re.sub(r'/[^/]+', _open, self._path(request))}"

    def answer(self, request: Request) -> Response:
        """Check the token, find the route, do it."""
        try:
            if request.headers.get("Authorization") != f"Bearer {self._token}":
                raise RefusedError(401, "unauthorized", "unable to authenticate")
            for method, pattern, route in ROUTES:
                if method == request.method and (found := re.fullmatch(pattern, self._path(request))):
                    status, payload = route(self.world, Call(request, found.groups()))
                    return reply(status, payload)
            raise RefusedError(404, "not_found", "the requested path was not found")
        except RefusedError as error:
            return error.response()

    def throttled(self, request: Request, retry_after: float) -> Response:
        """The API's answer to too many requests: it tells when all of them will be there again."""
        reset = str(int(self.now().timestamp()) + 3600)
        headers = {"RateLimit-Limit": "3600", "RateLimit-Remaining": "0", "RateLimit-Reset": reset}
        return RefusedError(429, "rate_limit_exceeded", "limit of 3600 requests per hour reached").response(headers)

    def no_capacity(self, request: Request) -> Response:
        """The API's answer when a type is sold out."""
        return sold_out().response()

    @staticmethod
    def _path(request: Request) -> str:
        return request.url.path.removeprefix("/v1")


def _open(found: re.Match[str]) -> str:
    """A step of a path: "/{id}" for a number."""
    return "/{id}" if found[0][1:].isdecimal() else found[0]


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
            raise RefusedError(400, "json_error", "invalid JSON input")
        return body

    def chosen(self, rows: Iterable[Json], *fields: str) -> list[Json]:
        """The rows that the query's filters leave."""
        selector = self.query.get("label_selector", "")
        wanted = {field: self.query.getall(field) for field in fields if field in self.query}
        return [
            row
            for row in rows
            if selected(row.get("labels") or {}, selector)
            and all(row[field] in values for field, values in wanted.items())
        ]


# ---- what can be asked ----

Answered: TypeAlias = tuple[int, Any]
Route: TypeAlias = Callable[[World, Call], Answered]


def _servers(world: World, call: Call) -> Answered:
    rows = call.chosen((world.show(each) for each in world.living()), "name", "status")
    return 200, page("servers", rows, call.query)


def _create(world: World, call: Call) -> Answered:
    server, action = world.create(call.body)
    return 201, {
        "server": world.show(server),
        "action": world.show_action(action),
        "next_actions": [],
        "root_password": server.password.reveal() if server.password else None,
    }


def _server(world: World, call: Call) -> Answered:
    return 200, {"server": world.show(world.server(call.ids[0]))}


def _update(world: World, call: Call) -> Answered:
    server, body = world.server(call.ids[0]), call.body
    server.name = body.get("name", server.name)
    server.labels = checked_labels(body.get("labels", server.labels))
    return 200, {"server": world.show(server)}


def _delete(world: World, call: Call) -> Answered:
    return 200, {"action": world.show_action(world.delete(world.server(call.ids[0])))}


def _act(world: World, call: Call) -> Answered:
    action, more = world.act(world.server(call.ids[0]), call.ids[1], call.body)
    return 201, {"action": world.show_action(action), **more}


def _action(world: World, call: Call) -> Answered:
    return 200, {"action": world.show_action(_one(world.actions, "action", call.ids[0]))}


def _types(world: World, call: Call) -> Answered:
    rows = [_as_sold(world, row) for row in call.chosen(SERVER_TYPES.values(), "name")]
    return 200, page("server_types", rows, call.query)


def _type(world: World, call: Call) -> Answered:
    known = {row["id"]: row for row in SERVER_TYPES.values()}
    return 200, {"server_type": _as_sold(world, _one(known, "server type", call.ids[0]))}


def _as_sold(world: World, row: Json) -> Json:
    places = [
        {**each, "available": each["available"] and (row["name"], each["name"]) not in world.sold_out}
        for each in row["locations"]
    ]
    return {**row, "locations": places, "prices": told_prices(row, invented=world.invented_prices)}


def _locations(world: World, call: Call) -> Answered:
    return 200, page("locations", call.chosen(LOCATIONS.values(), "name"), call.query)


def _location(world: World, call: Call) -> Answered:
    return 200, {"location": _one({row["id"]: row for row in LOCATIONS.values()}, "location", call.ids[0])}


def _images(world: World, call: Call) -> Answered:
    rows = call.chosen(world.images.values(), "name", "type", "status", "architecture")
    return 200, page("images", rows, call.query)


def _image(world: World, call: Call) -> Answered:
    return 200, {"image": _one(world.images, "image", call.ids[0])}


def _keys(world: World, call: Call) -> Answered:
    return 200, page("ssh_keys", call.chosen(world.keys.values(), "name", "fingerprint"), call.query)


def _add_key(world: World, call: Call) -> Answered:
    return 201, {"ssh_key": world.add_key(call.body)}


def _key(world: World, call: Call) -> Answered:
    return 200, {"ssh_key": _one(world.keys, "SSH key", call.ids[0])}


def _delete_key(world: World, call: Call) -> Answered:
    del world.keys[_one(world.keys, "SSH key", call.ids[0])["id"]]
    return 204, None


def _floating(world: World, call: Call) -> Answered:
    return 200, page("floating_ips", call.chosen(world.floating.values(), "name"), call.query)


def _add_floating(world: World, call: Call) -> Answered:
    body = call.body
    home = LOCATIONS.get(body.get("home_location", "fsn1"))
    if body.get("type") != "ipv4" or home is None:
        raise invalid("type", "only ipv4 is simulated")
    id_ = next(world.ids)
    row = {"id": id_, "name": body.get("name") or f"floating-ip-{id_}", "ip": f"198.19.255.{id_ % 250 + 1}"}
    row |= {"type": "ipv4", "server": None, "home_location": home, "labels": {}, "blocked": False, "dns_ptr": []}
    world.floating[id_] = row | {"description": body.get("description"), "created": "2026-03-01T00:00:00Z"}
    return 201, {"floating_ip": world.floating[id_], "action": None}


def _assign(world: World, call: Call) -> Answered:
    address = _one(world.floating, "floating IP", call.ids[0])
    server = world.server(str(call.body.get("server")))
    address["server"] = server.id
    return 201, {"action": world.show_action(world.begin("assign_floating_ip", server, 0.0))}


def _empty(key: str) -> Route:
    """A list of things of which the simulated project has none."""
    return lambda world, call: (200, page(key, [], call.query))


def _one(things: Mapping[int, Any], kind: str, id_: str) -> Any:
    found = things.get(int(id_)) if id_.isdecimal() else None
    if found is None:
        raise missing(kind, id_)
    return found


ID = "([^/]+)"
ROUTES: tuple[tuple[str, str, Route], ...] = (
    ("GET", "/servers", _servers),
    ("POST", "/servers", _create),
    ("GET", f"/servers/{ID}", _server),
    ("PUT", f"/servers/{ID}", _update),
    ("DELETE", f"/servers/{ID}", _delete),
    ("POST", f"/servers/{ID}/actions/{ID}", _act),
    ("GET", f"/actions/{ID}", _action),
    ("GET", "/server_types", _types),
    ("GET", f"/server_types/{ID}", _type),
    ("GET", "/locations", _locations),
    ("GET", f"/locations/{ID}", _location),
    ("GET", "/images", _images),
    ("GET", f"/images/{ID}", _image),
    ("GET", "/ssh_keys", _keys),
    ("POST", "/ssh_keys", _add_key),
    ("GET", f"/ssh_keys/{ID}", _key),
    ("DELETE", f"/ssh_keys/{ID}", _delete_key),
    ("GET", "/floating_ips", _floating),
    ("POST", "/floating_ips", _add_floating),
    ("POST", f"/floating_ips/{ID}/actions/assign", _assign),
    ("GET", "/firewalls", _empty("firewalls")),
    ("GET", "/networks", _empty("networks")),
)
