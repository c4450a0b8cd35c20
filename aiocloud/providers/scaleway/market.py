"""What nodes are made of, and what it costs: readable without a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from aiocloud.driver import Compute, id_of
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import raw
from aiocloud.models import Image, Location, Offer, Price, Size
from aiocloud.providers.scaleway.account import Zonal
from aiocloud.providers.scaleway.shapes import IMAGE, SIZE, zone

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Market(Zonal, Compute):
    """Zones, commercial types, and the images of the marketplace."""

    def list_locations(self) -> Pager[Location]:
        """The driver's zones. No API lists them: those that are new need a new release, or `region`."""

        async def places() -> list[Location]:
            return [zone(name) for name in self._zones]

        return Pager.of(places)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The commercial types of a zone, with its prices in euros."""

        async def pagers() -> list[Pager[Size]]:
            return [self._sizes(self._zone(location))]

        return Pager.chain(pagers)

    def _sizes(self, place: str) -> Pager[Size]:
        def size(payload: Any, **context: Any) -> Size:
            return replace(SIZE(payload, **context), location=place, price=self._price(payload))

        return self._table(place, "products/servers", size)

    def _price(self, payload: Mapping[str, Any]) -> Price | None:
        hourly = Decimal(str(payload.get("hourly_price") or 0))
        return Price(amount=hourly, currency="EUR", per="hour", as_of=self.today()) if hourly > 0 else None

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every commercial type in every zone, with its price there, and whether it is to be had."""

        async def offers() -> list[Offer]:
            places = self._zones if location is None else (self._zone(location),)
            found = await together(*[partial(self._offers_in, place) for place in places])
            return [offer for some in found for offer in some]

        return Pager.of(offers)

    async def _offers_in(self, place: str) -> list[Offer]:
        sizes, stock = await together(
            lambda: self._sizes(place),
            lambda: self._table(place, "products/servers/availability", raw),
        )
        words = {each["id"]: each.get("availability") for each in stock}
        return [
            replace(offer, available=_available(offer.size, words.get(offer.size.id)))
            for offer in self.offers_of(zone(place), sizes)
        ]

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The marketplace's images for one zone: one for each architecture and kind of volume."""

        async def images() -> list[Image]:
            place = self._zone(location)
            titles, local = await together(
                lambda: self._all("/marketplace/v2/images", "images", raw),
                lambda: self._local_images(zone=place),
            )
            names = {each["label"]: each["name"] for each in titles}
            named = [{**each, "name": names.get(each["label"], each["label"])} for each in local]
            return [self.http.read(IMAGE, each) for each in named]

        return Pager.of(images)

    def _local_images(self, **params: str) -> Pager[Any]:
        return self._all("/marketplace/v2/local-images", "local_images", raw, **params)

    async def _image(self, place: str, image: Image | str, size: Size | str) -> str:
        """The id of an image; a label ("ubuntu_noble") stands for the image that fits the size."""
        wanted = id_of(image)
        if UUID.fullmatch(wanted):
            return wanted
        found = await self._local_images(zone=place, image_label=wanted)
        fit = [each for each in found if id_of(size) in each.get("compatible_commercial_types") or ()]
        if not fit:
            raise self._missing(f"no image {wanted!r} for {id_of(size)} in {place}")
        # The local disk is part of the size's price, a block volume is not.
        fit.sort(key=lambda each: each.get("type") != "instance_local")
        return str(fit[0]["id"])


def _available(size: Size, word: str | None) -> bool | None:
    """Whether there are machines left: "available", "scarce" or "shortage"; none of what is no longer offered."""
    if size.extra.get("end_of_service"):
        return False
    return {"available": True, "scarce": True, "shortage": False}.get(word or "")
