"""`Shape`: from a payload to a model, declared as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from aiocloud.errors import MalformedResponseError
from aiocloud.mapping.compiling import PAIRS, Source, defaults_of
from aiocloud.mapping.reading import NEEDED, At, Several, dig, without
from aiocloud.values import FrozenMap, LateMap

T = TypeVar("T")


class Shape(Generic[T]):
    """A declared mapping from a payload to a model, a frozen and slotted dataclass.

    Each field is an `at(…)`, `several(…)`, or a function of the whole payload. `ips` stands for both `public_ips` and
    `private_ips`, as a pair. `extra` is filled with the payload itself, less the dotted paths in `hide` (passwords
    that a provider sends along).
    """

    def __init__(self, model: type[T], *, hide: Iterable[str] = (), **fields: Callable[[Any], Any]) -> None:
        self.model = model
        self.fields = fields
        self.keys = _keys_of(fields.values())
        self._hide = tuple(hide)
        defaults = defaults_of(model)
        told = defaults.keys() - {name for field in fields for name in PAIRS.get(field, (field,))}
        self._check(defaults, told)
        source = Source(missing=self._missing, rest=self._rest)
        for name, read in fields.items():
            if name in PAIRS:
                source.read_pair(PAIRS[name], read)
            else:
                source.read(name, read, defaults[name])
        for name in told - {"extra"}:
            source.take(name, defaults[name])
        if "extra" in told:
            source.rest("extra")
        self._make = source.compiled(model)

    def _check(self, defaults: Mapping[str, Any], told: Iterable[str]) -> None:
        unknown = {name for field in self.fields for name in PAIRS.get(field, (field,))} - defaults.keys()
        if unknown:
            raise TypeError(f"{self.model.__name__} has no field {', '.join(sorted(unknown))}")
        missing = {name for name in told if defaults[name] is NEEDED}
        if missing:
            raise TypeError(f"{self.model.__name__} needs {', '.join(sorted(missing))}")

    def __call__(self, payload: Any, **context: Any) -> T:
        """The model. `context` fills fields such as `provider` that are not in the payload.

        Raises MalformedResponseError, with the field's name, for what is missing or does not convert.
        """
        get = payload.get if type(payload) is dict else partial(dig, payload)
        try:
            made = self._make(payload, get, context)
        except UNREADABLE as error:
            raise self._unreadable(payload) from error
        made.__class__ = self.model
        model: T = made
        return model

    def _missing(self, name: str, context: Mapping[str, Any], default: Any) -> Any:
        """What stands for a value that is not there."""
        value = context.get(name, default)
        if value is NEEDED:
            read = self.fields[name]
            where = f" (looked for at `{read.path}`)" if isinstance(read, At) else ""
            raise MalformedResponseError(f"a {self.model.__name__} without `{name}`{where}")
        return value

    def _unreadable(self, payload: Any) -> MalformedResponseError:
        """Says which field it was that cannot be read."""
        for name, read in self.fields.items():
            try:
                read(payload)
            except UNREADABLE as error:
                return MalformedResponseError(
                    f"a {self.model.__name__} whose `{name}` cannot be read: {type(error).__name__}"
                )
        return MalformedResponseError(f"a {self.model.__name__} that cannot be read")

    def _rest(self, payload: Any) -> FrozenMap[Any]:
        """All that the provider said and may be shown, decoded when it is looked at if that is still to be done."""
        if isinstance(payload, LateMap):
            return LateMap(partial(without, payload), self._hide) if self._hide else payload
        if type(payload) is dict and not self._hide:
            return FrozenMap.over(payload)
        return FrozenMap(without(payload, self._hide)) if isinstance(payload, Mapping) else FrozenMap()


UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading a field may raise where a payload is not as it should be."""


def _keys_of(fields: Iterable[Callable[[Any], Any]]) -> frozenset[str] | None:
    """The keys of a payload that these fields look at; None where one of them may look anywhere."""
    keys: set[str] = set()
    for read in fields:
        if not isinstance(read, At | Several):
            return None
        paths = (read.path,) if isinstance(read, At) else read.paths
        keys.update(path.partition(".")[0] for path in paths)
    return frozenset(keys)


def keys_of(shape: Callable[..., Any]) -> frozenset[str] | None:
    """The keys of an item that a shape looks at, other than for `extra`; None where that cannot be known."""
    while isinstance(shape, partial):
        shape = shape.func
    return shape.keys if isinstance(shape, Shape) else None


def raw(payload: Any, **context: Any) -> Any:
    """In place of a shape: the payload as it is, for lists that become no model."""
    return payload
