"""What stands behind a machine: a network that is shared, and an address, an interface and a disk of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import anyio

from aiocloud.creation import GRACE, to_the_end
from aiocloud.errors import AiocloudError, CloudError, ConflictError, InvalidRequestError, NotFoundError
from aiocloud.http.together import together
from aiocloud.mapping import dig
from aiocloud.providers.azure.operations import COMPUTE, DISKS, GROUPS, NETWORK, Operations, given
from aiocloud.providers.azure.shapes import MARK

log = logging.getLogger("aiocloud")

OURS = "aiocloud"
HELD = 15.0
"""Seconds for which a part is asked for that is held by what is being deleted."""
RESERVED = 210.0
"""The same for an interface whose machine was refused: Azure keeps it for that machine for 180 seconds."""
RULE = {
    "name": "ssh",
    "properties": {
        "protocol": "Tcp",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "22",
        "access": "Allow",
        "direction": "Inbound",
        "priority": 1000,
    },
}
"""What the shared security group lets in. Azure lets nothing in by itself."""


@dataclass(slots=True, kw_only=True)
class Chain:
    """What one machine needs. `group` is its resource group; `begun` are the parts that were asked for, by path.

    The parts are called after the machine and its mark, so that they are nobody else's.
    """

    name: str
    token: str
    group: str
    place: str
    tags: Mapping[str, str]
    network: str | None = None
    subnet: str | None = None
    security_group: str | None = None
    public: bool | str = True
    begun: dict[str, str] = field(default_factory=dict)

    @property
    def own(self) -> str:
        """What its parts are called."""
        return part_name(self.name, self.token)


def part_name(name: str, token: str) -> str:
    """The name of the parts of a machine.

    >>> part_name("web-1", "8f14e45fceea167a5a36dedd4bea2543")
    'web-1-8f14e45f'
    """
    return f"{name}-{token[:8]}"


class Chains(Operations):
    """The parts, made in the order that they need, and removed in the other."""

    @cached_property
    def _shared_things(self) -> set[str]:
        """What is shared and known to be there, by path."""
        return set()

    @cached_property
    def _shared_locks(self) -> dict[str, anyio.Lock]:
        """Who makes what is shared, by path."""
        return {}

    async def _interface(self, chain: Chain) -> str:
        """The id of a new interface in the network, with a new address where one is wanted.

        Network, security group and address are made side by side.
        """
        await self._ground(chain.place, chain.group)
        subnet, guard, address = await together(
            lambda: self._subnet(chain), lambda: self._guard(chain), lambda: self._address(chain)
        )
        configuration = {
            "subnet": {"id": subnet},
            "primary": True,
            "privateIPAllocationMethod": "Dynamic",
            "publicIPAddress": address,
        }
        path = self._in(NETWORK, "networkInterfaces", chain.own, group=chain.group)
        properties = {
            "ipConfigurations": [{"name": "primary", "properties": given(configuration)}],
            "networkSecurityGroup": {"id": guard} if guard else None,
        }
        await self._put(chain, path, {**_about(chain), "properties": given(properties)})
        return path

    async def _ground(self, place: str, group: str | None = None) -> None:
        """The resource group, if it is the one that we may make."""
        if self._may_make_group and group in (None, self.resource_group):
            body = {"location": place, "tags": {OURS: "shared"}}
            await self._shared(self._group(), body, version=GROUPS)

    async def _subnet(self, chain: Chain) -> str:
        """The subnet: the one named, that of a network that is named, or that of the network that is shared."""
        if chain.subnet and "/" in chain.subnet:
            return chain.subnet
        network = chain.network or f"{OURS}-{chain.place}"
        path = network if "/" in network else self._in(NETWORK, "virtualNetworks", network, group=chain.group)
        if not chain.network:
            subnet = {"name": "default", "properties": {"addressPrefix": "10.0.0.0/17"}}
            space = {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": [subnet]}
            await self._shared(path, {"location": chain.place, "tags": {OURS: "shared"}, "properties": space})
        return f"{path}/subnets/{chain.subnet or 'default'}"

    async def _guard(self, chain: Chain) -> str | None:
        """The security group: the one named, or the shared one where the network is the shared one."""
        if (named := chain.security_group) is not None:
            if not named:
                return None
            return named if "/" in named else self._in(NETWORK, "networkSecurityGroups", named, group=chain.group)
        if chain.network or chain.subnet:
            return None
        path = self._in(NETWORK, "networkSecurityGroups", f"{OURS}-{chain.place}", group=chain.group)
        body = {"location": chain.place, "tags": {OURS: "shared"}, "properties": {"securityRules": [RULE]}}
        await self._shared(path, body)
        return path

    async def _address(self, chain: Chain) -> Mapping[str, Any] | None:
        """A public address: one that the user has, a new one that goes with the machine, or none."""
        if not chain.public:
            return None
        if isinstance(chain.public, str):
            kept = chain.public
            named = self._in(NETWORK, "publicIPAddresses", kept, group=chain.group) if "/" not in kept else kept
            return {"id": named, "properties": {"deleteOption": "Detach"}}
        path = self._in(NETWORK, "publicIPAddresses", chain.own, group=chain.group)
        properties = {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4", "deleteOption": "Delete"}
        await self._put(chain, path, {**_about(chain), "sku": {"name": "Standard"}, "properties": properties})
        return {"id": path, "properties": {"deleteOption": "Delete"}}

    async def _put(self, chain: Chain, path: str, body: Mapping[str, Any]) -> None:
        """Make a part. It is noted before it is asked for, since an answer may be lost."""
        chain.begun[path] = path.split("/")[-2]
        await self._do("PUT", path, json=body)

    async def _shared(self, path: str, body: Mapping[str, Any], *, version: str | None = None) -> None:
        """Make what is shared, if it is not there, once a driver.

        Two programs that make it at the same moment ask for the same; what is there already is left as it is.
        """
        async with self._shared_locks.setdefault(path, anyio.Lock()):
            if path in self._shared_things:
                return
            try:
                await self._get(path, version=version)
            except NotFoundError as error:
                if error.code not in ("ResourceNotFound", "ResourceGroupNotFound", "NotFound"):
                    raise
                await self._do("PUT", path, json=body, version=version)
            self._shared_things.add(path)

    def _forget_shared(self) -> None:
        """Look again: what was there once may have been removed since."""
        self._shared_things.clear()

    # ---- undoing ----

    async def _undone(self, chain: Chain, machine: str, error: BaseException) -> None:
        """Remove the parts of a machine that `error` has cost; what is left is named in a note on it, and a warning.

        A second cancellation ends it at once, and is told of what may be left.
        """
        told: str | None = f"its clean-up was interrupted, and this may be left: {_names(chain.begun)}"
        try:
            told = await to_the_end(self._undo(chain, machine))
        except asyncio.CancelledError as again:
            error = again
            raise
        finally:
            if told is not None:
                told = f"{chain.name!r} was not made, or is gone; {told}"
                error.add_note(told)
                log.warning(told)

    async def _undo(self, chain: Chain, machine: str) -> str | None:
        """Remove the parts of a machine that is not there; the sentence that names what is left, if anything is.

        Where the machine is being deleted, that is awaited; where it is there, its parts stay with it.
        """
        if not chain.begun:
            return None
        left = dict(chain.begun)
        why = "the time for it was over"
        try:
            with anyio.move_on_after(RESERVED + GRACE):
                if machine in left and await self._outlives(machine, chain.token):
                    return f"its machine is there, and so are its parts: {_names(left)}"
                left.pop(machine, None)
                await self._sweep(left)
        except Exception as error:  # whatever it is, what is left must be named
            why = str(error) if isinstance(error, AiocloudError) else type(error).__name__
        return f"what was made for it is left, and may cost money: {_names(left)} ({why})" if left else None

    async def _outlives(self, machine: str, token: str) -> bool:
        """Whether a machine with that mark stays; one that is being deleted is awaited."""
        pause = 0.5
        while True:
            try:
                seen = await self._get(machine)
            except NotFoundError:
                return False
            if dig(seen, "properties.provisioningState") != "Deleting":
                return bool(dig(seen, f"tags.{MARK}") == token)
            await anyio.sleep(pause)
            pause = min(2 * pause, 5.0)

    async def _sweep(self, parts: dict[str, str]) -> None:
        """Remove these parts, and take each from the table as it has gone. What is not there is no error."""
        interfaces = [path for path, kind in parts.items() if kind == "networkInterfaces"]
        for path in interfaces:  # before its address, which it holds
            await self._remove(path)
            del parts[path]
        rest = list(parts)
        await together(*[self._removing(path, parts) for path in rest])

    def _removing(self, path: str, parts: dict[str, str]) -> Callable[[], Awaitable[None]]:
        async def remove() -> None:
            await self._remove(path)
            del parts[path]

        return remove

    async def _remove(self, path: str) -> None:
        """Delete it. One that is still held is asked for again, until it should be free."""
        version = DISKS if "/disks/" in path else None
        began, pause = anyio.current_time(), 1.0
        while True:
            try:
                await self._do("DELETE", path, version=version)
                return
            except NotFoundError:
                return
            except (ConflictError, InvalidRequestError) as error:
                patience = RESERVED if error.code == "NicReservedForAnotherVm" else HELD
                if anyio.current_time() - began + pause > patience:
                    raise
            await anyio.sleep(pause)
            pause = min(2 * pause, 20.0)

    async def _clear(self, seen: Mapping[str, Any], group: str) -> None:
        """Remove what a machine of ours has left behind: usually nothing, since its parts are deleted with it.

        A warning names what cannot be removed.
        """
        token = dig(seen, "tags") and seen["tags"].get(MARK)
        if not token:
            return
        parts = self._parts(part_name(str(seen["name"]), token), group)
        try:
            await self._sweep(parts)
        except CloudError as error:
            log.warning("node %s has gone; of what it had, this is left: %s: %s", seen["id"], _names(parts), error)

    def _parts(self, own: str, group: str) -> dict[str, str]:
        """The parts of that name."""
        network = ("networkInterfaces", "publicIPAddresses")
        parts = {self._in(NETWORK, kind, own, group=group): kind for kind in network}
        return parts | {self._in(COMPUTE, "disks", own, group=group): "disks"}


def _about(chain: Chain) -> dict[str, Any]:
    return {"location": chain.place, "tags": {**chain.tags, MARK: chain.token}}


def _names(parts: Mapping[str, str]) -> str:
    return ", ".join(f"{kind}/{path.rpartition('/')[2]}" for path, kind in parts.items())
