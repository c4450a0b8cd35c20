"""Over real HTTP: a cancelled call gives its connection back, and closing leaves none open."""

from __future__ import annotations

import asyncio
import time

import pytest

from aiocloud.http.session import SharedSession
from aiocloud.models import KeyPair
from aiocloud.providers.linode import Linode
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.server import serve


async def whole(driver: Linode) -> list[KeyPair]:
    return await driver.list_key_pairs()


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.02])
async def test_a_cancelled_call_gives_its_connection_back(moment: float) -> None:
    simulator = LinodeSimulator(latency=0.03)
    session = SharedSession(total=1, per_host=1)
    async with serve(simulator) as base:
        driver = Linode("quay-token", endpoint=f"{base}/v4", session=session)
        for _ in range(5):
            calling = asyncio.ensure_future(whole(driver))
            await asyncio.sleep(moment)
            calling.cancel()
            await asyncio.wait({calling})
        began = time.monotonic()
        assert await driver.list_key_pairs() == []
        assert time.monotonic() - began < 5
        await driver.aclose()
        await session.aclose()


async def test_a_driver_closes_what_it_opened() -> None:
    open_now = 0
    most = 0

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"data": [], "pages": 1}')
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            open_now -= 1
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Linode("quay-token", endpoint=f"http://127.0.0.1:{port}/v4") as driver:
        await driver.list_nodes()
    server.close()
    await server.wait_closed()
    async with asyncio.timeout(5):
        while open_now:  # noqa: ASYNC110 - the server's side has nothing to wait on
            await asyncio.sleep(0)
    assert most == 1
