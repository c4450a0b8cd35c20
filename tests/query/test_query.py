from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING, Any

import pytest

from aiocloud.query import Clauses, Query, countries, distance_km
from tests.query.conftest import offer, price

if TYPE_CHECKING:
    from aiocloud.models import Offer
    from aiocloud.pricing.money import Rates

BERLIN = (52.52, 13.405)
PARIS = (48.8566, 2.3522)


@pytest.mark.parametrize(
    ("words", "given", "sentence"),
    [
        ({}, {}, None),
        ({"arch": "arm64"}, {}, "arch x86_64 is not arm64"),
        ({"arch": "arm64"}, {"arch": None}, "arch unknown"),
        ({"arch": "amd64"}, {"arch": "x86_64"}, None),
        ({"arch": "x86_64"}, {"arch": "amd64"}, None),
        ({"vcpus": 4}, {}, "vcpus 2 < 4"),
        ({"vcpus": 4}, {"vcpus": None}, "vcpus unknown"),
        ({"vcpus": 2}, {}, None),
        ({"ram": "4G"}, {"ram": 2048}, "ram 2048 MiB < 4096 MiB"),
        ({"ram": "4G"}, {"ram": None}, "ram unknown"),
        ({"ram": "4G"}, {"ram": 4096}, None),
        ({"disk": 100}, {}, "disk 80 GiB < 100 GiB"),
        ({"disk": 100}, {"disk": 0}, "disk 0 GiB < 100 GiB"),
        ({"disk": 0}, {"disk": 0}, None),
        ({"disk": 100}, {"disk": None}, "disk unknown"),
        ({}, {"extra": {"deprecated": True}}, "deprecated"),
        ({}, {"extra": {"deprecated": False}}, None),
        ({}, {"extra": {"deprecated": None}}, None),
        ({"deprecated": True}, {"extra": {"deprecated": True}}, None),
        ({}, {"available": False}, "sold out"),
        ({}, {"available": True}, None),
        ({"unavailable": True}, {"available": False}, None),
        ({"outside": "US"}, {"country": "US"}, "country US is outside what was asked: not US"),
        ({"outside": "US"}, {"country": "DE"}, None),
        ({"outside": "US"}, {"country": "PR"}, None),
        ({"outside": "US"}, {"country": None}, "country unknown"),
        ({"outside": "US"}, {"country": "USA"}, "country unknown: 'USA' is no ISO 3166-1 code"),
        ({"outside": "US"}, {"country": "Virginia"}, "country unknown: 'Virginia' is no ISO 3166-1 code"),
        ({"outside": "US"}, {"country": ""}, "country unknown: '' is no ISO 3166-1 code"),
        ({"outside": "US", "unknown_country": True}, {"country": None}, None),
        ({"outside": "US", "unknown_country": True}, {"country": "US"}, "country US is outside what was asked: not US"),
        ({"inside": "EU"}, {"country": "GB"}, "country GB is outside what was asked: EU"),
        ({"inside": "Europe"}, {"country": "GB"}, None),
        ({"inside": "EU"}, {"country": None}, "country unknown"),
        ({"inside": "EU", "unknown_country": True}, {"country": None}, None),
        ({"inside": "EU", "outside": "DE"}, {"country": "DE"}, "country DE is outside what was asked: not DE"),
        ({"inside": "EU", "outside": "DE"}, {"country": "FR"}, None),
        ({}, {"country": None}, None),
        ({"near": BERLIN, "within_km": 500}, {"point": PARIS}, "877 km away > 500 km"),
        ({"near": BERLIN, "within_km": 900}, {"point": PARIS}, None),
        ({"near": BERLIN, "within_km": 0}, {"point": BERLIN}, None),
        ({"near": BERLIN, "within_km": 900}, {}, "distance unknown"),
        ({"near": BERLIN, "within_km": 900}, {"point": (52.0, None)}, "distance unknown"),
        ({"near": (0, 0), "within_km": 1}, {"point": (0.0, 0.0)}, None),
        ({}, {"price": None}, "price unknown"),
        ({}, {"price": price("1", "XTS")}, "currency unknown: no rate from XTS to USD"),
        ({}, {"price": price("1", "dollars")}, "currency unknown: no rate from dollars to USD"),
        ({"currency": "XTS"}, {"price": price("1", "XTS")}, None),
        ({"currency": "XTS"}, {}, "currency unknown: no rate from USD to XTS"),
        ({"max_price": "0.05"}, {}, None),
        ({"max_price": "0.04"}, {}, "price 0.05 USD > 0.04 USD an hour"),
        ({"max_price": "0.04", "currency": "EUR"}, {}, None),
        ({"max_price": "0.05"}, {"price": price("36.50", "USD", "month")}, None),
        ({"max_price": "0.05"}, {"price": price("36.50", "EUR", "month")}, "price 0.0625 USD > 0.05 USD an hour"),
        ({"max_price": "0"}, {"price": price("0")}, None),
    ],
)
def test_the_sentence_says_why(
    words: dict[str, Any], given: dict[str, Any], sentence: str | None, rates: Rates
) -> None:
    assert Query.of(**words).rejection(offer(**given), rates) == sentence


def test_the_first_clause_that_rejects_is_the_one_that_counts(rates: Rates) -> None:
    query = Query.of(arch="arm64", vcpus=4, ram="8G", disk=100, inside="EU", near=BERLIN, within_km=1, max_price="0.01")
    mends: list[dict[str, Any]] = [
        {"arch": "arm64"},
        {"vcpus": 4},
        {"ram": 8192},
        {"disk": 100},
        {"extra": {}},
        {"available": True},
        {"country": "DE"},
        {"point": BERLIN},
        {"price": price("0.01")},
    ]
    kinds = ["arch", "vcpus", "ram", "disk", "deprecated", "sold out", "country", "distance", "price", None]
    given: dict[str, Any] = {
        "available": False,
        "country": "US",
        "point": PARIS,
        "price": price("1"),
        "extra": {"deprecated": True},
    }
    for kind, mend in zip(kinds, [*mends, {}], strict=True):
        assert first_kind(query, offer(**given), rates) == kind
        given |= mend


def first_kind(query: Query, given: Offer, rates: Rates) -> str | None:
    return next((clause.kind for clause in query.clauses(rates) if clause.rejects(given)), None)


def test_only_what_is_asked_for_is_a_clause(rates: Rates) -> None:
    assert [clause.kind for clause in Query.of().clauses(rates)] == [
        "deprecated",
        "sold out",
        "price unknown",
        "currency unknown",
    ]


def test_the_shipped_rates_serve_when_none_are_given() -> None:
    assert Query.of().rejection(offer(price=price("1", "EUR"))) is None


def test_a_query_built_without_words_means_the_same() -> None:
    assert Query(ram=4096, outside=countries("US")) == Query.of(ram="4G", outside="usa")


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        (BERLIN, BERLIN, 0),
        (BERLIN, PARIS, 877.46),
        ((0, 0), (0, 180), math.pi * 6371.0088),
        ((90, 0), (-90, 77), math.pi * 6371.0088),
        ((0, 179.5), (0, -179.5), math.pi * 6371.0088 / 180),
    ],
)
def test_distances_are_those_of_the_great_circle(
    one: tuple[float, float], other: tuple[float, float], kilometres: float
) -> None:
    assert distance_km(one, other) == pytest.approx(kilometres, abs=0.1)
    assert distance_km(other, one) == pytest.approx(kilometres, abs=0.1)


def test_the_clauses_that_are_passed_on_are_those_that_are_understood() -> None:
    assert list(Clauses.__annotations__) == list(inspect.signature(Query.of).parameters)
