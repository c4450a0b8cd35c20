"""Every driver over its simulator, in memory, on virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from aiocloud.driver import Compute
from aiocloud.http.retry import Retry
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.providers import get_driver
from aiocloud.simulators import get_simulator, simulator_ids, virtualtime
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.openstack import OpenStackSimulator

T = TypeVar("T")

CREATE = {
    "ec2": "RunInstances",
    "linode": "POST /linode/instances",
    "openstack": "POST /servers",
    "rackspace": "POST /servers",
    "softlayer": "SoftLayer_Virtual_Guest::createObject",
}
"""What the simulators call the request that makes a node."""

WRONG = {
    "ec2": {"secret_access_key": "wrong-canary-secret"},
    "linode": {"token": "wrong-canary-secret"},
    "openstack": {"password": "wrong-canary-secret"},
    "rackspace": {"api_key": "wrong-canary-secret"},
    "softlayer": {"api_key": "wrong-canary-secret"},
}
"""A credential that no world accepts."""

UNKNOWN_NODE = {
    "ec2": "i-0bad0bad0bad0bad0",
    "openstack": "00000000-0000-4000-8000-00000000dead",
    "rackspace": "00000000-0000-4000-8000-00000000dead",
}
"""An id that is well-formed and names nothing; "999999999" elsewhere."""

OPTIONS: dict[str, dict[str, Any]] = {
    "ec2": {"region": ["eu-west-1", "us-east-1"]},
    "openstack": {"endpoint": OpenStackSimulator.endpoint},
}
"""What a driver wants to be told beside its credentials."""

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
        return get_driver(self.provider)(**merged)

    def run(self, scenario: Callable[[Any], Awaitable[T]], **options: Any) -> T:
        """Run a scenario with a driver, on virtual time."""

        async def go() -> T:
            async with self.driver(**options) as driver:
                return await scenario(driver)

        return virtualtime.run(go())

    @property
    def create(self) -> str:
        """The simulator's name for the request that makes a node."""
        return CREATE[self.provider]

    @property
    def unknown_node(self) -> str:
        """An id that names no node."""
        return UNKNOWN_NODE.get(self.provider, "999999999")

    async def recipe(self, driver: Compute) -> Recipe:
        """The smallest size, an image that fits it, and where both can be had."""
        location = (await driver.list_locations())[0]
        images = await driver.list_images(location=location)
        sizes = sorted(
            (size for size in await driver.list_sizes(location=location) if size.ram is not None and size.ram >= 1024),
            key=lambda size: (size.ram or 0, size.id),
        )
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


def _clouds() -> list[str]:
    return simulator_ids()


@pytest.fixture(params=_clouds())
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each provider in turn."""
    kind = get_simulator(request.param)
    return Cloud(request.param, kind(), OPTIONS.get(request.param, {}))
