"""Virtual machines, as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.driver import id_of
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.message import Response
from aiocloud.http.paging import Pager, Params
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Location, Node
from aiocloud.providers.azure.keys import Keys
from aiocloud.providers.azure.market import Market
from aiocloud.providers.azure.networks import Networks
from aiocloud.providers.azure.operations import COMPUTE, NETWORK
from aiocloud.providers.azure.shapes import NODE, NODE_ID


class Nodes(Market, Networks, Keys):
    """The machines of the subscription, listed and found."""

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All machines of the subscription, or those in one region.

        States, interfaces and public addresses are asked for once, and not for each machine.
        """
        wanted = id_of(location) if location is not None else None
        path = self._path(f"/providers/{COMPUTE}/virtualMachines")
        about: dict[str, Any] = {}

        async def fetch(page: Params) -> tuple[Response, Any]:
            if not page:  # the first
                about.update(await self._surroundings())
            response = await self.http.send("GET", path, params={"api-version": "2024-11-01", **page})
            payload = self._table(self.http.decode(response, f"GET {path}"))
            here = [each for each in payload["value"] if wanted in (None, each.get("location"))]
            return response, {**payload, "value": [_joined(each, about) for each in here]}

        return self.http.pager(fetch, NODE, items="value")

    async def _surroundings(self) -> dict[str, Any]:
        """The states of all machines and all interfaces, by id; addresses stand in their interfaces."""
        statuses, interfaces, addresses = await together(
            lambda: self._kind(COMPUTE, "virtualMachines", raw, statusOnly="true"),
            lambda: self._kind(NETWORK, "networkInterfaces", raw),
            lambda: self._kind(NETWORK, "publicIPAddresses", raw),
        )
        known = {each["id"].lower(): each for each in addresses}
        return {
            "states": {each["id"].lower(): dig(each, "properties.instanceView") for each in statuses},
            "interfaces": {each["id"].lower(): _expanded(each, known) for each in interfaces},
        }

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The machine as it is now. In place of its id, "group/name" will do, or its name in the driver's group."""
        path, _ = self._where(node)
        payload = await self._get(path, **{"$expand": "instanceView"})
        self._same(node, payload)
        links = [each["id"] for each in dig(payload, "properties.networkProfile.networkInterfaces") or ()]
        found = await together(*[self._asking(link) for link in links])
        return self.http.read(
            NODE, {**payload, "interfaces": [each for each in found if each]}, operation=f"GET {path}"
        )

    def _asking(self, interface: str) -> Any:
        async def ask() -> Mapping[str, Any] | None:
            try:
                return await self._get(interface, **{"$expand": "ipConfigurations/publicIPAddress"})
            except NotFoundError:  # it goes with the machine
                return None

        return ask

    def _where(self, node: Node | str) -> tuple[str, str]:
        """The path to a machine, and its resource group. Raises ConfigurationError for another subscription's."""
        text = id_of(node)
        if (found := NODE_ID.fullmatch(text)) is not None:
            if found[1].lower() != (self.subscription_id or "").lower():
                raise ConfigurationError(f"{text} is of another subscription than {self.subscription_id}")
            group, name = found[2], found[3]
        else:
            group, _, name = text.rpartition("/")
            group = group or self.resource_group
        return self._in(COMPUTE, "virtualMachines", name, group=group), group

    def _same(self, node: Node | str, payload: Mapping[str, Any]) -> None:
        """Raises NotFoundError if the name belongs to another machine by now."""
        known = dig(node.extra, "properties.vmId") if isinstance(node, Node) else None
        if known and dig(payload, "properties.vmId") not in (None, known):
            message = f"node {id_of(node)} has gone; another machine has its name"
            raise NotFoundError(message, code="ResourceNotFound", provider=self.provider, account=self.account)


def _joined(payload: Mapping[str, Any], about: Mapping[str, Any]) -> Mapping[str, Any]:
    """A machine as a list shows it, with what other lists say of it."""
    properties = payload.get("properties") or {}
    links = [each["id"].lower() for each in dig(properties, "networkProfile.networkInterfaces") or ()]
    interfaces = [about["interfaces"][link] for link in links if link in about["interfaces"]]
    view = about["states"].get(payload["id"].lower())
    return {**payload, "properties": {**properties, "instanceView": view}, "interfaces": interfaces}


def _expanded(interface: Mapping[str, Any], addresses: Mapping[str, Any]) -> Mapping[str, Any]:
    """An interface with its public addresses, as it is when one asks for it alone."""
    properties = interface.get("properties") or {}

    def expanded(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
        link = dig(configuration, "properties.publicIPAddress.id")
        if link is None or link.lower() not in addresses:
            return configuration
        return {
            **configuration,
            "properties": {**configuration["properties"], "publicIPAddress": addresses[link.lower()]},
        }

    configurations = [expanded(each) for each in properties.get("ipConfigurations") or ()]
    return {**interface, "properties": {**properties, "ipConfigurations": configurations}}
