"""What all simulators share: a clock, nodes that take their time, faults to hand out, a throttle.

A simulator is a function from `Request` to `Response` with a small world behind it. It speaks its
provider's wire format and knows nothing of our drivers, so that the two cannot agree on a mistake.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import anyio

from aiocloud.errors import AnswerLostError, ConnectError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.ssh import AddressBook, Machine, SimulatedSSH


class WorldClock:
    """The time of day in a simulated world, moved by the event loop's own clock.

    It begins at `start` (now, by default) when it is first asked on a running loop; before, it stands still. On a loop
    with virtual time, a world ages as fast as its sleepers are woken.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start
        self._origin: float | None = None

    def __call__(self) -> datetime:
        """The aware datetime of this moment in the world."""
        if self._start is None:
            self._start = datetime.now(UTC)
        try:
            here = asyncio.get_running_loop().time()
        except RuntimeError:
            return self._start
        if self._origin is None:
            self._origin = here
        return self._start + timedelta(seconds=here - self._origin)


@dataclass(slots=True)
class Phases:
    """A state that changes by itself: now `current`, and later what was planned.

    >>> start = datetime(2026, 3, 1, tzinfo=UTC)
    >>> phases = Phases("off")
    >>> phases.begin("booting", then="running", at=start + timedelta(seconds=5))
    >>> phases.seen(start), phases.seen(start + timedelta(seconds=5))
    ('booting', 'running')
    """

    current: str
    _next: str | None = None
    _due: datetime | None = None

    def begin(self, state: str, *, then: str | None = None, at: datetime | None = None) -> None:
        """Enter `state`, and leave it for `then` when the clock reads `at`."""
        self.current, self._next, self._due = state, then, at

    def seen(self, now: datetime) -> str:
        """The state that an observer sees at this moment."""
        if self._next is not None and self._due is not None and now >= self._due:
            self.current, self._next, self._due = self._next, None, None
        return self.current


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(ABC):
    """Something that goes wrong with the next `times` requests whose operation matches `on`.

    `on` is a shell pattern on the simulator's operation names ("RunInstances", "POST /servers").
    """

    on: str = "*"
    times: int = 1

    @abstractmethod
    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Answer, or fail to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Fault):
    """This answer, whatever was asked: an HTML page, an error, a cut body."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Answer without doing the work."""
        return Response(status=self.status, body=self.body, headers=headers_of(self.headers))


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAnswer(Fault):
    """The work is done, and the connection breaks before the answer arrives."""

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Do the work, and lose the answer."""
        simulator.answer(request)
        raise AnswerLostError("the connection closed before the answer arrived")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused(Fault):
    """No connection: nothing is sent, nothing done."""

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Refuse the connection."""
        raise ConnectError("connection refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Fault):
    """No answer, ever; the work is not done."""

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Wait until cancelled."""
        await anyio.sleep_forever()
        raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowAnswer(Fault):
    """The work is done at once, and the answer takes `seconds` more."""

    seconds: float = 1.0

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Do the work, then dawdle."""
        response = simulator.answer(request)
        await anyio.sleep(self.seconds)
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Fault):
    """The provider's own way of saying "too many requests"."""

    retry_after: float = 1.0

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Refuse as the provider does."""
        return simulator.throttled(request, self.retry_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCapacity(Fault):
    """The provider's own way of saying that it has no more machines of that size."""

    async def strike(self, simulator: Simulator, request: Request) -> Response:
        """Refuse as the provider does."""
        return simulator.no_capacity(request)


class Simulator(ABC):
    """A provider in miniature.

    `credentials` are those that its world accepts, in the words of the driver's constructor.
    `facts` says where its sizes, prices and places come from, `as_of` of which day they are.
    `latency` is the delay of every answer in seconds, `boot` the seconds that a new node takes to run (other
    changes of state take a fifth of it), `rate` the requests a second that the provider permits (None: any),
    with a burst of one second's worth.
    `ssh` are the SSH servers of its nodes. `faults` are handed out first, in order, each to the first request
    that it matches. `calls` counts the requests by operation.
    """

    provider: ClassVar[str]
    facts: ClassVar[str] = ""
    as_of: ClassVar[date | None] = None
    endpoint: ClassVar[str]
    """The base URL of the API as a driver's `endpoint` wants it; only its path matters when served."""
    creates: ClassVar[str]
    """The operation that makes a node."""
    proof: ClassVar[str]
    """Which of the credentials proves who asks, and must be known to nobody else."""
    unknown_node: ClassVar[str] = "999999999"
    """An id that is well-formed, and names no node."""
    findable: ClassVar[bool] = True
    """Whether a node can be found again whose creation was not confirmed."""
    unpaged: ClassVar[int] = 1
    """How many questions a list of nodes takes where it has no pages."""
    named: ClassVar[bool] = True
    """Whether a node bears the name that it was given."""
    whole: ClassVar[Mapping[str, str]] = {}
    """The keywords by which a driver is told to work in all regions, where it otherwise would not."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        boot: float = 2.0,
        rate: float | None = None,
    ) -> None:
        self.now = now or WorldClock()
        self.latency = latency
        self.boot = boot
        self.rate = rate
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()
        self.ssh = SimulatedSSH(self.machine_at)
        self._book: AddressBook[Any] = AddressBook(self.nodes, self.addresses)
        self._tokens = rate or 0.0
        self._refilled: datetime | None = None

    @property
    @abstractmethod
    def credentials(self) -> Mapping[str, str]:
        """The keyword arguments for the driver's constructor that its world accepts."""

    @abstractmethod
    def operation(self, request: Request) -> str:
        """The API's name for what the request asks ("RunInstances", "POST /linode/instances")."""

    @abstractmethod
    def answer(self, request: Request) -> Response:
        """Do what the request asks, and answer."""

    @abstractmethod
    def throttled(self, request: Request, retry_after: float) -> Response:
        """The provider's answer to too many requests."""

    @abstractmethod
    def no_capacity(self, request: Request) -> Response:
        """The provider's answer when it has no room for another node."""

    @abstractmethod
    def nodes(self) -> Iterable[Any]:
        """The nodes that there are, as its world keeps them."""

    @abstractmethod
    def addresses(self, node: Any) -> Iterable[str]:
        """All addresses that lead to a node of its world, public and private; none to one that has gone."""

    @abstractmethod
    def machine(self, node: Any) -> Machine:
        """A node of its world, as its SSH server must know it."""

    def machine_at(self, address: str) -> Machine | None:
        """The node that has that address now; None where no node has it."""
        node = self._book.find(address)
        return self.machine(node) if node is not None else None

    def machines(self) -> Iterator[Machine]:
        """All nodes."""
        return map(self.machine, self.nodes())

    async def dial(self, host: str, port: int = 22) -> socket.socket:
        """A connected socket to the SSH server of the node that has that address.

        It fails as a network does: with ConnectionRefusedError while the node does not run, and at other ports; with
        another OSError where no node has the address. Raises ConfigurationError without the extra "sandbox".
        """
        return await self.ssh.dial(host, port)

    @abstractmethod
    def populate(self, count: int) -> None:
        """Put that many running nodes into the world, spread over its places."""

    async def __call__(self, request: Request) -> Response:
        """A transport: the request goes no further than this object."""
        operation = self.operation(request)
        self.calls[operation] += 1
        if self.latency:
            await anyio.sleep(self.latency)
        fault = self._next_fault(operation)
        if fault is not None:
            return await fault.strike(self, request)
        if not self._admit():
            assert self.rate is not None  # noqa: S101 - without a rate all are admitted
            return self.throttled(request, 1.0 / self.rate)
        return self.answer(request)

    def after(self, seconds: float) -> datetime:
        """The world's time so many seconds from now."""
        return self.now() + timedelta(seconds=seconds)

    def _next_fault(self, operation: str) -> Fault | None:
        for index, fault in enumerate(self.faults):
            if fnmatchcase(operation, fault.on):
                del self.faults[index]
                if fault.times > 1:
                    self.faults.insert(index, replace(fault, times=fault.times - 1))
                return fault
        return None

    def _admit(self) -> bool:
        if self.rate is None:
            return True
        now = self.now()
        elapsed = (now - self._refilled).total_seconds() if self._refilled else 0.0
        self._tokens = min(self.rate, self._tokens + elapsed * self.rate)
        self._refilled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
