"""Where cities lie, for the providers that name their places and tell no coordinates.

The table is a city's centre, to a hundredth of a degree (about a kilometre). A data centre may lie some tens of
kilometres away, so that distances made from it are good for choosing among cities, and for nothing finer.
`build.py` makes the table from GeoNames' data; it holds the cities that the drivers name.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from aiocloud.models import Location

TABLE = Path(__file__).with_name("cities.json")


@lru_cache(maxsize=4096)
def coordinates(country: str | None, city: str | None) -> tuple[float, float] | None:
    """The latitude and longitude of a city's centre, in degrees; None for a city that is not in the table.

    `country` is ISO 3166-1 alpha-2. Accents and capitals do not matter.

    >>> coordinates("BR", "Sao Paulo") == coordinates("BR", "São Paulo")
    True
    """
    return _table().get((country, plain(city))) if country and city else None


def located(place: Location) -> Location:
    """The place with its city's coordinates, if it has none of its own and its city is known."""
    if place.latitude is not None or place.longitude is not None:
        return place
    if (found := coordinates(place.country, place.city)) is None:
        return place
    return replace(place, latitude=found[0], longitude=found[1])


def plain(name: str) -> str:
    """A name without accents and capitals.

    >>> plain("Montréal ")
    'montreal'
    """
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@lru_cache(maxsize=1)
def _table() -> Mapping[tuple[str | None, str], tuple[float, float]]:
    """By country and plain name."""
    countries = json.loads(TABLE.read_text(encoding="utf-8"))["cities"]
    return {
        (country, plain(city)): (latitude, longitude)
        for country, cities in countries.items()
        for city, (latitude, longitude) in cities.items()
    }
