"""The list of what Google sells, and for how much: the Cloud Billing Catalog API.

https://docs.cloud.google.com/billing/v1/how-tos/catalog-api
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta

import anyio

from aiocloud.errors import CloudError, MalformedResponseError, RequestTimeoutError
from aiocloud.http.client import Api, Client
from aiocloud.http.once import Once
from aiocloud.http.paging import TokenPaging
from aiocloud.http.ratelimit import Limits
from aiocloud.providers.gce.rates import CURRENCY, Rates, rate
from aiocloud.providers.gce.shapes import ERRORS

log = logging.getLogger("aiocloud")

HOST = "https://cloudbilling.googleapis.com"
SKUS = "/v1/services/6F81-5844-456A/skus"
"""What Compute Engine sells: tens of thousands of entries."""
WANTED = (
    "nextPageToken,skus(description,category(resourceFamily,usageType),serviceRegions,"
    "pricingInfo(pricingExpression(usageUnit,tieredRates(unitPrice))))"
)
"""The fields that are needed, less than half of the list: https://docs.cloud.google.com/apis/docs/system-parameters"""
API = Api(
    base_url=HOST,
    paging=TokenPaging("nextPageToken", "pageToken", size={"pageSize": "5000"}),
    errors=ERRORS,
    limits=Limits(rate=2.0, burst=20),
    sparse=True,
)
PATIENCE = 20.0
"""Seconds that the list may take, before sizes are told without."""
FRESH = timedelta(hours=12)
"""How long a list is good: Google's own is up to so old."""


class Billing:
    """The rates, fetched by one for all who want them at the same time, and again when they are twelve hours old."""

    def __init__(self, http: Client, now: Callable[[], datetime]) -> None:
        self._http = http
        self._now = now
        self._once = Once(self._fetch)

    async def rates(self) -> tuple[Rates, date] | None:
        """The rates and the day of which they are; None where they cannot be had, as a warning then says."""
        try:
            once = self._once
            rates, told = await once()
            if self._now() - told >= FRESH:
                if self._once is once:
                    self._once = Once(self._fetch)
                rates, told = await self._once()
        except CloudError as error:
            log.warning("gce: the price list cannot be had, so that prices are the catalogue's: %s", error)
            return None
        return rates, told.date()

    async def _fetch(self) -> tuple[Rates, datetime]:
        told = self._now()
        with anyio.move_on_after(PATIENCE) as limit:
            asked = {"currencyCode": CURRENCY, "fields": WANTED}
            found = await self._http.list(SKUS, rate, items="skus", params=asked)
        if limit.cancelled_caught:
            raise self._http.errors.stamp(RequestTimeoutError(f"no whole price list within {PATIENCE:.0f} seconds"))
        if not found:
            raise self._http.errors.stamp(MalformedResponseError("a price list without anything in it"))
        return Rates(each for each in found if each), told
