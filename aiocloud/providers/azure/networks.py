"""Resource groups, networks, security groups and public addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiocloud.driver import id_of, segment
from aiocloud.errors import ConfigurationError
from aiocloud.http.paging import Pager
from aiocloud.mapping import raw
from aiocloud.models import Location
from aiocloud.providers.azure.chain import Chains
from aiocloud.providers.azure.operations import GROUPS, NETWORK


class Networks(Chains):
    """What stands around nodes."""

    # ---- resource groups ----

    def ex_list_resource_groups(self) -> Pager[Mapping[str, Any]]:
        """The subscription's resource groups."""
        return self._list(self._path("/resourcegroups"), raw, version=GROUPS)

    async def ex_create_resource_group(self, name: str, *, location: Location | str) -> Mapping[str, Any]:
        """Make a resource group; one that is there already stays as it is, if its location is the same."""
        return await self._do("PUT", self._group(name), json={"location": id_of(location)}, version=GROUPS)

    async def ex_delete_resource_group(self, name: str, *, ex_wait: float = 600.0) -> None:
        """Delete a resource group with everything in it, be it whose it may. Its end is awaited, `ex_wait` seconds."""
        await self._do("DELETE", self._group(name), version=GROUPS, patience=ex_wait)
        self._forget_shared()

    # ---- networks and addresses ----

    def ex_list_networks(self) -> Pager[Mapping[str, Any]]:
        """The subscription's virtual networks, with their subnets."""
        return self._kind(NETWORK, "virtualNetworks", raw)

    def ex_list_public_ips(self) -> Pager[Mapping[str, Any]]:
        """The subscription's public addresses."""
        return self._kind(NETWORK, "publicIPAddresses", raw)

    async def ex_create_public_ip(self, name: str, *, location: Location | str) -> Mapping[str, Any]:
        """Reserve a public address, which stays when the node that has it goes: see `ex_public_ip`."""
        body = {
            "location": id_of(location),
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4"},
        }
        await self._ground(id_of(location))
        path = self._in(NETWORK, "publicIPAddresses", name)
        await self._do("PUT", path, json=body)
        return await self._get(path)

    async def ex_delete_public_ip(self, name: str) -> None:
        """Give a public address back. Raises ConflictError while something has it."""
        await self._do("DELETE", self._in(NETWORK, "publicIPAddresses", name))

    # ---- security groups ----

    def ex_list_security_groups(self) -> Pager[Mapping[str, Any]]:
        """The subscription's network security groups, with their rules."""
        return self._kind(NETWORK, "networkSecurityGroups", raw)

    async def ex_create_security_group(
        self, name: str, *, location: Location | str, allowed: Sequence[str] = ("tcp:22",)
    ) -> Mapping[str, Any]:
        """Make a security group that lets in what is `allowed`, from anywhere: protocols and ports ("tcp:22", "udp:53",
        "tcp:8000-8080", "*").
        """
        rules = [_rule(f"allow-{number}", text, 1000 + 10 * number) for number, text in enumerate(allowed)]
        body = {"location": id_of(location), "properties": {"securityRules": rules}}
        await self._ground(id_of(location))
        return await self._do("PUT", self._in(NETWORK, "networkSecurityGroups", name), json=body)

    async def ex_create_security_rule(
        self, security_group: str, name: str, *, allowed: str, priority: int, source: str = "*"
    ) -> None:
        """Let something in ("tcp:443"), from a range of addresses; the lowest priority counts first (100 to 4096)."""
        rule = _rule(name, allowed, priority, source)
        path = f"{self._in(NETWORK, 'networkSecurityGroups', security_group)}/securityRules/{segment(name)}"
        await self._do("PUT", path, json={"properties": rule["properties"]})

    async def ex_delete_security_rule(self, security_group: str, name: str) -> None:
        """Remove a rule."""
        path = self._in(NETWORK, "networkSecurityGroups", security_group)
        await self._do("DELETE", f"{path}/securityRules/{segment(name)}")

    async def ex_delete_security_group(self, name: str) -> None:
        """Remove a security group. Raises ConflictError while something is behind it."""
        await self._do("DELETE", self._in(NETWORK, "networkSecurityGroups", name))


PROTOCOLS = {"tcp": "Tcp", "udp": "Udp", "icmp": "Icmp", "*": "*"}


def _rule(name: str, allowed: str, priority: int, source: str = "*") -> Mapping[str, Any]:
    protocol, _, ports = allowed.partition(":")
    if protocol.lower() not in PROTOCOLS:
        raise ConfigurationError(f"{allowed!r} is no protocol and port, such as tcp:22; protocols: tcp, udp, icmp, *")
    properties = {
        "protocol": PROTOCOLS[protocol.lower()],
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": ports or "*",
        "access": "Allow",
        "direction": "Inbound",
        "priority": priority,
    }
    return {"name": name, "properties": properties}
