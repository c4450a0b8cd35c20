"""Requests in the subscription, and work that goes on after the API has said yes, and may still come to nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import anyio
from yarl import URL

from aiocloud.driver import segment
from aiocloud.errors import (
    ApiError,
    CapacityError,
    CloudError,
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    MalformedResponseError,
    QuotaExceededError,
)
from aiocloud.http.message import Response
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import retry_after
from aiocloud.mapping import dig
from aiocloud.providers.azure.account import SubscriptionDriver
from aiocloud.providers.azure.shapes import ERRORS

T = TypeVar("T")

log = logging.getLogger("aiocloud")

PATIENCE = 60.0
"""Seconds for which an operation is waited for whose failure matters."""

COMPUTE, NETWORK = "Microsoft.Compute", "Microsoft.Network"
VERSIONS = {COMPUTE: "2024-11-01", NETWORK: "2024-05-01"}
DISKS, SKUS, GALLERIES = "2024-03-02", "2021-07-01", "2023-07-03"
GROUPS, LOCATIONS = "2022-09-01", "2022-12-01"
REFUSED = (CapacityError, QuotaExceededError, ConflictError, InvalidRequestError)
"""What an operation ends with that was asked about; all else means that it could not be asked."""


class Operations(SubscriptionDriver):
    """Requests in the subscription: those for lists, and those whose work goes on."""

    def _path(self, path: str = "") -> str:
        if self.subscription_id is None:
            raise ConfigurationError("azure tells prices and places without an account, and nothing else")
        return f"/subscriptions/{segment(self.subscription_id)}{path}"

    def _group(self, name: str | None = None) -> str:
        return self._path(f"/resourceGroups/{segment(name or self.resource_group)}")

    def _in(self, namespace: str, kind: str, name: str, *, group: str | None = None) -> str:
        """The id of a thing in a resource group, which is its path as well."""
        return f"{self._group(group)}/providers/{namespace}/{kind}/{segment(name)}"

    def _list(self, path: str, shape: Callable[..., T], *, version: str | None = None, **params: str) -> Pager[T]:
        return self.http.list(path, shape, items="value", params={"api-version": version or _version(path), **params})

    def _kind(self, namespace: str, kind: str, shape: Callable[..., T], **params: str) -> Pager[T]:
        """All things of a kind in the subscription."""
        return self._list(self._path(f"/providers/{namespace}/{kind}"), shape, **params)

    async def _get(self, path: str, *, version: str | None = None, **params: str) -> Mapping[str, Any]:
        payload = await self.http.call("GET", path, params={"api-version": version or _version(path), **params})
        return self._table(payload)

    async def _do(
        self, method: str, path: str, *, version: str | None = None, patience: float = PATIENCE, **options: Any
    ) -> Mapping[str, Any]:
        """Ask for something, and see it done. Raises what the operation ends with, if that is an error.

        It is waited for as many seconds as there is `patience`. Where it is not done by then, it goes on alone; where
        it cannot be learned what becomes of it, a warning says so.
        """
        response = await self._ask(method, path, version=version, **options)
        await self._settle(response, f"{method} {path}", patience)
        return self._said(response, f"{method} {path}")

    async def _ask(self, method: str, path: str, *, version: str | None = None, **options: Any) -> Response:
        return await self.http.send(method, path, params={"api-version": version or _version(path)}, **options)

    def _said(self, response: Response, what: str) -> Mapping[str, Any]:
        return self._table(self.http.decode(response, what)) if response.body else {}

    async def _settle(self, response: Response, what: str, patience: float) -> bool:
        """Wait for the end of what an answer says has begun; whether it was seen. Raises what it fails with.

        The answer names where to ask; only the path and the query of that are used, on our own host.
        """
        link = _link(response)
        end = anyio.current_time() + patience
        pause = 0.5
        while link is not None and (left := end - anyio.current_time()) > 0:
            asked = retry_after(response.headers.get("Retry-After", ""), self.now())
            await anyio.sleep(min(asked if asked is not None else pause, left))
            pause = min(pause * 1.5, 5.0)
            state = None
            try:
                with anyio.move_on_after(max(end - anyio.current_time(), 1.0)):
                    response = await self._follow(link)
                    state = self._progress(response, what)
            except REFUSED:
                raise  # by way of `Location`, this is how it fails
            except CloudError as error:
                log.warning("azure has begun %s, whose end cannot be learned: %s", what, error)
                return False
            if state is not None:
                if state != "Succeeded":
                    raise self.http.errors.stamp(_failure(state, self._said(response, what)), what)
                return True
        return link is None

    async def _follow(self, link: str) -> Response:
        url = URL(link)
        path = url.raw_path.removeprefix(self.http.base_url.raw_path.rstrip("/"))
        return await self.http.send("GET", path, params=dict(url.query), operation="GET an operation")

    def _progress(self, response: Response, what: str) -> str | None:
        """How it has ended; None while it goes on."""
        state = self._said(response, what).get("status")
        if isinstance(state, str):
            return state if state in ("Succeeded", "Failed", "Canceled") else None
        return None if response.status == 202 else "Succeeded"

    def _table(self, payload: Any) -> Mapping[str, Any]:
        """The payload. Raises MalformedResponseError for one that is no object."""
        if not isinstance(payload, Mapping):
            raise self.http.errors.stamp(MalformedResponseError("an answer that is no object"))
        return payload


def _link(response: Response) -> str | None:
    """Where the end of the work can be asked for."""
    told = response.headers.get("Azure-AsyncOperation")
    return told or (response.headers.get("Location") if response.status == 202 else None)


def _failure(state: str, payload: Mapping[str, Any]) -> ApiError:
    """What an operation came to. What is in no table is a conflict: repeating it would not help."""
    code = dig(payload, "error.code") or state
    return ERRORS.classify(str(code), str(dig(payload, "error.message") or f"the operation was {state}"), status=409)


def _version(path: str) -> str:
    """The version of the API that a path is asked in."""
    return next((version for namespace, version in VERSIONS.items() if f"/providers/{namespace}/" in path), GROUPS)


def given(body: Mapping[str, Any]) -> dict[str, Any]:
    """What was given a value."""
    return {key: value for key, value in body.items() if value is not None}
