"""What all answers share: refusals, links, filters, pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

ROOT = "https://www.googleapis.com/compute/v1"
"""What links begin with, whichever host was asked."""
LIMIT = 500
"""The most things on a page, and how many there are where the request does not say."""


class RefusedError(Exception):
    """The API's no: a status, the reason as a word, and a sentence."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message

    def payload(self) -> Json:
        """The body of the answer."""
        error = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [error]}}


def not_found(link: str) -> RefusedError:
    """There is no such thing."""
    return RefusedError(404, "notFound", f"The resource '{link.removeprefix(ROOT + '/')}' was not found")


def wrong(field: str, value: object, why: str) -> RefusedError:
    """A field makes no sense."""
    return RefusedError(400, "invalid", f"Invalid value for field '{field}': '{value}'. {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood. `names` are what stands in the open places of its path, after the project."""

    project: str
    path: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Json

    @property
    def root(self) -> str:
        """What the links of the project begin with."""
        return f"{ROOT}/projects/{self.project}"

    @property
    def link(self) -> str:
        """The link to what the path names."""
        return f"{ROOT}{self.path}"


def body_of(text: bytes) -> Json:
    """The request's JSON object; none at all is an empty one."""
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "parseError", "Parse Error")
    return body


def page(call: Call, kind: str, things: Sequence[Json]) -> Json:
    """The page that was asked for, of those that the filter lets through."""
    shown, more = _slice(call, things)
    found: Json = {"kind": kind, "id": call.path.lstrip("/"), "selfLink": call.link}
    if shown:
        found["items"] = shown  # a list that is empty is left out
    return found | more


def aggregated(call: Call, kind: str, key: str, things: Sequence[tuple[str, Json]], scopes: Sequence[str]) -> Json:
    """A page of things under the places that they are in; a place without any says so."""
    where = {id(thing): scope for scope, thing in things}
    shown, more = _slice(call, [thing for _, thing in things])
    items: Json = {scope: {} for scope in scopes}
    for thing in shown:
        items[where[id(thing)]].setdefault(key, []).append(thing)
    for scope, found in items.items():
        if not found:
            found["warning"] = {
                "code": "NO_RESULTS_ON_PAGE",
                "message": f"There are no results for scope '{scope}' on this page.",
                "data": [{"key": "scope", "value": scope}],
            }
    return {"kind": kind, "id": call.path.lstrip("/"), "selfLink": call.link, "items": items} | more


def _slice(call: Call, things: Sequence[Json]) -> tuple[list[Json], Json]:
    kept = [thing for thing in things if _passes(call.query.get("filter"), thing)]
    text, token = call.query.get("maxResults", str(LIMIT)), call.query.get("pageToken", "")
    if not text.isdecimal() or int(text) > LIMIT:
        raise wrong("maxResults", text, f"Values must be within the range: [0, {LIMIT}]")
    if not re.fullmatch(r"(p[0-9a-f]+)?", token):
        raise wrong("pageToken", token, "The page token is invalid.")
    begin = int(token[1:] or "0", 16)
    end = begin + (int(text) or LIMIT)
    return kept[begin:end], {"nextPageToken": f"p{end:x}"} if end < len(kept) else {}


def _passes(text: str | None, thing: Json) -> bool:
    """Whether a filter lets it through: one comparison, which is all that is simulated."""
    if not text:
        return True
    found = re.fullmatch(r'([\w.-]+)\s*(=|!=)\s*(?:"([^"]*)"|(\S+))', text.strip())
    if found is None:
        raise wrong("filter", text, "Invalid list filter expression.")
    value: Any = thing
    for key in found[1].split("."):
        value = value.get(key) if isinstance(value, dict) else None
    wanted = found[3] if found[3] is not None else found[4]
    return (value is not None and str(value) == wanted) is (found[2] == "=")


def stamp(moment: datetime) -> str:
    """As Google writes it, to the millisecond.

    >>> from datetime import UTC
    >>> stamp(datetime(2026, 3, 1, 21, 14, 9, tzinfo=UTC))
    '2026-03-01T21:14:09.000+00:00'
    """
    return moment.isoformat(timespec="milliseconds")
