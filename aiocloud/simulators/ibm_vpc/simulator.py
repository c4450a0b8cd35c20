"""The front door: routes, tokens, and the parameters that all requests need."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import cycle, islice
from math import ceil
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ibm_vpc import catalogue, instances, network
from aiocloud.simulators.ibm_vpc.wire import Call, Json, RefusedError, body_of
from aiocloud.simulators.ibm_vpc.world import BEFORE, Instance, World
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.ssh.machine import users_of

Answer: TypeAlias = Callable[[World, Call], Json | None]

ROUTES: dict[str, Answer] = {
    "GET /regions": catalogue.regions,
    "GET /regions/{id}": catalogue.region,
    "GET /regions/{id}/zones": catalogue.zones,
    "GET /instance/profiles": catalogue.profiles,
    "GET /instance/profiles/{id}": catalogue.profile,
    "GET /images": catalogue.images,
    "GET /images/{id}": catalogue.image,
    "GET /instances": instances.index,
    "POST /instances": instances.create,
    "GET /instances/{id}": instances.show,
    "PATCH /instances/{id}": instances.update,
    "DELETE /instances/{id}": instances.delete,
    "POST /instances/{id}/actions": instances.act,
    "GET /instances/{id}/initialization": instances.initialization,
    "GET /keys": network.keys,
    "POST /keys": network.create_key,
    "GET /keys/{id}": network.key,
    "DELETE /keys/{id}": network.delete_key,
    "GET /vpcs": network.vpcs,
    "GET /subnets": network.subnets,
    "GET /subnets/{id}": network.subnet,
    "GET /security_groups": network.security_groups,
    "GET /floating_ips": network.floating_ips,
    "POST /floating_ips": network.create_floating_ip,
    "GET /floating_ips/{id}": network.floating_ip,
    "DELETE /floating_ips/{id}": network.delete_floating_ip,
}
PATTERNS = {name: re.compile(name.replace("{id}", "([^/]+)")) for name in ROUTES}
HOST = re.compile(r"(?P<region>[a-z-]+)\.(private\.)?iaas\.cloud\.ibm\.com")
SIGN_IN = "POST /identity/token"
GRANT = "urn:ibm:params:oauth:grant-type:apikey"
LIFE = 3600
"""Seconds for which a token is good."""


class IBMVPCSimulator(Simulator):
    """An account at IBM Cloud, with the same key in all regions.

    The host that a request is sent to names its region; where it is none of IBM's, that is `region`. Tokens are JSON
    web tokens without a signature that would mean anything. `world` holds all that exists: look into it, or change it.
    """

    provider = "ibm_vpc"
    endpoint = "https://us-south.iaas.cloud.ibm.com/v1"
    creates = "POST /instances"
    proof = "api_key"
    as_of = date(2026, 10, 7)
    unknown_node = "0717_0c0ffee0-0000-4000-8000-999999999999"
    facts = (
        "Regions, and what answers hold, of IBM's Python client ibm-vpc 0.36.0 of 2026-10-07; the names of profiles"
        " tell their cores and memory. There are no prices in this API."
    )

    def __init__(self, *, api_key: str = "pier-11-key-of-the-harbour", region: str = "us-south", **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self._region = region
        self._given: dict[str, datetime] = {}
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API key."""
        return {"api_key": self._key}

    def expire_tokens(self) -> None:
        """Refuse all tokens that were given so far."""
        self._given.clear()

    def nodes(self) -> Iterable[Instance]:
        """The instances."""
        return self.world.instances.values()

    def addresses(self, node: Instance) -> Iterable[str]:
        """Private, and floating."""
        if self.world.status(node) in ("gone", "deleting"):
            return ()
        floating = (each.address for each in self.world.floating.values() if each.target == node.interface)
        return (node.address, *floating)

    def machine(self, node: Instance) -> Machine:
        """What its SSH server knows of an instance."""
        return Machine(
            id=node.id,
            name=node.name,
            running=self.world.status(node) == "running",
            users=users_of(self.world.image_name(node)),
            keys=tuple(node.keys),
            user_data=node.user_data.encode() if node.user_data is not None else None,
        )

    def populate(self, count: int) -> None:
        """Add so many running instances, spread over the zones of its region, two of three with a public address."""
        image = next(iter(catalogue.images_of(self._region)))
        zones = islice(cycle(catalogue.ZONES[self._region]), count)
        for number, zone in enumerate(zones, len(self.world.instances) + 1):
            one = self.world.place(name=f"quay-{number}", zone=zone, profile="bx2-2x8", image=image, at=BEFORE)
            if number % 3:
                self.world.give_address(f"quay-{number}-ip", zone, one.interface, BEFORE)

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open: "GET /instances/{id}"."""
        if request.url.path == "/identity/token":
            return SIGN_IN
        return _route(request.method, _path(request))[0] or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Give a token, or find the route, check the token, do it."""
        if self.operation(request) == SIGN_IN:
            return self._sign_in(request)
        try:
            payload = self._call(request)
        except RefusedError as error:
            return self._refusal(error)
        return _response(204 if payload is None else 201 if request.method == "POST" else 200, payload)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, with the seconds to wait."""
        error = RefusedError(429, "too_many_requests", "Too many requests")
        return self._refusal(error, {"Retry-After": str(ceil(retry_after))})

    def no_capacity(self, request: Request) -> Response:
        """The instance is made, and fails to start: a lack of room is only found out then."""
        return _response(201, instances.create(self.world, self._understood(request), room=False))

    def _sign_in(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        if form.get("grant_type") != GRANT:
            return _response(400, {"errorCode": "BXNIM0109E", "errorMessage": "Property grant_type is not valid"})
        if not hmac.compare_digest(form.get("apikey", "").encode(), self._key.encode()):
            context = {"requestId": secrets.token_hex(8), "requestType": "incoming.Identity_Token"}
            words = "Provided API key could not be found"
            return _response(400, {"context": context, "errorCode": "BXNIM0415E", "errorMessage": words})
        issued = int(self.now().timestamp())
        token = _jwt({"iam_id": "IBMid-1", "iat": issued, "exp": issued + LIFE})
        self._given[token] = self.now() + timedelta(seconds=LIFE)
        answer = {"access_token": token, "refresh_token": "not_supported", "token_type": "Bearer"}
        return _response(200, {**answer, "expires_in": LIFE, "expiration": issued + LIFE, "scope": "ibm openid"})

    def _call(self, request: Request) -> Json | None:
        self._authenticate(request)
        name, _ = _route(request.method, _path(request))
        if not name:
            raise RefusedError(404, "not_found", "There is no such path")
        _check_parameters(request.url.query, self.now().date())
        return ROUTES[name](self.world, self._understood(request))

    def _understood(self, request: Request) -> Call:
        found = HOST.fullmatch(request.url.host or "")
        region = found["region"] if found else self._region
        if region not in catalogue.ZONES:
            raise RefusedError(404, "not_found", "There is no such region")
        return Call(
            region=region,
            root=f"{request.url.origin()}/v1",
            path=_path(request),
            ids=_route(request.method, _path(request))[1],
            query=request.url.query,
            body=body_of(request.body),
        )

    def _authenticate(self, request: Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        ends = self._given.get(token)
        if kind != "Bearer" or ends is None or self.now() >= ends:
            raise RefusedError(401, "not_authorized", "The IAM token is missing, expired or not valid")

    def _refusal(self, error: RefusedError, headers: Mapping[str, str] | None = None) -> Response:
        return _response(error.status, error.payload(secrets.token_hex(8)), headers)


def _check_parameters(query: Mapping[str, str], today: date) -> None:
    """Every request says which version of the API it means."""
    try:
        fit = date.fromisoformat(query.get("version", "")) <= today
    except ValueError:
        fit = False
    if not fit:
        raise RefusedError(400, "invalid_value", "version must be a date that has come", ("parameter", "version"))
    if query.get("generation") != "2":
        raise RefusedError(400, "invalid_value", "generation must be 2", ("parameter", "generation"))


def _response(status: int, payload: Json | None, headers: Mapping[str, str] | None = None) -> Response:
    kind = {"Content-Type": "application/json"} if payload is not None else {}
    body = json.dumps(payload).encode() if payload is not None else b""
    return Response(status=status, headers=headers_of({**kind, **(headers or {})}), body=body)


def _jwt(claims: Json) -> str:
    parts = [{"alg": "RS256", "kid": "simulated"}, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, secrets.token_urlsafe(24)])


def _path(request: Request) -> str:
    """The path behind /v1. Without it there is nothing."""
    path = request.url.path
    return path.removeprefix("/v1") if path.startswith("/v1/") else ""


@lru_cache(maxsize=4096)
def _route(method: str, path: str) -> tuple[str, tuple[str, ...]]:
    """The route's name and what stands in its open places; "" when there is none."""
    for name, pattern in PATTERNS.items():
        if found := pattern.fullmatch(f"{method} {path}"):
            return name, found.groups()
    return "", ()
