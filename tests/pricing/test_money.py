from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocloud.errors import ConfigurationError
from aiocloud.models import Price
from aiocloud.pricing.money import HOURS_PER_MONTH, Rates, hourly, rates

DAY = date(2026, 1, 2)
MINE = Rates(base="EUR", as_of=DAY, source="me", table={"USD": Decimal("1.25"), "GBP": Decimal("0.8")})
AMOUNTS = st.decimals(Decimal("0.0001"), Decimal(10**6), places=4)


def price(amount: str, currency: str = "USD", per: Literal["hour", "month"] = "hour") -> Price:
    return Price(amount=Decimal(amount), currency=currency, per=per, as_of=DAY)


def test_the_shipped_rates_are_those_of_one_day() -> None:
    assert rates().base == "EUR"
    assert rates().as_of == date(2026, 10, 30)
    assert rates().table["USD"] == Decimal("1.1172")
    assert "European Central Bank" in rates().source
    assert len(rates().table) == 30
    assert rates() is rates()


def test_an_amount_goes_from_the_base_to_the_base_and_across() -> None:
    assert MINE.convert(Decimal(10), "EUR", "USD") == Decimal("12.5")
    assert MINE.convert(Decimal(10), "USD", "EUR") == Decimal(8)
    assert MINE.convert(Decimal(10), "USD", "GBP") == Decimal("6.4")


@given(AMOUNTS, st.sampled_from(sorted(rates().table)), st.sampled_from(sorted(rates().table)))
def test_there_and_back_is_where_it_began(amount: Decimal, source: str, target: str) -> None:
    there = rates().convert(amount, source, target)
    assert there is not None
    back = rates().convert(there, target, source)
    assert back is not None
    assert abs(back - amount) < amount * Decimal("1e-20")


@given(st.tuples(AMOUNTS, AMOUNTS), st.sampled_from(sorted(rates().table)))
def test_what_is_cheaper_stays_cheaper(amounts: tuple[Decimal, Decimal], target: str) -> None:
    low, high = (rates().convert(amount, "USD", target) for amount in sorted(amounts))
    assert low is not None
    assert high is not None
    assert low <= high


def test_a_currency_that_the_table_lacks_has_no_rate() -> None:
    assert MINE.convert(Decimal(10), "JPY", "USD") is None
    assert MINE.convert(Decimal(10), "USD", "JPY") is None


def test_an_amount_needs_no_rate_to_stay_what_it_is() -> None:
    assert MINE.convert(Decimal(10), "JPY", "JPY") == Decimal(10)


@pytest.mark.parametrize("code", ["usd", "US", "USDT", " USD", "U$D", ""])
def test_an_ill_formed_code_is_refused(code: str) -> None:
    with pytest.raises(ConfigurationError, match="is no currency code"):
        MINE.convert(Decimal(1), code, "EUR")
    with pytest.raises(ConfigurationError, match="is no currency code"):
        MINE.convert(Decimal(1), "EUR", code)
    with pytest.raises(ConfigurationError, match="is no currency code"):
        Rates(base=code, as_of=DAY, source="me", table={})


def test_the_refusal_names_what_comes_near() -> None:
    with pytest.raises(ConfigurationError, match="near: USD"):
        rates().convert(Decimal(1), "usd", "EUR")
    with pytest.raises(ConfigurationError, match="near: GBP"):
        rates().convert(Decimal(1), "GBPS", "EUR")


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_is_a_positive_number(rate: str) -> None:
    with pytest.raises(ConfigurationError, match="exchange rate of USD"):
        Rates(base="EUR", as_of=DAY, source="me", table={"USD": Decimal(rate)})


def test_rates_do_not_change_with_the_table_that_they_were_made_from() -> None:
    table = {"USD": Decimal(2)}
    mine = Rates(base="EUR", as_of=DAY, source="me", table=table)
    table["USD"] = Decimal(3)
    assert mine.convert(Decimal(1), "EUR", "USD") == Decimal(2)


def test_a_month_has_730_hours() -> None:
    assert HOURS_PER_MONTH == 730
    assert hourly(price("7.30", per="month"), "USD", MINE) == Decimal("0.01")
    assert hourly(price("7.30", "EUR", "month"), "USD", MINE) == Decimal("0.0125")


def test_an_hourly_price_stays_hourly() -> None:
    assert hourly(price("0.0224"), "USD", MINE) == Decimal("0.0224")
    assert hourly(price("0.5"), "EUR", MINE) == Decimal("0.4")


def test_a_price_in_an_unknown_currency_cannot_be_compared() -> None:
    assert hourly(price("0.5", "JPY"), "EUR", MINE) is None
    assert hourly(price("0.5"), "JPY", MINE) is None
