"""What exists, what is on offer, and how it changes with time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from itertools import count

from aiocloud.simulators.base import Phases
from aiocloud.simulators.ibm_sbc.wire import RefusedError

# Id, name, code.
PLACES = {
    "41": ("Raleigh, U.S.A", "RTP"),
    "61": ("Ehningen, Germany", "EHN"),
    "82": ("Boulder, U.S.A", "us-co-dc1"),
    "101": ("Markham, Canada", "ca-on-dc1"),
    "121": ("Makuhari, Japan", "ap-jp-dc1"),
    "141": ("Singapore, Singapore", "ap-sg-dc1"),
}
# Id, what it is called, USD an hour where a record tells it.
TYPES = {
    "COP32.1/2048/60": ("Copper 32 bit", "0.095"),
    "COP64.2/4096/60": ("Copper 64 bit", None),
    "BRZ32.1/2048/60*175": ("Bronze 32 bit", "0.115"),
    "BRZ64.2/4096/60*500*350": ("Bronze 64 bit", None),
    "SLV32.2/4096/60*350": ("Silver 32 bit", "0.2"),
    "SLV64.4/8192/60*500*500": ("Silver 64 bit", None),
    "GLD32.4/4096/60*350": ("Gold 32 bit", "0.33"),
    "GLD64.8/16384/60*500*500": ("Gold 64 bit", None),
    "PLT64.16/16384/60*500*500*500*500": ("Platinum 64 bit", None),
}
# Platform, architecture, what is added to each price.
SYSTEMS = (
    ("SUSE Linux Enterprise/11", "i386", 0),
    ("SUSE Linux Enterprise/11", "x86_64", 0),
    ("Red Hat Enterprise Linux/5.5", "i386", 21),
    ("Red Hat Enterprise Linux/5.5", "x86_64", 21),
)
NEW, PROVISIONING, FAILED, ACTIVE, DEPROVISIONING, RESTARTING, ATTACHING, DETACHING = (
    *("0", "1", "2", "5", "7"),
    *("8", "14", "15"),
)
UNDELETABLE = frozenset({NEW, PROVISIONING, DEPROVISIONING, ATTACHING, DETACHING})
GONE = "gone"
LIFE = timedelta(days=731)
PUBLIC = int(IPv4Address("198.18.0.0"))  # a range that belongs to nobody (RFC 2544)


@dataclass(slots=True)
class Image:
    """What instances are made of; `surcharge` in thousandths of a dollar an hour."""

    id: str
    name: str
    place: str
    platform: str
    architecture: str
    surcharge: int
    own: bool = False

    def types(self) -> list[str]:
        """The sizes that it can be used with."""
        bits = "64" if self.architecture == "x86_64" else "32"
        return [id_ for id_ in TYPES if id_.partition(".")[0].endswith(bits)]


@dataclass(slots=True, kw_only=True)
class Instance:
    """A machine."""

    id: str
    name: str
    place: str
    image: str
    type: str
    key: str | None
    launched: datetime
    expires: datetime
    phases: Phases
    public_key: str | None = None


@dataclass(slots=True)
class Volume:
    """A disk; `instance` is "0" while it is attached to none."""

    id: str
    name: str
    place: str
    offering: str
    format: str
    instance: str = "0"


@dataclass(slots=True)
class Address:
    """A reserved address."""

    id: str
    place: str
    offering: str
    ip: str


@dataclass(slots=True)
class World:
    """One account with all that is in it. `boot` tells the seconds from creation to running."""

    now: Callable[[], datetime]
    boot: Callable[[], float]
    instances: dict[str, Instance] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    addresses: dict[str, Address] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    serial: count[int] = field(default_factory=lambda: count(40211))

    def __post_init__(self) -> None:
        """Put the images on offer."""
        numbers = count(20001119)
        for place in PLACES:
            for platform, architecture, surcharge in SYSTEMS:
                name = f"{platform.replace('/', ' ')} ({'64' if architecture == 'x86_64' else '32'}-bit)"
                new = str(next(numbers))
                self.images[new] = Image(new, name, place, platform, architecture, surcharge)

    def new_id(self) -> str:
        """A number that nothing has had yet."""
        return str(next(self.serial))

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def status(self, instance: Instance) -> str:
        """Its code at this moment."""
        return GONE if self.now() >= instance.expires else instance.phases.seen(self.now())

    def alive(self) -> list[Instance]:
        """The instances; what has gone is taken away first."""
        for id_ in [id_ for id_, one in self.instances.items() if self.status(one) == GONE]:
            del self.instances[id_]
            for volume in self.volumes.values():
                volume.instance = "0" if volume.instance == id_ else volume.instance
        return list(self.instances.values())

    def find(self, id_: str) -> Instance:
        """The instance of that id, or a refusal."""
        self.alive()
        if id_ not in self.instances:
            raise RefusedError(404, f"Invalid Instance ID {id_}")
        return self.instances[id_]

    def active(self, id_: str) -> Instance:
        """The instance, which must be active."""
        found = self.find(id_)
        if self.status(found) != ACTIVE:
            raise RefusedError(412, "Instance must be in the Active state")
        return found

    def place(self, name: str, image: Image, type_: str, key: str | None = None) -> Instance:
        """Put a machine into the world, which runs already."""
        new = self.new_id()
        self.instances[new] = Instance(
            id=new,
            name=name,
            place=image.place,
            image=image.id,
            type=type_,
            key=key,
            launched=self.now(),
            expires=self.now() + LIFE,
            phases=Phases(ACTIVE),
            public_key=self.keys.get(key or ""),
        )
        return self.instances[new]

    def ip(self, instance: Instance) -> str | None:
        """Its address, once it has been provisioned."""
        if self.status(instance) in (NEW, PROVISIONING, FAILED, DEPROVISIONING, GONE):
            return None
        return str(IPv4Address(PUBLIC + int(instance.id) % 2**17))
