"""From the provider's no to ours: a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any

from aiocloud.errors import (
    ApiError,
    CloudError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
    ServiceUnavailableError,
)
from aiocloud.http.codecs import Codec, Json
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.ratelimit import asked_pause
from aiocloud.http.redact import Redactor
from aiocloud.mapping import dig

STATUSES: Mapping[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: InvalidCredsError,
    402: QuotaExceededError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ConflictError,
    423: ConflictError,
    429: RateLimitReachedError,
    502: ServiceUnavailableError,
    503: ServiceUnavailableError,
    504: ServiceUnavailableError,
}


LONGEST_MESSAGE = 1000
"""Characters of what a provider says that an error repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorTable:
    """How an API says no.

    `code` and `message` are dotted paths in the decoded body, or functions of it.
    `request_id` is a header's name, or a dotted path in the body. `codes` maps the provider's words (shell patterns:
    "*.NotFound") to our classes, the first that matches counts; `statuses` corrects the table by HTTP status for this
    API. A word or status that is in no table falls back to its status class. `texts` maps patterns of the
    message, for APIs that have no words for their errors. `refused` is for APIs that say no in a success: the status
    that a decoded body stands for, 0 for a no without one, None for a success.
    """

    code: str | Callable[[Any], str | None] | None = None
    message: str | Callable[[Any], str | None] = "message"
    request_id: str | None = None
    codes: Mapping[str, type[ApiError]] = field(default_factory=dict)
    statuses: Mapping[int, type[ApiError]] = field(default_factory=dict)
    texts: Mapping[str, type[ApiError]] = field(default_factory=dict)
    codec: Codec = field(default_factory=Json)
    refused: Callable[[Any], int | None] | None = None

    def find(self, response: Response, now: datetime) -> ApiError | None:
        """The error that an answer stands for; None for a success."""
        if not response.ok:
            return self.read(response, now)
        if self.refused is None:
            return None
        status = _told(self._decode(response), self.refused)
        return None if status is None else self.read(response, now, status)

    def read(self, response: Response, now: datetime, status: int | None = None) -> ApiError:
        """The error that an answer stands for which is no success. `status` replaces HTTP's, 0 by none."""
        status = response.status if status is None else status
        body = self._decode(response)
        code = self._code(body)
        message = self._message(body) or plain_reason(response)
        return self.classify(
            str(code) if code is not None else None,
            message,
            status=status,
            request_id=self._request_id(response, body),
            retry_after=asked_pause(response, now),
        )

    def classify(self, code: str | None, message: str, *, status: int | None = None, **details: Any) -> ApiError:
        """The error for a word, a message and a status."""
        kind = (
            _first(self.codes, code or "")
            or _first(self.texts, message)
            or self.statuses.get(status or 0)
            or _by_status(status)
        )
        return kind(message, status=status or None, code=code, **details)

    def _decode(self, response: Response) -> Any:
        try:
            return self.codec.decode(response.body)
        except (ValueError, RecursionError):
            return None

    def _code(self, body: Any) -> Any:
        return _told(body, self.code) if self.code is not None else None

    def _message(self, body: Any) -> str | None:
        found = _told(body, self.message)
        text = str(found).strip() if found else ""
        return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"

    def _request_id(self, response: Response, body: Any) -> str | None:
        if self.request_id is None:
            return None
        found = response.headers.get(self.request_id) or dig(body, self.request_id)
        return str(found) if found else None


def _told(body: Any, where: str | Callable[[Any], Any]) -> Any:
    """What a body says there; None if it is not built as errors of this API are: that is no reason to lose the rest."""
    if not callable(where):
        return dig(body, where)
    try:
        return where(body)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None


def _first(table: Mapping[str, type[ApiError]], word: str) -> type[ApiError] | None:
    return next((kind for pattern, kind in table.items() if fnmatchcase(word, pattern)), None)


def _by_status(status: int | None) -> type[ApiError]:
    if status is not None and status in STATUSES:
        return STATUSES[status]
    return ServerError if status is None or status >= 500 else InvalidRequestError


ELSEWHERE = frozenset({404, 405, 501})
"""What servers answer that are no API, or not there."""


def plain_reason(response: Response) -> str:
    """What can be said of an answer that has no message: its status, where it leads, an HTML title.

    >>> plain_reason(Response(status=502, body=b"<html><title>Bad gateway</title></html>"))
    'HTTP 502 Bad Gateway (a page titled "Bad gateway")'
    >>> plain_reason(Response(status=404))
    'HTTP 404 Not Found, and no word of the API: check the endpoint'
    """
    if 300 <= response.status < 400:
        return (
            f"HTTP {response.status}: sent elsewhere, which is not followed, since credentials would travel. "
            "Check the endpoint"
        )
    mend = ", and no word of the API: check the endpoint" if response.status in ELSEWHERE else ""
    return f"HTTP {response.status}{_phrase(response.status)}{page_title(response)}{mend}"


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def page_title(response: Response) -> str:
    """` (a page titled "…")` for an HTML page that has a title, else nothing."""
    begin = response.body[:20_000].decode("utf-8", "replace")
    found = re.search(r"<title[^<>]{0,200}>([^<]{1,2000})</title", begin, re.IGNORECASE)
    title = " ".join(found[1].split())[:120] if found else ""
    return f' (a page titled "{title}")' if title else ""


class ErrorLayer:
    """A layer: raises for every answer that is no success, and says of every failure whose it is."""

    def __init__(
        self,
        table: ErrorTable,
        *,
        provider: str,
        account: str,
        redactor: Redactor,
        now: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._provider = provider
        self._account = account
        self._redactor = redactor
        self._now = now

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Pass a success on; raise for the rest."""
        try:
            response = await send(request)
        except CloudError as error:
            self.stamp(error, request.operation)
            raise
        refusal = self._table.find(response, self._now())
        if refusal is not None:
            raise self.stamp(refusal, request.operation)
        return response

    def stamp(self, error: CloudError, operation: str = "") -> CloudError:
        """The same error, with the provider and account it belongs to, and without secrets."""
        error.provider = error.provider or self._provider
        error.account = error.account or self._account
        error.operation = error.operation or operation
        error.message = self._redactor.clean(error.message)
        if isinstance(error, ApiError) and error.code is not None:
            error.code = self._redactor.clean(error.code)
        error.args = (error.message,)
        return error
