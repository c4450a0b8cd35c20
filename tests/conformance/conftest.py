"""Every driver over its simulator, in memory, on virtual time."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from aiocloud.driver import Compute, Driver
from aiocloud.errors import RetiredProviderWarning
from aiocloud.http.retry import Retry
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.providers import get_driver
from aiocloud.simulators import get_simulator, simulator_ids, virtualtime
from aiocloud.simulators.base import Simulator

T = TypeVar("T")

OPTIONS: dict[str, dict[str, Any]] = {
    "ec2": {"region": ["eu-west-1", "us-east-1"]},
}
"""What a driver wants to be told beside its credentials and, where it has no host of its own, the endpoint."""

LIVING = frozenset(NodeState) - {NodeState.TERMINATED}


@dataclass
class Recipe:
    """What a node can be made of."""

    size: Size
    image: Image
    location: Location


@dataclass
class Cloud:
    """A simulated provider, and drivers for it."""

    provider: str
    simulator: Simulator
    options: dict[str, Any] = field(default_factory=dict)

    def driver(self, **options: Any) -> Any:
        """A new driver of the account."""
        merged: dict[str, Any] = {
            **self.simulator.credentials,
            "account": "prod",
            "transport": self.simulator,
            "now": self.simulator.now,
            "retry": Retry(jitter=lambda: 1.0),
            **self.options,
            **options,
        }
        return _driver(self.provider)(**merged)

    def run(self, scenario: Callable[[Any], Awaitable[T]], **options: Any) -> T:
        """Run a scenario with a driver, on virtual time."""

        async def go() -> T:
            async with self.driver(**options) as driver:
                return await scenario(driver)

        return virtualtime.run(go())

    @property
    def wrong(self) -> dict[str, str]:
        """A credential that no world accepts."""
        return {self.simulator.proof: "wrong-canary-secret"}

    def has(self, verb: str) -> bool:
        """Whether the driver has that method."""
        return hasattr(_driver(self.provider), verb)

    def can(self, feature: str) -> bool:
        """Whether the driver's `create_node` has that feature."""
        return feature in getattr(_driver(self.provider), "features", ())

    @property
    def create(self) -> str:
        """The simulator's name for the request that makes a node."""
        return self.simulator.creates

    @property
    def unknown_node(self) -> str:
        """An id that names no node."""
        return self.simulator.unknown_node

    def named(self, node: Node, name: str) -> bool:
        """Whether the node bears that name, as far as the provider lets names be given."""
        return node.name == name or not self.simulator.named

    async def recipe(self, driver: Compute) -> Recipe:
        """The smallest size, an image that fits it, and where both can be had."""
        location = (await driver.list_locations())[0]
        images = await driver.list_images(location=location)
        offered = sorted(await driver.list_sizes(location=location), key=lambda size: (size.ram or 0, size.id))
        sizes = [size for size in offered if size.ram is not None and size.ram >= 1024] or offered
        for size in sizes:
            for image in images:
                if not (size.arch and image.arch) or size.arch == image.arch:
                    return Recipe(size, image, location)
        raise AssertionError("nothing that a node can be made of")

    async def make(self, driver: Compute, name: str = "conform-1", **extra: Any) -> Node:
        """A node."""
        recipe = await self.recipe(driver)
        return await driver.create_node(name, size=recipe.size, image=recipe.image, location=recipe.location, **extra)

    async def living(self, driver: Compute) -> list[Node]:
        """The nodes that cost money."""
        return [node for node in await driver.list_nodes() if node.state in LIVING]


def _driver(provider: str) -> type[Driver]:
    """Its class. That some providers are no more is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetiredProviderWarning)
        return get_driver(provider)


@pytest.fixture(params=simulator_ids())
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each provider in turn."""
    kind, driver = get_simulator(request.param), _driver(request.param)
    needed = {"endpoint": kind.endpoint} if driver.retired or not driver.api.base_url else {}
    return Cloud(request.param, kind(), {**needed, **OPTIONS.get(request.param, {})})
