"""What all answers share: errors, references, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]

ACCOUNT = "a/7f3c0000000000000000000000000000"
GROUP = {"id": "5e0d0000000000000000000000000000", "name": "Default"}
LIMIT = 50
"""Things on a page where the request does not say."""


class RefusedError(Exception):
    """The API's no. `target` is the field, parameter or header at fault."""

    def __init__(self, status: int, code: str, message: str, target: tuple[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target

    def payload(self, trace: str) -> Json:
        """The body of the answer."""
        error: Json = {"code": self.code, "message": self.message, "more_info": "https://cloud.ibm.com/docs/vpc"}
        if self.target:
            error["target"] = {"name": self.target[1], "type": self.target[0]}
        return {"errors": [error], "trace": trace}


def not_found(what: str) -> RefusedError:
    """There is no such thing."""
    return RefusedError(404, "not_found", f"{what} not found", ("parameter", "id"))


def wrong(field: str, message: str, status: int = 400, code: str = "validation_invalid_argument") -> RefusedError:
    """A field of the body makes no sense."""
    return RefusedError(status, code, message, ("field", field))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood. `region` is the one that it was sent to, `root` the URL of its API."""

    region: str
    root: str
    path: str
    ids: tuple[str, ...]
    query: Mapping[str, str]
    body: Json


def body_of(text: bytes) -> Json:
    """The request's JSON object; none at all is an empty one."""
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "bad_request", "The request body is not a JSON object")
    return body


def page(call: Call, name: str, things: Sequence[T], render: Callable[[T], Json]) -> Json:
    """The page that was asked for, with links to the first and the next."""
    limit, start = _limit(call.query.get("limit")), _start(call.query.get("start"))
    more = start + limit
    found: Json = {
        "first": {"href": f"{call.root}{call.path}?limit={limit}"},
        "limit": limit,
        "total_count": len(things),
        name: [render(thing) for thing in things[start:more]],
    }
    if more < len(things):
        found["next"] = {"href": f"{call.root}{call.path}?limit={limit}&start=p{more:x}"}
    return found


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise RefusedError(400, "invalid_value", "limit must be between 1 and 100", ("parameter", "limit"))
    return int(text)


def _start(text: str | None) -> int:
    try:
        return int(text[1:], 16) if text else 0
    except ValueError:
        raise RefusedError(400, "invalid_value", "start is no token of a page", ("parameter", "start")) from None


def reference(call: Call, kind: str, path: str, id_: str, name: str) -> Json:
    """A thing as others name it."""
    return {
        "id": id_,
        "name": name,
        "crn": crn(call.region, kind, id_),
        "href": f"{call.root}{path}/{id_}",
        "resource_type": kind.replace("-", "_"),
    }


def crn(region: str, kind: str, id_: str) -> str:
    """IBM Cloud's long name for a thing."""
    return f"crn:v1:bluemix:public:is:{region}:{ACCOUNT}::{kind}:{id_}"


def group() -> Json:
    """The account's default resource group, in which all things are."""
    return {**GROUP, "href": f"https://resource-controller.cloud.ibm.com/v2/resource_groups/{GROUP['id']}"}


def named(call: Call, path: str, name: str) -> Json:
    """A zone, region or profile as others name it."""
    return {"name": name, "href": f"{call.root}{path}/{name}"}


def stamp(moment: datetime) -> str:
    """UTC, to the millisecond.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 3, 1, 21, 14, 9, tzinfo=UTC))
    '2026-03-01T21:14:09.000Z'
    """
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def only(things: Iterable[T], wanted: str | None, value: Callable[[T], str | None]) -> list[T]:
    """Those that a filter lets through."""
    return [thing for thing in things if wanted is None or value(thing) == wanted]
