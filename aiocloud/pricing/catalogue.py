"""What sizes cost where a provider's API does not say: dated tables that ship with the package.

A table is one JSON file per provider: `regions` once at the top, then one line per size with its facts
and its prices in the order of the regions. In place of a price, `null` means that the size is on offer
there at a price that the source does not give, and `false` that it is not on offer there. `renewed` names
the regions whose prices are of another day, or of another source, than the table says at its top.

A table in the user's data folder (`aiocloud/catalogue/<provider>.json`) stands beside the shipped one: of
each region the newer of the two counts. A refreshed copy holds the refreshed regions alone, so that it
never hides what a later version of the package knows better. Tables in different currencies, or per hour
and per month, are not mixed: then the newer one counts, whole.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from aiocloud.errors import ConfigurationError
from aiocloud.models import Price
from aiocloud.values import FrozenMap

SHIPPED = Path(__file__).parent / "data"
NOT_CATALOGUES = frozenset({"currencies"})  # what else lies in that folder

Cell = Decimal | None | Literal[False]
"""A price; None when it is unknown; False when the size is not on offer in that region."""

Stamp: TypeAlias = tuple[int, int, int]


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


@dataclass(frozen=True, slots=True)
class Origin:
    """Of which day prices are, and who said so."""

    as_of: date
    source: str


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One provider's sizes and prices as `source` gave them on the day `as_of`.

    `cells` holds for each size one `Cell` per region, in the order of `regions`. `renewed` holds the
    origin of those regions that have another one than the rest.
    """

    provider: str
    as_of: date
    source: str
    currency: str
    per: Literal["hour", "month"]
    regions: tuple[str, ...]
    sizes: Mapping[str, CatalogueSize]
    cells: Mapping[str, tuple[Cell, ...]] = field(repr=False)
    renewed: Mapping[str, Origin] = field(default_factory=FrozenMap)

    def price(self, size_id: str, region: str) -> Price | None:
        """The price of a size in a region; None when it is unknown, or not on offer there."""
        amount = self.cell(size_id, region)
        if not amount:
            return None
        day = self.origin(region).as_of
        return Price(amount=amount, currency=self.currency, per=self.per, as_of=day, source="catalogue")

    def origin(self, region: str) -> Origin:
        """Of which day a region's prices are, and who said so."""
        return self.renewed.get(region) or Origin(self.as_of, self.source)

    @property
    def days(self) -> tuple[date, date]:
        """The days of the oldest prices and of the newest."""
        days = {self.origin(region).as_of for region in self.regions} or {self.as_of}
        return min(days), max(days)

    def in_region(self, region: str) -> Iterable[CatalogueSize]:
        """The sizes on offer in a region, whether or not their price is known."""
        return (size for size in self.sizes.values() if self.cell(size.id, region) is not False)

    def age(self, today: date) -> timedelta:
        """How old the oldest prices are."""
        return today - self.days[0]

    def cell(self, size_id: str, region: str) -> Cell:
        """What the table has for a size in a region."""
        if size_id not in self.cells or region not in self._columns:
            return False
        return self.cells[size_id][self._columns[region]]

    def __post_init__(self) -> None:
        # The class is frozen; an index of the regions is no part of its value.
        object.__setattr__(self, "_columns", {region: i for i, region in enumerate(self.regions)})

    _columns: dict[str, int] = field(init=False, repr=False, compare=False)


def load(provider: str, *, folder: Path | None = None, until: date | None = None) -> Catalogue:
    """What the user's own catalogue in `folder` and the shipped one say, of each region the newer.

    `folder` is the user's data folder unless given. Nothing of the user's counts that is younger than the day
    `until`: for clocks that stand in the past. Read once, and again when the user's file changes.
    """
    files = dict.fromkeys(where / f"{provider}.json" for where in (folder or user_folder(), SHIPPED))
    known = tuple((file, _stamp(file)) for file in files if provider in _named([file]))
    if not known:
        names = ", ".join(available(folder=folder)) or "none"
        raise ConfigurationError(f"there is no price catalogue for {provider!r}; available: {names}")
    return _loaded(known, until)


@lru_cache(maxsize=32)
def _loaded(files: tuple[tuple[Path, Stamp], ...], until: date | None) -> Catalogue:
    known = [(file, _read(file, stamp)) for file, stamp in files]
    if until is None:
        return newest([catalogue for _, catalogue in known])
    then = [catalogue if file.parent == SHIPPED else _until(catalogue, until) for file, catalogue in known]
    return newest([catalogue for catalogue in then if catalogue] or [catalogue for _, catalogue in known])


def own(provider: str, folder: Path) -> Catalogue | None:
    """The catalogue that the user has in `folder`, if there is one."""
    file = folder / f"{provider}.json"
    return _read(file, _stamp(file)) if file.is_file() else None


def keep(fresh: Catalogue, folder: Path) -> None:
    """Put what is newer in `fresh` into the catalogue that the user has in `folder`.

    The file is there whole, or as it was. Raises OSError when it cannot be written.
    """
    mine = own(fresh.provider, folder)
    text = dump(newest([fresh, mine] if mine else [fresh]))
    folder.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f"{fresh.provider}-", suffix=".part", dir=folder)
    try:
        with open(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, folder / f"{fresh.provider}.json")
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def newest(known: Sequence[Catalogue]) -> Catalogue:
    """Of each region what the newest of these catalogues says; of two of the same day the first one.

    Those in another currency, or per another time, than the newest of all have no part in it. A fact of a size
    that the newest does not tell is that of an older one.
    """
    ordered = sorted(known, key=lambda catalogue: catalogue.days[1], reverse=True)
    alike = [one for one in ordered if (one.currency, one.per) == (ordered[0].currency, ordered[0].per)]
    holders: dict[str, Catalogue] = {}
    for one in alike:
        for region in one.regions:
            if region not in holders or holders[region].origin(region).as_of < one.origin(region).as_of:
                holders[region] = one
    return alike[0] if len(alike) == 1 else _combined(holders, alike)


def _until(catalogue: Catalogue, day: date) -> Catalogue | None:
    """What was known on that day."""
    regions = [region for region in catalogue.regions if catalogue.origin(region).as_of <= day]
    if len(regions) == len(catalogue.regions):
        return catalogue
    return _combined(dict.fromkeys(regions, catalogue), [catalogue]) if regions else None


def _combined(holders: Mapping[str, Catalogue], ordered: Sequence[Catalogue]) -> Catalogue:
    """The regions, each from its holder; the facts of sizes from the first that tells them."""
    origins = {region: holders[region].origin(region) for region in sorted(holders)}
    none = Origin(ordered[0].as_of, ordered[0].source)
    rest = min(origins.values(), key=lambda origin: origin.as_of, default=none)
    names = dict.fromkeys(name for one in ordered for name in one.sizes)
    return Catalogue(
        provider=ordered[0].provider,
        as_of=rest.as_of,
        source=rest.source,
        currency=ordered[0].currency,
        per=ordered[0].per,
        regions=tuple(origins),
        sizes=FrozenMap({name: _facts([one.sizes[name] for one in ordered if name in one.sizes]) for name in names}),
        cells=FrozenMap({name: tuple(holders[region].cell(name, region) for region in origins) for name in names}),
        renewed=FrozenMap({region: origin for region, origin in origins.items() if origin != rest}),
    )


def _facts(told: Sequence[CatalogueSize]) -> CatalogueSize:
    known = [[fact for one in told if (fact := getattr(one, each.name)) is not None] for each in fields(CatalogueSize)]
    chosen: list[Any] = [facts[0] if facts else None for facts in known]
    return CatalogueSize(*chosen)


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


def _stamp(file: Path) -> Stamp:
    """What differs once a file has been written anew."""
    known = file.stat()
    return known.st_mtime_ns, known.st_ino, known.st_size


@lru_cache(maxsize=32)
def _read(file: Path, _changed: Stamp) -> Catalogue:
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
    renewed = data.get("renewed", {})
    if not isinstance(renewed, dict):
        raise ValueError("`renewed` is no table of regions")
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
        renewed=FrozenMap({region: _origin(told) for region, told in renewed.items()}),
    )


def _origin(told: Any) -> Origin:
    return Origin(date.fromisoformat(told["as_of"]), str(told["source"]))


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
    head: dict[str, Any] = {
        "provider": catalogue.provider,
        "as_of": catalogue.as_of.isoformat(),
        "source": catalogue.source,
        "currency": catalogue.currency,
        "per": catalogue.per,
        "columns": ["id", "ram MiB", "vcpus", "disk GiB", "bandwidth GB/month", "arch", "prices"],
        "regions": list(catalogue.regions),
    }
    if catalogue.renewed:
        origins = sorted(catalogue.renewed.items())
        head["renewed"] = {name: {"as_of": one.as_of.isoformat(), "source": one.source} for name, one in origins}
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
