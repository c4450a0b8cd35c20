"""Lists, and work that goes on after the API has said yes, and may still come to nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import anyio

from aiocloud.driver import segment
from aiocloud.errors import ApiError, CloudError, MalformedResponseError, ServiceUnavailableError
from aiocloud.http.message import Response
from aiocloud.http.paging import Pager, Params
from aiocloud.mapping import dig
from aiocloud.providers.gce.account import ProjectDriver
from aiocloud.providers.gce.shapes import ERRORS, last

T = TypeVar("T")

log = logging.getLogger("aiocloud")

PATIENCE = 60.0
"""Seconds for which an operation is waited for whose failure matters."""


class Operations(ProjectDriver):
    """Requests in the project: those for lists, and those whose answer is an operation."""

    def _path(self, path: str) -> str:
        return f"/projects/{segment(self.project)}{path}"

    def _list(self, path: str, shape: Callable[..., T], **params: str) -> Pager[T]:
        return self.http.list(self._path(path), shape, items="items", params=params)

    def _everywhere(self, kind: str, shape: Callable[..., T], **params: str) -> Pager[T]:
        """A list of all places, whose pages hold a table of them. Raises where one of them could not be asked."""
        path = self._path(f"/aggregated/{kind}")

        async def fetch(page: Params) -> tuple[Response, Any]:
            response = await self.http.send("GET", path, params={**params, **page})
            payload = self._table(self.http.decode(response, f"GET {path}"))
            scopes = (payload.get("items") or {}).items()
            lost = [place for place, found in scopes if dig(found, "warning.code") == "UNREACHABLE"]
            if lost := [*lost, *(payload.get("unreachables") or ())]:
                raise self.http.errors.stamp(ServiceUnavailableError(f"cannot be reached: {', '.join(lost)}"))
            return response, {**payload, "items": [each for _, found in scopes for each in found.get(kind) or ()]}

        return self.http.pager(fetch, shape, items="items")

    async def _do(self, method: str, path: str, *, patience: float = PATIENCE, **options: Any) -> Mapping[str, Any]:
        """Ask for something, and see it done. Raises what the operation ends with, if that is an error.

        It is waited for as many seconds as there is `patience`. Where it is not done by then, it goes on alone; where
        it cannot be learned what becomes of it, a warning says so.
        """
        operation = self._table(await self.http.call(method, self._path(path), **options))
        pause, end = 0.25, anyio.current_time() + patience
        while operation.get("status") != "DONE" and anyio.current_time() < end:
            try:
                with anyio.move_on_after(end - anyio.current_time()):  # Google would wait for two minutes
                    operation = await self._ask(operation)
            except CloudError as error:
                log.warning("gce has begun operation %s, whose end cannot be learned: %s", operation.get("name"), error)
                return operation
            if operation.get("status") != "DONE":
                await anyio.sleep(min(pause, 5.0))
                pause *= 2
        if (refusal := self._failure(operation)) is not None:
            raise self.http.errors.stamp(refusal, options.get("operation") or f"{method} {path}")
        return operation

    async def _ask(self, operation: Mapping[str, Any]) -> Mapping[str, Any]:
        """The operation, as soon as it has ended, or when Google does not wait any longer."""
        place = next(
            (f"/{kind}s/{segment(last(operation[kind]))}" for kind in ("zone", "region") if kind in operation),
            "/global",
        )
        path = f"{place}/operations/{segment(str(operation['name']))}/wait"
        return self._table(await self.http.call("POST", self._path(path), idempotent=True, timeout=150.0))

    def _table(self, payload: Any) -> Mapping[str, Any]:
        """The payload. Raises MalformedResponseError for one that is no object."""
        if not isinstance(payload, Mapping):
            raise self.http.errors.stamp(MalformedResponseError("an answer that is no object"))
        return payload

    @staticmethod
    def _failure(operation: Mapping[str, Any]) -> ApiError | None:
        errors = (operation.get("error") or {}).get("errors") or ()
        if not errors:
            return None
        message = "; ".join(str(each.get("message") or each.get("code")) for each in errors)
        return ERRORS.classify(str(errors[0].get("code")), message, status=operation.get("httpErrorStatusCode"))


def link(folder: str, name: str) -> str:
    """A partial link to the thing of that name; or the name itself, if it is a link already."""
    return name if "/" in name else f"{folder}/{name}"


def given(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was given a value."""
    return {key: value for key, value in body.items() if value is not None}


def as_uuid(token: str) -> str:
    """The token in the form that Google wants of a request's id."""
    return f"{token[:8]}-{token[8:12]}-{token[12:16]}-{token[16:20]}-{token[20:]}"
