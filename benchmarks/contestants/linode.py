"""List the Linodes of an account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from benchmarks.cloud.worlds import Seen, World

TOKEN = "quay-token"
PAGE = 500

Listing: TypeAlias = AsyncIterator[Callable[[], Awaitable[Any]]]


@asynccontextmanager
async def aiocloud(*, port: int, **world: Any) -> Listing:
    from aiocloud.providers.linode import Linode

    async with Linode(TOKEN, endpoint=f"http://127.0.0.1:{port}/v4") as driver:

        async def nodes() -> Any:
            return await driver.list_nodes()

        yield nodes


@asynccontextmanager
async def aiocloud_iterated(*, port: int, **world: Any) -> Listing:
    """Node by node, none of which is kept: each is judged where it comes."""
    from aiocloud.providers.linode import Linode

    truth = World(**world).truth()
    async with Linode(TOKEN, endpoint=f"http://127.0.0.1:{port}/v4") as driver:

        async def nodes() -> Seen:
            right = 0
            async for node in driver.list_nodes():
                right += (node.id, node.state) == truth[right]
            return truth[:right]

        yield nodes


@asynccontextmanager
async def libcloud(*, port: int, **world: Any) -> Listing:
    """Pages of 25, one after the other."""
    from libcloud.compute.drivers.linode import LinodeNodeDriver

    driver = LinodeNodeDriver(TOKEN, api_version="4.0", host="127.0.0.1", port=port, secure=False)

    async def nodes() -> Any:
        return driver.list_nodes()

    yield nodes


@asynccontextmanager
async def aiohttp(*, port: int, **world: Any) -> Listing:
    """All pages but the first at once, each decoded by the standard library."""
    import asyncio
    import json

    import aiohttp

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def page(number: int) -> Any:
            params = {"page": str(number), "page_size": str(PAGE)}
            async with session.get(f"http://127.0.0.1:{port}/v4/linode/instances", params=params) as answer:
                return json.loads(await answer.read())

        async def nodes() -> Any:
            first = await page(1)
            rest = await asyncio.gather(*(page(number) for number in range(2, first["pages"] + 1)))
            return [each for payload in (first, *rest) for each in payload["data"]]

        yield nodes


def check(outcome: Any, *, port: int, **world: Any) -> None:
    assert [_seen(each) for each in outcome] == World(**world).truth(), "these are not the nodes"


def _seen(node: Any) -> tuple[str, str]:
    """The id and the state, from whatever is a node to its client."""
    match node:
        case (str(node_id), str(state)):
            return node_id, state
        case {"id": int(number), "status": status}:
            return str(number), "stopped" if status == "offline" else status
    return node.id, str(node.state)
