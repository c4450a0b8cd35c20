"""What sizes cost where a provider's API does not say: dated tables that ship with the package.

A table is one JSON file per provider: `regions` once at the top, then one line per size with its facts
and its prices in the order of the regions. In place of a price, `null` means that the size is on offer
there at a price that the source does not give, and `false` that it is not on offer there.

A newer table in the user's data folder (`aiocloud/catalogue/<provider>.json`) takes the place of the
shipped one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from aiocloud.errors import ConfigurationError
from aiocloud.models import Price
from aiocloud.values import FrozenMap

SHIPPED = Path(__file__).parent / "data"
NOT_CATALOGUES = frozenset({"currencies"})  # what else lies in that folder

Cell = Decimal | None | Literal[False]
"""A price; None when it is unknown; False when the size is not on offer in that region."""


@dataclass(frozen=True, slots=True)
class CatalogueSize:
    """The facts of a size, each None when the source does not say.

    `ram` in MiB, `disk` in GiB of local disk (0 when there is none), `bandwidth` in GB a month included.
    """

    id: str
    ram: int | None = None
    vcpus: int | None = None
    disk: int | None = None
    bandwidth: int | None = None
    arch: str | None = None


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One provider's sizes and prices as `source` gave them on the day `as_of`.

    `cells` holds for each size one `Cell` per region, in the order of `regions`.
    """

    provider: str
    as_of: date
    source: str
    currency: str
    per: Literal["hour", "month"]
    regions: tuple[str, ...]
    sizes: Mapping[str, CatalogueSize]
    cells: Mapping[str, tuple[Cell, ...]] = field(repr=False)

    def price(self, size_id: str, region: str) -> Price | None:
        """The price of a size in a region; None when it is unknown, or not on offer there."""
        amount = self._cell(size_id, region)
        if not amount:
            return None
        return Price(amount=amount, currency=self.currency, per=self.per, as_of=self.as_of, source="catalogue")

    def in_region(self, region: str) -> Iterable[CatalogueSize]:
        """The sizes on offer in a region, whether or not their price is known."""
        return (size for size in self.sizes.values() if self._cell(size.id, region) is not False)

    def age(self, today: date) -> timedelta:
        """How old the prices are."""
        return today - self.as_of

    def _cell(self, size_id: str, region: str) -> Cell:
        if size_id not in self.cells or region not in self._columns:
            return False
        return self.cells[size_id][self._columns[region]]

    def __post_init__(self) -> None:
        # The class is frozen; an index of the regions is no part of its value.
        object.__setattr__(self, "_columns", {region: i for i, region in enumerate(self.regions)})

    _columns: dict[str, int] = field(init=False, repr=False, compare=False)


def load(provider: str, *, folder: Path | None = None) -> Catalogue:
    """The newer of the user's own catalogue in `folder` and the shipped one.

    `folder` is the user's data folder unless given. Read once, and again when the user's file changes.
    """
    files = [(folder or user_folder()) / f"{provider}.json", SHIPPED / f"{provider}.json"]
    known = [_read(file, file.stat().st_mtime_ns) for file in files if provider in _named([file])]
    if not known:
        names = ", ".join(available(folder=folder)) or "none"
        raise ConfigurationError(f"there is no price catalogue for {provider!r}; available: {names}")
    return max(known, key=lambda catalogue: catalogue.as_of)  # of two of the same day the user's


def available(*, folder: Path | None = None) -> tuple[str, ...]:
    """The providers that have a catalogue, shipped or the user's own."""
    files = [*SHIPPED.glob("*.json"), *(folder or user_folder()).glob("*.json")]
    return tuple(sorted(set(_named(files)) - NOT_CATALOGUES))


def user_folder() -> Path:
    """Where a user's refreshed catalogues are."""
    from platformdirs import user_data_path  # not needed to import the package

    return user_data_path("aiocloud", appauthor=False) / "catalogue"


def _named(files: Iterable[Path]) -> list[str]:
    """The providers whose files are there. A name with a path in it never is."""
    return [
        file.stem
        for file in files
        if re.fullmatch(r"[a-z0-9_-]+", file.stem) and file.stem not in NOT_CATALOGUES and file.is_file()
    ]


@lru_cache(maxsize=32)
def _read(file: Path, _changed: int) -> Catalogue:
    try:
        catalogue = parse(file.read_text(encoding="utf-8"))
        if catalogue.provider != file.stem:
            raise ValueError(f"it is that of {catalogue.provider!r}")
    except (OSError, RecursionError, *UNREADABLE) as error:
        raise ConfigurationError(f"the price catalogue {file} cannot be read: {error!r}") from error
    return catalogue


UNREADABLE = ValueError, TypeError, LookupError, ArithmeticError


def parse(text: str) -> Catalogue:
    """Read a catalogue file. Raises one of `UNREADABLE` for a text that is none."""
    data = json.loads(text, parse_float=Decimal)
    if not isinstance(data, dict) or data["per"] not in ("hour", "month"):
        raise ValueError('it is no table with prices per "hour" or "month"')
    regions = tuple(data["regions"])
    rows = [_row(row, len(regions)) for row in data["sizes"]]
    return Catalogue(
        provider=data["provider"],
        as_of=date.fromisoformat(data["as_of"]),
        source=data["source"],
        currency=data["currency"],
        per=data["per"],
        regions=regions,
        sizes=FrozenMap({size.id: size for size, _ in rows}),
        cells=FrozenMap({size.id: cells for size, cells in rows}),
    )


def _row(row: list[Any], regions: int) -> tuple[CatalogueSize, tuple[Cell, ...]]:
    *facts, prices = row
    if len(prices) != regions:
        raise ValueError(f"{facts[0]} has {len(prices)} prices for {regions} regions")
    size = CatalogueSize(*facts)
    if not isinstance(size.id, str) or not all(isinstance(fact, int | None) for fact in facts[1:5]):
        raise ValueError(f"the facts {facts}")
    return size, tuple([_price(price) for price in prices])


def _price(value: Any) -> Cell:
    if value is None or value is False:
        return value
    amount = Decimal(value)
    if value is True or not amount.is_finite() or amount <= 0:
        raise ValueError(f"a price of {value}")
    return amount


def dump(catalogue: Catalogue) -> str:
    """Write a catalogue file: sorted, one line per size."""
    head = {
        "provider": catalogue.provider,
        "as_of": catalogue.as_of.isoformat(),
        "source": catalogue.source,
        "currency": catalogue.currency,
        "per": catalogue.per,
        "columns": ["id", "ram MiB", "vcpus", "disk GiB", "bandwidth GB/month", "arch", "prices"],
        "regions": list(catalogue.regions),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items()]
    rows = [_line(size, catalogue.cells[size.id]) for size in sorted(catalogue.sizes.values(), key=_by_name)]
    return "{\n" + "".join(lines) + ' "sizes": [\n' + ",\n".join(rows) + "\n ]\n}\n"


def _line(size: CatalogueSize, cells: tuple[Cell, ...]) -> str:
    facts = [size.id, size.ram, size.vcpus, size.disk, size.bandwidth, size.arch]
    texts = [json.dumps(cell) if cell is None or cell is False else f"{cell:f}" for cell in cells]
    return "  " + json.dumps(facts)[:-1] + ", [" + ",".join(texts) + "]]"


def _by_name(size: CatalogueSize) -> tuple[Any, ...]:
    """Numbers inside a name in the order of their value, so that `2xlarge` precedes `16xlarge`."""
    parts = re.split(r"(\d+)", size.id)
    return tuple(int(part) if part.isdecimal() else part for part in parts), size.id
