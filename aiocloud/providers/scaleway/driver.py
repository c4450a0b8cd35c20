"""Nodes: made in three steps, and destroyed with what was made for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aiocloud.creation import Creation, in_doubt, new_token
from aiocloud.driver import NodeAuth, PowerControl, id_of, segment
from aiocloud.errors import AmbiguousCreateError, CloudError, ConflictError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.mapping import raw
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.providers.scaleway.account import path_of
from aiocloud.providers.scaleway.keys import Keys
from aiocloud.providers.scaleway.market import Market
from aiocloud.providers.scaleway.shapes import MARK, NODE, STATES, words_of

log = logging.getLogger("aiocloud")

PATIENCE = 120.0
"""Seconds for which a node that starts or stops is waited for before it can be ended."""
LOCAL = ("l_ssd", "scratch")
"""Volumes that the API itself deletes with a node that runs."""


class Scaleway(Keys, Market, PowerControl):
    """Needs the secret key of an API key, or nothing at all for sizes, prices and images.

    `project_id` is the project in which nodes are made and seen; without one, those of all projects that the key may
    see are listed. `region` is a zone ("nl-ams-1") or region ("nl-ams"), several, or "all", which is the default. A
    node for which no location is named is made in `default_zone`, else in fr-par-1 if that is among them, else in the
    first. Tags are words there: ours are written `key=value`. A node that is made carries one more tag,
    `aiocloud-create=…`, by which it is found if the answer is lost.
    """

    features = frozenset({"ssh_key", "user_data", "tags", "idempotent_create"})
    states = {"state": STATES}
    user_data_limit = 127998

    # ---- nodes ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All nodes in the driver's zones, or those in one."""

        async def pagers() -> list[Pager[Node]]:
            zones = self._zones if location is None else (self._zone(location),)
            return [self._list(zone, "servers", NODE) for zone in zones]

        return Pager.chain(pagers)

    async def get_node(self, node: Node | str) -> Node:
        """The node as it is now."""
        return self.http.read(NODE, await self._server(node))

    async def create_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        ex_start: bool = True,
        ex_dynamic_ip: bool = True,
        ex_ips: Sequence[str] = (),
        ex_security_group: str | None = None,
        ex_placement_group: str | None = None,
        ex_volumes: Mapping[str, Any] | None = None,
    ) -> Node:
        """Make a node, give it its user data, and start it. See `Compute.create_node`.

        `image` may also be a label of the marketplace ("ubuntu_noble"). A public key is let in by a tag of the node,
        and added to no account. What cannot be started, for lack of machines, is removed again.
        ex_start            start it; without, it is there, and stopped
        ex_dynamic_ip       give it a public address that it has while it runs, unless it has one of `ex_ips`
        ex_ips              ids of flexible addresses to attach
        ex_security_group, ex_placement_group  ids, in place of the project's default group, and of none
        ex_volumes          the volumes in the API's words, by number: `{"0": {"size": 40_000_000_000}}`
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        self.encoded_user_data(user_data)  # refuses too much
        data = user_data.encode() if isinstance(user_data, str) else user_data
        zone, token = self._zone(location), new_token()
        chosen = await self._image(zone, image, size)
        words = [*words_of(tags), *await self._key_tags(auth), f"{MARK}={token}"]
        body = {
            "name": name,
            "commercial_type": id_of(size),
            "image": chosen,
            "project": self.project_id,
            "tags": words,
            "dynamic_ip_required": ex_dynamic_ip,
            "public_ips": list(ex_ips),
            "security_group": ex_security_group,
            "placement_group": ex_placement_group,
            "volumes": dict(ex_volumes) if ex_volumes else None,
        }
        wanted = {key: value for key, value in body.items() if value not in (None, [])}

        async def send() -> Node:
            payload = await self.http.call("POST", path_of(zone, "servers"), json=wanted)
            node = self.http.read(NODE, payload.get("server"))
            return await self._finished(node, data, start=ex_start)

        async def find() -> Node | None:
            found = await self._list(zone, "servers", NODE, tags=words[-1])
            ours = [node for node in found if words[-1] in node.extra.get("tags", ())]
            return await self._finished(ours[0], data, start=ex_start) if ours else None

        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    async def _finished(self, node: Node, data: bytes | None, *, start: bool) -> Node:
        """The node, with its user data, and started; or none, and the reason raised."""
        try:
            if data is not None:
                await self._tell(node, data)
            if start:
                await self._bring(node, "poweron", "starting", "running")
        except CloudError as error:
            await self._withdraw(node, error)
            error.sent = error.doubtful = False  # nothing is left that might be looked for
            raise
        return replace(node, state=NodeState.PENDING) if start else node

    async def _tell(self, node: Node, data: bytes) -> None:
        path = f"{_of(node)}/user_data/cloud-init"
        await self.http.send("PATCH", path, body=data, headers={"Content-Type": "text/plain"}, idempotent=True)

    async def _withdraw(self, node: Node, reason: CloudError) -> None:
        """Remove a node that was made, and could not be finished."""
        try:
            await self.destroy_node(node)
        except NotFoundError:
            return
        except CloudError as error:
            message = (
                f"node {node.id} ({node.name!r}) was made, not started ({reason.message}), and not removed: {error}"
            )
            told = {"provider": self.provider, "account": self.account}
            raise AmbiguousCreateError(message, name=node.name, token=None, **told) from reason

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the node with its local disks and the volume that it boots from; waits until it is gone.

        Other block volumes and flexible addresses are only detached. A volume that cannot be deleted is named in a
        warning on the logger `aiocloud`.
        """
        payload = await self._server(node)
        known = self.http.read(NODE, payload)
        with suppress(NotFoundError):  # it went meanwhile
            await self.once_allowed(known, lambda: self._end(known), wait=PATIENCE)
        await self.wait_until(known, NodeState.TERMINATED, timeout=PATIENCE)
        for number, volume in (payload.get("volumes") or {}).items():
            if number == "0" or volume.get("volume_type") in LOCAL:
                await self._drop(known, volume)

    async def _end(self, node: Node) -> None:
        """Ask for the end of a node in the way in which its state wants it."""
        state = (await self._server(node))["state"]
        if state in ("stopped", "stopping"):
            await self.http.send("DELETE", _of(node))
        else:
            await self._act(node, "terminate")

    async def _drop(self, node: Node, volume: Mapping[str, Any]) -> None:
        """Delete a volume, unless it has gone with its node."""
        api = "instance" if volume.get("volume_type") in (*LOCAL, "b_ssd") else "block"
        try:
            path = f"/{api}/v1/zones/{segment(node.location or '')}/volumes/{segment(volume['id'])}"
            await self.http.send("DELETE", path)
        except NotFoundError:
            return
        except CloudError as error:
            log.warning("node %s is destroyed; its volume %s is not, and costs: %s", node.id, volume["id"], error)

    async def reboot_node(self, node: Node | str) -> None:
        """Stop it and start it again, where it is."""
        await self._act(node if isinstance(node, Node) else await self.get_node(node), "reboot")

    async def start_node(self, node: Node | str) -> None:
        """Start it. One that runs already is left alone."""
        await self._bring(node, "poweron", "starting", "running")

    async def stop_node(self, node: Node | str, *, ex_in_place: bool = False) -> None:
        """Stop it, so that only its volumes cost; a dynamic address is lost, and there may be no room for it later.

        ex_in_place   keep its place and address, and pay for it as if it ran
        """
        state = "stopped in place" if ex_in_place else "stopped"
        await self._bring(node, "stop_in_place" if ex_in_place else "poweroff", "stopping", state)

    async def _bring(self, node: Node | str, action: str, *done: str) -> None:
        """Do what may be asked for twice: if it was done already, that is well."""
        known = node if isinstance(node, Node) else await self.get_node(node)
        try:
            await self._act(known, action, idempotent=True)
        except CloudError as error:
            if not (in_doubt(error) or isinstance(error, ConflictError)):
                raise
            if (await self._server(known)).get("state") not in done:
                raise

    async def _act(self, node: Node, action: str, *, idempotent: bool = False) -> None:
        await self.http.send("POST", f"{_of(node)}/action", json={"action": action}, idempotent=idempotent)

    # ---- what only Scaleway has ----

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the node another name."""
        return await self._change(node, {"name": name})

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> Node:
        """Give a stopped node another commercial type, which must suit its volumes."""
        return await self._change(node, {"commercial_type": id_of(size)})

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace its tags; those by which it lets keys in, and is found again, stay."""
        payload = await self._server(node)
        ours = self.http.read(NODE, payload).tags
        kept = [word for word in payload.get("tags") or () if word.partition("=")[0] not in ours]
        return await self._change(node, {"tags": [*words_of(tags), *kept]})

    async def _change(self, node: Node | str, change: Mapping[str, Any]) -> Node:
        known = node if isinstance(node, Node) else await self.get_node(node)
        payload = await self.http.call("PATCH", _of(known), json=change, idempotent=True)
        return self.http.read(NODE, payload.get("server"))

    def ex_list_ips(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The flexible addresses of a zone, attached or not."""
        return self._list(self._zone(location), "ips", raw)

    async def ex_create_ip(self, *, location: Location | str | None = None, ipv6: bool = False) -> Mapping[str, Any]:
        """Reserve a flexible address, which costs until it is released."""
        body = {"type": "routed_ipv6" if ipv6 else "routed_ipv4", "project": self.project_id}
        wanted = {key: value for key, value in body.items() if value}
        made: Mapping[str, Any] = await self.http.call("POST", path_of(self._zone(location), "ips"), json=wanted)
        return made["ip"]  # type: ignore[no-any-return]  # as the API tells it

    async def ex_attach_ip(self, ip: str, node: Node | str | None, *, location: Location | str | None = None) -> None:
        """Attach a flexible address of that zone to a node; to None to detach it."""
        body = {"server": id_of(node) if node is not None else None}
        await self.http.send("PATCH", path_of(self._zone(location), "ips", ip), json=body, idempotent=True)

    async def ex_release_ip(self, ip: str, *, location: Location | str | None = None) -> None:
        """Give a flexible address back."""
        await self.http.send("DELETE", path_of(self._zone(location), "ips", ip))

    def ex_list_security_groups(self, *, location: Location | str | None = None) -> Pager[Mapping[str, Any]]:
        """The security groups of a zone."""
        return self._list(self._zone(location), "security_groups", raw)

    async def ex_get_user_data(self, node: Node | str, key: str = "cloud-init") -> bytes:
        """A piece of the node's user data."""
        known = node if isinstance(node, Node) else await self.get_node(node)
        return (await self.http.send("GET", f"{_of(known)}/user_data/{segment(key)}")).body


def _of(node: Node) -> str:
    """The path to a node."""
    return path_of(node.location or "", "servers", node)
