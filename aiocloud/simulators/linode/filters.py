"""The X-Filter header: conditions on the attributes of a list, and its order.

>>> select('{"vcpus": {"+gte": 2}, "+order_by": "vcpus"}', [{"vcpus": 4}, {"vcpus": 1}], frozenset({"vcpus"}))
[{'vcpus': 4}]
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Test: TypeAlias = Callable[[Json], bool]

COMBINATIONS: Mapping[str, Callable[[Iterable[bool]], bool]] = {"+and": all, "+or": any}
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "+eq": operator.eq,
    "+gt": operator.gt,
    "+gte": operator.ge,
    "+lt": operator.lt,
    "+lte": operator.le,
    "+contains": operator.contains,
}


class BadFilterError(Exception):
    """The filter makes no sense; the message is what the API says."""


def select(text: str, items: list[Json], filterable: frozenset[str]) -> list[Json]:
    """The items for which the filter holds, in its order. Raises BadFilterError."""
    condition = _parsed(text)
    order_by, order = condition.pop("+order_by", None), condition.pop("+order", "asc")
    holds = _test(condition, filterable)
    chosen = [item for item in items if holds(item)]
    if order_by is None:
        return chosen
    _must_be_filterable(order_by, filterable)
    return sorted(chosen, key=lambda item: _rank(_value(item, order_by)), reverse=order == "desc")


def _parsed(text: str) -> Json:
    try:
        condition = json.loads(text)
    except ValueError:
        condition = None
    if not isinstance(condition, dict):
        raise BadFilterError("Must be a JSON object")
    return condition


def _test(condition: Any, filterable: frozenset[str]) -> Test:
    if not isinstance(condition, dict):
        raise BadFilterError("A condition must be an object")
    clauses = [_clause(key, wanted, filterable) for key, wanted in condition.items()]
    return lambda item: all(clause(item) for clause in clauses)


def _clause(key: str, wanted: Any, filterable: frozenset[str]) -> Test:
    if key in COMBINATIONS:
        if not isinstance(wanted, list):
            raise BadFilterError(f"{key} must be a list")
        combine, parts = COMBINATIONS[key], [_test(part, filterable) for part in wanted]
        return lambda item: combine(part(item) for part in parts)
    _must_be_filterable(key, filterable)
    comparisons = wanted if isinstance(wanted, dict) else {"+eq": wanted}
    for name in comparisons:
        if name not in COMPARISONS and name != "+neq":
            raise BadFilterError(f"Unknown operator {name}")
    return lambda item: all(_compare(name, _value(item, key), to) for name, to in comparisons.items())


def _must_be_filterable(key: Any, filterable: frozenset[str]) -> None:
    if not isinstance(key, str) or key not in filterable:
        raise BadFilterError(f"Cannot filter on {key}")


def _value(item: Json, key: str) -> Any:
    """`entity.id` looks inside `entity`."""
    value: Any = item
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _compare(name: str, value: Any, wanted: Any) -> bool:
    """A condition on a list, such as an instance's tags, asks for one member that fulfils it."""
    if name == "+neq":
        return not _compare("+eq", value, wanted)
    if isinstance(value, list):
        return any(_compare(name, member, wanted) for member in value)
    try:
        return bool(COMPARISONS[name](value, wanted))
    except TypeError:  # nothing is greater than null, and no number contains a text
        return False


def _rank(value: Any) -> tuple[bool, Any]:
    return (True, 0) if value is None else (False, value)
