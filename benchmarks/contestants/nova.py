"""List the servers of a project of OpenStack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from benchmarks.cloud.worlds import World

Listing: TypeAlias = AsyncIterator[Callable[[], Awaitable[Any]]]


@asynccontextmanager
async def aiocloud(*, port: int, **world: Any) -> Listing:
    from aiocloud.providers.openstack import OpenStack

    base = f"http://127.0.0.1:{port}"
    known = {"compute": f"{base}/v2.1"}
    async with OpenStack(token="quay-token", endpoint=f"{base}/v3", region="quay", ex_endpoints=known) as driver:

        async def nodes() -> Any:
            return await driver.list_nodes()

        yield nodes


@asynccontextmanager
async def aiohttp(*, port: int, **world: Any) -> Listing:
    """The pages, one after the other, each decoded by the standard library. It does not sign in."""
    import json
    from urllib.parse import urlsplit

    import aiohttp

    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def nodes() -> Any:
            found: list[Any] = []
            query = ""
            while True:
                async with session.get(f"http://127.0.0.1:{port}/v2.1/servers/detail?{query}") as answer:
                    payload = json.loads(await answer.read())
                found += payload["servers"]
                if not payload["servers_links"]:
                    return found
                query = urlsplit(payload["servers_links"][0]["href"]).query

        yield nodes


def check(outcome: Any, *, port: int, **world: Any) -> None:
    assert [_seen(each) for each in outcome] == World(**world).truth(), "these are not the nodes"


def _seen(node: Any) -> tuple[str, str]:
    """The id and the state, from whatever is a node to its client."""
    match node:
        case {"id": str(node_id), "status": status}:
            return node_id, "stopped" if status == "SHUTOFF" else "running"
    return node.id, str(node.state)
