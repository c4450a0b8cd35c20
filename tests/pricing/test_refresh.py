from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocloud.errors import MalformedResponseError
from aiocloud.pricing.catalogue import CatalogueSize, dump, parse
from aiocloud.pricing.refresh import Row, catalogue_of, local_disk, memory, on_demand_linux

TOP = (
    '"FormatVersion","v1.0"',
    '"Disclaimer","For information, and ""as is"", OnDemand or not"',
    '"Publication Date","2026-03-05T20:59:55Z"',
    '"Version","20260305205955"',
    '"OfferCode","AmazonEC2"',
)
PLAIN = {
    "SKU": "SKUINVENTED00001",
    "OfferTermCode": "JRTCKXETXF",
    "TermType": "OnDemand",
    "PriceDescription": "$0.0368 per On Demand Linux t4g.medium Instance Hour",
    "Unit": "Hrs",
    "PricePerUnit": "0.0368000000",
    "Currency": "USD",
    "RelatedTo": "",
    "Product Family": "Compute Instance",
    "Location": "EU (Ireland)",
    "Location Type": "AWS Region",
    "Instance Type": "t4g.medium",
    "vCPU": "2",
    "Physical Processor": "AWS Graviton2 Processor",
    "Memory": "4 GiB",
    "Storage": "EBS only",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "operation": "RunInstances",
    "CapacityStatus": "Used",
    "Instance Capacity - 10xlarge": "",
    "MarketOption": "OnDemand",
    "Pre Installed S/W": "NA",
    "Region Code": "eu-west-1",
}
MEDIUM = Row(
    size=CatalogueSize("t4g.medium", 4096, 2, 0, None, "arm64"),
    region="eu-west-1",
    price=Decimal("0.0368"),
    currency="USD",
    published=date(2026, 3, 5),
)


def a_row(**changes: str) -> dict[str, str]:
    unknown = set(changes) - {key.replace(" ", "_") for key in PLAIN}
    assert not unknown
    return {key: changes.get(key.replace(" ", "_"), value) for key, value in PLAIN.items()}


def a_file(rows: Iterable[dict[str, str]], columns: Iterable[str] = PLAIN) -> list[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), quoting=csv.QUOTE_ALL, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return [*TOP, *text.getvalue().split("\n")]


async def arriving(lines: Iterable[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line


async def read(lines: Iterable[str]) -> list[Row]:
    return [row async for row in on_demand_linux(arriving(lines))]


async def test_a_plain_linux_instance_is_read_with_its_facts() -> None:
    assert await read(a_file([PLAIN])) == [MEDIUM]


@pytest.mark.parametrize(
    "changes",
    [
        {"TermType": "Reserved"},
        {"TermType": "Reserved", "PriceDescription": "cheaper than OnDemand"},
        {"Operating_System": "Windows"},
        {"Operating_System": "Ubuntu Pro"},
        {"Tenancy": "Dedicated"},
        {"Tenancy": "Host"},
        {"Pre_Installed_S/W": "SQL Web"},
        {"CapacityStatus": "AllocatedCapacityReservation"},
        {"CapacityStatus": "UnusedCapacityReservation"},
        {"PricePerUnit": "0.0000000000"},
        {"PricePerUnit": "-0.1"},
        {"PricePerUnit": ""},
        {"PricePerUnit": "NaN"},
        {"Unit": "GB-Mo"},
        {"Product_Family": "Dedicated Host"},
        {"Location_Type": "AWS Local Zone"},
        {"operation": "RunInstances:SV000"},
        {"MarketOption": "CapacityBlock"},
    ],
)
async def test_what_is_no_plain_linux_price_is_left_out(changes: dict[str, str]) -> None:
    assert await read(a_file([a_row(**changes), PLAIN])) == [MEDIUM]


async def test_bare_metal_is_an_instance_too() -> None:
    [row] = await read(a_file([a_row(Product_Family="Compute Instance (bare metal)", Instance_Type="m7g.metal")]))
    assert row.size.id == "m7g.metal"


async def test_commas_quotes_and_line_breaks_stay_inside_their_value() -> None:
    awkward = a_row(PriceDescription='say "no", or\nOnDemand,\n\n"yes"', Location='"Ireland", EU')
    assert await read(a_file([awkward, PLAIN])) == [MEDIUM, MEDIUM]


async def test_lines_may_keep_their_ends_and_values_need_no_quotes() -> None:
    lines = [f"{line}\r\n" for line in a_file([PLAIN, PLAIN])]
    bare = [line.replace('""', "").replace('"', "") for line in lines[5:]]
    assert await read([*lines[:5], *bare]) == [MEDIUM, MEDIUM]


async def test_columns_may_come_in_any_order_and_some_may_be_missing() -> None:
    rare = {"Location Type", "MarketOption", "operation", "Physical Processor", "Storage"}
    columns = [name for name in reversed(PLAIN) if name not in rare and name != "SKU"]
    [row] = await read(a_file([PLAIN], ["SKU", *columns]))
    assert row == replace(MEDIUM, size=replace(MEDIUM.size, arch=None, disk=None))


async def test_unknown_facts_are_none() -> None:
    [row] = await read(a_file([a_row(vCPU="NA", Memory="NA", Storage="", Physical_Processor="NA")]))
    assert row.size == CatalogueSize("t4g.medium")


async def test_a_file_without_a_date_is_read_all_the_same() -> None:
    lines = a_file([PLAIN])
    assert await read(lines[3:]) == [replace(MEDIUM, published=None)]
    assert await read(['"Publication Date","soon"', *lines[3:]]) == [replace(MEDIUM, published=None)]


@pytest.mark.parametrize("missing", ["Tenancy", "PricePerUnit", "Region Code", "CapacityStatus"])
async def test_a_file_without_a_needed_column_is_malformed(missing: str) -> None:
    lines = a_file([PLAIN], [name for name in PLAIN if name != missing])
    with pytest.raises(MalformedResponseError, match=missing.replace(" ", "").lower()):
        await read(lines)


@pytest.mark.parametrize("lines", [(), TOP, ("<html>", "<p>Not here</p>")])
async def test_a_file_without_column_names_is_malformed(lines: tuple[str, ...]) -> None:
    with pytest.raises(MalformedResponseError, match="no line of column names"):
        await read(lines)


@pytest.mark.parametrize("length", [120, 150, 250])
async def test_a_file_that_was_cut_is_malformed(length: int) -> None:
    *lines, last, _ = a_file([PLAIN, PLAIN])
    with pytest.raises(MalformedResponseError, match=r"price file"):
        await read([*lines, last[:length]])


async def test_a_row_that_does_not_end_takes_no_more_memory_than_a_row_may() -> None:
    taken = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal taken
        for line in a_file([]):
            yield line
        yield '"SKU'
        while True:
            taken += 1
            yield "x" * 1000

    with pytest.raises(MalformedResponseError, match="does not end"):
        _ = [row async for row in on_demand_linux(endless())]
    assert taken < 200


async def test_rows_come_while_the_file_still_arrives() -> None:
    arrived = 0

    async def slowly() -> AsyncIterator[str]:
        nonlocal arrived
        for line in a_file([PLAIN] * 1000):
            arrived += 1
            yield line

    async for row in on_demand_linux(slowly()):
        assert row == MEDIUM
        break
    assert arrived == len(TOP) + 2


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=60))
async def test_no_description_hides_a_row_or_makes_one(text: str) -> None:
    lines = a_file([a_row(PriceDescription=text), a_row(Tenancy="Dedicated", PriceDescription=text)])
    assert await read(lines) == [MEDIUM]


def test_rows_of_several_regions_make_one_catalogue() -> None:
    nano = CatalogueSize("t4g.nano", 512, 2, 0, None, "arm64")
    rows = [
        MEDIUM,
        replace(MEDIUM, region="af-south-1", price=Decimal("0.0434"), published=date(2026, 3, 1)),
        replace(MEDIUM, size=nano, price=Decimal("0.0046")),
    ]
    catalogue = catalogue_of(rows, "AWS")
    assert catalogue.as_of == date(2026, 3, 1)
    assert catalogue.regions == ("af-south-1", "eu-west-1")
    assert catalogue.cells["t4g.medium"] == (Decimal("0.0434"), Decimal("0.0368"))
    assert [size.id for size in catalogue.in_region("af-south-1")] == ["t4g.medium"]
    assert parse(dump(catalogue)) == catalogue


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [replace(MEDIUM, published=None)],
        [MEDIUM, replace(MEDIUM, region="cn-north-1", currency="CNY")],
    ],
)
def test_rows_without_a_date_or_of_two_currencies_make_none(rows: list[Row]) -> None:
    with pytest.raises(ValueError, match="make no catalogue"):
        catalogue_of(rows, "AWS")


@given(st.integers(1, 24), st.integers(1, 14_000))
def test_disks_are_counted_in_gib(count: int, gigabytes: int) -> None:
    size = local_disk(f"{count} x {gigabytes} NVMe SSD")
    assert size is not None
    assert abs(size * 1024**3 - count * gigabytes * 1000**3) <= 1024**3 / 2


@pytest.mark.parametrize("words", ["", "NA", "some", "NVMe 75"])
def test_other_words_for_disk_and_memory_are_unknown(words: str) -> None:
    assert local_disk(words) is None
    assert memory(words) is None
