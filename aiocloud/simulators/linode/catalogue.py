"""Regions, types, images and kernels: what Linode offers, readable without a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

from aiocloud.simulators.linode.wire import Call, Json, listing, not_found

if TYPE_CHECKING:
    from aiocloud.simulators.linode.world import World

FACTS: Json = json.loads(files("aiocloud.simulators").joinpath("facts/linode.json").read_text("utf-8"))
REGIONS: dict[str, Json] = {region["id"]: region | {"status": "ok"} for region in FACTS["regions"]}
TYPES: dict[str, Json] = {type_["id"]: type_ | {"accelerated_devices": 0} for type_ in FACTS["types"]}

# What a region must be capable of before it offers types of a class.
NEEDS = {"premium": "Premium Plans"}

REGION_FILTERS = frozenset({"country", "site_type"})
AVAILABILITY_FILTERS = frozenset({"available", "plan", "region"})
TYPE_FILTERS = frozenset(
    {"accelerated_devices", "class", "disk", "gpus", "label", "memory", "network_out", "transfer", "vcpus"}
)
IMAGE_FILTERS = frozenset({"deprecated", "is_public", "is_shared", "label", "size", "status", "tags", "type", "vendor"})
KERNEL_FILTERS = frozenset({"architecture", "deprecated", "kvm", "label", "pvops", "version"})


def _image(id_: str, label: str, size: int, *capabilities: str) -> Json:
    return {
        "id": id_,
        "label": label,
        "vendor": label.partition(" ")[0],
        "size": size,
        "total_size": size,
        "capabilities": list(capabilities),
        "type": "manual",
        "status": "available",
        "is_public": True,
        "is_shared": False,
        "deprecated": False,
        "eol": None,
        "expiry": None,
        "description": "",
        "regions": [],
        "tags": [],
        "created": "2026-01-01T00:00:00",
        "updated": "2026-01-01T00:00:00",
        "created_by": "linode",
    }


# The ids and labels are Linode's of 2026; the sizes in MB are of the right order, not recorded.
IMAGES: dict[str, Json] = {
    image["id"]: image
    for image in (
        _image("linode/almalinux9", "AlmaLinux 9", 1700, "cloud-init"),
        _image("linode/almalinux10", "AlmaLinux 10", 1700, "cloud-init"),
        _image("linode/arch", "Arch Linux", 1500),
        _image("linode/debian12", "Debian 12", 1300, "cloud-init"),
        _image("linode/debian13", "Debian 13", 1300, "cloud-init"),
        _image("linode/fedora43", "Fedora 43", 1600, "cloud-init"),
        _image("linode/rocky9", "Rocky Linux 9", 2300, "cloud-init"),
        _image("linode/rocky10", "Rocky Linux 10", 2300, "cloud-init"),
        _image("linode/slackware15.0", "Slackware 15.0", 10000),
        _image("linode/ubuntu22.04", "Ubuntu 22.04 LTS", 3500, "cloud-init"),
        _image("linode/ubuntu24.04", "Ubuntu 24.04 LTS", 3500, "cloud-init"),
    )
}

KERNELS: dict[str, Json] = {
    id_: {"id": id_, "label": label, "version": "", "architecture": "x86_64", "kvm": True}
    | {"pvops": True, "deprecated": False, "built": "2018-01-01T00:00:00"}
    for id_, label in (
        ("linode/latest-64bit", "Latest 64 bit"),
        ("linode/grub2", "GRUB 2"),
        ("linode/direct-disk", "Direct Disk"),
    )
}


def offered(world: World, region: str, type_: str) -> bool:
    """Whether an instance of this type can be had in this region now."""
    need = NEEDS.get(TYPES[type_]["class"])
    capable = need is None or need in REGIONS[region]["capabilities"]
    return capable and (region, type_) not in world.sold_out


def regions(world: World, call: Call) -> Json:
    """All regions."""
    return listing(call, list(REGIONS.values()), _as_is, REGION_FILTERS)


def region(world: World, call: Call) -> Json:
    """One region."""
    return _one(REGIONS, call)


def availability(world: World, call: Call) -> Json:
    """For every region and type, whether it can be had."""
    rows = [row for region_id in REGIONS for row in _availability_in(world, region_id)]
    return listing(call, rows, _as_is, AVAILABILITY_FILTERS)


def availability_in_region(world: World, call: Call) -> list[Json]:
    """The same for one region, and in a plain list."""
    return list(_availability_in(world, _one(REGIONS, call)["id"]))


def types(world: World, call: Call) -> Json:
    """All types with their prices."""
    return listing(call, list(TYPES.values()), _as_is, TYPE_FILTERS)


def type_(world: World, call: Call) -> Json:
    """One type."""
    return _one(TYPES, call)


def images(world: World, call: Call) -> Json:
    """The public images."""
    return listing(call, list(IMAGES.values()), _as_is, IMAGE_FILTERS)


def image(world: World, call: Call) -> Json:
    """One image."""
    return _one(IMAGES, call)


def kernels(world: World, call: Call) -> Json:
    """The kernels that a configuration may name."""
    return listing(call, list(KERNELS.values()), _as_is, KERNEL_FILTERS)


def kernel(world: World, call: Call) -> Json:
    """One kernel."""
    return _one(KERNELS, call)


def _availability_in(world: World, region_id: str) -> Iterator[Json]:
    for plan in TYPES:
        yield {"region": region_id, "plan": plan, "available": offered(world, region_id, plan)}


def _one(things: dict[str, Json], call: Call) -> Json:
    try:
        return things[call.ids[0]]
    except KeyError:
        raise not_found() from None


def _as_is(thing: Json) -> Json:
    return thing
