"""What every driver does when things go wrong."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import anyio
import pytest

from aiocloud.errors import (
    AmbiguousCreateError,
    ApiError,
    CapacityError,
    CloudError,
    ConfigurationError,
    InvalidCredsError,
    InvalidRequestError,
    NodeStateError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
)
from aiocloud.models import Node, NodeState
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, Fault, LostAnswer, NoCapacity, Refused, Throttled
from tests.conformance.conftest import Cloud

PAGE = b"<html><head><title>Welcome to the hotel</title></head><body>Sign in</body></html>"
HTML = {"Content-Type": "text/html"}


def test_wrong_credentials_are_said_to_be_wrong_and_not_shown(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(driver: Any) -> None:
        assert "wrong-canary-secret" not in repr(driver)
        with pytest.raises(InvalidCredsError) as caught:
            await driver.list_nodes()
        assert str(caught.value).startswith(f"{cloud.provider} (prod")
        assert "Check the credentials" in str(caught.value)
        assert "wrong-canary-secret" not in f"{caught.value!r} {caught.value}"

    cloud.run(scenario, **cloud.wrong)
    assert "wrong-canary-secret" not in caplog.text


def test_the_right_credentials_are_in_no_log_error_or_model(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario(driver: Any) -> str:
        node = await driver.wait_until(await cloud.make(driver))
        with pytest.raises(NotFoundError) as caught:
            await driver.get_node(cloud.unknown_node)
        return f"{node!r} {driver!r} {caught.value!r} {caught.value}"

    shown = cloud.run(scenario) + caplog.text
    assert cloud.simulator.credentials[cloud.simulator.proof] not in shown


@pytest.mark.parametrize("what", ["size", "image", "location"])
def test_an_unknown_ingredient_is_a_clear_refusal_and_makes_no_node(cloud: Cloud, what: str) -> None:
    async def scenario(driver: Any) -> None:
        recipe = await cloud.recipe(driver)
        chosen = {"size": recipe.size.id, "image": recipe.image.id, "location": recipe.location.id, what: "no-such-9"}
        with pytest.raises((InvalidRequestError, NotFoundError, ConfigurationError)) as caught:
            await driver.create_node("never", **chosen)
        assert len(str(caught.value)) > len("no")
        assert not await cloud.living(driver)

    cloud.run(scenario)


def test_a_page_in_place_of_data_is_named_by_its_title(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        await driver.list_locations()
        cloud.simulator.faults.append(Answer(body=PAGE, headers=HTML, times=99))
        with pytest.raises(CloudError, match="Welcome to the hotel") as caught:
            await driver.list_nodes()
        assert str(caught.value).startswith(f"{cloud.provider} (prod")

    cloud.run(scenario)


def test_a_body_that_was_cut_is_an_error_and_not_a_short_list(cloud: Cloud) -> None:
    cloud.simulator.populate(20)
    whole = cloud.simulator.answer

    def cut(request: Any) -> Any:
        answer = whole(request)
        return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])

    async def scenario(driver: Any) -> None:
        assert len(await driver.list_nodes()) == 20
        async with cloud.driver(transport=_through(cloud, cut)) as other:
            with pytest.raises(CloudError):
                await other.list_nodes()

    cloud.run(scenario)


def _through(cloud: Cloud, answer: Any) -> Any:
    async def transport(request: Any) -> Any:
        return answer(request)

    return transport


@pytest.mark.parametrize(
    "fault", [Refused(times=2), Throttled(times=2), Answer(status=503, times=2), LostAnswer(times=2)]
)
def test_a_list_survives_passing_trouble(cloud: Cloud, fault: Fault) -> None:
    cloud.simulator.populate(3)

    async def scenario(driver: Any) -> int:
        cloud.simulator.faults.append(fault)
        return len(await driver.list_nodes())

    assert cloud.run(scenario) == 3
    assert not cloud.simulator.faults


def test_a_storm_of_refusals_ends_in_an_error_that_says_so(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        await driver.list_nodes()
        cloud.simulator.faults.append(Throttled(times=10_000))
        with pytest.raises(RateLimitReachedError) as caught:
            await driver.list_nodes()
        assert caught.value.attempts > 1

    cloud.run(scenario)


def test_a_create_whose_answer_is_lost_makes_one_node_and_returns_it(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        cloud.simulator.faults.append(LostAnswer(on=cloud.create))
        if not cloud.simulator.findable:
            with pytest.raises(AmbiguousCreateError, match="conform-1"):
                await cloud.make(driver)
            assert len(await cloud.living(driver)) == 1
            return
        made = await cloud.make(driver)
        assert [node.id for node in await cloud.living(driver)] == [made.id]
        assert cloud.named(made, "conform-1")

    cloud.run(scenario)
    assert not cloud.simulator.faults


def test_a_create_whose_connection_is_refused_is_sent_again(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        cloud.simulator.faults.append(Refused(on=cloud.create, times=2))
        made = await cloud.make(driver)
        assert [node.id for node in await cloud.living(driver)] == [made.id]

    cloud.run(scenario)


def test_a_create_that_is_throttled_is_sent_again(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        cloud.simulator.faults.append(Throttled(on=cloud.create, times=2))
        made = await cloud.make(driver)
        assert [node.id for node in await cloud.living(driver)] == [made.id]

    cloud.run(scenario)


def test_a_lack_of_machines_is_named_as_such_and_not_tried_again(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        cloud.simulator.faults.append(NoCapacity(on=cloud.create))
        with pytest.raises((CapacityError, QuotaExceededError, NodeStateError)):
            await driver.wait_until(await cloud.make(driver))

    cloud.run(scenario)
    assert cloud.simulator.calls[cloud.create] == 1


def test_a_refusal_is_an_api_error_with_its_status_or_word(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        with pytest.raises(ApiError) as caught:
            await driver.get_node(cloud.unknown_node)
        assert caught.value.status or caught.value.code

    cloud.run(scenario)


async def _cancelled_create(cloud: Cloud, driver: Any, cancel: Any) -> tuple[bool, list[str]]:
    """Whether the create ended before it could be cancelled; and what it said when it was."""
    recipe = await cloud.recipe(driver)
    calm = asyncio.all_tasks()
    creating = asyncio.ensure_future(
        driver.create_node("cancelled", size=recipe.size, image=recipe.image, location=recipe.location)
    )
    await cancel(creating)
    if creating.done():
        return True, []
    creating.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await creating
    assert asyncio.all_tasks() == calm, "a task is left behind"
    return False, list(getattr(caught.value, "__notes__", ()))


def _named(nodes: list[Node], notes: list[str]) -> bool:
    """Whether each of these nodes is named in a note: by its id, or by its name where no more can be known."""
    return all(any(node.id in note or repr(node.name) in note for note in notes) for node in nodes)


def test_a_create_that_is_cancelled_at_any_step_leaves_no_node_that_nobody_names(cloud: Cloud) -> None:
    for steps in range(400):

        async def scenario(driver: Any, steps: int = steps) -> bool:
            async def after_steps(_: Any) -> None:
                for _ in range(steps):
                    await asyncio.sleep(0)

            done, notes = await _cancelled_create(cloud, driver, after_steps)
            left = await cloud.living(driver)
            assert len(left) == 1 if done else _named(left, notes)
            for node in left:
                await driver.wait_until(node)
                await driver.destroy_node(node)
                await driver.wait_until(node, NodeState.TERMINATED)
            return done

        if cloud.run(scenario):
            return
    raise AssertionError("the create never ended")


@pytest.mark.parametrize("moment", [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 8.5])
def test_a_create_that_is_cancelled_while_the_cloud_thinks_leaves_no_node(cloud: Cloud, moment: float) -> None:
    cloud.simulator.latency = 1.0

    async def scenario(driver: Any) -> None:
        done, notes = await _cancelled_create(cloud, driver, lambda _: asyncio.sleep(moment))
        left = await cloud.living(driver)
        assert len(left) == 1 if done else _named(left, notes)

    cloud.run(scenario)


@pytest.mark.parametrize("seconds", [0.5, 1.5, 2.5, 3.5])
def test_a_create_under_a_deadline_leaves_no_node(cloud: Cloud, seconds: float) -> None:
    cloud.simulator.latency = 1.0

    async def scenario(driver: Any) -> None:
        recipe = await cloud.recipe(driver)
        with anyio.move_on_after(seconds) as scope:
            await driver.create_node("late", size=recipe.size, image=recipe.image, location=recipe.location)
        await asyncio.sleep(60)
        left = len(await cloud.living(driver))
        assert left == (0 if scope.cancelled_caught else 1) or (left == 1 and not cloud.simulator.findable)

    cloud.run(scenario)


def test_any_list_can_be_cancelled_at_any_step_without_leaving_a_task(cloud: Cloud) -> None:
    cloud.simulator.populate(30)

    async def steps_of(name: str, steps: int) -> bool:
        async with cloud.driver() as driver:
            calm = asyncio.all_tasks()

            async def whole() -> list[Any]:
                return list(await getattr(driver, name)())

            listing = asyncio.ensure_future(whole())
            for _ in range(steps):
                await asyncio.sleep(0)
            done = listing.done()
            listing.cancel()
            await asyncio.wait({listing})
            assert asyncio.all_tasks() == calm, "a task is left behind"
            return done

    for name in ("list_nodes", "list_sizes", "list_offers"):
        steps = 0
        while not virtualtime.run(steps_of(name, steps)):
            steps += 1 + steps // 8
