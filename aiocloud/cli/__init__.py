"""The `aiocloud` command.

arguments  what can be typed
executing  what was typed, done: the event loop, signals, mistakes
cheapest   offers of all clouds, cheapest first
listing    nodes, images, sizes, locations
nodes      create, destroy, reboot, start, stop
serving    simulated clouds on loopback
providers  what the drivers can do
prices     the price catalogues, and newer ones
session    which clouds are asked
offers     one offer, and the notes on many, in words
records    models as JSON and as rows of CSV
tables     what fits into a terminal
progress   who is being asked at this moment
output     where everything is written

Exit status: 0 fine; 1 an error; 2 usage; 3 answered, but not by every cloud; 130 interrupted; 141 nobody reads;
143 told to end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date

from aiocloud.cli.arguments import parse


def main(argv: Sequence[str] | None = None, *, today: Callable[[], date] = date.today) -> int:
    """Run the command line; the exit status. `today` is the day by which the age of prices is told."""
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
    except SystemExit as leaving:  # argparse: help, version, usage
        return leaving.code if isinstance(leaving.code, int) else 1
    from aiocloud.cli.executing import execute  # with asyncio, for which nobody waits who wants help

    return execute(arguments, today())
