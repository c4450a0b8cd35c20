"""One function out of the fields of a shape, as `dataclasses` make an `__init__` of the fields of a class.

Long lists are made of its calls: called field by field, a shape costs twice as much.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from aiocloud.mapping.reading import NEEDED, At, Several

PAIRS = {"ips": ("public_ips", "private_ips"), "coordinates": ("latitude", "longitude")}
"""Fields that are read together, since one look tells both, or neither."""


class Source:
    """The source of such a function, `make(payload, get, context)`, line by line.

    `get` finds what is under a key of the payload, and `context` holds values for fields that have none there.
    """

    def __init__(self, **known: Any) -> None:
        """`known` are the names that its lines may use."""
        self._known = known
        self._lines = ["def make(payload, get, context):"]
        self._values: dict[str, str] = {}

    def read(self, name: str, read: Callable[[Any], Any], default: Any) -> None:
        """A line for a field: its value, or what `missing` says where there is none."""
        if isinstance(read, At) and "." not in read.path:
            value = self._line(f"get({read.path!r})")
            absent = None if read.default is NEEDED else self._name(read.default)
            found = f"{self._name(read.convert)}({value})" if read.convert else value
            self._lines.append(f" {value} = {absent} if {value} is None else {found}")
        else:
            value = self._line(f"{self._name(_short(read))}(payload)")
        self._lines.append(f" if {value} is None: {value} = missing({name!r}, context, {self._name(default)})")
        self._values[name] = value

    def read_pair(self, names: Sequence[str], read: Callable[[Any], Any]) -> None:
        """A line for several fields that are read together."""
        none = self._name((None,) * len(names))
        value = self._line(f"{self._name(_short(read))}(payload) or {none}")
        self._values |= {name: f"{value}[{place}]" for place, name in enumerate(names)}

    def take(self, name: str, default: Any) -> None:
        """A field that only the context may fill."""
        self._values[name] = f"context.get({name!r}, {self._name(default)})"

    def rest(self, name: str) -> None:
        """The field that holds what `rest` leaves of the payload, or of what the context has in place of it."""
        self._values[name] = f"rest(context.get({name!r}, payload))"

    def compiled(self, model: type) -> Callable[..., Any]:
        """The function. What it returns becomes an instance of the model when its `__class__` is set."""
        opened = self._name(_opened(model, list(self._values)))
        self._lines.append(f" return {opened}({', '.join(self._values.values())})")
        exec("\n".join(self._lines), self._known)  # noqa: S102 - its words are those of our own declarations
        make: Callable[..., Any] = self._known["make"]
        return make

    def _line(self, expression: str) -> str:
        """One more value, and the name that it has."""
        name = f"value{len(self._lines)}"
        self._lines.append(f" {name} = {expression}")
        return name

    def _name(self, known: Any) -> str:
        """A name for something from outside."""
        name = f"known{len(self._known)}"
        self._known[name] = known
        return name


def defaults_of(model: type) -> dict[str, Any]:
    """The default of each field; `NEEDED` where it has none. Raises TypeError for a model that does more by itself."""
    fields = dataclasses.fields(model)
    if hasattr(model, "__post_init__") or any(each.default_factory is not dataclasses.MISSING for each in fields):
        raise TypeError(f"{model.__name__} is no plain value: it makes some of its fields itself")
    return {each.name: NEEDED if each.default is dataclasses.MISSING else each.default for each in fields}


def _opened(model: type, order: Iterable[str]) -> type[Any]:
    """A class like the model that takes its fields in this order, and is not frozen.

    The `__init__` of a frozen dataclass would cost as much as all the rest of reading an item.
    """
    opened = dataclasses.make_dataclass(model.__name__, order, slots=True)
    opened(*order).__class__ = model  # raises TypeError for a model that has more, or other slots
    return opened


def _short(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same, made short where there are no dots to follow."""
    if not isinstance(read, Several) or "." in "".join(read.paths):
        return read
    keys, convert = read.paths, read.convert

    def read_several(payload: Any) -> Any:
        return convert(*map(payload.get, keys)) if type(payload) is dict else read(payload)

    return read_several
