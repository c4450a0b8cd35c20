"""What nodes are made of, where, and at which price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiocloud.driver import Compute, id_of, segment
from aiocloud.http.message import Response
from aiocloud.http.paging import Pager, Params
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Offer, Price, Size
from aiocloud.providers.azure.facts import facts
from aiocloud.providers.azure.operations import COMPUTE, GALLERIES, LOCATIONS, SKUS
from aiocloud.providers.azure.prices import Prices
from aiocloud.providers.azure.shapes import GALLERY_IMAGE, IMAGE, SIZE, known_regions, refusal, region

HOME = "eastus"
"""The region whose sizes are listed where none is named."""
ENDORSED: Mapping[str, tuple[str, str, str, str]] = {
    "Ubuntu 24.04": ("Canonical:ubuntu-24_04-lts:server:latest", "ubuntu", "24.04", "x86_64"),
    "Ubuntu 24.04 (Arm)": ("Canonical:ubuntu-24_04-lts:server-arm64:latest", "ubuntu", "24.04", "arm64"),
    "Ubuntu 22.04": ("Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2:latest", "ubuntu", "22.04", "x86_64"),
    "Debian 12": ("Debian:debian-12:12-gen2:latest", "debian", "12", "x86_64"),
    "Debian 11": ("Debian:debian-11:11-backports-gen2:latest", "debian", "11", "x86_64"),
    "RHEL 8": ("RedHat:RHEL:8-lvm-gen2:latest", "rhel", "8", "x86_64"),
    "openSUSE Leap 15.4": ("SUSE:openSUSE-leap-15-4:gen2:latest", "opensuse", "15.4", "x86_64"),
    "Flatcar": ("kinvolk:flatcar-container-linux-free:stable-gen2:latest", "flatcar", "", "x86_64"),
}
"""A few images of the marketplace that most people mean, by their URNs."""


class Market(Prices, Compute):
    """Images, sizes, locations and offers."""

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """A few well-known images of the marketplace; and the subscription's own, managed or in galleries.

        The id of one of the marketplace's is its URN; any other URN will do for a node as well: see
        `ex_list_marketplace`.
        """
        wanted = id_of(location) if location is not None else None

        async def known() -> list[Image]:
            return [self._endorsed(name, row) for name, row in ENDORSED.items()]

        async def own() -> list[Image]:
            images = await self._kind(COMPUTE, "images", IMAGE)
            return [image for image in images if wanted in (None, image.location)]

        async def pagers() -> Sequence[Pager[Image]]:
            if not self.known:
                return [Pager.of(known)]
            galleries = await self._kind(COMPUTE, "galleries", raw, version=GALLERIES)
            paths = [f"{gallery['id']}/images" for gallery in galleries]
            shared = [self._list(path, GALLERY_IMAGE, version=GALLERIES) for path in paths]
            return [Pager.of(known), Pager.of(own), *shared]

        return Pager.chain(pagers)

    def _endorsed(self, name: str, row: tuple[str, str, str, str]) -> Image:
        urn, system, version, arch = row
        return Image(id=urn, name=name, os=system, version=version or None, arch=arch, provider=self.provider)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The sizes of a region: that one, the driver's, or else eastus; with its prices.

        A size that this subscription cannot have there says so in `extra["restrictions"]`.
        """
        return Pager.of(lambda: self._sizes(id_of(location) if location is not None else self._home() or HOME))

    def list_locations(self) -> Pager[Location]:
        """The regions, without those that are none of their own ("Europe", "Global")."""
        if not self.known:
            return Pager.of(self._known_regions)
        path = self._path("/locations")

        async def fetch(page: Params) -> tuple[Response, Any]:
            response = await self.http.send("GET", path, params={"api-version": LOCATIONS, **page})
            payload = self._table(self.http.decode(response, f"GET {path}"))
            physical = [each for each in payload["value"] if dig(each, "metadata.regionType") == "Physical"]
            return response, {**payload, "value": physical}

        return self.http.pager(fetch, region, items="value")

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every size in every region, or in one; not available where the subscription cannot have it."""

        async def pagers() -> list[Pager[Offer]]:
            wanted = id_of(location) if location is not None else None
            places = [place for place in await self.list_locations() if wanted in (None, place.id)]
            return [Pager.of(self._offers_in(place)) for place in places]

        return Pager.chain(pagers)

    def _offers_in(self, place: Location) -> Callable[[], Any]:
        async def offers() -> list[Offer]:
            return [self._offer(place, size) for size in await self._sizes(place.id)]

        return offers

    def _offer(self, place: Location, size: Size) -> Offer:
        free = None if not self.known else refusal(size.extra) is None
        about = {"provider": self.provider, "account": self.account}
        return Offer(location=place, size=size, price=size.price, available=free, **about)

    async def _sizes(self, place: str) -> list[Size]:
        if not self.known:
            return [self._public_size(name, price, place) for name, price in (await self._prices(place)).items()]
        params = {"$filter": f"location eq '{place}'"}
        skus = self._kind(COMPUTE, "skus", raw, version=SKUS, **params)

        async def listed() -> list[Any]:
            return [sku async for sku in skus if sku.get("resourceType") == "virtualMachines"]

        prices, payloads = await together(lambda: self._prices(place), listed)
        sizes = [self.http.read(SIZE, payload) for payload in payloads]
        return [replace(size, price=prices.get(size.id), location=place) for size in sizes]

    def _public_size(self, name: str, price: Price, place: str) -> Size:
        vcpus, ram, arch = facts(name) or (None, None, None)
        about: dict[str, Any] = {"vcpus": vcpus, "ram": ram, "arch": arch, "provider": self.provider}
        return Size(id=name, name=name, price=price, location=place, **about)

    async def _known_regions(self) -> list[Location]:
        return known_regions(provider=self.provider)

    def _home(self) -> str | None:
        return self.region if isinstance(self.region, str) else None

    async def ex_list_marketplace(
        self,
        location: Location | str,
        publisher: str | None = None,
        offer: str | None = None,
        sku: str | None = None,
    ) -> list[str]:
        """The publishers of images in a region; or the offers of one, the SKUs of an offer, the versions of a SKU."""
        path = self._path(f"/providers/{COMPUTE}/locations/{segment(location)}/publishers")
        kinds = ("artifacttypes/vmimage/offers", "skus", "versions")
        for name, kind in zip((publisher, offer, sku), kinds, strict=True):
            if name is None:
                break
            path = f"{path}/{segment(name)}/{kind}"
        params = {"api-version": "2024-11-01"}
        payload = await self.http.call("GET", path, params=params)
        return [str(each["name"]) for each in payload]
