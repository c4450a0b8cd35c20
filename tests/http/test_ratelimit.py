"""How requests are spread, and what answers teach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
from yarl import URL

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.ratelimit import Limits, RateLimiter
from aiocloud.simulators.virtualtime import run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = Request(method="GET", url=URL("https://api.example/"))


def now() -> datetime:
    return NOON + timedelta(seconds=anyio.current_time())


def sent(limits: Limits, count: int, answers: dict[int, Response] | None = None, took: float = 0.0) -> list[float]:
    """The times at which `count` requests that are made at once leave; some get special answers."""
    times: list[float] = []

    async def network(request: Request) -> Response:
        times.append(anyio.current_time())
        number = len(times)
        await anyio.sleep(took)
        return (answers or {}).get(number, Response(status=200))

    async def go() -> None:
        limiter = RateLimiter(limits, now=now, jitter=lambda: 0.0)
        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(limiter, REQUEST, network)

    run(go())
    return times


def refusal(status: int = 429, **headers: str) -> Response:
    return Response(status=status, headers=headers_of({name.replace("_", "-"): text for name, text in headers.items()}))


def test_a_burst_leaves_at_once_and_the_rest_at_the_rate() -> None:
    assert sent(Limits(rate=2, burst=3), 6) == [0, 0, 0, 0.5, 1.0, 1.5]


def test_only_so_many_are_open_at_once() -> None:
    assert sent(Limits(concurrency=2), 6, took=1.0) == [0, 0, 1, 1, 2, 2]


def test_a_refusal_makes_all_of_the_account_wait() -> None:
    times = sent(Limits(concurrency=1), 4, {2: refusal(Retry_After="5")}, took=1.0)
    assert times[:2] == [0, 1]
    assert times[2] >= 7 - 1
    assert times[3] >= times[2] + 1


def test_a_window_that_is_used_up_is_waited_out() -> None:
    reset = str(int(NOON.timestamp()) + 30)
    spent = Response(status=200, headers=headers_of({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}))
    assert sent(Limits(concurrency=1), 2, {1: spent}) == [0, 30]


def test_a_cancelled_waiter_gives_its_place_back() -> None:
    async def go() -> float:
        limiter = RateLimiter(Limits(rate=1, burst=1), now=now, jitter=lambda: 0.0)

        async def network(request: Request) -> Response:
            return Response(status=200)

        await limiter(REQUEST, network)
        with anyio.move_on_after(0.5):
            await limiter(REQUEST, network)
        await limiter(REQUEST, network)
        return anyio.current_time()

    assert run(go()) == 1.0
