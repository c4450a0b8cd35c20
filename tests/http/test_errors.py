"""From an answer to an error: words first, then sentences, then the status; and never a secret."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from yarl import URL

from aiocloud import errors
from aiocloud.errors import (
    ApiError,
    CloudError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    RateLimitReachedError,
    ServerError,
    ServiceUnavailableError,
)
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api, Client
from aiocloud.http.errors import ErrorTable
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.redact import Redactor
from aiocloud.http.retry import Retry
from aiocloud.values import Secret

TABLE = ErrorTable(
    code="error.code",
    message="error.message",
    request_id="X-Request-Id",
    codes={"*.NotFound": NotFoundError, "busy": ConflictError},
    texts={"*limit*": errors.QuotaExceededError},
    statuses={418: ForbiddenError},
)
KEY = "canary-4711-secret"


def now() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC)


def client(response: Response) -> Client:
    async def network(request: Request) -> Response:
        return response

    redactor = Redactor(KEY)
    return Client(
        Api(base_url="https://api.example", errors=TABLE),
        network,
        provider="quay",
        account="prod",
        auth=HeaderAuth("Authorization", "Bearer ", Secret(KEY)),
        retry=Retry(attempts=1),
        redactor=redactor,
        now=now,
    )


async def failure(response: Response) -> CloudError:
    with pytest.raises(CloudError) as caught:
        await client(response).call("GET", "/things")
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error": {"code": "Thing.NotFound", "message": "no thing"}}', NotFoundError),
        (400, b'{"error": {"code": "busy", "message": "wait"}}', ConflictError),
        (400, b'{"error": {"code": "new-word", "message": "over the limit"}}', errors.QuotaExceededError),
        (400, b'{"error": {"code": "new-word", "message": "no"}}', InvalidRequestError),
        (401, b"", InvalidCredsError),
        (418, b"{}", ForbiddenError),
        (429, b"", RateLimitReachedError),
        (500, b"<html><title>Oops</title>", ServerError),
        (503, b"", ServiceUnavailableError),
        (302, b"", InvalidRequestError),
    ],
)
async def test_an_answer_becomes_the_error_that_the_table_says(status: int, body: bytes, kind: type[ApiError]) -> None:
    error = await failure(Response(status=status, body=body))
    assert type(error) is kind


async def test_an_error_says_who_why_and_which_exchange() -> None:
    body = b'{"error": {"code": "busy", "message": "it is being moved"}}'
    error = await failure(Response(status=409, body=body, headers=headers_of({"X-Request-Id": "r-1"})))
    assert str(error) == "quay (prod): it is being moved (409, busy, request r-1)"
    assert error.operation == "GET /things"


async def test_a_page_where_data_should_be_is_named_by_its_title() -> None:
    page = b"<html><head><title>Sign in to the hotel network</title></head></html>"
    error = await failure(Response(status=200, body=page, headers=headers_of({"Content-Type": "text/html"})))
    assert isinstance(error, MalformedResponseError)
    assert "text/html" in str(error)
    assert "Sign in to the hotel network" in str(error)


async def test_a_body_that_ends_too_early_is_malformed() -> None:
    assert isinstance(await failure(Response(status=200, body=b'{"things": [1,')), MalformedResponseError)


async def test_retry_after_is_read_as_seconds() -> None:
    error = await failure(Response(status=429, headers=headers_of({"Retry-After": "12"})))
    assert isinstance(error, RateLimitReachedError)
    assert error.retry_after == 12


@pytest.mark.parametrize("status", [200, 400])
async def test_a_secret_that_the_provider_repeats_is_not_in_the_error(status: int) -> None:
    body = f'{{"error": {{"message": "no user with key {KEY}"}}}}' if status == 400 else f"<p>{KEY}</p>"
    error = await failure(Response(status=status, body=body.encode()))
    assert KEY not in f"{error} {error!r} {error.args}"


async def test_a_secret_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="aiocloud.http")
    await client(Response(status=200, body=b"{}")).call("GET", "/things", params={"key": KEY})
    assert "GET" in caplog.text
    assert KEY not in caplog.text


def every_error(cls: type[Exception]) -> list[type[Exception]]:
    return [cls, *(each for child in cls.__subclasses__() for each in every_error(child))]


EXTRA: dict[str, dict[str, Any]] = {
    "WaitTimeoutError": {"node_id": "n-1"},
    "NodeStateError": {"node_id": "n-1"},
    "AmbiguousCreateError": {"name": "web", "token": "t"},
}


@pytest.mark.parametrize(
    "kind", [kind for kind in every_error(errors.CloudError) if kind.__module__ == errors.__name__]
)
def test_every_error_survives_pickling_with_all_it_knows(kind: type[CloudError]) -> None:
    context: dict[str, Any] = {"provider": "quay", "account": "prod", **EXTRA.get(kind.__name__, {})}
    if issubclass(kind, ApiError):
        context |= {"status": 400, "code": "x", "request_id": "r"}
    error = kind("it broke", **context)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.__dict__) == (str(error), error.__dict__)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {word for line in (errors.__doc__ or "").splitlines() for word in line.split() if word.endswith("Error")}
    there = {kind.__name__ for kind in every_error(errors.AiocloudError) if kind.__module__ == errors.__name__}
    assert there <= drawn


@pytest.mark.parametrize("endpoint", ["nowhere", "http://host:portv4", "ftp://files.example", "https://"])
def test_an_endpoint_that_is_no_url_is_refused_before_any_request(endpoint: str) -> None:
    async def network(request: Request) -> Response:
        raise AssertionError("no request is needed")

    with pytest.raises(errors.ConfigurationError, match="quay: the endpoint"):
        Client(Api(), network, provider="quay", endpoint=endpoint, now=now)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b'{"errors": ["text"]}',
        b'{"errors": {"reason": 5}}',
        b'{"errors": 5}',
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"errors": [{"reason": null}]}',
    ],
)
async def test_an_error_whose_body_makes_no_sense_is_still_an_error_with_its_status(body: bytes) -> None:
    async def network(request: Request) -> Response:
        return Response(status=409, body=body)

    from aiocloud.providers.linode import Linode

    for driver in (Linode(KEY, transport=network), client(Response(status=409, body=body))):
        with pytest.raises(ConflictError) as caught:
            await (driver.get_node("1") if isinstance(driver, Linode) else driver.call("GET", "/x"))
        assert caught.value.status == 409
        assert caught.value.message


async def test_data_that_is_nested_beyond_measure_is_malformed_and_no_crash() -> None:
    assert isinstance(await failure(Response(status=200, body=b"[" * 200_000)), MalformedResponseError)


async def test_an_endless_message_is_cut() -> None:
    body = b'{"error": {"message": "' + b"x" * 1_000_000 + b'"}}'
    assert len(str(await failure(Response(status=400, body=body)))) < 2000


@pytest.mark.parametrize("page", [b"<title>" + b" " * 100_000, b"<title" * 50_000, b"<title>" + b"a" * 100_000])
async def test_a_hostile_page_costs_no_time(page: bytes) -> None:
    began = time.perf_counter()
    await failure(Response(status=502, body=page))
    assert time.perf_counter() - began < 0.5


async def test_a_glimpse_of_broken_data_shows_no_token() -> None:
    """A sign-in whose answer is cut holds a secret that nobody knows of yet."""
    body = b'{"access_token": "canary-0815-token", "expi'
    for kind in ("application/json", ""):
        error = await failure(Response(status=200, body=body, headers=headers_of({"Content-Type": kind})))
        assert "canary-0815-token" not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidCredsError("Bad key."), "Bad key. Check the credentials of this account"),
        (
            InvalidCredsError("Bad key.", status=401, code="x"),
            "Bad key. (401, x). Check the credentials of this account",
        ),
        (ConflictError("It is busy."), "It is busy."),
    ],
)
def test_sentences_end_once(error: CloudError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("secret", ["a/b+c=d e&f", 'quo"ted\\secret', "h\u00e4fen-und-gezeiten", "plain-secret"])
def test_a_secret_is_hidden_however_it_is_written(secret: str) -> None:
    redactor = Redactor(secret)
    for written in (
        secret,
        quote(secret, safe=""),
        re.sub("%..", lambda escape: escape[0].lower(), quote(secret, safe="")),
        quote(secret),
        quote_plus(secret),
        str(URL("https://h/").update_query(key=secret)),
        json.dumps({"key": secret}),
        base64.b64encode(secret.encode()).decode(),
    ):
        assert "***" in redactor.clean(f"before {written} after"), written
    assert secret not in repr(redactor)


async def test_a_secret_that_comes_back_as_the_error_code_is_hidden_too() -> None:
    error = await failure(Response(status=400, body=json.dumps({"error": {"code": KEY, "message": "no"}}).encode()))
    assert KEY not in f"{error} {error.__dict__}"


def test_a_secret_that_is_nearly_a_word_hides_no_other_word() -> None:
    assert Redactor("Node").clean("no node Node") == "no node ***"
