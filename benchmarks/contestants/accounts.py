"""List the sizes and the locations of many accounts, each at an endpoint of its own.

An outcome is how many sizes, and how many locations, all accounts have. With `names`, endpoints have names, which
are looked up in so many seconds by what Python itself does, `socket.getaddrinfo`; with `authority`, they speak TLS.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from benchmarks.cloud.linode import PLANS, REGIONS

THREADS = 50
DOMAIN = ".cloud.test"

Outcome: TypeAlias = tuple[int, int]
Asking: TypeAlias = AsyncIterator[Callable[[], Awaitable[Outcome]]]


def address(number: int) -> str:
    """One of the addresses of loopback."""
    return f"127.1.{number // 250}.{1 + number % 250}"


@asynccontextmanager
async def aiocloud(
    *, port: int, accounts: int, names: float | None = None, authority: str | None = None, collecting: bool = True
) -> Asking:
    """A fleet as it comes."""
    from aiocloud.accounts import Account
    from aiocloud.fleet import Fleet

    if names is not None:
        _look_up_slowly(names)
    scheme = "https" if authority else "http"
    hosts = [address(number) if names is None else f"host-{number}{DOMAIN}" for number in range(accounts)]
    endpoints = [f"{scheme}://{host}:{port}/v4" for host in hosts]
    known = [Account("linode", url, {"token": "quay-token", "endpoint": url}) for url in endpoints]

    async def everything() -> Outcome:
        _collect(collecting)
        async with Fleet(accounts=known, ssl=_tls(authority)) as fleet:
            sizes, locations = await asyncio.gather(fleet.list_sizes(), fleet.list_locations())
            return len(sizes.require_complete()), len(locations.require_complete())

    yield everything


@asynccontextmanager
async def aiohttp(*, port: int, accounts: int, collecting: bool = True) -> Asking:
    """One session without a limit, all requests at once, each answer decoded by the standard library."""
    import json

    import aiohttp

    async def everything() -> Outcome:
        _collect(collecting)
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": "Bearer quay-token"}
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, headers=headers) as session:

            async def count(number: int, path: str) -> int:
                params = {"page": "1", "page_size": "500"}
                async with session.get(f"http://{address(number)}:{port}/v4/{path}", params=params) as answer:
                    return len(json.loads(await answer.read())["data"])

            async def all_of(path: str) -> int:
                return sum(await asyncio.gather(*(count(number, path) for number in range(accounts))))

            sizes, locations = await asyncio.gather(all_of("linode/types"), all_of("regions"))
            return sizes, locations

    yield everything


def _collect(wanted: bool) -> None:
    """Whether the cyclic collector may work from now on."""
    if not wanted:
        gc.disable()


@asynccontextmanager
async def libcloud(*, port: int, accounts: int) -> Asking:
    """As many drivers, in a pool of threads."""
    from libcloud.compute.drivers.linode import LinodeNodeDriver

    def count(number: int) -> Outcome:
        host = address(number)
        driver = LinodeNodeDriver("quay-token", api_version="4.0", host=host, port=port, secure=False)
        return len(driver.list_sizes()), len(driver.list_locations())

    async def everything() -> Outcome:
        with ThreadPoolExecutor(THREADS) as threads:
            counts = list(threads.map(count, range(accounts)))
        return sum(sizes for sizes, _ in counts), sum(locations for _, locations in counts)

    yield everything


def check(outcome: Outcome, *, port: int, accounts: int, **_: Any) -> None:
    assert outcome == (PLANS * accounts, REGIONS * accounts), "these are not the answers"


def _tls(authority: str | None) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=authority) if authority else True


def _look_up_slowly(seconds: float) -> None:
    """Have this process's look-ups take as long as a distant name server, which blocks a thread as a real one does."""
    real = socket.getaddrinfo

    def slow(host: Any, *more: Any, **others: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if not name.endswith(DOMAIN):
            return real(host, *more, **others)
        time.sleep(seconds)
        return real(address(int(name.removesuffix(DOMAIN).removeprefix("host-"))), *more, **others)

    socket.getaddrinfo = slow
