"""The selector against a slow one that shares nothing with it: plain loops, fractions, chords."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiocloud.models import Offer
from aiocloud.query import Query, select
from tests.query.conftest import RATES, offer, price

DOLLARS = {"USD": Fraction(1), "EUR": Fraction(5, 4), "GBP": Fraction(25, 16)}
"""What one unit is in dollars: one euro is 1.25 dollars, or 0.8 pounds."""

CITIES = [(52.52, 13.405), (48.8566, 2.3522), (37.7749, -122.4194), (1.3521, 103.8198), (-33.87, 151.21)]

prices = st.none() | st.builds(
    price,
    st.sampled_from(["0", "0.01", "0.0125", "0.010", "0.008", "7.30", "9.125", "5.84", "3", "0.0001", "1234.56"]),
    st.sampled_from(["USD", "EUR", "GBP", "XTS", "usd"]),
    st.sampled_from(["hour", "month"]),
)

offers = st.builds(
    offer,
    provider=st.sampled_from(["kelp", "tide"]),
    account=st.sampled_from(["", "a", "b"]),
    location=st.sampled_from(["l1", "l2"]),
    country=st.sampled_from([None, "US", "DE", "CY", "GB", "SG", "PR", "USA", "Virginia", "us", ""]),
    point=st.sampled_from([*CITIES, (None, None), (1.0, None)]),
    size=st.sampled_from(["s1", "s2"]),
    price=prices,
    available=st.sampled_from([None, True, False]),
    ram=st.sampled_from([None, 1024, 4095, 4096, 8192]),
    vcpus=st.sampled_from([None, 1, 2]),
    disk=st.sampled_from([None, 0, 20, 80]),
    arch=st.sampled_from([None, "x86_64", "arm64", "amd64", "sparc"]),
    extra=st.sampled_from([{}, {"deprecated": True}, {"deprecated": False}, {"deprecated": None}]),
)

PLACES: dict[str, set[str]] = {"US": {"US"}, "US, SG": {"US", "SG"}, "EU": {"DE", "CY"}, "Europe": {"DE", "GB"}}
"""What the words mean among the countries above."""

asked = st.fixed_dictionaries(
    {},
    optional={
        "ram": st.sampled_from([1024, "4G"]),
        "vcpus": st.sampled_from([0, 1, 2]),
        "disk": st.sampled_from([0, 20, "80G"]),
        "arch": st.sampled_from(["x86_64", "arm64"]),
        "outside": st.sampled_from(list(PLACES)),
        "inside": st.sampled_from(list(PLACES)),
        "near": st.sampled_from(CITIES),
        "max_price": st.sampled_from(["0", "0.01", "0.0125", "0.02", "5000"]),
        "currency": st.sampled_from(["USD", "EUR", "GBP", "XTS"]),
        "unknown_country": st.booleans(),
        "unavailable": st.booleans(),
        "deprecated": st.booleans(),
    },
)


def slow_cost(given: Offer, currency: str) -> Fraction | None:
    """The exact price of an hour, to the nearest ten-billionth."""
    if given.price is None:
        return None
    cost = Fraction(str(given.price.amount))
    if given.price.currency != currency:
        if given.price.currency not in DOLLARS or currency not in DOLLARS:
            return None
        cost = cost * DOLLARS[given.price.currency] / DOLLARS[currency]
    if given.price.per == "month":
        cost = cost * 12 / (24 * 365)
    return Fraction(round(cost * 10**10), 10**10)


def slow_distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres over the ground, from the chord between two points of a ball."""

    def on_ball(latitude: float, longitude: float) -> list[float]:
        phi, lam = math.radians(latitude), math.radians(longitude)
        return [math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)]

    return 2 * 6371.0088 * math.asin(min(1.0, math.dist(on_ball(*one), on_ball(*other)) / 2))


def slow_kind(given: Offer, words: dict[str, Any]) -> str | None:
    """The first reason against an offer, from the words themselves."""
    arches = {"x86_64": ("x86_64", "amd64"), "arm64": ("arm64",)}
    if "arch" in words:
        if given.size.arch is None:
            return "arch unknown"
        if given.size.arch not in arches[words["arch"]]:
            return "arch"
    for field in ("vcpus", "ram", "disk"):
        if field in words:
            least = {"4G": 4096, "80G": 80}.get(words[field], words[field])
            amount = getattr(given.size, field)
            if amount is None:
                return f"{field} unknown"
            if not amount >= least:
                return field
    if given.size.extra == {"deprecated": True} and not words.get("deprecated"):
        return "deprecated"
    if given.available is False and not words.get("unavailable"):
        return "sold out"
    if "outside" in words or "inside" in words:
        if given.location.country not in ("US", "DE", "CY", "GB", "SG", "PR"):
            if not words.get("unknown_country"):
                return "country unknown"
        else:
            if "outside" in words and given.location.country in PLACES[words["outside"]]:
                return "country"
            if "inside" in words and given.location.country not in PLACES[words["inside"]]:
                return "country"
    if "near" in words:
        latitude, longitude = given.location.latitude, given.location.longitude
        if latitude is None or longitude is None:
            return "distance unknown"
        if slow_distance(words["near"], (latitude, longitude)) > words["within_km"]:
            return "distance"
    if given.price is None:
        return "price unknown"
    cost = slow_cost(given, words.get("currency", "USD"))
    if cost is None:
        return "currency unknown"
    if "max_price" in words and cost > Fraction(words["max_price"]):
        return "price"
    return None


def slow_before(one: tuple[Fraction, Offer], other: tuple[Fraction, Offer]) -> bool:
    """Whether the first is strictly before the second, among those that passed."""
    if one[0] != other[0]:
        return one[0] < other[0]
    for field in ("ram", "vcpus", "disk"):
        mine, theirs = getattr(one[1].size, field), getattr(other[1].size, field)
        if mine != theirs:
            return theirs is None or (mine is not None and mine < theirs)
    names = [(o.provider, o.location.id, o.size.id, o.account) for _, o in (one, other)]
    return names[0] < names[1]


def kind_of(sentence: str) -> str:
    """The kind of clause that a sentence comes from."""
    for unknown in ("arch", "vcpus", "ram", "disk", "country", "distance", "price", "currency"):
        if sentence.startswith(f"{unknown} unknown"):
            return f"{unknown} unknown"
    return "distance" if "km away" in sentence else sentence if sentence == "sold out" else sentence.split()[0]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(offers, max_size=25), asked, st.randoms(use_true_random=False), st.integers(1, 30))
def test_the_selector_agrees_with_brute_force(world: list[Offer], words: dict[str, Any], random: Any, top: int) -> None:
    if "near" in words:
        words = {**words, "within_km": 1000}  # Berlin and Paris are near each other, and nothing else is
    query = Query.of(**words)
    currency = words.get("currency", "USD")
    selection = select(world, query, RATES)

    passed: list[tuple[Fraction, Offer]] = []
    refused: list[tuple[Offer, str]] = []
    for one in world:
        kind = slow_kind(one, words)
        if kind is not None:
            refused.append((one, kind))
        else:
            cost = slow_cost(one, currency)
            assert cost is not None
            passed.append((cost, one))

    ranked = [(Fraction(str(each.hourly)), each.offer) for each in selection.ranked]
    assert Counter(ranked) == Counter(passed)
    for number, later in enumerate(ranked):
        assert not any(slow_before(later, earlier) for earlier in ranked[:number])
    assert Counter((o, kind_of(sentence)) for o, sentence in selection.rejected) == Counter(refused)
    assert dict(selection.counts) == Counter(kind for _, kind in refused)
    assert selection.matched == len(passed)
    assert selection.unknown_country == sum(kind == "country unknown" for _, kind in refused)
    assert selection.unknown_distance == sum(kind == "distance unknown" for _, kind in refused)
    assert selection.unknown_price == sum(kind == "price unknown" for _, kind in refused)
    assert selection.unknown_currency == sum(kind == "currency unknown" for _, kind in refused)
    for one, sentence in selection.rejected:
        assert query.rejection(one, RATES) == sentence

    shuffled = random.sample(world, len(world))
    assert select(iter(shuffled), query, RATES) == selection
    some = select(shuffled, query, RATES, top=top, keep_rejected=False)
    assert some.ranked == selection.ranked[:top]
    assert (some.counts, some.matched) == (selection.counts, selection.matched)


@given(st.lists(offers, min_size=1, max_size=40), st.booleans())
def test_outside_the_us_never_holds_the_us_nor_by_default_the_unknown(world: list[Offer], lenient: bool) -> None:
    selection = select(world, Query.of(outside="US", unknown_country=lenient), RATES)
    countries = {ranked.offer.location.country for ranked in selection.ranked}
    known = {"DE", "CY", "GB", "SG", "PR"}
    assert "US" not in countries
    assert lenient or countries <= known


@pytest.mark.parametrize("top", [1, 2, 7])
def test_a_long_stream_that_overflows_the_buffer_gives_the_same_top(top: int) -> None:
    amounts = [f"{(n * 7919) % 997 // 10 + 1}" for n in range(3_000)]
    world = [offer(size=f"s{n % 50}", ram=n % 4 or None, price=price(amount)) for n, amount in enumerate(amounts)]
    whole = select(world, Query.of(), RATES)
    for stream in (world, world[::-1], sorted(world, key=lambda o: -(o.price or price("0")).amount)):
        assert select(stream, Query.of(), RATES, top=top).ranked == whole.ranked[:top]
    assert whole.ranked[0].hourly == min(Decimal(amount) for amount in amounts)
