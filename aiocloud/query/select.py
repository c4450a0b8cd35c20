"""Filter offers and rank them by price, in one pass over any iterable."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from aiocloud.errors import ConfigurationError
from aiocloud.models import Offer
from aiocloud.pricing import money
from aiocloud.query.clauses import clauses_of, hourly_in, plain
from aiocloud.values import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aiocloud.query.clauses import Clause, Cost
    from aiocloud.query.query import Query

T = TypeVar("T")

_LAST: Final = math.inf


class Ranked(NamedTuple):
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
    sieve = _Sieve(clauses, keep_rejected=keep_rejected)
    passing = sieve.passing(offers)
    ranked = _ranked(passing, cost) if top is None else _cheapest(top, passing, cost)
    return Selection(
        query=query,
        ranked=ranked,
        matched=sieve.matched,
        rejected=sieve.rejected(),
        counts=FrozenMap(sieve.counts()),
    )


class _Sieve:
    """Lets offers pass that no clause rejects, and counts, or keeps, the others."""

    def __init__(self, clauses: Sequence[Clause], *, keep_rejected: bool) -> None:
        self._clauses = clauses
        self._keep = keep_rejected
        self._caught = [0] * len(clauses)
        self._kept: list[list[Offer]] = [[] for _ in clauses]
        self.matched = 0

    def passing(self, offers: Iterable[Offer]) -> Iterator[Offer]:
        """The offers that pass, as they come."""
        tests = [(number, clause.rejects) for number, clause in enumerate(self._clauses)]
        for offer in offers:
            for number, rejects in tests:
                if rejects(offer):
                    self._caught[number] += 1
                    if self._keep:
                        self._kept[number].append(offer)
                    break
            else:
                self.matched += 1
                yield offer

    def counts(self) -> dict[str, int]:
        """How many each kind of clause has caught, in the order of the clauses."""
        counts = Counter[str]()
        for clause, caught in zip(self._clauses, self._caught, strict=True):
            counts[clause.kind] += caught
        return {kind: count for kind, count in counts.items() if count}

    def rejected(self) -> tuple[tuple[Offer, str], ...]:
        """The offers that were kept, each with its sentence, in the order of what identifies them."""
        sentences = (
            (offer, clause.sentence(offer))
            for clause, kept in zip(self._clauses, self._kept, strict=True)
            for offer in kept
        )
        return tuple(_in_groups(sentences, _place, _within_place))


def _ranked(offers: Iterable[Offer], cost: Cost) -> tuple[Ranked, ...]:
    """All of them in order. `cost` knows a price for each, or they had not passed."""
    priced = (Ranked(offer, cost(offer.price)) for offer in offers)  # type: ignore[arg-type]  # as above
    return tuple(_in_groups(priced, attrgetter("hourly"), _order))


def _cheapest(top: int, offers: Iterable[Offer], cost: Cost) -> tuple[Ranked, ...]:
    """The first `top` in order. What costs more than the last of them so far is dropped at once."""
    best: list[Offer] = []
    limit = Decimal("Infinity")
    for offer in offers:
        if cost(offer.price) <= limit:  # type: ignore[arg-type, operator]  # the clauses saw to a price
            best.append(offer)
            if len(best) >= 2 * top + 100:
                first = _ranked(best, cost)[:top]
                best = [ranked.offer for ranked in first]
                limit = first[-1].hourly
    return _ranked(best, cost)[:top]


def _in_groups(items: Iterable[T], first: Callable[[T], Any], then: Callable[[T], Any]) -> Iterator[T]:
    """The items in the order of `first`, and of `then` where that is the same.

    Most items share their `first` with others: to sort each group for itself takes far fewer comparisons, of
    shorter keys, than to sort them all.
    """
    groups: defaultdict[Any, list[T]] = defaultdict(list)
    for item in items:
        groups[first(item)].append(item)
    for key in sorted(groups):
        group = groups.pop(key)
        group.sort(key=then)
        yield from group


def _order(ranked: Ranked) -> tuple[Any, ...]:
    """How offers of one price are ordered."""
    offer = ranked.offer
    size = offer.size
    return (
        _LAST if size.ram is None else size.ram,
        _LAST if size.vcpus is None else size.vcpus,
        _LAST if size.disk is None else size.disk,
        offer.provider,
        offer.location.id,
        size.id,
        offer.account,
        _ByRepr(offer),
    )


def _place(rejected: tuple[Offer, str]) -> tuple[str, str]:
    offer, _ = rejected
    return offer.provider, offer.location.id


def _within_place(rejected: tuple[Offer, str]) -> tuple[Any, ...]:
    offer, _ = rejected
    return offer.size.id, offer.account, _ByRepr(offer)


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
