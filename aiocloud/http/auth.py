"""How requests prove who sends them. Each way is a layer."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import anyio
from multidict import CIMultiDict, CIMultiDictProxy

from aiocloud.errors import CloudError
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.redact import Redactor
from aiocloud.values import FrozenMap, Secret


def with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    """The same request with these headers set."""
    merged = CIMultiDict(request.headers)
    merged.update(headers)
    return Request(  # `replace` would take longer than all else that is done to a request
        method=request.method,
        url=request.url,
        headers=CIMultiDictProxy(merged),
        body=request.body,
        idempotent=request.idempotent,
        operation=request.operation,
        timeout=request.timeout,
    )


class HeaderAuth:
    """A layer that sends a fixed header: `HeaderAuth("Authorization", "Bearer ", token)`.

    Without a token nothing is added, for the endpoints that are open to all.
    """

    def __init__(self, name: str, prefix: str, token: Secret | None) -> None:
        self._name = name
        self._prefix = prefix
        self._token = token

    def __call__(self, request: Request, send: Handler) -> Awaitable[Response]:
        """Sign and send."""
        if self._token is None:
            return send(request)
        return send(with_headers(request, {self._name: self._prefix + self._token.reveal()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a sign-in gives: the secret, its end, and what came with it (a catalogue of endpoints)."""

    value: Secret
    expires_at: datetime | None = None
    data: Mapping[str, Any] = field(default=FrozenMap(), repr=False)


class TokenAuth:
    """A layer for tokens that are fetched on first use, renewed before they expire, and once on a 401.

    However many requests need a token at the same moment, one of them fetches it and the others wait for it;
    a fetch that fails fails for all who waited for it, so that a wrong password is tried once. Cancelling one
    who waits, or the one who fetches, leaves the others with a fetch of their own.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        *,
        header: str,
        prefix: str = "",
        now: Callable[[], datetime],
        redactor: Redactor,
    ) -> None:
        self._fetch = fetch
        self._header = header
        self._prefix = prefix
        self._now = now
        self._redactor = redactor
        self._lock = anyio.Lock()
        self._token: Token | None = None
        self._renew_at: datetime | None = None
        self._fetches = 0
        self._failure: CloudError | None = None

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Sign and send; on a 401, once, with a new token."""
        token = await self._signed_in()
        response = await send(self._sign(request, token))
        if response.status != 401:
            return response
        self.expire(token)
        return await send(self._sign(request, await self._signed_in()))

    async def token(self) -> Token:
        """The token in force, fetched if need be. Raises what the sign-in raises."""
        if self._token is not None and not self._due():
            return self._token
        seen = self._fetches
        async with self._lock:
            if self._fetches != seen:
                if self._failure is not None:
                    raise copy.copy(self._failure)
                if self._token is not None and not self._due():
                    return self._token
            return await self._renew()

    def expire(self, token: Token) -> None:
        """Forget a token that the provider no longer takes, unless it was replaced already."""
        if self._token is token:
            self._token = None

    async def _signed_in(self) -> Token:
        try:
            return await self.token()
        except CloudError as error:
            error.sent = error.doubtful = False  # the request itself never left
            raise

    async def _renew(self) -> Token:
        try:
            token = await self._fetch()
        except CloudError as error:
            self._token, self._failure = None, error
            self._fetches += 1
            raise
        self._redactor.add(token.value)
        self._token, self._failure = token, None
        self._fetches += 1
        self._renew_at = self._renewal(token)
        return token

    def _renewal(self, token: Token) -> datetime | None:
        if token.expires_at is None:
            return None
        life = token.expires_at - self._now()
        if life <= timedelta(0):  # one of the two clocks is wrong: a 401 will tell when it is over
            return None
        return token.expires_at - min(timedelta(minutes=2), life / 10)

    def _due(self) -> bool:
        return self._renew_at is not None and self._now() >= self._renew_at

    def _sign(self, request: Request, token: Token) -> Request:
        return with_headers(request, {self._header: self._prefix + token.value.reveal()})
