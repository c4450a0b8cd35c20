"""Zones, plans with their prices, and templates."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aiocloud.driver import Compute, id_of, segment
from aiocloud.errors import ForbiddenError, NotFoundError
from aiocloud.geography import located
from aiocloud.http.client import Client
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import Shape, at, dig, system_in
from aiocloud.models import Image, Location, Offer, Price, Size

CENTS = 100
"""Prices are told in hundredths of the account's currency."""

SIZE = Shape(
    Size,
    id=at("name"),
    name=at("name"),
    vcpus=at("core_number", int),
    ram=at("memory_amount", int),
    disk=at("storage_size", int),
    bandwidth=at("public_traffic_out", int),
    arch=lambda plan: "x86_64",  # there are no others
)
IMAGE = Shape(
    Image,
    id=at("uuid"),
    name=at("title"),
    os=at("title", lambda title: system_in(title)[0]),
    version=at("title", lambda title: system_in(title)[1]),
    arch=lambda template: "x86_64",
    location=at("zone"),
)
LOCATION = Shape(
    Location,
    id=at("id"),
    name=at("description"),
    country=at("id", lambda zone: _country(zone)),
    city=at("description", lambda text: text.partition("#")[0].strip() or None),
)


def _country(zone: str) -> str | None:
    """The country that a zone's id begins with (`fi-hel1`); a private zone may be called anything."""
    code, dash, _ = zone.partition("-")
    if not dash or len(code) != len("fi") or not code.isalpha():
        return None
    return "GB" if code == "uk" else code.upper()


def _zone(payload: Any, **context: Any) -> Location:
    """A zone, with its city's coordinates, which the API does not tell."""
    return located(LOCATION(payload, **context))


class Market(Compute):
    """What can be had, where, and for how much."""

    http: Client

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The public templates, which are everywhere, and the account's own, which are in one zone each."""

        async def images() -> list[Image]:
            found = await self.http.list("/storage/template", IMAGE, items="storages.storage")
            return [image for image in found if location is None or image.location in (None, id_of(location))]

        return Pager.of(images)

    def list_locations(self) -> Pager[Location]:
        """The zones, the account's private ones too."""
        return self.http.list("/zone", _zone, items="zones.zone")

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The plans with the prices of that zone, or those that hold in every zone where no other is named."""

        async def sizes() -> list[Size]:
            plans, prices = await together(self._plans, self._prices)
            return [self._priced(plan, prices, id_of(location) if location is not None else None) for plan in plans]

        return Pager.of(sizes)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every plan in every zone, or in one, with its price there. What is sold out the API does not tell."""

        async def offers() -> list[Offer]:
            zones, plans, prices = await together(self.list_locations, self._plans, self._prices)
            wanted = [zone for zone in zones if location is None or zone.id == id_of(location)]
            return [
                offer
                for zone in wanted
                for offer in self.offers_of(zone, [self._priced(plan, prices, zone.id) for plan in plans])
            ]

        return Pager.of(offers)

    async def _plans(self) -> list[Size]:
        return await self.http.list("/plan", SIZE, items="plans.plan")

    async def _prices(self) -> Mapping[str, Any]:
        """The price list: what each thing costs in each zone, and the currency, which the account's details tell."""
        prices: dict[str, Any] = dict(dig(await self.http.call("GET", "/price"), "prices") or {})
        if prices.get("currency") is None:
            prices["currency"] = await self._currency()
        return prices

    async def _currency(self) -> str | None:
        """The account's currency; None where this user may not know it."""
        with suppress(ForbiddenError, NotFoundError):
            username = dig(await self.http.call("GET", "/account"), "account.username")
            details = await self.http.call("GET", f"/account/details/{segment(str(username))}")
            return dig(details, "account.currency") or None
        return None

    def _priced(self, plan: Size, prices: Mapping[str, Any], zone: str | None) -> Size:
        """The plan with its price in that zone; without one, the price that is the same in all that have it."""
        rows = [row for row in prices.get("zone") or () if zone in (None, row.get("name"))]
        asked = {each for row in rows if (each := _hourly(row, plan.id)) is not None}
        currency = prices.get("currency")
        price = None
        if len(asked) == 1 and currency:
            price = Price(amount=asked.pop(), currency=str(currency), per="hour", as_of=self.today())
        return replace(plan, price=price, location=zone)


def _hourly(row: Mapping[str, Any], plan: str) -> Decimal | None:
    """What an hour of that plan costs in the zone of this row; None where that is not told, or nothing."""
    told = row.get(f"server_plan_{plan}") or {}
    try:
        price = Decimal(str(told.get("price"))) / (Decimal(str(told.get("amount", 1))) * CENTS)
    except ArithmeticError:  # it is told in no number
        return None
    return price if price.is_finite() and price > 0 else None
