"""One piece of work on many things: bounded, in the order of their ends or of their beginnings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Generic, TypeVar

import anyio

T = TypeVar("T")
R = TypeVar("R")


class Spread(Generic[T, R]):
    """Does `work` on each of `items`, at most `limit` at a time, and yields what comes of each.

    `work` fails for nothing that is foreseen: its results tell. Things are taken from `items` when there is room for
    them, and results wait to be read before more is begun, so that neither fills the memory. With `ordered`, results
    come in the order of the items. When `enough` says so, no more is begun: the rest becomes what `skipped`
    makes of it.
    """

    def __init__(
        self,
        items: Iterable[T] | AsyncIterable[T],
        work: Callable[[T], Awaitable[R]],
        *,
        limit: int,
        ordered: bool = False,
        enough: Callable[[], bool] = lambda: False,
        skipped: Callable[[T], R] | None = None,
    ) -> None:
        self._items = items
        self._work = work
        self._limit = limit
        self._ordered = ordered
        self._enough = enough
        self._skipped = skipped

    async def __aiter__(self) -> AsyncIterator[R]:
        """The results."""
        send, receive = anyio.create_memory_object_stream[tuple[int, R]](self._limit)
        room = asyncio.Semaphore(2 * self._limit)
        running = asyncio.create_task(self._run(send, room))
        try:
            if self._ordered:
                async for result in _in_order(receive, room):
                    yield result
            else:
                async for _, result in receive:
                    room.release()
                    yield result
            await running
        finally:
            running.cancel()
            try:
                with anyio.CancelScope(shield=True):
                    await asyncio.gather(running, return_exceptions=True)
            finally:
                send.close()
                receive.close()

    async def _run(self, send: Any, room: asyncio.Semaphore) -> None:
        source = _numbered(self._items)
        taking = asyncio.Lock()

        async def worker() -> None:
            while True:
                await room.acquire()
                async with taking:
                    try:
                        number, item = await anext(source)
                    except StopAsyncIteration:
                        room.release()
                        return
                skip = self._skipped if self._skipped is not None and self._enough() else None
                await send.send((number, skip(item) if skip else await self._work(item)))

        try:
            async with send, anyio.create_task_group() as group:
                for _ in range(self._limit):
                    group.start_soon(worker)
        except BaseExceptionGroup as several:
            if len(several.exceptions) > 1:
                raise
            raise several.exceptions[0] from None  # a mistake, which is easier to read without its wrapping


async def _numbered(items: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[tuple[int, T]]:
    number = 0
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield number, item
            number += 1
    else:
        for item in items:
            yield number, item
            number += 1


async def _in_order(receive: Any, room: asyncio.Semaphore) -> AsyncIterator[Any]:
    waiting: dict[int, Any] = {}
    turn = 0
    async for number, result in receive:
        waiting[number] = result
        while turn in waiting:
            room.release()
            yield waiting.pop(turn)
            turn += 1
