"""Regions: where they are, and under which plans their instances are sold.

Cities and kinds are those of https://www.ovhcloud.com/en/public-cloud/regions-availability/. Names that no table holds
are read by their parts: GRA11 is at GRA, EU-WEST-LZ-BRU-A a local zone at BRU.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiocloud.geography import located
from aiocloud.models import Location

CITIES: Mapping[str, tuple[str, str]] = {
    "BHS": ("CA", "Beauharnois"),
    "BRU": ("BE", "Brussels"),
    "DE": ("DE", "Frankfurt"),
    "GRA": ("FR", "Gravelines"),
    "MAD": ("ES", "Madrid"),
    "MIL": ("IT", "Milan"),
    "MRS": ("FR", "Marseille"),
    "MUM": ("IN", "Mumbai"),
    "OR": ("US", "Hillsboro"),
    "PAR": ("FR", "Paris"),
    "PRG": ("CZ", "Prague"),
    "RBA": ("MA", "Rabat"),
    "RBX": ("FR", "Roubaix"),
    "SBG": ("FR", "Strasbourg"),
    "SGP": ("SG", "Singapore"),
    "SYD": ("AU", "Sydney"),
    "TOR": ("CA", "Toronto"),
    "UK": ("GB", "London"),
    "VA": ("US", "Vint Hill"),
    "WAW": ("PL", "Warsaw"),
}
"""ISO country and city by the code in a region's name."""

THREE_ZONES = frozenset({"EU-SOUTH-MIL", "EU-WEST-PAR"})
ONE_ZONE = frozenset(
    {"AP-SOUTH-MUM", "AP-SOUTH-MUM-1", "CA-EAST-TOR", "US-EAST-VA", "US-EAST-VA-1", "US-WEST-OR", "US-WEST-OR-1"}
)
_OLD_NAME = re.compile(r"(?:BHS|DE|GRA|RBX|SBG|SGP|SYD|UK|WAW)\d*(?:-[A-Z]+)?")
"""A region named after its data centre, all of which have one zone: GRA11, RBX-A."""

WORLD = (
    *("GRA9", "GRA11", "RBX-A", "SBG5", "EU-WEST-PAR", "DE1", "UK1", "WAW1", "EU-SOUTH-MIL", "BHS5", "CA-EAST-TOR"),
    *("SGP1", "SYD1", "AP-SOUTH-MUM-1"),
    *("EU-WEST-LZ-BRU-A", "EU-SOUTH-LZ-MAD-A", "EU-WEST-LZ-MRS-A", "EU-CENTRAL-LZ-PRG-A", "AF-NORTH-LZ-RBA-A"),
)
UNITED_STATES = ("US-EAST-VA-1", "US-WEST-OR-1")
"""The regions that are told to those without an account: no API names them without a key. A company of its own, with
accounts and a Keystone of its own, sells those in the United States."""

PLAIN = ""
"""The plan of regions of one zone, whose code has no suffix."""


def place_of(region: str) -> tuple[str | None, str | None]:
    """ISO country and city; None for what is not known.

    >>> place_of("GRA11"), place_of("US-EAST-VA-1"), place_of("EU-NORTH-LZ-XYZ-A")
    (('FR', 'Gravelines'), ('US', 'Vint Hill'), (None, None))
    """
    codes = (part.rstrip("0123456789") for part in region.upper().split("-"))
    return next((CITIES[code] for code in codes if code in CITIES), (None, None))


def plans_at(region: str) -> tuple[str, ...]:
    """The suffixes of the plans that a region may be billed by; all of them if it is not known by which.

    A plan may also name the region itself, which then counts more. Which local zones of Europe count as EUROZONE and
    which as EU is told nowhere, so that both are named. Of those elsewhere no plan is known.

    >>> plans_at("EU-WEST-PAR"), plans_at("GRA11"), plans_at("EU-WEST-LZ-BRU-A"), plans_at("EU-EAST-XYZ")
    (('3AZ',), ('',), ('LZ.EU', 'LZ.EUROZONE'), ())
    """
    name = region.upper()
    if "-LZ-" in name:
        return {"AF": ("LZ.AF",), "EU": ("LZ.EU", "LZ.EUROZONE")}.get(name.partition("-")[0], ())
    if name in THREE_ZONES:
        return ("3AZ",)
    return (PLAIN,) if name in ONE_ZONE or _OLD_NAME.fullmatch(name) else ()


def is_known(region: str) -> bool:
    """Whether OVHcloud has a region of that name, as far as is known here."""
    return region.upper() in {*WORLD, *UNITED_STATES, *THREE_ZONES, *ONE_ZONE}


def as_location(region: str) -> Location:
    """The region as a place, without what only its own services tell."""
    country, city = place_of(region)
    return located(Location(id=region, name=region, country=country, city=city, provider="ovh"))
