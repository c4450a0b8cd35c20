"""What nodes are made of, where, and at which price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from aiocloud.driver import Compute, id_of, segment
from aiocloud.errors import ConfigurationError
from aiocloud.http.message import Response
from aiocloud.http.paging import Pager, Params
from aiocloud.http.together import together
from aiocloud.mapping import dig
from aiocloud.models import Image, Location, Offer, Price, Size
from aiocloud.pricing import catalogue
from aiocloud.pricing.google import billed
from aiocloud.providers.gce.operations import Operations
from aiocloud.providers.gce.rates import CURRENCY
from aiocloud.providers.gce.shapes import IMAGE, SIZE, region_of, zone

Prices: TypeAlias = Callable[[Size, str], Price | None]

HOME = "us-central1-a"
"""The zone whose sizes are listed where none is named."""
PUBLIC_PROJECTS = (
    *("debian-cloud", "ubuntu-os-cloud", "rocky-linux-cloud", "centos-cloud", "rhel-cloud"),
    *("suse-cloud", "opensuse-cloud", "fedora-cloud", "cos-cloud", "windows-cloud"),
)
"""Where Google keeps the images that it offers to all: https://cloud.google.com/compute/docs/images/os-details"""


class Market(Operations, Compute):
    """Images, sizes, locations and offers."""

    def list_images(
        self,
        *,
        location: Location | str | None = None,
        ex_project: str | Sequence[str] | None = None,
        ex_deprecated: bool = False,
    ) -> Pager[Image]:
        """The project's own images, and those that Google offers to all; or those of the projects named.

        ex_project     one or more projects, in place of the usual ones
        ex_deprecated  also those that should not be used any more
        """
        named = [ex_project] if isinstance(ex_project, str) else ex_project
        projects = named if named is not None else (*PUBLIC_PROJECTS, self.project)

        def usable(payload: Any) -> bool:
            state = dig(payload, "deprecated.state")
            return payload.get("status") in (None, "READY") and (ex_deprecated or state in (None, "ACTIVE"))

        async def pagers() -> list[Pager[Image]]:
            paths = [f"/projects/{segment(project)}/global/images" for project in projects]
            return [self.http.pager(self._pages(path, usable), IMAGE, items="items") for path in paths]

        return Pager.chain(pagers)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The machine types of a zone: that one, the driver's, or else us-central1-a.

        With `ex_billing_key`, prices are those of Google's list, of the day on which it is fetched; a machine's are the
        sum of its cores and memory. Without, or where that list cannot be had (a warning on the logger `aiocloud` says
        so), they are those of the catalogue.
        """
        path = f"/zones/{segment(location or self._home() or HOME)}/machineTypes"

        async def pagers() -> list[Pager[Size]]:
            return [self._list(path, partial(self._size, await self._prices()))]

        return Pager.chain(pagers)

    def list_locations(self) -> Pager[Location]:
        """The zones."""
        return self._list("/zones", zone)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every machine type in every zone, or in one; not available where the zone is down."""

        async def pagers() -> list[Pager[Offer]]:
            zones, prices = await together(self.list_locations, self._prices)
            offer = partial(self._offer, {zone.id: zone for zone in zones}, prices)
            if location is None:
                return [self._everywhere("machineTypes", offer)]
            return [self._list(f"/zones/{segment(location)}/machineTypes", offer)]

        return Pager.chain(pagers)

    async def ex_custom_price(self, size: str, *, location: Location | str | None = None) -> Price | None:
        """What a custom machine type ("n2-custom-4-8192") costs in a zone; None where that is not known.

        Needs `ex_billing_key`. Types with more memory than usual ("-ext") have no known price.
        """
        if self._billing is None:
            raise ConfigurationError("gce needs `ex_billing_key` to tell the prices of custom machine types")
        what, listed = billed(size), await self._billing.rates()
        if what is None or listed is None:
            return None
        rates, day = listed
        return _price(rates.of(what, region_of(id_of(location or self._home() or HOME))), day)

    async def _prices(self) -> Prices:
        """What tells the price of a size in a region."""
        listed = await self._billing.rates() if self._billing else None
        if listed is not None:
            rates, day = listed
            return lambda size, region: _price(rates.hourly(size, region), day)
        known = catalogue.load(self.provider, until=self.today())  # a simulated world may lie in the past
        return lambda size, region: known.price(size.id, region)

    def _offer(self, places: Mapping[str, Location], prices: Prices, payload: Any, **context: Any) -> Offer:
        size = self._size(prices, payload, **context)
        place = places.get(size.location or "") or zone({"name": size.location}, **context)
        down = place.extra.get("status") == "DOWN"
        return Offer(location=place, size=size, price=size.price, available=False if down else None, **context)

    def _size(self, prices: Prices, payload: Any, **context: Any) -> Size:
        size = SIZE(payload, **context)
        return replace(size, price=prices(size, region_of(size.location or "")))

    def _pages(self, path: str, wanted: Callable[[Any], bool]) -> Callable[[Params], Any]:
        """Pages of a list, less what is not wanted."""

        async def fetch(page: Params) -> tuple[Response, Any]:
            response = await self.http.send("GET", path, params=page)
            payload = self._table(self.http.decode(response, f"GET {path}"))
            return response, {**payload, "items": [each for each in payload.get("items") or () if wanted(each)]}

        return fetch

    def _home(self) -> str | None:
        if self.region is not None and not isinstance(self.region, str):
            raise ConfigurationError("gce takes one zone as `region`")
        return self.region


def _price(amount: Decimal | None, day: date) -> Price | None:
    return Price(amount=amount, currency=CURRENCY, per="hour", as_of=day) if amount else None
