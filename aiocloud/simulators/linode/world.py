"""What exists in the simulated account, and how it changes with time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import count

from aiocloud.simulators.linode.catalogue import TYPES
from aiocloud.simulators.linode.wire import Json
from aiocloud.values import Secret

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
"""When everything was made that was there from the start."""

# Public addresses come from a range that belongs to nobody (RFC 2544), so that a stray connection
# from a test never reaches a stranger; private ones from Linode's own.
PUBLIC_IPV4, PUBLIC_IPV4_SIZE = int(IPv4Address("198.18.0.0")), 2**17
PRIVATE_IPV4, PRIVATE_IPV4_SIZE = int(IPv4Address("192.168.128.0")), 2**15
PUBLIC_IPV6 = int(IPv6Address("2001:db8::f03c:95ff:fe00:0"))

ALERTS = {"cpu": 90, "io": 10000, "network_in": 10, "network_out": 10, "transfer_quota": 80}

# In these states Linode works on the machine and takes no further orders for it.
BUSY = frozenset({"provisioning", "booting", "rebooting", "shutting_down", "resizing", "rebuilding"})


@dataclass(slots=True)
class Disk:
    """A part of an instance's storage; `size` in MB."""

    id: int
    label: str
    size: int
    filesystem: str
    created: datetime


@dataclass(slots=True)
class Config:
    """What an instance boots: a kernel, and the disks that it finds."""

    id: int
    label: str
    kernel: str
    devices: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Instance:
    """A machine. `ipv4` holds its public addresses, `private_ipv4` those in 192.168.128.0/17.

    `installed` counts how often an image was put on its disks.
    """

    id: int
    label: str
    region: str
    type: str
    image: str | None
    created: datetime
    updated: datetime
    ipv4: list[str]
    private_ipv4: list[str] = field(default_factory=list)
    ipv6: str = ""
    tags: list[str] = field(default_factory=list)
    group: str = ""
    alerts: Json = field(default_factory=ALERTS.copy)
    watchdog_enabled: bool = True
    backups_enabled: bool = False
    disk_encryption: str = "enabled"
    user_data: bytes | None = None
    root_pass: Secret | None = None
    authorized_keys: list[str] = field(default_factory=list)
    installed: int = 0
    disks: list[Disk] = field(default_factory=list)
    configs: list[Config] = field(default_factory=list)
    _status: str = "running"
    _ahead: deque[tuple[datetime, str]] = field(default_factory=deque)

    def status(self, now: datetime) -> str:
        """What an observer sees at this moment."""
        while self._ahead and now >= self._ahead[0][0]:
            self._status = self._ahead.popleft()[1]
        return self._status

    def go(self, *states: tuple[datetime, str]) -> None:
        """Pass through these states, each from its moment on."""
        self._ahead = deque(states)

    def settles(self, now: datetime) -> datetime:
        """When the work on it will be done."""
        return self._ahead[-1][0] if self._ahead else now


@dataclass(frozen=True, slots=True)
class Event:
    """What was begun, on which instance, and when it is done."""

    id: int
    action: str
    instance: Instance
    created: datetime
    due: datetime


@dataclass(slots=True)
class Firewall:
    """Rules, kept and not enforced, and the ids of the instances that they protect."""

    id: int
    label: str
    rules: Json
    tags: list[str]
    created: datetime
    linodes: list[int]


@dataclass(slots=True)
class World:
    """One account with all that is in it. `boot` tells the seconds from creation to running.

    `sold_out` holds pairs of region and type of which Linode has no more.
    """

    now: Callable[[], datetime]
    boot: Callable[[], float]
    username: str = "harbour"
    instances: dict[int, Instance] = field(default_factory=dict)
    ssh_keys: dict[int, Json] = field(default_factory=dict)
    firewalls: dict[int, Firewall] = field(default_factory=dict)
    events: dict[int, Event] = field(default_factory=dict)
    sold_out: set[tuple[str, str]] = field(default_factory=set)
    ids: count[int] = field(default_factory=lambda: count(1001))
    _public: count[int] = field(default_factory=lambda: count(1))
    _private: count[int] = field(default_factory=lambda: count(1))

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def new_id(self) -> int:
        """A number that nothing in this world has had yet."""
        return next(self.ids)

    def public_ipv4(self) -> str:
        """An address that nobody has."""
        return str(IPv4Address(PUBLIC_IPV4 + next(self._public) % PUBLIC_IPV4_SIZE))

    def private_ipv4(self) -> str:
        """An address in Linode's private network."""
        return str(IPv4Address(PRIVATE_IPV4 + next(self._private) % PRIVATE_IPV4_SIZE))

    def place(self, *, label: str | None, region: str, type_: str, image: str | None, at: datetime) -> Instance:
        """Put a machine into the world, with its first addresses."""
        new = self.new_id()
        instance = self.instances[new] = Instance(
            id=new,
            label=label or f"linode{new}",
            region=region,
            type=type_,
            image=image,
            created=at,
            updated=at,
            ipv4=[self.public_ipv4()],
            ipv6=str(IPv6Address(PUBLIC_IPV6 + new)),
        )
        return instance

    def furnish(self, instance: Instance, *, swap: int = 512, kernel: str = "linode/grub2") -> None:
        """Give it the disks and the configuration that an image brings; `swap` in MB."""
        name = (instance.image or "").removeprefix("linode/")
        room = TYPES[instance.type]["disk"] - swap
        parts = [(f"{name} disk", room, "ext4"), (f"{swap} MB swap image", swap, "swap")]
        instance.disks = [
            Disk(self.new_id(), label, size, filesystem, instance.updated) for label, size, filesystem in parts if size
        ]
        devices = dict(zip(("sda", "sdb"), (disk.id for disk in instance.disks), strict=False))
        instance.configs = [Config(self.new_id(), f"My {name} profile", kernel, devices)]

    def record(self, action: str, instance: Instance) -> None:
        """Note in the account's events what was begun."""
        now, new = self.now(), self.new_id()
        self.events[new] = Event(new, action, instance, now, instance.settles(now))
