"""How requests are spread, and what answers teach."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest
from yarl import URL

from aiocloud.errors import ConfigurationError, RateLimitReachedError
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.ratelimit import LONGEST_PAUSE, Limits, RateLimiter, asked_pause, retry_after
from aiocloud.http.retry import Retry
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


def test_a_pause_that_the_provider_asks_for_is_waited_once_and_not_twice() -> None:
    """Both the limiter and the retry know of it; they wait for the same moment."""

    async def network(request: Request) -> Response:
        return refusal(Retry_After="5") if anyio.current_time() < 5 else Response(status=200, body=b"{}")

    async def go() -> float:
        client = Client(Api(base_url="https://api.example"), network, provider="quay", now=now)
        await client.call("GET", "/things")
        return anyio.current_time()

    assert 5 <= run(go()) < 6.1


def test_a_longer_pause_is_an_error_that_says_so_and_not_a_silent_wait() -> None:
    reset = str(int(NOON.timestamp()) + 3600)
    spent = Response(
        status=200, body=b"{}", headers=headers_of({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    )
    asked = 0

    async def network(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return spent

    async def go() -> float:
        client = Client(Api(base_url="https://api.example"), network, provider="quay", account="prod", now=now)
        await client.call("GET", "/things")
        with pytest.raises(RateLimitReachedError, match=r"quay \(prod\).* 3600 s") as caught:
            await client.call("GET", "/things")
        assert caught.value.retry_after == 3600
        assert not caught.value.sent
        ended = anyio.current_time()
        await anyio.sleep(3600)
        await client.call("GET", "/things")
        return ended

    assert run(go()) == 0
    assert asked == 2


def test_whoever_waits_in_line_learns_of_a_long_pause_too() -> None:
    async def network(request: Request) -> Response:
        await anyio.sleep(1)
        return refusal(Retry_After="7200")

    async def go() -> int:
        limiter = RateLimiter(Limits(concurrency=1), now=now)
        refused = 0

        async def one() -> None:
            nonlocal refused
            try:
                await limiter(REQUEST, network)
            except RateLimitReachedError:
                refused += 1

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
        assert anyio.current_time() == 1
        return refused

    assert run(go()) == 4


def test_a_retry_that_has_time_waits_for_what_the_limiter_refused() -> None:
    async def network(request: Request) -> Response:
        soon = anyio.current_time() < 200
        return refusal(Retry_After=str(200 - int(anyio.current_time()))) if soon else Response(status=200)

    async def go() -> float:
        client = Client(Api(base_url="https://api.example"), network, provider="quay", retry=Retry(total=1000), now=now)
        await client.call("GET", "/things")
        return anyio.current_time()

    assert 200 <= run(go()) <= 202


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (429, {"X-RateLimit-Reset": "+30"}, 30),
        (429, {"X-RateLimit-Reset": "@30"}, 30),
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": "@3000"}, None),
        (429, {"X-RateLimit-Reset": "@-30"}, 0),
        (429, {"X-RateLimit-Reset": "nan"}, None),
        (429, {"X-RateLimit-Reset": "inf"}, None),
        (429, {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "@3000"}, None),
        (503, {"X-RateLimit-Remaining": "4000", "X-RateLimit-Reset": "@3000"}, None),
        (503, {"X-RateLimit-Reset": "@3000"}, None),
        (503, {"Retry-After": "2", "X-RateLimit-Reset": "@3000"}, 2),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "@9"}, 9),
        (200, {"Retry-After": "9"}, None),
        (429, {"Retry-After": "soon", "X-RateLimit-Reset": "@9"}, 9),
    ],
)
def test_only_what_is_about_the_rate_is_waited_for(status: int, headers: dict[str, str], pause: float | None) -> None:
    """Some providers send the moment of the reset with every answer, whatever it says."""
    epoch = int(NOON.timestamp())
    told = {
        name: str(epoch + int(text[1:])) if text.startswith("@") else text.removeprefix("+")
        for name, text in headers.items()
    }
    assert asked_pause(Response(status=status, headers=headers_of(told)), NOON) == pause


def test_a_moment_is_read_by_the_clock_of_the_one_who_names_it() -> None:
    """Our clock is an hour slow; else every pause would last an hour."""
    headers = {"Date": "Sun, 01 Mar 2026 13:00:00 GMT", "Retry-After": "Sun, 01 Mar 2026 13:00:09 GMT"}
    assert asked_pause(Response(status=429, headers=headers_of(headers)), NOON) == 9


@pytest.mark.parametrize("text", ["", "\u00b2", "-5", "1e9", "nan", "Sun, 01 Mar 99999999999 12:00:09 GMT", "9" * 400])
def test_nonsense_is_no_pause_and_no_crash(text: str) -> None:
    assert retry_after(text, NOON) is None


def test_a_cancelled_request_gives_its_slot_back() -> None:
    async def forever(request: Request) -> Response:
        await anyio.sleep_forever()
        raise AssertionError("unreachable")

    async def at_once(request: Request) -> Response:
        return Response(status=200)

    async def go() -> None:
        limiter = RateLimiter(Limits(concurrency=1), now=now)
        for _ in range(5):
            with anyio.move_on_after(1):
                await limiter(REQUEST, forever)
        with anyio.fail_after(1):
            await limiter(REQUEST, at_once)

    run(go())


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": -1.0}, {"concurrency": 0}, {"burst": 0}])
def test_limits_under_which_nothing_would_ever_leave_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Limits(**wrong)  # type: ignore[arg-type]  # numbers of either kind


def test_the_longest_pause_outlasts_a_window_of_a_minute() -> None:
    assert 60 < LONGEST_PAUSE <= Retry().total
