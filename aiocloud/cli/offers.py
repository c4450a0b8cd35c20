"""One offer, and what must be known of many, in words."""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from aiocloud.cli.records import monthly
from aiocloud.errors import AiocloudError, RetiredProviderWarning
from aiocloud.fleet import Failure
from aiocloud.models import Location, Offer, Price
from aiocloud.pricing import money
from aiocloud.providers import get_driver
from aiocloud.query import COUNTRIES, Query, Ranked, Selection

OLD = 180
"""Days after which a price is called old."""
SAMPLE = 3
"""Rejected offers that are shown for each clause."""
SOURCES = {"api": "the provider's API", "catalogue": "the price catalogue"}
RENEWABLE = frozenset({"ec2"})
"""The providers of whose catalogue `aiocloud prices` can fetch a newer one."""


def title(provider: str) -> str:
    """The provider's name as it writes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetiredProviderWarning)
        try:
            return get_driver(provider).title
        except AiocloudError:
            return provider


def amount(value: Decimal, digits: int = 5) -> str:
    """An amount of money: rounded, without zeros at the end beyond the cent.

    >>> amount(Decimal("0.0360000000")), amount(Decimal("1.5")), amount(Decimal("0.0331278"))
    ('0.036', '1.50', '0.03313')
    """
    text = f"{value:.{digits}f}".rstrip("0")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2}"


def aligned(values: Sequence[Decimal]) -> list[str]:
    """Amounts with as many digits as the longest needs, so that the points stand in one line."""
    texts = [amount(value) for value in values]
    digits = max((len(text.partition(".")[2]) for text in texts), default=2)
    return [f"{value:.{digits}f}" for value in values]


def memory(mib: int | None) -> str:
    """Memory as users write it: "4G"."""
    return "" if mib is None else f"{mib / 1024:.4g}G"


def disk(count: int | None) -> str:
    """Disk as users write it: "80G"; "none" where the machine has no disk of its own."""
    if count is None:
        return ""
    return f"{count}G" if count else "none"


def place(location: Location) -> str:
    """City and country as far as they are known, and the id.

    >>> place(Location(id="fra1", name="Frankfurt 1", city="Frankfurt", country="DE"))
    'Frankfurt, Germany (fra1)'
    """
    country = COUNTRIES[location.country].name if location.country in COUNTRIES else location.country
    where = ", ".join(part for part in (location.city or location.name, country) if part)
    return where if where == location.id else f"{where} ({location.id})"


def quoted(price: Price) -> str:
    """The price as the provider quotes it."""
    return f"{amount(price.amount)} {price.currency}/{price.per}"


def headline(selection: Selection, failures: Sequence[Failure]) -> str:
    """The answer in a sentence or two."""
    of_whom = " of the clouds that answered" if failures else ""
    best = selection.cheapest()
    if best is None:
        return f"No offer{of_whom} matches: {selection.query}."
    offer, currency = best.offer, selection.query.currency
    size = offer.size
    hardware = [
        text
        for text, known in (
            (f"{size.vcpus} vcpus", size.vcpus),
            (f"{memory(size.ram)} ram", size.ram),
            (f"{disk(size.disk)} disk" if size.disk else "no disk of its own", size.disk),
        )
        if known is not None
    ]
    machine = f"{title(offer.provider)} {size.id}" + f" ({', '.join(hardware)})" * bool(hardware)
    cost = f"{amount(best.hourly)} {currency} an hour, about {monthly(best.hourly)} {currency} a month (730 h)"
    return f"Cheapest{of_whom}: {machine} in {place(offer.location)}: {cost}. {_origin(offer.price, currency)}"


def _origin(price: Price | None, currency: str) -> str:
    if price is None:
        return ""
    if (price.currency, price.per) == (currency, "hour"):
        return f"Price of {price.as_of}, from {SOURCES[price.source]}."
    return f"Quoted as {quoted(price)} on {price.as_of} in {SOURCES[price.source]}."


def notes(selection: Selection, today: date, *, explained: bool, simulated: bool = False) -> Iterator[str]:
    """What must be known to trust the answer. Prices of `simulated` clouds cannot be renewed."""
    if not explained and (left_out := _left_out(selection)):
        yield left_out
    yield from ages(selection.ranked, today, renewable=frozenset() if simulated else RENEWABLE)
    rates = money.rates()
    if converted(selection.ranked, selection.query):
        yield f"exchange rates are those of {rates.as_of} ({rates.source})"


def _left_out(selection: Selection) -> str:
    unknown = {
        "of unknown country": selection.unknown_country,
        "at an unknown distance": selection.unknown_distance,
        "of unknown price": selection.unknown_price,
        f"in a currency without a rate to {selection.query.currency}": selection.unknown_currency,
    }
    told = [f"{count} {what}" for what, count in unknown.items() if count]
    return f"left out, though they might match: {', '.join(told)}" if told else ""


def converted(shown: Iterable[Ranked], query: Query) -> bool:
    """Whether an exchange rate was needed for what is shown."""
    return any(ranked.offer.price and ranked.offer.price.currency != query.currency for ranked in shown)


def renewal(provider: str) -> str:
    """How to get newer prices."""
    return f"aiocloud prices --refresh {provider} renews them"


def ages(shown: Iterable[Ranked], today: date, renewable: Collection[str] = RENEWABLE) -> Iterator[str]:
    """How old the prices are that are shown: each provider's that are old, else the oldest of all."""
    oldest: dict[str, date] = {}
    for ranked in shown:
        provider, price = ranked.offer.provider, ranked.offer.price
        if price is not None:
            oldest[provider] = min(price.as_of, oldest.get(provider, price.as_of))
    old = {provider: day for provider, day in oldest.items() if (today - day).days > OLD}
    for provider, day in sorted(old.items(), key=lambda item: item[1]):
        how = f" ({renewal(provider)})" if provider in renewable else ""
        yield f"OLD PRICES: {title(provider)} prices are those of {day}, {(today - day).days} days old{how}"
    if oldest and not old:
        day = min(oldest.values())
        days = (today - day).days
        yield f"oldest price shown: of {day}, {days} days old" if days > 0 else "all prices shown are of today"


def samples(offers: Iterable[Offer], query: Query) -> dict[str, list[tuple[Offer, str]]]:
    """For each kind of clause a few of the offers that it rejected first, each with its reason."""
    clauses = query.clauses()
    found: dict[str, list[tuple[Offer, str]]] = defaultdict(list)
    counts = Counter[str]()
    for offer in offers:
        clause = next((clause for clause in clauses if clause.rejects(offer)), None)
        if clause is None:
            continue
        counts[clause.kind] += 1
        if counts[clause.kind] <= SAMPLE:
            found[clause.kind].append((offer, clause.sentence(offer)))
    return found


def explanation(selection: Selection, found: dict[str, list[tuple[Offer, str]]]) -> Iterator[str]:
    """How many offers each clause rejected, and a sample of each."""
    whole = selection.matched + sum(selection.counts.values())
    yield f"{selection.matched} of {whole} offers match: {selection.query}"
    for kind, count in selection.counts.items():
        yield f"rejected for {kind}: {count}, such as"
        for offer, sentence in found.get(kind, ()):
            yield f"  {offer.provider}/{offer.account} {offer.size.id} in {offer.location.id}: {sentence}"
