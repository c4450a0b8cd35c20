"""Regions, plans and systems: what Vultr offers, readable without a key."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from aiocloud.simulators.vultr.wire import Answered, Call, Json, RefusedError

if TYPE_CHECKING:
    from aiocloud.simulators.vultr.world import World

FACTS: Json = json.loads(files("aiocloud.simulators").joinpath("facts/vultr.json").read_text("utf-8"))
REGIONS: dict[str, Json] = {region["id"]: region for region in FACTS["regions"]}
PLANS: dict[str, Json] = {plan["id"]: plan for plan in FACTS["plans"]}


def _plan(id_: str, vcpus: int, ram: int, disk: int, traffic: int, cost: float, *places: str) -> Json:
    sizes = {"vcpu_count": vcpus, "ram": ram, "disk": disk, "disk_count": 1, "bandwidth": traffic}
    return {"id": id_, **sizes, "monthly_cost": cost, "type": id_.partition("-")[0], "locations": list(places)}


# Younger than the facts: Vultr's names and sizes of 2026, with prices that are invented.
LATER_REGIONS = {
    "sao": {"id": "sao", "city": "São Paulo", "country": "BR", "continent": "South America", "options": []},
}
LATER_PLANS = {
    plan["id"]: plan
    for plan in (
        _plan("vc2-1c-0.5gb-v6", 1, 512, 10, 512, 2.5, "ewr"),
        _plan("vhp-1c-2gb-amd", 1, 2048, 50, 3072, 12, "ams", "ewr", "ord", "syd"),
    )
}
DEARER = {"sao": 1.5}
"""By how much all is dearer in a region."""
SPREAD = ("vc2-1c-1gb", "vc2-1c-2gb", "vc2-2c-4gb", "vc2-4c-8gb")
"""The plans that the region has which is younger."""

SYSTEMS = {
    2284: ("Ubuntu 24.04 LTS x64", "ubuntu"),
    1743: ("Ubuntu 22.04 LTS x64", "ubuntu"),
    2136: ("Debian 12 x64 (bookworm)", "debian"),
    2625: ("Debian 13 x64 (trixie)", "debian"),
    159: ("Custom", "iso"),
    164: ("Snapshot", "snapshot"),
    180: ("Backup", "backup"),
    186: ("Application", "application"),
}
SNAPSHOT = 164


def regions_of(*, invented: bool) -> dict[str, Json]:
    """The regions of the facts, and with what is invented a younger one."""
    return {**REGIONS, **(LATER_REGIONS if invented else {})}


def plans_of(*, invented: bool) -> dict[str, Json]:
    """The plans of the facts, and with what is invented younger ones, and the younger region."""
    if not invented:
        return PLANS
    spread = {id_: {**PLANS[id_], "locations": [*PLANS[id_]["locations"], *LATER_REGIONS]} for id_ in SPREAD}
    return {**PLANS, **spread, **LATER_PLANS}


def regions(world: World, call: Call) -> Answered:
    """All regions."""
    return 200, call.page("regions", list(world.regions.values()))


def availability(world: World, call: Call) -> Answered:
    """The plans of which a region has machines left."""
    region = call.ids[0]
    if region not in world.regions:
        raise RefusedError(400, "Invalid region.")
    here = [id_ for id_ in world.plans if world.has(id_, region)]
    return 200, {"available_plans": here, "available_vpc_only_plans": []}


def plans(world: World, call: Call) -> Answered:
    """All plans, or those of a type."""
    kind = call.query.get("type", "all")
    rows = [_shown(plan) for plan in world.plans.values() if kind in ("all", plan["type"])]
    return 200, call.page("plans", rows)


def _shown(plan: Json) -> Json:
    dear = {place: factor for place, factor in DEARER.items() if place in plan["locations"]}
    special = {place: {"monthly_cost": plan["monthly_cost"] * factor} for place, factor in dear.items()}
    return {**plan, "location_cost": special, "deploy_ondemand": True}


def systems(world: World, call: Call) -> Answered:
    """All operating systems."""
    rows = [{"id": id_, "name": name, "arch": "x64", "family": family} for id_, (name, family) in SYSTEMS.items()]
    return 200, call.page("os", rows)
