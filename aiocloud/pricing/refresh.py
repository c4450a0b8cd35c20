"""Reads AWS's public price files as they arrive, without keeping them: one region has hundreds of MB.

`https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonEC2/current/region_index.json` names for
each region a JSON file, beside which the same lies as CSV. Nothing here fetches anything: see `fetch`.
See https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from aiocloud.errors import MalformedResponseError
from aiocloud.pricing.catalogue import Catalogue, CatalogueSize
from aiocloud.values import FrozenMap

PLAIN_LINUX = {
    "termtype": {"OnDemand"},
    "productfamily": {"Compute Instance", "Compute Instance (bare metal)"},
    "operatingsystem": {"Linux"},
    "tenancy": {"Shared"},
    "preinstalledsw": {"NA"},
    "capacitystatus": {"Used"},  # the others price a reservation: at 0 when it is allocated
    "unit": {"Hrs"},
}
NEEDED = {*PLAIN_LINUX, "instancetype", "priceperunit", "currency", "regioncode", "vcpu", "memory"}
WHERE_THERE = {  # columns that not every file has
    "locationtype": {"AWS Region"},
    "marketoption": {"OnDemand"},
    "operation": {"RunInstances"},
}
LONGEST_ROW = 1 << 17  # characters; a real one has about 2000

GB, GIB = 1000**3, 1024**3
MIB_PER = {"MiB": 1, "GiB": 1024, "TiB": 1024**2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What an hour of a plain Linux instance costs on demand in one region, and what it has.

    `size` has its facts in the units of a catalogue. `published` is the day that the file bears.
    """

    size: CatalogueSize
    region: str
    price: Decimal
    currency: str
    published: date | None = None


async def on_demand_linux(lines: AsyncIterator[str]) -> AsyncIterator[Row]:
    """The rows of a region's CSV file that price a plain Linux instance, on demand and shared.

    Rows without a positive price are none. Raises MalformedResponseError for a file without the columns
    that this needs, and for one that was cut in the middle of a row.
    """
    published, header = None, None
    async for record in _records(lines):
        if header is None:
            fields = _fields(record)
            if fields[0] == "Publication Date":
                published = _day(fields)
            elif fields[0] == "SKU":
                header = _header(fields)
        elif "OnDemand" in record and (row := _row(header, _fields(record), published)):
            yield row
    if header is None:
        raise _malformed("the price file has no line of column names")


def catalogue_of(rows: Iterable[Row], source: str) -> Catalogue:
    """One catalogue of the rows of any number of regions, as old as the oldest of their files.

    Raises ValueError for rows in more than one currency, or of which none bears a date.
    """
    known = {(row.size.id, row.region): row for row in rows}
    days = {row.published for row in known.values() if row.published}
    currencies = {row.currency for row in known.values()}
    if not days or len(currencies) != 1:
        raise ValueError(f"rows in {sorted(currencies)} of {len(days)} days make no catalogue")
    regions = tuple(sorted({region for _, region in known}))
    sizes = {row.size.id: row.size for row in known.values()}
    return Catalogue(
        provider="ec2",
        as_of=min(days),
        source=source,
        currency=currencies.pop(),
        per="hour",
        regions=regions,
        sizes=FrozenMap(sizes),
        cells=FrozenMap(
            {name: tuple(known[name, r].price if (name, r) in known else False for r in regions) for name in sizes}
        ),
    )


# ---- lines to rows


async def _records(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Whole rows: a quoted value may hold line breaks."""
    record = ""
    async for line in lines:
        record = f"{record}\n{line}" if record else line
        record = record.rstrip("\r\n")
        if len(record) > LONGEST_ROW:
            raise _malformed("a row of the price file does not end")
        if record and record.count('"') % 2 == 0:
            yield record
            record = ""
    if record:
        raise _malformed("the price file ends inside a row")


def _fields(record: str) -> list[str]:
    try:
        [fields] = csv.reader([record], strict=True)
    except csv.Error as error:
        raise _malformed(f"a row of the price file cannot be read: {error}") from error
    return fields


def _header(fields: list[str]) -> list[str]:
    """The column names without case, spaces and signs, in which files differ."""
    names = [re.sub(r"[^a-z]", "", field.lower()) for field in fields]
    if missing := NEEDED - set(names):
        raise _malformed(f"the price file has no columns {', '.join(sorted(missing))}")
    return names


def _row(header: list[str], fields: list[str], published: date | None) -> Row | None:
    if len(fields) != len(header):
        raise _malformed(f"a row of the price file has {len(fields)} values for {len(header)} columns")
    cells = dict(zip(header, fields, strict=True))
    price = _price(cells["priceperunit"])
    if price is None or not _is_plain(cells):
        return None
    return Row(
        size=_size(cells),
        region=cells["regioncode"],
        price=price,
        currency=cells["currency"],
        published=published,
    )


def _is_plain(cells: Mapping[str, str]) -> bool:
    return all(cells[name] in wanted for name, wanted in PLAIN_LINUX.items()) and all(
        cells.get(name) in {None, "", *wanted} for name, wanted in WHERE_THERE.items()
    )


def _size(cells: Mapping[str, str]) -> CatalogueSize:
    return CatalogueSize(
        cells["instancetype"],
        ram=memory(cells["memory"]),
        vcpus=int(cells["vcpu"]) if cells["vcpu"].isdecimal() else None,
        disk=local_disk(cells.get("storage", "")),
        arch=architecture(cells.get("physicalprocessor", "")),
    )


def _price(text: str) -> Decimal | None:
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        return None
    return Decimal(f"{Decimal(text).normalize():f}") or None


def _day(fields: list[str]) -> date | None:
    try:
        return date.fromisoformat(fields[1][:10])
    except (IndexError, ValueError):
        return None


def _malformed(message: str) -> MalformedResponseError:
    return MalformedResponseError(message, provider="ec2")


# ---- AWS's words


def memory(text: str) -> int | None:
    """MiB.

    >>> memory("0.5 GiB"), memory("1,952 GiB"), memory("NA")
    (512, 1998848, None)
    """
    found = re.fullmatch(r"([\d,]*\.?\d+) *([MGT]iB)", text)
    return int(Decimal(found[1].replace(",", "")) * MIB_PER[found[2]]) if found else None


def local_disk(storage: str) -> int | None:
    """GiB of local disk. AWS counts it in GB of 1000**3 bytes.

    >>> local_disk("EBS only"), local_disk("4 X 940 GB NVMe SSD"), local_disk("900 GB NVMe SSD")
    (0, 3502, 838)
    """
    if storage == "EBS only":
        return 0
    found = re.match(r"(?:(\d+) *[xX] *)?(\d+)", storage)
    return round(int(found[1] or 1) * int(found[2]) * GB / GIB) if found else None


def architecture(processor: str) -> str | None:
    """The architecture of a processor by name: the files tell 32 from 64 bits only.

    >>> architecture("AWS Graviton4 Processor"), architecture("AMD EPYC 9R14 Processor"), architecture("NA")
    ('arm64', 'x86_64', None)
    """
    if processor in ("", "NA"):
        return None
    return "arm64" if re.search("Graviton|Apple M", processor) else "x86_64"
