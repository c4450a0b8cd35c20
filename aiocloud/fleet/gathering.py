"""One call on many accounts at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio

from aiocloud.driver import Driver
from aiocloud.errors import AiocloudError, CloudError, ConfigurationError, RequestTimeoutError
from aiocloud.fleet.report import Coverage, Failure, Phase, Report, Scope, Status
from aiocloud.http.paging import Pager

T = TypeVar("T")

BUFFER = 16
"""Pages that may lie between the clouds and a reader who streams."""


@dataclass(slots=True)
class Member:
    """An account of the fleet, whose driver is made when it is first asked. `given` drivers belong to the caller."""

    scope: Scope
    make: Callable[[], Driver]
    driver: Driver | None = None
    given: bool = False

    def connect(self) -> Driver:
        """The driver. Raises ConfigurationError."""
        if self.driver is None:
            self.driver = self.make()
        return self.driver


@dataclass(slots=True)
class _Outcome:
    """What is known so far of one gathering."""

    failures: list[Failure] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)
    waiting: list[Scope] = field(default_factory=list)


class Gathering(Generic[T]):
    """A call on many accounts: await it for a `Report`, or read the items while they arrive.

    With `async for`, items come in whatever order the clouds answer, at most a few pages ahead of the reader;
    afterwards `failures` and `coverage` tell what the report would have told. Leaving the loop stops the calls.
    """

    def __init__(
        self,
        members: Sequence[Member],
        call: Callable[[Any], Pager[T]],
        *,
        needs: type[Driver],
        deadline: float | None,
        limiter: anyio.CapacityLimiter,
    ) -> None:
        self._members = members
        self._call = call
        self._needs = needs
        self._deadline = deadline
        self._limiter = limiter
        self._outcome = _Outcome()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What failed so far."""
        return tuple(sorted(self._outcome.failures, key=lambda failure: str(failure.scope)))

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Who answered so far."""
        return tuple(sorted(self._outcome.coverage, key=lambda coverage: str(coverage.scope)))

    @property
    def waiting(self) -> tuple[Scope, ...]:
        """Who is being asked at this moment; an account stays among them until the last of its parts is done."""
        return tuple(sorted(self._outcome.waiting, key=str))

    def __await__(self) -> Generator[Any, Any, Report[T]]:
        """The whole answer. Raises nothing for a cloud that fails: that is in the report."""
        return self._report().__await__()

    async def _report(self) -> Report[T]:
        pages: dict[Scope, list[T]] = {}

        async def keep(scope: Scope, items: Sequence[T]) -> None:
            pages.setdefault(scope, []).extend(items)

        await self._run(keep)
        items = [item for scope in sorted(pages, key=str) for item in pages[scope]]
        return Report(items=items, failures=self.failures, coverage=self.coverage)

    async def __aiter__(self) -> AsyncIterator[T]:
        """The items as they come."""
        send, receive = anyio.create_memory_object_stream[Sequence[T]](BUFFER)

        async def feed() -> None:
            async with send:
                await self._run(lambda _, items: send.send(items))

        feeding = asyncio.create_task(feed())
        try:
            async with receive:
                async for page in receive:
                    for item in page:
                        yield item
            await feeding
        finally:
            feeding.cancel()
            await asyncio.wait({feeding})

    async def _run(self, sink: Callable[[Scope, Sequence[T]], Awaitable[None]]) -> None:
        self._outcome = _Outcome()
        async with anyio.create_task_group() as group:
            for member in self._members:
                group.start_soon(self._ask, member, sink)

    async def _ask(self, member: Member, sink: Callable[[Scope, Sequence[T]], Awaitable[None]]) -> None:
        """Ask one account, each of its parts for itself."""
        async with self._limiter, self._watch(member.scope) as watch:
            driver = member.connect()
            if not isinstance(driver, self._needs):
                watch.status = "skipped"
                return
            parts = await driver.parts()
            if len(parts) == 1 and not parts[0].part:
                await self._list(parts[0], watch, sink)
                return
            watch.hand_over()
            async with anyio.create_task_group() as group:
                for part in parts:
                    group.start_soon(self._ask_part, member.scope, part, sink)

    async def _ask_part(
        self, whole: Scope, part: Driver, sink: Callable[[Scope, Sequence[T]], Awaitable[None]]
    ) -> None:
        async with self._watch(Scope(whole.provider, whole.account, part.part)) as watch:
            await self._list(part, watch, sink)

    async def _list(self, driver: Driver, watch: _Watch, sink: Callable[[Scope, Sequence[T]], Awaitable[None]]) -> None:
        async for page in self._call(driver).pages(8):
            watch.items += len(page)
            await sink(watch.scope, page)

    @asynccontextmanager
    async def _watch(self, scope: Scope) -> AsyncIterator[_Watch]:
        """Bound one scope by the deadline, and note what becomes of it. A cloud's failure ends here."""
        began = anyio.current_time()
        timeout = asyncio.timeout(self._deadline)
        watch = _Watch(scope, timeout)
        waiting = self._outcome.waiting
        waiting.append(scope)
        try:
            async with timeout:
                yield watch
        except AiocloudError as error:
            self._fail(scope, "configuration" if isinstance(error, ConfigurationError) else "listing", error)
            watch.status = "failed"
        except TimeoutError:
            if not timeout.expired():
                raise  # a mistake of ours, not of a cloud
            message = f"no complete answer within {self._deadline:g} s"
            late = RequestTimeoutError(message, provider=scope.provider, account=scope.account)
            self._fail(scope, "deadline", late)
            watch.status = "failed"
        finally:
            waiting.remove(scope)
        if watch.status is not None:
            seconds = anyio.current_time() - began
            self._outcome.coverage.append(
                Coverage(scope=scope, status=watch.status, items=watch.items, seconds=seconds)
            )

    def _fail(self, scope: Scope, phase: Phase, error: AiocloudError) -> None:
        attempts = error.attempts if isinstance(error, CloudError) else 1
        self._outcome.failures.append(Failure(scope=scope, phase=phase, error=error, attempts=attempts))


@dataclass(slots=True)
class _Watch:
    """What is seen of one scope while it is asked."""

    scope: Scope
    timeout: asyncio.Timeout
    status: Status | None = "answered"
    items: int = 0

    def hand_over(self) -> None:
        """Its parts speak for themselves from here on, under deadlines of their own."""
        self.status = None
        self.timeout.reschedule(None)
