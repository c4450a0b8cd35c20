"""When to send again, and how long to wait before."""

from __future__ import annotations

import logging
import random
from asyncio import get_running_loop
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

import anyio

from aiocloud.errors import ApiError, CloudError, RateLimitReachedError
from aiocloud.http.message import Handler, Request, Response

log = logging.getLogger("aiocloud.http")

TROUBLE: ContextVar[list[CloudError] | None] = ContextVar("TROUBLE", default=None)
"""Whoever sets a deadline for calls puts a list here, and finds in it what they were repeating when time was up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Exponential back-off with full jitter, bounded by a count and by a total time.

    `attempts` counts the first sending too; 1 turns retrying off. `total` is the number of seconds after
    which no further attempt begins. The pause before attempt n is a random part of
    `wait_initial` · 2ⁿ⁻², at most `wait_max`; what the provider asks for (Retry-After, reset headers)
    is a lower bound. `sleep` and `jitter` are there for tests that own the clock.
    """

    attempts: int = 5
    total: float = 90.0
    wait_initial: float = 0.5
    wait_max: float = 20.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    jitter: Callable[[], float] = random.random

    async def __call__(self, request: Request, send: Handler) -> Response:
        """A layer: sends until it succeeds, until repeating cannot help, or until time is up."""
        began = get_running_loop().time()
        attempt = 1
        doubtful = False
        trouble = TROUBLE.get()
        while True:
            try:
                response = await send(request)
            except CloudError as error:
                error.attempts = attempt
                error.doubtful = error.doubtful or doubtful
                doubtful = doubtful or not _did_nothing(error)
                if not self.may_help(request, error):
                    raise
                pause = self.pause(attempt, error)
                over = get_running_loop().time() - began + pause > self.total
                if attempt >= self.attempts or over:
                    error.exhausted = True
                    raise
                log.info("%s: attempt %d failed (%s); again in %.2f s", request.operation, attempt, error, pause)
                if trouble is not None:
                    trouble[:] = [error]
            else:
                if trouble is not None and attempt > 1:
                    trouble.clear()
                return response
            await self.sleep(pause)
            attempt += 1

    @staticmethod
    def may_help(request: Request, error: CloudError) -> bool:
        """Whether sending again may help, and can do no harm.

        A request that may have taken effect is repeated only if it is idempotent; one that was refused
        for its rate, or never left, is repeated whatever it is. What another Retry gave up stays so.
        """
        if not error.retryable or error.exhausted:
            return False
        return request.idempotent or _did_nothing(error)

    def pause(self, attempt: int, error: CloudError) -> float:
        """Seconds to wait after so many attempts."""
        backoff = min(self.wait_max, self.wait_initial * 2.0 ** (attempt - 1)) * self.jitter()
        asked = error.retry_after if isinstance(error, ApiError) else None
        # A little more than was asked, or all who were refused together come back together.
        return asked + backoff if asked is not None else backoff


def _did_nothing(error: CloudError) -> bool:
    """Whether what failed so had surely no effect: it was refused for its rate, or never left."""
    return isinstance(error, RateLimitReachedError) or not error.sent
