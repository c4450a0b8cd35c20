"""What the parts of machines cost, out of the list of all that Google sells.

https://docs.cloud.google.com/billing/docs/reference/rest/v1/services.skus. What a thing is for, only its description
tells, in English; https://cloud.google.com/skus shows them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from aiocloud.mapping import dig
from aiocloud.models import Size
from aiocloud.pricing.google import WHOLE, Billed, billed

CURRENCY = "USD"

Part: TypeAlias = Literal["Core", "Ram"]

SERIES: Mapping[str, str] = {
    "Micro Instance with burstable CPU": "f1-micro",
    "Small Instance with 1 VCPU": "g1-small",
    "N1 Predefined Instance": "n1",
    "Custom Instance": "n1-custom",
    "E2 Instance": "e2",
    "N2 Instance": "n2",
    "N2 Custom Instance": "n2-custom",
    "N2D AMD Instance": "n2d",
    "N2D AMD Custom Instance": "n2d-custom",
    "N4 Instance": "n4",
    "N4 Custom Instance": "n4-custom",
    "N4A Instance": "n4a",
    "N4D Instance": "n4d",
    "N4D Custom Instance": "n4d-custom",
    "T2A Arm Instance": "t2a",
    "T2D AMD Instance": "t2d",
    "Compute optimized": "c2",
    "Compute optimized Instance": "c2",
    "C2D AMD Instance": "c2d",
    "C3 Instance": "c3",
    "C3D Instance": "c3d",
    "C4 Instance": "c4",
    "C4A Arm Instance": "c4a",
    "C4D Instance": "c4d",
    "H3 Instance": "h3",
    "Memory-optimized Instance": "m1",
    "M3 Memory-optimized Instance": "m3",
}
"""The series that a description means. What is not here has no price: M2 takes a premium on M1's, Z3 comes with local
disks, A and G with accelerators; and spot, reserved, committed and sole-tenant machines begin with other words."""

DESCRIPTION = re.compile(r"(?P<what>.+?)(?: (?P<part>Core|Ram))? running in .+")
UNITS = {"Core": "h", "Ram": "GiBy.h"}


@dataclass(frozen=True, slots=True)
class Rate:
    """What an hour of a core, or of a GiB of memory, costs in some regions."""

    series: str
    part: Part
    regions: tuple[str, ...]
    amount: Decimal


def rate(sku: Any, **context: Any) -> Rate | None:
    """The rate that an entry of the list tells; None for all else that is sold, and for what cannot be understood."""
    if dig(sku, "category.resourceFamily") != "Compute" or dig(sku, "category.usageType") != "OnDemand":
        return None
    found = DESCRIPTION.fullmatch(str(dig(sku, "description")))
    series = SERIES.get(found["what"]) if found else None
    if found is None or series is None or (found["part"] is None) is not (series in WHOLE):
        return None
    part: Part = "Ram" if found["part"] == "Ram" else "Core"
    amount = _amount(sku, UNITS[part])
    regions = tuple(each for each in _list(sku, "serviceRegions") if isinstance(each, str))
    return Rate(series, part, regions, amount) if amount is not None else None


def _amount(sku: Any, unit: str) -> Decimal | None:
    """The latest price of a unit. A first tier that is free is an allowance of the account, and no price."""
    latest = next(reversed(_list(sku, "pricingInfo")), None)
    if dig(latest, "pricingExpression.usageUnit") != unit:
        return None
    tiers = _list(latest, "pricingExpression.tieredRates")
    prices = {_money(dig(tier, "unitPrice")) for tier in tiers} - {Decimal(0)}
    return prices.pop() if len(prices) == 1 else None


def _list(payload: Any, path: str) -> list[Any]:
    """The list there; an empty one where there is none."""
    found = dig(payload, path)
    return found if isinstance(found, list) else []


def _money(price: Any) -> Decimal | None:
    """https://docs.cloud.google.com/billing/docs/reference/rest/Shared.Types/Money; None for what is no price."""
    if dig(price, "currencyCode") != CURRENCY:
        return None
    try:
        amount = Decimal(str(price.get("units") or 0)) + Decimal(str(price.get("nanos") or 0)).scaleb(-9)
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


class Rates:
    """All rates, from which machine types are priced."""

    def __init__(self, rates: Iterable[Rate]) -> None:
        self._amounts: dict[tuple[str, Part, str], Decimal | None] = {}
        for one in rates:
            for region in one.regions:
                # Where two things are called alike and cost differently, neither is known.
                known = self._amounts.setdefault((one.series, one.part, region), one.amount)
                if known != one.amount:
                    self._amounts[one.series, one.part, region] = None

    def hourly(self, size: Size, region: str) -> Decimal | None:
        """What an hour of a machine costs there; None where that is not known."""
        if size.disk or size.extra.get("accelerators"):
            return None  # local disks and accelerators are billed, too
        what = billed(size.id, size.vcpus, size.ram)
        return self.of(what, region) if what else None

    def of(self, what: Billed, region: str) -> Decimal | None:
        """What an hour of these parts costs there; None where one of them has no known price."""
        core = self._amounts.get((what.series, "Core", region))
        memory = self._amounts.get((what.series, "Ram", region)) if what.memory else Decimal(0)
        if core is None or memory is None:
            return None
        return core * what.cores + memory * what.memory
