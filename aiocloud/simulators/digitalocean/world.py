"""What exists in the simulated account, and how it changes with time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import count

from aiocloud.simulators.digitalocean.catalogue import IMAGES
from aiocloud.simulators.digitalocean.wire import Json, stamp

BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
"""When everything was made that was there from the start."""

# A range that belongs to nobody (RFC 2544), so that a stray connection reaches no stranger.
PUBLIC_IPV4, PUBLIC_IPV4_SIZE = int(IPv4Address("198.18.0.0")), 2**17
PRIVATE_IPV4 = int(IPv4Address("10.108.0.0"))
PUBLIC_IPV6 = int(IPv6Address("2001:db8:0:d0::"))
VPC = "760e09ef-dc84-11e8-981e-3cfdfeaae000"


@dataclass(slots=True, kw_only=True)
class Action:
    """Something that is done to a droplet until `due`; `becomes` are the fields that it changes then."""

    id: int
    type: str
    droplet: Droplet
    started: datetime
    due: datetime
    becomes: Mapping[str, object] = field(default_factory=dict)
    fails: bool = False

    def status(self, now: datetime) -> str:
        """What an observer sees at this moment."""
        if now < self.due:
            return "in-progress"
        return "errored" if self.fails else "completed"


@dataclass(slots=True, kw_only=True)
class Droplet:
    """A machine. `installed` counts how often an image was put on its disk."""

    id: int
    name: str
    size: str
    region: str
    image: Json
    created: datetime
    public: str
    private: str
    status: str = "new"
    ipv6: str | None = None
    tags: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    vpc: str = VPC
    keys: tuple[str, ...] = ()
    user_data: str | None = None
    installed: int = 1
    doing: Action | None = None

    def settle(self, now: datetime) -> Droplet:
        """The same, as it is at this moment."""
        if self.doing is not None and now >= self.doing.due:
            if not self.doing.fails:
                for name, value in self.doing.becomes.items():
                    setattr(self, name, value)
            self.doing = None
        return self


@dataclass(slots=True)
class World:
    """One account with all that is in it. `boot` tells the seconds from creation to running.

    `sold_out` holds pairs of size and region of which there are no more; `failing` the types of actions that end in an
    error.
    """

    now: Callable[[], datetime]
    boot: Callable[[], float]
    invented_prices: bool = False
    droplet_limit: int = 10_000
    droplets: dict[int, Droplet] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    keys: dict[int, Json] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)
    images: list[Json] = field(default_factory=lambda: list(IMAGES))
    firewalls: dict[str, Json] = field(default_factory=dict)
    reserved: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    sold_out: set[tuple[str, str]] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    ids: count[int] = field(default_factory=lambda: count(3164001))
    _addresses: count[int] = field(default_factory=lambda: count(1))

    def new_id(self) -> int:
        """A number that nothing in this world has had yet."""
        return next(self.ids)

    def address(self) -> str:
        """A public address that nobody has."""
        return str(IPv4Address(PUBLIC_IPV4 + next(self._addresses) % PUBLIC_IPV4_SIZE))

    def place(self, *, name: str, size: str, region: str, image: Json, ipv6: bool, at: datetime) -> Droplet:
        """Put a machine into the world, with its addresses."""
        new = self.new_id()
        droplet = self.droplets[new] = Droplet(
            id=new,
            name=name,
            size=size,
            region=region,
            image=image,
            created=at,
            public=self.address(),
            private=str(IPv4Address(PRIVATE_IPV4 + new % 2**20)),
            ipv6=str(IPv6Address(PUBLIC_IPV6 + new)) if ipv6 else None,
        )
        return droplet

    def begin(self, droplet: Droplet, type_: str, share: float, **becomes: object) -> Action:
        """Begin an action that takes this share of a boot."""
        now, new = self.now(), self.new_id()
        due = now + timedelta(seconds=share * self.boot())
        fails = type_ in self.failing
        action = Action(id=new, type=type_, droplet=droplet, started=now, due=due, becomes=becomes, fails=fails)
        self.actions[new] = droplet.doing = action
        return action

    def action_payload(self, action: Action) -> Json:
        """An action as the API shows it."""
        status = action.status(self.now())
        return {
            "id": action.id,
            "status": status,
            "type": action.type,
            "started_at": stamp(action.started),
            "completed_at": stamp(action.due) if status != "in-progress" else None,
            "resource_id": action.droplet.id,
            "resource_type": "droplet",
            "region_slug": action.droplet.region,
        }
