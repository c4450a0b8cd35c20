"""What Azure offers: places, sizes, prices and images; with an account, and with none."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from aiocloud.errors import ConfigurationError, ServerError
from aiocloud.fleet import Fleet
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.providers.azure import Azure
from aiocloud.providers.azure.facts import facts
from aiocloud.providers.azure.prices import plain
from aiocloud.simulators import virtualtime
from aiocloud.simulators.azure import AzureSimulator
from aiocloud.simulators.azure.catalogue import AS_OF, SIZES
from aiocloud.simulators.base import Answer, WorldClock
from tests.providers.test_azure import PLACE, Wire

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LINE: dict[str, Any] = {
    "currencyCode": "USD",
    "retailPrice": 0.096,
    "armRegionName": "westeurope",
    "effectiveStartDate": "2025-08-01T00:00:00Z",
    "meterName": "D2s v5",
    "skuName": "D2s v5",
    "productName": "Virtual Machines Dsv5 Series",
    "unitOfMeasure": "1 Hour",
    "type": "Consumption",
    "isPrimaryMeterRegion": True,
    "armSkuName": "Standard_D2s_v5",
}


def then() -> AzureSimulator:
    return AzureSimulator(now=WorldClock(datetime.combine(AS_OF, time(12), UTC)))


# ---- prices


@pytest.mark.parametrize(
    "other",
    [
        {"productName": "Virtual Machines Dsv5 Series Windows"},
        {"productName": "Dsv5 Series Cloud Services"},
        {"productName": "Virtual Machines Dsv5 Series Dedicated Host"},
        {"skuName": "D2s v5 Spot", "meterName": "D2s v5 Spot"},
        {"skuName": "D2s v5 Low Priority", "meterName": "D2s v5 Low Priority"},
        {"type": "DevTestConsumption"},
        {"type": "Reservation", "unitOfMeasure": "1 Hour", "reservationTerm": "1 Year"},
        {"unitOfMeasure": "1/Month"},
        {"effectiveStartDate": "2026-04-01T00:00:00Z"},
        {"effectiveEndDate": "2026-01-31T23:59:59Z"},
        {"effectiveStartDate": "2024-01-01T00:00:00Z"},
        {"isPrimaryMeterRegion": False, "effectiveStartDate": "2026-01-01T00:00:00Z"},
        {"retailPrice": 0.0},
        {"armSkuName": ""},
        {"armSkuName": None},
    ],
)
def test_only_plain_linux_on_demand_of_today_counts(other: dict[str, Any]) -> None:
    odd = {**LINE, "retailPrice": 0.001, **other}
    for items in ([LINE, odd], [odd, LINE]):
        assert {name: item["retailPrice"] for name, item in plain(items, NOW).items()} == {"Standard_D2s_v5": 0.096}


def test_another_regions_meter_counts_where_there_is_none_of_its_own() -> None:
    assert set(plain([{**LINE, "isPrimaryMeterRegion": False}], NOW)) == {"Standard_D2s_v5"}


def test_prices_are_asked_for_once_an_hour_without_a_token_page_by_page() -> None:
    wire = Wire(then())

    async def scenario(driver: Azure) -> None:
        first = await driver.list_sizes()
        assert await driver.list_sizes() == first
        price = next(size.price for size in first if size.id == "Standard_B2s")
        assert price is not None
        assert (price.amount, price.currency, price.per, price.as_of) == (Decimal("0.048"), "USD", "hour", AS_OF)

    wire.run(scenario)
    (asked,) = [each for each in wire.asked if each.url.host == "prices.azure.com"]
    assert "Authorization" not in asked.headers
    assert asked.url.query["$filter"] == (
        "serviceName eq 'Virtual Machines' and armRegionName eq 'westeurope' and priceType eq 'Consumption'"
    )


def test_the_list_of_prices_is_followed_on_its_own_host_alone() -> None:
    asked: list[Request] = []

    async def pages(request: Request) -> Response:
        asked.append(request)
        more = "$skip" not in request.url.query
        name = "Standard_D2s_v5" if more else "Standard_D4s_v5"
        link = "https://evil.example:443/api/retail/prices?$filter=x&$skip=1000" if more else None
        body = {"Items": [{**LINE, "armSkuName": name}], "NextPageLink": link}
        return Response(status=200, body=json.dumps(body).encode())

    async def go() -> Any:
        async with Azure.anonymous(transport=pages, now=lambda: NOW) as driver:
            return await driver.list_sizes(location=PLACE)

    sizes = virtualtime.run(go())
    assert [(size.id, size.vcpus, size.ram) for size in sizes] == [
        ("Standard_D2s_v5", 2, 8192),
        ("Standard_D4s_v5", 4, 16384),
    ]
    assert {each.url.host for each in asked} == {"prices.azure.com"}


def test_prices_that_cannot_be_had_are_no_sizes_without_prices() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(Answer(on="GET /api/retail/prices", status=500, times=99))
        with pytest.raises(ServerError):
            await driver.list_sizes()

    wire.run(scenario, retry=Retry(attempts=1))


# ---- sizes and offers


def test_sizes_are_what_the_api_says_and_what_cannot_be_had_is_not_available() -> None:
    async def scenario(driver: Azure) -> None:
        sizes = {size.id: size for size in await driver.list_sizes(location=PLACE)}
        assert "Premium_LRS" not in sizes
        small = sizes["Standard_DS1_v2"]
        assert (small.vcpus, small.ram, small.disk, small.arch) == (1, 3584, 7, "x86_64")
        offers = {offer.size.id: offer for offer in await driver.list_offers(location=PLACE)}
        assert offers["Standard_NC6s_v3"].available is False
        assert "NotAvailableForSubscription" in str(offers["Standard_NC6s_v3"].size.extra["restrictions"])
        assert offers["Standard_B2s"].available is True

    Wire().run(scenario)


def test_places_are_those_that_are_somewhere() -> None:
    async def scenario(driver: Azure) -> None:
        places = {place.id: place for place in await driver.list_locations()}
        assert not {"global", "europe", "unitedstates"} & set(places)
        ireland = places["northeurope"]
        assert (ireland.country, ireland.latitude, ireland.zones) == ("IE", 53.3478, ("1", "2", "3"))

    Wire().run(scenario)


# ---- with no account


def test_anybody_is_told_places_sizes_and_prices_and_nothing_else() -> None:
    simulator = then()

    async def go() -> None:
        async with Azure.anonymous(transport=simulator, now=simulator.now) as driver:
            places = {place.id: place for place in await driver.list_locations()}
            assert places["germanywestcentral"].latitude == pytest.approx(50.1, abs=0.1)
            sizes = {size.id: size for size in await driver.list_sizes(location="uksouth")}
            assert (sizes["Standard_B2s"].vcpus, sizes["Standard_B2s"].ram) == (2, 4096)
            assert sizes["Standard_NC6s_v3"].ram is None  # in no table, and named all the same
            offers = await driver.list_offers()
            assert {offer.available for offer in offers} == {None}
            assert {offer.price.as_of for offer in offers if offer.price} == {date(2020, 12, 31)}
            assert await driver.list_images()
            with pytest.raises(ConfigurationError, match="without an account"):
                await driver.list_nodes()

    virtualtime.run(go())
    assert set(simulator.calls) == {"GET /api/retail/prices"}


async def test_a_fleet_without_accounts_asks_azure_too() -> None:
    async with Fleet(public=["azure"]) as fleet:
        assert [scope.provider for scope in fleet.scopes] == ["azure"]


@pytest.mark.parametrize("name", sorted(set(SIZES) - {"Standard_NC6s_v3"}))
def test_the_facts_by_name_are_those_that_the_api_tells(name: str) -> None:
    cpus, memory, _, _ = SIZES[name]
    assert facts(name) == (cpus, int(float(memory) * 1024), "x86_64")


@pytest.mark.parametrize("name", ["Standard_E64s_v3", "Standard_D2x_v9", "Basic_A0", "Standard_E4-2ds_v5", ""])
def test_what_no_rule_tells_is_unknown(name: str) -> None:
    assert facts(name) is None


# ---- images


def test_images_are_a_few_of_the_marketplaces_and_ones_own() -> None:
    wire = Wire()
    base = f"/subscriptions/{wire.simulator.subscription}/resourceGroups/quay/providers/Microsoft.Compute"
    own = {"value": [{"id": f"{base}/images/mine", "name": "mine", "location": "uksouth"}]}
    gallery = {"value": [{"id": f"{base}/galleries/g", "name": "g"}]}
    shared = {
        "value": [{"id": f"{base}/galleries/g/images/arm", "name": "arm", "properties": {"architecture": "Arm64"}}]
    }

    async def more(request: Request) -> Response:
        for end, payload in (("galleries/g/images", shared), ("/galleries", gallery), ("/images", own)):
            if request.url.path.endswith(end):
                return Response(status=200, body=json.dumps(payload).encode())
        return await wire(request)

    async def scenario(driver: Azure) -> None:
        images = {image.name: image for image in await driver.list_images()}
        assert images["Ubuntu 24.04"].id == "Canonical:ubuntu-24_04-lts:server:latest"
        assert (images["mine"].location, images["arm"].arch) == ("uksouth", "arm64")
        assert "mine" not in {image.name for image in await driver.list_images(location=PLACE)}
        assert await driver.ex_list_marketplace(PLACE, "Debian", "debian-12") == ["12-gen2"]
        assert "Canonical" in await driver.ex_list_marketplace(PLACE)

    wire.run(scenario, transport=more)
