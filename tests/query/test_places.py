from __future__ import annotations

import pytest

from aiocloud.errors import ConfigurationError
from aiocloud.query import places
from aiocloud.query.places import CONTINENTS, COUNTRIES, EUROPEAN_ECONOMIC_AREA, EUROPEAN_UNION, countries


def test_every_assigned_code_is_there_once() -> None:
    assert len(COUNTRIES) == 249
    assert sum(text.count(";") + 1 for text in places._BY_CONTINENT.values()) == 249
    assert len({country.name for country in COUNTRIES.values()}) == 249


@pytest.mark.parametrize("code", COUNTRIES)
def test_an_entry_is_two_capitals_a_trimmed_name_and_a_continent(code: str) -> None:
    name, continent = COUNTRIES[code]
    assert len(code) == 2
    assert code.isascii()
    assert code.isupper()
    assert name == " ".join(name.split())
    assert "," not in name
    assert continent in CONTINENTS
    assert countries(name) == {code}
    assert countries(code.lower()) == {code}


def test_retired_and_reserved_codes_are_not_countries() -> None:
    assert not {"AN", "CS", "SU", "YU", "UK", "EU", "XK"} & set(COUNTRIES)


def test_continents_have_the_members_that_the_united_nations_count() -> None:
    assert {continent: len(members) for continent, members in CONTINENTS.items()} == {
        "Africa": 60,
        "Antarctica": 1,
        "Asia": 51,  # 50 and Taiwan
        "Europe": 51,
        "North America": 41,
        "Oceania": 29,
        "South America": 16,
    }


@pytest.mark.parametrize(
    ("code", "name", "continent"),
    [
        ("US", "United States", "North America"),
        ("PR", "Puerto Rico", "North America"),
        ("MX", "Mexico", "North America"),
        ("DE", "Germany", "Europe"),
        ("RU", "Russia", "Europe"),
        ("TR", "Türkiye", "Asia"),
        ("SG", "Singapore", "Asia"),
        ("TW", "Taiwan", "Asia"),
        ("ZA", "South Africa", "Africa"),
        ("BR", "Brazil", "South America"),
        ("AU", "Australia", "Oceania"),
    ],
)
def test_samples_are_where_an_atlas_has_them(code: str, name: str, continent: str) -> None:
    assert COUNTRIES[code] == (name, continent)


def test_the_union_has_27_members_and_the_economic_area_30() -> None:
    assert len(EUROPEAN_UNION) == 27
    assert len(EUROPEAN_ECONOMIC_AREA) == 30
    assert set(COUNTRIES) >= EUROPEAN_ECONOMIC_AREA
    assert not {"GB", "CH", "NO"} & EUROPEAN_UNION


def test_eu_is_the_union_and_not_the_continent() -> None:
    assert countries("EU") == countries("european union") == EUROPEAN_UNION
    assert countries("Europe") - countries("EU") >= {"GB", "CH", "NO", "UA"}
    assert countries("EU") - countries("Europe") == {"CY"}


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("us", {"US"}),
        ("USA", {"US"}),
        ("the United States of America", {"US"}),
        ("UK", {"GB"}),
        ("great britain", {"GB"}),
        ("US,CA", {"US", "CA"}),
        (" us , Canada ,", {"US", "CA"}),
        (["us", "DE, fr"], {"US", "DE", "FR"}),
        (iter(["Mexico"]), {"MX"}),
        ("NA", {"NA"}),  # Namibia: two letters are a code
        ("SA", {"SA"}),  # Saudi Arabia
        ("cote d'ivoire", {"CI"}),
        ("Turkey", {"TR"}),
        ("turkiye", {"TR"}),
        ("Bosnia & Herzegovina", {"BA"}),
        ("The Netherlands", {"NL"}),
        ("guinea bissau", {"GW"}),
        ("", set()),
        ([], set()),
    ],
)
def test_a_place_is_understood_however_it_is_written(words: str, codes: set[str]) -> None:
    assert countries(words) == codes


def test_a_continent_is_its_countries() -> None:
    assert countries("north america") == CONTINENTS["North America"]
    assert countries("Europe, EU") == CONTINENTS["Europe"] | {"CY"}


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("Grmany", "Germany"),
        ("Untied States", "United States"),
        ("Europa", "Europe"),
        ("Korea", "South Korea"),
        ("qqqqqq", '"Germany"'),
        ("--", '"Germany"'),
    ],
)
def test_an_unknown_word_is_named_with_what_comes_near(word: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match="no country or continent") as caught:
        countries(["US", word])
    assert repr(word) in str(caught.value)
    assert hint in str(caught.value)


def test_all_unknown_words_are_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        countries("Grmany,US,Frnace")
    assert "'Grmany'" in str(caught.value)
    assert "'Frnace'" in str(caught.value)


def test_a_set_is_described_by_whole_groups_first() -> None:
    assert places.describe(countries("EEA, US")) == "EEA, US"
    assert places.describe(countries("Europe, CY")) == "Europe, CY"
    assert places.describe(countries("AQ, US, CA")) == "AQ, CA, US"
    assert places.describe(frozenset()) == ""
