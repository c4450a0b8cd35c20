"""Doing what a provider refuses while it is busy with something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from aiocloud.errors import ConflictError


async def insist(
    act: Callable[[], Awaitable[object]],
    *,
    patience: float,
    done: Callable[[], Awaitable[bool]],
    pause: float = 5.0,
) -> None:
    """Try again every `pause` seconds what is refused with a ConflictError, for `patience` seconds.

    `done` is asked after each refusal whether it has been done already, by an earlier call or one whose answer was
    lost. Raises the last refusal.
    """
    end = anyio.current_time() + patience
    while True:
        try:
            await act()
        except ConflictError:
            if await done():
                return
            if anyio.current_time() + pause > end:
                raise
            await anyio.sleep(pause)
        else:
            return
