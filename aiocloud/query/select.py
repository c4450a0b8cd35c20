"""Filter offers and rank them by price, in one pass over any iterable."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiocloud.errors import ConfigurationError
from aiocloud.pricing import money
from aiocloud.query.clauses import clauses_of, hourly_in, plain
from aiocloud.values import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiocloud.models import Offer
    from aiocloud.query.query import Query

_Priced: TypeAlias = "tuple[Decimal, Offer]"

_LAST: Final = math.inf
_identity: Final = attrgetter("provider", "location.id", "size.id", "account")


@dataclass(frozen=True, slots=True)
class Ranked:
    """An offer that passed, and what an hour of it costs in the query's currency, to ten decimals."""

    offer: Offer
    hourly: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The offers that passed, cheapest first, and why the others did not.

    `matched` tells how many passed, which are more than `ranked` holds when only the top was asked for.
    `rejected` pairs offers with the sentence of the first clause that rejected them; it is empty when they
    were not to be kept, while `counts`, by kind of clause, is always whole.
    """

    query: Query
    ranked: tuple[Ranked, ...]
    matched: int
    rejected: tuple[tuple[Offer, str], ...]
    counts: FrozenMap[int]

    @property
    def unknown_country(self) -> int:
        """How many have the hardware and can be ordered, but nobody says in which country."""
        return self.counts.get("country unknown", 0)

    @property
    def unknown_distance(self) -> int:
        """How many have the hardware and can be ordered in the right countries, but nobody says how far away."""
        return self.counts.get("distance unknown", 0)

    @property
    def unknown_price(self) -> int:
        """How many passed everything else, but have no price to rank them by."""
        return self.counts.get("price unknown", 0)

    @property
    def unknown_currency(self) -> int:
        """How many passed everything else, but are priced in a currency without a rate."""
        return self.counts.get("currency unknown", 0)

    def cheapest(self) -> Ranked | None:
        """The first of the ranked, or None when nothing passed."""
        return self.ranked[0] if self.ranked else None

    def explain(self) -> str:
        """What was asked, what is cheapest, how many each clause rejected, and each rejected offer that was kept."""
        return "\n".join(self._explanation())

    def _explanation(self) -> Iterator[str]:
        offers = self.matched + sum(self.counts.values())
        yield f"{self.matched} of {offers} offers match: {self.query}"
        if best := self.cheapest():
            yield f"cheapest: {_label(best.offer)}, {plain(best.hourly)} {self.query.currency} an hour"
        for kind, count in self.counts.items():
            yield f"left out for {kind}: {count}"
        for offer, sentence in self.rejected:
            yield f"{_label(offer)}: {sentence}"


def select(
    offers: Iterable[Offer],
    query: Query,
    rates: money.Rates | None = None,
    *,
    top: int | None = None,
    keep_rejected: bool = True,
) -> Selection:
    """The offers that the query lets pass, by price in its currency; the same whatever the order of `offers`.

    Equal prices are ordered by ram, vcpus and disk, less first and unknown last, then by the ids of provider,
    location, size and account. `offers` is read once, as it comes; with `top` and without `keep_rejected` the
    memory that this takes does not grow with it. `rates` are the shipped ones unless given.
    """
    if top is not None and top < 1:
        raise ConfigurationError(f"top {top} is not understood: give how many of the ranked to keep, 1 or more")
    cost = hourly_in(query.currency, rates or money.rates())
    clauses = clauses_of(query, cost)
    counts = Counter[str]()
    rejected: list[tuple[Offer, str]] = []
    matched = 0

    def passing() -> Iterator[_Priced]:
        nonlocal matched
        for offer in offers:
            for clause in clauses:
                if clause.rejects(offer):
                    counts[clause.kind] += 1
                    if keep_rejected:
                        rejected.append((offer, clause.sentence(offer)))
                    break
            else:
                matched += 1
                yield cost(offer.price), offer  # type: ignore[arg-type, misc]  # the clauses saw to a price

    ranked = sorted(passing(), key=_order) if top is None else _cheapest(top, passing())
    rejected.sort(key=lambda pair: (*_identity(pair[0]), _ByRepr(pair[0])))
    return Selection(
        query=query,
        ranked=tuple(Ranked(offer, hourly) for hourly, offer in ranked),
        matched=matched,
        rejected=tuple(rejected),
        counts=FrozenMap({clause.kind: counts[clause.kind] for clause in clauses if counts[clause.kind]}),
    )


def _cheapest(top: int, priced: Iterable[_Priced]) -> list[_Priced]:
    """The first `top` in order. What costs more than the last of them so far is dropped at once."""
    best: list[_Priced] = []
    limit = Decimal("Infinity")
    for pair in priced:
        if pair[0] <= limit:
            best.append(pair)
            if len(best) >= 2 * top + 100:
                best = sorted(best, key=_order)[:top]
                limit = best[-1][0]
    return sorted(best, key=_order)[:top]


def _order(priced: _Priced) -> tuple[Any, ...]:
    hourly, offer = priced
    size = offer.size
    return (
        hourly,
        _LAST if size.ram is None else size.ram,
        _LAST if size.vcpus is None else size.vcpus,
        _LAST if size.disk is None else size.disk,
        *_identity(offer),
        _ByRepr(offer),
    )


class _ByRepr:
    """Orders offers that agree in all that identifies them; the repr is made only when that happens."""

    __slots__ = ("offer",)

    def __init__(self, offer: Offer) -> None:
        self.offer = offer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByRepr) and repr(self.offer) == repr(other.offer)

    def __lt__(self, other: _ByRepr) -> bool:
        return repr(self.offer) < repr(other.offer)


def _label(offer: Offer) -> str:
    account = f" ({offer.account})" if offer.account else ""
    return f"{offer.provider}{account} {offer.location.id} {offer.size.id}"
