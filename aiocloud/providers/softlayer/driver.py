"""The driver, and what only SoftLayer has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiocloud.driver import NodeAuth, id_of
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Node, Size
from aiocloud.providers.softlayer.guests import GUEST, Order, tag_words
from aiocloud.providers.softlayer.nodes import Nodes
from aiocloud.providers.softlayer.shop import IMAGE_GROUP
from aiocloud.values import Secret


class SoftLayer(Nodes):
    """Needs the name of an API user and its key; the user `apikey` goes with a key of IBM Cloud's platform.

    `region` is the data centre ("ams03") where nodes are made that name no location. A guest has a host name and a
    domain: the name "web-1.example.org" gives both; a name without dots gets the `ex_domain` of the call, or else that
    of the driver. `Node.name` is the host name alone.

    Sizes are flavours ("B1_2X4X100": family, cores, GB of memory, GB of disk); one without a family ("2X4X100") is
    put together from parts. Images are reference codes ("DEBIAN_12_64") or global identifiers of image templates.
    Passwords are not known before a guest is provisioned, so that no node carries one: see `ex_get_password`.
    Tags are words there: ours are written `key:value`.
    """

    async def ex_get_password(self, node: Node | str) -> Secret | None:
        """The password of root or Administrator, once there is one; the API user must be allowed to see it."""
        guest = await self._ask(node, "getObject", mask="id,operatingSystem[passwords[username,password]]")
        known = {one.get("username"): one.get("password") for one in dig(guest, "operatingSystem.passwords") or ()}
        found = known.get("root") or known.get("Administrator") or next(iter(known.values()), None)
        return self.secret(found, "password") if found else None

    async def ex_rename_node(self, node: Node | str, name: str, *, ex_domain: str | None = None) -> Node:
        """Give the guest another name; the domain stays unless one is given."""
        hostname, _, domain = name.partition(".")
        domain = ex_domain or domain
        await self._act(node, "editObject", {"hostname": hostname, **({"domain": domain} if domain else {})})
        return await self.get_node(node)

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace all its tags."""
        await self._act(node, "setTags", tag_words(tags))
        return await self.get_node(node)

    async def ex_set_user_data(self, node: Node | str, user_data: str | bytes) -> None:
        """Replace its user data."""
        await self._act(node, "setUserMetadata", [self.user_data_text(user_data)])

    async def ex_pause_node(self, node: Node | str) -> None:
        """Freeze a running guest, memory and all."""
        await self._act(node, "pause")

    async def ex_resume_node(self, node: Node | str) -> None:
        """Let a paused guest go on."""
        await self._act(node, "resume")

    async def ex_reload_node(
        self, node: Node | str, *, auth: NodeAuth | None = None, ex_post_script: str | None = None
    ) -> None:
        """Install its operating system anew; what is on its first disk is lost."""
        keys = [int(key) for key in await self._key_ids(auth, id_of(node))]
        wanted = {"sshKeyIds": keys or None, "customProvisionScriptUri": ex_post_script}
        config = {key: value for key, value in wanted.items() if value is not None}
        await self._ask(node, "reloadOperatingSystem", "FORCE", config)

    async def ex_capture_image(self, node: Node | str, name: str, *, note: str = "") -> Mapping[str, Any]:
        """Begin to make an image template of its first disk; the transaction that does it."""
        mask = "id,blockDevices[id,device,mountType,diskImage[id]]"
        devices = (await self._ask(node, "getObject", mask=mask)).get("blockDevices") or ()
        first = [device for device in devices if str(device.get("device")) == "0"]
        transaction: Mapping[str, Any] = await self._ask(node, "createArchiveTransaction", name, first, note)
        return transaction

    async def ex_delete_image(self, image: Image) -> None:
        """Delete one of the account's own image templates, as `list_images` told it."""
        number = image.extra.get("id")
        if number is None:
            raise ConfigurationError(f"{image.id!r} is no image template of `list_images`")
        await self.services.call(IMAGE_GROUP, "deleteObject", object_id=number, repeatable=True)

    async def ex_list_transactions(self, node: Node | str) -> Sequence[Mapping[str, Any]]:
        """What is being done to it at the moment."""
        mask = "id,createDate,statusChangeDate,transactionStatus[name,friendlyName],transactionGroup[name]"
        found: Sequence[Mapping[str, Any]] = await self._ask(node, "getActiveTransactions", mask=mask) or []
        return found

    async def ex_cancel_at_anniversary(self, node: Node | str) -> None:
        """Cancel a guest that is paid by the month when its month is over."""
        item = await self._ask(node, "getBillingItem", mask="id")
        if not item:
            raise self._no(NotFoundError, f"node {id_of(node)} has no billing item to cancel")
        method = "cancelServiceOnAnniversaryDate"
        await self.services.call("Billing_Item", method, object_id=item["id"], repeatable=True)

    async def ex_verify_order(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        ex_domain: str | None = None,
        ex_hourly: bool = True,
        ex_private_network_only: bool = False,
        ex_max_speed: int | None = None,
    ) -> Mapping[str, Any]:
        """The order that `create_node` would place, checked and priced by SoftLayer, and not placed."""
        hostname, domain = self._split(name, ex_domain)
        order = Order(
            hostname=hostname,
            domain=domain,
            size=id_of(size),
            image=id_of(image),
            location=self._place(location),
            hourly=ex_hourly,
            private_network_only=ex_private_network_only,
            max_speed=ex_max_speed,
        )
        container = await self.services.call(GUEST, "generateOrderTemplate", order.template(), repeatable=True)
        priced: Mapping[str, Any] = await self.services.call("Product_Order", "verifyOrder", container, repeatable=True)
        return priced

    def ex_list_vlans(self) -> Pager[Mapping[str, Any]]:
        """The account's VLANs."""
        mask = "id,name,vlanNumber,networkSpace,primaryRouter[datacenter[name]]"
        return self.services.list("Account", "getNetworkVlans", raw, mask=mask, root="networkVlans")

    def ex_list_security_groups(self) -> Pager[Mapping[str, Any]]:
        """The account's security groups."""
        mask = "id,name,description,createDate"
        return self.services.list("Account", "getSecurityGroups", raw, mask=mask, root="securityGroups")
