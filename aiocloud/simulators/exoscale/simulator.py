"""The front door: routes, signatures, zones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.exoscale import account, catalogue, instances
from aiocloud.simulators.exoscale.catalogue import TEMPLATES, TYPES, ZONES
from aiocloud.simulators.exoscale.wire import Call, Json, RefusedError, absent, body_of, path_of, reply
from aiocloud.simulators.exoscale.world import Instance, World
from aiocloud.simulators.ssh import Machine

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
HOST = re.compile(r"api-(?P<zone>[a-z0-9-]+)\.exoscale\.com")
ID = re.compile(r"^(/[^/]+)/[^/:]+")

Route: TypeAlias = Callable[[World, Call], Json]
ROUTES: Mapping[str, Route] = {
    "GET /zone": catalogue.zones,
    "GET /instance-type": catalogue.types,
    "GET /instance-type/{id}": catalogue.type_,
    "GET /template": catalogue.templates,
    "GET /template/{id}": catalogue.template,
    "GET /instance": instances.index,
    "POST /instance": instances.create,
    "GET /instance/{id}": instances.show,
    "PUT /instance/{id}": instances.update,
    "DELETE /instance/{id}": instances.delete,
    "PUT /instance/{id}:start": instances.start,
    "PUT /instance/{id}:stop": instances.stop,
    "PUT /instance/{id}:reboot": instances.reboot,
    "PUT /instance/{id}:scale": instances.scale,
    "PUT /instance/{id}:resize-disk": instances.resize_disk,
    "PUT /instance/{id}:reset": instances.reset,
    "GET /instance/{id}:password": instances.password,
    "GET /operation/{id}": account.operation,
    "GET /ssh-key": account.keys,
    "POST /ssh-key": account.add_key,
    "GET /ssh-key/{id}": account.key,
    "DELETE /ssh-key/{id}": account.delete_key,
    "GET /security-group": account.groups,
    "POST /security-group/{id}/rules": account.add_rule,
    "GET /elastic-ip": account.elastic,
    "POST /elastic-ip": account.add_elastic,
    "PUT /elastic-ip/{id}:attach": account.attach_elastic,
    "DELETE /elastic-ip/{id}": account.delete_elastic,
    "GET /quota": account.quotas,
}


class ExoscaleSimulator(Simulator):
    """An account at Exoscale, with the same key in all zones.

    `world` holds all that exists: look into it, or change it. The host that a request is sent to names its zone; where
    it is none of Exoscale's, that is `zone`. A key whose role forbids something is had by `forbidden`, shell words that
    operations begin with ("POST /instance").
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
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot)
        self.forbidden: list[str] = []

    @property
    def credentials(self) -> Mapping[str, str]:
        """The key and its secret."""
        return {"key": self._key, "secret": self._secret}

    def nodes(self) -> Iterable[Instance]:
        """The instances."""
        return self.world.there()

    def addresses(self, node: Instance) -> list[str]:
        """Its one address, if it has one, while it is there."""
        there = self.world.instances.get(node.id) is node and self.world.state(node) not in ("destroying", "gone")
        return [node.address] if there and node.asked.get("public-ip-assignment") != "none" else []

    def machine(self, node: Instance) -> Machine:
        """An instance, as its SSH server knows it."""
        data = node.asked.get("user-data")
        return Machine(
            id=node.id,
            name=node.name,
            running=self.world.state(node) == "running",
            users=("root", TEMPLATES[node.template][3]),
            keys=tuple(node.keys.values()),
            user_data=base64.b64decode(data) if data else None,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """So many running instances, spread over the zones, two by two: served on loopback, it has just the first."""
        places = zip(cycle(zone for zone in ZONES for _ in range(2)), cycle(TYPES), strict=False)
        for number, (zone, kind) in enumerate(islice(places, count), len(self.world.instances) + 1):
            self.world.place(f"quay-{number}", zone, kind, next(iter(TEMPLATES)), 10, BEFORE)

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open: "PUT /instance/{id}:stop"."""
        path = ID.sub(r"\1/{id}", path_of(request))
        return f"{request.method} {path}"

    def answer(self, request: Request) -> Response:
        """Check the signature, find the route, do it."""
        try:
            self._authenticate(request)
            name = self.operation(request)
            if any(name.startswith(each) for each in self.forbidden):
                raise RefusedError(403, "Forbidden by role policy for compute - A deny rule matched. Rule index: 0")
            if name not in ROUTES:
                raise absent("path")
            return reply(200, ROUTES[name](self.world, self._understood(request)))
        except RefusedError as error:
            return reply(error.status, {"message": error.message})

    def throttled(self, request: Request, retry_after: float) -> Response:
        """No limit is documented: the usual answer."""
        return reply(429, {"message": "Too many requests"}, {"Retry-After": f"{retry_after:g}"})

    def no_capacity(self, request: Request) -> Response:
        """The operation is accepted, and fails; a broken instance stays."""
        operation = instances.create(self.world, self._understood(request), room=False)
        return reply(200, operation)

    # ---- the door ----

    def _understood(self, request: Request) -> Call:
        found = HOST.fullmatch(request.url.host or "")
        zone = found["zone"] if found else self._zone
        if zone not in ZONES:
            raise absent("zone")
        ids = tuple(each[1:] for each in re.findall(r"/[^/:]+", path_of(request))[1::2])
        return Call(zone=zone, ids=ids, query=request.url.query, body=body_of(request.body))

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
