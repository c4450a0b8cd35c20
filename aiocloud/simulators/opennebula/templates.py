"""OpenNebula's templates: read in either of their two syntaxes, and written as XML."""

from __future__ import annotations

import re
from html import escape
from typing import Any, TypeAlias
from xml.parsers import expat

Template: TypeAlias = dict[str, Any]
"""Names to texts, to vectors (names to texts), or to lists of either where a name stands several times."""

QUOTED = r'"(?:[^"\\]|\\.)*"'
ATTRIBUTE = re.compile(
    rf'(?:\s|#[^\n]*\n)*(?P<name>\w+)\s*=\s*(?:\[(?P<vector>(?:{QUOTED}|[^\]"])*)\]|(?P<text>{QUOTED}|[^\s\[][^\n]*))',
    re.DOTALL,
)
PAIR = re.compile(rf"\s*(?P<name>\w+)\s*=\s*(?P<text>{QUOTED}|[^,\s]+)\s*(?:,|$)", re.DOTALL)
MULTIPLE = frozenset({"DISK", "NIC", "NIC_ALIAS"})


def parse(text: str) -> Template:
    """The attributes of a template. Raises ValueError where it is none."""
    if text.lstrip().startswith("<"):
        return _from_xml(text)
    found: Template = {}
    position, end = 0, len(text.rstrip())
    while position < end:
        attribute = ATTRIBUTE.match(text, position)
        if attribute is None:
            raise ValueError(f"syntax error, unexpected text at character {position}")
        vector = attribute["vector"]
        value = _plain(attribute["text"]) if vector is None else _pairs(vector)
        _add(found, attribute["name"].upper(), value)
        position = attribute.end()
    return found


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position, end = 0, len(text.rstrip())
    while position < end:
        pair = PAIR.match(text, position)
        if pair is None:
            raise ValueError("syntax error in a vector")
        found[pair["name"].upper()] = _plain(pair["text"])
        position = pair.end()
    return found


def _plain(text: str) -> str:
    text = text.strip()
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL) if text.startswith('"') else text


def _add(found: Template, name: str, value: Any) -> None:
    if name in MULTIPLE or name in found:
        before = found.get(name, [])
        found[name] = [*(before if isinstance(before, list) else [before]), value]
    else:
        found[name] = value


class _Reader:
    """Builds a template from the events of an XML parser: attributes are the root's children, vectors have children."""

    def __init__(self) -> None:
        self.found: Template = {}
        self._path: list[str] = []
        self._vector: dict[str, str] = {}
        self._text = ""

    def start(self, name: str, _: dict[str, str]) -> None:
        self._path.append(name.upper())
        self._text = ""

    def data(self, text: str) -> None:
        self._text += text

    def end(self, _: str) -> None:
        name = self._path.pop()
        if len(self._path) == 2:
            self._vector[name] = self._text
        elif len(self._path) == 1:
            _add(self.found, name, self._vector or self._text)
            self._vector = {}
        self._text = ""


def _from_xml(text: str) -> Template:
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.data
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError("not well formed") from error
    return reader.found


def element(name: str, value: Any) -> str:
    """A value as XML.

    >>> element("NIC", [{"IP": "192.0.2.1"}, {"IP": "192.0.2.2"}])
    '<NIC><IP>192.0.2.1</IP></NIC><NIC><IP>192.0.2.2</IP></NIC>'
    """
    if isinstance(value, list):
        return "".join(element(name, each) for each in value)
    if isinstance(value, dict):
        inner = "".join(element(key, each) for key, each in value.items())
    else:
        inner = escape(str(value), quote=False)
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"
