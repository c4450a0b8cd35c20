"""Regions, sizes and images."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from aiocloud.simulators.digitalocean.wire import Answer, Call, Json, listing, not_found

if TYPE_CHECKING:
    from aiocloud.simulators.digitalocean.world import World

FEATURES = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]

# Slugs and names are DigitalOcean's. That nyc2 takes nothing new is invented, so that a closed region is there.
REGION_NAMES = {
    "nyc1": "New York 1",
    "nyc2": "New York 2",
    "nyc3": "New York 3",
    "ams3": "Amsterdam 3",
    "sfo3": "San Francisco 3",
    "sgp1": "Singapore 1",
    "lon1": "London 1",
    "fra1": "Frankfurt 1",
    "tor1": "Toronto 1",
    "blr1": "Bangalore 1",
    "syd1": "Sydney 1",
    "atl1": "Atlanta 1",
}
CLOSED = frozenset({"nyc2"})
OPEN = tuple(slug for slug in REGION_NAMES if slug not in CLOSED)


def _size(slug: str, memory: int, vcpus: int, disk: int, transfer: float, monthly: float, hourly: float) -> Json:
    return {
        "slug": slug,
        "memory": memory,
        "vcpus": vcpus,
        "disk": disk,
        "transfer": transfer,
        "price_monthly": monthly,
        "price_hourly": hourly,
        "available": True,
        "description": "CPU-Optimized" if slug.startswith("c-") else "Basic",
    }


PRICED = date(2020, 10, 15)
"""The day of the prices that are DigitalOcean's own."""
REAL_PRICES = frozenset({"s-1vcpu-1gb"})
"""Sizes whose prices are DigitalOcean's: as in an answer of GET /v2/droplets with a droplet that was made on that day,
recorded in the tests of Apache Libcloud (libcloud/test/compute/fixtures/digitalocean_v2/list_nodes.json)."""

# The first is the real one; of the others, all but the slug is invented.
SIZES: dict[str, Json] = {
    size["slug"]: size
    for size in (
        _size("s-1vcpu-1gb", 1024, 1, 25, 1.0, 5.0, 0.00744),
        _size("s-1vcpu-2gb", 2048, 1, 50, 2.0, 10.0, 0.01487999968230724),
        _size("s-2vcpu-2gb", 2048, 2, 60, 3.0, 15.0, 0.02232000045478344),
        _size("s-2vcpu-4gb", 4096, 2, 80, 4.0, 20.0, 0.02975999936461448),
        _size("s-4vcpu-8gb", 8192, 4, 160, 5.0, 40.0, 0.05952000245451927),
        _size("s-8vcpu-16gb", 16384, 8, 320, 6.0, 80.0, 0.11904999613761902),
        _size("c-2", 4096, 2, 25, 4.0, 40.0, 0.05952000245451927),
        _size("m-2vcpu-16gb", 16384, 2, 50, 4.0, 80.0, 0.11904999613761902) | {"available": False},
    )
}


def _image(number: int, slug: str | None, distribution: str, name: str) -> Json:
    return {
        "id": number,
        "name": name,
        "distribution": distribution,
        "slug": slug,
        "public": True,
        "regions": list(REGION_NAMES),
        "created_at": "2026-01-01T00:00:00Z",
        "type": "base",
        "min_disk_size": 7,
        "size_gigabytes": 2.36,
        "description": f"{distribution} {name}",
        "tags": [],
        "status": "available",
        "error_message": "",
    }


# Slugs and names are DigitalOcean's; the numbers are invented.
IMAGES = tuple(
    _image(*row)
    for row in (
        (130000001, "ubuntu-24-04-x64", "Ubuntu", "24.04 (LTS) x64"),
        (130000002, "ubuntu-22-04-x64", "Ubuntu", "22.04 (LTS) x64"),
        (130000003, "debian-12-x64", "Debian", "12 x64"),
        (130000004, "debian-11-x64", "Debian", "11 x64"),
        (130000005, "fedora-40-x64", "Fedora", "40 x64"),
        (130000006, "rockylinux-9-x64", "Rocky Linux", "9 x64"),
    )
)


def offered(world: World, size: str, region: str) -> bool:
    """Whether a droplet of this size can be had in this region now."""
    return region in OPEN and (size, region) not in world.sold_out


def size_payload(world: World, size: Json) -> Json:
    """A size as the API shows it: without the regions in which it is sold out."""
    told = world.invented_prices or size["slug"] in REAL_PRICES
    hidden = () if told else ("price_monthly", "price_hourly")
    shown = {word: value for word, value in size.items() if word not in hidden}
    return {**shown, "regions": [region for region in OPEN if offered(world, size["slug"], region)]}


def region_payload(world: World, slug: str) -> Json:
    """A region as the API shows it."""
    return {
        "name": REGION_NAMES[slug],
        "slug": slug,
        "features": FEATURES,
        "available": slug in OPEN,
        "sizes": [size for size in SIZES if offered(world, size, slug)],
    }


def regions(world: World, call: Call) -> Answer:
    """All regions."""
    return listing(call, "regions", list(REGION_NAMES), lambda slug: region_payload(world, slug))


def sizes(world: World, call: Call) -> Answer:
    """All sizes."""
    return listing(call, "sizes", list(SIZES.values()), lambda size: size_payload(world, size))


def images(world: World, call: Call) -> Answer:
    """The images: all, those of distributions, or the account's own."""
    chosen = list(world.images)
    if call.query.get("type") == "distribution":
        chosen = [image for image in chosen if image["type"] == "base"]
    elif call.query.get("type") == "application":
        chosen = []
    if call.query.get("private") == "true":
        chosen = [image for image in chosen if not image["public"]]
    return listing(call, "images", chosen, lambda image: image)


def image(world: World, call: Call) -> Answer:
    """One image, by its number or its slug."""
    if (found := find_image(world, call.ids[0])) is None:
        raise not_found()
    return Answer(200, {"image": found})


def find_image(world: World, wanted: object) -> Json | None:
    """The image with that slug or number."""
    return next((each for each in world.images if wanted and str(wanted) in (each["slug"], str(each["id"]))), None)
