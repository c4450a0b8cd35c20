"""What OpenStack has beyond the portable verbs. Resources of Neutron are payloads, as its API tells them:
https://docs.openstack.org/api-ref/network/v2/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiocloud.dialects.openstack.compute import OpenStackCompute
from aiocloud.driver import NodeAuth, id_of, segment
from aiocloud.errors import MalformedResponseError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Node, Size
from aiocloud.values import Secret

Where = Location | str | None
"""A region, where the driver works in several."""


class OpenStackDriver(OpenStackCompute):
    """A project at a cloud that runs OpenStack."""

    # ---- servers ----

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Move it to another flavor. It then waits in VERIFY_RESIZE to be confirmed or reverted."""
        flavor = await self._flavor_id(await self._home(node), size)
        await self._act(node, "resize", {"flavorRef": flavor})

    async def ex_confirm_resize(self, node: Node | str) -> None:
        """Keep the new flavor."""
        await self._act(node, "confirmResize")

    async def ex_revert_resize(self, node: Node | str) -> None:
        """Go back to the old flavor."""
        await self._act(node, "revertResize")

    async def ex_rebuild_node(self, node: Node | str, image: Image | str, *, auth: NodeAuth | None = None) -> Node:
        """Install an image anew; what was on its disk is lost. Only a password can be given in `auth`."""
        password = self._password(auth)
        if auth is not None and password is None:
            raise self.refuse_auth(auth)
        argument = {"imageRef": id_of(image), **({"adminPass": password.reveal()} if password else {})}
        payload = await self._act(node, "rebuild", argument)
        return replace(await self.get_node(node), password=self._given_password(dig(payload, "server")) or password)

    async def ex_rescue_node(self, node: Node | str, image: Image | str | None = None) -> Secret | None:
        """Boot a rescue system beside its disk; the password for it, where the cloud makes one."""
        argument = {"rescue_image_ref": id_of(image)} if image is not None else None
        return self._given_password(await self._act(node, "rescue", argument))

    async def ex_unrescue_node(self, node: Node | str) -> None:
        """Boot from its own disk again."""
        await self._act(node, "unrescue")

    async def ex_pause_node(self, node: Node | str) -> None:
        """Freeze it in memory."""
        await self._act(node, "pause")

    async def ex_unpause_node(self, node: Node | str) -> None:
        """Let a frozen one go on."""
        await self._act(node, "unpause")

    async def ex_suspend_node(self, node: Node | str) -> None:
        """Put its memory on disk."""
        await self._act(node, "suspend")

    async def ex_resume_node(self, node: Node | str) -> None:
        """Wake a suspended one."""
        await self._act(node, "resume")

    async def ex_shelve_node(self, node: Node | str) -> None:
        """Put it away as an image, so that it takes no host."""
        await self._act(node, "shelve")

    async def ex_unshelve_node(self, node: Node | str) -> None:
        """Take a shelved one out again."""
        await self._act(node, "unshelve")

    async def ex_hard_reboot_node(self, node: Node | str) -> None:
        """Switch it off and on, in any state."""
        await self._act(node, "reboot", {"type": "HARD"})

    async def ex_console_output(self, node: Node | str, *, lines: int | None = None) -> str:
        """What it wrote on its console, or the last lines of that."""
        payload = await self._act(node, "os-getConsoleOutput", {} if lines is None else {"length": lines})
        return str(dig(payload, "output") or "")

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give it another name."""
        await self._change(node, "", {"server": {"name": name}})
        return await self.get_node(node)

    async def ex_get_metadata(self, node: Node | str) -> Mapping[str, str]:
        """Its metadata, our mark included."""
        nova = await (await self._home(node)).nova()
        payload = await nova.http.call("GET", f"/servers/{segment(node)}/metadata")
        return dict(dig(payload, "metadata") or {})

    async def ex_set_metadata(self, node: Node | str, metadata: Mapping[str, str]) -> Mapping[str, str]:
        """Replace all its metadata."""
        payload = await self._change(node, "/metadata", {"metadata": dict(metadata)})
        return dict(dig(payload, "metadata") or {})

    async def _change(self, node: Node | str, path: str, body: Any) -> Any:
        nova = await (await self._home(node)).nova()
        return await nova.http.call("PUT", f"/servers/{segment(node)}{path}", json=body)

    async def ex_create_image(self, node: Node | str, name: str, *, metadata: Mapping[str, str] | None = None) -> str:
        """Make an image of it; the id of the image, which is ready later."""
        argument = {"name": name, "metadata": dict(metadata or {})}
        headers, payload = await self._acted(node, "createImage", argument)
        # Older clouds name it in the header alone.
        image = dig(payload, "image_id") or headers.get("Location", "").rstrip("/").rpartition("/")[2]
        if not image:
            raise MalformedResponseError("a new image without an id", provider=self.provider, account=self.account)
        return str(image)

    async def ex_get_limits(self, *, location: Where = None) -> Mapping[str, int]:
        """What the project may have in a region and what it uses, in Nova's words (`maxTotalCores` …)."""
        nova = await (await self._one(location)).nova()
        return dict(dig(await nova.http.call("GET", "/limits"), "limits.absolute") or {})

    # ---- networks ----

    def ex_list_networks(self, *, location: Where = None) -> Pager[Mapping[str, Any]]:
        """The networks that a server can join, and those that lead outside."""
        return self._from_neutron("/networks", "networks", location)

    def ex_list_security_groups(self, *, location: Where = None) -> Pager[Mapping[str, Any]]:
        """The project's security groups, with their rules."""
        return self._from_neutron("/security-groups", "security_groups", location)

    async def ex_create_security_group(
        self, name: str, description: str = "", *, location: Where = None
    ) -> Mapping[str, Any]:
        """A security group that lets everything out and nothing in."""
        body = {"security_group": {"name": name, "description": description}}
        return await self._post("/security-groups", body, location)

    async def ex_delete_security_group(self, group_id: str, *, location: Where = None) -> None:
        """Delete a security group that no server uses."""
        await self._delete(f"/security-groups/{group_id}", location)

    async def ex_create_security_group_rule(
        self,
        group_id: str,
        *,
        port: int | None = None,
        last_port: int | None = None,
        protocol: str = "tcp",
        cidr: str = "0.0.0.0/0",
        direction: str = "ingress",
        location: Where = None,
    ) -> Mapping[str, Any]:
        """Let `protocol` in (or out) from `cidr`, on one port, up to `last_port`, or on all."""
        rule = {
            "security_group_id": group_id,
            "direction": direction,
            "ethertype": "IPv6" if ":" in cidr else "IPv4",
            "protocol": protocol,
            "port_range_min": port,
            "port_range_max": last_port if last_port is not None else port,
            "remote_ip_prefix": cidr,
        }
        return await self._post("/security-group-rules", {"security_group_rule": rule}, location)

    async def ex_delete_security_group_rule(self, rule_id: str, *, location: Where = None) -> None:
        """Take a rule away."""
        await self._delete(f"/security-group-rules/{rule_id}", location)

    def ex_list_floating_ips(self, *, location: Where = None) -> Pager[Mapping[str, Any]]:
        """The project's floating addresses."""
        return self._from_neutron("/floatingips", "floatingips", location)

    async def ex_allocate_floating_ip(self, network: str | None = None, *, location: Where = None) -> Mapping[str, Any]:
        """A new floating address from an external network, the first there is unless its id is given."""
        outside = network or await self._outside(location)
        return await self._post("/floatingips", {"floatingip": {"floating_network_id": outside}}, location)

    async def _outside(self, location: Where) -> str:
        async for network in self._from_neutron("/networks", "networks", location, {"router:external": "true"}):
            return str(network["id"])
        raise NotFoundError("no external network", provider=self.provider, account=self.account)

    async def ex_associate_floating_ip(self, floating_ip_id: str, node: Node | str) -> None:
        """Put a floating address before the first port of a node."""
        home = (await self._home(node)).name
        async for port in self._from_neutron("/ports", "ports", home, {"device_id": id_of(node)}):
            return await self._put_before(floating_ip_id, port["id"], home)
        raise NotFoundError(f"node {id_of(node)} has no port", provider=self.provider, account=self.account)

    async def ex_disassociate_floating_ip(self, floating_ip_id: str, *, location: Where = None) -> None:
        """Take a floating address away from where it stands, and keep it."""
        await self._put_before(floating_ip_id, None, location)

    async def _put_before(self, floating_ip_id: str, port: str | None, location: Where) -> None:
        region = await self._one(location)
        await region.neutron.call("PUT", f"/floatingips/{floating_ip_id}", json={"floatingip": {"port_id": port}})

    async def ex_release_floating_ip(self, floating_ip_id: str, *, location: Where = None) -> None:
        """Give a floating address back."""
        await self._delete(f"/floatingips/{floating_ip_id}", location)

    def _from_neutron(
        self, path: str, items: str, location: Where, params: Mapping[str, str] | None = None
    ) -> Pager[Mapping[str, Any]]:
        async def lists() -> list[Pager[Mapping[str, Any]]]:
            return [
                region.neutron.list(path, raw, items=items, params=params) for region in await self._those(location)
            ]

        return Pager.chain(lists)

    async def _post(self, path: str, body: Mapping[str, Any], location: Where) -> Mapping[str, Any]:
        region = await self._one(location)
        (name,) = body
        made: Mapping[str, Any] = dig(await region.neutron.call("POST", path, json=body), name) or {}
        return made

    async def _delete(self, path: str, location: Where) -> None:
        await (await self._one(location)).neutron.call("DELETE", path)
