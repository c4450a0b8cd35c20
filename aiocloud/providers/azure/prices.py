"""What sizes cost, as Microsoft tells anybody.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from aiocloud.errors import ConfigurationError
from aiocloud.mapping import raw
from aiocloud.models import Price
from aiocloud.providers.azure.operations import Operations

FRESH = timedelta(hours=1)
"""For how long prices of a region are kept: they are several pages long, and change once a month."""
OTHERS = ("Windows", "CloudServices", "Cloud Services", "Dedicated Host")
"""Words of products that are no plain Linux machine."""
CHEAPER = ("Spot", "Low Priority")
"""Words of meters for machines that may be taken away at any time."""


class Prices(Operations):
    """The retail price list."""

    @cached_property
    def _price_lists(self) -> dict[str, tuple[datetime, Mapping[str, Price]]]:
        """What is known, until when, by region."""
        return {}

    async def _prices(self, region: str) -> Mapping[str, Price]:
        """What plain Linux costs in a region, pay as you go, by size."""
        known = self._price_lists
        if region in known and known[region][0] > self.now():
            return known[region][1]
        if "'" in region:
            raise ConfigurationError(f"{region!r} is no region")
        where = f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' and priceType eq 'Consumption'"
        pager = self._prices_http.list("/api/retail/prices", raw, items="Items", params={"$filter": where})
        chosen = plain(await pager, self.now())
        prices = {name: self._price(item) for name, item in chosen.items()}
        known[region] = (self.now() + FRESH, prices)
        return prices

    def _price(self, item: Mapping[str, Any]) -> Price:
        amount = Decimal(str(item["retailPrice"]))
        return Price(amount=amount, currency=str(item["currencyCode"]), per="hour", as_of=self.today())


def plain(items: Iterable[Mapping[str, Any]], now: datetime) -> Mapping[str, Mapping[str, Any]]:
    """Of all that a price list has for each size, the line that counts now for plain Linux on demand."""
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    chosen: dict[str, Mapping[str, Any]] = {}
    for item in items:
        name = item.get("armSkuName")
        if not name or not _counts(item, moment):
            continue
        if name not in chosen or _rank(item) > _rank(chosen[name]):
            chosen[name] = item
    return chosen


def _counts(item: Mapping[str, Any], moment: str) -> bool:
    product, meter = str(item.get("productName")), f"{item.get('skuName')} {item.get('meterName')}"
    return (
        item.get("type") == "Consumption"
        and item.get("unitOfMeasure") == "1 Hour"
        and not any(word in product for word in OTHERS)
        and not any(word in meter for word in CHEAPER)
        and bool(item.get("retailPrice"))
        and str(item.get("effectiveStartDate") or "") <= moment
        and str(item.get("effectiveEndDate") or "9") > moment
    )


def _rank(item: Mapping[str, Any]) -> tuple[bool, str]:
    """The region's own meter before another's, then the newest."""
    return item.get("isPrimaryMeterRegion") is not False, str(item.get("effectiveStartDate") or "")
