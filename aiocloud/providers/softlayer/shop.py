"""Lists of what can be ordered: images, sizes, places and offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiocloud.driver import Compute, id_of
from aiocloud.errors import NotFoundError
from aiocloud.geography import located
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Offer, Size
from aiocloud.providers.softlayer import market
from aiocloud.providers.softlayer.account import SoftLayerAccount
from aiocloud.providers.softlayer.guests import GUEST
from aiocloud.providers.softlayer.market import Place, PriceList, sold_in, with_price

IMAGE_GROUP = "Virtual_Guest_Block_Device_Template_Group"


class Shop(SoftLayerAccount, Compute):
    """The catalogue of public virtual servers."""

    _package: int | None = None

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """Operating systems, the account's image templates, and the public ones."""

        async def images() -> Sequence[Pager[Image]]:
            return [Pager.of(self._systems), Pager.of(self._private_images), Pager.of(self._public_images)]

        return Pager.chain(images)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The flavours, with the prices of that data centre, or those that hold wherever no other is named."""

        async def sizes() -> list[Size]:
            places, prices = await self._market()
            if location is None:
                return self._sizes(prices, ())
            place = next((place for place in places if place.location.id == id_of(location)), None)
            if place is None:
                raise self._no(NotFoundError, f"no data centre {id_of(location)!r}")
            sold = _sold_in(place, self._sizes(prices, place.groups))
            return [replace(size, location=place.location.id) for size in sold]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The data centres where guests can be ordered."""

        async def locations() -> list[Location]:
            return [place.location for place in await self._places(await self._package_id())]

        return Pager.of(locations)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every flavour in every data centre that sells it, with the fees there."""

        async def offers() -> list[Offer]:
            places, prices = await self._market()
            wanted = [place for place in places if location is None or place.location.id == id_of(location)]
            # Most data centres share their fees with others.
            priced = {groups: self._sizes(prices, groups) for groups in {place.groups for place in wanted}}
            return [
                offer
                for place in wanted
                for offer in self.offers_of(place.location, _sold_in(place, priced[place.groups]))
            ]

        return Pager.of(offers)

    async def _systems(self) -> list[Image]:
        options = await self.services.call(GUEST, "getCreateObjectOptions")
        images = [self._read(market.SYSTEM, option) for option in dig(options, "operatingSystems") or ()]
        return list({image.id: image for image in images}.values())  # one may be sold at several prices

    async def _private_images(self) -> list[Image]:
        name = "privateBlockDeviceTemplateGroups"
        found = self.services.list("Account", f"get{name[0].upper()}{name[1:]}", raw, mask=market.TEMPLATES, root=name)
        return self._templates(await found)

    async def _public_images(self) -> list[Image]:
        return self._templates(await self.services.list(IMAGE_GROUP, "getPublicImages", raw, mask=market.TEMPLATES))

    def _templates(self, payloads: Iterable[Mapping[str, Any]]) -> list[Image]:
        """Those that guests can be made from: a child is the copy of its parent in one data centre."""
        usable = (one for one in payloads if one.get("globalIdentifier") and not one.get("parentId"))
        return [self._read(market.TEMPLATE, payload) for payload in usable]

    async def _package_id(self) -> int:
        """The number of the part of the catalogue that holds the flavours."""
        if self._package is None:
            where = {"keyName": {"operation": market.PACKAGE}}
            found = await self.services.call("Product_Package", "getAllObjects", mask="id,keyName", conditions=where)
            number = next((dig(package, "id") for package in found or ()), None)
            if number is None:
                raise self._no(NotFoundError, f"the catalogue has no {market.PACKAGE}")
            self._package = int(number)
        return self._package

    async def _market(self) -> tuple[list[Place], PriceList]:
        """Places and prices, asked for at the same time."""
        package = await self._package_id()
        places, presets, items = await together(
            lambda: self._places(package),
            lambda: self._presets(package),
            lambda: self._goods(package, "items", market.ITEMS),
        )
        return places, PriceList(presets, items)

    async def _places(self, package: int) -> list[Place]:
        regions = await self.services.call("Product_Package", "getRegions", object_id=package, mask=market.REGIONS)
        centers = [center for region in regions or () if (center := dig(region, "location.location"))]
        return [
            Place(
                located(self._read(market.LOCATION, center)),
                frozenset(dig(group, "id") for group in dig(center, "priceGroups") or ()),
            )
            for center in {dig(center, "name"): center for center in centers}.values()
        ]

    async def _presets(self, package: int) -> list[Mapping[str, Any]]:
        """The flavours for everybody, and those for this account."""
        everybodys, ours = await together(
            lambda: self._goods(package, "activePresets", market.PRESETS),
            lambda: self._goods(package, "accountRestrictedActivePresets", market.PRESETS),
        )
        return list({dig(preset, "keyName"): preset for preset in (*everybodys, *ours)}.values())

    async def _goods(self, package: int, name: str, mask: str) -> list[Mapping[str, Any]]:
        method = f"get{name[0].upper()}{name[1:]}"
        return await self.services.list("Product_Package", method, raw, mask=mask, root=name, object_id=package)

    def _sizes(self, prices: PriceList, groups: Iterable[Any]) -> list[Size]:
        """All flavours, with their prices where these groups of prices hold."""
        known = tuple(groups)
        return [
            with_price(self._read(market.SIZE, preset), prices.total(preset, known), self.today())
            for preset in prices.presets
        ]


def _sold_in(place: Place, sizes: Iterable[Size]) -> list[Size]:
    return [size for size in sizes if sold_in(size.extra, place.location.id)]
