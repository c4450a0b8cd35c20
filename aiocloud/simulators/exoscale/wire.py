"""What all answers share: refusals, the parts of a request, references."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

from aiocloud.http.message import Request, Response, headers_of

Json: TypeAlias = dict[str, Any]


class RefusedError(Exception):
    """The API's no: a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status, self.message = status, message


def absent(what: str = "resource") -> RefusedError:
    """The no to what is not there."""
    return RefusedError(404, f"{what} not found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, understood."""

    zone: str
    ids: tuple[str, ...]
    query: Mapping[str, str]
    body: Json

    def needed(self, name: str) -> Any:
        """A field without which nothing can be done."""
        if self.body.get(name) in (None, ""):
            raise RefusedError(400, f"Invalid request: missing field: {name}")
        return self.body[name]


def path_of(request: Request) -> str:
    """The path behind /v2. Without it there is nothing."""
    path = request.url.path
    return path.removeprefix("/v2") if path.startswith("/v2/") else ""


def check_id(text: str) -> None:
    """Refuse what is no UUID."""
    try:
        UUID(text)
    except ValueError:
        raise RefusedError(400, "Invalid request: id is not a UUID") from None


def reference(thing: Any) -> str:
    """The id in a reference to something else."""
    id_ = thing.get("id") if isinstance(thing, dict) else None
    if not isinstance(id_, str):
        raise RefusedError(400, "Invalid request: a reference without an id")
    check_id(id_)
    return id_


def body_of(text: bytes) -> Json:
    """The JSON object that was sent, or an empty one."""
    try:
        body = json.loads(text or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError(400, "Invalid request: the body is no JSON object")
    return body


def reply(status: int, payload: Json, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    kind = {"Content-Type": "application/json", **(headers or {})}
    return Response(status=status, headers=headers_of(kind), body=json.dumps(payload).encode())
