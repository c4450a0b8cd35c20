"""What all answers share: refusals, links, pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from aiocloud.http.message import Response, headers_of

Json: TypeAlias = dict[str, Any]

PAGE = 100
"""Things on a page."""


class RefusedError(Exception):
    """The API's no: a status, a word, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def payload(self) -> Json:
        """The body of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


def not_found(kind: str, name: str, group: str) -> RefusedError:
    """There is no such thing."""
    text = f"The Resource '{kind}/{name}' under resource group '{group}' was not found."
    return RefusedError(404, "ResourceNotFound", text)


def wrong(code: str, text: str) -> RefusedError:
    """Something in the request makes no sense."""
    return RefusedError(400, code, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, understood. `names` are what stands in the open places of its path, after the subscription."""

    method: str
    url: URL
    subscription: str
    names: tuple[str, ...]
    body: Json
    headers: CIMultiDictProxy[str] = field(default_factory=lambda: CIMultiDictProxy(CIMultiDict()))

    @property
    def query(self) -> Mapping[str, str]:
        """The query."""
        return self.url.query

    @property
    def root(self) -> str:
        """What the ids in the subscription begin with."""
        return f"/subscriptions/{self.subscription}"

    def link(self, path: str) -> str:
        """A link to a path, at the host that was asked."""
        return f"{self.url.origin()}{path}"


def body_of(text: bytes) -> Json:
    """The request's JSON object; none at all is an empty one."""
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise wrong("InvalidRequestContent", "The request content was invalid and could not be deserialized.")
    return body


def answer(payload: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": "application/json; charset=utf-8", "x-ms-ratelimit-remaining-subscription-reads": "249"}
    body = json.dumps(payload).encode() if payload is not None else b""
    return Response(status=status, headers=headers_of({**kind, **named}), body=body)


def page(call: Call, things: Sequence[Json]) -> Response:
    """The page that was asked for, with a link to the next."""
    token = call.query.get("$skiptoken", "0")
    if not token.isdecimal():
        raise wrong("InvalidSkipToken", "The skip token is invalid.")
    begin, end = int(token), int(token) + PAGE
    found: Json = {"value": list(things[begin:end])}
    if end < len(things):
        found["nextLink"] = str(call.url.update_query({"$skiptoken": str(end)}))
    return answer(found)
