"""What can be ordered, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aiocloud.driver import Compute, id_of
from aiocloud.geography import located
from aiocloud.http.client import Client
from aiocloud.http.paging import Pager
from aiocloud.mapping import Shape, at, dig, raw
from aiocloud.models import Image, Location, Price, Size
from aiocloud.providers.rimuhosting.wire import matrix

IMAGE = Shape(
    Image,
    id=at("distro_code"),
    name=at("distro_description"),
    os=at("distro_description", lambda text: text.split()[0].lower().rstrip("0123456789")),
    arch=at("distro_code", lambda code: "x86_64" if code.endswith(".64") else None),
)
SIZE = Shape(
    Size,
    id=at("pricing_plan_code"),
    name=at("pricing_plan_description"),
    ram=at("minimum_memory_mb"),
    disk=at("minimum_disk_gb"),
    bandwidth=at("minimum_data_transfer_allowance_gb"),
    location=at("offered_at_data_center.data_center_location_code"),
)
LOCATION = Shape(
    Location,
    id=at("data_center_location_code"),
    name=at("data_center_location_name"),
    country=at("data_center_location_country_2ltr", str.upper),
    city=at("data_center_location_name"),
)


def _price(plan: Mapping[str, Any]) -> Decimal | None:
    amount = dig(plan, "monthly_recurring_amt.amt_usd")
    return Decimal(str(amount)) if amount else None


class Market(Compute):
    """Distributions, plans and data centres."""

    http: Client

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The distributions, which are the same everywhere."""
        return self.http.list("/distributions", IMAGE, items="distro_infos")

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The plans for virtual servers, or those that one data centre has. Memory and disk are the least of each."""
        where = {"dc_location": id_of(location)} if location is not None else {}

        async def sizes() -> list[Size]:
            found = await self._plans(self._priced, **where)
            here = [size for size in found if not where or size.location in (None, where["dc_location"])]
            return [replace(size, location=where["dc_location"]) for size in here] if where else here

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The data centres at which any plan is offered."""

        async def places() -> list[Location]:
            rows = [row for plan in await self._plans(raw) if (row := plan.get("offered_at_data_center"))]
            distinct = {row.get("data_center_location_code"): row for row in rows}
            return [located(self.http.read(LOCATION, row)) for row in distinct.values()]

        return Pager.of(places)

    def _plans(self, shape: Any, **options: str) -> Pager[Any]:
        path = "/pricing-plans" + matrix(**{"server-type": "VPS", **options})
        return self.http.list(path, shape, items="pricing_plan_infos")

    def _priced(self, plan: Any, **context: Any) -> Size:
        amount = _price(plan)
        price = Price(amount=amount, currency="USD", per="month", as_of=self.today()) if amount else None
        return replace(SIZE(plan, **context), price=price)
