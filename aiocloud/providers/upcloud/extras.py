"""What only UpCloud has: firewalls, floating addresses, plans to change to, templates of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.driver import Compute, id_of, segment
from aiocloud.errors import ConfigurationError
from aiocloud.http.client import Client
from aiocloud.http.paging import Pager
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Node, Size
from aiocloud.providers.upcloud.market import IMAGE
from aiocloud.providers.upcloud.wire import MARK, NODE, disks_of, labels, words_of, yes


class Extras(Compute):
    """What only UpCloud has."""

    http: Client

    async def ex_account(self) -> Mapping[str, Any]:
        """The account as the API tells it: its name, its credits in cents, its limits."""
        account: Mapping[str, Any] = await self.http.get("/account", raw, item="account")
        return account

    # ---- servers ----

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the server another title; its host name stays."""
        return await self._change(node, title=name)

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> Node:
        """Change to another plan. The server must be stopped, and its disk stays as it is."""
        return await self._change(node, plan=id_of(size))

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace all its labels but the one of its making."""
        server = await self.http.get(f"/server/{segment(node)}", raw, item="server")
        ours = {key: value for key, value in words_of(server).items() if key == MARK}
        return await self._change(node, labels=labels({**tags, **ours}))

    async def _change(self, node: Node | str, **change: Any) -> Node:
        changed = await self.http.call("PUT", f"/server/{segment(node)}", json={"server": change})
        return self.http.read(NODE, dig(changed, "server"))

    async def ex_create_image(self, node: Node | str, name: str) -> Image:
        """Make a template of the disk that the server boots from. The server must be stopped."""
        server = await self.http.get(f"/server/{segment(node)}", raw, item="server")
        disk = next(disks_of(server), None)
        if disk is None:
            raise ConfigurationError(f"node {id_of(node)} has no disk that a template could be made of")
        path = f"/storage/{segment(str(disk['storage']))}/templatize"
        made = await self.http.call("POST", path, json={"storage": {"title": name}})
        return self.http.read(IMAGE, dig(made, "storage"))

    async def ex_delete_image(self, image: Image | str) -> None:
        """Delete one of the account's own templates."""
        await self.http.call("DELETE", f"/storage/{segment(image)}")

    # ---- firewall ----

    async def ex_set_firewall(self, node: Node | str, *, enabled: bool) -> Node:
        """Switch the server's firewall on or off."""
        return await self._change(node, firewall=yes(enabled, ("off", "on")))

    def ex_list_firewall_rules(self, node: Node | str) -> Pager[Mapping[str, Any]]:
        """The rules of its firewall as the API tells them, in order."""
        return self.http.list(f"/server/{segment(node)}/firewall_rule", raw, items="firewall_rules.firewall_rule")

    async def ex_create_firewall_rule(self, node: Node | str, rule: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add a rule in the API's words: `direction`, `action`, `family`, `protocol`, `destination_port_start` …"""
        path = f"/server/{segment(node)}/firewall_rule"
        made: Mapping[str, Any] = dig(
            await self.http.call("POST", path, json={"firewall_rule": dict(rule)}), "firewall_rule"
        )
        return made

    async def ex_delete_firewall_rule(self, node: Node | str, position: int) -> None:
        """Remove the rule at that position, from 1; those after it move up."""
        # One that moved up would be removed in its place, were the request sent again.
        path = f"/server/{segment(node)}/firewall_rule/{position}"
        await self.http.call("DELETE", path, idempotent=False)

    # ---- addresses ----

    def ex_list_addresses(self) -> Pager[Mapping[str, Any]]:
        """All addresses of the account as the API tells them, with the servers that have them."""
        return self.http.list("/ip_address", raw, items="ip_addresses.ip_address")

    async def ex_create_floating_address(self, location: Location | str) -> str:
        """A floating IPv4 address in that zone, attached to nothing yet. It costs money until it is released."""
        wanted = {"access": "public", "family": "IPv4", "floating": "yes", "zone": id_of(location)}
        made = await self.http.call("POST", "/ip_address", json={"ip_address": wanted})
        return str(dig(made, "ip_address.address"))

    async def ex_attach_floating_address(self, address: str, node: Node | str) -> None:
        """Lead a floating address to the server's public interface."""
        server = await self.http.get(f"/server/{segment(node)}", raw, item="server")
        public = (row for row in dig(server, "networking.interfaces.interface") or () if row.get("type") == "public")
        interface = next(public, None)
        if interface is None:
            raise ConfigurationError(f"node {id_of(node)} has no public interface")
        await self._move(address, interface["mac"])

    async def ex_detach_floating_address(self, address: str) -> None:
        """Lead a floating address nowhere."""
        await self._move(address, None)

    async def _move(self, address: str, mac: str | None) -> None:
        await self.http.call("PATCH", f"/ip_address/{segment(address)}", json={"ip_address": {"mac": mac}})

    async def ex_delete_address(self, address: str) -> None:
        """Release an address."""
        await self.http.call("DELETE", f"/ip_address/{segment(address)}")

    async def ex_set_reverse_dns(self, address: str, name: str) -> None:
        """Give a public address that name in the reverse DNS."""
        body = {"ip_address": {"ptr_record": name}}
        await self.http.call("PATCH", f"/ip_address/{segment(address)}", json=body)
