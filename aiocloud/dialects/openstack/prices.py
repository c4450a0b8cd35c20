"""The user's own table of what flavors cost, since OpenStack knows no prices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Literal, cast

from aiocloud.errors import ConfigurationError
from aiocloud.models import Price
from aiocloud.pricing.money import check_code

_PRICE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Z]{3})\s*/\s*(hour|month)")


def price_table(prices: Mapping[str, Price | str] | None, today: date) -> Mapping[str, Price]:
    """Prices by flavor, each a Price or text such as "0.05 EUR/hour". Raises ConfigurationError for any other."""
    return {flavor: _price(flavor, price, today) for flavor, price in (prices or {}).items()}


def _price(flavor: str, price: Price | str, today: date) -> Price:
    if isinstance(price, Price):
        return price
    found = _PRICE.fullmatch(price.strip()) if isinstance(price, str) else None
    if found is None:
        raise ConfigurationError(f"the price of {flavor} is {price!r}; it is written as in '0.05 EUR/hour'")
    amount, currency, per = found.groups()
    check_code(currency)
    unit = cast(Literal["hour", "month"], per)
    return Price(amount=Decimal(amount), currency=currency, per=unit, as_of=today, source="catalogue")
