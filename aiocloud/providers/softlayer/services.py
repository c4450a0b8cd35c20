"""Calling SoftLayer's services: one URL each, and everything else inside the body, credentials included."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aiocloud.errors import (
    ApiError,
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    PagingError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.client import Client
from aiocloud.http.codecs import XmlRpc, XmlRpcFaultError
from aiocloud.http.errors import ErrorTable
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.paging import OffsetPaging, Pager, Params
from aiocloud.values import Secret

T = TypeVar("T")

CODEC = XmlRpc(fallback="iso-8859-1")
PAGING = OffsetPaging(limit=100, total="softlayer-total-items")
BY_ID = {"operation": "orderBy", "options": [{"name": "sort", "value": ["ASC"]}]}
"""The condition on `id` that keeps pages from overlapping."""

# Faults are named after the exception in SoftLayer's own code. Most of them share a few names that say nothing,
# so that the sentence must be read; whatever it is, a named exception is a definite no.
FAULTS = ErrorTable(
    codes={
        "SoftLayer_Account": InvalidCredsError,
        "*NotFound": NotFoundError,
        "*_NotReady": ConflictError,
        "*RateLimit*": RateLimitReachedError,
        "*InsufficientCapacity*": CapacityError,
    },
    texts={
        "Invalid API token*": InvalidCredsError,
        "*authentication headers*": InvalidCredsError,
        "*[Ii]nvalid credentials*": InvalidCredsError,
        "Access [Dd]enied*": ForbiddenError,
        "*permission*": ForbiddenError,
        "*active transaction*": ConflictError,
        "*already exists*": ConflictError,
        "Object does not exist*": NotFoundError,
        "Unable to find*": NotFoundError,
        "*nsufficient capacity*": CapacityError,
        "*[Rr]ate limit*": RateLimitReachedError,
        "*limit*exceeded*": QuotaExceededError,
        "*exceed*limit*": QuotaExceededError,
        "*quota*": QuotaExceededError,
        "Internal Error*": ServerError,
        "*timed out*": ServerError,
        "*": InvalidRequestError,
    },
)
PROTOCOL_FAULTS = ErrorTable(
    # https://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php; the other numbers are the server's own troubles.
    codes={"-327*": InvalidRequestError, "-32600": InvalidRequestError, "-3260[12]": InvalidRequestError},
)


async def raise_faults(request: Request, send: Handler) -> Response:
    """A layer: a fault, which mostly comes in HTTP 200, raises as any other no does."""
    response = await send(request)
    if b"<fault" in response.body:
        try:
            CODEC.decode(response.body)
        except XmlRpcFaultError as fault:
            raise error_of(fault, response.status) from None
        except ValueError:
            pass  # no fault after all: who decodes it says what it is
    return response


def error_of(fault: XmlRpcFaultError, status: int) -> ApiError:
    """The error that a fault stands for; HTTP 200 is no part of it."""
    table = FAULTS if fault.code.startswith("SoftLayer_") else PROTOCOL_FAULTS
    return table.classify(fault.code, fault.message, status=None if status == 200 else status)


def equal(value: str) -> Mapping[str, str]:
    """The condition that a property has this value, in whichever case."""
    return {"operation": f"_= {value}"}


def number(object_id: str | int) -> int | str:
    """An id as XML-RPC takes it, whose integers have 32 bits; global identifiers stay text.

    >>> number("74440011"), number("5000000000"), number("b0a7c0de-0000-4a4a-9000-00000000feed")
    (74440011, '5000000000', 'b0a7c0de-0000-4a4a-9000-00000000feed')
    """
    text = str(object_id)
    return int(text) if text.isascii() and text.isdigit() and int(text) < 2**31 else text


class Services:
    """The services of one account, by their class names without `SoftLayer_`."""

    def __init__(self, client: Client, username: str, api_key: Secret) -> None:
        self.client = client
        self._headers = {"Content-Type": "text/xml"}
        self._login: dict[str, Any] = {}
        if username == "apikey":  # a key of IBM Cloud's platform travels as HTTP Basic
            pair = b64encode(f"{username}:{api_key.reveal()}".encode()).decode()
            client.redactor.add(pair)
            self._headers["Authorization"] = f"Basic {pair}"
        else:
            self._login["authenticate"] = {"username": username, "apiKey": api_key.reveal()}

    async def call(self, service: str, method: str, *arguments: Any, repeatable: bool = False, **scope: Any) -> Any:
        """What a method answers. What only reads, and what is `repeatable`, is sent again when an answer is lost.

        scope: `object_id` whose method it is; `mask` which properties to show; `conditions` which objects, in
        which order; `window` the limit and the offset.
        """
        response = await self._send(service, method, arguments, repeatable, **scope)
        return self.client.decode(response, f"{service}::{method}")

    def list(
        self,
        service: str,
        method: str,
        shape: Callable[..., T],
        *,
        mask: str,
        root: str | None = None,
        where: Mapping[str, Any] | None = None,
        object_id: int | None = None,
    ) -> Pager[T]:
        """A list, ordered by id and read by `shape`; `root` is the name under which filters speak of it."""
        conditions: Mapping[str, Any] = {"id": BY_ID, **(where or {})}
        scope: dict[str, Any] = {
            "mask": mask,
            "conditions": {root: conditions} if root else conditions,
            "object_id": object_id,
        }

        seen: dict[int, Any] = {}

        async def fetch(page: Params) -> tuple[Response, Any]:
            limit, offset = int(page["limit"]), int(page["offset"])
            response = await self._send(service, method, (), False, window={"limit": limit, "offset": offset}, **scope)
            payload = self.client.decode(response, f"{service}::{method}") or []
            if payload and payload == seen.get(offset - limit):
                raise self.client.errors.stamp(PagingError("the same page again: the offset is ignored"), method)
            seen.clear()
            seen[offset] = payload
            return response, payload

        return self.client.pager(fetch, shape, paging=PAGING)

    async def _send(
        self,
        service: str,
        method: str,
        arguments: tuple[Any, ...],
        repeatable: bool,
        *,
        object_id: str | int | None = None,
        mask: str | None = None,
        conditions: Mapping[str, Any] | None = None,
        window: Mapping[str, int] | None = None,
    ) -> Response:
        name = f"SoftLayer_{service}"
        headers = {
            **self._login,
            f"{name}InitParameters": None if object_id is None else {"id": number(object_id)},
            "SoftLayer_ObjectMask": {"mask": f"mask[{mask}]"} if mask else None,
            f"{name}ObjectFilter": conditions or None,
            "resultLimit": window,
        }
        envelope = {"headers": {key: value for key, value in headers.items() if value is not None}}
        return await self.client.send(
            "POST",
            f"/{name}",
            body=CODEC.encode(method, envelope, *arguments),
            headers=self._headers,
            idempotent=repeatable or method.startswith("get"),
            operation=f"{service}::{method}",
        )
