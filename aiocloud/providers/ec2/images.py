"""Machine images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiocloud.dialects.ec2 import IMAGE, filters
from aiocloud.driver import Compute, id_of
from aiocloud.http.paging import Pager
from aiocloud.models import Image, Location, Node
from aiocloud.providers.ec2.regional import Regional


class Images(Regional, Compute):
    """Images: the account's own, and those that are asked for by owner, name or id."""

    def list_images(
        self,
        *,
        location: Location | str | None = None,
        ex_owner: str | Sequence[str] | None = None,
        ex_name: str | None = None,
        ex_ids: Sequence[str] | None = None,
        ex_filters: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Pager[Image]:
        """The account's own images, unless others are asked for. All that are public would be tens of thousands.

        ex_owner    "self", "amazon", "aws-marketplace", account numbers; "self" unless `ex_ids` are given
        ex_name     a pattern of the name: "ubuntu/images/hvm-ssd-gp3/ubuntu-*-24.04-arm64-server-*"
        ex_ids      just these
        ex_filters  the API's own: {"architecture": "arm64", "root-device-type": "ebs"}
        """
        owners = [ex_owner] if isinstance(ex_owner, str) else list(ex_owner or ())
        params: dict[str, list[Any]] = {
            "Owner": owners or (["self"] if not ex_ids else []),
            "ImageId": list(ex_ids or ()),
            "Filter": filters({**(ex_filters or {}), **({"name": ex_name} if ex_name else {})}),
        }
        # Without pages the API sends kernels and ramdisks too; they are no images to boot from.
        params["Filter"] += filters({"image-type": "machine"})
        size = None if ex_ids else 1000
        return self._everywhere(
            lambda query: query.list("DescribeImages", IMAGE, "imagesSet", params, size=size), location
        )

    async def ex_get_image(self, image: Image | str, *, location: Location | str | None = None) -> Image:
        """One image by its id, whoever owns it. Raises NotFoundError."""
        found = await self.list_images(location=location, ex_ids=[id_of(image)])
        if not found:
            raise self._missing(f"no image {id_of(image)!r}", "InvalidAMIID.NotFound")
        return found[0]

    async def ex_create_image(
        self, node: Node | str, name: str, *, description: str | None = None, reboot: bool = True
    ) -> str:
        """Make an image of a node's disks; the new image's id. It is pending until the disks are copied.

        Without `reboot` the disks are copied as they are, possibly in the midst of a change.
        """
        query = await self._query_of(node)
        params = {"InstanceId": id_of(node), "Name": name, "Description": description, "NoReboot": not reboot}
        payload = await query.call("CreateImage", params)
        image_id: str = payload["imageId"]
        return image_id

    async def ex_delete_image(self, image: Image | str, *, location: Location | str | None = None) -> None:
        """Deregister an image. The snapshots of its disks stay, and go on costing money."""
        query = self.ex_query(await self._region_of(location))
        await query.call("DeregisterImage", {"ImageId": id_of(image)}, idempotent=True)
