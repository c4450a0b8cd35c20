"""Many nodes that are waited for at once: how many requests that takes, and that nothing is overlooked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from aiocloud.errors import NodeStateError, NotFoundError
from aiocloud.http.message import Request, Response
from aiocloud.http.ratelimit import Limits
from aiocloud.http.retry import Retry
from aiocloud.http.together import together
from aiocloud.models import Node, NodeState
from aiocloud.providers.linode import Linode
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.virtualtime import run

BOOT = 90.0
MADE_OF: dict[str, Any] = {"size": "g6-nanode-1", "image": "linode/debian12", "location": "eu-west"}


class Account:
    """A simulated account; its requests are counted, as lists of nodes, looks at one node, and the rest."""

    def __init__(self, answer: Callable[[str, Request], Response | None] = lambda what, request: None) -> None:
        self.cloud = LinodeSimulator(boot=BOOT)
        self.answer = answer
        self.asked: Counter[str] = Counter()
        self.driver = Linode("quay-token", transport=self, limits=Limits(concurrency=1000), retry=Retry(attempts=1))

    async def __call__(self, request: Request) -> Response:
        what = "other"
        if request.method == "GET" and "/linode/instances" in request.url.path:
            what = "list" if request.url.path.endswith("/instances") else "look"
        self.asked[what] += 1
        return self.answer(what, request) or await self.cloud(request)

    async def make(self, count: int) -> list[Node]:
        return [await self.driver.create_node(f"web-{number}", **MADE_OF) for number in range(count)]

    async def wait(self, nodes: list[Node], *states: NodeState, stagger: float = 0.0, **how: float) -> Counter[str]:
        """Wait for all of them; what was asked meanwhile."""

        def waiting(number: int, node: Node) -> Callable[[], Awaitable[Node]]:
            async def wait() -> Node:
                await anyio.sleep(stagger * number)
                return await self.driver.wait_until(node, *states, **how)

            return wait

        self.asked.clear()
        seen = await together(*[waiting(number, node) for number, node in enumerate(nodes)])
        assert {node.state for node in seen} == {(states or (NodeState.RUNNING,))[0]}
        return self.asked


@pytest.mark.parametrize("stagger", [0.0, 0.3])
def test_fifty_nodes_of_one_account_are_waited_for_within_its_limits(stagger: float) -> None:
    """Linode takes 800 requests in two minutes; a request for each node and look would be 50 * 45 of them."""

    async def go() -> Counter[str]:
        account = Account()
        return await account.wait(await account.make(50), stagger=stagger, period=2.0)

    asked = run(go())
    assert asked["list"] <= BOOT + 3
    assert asked["look"] <= 2 * 50
    assert sum(asked.values()) < 250


def test_few_nodes_are_asked_for_one_by_one() -> None:
    async def go() -> Counter[str]:
        account = Account()
        return await account.wait(await account.make(3))

    assert run(go())["list"] == 0


def test_a_list_that_is_longer_than_it_is_worth_is_left_after_its_first_page() -> None:
    async def go() -> Counter[str]:
        account = Account()
        account.cloud.populate(1200)
        return await account.wait(await account.make(5), period=2.0)

    asked = run(go())
    assert asked["list"] <= 2
    assert asked["look"] > 100


def test_a_node_that_the_list_does_not_have_is_asked_for_by_itself() -> None:
    nothing = b'{"data": [], "page": 1, "pages": 1, "results": 0}'

    async def go() -> Counter[str]:
        account = Account(lambda what, _: Response(status=200, body=nothing) if what == "list" else None)
        return await account.wait(await account.make(10))

    asked = run(go())
    assert asked["list"]
    assert asked["look"] > 10


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_list_that_fails_costs_nobody_his_node(status: int) -> None:
    async def go() -> Counter[str]:
        account = Account(lambda what, _: Response(status=status) if what == "list" else None)
        return await account.wait(await account.make(10))

    assert run(go())["list"]


def test_nodes_that_are_gone_are_terminated_when_that_is_waited_for_and_an_error_when_not() -> None:
    async def go() -> None:
        account = Account()
        nodes = await account.make(10)
        for node in nodes:
            await account.driver.destroy_node(node)
        await account.wait(nodes, NodeState.TERMINATED)
        with pytest.raises((NotFoundError, NodeStateError)):
            await account.wait(nodes, grace=5.0)

    run(go())


def test_one_who_leaves_while_he_reads_the_list_leaves_it_to_the_next() -> None:
    async def go() -> list[Node]:
        account = Account()
        account.cloud.latency = 0.5
        nodes = await account.make(10)
        seen: list[Node] = []

        async def wait(node: Node) -> None:
            seen.append(await account.driver.wait_until(node))

        async with anyio.create_task_group() as group:
            with anyio.move_on_after(0.2):
                async with anyio.create_task_group() as leaving:
                    leaving.start_soon(wait, nodes[0])
                    for node in nodes[1:]:
                        group.start_soon(wait, node)
        return seen

    assert len(run(go())) == 9
