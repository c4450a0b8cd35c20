"""For `build`: what Google's predefined machine types cost, out of libcloud's prices of cores and memory.

Their shapes are those of https://docs.cloud.google.com/compute/docs/general-purpose-machines and
https://docs.cloud.google.com/compute/docs/compute-optimized-machines; how they are billed tells `google`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any

from aiocloud.pricing.catalogue import CatalogueSize
from aiocloud.pricing.google import billed

POWERS = (2, 4, 8, 16)
N1 = (*POWERS, 32, 64, 96)
N2 = (*POWERS, 32, 48, 64, 80)
N2D = (*N2, 96)

# The series, the kind, GiB for each vCPU, and how many vCPUs there are. Those of 2021 and later are left out.
SHAPES: tuple[tuple[str, str, str, tuple[int, ...]], ...] = (
    ("e2", "standard", "4", (*POWERS, 32)),
    ("e2", "highmem", "8", POWERS),
    ("e2", "highcpu", "1", (*POWERS, 32)),
    ("n1", "standard", "3.75", (1, *N1)),
    ("n1", "highmem", "6.5", N1),
    ("n1", "highcpu", "0.9", N1),
    ("n2", "standard", "4", N2),
    ("n2", "highmem", "8", N2),
    ("n2", "highcpu", "1", N2),
    ("n2d", "standard", "4", (*N2D, 128, 224)),
    ("n2d", "highmem", "8", N2D),
    ("n2d", "highcpu", "1", (*N2D, 128, 224)),
    ("c2", "standard", "4", (4, 8, 16, 30, 60)),
)
SHARED = {"e2-micro": 1024, "e2-small": 2048, "e2-medium": 4096}
"""MiB of the types that share a core, and show two."""

WHOLE_NAMES = {"f1": "f1-micro", "g1": "g1-small"}
"""The families whose one "core" is the whole machine."""
TOLERANCE = Decimal("0.05")
NANO = Decimal("1e-9")
"""The finest amount that Google quotes."""

Amounts = dict[str, dict[str, Decimal | None]]
"""By size, then by region; None for one that is there and cannot be right."""


@dataclass(frozen=True, slots=True)
class Machines:
    """What was found, and what there is to say about it."""

    sizes: Mapping[str, CatalogueSize]
    prices: Amounts
    notes: tuple[str, ...]


def machines(table: Mapping[str, Any]) -> Machines:
    """All machines of the families whose prices the table has."""
    parts, notes = {}, []
    for family in dict.fromkeys(series for series, *_ in SHAPES):
        if family in table:
            parts[family], doubtful = _parts(table[family])
            notes += [f"out of proportion, or 0: unknown: {family} in {', '.join(doubtful)}"] if doubtful else []
    sizes = {size.id: size for size in _sizes() if size.id.partition("-")[0] in parts}
    prices = {name: _prices(size, parts[name.partition("-")[0]]) for name, size in sizes.items()}
    for family, name in WHOLE_NAMES.items():
        if family in table:
            sizes[name], prices[name] = CatalogueSize(name), dict(_on_demand(table[family]["cpu"]))
    used = {*parts, *WHOLE_NAMES}
    notes.append(f"left out, of no predefined shape here: {', '.join(sorted(set(table) - used))}")
    return Machines(sizes, prices, tuple(notes))


def _sizes() -> Iterator[CatalogueSize]:
    for name, ram in SHARED.items():
        yield CatalogueSize(name, ram, 2, 0, None, "x86_64")
    for series, kind, each, counts in SHAPES:
        for count in counts:
            ram = int(Decimal(each) * count * 1024)
            yield CatalogueSize(f"{series}-{kind}-{count}", ram, count, 0, None, "x86_64")


def _parts(family: Mapping[str, Any]) -> tuple[dict[str, tuple[Decimal, Decimal] | None], list[str]]:
    """What a core and a GiB cost in each region, and the regions where that cannot be right.

    Google's prices of cores and memory are in one proportion in all regions. Where they are not, libcloud's file has
    taken one of the two from somewhere else.
    """
    cores, memory = (dict(_on_demand(family[part])) for part in ("cpu", "ram"))
    both = {region: (core, gib) for region, core in cores.items() if core and (gib := memory.get(region))}
    usual = median([core / gib for core, gib in both.values()]) if both else Decimal(0)
    fitting = {region: (core, gib) for region, (core, gib) in both.items() if abs(core / gib / usual - 1) < TOLERANCE}
    return {region: fitting.get(region) for region in cores}, sorted(set(cores) - set(fitting))


def _on_demand(part: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for region, cell in part.get("on_demand", {}).items():
        yield region, Decimal(cell["price"])


def _prices(size: CatalogueSize, parts: Mapping[str, tuple[Decimal, Decimal] | None]) -> dict[str, Decimal | None]:
    if (what := billed(size.id, size.vcpus, size.ram)) is None:
        raise LookupError(f"nothing says how {size.id} is billed")
    return {
        region: (pair[0] * what.cores + pair[1] * what.memory).quantize(NANO).normalize() if pair else None
        for region, pair in parts.items()
    }
