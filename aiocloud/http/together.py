"""Several calls at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@overload
async def together(a: Callable[[], Awaitable[A]], b: Callable[[], Awaitable[B]], /) -> tuple[A, B]: ...
@overload
async def together(
    a: Callable[[], Awaitable[A]], b: Callable[[], Awaitable[B]], c: Callable[[], Awaitable[C]], /
) -> tuple[A, B, C]: ...
@overload
async def together(*calls: Callable[[], Awaitable[T]]) -> tuple[T, ...]: ...


async def together(*calls: Callable[[], Awaitable[Any]]) -> tuple[Any, ...]:
    """All the results, in order. The first failure cancels the other calls, and is raised as it is.

    >>> async def double(n: int) -> int:
    ...     return 2 * n
    >>> asyncio.run(together(lambda: double(1), lambda: double(2)))
    (2, 4)
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run(call)) for call in calls]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    if any(task.cancelled() for task in tasks):
        raise asyncio.CancelledError("something else has cancelled one of these calls")
    return tuple(task.result() for task in tasks)


async def _run(call: Callable[[], Awaitable[T]]) -> T:
    return await call()
