"""How often an account may ask, and how many questions it may have open at once."""

from __future__ import annotations

import math
import random
import re
from asyncio import get_running_loop
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio

from aiocloud.errors import ConfigurationError, RateLimitReachedError
from aiocloud.http.message import Handler, Headers, Request, Response

LONGEST_PAUSE = 75.0
"""Seconds. A window of a minute is waited out; whoever would have to wait for more is told so at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one account may do: `rate` requests a second on average (None: no limit of our own), `burst` of
    them at once after a quiet time, `concurrency` open at the same time.
    """

    rate: float | None = None
    burst: int = 10
    concurrency: int = 8

    def __post_init__(self) -> None:
        """Raises ConfigurationError for limits under which nothing would ever leave."""
        for name in ("rate", "burst", "concurrency"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigurationError(f"limits: `{name}` must be more than 0, not {value!r}")


class RateLimiter:
    """A layer that takes a slot for each attempt, in order of arrival.

    It learns from the answers: a refusal, or a window that is used up, makes all requests of the account
    wait, not only the one that was refused. A pause beyond `LONGEST_PAUSE` is not waited for here: requests that
    meet one fail, unsent, with the time that is left.
    """

    def __init__(
        self, limits: Limits, *, now: Callable[[], datetime], jitter: Callable[[], float] = random.random
    ) -> None:
        self.limits = limits
        self._now = now
        self._jitter = jitter
        # Fast: what is free is taken without a turn of the event loop.
        self._slots = anyio.Semaphore(limits.concurrency, fast_acquire=True)
        self._turn = anyio.Lock(fast_acquire=True)
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
        if response.status in REFUSALS or response.ok:
            pause = asked_pause(response, self._now())
            if pause is not None:
                self.pause(pause)
        return response

    def pause(self, seconds: float) -> None:
        """Let nothing out for so long."""
        self._paused_until = max(self._paused_until, get_running_loop().time() + seconds)

    async def _pause_over(self) -> None:
        while self._paused_until and (left := self._paused_until - get_running_loop().time()) > 0:
            if left > LONGEST_PAUSE:
                message = f"the provider takes no more requests of this account for {left:.0f} s"
                raise RateLimitReachedError(message, retry_after=left, sent=False)
            # Processes that were stopped together do not come back together.
            await anyio.sleep(left * (1 + 0.1 * self._jitter()))

    async def _take_token(self, rate: float) -> None:
        now = get_running_loop().time()
        elapsed = max(0.0, now - self._refilled) if self._refilled is not None else 0.0
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

    Retry-After (seconds or a date) counts on a refusal. X-RateLimit-Reset counts where nothing remains of the window:
    many providers send it with every answer. Moments are read by the clock of the server, if the answer tells it.
    """
    headers = response.headers
    # RateLimit-Reset, without the X, is when a whole window is there again: far later than the first request is.
    remaining = headers.get("X-RateLimit-Remaining")
    used_up = remaining == "0" or (remaining is None and response.status == 429)
    refused = response.status in REFUSALS
    if not (used_up or refused):
        return None  # as nearly every answer: reading its date would cost more than all the rest here
    now = _moment(headers.get("Date", "")) or now
    if refused and (pause := retry_after(headers.get("Retry-After", ""), now)) is not None:
        return pause
    return _until_reset(headers, now) if used_up else None


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header: a number, an HTTP date or an ISO date; None for anything else.

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> retry_after("3", noon), retry_after("Sun, 01 Mar 2026 12:00:09 GMT", noon), retry_after("soon", noon)
    (3.0, 9.0, None)
    """
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", text):
        return float(text)
    moment = _moment(text)
    return max(0.0, (moment - now).total_seconds()) if moment is not None else None


def _moment(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, OverflowError):
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


OLDEST_EPOCH = 1e9
"""A reset before this (in 2001) is no moment, but a number of seconds."""


def _until_reset(headers: Headers, now: datetime) -> float | None:
    try:
        reset = float(headers.get("X-RateLimit-Reset", ""))
    except ValueError:
        return None
    if not math.isfinite(reset):
        return None
    return max(0.0, reset if reset < OLDEST_EPOCH else reset - now.timestamp())
