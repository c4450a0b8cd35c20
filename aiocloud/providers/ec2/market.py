"""What is on offer, where, and at which price."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from aiocloud.dialects.ec2 import SIZE, Query, filters, region_of
from aiocloud.driver import Compute, id_of
from aiocloud.geography import located
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import raw
from aiocloud.models import Location, Offer, Size
from aiocloud.pricing import catalogue
from aiocloud.pricing.catalogue import Catalogue, CatalogueSize
from aiocloud.providers.ec2.geography import REGIONS, Region
from aiocloud.providers.ec2.regional import Regional
from aiocloud.values import FrozenMap

ZONES_ONLY = {"Filter": filters({"zone-type": "availability-zone"})}
"""Local and wavelength zones are often in another country than their region, and no places of their own here."""


class Market(Regional, Compute):
    """Sizes, locations and offers."""

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The instance types of a region (the first of the driver's, unless one is named), old ones too.

        Prices are those of the catalogue for that region: on demand, plain Linux.
        """

        async def sizes() -> list[Size]:
            return await self._sizes(await self._known_region(location))

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The regions in which this driver works, with the account's zones."""
        return Pager.of(self._places)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every size in every region in which this driver works, or in the one named, with the price there.

        Whether a size can be had at this moment is not said.
        """

        async def pagers() -> list[Pager[Offer]]:
            wanted = [self._place(await self._known_region(location))] if location is not None else await self._bare()
            return [self._offered(place) for place in wanted]

        return Pager.chain(pagers)

    def _offered(self, place: Location) -> Pager[Offer]:
        async def offers() -> list[Offer]:
            return self.offers_of(place, await self._sizes(place.id))

        return Pager.of(offers)

    async def _known_region(self, location: Location | str | None) -> str:
        """The region of a place; without credentials there is nobody to ask for those we do not know."""
        if not self._anonymous or location is None:
            return await self._region_of(location)
        region, known = region_of(id_of(location)), self._catalogue().regions
        if region not in known:
            raise self._missing(f"no region {region!r} in the catalogue; there are: {', '.join(known)}")
        return region

    # ---- sizes ----

    async def _sizes(self, region: str) -> list[Size]:
        if self._anonymous:
            return self._listed(region)
        prices = self._catalogue()
        told = await self.ex_query(region).list("DescribeInstanceTypes", SIZE, "instanceTypeSet", size=100)
        return [_filled(size, prices, region) for size in told]

    def _listed(self, region: str) -> list[Size]:
        """The sizes of the catalogue."""
        prices = self._catalogue()
        return [self._from_catalogue(size, prices, region) for size in prices.in_region(region)]

    def _from_catalogue(self, size: CatalogueSize, prices: Catalogue, region: str) -> Size:
        return Size(
            id=size.id,
            name=size.id,
            vcpus=size.vcpus,
            ram=size.ram,
            disk=size.disk,
            bandwidth=size.bandwidth,
            arch=size.arch,
            price=prices.price(size.id, region),
            location=region,
            provider=self.provider,
        )

    def _catalogue(self) -> Catalogue:
        return catalogue.load(self.provider, until=self.today())  # a simulated world may lie in the past

    # ---- places ----

    async def _places(self) -> list[Location]:
        places = await self._bare()
        if self._anonymous:
            return places
        zones = await together(*[partial(self._zones, self.ex_query(place.id)) for place in places])
        return [_with_zones(place, told) for place, told in zip(places, zones, strict=True)]

    async def _bare(self) -> list[Location]:
        """The places without their zones."""
        if self._scope is not None:
            return [self._place(region) for region in self._scope]
        if self._anonymous:
            return [self._place(region) for region in self._catalogue().regions]
        return [self._place(region["regionName"], region) for region in await self.ex_list_regions()]

    def _place(self, region: str, payload: Mapping[str, Any] | None = None) -> Location:
        known = REGIONS.get(region, Region(region, ""))
        place = Location(
            id=region,
            name=known.name,
            country=known.country or None,
            city=known.city,
            provider=self.provider,
            extra=FrozenMap(payload or {}),
        )
        return located(place)

    @staticmethod
    async def _zones(query: Query) -> list[Mapping[str, Any]]:
        return await query.list_whole("DescribeAvailabilityZones", raw, "availabilityZoneInfo", ZONES_ONLY)


def _with_zones(place: Location, zones: Sequence[Mapping[str, Any]]) -> Location:
    names: Iterable[str] = sorted(zone["zoneName"] for zone in zones)
    return replace(place, zones=tuple(names), extra=FrozenMap({**place.extra, "availabilityZoneInfo": tuple(zones)}))


def _filled(size: Size, prices: Catalogue, region: str) -> Size:
    """A size of the API, with the price of the catalogue, and whatever fact only that one knows."""
    known = prices.sizes.get(size.id)
    return replace(size, price=prices.price(size.id, region), arch=size.arch or (known.arch if known else None))
