"""What the answers of Vultr's API mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from aiocloud.errors import (
    CapacityError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
)
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, addresses, at, dig, several, system_in, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size
from aiocloud.values import FrozenMap

STATUSES = {
    "active": NodeState.RUNNING,
    "pending": NodeState.PENDING,
    "resizing": NodeState.PENDING,
    "suspended": NodeState.SUSPENDED,
}
POWER = {"running": NodeState.RUNNING, "stopped": NodeState.STOPPED}
SERVER = {
    "ok": NodeState.RUNNING,
    "none": NodeState.PENDING,
    "locked": NodeState.PENDING,
    "installingbooting": NodeState.PENDING,
    "isomounting": NodeState.PENDING,
}
STATES = {"status": STATUSES, "power_status": POWER, "server_status": SERVER}

MARK = "aiocloud-create"
"""The key of the tag by which a node is found again whose creation was not confirmed."""
ARCHITECTURES = {"x64": "x86_64"}
NO_SYSTEMS = frozenset({"application", "backup", "iso", "snapshot"})
"""The families of entries in the list of operating systems that are none."""
NO_IMAGES = frozenset({0, 124, 159, 164, 180, 186})
"""The numbers of those entries, which say nothing of what a node was made from."""

ERRORS = ErrorTable(
    message="error",
    # There are no words for errors, only sentences.
    texts={
        "*[Rr]ate limit*": RateLimitReachedError,
        "*[Uu]nauthorized IP*": ForbiddenError,
        "*reached the maximum*": QuotaExceededError,
        "*limit*reached*": QuotaExceededError,
        "*not available*": CapacityError,
        "*sold out*": CapacityError,
        "*out of stock*": CapacityError,
        "*locked*": ConflictError,
        "*nvalid instance*": NotFoundError,
    },
)


def _state(status: str | None, power_status: str | None, server_status: str | None) -> NodeState:
    """Three fields make a state: the subscription's, the power's, and the server's own."""
    state = STATUSES.get(status or "", NodeState.UNKNOWN)
    if state is not NodeState.RUNNING:
        return state
    power = POWER.get(power_status or "", NodeState.UNKNOWN)
    if power is not NodeState.RUNNING:
        return power
    return SERVER.get(server_status or "", NodeState.UNKNOWN)


def _public(*found: str | None) -> tuple[str, ...]:
    """The main addresses, as soon as there are any."""
    return addresses([address for address in found if address not in ("0.0.0.0", "::")], private=False)  # noqa: S104 - it binds nothing


def _tags(tags: Iterable[str]) -> FrozenMap[str]:
    """Vultr's tags are words; ours that have a value are written `key=value`."""
    pairs = (tag.partition("=") for tag in tags)
    return FrozenMap({key: value for key, _, value in pairs if key != MARK})


def _disk(payload: Mapping[str, Any]) -> int | None:
    disk = payload.get("disk")
    return disk * (payload.get("disk_count") or 1) if disk is not None else None


NODE = Shape(
    Node,
    hide=("default_password", "kvm"),  # the console's address lets in whoever has it
    id=at("id"),
    name=several("label", "id", convert=lambda label, number: label or number),
    state=several("status", "power_status", "server_status", convert=_state),
    public_ips=several("main_ip", "v6_main_ip", convert=_public),
    private_ips=at("internal_ip", lambda address: addresses([address], private=True)),
    size=at("plan"),
    image=at("os_id", lambda number: str(number) if number not in NO_IMAGES else None),
    location=at("region"),
    created_at=at("date_created", timestamp),
    tags=at("tags", _tags),
)
SIZE = Shape(
    Size,
    id=at("id"),
    name=at("id"),
    vcpus=at("vcpu_count"),
    ram=at("ram"),
    disk=_disk,
    bandwidth=at("bandwidth"),
    arch=lambda payload: "x86_64",  # there are no others
)
IMAGE = Shape(
    Image,
    id=at("id", str),
    name=at("name"),
    os=at("family"),
    version=at("name", lambda name: system_in(name)[1]),
    arch=at("arch", lambda arch: ARCHITECTURES.get(arch, arch)),
)
SNAPSHOT = Shape(Image, id=at("id"), name=lambda payload: payload.get("description") or payload["id"])
LOCATION = Shape(Location, id=at("id"), name=at("city"), country=at("country", str.upper), city=at("city"))
KEY_PAIR = Shape(KeyPair, id=at("id"), name=at("name"), public_key=at("ssh_key"))


def region(payload: Any, **context: Any) -> Location:
    """A region, with its city's coordinates, which the API does not tell."""
    return located(LOCATION(payload, **context))


def monthly(size: Size, place: str | None) -> Decimal | None:
    """Dollars a month in that place; without one, where no other price is named."""
    special = dig(size.extra.get("location_cost"), f"{place}.monthly_cost") if place else None
    cost = special if special is not None else size.extra.get("monthly_cost")
    return Decimal(str(cost)) or None if cost is not None else None
