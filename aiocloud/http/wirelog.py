"""One line for each attempt on the logger `aiocloud.http`, without bodies and without secrets."""

from __future__ import annotations

import logging
from asyncio import get_running_loop
from collections.abc import Awaitable

from yarl import URL

from aiocloud.errors import CloudError
from aiocloud.http.message import Handler, Headers, Request, Response
from aiocloud.http.redact import SECRET_HEADERS, SECRET_PARAMETERS, Redactor

log = logging.getLogger("aiocloud.http")


class WireLog:
    """A layer: notes method, URL, status, time and size of each attempt at level DEBUG."""

    def __init__(self, *, who: str, redactor: Redactor) -> None:
        self._who = who
        self._redactor = redactor

    def __call__(self, request: Request, send: Handler) -> Awaitable[Response]:
        """Send, and note what became of it, if anybody reads that."""
        return self._noted(request, send) if log.isEnabledFor(logging.DEBUG) else send(request)

    async def _noted(self, request: Request, send: Handler) -> Response:
        began = get_running_loop().time()
        try:
            response = await send(request)
        except CloudError as error:
            self._note(request, began, self._redactor.clean(f"{type(error).__name__}: {error.message}"))
            raise
        shown = self._headers(response.headers)
        self._note(request, began, f"{response.status}, {len(response.body)} bytes, {shown}")
        return response

    def _note(self, request: Request, began: float, outcome: str) -> None:
        log.debug(
            "%s: %s %s %s %s -> %s in %.0f ms",
            self._who,
            request.operation,
            request.method,
            self._url(request.url),
            self._headers(request.headers),
            outcome,
            1000 * (get_running_loop().time() - began),
        )

    def _url(self, url: URL) -> str:
        hidden = {name: "***" for name in url.query if name in SECRET_PARAMETERS}
        url = url.update_query(hidden) if hidden else url
        return self._redactor.clean(str(url.with_user(None)))  # what a URL says before an @ may be a password

    def _headers(self, headers: Headers) -> dict[str, str]:
        return {
            name: "***" if name.lower() in SECRET_HEADERS else self._redactor.clean(value)
            for name, value in headers.items()
        }
