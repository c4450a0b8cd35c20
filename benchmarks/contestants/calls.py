"""The same small call many times, so many of them in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

IN_FLIGHT = 32

Calling: TypeAlias = AsyncIterator[Callable[[], Awaitable[Any]]]


@asynccontextmanager
async def aiocloud(*, port: int, calls: int) -> Calling:
    """All layers, and one model: what a provider allows is not kept to."""
    from aiocloud import Limits
    from aiocloud.providers.linode import Linode

    async with Linode("quay-token", endpoint=f"http://127.0.0.1:{port}/v4", limits=Limits()) as driver:

        async def one() -> str:
            (key,) = await driver.list_key_pairs()
            return key.name

        yield lambda: _often(one, calls)


@asynccontextmanager
async def aiohttp(*, port: int, calls: int) -> Calling:
    """The same request, decoded by the standard library."""
    import json

    import aiohttp

    headers = {"Authorization": "Bearer quay-token"}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=headers) as session:

        async def one() -> str:
            params = {"page": "1", "page_size": "500"}
            async with session.get(f"http://127.0.0.1:{port}/v4/profile/sshkeys", params=params) as answer:
                (key,) = json.loads(await answer.read())["data"]
                return str(key["label"])

        yield lambda: _often(one, calls)


async def _often(one: Callable[[], Awaitable[str]], calls: int) -> list[str]:
    said: list[str] = []

    async def some() -> None:
        said.extend([await one() for _ in range(calls // IN_FLIGHT)])

    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))
    return said


def check(outcome: Any, *, port: int, calls: int) -> None:
    assert outcome == ["quay"] * (calls // IN_FLIGHT * IN_FLIGHT), "these are not the answers"
