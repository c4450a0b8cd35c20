from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from aiocloud.errors import ConfigurationError
from aiocloud.query import Query, countries, parse_disk, parse_ram


@pytest.mark.parametrize(
    ("text", "mebibytes"),
    [
        (4096, 4096),
        ("4096", 4096),
        ("4G", 4096),
        ("4g", 4096),
        ("4GB", 4096),
        ("4GiB", 4096),
        (" 4 gib ", 4096),
        ("4096M", 4096),
        ("4096 MiB", 4096),
        ("1.5G", 1536),
        ("100.5M", 101),  # at least that much
        ("2T", 2 * 1024 * 1024),
    ],
)
def test_ram_is_understood_in_mib(text: int | str, mebibytes: int) -> None:
    assert parse_ram(text) == mebibytes


@pytest.mark.parametrize("text", ["", "four", "4K", "-4G", "4G5", "G", "4 096", "4e3", "٤G", -4096])
def test_ram_that_is_not_understood_says_what_is(text: Any) -> None:
    with pytest.raises(ConfigurationError, match=r'is not understood: give a number of MiB \(4096\) or .*"4G"'):
        parse_ram(text)


@pytest.mark.parametrize("text", [4, "4", 0, "16M"])
def test_ram_so_small_that_gib_were_meant_is_refused(text: int | str) -> None:
    with pytest.raises(ConfigurationError, match='GiB are written like "4G"'):
        parse_ram(text)


@pytest.mark.parametrize(("text", "gibibytes"), [(80, 80), ("80", 80), ("80GB", 80), ("1T", 1024), ("512M", 1)])
def test_disk_is_understood_in_gib(text: int | str, gibibytes: int) -> None:
    assert parse_disk(text) == gibibytes


def test_disk_that_is_not_understood_says_what_is() -> None:
    with pytest.raises(ConfigurationError, match="number of GiB"):
        parse_disk("big")


@pytest.mark.parametrize(
    ("word", "arch"),
    [("amd64", "x86_64"), ("X86_64", "x86_64"), ("x86-64", "x86_64"), ("aarch64", "arm64"), ("ARM64", "arm64")],
)
def test_an_architecture_has_several_names(word: str, arch: str) -> None:
    assert Query.of(arch=word).arch == arch


@pytest.mark.parametrize("amount", ["0.05", 0.05, Decimal("0.05")])
def test_a_price_is_exact(amount: Any) -> None:
    assert Query.of(max_price=amount).max_price == Decimal("0.05")


@pytest.mark.parametrize("near", ["52.5, 13.4", (52.5, 13.4)])
def test_a_point_is_two_numbers_or_a_text(near: Any) -> None:
    query = Query.of(near=near, within_km=100)
    assert query.near == (52.5, 13.4)


def test_places_become_codes() -> None:
    query = Query.of(outside="us, Canada", inside=["EU", "UK"])
    assert query.outside == {"US", "CA"}
    assert query.inside == countries("EU") | {"GB"}


def test_nothing_asked_is_anything() -> None:
    assert Query.of() == Query()
    assert Query.of(outside=()) == Query()
    assert str(Query.of()) == "anything"


def test_a_query_reads_as_a_sentence() -> None:
    query = Query.of(ram="4G", vcpus=2, outside="US", inside="EU, CA", max_price="0.05")
    assert str(query) == "at least 4096 MiB of ram, at least 2 vcpus, not in US, in EU, CA, at most 0.05 USD an hour"


@pytest.mark.parametrize(
    ("near", "kilometres", "text"),
    [
        ("52.5,13.4", 1000, "within 1000 km of 52.5,13.4"),
        ("-33.87,151", 0, "within 0 km of -33.87,151"),
        ((0, 0), 2.5, "within 2.5 km of 0,0"),
    ],
)
def test_a_distance_reads_as_it_is_said(near: Any, kilometres: float, text: str) -> None:
    assert str(Query.of(near=near, within_km=kilometres)) == text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"arch": "sparc"}, "arch 'sparc' is not understood: give one of x86_64, "),
        ({"vcpus": -1}, "vcpus -1 is less than nothing"),
        ({"outside": "Untied States"}, "did you mean United States"),
        ({"inside": ""}, "inside names no place"),
        ({"inside": []}, "inside names no place"),
        ({"near": (52.5, 13.4)}, "near needs within_km"),
        ({"within_km": 5}, "near needs within_km"),
        ({"near": (91, 0), "within_km": 5}, "give a latitude"),
        ({"near": (0, 181), "within_km": 5}, "give a latitude"),
        ({"near": "Berlin", "within_km": 5}, "give a latitude"),
        ({"near": "1,2,3", "within_km": 5}, "give a latitude"),
        ({"near": ("nan", 0), "within_km": 5}, "give a latitude"),
        ({"near": (0, 0), "within_km": -1}, "number of kilometres"),
        ({"near": (0, 0), "within_km": float("nan")}, "number of kilometres"),
        ({"max_price": "cheap"}, "max_price 'cheap' is not understood"),
        ({"max_price": "-1"}, "max_price '-1' is not understood"),
        ({"max_price": "NaN"}, "max_price 'NaN' is not understood"),
        ({"currency": "dollars"}, "currency 'dollars' is not understood"),
        ({"currency": ""}, "currency '' is not understood"),
    ],
)
def test_a_word_that_is_not_understood_is_an_error_that_names_it(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Query.of(**words)
    assert message in str(caught.value)


def test_an_unknown_keyword_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Query.of(memory=4096)  # type: ignore[call-arg]  # that is the point
