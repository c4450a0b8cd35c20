"""Networks, firewall rules, reserved addresses."""

from __future__ import annotations

from aiocloud.simulators.gce.catalogue import REGIONS
from aiocloud.simulators.gce.wire import Call, Json, RefusedError, aggregated, not_found, page, wrong
from aiocloud.simulators.gce.world import World


def networks(world: World, call: Call) -> Json:
    """The one network that every new project has."""
    default = {
        "kind": "compute#network",
        "id": "3300000000000001",
        "name": "default",
        "description": "Default network for the project",
        "autoCreateSubnetworks": True,
        "selfLink": f"{call.root}/global/networks/default",
    }
    return page(call, "compute#networkList", [default])


def firewalls(world: World, call: Call) -> Json:
    """The firewall rules."""
    return page(call, "compute#firewallList", list(world.firewalls.values()))


def create_firewall(world: World, call: Call) -> Json:
    """A new rule."""
    name, link = call.body.get("name"), f"{call.link}/{call.body.get('name')}"
    if not name or not (call.body.get("allowed") or call.body.get("denied")):
        raise wrong("resource.allowed", "", "A rule needs a name, and something that it allows or denies.")
    if name in world.firewalls:
        raise RefusedError(409, "alreadyExists", f"The resource '{link}' already exists")
    number = 4400000000000001 + len(world.firewalls)
    about = {"kind": "compute#firewall", "id": str(number), "direction": "INGRESS", "priority": 1000, "selfLink": link}
    world.firewalls[name] = {**about, **call.body}
    return world.begin(call, "insert", link, number)


def delete_firewall(world: World, call: Call) -> Json:
    """Remove a rule."""
    if (gone := world.firewalls.pop(call.names[0], None)) is None:
        raise not_found(call.link)
    return world.begin(call, "delete", call.link, int(gone["id"]))


def addresses(world: World, call: Call) -> Json:
    """The addresses that are reserved: none."""
    scopes = ["global", *(f"regions/{region}" for region in REGIONS)]
    return aggregated(call, "compute#addressAggregatedList", "addresses", [], scopes)
