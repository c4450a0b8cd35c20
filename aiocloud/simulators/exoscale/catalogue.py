"""Zones, instance types and templates: the same for all accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiocloud.simulators.exoscale.wire import Call, Json, absent

if TYPE_CHECKING:
    from aiocloud.simulators.exoscale.world import World

ZONES = ("ch-gva-2", "ch-dk-2", "at-vie-1", "at-vie-2", "de-fra-1", "de-muc-1", "bg-sof-1", "hr-zag-1")
GIB = 2**30
TYPES = {  # id: size, cores, bytes
    "71004023-bb72-4a97-b1e9-bc66dfce9470": ("micro", 1, GIB // 2),
    "b6cd1ff5-3a2f-4e9d-a4d1-8988c1191fe8": ("tiny", 1, GIB),
    "21624abb-764e-4def-81d7-9fc54b5957fb": ("small", 2, 2 * GIB),
    "b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844": ("medium", 2, 4 * GIB),
    "c6f99499-7f59-4138-9427-a09db13af2bc": ("large", 4, 8 * GIB),
    "350dc5ea-fe6d-42ba-b6c0-efb8b75617ad": ("extra-large", 4, 16 * GIB),
}
NOT_EVERYWHERE = {"350dc5ea-fe6d-42ba-b6c0-efb8b75617ad": ("hr-zag-1",)}
NEEDS_PERMISSION = "c6f99499-7f59-4138-9427-a09db13af2bc"
TEMPLATES = {  # id: name, family, version, default user, GiB
    "e0a5ddef-0000-4000-8000-000000000001": ("Linux Debian 12 (Bookworm) 64-bit", "debian", "12", "debian", 10),
    "e0a5ddef-0000-4000-8000-000000000002": ("Linux Ubuntu 24.04 LTS 64-bit", "ubuntu", "24.04", "ubuntu", 10),
    "e0a5ddef-0000-4000-8000-000000000003": ("Windows Server 2022", "windows", "2022", "Administrator", 50),
}


def zones(world: World, call: Call) -> Json:
    """All zones."""
    return {
        "zones": [
            {"name": zone, "api-endpoint": f"https://api-{zone}.exoscale.com/v2", "sos-endpoint": ""} for zone in ZONES
        ]
    }


def types(world: World, call: Call) -> Json:
    """All instance types."""
    return {"instance-types": [_type(id_) for id_ in TYPES]}


def type_(world: World, call: Call) -> Json:
    """One instance type."""
    if call.ids[0] not in TYPES:
        raise absent("instance type")
    return _type(call.ids[0])


def templates(world: World, call: Call) -> Json:
    """The public templates; there are no others."""
    public = call.query.get("visibility", "public") == "public"
    return {"templates": [_template(call.zone, id_) for id_ in TEMPLATES] if public else []}


def template(world: World, call: Call) -> Json:
    """One template."""
    if call.ids[0] not in TEMPLATES:
        raise absent("template")
    return _template(call.zone, call.ids[0])


def _type(id_: str) -> Json:
    size, cpus, memory = TYPES[id_]
    zones = [zone for zone in ZONES if zone not in NOT_EVERYWHERE.get(id_, ())]
    fields = {"id": id_, "size": size, "family": "standard", "cpus": cpus, "memory": memory, "zones": zones}
    return fields | {"authorized": id_ != NEEDS_PERMISSION}


def _template(zone: str, id_: str) -> Json:
    name, family, version, user, size = TEMPLATES[id_]
    fields = {"id": id_, "name": name, "family": family, "version": version, "default-user": user}
    more = {"size": size * GIB, "visibility": "public", "boot-mode": "legacy", "ssh-key-enabled": True}
    return fields | more | {"zones": [zone], "created-at": "2026-01-01T00:00:00Z"}
