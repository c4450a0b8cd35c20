"""Many deployments at once."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiocloud.creation import Left
from aiocloud.deploy.deploying import Deploying, Maker, Plan
from aiocloud.deploy.spreading import Spread, within_descriptors
from aiocloud.deploy.steps import leaves
from aiocloud.errors import AiocloudError, AmbiguousCreateError, ConfigurationError, DeploymentError, NotStartedError
from aiocloud.models import Node


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

    Nothing happens before either. Leaving the loop cancels what is under way, which is settled as a failure is.
    """

    def __init__(
        self, driver: Maker, names: Sequence[str], plan: Plan, *, limit: int, ordered: bool, max_fail: int | None
    ) -> None:
        if isinstance(names, str):
            raise ConfigurationError("deploy_nodes takes several names: put the one into a list")
        if len(set(names)) < len(names):
            raise ConfigurationError("deploy_nodes was given a name twice")
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
        return [outcome async for outcome in self]

    async def __aiter__(self) -> AsyncIterator[Deployed]:
        """The outcomes, exactly one for each name. Raises ConfigurationError before anything is made."""
        if self._names:
            Deploying(self._driver, replace(self._plan, name=self._names[0])).prepare()
        failed = 0
        outcomes = aiter(
            Spread(
                self._names,
                self._one,
                limit=within_descriptors(self._limit, each=2),
                ordered=self._ordered,
                enough=lambda: self._max_fail is not None and failed > self._max_fail,
                skipped=lambda name: Deployed(
                    name=name, error=NotStartedError(f"not started: more than {self._max_fail} had failed")
                ),
            )
        )
        try:
            async for outcome in outcomes:
                failed += not outcome.ok
                yield outcome
        finally:
            await outcomes.aclose()  # type: ignore[attr-defined]  # it is a generator

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
