"""The front door: routes, tokens, rate limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import cycle, islice
from math import ceil
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.digitalocean import account, catalogue, droplets
from aiocloud.simulators.digitalocean.wire import Answer, Call, RefusedError, body_of, not_found, sold_out
from aiocloud.simulators.digitalocean.world import BEFORE, Droplet, World
from aiocloud.simulators.ssh import Machine

Route: TypeAlias = Callable[[World, Call], Answer]

ROUTES: dict[str, Route] = {
    "GET /regions": catalogue.regions,
    "GET /sizes": catalogue.sizes,
    "GET /images": catalogue.images,
    "GET /images/{id}": catalogue.image,
    "GET /droplets": droplets.index,
    "POST /droplets": droplets.create,
    "GET /droplets/{id}": droplets.show,
    "DELETE /droplets/{id}": droplets.delete,
    "GET /droplets/{id}/actions": droplets.actions,
    "POST /droplets/{id}/actions": droplets.act,
    "GET /droplets/{id}/actions/{id}": droplets.action,
    "GET /actions/{id}": droplets.action,
    "GET /account": account.account,
    "GET /account/keys": account.keys,
    "POST /account/keys": account.create_key,
    "GET /account/keys/{id}": account.key,
    "PUT /account/keys/{id}": account.update_key,
    "DELETE /account/keys/{id}": account.delete_key,
    "GET /tags": account.tags,
    "DELETE /tags/{id}": account.delete_tag,
    "GET /firewalls": account.firewalls,
    "POST /firewalls/{id}/droplets": account.add_to_firewall,
    "GET /reserved_ips": account.reserved_ips,
    "POST /reserved_ips": account.reserve_ip,
    "POST /reserved_ips/{id}/actions": account.act_on_reserved_ip,
    "DELETE /reserved_ips/{id}": account.release_ip,
}

HOURLY = 5000
"""What DigitalOcean permits an account in an hour; only the headers tell, unless a `rate` is set."""


class DigitalOceanSimulator(Simulator):
    """An account at DigitalOcean.

    `token` is the one that it accepts. `world` holds all that exists: look into it, or change it.
    """

    provider = "digitalocean"
    endpoint = "https://api.digitalocean.com/v2"
    creates = "POST /droplets"
    proof = "token"
    as_of = catalogue.PRICED
    facts = (
        "Regions, slugs of sizes and images are DigitalOcean's, disks and traffic of most sizes are invented. The "
        "price of s-1vcpu-1gb is that of 2020-10-15, recorded in the tests of Apache Libcloud; no others are told, "
        "since none here would be DigitalOcean's."
    )

    def __init__(
        self,
        *,
        token: str = "dop_v1_quay",  # noqa: S107 - opens nothing
        invented_prices: bool = False,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._token = token
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot, invented_prices=invented_prices)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The token."""
        return {"token": self._token}

    def nodes(self) -> Iterable[Droplet]:
        """The droplets."""
        return self.world.droplets.values()

    def addresses(self, node: Droplet) -> tuple[str, ...]:
        """Public, private and IPv6, and the reserved ones."""
        if self.world.droplets.get(node.id) is not node:
            return ()
        reserved = [ip for ip, (_, owner) in self.world.reserved.items() if owner == node.id]
        return (node.public, node.private, *([node.ipv6] if node.ipv6 else []), *reserved)

    def machine(self, node: Droplet) -> Machine:
        """A droplet lets in root alone, by key."""
        now = self.now()
        node.settle(now)
        restarting = node.doing is not None and node.doing.type != "snapshot"
        return Machine(
            id=str(node.id),
            name=node.name,
            running=node.status == "active" and not restarting,
            keys=node.keys,
            user_data=node.user_data.encode() if node.user_data else None,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """Add so many running droplets, spread over regions and sizes. Needs no event loop."""
        places = zip(cycle(catalogue.OPEN), cycle(catalogue.SIZES), strict=False)
        for region, size in islice(places, count):
            image = catalogue.IMAGES[0]
            name = f"droplet-{len(self.world.droplets) + 1}"
            made = self.world.place(name=name, size=size, region=region, image=image, ipv6=False, at=BEFORE)
            made.status = "active"

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open: "GET /droplets/{id}"."""
        name, _ = _route(request.method, _path(request))
        return name or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Check the token, find the route, do it."""
        try:
            answer = self._call(request)
        except RefusedError as error:
            answer = Answer(error.status, error.payload)
        return self._response(answer)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, with the seconds to wait."""
        error = RefusedError(429, "too_many_requests", "API rate limit exceeded.")
        return self._response(Answer(429, error.payload), {"Retry-After": str(ceil(retry_after))})

    def no_capacity(self, request: Request) -> Response:
        """422, which DigitalOcean uses for all that it cannot do."""
        return self._response(Answer(422, sold_out().payload))

    def _call(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            raise RefusedError(401, "unauthorized", "Unable to authenticate you")
        name, ids = _route(request.method, _path(request))
        if not name:
            raise not_found()
        call = Call(path=request.url.path, ids=ids, query=request.url.query, body=body_of(request.body))
        return ROUTES[name](self.world, call)

    def _response(self, answer: Answer, extra: Mapping[str, str] | None = None) -> Response:
        body = b"" if answer.payload is None else json.dumps(answer.payload).encode()
        headers = {"Content-Type": "application/json", **self._limits(answer.status), **(extra or {})}
        return Response(status=answer.status, headers=headers_of(headers), body=body)

    def _limits(self, status: int) -> dict[str, str]:
        limit, window = (int(self.rate), 1) if self.rate else (HOURLY, 3600)
        left = int(self._tokens) if self.rate else limit - 1
        return {
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(0 if status == 429 else left),
            "ratelimit-reset": str(ceil(self.now().timestamp()) + window),
        }


def _path(request: Request) -> str:
    """The path behind /v2. Without it there is nothing."""
    path = request.url.path
    return path.removeprefix("/v2") if path.startswith("/v2/") else ""


PATTERNS = {name: re.compile(name.replace("{id}", "([^/]+)")) for name in ROUTES}


@lru_cache(maxsize=4096)
def _route(method: str, path: str) -> tuple[str, tuple[str, ...]]:
    """The route's name and what stands in its open places; "" when there is none."""
    for name, pattern in PATTERNS.items():
        if found := pattern.fullmatch(f"{method} {path}"):
            return name, found.groups()
    return "", ()
