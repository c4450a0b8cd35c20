"""What all answers share: errors, pages, label selectors, times."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from aiocloud.http.message import Response, headers_of

Json: TypeAlias = dict[str, Any]

MOST_PER_PAGE = 50


class RefusedError(Exception):
    """The API's no: a status, its word, and a sentence."""

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """The answer."""
        error = {"code": self.code, "message": self.message, "details": self.details or None}
        return reply(self.status, {"error": error}, headers)


def invalid(field: str, message: str = "is invalid") -> RefusedError:
    """The no to a value."""
    fields = [{"name": field, "messages": [message]}]
    return RefusedError(422, "invalid_input", f"invalid input in field '{field}': {message}", fields=fields)


def missing(kind: str, id_: str) -> RefusedError:
    """The no to an id that names nothing."""
    return RefusedError(404, "not_found", f"{kind} with ID '{id_}' not found")


def reply(status: int, payload: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    body = b"" if payload is None else json.dumps(payload).encode()
    told = {"Content-Type": "application/json", "X-Correlation-Id": "5c9a3e7b11f04a62", **(headers or {})}
    return Response(status=status, headers=headers_of(told), body=body)


def page(key: str, rows: list[Json], query: Mapping[str, str]) -> Json:
    """One page of a list, and where it stands."""
    number, size = _number(query, "page", 1), min(_number(query, "per_page", 25), MOST_PER_PAGE)
    last = max(1, -(-len(rows) // size))
    pagination = {
        "page": number,
        "per_page": size,
        "previous_page": number - 1 if number > 1 else None,
        "next_page": number + 1 if number < last else None,
        "last_page": last,
        "total_entries": len(rows),
    }
    return {key: rows[(number - 1) * size : number * size], "meta": {"pagination": pagination}}


def _number(query: Mapping[str, str], name: str, usual: int) -> int:
    text = query.get(name, str(usual))
    if not text.isdecimal() or int(text) < 1:
        raise invalid(name, "must be a positive number")
    return int(text)


def selected(labels: Mapping[str, str], selector: str) -> bool:
    """Whether labels are those that a selector wants.

    >>> labels = {"env": "prod", "role": "web"}
    >>> [selected(labels, each) for each in ("env==prod,role", "env!=prod", "!role", "role in (db, web)")]
    [True, False, False, True]
    """
    terms = [term.strip() for term in re.split(r",(?![^(]*\))", selector) if term.strip()]
    return all(_holds(labels, term) for term in terms)


def _holds(labels: Mapping[str, str], term: str) -> bool:
    if several := re.fullmatch(r"(\S+)\s+(in|notin)\s*\((.*)\)", term):
        among = labels.get(several[1]) in [each.strip() for each in several[3].split(",")]
        return among is (several[2] == "in")
    if pair := re.fullmatch(r"([^=!\s]+)\s*(==|=|!=)\s*(\S*)", term):
        return (labels.get(pair[1]) == pair[3]) is (pair[2] != "!=")
    if not re.fullmatch(r"!?[\w./-]+", term):
        raise invalid("label_selector")
    return term[1:] not in labels if term.startswith("!") else term in labels


def moment(when: datetime) -> str:
    """A time, as the API writes it."""
    return when.replace(microsecond=0).isoformat().replace("+00:00", "Z")
