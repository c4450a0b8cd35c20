"""The order catalogue: what instances cost, open to all.

`GET /order/catalog/public/cloud`: https://eu.api.ovh.com/console/?section=%2Forder&branch=v1
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import anyio

from aiocloud.errors import MalformedResponseError
from aiocloud.http.client import Api, Client
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import dig
from aiocloud.models import Price, Size
from aiocloud.providers.ovh.places import PLAIN, plans_at
from aiocloud.providers.ovh.shapes import SIZE

PATH = "/order/catalog/public/cloud"
API = Api(errors=ErrorTable(code="class", message="message", request_id="X-OVH-QUERYID"))
HOSTS = {
    "EU": "https://eu.api.ovh.com/1.0",
    "CA": "https://ca.api.ovh.com/1.0",
    "US": "https://api.us.ovhcloud.com/1.0",
}
SUBSIDIARIES: Mapping[str, str] = {
    **dict.fromkeys(("CZ", "DE", "ES", "FI", "FR", "GB", "IE", "IT", "LT", "MA", "NL", "PL", "PT", "SN", "TN"), "EU"),
    **dict.fromkeys(("ASIA", "AU", "CA", "IN", "QC", "SG", "WE", "WS"), "CA"),
    "US": "US",
}
"""OVHcloud's companies, and at which of the APIs each has its catalogue."""

UNIT = Decimal(10) ** -8
"""What prices are counted in, of the catalogue's currency."""
INSTANCE = "publiccloud-instance"
CODE = re.compile(r"(?P<flavor>.+?)\.(?P<per>consumption|monthly\.postpaid)(?:\.(?P<suffix>.+))?")
UNITS: Mapping[str, Literal["hour", "month"]] = {"consumption": "hour", "monthly.postpaid": "month"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One way in which a flavor is sold: by the hour or the month, in regions of one kind.

    `suffix` is what its code ends in: nothing for regions of one zone, 3AZ, LZ.EU, or the name of a region. `price` is
    None where the catalogue tells none. `active` is false for flavors that are no more offered to new customers.
    """

    code: str
    flavor: str
    suffix: str
    per: Literal["hour", "month"]
    price: Price | None
    active: bool
    size: Size


class Market:
    """The plans of Linux instances, as they were on one day."""

    def __init__(self, plans: Iterable[Plan], day: date) -> None:
        self.plans = tuple(plans)
        self.day = day
        self._hourly: dict[str, dict[str, Plan]] = {}
        for plan in self.plans:
            if plan.per == "hour":
                self._hourly.setdefault(plan.flavor, {})[plan.suffix] = plan

    def price(self, flavor: str, region: str | None) -> Price | None:
        """What an hour of a flavor costs in a region; without one, in all that have one zone.

        None where the catalogue does not tell, or where it is not known by which of several prices it is billed.
        """
        found = {plan.price for plan in self._there(flavor, region)}
        return found.pop() if len(found) == 1 else None

    def sizes(self, region: str | None = None) -> list[Size]:
        """The flavors that are sold, with their prices in a region, or in those of one zone."""
        return [
            replace(plans[0].size, price=self.price(flavor, region), location=region)
            for flavor in self._hourly
            if (plans := [plan for plan in self._there(flavor, region) if plan.active])
        ]

    def _there(self, flavor: str, region: str | None) -> list[Plan]:
        """The plans by which it may be billed there."""
        plans = self._hourly.get(flavor, {})
        if region is not None and region.upper() in plans:
            return [plans[region.upper()]]
        return [plans[suffix] for suffix in (plans_at(region) if region is not None else (PLAIN,)) if suffix in plans]


class Shop:
    """The catalogue of one subsidiary, asked for once a day: it is some eight megabytes."""

    def __init__(self, http: Client, subsidiary: str, today: Callable[[], date]) -> None:
        self._http = http
        self._subsidiary = subsidiary
        self._today = today
        self._lock = anyio.Lock()
        self.known: Market | None = None
        """What was read last."""

    async def market(self) -> Market:
        """The plans as they are today. Raises MalformedResponseError, and whatever else a request raises."""
        async with self._lock:
            if self.known is None or self.known.day != self._today():
                payload = await self._http.call("GET", PATH, params={"ovhSubsidiary": self._subsidiary})
                try:
                    self.known = self._read(payload)
                except MalformedResponseError as error:
                    raise self._http.errors.stamp(error, f"GET {PATH}") from error.__cause__
            return self.known

    def _read(self, payload: Any) -> Market:
        addons, currency = dig(payload, "addons"), dig(payload, "locale.currencyCode")
        if not isinstance(addons, Sequence) or isinstance(addons, str) or not isinstance(currency, str):
            raise MalformedResponseError("an order catalogue without `addons` or `locale.currencyCode`")
        day = self._today()
        plans = [self._plan(addon, currency, day) for addon in addons if dig(addon, "product") == INSTANCE]
        return Market([plan for plan in plans if plan is not None], day)

    def _plan(self, addon: Mapping[str, Any], currency: str, day: date) -> Plan | None:
        """None for another system than Linux, whose licence is in the price, and for a code of a kind not known."""
        code = CODE.fullmatch(addon.get("planCode") or "")
        if code is None or dig(addon, "blobs.technical.os.family") != "linux":
            return None
        per = UNITS[code["per"]]
        return Plan(
            code=code[0],
            flavor=code["flavor"],
            suffix=(code["suffix"] or PLAIN).upper(),
            per=per,
            price=price_in(addon, per, currency, day),
            active="active" in (dig(addon, "blobs.tags") or ()),
            size=self._http.read(SIZE, {**addon, "invoiceName": code["flavor"]}),
        )


def price_in(addon: Mapping[str, Any], per: Literal["hour", "month"], currency: str, day: date) -> Price | None:
    """The usual price of an addon, without tax; None for none, for zero, and for one that is told in several ways."""
    pricings = addon.get("pricings") or ()
    amounts = {each.get("price") for each in pricings if _is_usual(each) and each.get("intervalUnit") == per}
    amount = amounts.pop() if len(amounts) == 1 else None
    if not isinstance(amount, int) or amount <= 0:
        return None
    text = f"{amount * UNIT:f}".rstrip("0").rstrip(".")
    return Price(amount=Decimal(text), currency=currency, per=per, as_of=day)


def _is_usual(pricing: Mapping[str, Any]) -> bool:
    """Whether it is what anybody pays by use: no commitment, and one unit of time."""
    return (
        pricing.get("mode", "default") == "default"
        and "consumption" in (pricing.get("capacities") or ())
        and not pricing.get("commitment")
        and pricing.get("interval", 1) == 1
    )
