"""What the describing actions share: filters, pages, and ids that may not be there."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from aiocloud.simulators.ec2.wire import Params, Refusal

T = TypeVar("T")

Reader: TypeAlias = Callable[[T], Iterable[Any]]
"""The values that a filter compares."""

Test: TypeAlias = Callable[[T], bool]


def filters(params: Params, readers: Mapping[str, Reader[T]]) -> list[Test[T]]:
    """A test for each `Filter.N`: any of its values matches; an item has to pass all of the tests.

    `readers` names the filters that the action knows; `tag:` stands for every `tag:KEY` and reads pairs.
    """
    return [_filter(entry, readers) for entry in params.each("Filter")]


def _filter(entry: Params, readers: Mapping[str, Reader[T]]) -> Test[T]:
    name = entry.required("Name")
    matches = _matcher(entry.values("Value"))
    kind, _, key = name.partition(":")
    if kind == "tag" and key and "tag:" in readers:
        pairs = readers["tag:"]
        return lambda item: any(matches(value) for tag, value in pairs(item) if tag == key)
    read = readers.get(name)
    if read is None:
        raise Refusal("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda item: any(matches(_text(value)) for value in read(item) if value is not None)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """`*` stands for any run of characters and `?` for one.

    >>> matches = _matcher(["t4g.*", "m5.larg?"])
    >>> [matches(name) for name in ("t4g.small", "m5.large", "m5.xlarge")]
    [True, True, False]
    """
    if not any("*" in pattern or "?" in pattern for pattern in patterns):
        return frozenset(patterns).__contains__
    expressions = [re.escape(p).replace(r"\*", ".*").replace(r"\?", ".") for p in patterns]
    compiled = re.compile("|".join(f"(?:{expression})" for expression in expressions), re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


def passing(items: Iterable[T], tests: Sequence[Test[T]]) -> list[T]:
    """The items that pass all the tests."""
    return [item for item in items if all(test(item) for test in tests)] if tests else list(items)


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list was asked for: from the place `start`, at most `limit` items (None: all)."""

    action: str
    start: int
    limit: int | None

    @classmethod
    def of(cls, action: str, params: Params, *, lowest: int = 5, highest: int = 1000) -> Window:
        """What `MaxResults` and `NextToken` say."""
        limit = params.integer("MaxResults")
        if limit is not None and not lowest <= limit <= highest:
            why = f"Value ( {limit} ) for parameter maxResults is invalid. "
            raise Refusal("InvalidParameterValue", f"{why}Expecting a value between {lowest} and {highest}.")
        return cls(action, _place(action, params.text("NextToken")), limit)

    def forbid_with(self, ids: Sequence[str], name: str) -> None:
        """Ids cannot be asked for in pages."""
        if ids and self.limit is not None:
            what = f"The parameter {name} cannot be used with the parameter maxResults"
            raise Refusal("InvalidParameterCombination", what)

    def token(self, place: int) -> str:
        """The opaque mark of a later place in the same list."""
        return urlsafe_b64encode(f"{self.action} {place}".encode()).decode()

    def cut(self, items: Sequence[T]) -> tuple[Sequence[T], str | None]:
        """The items of this page, and the token of the next one."""
        end = len(items) if self.limit is None else self.start + self.limit
        return items[self.start : end], self.token(end) if end < len(items) else None


def _place(action: str, token: str | None) -> int:
    if not token:
        return 0
    try:
        owner, place = urlsafe_b64decode(token).decode().split(" ")
        if owner == action:
            return int(place)
    except ValueError:
        pass
    raise Refusal("InvalidPaginationToken", "The specified pagination token is not valid or is expired.")


def chosen(wanted: Sequence[str], there: Mapping[str, T], absent: Callable[[str], Refusal]) -> list[T]:
    """The things with these ids, each once, or all of them when none is named."""
    if not wanted:
        return list(there.values())
    for name in wanted:
        if name not in there:
            raise absent(name)
    return [there[name] for name in dict.fromkeys(wanted)]


@dataclass(frozen=True, slots=True)
class Ids:
    """How the ids of one kind of thing look, and what EC2 says of those that are wrong.

    >>> Ids("i-", "InvalidInstanceID", "The instance ID").unknown("i-0bad0000").code
    'InvalidInstanceID.NotFound'
    >>> Ids("i-", "InvalidInstanceID", "The instance ID").unknown("seven").code
    'InvalidInstanceID.Malformed'
    """

    prefix: str
    code: str
    noun: str
    malformed: str = ""

    def unknown(self, name: str) -> Refusal:
        """The refusal of an id that is not there, or could not be."""
        if re.fullmatch(rf"{self.prefix}(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", name):
            return Refusal(f"{self.code}.NotFound", f"{self.noun} '{name}' does not exist")
        code = self.malformed or f"{self.code}.Malformed"
        return Refusal(code, f'Invalid id: "{name}" (expecting "{self.prefix}...")')
