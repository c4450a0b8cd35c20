"""The cheapest offer of all simulated clouds takes less than 1.5 times the slowest of them alone, over real HTTP.

Simulators and drivers share one process and one core here, so that what all clouds cost in CPU adds up, as it does not
with clouds that have computers of their own; so their answers take 100 ms. EC2 is the slowest by far, and most of what
it takes is CPU, behind which the others are hidden: they are measured without it, too.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence

from aiocloud.fleet.sandbox import sandbox, simulated
from aiocloud.query import Query, select
from benchmarks.measure import Line, Result, report

LATENCY = 0.1
ROUNDS = 3
QUERY = Query.of(ram=4096)


async def ask(providers: Sequence[str], latency: float) -> float:
    """What `aiocloud --sandbox cheapest` does once its clouds stand: first connections and sign-ins included."""
    async with sandbox(providers, latency=latency) as fleet:
        began = time.perf_counter()
        offers = (await fleet.list_offers()).require_complete()
        assert select(offers, QUERY, top=10, keep_rejected=False).ranked
        return time.perf_counter() - began


async def alone(provider: str, latency: float) -> float:
    """As `ask`, of one cloud, which may have no prices to rank."""
    async with sandbox([provider], latency=latency) as fleet:
        began = time.perf_counter()
        (await fleet.list_offers()).require_complete()
        return time.perf_counter() - began


def compare(providers: Sequence[str], latency: float) -> tuple[str, float, float]:
    """The slowest cloud, how long it takes alone, and all of them: the round in the middle of some, by its ratio.

    Each round asks the one and then the others, so that what else the machine does slows both.
    """
    first = {provider: asyncio.run(alone(provider, latency)) for provider in providers}
    name = max(first, key=lambda provider: first[provider])
    rounds = [(asyncio.run(alone(name, latency)), asyncio.run(ask(providers, latency))) for _ in range(ROUNDS)]
    one, everybody = sorted(rounds, key=lambda pair: pair[1] / pair[0])[len(rounds) // 2]
    return name, one, everybody


def measure() -> Iterator[Line]:
    living, everybody = simulated(), simulated(retired=True)
    others = [provider for provider in living if provider != "ec2"]
    for what, providers, latency, limit in (
        ("living clouds", living, LATENCY, 1.5),
        ("clouds, retired ones too", everybody, LATENCY, 1.5),
        ("living clouds but EC2", others, 3 * LATENCY, None),
    ):
        name, one, found = compare(providers, latency)
        claim = f"cheapest of all {len(providers)} {what}, {1000 * latency:.0f} ms away"
        yield Result(claim, found, limit, "s", f"the middle of {ROUNDS}", f"{name} alone", one)


if __name__ == "__main__":
    sys.exit(report([measure()]))
