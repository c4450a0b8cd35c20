from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud import simulators
from aiocloud.accounts import Account, Environment
from aiocloud.errors import (
    ConfigurationError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NodeStateError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.models import Node, NodeState, Price
from aiocloud.providers.openstack import OpenStack
from aiocloud.providers.ovh import OVH
from aiocloud.providers.ovh.places import UNITED_STATES, WORLD, place_of, plans_at
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer
from aiocloud.simulators.ovh import OVHSimulator
from aiocloud.simulators.ovh.catalogue import ROWS

CATALOGUE = "GET /1.0/order/catalog/public/cloud"
PARIS, GRAVELINES = "EU-WEST-PAR", "GRA11"


def driver(simulator: OVHSimulator, **options: Any) -> OVH:
    known = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return OVH(**{**known, **options})


def anybody(simulator: OVHSimulator, **options: Any) -> OVH:
    return OVH(**{"transport": simulator, "now": simulator.now, **options})


def shown(price: Price | None) -> str | None:
    return f"{price.amount} {price.currency}/{price.per}" if price else None


def addon(code: str, *pricings: dict[str, Any], system: str = "linux", **more: Any) -> dict[str, Any]:
    technical = {"cpu": {"cores": 2}, "memory": {"size": 8}, "os": {"family": system}}
    return {
        "planCode": code,
        "product": "publiccloud-instance",
        "pricings": list(pricings),
        "blobs": {"tags": ["active"], "technical": technical},
        **more,
    }


def hourly(price: Any, **more: Any) -> dict[str, Any]:
    usual = {"capacities": ["consumption"], "mode": "default", "interval": 1, "intervalUnit": "hour"}
    return {**usual, "price": price, **more}


def selling(*addons: dict[str, Any], currency: Any = "EUR") -> Answer:
    body = {"locale": {"currencyCode": currency}, "addons": list(addons)}
    return Answer(on=CATALOGUE, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


async def prices_of(*addons: dict[str, Any], region: str = GRAVELINES) -> dict[str, str | None]:
    simulator = OVHSimulator()
    simulator.faults.append(selling(*addons))
    async with anybody(simulator) as cloud:
        return {size.name: shown(size.price) for size in await cloud.list_sizes(location=region)}


# ---- prices ----


async def test_a_flavor_costs_what_the_catalogue_says_without_tax_on_the_day_on_which_it_was_asked() -> None:
    simulator = OVHSimulator()
    async with driver(simulator) as cloud:
        sizes = {size.name: size for size in await cloud.list_sizes(location=GRAVELINES)}
    assert sizes["b3-8"].price == Price(
        amount=Decimal("0.0512"), currency="EUR", per="hour", as_of=simulator.now().date(), source="api"
    )
    assert (sizes["b3-8"].ram, sizes["b3-8"].vcpus, sizes["b3-8"].disk) == (8000, 2, 50)


async def test_every_price_is_the_one_that_was_recorded() -> None:
    recorded = json.loads((Path(simulators.__file__).parent / "facts" / "ovh.json").read_text())
    async with driver(OVHSimulator(), region=GRAVELINES) as cloud:
        found = {size.id: size.price.amount for size in await cloud.list_sizes() if size.price}
    assert found == {row[0]: Decimal(row[4]).scaleb(-8) for row in recorded["flavors"]}


async def test_where_a_region_has_three_zones_the_price_is_that_of_its_own_plan_and_none_where_there_is_no_such() -> (
    None
):
    async with driver(OVHSimulator()) as cloud:
        sizes = {size.name: shown(size.price) for size in await cloud.list_sizes(location=PARIS)}
    assert (sizes["c3-8"], sizes["c3-16"]) == ("0.0913 EUR/hour", None)


async def test_flavors_for_windows_and_those_with_a_small_disk_have_no_price() -> None:
    async with driver(OVHSimulator()) as cloud:
        sizes = {size.name: size.price for size in await cloud.list_sizes(location=GRAVELINES)}
    assert (sizes["win-b2-7"], sizes["b2-7-flex"]) == (None, None)


async def test_the_plan_of_another_kind_of_region_is_not_taken_for_this_one() -> None:
    found = await prices_of(
        addon("b3-8.consumption", hourly(100)), addon("b3-8.consumption.3AZ", hourly(200)), region=PARIS
    )
    assert found == {"b3-8": "0.000002 EUR/hour"}


async def test_a_plan_that_names_the_region_counts_more_than_that_of_its_kind() -> None:
    plans = (
        addon("b3-8.consumption.LZ.EU", hourly(5120000)),
        addon("b3-8.consumption.EU-WEST-LZ-BRU-A", hourly(7 * 10**6)),
    )
    assert await prices_of(*plans, region="EU-WEST-LZ-BRU-A") == {"b3-8": "0.07 EUR/hour"}
    assert await prices_of(*plans, region="EU-WEST-LZ-MRS-A") == {"b3-8": "0.0512 EUR/hour"}


async def test_a_local_zone_of_europe_has_a_price_where_both_plans_agree_and_none_where_they_differ() -> None:
    eurozone = addon("b3-8.consumption.LZ.EUROZONE", hourly(5120000))
    agreeing, other = addon("b3-8.consumption.LZ.EU", hourly(5120000)), addon("b3-8.consumption.LZ.EU", hourly(6000000))
    assert await prices_of(eurozone, agreeing, region="EU-CENTRAL-LZ-PRG-A") == {"b3-8": "0.0512 EUR/hour"}
    assert await prices_of(eurozone, other, region="EU-CENTRAL-LZ-PRG-A") == {"b3-8": None}


@pytest.mark.parametrize(
    "pricings",
    [
        [],
        [hourly(0)],
        [hourly(None)],
        [hourly(-1)],
        [hourly(5120000), hourly(6000000)],
        [hourly(5120000, mode="upfront12")],
        [hourly(5120000, commitment=12)],
        [hourly(5120000, interval=720)],
        [{"capacities": ["consumption"], "interval": 1, "intervalUnit": "month", "price": 5120000}],
        [hourly(5120000, capacities=["renew"])],
    ],
    ids=["none", "zero", "null", "negative", "two", "mode", "commitment", "interval", "month", "renewal"],
)
async def test_what_is_no_single_usual_price_is_unknown(pricings: list[dict[str, Any]]) -> None:
    assert await prices_of(addon("b3-8.consumption", *pricings)) == {"b3-8": None}


async def test_whole_euros_are_written_without_an_exponent() -> None:
    assert await prices_of(addon("h200-1920.consumption", hourly(2000000000))) == {"h200-1920": "20 EUR/hour"}


async def test_a_flavor_with_a_dot_in_its_name_is_read_and_other_products_and_systems_are_not() -> None:
    found = await prices_of(
        addon("metal.eg-256.consumption", hourly(100000000)),
        addon("win-b3-8.consumption", hourly(9), system="windows"),
        addon("b3-8.option.consumption", hourly(9), product="publiccloud-instance-option"),
        addon("b3-8.upfront", hourly(9)),
    )
    assert found == {"metal.eg-256": "1 EUR/hour"}


async def test_flavors_that_are_no_more_sold_are_not_offered_to_those_without_an_account() -> None:
    old = addon("eg-7.consumption", hourly(100))
    old["blobs"]["tags"] = ["legacy"]
    assert await prices_of(old) == {}


async def test_the_users_own_table_counts_more() -> None:
    async with driver(OVHSimulator(), prices={"b3-8": "0.03 EUR/hour"}) as cloud:
        sizes = {size.name: shown(size.price) for size in await cloud.list_sizes(location=GRAVELINES)}
    assert (sizes["b3-8"], sizes["b3-16"]) == ("0.03 EUR/hour", "0.1023 EUR/hour")


@pytest.mark.parametrize("body", [b"{}", b'{"addons": "none", "locale": {"currencyCode": "EUR"}}', b"[]"])
async def test_a_catalogue_without_plans_or_currency_is_an_error_and_no_empty_list(body: bytes) -> None:
    simulator = OVHSimulator()
    simulator.faults.append(Answer(on=CATALOGUE, body=body, headers={"Content-Type": "application/json"}))
    async with anybody(simulator) as cloud:
        with pytest.raises(MalformedResponseError, match="order catalogue without"):
            await cloud.list_sizes()


async def test_the_catalogue_is_asked_for_once_a_day_for_all_regions() -> None:
    simulator, days = OVHSimulator(), [date(2026, 8, 14)]
    now = simulator.now

    async with driver(simulator, now=lambda: now().replace(year=2026, month=8, day=days[0].day)) as cloud:
        for part in await cloud.parts():
            await part.list_offers()
        assert simulator.calls[CATALOGUE] == 1
        days[0] = date(2026, 8, 15)
        (offer, *_) = await cloud.list_offers(location=GRAVELINES)
    assert simulator.calls[CATALOGUE] == 2
    assert offer.price is not None
    assert offer.price.as_of == date(2026, 8, 15)


async def test_nobody_is_asked_for_prices_who_is_not_wanted_for_it() -> None:
    simulator = OVHSimulator()
    async with driver(simulator, ex_prices=False) as cloud:
        assert {size.price for size in await cloud.list_sizes(location=GRAVELINES)} == {None}
        assert await cloud.ex_list_plans() == []
    assert simulator.calls[CATALOGUE] == 0


async def test_plans_tell_what_a_month_costs_as_well() -> None:
    async with anybody(OVHSimulator()) as cloud:
        plans = {plan.code: plan for plan in await cloud.ex_list_plans()}
    month = plans["d2-2.monthly.postpaid"]
    assert (shown(month.price), month.flavor, month.suffix) == ("5.71 EUR/month", "d2-2", "")
    assert (plans["b3-8.consumption.3AZ"].suffix, plans["b3-8.consumption.3AZ"].per) == ("3AZ", "hour")


# ---- without an account ----


async def test_without_an_account_there_are_sizes_places_and_offers() -> None:
    async with OVH.anonymous(transport=OVHSimulator()) as cloud:
        places = {place.id: place for place in await cloud.list_locations()}
        sizes = {size.id: size for size in await cloud.list_sizes()}
        offers = {(offer.location.id, offer.size.id): offer for offer in await cloud.list_offers()}
    assert set(places) == set(WORLD)
    assert sizes.keys() == ROWS.keys()
    assert shown(sizes["b3-8"].price) == "0.0512 EUR/hour"
    offer = offers[GRAVELINES, "b3-8"]
    assert (shown(offer.price), offer.available, offer.location.country) == ("0.0512 EUR/hour", None, "FR")
    assert (PARIS, "b3-8") in offers
    assert (PARIS, "b2-7") not in offers  # no plan of that kind
    assert shown(offers["AF-NORTH-LZ-RBA-A", "b3-8"].price) == "0.093 EUR/hour"


async def test_the_users_own_table_counts_without_an_account_too() -> None:
    async with anybody(OVHSimulator(), prices={"b3-8": "0.03 EUR/hour"}) as cloud:
        assert {size.id: shown(size.price) for size in await cloud.list_sizes()}["b3-8"] == "0.03 EUR/hour"


async def test_what_needs_an_account_says_what_is_missing() -> None:
    async with anybody(OVHSimulator()) as cloud:
        assert await cloud.parts() == [cloud]
        for verb in (cloud.list_nodes, cloud.list_images):
            with pytest.raises(ConfigurationError, match="needs `username`, `password` and `project_id` for that"):
                await verb()


async def test_a_region_can_be_named_without_an_account_too() -> None:
    async with anybody(OVHSimulator(), region=[GRAVELINES, "SBG5"]) as cloud:
        assert [place.city for place in await cloud.list_locations()] == ["Gravelines", "Strasbourg"]
        assert {offer.location.id for offer in await cloud.list_offers()} == {GRAVELINES, "SBG5"}
        assert {offer.location.id for offer in await cloud.list_offers(location="DE1")} == {"DE1"}


# ---- whose prices, and where they are asked for ----


async def asked_of(make: Callable[..., OVH], **options: Any) -> str:
    """The URL of the catalogue that is asked for."""
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return Response(
            status=200,
            headers=headers_of({"Content-Type": "application/json"}),
            body=b'{"addons": [], "locale": {"currencyCode": "USD"}}',
        )

    async with make(transport=transport, **options) as cloud:
        await cloud.ex_list_plans()
    return str(seen[0].url)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://eu.api.ovh.com/1.0/order/catalog/public/cloud?ovhSubsidiary=FR"),
        ({"subsidiary": "gb"}, "https://eu.api.ovh.com/1.0/order/catalog/public/cloud?ovhSubsidiary=GB"),
        ({"subsidiary": "QC"}, "https://ca.api.ovh.com/1.0/order/catalog/public/cloud?ovhSubsidiary=QC"),
        ({"subsidiary": "US"}, "https://api.us.ovhcloud.com/1.0/order/catalog/public/cloud?ovhSubsidiary=US"),
        (
            {"endpoint": "https://auth.cloud.ovh.us/"},
            "https://api.us.ovhcloud.com/1.0/order/catalog/public/cloud?ovhSubsidiary=US",
        ),
        (
            {"endpoint": "https://auth.cloud.ovh.net/v3/"},
            "https://eu.api.ovh.com/1.0/order/catalog/public/cloud?ovhSubsidiary=FR",
        ),
        (
            {"endpoint": "http://127.0.0.1:8080/v3"},
            "http://127.0.0.1:8080/1.0/order/catalog/public/cloud?ovhSubsidiary=FR",
        ),
        (
            {"endpoint": "https://proxy.example/v3", "ex_api": "https://ca.api.ovh.com/v1"},
            "https://ca.api.ovh.com/v1/order/catalog/public/cloud?ovhSubsidiary=FR",
        ),
    ],
)
async def test_prices_are_asked_of_the_subsidiary_at_its_own_api(options: dict[str, Any], url: str) -> None:
    assert await asked_of(OVH, **options) == url


async def test_the_company_in_the_united_states_has_a_keystone_and_regions_of_its_own() -> None:
    seen: list[str] = []

    async def transport(request: Request) -> Response:
        seen.append(str(request.url))
        return Response(status=401)

    with pytest.raises(InvalidCredsError):
        await OVH("user", "password", project_id="p", subsidiary="US", transport=transport).list_nodes()
    assert seen == ["https://auth.cloud.ovh.us/v3/auth/tokens"]
    places = await OVH(subsidiary="US", transport=transport).list_locations()
    assert [(place.id, place.country, place.city) for place in places] == [
        (UNITED_STATES[0], "US", "Vint Hill"),
        (UNITED_STATES[1], "US", "Hillsboro"),
    ]


def test_a_subsidiary_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"ovh has no subsidiary 'XX'; there are: ASIA, AU, CA, CZ, DE"):
        OVH(subsidiary="XX")


@pytest.mark.parametrize("missing", ["username", "password", "project_id"])
def test_a_login_that_lacks_a_part_is_refused(missing: str) -> None:
    given: dict[str, Any] = {name: value for name, value in OVHSimulator().credentials.items() if name != missing}
    with pytest.raises(ConfigurationError, match="needs `username`, `password` and `project_id`, or an application"):
        OVH(**given)


async def test_an_application_credential_signs_in_as_well() -> None:
    simulator = OVHSimulator()
    async with anybody(simulator, **simulator.application_credential) as cloud:
        assert await cloud.list_nodes() == []


# ---- places ----


async def test_regions_have_their_country_city_zones_and_coordinates() -> None:
    async with driver(OVHSimulator()) as cloud:
        places = {place.id: place for place in await cloud.list_locations()}
    paris = places[PARIS]
    assert (paris.country, paris.city, paris.zones) == (
        "FR",
        "Paris",
        ("eu-west-par-a", "eu-west-par-b", "eu-west-par-c"),
    )
    assert (places["SYD1"].country, places["BHS5"].country) == ("AU", "CA")
    assert all(place.latitude and place.longitude for place in places.values())


def test_every_region_that_is_told_has_a_place_and_a_plan() -> None:
    for region in (*WORLD, *UNITED_STATES):
        assert all(place_of(region)), region
        assert plans_at(region), region


@pytest.mark.parametrize("region", ["EU-EAST-XYZ", "US-EAST-LZ-DAL-A", "GRAB11", "11", ""])
def test_what_is_not_known_of_a_region_is_not_guessed(region: str) -> None:
    assert (place_of(region), plans_at(region)) == ((None, None), ())


async def test_a_region_that_the_project_has_not_activated_is_told_with_the_mend() -> None:
    async with driver(OVHSimulator()) as cloud:
        with pytest.raises(NotFoundError, match=r"'WAW1'; those with one: GRA11, .*activate it in the control panel"):
            await cloud.list_nodes(location="WAW1")
        with pytest.raises(NotFoundError) as caught:
            await cloud.list_nodes(location="NOWHERE1")
    assert "activate" not in str(caught.value)


# ---- names in place of ids, and the public network ----


async def make(cloud: OVH, name: str = "quay-1", **options: Any) -> Node:
    return await cloud.create_node(name, **{"size": "b3-8", "image": "Debian 12", "location": GRAVELINES, **options})


def test_a_node_is_made_of_names_on_the_public_network_alone() -> None:
    simulator = OVHSimulator(private_network=True)

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await cloud.wait_until(await make(cloud))
            (image,) = [image for image in await cloud.list_images(location=GRAVELINES) if image.name == "Debian 12"]
            assert (node.size, node.image) == ("b3-8", image.id)
            assert (image.os, image.version) == ("debian", "12")
            assert (len(node.public_ips), node.private_ips) == (2, ())
            await make(cloud, "quay-2")
            assert simulator.calls["GET /networks"] == 1
            await cloud.destroy_node(node)

    virtualtime.run(scenario())


async def test_beside_a_private_network_nova_itself_would_not_know_which() -> None:
    async with driver(OVHSimulator(private_network=True)) as cloud:
        with pytest.raises(Exception, match="Multiple possible networks found"):
            await make(cloud, ex_networks="auto")


async def test_the_networks_that_are_asked_for_are_taken() -> None:
    async with driver(OVHSimulator(private_network=True, boot=0)) as cloud:
        networks = {net["name"]: net["id"] for net in await cloud.ex_list_networks(location=GRAVELINES)}
        node = await cloud.get_node(await make(cloud, ex_networks=[networks["vrack-0"]]))
    assert (node.public_ips, len(node.private_ips)) == ((), 1)


async def test_where_there_is_no_public_network_nova_decides() -> None:
    simulator = OVHSimulator(private_network=True, boot=0)
    for region in simulator.cloud.regions.values():
        region.networks = {id_: net for id_, net in region.networks.items() if not net.external}
    async with driver(simulator) as cloud:
        assert (await cloud.get_node(await make(cloud))).public_ips == ()


async def test_a_size_that_the_region_does_not_sell_makes_nothing() -> None:
    simulator = OVHSimulator()
    async with driver(simulator) as cloud:
        with pytest.raises(NotFoundError, match="region EU-WEST-PAR has no flavor 'b2-7'"):
            await make(cloud, size="b2-7", location=PARIS)
        with pytest.raises(NotFoundError, match="region GRA11 has no image 'Debian 4'"):
            await make(cloud, image="Debian 4")
    assert simulator.calls[simulator.creates] == 0


async def test_over_several_regions_each_flavor_is_told_once_by_the_name_that_stands_for_it_in_all() -> None:
    async with driver(OVHSimulator(), region=[GRAVELINES, PARIS]) as cloud:
        sizes = await cloud.list_sizes()
        (size,) = [size for size in sizes if size.name == "c3-8"]
        assert len({size.name for size in sizes}) == len(sizes)
        assert (size.id, size.location, shown(size.price)) == ("c3-8", None, "0.0913 EUR/hour")
        nodes = [await make(cloud, size=size, location=region) for region in (GRAVELINES, PARIS)]
    assert [node.size for node in nodes] == ["c3-8", "c3-8"]
    assert len({node.extra["flavor"]["id"] for node in nodes}) == 2


def test_a_node_is_resized_by_the_name_of_a_flavor() -> None:
    simulator = OVHSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await cloud.wait_until(await make(cloud))
            await cloud.ex_resize_node(node, "b3-16")
            resized = await cloud.wait_until(node)
            assert resized.size == "b3-16"

    virtualtime.run(scenario())


async def test_a_flavor_that_came_later_is_found_and_one_that_went_keeps_its_id() -> None:
    simulator = OVHSimulator(boot=0)
    flavors = simulator.cloud.regions[GRAVELINES].flavors
    late, early = ({flavor.name: flavor for flavor in flavors.values()}[name] for name in ("d2-8", "d2-4"))
    del flavors[late.id]
    async with driver(simulator) as cloud:
        node = await make(cloud, size="d2-4")
        flavors[late.id] = late
        assert (await make(cloud, "quay-2", size="d2-8")).size == "d2-8"
        assert (await make(cloud, "quay-3", size=late.id)).size == "d2-8"
    del flavors[early.id]
    async with driver(simulator) as cloud:
        assert (await cloud.get_node(node)).size == early.id


# ---- what goes wrong ----


async def test_a_project_that_is_not_the_users_is_refused_at_the_door() -> None:
    async with driver(OVHSimulator(), project_id="0" * 32) as cloud:
        with pytest.raises(InvalidCredsError):
            await cloud.list_nodes()


async def test_a_token_that_was_revoked_is_replaced_once() -> None:
    simulator = OVHSimulator()
    async with driver(simulator) as cloud:
        await cloud.list_nodes()
        simulator.revoke_tokens()
        assert await cloud.list_nodes() == []
    assert simulator.calls["POST /auth/tokens"] == 2


async def test_a_full_quota_is_told_and_nothing_is_made() -> None:
    async with driver(OVHSimulator(max_instances=1, boot=0)) as cloud:
        await make(cloud)
        with pytest.raises(QuotaExceededError):
            await make(cloud, "quay-2")
        assert len(await cloud.list_nodes()) == 1


def test_a_region_without_room_is_seen_later_and_told_with_the_reason() -> None:
    simulator = OVHSimulator()
    simulator.fail_scheduling()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await make(cloud)
            with pytest.raises(NodeStateError, match="No valid host was found") as caught:
                await cloud.wait_until(node)
            assert caught.value.node_id == node.id
            await cloud.destroy_node(node)
            await cloud.wait_until(node, NodeState.TERMINATED)

    virtualtime.run(scenario())


async def test_a_refusal_of_the_catalogue_names_the_api_and_leaves_nodes_alone() -> None:
    simulator = OVHSimulator()
    body = b'{"class": "Client::BadRequest", "message": "[ovhSubsidiary] Given data is not valid"}'
    simulator.faults.append(Answer(on=CATALOGUE, status=400, body=body, headers={"Content-Type": "application/json"}))
    async with driver(simulator, account="prod") as cloud:
        with pytest.raises(InvalidRequestError, match="Given data is not valid") as caught:
            await cloud.list_sizes(location=GRAVELINES)
        assert (caught.value.provider, caught.value.account) == ("ovh", "prod")
        assert await cloud.list_nodes() == []


# ---- how a fleet finds accounts ----

CLOUDS = """
clouds:
  mine: {auth: {auth_url: "https://auth.cloud.ovh.net/v3/", username: u, password: p, project_id: q},
    region_name: GRA11}
  states: {profile: ovh-us, auth: {username: u, password: p, project_id: q}}
  old: {cloud: ovh, auth: {username: u, password: p, project_id: q}}
  other: {auth: {auth_url: "https://keystone.example/v3", username: u, password: p, project_name: q}}
  moved: {profile: ovh, auth: {auth_url: "https://keystone.example/v3", username: u, password: p, project_name: q}}
"""


def found(kind: type[OpenStack], home: Path, **variables: str) -> dict[str, Account]:
    return {account.name: account for account in kind.accounts(Environment(variables, home, home))}


def test_entries_of_clouds_yaml_are_found_once_each_by_host_or_profile(tmp_path: Path) -> None:
    (tmp_path / ".config" / "openstack").mkdir(parents=True)
    (tmp_path / ".config" / "openstack" / "clouds.yaml").write_text(CLOUDS)
    ours, plain = found(OVH, tmp_path), found(OpenStack, tmp_path)
    assert (set(ours), set(plain)) == ({"mine", "states", "old"}, {"other", "moved"})
    assert {account.provider for account in ours.values()} == {"ovh"}
    assert ours["mine"].options["region"] == GRAVELINES
    endpoints = {name: account.options["endpoint"] for name, account in ours.items()}
    assert endpoints["states"] == "https://auth.cloud.ovh.us/v3"
    assert endpoints["old"] == "https://auth.cloud.ovh.net/v3"
    for account in ours.values():
        OVH(**account.options)


def test_the_variables_of_openrc_are_ovhs_where_they_lead_there(tmp_path: Path) -> None:
    variables = {"OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_TENANT_ID": "q", "OS_REGION_NAME": GRAVELINES}
    there = {**variables, "OS_AUTH_URL": "https://auth.cloud.ovh.net/v3"}
    assert (list(found(OVH, tmp_path, **there)), list(found(OpenStack, tmp_path, **there))) == (["default"], [])
    elsewhere = {**variables, "OS_AUTH_URL": "https://keystone.example/v3"}
    assert (list(found(OVH, tmp_path, **elsewhere)), list(found(OpenStack, tmp_path, **elsewhere))) == ([], ["default"])


async def test_a_cloud_can_be_named_and_what_else_is_given_counts_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(CLOUDS)
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(path))
    simulator = OVHSimulator()
    cloud = driver(simulator, cloud="states", region=GRAVELINES)
    assert (cloud.account, cloud.region, cloud.endpoint) == ("states", "GRA11", "https://auth.cloud.ovh.us/v3")
    assert await cloud.list_nodes() == []
