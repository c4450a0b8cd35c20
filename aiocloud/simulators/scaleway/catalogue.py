"""Zones, commercial types and images: what Scaleway offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from aiocloud.simulators.scaleway.wire import Call, Json, Reply, not_found, page, wrong

if TYPE_CHECKING:
    from aiocloud.simulators.scaleway.world import World

ZONES = (
    *("fr-par-1", "fr-par-2", "fr-par-3", "nl-ams-1", "nl-ams-2", "nl-ams-3"),
    *("pl-waw-1", "pl-waw-2", "pl-waw-3", "it-mil-1"),
)

# Cores, GiB of memory, architecture, GB of local disk at most, euros an hour and a month, Mbit/s, GPUs.
TYPES: dict[str, tuple[int, int, str, int, float, float, int, int]] = {
    "COPARM1-2C-8G": (2, 8, "arm64", 0, 0.0426, 31.1, 200, 0),
    "COPARM1-4C-16G": (4, 16, "arm64", 0, 0.0857, 62.56, 400, 0),
    "DEV1-L": (4, 8, "x86_64", 80, 0.04952, 36.1496, 400, 0),
    "DEV1-M": (3, 4, "x86_64", 40, 0.02556, 18.6588, 300, 0),
    "DEV1-S": (2, 2, "x86_64", 20, 0.01368, 9.9864, 200, 0),
    "DEV1-XL": (4, 12, "x86_64", 120, 0.07308, 53.3484, 500, 0),
    "ENT1-XXS": (2, 8, "x86_64", 0, 0.0735, 53.655, 400, 0),
    "GP1-M": (16, 64, "x86_64", 600, 0.4064, 296.672, 1500, 0),
    "GP1-S": (8, 32, "x86_64", 300, 0.2042, 149.066, 800, 0),
    "GP1-XS": (4, 16, "x86_64", 150, 0.1016, 74.168, 500, 0),
    "L4-1-24G": (8, 48, "x86_64", 0, 0.75, 547.5, 2500, 1),
    "PLAY2-MICRO": (4, 8, "x86_64", 0, 0.054, 39.42, 400, 0),
    "PLAY2-NANO": (2, 4, "x86_64", 0, 0.027, 19.71, 200, 0),
    "PLAY2-PICO": (1, 2, "x86_64", 0, 0.014, 10.22, 100, 0),
    "POP2-2C-8G": (2, 8, "x86_64", 0, 0.0735, 53.66, 400, 0),
    "POP2-4C-16G": (4, 16, "x86_64", 0, 0.147, 107.31, 800, 0),
}
ENDED = frozenset({"ENT1-XXS"})
"""Types of which no new machines are made."""

TITLES = {
    "debian_bookworm": "Debian Bookworm",
    "rockylinux_9": "Rocky Linux 9",
    "ubuntu_jammy": "Ubuntu 22.04 Jammy Jellyfish",
    "ubuntu_noble": "Ubuntu 24.04 Noble Numbat",
}
KINDS = (("x86_64", "instance_local"), ("arm64", "instance_sbs"), ("x86_64", "instance_sbs"))


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image as one zone has it, for one architecture and one kind of volume."""

    id: str
    zone: str
    label: str
    arch: str
    kind: str

    def fits(self, type_: str) -> bool:
        """Whether machines of that type boot from it."""
        return TYPES[type_][2] == self.arch and (self.kind == "instance_sbs" or TYPES[type_][3] > 0)


IMAGES = {
    image.id: image
    for zone in ZONES
    for label in TITLES
    for arch, kind in KINDS
    for image in [LocalImage(str(uuid5(NAMESPACE_URL, f"{zone}/{label}/{arch}/{kind}")), zone, label, arch, kind)]
}


def types(world: World, call: Call) -> Reply:
    """The commercial types, as a table by name."""
    return page(call, "servers", list(TYPES), lambda name: (name, _type(name)))


def availability(world: World, call: Call) -> Reply:
    """Of which there are machines left."""

    def word(name: str) -> tuple[str, Json]:
        return name, {"availability": "shortage" if (call.zone, name) in world.sold_out else "available"}

    return page(call, "servers", list(TYPES), word)


def images(world: World, call: Call) -> Reply:
    """The marketplace's images, wherever they are."""
    return page(call, "images", list(TITLES), _title, size="page_size", told=True)


def local_images(world: World, call: Call) -> Reply:
    """What of them there is in a zone."""
    names = {"zone": "zone", "image_label": "label", "arch": "arch", "type": "kind"}
    wanted = {field: call.query[name] for name, field in names.items() if name in call.query}
    if wanted.get("kind") == "unknown_type":
        del wanted["kind"]
    found = [each for each in IMAGES.values() if all(getattr(each, name) == value for name, value in wanted.items())]
    return page(call, "local_images", found, _local, size="page_size", told=True)


def local_image(world: World, call: Call) -> Reply:
    """One of these."""
    if call.ids[0] not in IMAGES:
        raise not_found("local_image", call.ids[0])
    return Reply(payload=_local(IMAGES[call.ids[0]]))


def chosen(zone: str, type_: Any, image: Any) -> tuple[str, LocalImage]:
    """The ingredients of a new machine, if there are such, and they fit together."""
    missing = {name: value for name, value in (("commercial_type", type_), ("image", image)) if not value}
    if missing:
        raise wrong(**dict.fromkeys(missing, "required: required key not provided"))
    if type_ not in TYPES:
        raise wrong(commercial_type=f"constraint: {type_} is not a valid value")
    known = IMAGES.get(image)
    if known is None or known.zone != zone:
        raise not_found("instance_image", str(image))
    if type_ in ENDED or not known.fits(type_):
        raise wrong(image=f"constraint: not compatible with {type_}")
    return type_, known


def _type(name: str) -> Json:
    cores, memory, arch, disk, hourly, monthly, bandwidth, gpus = TYPES[name]
    rate = bandwidth * 1_000_000
    return {
        "alt_names": [],
        "arch": arch,
        "ncpus": cores,
        "ram": memory * 2**30,
        "gpu": gpus,
        "gpu_info": None,
        "mig_profile": None,
        "volumes_constraint": {"min_size": 0, "max_size": disk * 10**9},
        "per_volume_constraint": {
            "l_ssd": {"min_size": 10**9, "max_size": 800 * 10**9}
            if disk
            else dict.fromkeys(("min_size", "max_size"), 0)
        },
        "scratch_storage_max_size": None,
        "monthly_price": monthly,
        "hourly_price": hourly,
        "capabilities": {
            "boot_types": ["local", "rescue"],
            "placement_groups": True,
            "block_storage": True,
            "private_network": 8,
        },
        "network": {
            "ipv6_support": True,
            "sum_internal_bandwidth": rate,
            "sum_internet_bandwidth": rate,
            "interfaces": [{"internal_bandwidth": rate, "internet_bandwidth": rate}],
        },
        "end_of_service": name in ENDED,
    }


def _title(label: str) -> Json:
    id_ = str(uuid5(NAMESPACE_URL, label))
    return {
        "id": id_,
        "name": TITLES[label],
        "label": label,
        "description": "",
        "logo": "",
        "categories": ["distribution"],
    }


def _local(image: LocalImage) -> Json:
    return {
        "id": image.id,
        "arch": image.arch,
        "zone": image.zone,
        "compatible_commercial_types": [name for name in TYPES if image.fits(name)],
        "label": image.label,
        "type": image.kind,
    }
