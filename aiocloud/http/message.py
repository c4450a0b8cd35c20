"""What travels on the road: requests and responses, and the functions that pass them on.

They are our own values and no library's, so that a driver, a layer, a simulator and a test's plain
function all speak of the same thing, and only `transport` knows what carries them over the network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

Headers: TypeAlias = CIMultiDictProxy[str]


def headers_of(pairs: Mapping[str, str] | CIMultiDictProxy[str] | None = None) -> Headers:
    """Headers as an immutable mapping whose keys ignore case.

    >>> headers_of({"Retry-After": "3"})["retry-after"]
    '3'
    """
    return CIMultiDictProxy(CIMultiDict(pairs or {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One question to an API, complete but for its signature.

    `idempotent` says that sending it twice does no more than sending it once; only then may it be
    repeated after an answer was lost. `operation` names it in logs and errors, as the API's
    documentation does ("RunInstances", "POST /servers").
    """

    method: str
    url: URL
    headers: Headers = field(default_factory=headers_of)
    body: bytes = field(default=b"", repr=False)
    idempotent: bool = False
    operation: str = ""
    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer, its body read to the end and decompressed.

    `reason` is the phrase beside the status, where the server has sent one: some old APIs say there what is wrong.
    """

    status: int
    headers: Headers = field(default_factory=headers_of)
    body: bytes = field(default=b"", repr=False)
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case; "" when none was sent."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def head(self) -> Response:
        """The same without its body: for whoever has read that, and keeps the answer."""
        return Response(status=self.status, headers=self.headers, reason=self.reason)

    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
"""Answers a request: a transport, a simulator, a plain function in a test, or a stack of layers."""

Layer: TypeAlias = Callable[[Request, Handler], Awaitable[Response]]
"""A handler around a handler: `async (request, next) -> response`."""
