"""From an answer to an error: words first, then sentences, then the status; and never a secret."""

from __future__ import annotations

import logging
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

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
