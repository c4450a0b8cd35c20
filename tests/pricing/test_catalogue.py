from __future__ import annotations

import json
import os
import re
from dataclasses import FrozenInstanceError, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocloud.errors import ConfigurationError
from aiocloud.pricing.catalogue import Catalogue, CatalogueSize, Cell, available, dump, load, parse

NAMES = st.text("abcxyz0123456789.-", min_size=1, max_size=12)
FACTS = st.none() | st.integers(0, 10**7)
CELLS: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.just(False),
    st.decimals(Decimal("0.000001"), Decimal(10000), places=6),
)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    regions = tuple(draw(st.lists(NAMES, unique=True, max_size=4)))
    arch = st.sampled_from([None, "arm64", "x86_64"])
    size = st.builds(CatalogueSize, NAMES, ram=FACTS, vcpus=FACTS, disk=FACTS, bandwidth=FACTS, arch=arch)
    sizes = {one.id: one for one in draw(st.lists(size, max_size=5))}
    row = st.tuples(*[CELLS] * len(regions))
    return Catalogue(
        provider="anywhere",
        as_of=draw(st.dates()),
        source=draw(st.text(max_size=20)),
        currency="USD",
        per=draw(st.sampled_from(["hour", "month"])),
        regions=regions,
        sizes=sizes,
        cells={name: draw(row) for name in sizes},
    )


def a_catalogue(as_of: date = date(2026, 1, 2), provider: str = "ec2", amount: str = "0.5") -> Catalogue:
    return Catalogue(
        provider=provider,
        as_of=as_of,
        source="a test",
        currency="EUR",
        per="month",
        regions=("north", "south", "west"),
        sizes={"small": CatalogueSize("small", ram=512)},
        cells={"small": (Decimal(amount), None, False)},
    )


def keep(folder: Path, catalogue: Catalogue) -> Path:
    file = folder / f"{catalogue.provider}.json"
    file.write_text(dump(catalogue), encoding="utf-8")
    return file


# ---- what ships


def test_the_ec2_prices_are_those_of_the_source(tmp_path: Path) -> None:
    ec2 = load("ec2", folder=tmp_path)
    expected = {
        ("t4g.medium", "ap-south-1"): "0.0224",
        ("t4g.nano", "us-east-1"): "0.0042",
        ("m5.large", "us-east-1"): "0.096",
        ("c7g.metal", "us-east-1"): "2.32",
    }
    prices = {key: ec2.price(*key) for key in expected}
    assert {key: str(price.amount) for key, price in prices.items() if price} == expected
    price = prices["t4g.medium", "ap-south-1"]
    assert price is not None
    assert (price.currency, price.per, price.source, price.as_of) == (
        "USD",
        "hour",
        "catalogue",
        date(2025, 3, 2),
    )


def test_the_ec2_facts_are_in_the_units_of_the_models(tmp_path: Path) -> None:
    sizes = load("ec2", folder=tmp_path).sizes
    assert sizes["t4g.medium"] == CatalogueSize("t4g.medium", 4096, 2, 0, None, "arm64")
    assert sizes["m5d.large"] == CatalogueSize("m5d.large", 8192, 2, 70, None, "x86_64")  # 75 GB
    assert sizes["a1.metal"] == CatalogueSize("a1.metal", arch="arm64")


def test_a_dedicated_instances_price_is_not_taken_for_the_plain_one(tmp_path: Path) -> None:
    ec2 = load("ec2", folder=tmp_path)
    assert ec2.price("m5.large", "us-west-2") is None  # 0.102 in the source, 0.096 + 6 %
    assert ec2.sizes["m5.large"] in ec2.in_region("us-west-2")


def test_ec2_has_no_macs_hosts_or_local_zones(tmp_path: Path) -> None:
    ec2 = load("ec2", folder=tmp_path)
    assert len(ec2.regions) == 34
    assert all(re.fullmatch(r"[a-z]{2}(-gov)?-[a-z]+-\d", region) for region in ec2.regions)
    assert all("." in name and not name.startswith("mac") for name in ec2.sizes)


def test_the_processor_follows_the_family(tmp_path: Path) -> None:
    for size in load("ec2", folder=tmp_path).sizes.values():
        if size.arch is not None:
            graviton = re.match(r"a1\.|[a-z]+\d+g|i[ms]4gen?", size.id)  # t4g, c6gn, x2gd, im4gn
            assert (size.arch == "arm64") == bool(graviton), size


@pytest.mark.parametrize("provider", ["azure", "ec2", "gce", "rackspace"])
def test_every_shipped_price_is_a_positive_decimal(provider: str, tmp_path: Path) -> None:
    catalogue = load(provider, folder=tmp_path)
    known = [cell for cells in catalogue.cells.values() for cell in cells if cell is not None and cell is not False]
    assert known
    assert all(isinstance(amount, Decimal) and Decimal("0.001") < amount < 500 for amount in known)
    assert catalogue.currency == "USD"
    assert catalogue.per == "hour"


@pytest.mark.parametrize("provider", ["azure", "ec2", "gce", "rackspace"])
def test_every_shipped_region_has_sizes_and_prices(provider: str, tmp_path: Path) -> None:
    catalogue = load(provider, folder=tmp_path)
    assert list(catalogue.regions) == sorted(set(catalogue.regions))
    for region in catalogue.regions:
        sizes = list(catalogue.in_region(region))
        priced = [size for size in sizes if catalogue.price(size.id, region)]
        assert len(priced) >= min(len(sizes), 2)
        assert len(priced) > len(sizes) * 0.6


@pytest.mark.parametrize("provider", ["azure", "ec2", "gce", "rackspace"])
def test_the_shipped_files_are_in_the_form_that_dump_writes(provider: str, tmp_path: Path) -> None:
    from aiocloud.pricing.catalogue import SHIPPED

    text = (SHIPPED / f"{provider}.json").read_text(encoding="utf-8")
    assert dump(parse(text)) == text


def test_rackspaces_table_says_how_old_it_is(tmp_path: Path) -> None:
    rackspace = load("rackspace", folder=tmp_path)
    assert rackspace.as_of == date(2014, 12, 31)
    assert "about 2014" in rackspace.source
    assert rackspace.age(date(2024, 12, 31)) == timedelta(days=3653)


# ---- unknown is not absent


def test_a_size_without_a_known_price_is_still_on_offer() -> None:
    catalogue = a_catalogue()
    small = catalogue.sizes["small"]
    assert [list(catalogue.in_region(r)) for r in catalogue.regions] == [[small], [small], []]
    assert [catalogue.price("small", region) is None for region in catalogue.regions] == [False, True, True]


def test_an_unknown_size_or_region_has_no_price_and_no_sizes() -> None:
    catalogue = a_catalogue()
    assert catalogue.price("huge", "north") is None
    assert catalogue.price("small", "nowhere") is None
    assert list(catalogue.in_region("nowhere")) == []


def test_a_catalogue_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        a_catalogue().currency = "USD"  # type: ignore[misc]  # the assignment that must fail


@given(catalogues())
def test_what_is_written_is_what_is_read(catalogue: Catalogue) -> None:
    text = dump(catalogue)
    assert parse(text) == catalogue
    assert dump(parse(text)) == text


@given(catalogues())
def test_every_size_has_a_line_of_its_own(catalogue: Catalogue) -> None:
    lines = dump(catalogue).splitlines()
    assert len(lines) == len(catalogue.sizes) + (11 if catalogue.sizes else 12)


def test_sizes_are_written_from_small_to_large() -> None:
    names = ["m5.16xlarge", "m5.2xlarge", "a1.large"]
    row = {name: (Decimal(1), None, None) for name in names}
    text = dump(replace(a_catalogue(), sizes={n: CatalogueSize(n) for n in names}, cells=row))
    assert [size[0] for size in json.loads(text)["sizes"]] == ["a1.large", "m5.2xlarge", "m5.16xlarge"]


# ---- the user's own


def test_a_newer_catalogue_of_the_user_takes_the_place_of_the_shipped(tmp_path: Path) -> None:
    keep(tmp_path, a_catalogue())
    assert load("ec2", folder=tmp_path).source == "a test"


def test_an_older_catalogue_of_the_user_does_not(tmp_path: Path) -> None:
    keep(tmp_path, a_catalogue(as_of=date(2024, 1, 1)))
    assert load("ec2", folder=tmp_path).as_of == date(2025, 3, 2)


def test_of_two_of_the_same_day_the_users_counts(tmp_path: Path) -> None:
    keep(tmp_path, a_catalogue(as_of=date(2025, 3, 2)))
    assert load("ec2", folder=tmp_path).source == "a test"


def test_a_user_may_have_a_catalogue_of_a_provider_that_ships_without(tmp_path: Path) -> None:
    keep(tmp_path, a_catalogue(provider="harbour"))
    assert available(folder=tmp_path) == ("azure", "ec2", "gce", "harbour", "rackspace")
    assert load("harbour", folder=tmp_path).provider == "harbour"


def test_a_catalogue_is_read_once_and_again_when_it_changes(tmp_path: Path) -> None:
    file = keep(tmp_path, a_catalogue())
    first = load("ec2", folder=tmp_path)
    assert load("ec2", folder=tmp_path) is first
    keep(tmp_path, a_catalogue(amount="0.75"))
    os.utime(file, ns=(1, 1))
    assert load("ec2", folder=tmp_path).cells["small"][0] == Decimal("0.75")


@pytest.mark.parametrize("name", ["nowhere", "currencies", "", "../pricing/data/ec2", "data/ec2", "EC2"])
def test_an_unknown_provider_is_told_which_there_are(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="available: azure, ec2, gce, rackspace"):
        load(name, folder=tmp_path)


GOOD = json.loads(dump(a_catalogue()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"ec2"',
        "{",
        "[" * 100_000,
        "\ud800".encode("utf-16", "surrogatepass").decode("latin-1"),
        json.dumps({key: value for key, value in GOOD.items() if key != "regions"}),
        json.dumps({**GOOD, "per": "week"}),
        json.dumps({**GOOD, "as_of": "yesterday"}),
        json.dumps({**GOOD, "provider": "linode"}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, [0.5]]]}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, [0.5, None, 0]]]}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, [0.5, None, -1]]]}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, [0.5, None, True]]]}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, [0.5, None, float("nan")]]]}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, [0.5, None, "dear"]]]}),
        json.dumps({**GOOD, "sizes": [["small", "much", 1, 1, 1, None, [0.5, None, None]]]}),
        json.dumps({**GOOD, "sizes": [[None, 1, 1, 1, 1, None, [0.5, None, None]]]}),
        json.dumps({**GOOD, "sizes": [["small", 1, 1, 1, 1, None, "and more", [0.5, None, None]]]}),
        json.dumps({**GOOD, "sizes": [[]]}),
    ],
)
def test_a_broken_file_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "ec2.json"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        load("ec2", folder=tmp_path)
