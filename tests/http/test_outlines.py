"""Long lists that are read item by item: never another payload than the reader of whole documents gives."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiocloud.errors import MalformedResponseError
from aiocloud.http.codecs import Json, Xml
from aiocloud.http.outlines import Flattened, JsonItems, Undecoded, flattened, outline_of_json
from aiocloud.http.xmlitems import EXAMPLES, XmlItems, outline_of_xml
from aiocloud.mapping import Shape, at, several
from aiocloud.models import Node
from aiocloud.values import LateMap

XML, JSON = Xml(items="item"), Json()


def whole(payload: Any) -> Any:
    """A payload with nothing left for later."""
    if isinstance(payload, dict):
        return {name: whole(child) for name, child in payload.items()}
    return [whole(child) for child in payload] if isinstance(payload, list | Undecoded) else payload


def outcome(read: Any, *arguments: Any) -> Any:
    try:
        return whole(read(*arguments))
    except ValueError:
        return "refused"


# ---- XML ----

NAMES = st.sampled_from(["id", "item", "name", "tagSet", "é", "n:key", "a.b-c"])
WORDS = st.text(st.sampled_from(" \n\tab<&>\"'\u00a0é\u3000]"), max_size=5)
TEXTS = st.one_of(
    WORDS.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")),
    st.sampled_from(
        ["", "  ", "&#65;&#x42;", "&#32;x&#10;", "a > b", "<![CDATA[<raw> & ]]>", "<!-- note -->", "<?pi?>", "]]"]
    ),
)
BLANKS = st.sampled_from(["", "", "\n  ", " "])
ATTRIBUTES = st.sampled_from(["", "", "", "", ' id="7"', " n:kind='x&amp;y'", ' xmlns="urn:z"', " "])


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name, attributes = draw(NAMES), draw(ATTRIBUTES)
    kind = draw(st.sampled_from(["text", "text", "empty", "children", "mixed"]))
    if kind == "empty":
        return f"<{name}{attributes}/>"
    if kind == "text" or depth == 0:
        return f"<{name}{attributes}>{draw(TEXTS)}</{name}>"
    children = [draw(elements(depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    between = TEXTS if kind == "mixed" else BLANKS
    inside = "".join([draw(between) + child for child in children]) + draw(between)
    return f"<{name}{attributes}>{inside}</{name}>"


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Lists of many items of a few kinds, and other things around them."""
    kinds = [f"<item>{''.join(draw(st.lists(elements(), max_size=4)))}</item>" for _ in range(draw(st.integers(1, 3)))]
    gap = draw(BLANKS)
    items = gap.join(draw(st.lists(st.sampled_from(kinds), max_size=24)))
    name, prolog = draw(st.sampled_from(["set", "item"])), draw(st.sampled_from(["", '<?xml version="1.0"?>\n']))
    around = [draw(st.one_of(elements(1), BLANKS)) for _ in range(2)]
    return f'{prolog}<r xmlns="urn:x" xmlns:n="urn:y">{around[0]}<{name}>{gap}{items}</{name}>{around[1]}</r>'.encode()


@settings(max_examples=150, deadline=None)
@given(documents())
def test_random_xml_reads_the_same_item_by_item(body: bytes) -> None:
    expected = XML.decode(body)
    for _ in range(2):  # by the second time, there are examples of everything
        assert whole(outline_of_xml(body, "item", XML.decode)) == expected


@settings(max_examples=250, deadline=None)
@given(documents(), st.integers(0), st.binary(max_size=3), st.integers(0, 3))
def test_damaged_xml_is_refused_or_reads_the_same(body: bytes, place: int, put: bytes, cut: int) -> None:
    place %= len(body)
    damaged = body[:place] + put + body[place + cut :]
    expected = outcome(XML.decode, damaged)
    for _ in range(2):
        assert outcome(outline_of_xml, damaged, "item", XML.decode) == expected


ITEM = "<item>\n  <id>{0}</id><tags><item><key>n{0}</key><value> a &amp;&#x20;b </value></item></tags><none/>\n</item>"


def page(items: int, item: str = ITEM, end: str = "") -> bytes:
    listed = "\n".join(item.format(number) for number in range(items))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<r xmlns="urn:x"><set>{listed}{end}</set><next>t</next></r>'.encode()
    )


def test_the_items_of_a_long_list_are_left_for_later_and_what_stands_around_it_is_there() -> None:
    payload = outline_of_xml(page(100), "item", XML.decode)["r"]
    assert payload["next"] == "t"
    assert isinstance(payload["set"], XmlItems)
    assert len(payload["set"]) == 100
    assert payload["set"][-1] == {"id": "99", "tags": [{"key": "n99", "value": "a & b"}], "none": None}
    assert payload["set"][:2] == [payload["set"][0], payload["set"][1]]


def test_short_documents_and_lists_are_read_whole() -> None:
    assert isinstance(XML.outline(page(100))["r"]["set"], list)
    assert isinstance(XML.outline(page(1000))["r"]["set"], XmlItems)
    assert isinstance(outline_of_xml(page(3), "item", XML.decode)["r"]["set"], list)
    assert Xml().outline(page(1000)) == Xml().decode(page(1000))


@pytest.mark.parametrize("tag", [b"<item>", b"<item/>", b"<item>x</item>", b"<item><item>"])
def test_a_document_of_nothing_but_items_without_end_is_refused_at_once(tag: bytes) -> None:
    with pytest.raises(ValueError, match=r"nested deeper|not well-formed"):
        whole(outline_of_xml(b"<r>" + tag * 100_000, "item", XML.decode))


def test_of_many_items_with_the_same_tags_few_are_read_by_the_reader_of_whole_documents() -> None:
    read: list[bytes] = []

    def decode(body: bytes) -> Any:
        read.append(body)
        return XML.decode(body)

    items = outline_of_xml(page(500), "item", decode)["r"]["set"]
    assert [item["id"] for item in items] == [str(number) for number in range(500)]
    assert len(read) <= 3  # the skeleton; the first of its kind; its example


def test_what_is_remembered_of_tags_is_bounded() -> None:
    for number in range(3000):
        kind = f"<item><{'k' * 1000}{number}>1</{'k' * 1000}{number}></item>"
        assert len(list(outline_of_xml(page(8, kind.replace("{", "{{")), "item", XML.decode)["r"]["set"])) == 8
    assert sum(map(len, EXAMPLES._known)) <= EXAMPLES.LIMIT


@pytest.mark.parametrize(
    "end",
    [
        "<item><id>1</item></id>",
        "<item><id>&nothing;</id></item>",
        "<item><id>a & b</id></item>",
        "<item><id>&#0;</id></item>",
        "<item><id>1</id>",
        "</item>",
        "<item><id>\x01</id></item>",
        "<item><id>]]></id></item>",
    ],
)
def test_one_malformed_item_among_many_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match="not well-formed"):
        whole(outline_of_xml(page(100, end=end), "item", XML.decode))


@pytest.mark.parametrize(
    "body",
    [
        page(100)[:-30],
        page(100).decode().replace("UTF-8", "iso-8859-1").replace("n99", "é").encode("latin-1"),
        page(100).replace(b"<set>", b"<set><!-- a note -->"),
        page(100).replace(b"<?xml", b'<!DOCTYPE r [<!ENTITY a "ha">]><?xml'),
        page(100).replace(b"<id>7</id>", b"<id><![CDATA[7]]></id>"),
        page(100).replace(b"\n", b"\r\n"),
        page(100).replace(b"<id>7</id>", "<id>\ue0001</id>".encode()),
        page(100).replace(b"<id>7</id>", b"<id>\xff</id>"),
        page(100).replace(b"<id>7</id>", b"<id>7</id>text"),
        page(100).replace(b"<next>", b"</set><set><next>").replace(b"</next>", b"</next></set><set>"),
        b"<r>" + b"<item>" * 200 + b"</item>" * 200 + b"</r>",
    ],
    ids=["cut", "latin-1", "comment", "doctype", "cdata", "crlf", "mark", "bytes", "mixed", "sets", "nested"],
)
def test_what_is_not_regular_is_read_as_it_is_read_whole(body: bytes) -> None:
    assert outcome(outline_of_xml, body, "item", XML.decode) == outcome(XML.decode, body)


def test_members_of_lists_in_items_come_one_by_one_and_can_be_read_again() -> None:
    kind = "<item><id>{0}</id><nodes><item><id>n{0}</id></item><item><id>m{0}</id></item></nodes></item>"
    items = flattened(outline_of_xml(page(100, kind), "item", XML.decode)["r"]["set"], "nodes")
    assert isinstance(items, Flattened)
    parts = list(items.parts(None))
    assert [part["id"] for part, _ in parts[:3]] == ["n0", "m0", "n1"]
    assert [items.loader()(source) for _, source in parts] == [part for part, _ in parts] == list(items)
    assert (len(items), items[-1]) == (200, {"id": "m99"})


# ---- JSON ----

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children),
    max_leaves=9,
)


@given(VALUES, st.booleans())
def test_any_json_reads_as_the_standard_library_reads_it(value: Any, escaped: bool) -> None:
    body = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert repr(outcome(JSON.decode, body)) == repr(outcome(json.loads, body) if body.strip() else None)


@given(VALUES, st.integers(0), st.binary(max_size=3), st.integers(0, 3))
def test_damaged_json_is_refused_or_reads_as_the_standard_library_reads_it(
    value: Any, place: int, put: bytes, cut: int
) -> None:
    body = json.dumps([value]).encode()
    place %= len(body)
    damaged = body[:place] + put + body[place + cut :]
    assert repr(outcome(JSON.decode, damaged)) == repr(outcome(json.loads, damaged) if damaged.strip() else None)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=5), VALUES)
def test_random_json_reads_the_same_item_by_item(items: list[Any], beside: Any) -> None:
    for payload in ({"items": items * 500, "next": beside}, items * 500):
        body = json.dumps(payload).encode()
        assert repr(whole(outline_of_json(body, JSON.decode))) == repr(json.loads(body))


NODES = [
    {"id": number, "name": f"web-{number}", "zone": {"id": "z1"}, "deep": {"list": [number] * 40}}
    for number in range(500)
]
NODE = Shape(
    Node,
    id=at("id", str),
    name=several("name", "id", convert=lambda name, number: name or number),
    location=at("zone.id"),
    hide=["deep.secret"],
)


def listed(payload: Any) -> JsonItems:
    items = outline_of_json(json.dumps(payload).encode(), JSON.decode)["nodes"]
    assert isinstance(items, JsonItems)
    return items


def models(items: Undecoded) -> Iterator[Node]:
    load = items.loader()
    return (
        NODE(part) if source is None else NODE(part, extra=LateMap(load, source))
        for part, source in items.parts(NODE.keys)
    )


def test_an_item_holds_what_its_shape_looks_at_and_the_rest_comes_when_it_is_touched() -> None:
    items = listed({"nodes": NODES})
    part, source = next(items.parts(NODE.keys))
    assert part == {"id": 0, "name": "web-0", "zone": {"id": "z1"}}
    assert items.loader()(source) == NODES[0]


def test_nodes_of_a_long_list_are_those_of_a_short_one() -> None:
    long, short = list(models(listed({"nodes": NODES}))), [NODE(payload) for payload in NODES]
    assert long == short
    assert [node.extra for node in long] == [node.extra for node in short]


def test_what_is_hidden_is_not_in_the_rest_either() -> None:
    nodes = models(listed({"nodes": [{**each, "deep": {"secret": "canary", "list": [0] * 40}} for each in NODES]}))
    node = next(nodes)
    assert node.extra["deep"] == {"list": [0] * 40}
    assert "canary" not in repr(node.extra)


def test_a_list_that_only_the_standard_library_reads_is_read_by_it() -> None:
    text = json.dumps({"nodes": [*NODES, {"id": 7, "name": "\ud800", "weight": float("inf")}]})
    *_, last = outline_of_json(text.encode(), JSON.decode)["nodes"]
    assert last == {"id": 7, "name": "\ud800", "weight": float("inf")}


def test_items_that_are_no_objects_are_handed_out_whole() -> None:
    parts = list(listed({"nodes": [*NODES, "a word"]}).parts(NODE.keys))
    assert parts[0] == (NODES[0], None)
    assert parts[-1] == ("a word", None)


def test_a_node_that_is_kept_does_not_keep_its_page() -> None:
    text = json.dumps(NODES).encode()
    before = sys.getrefcount(text)
    node = next(models(JsonItems(text, JSON.decode)))
    assert sys.getrefcount(text) == before
    assert node.extra == NODES[0]


def test_what_turns_out_to_be_no_json_when_it_is_touched_is_a_malformed_answer() -> None:
    def refuse(text: bytes) -> Any:
        raise ValueError("an unquoted word")

    items = JsonItems(json.dumps(NODES).encode(), refuse)
    _, source = next(items.parts(NODE.keys))
    with pytest.raises(MalformedResponseError, match="not JSON where nobody had looked yet"):
        items.loader()(source)
