"""Several calls at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

import anyio

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
    >>> anyio.run(lambda: together(lambda: double(1), lambda: double(2)))
    (2, 4)
    """
    results: dict[int, Any] = {}
    failures: list[Exception] = []

    async def run(index: int, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            results[index] = await call()
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index, call in enumerate(calls):
            group.start_soon(run, index, call)
    if failures:
        raise failures[0]
    if len(results) < len(calls):
        raise asyncio.CancelledError("something else has cancelled one of these calls")
    return tuple(results[index] for index in range(len(calls)))
