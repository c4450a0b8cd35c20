"""Amounts, architectures and points as users write them; whatever is not understood is a ConfigurationError."""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from aiocloud.errors import ConfigurationError
from aiocloud.query.places import countries

if TYPE_CHECKING:
    from collections.abc import Iterable

ARCHES: Final = {
    "x86_64": "x86_64",
    "x86-64": "x86_64",
    "amd64": "x86_64",
    "x64": "x86_64",
    "arm64": "arm64",
    "aarch64": "arm64",
}

_MIB: Final = {"M": 1, "G": 1024, "T": 1024 * 1024}
_LEAST_RAM: Final = 64  # in MiB; no cloud sells less, so that a bare 4 was meant as 4 GiB


def parse_ram(text: int | str) -> int:
    """Memory in MiB: from a whole number of MiB, or a text such as "4G", "4096M", "4GiB", "1.5 GB".

    G and GB are GiB, as in the names of clouds' sizes. Parts of a MiB are rounded up.

    >>> parse_ram("4G"), parse_ram(4096), parse_ram("512M")
    (4096, 4096, 512)
    """
    amount = _parse_bytes("ram", text, bare="M", accepted='a number of MiB (4096) or a text such as "4G" or "4096M"')
    if amount < _LEAST_RAM:
        raise ConfigurationError(f'ram {text!r} is {amount} MiB, which no cloud sells; GiB are written like "4G"')
    return amount


def parse_disk(text: int | str) -> int:
    """Disk in GiB: from a whole number of GiB, or a text such as "80G", "80GB", "1T". Rounded up."""
    mebibytes = _parse_bytes("disk", text, bare="G", accepted='a number of GiB (80) or a text such as "80G" or "1T"')
    return -(-mebibytes // 1024)


def _parse_bytes(field: str, text: int | str, *, bare: str, accepted: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([MGT])(?:i?B)?)?\s*", str(text), re.ASCII | re.IGNORECASE)
    if match is None:
        raise ConfigurationError(f"{field} {text!r} is not understood: give {accepted}")
    return math.ceil(Decimal(match[1]) * _MIB[(match[2] or bare).upper()])


def parse_count(field: str, number: int) -> int:
    """How many there must be at least."""
    if number < 0:
        raise ConfigurationError(f"{field} {number!r} is less than nothing: give how many there must be at least")
    return number


def parse_arch(word: str) -> str:
    """One of the two common names of an architecture, "x86_64" or "arm64"."""
    try:
        return ARCHES[word.strip().lower()]
    except KeyError:
        raise ConfigurationError(f"arch {word!r} is not understood: give one of {', '.join(ARCHES)}") from None


def parse_inside(words: str | Iterable[str]) -> frozenset[str]:
    """The codes of at least one country."""
    codes = countries(words)
    if not codes:
        raise ConfigurationError('inside names no place, and nothing is inside that: give one, such as "EU" or "DE"')
    return codes


def parse_point(near: tuple[float, float] | str) -> tuple[float, float]:
    """A latitude and a longitude, from numbers or from a text such as "52.5,13.4"."""
    parts = near.split(",") if isinstance(near, str) else near
    try:
        latitude, longitude = map(float, parts)
    except ValueError:
        latitude = longitude = math.nan
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ConfigurationError(
            f"near {near!r} is not understood: give a latitude (-90 to 90) and a longitude (-180 to 180), in degrees"
        )
    return latitude, longitude


def parse_distance(kilometres: float) -> float:
    """A distance in kilometres, 0 or more."""
    if not kilometres >= 0:
        raise ConfigurationError(f"within_km {kilometres!r} is not understood: give a number of kilometres, 0 or more")
    return kilometres


def parse_price(amount: Decimal | float | str) -> Decimal:
    """An amount of money, exact, 0 or more."""
    try:
        price = Decimal(str(amount))
    except InvalidOperation:
        price = Decimal("NaN")
    if not (price.is_finite() and price >= 0):
        raise ConfigurationError(f'max_price {amount!r} is not understood: give what an hour may cost, such as "0.05"')
    return price


def parse_currency(code: str) -> str:
    """A code of ISO 4217 in upper case; whether there is a rate for it is another question."""
    if not re.fullmatch(r"[A-Za-z]{3}", code):
        raise ConfigurationError(f'currency {code!r} is not understood: give a code of ISO 4217, such as "EUR"')
    return code.upper()
