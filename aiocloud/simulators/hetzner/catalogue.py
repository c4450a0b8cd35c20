"""Locations, server types and images.

The names, sizes and places are Hetzner's of 2026, as far as they are here; the ids of types and images are invented,
and so are all prices but those in `REAL_PRICES`.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from aiocloud.simulators.hetzner.wire import Json

LOCATIONS: dict[str, Json] = {
    name: {
        "id": id_,
        "name": name,
        "description": description,
        "country": country,
        "city": city,
        "latitude": latitude,
        "longitude": longitude,
        "network_zone": zone,
    }
    for id_, name, description, country, city, latitude, longitude, zone in (
        (1, "fsn1", "Falkenstein DC Park 1", "DE", "Falkenstein", 50.47612, 12.370071, "eu-central"),
        (2, "nbg1", "Nuremberg DC Park 1", "DE", "Nuremberg", 49.452102, 11.076665, "eu-central"),
        (3, "hel1", "Helsinki DC Park 1", "FI", "Helsinki", 60.169855, 24.938379, "eu-central"),
        (4, "ash", "Ashburn, VA", "US", "Ashburn, VA", 39.045821, -77.487073, "us-east"),
        (5, "hil", "Hillsboro, OR", "US", "Hillsboro, OR", 45.54222, -122.951924, "us-west"),
        (6, "sin", "Singapore", "SG", "Singapore", 1.283333, 103.833333, "ap-southeast"),
    )
}
EUROPE, ALL = ("fsn1", "nbg1", "hel1"), tuple(LOCATIONS)
TIB = 2**40
# What Hetzner includes in its places: much in Europe, less elsewhere.
TRAFFIC = {"eu-central": 20 * TIB, "us-east": TIB, "us-west": TIB, "ap-southeast": TIB // 2}
FACTORS = {"eu-central": Decimal("1"), "us-east": Decimal("1.25"), "us-west": Decimal("1.25")}
VAT = Decimal("1.19")
PRICED = date(2026, 5, 27)
"""The day of the prices that are Hetzner's own."""
REAL_PRICES = {("cx33", "fsn1"): (Decimal("0.0104"), Decimal("6.49"))}
"""Net prices an hour and a month, by type and place: as GET /v1/pricing gave them for fsn1, told in the message of
https://github.com/devantler-tech/platform/commit/cb791c6f with the exchange rate of that day."""


def _type(id_: int, name: str, cores: int, memory: float, disk: int, hour: str, places: Any, **more: Any) -> Json:
    return {
        "id": id_,
        "name": name,
        "description": name.upper(),
        "category": "Shared vCPU",
        "cores": cores,
        "memory": memory,
        "disk": disk,
        "storage_type": "local",
        "cpu_type": "shared",
        "architecture": "x86",
        "prices": [_price(name, place, Decimal(hour)) for place in places],
        "locations": [
            {"id": LOCATIONS[place]["id"], "name": place, "available": True, "recommended": True, "deprecation": None}
            for place in places
        ],
        "deprecated": False,
        "deprecation": None,
        "included_traffic": None,
        **more,
    }


def _price(type_: str, place: str, invented: Decimal) -> Json:
    zone = LOCATIONS[place]["network_zone"]
    usual = invented * FACTORS.get(zone, Decimal("1.5"))
    hour, month = REAL_PRICES.get((type_, place), (usual, usual * 624))
    return {
        "location": place,
        "price_hourly": _net_and_gross(hour),
        "price_monthly": _net_and_gross(month),
        "included_traffic": TRAFFIC[zone],
        "price_per_tb_traffic": _net_and_gross(Decimal("1")),
    }


def _net_and_gross(net: Decimal) -> Json:
    return {"net": f"{net:.4f}", "gross": f"{net * VAT:.16f}"}


DEDICATED = {"category": "Dedicated vCPU", "cpu_type": "dedicated"}
SERVER_TYPES: dict[str, Json] = {
    each["name"]: each
    for each in (
        _type(114, "cx23", 2, 4.0, 40, "0.0300", EUROPE),
        _type(115, "cx33", 4, 8.0, 80, "0.0450", EUROPE),
        _type(45, "cax11", 2, 4.0, 40, "0.0350", EUROPE, architecture="arm"),
        _type(46, "cax21", 4, 8.0, 80, "0.0600", EUROPE, architecture="arm"),
        _type(108, "cpx11", 2, 2.0, 40, "0.0400", ALL[3:]),
        _type(109, "cpx22", 2, 4.0, 80, "0.0500", EUROPE),
        _type(96, "ccx13", 2, 8.0, 80, "0.1000", ALL, **DEDICATED),
        _type(97, "ccx23", 4, 16.0, 160, "0.2000", ALL, **DEDICATED),
    )
}

IMAGES: dict[int, Json] = {
    id_: {
        "id": id_,
        "type": "system",
        "status": "available",
        "name": f"{flavor}-{version}",
        "description": f"{flavor.capitalize()} {version}",
        "image_size": None,
        "disk_size": 5,
        "created": "2026-01-01T00:00:00Z",
        "created_from": None,
        "bound_to": None,
        "os_flavor": flavor,
        "os_version": version,
        "rapid_deploy": True,
        "protection": {"delete": False},
        "deprecated": None,
        "deleted": None,
        "labels": {},
        "architecture": architecture,
    }
    for id_, (flavor, version, architecture) in enumerate(
        (
            (flavor, version, architecture)
            for flavor, version in (
                ("debian", "12"),
                ("debian", "13"),
                ("ubuntu", "22.04"),
                ("ubuntu", "24.04"),
                ("fedora", "43"),
                ("alma", "10"),
                ("rocky", "10"),
            )
            for architecture in ("x86", "arm")
        ),
        start=300_000_001,
    )
}


def told_prices(type_: Json, *, invented: bool) -> list[Json]:
    """The prices of a type that are told: Hetzner's own, or all."""
    return [each for each in type_["prices"] if invented or (type_["name"], each["location"]) in REAL_PRICES]


def location_of(reference: Any) -> Json | None:
    """The location of that name or id."""
    return _found(LOCATIONS.values(), reference)


def type_of(reference: Any) -> Json | None:
    """The server type of that name or id."""
    return _found(SERVER_TYPES.values(), reference)


def _found(rows: Any, reference: Any) -> Json | None:
    return next((row for row in rows if str(reference) in (row["name"], str(row["id"]))), None)
