"""The life of a guest."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio

from aiocloud.creation import Creation
from aiocloud.driver import NodeAuth, PowerControl, id_of
from aiocloud.errors import CloudError, ConfigurationError, ConflictError
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthPassword, NodeAuthSSHKey, Size
from aiocloud.providers.softlayer.guests import GUEST, MASK, NODE, POWER, Order, tag_words
from aiocloud.providers.softlayer.keys import Keys
from aiocloud.providers.softlayer.services import equal
from aiocloud.providers.softlayer.shop import Shop
from aiocloud.values import FrozenMap

log = logging.getLogger("aiocloud")


class Nodes(Shop, Keys, PowerControl):
    """Guests: listed, made, switched and destroyed."""

    features = frozenset({"ssh_key", "user_data", "tags"})
    states = {"powerState.keyName": POWER}
    user_data_limit = 65535  # IBM names none: this is what fits on the same kind of drive with OpenStack

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All guests, by the hour and by the month, or those in one data centre."""
        where = {"datacenter": {"name": equal(id_of(location))}} if location is not None else None
        return self._guests(NODE, MASK, where)

    def _guests(self, shape: Any, mask: str, where: Mapping[str, Any] | None = None) -> Pager[Any]:
        return self.services.list("Account", "getVirtualGuests", shape, mask=mask, root="virtualGuests", where=where)

    async def get_node(self, node: Node | str) -> Node:
        """The guest as it is now."""
        return self._node(await self._ask(node, "getObject", mask=MASK))

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
        ex_domain: str | None = None,
        ex_hourly: bool = True,
        ex_private_network_only: bool = False,
        ex_local_disk: bool = False,
        ex_max_speed: int | None = None,
        ex_post_script: str | None = None,
        ex_public_vlan: int | None = None,
        ex_private_vlan: int | None = None,
        ex_security_groups: Sequence[int] = (),
        ex_private_security_groups: Sequence[int] = (),
        ex_dedicated: bool = False,
        ex_dedicated_host: int | None = None,
    ) -> Node:
        """Make a guest. See `Compute.create_node`.

        A guest cannot carry a mark while it is ordered. If the answer is lost, the one guest of that full name that was
        not there before is taken for ours: creates of one full name take turns within a driver, but another
        program that makes a guest of the same full name at the same moment may be mistaken for us.
        Tags are set when the guest is there. If that fails, a warning on the logger `aiocloud` says so, and the node is
        returned without them. A public key that the account does not know is imported, and stays there.
        ex_domain         the domain, where `name` gives none
        ex_hourly         False: by the month
        ex_private_network_only, ex_max_speed (Mbit/s), ex_public_vlan, ex_private_vlan (ids)  its network
        ex_local_disk     disks of the host, not of the SAN (flavours say so themselves)
        ex_post_script    the HTTPS URL of a script to run at the end
        ex_security_groups, ex_private_security_groups  ids, for the public and the private side
        ex_dedicated, ex_dedicated_host  on a host of this account alone; its id
        """
        words = tag_words(tags or {})
        hostname, domain = self._split(name, ex_domain)
        order = Order(
            hostname=hostname,
            domain=domain,
            size=id_of(size),
            image=id_of(image),
            location=self._place(location),
            user_data=self.user_data_text(user_data),
            hourly=ex_hourly,
            private_network_only=ex_private_network_only,
            local_disk=ex_local_disk,
            max_speed=ex_max_speed,
            post_script=ex_post_script,
            public_vlan=ex_public_vlan,
            private_vlan=ex_private_vlan,
            security_groups=ex_security_groups,
            private_security_groups=ex_private_security_groups,
            dedicated=ex_dedicated,
            dedicated_host=ex_dedicated_host,
        )
        async with self.turns.setdefault(order.full_name.casefold(), anyio.Lock()):
            keys, before = await together(lambda: self._key_ids(auth, name), lambda: self._namesakes(order))
            return await self._making(replace(order, keys=keys), before, words, tags or {}).run()

    def _making(self, order: Order, before: frozenset[str], words: str, tags: Mapping[str, str]) -> Creation:
        async def send() -> Node:
            made = self._node(await self.services.call(GUEST, "createObject", order.template()))
            # The answer shows no relations.
            node = replace(made, size=order.size, image=order.image, location=order.location)
            return await self._tagged(node, words, tags)

        async def find() -> Node | None:
            new = sorted(await self._namesakes(order) - before)
            if len(new) > 1:
                raise self._no(ConflictError, f"{order.full_name!r} is the name of several new nodes: {', '.join(new)}")
            return await self._tagged(await self.get_node(new[0]), words, tags) if new else None

        return Creation(name=order.full_name, token=None, send=send, find=find, destroy=self.destroy_node)

    async def _namesakes(self, order: Order) -> frozenset[str]:
        """The ids of the guests that have the full name of the one to be made."""
        where = {"hostname": equal(order.hostname), "domain": equal(order.domain)}
        found = await self._guests(raw, "id,fullyQualifiedDomainName", where)
        wanted = order.full_name.casefold()
        return frozenset(
            str(dig(guest, "id")) for guest in found if str(dig(guest, "fullyQualifiedDomainName")).casefold() == wanted
        )

    async def _tagged(self, node: Node, words: str, tags: Mapping[str, str]) -> Node:
        if not words:
            return node
        try:
            await self._act(node, "setTags", words)
        except CloudError as error:
            log.warning("node %s (%r) was made, and could not be tagged: %s", node.id, node.name, error)
            return node
        return replace(node, tags=FrozenMap(tags))

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 600.0) -> None:
        """Cancel the guest at once, with its disks.

        SoftLayer refuses that while a transaction runs on it, as one does while it is made. This is waited for, up to
        `ex_wait` seconds; then, or at once with 0, ConflictError is raised. See also `ex_cancel_at_anniversary`.
        """
        await self.once_allowed(node, lambda: self._act(node, "deleteObject"), wait=ex_wait)

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system: politely, and by force if it does not listen."""
        await self._ask(node, "rebootDefault")

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self._act(node, "powerOn")

    async def stop_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Shut it down, or with `ex_hard` cut its power. It mostly goes on costing as much."""
        await self._act(node, "powerOff" if ex_hard else "powerOffSoft")

    async def _act(self, node: Node | str, method: str, *arguments: Any) -> Any:
        """Do what does no more when it is done twice."""
        return await self._ask(node, method, *arguments, repeatable=True)

    async def _ask(self, node: Node | str, method: str, *arguments: Any, **scope: Any) -> Any:
        return await self.services.call(GUEST, method, *arguments, object_id=id_of(node), **scope)

    def _node(self, payload: Any) -> Node:
        node: Node = self._read(NODE, payload)
        return node

    def _place(self, location: Location | str | None) -> str:
        place = id_of(location) if location is not None else self.region
        if not isinstance(place, str):
            raise ConfigurationError("softlayer needs a `location` for a new node, or a `region` for the driver")
        return place

    def _split(self, name: str, ex_domain: str | None) -> tuple[str, str]:
        """The host name and the domain."""
        if ex_domain:
            return name.removesuffix(f".{ex_domain}"), ex_domain
        hostname, _, domain = name.partition(".")
        return hostname, domain or self.ex_domain

    async def _key_ids(self, auth: NodeAuth | None, name: str) -> tuple[str, ...]:
        match auth:
            case NodeAuthPassword():
                raise self.refuse_auth(auth)
            case NodeAuthSSHKey(public_key):
                return ((await self._known_key(public_key, name)).id,)
            case KeyPair(provider=self.provider):
                return (auth.id,)
            case KeyPair(public_key=str(public_key)):
                return ((await self._known_key(public_key, auth.name)).id,)
            case KeyPair():
                return ((await self.get_key_pair(auth.name)).id,)
        return ()
