"""Long lists in XML, read by example.

Most items of a list have the same tags in the same order, and differ in their texts alone. So an item is read as any
XML is, and its tags are remembered with the tree that came of them; the texts of the next item with the same tags go to
the same places. What trees look like is decided in one place, by the reader of whole documents.

This holds for regular documents only: tags without attributes, texts, and nothing else. Whatever else may be there
(comments, sections of CDATA, a document type, prefixes, another encoding than UTF-8, something that is not
well-formed) is left to the reader of whole documents.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Any, TypeAlias, overload

from aiocloud.http.outlines import Undecoded

Whole: TypeAlias = Callable[[bytes], Any]
"""Reads a document: its payload, under the name of its root."""

Span: TypeAlias = tuple[int, int]
"""Where an item begins and ends in the text of its document."""

Example: TypeAlias = Callable[[Sequence[str]], Any]
"""Makes the tree of an item of the texts between its tags."""

MANY = 8
"""How many items there must be for a list to be left for later."""

DEEPEST = 64
"""How many items may stand in one another."""

HARMLESS = bytes(byte for byte in range(256) if byte not in b"<>" and (byte >= 32 or byte in b"\t\n"))
"""All bytes that cannot be noticed between tags."""

TAG = re.compile(r"/?[A-Za-z_][\w.-]*|[A-Za-z_][\w.-]*/", re.ASCII)
OTHER_ENCODING = re.compile(rb"\s*<\?xml[^>]*\sencoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)
REFERENCE = re.compile(r"&(?:(\w+)|#([0-9]+)|#x([0-9A-Fa-f]+))?;?", re.ASCII)
ENTITIES = {"amp": ord("&"), "lt": ord("<"), "gt": ord(">"), "quot": ord('"'), "apos": ord("'")}
MARK = "\ue000"
"""Stands in for items that are left for later; a document that holds it already is not regular."""


class IrregularError(Exception):
    """A document, or a part of it, that only the reader of whole documents may judge."""


def outline_of_xml(body: bytes, item: str, whole: Whole) -> Any:
    """The payload of a document in which long runs of elements `item` are `XmlItems`. Raises what `whole` raises."""
    try:
        return _outline(_regular(body), item, whole)
    except IrregularError:
        return whole(body)


def _regular(body: bytes) -> str:
    """The text of a document in which tags and texts take turns. Raises IrregularError for any other."""
    marks = body.translate(None, HARMLESS)
    if b"<!" in body or marks != b"<>" * (len(marks) // 2) or OTHER_ENCODING.match(body):
        raise IrregularError
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise IrregularError from None
    if not text.isascii() and (MARK in text or "\ufffe" in text or "\uffff" in text):
        raise IrregularError
    return text


def _outline(text: str, item: str, whole: Whole) -> Any:
    runs = [run for run in _runs(text, item) if len(run) >= MANY]
    if not runs:
        raise IrregularError
    skeleton, at = [], 0
    for number, run in enumerate(runs):
        skeleton += [text[at : run[0][0]], f"<{item}>{MARK}{number}</{item}>"]
        at = run[-1][1]
    skeleton.append(text[at:])
    later = {f"{MARK}{number}": XmlItems(text, run, whole) for number, run in enumerate(runs)}
    outline = _filled(whole("".join(skeleton).encode()), later)
    if later:
        raise IrregularError  # a run that is no list of its own: something stands beside it
    return outline


def _runs(text: str, item: str) -> list[list[Span]]:
    """The outermost items, those together that follow one another."""
    opening, closing = f"<{item}>", f"</{item}>"
    before, *segments = text.split(opening)
    if closing in before or f"<{item}/>" in text or f"<{item} " in text:
        raise IrregularError
    runs: list[list[Span]] = []
    at, start, depth, after = len(before), 0, 0, -1
    for segment in segments:
        if depth == 0:
            start = at
            if (at != after and text[after:at].strip()) or not runs:
                runs.append([])
        depth += 1 - segment.count(closing)
        at += len(opening) + len(segment)
        if not 0 <= depth <= DEEPEST:
            raise IrregularError
        if depth == 0:
            after = at - len(segment) + segment.rindex(closing) + len(closing)
            runs[-1].append((start, after))
    return runs


def _filled(tree: Any, later: dict[str, XmlItems]) -> Any:
    """A skeleton with its lists in place, which are taken out of `later`."""
    if isinstance(tree, dict):
        return {name: _filled(child, later) for name, child in tree.items()}
    if isinstance(tree, list):
        if len(tree) == 1 and isinstance(tree[0], str) and tree[0] in later:
            return later.pop(tree[0])
        return [_filled(child, later) for child in tree]
    return tree


class XmlItems(Undecoded):
    """A run of items of a regular document."""

    def __init__(self, text: str, spans: Sequence[Span], whole: Whole) -> None:
        self._text = text
        self._spans = spans
        self._whole = whole

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._item(span) for span in self._spans[index]]
        return self._item(self._spans[index])

    def __iter__(self) -> Iterator[Any]:
        return map(self._item, self._spans)

    def parts(self, keys: frozenset[str] | None) -> Iterator[tuple[Any, Any]]:
        """Each item, with its text: nobody needs to keep the tree, which is much larger."""
        for start, end in self._spans:
            text = self._text[start:end]
            yield _item(text, self._whole), text

    def loader(self) -> Callable[[Any], Mapping[str, Any]]:
        """What reads an item's text."""
        return partial(_item, whole=self._whole)

    def _item(self, span: Span) -> Any:
        return _item(self._text[span[0] : span[1]], self._whole)


def _item(text: str, whole: Whole) -> Any:
    """The tree of an item."""
    pieces = text.replace("<", ">").split(">")  # texts and tags in turn, as `_regular` has seen
    example = EXAMPLES.of("<".join(pieces[1::2]), whole)
    if example is not None:
        try:
            return example(pieces[2:-1:2])
        except IrregularError:
            pass
    return _alone(text, whole)


def _alone(item: str, whole: Whole) -> Any:
    """The tree of an item that stands in no document."""
    return whole(f"<l>{item}</l>".encode())["l"][0]


class _Examples:
    """How items become trees, by their tags: made when those are seen again, forgotten when there are too many."""

    LIMIT = 4 * 1024 * 1024
    """How many characters of tags are remembered in all."""

    LONGEST = 64 * 1024
    """Items whose tags take more characters than this are read alone."""

    def __init__(self) -> None:
        self._known: dict[str, Example | None] = {}
        self._characters = 0

    def of(self, tags: str, whole: Whole) -> Example | None:
        """What makes a tree of an item's inner texts; None for an item that is better read alone."""
        example: Example | None = self._known.get(tags, _UNSEEN)
        if example is _SEEN:
            example = self._known[tags] = _example(tags.split("<"), whole)
        elif example is _UNSEEN:
            self._remember(tags)
            return None
        return example

    def _remember(self, tags: str) -> None:
        self._characters += len(tags)
        if self._characters > self.LIMIT:
            self._known.clear()
            self._characters = len(tags)
        self._known[tags] = _SEEN if len(tags) < self.LONGEST else None


_SEEN: Any = object()
_UNSEEN: Any = object()
EXAMPLES = _Examples()


def _example(tags: Sequence[str], whole: Whole) -> Example | None:
    """What makes a tree of the inner texts of an item with these tags; None where they are not regular."""
    if not all(map(TAG.fullmatch, tags)):
        return None
    gaps = list(pairwise(tags))
    leaves = [place for place, (before, after) in enumerate(gaps) if after == f"/{before}"]
    blanks = sorted(set(range(len(gaps))) - set(leaves))
    numbers = {place: str(number) for number, place in enumerate(leaves)}
    numbered = "".join([f"<{before}>{numbers.get(place, '')}" for place, (before, _) in enumerate(gaps)])
    tree_of_numbers = _alone(f"{numbered}<{tags[-1]}>", whole)
    try:
        build = _builder(tree_of_numbers)
    except (RecursionError, SystemError):
        # Nested too deep for the compiler, or so it thinks: CPython 3.11 loses count of that if a finalizer runs
        # meanwhile that shows a traceback.
        return None
    take_leaves, take_blanks = _taking(leaves), _taking(blanks)

    def tree(texts: Sequence[str]) -> Any:
        if "".join(take_blanks(texts)).strip():
            raise IrregularError  # text beside elements
        return build([_text(leaf) if "&" in leaf else leaf.strip() or None for leaf in take_leaves(texts)])

    return tree


def _taking(places: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
    if len(places) == 1:  # where itemgetter gives no tuple
        (place,) = places
        return lambda texts: (texts[place],)
    return itemgetter(*places) if places else lambda texts: ()


def _builder(tree: Any) -> Callable[[Sequence[str | None]], Any]:
    """What makes a tree like this one, whose leaves are numbers, of leaves by their number.

    It is one expression of constants, dictionaries and lists, made as a syntax tree, in which a name is a constant.
    """
    leaves = ast.arg("leaves")
    arguments = ast.arguments(posonlyargs=[], args=[leaves], kwonlyargs=[], kw_defaults=[], defaults=[])
    expression = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, _expression(tree))))
    build: Callable[[Sequence[str | None]], Any] = eval(compile(expression, "<example>", "eval"))  # noqa: S307 - see above
    return build


def _expression(tree: Any) -> ast.expr:
    match tree:
        case dict():
            return ast.Dict([ast.Constant(name) for name in tree], [_expression(child) for child in tree.values()])
        case list():
            return ast.List([_expression(child) for child in tree], ast.Load())
        case str():
            return ast.Subscript(ast.Name("leaves", ast.Load()), ast.Constant(int(tree)), ast.Load())
    return ast.Constant(None)


def _text(text: str) -> str | None:
    """A text with its references resolved."""
    return REFERENCE.sub(_resolved, text).strip() or None


def _resolved(reference: re.Match[str]) -> str:
    name, decimal, hexadecimal = reference.groups()
    number = int(decimal) if decimal else int(hexadecimal, 16) if hexadecimal else ENTITIES.get(name)
    if number is None or not reference[0].endswith(";") or not _is_character(number):
        raise IrregularError
    return chr(number)


def _is_character(number: int) -> bool:
    """Whether XML allows this code point. https://www.w3.org/TR/xml/#charsets"""
    return (
        number in (0x9, 0xA, 0xD)
        or 0x20 <= number <= 0xD7FF
        or 0xE000 <= number <= 0xFFFD
        or 0x10000 <= number <= 0x10FFFF
    )
