"""What exists in the simulated account, and how it changes with time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count

from aiocloud.simulators.base import Phases
from aiocloud.simulators.ibm_vpc.catalogue import PREFIXES, REGIONS, ZONES, images_of
from aiocloud.simulators.ibm_vpc.wire import Json

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
"""When everything was made that was there from the start."""

# From a range that belongs to nobody (RFC 2544), so that a stray connection from a test never reaches a stranger.
FLOATING, FLOATING_SIZE = int(IPv4Address("198.18.0.0")), 2**17
PRIVATE, PRIVATE_SIZE = int(IPv4Address("10.240.0.4")), 2**18 - 8


@dataclass(slots=True, kw_only=True)
class Instance:
    """A machine with one network interface. `reasons` are codes of why it is as it is."""

    id: str
    name: str
    region: str
    zone: str
    profile: str
    image: str
    interface: str
    address: str
    created: datetime
    keys: list[str] = field(default_factory=list)
    user_data: str | None = None
    reasons: list[str] = field(default_factory=list)
    phases: Phases = field(default_factory=lambda: Phases("running"))


@dataclass(slots=True, kw_only=True)
class Floating:
    """A public address; `target` is the id of the interface that it hangs at."""

    id: str
    name: str
    region: str
    zone: str
    address: str
    created: datetime
    target: str | None = None


@dataclass(slots=True, kw_only=True)
class Key:
    """A public key."""

    id: str
    name: str
    region: str
    public_key: str
    kind: str
    created: datetime


@dataclass(slots=True)
class World:
    """One account with all that is in it. It has one VPC in each region, with a subnet in each zone."""

    now: Callable[[], datetime]
    boot: Callable[[], float]
    instances: dict[str, Instance] = field(default_factory=dict)
    floating: dict[str, Floating] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    subnets: dict[str, Json] = field(default_factory=dict)
    vpcs: dict[str, Json] = field(default_factory=dict)
    quota: int = 5000
    _serial: count[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        """Lay out the networks."""
        for region in REGIONS:
            vpc = {"id": f"{PREFIXES[region]}-{self._uuid()}", "name": "net", "region": region}
            self.vpcs[vpc["id"]] = vpc
            for number, zone in enumerate(ZONES[region]):
                id_ = f"{zone_prefix(zone)}-{self._uuid()}"
                block = f"10.240.{64 * number}.0/18"
                self.subnets[id_] = {"id": id_, "name": f"sub-{zone}", "zone": zone, "vpc": vpc, "block": block}

    def _uuid(self) -> str:
        return f"1f2e3d4c-0000-4000-8000-{next(self._serial):012d}"

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def status(self, instance: Instance) -> str:
        """What an observer sees at this moment; "gone" for one that was deleted."""
        return instance.phases.seen(self.now())

    def alive(self, region: str) -> list[Instance]:
        """The instances of a region; those whose deletion is done are taken away first."""
        for id_ in [one.id for one in self.instances.values() if self.status(one) == "gone"]:
            gone = self.instances.pop(id_)
            for each in self.floating.values():
                each.target = None if each.target == gone.interface else each.target
        return [one for one in self.instances.values() if one.region == region]

    def place(self, *, name: str, zone: str, profile: str, image: str, at: datetime) -> Instance:
        """Put a machine into the world."""
        serial = next(self._serial)
        prefix = zone_prefix(zone)
        id_ = f"{prefix}_0c0ffee0-0000-4000-8000-{serial:012d}"
        self.instances[id_] = Instance(
            id=id_,
            name=name,
            region=zone.rpartition("-")[0],
            zone=zone,
            profile=profile,
            image=image,
            interface=f"{prefix}-{self._uuid()}",
            address=str(IPv4Address(PRIVATE + serial % PRIVATE_SIZE)),
            created=at,
        )
        return self.instances[id_]

    def give_address(self, name: str, zone: str, target: str | None, at: datetime) -> Floating:
        """A new floating address."""
        region = zone.rpartition("-")[0]
        id_ = f"{PREFIXES[region]}-{self._uuid()}"
        address = str(IPv4Address(FLOATING + next(self._serial) % FLOATING_SIZE))
        new = Floating(id=id_, name=name, region=region, zone=zone, address=address, created=at, target=target)
        self.floating[id_] = new
        return new

    def add_key(self, region: str, name: str, public_key: str, kind: str) -> Key:
        """A new key."""
        id_ = f"{PREFIXES[region]}-{self._uuid()}"
        self.keys[id_] = Key(id=id_, name=name, region=region, public_key=public_key, kind=kind, created=self.now())
        return self.keys[id_]

    def image_name(self, instance: Instance) -> str:
        """What its image is called."""
        return images_of(instance.region)[instance.image][0]


def zone_prefix(zone: str) -> str:
    """What the ids of a zone's things begin with; invented, but of IBM's form."""
    region, _, number = zone.rpartition("-")
    return f"{0x0717 + 16 * REGIONS.index(region) + int(number) - 1:04x}"
