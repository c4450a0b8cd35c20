from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from aiocloud.errors import (
    ConfigurationError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    RateLimitReachedError,
    RetiredProviderWarning,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import NodeAuthSSHKey, NodeState
from aiocloud.providers import get_driver
from aiocloud.providers.rackspace_first_gen import RackspaceFirstGen
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Throttled
from aiocloud.simulators.rackspace_first_gen import RackspaceFirstGenSimulator

MADE_OF: Mapping[str, Any] = {"size": "1", "image": "49"}


def driver(simulator: Any, **options: Any) -> RackspaceFirstGen:
    world = RackspaceFirstGenSimulator()
    usual = {**world.credentials, "endpoint": world.endpoint, "transport": simulator}
    return RackspaceFirstGen(**{**usual, "now": getattr(simulator, "now", world.now), **options})


def test_it_is_known_to_be_gone_and_wants_an_endpoint() -> None:
    with pytest.warns(RetiredProviderWarning, match="closed in 2015; its successor is rackspace"):
        kind = get_driver("rackspace_first_gen")
    with pytest.raises(ConfigurationError, match=r"closed in 2015, .* give `endpoint`"):
        kind("harbour", "key")


async def test_the_ticket_and_where_the_servers_are_come_in_headers() -> None:
    simulator, seen = RackspaceFirstGenSimulator(), list[Request]()

    async def transport(request: Request) -> Response:
        seen.append(request)
        return await simulator(request)

    await driver(transport).list_nodes()
    signing_in, listing = seen
    assert (signing_in.method, str(signing_in.url)) == ("GET", "https://auth.api.rackspacecloud.com/v1.0")
    assert signing_in.headers["X-Auth-User"] == "harbour"
    assert signing_in.headers["X-Auth-Key"] == simulator.credentials["api_key"]
    assert listing.url.path == "/v1.0/731020/servers/detail"
    assert dict(listing.url.query) == {"offset": "0", "limit": "1000"}
    assert "X-Auth-Key" not in listing.headers


def test_a_ticket_that_ends_is_renewed_once_for_all_who_ask() -> None:
    simulator = RackspaceFirstGenSimulator(token_life=100.0)

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            await cloud.list_nodes()
            await asyncio.sleep(200)
            await asyncio.gather(*(cloud.list_nodes() for _ in range(10)))

    virtualtime.run(scenario())
    assert simulator.calls["sign in"] == 2


async def test_a_wrong_key_is_refused_in_plain_text() -> None:
    with pytest.raises(InvalidCredsError):
        await driver(RackspaceFirstGenSimulator(), api_key="wrong").list_nodes()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, MalformedResponseError),
        ({"X-Auth-Token": "t", "X-Server-Management-Url": "http://elsewhere.example/v1.0/1"}, InvalidCredsError),
    ],
)
async def test_a_ticket_goes_nowhere_in_the_clear(headers: Mapping[str, str], error: type[Exception]) -> None:
    asked = list[str]()

    async def transport(request: Request) -> Response:
        asked.append(str(request.url.host))
        return Response(status=204, headers=headers_of(headers), body=b"")

    with pytest.raises(error):
        await driver(transport, retry=Retry(attempts=1)).list_nodes()
    assert set(asked) == {"auth.api.rackspacecloud.com"}


async def test_a_list_of_exactly_a_page_is_read_to_its_end() -> None:
    simulator = RackspaceFirstGenSimulator()
    simulator.populate(1000)
    assert len(await driver(simulator).list_nodes()) == 1000
    assert simulator.calls["GET /servers/detail"] == 2


def test_keys_and_files_are_put_in_and_the_password_is_told_once() -> None:
    simulator = RackspaceFirstGenSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            key = NodeAuthSSHKey("ssh-ed25519 AAAA quay")
            node = await cloud.create_node("web-1", auth=key, tags={"role": "web"}, ex_files={"/a": b"x"}, **MADE_OF)
            assert node.password is not None
            assert "adminPass" not in node.extra
            assert dict(node.tags) == {"role": "web"}
            seen = await cloud.wait_until(node)
            assert (seen.password, dict(seen.tags)) == (None, {"role": "web"})

    virtualtime.run(scenario())
    (server,) = simulator.servers.values()
    assert server.files == {"/root/.ssh/authorized_keys": b"ssh-ed25519 AAAA quay\n", "/a": b"x"}


def test_a_server_is_resized_rebuilt_and_saved() -> None:
    simulator = RackspaceFirstGenSimulator()
    simulator.populate(1)

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            (node,) = await cloud.list_nodes()
            await cloud.ex_resize_node(node, "3")
            assert (await cloud.get_node(node)).state is NodeState.PENDING
            resized = await cloud.wait_until(node)
            assert (resized.extra["status"], resized.size) == ("VERIFY_RESIZE", "3")
            await cloud.ex_confirm_resize(node)
            await cloud.ex_revert_resize(node)
            await cloud.ex_rebuild_node(node, "4")
            assert (await cloud.wait_until(node)).image == "4"
            saved = await cloud.ex_save_image(node, "snap")
            assert saved.id in {image.id for image in await cloud.list_images()}
            assert (await cloud.ex_limits())["absolute"]["maxIPGroups"] == 25

    virtualtime.run(scenario())


def test_too_many_requests_are_answered_with_413() -> None:
    simulator = RackspaceFirstGenSimulator()

    async def scenario() -> None:
        async with driver(simulator, retry=Retry(attempts=1)) as cloud:
            await cloud.list_nodes()
            simulator.faults.append(Throttled())
            with pytest.raises(RateLimitReachedError):
                await cloud.list_nodes()

    virtualtime.run(scenario())


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"tags": {str(number): "" for number in range(5)}}, "takes 4 tags"),
        ({"location": "UK"}, "knows one location, 'US', and no 'UK'"),
        ({"size": "m1.small"}, "no size 'm1.small': its ids are numbers"),
        ({"user_data": "#!"}, "takes no user data"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_sent(given: dict[str, Any], what: str) -> None:
    simulator = RackspaceFirstGenSimulator()
    with pytest.raises(ConfigurationError, match=what):
        await driver(simulator).create_node("web-1", **{**MADE_OF, **given})
    assert simulator.calls[simulator.creates] == 0


async def test_in_the_united_kingdom_no_price_is_known() -> None:
    async with driver(RackspaceFirstGenSimulator(), region="UK") as cloud:
        (place,) = await cloud.list_locations()
        assert (place.country, place.city) == ("GB", "London")
        assert {offer.price for offer in await cloud.list_offers()} == {None}
    async with driver(RackspaceFirstGenSimulator()) as cloud:
        price = (await cloud.list_offers())[0].price
        assert price is not None
        assert (str(price.amount), price.currency, price.as_of.year, price.source) == (
            "0.015",
            "USD",
            2014,
            "catalogue",
        )


async def test_a_fault_tells_its_word_and_its_sentence() -> None:
    body = {"badRequest": {"code": 400, "message": "Cannot find requested image", "details": ""}}

    async def transport(request: Request) -> Response:
        if "X-Auth-Key" in request.headers:
            return await RackspaceFirstGenSimulator()(request)
        return Response(status=400, headers=headers_of({}), body=json.dumps(body).encode())

    with pytest.raises(InvalidRequestError, match="Cannot find requested image") as caught:
        await driver(transport).list_nodes()
    assert caught.value.code == "badRequest"
