"""Asking again for what is refused only because something else is under way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from aiocloud.errors import ConflictError

T = TypeVar("T")


async def patiently(
    call: Callable[[], Awaitable[T]],
    *,
    wait: float,
    period: float = 5.0,
    busy: Callable[[ConflictError], bool] = lambda error: True,
) -> T:
    """What `call` gives, tried again every `period` seconds while it is refused for what is `busy`.

    Raises the refusal if it still is after `wait` seconds.
    """
    end = anyio.current_time() + wait
    while True:
        try:
            return await call()
        except ConflictError as error:
            if not busy(error) or anyio.current_time() + period > end:
                raise
            await anyio.sleep(period)
