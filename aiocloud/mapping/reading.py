"""Where a field's value stands in a payload: `at`, `several`, `dig`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

F = TypeVar("F")

NEEDED: Any = object()


@dataclasses.dataclass(frozen=True, slots=True)
class At:
    """Where a field's value stands, how to convert it, and what to take when it is absent or null."""

    path: str
    convert: Callable[[Any], Any] | None = None
    default: Any = NEEDED

    def __call__(self, payload: Any) -> Any:
        """The value, or None where there is none and no default was named."""
        value = dig(payload, self.path)
        if value is None:
            return None if self.default is NEEDED else self.default
        return self.convert(value) if self.convert else value


@dataclasses.dataclass(frozen=True, slots=True)
class Several:
    """Where several values stand that make one field together."""

    paths: tuple[str, ...]
    convert: Callable[..., Any]

    def __call__(self, payload: Any) -> Any:
        """What the values make, None for those that are not there."""
        return self.convert(*[dig(payload, path) for path in self.paths])


def at(path: str, convert: Callable[[Any], Any] | None = None, *, default: Any = NEEDED) -> At:
    """The value under dotted `path`, converted, or `default` when it is absent or null."""
    return At(path, convert, default)


def several(*paths: str, convert: Callable[..., Any]) -> Several:
    """What `convert` makes of the values under these dotted paths, None for each that is absent or null.

    Where all fields say where they come from, nothing else of a long list need be decoded.

    >>> several("first", "last", convert=lambda first, last: f"{first}-{last}")({"first": "a", "last": "b"})
    'a-b'
    """
    return Several(paths, convert)


def dig(payload: Any, path: str) -> Any:
    """The value under a dotted path; None where any step is missing.

    >>> dig({"a": {"b": 1}}, "a.b"), dig({"a": None}, "a.b")
    (1, None)
    """
    for key in path.split("."):
        if not isinstance(payload, dict) and not isinstance(payload, Mapping):
            return None
        payload = payload.get(key)
    return payload


def one_of(table: Mapping[str, F], fallback: F) -> Callable[[Any], F]:
    """A converter that looks a word up, and survives words that do not exist yet, and what is no word at all."""
    return lambda word: table.get(word, fallback) if isinstance(word, str) else fallback


def without(payload: Mapping[str, Any], paths: Iterable[str]) -> Mapping[str, Any]:
    """The payload less what stands under the dotted paths; the original is left alone.

    >>> without({"id": 1, "os": {"name": "deb", "passwords": ["x"]}}, ["os.passwords"])
    {'id': 1, 'os': {'name': 'deb'}}
    """
    for path in paths:
        head, _, rest = path.partition(".")
        if head not in payload:
            continue
        copy = {key: value for key, value in payload.items() if key != head or rest}
        if rest and isinstance(copy[head], Mapping):
            copy[head] = without(copy[head], [rest])
        payload = copy
    return payload
