"""Tables that fit: what matters least is left out where the terminal is narrow, and nothing is wrapped."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from aiocloud.cli.output import say

GAP = 2
CUT_BEFORE_DROPPED = 3  # columns up to this rank stay for as long as cutting others makes room
USUAL_WIDTH = 120  # where there is no terminal, and COLUMNS is not set


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. Those of the highest `rank` are left out first, those of rank 0 never.

    One that may be cut has a `least` width; the cut is shown by an ellipsis.
    """

    title: str
    cells: Sequence[str]
    rank: int = 0
    right: bool = False
    least: int | None = None

    @property
    def natural(self) -> int:
        """How wide it would like to be."""
        from rich.cells import cell_len

        return max(map(cell_len, (self.title, *self.cells)))

    @property
    def narrowest(self) -> int:
        """How wide it must be."""
        return self.natural if self.least is None else min(self.natural, self.least)


def fit(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that fit into `width`, and how wide each is; empty ones are left out."""
    kept = [column for column in columns if column.rank == 0 or any(column.cells)]
    while _sum([column.natural for column in kept]) > width and _least_important(kept).rank > CUT_BEFORE_DROPPED:
        kept.remove(_least_important(kept))
    while _sum([column.narrowest for column in kept]) > width and _least_important(kept).rank > 0:
        kept.remove(_least_important(kept))
    widths = [column.natural for column in kept]
    while _sum(widths) > width:
        spare = [have - column.narrowest for have, column in zip(widths, kept, strict=True)]
        if not any(spare):
            break
        widths[spare.index(max(spare))] -= 1
    return list(zip(kept, widths, strict=True))


def _least_important(columns: Sequence[Column]) -> Column:
    return max(columns, key=lambda column: column.rank)


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def printable(text: str) -> str:
    """The text without what would move the cursor or change colours: names come from other people."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def draw(columns: Sequence[Column], width: int | None = None) -> None:
    """Write a table."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = width or shutil.get_terminal_size((USUAL_WIDTH, 24)).columns
    clean = [replace(column, cells=[printable(cell) for cell in column.cells]) for column in columns]
    fitting = fit(clean, width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column, cells in fitting:
        justify: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.title, justify=justify, width=cells, no_wrap=True, overflow="ellipsis")
    for row in zip(*(column.cells for column, _ in fitting), strict=True):
        table.add_row(*map(Text, row))
    console = Console(width=max(width, _sum([cells for _, cells in fitting]) + GAP), highlight=False)
    with console.capture() as drawn:  # so that it is written in one place, and a reader who left is noticed there
        console.print(table)
    say("\n".join(line.rstrip() for line in drawn.get().splitlines()))
