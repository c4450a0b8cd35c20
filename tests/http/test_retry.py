"""What is sent again, how often, and after which pause."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import anyio
import pytest
from yarl import URL

from aiocloud.errors import (
    AnswerLostError,
    CapacityError,
    CloudError,
    ConnectError,
    InvalidCredsError,
    QuotaExceededError,
    RateLimitReachedError,
    ServiceUnavailableError,
    TLSError,
)
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.retry import Retry
from aiocloud.simulators.virtualtime import run

OK = Response(status=200)


def request(*, idempotent: bool) -> Request:
    return Request(method="POST", url=URL("https://api.example/"), idempotent=idempotent, operation="Do")


def failing(errors: Sequence[CloudError]) -> tuple[Handler, list[float]]:
    """A handler that fails with these errors in turn, then succeeds; and the times at which it was asked."""
    todo = list(errors)
    times: list[float] = []

    async def handler(request: Request) -> Response:
        times.append(anyio.current_time())
        if todo:
            raise todo.pop(0)
        return OK

    return handler, times


def attempts(policy: Retry, errors: Sequence[CloudError], *, idempotent: bool = True) -> list[float]:
    """The times of the attempts; the last error is swallowed."""
    handler, times = failing(errors)

    async def go() -> None:
        try:
            await policy(request(idempotent=idempotent), handler)
        except CloudError:
            return

    run(go())
    return times


FULL = Retry(jitter=lambda: 1.0)


def test_an_idempotent_request_is_repeated_after_a_lost_answer() -> None:
    assert len(attempts(FULL, [AnswerLostError("lost"), AnswerLostError("lost")])) == 3


@pytest.mark.parametrize("error", [AnswerLostError("lost"), ServiceUnavailableError("later", status=503)])
def test_a_request_that_may_have_worked_is_not_repeated(error: CloudError) -> None:
    assert len(attempts(FULL, [error], idempotent=False)) == 1


@pytest.mark.parametrize("error", [RateLimitReachedError("slow down"), ConnectError("no route")])
def test_a_request_that_surely_did_nothing_is_repeated_whatever_it_is(error: CloudError) -> None:
    assert len(attempts(FULL, [error], idempotent=False)) == 2


@pytest.mark.parametrize(
    "error",
    [CapacityError("none left"), QuotaExceededError("enough"), InvalidCredsError("who?"), TLSError("expired")],
)
def test_what_time_does_not_mend_is_not_repeated(error: CloudError) -> None:
    assert len(attempts(FULL, [error])) == 1


def test_pauses_grow_to_their_limit() -> None:
    times = attempts(Retry(jitter=lambda: 1.0, wait_initial=1, wait_max=4, total=1000), [ConnectError("x")] * 9)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [1, 2, 4, 4]


def test_jitter_takes_a_part_of_the_pause() -> None:
    assert attempts(Retry(jitter=lambda: 0.25, wait_initial=2), [ConnectError("x")]) == [0, 0.5]


def test_what_the_provider_asks_is_the_least_that_is_waited() -> None:
    times = attempts(Retry(jitter=lambda: 1.0, wait_initial=1), [RateLimitReachedError("x", retry_after=7)])
    assert times == [0, 8]


def test_no_attempt_begins_after_the_total_time() -> None:
    times = attempts(
        Retry(jitter=lambda: 1.0, attempts=50, total=10, wait_initial=3, wait_max=3), [ConnectError("x")] * 50
    )
    assert times == [0, 3, 6, 9]


def test_a_provider_that_asks_for_more_than_there_is_time_gets_no_second_request() -> None:
    assert attempts(FULL, [RateLimitReachedError("x", retry_after=3600)]) == [0]


def test_the_error_tells_how_often_it_was_tried_and_another_policy_leaves_it_alone() -> None:
    handler, _ = failing([ConnectError("x")] * 99)

    async def go() -> None:
        await Retry()(request(idempotent=True), lambda inner: FULL(inner, handler))

    with pytest.raises(ConnectError) as caught:
        run(go())
    assert caught.value.attempts == 1
    assert caught.value.exhausted


def test_a_cancelled_wait_ends_at_once() -> None:
    handler, times = failing([ConnectError("x")] * 99)

    async def go() -> None:
        with anyio.move_on_after(0.1):
            await Retry(jitter=lambda: 1.0, wait_initial=60, wait_max=60)(request(idempotent=True), handler)
        assert anyio.current_time() == pytest.approx(0.1)

    run(go())
    assert times == [0]
