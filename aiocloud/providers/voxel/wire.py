"""How Voxel is asked, how it refuses, and what its answers mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from aiocloud.errors import (
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.http.codecs import Codec, Xml
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, at, dig, one_of
from aiocloud.models import Image, Location, Node, NodeState

STATES = {
    "QUEUED": NodeState.PENDING,
    "IN_PROGRESS": NodeState.PENDING,
    "SUCCEEDED": NodeState.RUNNING,
    "OFF": NodeState.STOPPED,
    "FAILED": NodeState.ERROR,
    "DELETED": NodeState.TERMINATED,
}
COUNTRIES = {"AMS": "NL", "LGA": "US", "SIN": "SG", "SJC": "US"}
"""By the airports after which facilities are named; no answer tells a country."""
PUBLIC, PRIVATE = ("frontend", "external"), ("backend", "internal")
VIRTUAL = "2"
"""The type of the devices that are virtual servers."""
LARGEST = 13
"""Cores that a server may have; each brings 2048 MiB with it."""


@dataclass(frozen=True, slots=True)
class Hapi(Codec):
    """XML under one root, `rsp`."""

    name: str = "hAPI XML"

    def decode(self, body: bytes) -> Mapping[str, Any]:
        """What `rsp` holds. Raises ValueError for any other root, and for nothing."""
        payload = Xml().decode(body)
        if not isinstance(dig(payload, "rsp"), Mapping):
            raise ValueError("no rsp")
        answer: Mapping[str, Any] = payload["rsp"]
        return answer


CODEC = Hapi()


def _refused(body: Any) -> int | None:
    """An answer is always of HTTP 200; whether it is a no."""
    return 0 if isinstance(body, Mapping) and body.get("@stat") != "ok" else None


ERRORS = ErrorTable(
    refused=_refused,
    code="err.@code",
    message=lambda body: dig(body, "err.@msg") or "the request failed, and the API does not say why",
    codec=CODEC,
    codes={
        "1": InvalidCredsError,
        "9": ForbiddenError,
        "100": NotFoundError,
        "110": InvalidRequestError,  # a device of another type
        "201": ConflictError,  # the device is busy, mostly
        "500": InvalidRequestError,  # this wants TLS
    },
    texts={"*capacity*": CapacityError, "*quota*": QuotaExceededError},  # guesses: no such refusal is on record
)


def signature(secret: str, params: Mapping[str, str]) -> str:
    """The digest of the secret and of all parameters, each name with its value, in the order of the names."""
    text = secret + "".join(name + params[name] for name in sorted(params) if name != "api_sig")
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what the API asks for


def _addresses(payload: Mapping[str, Any], kinds: Iterable[str]) -> tuple[str, ...]:
    """The addresses of one side; some are masked ("172.x.x.x"), and are none."""
    rows = elements(dig(payload, "ipassignments.ipassignment"))
    told = [str(row.get("#text") or "").strip() for row in rows if row.get("@type") in kinds]
    return tuple(each for each in told if _is_address(each))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def elements(value: Any) -> list[Any]:
    """The elements of one name: none, one or many."""
    return value if isinstance(value, list) else [] if value is None else [value]


NODE = Shape(
    Node,
    id=at("@id"),
    name=at("@label"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: _addresses(payload, PUBLIC),
    private_ips=lambda payload: _addresses(payload, PRIVATE),
    size=at("processor.cores", "{}cpu".format),
    location=at("location.facility.@code", str.upper),
    hide=["accessmethods"],  # user names with their passwords
)
IMAGE = Shape(
    Image,
    id=at("@id"),
    name=lambda payload: payload.get("@summary") or payload["@id"],
    os=at("operating_system.product_family", str.lower),
    version=at("operating_system.product_version"),
    arch=at("operating_system.architecture", {"32": "i386", "64": "x86_64"}.get),
)
LOCATION = Shape(
    Location,
    id=at("@label"),
    name=lambda payload: payload.get("description") or payload["@label"],
    country=at("@label", lambda label: COUNTRIES.get(label[:3].upper())),
    city=at("description"),
)


def cores_of(size: str) -> int:
    """How many cores a size has."""
    number = size.removesuffix("cpu")
    if number.isascii() and number.isdigit() and size == f"{int(number)}cpu" and 1 <= int(number) <= LARGEST:
        return int(number)
    raise ConfigurationError(f"voxel has sizes from '1cpu' to '{LARGEST}cpu', and no {size!r}")
