"""The shell works in threads of its own: meanwhile virtual time must not jump. Other loops know nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiocloud.simulators.virtualtime import VirtualTimeLoop


class Work:
    """The work of one shell: time stands still, but for when it waits on the loop.

    Where its commands run side by side (`parallel`), some may work on while one of them waits.
    """

    def __init__(self, *, parallel: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._parallel = int(parallel)
        self._waiting = 0

    @contextmanager
    def going(self) -> Iterator[None]:
        """It has begun, and is over when this is left."""
        self._hold(1)
        try:
            yield
        finally:
            self._hold(-1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A part of it waits."""
        self._waiting += 1
        if self._waiting == 1:
            self._hold(-1)
            self._linger(self._parallel)
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self._linger(-self._parallel)
                self._hold(1)

    def _hold(self, change: int) -> None:
        if isinstance(self._loop, VirtualTimeLoop):
            self._loop.hold(change)

    def _linger(self, change: int) -> None:
        if isinstance(self._loop, VirtualTimeLoop):
            self._loop.linger(change)
