from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import ConfigurationError, InvalidCredsError, NotFoundError, RateLimitReachedError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import NodeState
from aiocloud.providers.rackspace import Rackspace
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Throttled
from aiocloud.simulators.rackspace import RackspaceSimulator


def driver(simulator: RackspaceSimulator, region: str | None = "LON", **options: Any) -> Rackspace:
    known = {**simulator.credentials, "transport": simulator, "now": simulator.now, "region": region}
    return Rackspace(**{**known, **options})


def test_a_node_lives_from_create_to_destroy_on_both_networks() -> None:
    simulator = RackspaceSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            image = (await cloud.list_images())[0]
            node = await cloud.create_node("quay-1", size="general1-1", image=image, tags={"role": "web"})
            assert (node.location, node.size, bool(node.password)) == ("LON", "general1-1", True)
            running = await cloud.wait_until(node)
            assert len(running.public_ips) == 2  # IPv4 and IPv6
            assert running.private_ips[0].startswith("10.")
            assert dict(running.tags) == {"role": "web"}
            assert await cloud.list_nodes() == [running]
            await cloud.destroy_node(node)
            assert (await cloud.wait_until(node, NodeState.TERMINATED)).id == node.id

    virtualtime.run(scenario())


async def test_no_microversion_is_asked_for_and_the_first_generation_is_passed_over() -> None:
    simulator, seen = RackspaceSimulator(), list[Request]()

    async def transport(request: Request) -> Response:
        seen.append(request)
        return await simulator(request)

    await driver(simulator, transport=transport).list_nodes()
    signing_in, listing = seen
    assert str(signing_in.url) == "https://identity.api.rackspacecloud.com/v2.0/tokens"
    assert json.loads(signing_in.body) == {
        "auth": {"RAX-KSKEY:apiKeyCredentials": {"username": "harbour", "apiKey": "00112233445566778899aabbccddeeff"}}
    }
    assert listing.url.path == "/LON/compute/v2/731020/servers/detail"
    assert not {"OpenStack-API-Version", "X-OpenStack-Nova-API-Version"} & set(listing.headers)


async def test_a_wrong_key_is_refused_and_not_shown() -> None:
    simulator = RackspaceSimulator()
    with pytest.raises(InvalidCredsError) as caught:
        await driver(simulator, api_key="ffeeddccbbaa", account="mole").list_nodes()
    assert "rackspace (mole)" in str(caught.value)
    assert "ffeeddccbbaa" not in str(caught.value)
    assert simulator.calls == {"POST /tokens": 1}
    with pytest.raises(ConfigurationError, match="api_key"):
        Rackspace("harbour")


async def test_a_token_that_the_edge_refuses_in_plain_text_is_renewed_once() -> None:
    simulator = RackspaceSimulator()
    cloud = driver(simulator)
    await cloud.list_nodes()
    simulator.revoke_tokens()
    assert await cloud.list_nodes() == []
    assert simulator.calls["POST /tokens"] == 2


async def test_a_413_is_a_rate_limit_that_says_how_long() -> None:
    simulator = RackspaceSimulator()
    simulator.faults.append(Throttled(on="GET /servers/detail", retry_after=7))
    with pytest.raises(RateLimitReachedError) as caught:
        await driver(simulator, retry=Retry(attempts=1)).list_nodes()
    assert (caught.value.status, caught.value.retry_after, caught.value.code) == (413, 7.0, "overLimit")


async def test_offers_know_the_country_and_how_old_the_prices_are() -> None:
    offers = {(o.location.id, o.size.id): o for o in await driver(RackspaceSimulator(), region=None).list_offers()}
    london = offers["LON", "4"]
    assert london.location.country == "GB"
    assert london.price is not None
    assert (london.price.amount, london.price.currency, london.price.per) == (Decimal("0.129"), "USD", "hour")
    assert (london.price.source, london.price.as_of) == ("catalogue", date(2014, 12, 31))
    assert offers["HKG", "4"].price is None  # not in the table
    assert offers["LON", "general1-1"].price is None
    outside = {place for (place, _), offer in offers.items() if offer.location.country != "US"}
    assert outside == {"LON", "SYD", "HKG"}


async def test_sizes_have_a_price_only_where_it_is_known_for_which_region() -> None:
    simulator = RackspaceSimulator()
    in_london = {size.id: size.price for size in await driver(simulator, region="lon").list_sizes()}
    anywhere = {size.id: size.price for size in await driver(simulator, region=None).list_sizes()}
    assert in_london.keys() == anywhere.keys()
    assert in_london["2"] is not None
    assert set(anywhere.values()) == {None}


async def test_images_of_old_tell_their_architecture() -> None:
    images = await driver(RackspaceSimulator()).list_images()
    assert {image.arch for image in images} == {"x86_64"}
    assert {"ubuntu", "debian", "windows"} <= {image.os for image in images}


async def test_a_region_that_is_no_more_is_an_error_that_names_the_others() -> None:
    with pytest.raises(NotFoundError, match="DFW, ORD, IAD, LON, SYD, HKG"):
        await driver(RackspaceSimulator(), region="AMS").list_nodes()


async def test_flex_is_signed_in_to_as_plain_openstack_with_the_key_for_a_password() -> None:
    seen = list[Request]()

    async def transport(request: Request) -> Response:
        seen.append(request)
        if request.url.path != "/v3/auth/tokens":
            body: Any = {"servers": []} if "servers" in request.url.path else {"version": {"version": "2.96"}}
            return Response(status=200, body=json.dumps(body).encode())
        endpoint = {"interface": "public", "region_id": "SJC3", "url": "https://nova.api.sjc3.rackspacecloud.com/v2.1"}
        catalog = [{"type": "compute", "name": "nova", "endpoints": [endpoint]}]
        token = {"expires_at": "2099-01-01T00:00:00Z", "catalog": catalog, "project": {"id": "7c0f"}}
        return Response(
            status=201, headers=headers_of({"X-Subject-Token": "t-o-k-e-n"}), body=json.dumps({"token": token}).encode()
        )

    cloud = Rackspace("harbour", "key-of-the-harbour", region="SJC3", ex_flex="731020_Flex", transport=transport)
    assert await cloud.list_nodes() == []
    assert str(seen[0].url) == "https://keystone.api.sjc3.rackspacecloud.com/v3/auth/tokens"
    domain = {"name": "rackspace_cloud_domain"}
    assert json.loads(seen[0].body)["auth"] == {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "harbour", "domain": domain, "password": "key-of-the-harbour"}},
        },
        "scope": {"project": {"name": "731020_Flex", "domain": domain}},
    }
    assert seen[-1].headers["OpenStack-API-Version"] == "compute 2.46"
    with pytest.raises(ConfigurationError, match="SJC3"):
        Rackspace("harbour", "key-of-the-harbour", ex_flex="731020_Flex")


def test_accounts_are_found_in_variables_and_in_the_file_of_the_old_tools(tmp_path: Path) -> None:
    (tmp_path / ".rackspace_cloud_credentials").write_text("[rackspace_cloud]\nusername = mole\napi_key = 0011%22\n")
    variables = {"RS_USERNAME": "harbour", "RS_API_KEY": "ffee", "RS_REGION_NAME": "LON"}
    first, second = Rackspace.accounts(Environment(variables, tmp_path, tmp_path))
    assert dict(first.options) == {"username": "harbour", "api_key": "ffee", "region": "LON"}
    assert (second.name, dict(second.options)) == ("rackspace_cloud", {"username": "mole", "api_key": "0011%22"})
    for account in (first, second):
        assert Rackspace(**account.options).provider == "rackspace"


def test_a_file_that_cannot_be_read_is_an_error_that_does_not_quote_it(tmp_path: Path) -> None:
    (tmp_path / ".rackspace_cloud_credentials").write_text("api_key = 00112233\n")
    with pytest.raises(ConfigurationError, match="rackspace_cloud_credentials") as caught:
        list(Rackspace.accounts(Environment({}, tmp_path, tmp_path)))
    assert "00112233" not in str(caught.value)
