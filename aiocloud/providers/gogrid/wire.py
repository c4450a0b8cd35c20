"""How GoGrid is asked, how it refuses, and what its answers mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiocloud.errors import (
    ApiError,
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable, plain_reason
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.ratelimit import asked_pause
from aiocloud.mapping import Shape, at, dig, is_private, one_of, system_in
from aiocloud.models import Image, Location, Node, NodeState, Price, Size
from aiocloud.values import Secret

STATES = {
    "On": NodeState.RUNNING,
    "Starting": NodeState.PENDING,
    "Off": NodeState.STOPPED,
    "Stopping": NodeState.STOPPING,
    "Restarting": NodeState.REBOOTING,
    "Saving": NodeState.PENDING,
    "Restoring": NodeState.PENDING,
    "Updating": NodeState.PENDING,
    "On/Saving": NodeState.RUNNING,
    "Off/Saving": NodeState.STOPPED,
}
STATE = one_of(STATES, NodeState.UNKNOWN)


class Plan(NamedTuple):
    """What a size is: MiB, cores (None for half a one), GiB, and US dollars an hour."""

    ram: int
    vcpus: int | None
    disk: int
    price: str


PLANS = {
    "512MB": Plan(512, None, 25, "0.095"),
    "1GB": Plan(1024, 1, 50, "0.19"),
    "2GB": Plan(2048, 2, 100, "0.38"),
    "4GB": Plan(4096, 4, 200, "0.76"),
    "8GB": Plan(8192, 8, 400, "1.52"),
    "16GB": Plan(16384, 8, 800, "3.04"),
    "24GB": Plan(24576, 8, 800, "4.56"),
}
"""Cores and disks as jclouds 1.5 had them, prices as Apache Libcloud 0.4.2 had them, in January 2011."""
PRICED = date(2011, 1, 18)


def signature(api_key: str, shared_secret: str, moment: datetime) -> str:
    """What proves who asks, for some ten minutes around that moment."""
    text = f"{api_key}{shared_secret}{int(moment.timestamp())}"
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what the API asks for


@dataclass(frozen=True, slots=True)
class Signing:
    """A layer that adds key, signature, version and format to the form that a request sends."""

    api_key: str
    shared_secret: Secret
    clock: Callable[[], datetime]

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Sign each attempt afresh, and send."""
        sig = signature(self.api_key, self.shared_secret.reveal(), self.clock())
        added = urlencode({"api_key": self.api_key, "sig": sig, "v": "1.8", "format": "json"}).encode()
        return await send(replace(request, body=b"&".join(filter(None, (request.body, added)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayErrors(ErrorTable):
    """Errors of the API, and those of the gateway before it, which tells them in a header."""

    def read(self, response: Response, now: datetime, status: int | None = None) -> ApiError:
        """The error that an answer stands for."""
        word = response.headers.get("X-Mashery-Error-Code")
        if word is None and response.status != 403:
            return ErrorTable.read(self, response, now, status)
        hint = ": a wrong key or secret, or a clock that is minutes off" if "OVER" not in (word or "") else ""
        message = f"{plain_reason(response)}, from the gateway{hint}"
        return self.classify(word, message, status=response.status, retry_after=asked_pause(response, now))


def _refused(body: Any) -> int | None:
    """Whether an answer of HTTP 200 is a no."""
    return 0 if isinstance(body, Mapping) and body.get("status", "success") != "success" else None


ERRORS = GatewayErrors(
    refused=_refused,
    code=lambda body: body["list"][0].get("errorcode"),
    message=lambda body: body["list"][0].get("message"),
    codes={
        "ERR_403_DEVELOPER_OVER_*": RateLimitReachedError,
        "Unauthorized*": ForbiddenError,
        "UnexpectedException": ServerError,
    },
    texts={  # one error word serves for most, and of its sentences only the first is on record
        "No object found*": NotFoundError,
        "*already*": ConflictError,
        "*in use*": ConflictError,
        "*capacity*": CapacityError,
        "*quota*": QuotaExceededError,
    },
    statuses={401: ForbiddenError, 403: InvalidCredsError},  # who has the wrong role is answered 401
)


def _state(payload: Mapping[str, Any]) -> NodeState:
    """By the option's name, or its number; a server that was just added has none."""
    if payload.get("state") is None:
        return NodeState.PENDING
    number = dig(payload, "state.id")
    known = isinstance(number, int) and 1 <= number <= len(STATES)
    return STATE(dig(payload, "state.name") or (list(STATES)[number - 1] if known else None))


def _addresses(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    address = dig(payload, "ip.ip")
    return (address,) if address and is_private(address) is private else ()


NODE = Shape(
    Node,
    id=lambda payload: str(payload.get("id") or payload["name"]),  # the API takes either
    name=at("name"),
    state=_state,
    public_ips=lambda payload: _addresses(payload, private=False),
    private_ips=lambda payload: _addresses(payload, private=True),
    size=at("ram.name"),
    image=at("image.id", str),
    location=at("datacenter.id", str),
)
IMAGE = Shape(
    Image,
    id=at("id", str),
    name=lambda payload: payload.get("friendlyName") or payload["name"],
    os=lambda payload: _system(payload)[0],
    version=lambda payload: _system(payload)[1],
    arch=at("architecture.name", {"32-bit": "i386", "64-bit": "x86_64"}.get),
)
LOCATION = Shape(
    Location,
    id=at("id", str),
    name=at("name"),
    country=at("name", lambda name: "US" if name.startswith("US-") else {"EU-West-1": "NL"}.get(name)),
    city=at("name", {"EU-West-1": "Amsterdam"}.get),
)


def _system(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return system_in(dig(payload, "os.name") or payload.get("friendlyName") or "")


def location_of(payload: Any, **context: Any) -> Location:
    """A data centre, with its city's coordinates, where the city is known."""
    return located(LOCATION(payload, **context))


def plan_of(payload: Any, **context: Any) -> Size:
    """A RAM option, with what is known of it."""
    name = payload["name"]
    size = Size(id=name, name=name, provider="gogrid")
    if (plan := PLANS.get(name)) is None:
        return size
    price = Price(amount=Decimal(plan.price), currency="USD", as_of=PRICED, source="catalogue")
    return replace(size, ram=plan.ram, vcpus=plan.vcpus, disk=plan.disk, price=price)
