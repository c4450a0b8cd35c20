"""Bodies to payloads and back: JSON, XML, XML-RPC.

Whatever a provider sends is untrusted. The XML readers expand no entities and read no document type.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

import msgspec

from aiocloud.http.outlines import outline_of_json

LONG = 64 * 1024
"""From how many bytes on a list is worth being read with more care."""

DEEPEST = 256
"""How many elements of XML may stand in one another."""


class Codec(ABC):
    """Reads the bodies of one format; `name` is what error messages call it."""

    __slots__ = ()

    name: str

    @abstractmethod
    def decode(self, body: bytes) -> Any:
        """The payload. An empty body is None. Raises ValueError for what is not in this format."""

    def outline(self, body: bytes) -> Any:
        """The same payload, in which long lists may be left for later: see `Undecoded`."""
        return self.decode(body)


@dataclass(frozen=True, slots=True)
class Json(Codec):
    """JSON text. msgspec reads it; what that refuses (infinities, UTF-16), the standard library judges.

    >>> Json().decode(b'{"a": 1}')
    {'a': 1}
    """

    name: str = "JSON"

    def decode(self, body: bytes) -> Any:
        """The payload. An empty body is None."""
        if not body.strip():
            return None
        try:
            return msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return json.loads(body)

    def outline(self, body: bytes) -> Any:
        """The payload; of a long list, an item is decoded when it is looked at."""
        if len(body) < LONG:
            return self.decode(body)
        return outline_of_json(body, self.decode)

    def encode(self, payload: Any) -> bytes:
        """Compact JSON."""
        return json.dumps(payload, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Xml(Codec):
    """XML as dictionaries, namespaces dropped; attributes carry an `@`, text beside them `#text`.

    How many children there are does not change the kind of a value: an element that consists of `items`
    (`<item>`, in EC2's XML) is always a list; an empty element is always None.

    >>> xml = Xml(items="item")
    >>> xml.decode(b'<r xmlns="urn:x"><set><item><id>1</id></item></set><none/></r>')
    {'r': {'set': [{'id': '1'}], 'none': None}}
    """

    items: str | None = None
    name: str = "XML"

    def decode(self, body: bytes) -> Any:
        """The payload, under the name of the root element. An empty body is None."""
        if not body.strip():
            return None
        import xmltodict

        _refuse_depth(body)
        always = (self.items,) if self.items else None
        try:
            tree = xmltodict.parse(body, _encoding(body), force_list=always, postprocessor=self._settle)
        except (expat.ExpatError, LookupError) as error:
            raise ValueError(f"not well-formed: {error}") from error
        return {name: _unwrap(value) for name, value in tree.items()}

    def outline(self, body: bytes) -> Any:
        """The payload; of a long list of `items`, one is decoded when it is looked at."""
        if self.items is None or len(body) < LONG:
            return self.decode(body)
        from aiocloud.http.xmlitems import outline_of_xml

        return outline_of_xml(body, self.items, self.decode)

    def _settle(self, path: Any, key: str, value: Any) -> Any:
        """An element that has ended, as it is kept: here, and nowhere else, one item and many become alike."""
        if key == "@xmlns" or key.startswith("@xmlns:"):
            return None
        if isinstance(value, dict):
            for name, child in value.items():
                value[name] = _unwrap(child)
            if value.keys() == {self.items}:
                value = _Items(value[self.items])
        return _local(key), value


def _refuse_depth(body: bytes) -> None:
    """Raises ValueError for what is nested deeper than any answer: each level would take memory again and again."""
    if body.count(b"<") <= DEEPEST:
        return
    depth = 0

    def start(name: str, attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} elements")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    with suppress(expat.ExpatError, LookupError):  # the reader itself will say so, in its own words
        parser.Parse(body, True)


@dataclass(frozen=True, slots=True)
class _Items:
    """A list of items until its parent ends: to a bare list, xmltodict would add the parent's next child."""

    items: list[Any]


def _unwrap(value: Any) -> Any:
    if isinstance(value, _Items):
        return value.items
    return [_unwrap(each) for each in value] if isinstance(value, list) else value


def _local(key: str) -> str:
    """A name without its namespace."""
    mark = "@" if key.startswith("@") else ""
    return mark + key.removeprefix("@").rpartition(":")[2]


def _encoding(body: bytes) -> str:
    """The encoding that the document itself names; xmltodict would take everything for UTF-8."""
    declared = re.match(rb"""\s*<\?xml[^>]*\sencoding=["']([\w.:-]+)["']""", body)
    return declared[1].decode("ascii") if declared else "utf-8"


class XmlRpcFaultError(Exception):
    """An XML-RPC method answered with a fault. `code` is a number or, with some servers, a word."""

    def __init__(self, code: int | str, message: str) -> None:
        super().__init__(message)
        self.code = str(code)
        self.message = message


@dataclass(frozen=True, slots=True)
class XmlRpc(Codec):
    """XML-RPC calls and answers, nil included.

    `fallback` is the encoding of answers that are no UTF-8 whatever they say of themselves.

    >>> rpc = XmlRpc()
    >>> rpc.decode(rpc.answer([1, None]))
    [1, None]
    """

    name: str = "XML-RPC"
    fallback: str | None = None

    def encode(self, method: str, *arguments: Any) -> bytes:
        """A method call."""
        from xmlrpc.client import dumps

        return dumps(arguments, methodname=method, allow_none=True).encode()

    def answer(self, value: Any) -> bytes:
        """A method response."""
        from xmlrpc.client import dumps

        return dumps((value,), methodresponse=True, allow_none=True).encode()

    def decode(self, body: bytes) -> Any:
        """The value that a method answered. Raises XmlRpcFaultError for a fault."""
        from xmlrpc.client import Error, Fault, Unmarshaller

        if not body.strip():
            raise ValueError("an empty body")
        reader = Unmarshaller(use_builtin_types=True)
        reader.xml("", None)  # no encoding: the parser gives it text, not bytes in some encoding
        parser = expat.ParserCreate(None if self.fallback is None or _is_utf8(body) else self.fallback)
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = reader.start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.data
        try:
            parser.Parse(body, True)
            return reader.close()[0]
        except Fault as fault:
            raise XmlRpcFaultError(fault.faultCode, str(fault.faultString)) from None
        except (expat.ExpatError, Error, LookupError, TypeError, AssertionError) as error:
            raise ValueError(f"not an XML-RPC answer: {error}") from error


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_document_type(*_: object) -> None:
    raise ValueError("a document type declaration, which no answer needs")
