"""What many want, and one fetches."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

from aiocloud.errors import CloudError

T = TypeVar("T")


class Once(Generic[T]):
    """Something that is made on first use, by one caller however many want it.

    A failure fails those who waited for it too, and is not kept: the next caller tries again.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._lock = anyio.Lock()
        self._made: list[T] = []
        self._failures: list[CloudError] = []

    async def __call__(self) -> T:
        """The thing itself."""
        if self._made:
            return self._made[0]
        failures = self._failures
        async with self._lock:
            if failures:
                raise copy.copy(failures[0])
            if not self._made:
                self._made.append(await self._attempt())
        return self._made[0]

    async def _attempt(self) -> T:
        """Make it. All who wait by now hold the list that a failure goes into; those who come later, a new one."""
        try:
            return await self._make()
        except CloudError as error:
            self._failures.append(error)
            self._failures = []
            raise
