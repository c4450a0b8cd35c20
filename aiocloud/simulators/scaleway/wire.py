"""What all answers share: errors, pages, times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]

DEFAULT_LIMIT = 50
LIMITS = range(1, 101)


class RefusedError(Exception):
    """The API's no: a status, a type, a message, and what the type has beside."""

    def __init__(self, status: int, kind: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.payload: Json = {"type": kind, "message": message, **more}


def not_found(resource: str, id_: str) -> RefusedError:
    """There is no such thing."""
    return RefusedError(404, "not_found", "resource is not found", resource=resource, resource_id=id_)


def wrong(**arguments: str) -> RefusedError:
    """Arguments that make no sense, each with the reason and a word of help: `image="required: …"`."""
    details = [
        {"argument_name": name, "reason": said.partition(": ")[0], "help_message": said.partition(": ")[2]}
        for name, said in arguments.items()
    ]
    return RefusedError(400, "invalid_arguments", "invalid argument(s)", details=details)


def not_now(message: str) -> RefusedError:
    """The thing is not in the state for that."""
    return RefusedError(400, "invalid_request_error", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood. `zone` is the one in its path, if any; `ids` are the other open parts."""

    zone: str
    ids: tuple[str, ...]
    query: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Json:
        """The request's JSON object; none at all is an empty one."""
        try:
            body = json.loads(self.raw or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise wrong(body="format: a JSON object is expected")
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A success. `total` is how many things there are in all; `text` stands in place of a payload."""

    status: int = 200
    payload: Json | None = None
    text: bytes | None = None
    total: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def page(
    call: Call,
    name: str,
    things: Sequence[T],
    render: Callable[[T], Any],
    *,
    size: str = "per_page",
    told: bool = False,
) -> Reply:
    """The page that was asked for. The total stands in a header, or where it is to be `told`, in the body."""
    limit, number = _whole(call, size, DEFAULT_LIMIT), _whole(call, "page", 1)
    if limit not in LIMITS or number < 1:
        raise wrong(**{size: "constraint: pages hold 1 to 100 things"})
    found = [render(thing) for thing in things[(number - 1) * limit : number * limit]]
    payload: Json = {name: dict(found) if found and isinstance(found[0], tuple) else found}
    if told:
        return Reply(payload={**payload, "total_count": len(things)})
    return Reply(payload=payload, total=len(things))


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdecimal():
        raise wrong(**{name: "format: a number is expected"})
    return int(text)


def stamp(moment: datetime) -> str:
    """UTC, to the microsecond.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 3, 1, 21, 14, 9, tzinfo=UTC))
    '2026-03-01T21:14:09.000000+00:00'
    """
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")
