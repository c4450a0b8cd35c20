"""The cheapest offer of all simulated clouds takes less than 1.5 times the slowest of them alone, over real HTTP.

Simulators and drivers share one process and one core here, so that what all clouds cost in CPU adds up, as it does not
with clouds that have computers of their own; so their answers take 100 ms. EC2 is the slowest by far, and most of what
it takes is CPU, behind which the others are hidden: they are measured without it, too.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiocloud.fleet.sandbox import sandbox, simulated
from aiocloud.query import Query, select
from benchmarks.measure import Line, Result, Table, report

LATENCY = 0.1
ROUNDS = 3
QUERY = Query.of(ram=4096)


@dataclass(frozen=True, slots=True)
class Asked:
    """Seconds that an answer took, those of them in which the CPU worked, and how many offers came."""

    wall: float
    cpu: float
    offers: int


async def ask(providers: Sequence[str], latency: float) -> Asked:
    """What `aiocloud --sandbox cheapest` does once its clouds stand: first connections and sign-ins included."""
    async with sandbox(providers, latency=latency) as fleet:
        began, worked = time.perf_counter(), time.process_time()
        offers = (await fleet.list_offers()).require_complete()
        assert select(offers, QUERY, top=10, keep_rejected=False).ranked
        return Asked(time.perf_counter() - began, time.process_time() - worked, len(offers))


async def alone(provider: str, latency: float) -> float:
    """As `ask`, of one cloud, which may have no prices to rank."""
    async with sandbox([provider], latency=latency) as fleet:
        began = time.perf_counter()
        (await fleet.list_offers()).require_complete()
        return time.perf_counter() - began


def compare(providers: Sequence[str], latency: float) -> tuple[str, float, Asked]:
    """The slowest cloud, how long it takes alone, and all of them: the round in the middle of some, by its ratio.

    Each round asks the one and then the others, so that what else the machine does slows both.
    """
    first = {provider: asyncio.run(alone(provider, latency)) for provider in providers}
    name = max(first, key=lambda provider: first[provider])
    rounds = [(asyncio.run(alone(name, latency)), asyncio.run(ask(providers, latency))) for _ in range(ROUNDS)]
    one, everybody = sorted(rounds, key=lambda pair: pair[1].wall / pair[0])[len(rounds) // 2]
    return name, one, everybody


def measure() -> list[Line]:
    living, everybody = simulated(), simulated(retired=True)
    others = [provider for provider in living if provider != "ec2"]
    lines: list[Line] = []
    rows = []
    for what, providers, latency in (
        ("living clouds", living, 0.0),
        ("living clouds", living, LATENCY),
        ("clouds, retired ones too", everybody, LATENCY),
        ("living clouds but EC2", others, LATENCY),
        ("living clouds but EC2", others, 3 * LATENCY),
    ):
        name, one, found = compare(providers, latency)
        figures = f"{1000 * latency:.0f} ms", f"{found.wall:.2f} s", f"{found.cpu:.2f} s", f"{name} {one:.2f} s"
        rows.append((f"{len(providers)} {what}", *figures, f"{found.wall / one:.2f}", str(found.offers)))
        if latency and "ec2" in providers:
            detail = f"{len(providers)} in {found.wall:.2f} s, {name} alone in {one:.2f} s"
            lines.append(Result(f"cheapest of all {what}, times the slowest", found.wall / one, 1.5, "x", detail))
    columns = ("asked", "answers take", "wall", "of it CPU", "slowest alone", "times", "offers")
    return [*lines, Table("Cheapest of all simulated clouds, on one core", columns, rows)]


if __name__ == "__main__":
    sys.exit(report(measure()))
