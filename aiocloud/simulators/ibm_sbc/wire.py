"""XML, forms and refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiocloud.http.message import Request, Response, headers_of

NAMESPACE = "http://www.ibm.com/xmlns/b2b/cloud/api/2010-03-31"


class RefusedError(Exception):
    """The API's no: a status, and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def element(name: str, /, *children: str | None, **attributes: str) -> str:
    """An element of elements; an empty one without any.

    >>> element("a", text("b", "x & y")), element("c")
    ('<a><b>x &amp; y</b></a>', '<c/>')
    """
    inner = "".join(child for child in children if child)
    head = name + "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{head}>{inner}</{name}>" if inner else f"<{head}/>"


def text(name: str, value: object) -> str:
    """An element of text."""
    return element(name, escape(str(value)))


def texts(values: Mapping[str, object]) -> str:
    """Elements of text, one after the other."""
    return "".join(text(name, value) for name, value in values.items())


def document(root: str, children: Iterable[str] = ()) -> Response:
    """An answer. Its root has the namespace, and what it holds has none."""
    inner = "".join(children)
    opening = f'ns2:{root} xmlns:ns2="{NAMESPACE}"'
    body = f"<{opening}>{inner}</ns2:{root}>" if inner else f"<{opening}/>"
    xml = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{body}'
    return Response(status=200, headers=headers_of({"Content-Type": "text/xml;charset=UTF-8"}), body=xml.encode())


def refusal(error: RefusedError, headers: Mapping[str, str] | None = None) -> Response:
    """A no, in plain text."""
    found = headers_of({"Content-Type": "text/plain", **(headers or {})})
    return Response(status=error.status, headers=found, body=f"Error {error.status}: {error.text}".encode())


def form_of(request: Request) -> Mapping[str, str]:
    """The fields of the body."""
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def stamp(moment: datetime) -> str:
    """To the millisecond, with the zone.

    >>> from datetime import UTC
    >>> stamp(datetime(2011, 5, 2, 10, 3, 34, tzinfo=UTC))
    '2011-05-02T10:03:34.000+00:00'
    """
    return moment.isoformat(timespec="milliseconds")
