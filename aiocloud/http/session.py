"""The session that drivers share: connections, and the names of hosts."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from aiocloud.errors import ConfigurationError, ConnectError
from aiocloud.http.descriptors import within_descriptors

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

AT_ONCE = 2048
"""Requests in flight on one session, unless it is said otherwise."""

LOOKUPS = 128
"""Names that are looked up at once. Each takes a thread, which mostly waits."""

FOR_NAMES = socket.AI_ADDRCONFIG
NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """Looks names up as the system does, with its hosts file and search domains, many at once.

    The threads of asyncio's own are so few that a thousand hosts would wait for one another.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="aiocloud-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host, in the order in which the system would try them. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, FOR_NAMES
        )
        return [
            ResolveResult(hostname=host, host=_numeric(address), port=port, family=kind, proto=protocol, flags=NUMERIC)
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Let the threads go; those that still look something up end when they are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _numeric(address: tuple[object, ...]) -> str:
    """The address as text; one that holds on one link alone with the link's number."""
    scope = f"%{address[3]}" if len(address) == 4 and address[3] else ""
    return f"{address[0]}{scope}"


class SharedSession:
    """An aiohttp session that is opened on first use, and shared by as many drivers as like.

    Connections and DNS answers are used again, and there is one TLS context in all: aiohttp's own. `total` bounds
    the requests in flight, `per_host` those to one host. By default `total` is `AT_ONCE`, or half of the files that
    the process may still open, if that is less: the other half is for connections that wait to be used again.
    """

    def __init__(self, *, total: int | None = None, per_host: int = 16) -> None:
        self._total = total
        self._per_host = per_host
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._sockets: WeakSet[socket.socket] = WeakSet()

    @cached_property
    def total(self) -> int:
        """How many requests may be in flight."""
        return self._total or within_descriptors(AT_ONCE, each=2)

    @cached_property
    def room(self) -> asyncio.Semaphore:
        """What each request enters before it is sent: whoever waits for room is not on the wire yet."""
        return asyncio.Semaphore(self.total)

    @property
    def crowded(self) -> bool:
        """Whether so many connections are open that one more should not be kept for later."""
        return len(self._sockets) >= self.total

    def get(self) -> aiohttp.ClientSession:
        """The session; needs a running event loop. Raises ConnectError once it was closed."""
        if self._closed:
            raise ConnectError("the session was closed: make a new driver, or leave this one open", retryable=False)
        if self._session is None:
            self._loop = asyncio.get_running_loop()
            self._session = self._opened()
        if self._loop is not asyncio.get_running_loop():
            raise ConfigurationError("a session belongs to one event loop: make a driver, or a fleet, for each")
        return self._session

    def _opened(self) -> aiohttp.ClientSession:
        self._resolver = Resolver()
        connector = aiohttp.TCPConnector(
            limit=0,  # `room` bounds them: aiohttp would count the time in its queue as the host's
            limit_per_host=self._per_host,
            ttl_dns_cache=300,
            resolver=self._resolver,
            socket_factory=self._socket,
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True)

    def _socket(self, address: AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        opened = socket.socket(family, kind, protocol)
        self._sockets.add(opened)
        return opened

    async def aclose(self) -> None:
        """Close it, if it was opened. It is not opened again: nobody would close it then."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            await self._resolver.close()
            self._session = None
