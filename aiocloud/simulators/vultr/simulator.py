"""The front door: routes, key, limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from itertools import cycle, islice
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.vultr import account, catalogue, instances
from aiocloud.simulators.vultr.wire import Answered, Call, RefusedError, reply, sold_out
from aiocloud.simulators.vultr.world import Instance, World

BEFORE = datetime(2021, 3, 1, tzinfo=UTC)
"""When everything was made that was there from the start."""

Route: TypeAlias = Callable[[World, Call], Answered]
ID = "([^/]+)"
ROUTES: tuple[tuple[str, str, bool, Route], ...] = (
    ("GET", "/regions", True, catalogue.regions),
    ("GET", f"/regions/{ID}/availability", True, catalogue.availability),
    ("GET", "/plans", True, catalogue.plans),
    ("GET", "/os", True, catalogue.systems),
    ("GET", "/instances", False, instances.index),
    ("POST", "/instances", False, instances.create),
    ("GET", f"/instances/{ID}", False, instances.show),
    ("PATCH", f"/instances/{ID}", False, instances.change),
    ("DELETE", f"/instances/{ID}", False, instances.delete),
    ("POST", f"/instances/{ID}/(halt|start|reboot|reinstall|restore)", False, instances.act),
    ("GET", "/ssh-keys", False, account.keys),
    ("POST", "/ssh-keys", False, account.add_key),
    ("DELETE", f"/ssh-keys/{ID}", False, account.delete_key),
    ("GET", "/snapshots", False, account.snapshots),
    ("GET", "/reserved-ips", False, account.reserved),
    ("POST", "/reserved-ips", False, account.reserve),
    ("POST", f"/reserved-ips/{ID}/attach", False, account.attach),
    ("GET", "/firewalls", False, account.empty("firewall_groups")),
    ("GET", "/vpcs", False, account.empty("vpcs")),
)


class VultrSimulator(Simulator):
    """An account at Vultr.

    `world` holds all that exists: look into it, or change it. With `invented_prices` there are a region and plans that
    are younger than the facts, with prices that are none of Vultr's.
    """

    provider = "vultr"
    endpoint = "https://api.vultr.com/v2"
    creates = "POST /instances"
    proof = "api_key"
    unknown_node = "00000000-0000-4000-8000-000000000000"
    as_of = date.fromisoformat(catalogue.FACTS["as_of"])
    facts = (
        "Regions, plans and prices as Vultr's API gave them in September 2021, recorded in the tests of Apache "
        "Libcloud; the systems are a few of Vultr's of 2026."
    )

    def __init__(self, *, api_key: str = "HARBOURKEY7QX2MZ5D4T", invented_prices: bool = False, **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self.world = World(
            now=lambda: self.now(),
            boot=lambda: self.boot,
            regions=catalogue.regions_of(invented=invented_prices),
            plans=catalogue.plans_of(invented=invented_prices),
        )

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API key."""
        return {"api_key": self._key}

    def nodes(self) -> Iterable[Instance]:
        """The instances that are there."""
        return self.world.instances.values()

    def addresses(self, node: Instance) -> list[str]:
        """Its addresses."""
        reserved = [row["subnet"] for row in self.world.reserved.values() if row["instance_id"] == node.id]
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
        sorts = [(id_, place) for id_, plan in self.world.plans.items() for place in plan["locations"]]
        for number, (plan, place) in enumerate(islice(cycle(sorts), count), 1):
            self.world.place(f"quay-{number}", place, plan, 2136, BEFORE)

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
                    status, payload = route(self.world, Call(request, found.groups()))
                    return reply(status, payload)
            raise RefusedError(404, "Invalid path.")
        except RefusedError as error:
            return error.response()

    def throttled(self, request: Request, retry_after: float) -> Response:
        """The API's answer to too many requests; it names no time."""
        return RefusedError(429, "Rate limit reached - please try your request again later.").response()

    def no_capacity(self, request: Request) -> Response:
        """The API's answer where a plan is sold out; the words are ours."""
        return sold_out().response()

    def _admitted(self, request: Request, public: bool) -> None:
        given = request.headers.get("Authorization")
        if given == f"Bearer {self._key}" or (public and given is None):
            return
        raise RefusedError(401, "Invalid API token.")

    @staticmethod
    def _path(request: Request) -> str:
        return request.url.path.removeprefix("/v2")
