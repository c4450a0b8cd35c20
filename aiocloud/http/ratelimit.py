"""How often an account may ask, and how many questions it may have open at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio

from aiocloud.http.message import Handler, Headers, Request, Response

LONGEST_PAUSE = 300.0
"""Seconds. A provider that asks for more is answered with an error, not with a wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one account may do: `rate` requests a second on average (None: no limit of our own), `burst` of
    them at once after a quiet time, `concurrency` open at the same time.
    """

    rate: float | None = None
    burst: int = 10
    concurrency: int = 8


class RateLimiter:
    """A layer that takes a slot for each attempt, in order of arrival.

    It learns from the answers: a refusal, or a window that is used up, makes all requests of the account
    wait, not only the one that was refused.
    """

    def __init__(
        self, limits: Limits, *, now: Callable[[], datetime], jitter: Callable[[], float] = random.random
    ) -> None:
        self.limits = limits
        self._now = now
        self._jitter = jitter
        self._slots = anyio.Semaphore(limits.concurrency)
        self._turn = anyio.Lock()
        self._tokens = float(limits.burst)
        self._refilled: float | None = None
        self._paused_until = 0.0

    async def __call__(self, request: Request, send: Handler) -> Response:
        """A layer: waits for its turn, sends, and looks at what the answer says about limits."""
        async with self._turn:
            await self._pause_over()
            if self.limits.rate is not None:
                await self._take_token(self.limits.rate)
        async with self._slots:
            await self._pause_over()  # another's answer may have asked for one meanwhile
            response = await send(request)
        pause = asked_pause(response, self._now())
        if pause is not None and (response.status in REFUSALS or response.ok):
            self.pause(min(pause, LONGEST_PAUSE))
        return response

    def pause(self, seconds: float) -> None:
        """Let nothing out for so long."""
        self._paused_until = max(self._paused_until, anyio.current_time() + seconds)

    async def _pause_over(self) -> None:
        while (left := self._paused_until - anyio.current_time()) > 0:  # noqa: ASYNC110 - waits for time, not for an event
            # Those who were stopped together do not come back as one burst.
            await anyio.sleep(left * (1 + 0.1 * self._jitter()))

    async def _take_token(self, rate: float) -> None:
        now = anyio.current_time()
        elapsed = now - self._refilled if self._refilled is not None else 0.0
        self._tokens = min(float(self.limits.burst), self._tokens + elapsed * rate)
        self._refilled = now
        self._tokens -= 1
        if self._tokens < 0:
            try:
                await anyio.sleep(-self._tokens / rate)
            except BaseException:
                self._tokens += 1  # the place of one who left the queue is free again
                raise


REFUSALS = frozenset({413, 429, 503})


def asked_pause(response: Response, now: datetime) -> float | None:
    """The seconds that an answer asks to wait, or None.

    Retry-After (seconds or a date) counts on a refusal; X-RateLimit-Reset (epoch) counts on a refusal, and on
    any answer that says that nothing remains of the window.
    """
    headers = response.headers
    refused = response.status in REFUSALS
    if refused and "Retry-After" in headers:
        return retry_after(headers["Retry-After"], now)
    if refused or headers.get("X-RateLimit-Remaining") == "0":
        return _until_reset(headers, now)
    return None


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number, an HTTP date or an ISO date; None for anything else.

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> retry_after("3", noon), retry_after("Sun, 01 Mar 2026 12:00:09 GMT", noon), retry_after("soon", noon)
    (3.0, 9.0, None)
    """
    text = text.strip()
    if text.replace(".", "", 1).isdigit():
        return float(text)
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except ValueError:
            continue
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (aware - now).total_seconds())
    return None


def _until_reset(headers: Headers, now: datetime) -> float | None:
    try:
        reset = float(headers.get("X-RateLimit-Reset", ""))
    except ValueError:
        return None
    return max(0.0, reset - now.timestamp())
