from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from yarl import URL

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    ConfigurationError,
    ConflictError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NodeStateError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServiceUnavailableError,
)
from aiocloud.http.message import Handler, Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState, Price
from aiocloud.providers.openstack import OpenStack
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, LostAnswer, Refused, SlowAnswer
from aiocloud.simulators.openstack import OpenStackSimulator
from aiocloud.simulators.server import serve
from aiocloud.values import Secret

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3v9mEoQWyT1LBy6+FQ3GMgN7oQ3zTHt5p8DqGl5pWc harbour"
ONCE = Retry(attempts=1)


def driver(simulator: OpenStackSimulator, region: str | None = "north-1", **options: Any) -> OpenStack:
    known = {**simulator.credentials, "endpoint": simulator.endpoint, "transport": simulator, "now": simulator.now}
    return OpenStack(**{**known, "region": region, **options})


def populate(simulator: OpenStackSimulator, count: int, region: str = "north-1") -> list[str]:
    """So many running servers in a region; the ids of all that it has."""
    simulator.populate(count, region=region)
    return list(simulator.cloud.regions[region].servers)


async def make(cloud: OpenStack, name: str = "quay-1", **options: Any) -> Any:
    region = options.get("location") or (cloud.region if isinstance(cloud.region, str) else "north-1")
    image = (await cloud.list_images(location=region))[0]
    return await cloud.create_node(name, size="2", image=image, **options)


def told(status: int, payload: Any, **headers: str) -> Response:
    kind = {"Content-Type": "application/json"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=headers_of({**kind, **named}), body=json.dumps(payload).encode())


def signed_in(*endpoints: tuple[str, str, str]) -> Response:
    """Keystone's answer, with endpoints given as type, region and URL."""
    catalog = [
        {"type": kind, "name": kind, "endpoints": [{"interface": "public", "region": region, "url": url}]}
        for kind, region, url in endpoints
    ]
    token = {"expires_at": "2099-01-01T00:00:00.000000Z", "catalog": catalog, "project": {"id": "7c0f"}}
    return told(201, {"token": token}, X_Subject_Token="token-of-the-tide")


class Recorder:
    """A transport that answers by a function, and keeps the requests."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.requests: list[Request] = []
        self._answer = answer

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return self._answer(request)

    def body(self, path: str) -> Any:
        return json.loads(next(request.body for request in self.requests if request.url.path.endswith(path)))


def one_region(answer: Callable[[Request], Response], *, newest: str = "", compute: str = "/v2.1") -> Recorder:
    """A cloud of one region whose compute answers by a function."""

    def everything(request: Request) -> Response:
        if request.url.path.endswith("/auth/tokens"):
            return signed_in(("compute", "one", f"https://nova.example{compute}"))
        if request.url.path in ("/v2.1/", "/v2/"):
            return told(200, {"version": {"id": "v2.1", "version": newest, "min_version": "2.1" if newest else ""}})
        return answer(request)

    return Recorder(everything)


def plain(transport: Handler, **options: Any) -> OpenStack:
    known = {"endpoint": "https://keystone.example/v3", "project": "quay", "retry": ONCE, "transport": transport}
    return OpenStack("harbour", "low-tide", **{**known, **options})


# ---- signing in ----


async def test_a_wrong_password_is_tried_once_by_twenty_calls_at_the_same_time() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator, password="ebb-and-flow")
    outcomes = await asyncio.gather(*(cloud.get_node("x") for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {InvalidCredsError}
    assert simulator.calls == {"POST /auth/tokens": 1}
    assert "ebb-and-flow" not in str(outcomes)


async def test_twenty_calls_at_the_same_time_sign_in_once_and_ask_for_the_version_once() -> None:
    simulator = OpenStackSimulator()
    (node_id,) = populate(simulator, 1)
    cloud = driver(simulator)
    await asyncio.gather(*(cloud.get_node(node_id) for _ in range(20)))
    assert simulator.calls == {"POST /auth/tokens": 1, "GET /v2.1/": 1, "GET /servers/{id}": 20}


def test_a_token_is_renewed_before_it_expires() -> None:
    simulator = OpenStackSimulator(token_life=1000)

    async def scenario() -> None:
        cloud = driver(simulator)
        await cloud.list_nodes()
        await anyio.sleep(990)  # it is still good for ten seconds
        await cloud.list_nodes()
        assert simulator.calls["POST /auth/tokens"] == 2
        assert simulator.calls["GET /servers/detail"] == 2  # none was refused

    virtualtime.run(scenario())


async def test_a_revoked_token_is_renewed_once_for_all_who_held_it() -> None:
    simulator = OpenStackSimulator()
    (node_id,) = populate(simulator, 1)
    cloud = driver(simulator)
    await cloud.get_node(node_id)
    simulator.revoke_tokens()
    await asyncio.gather(*(cloud.get_node(node_id) for _ in range(20)))
    assert simulator.calls["POST /auth/tokens"] == 2


async def test_a_token_that_is_refused_again_is_an_error_and_no_loop() -> None:
    transport = one_region(
        lambda request: told(401, {"error": {"message": "no", "code": 401, "title": "Unauthorized"}})
    )
    with pytest.raises(InvalidCredsError) as caught:
        await plain(transport).list_nodes()
    assert caught.value.code == "Unauthorized"
    assert [request.url.path for request in transport.requests].count("/v3/auth/tokens") == 2


async def test_an_application_credential_signs_in_without_a_scope() -> None:
    simulator = OpenStackSimulator()
    populate(simulator, 2)
    known = {"username": None, "password": None, "project": None}
    cloud = driver(simulator, **known, **simulator.application_credential)
    assert len(await cloud.list_nodes()) == 2


@pytest.mark.parametrize(
    ("options", "auth"),
    [
        (
            {"username": "harbour", "password": "tide", "project": "quay"},
            {
                "identity": {
                    "methods": ["password"],
                    "password": {
                        "user": {"name": "harbour", "domain": {"name": "Default"}, "password": "tide"},
                    },
                },
                "scope": {"project": {"name": "quay", "domain": {"name": "Default"}}},
            },
        ),
        (
            {"user_id": "u1", "password": Secret("tide"), "project_id": "7c0f", "project_domain": "unused"},
            {
                "identity": {"methods": ["password"], "password": {"user": {"id": "u1", "password": "tide"}}},
                "scope": {"project": {"id": "7c0f"}},
            },
        ),
        (
            {
                "application_credential_name": "ci",
                "application_credential_secret": "ebb",
                "username": "harbour",
                "user_domain_id": "default",
                "project": "unused",
            },
            {
                "identity": {
                    "methods": ["application_credential"],
                    "application_credential": {
                        "name": "ci",
                        "user": {"name": "harbour", "domain": {"id": "default"}},
                        "secret": "ebb",
                    },
                }
            },
        ),
        (
            {"token": "older", "project_id": "7c0f"},
            {"identity": {"methods": ["token"], "token": {"id": "older"}}, "scope": {"project": {"id": "7c0f"}}},
        ),
    ],
)
@pytest.mark.parametrize("endpoint", ["https://keystone.example", "https://keystone.example/v3/"])
async def test_every_way_of_signing_in_is_written_as_keystone_wants_it(options: Any, auth: Any, endpoint: str) -> None:
    transport = Recorder(lambda request: told(401, {}))
    with pytest.raises(InvalidCredsError):
        await OpenStack(**options, endpoint=endpoint, transport=transport).list_nodes()
    assert transport.body("/v3/auth/tokens") == {"auth": auth}


async def test_an_endpoint_of_version_2_signs_in_as_old_clouds_want_it() -> None:
    def answer(request: Request) -> Response:
        if request.url.path == "/v2.0/tokens":
            endpoints = [{"region": "one", "publicURL": "https://nova.example/v2/7c0f"}]
            services = [{"type": "compute", "name": "nova", "endpoints": endpoints}]
            token = {"id": "older-token", "expires": "2099-01-01T00:00:00Z", "tenant": {"id": "7c0f"}}
            return told(200, {"access": {"token": token, "serviceCatalog": services}})
        if request.url.path == "/v2/":
            return told(200, {"version": {"id": "v2.0", "version": "", "min_version": ""}})
        return told(200, {"servers": []})

    transport = Recorder(answer)
    assert await plain(transport, endpoint="https://keystone.example/v2.0").list_nodes() == []
    sent = {"passwordCredentials": {"username": "harbour", "password": "low-tide"}, "tenantName": "quay"}
    assert transport.body("/tokens") == {"auth": sent}
    last = transport.requests[-1]
    assert last.url.path == "/v2/7c0f/servers/detail"
    assert last.headers["X-Auth-Token"] == "older-token"
    assert "OpenStack-API-Version" not in last.headers


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"username": "harbour", "password": "tide"},
        {"endpoint": "https://keystone.example"},
        {"endpoint": "https://keystone.example", "password": "tide", "token": "older"},
    ],
)
def test_a_driver_without_one_way_to_sign_in_is_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs"):
        OpenStack(**options)


@pytest.mark.parametrize(("status", "error"), [(200, MalformedResponseError), (502, ServiceUnavailableError)])
async def test_a_page_from_a_proxy_instead_of_keystone_is_named(status: int, error: type[Exception]) -> None:
    page = Response(
        status=status, headers=headers_of({"Content-Type": "text/html"}), body=b"<title>Welcome to the hotel</title>"
    )
    with pytest.raises(error, match="Welcome to the hotel"):
        await plain(Recorder(lambda request: page)).list_nodes()


async def test_an_answer_without_a_token_is_malformed() -> None:
    transport = Recorder(lambda request: told(201, {"token": {"expires_at": "2099-01-01T00:00:00Z"}}))
    with pytest.raises(MalformedResponseError, match="value"):
        await plain(transport).list_nodes()


async def test_signing_in_without_a_project_says_that_one_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="`project`"):
        await plain(Recorder(lambda request: signed_in()), project=None).list_nodes()


async def test_neither_password_nor_token_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    transport = one_region(lambda request: told(400, {"badRequest": {"message": "no token-of-the-tide, no low-tide"}}))
    cloud = plain(transport)
    with pytest.raises(InvalidRequestError) as caught:
        await cloud.list_nodes()
    seen = f"{caplog.text} {cloud!r} {caught.value} {caught.value.args}"
    assert "servers/detail" in caplog.text
    assert "token-of-the-tide" not in seen
    assert "low-tide" not in seen


# ---- the catalogue ----


async def test_a_region_that_the_catalogue_lacks_is_an_error_that_names_those_there_are() -> None:
    simulator = OpenStackSimulator()
    with pytest.raises(NotFoundError, match=r"'east-9'.*north-1, south-1"):
        await driver(simulator, region="east-9").list_nodes()
    with pytest.raises(NotFoundError, match=r"'east-9'.*north-1, south-1"):
        await driver(simulator).create_node("x", size="2", image="y", location="east-9")


async def test_a_service_that_a_region_lacks_is_an_error_that_names_it() -> None:
    transport = Recorder(lambda request: signed_in(("compute", "one", "https://nova.example/v2.1")))
    with pytest.raises(NotFoundError, match="image endpoint in region 'one'"):
        await plain(transport).list_images()


async def test_the_name_of_a_region_may_be_written_in_any_case() -> None:
    simulator = OpenStackSimulator()
    populate(simulator, 1)
    (node,) = await driver(simulator, region="NORTH-1").list_nodes()
    assert node.location == "north-1"


async def test_a_token_got_over_https_is_not_sent_over_http() -> None:
    transport = Recorder(lambda request: signed_in(("compute", "one", "http://nova.example/v2.1")))
    with pytest.raises(ConfigurationError, match=r"in the clear.*ex_endpoints"):
        await plain(transport).list_nodes()
    assert len(transport.requests) == 1


async def test_the_user_may_say_where_a_service_is_plain_http_included() -> None:
    def answer(request: Request) -> Response:
        if request.url.path == "/v3/auth/tokens":
            return signed_in(("compute", "one", "http://nova.example/v2.1"))
        return told(200, {"servers": []})

    transport = Recorder(answer)
    where = {"compute": "http://{region}.example:8774/v2.1/{project_id}"}
    await plain(transport, ex_endpoints=where).list_nodes()
    assert str(transport.requests[-1].url) == "http://one.example:8774/v2.1/7c0f/servers/detail"


async def test_one_url_does_not_stand_for_several_regions() -> None:
    simulator = OpenStackSimulator()
    with pytest.raises(ConfigurationError, match=r"\{region\}"):
        await driver(simulator, region=None, ex_endpoints={"compute": "https://nova.example"}).list_nodes()


@pytest.mark.parametrize("url", ["https://glance.example", "https://glance.example/v2/", "https://glance.example/v1"])
async def test_the_version_of_an_api_is_settled_whatever_the_catalogue_says(url: str) -> None:
    def answer(request: Request) -> Response:
        if request.url.path == "/v3/auth/tokens":
            return signed_in(("compute", "one", "https://nova.example"), ("image", "one", url))
        return told(200, {"images": []})

    transport = Recorder(answer)
    await plain(transport).list_images()
    assert transport.requests[-1].url.path == "/v2/images"


async def test_the_whole_way_works_over_real_http() -> None:
    simulator = OpenStackSimulator()
    expected = populate(simulator, 3)
    async with serve(simulator) as root:
        where = str(root).rstrip("/") + URL(simulator.endpoint).path
        async with driver(simulator, endpoint=where, transport=None) as cloud:
            assert sorted(node.id for node in await cloud.list_nodes()) == sorted(expected)
            assert len(await cloud.list_images()) > 25


# ---- microversions ----


@pytest.mark.parametrize(
    ("newest", "sent", "networks"),
    [("2.103", "2.46", "auto"), ("2.42", "2.42", "auto"), ("2.25", "2.25", None), ("", None, None)],
)
async def test_the_microversion_is_the_best_that_the_cloud_and_we_know(
    newest: str, sent: str | None, networks: str | None
) -> None:
    server = {"id": "5a0c", "name": "quay-1", "status": "BUILD"}
    transport = one_region(lambda request: told(200, {"server": server}), newest=newest)
    await plain(transport).create_node("quay-1", size="1", image="0001")
    created = next(
        request for request in transport.requests if request.method == "POST" and "servers" in request.url.path
    )
    assert created.headers.get("OpenStack-API-Version") == (f"compute {sent}" if sent else None)
    assert created.headers.get("X-OpenStack-Nova-API-Version") == sent
    assert json.loads(created.body)["server"].get("networks") == networks


async def test_a_cloud_that_does_not_tell_its_versions_is_spoken_to_without() -> None:
    def answer(request: Request) -> Response:
        if request.url.path == "/v3/auth/tokens":
            return signed_in(("compute", "one", "https://nova.example/v2.1/7c0f"))
        return told(200, {"servers": []}) if "servers" in request.url.path else Response(status=404)

    transport = Recorder(answer)
    assert await plain(transport).list_nodes() == []
    assert transport.requests[1].url.path == "/v2.1/"
    assert "OpenStack-API-Version" not in transport.requests[-1].headers


async def test_a_region_that_is_down_is_not_taken_for_an_old_one() -> None:
    simulator = OpenStackSimulator()
    simulator.faults.append(Answer(on="GET /v2.1/", status=503, body=b"<title>No server available</title>"))
    cloud = driver(simulator, retry=ONCE)
    with pytest.raises(ServiceUnavailableError, match="No server available"):
        await cloud.list_nodes()
    assert await cloud.list_nodes() == []  # the failure was not kept


async def test_a_region_that_is_down_is_tried_once_by_twenty_calls_at_the_same_time() -> None:
    simulator = OpenStackSimulator(latency=0.01)
    simulator.faults.append(Answer(on="GET /v2.1/", status=503))
    cloud = driver(simulator, retry=ONCE)
    outcomes = await asyncio.gather(*(cloud.get_node("5a0c") for _ in range(20)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ServiceUnavailableError}
    assert simulator.calls["GET /v2.1/"] == 1


async def test_a_microversion_of_the_users_choice_is_not_asked_for_first() -> None:
    simulator = OpenStackSimulator()
    populate(simulator, 1)
    (node,) = await driver(simulator, microversion="2.79").list_nodes()
    assert node.size is None  # told no more, and not made up
    assert node.extra["flavor"]["original_name"]
    assert "GET /v2.1/" not in simulator.calls
    with pytest.raises(ConfigurationError, match="microversion"):
        driver(simulator, microversion="latest")


# ---- lists ----


async def test_lists_are_complete_however_small_the_pages() -> None:
    simulator = OpenStackSimulator(page=3)
    expected = populate(simulator, 10) + populate(simulator, 4, "south-1")
    cloud = driver(simulator, region=None)
    assert sorted(node.id for node in await cloud.list_nodes()) == sorted(expected)
    assert len(await cloud.list_nodes(location="south-1")) == 4
    assert len({size.id for size in await cloud.list_sizes()}) == len(await cloud.list_sizes()) == 12


async def test_images_are_followed_to_the_last_page() -> None:
    transport = Recorder(
        lambda request: (
            signed_in(("compute", "one", "https://nova.example"), ("image", "one", "https://glance.example"))
            if request.method == "POST"
            else told(200, {"images": [{"id": "2", "name": "b"}]})
            if request.url.query.get("marker") == "1"
            else told(200, {"images": [{"id": "1", "name": "a"}], "next": "/v2/images?marker=1&status=active"})
        )
    )
    assert [image.id for image in await plain(transport).list_images()] == ["1", "2"]


async def test_the_size_of_a_node_is_one_that_a_create_takes() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator)
    node = await make(cloud)
    assert node.size == "2"
    assert node.size in {size.id for size in await cloud.list_sizes()}


async def test_locations_are_the_regions_with_their_zones_and_the_users_countries() -> None:
    simulator = OpenStackSimulator()
    north, south = await driver(simulator, region=None, ex_countries={"north-1": "NO"}).list_locations()
    assert (north.id, north.country, north.zones) == ("north-1", "NO", ("az-1", "az-2"))
    assert (south.id, south.country) == ("south-1", None)
    with pytest.raises(ConfigurationError, match="ISO"):
        driver(simulator, ex_countries={"north-1": "Norway"})


async def test_offers_have_the_users_own_prices_and_no_others() -> None:
    simulator = OpenStackSimulator(now=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    prices = {"m1.small": "0.05 EUR/hour", "3": Price(amount=Decimal(9), currency="USD", per="month", as_of=date.min)}
    offers = await driver(simulator, region=None, prices=prices).list_offers()
    assert len(offers) == 24
    priced = {(offer.location.id, offer.size.id): offer.price for offer in offers if offer.price}
    assert set(priced) == {(region, size) for region in ("north-1", "south-1") for size in ("2", "3")}
    small = Price(amount=Decimal("0.05"), currency="EUR", as_of=date(2026, 3, 1), source="catalogue")
    assert priced["south-1", "2"] == small
    assert priced["north-1", "3"] == prices["3"]


@pytest.mark.parametrize("price", ["0.05", "5 eur/hour", "-1 EUR/hour", "1 EUR/day", 5])
def test_a_price_that_cannot_be_read_is_refused_at_once(price: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"m1\.tiny"):
        plain(OpenStackSimulator(), prices={"m1.tiny": price})


async def test_parts_are_regions_that_fail_one_by_one_and_share_one_token() -> None:
    simulator = OpenStackSimulator()
    populate(simulator, 1)
    populate(simulator, 2, "south-1")
    async with driver(simulator, region=None, retry=ONCE) as cloud:
        north, south = await cloud.parts()
        assert (north.region, south.region) == (north.part, south.part) == ("north-1", "south-1")
        simulator.faults.append(Answer(on="GET /servers/detail", status=503))
        with pytest.raises(ServiceUnavailableError):
            await north.list_nodes()
        assert len(await south.list_nodes()) == 2
    assert simulator.calls["POST /auth/tokens"] == 1
    alone = driver(simulator)
    assert await alone.parts() == [alone]


# ---- nodes ----


def test_a_node_lives_from_create_to_destroy() -> None:
    simulator = OpenStackSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await make(cloud, tags={"role": "web"}, user_data="#!/bin/sh\n")
            assert (node.state, node.name, node.location) == (NodeState.PENDING, "quay-1", "north-1")
            assert dict(node.tags) == {"role": "web"}
            assert node.password
            assert "adminPass" not in node.extra
            running = await cloud.wait_until(node)
            assert running.public_ips
            assert running.private_ips
            assert running.password is None
            await cloud.stop_node(node)
            await cloud.wait_until(node, NodeState.STOPPED)
            with pytest.raises(ConflictError):
                await cloud.reboot_node(node)
            await cloud.start_node(node.id)
            await cloud.wait_until(node)
            await cloud.reboot_node(node)
            assert (await cloud.get_node(node)).state is NodeState.REBOOTING
            await cloud.wait_until(node)
            await cloud.destroy_node(node)
            assert (await cloud.wait_until(node, NodeState.TERMINATED)).state is NodeState.TERMINATED
            await anyio.sleep(60)
            assert await cloud.list_nodes() == []

    virtualtime.run(scenario())


def test_a_server_for_which_no_host_has_room_fails_with_novas_reason() -> None:
    simulator = OpenStackSimulator()
    simulator.fail_scheduling()

    async def scenario() -> None:
        cloud = driver(simulator)
        node = await make(cloud)
        with pytest.raises(NodeStateError, match="No valid host was found") as caught:
            await cloud.wait_until(node)
        assert caught.value.node_id == node.id

    virtualtime.run(scenario())


def test_a_lost_answer_to_a_create_makes_one_node_and_finds_it() -> None:
    simulator = OpenStackSimulator()
    simulator.faults.append(LostAnswer(on="POST /servers"))

    async def scenario() -> None:
        cloud = driver(simulator)
        node = await make(cloud, auth=NodeAuthPassword("tide-and-harbour"))
        assert [each.id for each in await cloud.list_nodes()] == [node.id]
        assert node.password == Secret("tide-and-harbour")
        assert simulator.calls["POST /servers"] == 1

    virtualtime.run(scenario())


def test_a_create_that_left_nothing_to_find_is_in_doubt_and_not_repeated() -> None:
    simulator = OpenStackSimulator()
    simulator.faults.append(Answer(on="POST /servers", status=502, body=b"<title>Bad gateway</title>"))

    async def scenario() -> None:
        with pytest.raises(AmbiguousCreateError, match="Bad gateway"):
            await make(driver(simulator))
        assert simulator.calls["POST /servers"] == 1

    virtualtime.run(scenario())


def test_a_create_cancelled_at_any_moment_leaves_no_node() -> None:
    async def scenario(moment: float) -> None:
        simulator = OpenStackSimulator(latency=0.2)
        cloud = driver(simulator)
        image = (await cloud.list_images())[0]
        with anyio.move_on_after(moment) as scope:
            await cloud.create_node("quay-1", size="2", image=image)
        assert scope.cancelled_caught
        await anyio.sleep(60)
        assert await cloud.list_nodes() == []

    for moment in (0.1, 0.19, 0.21, 0.3, 0.39, 0.41, 0.5, 0.59):  # it takes three requests
        virtualtime.run(scenario(moment))


@pytest.mark.parametrize("fault", [Answer(on="GET /servers/{id}", status=503), Refused(on="GET /servers/{id}")])
async def test_a_new_server_that_cannot_be_looked_at_is_not_lost(fault: Any) -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator, retry=ONCE)
    simulator.faults.append(fault)
    node = await make(cloud, tags={"role": "web"})
    assert (node.state, node.size, node.name) == (NodeState.PENDING, "2", "quay-1")
    assert dict(node.tags) == {"role": "web"}
    assert node.password
    assert "adminPass" not in node.extra
    assert (await cloud.get_node(node)).id == node.id


def test_a_new_server_that_tells_nothing_for_long_is_not_waited_for() -> None:
    simulator = OpenStackSimulator()
    simulator.faults.append(SlowAnswer(on="GET /servers/{id}", seconds=50))

    async def scenario() -> None:
        began = anyio.current_time()
        assert (await make(driver(simulator))).state is NodeState.PENDING
        assert anyio.current_time() - began < 10

    virtualtime.run(scenario())


async def test_what_a_create_sends_is_what_was_asked_for() -> None:
    server = {"id": "5a0c", "name": "quay-1", "status": "BUILD"}
    transport = one_region(lambda request: told(200, {"server": server}), newest="2.90")
    await plain(transport).create_node(
        "quay-1",
        size="m1.pier",
        image="0001",
        auth=KeyPair(id="harbour", name="harbour"),
        user_data=b"#!",
        tags={"role": "web"},
        ex_networks=["n1", "n2"],
        ex_security_groups=["web"],
        ex_availability_zone="az-2",
        ex_config_drive=True,
        ex_boot_volume_size=20,
        ex_scheduler_hints={"group": "g1"},
    )
    body = transport.body("/servers")
    mark = body["server"]["metadata"].pop("aiocloud-create")
    assert re.fullmatch("[0-9a-f]{32}", mark)
    assert body == {
        "server": {
            "name": "quay-1",
            "flavorRef": "m1.pier",
            "block_device_mapping_v2": [
                {
                    "boot_index": 0,
                    "uuid": "0001",
                    "source_type": "image",
                    "destination_type": "volume",
                    "volume_size": 20,
                    "delete_on_termination": True,
                }
            ],
            "metadata": {"role": "web"},
            "user_data": "IyE=",
            "key_name": "harbour",
            "networks": [{"uuid": "n1"}, {"uuid": "n2"}],
            "security_groups": [{"name": "web"}],
            "availability_zone": "az-2",
            "config_drive": True,
        },
        "os:scheduler_hints": {"group": "g1"},
    }


async def test_user_data_that_is_too_long_is_refused_before_anything_is_sent() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator)
    with pytest.raises(ConfigurationError, match="49149"):
        await make(cloud, user_data="x" * 49150)
    assert await make(cloud, user_data="x" * 49149)
    assert simulator.calls["POST /servers"] == 1


async def test_a_public_key_is_imported_once_under_its_fingerprint() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator)
    first = await make(cloud, "quay-1", auth=NodeAuthSSHKey(KEY))
    second = await make(cloud, "quay-2", auth=NodeAuthSSHKey(KEY.replace("harbour", "another comment")))
    (pair,) = await cloud.list_key_pairs()
    assert first.extra["key_name"] == second.extra["key_name"] == pair.name
    with pytest.raises(ConfigurationError, match="OpenSSH"):
        await make(cloud, auth=NodeAuthSSHKey("not a key"))


async def test_a_node_id_alone_is_found_in_whichever_region_it_is() -> None:
    simulator = OpenStackSimulator()
    (node_id,) = populate(simulator, 1, "south-1")
    cloud = driver(simulator, region=None)
    assert (await cloud.get_node(node_id)).location == "south-1"
    await cloud.destroy_node(node_id)
    assert (await cloud.get_node(node_id)).state is NodeState.TERMINATED
    with pytest.raises(NotFoundError):
        await cloud.get_node("5a0c")


async def test_a_region_that_fails_is_not_taken_for_one_without_the_node() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator, region=None, retry=ONCE)
    simulator.faults.append(Answer(on="GET /servers/{id}", status=503))
    with pytest.raises(ServiceUnavailableError):
        await cloud.get_node("5a0c")


async def test_a_create_wants_to_know_where_when_there_are_several_regions() -> None:
    with pytest.raises(ConfigurationError, match="there are: north-1, south-1"):
        await make(driver(OpenStackSimulator(), region=None))


# ---- errors ----


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (403, {"forbidden": {"code": 403, "message": "Quota exceeded for cores: 9"}}, QuotaExceededError, "forbidden"),
        (
            413,
            {"overLimit": {"code": 413, "message": "This request was rate-limited."}},
            RateLimitReachedError,
            "overLimit",
        ),
        (409, {"NeutronError": {"type": "OverQuota", "message": "Enough."}}, QuotaExceededError, "OverQuota"),
        (409, {"conflictingRequest": {"code": 409, "message": "Busy."}}, ConflictError, "conflictingRequest"),
        (400, {"badRequest": {"message": "Flavor x could not be found."}}, NotFoundError, "badRequest"),
    ],
)
async def test_a_no_is_told_apart_by_its_words(status: int, body: Any, kind: type[Exception], code: str) -> None:
    transport = one_region(lambda request: told(status, body, x_openstack_request_id="req-7"))
    with pytest.raises(kind) as caught:
        await plain(transport, account="mole").list_nodes()
    error: Any = caught.value
    assert (error.status, error.code, error.request_id, error.account) == (status, code, "req-7", "mole")
    assert next(iter(body.values()))["message"] in str(error)


async def test_an_image_that_glance_refuses_to_name_is_an_error_of_ours() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator)
    for size, image in (("nope", "nope"), ("2", "nope")):
        with pytest.raises(NotFoundError):
            await cloud.create_node("quay-1", size=size, image=image)


# ---- key pairs ----


async def test_a_key_pair_is_imported_listed_and_forgotten_in_every_region() -> None:
    simulator = OpenStackSimulator()
    cloud = driver(simulator, region=None)
    pair = await cloud.import_key_pair_from_string("harbour", KEY)
    assert (pair.name, pair.public_key) == ("harbour", KEY)
    assert [each.name for each in await cloud.list_key_pairs()] == ["harbour"]
    assert len(await driver(simulator, region="south-1").list_key_pairs()) == 1
    with pytest.raises(ConflictError):
        await cloud.import_key_pair_from_string("harbour", KEY)
    await cloud.delete_key_pair(pair)
    assert await cloud.list_key_pairs() == []
    with pytest.raises(NotFoundError):
        await cloud.delete_key_pair("harbour")


# ---- what only OpenStack has ----


def test_a_server_can_be_resized_rebuilt_and_put_away() -> None:
    simulator = OpenStackSimulator()

    async def scenario() -> None:
        cloud = driver(simulator)
        node = await cloud.wait_until(await make(cloud, tags={"role": "web"}))
        await cloud.ex_resize_node(node, "3")
        node = await cloud.wait_until(node)
        assert (node.size, node.extra["status"]) == ("3", "VERIFY_RESIZE")
        await cloud.ex_confirm_resize(node)
        image = (await cloud.list_images())[1]
        rebuilt = await cloud.ex_rebuild_node(node, image)
        assert (rebuilt.image, bool(rebuilt.password)) == (image.id, True)
        await cloud.wait_until(node)
        assert await cloud.ex_rescue_node(node)
        await anyio.sleep(5)
        await cloud.ex_unrescue_node(node)
        await anyio.sleep(5)
        await cloud.ex_pause_node(node)
        await cloud.wait_until(node, NodeState.SUSPENDED)
        await cloud.ex_unpause_node(node)
        await cloud.wait_until(node)
        await cloud.ex_suspend_node(node)
        await cloud.wait_until(node, NodeState.SUSPENDED)
        await cloud.ex_resume_node(node)
        await cloud.wait_until(node)
        assert (await cloud.ex_rename_node(node, "quay-9")).name == "quay-9"
        assert "login:" in await cloud.ex_console_output(node, lines=1)
        snapshot = await cloud.ex_create_image(node, "snap")
        await anyio.sleep(5)
        assert snapshot in {each.id for each in await cloud.list_images()}
        await cloud.ex_shelve_node(node)
        await cloud.wait_until(node, NodeState.STOPPED)
        await cloud.ex_unshelve_node(node)
        await cloud.wait_until(node)
        assert await cloud.ex_set_metadata(node, {"role": "db"}) == {"role": "db"}
        assert dict((await cloud.get_node(node)).tags) == await cloud.ex_get_metadata(node) == {"role": "db"}

    virtualtime.run(scenario())


async def test_the_id_of_a_new_image_is_read_from_the_header_of_an_old_cloud() -> None:
    def answer(request: Request) -> Response:
        return Response(status=202, headers=headers_of({"Location": "http://glance.example/images/0007"}))

    assert await plain(one_region(answer, newest="2.25")).ex_create_image("5a0c", "snap") == "0007"


async def test_security_groups_are_made_opened_and_deleted() -> None:
    cloud = driver(OpenStackSimulator())
    group = await cloud.ex_create_security_group("web", "doors")
    rule = await cloud.ex_create_security_group_rule(group["id"], port=22, cidr="2001:db8::/32")
    assert (rule["ethertype"], rule["port_range_min"], rule["port_range_max"]) == ("IPv6", 22, 22)
    found = {each["name"]: each for each in await cloud.ex_list_security_groups()}
    assert rule["id"] in {each["id"] for each in found["web"]["security_group_rules"]}
    await cloud.ex_delete_security_group_rule(rule["id"])
    await cloud.ex_delete_security_group(group["id"])
    assert {each["name"] for each in await cloud.ex_list_security_groups()} == {"default"}


def test_a_floating_address_is_put_before_a_node_and_given_back() -> None:
    simulator = OpenStackSimulator(auto_floating=False)

    async def scenario() -> None:
        cloud = driver(simulator)
        node = await cloud.wait_until(await make(cloud))
        address = await cloud.ex_allocate_floating_ip()
        await cloud.ex_associate_floating_ip(address["id"], node)
        assert address["floating_ip_address"] in (await cloud.get_node(node)).public_ips
        await cloud.ex_disassociate_floating_ip(address["id"])
        assert address["floating_ip_address"] not in (await cloud.get_node(node)).public_ips
        await cloud.ex_release_floating_ip(address["id"])
        assert await cloud.ex_list_floating_ips() == []
        assert {each["name"] for each in await cloud.ex_list_networks()} == {"quay-net", "public"}
        with pytest.raises(NotFoundError, match="no port"):
            await cloud.ex_associate_floating_ip(address["id"], "5a0c")

    virtualtime.run(scenario())


async def test_limits_tell_what_the_project_uses() -> None:
    simulator = OpenStackSimulator()
    populate(simulator, 2)
    assert (await driver(simulator).ex_get_limits())["totalInstancesUsed"] == 2


# ---- accounts ----

CLOUDS = """
clouds:
  home:
    auth: {auth_url: "https://home.example:5000/v3", username: harbour, project_name: quay, user_domain_name: Sea}
    region_name: north-1
    interface: internalURL
    verify: false
  work:
    auth_type: v3applicationcredential
    auth: {auth_url: "https://work.example", application_credential_id: c3d0, application_credential_secret: ebb,
           username: unused, password: unused}
    regions: [one, {name: two}]
    compute_endpoint_override: https://nova.work.example/v2.1
  odd:
    auth_type: v3oidcpassword
    auth: {auth_url: "https://odd.example", username: harbour, password: tide}
"""


def environment(folder: Path, **variables: str) -> Environment:
    return Environment(variables, folder, folder / "aiocloud")


@pytest.fixture
def clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with clouds.yaml and secure.yaml in the usual place."""
    folder = tmp_path / ".config" / "openstack"
    folder.mkdir(parents=True)
    (folder / "clouds.yaml").write_text(CLOUDS)
    (folder / "secure.yaml").write_text("clouds: {home: {auth: {password: tide-from-the-safe}}}")
    monkeypatch.chdir(folder.parent)
    return tmp_path


def test_every_cloud_of_clouds_yaml_and_of_the_variables_is_an_account(clouds: Path) -> None:
    found = environment(clouds, OS_AUTH_URL="https://v.example", OS_USERNAME="u", OS_PASSWORD="p", OS_PROJECT_NAME="x")
    accounts = {account.name: account for account in OpenStack.accounts(found)}
    assert list(accounts) == ["home", "work", "odd", "default"]
    assert dict(accounts["home"].options) == {
        "endpoint": "https://home.example:5000/v3",
        "username": "harbour",
        "password": "tide-from-the-safe",
        "project": "quay",
        "user_domain": "Sea",
        "region": "north-1",
        "ex_interface": "internal",
        "ssl": False,
    }
    assert dict(accounts["work"].options) == {
        "endpoint": "https://work.example",
        "application_credential_id": "c3d0",
        "application_credential_secret": "ebb",
        "username": "unused",
        "region": ["one", "two"],
        "ex_endpoints": {"compute": "https://nova.work.example/v2.1"},
    }
    assert accounts["default"].options["endpoint"] == "https://v.example"
    assert "tide" not in repr(list(accounts.values()))
    for name in ("home", "work", "default"):
        assert OpenStack(**accounts[name].options, account=name).account == name


def test_an_option_that_is_none_leaves_the_one_of_the_file(clouds: Path) -> None:
    assert OpenStack(cloud="home", region=None).region == "north-1"


def test_a_cloud_is_named_and_what_else_is_given_counts_more(clouds: Path) -> None:
    cloud = OpenStack(cloud="home", region="south-1")
    assert (cloud.account, cloud.region, cloud.endpoint) == ("home", "south-1", "https://home.example:5000/v3")
    with pytest.raises(ConfigurationError, match="'away'; it has: home, work, odd"):
        OpenStack(cloud="away")
    with pytest.raises(ConfigurationError, match="v3oidcpassword"):
        OpenStack(cloud="odd")


def test_a_file_named_by_a_variable_comes_first(clouds: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("clouds: {mine: {auth: {auth_url: 'https://m.example', token: t}}}")
    (account,) = OpenStack.accounts(environment(clouds, OS_CLIENT_CONFIG_FILE=str(own)))
    assert (account.name, account.source) == ("mine", str(own))


def test_without_pyyaml_the_error_says_what_to_install(clouds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match=re.escape("pip install 'aiocloud[openstack]'")):
        list(OpenStack.accounts(environment(clouds)))


def test_a_file_that_cannot_be_read_is_an_error_that_does_not_quote_it(clouds: Path) -> None:
    (clouds / ".config" / "openstack" / "secure.yaml").write_text("clouds: {home: {auth: {password: [tide")
    with pytest.raises(ConfigurationError, match=r"secure\.yaml") as caught:
        list(OpenStack.accounts(environment(clouds)))
    assert "tide" not in str(caught.value)


def test_certificates_that_are_missing_are_told_when_the_account_is_used(tmp_path: Path) -> None:
    own = tmp_path / "clouds.yaml"
    own.write_text("clouds: {mine: {auth: {auth_url: 'https://m.example', token: t}, cacert: /nowhere/ca.pem}}")
    (account,) = OpenStack.accounts(environment(tmp_path, OS_CLIENT_CONFIG_FILE=str(own)))
    assert dict(account.options) == {"cloud": "mine"}


def test_without_files_and_variables_there_are_no_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(OpenStack.accounts(environment(tmp_path))) == []
