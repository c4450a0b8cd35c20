"""What only DigitalOcean has: actions on droplets, reserved addresses, firewalls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio

from aiocloud.driver import PowerControl, id_of, segment
from aiocloud.errors import NodeStateError, WaitTimeoutError
from aiocloud.http.paging import Pager
from aiocloud.mapping import raw
from aiocloud.models import Image, Location, Node, Size
from aiocloud.providers.digitalocean.keys import Keys


class Extras(Keys, PowerControl):
    """Actions on droplets, reserved addresses, firewalls."""

    async def _act(self, node: Node | str, kind: str, **more: Any) -> Mapping[str, Any]:
        """Begin an action, and return it as the API tells it. A droplet does one at a time."""
        answer = await self.http.call("POST", f"/droplets/{segment(node)}/actions", json={"type": kind, **more})
        action: Mapping[str, Any] = answer["action"]
        return action

    async def ex_wait_for_action(
        self, action: Mapping[str, Any], *, timeout: float = 600.0, period: float = 5.0
    ) -> Mapping[str, Any]:
        """The action as soon as it is completed; asks every `period` seconds.

        Raises NodeStateError if it ends in an error, WaitTimeoutError if it takes more than `timeout` seconds.
        """
        end = anyio.current_time() + timeout
        about = {"node_id": str(action.get("resource_id")), "provider": self.provider, "account": self.account}
        while True:
            seen: Mapping[str, Any] = await self.http.get(f"/actions/{int(action['id'])}", raw, item="action")
            if seen["status"] == "completed":
                return seen
            if seen["status"] == "errored":
                raise NodeStateError(f"the action {seen['type']} {seen['id']} ended in an error", **about)
            if anyio.current_time() + period > end:
                raise WaitTimeoutError(f"the action {seen['type']} {seen['id']} takes more than {timeout:g} s", **about)
            await anyio.sleep(period)

    async def ex_rename_node(self, node: Node | str, name: str) -> Mapping[str, Any]:
        """Give the droplet another name; the action."""
        return await self._act(node, "rename", name=name)

    async def ex_resize_node(self, node: Node | str, size: Size | str, *, disk: bool = False) -> Mapping[str, Any]:
        """Make a droplet that is off another size; the action. With `disk` its disk grows, too, for good."""
        return await self._act(node, "resize", size=id_of(size), disk=disk)

    async def ex_rebuild_node(self, node: Node | str, image: Image | str) -> Mapping[str, Any]:
        """Install an image anew; the action. All that is on the disk is lost, the addresses stay."""
        wanted = id_of(image)
        return await self._act(node, "rebuild", image=int(wanted) if wanted.isdecimal() else wanted)

    async def ex_snapshot_node(self, node: Node | str, name: str) -> Mapping[str, Any]:
        """Make an image of the droplet; the action. It is in `list_images` when that is completed."""
        return await self._act(node, "snapshot", name=name)

    def ex_list_actions(self, node: Node | str) -> Pager[Mapping[str, Any]]:
        """What was done to the droplet, the newest first."""
        return self.http.list(f"/droplets/{segment(node)}/actions", raw, items="actions")

    async def ex_account(self) -> Mapping[str, Any]:
        """The account: its limits, its owner, its status."""
        account: Mapping[str, Any] = await self.http.get("/account", raw, item="account")
        return account

    def ex_list_firewalls(self) -> Pager[Mapping[str, Any]]:
        """The account's Cloud Firewalls."""
        return self.http.list("/firewalls", raw, items="firewalls")

    async def ex_add_to_firewall(self, firewall_id: str, node: Node | str) -> None:
        """Put the droplet behind a Cloud Firewall."""
        body = {"droplet_ids": [int(id_of(node))]}
        await self.http.send("POST", f"/firewalls/{segment(firewall_id)}/droplets", json=body)

    def ex_list_reserved_ips(self) -> Pager[Mapping[str, Any]]:
        """The account's reserved (once called floating) IPv4 addresses."""
        return self.http.list("/reserved_ips", raw, items="reserved_ips")

    async def ex_reserve_ip(self, location: Location | str) -> str:
        """Reserve an IPv4 address in a region. One that no droplet has costs money."""
        answer = await self.http.call("POST", "/reserved_ips", json={"region": id_of(location)})
        return str(answer["reserved_ip"]["ip"])

    async def ex_assign_reserved_ip(self, ip: str, node: Node | str) -> None:
        """Lead a reserved address to a droplet of its region."""
        body = {"type": "assign", "droplet_id": int(id_of(node))}
        await self.http.call("POST", f"/reserved_ips/{segment(ip)}/actions", json=body)

    async def ex_release_reserved_ip(self, ip: str) -> None:
        """Give a reserved address back."""
        await self.http.send("DELETE", f"/reserved_ips/{segment(ip)}")
