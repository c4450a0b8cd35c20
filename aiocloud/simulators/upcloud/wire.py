"""What all answers share: refusals, the parts of a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from aiocloud.http.message import Request, Response, headers_of

Json: TypeAlias = dict[str, Any]
Found: TypeAlias = tuple[int, Json | None]
"""A status, and what is answered."""


class RejectedError(Exception):
    """The API's no: a status, a word, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.payload = {"error": {"error_code": code, "error_message": message}}


class Call:
    """A request, taken apart."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.parts = [unquote(part) for part in path_of(request).strip("/").split("/")]
        self.query = request.url.query

    @property
    def id(self) -> str:
        """What the path names: an id, or an address."""
        return self.parts[1]

    def body(self, wrapper: str) -> Json:
        """What the body wraps under that key; nothing where there is no body."""
        if not self.request.body:
            return {}
        try:
            told = json.loads(self.request.body)
        except ValueError:
            raise RejectedError(400, "REQUEST_INVALID", "The request body is not valid JSON.") from None
        if not isinstance(told, dict) or not isinstance(told.get(wrapper), dict):
            raise RejectedError(400, "UNKNOWN_ATTRIBUTE", f"The request body has no attribute '{wrapper}'.")
        inner: Json = told[wrapper]
        return inner


def path_of(request: Request) -> str:
    """The path behind the version."""
    return request.url.raw_path.removeprefix("/1.3").rstrip("/")


def invalid(name: str) -> RejectedError:
    """The no to a value."""
    return RejectedError(400, f"{name.upper()}_INVALID", f"The attribute '{name}' has an invalid value.")


def reply(status: int, payload: Json | None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    told = headers_of({"Content-Type": "application/json", **(headers or {})})
    return Response(status=status, headers=told, body=json.dumps(payload).encode() if payload is not None else b"")
