"""From an address to somebody who is signed in there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import asyncssh

from aiocloud.deploy.client import SSHClient, hang_up
from aiocloud.deploy.hostkeys import HostKeys, Peer, Trusted, alias_of
from aiocloud.deploy.keys import client_keys, open_agent
from aiocloud.deploy.ssh import SSH, read_address
from aiocloud.errors import ConfigurationError, HostKeyError, RemoteError, SignInError, SSHConnectError
from aiocloud.models import Node
from aiocloud.values import Secret

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

log = logging.getLogger("aiocloud")

HEAD_START = 0.25
"""Seconds after which the next address of a machine is tried beside the one before."""
AT_ONCE = 8
"""How many may be signing in to one machine at the same time: sshd turns away some from the tenth on (MaxStartups)."""

Target: TypeAlias = Node | str
"""A node, or the name or address of a machine: `host`, `host:port`, `user@host`."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is: its addresses, its port, its name in the record, and who signs in there."""

    name: str
    addresses: tuple[str, ...]
    port: int
    alias: str | None
    usernames: tuple[str, ...]


def place_of(target: Target, ssh: SSH, usual: Sequence[str] = ()) -> Place:
    """Where a node or a machine is. Raises SSHConnectError for a node without an address."""
    if isinstance(target, str):
        user, host, port = read_address(target)
        names = (user,) if user else ssh.usernames(usual)
        return Place(target, (host,), port or ssh.port, None, names)
    addresses = getattr(target, ssh.interface)
    if not addresses:
        raise SSHConnectError(_without_address(target, ssh.interface))
    return Place(addresses[0], addresses, ssh.port, alias_of(target), ssh.usernames(usual))


def _without_address(node: Node, interface: str) -> str:
    kind, other = ("public", "private") if interface == "public_ips" else ("private", "public")
    mend = f"; it has a {other} one: use the interface {other}_ips" if getattr(node, f"{other}_ips") else ""
    return f"node {node.id} ({node.name!r}) has no {kind} address{mend}"


class Access:
    """What signs in, made ready once for many machines: keys read, the agent asked, the machines on the way reached.

    Use it as `async with`. Raises ConfigurationError on entry for keys that cannot be read.
    """

    def __init__(self, ssh: SSH) -> None:
        self.ssh = ssh
        self._policy = ssh.policy
        self._keys: list[Any] = []
        self._options = _options(ssh)
        self._closing = AsyncExitStack()
        self._way: asyncio.Future[asyncssh.SSHClientConnection] | None = None
        self._doors: dict[tuple[str, int], asyncio.Semaphore] = {}

    async def __aenter__(self) -> Self:
        """Read the keys, ask the agent."""
        self._keys = list(client_keys(self.ssh))
        agent = await open_agent(self.ssh)
        if agent is not None:
            self._closing.push_async_callback(_close_agent, agent)
            with contextlib.suppress(ValueError):
                self._keys += await agent.get_keys()  # last: servers listen to a few keys only
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the machines on the way, and the agent."""
        if self._way is not None and not self._way.done():
            self._way.cancel()
        await self._closing.aclose()

    async def connect(self, place: Place, *, host_keys: HostKeys | None = None) -> SSHClient:
        """Sign in as the first of the place's users that is let in.

        Raises SSHConnectError, HostKeyError, or SignInError when none of them is.
        """
        refusal: SignInError | None = None
        for username in place.usernames:
            try:
                return await self._sign_in(place, username, host_keys or self._policy)
            except SignInError as error:
                refusal = error
        if refusal is None:
            raise ConfigurationError(f"nobody is named who could sign in at {place.name}")
        if len(place.usernames) > 1:
            tried = ", ".join(place.usernames)
            raise SignInError(f"it lets in none of {tried}: {refusal.message}", host=place.name) from refusal
        raise refusal

    async def _sign_in(self, place: Place, username: str, host_keys: HostKeys) -> SSHClient:
        door = self._doors.setdefault((place.name, place.port), asyncio.Semaphore(AT_ONCE))
        guard = Guard(host_keys, place, self._keys)
        with _in_words(place, username, guard, self.ssh):
            async with door, asyncio.timeout(self.ssh.connect_timeout):
                connection = await self._open(place, username, guard)
        return SSHClient(connection, host=place.name, username=username)

    async def _open(self, place: Place, username: str, guard: Guard) -> asyncssh.SSHClientConnection:
        if self.ssh.jump is not None:
            return await self._through(await self._on_the_way(), place, username, guard)
        sock, address = await self._dial(place)
        try:
            return await self._handshake(guard.at(address), place.port, username, sock=sock)
        except BaseException:
            sock.close()
            raise

    async def _handshake(self, guard: Guard, port: int, username: str, **way: Any) -> asyncssh.SSHClientConnection:
        trusted = guard.trusted()
        return await asyncssh.connect(
            guard.peer.host,
            port,
            options=self._options,
            client_factory=lambda: guard,
            known_hosts=None if trusted is None else (trusted.keys, trusted.authorities, trusted.revoked),
            username=username,
            **way,
        )

    # ---- the network ----

    async def _dial(self, place: Place) -> tuple[socket.socket, str]:
        """A connection to the first address that takes one; the others are tried soon after, side by side."""
        if self.ssh.dial is None:
            sock = await race(place.addresses, place.port)
            return sock, sock.getpeername()[0] if len(place.addresses) > 1 else place.addresses[0]
        failure: OSError | None = None
        for address in place.addresses:
            try:
                return await self.ssh.dial(address, place.port), address
            except OSError as error:
                failure = error
        raise failure or OSError("no address")

    async def _through(
        self, way: asyncssh.SSHClientConnection, place: Place, username: str, guard: Guard
    ) -> asyncssh.SSHClientConnection:
        failure: Exception | None = None
        for address in place.addresses:
            try:
                return await self._handshake(guard.at(address), place.port, username, tunnel=way)
            except asyncssh.ChannelOpenError as error:
                failure = error
        raise failure or OSError("no address")

    # ---- machines on the way ----

    async def _on_the_way(self) -> asyncssh.SSHClientConnection:
        """The connection to the last machine before the nodes; one for all of them, made by whoever comes first."""
        if self._way is None or (self._way.done() and _is_over(self._way)):
            self._way = asyncio.ensure_future(self._jump())
        return await asyncio.shield(self._way)

    async def _jump(self) -> asyncssh.SSHClientConnection:
        way: asyncssh.SSHClientConnection | None = None
        for step in (self.ssh.jump or "").split(","):
            user, host, port = read_address(step.strip())
            place = Place(host, (host,), port or 22, None, (user,) if user else self.ssh.usernames())
            guard = Guard(self._policy.for_jump(), place, self._keys)
            with _in_words(place, place.usernames[0], guard, self.ssh, role="jump host "):
                if way is None:
                    sock, address = await self._dial_jump(place)
                    way = await self._handshake(guard.at(address), place.port, place.usernames[0], sock=sock)
                else:
                    way = await self._through(way, place, place.usernames[0], guard)
            self._closing.push_async_callback(hang_up, way)
        assert way is not None  # noqa: S101 - a text has at least one part
        return way

    async def _dial_jump(self, place: Place) -> tuple[socket.socket, str]:
        return await race(place.addresses, place.port), place.addresses[0]


class Guard(asyncssh.SSHClient):
    """Answers what asyncssh asks while a connection is made: whom to trust, and with which keys to sign in."""

    def __init__(self, host_keys: HostKeys, place: Place, keys: Sequence[Any]) -> None:
        self._host_keys = host_keys
        self._place = place
        self._keys: Sequence[Any] | None = keys
        self.peer = Peer(place.addresses[0], place.port, place.alias)
        self.refused: asyncssh.SSHKey | None = None
        """The host key that was not trusted."""

    def at(self, address: str) -> Guard:
        """Itself, from now on speaking of that address."""
        self.peer = Peer(address, self._place.port, self._place.alias)
        return self

    def trusted(self) -> Trusted | None:
        """What is trusted of the machine beforehand."""
        return self._host_keys.trusted(self.peer)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether to trust a key that was not trusted beforehand."""
        accepted = self._host_keys.accepts(self.peer, key)
        if not accepted:
            self.refused = key
        return accepted

    def public_key_auth_requested(self) -> Any:
        """All the keys, once."""
        keys, self._keys = self._keys, None
        return keys or None

    def explain(self) -> HostKeyError | None:
        """Why the machine was not trusted, if it was not."""
        if self.refused is None:
            return None
        shown = self.refused.get_fingerprint()
        known = self.trusted()
        expected = ", ".join(key.get_fingerprint() for key in known.keys) if known and known.keys else ""
        what = f"its host key is {shown}, not {expected}" if expected else f"its host key {shown} is not known"
        record = self._host_keys.record
        mend = self._host_keys.mend.format(path=record.path if record else "")
        return HostKeyError(f"{what}. {mend}".rstrip(". "), host=self.peer.host, presented=shown)


def _options(ssh: SSH) -> asyncssh.SSHClientConnectionOptions:
    """What all connections have in common, worked out once."""
    password = ssh.password.reveal() if isinstance(ssh.password, Secret) else ssh.password
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        client_keys=None,  # the guard has them
        password=password,
        agent_path=None,
        gss_host=None,
        connect_timeout=None,  # ours are bounded by a scope
        login_timeout=0,
        keepalive_interval=ssh.keepalive,
        x509_trusted_certs=None,
        x509_trusted_cert_paths=[],
    )


async def race(addresses: Sequence[str], port: int) -> socket.socket:
    """A connected socket to the first of these addresses that answers, IPv6 and IPv4 side by side (RFC 8305)."""
    from aiohappyeyeballs import start_connection

    infos = [info for address in addresses for info in await _resolved(address, port)]
    return await start_connection(infos, happy_eyeballs_delay=HEAD_START, interleave=1)


async def _resolved(address: str, port: int) -> Sequence[AddrInfoType]:
    """What the system calls an address; names are looked up, numbers are taken as they are."""
    try:
        version = ip_address(address).version
    except ValueError:
        return await asyncio.get_running_loop().getaddrinfo(address, port, type=socket.SOCK_STREAM)
    family, where = (socket.AF_INET6, (address, port, 0, 0)) if version == 6 else (socket.AF_INET, (address, port))
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]


@contextmanager
def _in_words(place: Place, username: str, guard: Guard, ssh: SSH, role: str = "") -> Iterator[None]:
    """What asyncssh and the network say, as our errors."""
    host = f"{role}{place.name}"
    try:
        yield
    except RemoteError:
        raise
    except asyncssh.HostKeyNotVerifiable as error:
        found = guard.explain()
        raise found or HostKeyError(f"{error.reason}. {guard._host_keys.mend}", host=host) from error
    except asyncssh.PermissionDenied as error:
        raise SignInError(_refused(username, ssh), host=host) from error
    except asyncssh.IllegalUserName as error:
        raise SignInError(f"{username!r} cannot be a user's name", host=host) from error
    except TimeoutError as error:
        raise SSHConnectError(
            f"port {place.port} did not answer within {ssh.connect_timeout:g} s", host=host
        ) from error
    except OSError as error:
        raise SSHConnectError(f"port {place.port}: {_reason(error)}", host=host) from error
    except (asyncssh.Error, ValueError) as error:
        why = getattr(error, "reason", "") or str(error)
        raise SSHConnectError(f"port {place.port} does not sign us in by SSH: {why}", host=host) from error


def _refused(username: str, ssh: SSH) -> str:
    ways = [f"{len(ssh.keys)} key(s)" if ssh.keys else "", "a password" if ssh.password else ""]
    offered = " and ".join(filter(None, ways)) or "the keys of the agent and of ~/.ssh"
    return f"it does not let in {username!r} with {offered}"


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or str(error)


def _is_over(way: asyncio.Future[asyncssh.SSHClientConnection]) -> bool:
    return way.cancelled() or way.exception() is not None or way.result().is_closed()


async def _close_agent(agent: asyncssh.SSHAgentClient) -> None:
    agent.close()
    await agent.wait_closed()
