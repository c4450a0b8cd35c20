"""SoftLayer's two tongues, XML-RPC and REST: requests become a `Call`, results and faults become bytes."""

from __future__ import annotations

import binascii
import json
import math
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators import xmlrpc

Struct: TypeAlias = dict[str, Any]

METHOD_NAME = re.compile(rb"<methodName>\s*(\w+)\s*</methodName>")
VERBS = {"GET": "getObject", "POST": "createObject", "PUT": "editObject", "DELETE": "deleteObject"}
STATUS = {
    "SoftLayer_Exception_ObjectNotFound": 404,
    "SoftLayer_Exception_WebService_BadRequest": 400,
    "-32601": 405,
    "-32700": 400,
}


class ApiFault(Exception):  # noqa: N818 - "fault" is the API's word
    """A no, with the class name that SoftLayer gives as its code.

    `status` is the HTTP status over REST; XML-RPC answers every fault with 200.
    """

    def __init__(self, code: str, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status or STATUS.get(code, 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a request asks for, whichever way it came."""

    service: str
    method: str
    object_id: str | None = None
    args: tuple[Any, ...] = ()
    mask: Any = None
    filter: Struct = field(default_factory=dict)
    limit: int | None = None
    offset: int = 0
    username: str = ""
    api_key: str = field(default="", repr=False)

    def struct(self, position: int = 0) -> Struct:
        """The argument at `position`, which must be a structure; its nulls are left out."""
        value = self.args[position] if len(self.args) > position else None
        if not isinstance(value, dict):
            raise invalid(f"Parameter {position + 1} must be a structure.")
        return {name: part for name, part in value.items() if part is not None}


@dataclass(frozen=True, slots=True)
class Result:
    """A value to send, and for lists how many there are in all."""

    value: Any
    total: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The header that paging clients read."""
        return {} if self.total is None else {"softlayer-total-items": str(self.total)}


class Tongue(Protocol):
    """How calls come in and answers go out."""

    def operation(self, request: Request) -> str:
        """The service and method that the request names, unparsed otherwise."""

    def read(self, request: Request) -> Call:
        """The call; raises ApiFault when the request is no such thing."""

    def answer(self, result: Result) -> Response:
        """The response that carries a result."""

    def fault(self, fault: ApiFault) -> Response:
        """The response that carries a fault."""


def invalid(text: str) -> ApiFault:
    """The fault for a value that makes no sense."""
    return ApiFault("SoftLayer_Exception_InvalidValue", text)


class XmlRpc:
    """POST /xmlrpc/v3.1/{Service}, with everything but the method name inside the body."""

    def operation(self, request: Request) -> str:
        """The service from the path, the method from the body."""
        found = METHOD_NAME.search(request.body)
        method = found.group(1).decode() if found else "?"
        return f"{request.url.name}::{method}"

    def read(self, request: Request) -> Call:
        """Read the call and the headers that its first parameter holds."""
        try:
            method, params = xmlrpc.read_call(request.body)
        except ValueError as error:
            raise ApiFault("-32700", f"parse error. {error}") from error
        service = request.url.name
        envelope = params[0] if params and isinstance(params[0], dict) else {}
        headers = _dict(envelope.get("headers"))
        login = _dict(headers.get("authenticate"))
        window = _dict(headers.get("resultLimit"))
        masks = (headers.get("SoftLayer_ObjectMask"), headers.get(f"{service}ObjectMask"))
        mask = next((_dict(given).get("mask") for given in masks if given), None)
        object_id = _dict(headers.get(f"{service}InitParameters")).get("id")
        return Call(
            service=service,
            method=method,
            object_id=None if object_id is None else str(object_id),
            args=tuple(params[1:]),
            mask=mask,
            filter=_dict(headers.get(f"{service}ObjectFilter")),
            limit=_count(window.get("limit")),
            offset=_count(window.get("offset")) or 0,
            username=str(login.get("username", "")),
            api_key=str(login.get("apiKey", "")),
        )

    def answer(self, result: Result) -> Response:
        """A methodResponse."""
        return _xml(f"<params><param>{xmlrpc.encode(result.value)}</param></params>", result.headers)

    def fault(self, fault: ApiFault) -> Response:
        """A methodResponse with a fault whose code is a string, in HTTP 200."""
        return _xml(f"<fault>{xmlrpc.encode({'faultCode': fault.code, 'faultString': fault.text})}</fault>", {})


class Rest:
    """/rest/v3.1/{Service}[/{id}]/{method}.json, with query parameters for mask, filter and limit."""

    def operation(self, request: Request) -> str:
        """The service and method from the path, or from the verb where the path names no method."""
        service, _, method = _route(request)
        return f"{service}::{method}"

    def read(self, request: Request) -> Call:
        """Read the path, the query, the body and the Authorization header."""
        service, object_id, method = _route(request)
        query = request.url.query
        offset, _, limit = query.get("resultLimit", "").rpartition(",")
        username, api_key = _basic(request.headers.get("Authorization", ""))
        parameters = _dict(_json(request.body.decode("utf-8", "replace"))).get("parameters")
        return Call(
            service=service,
            method=method,
            object_id=object_id,
            args=tuple(parameters) if isinstance(parameters, list) else (),
            mask=query.get("objectMask"),
            filter=_dict(_json(query.get("objectFilter", ""))),
            limit=_count(limit or None),
            offset=_count(offset or None) or 0,
            username=username,
            api_key=api_key,
        )

    def answer(self, result: Result) -> Response:
        """The bare value as JSON."""
        return _json_response(200, result.value, result.headers)

    def fault(self, fault: ApiFault) -> Response:
        """An object with `error` and `code`."""
        return _json_response(fault.status, {"error": fault.text, "code": fault.code}, {})


def tongue_of(request: Request) -> Tongue:
    """REST under /rest, else XML-RPC."""
    return Rest() if request.url.path.startswith("/rest/") else XmlRpc()


def throttled(retry_after: float) -> Response:
    """HTTP 429 before any service has looked; its body is plain text in both tongues."""
    headers = {"Content-Type": "text/plain", "Retry-After": str(max(1, math.ceil(retry_after)))}
    return Response(status=429, headers=headers_of(headers), body=b"Too Many Requests")


def _xml(inner: str, headers: dict[str, str]) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?>\n<methodResponse>{inner}</methodResponse>'
    return Response(status=200, headers=headers_of({"Content-Type": "text/xml", **headers}), body=body.encode())


def _json_response(status: int, value: Any, headers: dict[str, str]) -> Response:
    kind = {"Content-Type": "application/json", **headers}
    return Response(status=status, headers=headers_of(kind), body=json.dumps(value).encode())


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ApiFault("SoftLayer_Exception_WebService_BadRequest", "Invalid JSON.") from error


def _route(request: Request) -> tuple[str, str | None, str]:
    service, *rest = request.url.path.removesuffix(".json").split("/")[3:] or [""]
    service = service.removesuffix(".json")
    if not rest:
        return service, None, VERBS.get(request.method, "getObject")
    if len(rest) > 1:
        return service, rest[0], rest[1]
    names_object = rest[0].isdigit() or "-" in rest[0]
    return (service, rest[0], VERBS.get(request.method, "getObject")) if names_object else (service, None, rest[0])


def _basic(header: str) -> tuple[str, str]:
    try:
        username, _, api_key = b64decode(header.removeprefix("Basic ")).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return username, api_key


def _dict(value: Any) -> Struct:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise invalid("resultLimit must be made of numbers.") from error
    if number < 0:
        raise invalid("resultLimit must not be negative.")
    return number
