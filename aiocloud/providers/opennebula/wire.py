"""Calls and answers: XML-RPC, with XML inside its strings, and templates in a syntax of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiocloud.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    ServerError,
    ServiceUnavailableError,
)
from aiocloud.http.codecs import Codec, Xml, XmlRpc, XmlRpcFaultError
from aiocloud.http.message import Handler, Request, Response

REFUSALS: Mapping[int, tuple[str, type[ApiError]]] = {
    0x0100: ("AUTHENTICATION", InvalidCredsError),
    0x0200: ("AUTHORIZATION", ForbiddenError),
    0x0400: ("NO_EXISTS", NotFoundError),
    0x0800: ("ACTION", ConflictError),
    0x1000: ("XML_RPC_API", InvalidRequestError),
    0x2000: ("INTERNAL", ServerError),
    0x4000: ("ALLOCATE", InvalidRequestError),
    0x8000: ("LOCKED", ConflictError),
    0x10000: ("REPLICATION", ServiceUnavailableError),
}
QUOTA = re.compile(r"limit of .* reached|quota", re.IGNORECASE | re.DOTALL)
"""What a full account is told, under the codes of several other refusals."""
TAKEN = re.compile(r"already (taken|exists|in use)", re.IGNORECASE)
NO = re.compile(rb"<fault>|<boolean>\s*0\s*</boolean>")
FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""What no XML may hold, and these answers sometimes do: logs and names pass through them unchecked."""

RPC, XML = XmlRpc(), Xml()


@dataclass(frozen=True, slots=True)
class OneCodec(Codec):
    """XML-RPC answers of the form [done, result, code, …], whose result is a number, or a text that is XML itself."""

    name: str = "XML-RPC"

    def decode(self, body: bytes) -> Any:
        """The result; of an XML document, what its root holds."""
        answer = RPC.decode(FORBIDDEN.sub(b"", body))
        if not isinstance(answer, list) or len(answer) < 2:
            raise ValueError("an answer of another form")
        result = answer[1]
        if isinstance(result, str) and result.lstrip().startswith("<"):
            (result,) = XML.decode(result.encode()).values()
        return result


async def raise_refusals(request: Request, send: Handler) -> Response:
    """A layer: a refusal, or a fault of XML-RPC, which come in HTTP 200, raises as any other no does."""
    response = await send(request)
    if NO.search(response.body):
        try:
            answer = RPC.decode(FORBIDDEN.sub(b"", response.body))
        except XmlRpcFaultError as fault:
            kind = ServerError if fault.code == "-500" else InvalidRequestError
            raise kind(fault.message, code=fault.code) from None
        except ValueError:
            return response  # who decodes it says what it is
        if isinstance(answer, list) and len(answer) > 2 and answer[0] is False:
            raise refusal(answer[2], str(answer[1]))
    return response


def refusal(code: Any, message: str) -> ApiError:
    """The error for one of OpenNebula's codes and its message."""
    name, kind = REFUSALS.get(code, (str(code), ServerError))
    if QUOTA.search(message):
        kind = QuotaExceededError
    elif name == "ALLOCATE" and TAKEN.search(message):
        kind = ConflictError
    return kind(message, code=name)


def template_text(attributes: Mapping[str, Any]) -> str:
    r"""Attributes in the syntax of OpenNebula's templates; those that are None are left out.

    >>> print(template_text({"CPU": 2, "NIC": [{"NETWORK_ID": "3"}], "LABELS": 'say "a"'}))
    CPU = "2"
    NIC = [ NETWORK_ID = "3" ]
    LABELS = "say \"a\""
    """
    pairs = [(name, each) for name, value in attributes.items() for each in several(value)]
    return "\n".join(f"{name} = {_written(value)}" for name, value in pairs)


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"[ {', '.join(f'{name} = {_written(each)}' for name, each in value.items())} ]"
    text = "" if value is None else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def several(value: Any) -> list[Any]:
    """However many there are: in XML, one looks like itself, and none like nothing."""
    return value if isinstance(value, list) else [] if value is None else [value]
