"""How documents are written and read, where links lead, and what an error or a failed task says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio

from aiocloud.errors import (
    ApiError,
    ConflictError,
    InvalidCredsError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    WaitTimeoutError,
)
from aiocloud.http.client import Client
from aiocloud.http.codecs import Codec, Json, Xml
from aiocloud.http.errors import ErrorTable
from aiocloud.http.message import Response
from aiocloud.http.paging import LinkPaging, Pager, Params
from aiocloud.mapping import dig

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds for which a task is awaited, or the end of another one that is in the way."""

UNFINISHED = frozenset({"queued", "preRunning", "running", "postRunning"})
DONE = frozenset({"success", "completed"})


@dataclass(frozen=True, slots=True)
class Documents(Codec):
    """XML, and JSON where the newer half of the API answers so."""

    name: str = "a document of the API"

    def decode(self, body: bytes) -> Any:
        """The payload. An empty body is None; a web page, well-formed though it may be, is a ValueError."""
        if body.lstrip()[:1] in (b"{", b"["):
            return Json().decode(body)
        tree = Xml().decode(body)
        if tree is not None and "html" in map(str.lower, tree):
            raise ValueError("a web page")
        return tree


DOCUMENTS = Documents()


def write(root: str, content: Mapping[str, Any]) -> bytes:
    """An XML document. Attributes carry an `@`; children that are None are left out."""
    import xmltodict

    return xmltodict.unparse({root: _stripped(content)}).encode()


def _stripped(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {name: _stripped(child) for name, child in content.items() if child is not None}
    return [_stripped(each) for each in content] if isinstance(content, list | tuple) else content


def many(found: Any) -> list[Any]:
    """The elements of one name as a list: none, one and several look different in what XML becomes.

    >>> many(None), many({"@name": "lan"}), many(["a", "b"])
    ([], [{'@name': 'lan'}], ['a', 'b'])
    """
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def path_of(href: str) -> str:
    """Where a link leads below our own endpoint: it is never followed to another host, which would get the session.

    >>> path_of("https://vcd.example.net/api/task/7")
    '/api/task/7'
    """
    _, mark, rest = href.strip().partition("/api/")
    if not mark:
        raise MalformedResponseError(f"a link that leads nowhere in the API: {href!r}")
    return f"/api/{rest}"


def id_in(href: str) -> str:
    """The id with which a link ends."""
    return href.strip().rstrip("/").rpartition("/")[2]


def linked(payload: Any, kind: str, rel: str | None = None) -> list[str]:
    """The links of a document to things of that kind ("vdc")."""
    return [
        link["@href"]
        for link in many(dig(payload, "Link"))
        if f".{kind}+xml" in link.get("@type", "") and rel in (None, link.get("@rel"))
    ]


# ---- errors ----


def _code(body: Any) -> str | None:
    code: str | None = dig(body, "Error.@minorErrorCode") or dig(body, "minorErrorCode") or body.get("error")
    return code


def _message(body: Any) -> str | None:
    message: str | None = (
        dig(body, "Error.@message") or dig(body, "message") or dig(body, "error_description") or body.get("error")
    )
    return message


CODES: Mapping[str, type[ApiError]] = {
    "BUSY_ENTITY": ConflictError,
    "DUPLICATE_NAME": ConflictError,
    "RESOURCE_NOT_FOUND": NotFoundError,
    "*QUOTA*": QuotaExceededError,
    "*LIMIT*": QuotaExceededError,
    "invalid_grant": InvalidCredsError,
}
TEXTS: Mapping[str, type[ApiError]] = {
    "*No access to entity*": NotFoundError,  # 403: so an entity is refused that is no more, or another's
    "*[Qq]uota*": QuotaExceededError,
    "*exceed* limit*": QuotaExceededError,
    "*already exists*": ConflictError,
}
ERRORS = ErrorTable(
    code=_code,
    message=_message,
    request_id="X-VMWARE-VCLOUD-REQUEST-ID",
    codes=CODES,
    texts=TEXTS,
    codec=DOCUMENTS,
)


def is_busy(error: ConflictError) -> bool:
    """Whether it was refused only because a task runs, so that it may be asked again."""
    return error.code == "BUSY_ENTITY" or "pending task" in error.message


async def finish(http: Client, payload: Any, patience: float = PATIENCE) -> None:
    """Wait for the task in an answer, if there is one.

    Raises what its error stands for if it fails, WaitTimeoutError if it still runs after `patience` seconds.
    """
    end, pause = anyio.current_time() + patience, 0.5
    while (task := dig(payload, "Task")) is not None and (status := dig(task, "@status")) not in DONE:
        if status not in UNFINISHED:
            raise http.errors.stamp(task_error(http.api.errors, task), dig(task, "@operationName") or "task")
        if anyio.current_time() + pause > end:
            about = {"provider": http.provider, "account": http.account}
            owner = id_in(dig(task, "Owner.@href") or "")
            message = f"the task {dig(task, '@href')} is {status} after {patience:g} s"
            raise WaitTimeoutError(message, node_id=owner, **about)
        await anyio.sleep(pause)
        pause = min(5.0, pause * 1.5)
        payload = await http.call("GET", path_of(str(dig(task, "@href"))), operation="GET task")


def task_error(table: ErrorTable, task: Any) -> ApiError:
    """The error that a task ended with. Its HTTP status was a success: what counts is what the task says."""
    status = str(dig(task, "Error.@majorErrorCode") or "")
    message = dig(task, "Error.@message") or f"the task ended as {dig(task, '@status')!r}"
    code = dig(task, "Error.@minorErrorCode")
    return table.classify(code, message, status=int(status) if status.isdecimal() else None)


# ---- the query service ----


def query(http: Client, kind: str, shape: Callable[..., T], where: str | None = None) -> Pager[T]:
    """All records of that kind ("vApp"), 128 to a page; `where` is a condition ("name==web")."""
    wanted = {"type": kind, "format": "records", "pageSize": "128", "filter": where}

    async def fetch(page: Params) -> tuple[Response, Any]:
        params = {name: value for name, value in {**wanted, **page}.items() if value is not None}
        response = await http.send("GET", "/api/query", params=params, operation=f"query {kind}")
        return response, _records(http.decode(response, f"query {kind}"))

    return http.pager(fetch, shape, items="records", paging=LinkPaging("next"))


def quoted(value: str) -> str:
    r"""A value as conditions hold it: what would mean something there is escaped.

    >>> quoted("a;b")
    'a\\;b'
    """
    return re.sub(r"([();,*])", r"\\\1", value)


def _records(payload: Any) -> Mapping[str, Any]:
    """The records of a page, whatever their kind is called, and the link to the next page."""
    found = dig(payload, "QueryResultRecords")
    if not isinstance(found, Mapping):
        return {}
    kinds = [value for name, value in found.items() if not name.startswith("@") and name != "Link"]
    following = [link["@href"] for link in many(found.get("Link")) if link.get("@rel") == "nextPage"]
    return {"records": [each for kind in kinds for each in many(kind)], "next": next(iter(following), None)}
