"""The front door: routes and keys."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from math import ceil
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.scaleway import catalogue, parts, servers
from aiocloud.simulators.scaleway.wire import Call, Json, RefusedError, Reply, wrong
from aiocloud.simulators.scaleway.world import Server, World
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.ssh.machine import users_of

Answer: TypeAlias = Callable[[World, Call], Reply]

IAM, MARKET, BLOCK = "/iam/v1alpha1", "/marketplace/v2", "/block/v1"
ROUTES: dict[str, Answer] = {
    "GET /products/servers": catalogue.types,
    "GET /products/servers/availability": catalogue.availability,
    f"GET {MARKET}/images": catalogue.images,
    f"GET {MARKET}/local-images": catalogue.local_images,
    f"GET {MARKET}/local-images/{{id}}": catalogue.local_image,
    "GET /servers": servers.index,
    "POST /servers": servers.create,
    "GET /servers/{id}": servers.show,
    "PATCH /servers/{id}": servers.update,
    "DELETE /servers/{id}": servers.delete,
    "POST /servers/{id}/action": servers.act,
    "GET /servers/{id}/user_data": servers.user_data_keys,
    "GET /servers/{id}/user_data/{id}": servers.user_data,
    "PATCH /servers/{id}/user_data/{id}": servers.set_user_data,
    "DELETE /servers/{id}/user_data/{id}": servers.delete_user_data,
    "GET /ips": parts.ips,
    "POST /ips": parts.create_ip,
    "GET /ips/{id}": parts.ip,
    "PATCH /ips/{id}": parts.update_ip,
    "DELETE /ips/{id}": parts.delete_ip,
    "DELETE /volumes/{id}": parts.delete_local,
    f"DELETE {BLOCK}/volumes/{{id}}": parts.delete_block,
    "GET /security_groups": parts.security_groups,
    f"GET {IAM}/ssh-keys": parts.keys,
    f"POST {IAM}/ssh-keys": parts.create_key,
    f"DELETE {IAM}/ssh-keys/{{id}}": parts.delete_key,
}
PATTERNS = {name: re.compile(name.replace("{id}", "([^/]+)")) for name in ROUTES}
PUBLIC = ("GET /products/", f"GET {MARKET}/")
ZONAL = re.compile(r"(?P<api>/instance/v1|/block/v1)/zones/(?P<zone>[^/]+)(?P<rest>/.*)")


class ScalewaySimulator(Simulator):
    """A project at Scaleway, in all zones. `world` holds all that exists: look into it, or change it."""

    provider = "scaleway"
    endpoint = "https://api.scaleway.com"
    creates = "POST /servers"
    proof = "secret_key"
    as_of = date(2025, 9, 5)
    unknown_node = "5ca1e000-0000-4000-8000-999999999999"
    facts = (
        "Types and prices as the API gave them for fr-par-1 on 2025-09-05, recorded in the tests of "
        "github.com/scaleway/scaleway-sdk-go, and offered in all zones here; the ids of images are invented."
    )

    def __init__(
        self,
        *,
        secret_key: str = "c0ffee00-5ec2-4e75-8000-00000000a11a",  # noqa: S107 - opens nothing
        project_id: str = "70b0a2d0-0000-4000-8000-0000000000aa",
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._key = secret_key
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot, project=project_id)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The secret key, and the project."""
        return {"secret_key": self._key, "project_id": self.world.project}

    def nodes(self) -> Iterable[Server]:
        """The servers."""
        return self.world.servers.values()

    def addresses(self, node: Server) -> Iterable[str]:
        """Those that it has now."""
        if self.world.status(node) == "gone":
            return ()
        return [each["address"] for each in parts.ip_of_server(self.world, node)]

    def machine(self, node: Server) -> Machine:
        """What its SSH server knows of a server."""
        return Machine(
            id=node.id,
            name=node.name,
            running=self.world.status(node) == "running",
            users=users_of(catalogue.IMAGES[node.image].label, {}),
            keys=tuple(node.keys),
            user_data=node.user_data.get("cloud-init"),
        )

    def populate(self, count: int) -> None:
        """Add so many running servers, spread over the zones."""
        there = len(self.world.servers)
        for number in range(there, there + count):
            self.world.furnish(number)

    def operation(self, request: Request) -> str:
        """The method, and the path with its zone left out and its ids left open: "POST /servers/{id}/action"."""
        path, _ = _placed(request.url.path)
        return _route(request.method, path)[0] or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Check the key, find the route, do it."""
        try:
            return _success(self._reply(request))
        except RefusedError as error:
            return _response(error.status, error.payload)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, with the seconds to wait."""
        error = RefusedError(429, "too_many_requests", "too many requests")
        return _response(429, error.payload, {"Retry-After": str(ceil(retry_after))})

    def no_capacity(self, request: Request) -> Response:
        """412, with the type of which there are no more."""
        error = RefusedError(412, "out_of_stock", "resource is out of stock", resource="DEV1-S")
        return _response(error.status, error.payload)

    def _reply(self, request: Request) -> Reply:
        path, zone = _placed(request.url.path)
        name, ids = _route(request.method, path)
        self._authenticate(request, public=name.startswith(PUBLIC))
        if not name:
            raise RefusedError(404, "unknown_resource", "not found")
        if zone and zone not in catalogue.ZONES:
            raise wrong(zone=f"constraint: {zone} is not a valid zone")
        return ROUTES[name](self.world, Call(zone=zone, ids=ids, query=request.url.query, raw=request.body))

    def _authenticate(self, request: Request, *, public: bool) -> None:
        given = request.headers.get("X-Auth-Token")
        if given is None and public:
            return
        if not hmac.compare_digest((given or "").encode(), self._key.encode()):
            about = {"method": "api_key", "reason": "not_found"}
            raise RefusedError(401, "denied_authentication", "authentication is denied", **about)


def _success(reply: Reply) -> Response:
    headers = {**reply.headers, **({"X-Total-Count": str(reply.total)} if reply.total is not None else {})}
    if reply.text is not None:
        known = headers_of({"Content-Type": "text/plain", **headers})
        return Response(status=reply.status, headers=known, body=reply.text)
    return _response(reply.status, reply.payload, headers)


def _response(status: int, payload: Json | None, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(payload).encode() if payload is not None else b""
    known = {"Content-Type": "application/json", "X-Request-Id": "5ca1e000-1d00-4000-8000-000000000000"}
    return Response(status=status, headers=headers_of({**known, **(headers or {})}), body=body)


def _placed(path: str) -> tuple[str, str]:
    """A path without its zone, and the zone."""
    found = ZONAL.fullmatch(path)
    if found is None:
        return path, ""
    return f"{BLOCK if found['api'] == BLOCK else ''}{found['rest']}", found["zone"]


@lru_cache(maxsize=4096)
def _route(method: str, path: str) -> tuple[str, tuple[str, ...]]:
    """The route's name and what stands in its open places; "" when there is none."""
    for name, pattern in PATTERNS.items():
        if found := pattern.fullmatch(f"{method} {path}"):
            return name, found.groups()
    return "", ()
