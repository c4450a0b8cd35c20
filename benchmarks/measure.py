"""What the scripts share: a claim, its measurement, the figures behind it, and the table in which they are printed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

PACKAGES = ("aiocloud", "aiohttp", "apache-libcloud", "boto3", "aiobotocore", "asyncssh", "fabric", "parallel-ssh")
"""Whose versions stand above the table."""


@dataclass(frozen=True, slots=True)
class Result:
    """A measured figure beside what is claimed: it must not be above `limit`, and would better be below `stretch`.

    Where it is measured `beside` something, what is claimed is the ratio of ours to `theirs`. Without a limit nothing
    is claimed. `how` tells of which rounds the figures are. `because` says why a limit is missed, where that is
    known: it is printed as missed, and is no failure.
    """

    claim: str
    ours: float
    limit: float | None
    unit: str
    how: str = ""
    beside: str = ""
    theirs: float | None = None
    stretch: float | None = None
    because: str = ""

    @property
    def value(self) -> float:
        return self.ours if self.theirs is None else self.ours / self.theirs

    @property
    def holds(self) -> bool:
        return self.limit is None or self.value <= self.limit

    def fails(self, tolerance: float) -> bool:
        """Whether it is missed by more than a busy machine explains, and nobody knows why."""
        return self.limit is not None and self.value > self.limit * tolerance and not self.because

    @property
    def verdict(self) -> str:
        return "" if self.limit is None else "ok" if self.holds else "missed"

    def cells(self) -> Sequence[str]:
        """As a line of the table."""
        how = self.how if self.holds or not self.because else f"{self.how}: {self.because}"
        ratio = "" if self.theirs is None else _short(self.value)
        figures = [f"{_short(self.ours)} {self.unit}", self.beside, _short(self.theirs), ratio]
        return [self.claim, *figures, _short(self.limit), _short(self.stretch), self.verdict, how]


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A claim of which nothing is known here, since something is missing that it is measured with."""

    claim: str
    reason: str

    def cells(self) -> Sequence[str]:
        """As a line of the table."""
        return [self.claim, "", "", "", "", "", "", "not measured", self.reason]


PAGE = Path(__file__).with_name("README.md")
README = Path(__file__).parents[1] / "README.md"
QUOTE = "<!-- quoted from benchmarks/README.md by `python -m benchmarks --record` -->\n", "<!-- end of the quote -->"
MARK = "<!-- what follows is written by `python -m benchmarks --record` -->\n\n"

Line: TypeAlias = Result | NotMeasured

COLUMNS = ("claim", "ours", "beside", "theirs", "ours / theirs", "limit", "stretch", "", "how")


def machine() -> str:
    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    return f"Python {python} on {system}, {os.cpu_count()} cores, {date.today()}"


def versions() -> str:
    """Those of whoever is compared, as far as they are installed."""
    return ", ".join(f"{package} {found}" for package in PACKAGES if (found := _version(package)))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _short(figure: float | None) -> str:
    """Three digits that count: more are noise."""
    if figure is None:
        return ""
    return f"{figure:.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def as_text(lines: Sequence[Line]) -> str:
    """The table in columns as wide as what stands in them."""
    rows = [COLUMNS, *(line.cells() for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def as_markdown(lines: Sequence[Line]) -> str:
    rows = [COLUMNS, ["---"] * len(COLUMNS), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _quoting(page: str, lines: Sequence[Result]) -> str:
    """The page with what was measured beside something else."""
    (before, begin, rest), end = page.partition(QUOTE[0]), QUOTE[1]
    rows = [line.cells()[:5] for line in lines if line.theirs is not None]
    quote = "\n".join(f"| {' | '.join(row)} |" for row in [COLUMNS[:5], ["---"] * 5, *rows])
    return f"{before}{begin}\n{machine()}.\n\n{quote}\n\n{end}{rest.partition(end)[2]}"


def report(parts: Iterable[Iterable[Line]], *, whole: bool = False) -> int:
    """Print the results; the exit status is 1 when a limit is missed of what could be measured, and not known to be.

    With `--markdown` among the program's arguments they are printed for a page; with `--record`, where these are the
    `whole` of them, they are written into ours, and quoted in README. `--tolerance 1.5` lets limits be missed by so
    much: other programs on the machine make what is measured in seconds larger.
    """
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--markdown", action="store_true", help="print the table for a page")
    arguments.add_argument("--record", action="store_true", help="write the table into benchmarks/README.md")
    arguments.add_argument("--tolerance", type=float, default=1.0, help="by how many times a limit may be missed")
    wanted = arguments.parse_args()
    lines = []
    began = time.monotonic()
    for part in parts:
        for line in part:
            lines.append(line)
            print(f"{time.monotonic() - began:4.0f} s  {line.claim}  {line.cells()[-2]}".rstrip(), file=sys.stderr)
    limited = [line for line in lines if isinstance(line, Result) and line.limit is not None]
    missed = sum(not line.holds for line in limited)
    table = as_markdown(lines) if wanted.markdown or wanted.record else as_text(lines)
    text = f"{machine()}; {versions()}.\n\n{table}\n\n{missed} of {len(limited)} limits missed.\n"
    print(text, end="")
    if wanted.record and whole:
        PAGE.write_text(PAGE.read_text().partition(MARK)[0] + MARK + text)
        README.write_text(_quoting(README.read_text(), limited))
    return int(any(line.fails(wanted.tolerance) for line in limited))
