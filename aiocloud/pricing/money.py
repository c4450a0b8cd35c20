"""Amounts in one currency, by the hour, so that prices of different clouds can be compared."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache

from aiocloud.errors import ConfigurationError
from aiocloud.models import Price
from aiocloud.pricing.catalogue import SHIPPED
from aiocloud.values import FrozenMap

HOURS_PER_MONTH = 730  # 365 days * 24 hours / 12 months


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Exchange rates of the day `as_of`: how many units of each currency one unit of `base` buys.

    Codes are ISO 4217 in upper case.

    >>> rates = Rates(base="EUR", as_of=date(2026, 1, 2), source="me", table={"USD": Decimal("1.25")})
    >>> rates.convert(Decimal(10), "USD", "EUR")
    Decimal('8')
    """

    base: str
    as_of: date
    source: str
    table: Mapping[str, Decimal] = field(repr=False)

    def __post_init__(self) -> None:
        # The class is frozen; this is its own copy, which the giver cannot change.
        object.__setattr__(self, "table", FrozenMap({**self.table, self.base: Decimal(1)}))
        for code, rate in self.table.items():
            check_code(code)
            if not (rate.is_finite() and rate > 0):
                raise ConfigurationError(f"the exchange rate of {code} is {rate}; it must be a positive number")

    def convert(self, amount: Decimal, source: str, target: str) -> Decimal | None:
        """The amount in another currency; None when the table lacks one of the two."""
        check_code(source, self.table)
        check_code(target, self.table)
        if source == target:
            return amount
        if source not in self.table or target not in self.table:
            return None
        return amount * self.table[target] / self.table[source]


@cache
def rates() -> Rates:
    """The rates that ship with the package."""
    data = json.loads((SHIPPED / "currencies.json").read_text(encoding="utf-8"))
    return Rates(
        base=data["base"],
        as_of=date.fromisoformat(data["as_of"]),
        source=data["source"],
        table={code: Decimal(rate) for code, rate in data["units_per_base"].items()},
    )


def hourly(price: Price, currency: str, rates: Rates) -> Decimal | None:
    """What a price is by the hour in `currency`; None when no rate is known. A month has 730 hours."""
    return by_the_hour(price.amount, price.currency, price.per, currency, rates)


def by_the_hour(amount: Decimal, of: str, per: str, currency: str, rates: Rates) -> Decimal | None:
    """The same for the parts of a price: an amount `of` a currency, `per` hour or month."""
    converted = rates.convert(amount, of, currency)
    if converted is None or per == "hour":
        return converted
    return converted / HOURS_PER_MONTH


def check_code(code: str, known: Iterable[str] = ()) -> None:
    """Refuse what is no currency code, naming those of `known` that come near.

    >>> check_code("usd", ["EUR", "USD"])
    Traceback (most recent call last):
    aiocloud.errors.ConfigurationError: 'usd' is no currency code such as 'EUR'; near: USD
    """
    if re.fullmatch("[A-Z]{3}", code):
        return
    near = difflib.get_close_matches(code.strip().upper(), sorted(known), n=3, cutoff=0.6)
    hint = f"; near: {', '.join(near)}" * bool(near)
    raise ConfigurationError(f"{code!r} is no currency code such as 'EUR'{hint}")
