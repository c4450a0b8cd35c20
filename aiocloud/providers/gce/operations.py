"""Work that goes on after the API has said yes, and may still come to nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anyio

from aiocloud.driver import segment
from aiocloud.errors import ApiError, CloudError
from aiocloud.providers.gce.account import ProjectDriver
from aiocloud.providers.gce.shapes import ERRORS, last

log = logging.getLogger("aiocloud")

PATIENCE = 60.0
"""Seconds for which an operation is waited for whose failure matters."""


class Operations(ProjectDriver):
    """Requests whose answer is an operation."""

    def _path(self, path: str) -> str:
        return f"/projects/{segment(self.project)}{path}"

    async def _do(self, method: str, path: str, *, patience: float = PATIENCE, **options: Any) -> Mapping[str, Any]:
        """Ask for something, and see it done. Raises what the operation ends with, if that is an error.

        It is waited for as many seconds as there is `patience`. Where it is not done by then, it goes on alone; where
        it cannot be learned what becomes of it, a warning says so.
        """
        operation: Mapping[str, Any] = await self.http.call(method, self._path(path), **options)
        pause, end = 0.25, anyio.current_time() + patience
        while operation.get("status") != "DONE" and anyio.current_time() < end:
            try:
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
        found: Mapping[str, Any] = await self.http.call("POST", self._path(path), idempotent=True, timeout=150.0)
        return found

    @staticmethod
    def _failure(operation: Mapping[str, Any]) -> ApiError | None:
        errors = (operation.get("error") or {}).get("errors") or ()
        if not errors:
            return None
        code, message = (
            str(errors[0].get("code")),
            "; ".join(str(each.get("message") or each.get("code")) for each in errors),
        )
        return ERRORS.classify(code, message, status=operation.get("httpErrorStatusCode"))
