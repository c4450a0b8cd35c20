"""Regions, zones, instance profiles and images: what IBM offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiocloud.simulators.ibm_vpc.wire import Call, Json, crn, group, named, not_found, only, page

if TYPE_CHECKING:
    from aiocloud.simulators.ibm_vpc.world import World

REGIONS = (
    *("us-south", "eu-de", "us-east", "eu-gb", "jp-tok", "au-syd", "jp-osa"),
    *("ca-tor", "br-sao", "eu-es", "ca-mon", "in-che", "in-mum"),
)
ZONES = {region: tuple(f"{region}-{number}" for number in (1, 2, 3)) for region in REGIONS}
PREFIXES = {region: f"r{6 + 4 * number:03d}" for number, region in enumerate(REGIONS)}
"""What the ids of a region's things begin with; the first are IBM's own, the others follow them."""

# Name, family, architecture, the network's Mbit/s, local disks (number, GB). Cores and GiB stand in the name.
_PROFILES = (
    ("bx2-2x8", "balanced", "amd64", 4000, (0, 0)),
    ("bx2-4x16", "balanced", "amd64", 8000, (0, 0)),
    ("bx2-8x32", "balanced", "amd64", 16000, (0, 0)),
    ("bx2d-2x8", "balanced", "amd64", 4000, (1, 75)),
    ("bx2d-16x64", "balanced", "amd64", 32000, (1, 600)),
    ("cx2-2x4", "compute", "amd64", 4000, (0, 0)),
    ("cx2-4x8", "compute", "amd64", 8000, (0, 0)),
    ("mx2-2x16", "memory", "amd64", 4000, (0, 0)),
    ("mx2-4x32", "memory", "amd64", 8000, (0, 0)),
    ("bz2-1x4", "balanced", "s390x", 1000, (0, 0)),
)
PROFILES = {profile[0]: profile for profile in _PROFILES}

# Name, the operating system's name, what it is called, family, vendor, version. The numbers of builds are invented.
_IMAGES = (
    ("ibm-debian-12-11-minimal-amd64-1", "debian-12-amd64", "Debian GNU/Linux", "Debian", "12.x Bookworm"),
    ("ibm-ubuntu-24-04-3-minimal-amd64-1", "ubuntu-24-04-amd64", "Ubuntu Linux", "Canonical", "24.04 LTS"),
    ("ibm-centos-stream-10-amd64-1", "centos-stream-10-amd64", "CentOS", "CentOS", "10 Stream"),
    ("ibm-redhat-9-6-minimal-amd64-1", "red-9-amd64", "Red Hat Enterprise Linux", "Red Hat", "9.x"),
    ("ibm-ubuntu-24-04-3-minimal-s390x-1", "ubuntu-24-04-s390x", "Ubuntu Linux", "Canonical", "24.04 LTS"),
    ("ibm-debian-10-13-minimal-amd64-1", "debian-10-amd64", "Debian GNU/Linux", "Debian", "10.x Buster"),
)


def images_of(region: str) -> dict[str, tuple[str, ...]]:
    """A region's images by id."""
    return {
        f"{PREFIXES[region]}-0000abcd-0000-4000-8000-{number:012d}": image for number, image in enumerate(_IMAGES, 1)
    }


def shape_of(profile: str) -> tuple[int, int]:
    """Cores and GiB of memory, which the name tells."""
    cores, _, memory = profile.rpartition("-")[2].partition("x")
    return int(cores), int(memory)


def regions(world: World, call: Call) -> Json:
    """All regions, without pages."""
    return {"regions": [_region(call, region) for region in REGIONS]}


def region(world: World, call: Call) -> Json:
    """One region."""
    if call.ids[0] not in ZONES:
        raise not_found("Region")
    return _region(call, call.ids[0])


def zones(world: World, call: Call) -> Json:
    """The zones of a region, without pages."""
    if call.ids[0] not in ZONES:
        raise not_found("Region")
    return {"zones": [_zone(call, call.ids[0], zone) for zone in ZONES[call.ids[0]]]}


def profiles(world: World, call: Call) -> Json:
    """All instance profiles."""
    return page(call, "profiles", list(PROFILES), lambda name: _profile(call, name))


def profile(world: World, call: Call) -> Json:
    """One profile."""
    if call.ids[0] not in PROFILES:
        raise not_found("Instance profile")
    return _profile(call, call.ids[0])


def images(world: World, call: Call) -> Json:
    """The public images; there are no others."""
    found = only(images_of(call.region), call.query.get("status"), lambda id_: _status(call, id_))
    found = only(found, call.query.get("name"), lambda id_: images_of(call.region)[id_][0])
    found = [] if call.query.get("visibility") == "private" else found
    return page(call, "images", found, lambda id_: _image(call, id_))


def image(world: World, call: Call) -> Json:
    """One image."""
    if call.ids[0] not in images_of(call.region):
        raise not_found("Image")
    return _image(call, call.ids[0])


def _region(call: Call, name: str) -> Json:
    endpoint = f"https://{name}.iaas.cloud.ibm.com"
    return {**named(call, "/regions", name), "endpoint": endpoint, "status": "available"}


def _zone(call: Call, region: str, name: str) -> Json:
    return {
        **named(call, f"/regions/{region}/zones", name),
        "region": named(call, "/regions", region),
        "status": "available",
    }


def _fixed(value: int) -> Json:
    return {"type": "fixed", "value": value}


def _profile(call: Call, name: str) -> Json:
    _, family, architecture, bandwidth, (disks, size) = PROFILES[name]
    cores, memory = shape_of(name)
    disk = {"quantity": _fixed(disks), "size": _fixed(size)}
    disk |= {"supported_interface_types": {"type": "enum", "default": "virtio_blk", "values": ["virtio_blk", "nvme"]}}
    return {
        **named(call, "/instance/profiles", name),
        "family": family,
        "resource_type": "instance_profile",
        "status": "current",
        "vcpu_count": _fixed(cores),
        "vcpu_architecture": {"type": "fixed", "value": architecture},
        "memory": _fixed(memory),
        "bandwidth": _fixed(bandwidth),
        "disks": [disk] if disks else [],
        "os_architecture": {"type": "enum", "default": architecture, "values": [architecture]},
        "port_speed": _fixed(16000),
    }


def _status(call: Call, id_: str) -> str:
    return "deprecated" if images_of(call.region)[id_][1].startswith("debian-10") else "available"


def _image(call: Call, id_: str) -> Json:
    name, system, family, vendor, version = images_of(call.region)[id_]
    return {
        "id": id_,
        "name": name,
        "crn": crn(call.region, "image", id_),
        "href": f"{call.root}/images/{id_}",
        "resource_type": "image",
        "created_at": "2026-01-01T00:00:00.000Z",
        "status": _status(call, id_),
        "status_reasons": [],
        "visibility": "public",
        "encryption": "none",
        "minimum_provisioned_size": 10,
        "file": {"size": 2},
        "operating_system": {
            **named(call, "/operating_systems", system),
            "architecture": system.rpartition("-")[2],
            "display_name": f"{family} {version} - Minimal Install ({system.rpartition('-')[2]})",
            "family": family,
            "vendor": vendor,
            "version": version,
            "dedicated_host_only": False,
            "allow_user_image_creation": True,
            "user_data_format": "cloud_init",
        },
        "resource_group": group(),
        "user_data_format": "cloud_init",
        "catalog_offering": {"managed": False},
        "allowed_use": {"api_version": "2026-06-02", "bare_metal_server": "true", "instance": "true"},
        "zones": [],
    }
