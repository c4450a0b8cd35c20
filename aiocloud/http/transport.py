"""The handler that leaves the process. On the road, only this and its session import aiohttp."""

from __future__ import annotations

import ssl as tls
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aiohttp

from aiocloud.errors import (
    AnswerLostError,
    ConnectError,
    MalformedResponseError,
    RequestTimeoutError,
    TLSError,
)
from aiocloud.http.errors import ErrorTable
from aiocloud.http.message import Request, Response
from aiocloud.http.session import SharedSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.client import _RequestContextManager as _Sending

LARGEST_BODY = 64 * 2**20
"""Bytes. An answer beyond this is an error, not a memory problem."""

LONGEST_LINE = 2**20
"""Bytes, of an answer that is read line by line."""
LARGEST_REFUSAL = 2**16
"""Bytes that are read of an answer that is no success."""

CONNECT_TIMEOUT = 10.0
PIECE = 2**18


class AiohttpTransport:
    """Sends requests through an aiohttp session, and says in our words what goes wrong.

    `session` is shared, or a function that gives an application's own. `proxy` is a URL (http:// or https://, may hold
    credentials); `ssl` a context for private authorities or client certificates, or False to check no certificate at
    all.
    """

    def __init__(
        self,
        session: SharedSession | Callable[[], aiohttp.ClientSession],
        *,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool = True,
        user_agent: str = "aiocloud",
    ) -> None:
        self._session = session
        self._proxy = proxy
        self._ssl = ssl
        self._user_agent = user_agent

    def direct(self) -> AiohttpTransport:
        """The same without its proxy, for what only this machine can reach."""
        return AiohttpTransport(self._session, ssl=self._ssl, user_agent=self._user_agent)

    async def __call__(self, request: Request) -> Response:
        """Send, and read the answer to its end. Raises a TransportError where there is none."""
        timeout = aiohttp.ClientTimeout(total=request.timeout, sock_connect=CONNECT_TIMEOUT)
        with self._in_our_words(request):
            async with self._room(), self._send(request, timeout) as answer:
                body = await _read(answer)
                return Response(status=answer.status, headers=answer.headers, body=body, reason=answer.reason or "")

    async def lines(self, request: Request) -> AsyncGenerator[str, None]:
        """The lines of an answer of any size while it arrives, without their ends. Close it if you leave early.

        The request's timeout is the longest silence. Raises an ApiError for an answer that is no success, a
        TransportError where there is none or it breaks off, MalformedResponseError for a line without an end.
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=request.timeout)
        with self._in_our_words(request):
            async with self._room(), self._send(request, timeout) as answer:
                if not 200 <= answer.status < 300:
                    refusal = Response(status=answer.status, headers=answer.headers, body=await _begin(answer))
                    raise ErrorTable().read(refusal, datetime.now(UTC))
                rest = b""
                async for part in answer.content.iter_chunked(PIECE):
                    *whole, rest = (rest + part).split(b"\n")
                    for line in whole:
                        yield _text(line)
                    if len(rest) > LONGEST_LINE:
                        raise MalformedResponseError(f"a line of more than {LONGEST_LINE // 2**20} MiB")
                if rest:
                    yield _text(rest)

    def _room(self) -> AbstractAsyncContextManager[None]:
        """Room for one more request; an application's own session keeps its own limits."""
        if not isinstance(self._session, SharedSession):
            return nullcontext()
        self._session.get()  # which says so, if there is none
        return self._session.room

    def _send(self, request: Request, timeout: aiohttp.ClientTimeout) -> _Sending:
        headers = {"User-Agent": self._user_agent, **request.headers}
        if isinstance(self._session, SharedSession):
            session = self._session.get()
            if self._session.crowded:
                headers["Connection"] = "close"
        else:
            session = self._session()
        if session.closed:
            raise ConnectError("the aiohttp session that was given is closed", retryable=False)
        return session.request(
            request.method,
            request.url,
            data=request.body or None,
            headers=headers,
            allow_redirects=False,
            timeout=timeout,
            proxy=self._proxy,
            ssl=self._ssl,  # True: as the session's connector says
        )

    @contextmanager
    def _in_our_words(self, request: Request) -> Iterator[None]:
        host = request.url.host
        try:
            yield
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, tls.SSLError) as error:
            raise TLSError(f"TLS with {host} failed: {_reason(error)}. Check the endpoint, or pass `ssl`") from error
        except (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError) as error:
            raise ConnectError(
                f"no connection to {host}: {_reason(error)}. Check the endpoint and the network"
            ) from error
        except aiohttp.ClientHttpProxyError as error:
            retryable = error.status >= 500  # a wrong password does not become right
            message = f"the proxy refused the way to {host}: {error.status} {error.message}"
            raise ConnectError(message, retryable=retryable) from None  # the cause would tell the proxy's URL
        except aiohttp.ConnectionTimeoutError as error:
            raise ConnectError(f"no connection to {host} within {CONNECT_TIMEOUT:g} s") from error
        except TimeoutError as error:
            raise RequestTimeoutError(f"no answer from {host} within {request.timeout:g} s") from error
        except (aiohttp.InvalidURL, UnicodeError):
            # Neither text nor cause is told: a proxy's URL, of which it may be, holds a password.
            what = f"the host {host!r}" + " or the proxy" * bool(self._proxy)
            raise ConnectError(f"{what} makes no URL. Check the endpoint", retryable=False) from None
        except ValueError as error:
            message = f"the request to {host} cannot be written: {error}. Check the credentials for line breaks"
            raise ConnectError(message, retryable=False) from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise AnswerLostError(f"the answer of {host} was lost: {_reason(error)}") from error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():  # as it comes: a copy less than pieces of one size
        size += len(part)
        if size > LARGEST_BODY:
            raise MalformedResponseError(f"an answer of more than {LARGEST_BODY // 2**20} MiB")
        parts.append(part)
    return b"".join(parts)


async def _begin(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    async for part in answer.content.iter_chunked(LARGEST_REFUSAL):
        parts.append(part)
        if sum(map(len, parts)) >= LARGEST_REFUSAL:
            break
    return b"".join(parts)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")


def _reason(error: Exception) -> str:
    """What happened, without the connection key that aiohttp prints."""
    inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None) or error
    if isinstance(inner, tls.SSLCertVerificationError):
        return inner.verify_message
    text = getattr(inner, "strerror", None) or str(inner)
    return str(text) or type(inner).__name__
