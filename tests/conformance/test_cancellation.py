"""Any call may be cancelled at any await point: no task stays behind, and the driver goes on working."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from aiocloud.models import Node, NodeState
from tests.conformance.conftest import Cloud

Verb = Callable[[Any, Node], Awaitable[Any]]

VERBS: dict[str, Verb] = {
    "get_node": lambda driver, node: driver.get_node(node),
    "list_nodes": lambda driver, node: _whole(driver.list_nodes()),
    "list_images": lambda driver, node: _whole(driver.list_images()),
    "list_sizes": lambda driver, node: _whole(driver.list_sizes()),
    "list_locations": lambda driver, node: _whole(driver.list_locations()),
    "list_offers": lambda driver, node: _whole(driver.list_offers()),
    "list_key_pairs": lambda driver, node: _whole(driver.list_key_pairs()),
    "create_key_pair": lambda driver, node: driver.create_key_pair("key-1"),
    "wait_until": lambda driver, node: driver.wait_until(node, NodeState.STOPPED, timeout=5),
    "reboot_node": lambda driver, node: driver.reboot_node(node),
    "stop_node": lambda driver, node: driver.stop_node(node),
    "destroy_node": lambda driver, node: driver.destroy_node(node),
    "parts": lambda driver, node: driver.parts(),
}


async def _whole(pager: Any) -> list[Any]:
    return [item async for item in pager]


@pytest.mark.parametrize("verb", VERBS)
def test_a_cancelled_call_leaves_no_task_and_a_driver_that_works(cloud: Cloud, verb: str) -> None:
    cloud.simulator.latency = 0.1
    if not cloud.has(verb):
        pytest.skip("the provider's API cannot do it")

    async def scenario(driver: Any) -> None:
        node = await driver.wait_until(await cloud.make(driver))
        moment, ended = 0.05, False
        while not ended and moment < 5:
            async with cloud.driver() as other:
                ended = await _cancelled(VERBS[verb](other, node), moment)
                assert [each.id for each in await other.list_locations()]
            moment += 0.1
        assert await driver.list_locations()

    cloud.run(scenario)


async def _cancelled(call: Awaitable[Any], moment: float) -> bool:
    """Cancel a call after so many seconds; whether it had ended before."""
    calm = asyncio.all_tasks()
    calling = asyncio.ensure_future(call)
    await asyncio.sleep(moment)
    ended = calling.done()
    calling.cancel()
    await asyncio.wait({calling})
    if not calling.cancelled():
        calling.exception()
    assert asyncio.all_tasks() == calm, "a task is left behind"
    return ended
