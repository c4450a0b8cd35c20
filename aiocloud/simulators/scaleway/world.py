"""What exists in the simulated account, and how it changes with time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count

from aiocloud.simulators.base import Phases
from aiocloud.simulators.scaleway.catalogue import IMAGES, TYPES, ZONES

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
"""When everything was made that was there from the start."""

# From a range that belongs to nobody (RFC 2544), so that a stray connection from a test never reaches a stranger.
PUBLIC, PUBLIC_SIZE = int(IPv4Address("198.18.0.0")), 2**17
KEY_TAG = "AUTHORIZED_KEY="


@dataclass(slots=True, kw_only=True)
class Server:
    """A machine. `dynamic` is the address that it has while it runs, `keys` what root lets in since its last start."""

    id: str
    name: str
    zone: str
    type: str
    image: str
    project: str
    created: datetime
    modified: datetime
    tags: list[str] = field(default_factory=list)
    dynamic_ip: bool = True
    dynamic: str = ""
    protected: bool = False
    keys: list[str] = field(default_factory=list)
    user_data: dict[str, bytes] = field(default_factory=dict)
    phases: Phases = field(default_factory=lambda: Phases("stopped"))


@dataclass(slots=True, kw_only=True)
class Volume:
    """A disk; `server` is the id of the one that has it, `number` its place there."""

    id: str
    zone: str
    kind: str
    size: int
    created: datetime
    server: str | None
    number: str = "0"


@dataclass(slots=True, kw_only=True)
class IP:
    """A flexible address."""

    id: str
    zone: str
    address: str
    kind: str
    server: str | None = None


@dataclass(slots=True, kw_only=True)
class Key:
    """A public key of the project."""

    id: str
    name: str
    public_key: str
    created: datetime


@dataclass(slots=True)
class World:
    """One project with all that is in it. `sold_out` holds pairs of zone and type of which there are no more."""

    now: Callable[[], datetime]
    boot: Callable[[], float]
    project: str
    servers: dict[str, Server] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    ips: dict[str, IP] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    sold_out: set[tuple[str, str]] = field(default_factory=set)
    quota: int = 10_000
    _serial: count[int] = field(default_factory=lambda: count(1))

    def uuid(self) -> str:
        """An id that nothing in this world has had yet."""
        return f"5ca1e000-0000-4000-8000-{next(self._serial):012x}"

    def address(self) -> str:
        """An address that nobody has."""
        return str(IPv4Address(PUBLIC + next(self._serial) % PUBLIC_SIZE))

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def status(self, server: Server) -> str:
        """What an observer sees at this moment; "gone" for one that was deleted."""
        return server.phases.seen(self.now())

    def alive(self, zone: str) -> list[Server]:
        """The servers of a zone; those whose end has come are taken away first."""
        for one in [one for one in self.servers.values() if self.status(one) == "gone"]:
            self.remove(one, local=True)
        return [one for one in self.servers.values() if one.zone == zone]

    def remove(self, server: Server, *, local: bool) -> None:
        """Take it away, and with it its `local` disks; what else it had is detached."""
        del self.servers[server.id]
        for volume in self.disks(server):
            volume.server = None
            if local and volume.kind == "l_ssd":
                del self.volumes[volume.id]
        for ip in self.flexible(server):
            ip.server = None

    def disks(self, server: Server) -> list[Volume]:
        """Its volumes."""
        return [volume for volume in self.volumes.values() if volume.server == server.id]

    def flexible(self, server: Server) -> list[IP]:
        """Its flexible addresses."""
        return [ip for ip in self.ips.values() if ip.server == server.id]

    def place(self, *, name: str, zone: str, type_: str, image: str, at: datetime) -> Server:
        """Put a machine into the world, stopped, with the disk that it boots from."""
        new = self.uuid()
        server = self.servers[new] = Server(
            id=new, name=name, zone=zone, type=type_, image=image, project=self.project, created=at, modified=at
        )
        local = IMAGES[image].kind == "instance_local"
        kind, size = ("l_ssd", TYPES[type_][3] * 10**9) if local else ("sbs_volume", 10**10)
        disk = Volume(id=self.uuid(), zone=zone, kind=kind, size=size, created=at, server=new)
        self.volumes[disk.id] = disk
        return server

    def start(self, server: Server) -> None:
        """Give it what it has while it runs: an address of its own, and the keys that are there now."""
        server.dynamic = self.address() if server.dynamic_ip else ""
        tagged = [tag.removeprefix(KEY_TAG).replace("_", " ") for tag in server.tags if tag.startswith(KEY_TAG)]
        server.keys = [key.public_key for key in self.keys.values()] + tagged

    def furnish(self, number: int) -> None:
        """Put one more running machine somewhere."""
        zone = ZONES[number % len(ZONES)]
        image = next(each for each in IMAGES.values() if each.zone == zone and each.fits("DEV1-S"))
        server = self.place(name=f"quay-{number + 1}", zone=zone, type_="DEV1-S", image=image.id, at=BEFORE)
        self.start(server)
        server.phases = Phases("running")
