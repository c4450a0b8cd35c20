"""What the clouds have in common, as frozen values.

Models can be hashed, compared, pickled and printed without a driver. `extra` holds the provider's own
payload for whatever the common fields leave out; it takes no part in repr or comparison.
Units stand in the docstrings: `ram` is MiB, `disk` GiB, `bandwidth` GB a month.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from aiocloud.values import FrozenMap, Secret

NOTHING: FrozenMap[Any] = FrozenMap()


class NodeState(StrEnum):
    """What a node is doing. A word that a provider invents tomorrow becomes `UNKNOWN`."""

    PENDING = "pending"
    RUNNING = "running"
    REBOOTING = "rebooting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine.

    `public_ips` and `private_ips` hold IPv4 and IPv6 addresses as text. `size`, `image` and `location`
    are ids, or None where the provider does not say. `created_at` is aware. `password` is there only on
    the answer of the `create_node` that made it, and only where the provider generates one.
    `provider` and `account` tell which driver the node belongs to.
    """

    id: str
    name: str
    state: NodeState = NodeState.UNKNOWN
    public_ips: tuple[str, ...] = ()
    private_ips: tuple[str, ...] = ()
    size: str | None = None
    image: str | None = None
    location: str | None = None
    created_at: datetime | None = None
    tags: FrozenMap[str] = NOTHING
    provider: str = ""
    account: str = ""
    password: Secret | None = field(default=None, repr=False, compare=False)
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an hour or a month costs, without tax, and how old that knowledge is.

    An unknown price is `None` in place of a Price, never an amount of 0.
    `as_of` is the day on which `source` said so: the provider's API, or the dated catalogue.
    """

    amount: Decimal
    currency: str
    per: Literal["hour", "month"] = "hour"
    as_of: date
    source: Literal["api", "catalogue"] = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A hardware configuration on offer.

    `ram` in MiB; `disk` in GiB of local disk that comes with it, 0 when there is none; `bandwidth` in GB
    of traffic a month that is included, None when the provider does not say. `price` is of plain Linux, on demand.
    `location` is the id of the place whose price this is; None where it is nobody's in particular.
    """

    id: str
    name: str
    vcpus: int | None = None
    ram: int | None = None
    disk: int | None = None
    bandwidth: int | None = None
    arch: str | None = None
    price: Price | None = None
    location: str | None = None
    provider: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a node boots from. `os` is a lower-case family ("ubuntu"), `version` as the provider writes it.

    `location` is the id of the only place where nodes can be made from it; None where that is anywhere, or not said.
    """

    id: str
    name: str
    os: str | None = None
    version: str | None = None
    arch: str | None = None
    location: str | None = None
    provider: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where nodes are put. `country` is ISO 3166-1 alpha-2 in upper case, or None when unknown.

    `zones` are the names of the parts that can be chosen inside it.
    """

    id: str
    name: str
    country: str | None = None
    city: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    zones: tuple[str, ...] = ()
    provider: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A size in a location at a price, now.

    `available` is True or False where the provider says whether it can be ordered there, None where it
    does not.
    """

    provider: str
    account: str = ""
    location: Location
    size: Size
    price: Price | None = None
    available: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """An SSH public key that the provider knows.

    `private_key` is there only on the answer of the `create_key_pair` that had the provider make it.
    """

    id: str
    name: str
    public_key: str | None = None
    fingerprint: str | None = None
    private_key: Secret | None = field(default=None, repr=False, compare=False)
    provider: str = ""
    account: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NodeAuthSSHKey:
    """Sign in to the new node with this public key (one OpenSSH line)."""

    public_key: str


@dataclass(frozen=True, slots=True)
class NodeAuthPassword:
    """Sign in to the new node with this password."""

    password: Secret | str = field(repr=False)
