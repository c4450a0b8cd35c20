"""What the services of a small OpenStack cloud remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import uuid4

from aiocloud.simulators.base import Phases
from aiocloud.values import Secret


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size: `ram` in MiB, `disk` and `ephemeral` in GiB."""

    id: str
    name: str
    ram: int
    disk: int
    vcpus: int
    ephemeral: int = 0
    rxtx_factor: float = 1.0
    specs: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Picture:
    """An image: `size` in bytes, `min_ram` in MiB, `min_disk` in GiB."""

    id: str
    name: str
    created: datetime
    min_disk: int = 0
    min_ram: int = 0
    size: int = 0
    disk_format: str = "qcow2"
    container_format: str = "bare"
    visibility: str = "public"
    owner: str = ""
    protected: bool = False
    tags: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    state: Phases = field(default_factory=lambda: Phases("active"))


@dataclass(frozen=True, slots=True)
class Network:
    """A network of addresses counted up from `v4` and, where it has them, `v6`."""

    id: str
    name: str
    v4: int
    v6: int | None
    external: bool = False

    def addresses(self, serial: int) -> tuple[str, ...]:
        """The addresses with this number."""
        v4 = str(IPv4Address(self.v4 + serial))
        return (v4,) if self.v6 is None else (v4, str(IPv6Address(self.v6 + serial)))


@dataclass(slots=True)
class FloatingIP:
    """A public address that can be put before a port; an `automatic` one came with a server, and goes with it."""

    id: str
    address: str
    network: Network
    project: str
    port: Port | None = None
    automatic: bool = False


@dataclass(slots=True)
class Port:
    """A network card, of a server when it has a `device`."""

    id: str
    network: Network
    mac: str
    fixed: tuple[str, ...]
    project: str
    device: str = ""
    floating: FloatingIP | None = None


@dataclass(slots=True)
class SecurityGroup:
    """A firewall's rules by their ids."""

    id: str
    name: str
    description: str
    project: str
    created: datetime
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key of a user; `serial` is Nova's number for it."""

    name: str
    public_key: str
    fingerprint: str
    kind: str
    serial: int
    created: datetime


@dataclass(slots=True, kw_only=True)
class Server:
    """An instance. `image` is None when it boots from a volume; `resized_to` waits to be confirmed.

    `public_key` is what its key pair was at create, `installed` how often it was rebuilt.
    """

    id: str
    name: str
    project: str
    user: str
    flavor: Flavor
    image: str | None
    zone: str
    created: datetime
    launched: datetime
    updated: datetime
    key_name: str | None = None
    user_data: str | None = None
    description: str | None = None
    pinned_zone: str | None = None
    config_drive: bool = False
    locked: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=lambda: ["default"])
    ports: list[Port] = field(default_factory=list)
    fault: dict[str, Any] | None = None
    public_key: str | None = None
    password: Secret | None = field(default=None, repr=False)
    installed: int = 0
    previous_flavor: Flavor | None = None
    state: Phases = field(default_factory=lambda: Phases("active"))


@dataclass(slots=True, kw_only=True)
class Region:
    """One region, which knows nothing of the others."""

    name: str
    zones: tuple[str, ...]
    flavors: dict[str, Flavor]
    images: dict[str, Picture]
    networks: dict[str, Network]
    servers: dict[str, Server] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    floating_ips: dict[str, FloatingIP] = field(default_factory=dict)
    groups: dict[str, SecurityGroup] = field(default_factory=dict)
    key_pairs: dict[str, KeyPair] = field(default_factory=dict)
    serial: int = 9

    def count(self) -> int:
        """A number that was not given before."""
        self.serial += 1
        return self.serial

    def network(self, *, external: bool) -> Network | None:
        """The first network that leads outside, or that does not."""
        return next((net for net in self.networks.values() if net.external == external), None)

    def add_port(self, network: Network, project: str, device: str = "") -> Port:
        """A new port with an address of each kind."""
        serial = self.count()
        mac = "fa:16:3e:" + ":".join(f"{serial >> shift & 255:02x}" for shift in (16, 8, 0))
        port = Port(str(uuid4()), network, mac, network.addresses(serial), project, device)
        self.ports[port.id] = port
        return port

    def add_floating_ip(self, network: Network, project: str, port: Port | None = None) -> FloatingIP:
        """A new floating address, before the port if one is given."""
        address = network.addresses(self.count())[0]
        floating = FloatingIP(str(uuid4()), address, network, project)
        self.floating_ips[floating.id] = floating
        self.connect(floating, port)
        return floating

    def connect(self, floating: FloatingIP, port: Port | None) -> None:
        """Put a floating address before another port, or before none."""
        if floating.port is not None:
            floating.port.floating = None
        floating.port = port
        if port is not None:
            port.floating = floating

    def living(self, project: str, now: datetime) -> Iterator[Server]:
        """The project's servers, the newest first."""
        for server in reversed(list(self.servers.values())):
            if server.state.seen(now) == "gone":
                self.bury(server)
            elif server.project == project:
                yield server

    def server(self, project: str, identifier: str, now: datetime) -> Server | None:
        """The project's server of that id."""
        server = self.servers.get(identifier)
        if server is None or server.project != project:
            return None
        if server.state.seen(now) == "gone":
            self.bury(server)
            return None
        return server

    def bury(self, server: Server) -> None:
        """Forget a deleted server; the floating addresses that were put before it remain the project's."""
        del self.servers[server.id]
        for port in server.ports:
            self.ports.pop(port.id, None)
            if port.floating is not None and port.floating.automatic:
                self.floating_ips.pop(port.floating.id, None)
            elif port.floating is not None:
                self.connect(port.floating, None)


@dataclass(frozen=True, slots=True)
class Project:
    """Whose servers they are."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """The one user of this world, who has every project in it, and what signs them in."""

    user_id: str
    username: str
    password: str = field(repr=False)
    domain_id: str
    domain: str
    projects: tuple[Project, ...]
    credential_id: str = ""
    credential_name: str = ""
    credential_secret: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A session; `project` is None when it is good for no project."""

    id: str = field(repr=False)
    project: Project | None
    methods: tuple[str, ...]
    issued: datetime
    expires: datetime


def inside(region: Region) -> list[Network]:
    """The network of the project's own, on which a new server is when nobody says otherwise."""
    network = region.network(external=False)
    return [network] if network else []


def as_it_is(_: Any, view: dict[str, Any]) -> dict[str, Any]:
    """The view without anything of the operator's own."""
    return view


@dataclass(slots=True, kw_only=True)
class Cloud:
    """The whole cloud: who may enter, its regions, and how it behaves.

    `boot` is in seconds; `page` is the most that Nova puts on a page; `max_instances` is a region's quota
    (-1: none). `unschedulable` counts the next servers for which no host will be found.
    A `legacy` Nova has no microversions.
    `default_networks` are those of a new server for which none are asked; the `dress_…` functions add what
    only this operator shows.
    """

    now: Callable[[], datetime]
    boot: float
    token_life: float
    page: int
    max_instances: int
    auto_floating: bool
    account: Account
    regions: dict[str, Region]
    tokens: dict[str, Token] = field(default_factory=dict)
    unschedulable: int = 0
    legacy: bool = False
    default_networks: Callable[[Region], list[Network]] = inside
    dress_server: Callable[[Server, dict[str, Any]], dict[str, Any]] = as_it_is
    dress_flavor: Callable[[Flavor, dict[str, Any]], dict[str, Any]] = as_it_is
    booted: Callable[[Server], list[str]] = lambda _: []
    """What cloud-init writes to a server's console when it has booted."""

    def after(self, seconds: float) -> datetime:
        """The world's time so many seconds from now."""
        return self.now() + timedelta(seconds=seconds)

    def issue(self, project: Project | None, methods: tuple[str, ...], until: datetime | None) -> Token:
        """A new token, good until then or for as long as tokens are here."""
        expires = until or self.after(self.token_life)
        token = Token(f"gAAAAA{uuid4().hex}{uuid4().hex}", project, methods, self.now(), expires)
        self.tokens[token.id] = token
        return token

    def token(self, identifier: str | None) -> Token | None:
        """The token of that id, while it is good."""
        token = self.tokens.get(identifier or "")
        return token if token is not None and self.now() < token.expires else None
