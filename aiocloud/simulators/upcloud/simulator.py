"""The front door: routes, signing in."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.upcloud import addresses, catalogue, servers, storages
from aiocloud.simulators.upcloud.catalogue import PLANS, TEMPLATES, ZONES
from aiocloud.simulators.upcloud.wire import Call, Found, RejectedError, path_of, reply
from aiocloud.simulators.upcloud.world import Server, World, mac_of

Route: TypeAlias = Callable[[World, Call], Found]
ROUTES: Mapping[str, Route] = {
    "GET /account": catalogue.account,
    "GET /account/details/{username}": catalogue.details,
    "GET /zone": catalogue.zones,
    "GET /plan": catalogue.plans,
    "GET /price": catalogue.prices,
    "GET /storage/template": storages.templates,
    "POST /storage/{uuid}/templatize": storages.templatize,
    "DELETE /storage/{uuid}": storages.delete,
    "GET /server": servers.index,
    "POST /server": servers.create,
    "GET /server/{uuid}": servers.show,
    "PUT /server/{uuid}": servers.change,
    "DELETE /server/{uuid}": servers.delete,
    "POST /server/{uuid}/start": servers.start,
    "POST /server/{uuid}/stop": servers.stop,
    "POST /server/{uuid}/restart": servers.restart,
    "GET /server/{uuid}/firewall_rule": servers.rules,
    "POST /server/{uuid}/firewall_rule": servers.add_rule,
    "DELETE /server/{uuid}/firewall_rule/{position}": servers.delete_rule,
    "GET /ip_address": addresses.index,
    "POST /ip_address": addresses.create,
    "PATCH /ip_address/{address}": addresses.change,
    "DELETE /ip_address/{address}": addresses.delete,
}


class UpCloudSimulator(Simulator):
    """An account at UpCloud. `world` holds all that exists: look into it, or change it."""

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
        self._login, self._token = (username, password), token
        self.world = World(
            now=lambda: self.now(), boot=lambda: self.boot, username=username, invented_prices=invented_prices
        )

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
        return self.world.servers.values()

    def addresses(self, node: Server) -> list[str]:
        """All its addresses, those that float to it too."""
        if node.uuid not in self.world.servers:
            return []
        floating = [address for address, row in self.world.floating.items() if row["mac"] == mac_of(node, 1)]
        return [address for _, _, address in node.addresses] + floating

    def machine(self, node: Server) -> Machine:
        """A server, as its SSH server knows it."""
        return Machine(
            id=node.uuid,
            name=node.hostname,
            running=self.world.state(node) == "started",
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
            self.world.place(name, name, zones[number % len(zones)], plan, next(iter(TEMPLATES)), PLANS[plan][2])

    def operation(self, request: Request) -> str:
        """The method and the path, with ids and addresses left open."""
        path = path_of(request)
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
            status, found = route(self.world, Call(request))
        except RejectedError as error:
            return reply(error.status, error.payload)
        return reply(status, found)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """No limit is documented: the word is one that clients of others know."""
        error = RejectedError(429, "RATE_LIMITED", "Too many requests.")
        return reply(429, error.payload, {"Retry-After": f"{retry_after:g}"})

    def no_capacity(self, request: Request) -> Response:
        """The zone is full."""
        error = RejectedError(409, "SERVER_RESOURCES_UNAVAILABLE", "No resources available for this server.")
        return reply(409, error.payload)

    def _check(self, request: Request) -> None:
        pair = b64encode(":".join(self._login).encode()).decode()
        if request.headers.get("Authorization") not in (f"Basic {pair}", f"Bearer {self._token}"):
            raise RejectedError(401, "AUTHENTICATION_FAILED", "Authentication failed using the given credentials.")
