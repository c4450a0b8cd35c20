from __future__ import annotations

import itertools
import pickle
import tracemalloc
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from aiocloud.errors import ConfigurationError
from aiocloud.query import Query, Ranked, select
from tests.query.conftest import offer, price

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiocloud.models import Offer
    from aiocloud.pricing.money import Rates


def test_months_and_currencies_are_ranked_on_one_scale(rates: Rates) -> None:
    dollars = offer(size="dollars", price=price("0.03"))
    euros = offer(size="euros", price=price("14.60", "EUR", "month"))  # 0.02 EUR, 0.025 USD
    pounds = offer(size="pounds", price=price("0.0128", "GBP"))  # 0.016 EUR, 0.02 USD
    selection = select([dollars, euros, pounds], Query.of(), rates)
    assert selection.ranked == (
        Ranked(pounds, Decimal("0.02")),
        Ranked(euros, Decimal("0.025")),
        Ranked(dollars, Decimal("0.03")),
    )
    assert selection.cheapest() == Ranked(pounds, Decimal("0.02"))


def test_equal_prices_stay_equal_whichever_way_they_were_converted(rates: Rates) -> None:
    by_month = offer(size="a", price=price("10", "USD", "month"))
    in_euros = offer(size="b", price=price("8", "EUR", "month"))
    selection = select([in_euros, by_month], Query.of(), rates)
    assert [ranked.offer.size.id for ranked in selection.ranked] == ["a", "b"]
    assert len({ranked.hourly for ranked in selection.ranked}) == 1


def test_ties_are_broken_in_one_fixed_order(rates: Rates) -> None:
    ordered = [
        offer(price=price("0.01"), ram=8192),
        offer(ram=1024, vcpus=9),
        offer(vcpus=1, disk=900),
        offer(disk=10, provider="zz"),
        offer(disk=None, provider="aa"),
        offer(vcpus=None),
        offer(ram=None, provider="aa", location="l9"),
        offer(ram=None, provider="ab", location="l1", size="z"),
        offer(ram=None, provider="ab", location="l2", size="a", account="z"),
        offer(ram=None, provider="ab", location="l2", size="b", account="a"),
        offer(ram=None, provider="ab", location="l2", size="b", account="b"),
        offer(ram=None, provider="ab", location="l2", size="b", account="b", available=True),
    ]
    for rotation in range(len(ordered)):
        shuffled = ordered[rotation:] + ordered[:rotation]
        assert [ranked.offer for ranked in select(shuffled[::-1], Query.of(), rates).ranked] == ordered


def test_a_country_that_nobody_told_is_not_outside_the_us(rates: Rates) -> None:
    offers = [
        offer(size="cheap", country=None, price=price("0.001")),
        offer(size="usa", country="USA", price=price("0.002")),
        offer(size="us", country="US", price=price("0.003")),
        offer(size="de", country="DE", price=price("0.004")),
    ]
    strict = select(offers, Query.of(outside="US"), rates)
    assert [ranked.offer.size.id for ranked in strict.ranked] == ["de"]
    assert strict.unknown_country == 2
    assert "left out for country unknown: 2" in strict.explain()
    lenient = select(offers, Query.of(outside="US", unknown_country=True), rates)
    assert [ranked.offer.size.id for ranked in lenient.ranked] == ["cheap", "usa", "de"]
    assert lenient.unknown_country == 0


def test_what_has_no_price_is_counted_and_never_ranked_as_free(rates: Rates) -> None:
    offers = [offer(price=None), offer(price=price("1", "XTS")), offer(price=price("9"))]
    selection = select(offers, Query.of(), rates)
    assert selection.matched == 1
    assert (selection.unknown_price, selection.unknown_currency) == (1, 1)
    assert selection.counts == {"price unknown": 1, "currency unknown": 1}


def test_nothing_has_no_cheapest(rates: Rates) -> None:
    selection = select([], Query.of(), rates)
    assert selection.cheapest() is None
    assert selection.explain() == "0 of 0 offers match: anything"


def test_the_top_is_the_beginning_of_the_whole_ranking(rates: Rates) -> None:
    offers = [offer(size=str(n), price=price(str(n % 7 + 1)), ram=n % 3) for n in range(100)]
    whole = select(offers, Query.of(), rates)
    for top in (1, 5, 100, 200):
        some = select(reversed(offers), Query.of(), rates, top=top)
        assert some.ranked == whole.ranked[:top]
        assert some.matched == whole.matched == 100


def test_a_top_of_none_at_all_is_refused(rates: Rates) -> None:
    with pytest.raises(ConfigurationError, match="top 0 is not understood"):
        select([offer()], Query.of(), rates, top=0)


def test_counts_are_whole_when_the_rejected_are_not_kept(rates: Rates) -> None:
    offers = [offer(ram=ram, country=country) for ram in (None, 1024, 8192) for country in (None, "US", "DE")]
    query = Query.of(ram="4G", outside="US")
    kept = select(offers, query, rates)
    dropped = select(offers, query, rates, keep_rejected=False)
    assert dropped.rejected == ()
    assert dropped.counts == kept.counts == {"ram unknown": 3, "ram": 3, "country unknown": 1, "country": 1}
    assert list(kept.counts) == ["ram unknown", "ram", "country unknown", "country"]
    assert len(kept.rejected) == 8


def test_the_explanation_names_every_rejected_offer_and_its_first_clause(rates: Rates) -> None:
    offers = [
        offer(size="small", ram=2048),
        offer(size="here", country="US", account="prod"),
        offer(size="right", price=price("36.5", "USD", "month")),
    ]
    assert select(offers, Query.of(ram="4G", outside="US"), rates).explain().splitlines() == [
        "1 of 3 offers match: at least 4096 MiB of ram, not in US",
        "cheapest: tide fra1 right, 0.05 USD an hour",
        "left out for ram: 1",
        "left out for country: 1",
        "tide (prod) fra1 here: country US is outside what was asked: not US",
        "tide fra1 small: ram 2048 MiB < 4096 MiB",
    ]


def test_a_selection_pickles(rates: Rates) -> None:
    selection = select([offer(), offer(country="US")], Query.of(outside="US"), rates)
    assert pickle.loads(pickle.dumps(selection)) == selection  # our own bytes


@pytest.mark.parametrize("query", [Query.of(ram="4G", outside="US"), Query.of(max_price="0.5")], ids=str)
def test_a_stream_is_not_kept(query: Query, rates: Rates) -> None:
    def stream(count: int) -> Iterator[Offer]:
        kinds = itertools.cycle([2048, 8192])
        for number, ram in zip(range(count), kinds, strict=False):
            yield offer(size=str(number), ram=ram, price=price(f"0.{number % 10}1"))

    def peak(count: int) -> int:
        tracemalloc.start()
        select(stream(count), query, rates, top=3, keep_rejected=False)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what is made once
    assert peak(4_000) < 2 * peak(400)
