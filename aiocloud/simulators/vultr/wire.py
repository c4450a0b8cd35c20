"""What all answers share: errors, pages, the parts of a request."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response, headers_of

Json: TypeAlias = dict[str, Any]
Answered: TypeAlias = tuple[int, Any]
"""A status, and what is told."""


class RefusedError(Exception):
    """The API's no: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def response(self) -> Response:
        """The answer."""
        return reply(self.status, {"error": self.message, "status": self.status})


def sold_out() -> RefusedError:
    """The no to a plan of which there is no more; the words are ours."""
    return RefusedError(400, "The selected plan is not available in the selected region.")


class Call:
    """What a route is asked: the ids in the path, the query, the body."""

    def __init__(self, request: Request, ids: tuple[str, ...]) -> None:
        self.ids = ids
        self.query = request.url.query
        self._body = request.body

    @property
    def body(self) -> Json:
        """The JSON object that was sent. Raises RefusedError."""
        try:
            body = json.loads(self._body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise RefusedError(400, "Invalid JSON.")
        return body

    def page(self, key: str, rows: list[Json]) -> Json:
        """One page of a list, with the cursors of its neighbours."""
        size = min(int(self.query.get("per_page", "100")), 500)
        begin = _begin(self.query.get("cursor"))
        after, before = begin + size, begin - size
        links = {"next": _cursor(after) if after < len(rows) else "", "prev": _cursor(before) if before >= 0 else ""}
        return {key: rows[begin:after], "meta": {"total": len(rows), "links": links}}


def _cursor(begin: int) -> str:
    return base64.b64encode(f"next__{begin}".encode()).decode()


def _begin(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).removeprefix(b"next__"))
    except (binascii.Error, ValueError):
        raise RefusedError(400, "Invalid cursor.") from None


def one(things: Mapping[str, Any], call: Call, kind: str) -> Any:
    """The thing that the path names. Raises RefusedError."""
    if call.ids[0] not in things:
        raise RefusedError(404, f"Invalid {kind} ID.")
    return things[call.ids[0]]


def reply(status: int, payload: Any) -> Response:
    """An answer in JSON."""
    headers = headers_of({"Content-Type": "application/json"})
    return Response(status=status, headers=headers, body=b"" if payload is None else json.dumps(payload).encode())
