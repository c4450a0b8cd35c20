"""Object filters: which objects of a list an answer holds, and in which order.

As in SoftLayer, a condition on a property that does not exist is passed over in silence.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from aiocloud.simulators.softlayer.kinds import Kind
from aiocloud.simulators.softlayer.masks import DEEPEST, Gettable
from aiocloud.simulators.softlayer.wire import Struct, invalid

G = TypeVar("G", bound=Gettable)
Path = tuple[str, ...]
Test = Callable[[Any], bool]


def select(items: Sequence[G], kind: Kind, conditions: Struct) -> list[G]:
    """The objects that satisfy every condition, ordered as the filter asks."""
    chosen = list(items)
    orders: list[tuple[Path, bool]] = []
    for path, condition in _conditions(conditions, kind, ()):
        if condition.get("operation") == "orderBy":
            orders.append((path, _options(condition, "sort")[:1] == ["DESC"]))
        else:
            test = _test(condition)
            chosen = [item for item in chosen if _holds(item, path, test)]
    for path, descending in reversed(orders):
        chosen.sort(key=_key_of(path), reverse=descending)
    return chosen


def _conditions(given: Struct, kind: Kind, path: Path) -> Iterator[tuple[Path, Struct]]:
    if len(path) > DEEPEST:
        raise invalid("The object filter is nested too deeply.")
    for name, below in given.items():
        if not isinstance(below, dict) or not (name in kind.local or name in kind.relations):
            continue
        relation = kind.relations.get(name)
        if "operation" in below:
            yield (*path, name), below
        elif relation is not None:
            yield from _conditions(below, relation, (*path, name))


def _values(item: Any, path: Path) -> Iterator[Any]:
    if isinstance(item, list):
        for part in item:
            yield from _values(part, path)
    elif not path:
        yield item
    elif item is not None:
        yield from _values(item.get(path[0]), path[1:])


def _holds(item: Gettable, path: Path, test: Test) -> bool:
    values = list(_values(item, path))
    return any(map(test, values)) if values else test(None)


def _options(condition: Struct, name: str) -> list[Any]:
    options = condition.get("options")
    for option in options if isinstance(options, list) else []:
        if isinstance(option, dict) and option.get("name") == name:
            value = option.get("value")
            return value if isinstance(value, list) else [value]
    return []


def _folded(compare: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, wanted: compare(str(value).casefold(), wanted.casefold())


def _numeric(compare: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    def ordered(value: Any, wanted: str) -> bool:
        number = _number(wanted)
        if isinstance(value, int | float) and number is not None:
            return compare(value, number)
        return compare(str(value), wanted)

    return ordered


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, int | float):
        return value == (wanted if isinstance(wanted, int | float) else _number(str(wanted)))
    return str(value) == str(wanted)


# Longer signs stand before the shorter ones that they begin with.
SIGNS: tuple[tuple[str, Callable[[Any, str], bool]], ...] = (
    ("_=", lambda value, wanted: _equal(value, wanted) or str(value).casefold() == wanted.casefold()),
    ("*=", _folded(operator.contains)),
    ("^=", _folded(str.startswith)),
    ("$=", _folded(str.endswith)),
    ("!~", lambda value, wanted: wanted not in str(value)),
    ("!=", lambda value, wanted: not _equal(value, wanted)),
    (">=", _numeric(operator.ge)),
    ("<=", _numeric(operator.le)),
    ("~", lambda value, wanted: wanted in str(value)),
    (">", _numeric(operator.gt)),
    ("<", _numeric(operator.lt)),
)


def _test(condition: Struct) -> Test:
    """What a condition asks of a value; a missing value satisfies only "is null"."""
    wanted = condition["operation"]
    if wanted == "is null":
        return lambda value: value is None or value == ""
    if wanted == "not null":
        return lambda value: value is not None and value != ""
    if wanted == "in":
        among = _options(condition, "data")
        return lambda value: value is not None and any(_equal(value, one) for one in among)
    if isinstance(wanted, str):
        for sign, compare in SIGNS:
            if wanted.startswith(sign):
                operand = wanted.removeprefix(sign).strip()
                return lambda value: value is not None and compare(value, operand)
    return lambda value: value is not None and _equal(value, wanted)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _key_of(path: Path) -> Callable[[Gettable], tuple[int, Any]]:
    if len(path) > 1:
        return lambda item: _sort_key(next(_values(item, path), None))
    (name,) = path  # the usual case, which every page of a long list pays for
    return lambda item: _sort_key(item.get(name))


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, int | float) else (2, str(value))
