"""The vCloud API as a server reads and writes it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias
from xml.parsers.expat import ExpatError

import xmltodict

from aiocloud.http.message import Request, Response, headers_of

Tree: TypeAlias = dict[str, Any]

NS = "http://www.vmware.com/vcloud/v1.5"
OVF = "http://schemas.dmtf.org/ovf/envelope/1"
TYPE = "application/vnd.vmware.vcloud.{}+xml"


class Failure(Exception):  # noqa: N818 - an answer, and no failure of ours
    """A no: HTTP status, VMware's word for it, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message

    def element(self) -> Tree:
        """As an Error shows it."""
        return {"@message": self.message, "@majorErrorCode": str(self.status), "@minorErrorCode": self.code}


def bad_request(message: str) -> Failure:
    """A request that makes no sense."""
    return Failure(400, "BAD_REQUEST", message)


def no_access(kind: str, id_: str) -> Failure:
    """What is said of an entity that is gone, never was, or is another's: they cannot be told apart."""
    message = f'[ 7f1c ] No access to entity "com.vmware.vcloud.entity.{kind.lower()}:{id_}".'
    return Failure(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN", message)


def busy(name: str) -> Failure:
    """The refusal while another task runs."""
    return Failure(400, "BUSY_ENTITY", f"The entity {name} is busy completing an operation.")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: its origin, the ids in its path, and its query."""

    request: Request
    origin: str
    ids: tuple[str, ...]

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters."""
        return self.request.url.query

    def href(self, path: str) -> str:
        """An absolute link."""
        return f"{self.origin}{path}"

    def document(self, root: str, *order: str) -> Tree:
        """The body, whose children must come in this order, as the schema says."""
        tree = parse(self.request.body)
        if root not in tree:
            raise bad_request(f"validation error: a {root} is expected")
        found: Tree = tree[root] or {}
        names = [name for name in found if not name.startswith("@")]
        if order and [name for name in order if name in names] != names:
            raise bad_request(f"validation error on fields: {', '.join(names)} are not in the order of {root}")
        return found


def parse(body: bytes) -> Tree:
    """A document without its namespaces."""

    def plain(path: Any, key: str, value: Any) -> Any:
        if key.startswith("@xmlns"):
            return None
        return ("@" if key.startswith("@") else "") + key.removeprefix("@").rpartition(":")[2], value

    try:
        tree: Tree = xmltodict.parse(body, postprocessor=plain)
    except ExpatError as error:
        raise bad_request(f"malformed XML: {error}") from error
    return tree


def many(found: Any) -> list[Any]:
    """One, several or none, as a list."""
    return [] if found is None else found if isinstance(found, list) else [found]


def xml(root: str, content: Tree, status: int = 200, namespace: str = NS, **headers: str) -> Response:
    """An answer in XML; `headers` with underscores for dashes."""
    body = xmltodict.unparse({root: {"@xmlns": namespace, "@xmlns:ovf": OVF, **content}})
    kind = {"Content-Type": "application/*+xml", "X-VMWARE-VCLOUD-REQUEST-ID": "7f1c-63"}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=headers_of({**kind, **more}), body=body.encode())


def js(content: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON; `headers` with underscores for dashes."""
    kind = {"Content-Type": "application/json", "X-VMWARE-VCLOUD-REQUEST-ID": "7f1c-63"}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=headers_of({**kind, **more}), body=json.dumps(content).encode())


def failed(request: Request, failure: Failure, headers: Mapping[str, str] | None = None) -> Response:
    """A no in the tongue of that half of the API."""
    if "/cloudapi/" in request.url.path:
        content = {"minorErrorCode": failure.code, "message": failure.message, "stackTrace": None}
        answer = js(content, failure.status)
    else:
        answer = xml("Error", failure.element(), failure.status)
    return replace(answer, headers=headers_of({**answer.headers, **(headers or {})}))


def link(rel: str, href: str, kind: str, **attributes: str) -> Tree:
    """A link to something of that kind."""
    return {"@rel": rel, "@href": href, "@type": TYPE.format(kind)} | {f"@{k}": v for k, v in attributes.items()}


def stamp(moment: datetime) -> str:
    """A moment as VMware writes it."""
    return moment.isoformat(timespec="milliseconds")


def basic(request: Request) -> tuple[str, str]:
    """The user and the password of an Authorization header; empty if there is none that makes sense."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind != "Basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


class Routes:
    """Answers by method and path; `{id}` is one part of the path."""

    def __init__(self) -> None:
        self._answers: dict[str, Callable[..., Response]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self.find = lru_cache(maxsize=4096)(self._find)

    def route(self, name: str) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """The decorated function answers "GET /api/vApp/{id}"."""

        def keep(answer: Callable[..., Response]) -> Callable[..., Response]:
            self._answers[name] = answer
            self._patterns[name] = re.compile(re.escape(name).replace(r"\{id\}", "([^/]+)"))
            return answer

        return keep

    def _find(self, method: str, path: str) -> tuple[str, tuple[str, ...]]:
        for name, pattern in self._patterns.items():
            if found := pattern.fullmatch(f"{method} {path.rstrip('/')}"):
                return name, found.groups()
        return "", ()

    def __getitem__(self, name: str) -> Callable[..., Response]:
        return self._answers[name]


RECORD_CONDITION = re.compile(r"(\w+)(==|!=)(.*)")


def matches(record: Tree, condition: str) -> bool:
    """Whether a record fits: `name==web*;status!=MIXED`; `;` is and, `,` is or."""
    text = condition.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    return any(all(_holds(record, each) for each in _split(part, ";")) for part in _split(text, ","))


def _split(text: str, mark: str) -> list[str]:
    return re.split(rf"(?<!\\){mark}", text)


def _holds(record: Tree, condition: str) -> bool:
    found = RECORD_CONDITION.fullmatch(condition.strip("()"))
    if found is None or f"@{found[1]}" not in record:
        raise bad_request(f"Bad filter expression: {condition}")
    wanted = re.escape(re.sub(r"\\([();,*])", r"\1", found[3])).replace(r"\*", ".*")
    return bool(re.fullmatch(wanted, record[f"@{found[1]}"])) is (found[2] == "==")
