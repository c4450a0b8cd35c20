"""What an account has in each region: machines, images, keys, networks. No wire format here."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from operator import attrgetter
from typing import Protocol, cast
from uuid import uuid4

from aiocloud.pricing.catalogue import Catalogue
from aiocloud.simulators.base import Phases
from aiocloud.simulators.ec2 import geography
from aiocloud.simulators.ec2.wire import Params, Refusal, Xml

OWNER = "111122223333"
REMEMBERED = timedelta(hours=1)
"""How long a terminated instance stays visible."""

PUBLIC = (IPv4Network("198.18.0.0/15"), IPv4Network("240.0.0.0/4"))
"""Reserved ranges, so that no simulated machine has the address of a stranger's."""


def new_id(prefix: str) -> str:
    """An id as EC2 makes them: a prefix and 17 hexadecimal digits."""
    return f"{prefix}-0{uuid4().hex[:16]}"


class Tagged(Protocol):
    """What has an id and tags."""

    id: str
    tags: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Image:
    """A machine image. `alias` is the word for an owner that Amazon vouches for; `platform` is "windows" or None."""

    id: str
    name: str
    owner: str
    arch: str
    created: datetime
    description: str = ""
    alias: str | None = None
    platform: str | None = None
    device: str = "/dev/xvda"
    disk: int = 8
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Key:
    """A key pair's public half."""

    id: str
    name: str
    fingerprint: str
    kind: str
    public: str | None
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """One permission of a security group: a protocol, its ports, and one peer.

    `kind` says what the peer is: "cidrIp", "cidrIpv6", "groupId" or "prefixListId".
    """

    protocol: str
    first: int | None
    last: int | None
    kind: str
    peer: str
    description: str | None = field(default=None, compare=False)


@dataclass(slots=True, kw_only=True)
class Group:
    """A security group. The rules carry their ids."""

    id: str
    name: str
    description: str
    vpc: str
    ingress: dict[Rule, str] = field(default_factory=dict)
    egress: dict[Rule, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Subnet:
    """A part of a network in one zone; Amazon keeps the first four addresses and the last."""

    id: str
    vpc: str
    zone: str
    cidr: IPv4Network
    default: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    released: deque[str] = field(default_factory=deque)
    handed_out: int = 0
    v6: Iterator[int] = field(default_factory=lambda: itertools.count(0x10))

    @property
    def free(self) -> int:
        """How many addresses are left."""
        return self.cidr.num_addresses - 5 - self.handed_out + len(self.released)

    def take(self) -> str:
        """A private address. Raises Refusal when there is none left."""
        if self.handed_out < self.cidr.num_addresses - 5:
            self.handed_out += 1
            return str(self.cidr.network_address + 3 + self.handed_out)
        if self.released:
            return self.released.popleft()
        what = f"There are not enough free addresses in subnet '{self.id}' to satisfy the request."
        raise Refusal("InsufficientFreeAddressesInSubnet", what)

    def take_v6(self) -> str:
        """An IPv6 address of the range for documentation, whose middle tells the subnet apart."""
        middle = self.id[-8:]
        return f"2001:db8:{middle[:4]}:{middle[4:]}::{next(self.v6):x}"


@dataclass(slots=True, kw_only=True)
class Vpc:
    """A private network."""

    id: str
    cidr: IPv4Network
    default: bool = True
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Instance:
    """A machine. `place` orders the instances of a region by age; `outward` says whether it gets a public IPv4."""

    id: str
    place: int
    reservation: str
    index: int
    size: str
    image: Image
    subnet: Subnet
    groups: list[Group]
    launched: datetime
    phases: Phases
    private_ip: str
    public_ip: str | None = None
    outward: bool = True
    v6: tuple[str, ...] = ()
    key: str | None = None
    token: str | None = None
    user_data: str | None = None
    public_key: str | None = None
    profile: str | None = None
    protected: bool = False
    reason: tuple[str, str] | None = None
    tags: dict[str, str] = field(default_factory=dict)
    rendered: tuple[str, Xml] | None = None
    """The state for which the XML was made, and the XML."""

    def state(self, now: datetime) -> str:
        """What it is doing."""
        return self.phases.seen(now)


@dataclass(slots=True, kw_only=True)
class Launch:
    """What a client token stands for: the parameters that came with it, and what they made."""

    parameters: frozenset[tuple[str, str]]
    instances: list[Instance]


class Region:
    """One region of the account, with its default network."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.zones = geography.zones(name)
        self.vpcs: dict[str, Vpc] = {}
        self.subnets: dict[str, Subnet] = {}
        self.groups: dict[str, Group] = {}
        self.keys: dict[str, Key] = {}
        self.images: dict[str, Image] = {}
        self.instances: dict[str, Instance] = {}
        self.launches: dict[str, Launch] = {}
        self._order: list[Instance] = []
        self._places = itertools.count(1)
        self._graves: deque[tuple[datetime, Instance]] = deque()
        self.default_vpc = self.add_vpc(IPv4Network("172.31.0.0/16"), 20, default=True)

    def add_vpc(self, cidr: IPv4Network, prefix: int, *, default: bool = False) -> Vpc:
        """A network with a subnet of that prefix length in every zone, and its default group."""
        vpc = Vpc(id=new_id("vpc"), cidr=cidr, default=default)
        self.vpcs[vpc.id] = vpc
        for zone, part in zip(self.zones, cidr.subnets(new_prefix=prefix), strict=False):
            subnet = Subnet(id=new_id("subnet"), vpc=vpc.id, zone=zone, cidr=part, default=default)
            self.subnets[subnet.id] = subnet
        group = self.add_group("default", "default VPC security group", vpc)
        group.ingress[Rule("-1", None, None, "groupId", group.id)] = new_id("sgr")
        return vpc

    def add_group(self, name: str, description: str, vpc: Vpc) -> Group:
        """A security group that lets everything out and nothing in."""
        group = Group(id=new_id("sg"), name=name, description=description, vpc=vpc.id)
        group.egress[Rule("-1", None, None, "cidrIp", "0.0.0.0/0")] = new_id("sgr")
        self.groups[group.id] = group
        return group

    def group_named(self, name: str, vpc: str) -> Group | None:
        """The group with that name in a network."""
        return next((g for g in self.groups.values() if g.name == name and g.vpc == vpc), None)

    def add(self, instance: Instance) -> None:
        """Give a new instance its place."""
        instance.place = next(self._places)
        self.instances[instance.id] = instance
        self._order.append(instance)

    def from_place(self, place: int) -> Iterator[Instance]:
        """The instances in order of age, from a place on."""
        first = bisect_left(self._order, place, key=attrgetter("place"))
        return itertools.islice(self._order, first, None)

    def bury(self, instance: Instance, ends: datetime) -> None:
        """Forget a terminated instance when it has been dead for an hour."""
        self._graves.append((ends + REMEMBERED, instance))

    def tidy(self, now: datetime) -> None:
        """Forget those whose hour has come."""
        due = set()
        while self._graves and self._graves[0][0] <= now:
            due.add(self._graves.popleft()[1])
        if due:
            self._order = [instance for instance in self._order if instance not in due]
            self.instances = {instance.id: instance for instance in self._order}
            for token in {instance.token for instance in due if instance.token}:
                self.launches.pop(token, None)

    def everything(self) -> Iterator[Tagged]:
        """All that has an id and tags."""
        for there in (self.instances, self.images, self.keys, self.groups, self.subnets, self.vpcs):
            yield from cast("Mapping[str, Tagged]", there).values()

    def find(self, name: str) -> Tagged | None:
        """Whatever has that id, or None."""
        return self.instances.get(name) or next((thing for thing in self.everything() if thing.id == name), None)


class World:
    """The account: its regions, and what they share.

    `opted_in` are the regions of those that must be asked for which the account has asked for; None for
    all of them.
    """

    def __init__(
        self, catalogue: Catalogue, now: Callable[[], datetime], opted_in: Iterable[str] | None = None
    ) -> None:
        self.catalogue = catalogue
        self.now = now
        self.names = tuple(name for name in catalogue.regions if geography.REGION.fullmatch(name))
        self.opted_in = frozenset(self.names if opted_in is None else opted_in)
        self.booted: Callable[[Instance], list[str]] = lambda _: []
        """What cloud-init writes to an instance's console when it has booted."""
        self._addresses = itertools.chain.from_iterable(range(int(n[1]), int(n[-1])) for n in PUBLIC)

    def may_use(self, region: str) -> bool:
        """Whether the account can use a region."""
        return region in self.names and (not geography.opt_in_required(region) or region in self.opted_in)

    def take_address(self) -> str:
        """A public IPv4 address that nobody had before."""
        return str(IPv4Address(next(self._addresses)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, signed by the account: what is asked, where, and when.

    `boot` are the seconds in which a new instance comes to run; other changes take a fifth of it.
    """

    action: str
    params: Params
    pairs: dict[str, str]
    world: World
    region: Region
    now: datetime
    boot: float

    def after(self, seconds: float) -> datetime:
        """The time so many seconds from now."""
        return self.now + timedelta(seconds=seconds)

    def proceed(self) -> None:
        """All is checked, the work may begin. Raises Refusal for parameters nobody knows, and on a dry run."""
        dry = self.params.flag("DryRun")
        self.params.finish()
        if dry:
            what = "Request would have succeeded, but DryRun flag is set."
            raise Refusal("DryRunOperation", what, 412)
