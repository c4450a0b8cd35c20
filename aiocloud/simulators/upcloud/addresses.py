"""Addresses: those of the servers, and those that float."""

from __future__ import annotations

from aiocloud.simulators.upcloud.catalogue import ZONES
from aiocloud.simulators.upcloud.wire import Call, Found, RejectedError, invalid
from aiocloud.simulators.upcloud.world import World


def index(world: World, call: Call) -> Found:
    """All addresses."""
    return 200, {"ip_addresses": {"ip_address": world.ip_addresses()}}


def create(world: World, call: Call) -> Found:
    """A floating address."""
    asked = call.body("ip_address")
    if asked.get("floating") != "yes" or asked.get("zone") not in ZONES:
        raise invalid("ip_address")
    address = world.new_address()
    world.floating[address] = {"zone": asked["zone"], "mac": asked.get("mac")}
    return 201, {"ip_address": world.floating_address(address)}


def change(world: World, call: Call) -> Found:
    """Another name or another server for an address."""
    asked, known = call.body("ip_address"), {row["address"] for row in world.ip_addresses()}
    if call.id not in known:
        raise RejectedError(404, "IP_ADDRESS_NOT_FOUND", f"The IP address {call.id} does not exist.")
    if "ptr_record" in asked:
        world.names[call.id] = asked["ptr_record"]
    if "mac" in asked:
        if call.id not in world.floating:
            raise RejectedError(403, "IP_ADDRESS_FORBIDDEN", "The IP address does not float.")
        world.floating[call.id]["mac"] = asked["mac"]
    return 202, {"ip_address": next(row for row in world.ip_addresses() if row["address"] == call.id)}


def delete(world: World, call: Call) -> Found:
    """Release a floating address."""
    if world.floating.pop(call.id, None) is None:
        raise RejectedError(404, "IP_ADDRESS_NOT_FOUND", f"The IP address {call.id} does not exist.")
    return 204, None
