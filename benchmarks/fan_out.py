"""A fan-out over 16 accounts of 100 ms each takes less than 1.5 times the slowest account, over real HTTP."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack

from aiocloud.fleet import Fleet
from aiocloud.fleet.sandbox import account_at
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.server import serve
from benchmarks.measure import Result, report

ACCOUNTS = 16
LATENCY = 0.1
ROUNDS = 7


async def fan_out() -> tuple[float, float]:
    """Seconds for all accounts at once, and for the slowest of them, first calls and connections included."""
    async with AsyncExitStack() as running:
        accounts = []
        for number in range(ACCOUNTS):
            simulator = LinodeSimulator(latency=LATENCY)
            simulator.populate(20)
            accounts.append(account_at(simulator, await running.enter_async_context(serve(simulator)), str(number)))
        fleet = await running.enter_async_context(Fleet(accounts=accounts))
        began = time.perf_counter()
        nodes = (await fleet.list_nodes()).require_complete()
        wall = time.perf_counter() - began
        assert len(nodes) == 20 * ACCOUNTS
        coverage = (await fleet.list_nodes()).coverage
        return wall, max(each.seconds for each in coverage)


def measure() -> list[Result]:
    rounds = sorted(asyncio.run(fan_out()) for _ in range(ROUNDS))
    wall, slowest = rounds[len(rounds) // 2]
    detail = f"{ACCOUNTS} accounts in {1000 * wall:.0f} ms, the slowest alone {1000 * slowest:.0f} ms"
    return [Result("fan-out, times the slowest account", wall / slowest, 1.5, "x", detail)]


if __name__ == "__main__":
    sys.exit(report(measure()))
