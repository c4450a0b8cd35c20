"""Who is being asked at this moment: a line for each cloud, on stderr, while a person waits at a terminal."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiocloud.fleet import Gathering, Scope

if TYPE_CHECKING:
    from rich.text import Text

PAUSE = 0.1
BUSY = "◐◓◑◒"


@asynccontextmanager
async def watching(asking: Gathering[Any], scopes: Sequence[Scope], arguments: Namespace) -> AsyncIterator[None]:
    """Show how far the clouds are until the context is left; nothing where nobody looks."""
    async with showing(lambda moment: lines(asking, scopes, moment), arguments):
        yield


@asynccontextmanager
async def showing(text: Callable[[float], Text], arguments: Namespace) -> AsyncIterator[None]:
    """Show a text, again and again, until the context is left; nothing where nobody looks."""
    if arguments.debug or not sys.stderr.isatty():
        yield
        return
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError:
        yield
        return
    live = Live(console=Console(file=sys.stderr), auto_refresh=False, transient=True)

    async def draw() -> None:
        while True:
            live.update(text(asyncio.get_running_loop().time()), refresh=True)
            await asyncio.sleep(PAUSE)

    with live:
        drawing = asyncio.create_task(draw())
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.wait({drawing})


def lines(asking: Gathering[Any], scopes: Sequence[Scope], moment: float) -> Text:
    """A line for each account: waiting, how many parts have answered and failed, how many items came."""
    from rich.text import Text

    text = Text()
    for scope in scopes:
        mark, colour, remark = _state(asking, scope, moment)
        text.append(f"{mark} ", colour).append(f"{scope}  ").append(f"{remark}\n", "dim")
    return text


def _state(asking: Gathering[Any], scope: Scope, moment: float) -> tuple[str, str, str]:
    parts = [part for part in asking.coverage if _same(part.scope, scope)]
    failed = sum(part.status == "failed" for part in parts)
    remark = f"{sum(part.items for part in parts)} items" if parts else "no answer yet"
    if any(part.scope.region for part in parts):
        remark += f", {len(parts)} regions"
    if failed:
        remark += f", {failed} failed"
    if any(_same(one, scope) for one in asking.waiting) or not parts:
        return BUSY[int(moment * 8) % 4], "cyan", remark
    return ("✗", "red", remark) if failed else ("✓", "green", remark)


def _same(one: Scope, other: Scope) -> bool:
    return (one.provider, one.account) == (other.provider, other.account)
