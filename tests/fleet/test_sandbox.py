"""The question that the package exists for, asked over real HTTP, against an answer found in another way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import aiocloud
from aiocloud.fleet import OfferReport, sandbox
from aiocloud.fleet.sandbox import simulated
from aiocloud.http.retry import Retry
from aiocloud.simulators import get_simulator

PACKAGE = Path(aiocloud.__file__).parent
FACTS = PACKAGE / "simulators" / "facts"
TABLES = PACKAGE / "pricing" / "data"
CURRENCIES = {"hetzner": "EUR", "ovh": "EUR", "scaleway": "EUR"}
"""The clouds that quote another currency than dollars."""


def facts(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Fraction)


def ec2_by_hand() -> Iterator[tuple[Fraction, str, str, str]]:
    table = facts(TABLES / "ec2.json")
    for name, ram, _, _, _, _, prices in table["sizes"]:
        for region, price in zip(table["regions"], prices, strict=True):
            if ram is not None and ram >= 4096 and price and not region.startswith("us-"):
                yield Fraction(price), "ec2", region, name


def linode_by_hand() -> Iterator[tuple[Fraction, str, str, str]]:
    known = facts(FACTS / "linode.json")
    for plan in known["types"]:
        for region in known["regions"]:
            needed = {"Linodes", "Premium Plans"} if plan["class"] == "premium" else {"Linodes"}
            if plan["memory"] < 4096 or region["country"] == "us" or not needed <= set(region["capabilities"]):
                continue
            special = {row["id"]: row["hourly"] for row in plan["region_prices"]}
            yield Fraction(special.get(region["id"], plan["price"]["hourly"])), "linode", region["id"], plan["id"]


async def ask_the_sandbox() -> OfferReport:
    async with sandbox() as fleet:
        return await fleet.offers(ram="4G", outside="US")


@pytest.fixture(scope="module")
def report() -> OfferReport:
    return asyncio.run(ask_the_sandbox())


def test_every_simulated_cloud_answers_and_says_how_much(report: OfferReport) -> None:
    assert not report.failures
    answered = {coverage.scope.provider for coverage in report.coverage if coverage.status == "answered"}
    assert answered == set(simulated())
    assert all(coverage.items for coverage in report.coverage if coverage.scope.provider in ("ec2", "linode"))


def test_the_cheapest_is_the_one_that_the_raw_facts_give(report: OfferReport) -> None:
    best = report.cheapest()
    assert best is not None
    expected = min([*ec2_by_hand(), *linode_by_hand()])
    others = [ranked for ranked in report.ranked if ranked.offer.provider not in ("ec2", "linode")]
    assert all(ranked.hourly >= best.hourly for ranked in others)
    ours = next(ranked for ranked in report.ranked if ranked.offer.provider in ("ec2", "linode"))
    assert (Fraction(ours.hourly), ours.offer.provider, ours.offer.location.id, ours.offer.size.id) == expected


@pytest.mark.parametrize(("provider", "by_hand"), [("ec2", ec2_by_hand), ("linode", linode_by_hand)])
def test_every_offer_of_a_cloud_is_the_one_that_the_raw_facts_give(
    report: OfferReport, provider: str, by_hand: Any
) -> None:
    found = [
        (Fraction(ranked.hourly), provider, ranked.offer.location.id, ranked.offer.size.id)
        for ranked in report.ranked
        if ranked.offer.provider == provider
    ]
    assert sorted(found) == sorted(by_hand())


def test_prices_carry_the_date_of_their_facts_and_say_where_they_come_from(report: OfferReport) -> None:
    for ranked in report.ranked:
        price = ranked.offer.price
        assert price is not None
        kind = get_simulator(ranked.offer.provider)
        if kind.as_of is not None:
            assert price.as_of == kind.as_of
        assert price.source == ("catalogue" if ranked.offer.provider in ("ec2", "gce", "rackspace") else "api")
        assert price.currency == CURRENCIES.get(ranked.offer.provider, "USD")


def test_nothing_in_the_us_or_nowhere_is_among_the_answers(report: OfferReport) -> None:
    for ranked in report.ranked:
        assert ranked.offer.location.country not in (None, "US")
        assert (ranked.offer.size.ram or 0) >= 4096


async def test_a_cloud_that_does_not_answer_is_named_and_the_others_stand() -> None:
    async with sandbox(["linode", "ec2"], deadline=30) as fleet:
        once = Retry(attempts=1)  # with more, their random pauses might outlast the deadline
        broken = aiocloud.get_driver("softlayer")(
            "user", "key", account="gone", endpoint="http://127.0.0.1:9/", retry=once
        )
        fleet._members.append(fleet._given(broken))
        report = await fleet.offers(ram="4G", outside="US")
        await broken.aclose()
    assert report.cheapest() is not None
    assert [str(failure.scope) for failure in report.failures] == ["softlayer/gone"]
    assert "did not answer: softlayer/gone: no connection to 127.0.0.1" in report.explain()
