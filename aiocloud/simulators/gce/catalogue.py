"""Zones, machine types and images: what Google offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiocloud.simulators.gce.wire import ROOT, Call, Json, aggregated, not_found, page

if TYPE_CHECKING:
    from aiocloud.simulators.gce.world import World

ZONES = (
    *("us-central1-a", "us-central1-b", "us-central1-c", "us-central1-f"),
    *("us-east4-a", "us-west1-b", "europe-west1-b", "europe-west1-c", "europe-west3-a"),
    *("asia-northeast1-a", "australia-southeast1-b", "southamerica-east1-a"),
)
REGIONS = tuple(dict.fromkeys(zone.rpartition("-")[0] for zone in ZONES))

# vCPUs, MB of memory, whether they share a core, architecture, partitions of local disk that come with it.
TYPES: dict[str, tuple[int, int, bool, str, int]] = {
    "f1-micro": (1, 614, True, "X86_64", 0),
    "g1-small": (1, 1740, True, "X86_64", 0),
    "e2-micro": (2, 1024, True, "X86_64", 0),
    "e2-small": (2, 2048, True, "X86_64", 0),
    "e2-medium": (2, 4096, True, "X86_64", 0),
    "e2-standard-2": (2, 8192, False, "X86_64", 0),
    "e2-standard-4": (4, 16384, False, "X86_64", 0),
    "n1-standard-1": (1, 3840, False, "X86_64", 0),
    "n2-standard-2": (2, 8192, False, "X86_64", 0),
    "c3-standard-4-lssd": (4, 16384, False, "X86_64", 1),
    "t2a-standard-1": (1, 4096, False, "ARM64", 0),
}
ARM_ZONES = ("us-central1-a", "us-central1-b", "us-central1-f")

# Project, name, family, architecture, GB, state. The dates in the names are invented.
_IMAGES = (
    ("debian-cloud", "debian-12-bookworm-v20260210", "debian-12", "X86_64", 10, None),
    ("debian-cloud", "debian-12-bookworm-v20260113", "debian-12", "X86_64", 10, "DEPRECATED"),
    ("debian-cloud", "debian-12-bookworm-arm64-v20260210", "debian-12-arm64", "ARM64", 10, None),
    ("ubuntu-os-cloud", "ubuntu-2404-noble-amd64-v20260217", "ubuntu-2404-lts-amd64", "X86_64", 10, None),
    ("rocky-linux-cloud", "rocky-linux-9-v20260212", "rocky-linux-9", "X86_64", 20, None),
    ("cos-cloud", "cos-121-18867-0-9", "cos-121-lts", "X86_64", 10, None),
)
PUBLIC_PROJECTS = frozenset(
    {
        *("debian-cloud", "ubuntu-os-cloud", "rocky-linux-cloud", "centos-cloud", "rhel-cloud", "suse-cloud"),
        *("opensuse-cloud", "fedora-cloud", "cos-cloud", "windows-cloud"),
    }
)


def types_of(zone: str) -> list[str]:
    """The names of the machine types of a zone."""
    return [name for name, row in TYPES.items() if row[3] != "ARM64" or zone in ARM_ZONES]


def zones(world: World, call: Call) -> Json:
    """All zones."""
    return page(call, "compute#zoneList", [_zone(world, call, name) for name in ZONES])


def zone(world: World, call: Call) -> Json:
    """One zone."""
    return _zone(world, call, call.names[0])


def regions(world: World, call: Call) -> Json:
    """All regions."""
    return page(call, "compute#regionList", [_region(call, name) for name in REGIONS])


def machine_types(world: World, call: Call) -> Json:
    """The machine types of a zone."""
    place = call.names[0]
    return page(call, "compute#machineTypeList", [_type(call, place, name) for name in types_of(place)])


def machine_type(world: World, call: Call) -> Json:
    """One machine type."""
    place, name = call.names
    if name not in types_of(place):
        raise not_found(call.link)
    return _type(call, place, name)


def all_machine_types(world: World, call: Call) -> Json:
    """The machine types of all zones."""
    found = [(f"zones/{place}", _type(call, place, name)) for place in ZONES for name in types_of(place)]
    kind = "compute#machineTypeAggregatedList"
    return aggregated(call, kind, "machineTypes", found, [f"zones/{place}" for place in ZONES])


def images(world: World, call: Call) -> Json:
    """The images of a project: Google's, or this one, which has none."""
    return page(call, "compute#imageList", [_image(row) for row in _IMAGES if row[0] == call.project])


def image(world: World, call: Call) -> Json:
    """One image."""
    if (found := find_image(call.link)) is None:
        raise not_found(call.link)
    return found


def find_image(link: str) -> Json | None:
    """The image that a link, whole or not, names by itself or by its family; the newest of those."""
    for row in _IMAGES:
        own = f"projects/{row[0]}/global/images/"
        if link.endswith(f"{own}{row[1]}") or (row[5] is None and link.endswith(f"{own}family/{row[2]}")):
            return _image(row)
    return None


def _zone(world: World, call: Call, name: str) -> Json:
    return {
        "kind": "compute#zone",
        "id": str(2000 + ZONES.index(name)),
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": name,
        "description": name,
        "status": "DOWN" if name in world.down else "UP",
        "region": f"{call.root}/regions/{name.rpartition('-')[0]}",
        "selfLink": f"{call.root}/zones/{name}",
        "availableCpuPlatforms": ["Intel Broadwell", "Intel Ice Lake"],
        "supportsPzs": False,
    }


def _region(call: Call, name: str) -> Json:
    return {
        "kind": "compute#region",
        "id": str(1000 + REGIONS.index(name)),
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": name,
        "description": name,
        "status": "UP",
        "zones": [f"{call.root}/zones/{zone}" for zone in ZONES if zone.startswith(f"{name}-")],
        "selfLink": f"{call.root}/regions/{name}",
    }


def _type(call: Call, place: str, name: str) -> Json:
    cpus, memory, shared, architecture, partitions = TYPES[name]
    found: dict[str, Any] = {
        "kind": "compute#machineType",
        "id": str(801000 + list(TYPES).index(name)),
        "creationTimestamp": "1969-12-31T16:00:00.000-08:00",
        "name": name,
        "description": f"{cpus} vCPUs, {memory / 1024:.3g} GB RAM",
        "guestCpus": cpus,
        "memoryMb": memory,
        "imageSpaceGb": 0,
        "maximumPersistentDisks": 16 if shared else 128,
        "maximumPersistentDisksSizeGb": "3072" if shared else "263168",
        "zone": place,  # a name here, and no link as elsewhere
        "isSharedCpu": shared,
        "architecture": architecture,
        "selfLink": f"{call.root}/zones/{place}/machineTypes/{name}",
    }
    if partitions:
        found["bundledLocalSsds"] = {"defaultInterface": "NVME", "partitionCount": partitions}
    return found


def _image(row: tuple[str, str, str, str, int, str | None]) -> Json:
    project, name, family, architecture, size, state = row
    found: Json = {
        "kind": "compute#image",
        "id": str(5550000000000 + _IMAGES.index(row)),
        "creationTimestamp": "2026-02-10T10:00:00.000-08:00",
        "name": name,
        "description": f"{family}, built for tests",
        "family": family,
        "status": "READY",
        "sourceType": "RAW",
        "diskSizeGb": str(size),
        "archiveSizeBytes": "1200000000",
        "architecture": architecture,
        "licenses": [f"{ROOT}/projects/{project}/global/licenses/{family}"],
        "storageLocations": ["us", "eu", "asia"],
        "selfLink": f"{ROOT}/projects/{project}/global/images/{name}",
    }
    return found | ({"deprecated": {"state": state}} if state else {})
