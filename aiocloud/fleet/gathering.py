"""One call on many accounts at once."""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import anyio

from aiocloud.driver import Driver
from aiocloud.errors import AiocloudError, CloudError, ConfigurationError, RequestTimeoutError
from aiocloud.fleet.report import Coverage, Failure, Phase, Report, Scope, Status
from aiocloud.http.paging import Pager
from aiocloud.http.retry import TROUBLE

T = TypeVar("T")

Sink: TypeAlias = "Callable[[_Watch, Sequence[T]], Awaitable[None]]"
"""Takes the pages as they come, and waits while it has no room for more."""

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
    waiting: set[tuple[int, Scope]] = field(default_factory=set)


class Gathering(Generic[T]):
    """A call on many accounts: await it for a `Report`, or read the items while they arrive.

    With `async for`, items come in whatever order the clouds answer, at most one page of each account that is being
    asked, and a few more, ahead of the reader: a smaller `concurrency` of the fleet holds fewer. Afterwards `failures`
    and `coverage` tell what the report would have told. Leaving the loop stops the calls.
    """

    def __init__(
        self,
        members: Sequence[Member],
        call: Callable[[Any], Pager[T]],
        *,
        needs: type[Driver],
        deadline: float | None,
        limiter: anyio.Semaphore,
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
        return tuple(sorted((scope for _, scope in self._outcome.waiting), key=str))

    def __await__(self) -> Generator[Any, Any, Report[T]]:
        """The whole answer. Raises nothing for a cloud that fails: that is in the report."""
        return self._report().__await__()

    async def _report(self) -> Report[T]:
        kept: defaultdict[tuple[str, int], list[T]] = defaultdict(list)

        async def keep(watch: _Watch, items: Sequence[T]) -> None:
            kept[str(watch.scope), watch.number].extend(items)

        await self._run(keep)
        items = [item for key in sorted(kept) for item in kept[key]]
        return Report(items=items, failures=self.failures, coverage=self.coverage)

    async def __aiter__(self) -> AsyncIterator[T]:
        """The items as they come."""
        send, receive = anyio.create_memory_object_stream[Sequence[T]](BUFFER)

        async def pass_on(watch: _Watch, items: Sequence[T]) -> None:
            with watch.stopped():
                await send.send(items)

        async def feed() -> None:
            with send:
                await self._run(pass_on)

        feeding = asyncio.create_task(feed())
        try:
            async for page in receive:
                for item in page:
                    yield item
            await feeding
        finally:
            # The calls end before the stream does: to them a closed stream would look like a mistake.
            feeding.cancel()
            try:
                with anyio.CancelScope(shield=True):
                    await asyncio.gather(feeding, return_exceptions=True)
            finally:
                send.close()
                receive.close()

    async def _run(self, sink: Sink[T]) -> None:
        self._outcome = _Outcome()
        async with asyncio.TaskGroup() as group:
            for number, member in enumerate(self._members):
                group.create_task(self._ask(number, member, sink))

    async def _ask(self, number: int, member: Member, sink: Sink[T]) -> None:
        """Ask one account, each of its parts for itself."""
        async with self._limiter, self._watch(number, member.scope) as watch:
            driver = member.connect()
            if not isinstance(driver, self._needs):
                watch.status = "skipped"
                return
            parts = await driver.parts()
            if len(parts) == 1 and not parts[0].part:
                await self._list(parts[0], watch, sink)
            elif parts:
                watch.hand_over()
                async with asyncio.TaskGroup() as group:
                    for part in parts:
                        group.create_task(self._ask_part(number, member.scope, part, sink))

    async def _ask_part(self, number: int, whole: Scope, part: Driver, sink: Sink[T]) -> None:
        async with self._watch(number, Scope(whole.provider, whole.account, part.part)) as watch:
            await self._list(part, watch, sink)

    async def _list(self, driver: Driver, watch: _Watch, sink: Sink[T]) -> None:
        async for page in self._call(driver).pages(8):
            watch.items += len(page)
            await sink(watch, page)

    @asynccontextmanager
    async def _watch(self, number: int, scope: Scope) -> AsyncIterator[_Watch]:
        """Bound one scope by the deadline, and note what becomes of it. Whatever fails in it ends here.

        The mistakes of a driver do, too: it may be anybody's, and what all other clouds answered is not lost for it.
        """
        began = get_running_loop().time()
        timeout = asyncio.timeout(self._deadline)
        watch = _Watch(number, scope, timeout)
        outcome = self._outcome
        outcome.waiting.add((number, scope))
        failure: Failure | None = None
        trouble: list[CloudError] = []
        TROUBLE.set(trouble)  # each scope is asked in a task of its own, with which this ends
        try:
            async with timeout:
                yield watch
        except AiocloudError as error:
            failure = _failure(scope, "configuration" if isinstance(error, ConfigurationError) else "listing", error)
        except Exception as error:
            if timeout.expired() and isinstance(error, TimeoutError):
                late = _late(scope, self._deadline or 0.0, trouble)
                failure = _failure(scope, "deadline", late)
            else:
                failure = _failure(scope, "bug", error)
        except asyncio.CancelledError:
            if _cancelled():
                raise
            # Something in the driver has cancelled a part of it. The task group would pass over that in silence.
            failure = _failure(scope, "bug", RuntimeError("cancelled, by none who may"))
        finally:
            outcome.waiting.remove((number, scope))
        if failure is not None:
            outcome.failures.append(failure)
            watch.status = "failed"
        if watch.status is not None:
            seconds = get_running_loop().time() - began
            outcome.coverage.append(Coverage(scope=scope, status=watch.status, items=watch.items, seconds=seconds))


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _late(scope: Scope, deadline: float, trouble: Sequence[CloudError]) -> RequestTimeoutError:
    """Time is up; `trouble` is what was being repeated, if anything was: it tells more than that."""
    why = "".join(f"; before that: {error.reason}" for error in trouble)
    message = f"no complete answer within {deadline:g} s{why}"
    late = RequestTimeoutError(message, provider=scope.provider, account=scope.account)
    late.attempts = trouble[-1].attempts if trouble else 1
    return late


def _failure(scope: Scope, phase: Phase, error: Exception) -> Failure:
    attempts = error.attempts if isinstance(error, CloudError) else 1
    return Failure(scope=scope, phase=phase, error=error, attempts=attempts)


@dataclass(slots=True)
class _Watch:
    """What is seen of one scope while it is asked. `number` tells accounts apart that look alike."""

    number: int
    scope: Scope
    timeout: asyncio.Timeout
    status: Status | None = "answered"
    items: int = 0

    def hand_over(self) -> None:
        """Its parts speak for themselves from here on, under deadlines of their own."""
        self.status = None
        self.timeout.reschedule(None)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The deadline is for the cloud: the time that a page waits for its reader does not count."""
        when = self.timeout.when()
        if when is None:
            yield
            return
        began = get_running_loop().time()
        self.timeout.reschedule(None)
        yield
        self.timeout.reschedule(when + get_running_loop().time() - began)
