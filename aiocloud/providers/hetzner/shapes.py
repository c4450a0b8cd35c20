"""What the answers of the Hetzner Cloud API mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_network
from typing import Any

from aiocloud.errors import (
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    QuotaExceededError,
    RateLimitReachedError,
    ServiceUnavailableError,
)
from aiocloud.http.errors import ErrorTable
from aiocloud.http.paging import NumberedPaging, Page, Params
from aiocloud.mapping import Shape, addresses, at, dig, one_of, several, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size
from aiocloud.values import FrozenMap

STATES = {
    "running": NodeState.RUNNING,
    "initializing": NodeState.PENDING,
    "starting": NodeState.PENDING,
    "stopping": NodeState.STOPPING,
    "off": NodeState.STOPPED,
    "deleting": NodeState.TERMINATED,
    "migrating": NodeState.PENDING,
    "rebuilding": NodeState.PENDING,
    "unknown": NodeState.UNKNOWN,
}
MARK = "aiocloud-create"
"""The key of the label by which a node is found again whose creation was not confirmed."""
ARCHITECTURES = {"x86": "x86_64", "arm": "arm64"}

ERRORS = ErrorTable(
    code="error.code",
    message="error.message",
    request_id="X-Correlation-Id",
    codes={
        "unauthorized": InvalidCredsError,
        "token_readonly": ForbiddenError,
        "forbidden": ForbiddenError,
        "protected": ForbiddenError,
        "resource_limit_exceeded": QuotaExceededError,
        "resource_unavailable": CapacityError,
        "placement_error": CapacityError,
        "rate_limit_exceeded": RateLimitReachedError,
        "uniqueness_error": ConflictError,
        "conflict": ConflictError,
        "locked": ConflictError,
        "server_not_stopped": ConflictError,
        "must_be_stopped": ConflictError,
        "invalid_*": InvalidRequestError,
        "maintenance": ServiceUnavailableError,
        "unavailable": ServiceUnavailableError,
        "timeout": ServiceUnavailableError,
        "bad_gateway": ServiceUnavailableError,
    },
)


class Pages(NumberedPaging):
    """Numbered pages whose last number may be left open: then the number of the next one counts."""

    def following(self, page: Page) -> Params | None:
        """The page after this one, by its number."""
        number = dig(page.payload, "meta.pagination.next_page")
        return {**page.params, self.param: str(int(number))} if number is not None else None

    def rest(self, first: Page) -> Iterable[Params] | None:  # type: ignore[override]  # the last page may be unknown
        """All pages but the first, where their number is told."""
        return super().rest(first) if dig(first.payload, self.pages) is not None else None


PAGES = Pages("page", pages="meta.pagination.last_page", size={"per_page": "50"})


def _ips(
    public: Mapping[str, Any] | None, private: Sequence[Mapping[str, Any]] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the public IPv6 network, the first address: the one that an image gives itself."""
    network = dig(public, "ipv6.ip")
    first = str(ip_network(network, strict=False)[1]) if network else None
    return (
        addresses([dig(public, "ipv4.ip"), first], private=False),
        addresses([net.get("ip") for net in private or ()], private=True),
    )


def _tags(labels: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap({key: value for key, value in labels.items() if key != MARK})


def _named(payload: Mapping[str, Any]) -> str | None:
    """The name of an image; snapshots and backups have none, but a description."""
    return payload.get("name") or payload.get("description") or str(payload["id"])


def _traffic(prices: Iterable[Mapping[str, Any]]) -> int | None:
    """GB of traffic a month, where all places include as much."""
    found = {price.get("included_traffic") for price in prices}
    only = found.pop() if len(found) == 1 else None
    return only // 10**9 if only else None


NODE = Shape(
    Node,
    id=at("id", str),
    name=at("name"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    ips=several("public_net", "private_net", convert=_ips),
    size=at("server_type.name"),
    image=at("image.id", str),
    # The data centre, with the location in it, went in 2026; older answers have nothing else.
    location=several("location.name", "datacenter.location.name", convert=lambda place, old: place or old),
    created_at=at("created", timestamp),
    tags=at("labels", _tags),
)
SIZE = Shape(
    Size,
    id=at("name"),
    name=at("description"),
    vcpus=at("cores"),
    ram=at("memory", lambda gib: int(gib * 1024)),
    disk=at("disk"),
    bandwidth=at("prices", _traffic),
    arch=at("architecture", one_of(ARCHITECTURES, None)),
)
IMAGE = Shape(
    Image,
    id=at("id", str),
    name=_named,
    os=at("os_flavor", lambda flavor: flavor.lower() if flavor != "unknown" else None),
    version=at("os_version"),
    arch=at("architecture", one_of(ARCHITECTURES, None)),
)
LOCATION = Shape(
    Location,
    id=at("name"),
    name=at("description"),
    country=at("country", str.upper),
    city=at("city", lambda city: city.partition(",")[0]),  # "Ashburn, VA"
    latitude=at("latitude", float),
    longitude=at("longitude", float),
)
KEY_PAIR = Shape(KeyPair, id=at("id", str), name=at("name"), public_key=at("public_key"), fingerprint=at("fingerprint"))


def at_place(size: Size, key: str, field: str, place: str) -> Mapping[str, Any] | None:
    """What a server type says of a place, in the list under `key`, whose entries name the place in `field`."""
    rows = size.extra.get(key) or ()
    return next((row for row in rows if row.get(field) == place), None)


def hourly(size: Size, place: str | None) -> Decimal | None:
    """Euros an hour without tax in that place; without one, what they all agree on."""
    rows = [row for row in size.extra.get("prices") or () if place is None or row.get("location") == place]
    try:
        found = {Decimal(net) for row in rows if (net := dig(row, "price_hourly.net")) is not None}
    except (InvalidOperation, TypeError, ValueError) as error:
        raise MalformedResponseError("a server type whose price is no number") from error
    only = found.pop() if len(found) == 1 else None
    return only or None


def available(size: Size, place: str, now: datetime) -> bool | None:
    """Whether it can be ordered there now; None where the answer does not say."""
    told = at_place(size, "locations", "name", place)
    if told is None:
        return None
    end = dig(told, "deprecation.unavailable_after")
    if end is not None and timestamp(end) <= now:
        return False
    return told.get("available")
