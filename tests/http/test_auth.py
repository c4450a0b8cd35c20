"""Tokens: fetched once for all who wait, renewed in time, and once on a refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from yarl import URL

from aiocloud.creation import in_doubt
from aiocloud.errors import AnswerLostError, ConnectError, InvalidCredsError
from aiocloud.http.auth import HeaderAuth, Token, TokenAuth
from aiocloud.http.message import Request, Response
from aiocloud.http.redact import Redactor
from aiocloud.http.retry import Retry
from aiocloud.simulators.virtualtime import run
from aiocloud.values import Secret

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUEST = Request(method="GET", url=URL("https://api.example/"))


def now() -> datetime:
    return NOON + timedelta(seconds=anyio.current_time())


class SignIn:
    """Gives out token-1, token-2 …, each after a second, good for `life` seconds."""

    def __init__(self, life: float | None = None, *, fail: bool = False) -> None:
        self.fetches = 0
        self._life = life
        self._fail = fail

    async def __call__(self) -> Token:
        self.fetches += 1
        await anyio.sleep(1)
        if self._fail:
            raise InvalidCredsError("wrong password")
        end = now() + timedelta(seconds=self._life) if self._life else None
        return Token(value=Secret(f"token-{self.fetches}"), expires_at=end)


def auth_with(sign_in: Callable[[], Awaitable[Token]]) -> TokenAuth:
    return TokenAuth(sign_in, header="X-Auth-Token", now=now, redactor=Redactor())


async def echo(request: Request) -> Response:
    return Response(status=200, body=request.headers["X-Auth-Token"].encode())


def test_many_who_need_a_token_at_once_fetch_it_once() -> None:
    sign_in = SignIn()

    async def go() -> None:
        auth = auth_with(sign_in)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(auth, REQUEST, echo)

    run(go())
    assert sign_in.fetches == 1


def test_a_wrong_password_is_tried_once_for_all_who_wait() -> None:
    sign_in = SignIn(fail=True)
    failures: list[InvalidCredsError] = []

    async def go() -> None:
        auth = auth_with(sign_in)

        async def one() -> None:
            try:
                await auth(REQUEST, echo)
            except InvalidCredsError as error:
                failures.append(error)

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one)

    run(go())
    assert sign_in.fetches == 1
    assert len(failures) == 20
    assert not any(failure.sent for failure in failures), "the requests themselves never left"


def test_a_token_is_renewed_before_it_expires() -> None:
    sign_in = SignIn(life=600)

    async def go() -> bytes:
        auth = auth_with(sign_in)
        await auth(REQUEST, echo)
        await anyio.sleep(590)
        return (await auth(REQUEST, echo)).body

    assert run(go()) == b"token-2"


def test_a_refused_token_is_renewed_once_and_only_once() -> None:
    sign_in = SignIn()

    async def never(request: Request) -> Response:
        return Response(status=401)

    async def go() -> int:
        return (await auth_with(sign_in)(REQUEST, never)).status

    assert run(go()) == 401
    assert sign_in.fetches == 2


def test_a_token_that_was_revoked_is_replaced_once_for_all_who_used_it() -> None:
    sign_in = SignIn()

    async def revoked(request: Request) -> Response:
        await anyio.sleep(1)
        return Response(status=401 if request.headers["X-Auth-Token"] == "token-1" else 200)

    async def go() -> None:
        auth = auth_with(sign_in)
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(auth, REQUEST, revoked)

    run(go())
    assert sign_in.fetches == 2


def test_cancelling_the_one_who_fetches_leaves_the_others_with_a_token() -> None:
    sign_in = SignIn()
    answers: list[bytes] = []

    async def go() -> None:
        auth = auth_with(sign_in)

        async def impatient() -> None:
            with anyio.move_on_after(0.5):
                await auth(REQUEST, echo)

        async def patient() -> None:
            answers.append((await auth(REQUEST, echo)).body)

        async with anyio.create_task_group() as group:
            group.start_soon(impatient)
            await anyio.sleep(0.1)
            group.start_soon(patient)

    run(go())
    assert answers == [b"token-2"]


async def test_no_header_is_sent_without_a_token() -> None:
    async def network(request: Request) -> Response:
        return Response(status=200 if "Authorization" not in request.headers else 401)

    assert (await HeaderAuth("Authorization", "Bearer ", None)(REQUEST, network)).status == 200


def test_a_token_is_in_no_repr() -> None:
    assert "tide" not in repr(Token(value=Secret("tide"), data={"catalog": "tide"}))


@pytest.mark.parametrize("life", [1, 30, 3600])
def test_a_short_life_does_not_mean_a_fetch_for_every_request(life: float) -> None:
    sign_in = SignIn(life=life)

    async def go() -> None:
        auth = auth_with(sign_in)
        await auth(REQUEST, echo)
        await auth(REQUEST, echo)

    run(go())
    assert sign_in.fetches == 1


def test_a_clock_that_is_wrong_does_not_mean_a_fetch_for_every_request() -> None:
    """A token that seems to have expired before it was given is used until it is refused."""
    sign_in = SignIn(life=-3600)

    async def go() -> None:
        auth = auth_with(sign_in)
        for _ in range(5):
            await auth(REQUEST, echo)

    run(go())
    assert sign_in.fetches == 1


def test_a_sign_in_whose_answer_was_lost_leaves_no_doubt_about_the_request_itself() -> None:
    """The sign-in was repeated, the request never left: no node can have been made by it."""
    retry = Retry(attempts=2, jitter=lambda: 0.0)
    answers = [AnswerLostError("lost"), ConnectError("no route")]

    async def sign_in() -> Token:
        async def network(request: Request) -> Response:
            raise answers.pop(0)

        await retry(Request(method="POST", url=URL("https://id.example/"), idempotent=True), network)
        raise AssertionError("unreachable")

    async def go() -> bool:
        with pytest.raises(ConnectError) as caught:
            await auth_with(sign_in)(REQUEST, echo)
        return in_doubt(caught.value)

    assert run(go()) is False


def test_a_request_that_was_refused_for_its_token_is_signed_anew_even_if_it_makes_something() -> None:
    sign_in = SignIn()
    sent: list[str] = []

    async def strict(request: Request) -> Response:
        sent.append(request.headers["X-Auth-Token"])
        return Response(status=401 if len(sent) == 1 else 201)

    async def go() -> int:
        making = Request(method="POST", url=URL("https://api.example/"), body=b"{}")
        return (await auth_with(sign_in)(making, strict)).status

    assert run(go()) == 201
    assert sent == ["token-1", "token-2"]


def test_cancelling_all_who_wait_leaves_the_next_with_a_token() -> None:
    sign_in = SignIn()

    async def go() -> bytes:
        auth = auth_with(sign_in)
        with anyio.move_on_after(0.5):
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(auth, REQUEST, echo)
        with anyio.fail_after(5):
            return (await auth(REQUEST, echo)).body

    assert run(go()) == b"token-2"
