"""What SoftLayer sells, where and for how much: places, flavours with their fees, images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from aiocloud.mapping import Shape, at, dig
from aiocloud.models import Image, Location, Price, Size

PACKAGE = "PUBLIC_CLOUD_SERVER"
"""The part of the catalogue that is sold to everybody: public, not reserved, not transient."""

_FEES = "hourlyRecurringFee,capacityRestrictionMinimum,capacityRestrictionMaximum,capacityRestrictionType"
PRESETS = f"id,keyName,name,description,locations[name],prices[id,itemId,locationGroupId,{_FEES}]"
ITEMS = f"id,prices[id,itemId,locationGroupId,{_FEES}]"
REGIONS = "keyname,description,location[location[id,name,longName,locationAddress[country,city],priceGroups[id,name]]]"
TEMPLATES = "id,globalIdentifier,name,note,createDate,parentId,publicFlag,status[name]"

# The letters of a data centre's name, by IBM's list: https://cloud.ibm.com/docs/overview?topic=overview-locations
COUNTRIES = {
    **dict.fromkeys(("dal", "hou", "sea", "sjc", "wdc"), "US"),
    **dict.fromkeys(("mon", "tor"), "CA"),
    **dict.fromkeys(("mel", "syd"), "AU"),
    **dict.fromkeys(("osa", "tok"), "JP"),
    "ams": "NL",
    "che": "IN",
    "fra": "DE",
    "hkg": "HK",
    "lon": "GB",
    "mad": "ES",
    "mex": "MX",
    "mil": "IT",
    "osl": "NO",
    "par": "FR",
    "sao": "BR",
    "seo": "KR",
    "sng": "SG",
}

_FLAVOR = re.compile(r"[A-Z0-9]+_(?P<cpus>\d+)X(?P<ram>\d+)X(?P<disk>\d+)(_.*)?")


def _country(payload: Any) -> str | None:
    told = dig(payload, "locationAddress.country")
    return str(told).upper() if told else COUNTRIES.get(str(payload["name"])[:3])


def _city(payload: Any) -> str | None:
    told = dig(payload, "locationAddress.city")
    return told or str(payload.get("longName") or "").rstrip("0123456789 ") or None


def _part(name: str, unit: int = 1) -> Any:
    """A reader of one number out of a flavour's key, such as `B1_2X4X100`."""

    def read(payload: Any) -> int | None:
        found = _FLAVOR.fullmatch(payload["keyName"])
        return int(found[name]) * unit if found else None

    return read


def _system(code: str) -> tuple[str, str | None, str | None]:
    """The family, the version and the processor of a reference code.

    >>> _system("DEBIAN_12_64"), _system("WIN_2022-STD_64"), _system("UBUNTU_LATEST")
    (('debian', '12', 'x86_64'), ('windows', '2022-STD', 'x86_64'), ('ubuntu', 'LATEST', None))
    """
    family, *rest = code.split("_")
    arch = {"64": "x86_64", "32": "i386"}.get(rest[-1]) if rest else None
    version = "_".join(rest[:-1] if arch else rest)
    return "windows" if family == "WIN" else family.lower(), version or None, arch


_CODE = "template.operatingSystemReferenceCode"

LOCATION = Shape(
    Location,
    id=at("name"),
    name=lambda payload: payload.get("longName") or payload["name"],
    country=_country,
    city=_city,
)
SIZE = Shape(
    Size,
    id=at("keyName"),
    name=lambda payload: payload.get("name") or payload["keyName"],
    vcpus=_part("cpus"),
    ram=_part("ram", 1024),
    disk=_part("disk"),
    arch=lambda payload: "x86_64",  # there are no others
)
SYSTEM = Shape(
    Image,
    id=at(_CODE),
    name=lambda payload: dig(payload, "itemPrice.item.description") or dig(payload, _CODE),
    os=at(_CODE, lambda code: _system(code)[0]),
    version=at(_CODE, lambda code: _system(code)[1]),
    arch=at(_CODE, lambda code: _system(code)[2]),
)
TEMPLATE = Shape(Image, id=at("globalIdentifier"), name=at("name"))


def fee(text: Any) -> Decimal | None:
    """A fee as the API writes it (".041", 0.1); None for one that it does not tell.

    >>> fee(".041"), fee("0"), fee(""), fee(None)
    (Decimal('0.041'), Decimal('0'), None, None)
    """
    try:
        amount = Decimal(str(text))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


Restriction: TypeAlias = tuple[Any, ...]


def _restriction(price: Mapping[str, Any]) -> Restriction:
    """For which numbers of cores a price holds: an item may have one for each."""
    return tuple(price.get(f"capacityRestriction{end}") or None for end in ("Minimum", "Maximum", "Type"))


class PriceList:
    """Flavours, and what they cost where.

    A flavour's price is the sum of the fees of its parts. Each part has a fee that holds everywhere, and another one
    for some groups of data centres. One part whose fee is not told makes the whole unknown.
    """

    def __init__(self, presets: Iterable[Mapping[str, Any]], items: Iterable[Mapping[str, Any]]) -> None:
        self.presets = list(presets)
        self._special: dict[tuple[Any, Any], list[Mapping[str, Any]]] = defaultdict(list)
        for item in items:
            for price in dig(item, "prices") or ():
                if group := dig(price, "locationGroupId"):
                    self._special[dig(item, "id"), group].append(price)

    def total(self, preset: Mapping[str, Any], groups: Iterable[Any]) -> Decimal | None:
        """The hourly fee of a flavour where these groups of prices hold."""
        groups = tuple(groups)
        fees = [self._fee(price, groups) for price in preset.get("prices") or ()]
        known = [amount for amount in fees if amount is not None]
        # No flavour is free: a sum of nothing is a sum that was not told.
        return sum(known, Decimal(0)) or None if len(known) == len(fees) else None

    def _fee(self, price: Mapping[str, Any], groups: Sequence[Any]) -> Decimal | None:
        local = [each for group in groups for each in self._special.get((price.get("itemId"), group), ())]
        if not local:
            return fee(price.get("hourlyRecurringFee"))
        fitting = [each for each in local if _restriction(each) == _restriction(price)] or local
        fees = {fee(each.get("hourlyRecurringFee")) for each in fitting}
        return fees.pop() if len(fees) == 1 else None


@dataclass(frozen=True, slots=True)
class Place:
    """A data centre and the groups of prices that hold there."""

    location: Location
    groups: frozenset[Any]


def sold_in(preset: Mapping[str, Any], place: str) -> bool:
    """Whether a flavour is sold in a data centre; most name none, which means everywhere."""
    named = [dig(center, "name") for center in preset.get("locations") or ()]
    return not named or place in named


def with_price(size: Size, amount: Decimal | None, as_of: date) -> Size:
    """The size at an hourly fee in USD."""
    if amount is None:
        return size
    return replace(size, price=Price(amount=amount, currency="USD", per="hour", as_of=as_of))
