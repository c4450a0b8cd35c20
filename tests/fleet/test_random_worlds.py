"""Whatever the clouds hold, and whichever of them fail: the report is what a loop over all offers would find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocloud.driver import Driver
from aiocloud.errors import ConnectError, InvalidCredsError
from aiocloud.fleet import Fleet, OfferReport
from aiocloud.http.paging import Pager
from aiocloud.models import Location, Offer, Price, Size
from aiocloud.pricing.money import Rates
from aiocloud.providers.linode import Linode
from aiocloud.simulators.virtualtime import run

RATES = Rates(base="EUR", as_of=date(2026, 1, 1), source="invented", table={"USD": Decimal("1.25"), "EUR": Decimal(1)})
PER_EUR = {"USD": Fraction(5, 4), "EUR": Fraction(1)}


@dataclass(frozen=True)
class World:
    """One cloud: its offers, and how it behaves."""

    offers: tuple[Offer, ...]
    behaviour: str


class Market(Linode):
    """A cloud that offers what it is told to, or fails."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(account=name, transport=_nobody)
        self.world = world

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """What it was told."""

        async def offers() -> Sequence[Offer]:
            match self.world.behaviour:
                case "refuses":
                    raise InvalidCredsError("who?")
                case "breaks":
                    raise ConnectError("cut")
                case "hangs":
                    await anyio.sleep_forever()
            await anyio.sleep(len(self.world.offers))
            return self.world.offers

        return Pager.of(offers)


async def _nobody(request: Any) -> Any:
    raise AssertionError("no request is needed")


def offer(name: str, ram: int | None, country: str | None, amount: int | None, currency: str, per: Any) -> Offer:
    price = None
    if amount is not None:
        price = Price(amount=Decimal(amount), currency=currency, per=per, as_of=date(2026, 1, 1))
    size = Size(id=name, name=name, ram=ram, price=price)
    place = Location(id=f"in-{country}", name="", country=country)
    return Offer(provider="linode", location=place, size=size, price=price)


offers = st.builds(
    offer,
    st.sampled_from(["s1", "s2", "s3"]),
    st.sampled_from([None, 1024, 4096, 8192]),
    st.sampled_from([None, "US", "DE", "IN"]),
    st.sampled_from([None, 1, 2, 730, 1460]),
    st.sampled_from(["USD", "EUR", "XXX"]),
    st.sampled_from(["hour", "month"]),
)
worlds = st.builds(
    World,
    st.lists(offers, max_size=6).map(tuple),
    st.sampled_from(["answers", "answers", "answers", "refuses", "breaks", "hangs"]),
)


def cost(each: Offer) -> Fraction | None:
    """An hour in USD, by hand."""
    if each.price is None or each.price.currency not in PER_EUR:
        return None
    hours = 730 if each.price.per == "month" else 1
    return Fraction(each.price.amount) / PER_EUR[each.price.currency] * PER_EUR["USD"] / hours


def by_hand(clouds: Sequence[World]) -> list[Fraction]:
    """The prices of all that match, cheapest first."""
    found = []
    for world in clouds:
        for each in world.offers if world.behaviour == "answers" else ():
            price = cost(each)
            if (each.size.ram or 0) >= 4096 and each.location.country in ("DE", "IN") and price is not None:
                found.append(price)
    return sorted(found)


@settings(max_examples=150, deadline=None)
@given(st.lists(worlds, max_size=5))
def test_the_report_is_what_a_loop_over_all_offers_finds(clouds: list[World]) -> None:
    async def go() -> OfferReport:
        drivers: list[Driver] = [Market(f"a{number}", world) for number, world in enumerate(clouds)]
        return await Fleet(drivers, deadline=30).offers(ram=4096, outside="US", rates=RATES)

    report = run(go())
    found = [cost(ranked.offer) for ranked in report.ranked]
    assert found == by_hand(clouds)
    failed = sorted(f"a{number}" for number, world in enumerate(clouds) if world.behaviour != "answers")
    assert [failure.scope.account for failure in report.failures] == failed
    assert len(report.coverage) == len(clouds)
    best = report.cheapest()
    assert (best is None) == (not found)
