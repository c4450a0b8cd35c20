"""What all answers of the API share: errors, pages, times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")
Json: TypeAlias = dict[str, Any]

ROOT = "https://api.digitalocean.com"
PER_PAGE, MOST_PER_PAGE = 20, 200


class RefusedError(Exception):
    """The API's no: a status, a word and a sentence."""

    def __init__(self, status: int, word: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.payload = {"id": word, "message": sentence, "request_id": "4d9d8375-3c56-4925-a3e7-eb137fed17e9"}


def not_found() -> RefusedError:
    """There is no such thing."""
    return RefusedError(404, "not_found", "The resource you requested could not be found.")


def unprocessable(sentence: str) -> RefusedError:
    """What the API says to all that it cannot do."""
    return RefusedError(422, "unprocessable_entity", sentence)


def sold_out() -> RefusedError:
    """That size is not to be had there."""
    return unprocessable("Size is not available in this region.")


def pending() -> RefusedError:
    """Something is being done to the droplet."""
    return unprocessable("Droplet already has a pending event.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood: `ids` are the parts of the path that the route left open."""

    path: str
    ids: tuple[str, ...]
    query: Mapping[str, str]
    body: Json

    def number(self) -> int:
        """The number in the path."""
        if not self.ids[0].isdecimal():
            raise not_found()
        return int(self.ids[0])


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what is said with it; nothing with 204."""

    status: int
    payload: Json | None = None


def body_of(text: bytes) -> Json:
    """The request's JSON object; none at all is an empty one."""
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "bad_request", "Error parsing the request body")
    return body


def listing(call: Call, name: str, things: Sequence[T], render: Callable[[T], Json]) -> Answer:
    """The page that was asked for, with links to its neighbours and the number of all things."""
    page, size = _whole(call, "page", 1), min(_whole(call, "per_page", PER_PAGE), MOST_PER_PAGE)
    last = max(1, ceil(len(things) / size))
    links: Json = {"pages": _links(call, page, last, size)} if last > 1 else {}
    return Answer(
        200,
        {
            name: [render(thing) for thing in things[(page - 1) * size : page * size]],
            "links": links,
            "meta": {"total": len(things)},
        },
    )


def _links(call: Call, page: int, last: int, size: int) -> Json:
    neighbours = {"first": 1, "prev": page - 1} if page > 1 else {}
    if page < last:
        neighbours |= {"last": last, "next": page + 1}
    return {name: f"{ROOT}{call.path}?page={number}&per_page={size}" for name, number in neighbours.items()}


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise RefusedError(400, "bad_request", f"{name} must be a positive number")
    return int(text)


def stamp(moment: datetime) -> str:
    """UTC, to the second.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 3, 1, 21, 14, 9, tzinfo=UTC))
    '2026-03-01T21:14:09Z'
    """
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
