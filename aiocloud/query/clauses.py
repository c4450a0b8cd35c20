"""The clauses that an offer must pass, one function for each part of a query.

They stand in one fixed order, and an offer is counted under the first that rejects it: hardware, then
whether it can be ordered, then the place, then the price. "country unknown", "distance unknown" and "price unknown"
thus count offers that everything before them let through.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiocloud.models import Offer
from aiocloud.pricing import money
from aiocloud.query.places import COUNTRIES, describe
from aiocloud.query.words import ARCHES

if TYPE_CHECKING:
    from aiocloud.models import Price
    from aiocloud.query.query import Query

_ROUNDED: Final = Decimal("1e-10")
_EARTH_KM: Final = 6371.0088  # the mean radius


Cost: TypeAlias = "Callable[[Price], Decimal | None]"


@dataclass(frozen=True, slots=True)
class Clause:
    """One reason to reject an offer. `kind` is the word under which it is counted.

    Both functions expect an offer that the clauses before let pass, `sentence` one that this one `rejects`.
    """

    kind: str
    rejects: Callable[[Offer], bool]
    sentence: Callable[[Offer], str]


def clauses_of(query: Query, cost: Cost) -> tuple[Clause, ...]:
    """What an offer must pass for the query, in order. `cost` must answer in the query's currency."""
    parts = (_hardware(query), _orderable(query), _place(query), _cost(query, cost))
    return tuple(clause for part in parts for clause in part)


def hourly_in(currency: str, rates: money.Rates) -> Cost:
    """A function that tells what a price comes to by the hour in `currency`, to ten decimals.

    It answers None where there is no rate for the price's own currency. Rounded, so that equal prices stay
    equal whichever way they were converted; remembered, since many offers share a price.
    """

    @functools.lru_cache(maxsize=100_000)
    def by_the_hour(amount: Decimal, of: str, per: str) -> Decimal | None:
        if of != currency and not {of, currency} <= set(rates.table):
            return None
        exact = money.by_the_hour(amount, of, per, currency, rates)
        return None if exact is None else exact.quantize(_ROUNDED, ROUND_HALF_EVEN)

    def cost(price: Price) -> Decimal | None:
        return by_the_hour(price.amount, price.currency, price.per)

    return cost


def _at_least(field: str, unit: str, least: int | None) -> Iterator[Clause]:
    if least is None:
        return
    got: Callable[[Offer], Any] = attrgetter(f"size.{field}")
    yield Clause(f"{field} unknown", lambda offer: got(offer) is None, lambda _: f"{field} unknown")
    yield Clause(
        field,
        lambda offer: got(offer) < least,
        lambda offer: f"{field} {got(offer)}{unit} < {least}{unit}",
    )


def _hardware(query: Query) -> Iterator[Clause]:
    if query.arch is not None:
        wanted = frozenset(word for word, arch in ARCHES.items() if arch == query.arch) | {query.arch}
        yield Clause("arch unknown", lambda offer: offer.size.arch is None, lambda _: "arch unknown")
        yield Clause(
            "arch",
            lambda offer: offer.size.arch not in wanted,
            lambda offer: f"arch {offer.size.arch} is not {query.arch}",
        )
    yield from _at_least("vcpus", "", query.vcpus)
    yield from _at_least("ram", " MiB", query.ram)
    yield from _at_least("disk", " GiB", query.disk)


def _orderable(query: Query) -> Iterator[Clause]:
    if not query.deprecated:
        yield Clause("deprecated", _is_deprecated, lambda _: "deprecated")
    if not query.unavailable:
        yield Clause("sold out", lambda offer: offer.available is False, lambda _: "sold out")


def _is_deprecated(offer: Offer) -> bool:
    extra = offer.size.extra
    return "deprecated" in extra and extra["deprecated"] is True


def _place(query: Query) -> Iterator[Clause]:
    outside, inside = query.outside, query.inside
    if (outside or inside is not None) and not query.unknown_country:
        yield Clause(
            "country unknown",
            lambda offer: offer.location.country not in COUNTRIES,
            lambda offer: _unknown_country(offer.location.country),
        )
    if outside:
        not_in = f"is outside what was asked: not {describe(outside)}"
        yield Clause(
            "country",
            lambda offer: offer.location.country in outside,
            lambda offer: f"country {offer.location.country} {not_in}",
        )
    if inside is not None:
        within = f"is outside what was asked: {describe(inside) or 'nowhere'}"
        yield Clause(
            "country",
            lambda offer: offer.location.country not in inside and offer.location.country in COUNTRIES,
            lambda offer: f"country {offer.location.country} {within}",
        )
    if query.near is not None and query.within_km is not None:
        yield from _within(query.near, query.within_km)


def _unknown_country(said: str | None) -> str:
    return "country unknown" if said is None else f"country unknown: {said!r} is no ISO 3166-1 code"


def _within(near: tuple[float, float], within_km: float) -> Iterator[Clause]:
    @functools.lru_cache(maxsize=10_000)
    def distance(latitude: float, longitude: float) -> float:
        return distance_km(near, (latitude, longitude))

    def away(offer: Offer) -> float:
        latitude, longitude = offer.location.latitude, offer.location.longitude
        return math.inf if latitude is None or longitude is None else distance(latitude, longitude)

    yield Clause("distance unknown", lambda offer: away(offer) == math.inf, lambda _: "distance unknown")
    yield Clause(
        "distance",
        lambda offer: away(offer) > within_km,
        lambda offer: f"{away(offer):.0f} km away > {within_km:g} km",
    )


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """How far apart two points of latitude and longitude lie on the great circle.

    >>> round(distance_km((52.52, 13.405), (48.8566, 2.3522)))  # Berlin, Paris
    877
    """
    (phi, lam), (psi, mu) = (map(math.radians, point) for point in (one, other))
    haversine = math.sin((psi - phi) / 2) ** 2 + math.cos(phi) * math.cos(psi) * math.sin((mu - lam) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(haversine)))


def _cost(query: Query, cost: Cost) -> Iterator[Clause]:
    currency, max_price = query.currency, query.max_price

    def known(offer: Offer) -> Any:
        return cost(offer.price) if offer.price else None

    yield Clause("price unknown", lambda offer: offer.price is None, lambda _: "price unknown")
    yield Clause(
        "currency unknown",
        lambda offer: known(offer) is None,
        lambda offer: f"currency unknown: no rate from {offer.price and offer.price.currency} to {currency}",
    )
    if max_price is not None:
        yield Clause(
            "price",
            lambda offer: known(offer) > max_price,
            lambda offer: f"price {plain(known(offer))} {currency} > {max_price} {currency} an hour",
        )


def plain(amount: Decimal | None) -> str:
    """The amount without an exponent and without zeros at the end.

    >>> plain(Decimal("0.0500000000")), plain(Decimal("120"))
    ('0.05', '120')
    """
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
