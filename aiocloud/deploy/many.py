"""Many deployments at once."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiocloud.creation import Left
from aiocloud.deploy.deploying import Deploying, Maker, Plan
from aiocloud.deploy.spreading import Spread
from aiocloud.deploy.steps import leaves
from aiocloud.errors import AiocloudError, AmbiguousCreateError, ConfigurationError, DeploymentError, NotStartedError
from aiocloud.http.descriptors import within_descriptors
from aiocloud.models import Node

log = logging.getLogger("aiocloud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What came of one deployment.

    `error` is None where all went well. `left` says what there is of the machine now: "running" (it is ready, or was
    kept on purpose), "destroyed", "none" (there never was one), "unknown" (it may be running: the error says what to
    look for). `node` is the machine where one was made, and `steps` are its own, with what they wrote.
    """

    name: str
    node: Node | None = None
    error: AiocloudError | None = None
    left: Left = "none"
    steps: tuple[Any, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the machine is ready."""
        return self.error is None


class Deployments:
    """Deployments side by side: outcomes as they come with `async for`, all of them with `await`.

    Nothing happens before either. Leaving the loop cancels what is under way, which is settled as a failure is: at once
    with `async with contextlib.aclosing(aiter(…))` around it, else when Python gets to it.
    Machines that were ready by then, and whose outcomes nobody has seen, are named in a warning of the logger
    `aiocloud`, and in notes on the CancelledError.
    """

    def __init__(
        self, driver: Maker, names: Sequence[str], plan: Plan, *, limit: int, ordered: bool, max_fail: int | None
    ) -> None:
        if isinstance(names, str):
            raise ConfigurationError("deploy_nodes takes several names: put the one into a list")
        if twice := sorted(name for name in set(names) if list(names).count(name) > 1):
            raise ConfigurationError(f"each node needs a name of its own; given twice: {', '.join(twice)}")
        if limit < 1:
            raise ConfigurationError(f"limit must be at least 1, not {limit}")
        self._driver = driver
        self._names = tuple(names)
        self._plan = plan
        self._limit = limit
        self._ordered = ordered
        self._max_fail = max_fail

    def __await__(self) -> Generator[Any, Any, list[Deployed]]:
        """All outcomes."""
        return self._all().__await__()

    async def _all(self) -> list[Deployed]:
        outcomes: list[Deployed] = []
        try:
            async for outcome in self:
                outcomes.append(outcome)  # noqa: PERF401 - what is there by then must be at hand below
        except asyncio.CancelledError as cancelled:
            _tell(outcomes, cancelled)
            raise
        return outcomes

    async def __aiter__(self) -> AsyncIterator[Deployed]:
        """The outcomes, exactly one for each name. Raises ConfigurationError before anything is made."""
        if self._names:
            Deploying(self._driver, replace(self._plan, name=self._names[0])).prepare()
        failed = 0
        untold: dict[str, Deployed] = {}

        async def one(name: str) -> Deployed:
            nonlocal failed
            outcome = untold[name] = await self._one(name)
            failed += not outcome.ok
            return outcome

        outcomes = aiter(
            Spread(
                self._names,
                one,
                limit=within_descriptors(self._limit, each=2),
                ordered=self._ordered,
                enough=lambda: self._max_fail is not None and failed > self._max_fail,
                skipped=lambda name: Deployed(
                    name=name, error=NotStartedError(f"not started: more than {self._max_fail} had failed")
                ),
            )
        )
        cancellation: asyncio.CancelledError | None = None
        try:
            async for outcome in outcomes:
                untold.pop(outcome.name, None)
                yield outcome
        except asyncio.CancelledError as cancelled:
            cancellation = cancelled
            raise
        finally:
            await outcomes.aclose()  # type: ignore[attr-defined]  # it is a generator
            _tell(untold.values(), cancellation)

    async def _one(self, name: str) -> Deployed:
        # Steps keep what they wrote, so that each machine needs its own.
        deploy = copy.deepcopy(self._plan.deploy)
        steps = tuple(leaves(deploy))
        try:
            node = await Deploying(self._driver, replace(self._plan, name=name, deploy=deploy)).run()
        except DeploymentError as error:
            left: Left = error.left  # type: ignore[assignment]  # one of these words
            return Deployed(name=name, node=error.node, error=error, left=left, steps=steps)
        except AmbiguousCreateError as error:
            return Deployed(name=name, error=error, left="unknown", steps=steps)
        except AiocloudError as error:
            return Deployed(name=name, error=error, steps=steps)
        return Deployed(name=name, node=node, left="running", steps=steps)


def _tell(outcomes: Iterable[Deployed], cancelled: asyncio.CancelledError | None) -> None:
    """Name the machines of outcomes that nobody will see."""
    for outcome in outcomes:
        if outcome.left == "running" and outcome.node is not None:
            where = f"{outcome.node.provider}/{outcome.node.account}"
            told = f"node {outcome.node.id} ({outcome.name!r}) at {where} was deployed, and goes on running"
        elif outcome.left == "unknown":
            told = f"{outcome.name!r}: {outcome.error}"
        else:
            continue
        log.warning(told)
        if cancelled is not None:
            cancelled.add_note(told)
