"""What the API's payloads mean, where its zones are, and what its errors are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiocloud.errors import (
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, addresses, at, dig, one_of, system_in, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size
from aiocloud.values import FrozenMap

STATES = {
    "running": NodeState.RUNNING,
    "starting": NodeState.PENDING,
    "stopping": NodeState.STOPPING,
    "stopped": NodeState.STOPPED,
    "stopped in place": NodeState.STOPPED,
    "locked": NodeState.SUSPENDED,
}

REGIONS: Mapping[str, tuple[str, str]] = {
    "fr-par": ("FR", "Paris"),
    "nl-ams": ("NL", "Amsterdam"),
    "pl-waw": ("PL", "Warsaw"),
    "it-mil": ("IT", "Milan"),
}
"""Country and city, which no API tells: https://www.scaleway.com/en/docs/account/reference-content/products-availability/"""

ZONES = (
    *(f"{region}-{number}" for region in ("fr-par", "nl-ams", "pl-waw") for number in (1, 2, 3)),
    "it-mil-1",
)
"""The zones in which there are instances; no API lists them."""

MARK = "aiocloud-create"
"""The key of the tag by which a node is found again whose creation was not confirmed."""
KEY_TAG = "AUTHORIZED_KEY"
"""The key of the tag from which images take a public key for root, with `_` in place of its blanks."""


def _message(body: Any) -> str | None:
    """The message, and what it is about: arguments at fault, what has run out, what may not be done."""
    about = [
        " ".join(str(each[name]) for name in ("argument_name", "resource", "action", "help_message") if each.get(name))
        for each in body.get("details") or ()
    ]
    about += [f"{field} {' '.join(map(str, said))}" for field, said in (body.get("fields") or {}).items()]
    about += [str(body[name]) for name in ("resource", "reason", "precondition", "help_message") if body.get(name)]
    said = body.get("message") or body.get("type")
    return f"{said}: {'; '.join(about)}" if said and about else said


ERRORS = ErrorTable(
    code="type",
    message=_message,
    request_id="X-Request-Id",
    codes={
        "denied_authentication": InvalidCredsError,
        "permissions_denied": ForbiddenError,
        "out_of_stock": CapacityError,
        "quotas_exceeded": QuotaExceededError,
        "not_found": NotFoundError,
        "unknown_resource": NotFoundError,
        "transient_state": ConflictError,
        "precondition_failed": ConflictError,
        "conflict": ConflictError,
        "resource_still_in_use": ConflictError,
    },
    texts={
        "*[Qq]uota exceeded*": QuotaExceededError,  # what older parts of the API say, as an invalid_request_error
        "*[Oo]ut of stock*": CapacityError,
        "*should be *": ConflictError,  # "instance should be powered off"
    },
)


def _addresses(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    public = [each.get("address") for each in payload.get("public_ips") or ()]
    old = [dig(payload, path) for path in ("public_ip.address", "private_ip", "ipv6.address")]
    return addresses([*public, *old], private=private)


def tags_of(words: Iterable[str]) -> FrozenMap[str]:
    """Scaleway's tags are words; ours that have a value are written `key=value`. What the driver needs is left out.

    >>> dict(tags_of(["role=web", "blue", "AUTHORIZED_KEY=ssh-rsa_AAAA"]))
    {'role': 'web', 'blue': ''}
    """
    pairs = (word.partition("=") for word in words)
    return FrozenMap({key: value for key, _, value in pairs if key not in (MARK, KEY_TAG)})


def words_of(tags: Mapping[str, str] | None) -> list[str]:
    """Our tags as Scaleway's."""
    return [f"{key}={value}" if value else key for key, value in (tags or {}).items()]


def zone(name: str) -> Location:
    """A zone, with its city; one of a region that is not known yet tells its country alone."""
    region = name.rpartition("-")[0]
    country, city = REGIONS.get(region, (region[:2].upper(), None))
    return located(Location(id=name, name=name, country=country, city=city, provider="scaleway"))


NODE = Shape(
    Node,
    id=at("id"),
    name=at("name"),
    state=at("state", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: _addresses(payload, private=False),
    private_ips=lambda payload: _addresses(payload, private=True),
    size=at("commercial_type"),
    image=at("image.id"),
    location=at("zone"),
    created_at=at("creation_date", timestamp),
    tags=at("tags", tags_of),
)
SIZE = Shape(
    Size,
    id=at("id"),
    name=at("id"),
    vcpus=at("ncpus"),
    ram=at("ram", lambda count: count // 2**20),
    disk=at("volumes_constraint.max_size", lambda count: count // 2**30),
    arch=at("arch"),
)
IMAGE = Shape(
    Image,
    id=at("id"),
    name=at("name"),
    os=at("name", lambda name: system_in(name)[0]),
    version=at("name", lambda name: system_in(name)[1]),
    arch=at("arch"),
    location=at("zone"),
)
KEY_PAIR = Shape(KeyPair, id=at("id"), name=at("name"), public_key=at("public_key"), fingerprint=at("fingerprint"))
