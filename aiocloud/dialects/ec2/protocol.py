"""How questions are put and answers read: form parameters out, XML in.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/making-api-requests.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from aiocloud.errors import (
    ApiError,
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
    ServiceUnavailableError,
)
from aiocloud.http.client import Client
from aiocloud.http.codecs import Xml
from aiocloud.http.errors import ErrorTable, page_title
from aiocloud.http.message import Response
from aiocloud.http.paging import OnePage, Pager, Params, TokenPaging
from aiocloud.mapping import dig

T = TypeVar("T")

XML = Xml(items="item")

VERSION = "2016-11-15"

CODES: Mapping[str, type[ApiError]] = {
    "RequestLimitExceeded": RateLimitReachedError,  # before the limits that are quotas
    "EC2ThrottledException": RateLimitReachedError,
    "Throttling*": RateLimitReachedError,
    "RequestThrottled*": RateLimitReachedError,
    "AuthFailure": InvalidCredsError,  # also: a region that the account has not opted in to
    "InvalidClientTokenId": InvalidCredsError,
    "InvalidAccessKeyId*": InvalidCredsError,
    "SignatureDoesNotMatch": InvalidCredsError,
    "IncompleteSignature": InvalidCredsError,
    "MissingAuthenticationToken*": InvalidCredsError,
    "UnrecognizedClient*": InvalidCredsError,
    "OptInRequired": InvalidCredsError,
    "ExpiredToken*": InvalidCredsError,
    "RequestExpired": InvalidCredsError,  # or a clock that is wrong
    "Blocked": InvalidCredsError,
    "PendingVerification": InvalidCredsError,
    "UnauthorizedOperation": ForbiddenError,
    "OperationNotPermitted": ForbiddenError,
    "AccessDenied*": ForbiddenError,
    "*.NotFound": NotFoundError,
    "*.Unavailable": NotFoundError,
    "*.Malformed": InvalidRequestError,
    "*.Duplicate": ConflictError,
    "*.InUse": ConflictError,
    "*InUse": ConflictError,
    "*AlreadyExists": ConflictError,
    "Idempotent*": ConflictError,
    "IncorrectInstanceState": ConflictError,
    "Incorrect*State": ConflictError,
    "DependencyViolation": ConflictError,
    "UnsupportedOperation": ConflictError,
    "*LimitExceeded": QuotaExceededError,
    "MaxSpotInstanceCountExceeded": QuotaExceededError,
    "Insufficient*": CapacityError,
    "Unsupported": CapacityError,  # a size that a zone does not have
    "InternalError": ServerError,
    "InternalFailure": ServerError,
    "Unavailable": ServiceUnavailableError,
    "ServiceUnavailable": ServiceUnavailableError,
}

HINTS = {
    "AuthFailure": "or the account has not enabled this region",
    "RequestExpired": "or the clock of this machine is wrong",
}
"""What else a word may mean, where its message does not say."""


def _error(body: Any) -> Any:
    """The error in an answer, the first if there are several."""
    found = dig(body, "Response.Errors.Error")
    return found[0] if isinstance(found, list) else found


def _code(body: Any) -> str | None:
    code: str | None = dig(_error(body), "Code")
    return code


def _message(body: Any) -> str | None:
    message: str | None = dig(_error(body), "Message")
    hint = HINTS.get(_code(body) or "")
    return f"{message.rstrip('. ')}, {hint}" if message and hint else message


ERRORS = ErrorTable(
    code=_code,
    message=_message,
    request_id="Response.RequestID",
    codes=CODES,
    codec=XML,
)


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The pairs that spell a structure: members after dots, lists counted from 1, None left out.

    >>> dict(flatten({"Id": ["i-1", "i-2"], "Placement": {"Tenancy": "default", "HostId": None}, "DryRun": True}))
    {'Id.1': 'i-1', 'Id.2': 'i-2', 'Placement.Tenancy': 'default', 'DryRun': 'true'}
    """
    match value:
        case None:
            return
        case bool():
            yield name, "true" if value else "false"
        case str() | int() | float():
            yield name, str(value)
        case datetime():
            yield name, value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case Mapping():
            for key, member in value.items():
                yield from flatten(member, f"{name}.{key}" if name else key)
        case Sequence():
            for number, member in enumerate(value, start=1):
                yield from flatten(member, f"{name}.{number}")
        case _:
            raise TypeError(f"{name} cannot be a {type(value).__name__}")


def filters(wanted: Mapping[str, str | Iterable[str]] | None) -> list[Mapping[str, Any]]:
    """Filters as the API writes them: all have to match, and of the values of each one.

    >>> filters({"instance-state-name": ["running", "stopped"], "vpc-id": "vpc-1"})[1]
    {'Name': 'vpc-id', 'Value': ['vpc-1']}
    """
    return [
        {"Name": name, "Value": [values] if isinstance(values, str) else list(values)}
        for name, values in (wanted or {}).items()
    ]


class Query:
    """Speaks the dialect through a client, to one endpoint; `location` is where that is, if all is in one place."""

    def __init__(self, client: Client, location: str | None, *, version: str = VERSION, path: str = "/") -> None:
        self.client = client
        self.location = location
        self._version = version
        self._path = path

    async def call(self, action: str, params: Mapping[str, Any] | None = None, *, idempotent: bool = False) -> Any:
        """What is under the root of the answer. `idempotent` says that asking twice does no more than asking once."""
        return (await self._send(action, params or {}, idempotent, read=self.client.decode))[1]

    async def permits(self, action: str, params: Mapping[str, Any]) -> bool:
        """Whether the call would be permitted, without making it. Raises for a call that would fail otherwise."""
        try:
            await self.call(action, {**params, "DryRun": True}, idempotent=True)
        except ApiError as error:
            if error.code not in ("DryRunOperation", "UnauthorizedOperation"):
                raise
            return error.code == "DryRunOperation"
        raise self._malformed(f"answered a dry run of {action} as if it were none", action)

    def list(
        self,
        action: str,
        shape: Callable[..., T],
        items: str | Callable[[Any], Iterable[Any]],
        params: Mapping[str, Any] | None = None,
        *,
        size: int | None = None,
    ) -> Pager[T]:
        """A list of what `items`, a path or a function, finds in each page, read by `shape`.

        `size` is the number of items asked for in a page; None where the API has no pages, or refuses a size. The
        token that leads to the next page is followed in any case.
        """
        find = items if callable(items) else (lambda payload: dig(payload, items) or ())

        async def fetch(page: Params) -> tuple[Response, Any]:
            return await self._send(action, {**(params or {}), **page}, idempotent=True, read=self.client.outline)

        paging = TokenPaging("nextToken", "NextToken", {"MaxResults": str(size)} if size else None)
        return self.client.pager(fetch, partial(shape, location=self.location), items=find, paging=paging)

    def list_whole(self, action: str, shape: Callable[..., T], items: str, params: Mapping[str, Any]) -> Pager[T]:
        """A list that the API sends in one answer."""

        async def fetch(page: Params) -> tuple[Response, Any]:
            return await self._send(action, params, idempotent=True, read=self.client.outline)

        return self.client.pager(fetch, partial(shape, location=self.location), items=items, paging=OnePage())

    async def _send(
        self, action: str, params: Mapping[str, Any], idempotent: bool, *, read: Callable[[Response, str], Any]
    ) -> tuple[Response, Any]:
        form = {"Action": action, "Version": self._version, **dict(flatten(params))}
        response = await self.client.send("POST", self._path, form=form, idempotent=idempotent, operation=action)
        document = read(response, action)
        root = next(iter(document), None) if document else None
        if root not in (f"{action}Response", f"{action}ResponseType"):  # as Eucalyptus says in some places
            what = f"<{root}>{page_title(response)}" if root else "nothing"
            raise self._malformed(f"answered {what} where <{action}Response> should be. Check the endpoint", action)
        return response.head(), document[root] or {}

    def _malformed(self, message: str, action: str) -> Exception:
        return self.client.errors.stamp(MalformedResponseError(message), action)
