"""What is said at once when somebody interrupts work that cleans up after itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiocloud.cli.output import tell

T = TypeVar("T")


async def cleaning_up(work: Coroutine[Any, Any, T], doing: str) -> T:
    """What comes of it. Interrupted, tell what it is `doing` now, and wait until it has done so."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        tell(f"aiocloud: interrupted: {doing} (Ctrl-C again leaves at once)")
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # whoever did the work has told of it
        raise
