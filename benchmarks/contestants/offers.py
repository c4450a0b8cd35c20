"""Filter and rank very many offers, which are there before."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiocloud.models import Location, Offer, Size

PROVIDERS, LOCATIONS = 20, 50
COUNTRIES = ("DE", "US", "NL", "SG", "GB", None, "FR", "JP", "CA", "AU")
ENOUGH = 4096
"""MiB of ram: what is asked for, outside the US."""

Selecting = AsyncIterator[Callable[[], Awaitable[Any]]]


@asynccontextmanager
async def aiocloud(*, count: int, top: int | None = None) -> Selecting:
    """All that pass, ranked, or the first of them."""
    from aiocloud.query import Query, select

    offers, query = list(_offers(count)), Query.of(ram=ENOUGH, outside="US")

    async def ranked() -> Any:
        return offers, select(offers, query, top=top, keep_rejected=False)

    yield ranked


def _offers(count: int) -> Iterator[Offer]:
    """In no order, every size in every place of twenty providers: places that cost the same share their sizes."""
    from aiocloud.models import Location, Offer

    kinds = count // (PROVIDERS * LOCATIONS) or 1
    chance = random.Random(42)
    everything: list[tuple[str, Location, Size]] = []
    for number in range(PROVIDERS):
        provider = f"provider-{number}"
        cheap, dear = (_sizes(provider, kinds, factor, chance) for factor in (100, 115))
        for place in range(LOCATIONS):
            country = COUNTRIES[place % len(COUNTRIES)]
            where = Location(id=f"place-{place}", name=f"Place {place}", country=country, provider=provider)
            everything += [(provider, where, size) for size in (dear if place % 3 else cheap)]
    chance.shuffle(everything)
    for provider, where, size in everything[:count]:
        yield Offer(provider=provider, account="quay", location=where, size=size, price=size.price, available=True)


def _sizes(provider: str, kinds: int, factor: int, chance: random.Random) -> list[Size]:
    from aiocloud.models import Price, Size

    sizes = []
    for number in range(kinds):
        ram, name = 512 * 2 ** (number % 10), f"size-{number}"
        cost = Decimal(ram * factor * chance.randint(80, 120)) / 10**8
        price = Price(amount=cost, currency="USD" if number % 4 else "EUR", as_of=date(2026, 11, 1))
        sizes.append(Size(id=name, name=name, vcpus=ram // 2048 + 1, ram=ram, disk=25, price=price, provider=provider))
    return sizes


def check(outcome: Any, *, count: int, top: int | None = None) -> None:
    """By plain counting, and a look at the order."""
    offers, selection = outcome
    assert len(offers) == count
    passing = [each for each in offers if each.size.ram >= ENOUGH and each.location.country not in (None, "US")]
    ranked = selection.ranked
    assert selection.matched == len(passing), "these are not those that pass"
    assert len(ranked) == min(len(passing), top or count)
    assert all(one.hourly <= other.hourly for one, other in pairwise(ranked)), "in no order"
    assert sum(selection.counts.values()) == count - len(passing), "the others are not all counted"
