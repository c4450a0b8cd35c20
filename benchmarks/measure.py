"""What the scripts share: a claim, its measurement, the figures behind it, and how they are printed."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Result:
    """A measured figure beside what is claimed: `value` must be below `limit`."""

    claim: str
    value: float
    limit: float
    unit: str
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.value < self.limit

    def __str__(self) -> str:
        verdict = "ok " if self.holds else "MISSED"
        return f"{verdict} {self.claim}: {self.value:.2f} {self.unit} (limit {self.limit:g}). {self.detail}"


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A claim of which nothing is known here, since something is missing that it is measured with."""

    claim: str
    reason: str

    def __str__(self) -> str:
        return f"not measured: {self.claim}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that stand behind claims, as Markdown."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join([f"\n{self.title}\n", *(f"| {' | '.join(line)} |" for line in lines), ""])


Line: TypeAlias = Result | NotMeasured | Table


def median(measure: Callable[[], float], rounds: int) -> float:
    return statistics.median(measure() for _ in range(rounds))


def machine() -> str:
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    return f"Python {python} on {system}, {os.cpu_count()} cores, {date.today()}"


def report(lines: Sequence[Line]) -> int:
    """Print the results; the exit status is 1 when a claim does not hold that could be measured."""
    print(machine())
    for line in lines:
        print(line)
    sys.stdout.flush()
    return 0 if all(line.holds for line in lines if isinstance(line, Result)) else 1
