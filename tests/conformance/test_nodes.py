"""What every driver does with nodes."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from aiocloud.driver import PowerControl
from aiocloud.errors import ConfigurationError, NotFoundError, WaitTimeoutError
from aiocloud.models import NodeState
from tests.conformance.conftest import LIVING, Cloud


def test_a_new_node_is_listed_once_and_becomes_reachable(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        made = await cloud.make(driver, "web-1")
        assert (made.provider, made.account) == (cloud.provider, "prod")
        assert cloud.named(made, "web-1")
        listed = [node for node in await driver.list_nodes() if node.id == made.id]
        assert len(listed) == 1
        running = await driver.wait_until(made, NodeState.RUNNING)
        assert running.id == made.id
        assert running.public_ips or running.private_ips
        assert running.created_at is None or running.created_at.tzinfo is not None
        assert await driver.get_node(made.id) == running

    cloud.run(scenario)


def test_a_destroyed_node_is_gone_or_terminated(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        node = await driver.wait_until(await cloud.make(driver))
        await driver.destroy_node(node)
        ended = await driver.wait_until(node, NodeState.TERMINATED)
        assert ended.state is NodeState.TERMINATED
        assert not await cloud.living(driver)

    cloud.run(scenario)


def test_a_node_stops_starts_and_reboots(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        node = await driver.wait_until(await cloud.make(driver))
        if isinstance(driver, PowerControl):
            await driver.stop_node(node)
            await driver.wait_until(node, NodeState.STOPPED)
            await driver.start_node(node.id)
            node = await driver.wait_until(node, NodeState.RUNNING)
        await driver.reboot_node(node)
        await driver.wait_until(node, NodeState.RUNNING)

    cloud.run(scenario)


def test_what_a_node_is_made_of_may_be_named_by_id(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        recipe = await cloud.recipe(driver)
        node = await driver.create_node(
            "by-id", size=recipe.size.id, image=recipe.image.id, location=recipe.location.id
        )
        seen = await driver.wait_until(node)
        assert seen.size in (recipe.size.id, None)
        assert seen.location in (recipe.location.id, None)
        assert seen.image in (recipe.image.id, None)

    cloud.run(scenario)


def test_tags_come_back_as_they_were_given(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        tags = {"role": "web", "team": "quay"}
        if not cloud.can("tags"):
            with pytest.raises(ConfigurationError, match="tags"):
                await cloud.make(driver, tags=tags)
            return
        node = await driver.wait_until(await cloud.make(driver, tags=tags))
        assert {key: value for key, value in node.tags.items() if key != "Name"} == tags

    cloud.run(scenario)


def test_too_much_user_data_is_refused_before_any_node_is_asked_for(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        limit = driver.user_data_limit
        if not cloud.can("user_data"):
            with pytest.raises(ConfigurationError, match="user data"):
                await cloud.make(driver, user_data="#!/bin/sh")
            return
        assert limit
        await cloud.make(driver, user_data="#" * min(limit, 8000))
        with pytest.raises(ConfigurationError, match=f"{limit} bytes"):
            await cloud.make(driver, user_data="#" * (limit + 1))

    cloud.run(scenario)
    assert cloud.simulator.calls[cloud.create] == cloud.can("user_data")


def test_models_are_values(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        await cloud.make(driver)
        for things in (
            await driver.list_nodes(),
            await driver.list_sizes(),
            await driver.list_images(),
            await driver.list_locations(),
            await driver.list_offers(),
        ):
            assert things
            for thing in things[:5]:
                assert pickle.loads(pickle.dumps(thing)) == thing
                assert hash(thing) == hash(pickle.loads(pickle.dumps(thing)))
                assert "extra" not in repr(thing)
            ids = [thing.id for thing in things if hasattr(thing, "id")]
            assert all(isinstance(each, str) for each in ids)

    cloud.run(scenario)


def test_countries_are_two_capital_letters_or_unknown(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        for place in await driver.list_locations():
            assert place.country is None or (len(place.country) == 2 and place.country.isupper())
            assert place.country != "UK"

    cloud.run(scenario)


def test_what_is_listed_for_a_place_says_so(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        place = (await driver.list_locations())[-1]
        assert {size.location for size in await driver.list_sizes(location=place)} == {place.id}
        assert {image.location for image in await driver.list_images(location=place)} <= {place.id, None}

    cloud.run(scenario)


def test_offers_are_sizes_in_places_and_no_price_is_zero(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        offers = await driver.list_offers()
        places = {place.id for place in await driver.list_locations()}
        assert {offer.location.id for offer in offers} <= places
        assert len({(offer.location.id, offer.size.id) for offer in offers}) == len(offers)
        for offer in offers:
            assert offer.price is None or offer.price.amount > 0
            assert offer.price == offer.size.price

    cloud.run(scenario)


def test_a_list_of_many_pages_is_complete(cloud: Cloud) -> None:
    cloud.simulator.populate(1203)

    async def scenario(driver: Any) -> tuple[int, int]:
        awaited = await driver.list_nodes()
        assert len({node.id for node in awaited}) == len(awaited)
        iterated = [node.id async for node in driver.list_nodes()]
        assert sorted(iterated) == sorted(node.id for node in awaited)
        return len(awaited), len(iterated)

    assert cloud.run(scenario) == (1203, 1203)


def test_leaving_a_list_early_leaves_the_rest_unread(cloud: Cloud) -> None:
    cloud.simulator.populate(1203)

    async def scenario(driver: Any) -> None:
        await driver.list_nodes()
        before = sum(cloud.simulator.calls.values())
        await driver.list_nodes()
        whole = sum(cloud.simulator.calls.values()) - before
        before = sum(cloud.simulator.calls.values())
        async for _ in driver.list_nodes():
            break
        await asyncio.sleep(60)
        read = sum(cloud.simulator.calls.values()) - before
        assert read < whole or whole == cloud.simulator.unpaged, "an API without pages has nothing to leave unread"

    cloud.run(scenario)


def test_a_node_that_is_not_there_is_not_found_and_the_error_says_where(cloud: Cloud) -> None:
    async def scenario(driver: Any) -> None:
        for verb in (driver.get_node, driver.reboot_node, driver.destroy_node):
            with pytest.raises(NotFoundError) as caught:
                await verb(cloud.unknown_node)
            assert str(caught.value).startswith(f"{cloud.provider} (prod")

    cloud.run(scenario)


def test_waiting_for_a_node_that_fails_to_come_names_it(cloud: Cloud) -> None:
    cloud.simulator = type(cloud.simulator)(boot=10_000)

    async def scenario(driver: Any) -> None:
        node = await cloud.make(driver)
        with pytest.raises(WaitTimeoutError) as caught:
            await driver.wait_until(node, timeout=120)
        assert caught.value.node_id == node.id
        assert node.id in str(caught.value)
        assert (await driver.get_node(node)).state in LIVING

    cloud.run(scenario)
