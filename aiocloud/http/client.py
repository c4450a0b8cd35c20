"""Puts the layers together in the one right order, and speaks to one API through them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import repeat
from typing import Any, TypeVar
from urllib.parse import urlencode

from yarl import URL

from aiocloud.errors import CloudError, ConfigurationError, MalformedResponseError
from aiocloud.http.auth import with_headers
from aiocloud.http.codecs import Codec, Json
from aiocloud.http.errors import ErrorLayer, ErrorTable, page_title
from aiocloud.http.message import Handler, Layer, Request, Response, headers_of
from aiocloud.http.outlines import Undecoded
from aiocloud.http.paging import OnePage, Pager, Paging, Params, pager
from aiocloud.http.ratelimit import Limits, RateLimiter
from aiocloud.http.redact import Redactor
from aiocloud.http.retry import Retry
from aiocloud.http.wirelog import WireLog
from aiocloud.mapping import dig, keys_of
from aiocloud.values import LateMap

T = TypeVar("T")

BENT = re.compile(r"//|/\.{1,2}(/|$)|[\x00-\x20\x7f]")
"""What no path of ours holds, unless an id brought it in unquoted."""

IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """What a driver declares of its API.

    `base_url` is where it lives unless the user names another `endpoint`; `limits` are what the provider
    permits an account; `headers` go with every request. A `sparse` API leaves out lists that are empty; in all others
    a list that is not there is a malformed answer.
    """

    base_url: str = ""
    paging: Paging = field(default_factory=OnePage)
    errors: ErrorTable = field(default_factory=ErrorTable)
    limits: Limits = field(default_factory=Limits)
    codec: Codec = field(default_factory=Json)
    headers: Mapping[str, str] = field(default_factory=dict)
    sparse: bool = False


class _Around:
    """A handler around a handler. A thousand accounts hold some thousands of these: it is less than a closure."""

    __slots__ = ("_inner", "_layer")

    def __init__(self, layer: Layer, inner: Handler) -> None:
        self._layer = layer
        self._inner = inner

    def __call__(self, request: Request) -> Awaitable[Response]:
        return self._layer(request, self._inner)


def stack(layers: Sequence[Layer], transport: Handler) -> Handler:
    """One handler out of layers, the first one outermost."""
    handler = transport
    for layer in reversed(layers):
        handler = _Around(layer, handler)
    return handler


class Client:
    """Speaks to one API for one account.

    Every failure that leaves it is a CloudError that names provider and account. Payloads are what the API's
    codec decodes.
    """

    def __init__(
        self,
        api: Api,
        transport: Handler,
        *,
        provider: str,
        account: str = "",
        endpoint: str | None = None,
        auth: Layer | None = None,
        retry: Retry | None = None,
        limiter: RateLimiter | None = None,
        timeout: float = 60.0,
        redactor: Redactor | None = None,
        now: Callable[[], datetime],
    ) -> None:
        self.api = api
        self.base_url = _base_url(endpoint or api.base_url, provider)
        self.provider = provider
        self.account = account
        self.redactor = redactor or Redactor()
        self._timeout = timeout
        self.errors = ErrorLayer(api.errors, provider=provider, account=account, redactor=self.redactor, now=now)
        limiter = limiter or RateLimiter(api.limits, now=now)
        who = f"{provider} ({account})" if account else provider
        log = WireLog(who=who, redactor=self.redactor)
        # Retry is outermost, so that it judges our own exceptions; each attempt then takes a slot and is
        # signed afresh. The error layer stands outside the limiter, which wants to see raw refusals, and outside
        # auth, which answers a first 401 itself.
        layers: list[Layer] = [retry or Retry(), self.errors, limiter, *([auth] if auth else []), log]
        self._handler = stack(layers, transport)

    async def call(self, method: str, path: str = "", **options: Any) -> Any:
        """The payload of the answer to a request; options as for `send`."""
        response = await self.send(method, path, **options)
        return self.decode(response, options.get("operation") or f"{method} {path}")

    async def send(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
        operation: str | None = None,
        timeout: float | None = None,
    ) -> Response:
        """The answer to a request for `path` below the API's base URL, after as many attempts as it takes.

        `params` go into the query; `json` or `form` make the body. `idempotent` defaults to what the method
        promises. Raises a CloudError for anything but a success.
        """
        if BENT.search(path.partition("?")[0]):
            raise ConfigurationError(f"{path!r} is no path: an id in it would lead elsewhere")
        url = URL(f"{self.base_url}{path}", encoded=True)
        url = url.update_query(params) if params else url
        request = Request(
            method=method,
            url=url,
            headers=headers_of({**self.api.headers, **(headers or {})}),
            body=body,
            idempotent=method in IDEMPOTENT_METHODS if idempotent is None else idempotent,
            operation=operation or f"{method} {path}",
            timeout=timeout or self._timeout,
        )
        if json is not None:
            request = _with_body(request, Json().encode(json), "application/json")
        elif form is not None:
            kind = "application/x-www-form-urlencoded; charset=utf-8"
            request = _with_body(request, urlencode(form).encode(), kind)
        return await self._handler(request)

    def decode(self, response: Response, operation: str = "") -> Any:
        """The payload of an answer. Raises MalformedResponseError for one that is not in the API's format."""
        return self._payload(self.api.codec.decode, response, operation)

    def outline(self, response: Response, operation: str = "") -> Any:
        """The same of a page of a list, whose items may be left for later: what `pager` takes."""
        return self._payload(self.api.codec.outline, response, operation)

    def _payload(self, read: Callable[[bytes], Any], response: Response, operation: str) -> Any:
        try:
            return read(response.body)
        except (ValueError, RecursionError) as error:
            kind = response.content_type or "something without a content type"
            raise self.errors.stamp(
                MalformedResponseError(
                    f"answered {kind}{page_title(response)} where {self.api.codec.name} should be: "
                    f"{_glimpse(response)}. Check the endpoint, and any proxy on the way",
                    retryable=True,
                ),
                operation,
            ) from error

    async def get(self, path: str, shape: Callable[..., T], *, item: str | None = None, **options: Any) -> T:
        """One thing, read by `shape`; `item` is the dotted path to it in the answer."""
        payload = await self.call("GET", path, **options)
        return self.read(shape, dig(payload, item) if item else payload, operation=f"GET {path}")

    def list(  # a driver's `http.list(…)`: no name says it better
        self,
        path: str,
        shape: Callable[..., T],
        *,
        items: str | None = None,
        params: Mapping[str, str] | None = None,
        paging: Paging | None = None,
        **options: Any,
    ) -> Pager[T]:
        """A list, read by `shape` (or `mapping.raw`); `items` is the dotted path to the items in each page."""
        fetch = partial(self._page, path, params or {}, options)
        return self.pager(fetch, shape, items=items, paging=paging)

    async def _page(
        self, path: str, params: Mapping[str, str], options: Mapping[str, Any], page: Params
    ) -> tuple[Response, Any]:
        response = await self.send("GET", path, params={**params, **page}, **options)
        return response.head(), self.outline(response, f"GET {path}")

    def pager(
        self,
        fetch: Callable[[Params], Awaitable[tuple[Response, Any]]],
        shape: Callable[..., T],
        *,
        items: str | Callable[[Any], Iterable[Any]] | None = None,
        paging: Paging | None = None,
    ) -> Pager[T]:
        """A list whose pages `fetch` gets, read by `shape`. `items` may be a function that finds them in a page."""
        read = partial(self._read_page, shape, keys_of(shape), items)
        return pager(fetch, read, paging or self.api.paging, stamp=self.errors.stamp)

    def _read_page(
        self,
        shape: Callable[..., T],
        keys: frozenset[str] | None,
        items: str | Callable[[Any], Iterable[Any]] | None,
        payload: Any,
    ) -> Iterator[T]:
        found = items(payload) if callable(items) else self._list(payload, items)
        if isinstance(found, Undecoded):
            return self._models(found.parts(keys), shape, found.loader())
        return self._models(zip(found, repeat(None)), shape, dict)

    def _models(
        self, parts: Iterable[tuple[Any, Any]], shape: Callable[..., T], load: Callable[[Any], Mapping[str, Any]]
    ) -> Iterator[T]:
        """A model of each part of an item, whose `extra` is the whole, loaded of its source when it is looked at."""
        whose = {"provider": self.provider, "account": self.account}
        try:
            for part, source in parts:
                yield shape(part, **whose) if source is None else shape(part, **whose, extra=LateMap(load, source))
        except CloudError as error:
            raise self.errors.stamp(error) from error.__cause__
        except (ValueError, RecursionError) as error:
            what = f"a list with an item that is no {self.api.codec.name}"
            raise self.errors.stamp(MalformedResponseError(what)) from error

    def _list(self, payload: Any, items: str | None) -> Sequence[Any]:
        found = dig(payload, items) if items else payload
        there = _holds(payload, items) if items else payload is not None
        if not (there or self.api.sparse) or not isinstance(found, Sequence | None) or isinstance(found, str):
            where = f"without `{items}`" if items else "that is none"
            raise self.errors.stamp(MalformedResponseError(f"a list {where}"))
        return found or ()

    def read(self, shape: Callable[..., T], payload: Any, *, operation: str = "") -> T:
        """A model out of a payload, marked with provider and account."""
        try:
            return shape(payload, provider=self.provider, account=self.account)
        except CloudError as error:
            raise self.errors.stamp(error, operation) from error.__cause__


def _base_url(text: str, provider: str) -> URL:
    try:
        url = URL(text.rstrip("/"))
    except ValueError as error:
        raise ConfigurationError(f"{provider}: the endpoint {text!r} is no URL: {error}") from error
    if not url.host or url.scheme not in ("http", "https"):
        raise ConfigurationError(f"{provider}: the endpoint {text!r} is no URL that begins with https:// and a host")
    return url


def _with_body(request: Request, body: bytes, kind: str) -> Request:
    return with_headers(replace(request, body=body), {"Content-Type": kind})


def _holds(payload: Any, path: str) -> bool:
    """Whether there is anything, be it null, under a dotted path."""
    above, _, key = path.rpartition(".")
    holder = dig(payload, above) if above else payload
    return isinstance(holder, Mapping) and key in holder


def _glimpse(response: Response) -> str:
    """The beginning of a page that somebody else has sent; of what is data, only its length: it may hold a secret."""
    if response.content_type.startswith("text/") and "xml" not in response.content_type:
        return repr(response.body[:400].decode("utf-8", "replace")[:120].strip())
    return f"{len(response.body)} bytes that are none"
