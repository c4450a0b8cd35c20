"""All our layers cost a call less than 100 µs of CPU beyond what bare aiohttp needs for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.cloud.server import served
from benchmarks.cloud.worlds import World
from benchmarks.measure import Line, Result, report
from benchmarks.processes import Task, cpu, in_turn, least

CALLS = 3200
ROUNDS = 5


def measure() -> Iterator[Line]:
    with served(World(provider="linode", nodes=1)) as (port,):
        tasks = [
            Task(who=f"calls.{who}", options={"port": port, "calls": CALLS}, warm={"port": port, "calls": 64})
            for who in ("aiocloud", "aiohttp")
        ]
        ours, bare = (1e6 * least(uses, cpu) / CALLS for uses in in_turn(tasks, ROUNDS))
    how = f"{ours:.0f} µs of CPU a call, bare aiohttp {bare:.0f}; least of {ROUNDS}"
    yield Result("our layers on one call, beyond bare aiohttp", ours - bare, 100, "µs", how, stretch=50)


if __name__ == "__main__":
    sys.exit(report([measure()]))
