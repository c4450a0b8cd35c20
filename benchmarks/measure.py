"""What the scripts share: a claim, its measurement, and how it is printed."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass


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


def median(measure: Callable[[], float], rounds: int) -> float:
    return statistics.median(measure() for _ in range(rounds))


def machine() -> str:
    return f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def report(results: Sequence[Result]) -> int:
    """Print the results; the exit status is 1 when a claim does not hold."""
    print(machine())
    for result in results:
        print(result)
    sys.stdout.flush()
    return 0 if all(result.holds for result in results) else 1
