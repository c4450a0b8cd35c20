"""A fleet of simulated clouds, asked over real HTTP on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, time
from typing import Any

from yarl import URL

from aiocloud.accounts import Account
from aiocloud.fleet.fleet import Fleet
from aiocloud.simulators import get_simulator, simulator_ids
from aiocloud.simulators.base import Simulator, WorldClock

ACCOUNT = "sandbox"


@asynccontextmanager
async def sandbox(
    providers: Iterable[str] | None = None, *, latency: float = 0.0, nodes: int = 0, **options: Any
) -> AsyncIterator[Fleet]:
    """Serve simulated clouds until the context is left; yields a fleet with an account at each.

    Each cloud lives on the day of which its facts are, so that prices carry that date. `latency` is the delay of
    every answer in seconds, `nodes` how many nodes each cloud has from the beginning; `options` are those of `Fleet`.
    """
    from aiocloud.simulators.server import serve  # with aiohttp, which a fleet needs only when it asks

    async with AsyncExitStack() as running:
        accounts = []
        for provider in providers if providers is not None else simulator_ids():
            kind = get_simulator(provider)
            clock = WorldClock(datetime.combine(kind.as_of, time(12), UTC) if kind.as_of else None)
            simulator = kind(now=clock, latency=latency)
            simulator.populate(nodes)
            base = await running.enter_async_context(serve(simulator))
            accounts.append(account_at(simulator, base, now=clock))
        yield await running.enter_async_context(Fleet(accounts=accounts, **options))


def account_at(simulator: Simulator, base: URL, name: str = ACCOUNT, **options: Any) -> Account:
    """The account for a driver of a simulator that is served at `base`."""
    endpoint = str(base.with_path(URL(simulator.endpoint).path))
    everything = {**simulator.credentials, **simulator.whole, "endpoint": endpoint, **options}
    return Account(simulator.provider, name, everything, source="the sandbox")
