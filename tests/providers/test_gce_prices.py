"""What machines cost: Google's own list, its look-alikes, and what becomes of sizes when it cannot be had."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import ConfigurationError
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import Size
from aiocloud.pricing.google import billed
from aiocloud.providers.gce import GCE
from aiocloud.providers.gce.billing import SKUS
from aiocloud.providers.gce.rates import Rate, Rates, rate
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, Hang
from aiocloud.simulators.gce import GCESimulator

T = TypeVar("T")
ZONE, REGION = "europe-west3-a", "europe-west3"
LIST = "cloudbilling.services.skus.list"


def sku(description: str, nanos: int = 30_000_000, unit: str = "h", usage: str = "OnDemand", **more: Any) -> Any:
    """An entry as the list has it."""
    money = {"currencyCode": "USD", "units": "0", "nanos": nanos}
    expression = {"usageUnit": unit, "tieredRates": [{"startUsageAmount": 0, "unitPrice": money}]}
    return {
        "description": description,
        "category": {"resourceFamily": "Compute", "usageType": usage},
        "serviceRegions": [REGION],
        "pricingInfo": [{"pricingExpression": expression}],
        **more,
    }


def tiers(*prices: tuple[str, int]) -> Any:
    """Several rates for the same thing."""
    rates = [{"unitPrice": {"currencyCode": "USD", "units": units, "nanos": nanos}} for units, nanos in prices]
    return [{"pricingExpression": {"usageUnit": "h", "tieredRates": rates}}]


# ---- what an entry of the list says ----


@pytest.mark.parametrize(
    "entry",
    [
        sku("N2 Custom Extended Instance Ram running in Frankfurt", unit="GiBy.h"),
        sku("Custom Extended Instance Ram running in Frankfurt", unit="GiBy.h"),
        sku("Spot Preemptible N2 Instance Core running in Frankfurt", usage="Preemptible"),
        sku("N2 Instance Core running in Frankfurt", usage="Preemptible"),
        sku("Commitment v1: N2 Cpu in Frankfurt for 1 Year", usage="Commit1Yr"),
        sku("Sole Tenancy Premium for N2 Sole Tenancy Instance Core running in Frankfurt"),
        sku("N2 Sole Tenancy Instance Core running in Frankfurt"),
        sku("Reserved N2 Instance Core in Frankfurt"),
        sku("C3 Instance Local SSD running in Frankfurt", unit="GiBy.mo"),
        sku("N2 Instance running in Frankfurt"),
        sku("Small Instance with 1 VCPU Core running in Frankfurt"),
        sku("Memory Optimized Upgrade Premium for Memory-optimized Instance Core running in Frankfurt"),
        sku("M4Ultramem224 Instance Core running in Frankfurt"),
        sku("N2 Instance Core running in Frankfurt", unit="mo"),
        sku("N2 Instance Ram running in Frankfurt", unit="GiBy.mo"),
        sku("N2 Instance Core running in Frankfurt", category={"resourceFamily": "License", "usageType": "OnDemand"}),
        sku("N2 Instance Core running in Frankfurt", nanos=0),
        sku("N2 Instance Core running in Frankfurt", nanos=-1),
        sku("N2 Instance Core running in Frankfurt", pricingInfo=[]),
        sku("N2 Instance Core running in Frankfurt", pricingInfo=tiers(("0", 30), ("0", 20))),
        sku("N2 Instance Core running in Frankfurt", pricingInfo=tiers(("much", 0))),
        sku("N2 Instance Core running in Frankfurt", pricingInfo=tiers(("NaN", 0))),
        sku("N2 Instance Core running in Frankfurt", pricingInfo={"pricingExpression": {}}),
        sku("N2 Instance Core running in Frankfurt", pricingInfo=[{"pricingExpression": {"tieredRates": 7}}]),
        {"description": None, "category": {"resourceFamily": "Compute", "usageType": "OnDemand"}},
        {},
        None,
        "N2 Instance Core running in Frankfurt",
    ],
)
def test_what_only_looks_like_a_plain_core_has_no_rate(entry: Any) -> None:
    assert rate(entry) is None


def test_prices_in_another_currency_are_none() -> None:
    entry = sku("N2 Instance Core running in Frankfurt")
    entry["pricingInfo"][0]["pricingExpression"]["tieredRates"][0]["unitPrice"]["currencyCode"] = "EUR"
    assert rate(entry) is None


def test_a_rate_without_regions_holds_nowhere() -> None:
    for regions in (None, 7, "europe-west3", [None]):
        found = rate(sku("N2 Instance Core running in Frankfurt", serviceRegions=regions))
        assert found is not None
        assert found.regions == ()


def test_units_and_nanos_add_up() -> None:
    found = rate(sku("C4A Arm Instance Core running in Frankfurt", pricingInfo=tiers(("2", 961_000_000))))
    assert found == Rate("c4a", "Core", (REGION,), Decimal("2.961"))


# ---- what a machine costs ----


def machine(name: str, vcpus: int, gib: float, **more: Any) -> Size:
    return Size(id=name, name=name, vcpus=vcpus, ram=int(gib * 1024), disk=0, **more)


def rates(*series: str, region: str = REGION) -> Rates:
    cores = [Rate(each, "Core", (region,), Decimal("0.03")) for each in series]
    return Rates([*cores, *(Rate(each, "Ram", (region,), Decimal("0.004")) for each in series)])


@pytest.mark.parametrize(
    ("size", "hourly"),
    [
        (machine("e2-standard-2", 2, 8), "0.092"),
        (machine("e2-micro", 2, 1), "0.0115"),
        (machine("e2-small", 2, 2), "0.023"),
        (machine("e2-medium", 2, 4), "0.046"),
        (machine("e2-custom-4-8192", 4, 8), "0.152"),
        (machine("n1-highcpu-2", 2, 1.5), None),  # its series has no rates here
        (machine("custom-2-4096", 2, 4), None),
        (machine("n2-custom-2-4096", 2, 4), None),
        (machine("n2-custom-2-65536-ext", 2, 64), None),
        (machine("e2-custom-micro-2048", 2, 2), None),
        (machine("e2-standard-2-metal", 2, 8), None),
        (replace(machine("e2-standard-2", 2, 8), disk=375), None),
        (machine("e2-standard-2", 2, 8, extra={"accelerators": [{"guestAcceleratorType": "nvidia-l4"}]}), None),
        (Size(id="e2-standard-2", name="e2-standard-2"), None),
    ],
)
def test_a_machine_costs_what_its_parts_do_or_is_unknown(size: Size, hourly: str | None) -> None:
    assert rates("e2").hourly(size, REGION) == (Decimal(hourly) if hourly else None)


def test_googles_published_price_of_shared_cores_comes_out_of_its_rates() -> None:
    """The page of general-purpose machines shows 0.016752855 for an e2-small in Iowa, 0.03350571 for an e2-medium."""
    iowa = "us-central1"
    parts = [Rate("e2", "Core", (iowa,), Decimal("0.02181159")), Rate("e2", "Ram", (iowa,), Decimal("0.00292353"))]
    known = Rates(parts)
    assert known.hourly(machine("e2-small", 2, 2), iowa) == Decimal("0.016752855")
    assert known.hourly(machine("e2-medium", 2, 4), iowa) == Decimal("0.03350571")


def test_a_price_holds_in_its_own_region_and_series_alone() -> None:
    known = rates("n2")
    assert known.hourly(machine("n2-standard-2", 2, 8), "europe-west4") is None
    assert known.hourly(machine("n2d-standard-2", 2, 8), REGION) is None


def test_a_core_without_its_memory_is_no_price() -> None:
    known = Rates([Rate("n2", "Core", (REGION,), Decimal("0.03"))])
    assert known.hourly(machine("n2-standard-2", 2, 8), REGION) is None


def test_two_rates_for_the_same_thing_are_one_if_they_agree_and_none_if_they_do_not() -> None:
    ram = Rate("n2", "Ram", (REGION,), Decimal("0.004"))
    core = Rate("n2", "Core", (REGION, "us-east4"), Decimal("0.03"))
    size = machine("n2-standard-2", 2, 8)
    assert Rates([ram, core, core]).hourly(size, REGION) == Decimal("0.092")
    other = replace(core, amount=Decimal("0.04"))
    for order in ([ram, core, other, core], [ram, other, core, other]):
        assert Rates(order).hourly(size, REGION) is None


def test_whole_machines_have_a_price_of_their_own() -> None:
    known = Rates([Rate("g1-small", "Core", (REGION,), Decimal("0.0257"))])
    assert known.hourly(machine("g1-small", 1, 1.7), REGION) == Decimal("0.0257")
    assert known.hourly(machine("f1-micro", 1, 0.6), REGION) is None


def test_custom_types_are_billed_by_what_stands_in_their_names() -> None:
    plain, second = billed("custom-2-4096"), billed("n2d-custom-4-10240")
    assert plain is not None
    assert second is not None
    assert (plain.series, plain.cores, plain.memory) == ("n1-custom", Decimal(2), Decimal(4))
    assert (second.series, second.cores, second.memory) == ("n2d-custom", Decimal(4), Decimal(10))


# ---- the list, as it is fetched ----


class Wire:
    """A simulated project with prices, and all that was asked for its list."""

    def __init__(self, **world: Any) -> None:
        self.simulator = GCESimulator(**{"invented_prices": True, **world})
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        if request.url.path == SKUS:
            self.asked.append(request)
        return await self.simulator(request)

    def run(self, scenario: Callable[[GCE], Awaitable[T]], **options: Any) -> T:
        async def go() -> T:
            key = self.simulator.billing_key
            own = {**self.simulator.credentials, "ex_billing_key": key, "transport": self, "region": ZONE}
            own |= {"now": self.simulator.now, "retry": Retry(jitter=lambda: 1.0)}
            async with GCE(**{**own, **options}) as driver:
                return await scenario(driver)

        return virtualtime.run(go())


async def sizes(driver: GCE) -> dict[str, Size]:
    return {size.id: size for size in await driver.list_sizes()}


def test_sizes_and_offers_have_the_prices_of_the_day_on_which_the_list_was_fetched() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        found = await sizes(driver)
        price = found["e2-standard-2"].price
        assert price is not None
        assert (price.amount, price.currency, price.per, price.source) == (Decimal("0.064"), "USD", "hour", "api")
        assert price.as_of == driver.today()
        assert found["c3-standard-4-lssd"].price is None
        offers = await driver.list_offers()
        assert {offer.price.amount for offer in offers if offer.size.id == "e2-small" and offer.price} == {
            Decimal("0.016")
        }
        assert all(offer.price == offer.size.price for offer in offers)

    wire.run(scenario)
    assert wire.simulator.calls[LIST] == 1


def test_the_key_goes_in_a_header_to_google_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aiocloud")
    wire, key = Wire(), "AIzaHarbourKeyForPrices"
    driver = wire.run(lambda driver: _self(driver))
    [request] = wire.asked
    assert request.url.host == "cloudbilling.googleapis.com"
    assert request.headers["X-Goog-Api-Key"] == key
    assert "Authorization" not in request.headers
    assert key not in str(request.url)
    assert key not in repr(driver) + caplog.text
    assert request.url.query["currencyCode"] == "USD"


async def _self(driver: GCE) -> GCE:
    await driver.list_sizes()
    return driver


def test_many_who_want_prices_share_one_list_and_it_is_fetched_again_after_half_a_day() -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await asyncio.gather(*[sizes(driver) for _ in range(6)])
        assert len(wire.asked) == 1
        await asyncio.sleep(timedelta(hours=13).total_seconds())
        await asyncio.gather(*[sizes(driver) for _ in range(6)])

    wire.run(scenario)
    assert len(wire.asked) == 2


def test_a_long_list_comes_page_by_page() -> None:
    wire = Wire()

    async def small_pages(request: Request) -> Response:
        if request.url.path == SKUS:
            request = replace(request, url=request.url.update_query(pageSize="50"))
        return await wire(request)

    found = wire.run(sizes, transport=small_pages)
    assert found["n2-standard-2"].price is not None
    assert len(wire.asked) == 5
    assert len({request.url.query.get("pageToken") for request in wire.asked}) == 5


def test_without_a_key_the_catalogue_tells_and_nobody_is_asked() -> None:
    wire = Wire()
    found = wire.run(sizes, ex_billing_key=None)
    price = found["e2-standard-2"].price
    assert price is not None
    assert (price.source, price.as_of.year, wire.asked) == ("catalogue", 2020, [])


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Answer(on=LIST, times=9, status=403, body=b'{"error":{"message":"API disabled"}}'), "API disabled"),
        (Answer(on=LIST, times=9, status=500, body=b"{}"), "gce"),
        (Answer(on=LIST, times=9, body=b"<html>"), "JSON"),
        (Answer(on=LIST, times=9, body=b"{}"), "without anything in it"),
        (Answer(on=LIST, times=9, body=b"[]"), "price list"),
        (Hang(on=LIST, times=9), "within 20 seconds"),
    ],
)
def test_a_list_that_cannot_be_had_costs_no_size(fault: Any, sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()
    wire.simulator.faults.append(fault)
    found = wire.run(sizes)
    assert len(found) == 10
    price = found["e2-standard-2"].price
    assert price is not None
    assert price.source == "catalogue"
    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "the price list cannot be had" in record.getMessage()
    assert sentence in record.getMessage()


def test_a_wrong_key_is_told_once_to_all_who_wait_and_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()

    async def scenario(driver: GCE) -> None:
        await asyncio.gather(*[sizes(driver) for _ in range(4)])
        assert len(wire.asked) == 1
        wire.simulator.billing_key = "AIzaSomeOtherHarbour"
        found = await sizes(driver)
        assert found["e2-standard-2"].price is not None
        assert found["e2-standard-2"].price.source == "api"

    wire.run(scenario, ex_billing_key="AIzaSomeOtherHarbour")
    assert "API key not valid" in caplog.text
    assert "AIzaSomeOtherHarbour" not in caplog.text


def test_who_is_cancelled_leaves_the_others_their_prices() -> None:
    wire = Wire(latency=1.0)

    async def scenario(driver: GCE) -> None:
        first = asyncio.create_task(sizes(driver))
        others = [asyncio.create_task(sizes(driver)) for _ in range(3)]
        await asyncio.sleep(0.5)
        first.cancel()
        for found in await asyncio.gather(*others):
            assert found["e2-standard-2"].price is not None
            assert found["e2-standard-2"].price.source == "api"

    wire.run(scenario)


def test_a_simulator_tells_no_prices_unless_they_may_be_invented() -> None:
    found = Wire(invented_prices=False).run(sizes)
    assert {size.price for size in found.values()} == {None}


def test_a_custom_type_has_a_price_if_there_is_a_key() -> None:
    async def scenario(driver: GCE) -> None:
        price = await driver.ex_custom_price("n2-custom-4-8192")
        assert price is not None
        assert price.amount == 4 * Decimal("0.034") + 8 * Decimal("0.0044")
        assert await driver.ex_custom_price("n2-custom-4-8192", location="mars-west1-a") is None
        assert await driver.ex_custom_price("n2-custom-4-65536-ext") is None

    Wire().run(scenario)

    async def without(driver: GCE) -> None:
        with pytest.raises(ConfigurationError, match="ex_billing_key"):
            await driver.ex_custom_price("n2-custom-4-8192")

    Wire().run(without, ex_billing_key=None)


def test_the_key_is_found_in_a_variable(tmp_path: Path) -> None:
    variables = {"GCE_METADATA_HOST": "here", "GCE_BILLING_API_KEY": "AIza1234", "GOOGLE_CLOUD_PROJECT": "quay-7"}
    [account] = GCE.accounts(Environment(variables, tmp_path, tmp_path))
    assert account.options["ex_billing_key"] == "AIza1234"
    assert "AIza1234" not in repr(account)


def test_a_price_list_may_be_had_from_another_host() -> None:
    wire = Wire()
    wire.run(sizes, ex_billing_endpoint="https://prices.example")
    assert wire.asked[0].url.host == "prices.example"
