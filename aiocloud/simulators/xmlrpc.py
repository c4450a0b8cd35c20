"""Calls read and answers written as XML-RPC, for simulators of APIs that speak it: http://xmlrpc.com/spec.md"""

from __future__ import annotations

import re
from html import escape
from typing import Any
from xml.parsers import expat  # guarded below: a document type ends the parse
from xmlrpc.client import Unmarshaller  # its value reader alone, behind the guarded parser

UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def encode(value: Any) -> str:
    """A value as XML-RPC.

    >>> encode({"id": 7, "tags": ["a&b"], "notes": None})[:53]
    '<value><struct><member><name>id</name><value><int>7</'
    """
    match value:
        case None:
            inner = "<nil/>"
        case bool():
            inner = f"<boolean>{int(value)}</boolean>"
        case int():
            inner = f"<int>{value}</int>"
        case float():
            inner = f"<double>{value!r}</double>"
        case list() | tuple():
            inner = f"<array><data>{''.join(map(encode, value))}</data></array>"
        case dict():
            members = (f"<member><name>{_text(k)}</name>{encode(v)}</member>" for k, v in value.items())
            inner = f"<struct>{''.join(members)}</struct>"
        case _:
            inner = f"<string>{_text(value)}</string>"
    return f"<value>{inner}</value>"


def _text(value: object) -> str:
    return escape(UNSPEAKABLE.sub("", str(value)), quote=False)


def read_call(body: bytes) -> tuple[str, tuple[Any, ...]]:
    """The method and the parameters of a call. Raises ValueError for what is none."""
    reader = Unmarshaller()
    reader.xml("", None)  # the parser hands over text, which the reader then need not decode
    parser = expat.ParserCreate(_encoding(body))
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(body, True)
        params: Any = reader.close()
        return str(reader.getmethodname() or ""), tuple(params)
    except _DocumentTypeError:
        raise
    except Exception as error:  # the reader raises whatever its input makes it raise
        raise ValueError("not well formed") from error


class _DocumentTypeError(ValueError):
    """A document type, which no call needs."""


def _encoding(body: bytes) -> str | None:
    """UTF-8 where it fits, else what the document says: some clients say Latin-1 and send UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _refuse_doctype(*_: object) -> None:
    raise _DocumentTypeError("document types are not allowed")
