"""An event loop whose clock jumps: hours of waiting pass in milliseconds, in the same order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

REAL = 1.0
"""Real seconds after which it is looked again whether work in another thread is done; it usually calls before."""
MOMENT = 0.01
"""Real seconds in which a thread that is at work beside one that waits gets to call."""
PATIENCE = 100
"""How often those are waited for who are still at work when all else is done."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs coroutines that wait on time but on no network: when nothing is ready, the clock jumps to the
    next timer. A wait for which no timer is set would never end, and is an error.
    """

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self._virtual = 0.0
        self.holds = 0
        self.lingerers = 0
        self._turns = 0
        self._due: tuple[int, Callable[[], object]] | None = None

    def after_turns(self, turns: int, call: Callable[[], object]) -> None:
        """Call something when the loop has turned so many times more: between any two steps of what runs on it."""
        self._due = (self._turns + turns, call)

    def turn(self) -> bool:
        """Count a turn; whether something was called in it."""
        self._turns += 1
        if self._due is None or self._turns < self._due[0]:
            return False
        (_, call), self._due = self._due, None
        call()
        return True

    def hold(self, change: int) -> None:
        """Count those who are at work in threads of their own, and will call back: meanwhile time stands still."""
        self.holds += change

    def linger(self, change: int) -> None:
        """Count those who wait on this clock, but of whom a part may be at work: time jumps a moment later."""
        self.lingerers += change

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # a thread would come back at a moment that is none of this clock's
        """Run it here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def time(self) -> float:
        """Seconds since the loop was made, as its sleepers count them."""
        return self._virtual

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self._virtual += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.turn():
            timeout = 0
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self._loop.holds:
            return super().select(REAL)
        if self._loop.lingerers and (late := super().select(REAL if timeout is None else MOMENT)):
            return late
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and no timer is set")
        self._loop.advance(timeout)
        return []


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on virtual time.

    >>> async def nap():
    ...     await asyncio.sleep(3600)
    ...     return asyncio.get_running_loop().time()
    >>> run(nap())
    3600.0
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        try:
            return runner.run(main)
        finally:
            runner.run(_quiet())


async def _quiet() -> None:
    """Wait for those who are at work in threads of their own: they must not come back to a loop that is closed."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)  # noqa: S101 - it runs on no other
    for _ in range(PATIENCE):
        if not loop.holds:
            return
        await asyncio.sleep(MOMENT)
