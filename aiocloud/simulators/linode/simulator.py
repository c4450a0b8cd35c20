"""The front door: routes, tokens, rate limits."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from itertools import cycle, islice
from math import ceil
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.linode import account, catalogue, instances, parts
from aiocloud.simulators.linode.wire import Call, Json, Problem, RejectedError, body_of, not_found
from aiocloud.simulators.linode.world import BEFORE, Instance, World
from aiocloud.simulators.ssh import Machine

Answer: TypeAlias = Callable[[World, Call], Json | list[Json]]

# {id} is one part of the path, {slug} all that is left ("linode/debian12").
ROUTES: dict[str, Answer] = {
    "GET /regions": catalogue.regions,
    "GET /regions/availability": catalogue.availability,
    "GET /regions/{id}": catalogue.region,
    "GET /regions/{id}/availability": catalogue.availability_in_region,
    "GET /linode/types": catalogue.types,
    "GET /linode/types/{id}": catalogue.type_,
    "GET /linode/kernels": catalogue.kernels,
    "GET /linode/kernels/{slug}": catalogue.kernel,
    "GET /images": catalogue.images,
    "GET /images/{slug}": catalogue.image,
    "GET /linode/instances": instances.index,
    "POST /linode/instances": instances.create,
    "GET /linode/instances/{id}": instances.show,
    "PUT /linode/instances/{id}": instances.update,
    "DELETE /linode/instances/{id}": instances.delete,
    "POST /linode/instances/{id}/boot": instances.boot,
    "POST /linode/instances/{id}/reboot": instances.reboot,
    "POST /linode/instances/{id}/shutdown": instances.shutdown,
    "POST /linode/instances/{id}/resize": instances.resize,
    "POST /linode/instances/{id}/rebuild": instances.rebuild,
    "GET /linode/instances/{id}/ips": parts.addresses,
    "POST /linode/instances/{id}/ips": parts.add_address,
    "DELETE /linode/instances/{id}/ips/{id}": parts.delete_address,
    "GET /linode/instances/{id}/disks": parts.disks,
    "GET /linode/instances/{id}/disks/{id}": parts.disk,
    "GET /linode/instances/{id}/configs": parts.configs,
    "GET /linode/instances/{id}/configs/{id}": parts.config,
    "GET /profile": account.profile,
    "GET /profile/sshkeys": account.ssh_keys,
    "POST /profile/sshkeys": account.create_ssh_key,
    "GET /profile/sshkeys/{id}": account.ssh_key,
    "PUT /profile/sshkeys/{id}": account.update_ssh_key,
    "DELETE /profile/sshkeys/{id}": account.delete_ssh_key,
    "GET /account": account.account,
    "GET /account/events": account.events,
    "GET /account/events/{id}": account.event,
    "GET /networking/firewalls": account.firewalls,
    "POST /networking/firewalls": account.create_firewall,
    "GET /networking/firewalls/{id}": account.firewall,
    "DELETE /networking/firewalls/{id}": account.delete_firewall,
}

# These need no token, though a wrong one is refused here too.
PUBLIC = frozenset(name for name, answer in ROUTES.items() if answer.__module__ == catalogue.__name__)

BASE_PATH = re.compile(r"/v4(?:beta)?(?=/)")

# What Linode permits on most paths, and in how many seconds; only the headers tell, unless a `rate` is set.
USUAL_LIMIT, WINDOW = 400, 60


class LinodeSimulator(Simulator):
    """An account at Linode.

    `token` is the one that it accepts. `world` holds all that exists: look into it, or change it.
    """

    provider = "linode"
    endpoint = "https://api.linode.com/v4"
    creates = "POST /linode/instances"
    proof = "token"
    as_of = date.fromisoformat(catalogue.FACTS["as_of"]["types"])
    facts = (
        f"Types and prices as Linode's API gave them on {catalogue.FACTS['as_of']['types']}, regions as of "
        f"{catalogue.FACTS['as_of']['regions']}, both recorded in the tests of github.com/linode/linodego."
    )

    def __init__(self, *, token: str = "quay-token", **world: Any) -> None:  # noqa: S107 - opens nothing
        super().__init__(**world)
        self._token = token
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The token."""
        return {"token": self._token}

    def nodes(self) -> Iterable[Instance]:
        """The Linodes."""
        return self.world.instances.values()

    def addresses(self, node: Instance) -> tuple[str, ...]:
        """Public, private and IPv6."""
        there = self.world.instances.get(node.id) is node
        return (*node.ipv4, *node.private_ipv4, node.ipv6) if there else ()

    def machine(self, node: Instance) -> Machine:
        """A Linode lets in root alone."""
        return Machine(
            id=str(node.id),
            name=node.label,
            running=node.status(self.now()) == "running",
            keys=tuple(node.authorized_keys),
            password=node.root_pass,
            user_data=node.user_data,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """Add so many running instances, spread over regions and types. Needs no event loop."""
        places = zip(cycle(catalogue.REGIONS), cycle(catalogue.TYPES), strict=False)
        for region, type_ in islice(places, count):
            self.world.furnish(
                self.world.place(label=None, region=region, type_=type_, image="linode/debian12", at=BEFORE)
            )

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open: "GET /linode/instances/{id}"."""
        name, _ = _route(request.method, _path(request))
        return name.replace("{slug}", "{id}") or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Find the route, check the token, do it."""
        try:
            return self._response(200, self._call(request))
        except RejectedError as error:
            return self._response(error.status, error.payload())

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, with the seconds to wait."""
        payload = RejectedError(429, Problem("Too many requests")).payload()
        return self._response(429, payload, {"Retry-After": str(ceil(retry_after))})

    def no_capacity(self, request: Request) -> Response:
        """400, which Linode uses for all that it cannot do."""
        return self._response(400, RejectedError(400, instances.NO_CAPACITY).payload())

    def _call(self, request: Request) -> Json | list[Json]:
        path = _path(request)
        name, ids = _route(request.method, path)
        self._authenticate(request, public=name in PUBLIC)
        if not name:
            known = any(_route(method, path)[0] for method in ("GET", "POST", "PUT", "DELETE"))
            raise RejectedError(405, Problem("Method Not Allowed")) if known else not_found()
        return ROUTES[name](
            self.world,
            Call(
                ids=ids,
                query=request.url.query,
                filter=request.headers.get("X-Filter"),
                body=body_of(request.body),
            ),
        )

    def _authenticate(self, request: Request, *, public: bool) -> None:
        given = request.headers.get("Authorization")
        if given != f"Bearer {self._token}" and not (public and given is None):
            raise RejectedError(401, Problem("Invalid Token"))

    def _response(self, status: int, payload: Json | list[Json], extra: Mapping[str, str] | None = None) -> Response:
        headers = {"Content-Type": "application/json", **self._limits(status), **(extra or {})}
        return Response(status=status, headers=headers_of(headers), body=json.dumps(payload).encode())

    def _limits(self, status: int) -> dict[str, str]:
        limit, window = (int(self.rate), 1) if self.rate else (USUAL_LIMIT, WINDOW)
        left = int(self._tokens) if self.rate else limit - 1
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(0 if status == 429 else left),
            "X-RateLimit-Reset": str(ceil(self.now().timestamp()) + window),
        }


def _path(request: Request) -> str:
    """The path behind /v4. Without it there is nothing."""
    path = request.url.path
    return BASE_PATH.sub("", path, count=1) if BASE_PATH.match(path) else ""


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(template.replace("{id}", "([^/]+)").replace("{slug}", "(.+)"))


PATTERNS = {name: _pattern(name) for name in ROUTES}


@lru_cache(maxsize=4096)
def _route(method: str, path: str) -> tuple[str, tuple[str, ...]]:
    """The route's name and what stands in its open places; "" when there is none."""
    for name, pattern in PATTERNS.items():
        if found := pattern.fullmatch(f"{method} {path}"):
            return name, found.groups()
    return "", ()
