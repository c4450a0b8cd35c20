"""Networks, firewall rules and reserved addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiocloud.creation import new_token
from aiocloud.driver import segment
from aiocloud.http.paging import Pager
from aiocloud.mapping import raw
from aiocloud.providers.gce.operations import Operations, as_uuid, given, link


class Networks(Operations):
    """What leads to nodes."""

    def ex_list_networks(self) -> Pager[Mapping[str, Any]]:
        """The project's networks."""
        return self._list("/global/networks", raw)

    def ex_list_addresses(self) -> Pager[Mapping[str, Any]]:
        """The addresses that are reserved, of all regions."""
        return self._everywhere("addresses", raw)

    def ex_list_firewalls(self) -> Pager[Mapping[str, Any]]:
        """The project's firewall rules."""
        return self._list("/global/firewalls", raw)

    async def ex_create_firewall(
        self,
        name: str,
        *,
        allowed: Sequence[str],
        source_ranges: Iterable[str] = ("0.0.0.0/0",),
        target_tags: Sequence[str] = (),
        network: str = "default",
    ) -> None:
        """Let something in: `allowed` are protocols, with ports if need be ("tcp:22,8000-8080", "icmp")."""
        body = {
            "name": name,
            "network": link("global/networks", network),
            "allowed": [_rule(each) for each in allowed],
            "sourceRanges": list(source_ranges),
            "targetTags": list(target_tags) or None,
        }
        once = {"requestId": as_uuid(new_token())}
        await self._do("POST", "/global/firewalls", json=given(body), params=once, idempotent=True)

    async def ex_delete_firewall(self, name: str) -> None:
        """Remove a firewall rule."""
        await self._do("DELETE", f"/global/firewalls/{segment(name)}")


def _rule(text: str) -> Mapping[str, Any]:
    protocol, _, ports = text.partition(":")
    return given({"IPProtocol": protocol, "ports": ports.split(",") if ports else None})
