"""What the API's payloads mean, and what its errors are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.errors import (
    ApiError,
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, addresses, at, dig, one_of, system_in, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size
from aiocloud.values import FrozenMap

MARK = "aiocloud-create"
"""The key of the label by which a node is found again whose creation was not confirmed."""

SMALLEST_DISK = 10
"""GiB."""

STATES = {
    "starting": NodeState.PENDING,
    "running": NodeState.RUNNING,
    "migrating": NodeState.RUNNING,  # it goes on working while it moves
    "stopping": NodeState.STOPPING,
    "stopped": NodeState.STOPPED,
    "destroying": NodeState.TERMINATED,
    "destroyed": NodeState.TERMINATED,
    "expunging": NodeState.TERMINATED,
    "error": NodeState.ERROR,
}

ZONES: Mapping[str, tuple[str, str]] = {
    "at-vie-1": ("AT", "Vienna"),
    "at-vie-2": ("AT", "Vienna"),
    "bg-sof-1": ("BG", "Sofia"),
    "ch-dk-2": ("CH", "Zurich"),
    "ch-gva-2": ("CH", "Geneva"),
    "de-fra-1": ("DE", "Frankfurt"),
    "de-muc-1": ("DE", "Munich"),
    "hr-zag-1": ("HR", "Zagreb"),
}
"""Country and city, which the API does not tell: https://www.exoscale.com/datacenters/"""

TEXTS: Mapping[str, type[ApiError]] = {
    "*role policy*": ForbiddenError,
    "*[Qq]uota*": QuotaExceededError,
    "*[Ll]imit*exceeded*": QuotaExceededError,
    "*[Cc]apacity*": CapacityError,
    "*already exists*": ConflictError,
}


def _message(body: Any) -> str | None:
    """What is wrong: problem details as the description of the API has them, or the plain word of older answers."""
    said = (body.get(field) for field in ("detail", "message", "error", "title"))
    return next((str(each) for each in said if each), None)


ERRORS = ErrorTable(
    message=_message,
    texts=TEXTS,
    statuses={
        403: InvalidCredsError
    },  # unless it names the role's policy, nobody knows the key, or the signature is off
)
OPERATIONS = ErrorTable(
    codes={
        "busy": ConflictError,
        "conflict": ConflictError,
        "incorrect": InvalidRequestError,
        "not-found": NotFoundError,
        "unsupported": InvalidRequestError,
    },
    texts={**TEXTS, "*": ApiError},
)
REASONS: Mapping[str, type[ApiError]] = {"unavailable": CapacityError, "forbidden": ForbiddenError}


def failure(operation: Any) -> ApiError:
    """The error for an operation that was accepted, and failed."""
    reason = dig(operation, "reason")
    message = dig(operation, "message") or f"the operation ended as {dig(operation, 'state')}"
    error = OPERATIONS.classify(reason if isinstance(reason, str) else None, str(message))
    kind = REASONS.get(error.code or "") if type(error) is ApiError else None
    return kind(error.message, code=error.code) if kind else error


def _public(payload: Any) -> tuple[str, ...]:
    return addresses([payload.get("public-ip"), payload.get("ipv6-address")], private=False)


def _private(payload: Any) -> tuple[str, ...]:
    """Those in subnets of a VPC, which only the single instance tells; private networks tell no addresses."""
    subnets = dig(payload, "vpc.subnets") or ()
    return addresses([payload.get("public-ip"), *(subnet.get("ipv4") for subnet in subnets)], private=True)


def tags_of(labels: Mapping[str, str]) -> FrozenMap[str]:
    """The labels but our own."""
    return FrozenMap({key: value for key, value in labels.items() if key != MARK})


def _system(payload: Any) -> tuple[str | None, str | None]:
    """Family and version, as the template says, or else its name ("Linux Ubuntu 24.04 LTS 64-bit")."""
    family, version = system_in(payload["name"].removeprefix("Linux "))
    said = payload.get("family")
    return (said.lower() if said else family), payload.get("version") or version


def _only_zone(zones: list[str]) -> str | None:
    return zones[0] if len(zones) == 1 else None


NODE = Shape(
    Node,
    id=at("id"),
    name=at("name"),
    state=at("state", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=_public,
    private_ips=_private,
    size=at("instance-type.id"),
    image=at("template.id"),
    created_at=at("created-at", timestamp),
    tags=at("labels", tags_of),
    hide=["user-data"],
)
SIZE = Shape(
    Size,
    id=at("id"),
    name=lambda payload: f"{payload['family']}.{payload['size']}",
    vcpus=at("cpus"),
    ram=at("memory", lambda size: size // 2**20),
    disk=lambda payload: 0,  # it is chosen, and paid for, with each node
    arch=lambda payload: "x86_64",  # there are no others
)
IMAGE = Shape(
    Image,
    id=at("id"),
    name=at("name"),
    os=lambda payload: _system(payload)[0],
    version=lambda payload: _system(payload)[1],
    arch=lambda payload: "x86_64",
    location=at("zones", _only_zone),
)
LOCATION = Shape(
    Location,
    id=at("name"),
    name=at("name"),
    country=at("name", lambda name: ZONES[name][0] if name in ZONES else None),
    city=at("name", lambda name: ZONES[name][1] if name in ZONES else None),
)
KEY_PAIR = Shape(KeyPair, id=at("name"), name=at("name"), fingerprint=at("fingerprint"))


def zone(payload: Any, **context: Any) -> Location:
    """A zone, with the coordinates of its city."""
    return located(LOCATION(payload, **context))


def is_in(size: Size, place: str) -> bool:
    """Whether a zone has that instance type."""
    zones = size.extra.get("zones")
    return zones is None or place in zones


def disk_for(image: Image | str) -> int:
    """GiB that a template needs, as far as it is known."""
    size = image.extra.get("size") if isinstance(image, Image) else None
    return max(SMALLEST_DISK, -(-size // 2**30)) if isinstance(size, int) else SMALLEST_DISK
