from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from aiocloud.models import Location, Offer, Price, Size
from aiocloud.pricing.money import Rates

TODAY = date(2026, 11, 1)


def price(amount: str, currency: str = "USD", per: Any = "hour") -> Price:
    return Price(amount=Decimal(amount), currency=currency, per=per, as_of=TODAY)


def offer(
    *,
    provider: str = "tide",
    account: str = "",
    location: str = "fra1",
    country: str | None = "DE",
    point: tuple[float | None, float | None] = (None, None),
    size: str = "s1",
    price: Price | None = price("0.05"),  # noqa: B008  # a frozen value
    available: bool | None = None,
    **hardware: Any,
) -> Offer:
    facts = {"ram": 4096, "vcpus": 2, "disk": 80, "arch": "x86_64", **hardware}
    return Offer(
        provider=provider,
        account=account,
        location=Location(id=location, name=location, country=country, latitude=point[0], longitude=point[1]),
        size=Size(id=size, name=size, **facts),
        price=price,
        available=available,
    )


@pytest.fixture
def rates() -> Rates:
    """One euro is 1.25 dollars, or 0.8 pounds."""
    return RATES


RATES = Rates(
    base="EUR",
    as_of=TODAY,
    source="invented",
    table={"EUR": Decimal(1), "USD": Decimal("1.25"), "GBP": Decimal("0.8")},
)
