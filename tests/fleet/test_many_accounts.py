"""What thousands of accounts cost, counted in drivers, connections, look-ups and contexts, and not in seconds."""

from __future__ import annotations

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Barrier
from typing import Any

import pytest
from yarl import URL

from aiocloud.accounts import Account
from aiocloud.errors import ConfigurationError
from aiocloud.fleet import Fleet
from aiocloud.http.descriptors import within_descriptors
from aiocloud.http.message import Request, Response
from aiocloud.http.session import LOOKUPS, Resolver, SharedSession
from aiocloud.http.transport import AiohttpTransport

NO_NODES = b'{"data": [], "page": 1, "pages": 1, "results": 0}'


async def empty(request: Request) -> Response:
    await asyncio.sleep(0)
    return Response(status=200, body=NO_NODES)


def accounts(count: int, **options: Any) -> list[Account]:
    return [Account("linode", f"a{number}", {"token": "quay-token", **options}) for number in range(count)]


def drivers(fleet: Fleet) -> int:
    return sum(member.driver is not None for member in fleet._members)


async def test_accounts_become_drivers_when_they_are_asked_and_not_before() -> None:
    async with Fleet(accounts=accounts(5000, transport=empty)) as fleet:
        assert len(fleet.scopes) == 5000
        assert drivers(fleet) == 0
        assert fleet._shared is None
        fleet.driver("a17")
        assert drivers(fleet) == 1
        assert (await fleet.list_nodes()).complete
        assert drivers(fleet) == 5000


async def test_a_thousand_accounts_are_asked_at_once_and_no_more_than_was_said() -> None:
    now = most = 0

    async def count(request: Request) -> Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(3):
            await asyncio.sleep(0)
        now -= 1
        return Response(status=200, body=NO_NODES)

    for concurrency in (1000, 7):
        most = 0
        async with Fleet(accounts=accounts(1000, transport=count), concurrency=concurrency) as fleet:
            assert (await fleet.list_nodes()).complete
        assert most == concurrency


@pytest.mark.parametrize("concurrency", [0, -1])
def test_a_fleet_that_may_ask_nobody_is_refused(concurrency: int) -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        Fleet(concurrency=concurrency)


async def test_all_drivers_of_a_fleet_share_one_session() -> None:
    async with Fleet(accounts=accounts(100)) as fleet:
        transports = [fleet.driver(f"a{number}").transport for number in range(100)]
        assert {id(transport._session) for transport in transports if isinstance(transport, AiohttpTransport)} == {
            id(fleet._shared)
        }


def test_one_tls_context_is_made_for_any_number_of_hosts() -> None:
    """In a process of its own, where nobody has made one before."""
    program = """if True:
        import asyncio, ssl
        made, make = [], ssl.create_default_context
        ssl.create_default_context = lambda *how, **more: made.append(1) or make(*how, **more)
        from aiocloud import Retry
        from aiocloud.accounts import Account
        from aiocloud.fleet import Fleet
        async def ask():
            where = [Account("linode", str(n), {"endpoint": f"https://127.0.0.1:{n}/v4"}) for n in range(1, 21)]
            async with Fleet(accounts=where, options={"retry": Retry(attempts=1)}) as fleet:
                return len((await fleet.list_nodes()).failures)
        print(asyncio.run(ask()), len(made))
    """
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["20", "1"]


@asynccontextmanager
async def counting_server() -> AsyncIterator[tuple[int, list[int]]]:
    """A server on all addresses of loopback; yields its port, and how many connections it has and has had at most."""
    counts = [0, 0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        counts[0] += 1
        counts[1] = max(counts)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                close = b"connection: close" in head.lower()
                how = b"Connection: close\r\n" if close else b""
                writer.write(b"HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\nok" % how)
                await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            counts[0] -= 1
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], counts
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("total", [1, 10])
async def test_many_hosts_never_hold_more_connections_than_twice_what_may_be_in_flight(
    total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are kept for later are closed too, before they are so many that no file may be opened."""
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *how: here)
    shared = SharedSession(total=total)
    transport = AiohttpTransport(shared)
    async with counting_server() as (port, counts):

        async def ask(number: int) -> None:
            url = URL(f"http://h{number}.example:{port}/")
            assert (await transport(Request(method="GET", url=url, timeout=10))).body == b"ok"

        await asyncio.gather(*[ask(number) for number in range(100)])
        assert 1 <= counts[1] <= 2 * total
        await shared.aclose()


async def test_as_many_names_are_looked_up_at_once_as_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = Barrier(LOOKUPS, timeout=20)  # which breaks unless all of them are there together

    def look_up(host: str, port: int, *how: Any) -> list[Any]:
        meeting.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    resolver = Resolver()
    found = await asyncio.gather(*[resolver.resolve(f"h{number}.example", 443) for number in range(LOOKUPS)])
    await resolver.close()
    assert {each["host"] for addresses in found for each in addresses} == {"127.0.0.1"}


async def test_addresses_of_both_kinds_are_told_in_the_order_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", 443, 0, 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::7", 443, 0, 3)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *how: told)
    resolver = Resolver()
    found = await resolver.resolve("both.example", 443)
    await resolver.close()
    assert [each["host"] for each in found] == ["2001:db8::7", "fe80::7%3", "192.0.2.7"]
    assert [each["family"] for each in found] == [kind for kind, *_ in told]


async def test_a_name_that_is_none_is_an_os_error() -> None:
    resolver = Resolver()
    with pytest.raises(OSError, match=r"."):
        await resolver.resolve("nowhere.invalid", 443)
    await resolver.close()


def test_no_more_is_promised_than_the_process_may_open() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert within_descriptors(10**9) < soft
    assert SharedSession().total <= soft / 2
