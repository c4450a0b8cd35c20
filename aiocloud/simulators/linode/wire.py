"""What all answers of the API share: errors, pages, times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, TypeAlias, TypeVar

from aiocloud.simulators.linode.filters import BadFilterError, select

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]

PAGE_SIZES = range(25, 501)
DEFAULT_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request, and the field at fault."""

    reason: str
    field: str | None = None

    def payload(self) -> Json:
        """As the API writes it."""
        return {"reason": self.reason} | ({"field": self.field} if self.field else {})


class RejectedError(Exception):
    """The API's no: a status, and a reason for each problem."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(status, problems)
        self.status = status
        self.problems = problems

    def payload(self) -> Json:
        """The body of the answer."""
        return {"errors": [problem.payload() for problem in self.problems]}


def not_found() -> RejectedError:
    """There is no such thing."""
    return RejectedError(404, Problem("Not found"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood: `ids` are the parts of the path that the route left open."""

    ids: tuple[str, ...]
    query: Mapping[str, str]
    filter: str | None
    body: Json


def body_of(text: bytes) -> Json:
    """The request's JSON object; none at all is an empty one."""
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if body is None and text.strip() == b"null":
        return {}
    if not isinstance(body, dict):
        raise RejectedError(400, Problem("Invalid JSON"))
    return body


KINDS: Mapping[type, str] = {bool: "a boolean", int: "an integer", str: "a string", list: "a list", dict: "an object"}


def check_shape(body: Json, shape: Mapping[str, type]) -> None:
    """Refuse a body in which a field that is there, and not null, is of another kind."""
    problems = [
        Problem(f"Must be {KINDS[kind]}", name)
        for name, kind in shape.items()
        if body.get(name) is not None and not isinstance(body[name], kind)
    ]
    if problems:
        raise RejectedError(400, *problems)


def listing(
    call: Call, items: Sequence[T], render: Callable[[T], Json], filterable: frozenset[str] = frozenset()
) -> Json:
    """The page that was asked for. Without a filter, only what is on the page is rendered."""
    number, size = _page_asked_for(call.query)
    if call.filter is None:
        total = len(items)
        data = [render(item) for item in items[(number - 1) * size : number * size]]
    else:
        chosen = _filtered(call.filter, [render(item) for item in items], filterable)
        total = len(chosen)
        data = chosen[(number - 1) * size : number * size]
    pages = max(1, ceil(total / size))
    if number > pages:
        raise RejectedError(404, Problem(f"Page {number} not found"))
    return {"data": data, "page": number, "pages": pages, "results": total}


def _filtered(text: str, items: list[Json], filterable: frozenset[str]) -> list[Json]:
    try:
        return select(text, items, filterable)
    except BadFilterError as error:
        raise RejectedError(400, Problem(str(error), "X-Filter")) from error


def _page_asked_for(query: Mapping[str, str]) -> tuple[int, int]:
    number, size = _whole(query, "page", 1), _whole(query, "page_size", DEFAULT_PAGE_SIZE)
    if number < 1:
        raise RejectedError(400, Problem("Must be a positive number", "page"))
    if size not in PAGE_SIZES:
        raise RejectedError(400, Problem("Must be 25-500", "page_size"))
    return number, size


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        raise RejectedError(400, Problem("Must be an integer", name)) from None


def stamp(moment: datetime) -> str:
    """UTC, to the second, and without saying so: the API's way.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 3, 1, 21, 14, 9, tzinfo=UTC))
    '2026-03-01T21:14:09'
    """
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
