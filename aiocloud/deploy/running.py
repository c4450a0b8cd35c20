"""One command, or several, on many machines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiocloud.deploy.client import OUTPUT_LIMIT, Completed, OnOutput, Output, SSHClient
from aiocloud.deploy.connecting import Access, Place, Target, place_of
from aiocloud.deploy.spreading import Spread
from aiocloud.deploy.ssh import SSH
from aiocloud.errors import (
    AiocloudError,
    ConfigurationError,
    HostKeyError,
    NotStartedError,
    RemoteError,
    ScriptFailedError,
    SignInError,
    SSHConnectError,
)
from aiocloud.http.descriptors import within_descriptors
from aiocloud.http.together import together
from aiocloud.models import Node

TRIES = 3
"""How often a machine is asked whose SSH server hangs up before anybody could sign in, as a crowded one does."""

SIMULATED = 12
"""Descriptors for a machine that lives in this process: both ends of its connection, and what its shell holds."""

HowTo: TypeAlias = SSH | Callable[[Node | str], tuple[SSH, Sequence[str]]] | None
"""How machines are reached: one way for all, or a function that tells each one's, and who usually signs in there."""


OnNodeOutput: TypeAlias = Callable[[Node, Output], None]
"""Called with a node, and a line that a command has just written there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a command did on one machine.

    `node` is the node, or a stand-in with the name and address where only those were given. `error` is None where the
    command ended with status 0: a ScriptFailedError for another status, a SignInError, a CommandTimeoutError and so on.
    `exit_status`, `stdout` and `stderr` are there as far as it came. `seconds` include the way there.
    """

    node: Node
    address: str
    command: str
    error: AiocloudError | None = None
    exit_status: int | None = None
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.error is None


def run(
    nodes: Iterable[Target] | AsyncIterable[Target],
    command: str | Sequence[str],
    *,
    ssh: HowTo = None,
    limit: int = 100,
    timeout: float | None = None,
    ordered: bool = False,
    max_fail: int | None = None,
    on_output: OnNodeOutput | None = None,
    output_limit: int | None = OUTPUT_LIMIT,
) -> Running:
    """Run a command on many machines at once; iterate over the results, or await them.

    nodes         nodes, or names and addresses (`host`, `user@host:port`); a Pager will do
    command       a line for the user's shell; of several, each is run, at once, on one connection
    ssh           how they are reached and signed in to
    limit         how many at a time; fewer where the process may not open so many files
    timeout       seconds that each machine may take, from the first packet until the last command's end
    ordered       results in the order of the nodes, in place of the order in which they come
    max_fail      when more than so many machines have failed, no more are begun
    on_output     called with the node and an `Output`, for each line as it is written
    output_limit  bytes of each stream that are kept of each command

    What fails is in the results: iterating raises nothing for a machine. Leaving the loop stops what still runs.
    """
    commands = (command,) if isinstance(command, str) else tuple(command)
    if not commands or not all(isinstance(each, str) and each.strip() for each in commands):
        raise ConfigurationError("run needs a command: a text, or several")
    if limit < 1:
        raise ConfigurationError(f"limit must be at least 1, not {limit}")
    if timeout is not None and timeout <= 0:
        raise ConfigurationError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    if isinstance(nodes, str | Node):
        raise ConfigurationError("run takes several nodes: put the one into a list")
    order = Order(commands, timeout, on_output, output_limit)
    return Running(nodes, order, ssh, limit=limit, ordered=ordered, max_fail=max_fail)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done on each machine."""

    commands: tuple[str, ...]
    timeout: float | None
    on_output: OnNodeOutput | None
    output_limit: int | None


class Running:
    """A command on many machines: results as they come with `async for`, all of them with `await`.

    Nothing happens before either. It can be done again, which runs the command again.
    """

    def __init__(
        self,
        nodes: Iterable[Target] | AsyncIterable[Target],
        order: Order,
        ssh: HowTo,
        *,
        limit: int,
        ordered: bool,
        max_fail: int | None,
    ) -> None:
        self._nodes = nodes
        self._order = order
        self._ssh = ssh
        self._limit = limit
        self._ordered = ordered
        self._max_fail = max_fail

    def __await__(self) -> Generator[Any, Any, list[RunResult]]:
        """All results."""
        return self._all().__await__()

    async def _all(self) -> list[RunResult]:
        return [result async for result in self]

    async def __aiter__(self) -> AsyncIterator[RunResult]:
        """The results, one for each machine and command."""
        failed = 0

        async def one(target: Target) -> list[RunResult]:
            nonlocal failed
            group = await visit(target, self._order, doors)
            failed += any(not result.ok for result in group)
            return group

        async with Doors(self._ssh) as doors:
            spread: Spread[Target, list[RunResult]] = Spread(
                self._nodes,
                one,
                limit=within_descriptors(self._limit, each=self._descriptors()),
                ordered=self._ordered,
                enough=lambda: self._max_fail is not None and failed > self._max_fail,
                skipped=lambda target: _failures(node_of(target), self._order, _too_many(self._max_fail)),
            )
            results = aiter(spread)
            try:
                async for group in results:
                    for result in group:
                        yield result
            finally:
                await results.aclose()  # type: ignore[attr-defined]  # it is a generator

    def _descriptors(self) -> int:
        """How many a machine needs while it is visited."""
        return SIMULATED if isinstance(self._ssh, SSH) and self._ssh.dial is not None else 1


class Doors:
    """The ways to machines: one Access for each different SSH, opened when it is first needed."""

    def __init__(self, ssh: HowTo) -> None:
        self._ssh = ssh
        self._open: dict[int, asyncio.Future[Access]] = {}
        self._kept: list[SSH] = []
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Doors:
        """Nothing is opened before it is needed, but what holds for all: so its mistakes are found at once."""
        if not callable(self._ssh):
            await self._access(self.way_to("")[0])
        return self

    async def __aexit__(self, *exception: Any) -> None:
        """Close."""
        await self._closing.aclose()

    def way_to(self, target: Target) -> tuple[SSH, Sequence[str]]:
        """How a machine is reached, and who usually signs in there."""
        if callable(self._ssh):
            return self._ssh(target)
        if self._ssh is None:
            self._ssh = SSH()
        return self._ssh, ()

    async def connect(self, target: Target) -> SSHClient:
        """Sign in. Raises SSHConnectError; one that hangs up at once is asked again."""
        ssh, usual = self.way_to(target)
        access = await self._access(ssh)
        return await patient(access, place_of(target, ssh, usual))

    async def _access(self, ssh: SSH) -> Access:
        if id(ssh) not in self._open:
            self._kept.append(ssh)  # so that its id remains its own
            self._open[id(ssh)] = asyncio.ensure_future(self._closing.enter_async_context(Access(ssh)))
        return await asyncio.shield(self._open[id(ssh)])


async def patient(access: Access, place: Place) -> SSHClient:
    """Sign in; a server that hangs up before anybody could is asked again, a little later."""
    for attempt in range(1, TRIES + 1):
        try:
            return await access.connect(place)
        except (HostKeyError, SignInError):
            raise
        except SSHConnectError as error:
            if attempt == TRIES or not isinstance(error.__cause__, _hung_up()):
                raise
            await asyncio.sleep(random.uniform(0.2, 1.0) * attempt)  # noqa: S311 - so that they do not all come back at once
    raise AssertionError("unreachable")


def _hung_up() -> tuple[type[Exception], ...]:
    import asyncssh

    return asyncssh.ConnectionLost, ConnectionResetError


async def visit(target: Target, order: Order, doors: Doors) -> list[RunResult]:
    """Everything that is to be done on one machine. Whatever fails there ends here."""
    node, now = node_of(target), asyncio.get_running_loop().time
    began, address = now(), ""
    outcomes: Sequence[Completed | AiocloudError]
    try:
        async with asyncio.timeout(order.timeout) as limit:
            client = await doors.connect(target)
        address = client.host
        async with client:
            left = order.timeout - (now() - began) if order.timeout is not None else None
            calls = [_bind(client, node, order, line, left) for line in order.commands]
            outcomes = await together(*calls) if len(calls) > 1 else [await calls[0]()]
    except TimeoutError:
        if not limit.expired():
            raise
        late = SSHConnectError(f"nobody was signed in within {order.timeout:g} s", host=address or node.name)
        outcomes = [late] * len(order.commands)
    except AiocloudError as error:
        outcomes = [error] * len(order.commands)
    seconds = now() - began
    return [
        _result(node, address, command, outcome, seconds)
        for command, outcome in zip(order.commands, outcomes, strict=True)
    ]


def _bind(
    client: SSHClient, node: Node, order: Order, command: str, timeout: float | None
) -> Callable[[], Awaitable[Completed | AiocloudError]]:
    """One command on one machine: how it ended, or why it did not."""
    passing: OnOutput | None = None
    if (tell := order.on_output) is not None:
        passing = lambda output: tell(node, output)  # noqa: E731 - a function over this node

    async def one() -> Completed | AiocloudError:
        try:
            return await client.run(command, timeout=timeout, on_output=passing, output_limit=order.output_limit)
        except RemoteError as error:
            return error

    return one


def _result(node: Node, address: str, command: str, outcome: Completed | AiocloudError, seconds: float) -> RunResult:
    about: dict[str, Any] = {"node": node, "address": address, "command": command, "seconds": seconds}
    if isinstance(outcome, Completed):
        return RunResult(exit_status=outcome.exit_status, stdout=outcome.stdout, stderr=outcome.stderr, **about)
    status = outcome.exit_status if isinstance(outcome, ScriptFailedError) else None
    about |= {name: getattr(outcome, name, "") for name in ("stdout", "stderr")}
    return RunResult(error=outcome, exit_status=status, **about)


def _failures(node: Node, order: Order, error: AiocloudError) -> list[RunResult]:
    return [RunResult(node=node, address="", command=command, error=error) for command in order.commands]


def _too_many(max_fail: int | None) -> NotStartedError:
    return NotStartedError(f"not started: more than {max_fail} had failed")


def node_of(target: Target) -> Node:
    """The node; a stand-in for a machine of which only the address is known."""
    return target if isinstance(target, Node) else Node(id=target, name=target, public_ips=(target,))
