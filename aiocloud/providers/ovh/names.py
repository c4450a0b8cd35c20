"""Flavors and images by their names, and the public network for those who name none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from aiocloud.dialects.openstack.compute import ACTIVE, Networks
from aiocloud.dialects.openstack.identity import Catalogue
from aiocloud.dialects.openstack.regions import Nova, Region
from aiocloud.driver import id_of
from aiocloud.errors import NotFoundError
from aiocloud.http.once import Once
from aiocloud.mapping import Shape, dig, raw
from aiocloud.models import Image, Node, Size
from aiocloud.providers.openstack import OpenStack
from aiocloud.providers.ovh.shapes import IMAGE

PUBLIC_NETWORK = "Ext-Net"
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class ByName(OpenStack):
    """OpenStack whose flavors have another id in each region, and the same name."""

    image: ClassVar[Shape[Image]] = IMAGE
    _flavors: dict[str, Mapping[str, str]]
    """By region: the names of its flavors by Nova's ids."""
    _public_networks: dict[str, str | None]
    """By region: the id of the public network, if it has one."""

    def _sized(self, region: str | None) -> Callable[..., Size]:
        read = super()._sized(region)

        def named(payload: Any, **context: Any) -> Size:
            size = read(payload, **context)
            return replace(size, id=size.name)

        return named

    def _new_region(self, catalogue: Catalogue, name: str) -> Region:
        """A region that knows its flavors' names by the time that Nova is asked for anything."""
        region = super()._new_region(catalogue, name)
        plain = region.nova

        async def nova() -> Nova:
            found = await plain()
            await self._learn_flavors(region.name, found)
            return found

        region.nova = Once(nova)
        return region

    async def _learn_flavors(self, region: str, nova: Nova) -> Mapping[str, str]:
        """The names of a region's flavors by Nova's ids."""
        flavors = await nova.http.list("/flavors", raw, items="flavors")
        self._flavors[region] = {str(flavor["id"]): str(flavor["name"]) for flavor in flavors}
        return self._flavors[region]

    def _node(self, region: Region) -> Callable[..., Node]:
        read = super()._node(region)

        def named(payload: Any, **context: Any) -> Node:
            node = read(payload, **context)
            return replace(node, size=self._flavors.get(region.name, {}).get(node.size or "", node.size))

        return named

    async def _flavor_id(self, region: Region, size: Size | str) -> str:
        wanted = id_of(size)
        if UUID.fullmatch(wanted):
            return wanted
        nova = await region.nova()
        known = _ids(self._flavors[region.name])
        if wanted not in known:  # it may be new
            known = _ids(await self._learn_flavors(region.name, nova))
        return known.get(wanted) or self._missing("flavor", wanted, region)

    async def _image_id(self, region: Region, image: Image | str) -> str:
        wanted = id_of(image)
        if UUID.fullmatch(wanted):
            return wanted
        newest_first = {**ACTIVE, "name": wanted, "sort": "created_at:desc"}
        async for found in region.glance.list("/images", raw, items="images", params=newest_first):
            return str(found["id"])
        return self._missing("image", wanted, region)

    async def _networks(self, region: Region, asked: Networks | None) -> Networks | None:
        """The public network where none is asked for: beside a private one, Nova itself would not know which."""
        if asked is not None:
            return asked
        if region.name not in self._public_networks:
            self._public_networks[region.name] = await self._public_network(region)
        found = self._public_networks[region.name]
        return [found] if found else None

    async def _public_network(self, region: Region) -> str | None:
        with suppress(NotFoundError):  # a region without Neutron
            async for network in region.neutron.list(
                "/networks", raw, items="networks", params={"name": PUBLIC_NETWORK}
            ):
                return str(dig(network, "id"))
        return None

    def _missing(self, kind: str, name: str, region: Region) -> str:
        raise NotFoundError(
            f"region {region.name} has no {kind} {name!r}", provider=self.provider, account=self.account
        )


def _ids(names: Mapping[str, str]) -> dict[str, str]:
    return {name: flavor for flavor, name in names.items()}
