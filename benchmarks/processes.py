"""Contestants in processes of their own, one at a time and in turn, and what each of them used.

    python -m benchmarks.processes < task.json

runs one contestant: first on a small task, so that all is imported and made ready, then on the real one, which alone
is measured; then its outcome is judged.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.cloud.server import many_files

STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PATIENCE = 120
TICK = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a contestant is to do: `who` is a function in a module of `benchmarks.contestants`.

    `warm` are its keywords for the small task before, `options` those of the real one. `ticking` measures how long
    the event loop stands still meanwhile.
    """

    who: str
    options: Mapping[str, Any] = field(default_factory=dict)
    warm: Mapping[str, Any] = field(default_factory=dict)
    ticking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What the work took.

    `cpu`, `wall` and `stall`, the longest time for which the event loop stood still, in seconds; `memory` in MB, at
    the peak beyond what there was before; `peak` is all that the process had.
    """

    cpu: float
    wall: float
    memory: float
    peak: float
    stall: float


Figure: TypeAlias = Callable[[Use], float]


def cpu(use: Use) -> float:
    return use.cpu


def wall(use: Use) -> float:
    return use.wall


def memory(use: Use) -> float:
    return use.memory


def peak(use: Use) -> float:
    return use.peak


def stall(use: Use) -> float:
    return use.stall


def least(uses: Sequence[Use], figure: Figure) -> float:
    """The least that was needed in any round: what else a machine does only adds to it."""
    return min(map(figure, uses))


def in_turn(tasks: Sequence[Task], rounds: Sequence[int] | int) -> list[list[Use]]:
    """What each task took, in each of so many rounds; every other round goes backwards, so that none is favoured."""
    wanted = [rounds] * len(tasks) if isinstance(rounds, int) else rounds
    uses: list[list[Use]] = [[] for _ in tasks]
    for number in range(max(wanted)):
        for place in range(len(tasks))[:: -1 if number % 2 else 1]:
            if number < wanted[place]:
                uses[place].append(run(tasks[place]))
    return uses


def run(task: Task) -> Use:
    """One contestant at work."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.processes"],
        input=json.dumps(asdict(task)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{task.who} failed: {done.stderr[-2000:]}")
    return Use(**json.loads(done.stdout.splitlines()[-1]))


class Meter:
    """What this process uses while the context lasts."""

    def __enter__(self) -> Meter:
        gc.collect()
        with suppress(OSError):
            REFERENCES.write_text("5")  # the peak begins anew with what there is now
        self._memory, self._cpu, self._began = megabytes("VmHWM"), processor(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self._began, processor() - self._cpu
        self.peak = megabytes("VmHWM")
        self.memory = self.peak - self._memory


def processor() -> float:
    """Seconds of CPU that this process has had, with all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def megabytes(what: str) -> float:
    """What the kernel says of this process's memory; 0 where it is not Linux."""
    text = STATUS.read_text() if STATUS.exists() else ""
    found = re.search(rf"^{what}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


class Ticker:
    """Wants to run each millisecond, and knows by how much it was late at most."""

    def __init__(self) -> None:
        self.late = 0.0

    async def run(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(TICK)
            now = time.perf_counter()
            self.late = max(self.late, now - before - TICK)
            before = now


async def measured(task: Task) -> Use:
    """The use of the real task alone."""
    module_name, _, name = task.who.rpartition(".")
    module = importlib.import_module(f"benchmarks.contestants.{module_name}")
    contestant = getattr(module, name)
    async with contestant(**task.warm) as work:
        module.check(await work(), **task.warm)
    async with contestant(**task.options) as work:
        ticker = Ticker()
        ticking = asyncio.create_task(ticker.run()) if task.ticking else None
        await asyncio.sleep(2 * TICK)
        ticker.late = 0.0
        with Meter() as meter:
            outcome = await work()
            if ticking is not None:
                await asyncio.sleep(2 * TICK)  # so that it sees the end
                ticking.cancel()
        module.check(outcome, **task.options)
    return Use(cpu=meter.cpu, wall=meter.wall, memory=meter.memory, peak=meter.peak, stall=ticker.late)


if __name__ == "__main__":
    many_files()
    print(json.dumps(asdict(asyncio.run(measured(Task(**json.load(sys.stdin)))))))
