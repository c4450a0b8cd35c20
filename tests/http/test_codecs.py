"""Bodies: one or many, empty or huge, and what an enemy might send."""

from __future__ import annotations

import pytest

from aiocloud.http.codecs import Json, Xml, XmlRpc, XmlRpcFaultError

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>"""
THIEF = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r>&x;</r>"""
RPC = "<methodResponse><params><param><value>{}</value></param></params></methodResponse>"


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b"<r><set/></r>", None),
        (b"<r><set></set></r>", None),
        (b"<r><set><item><id>1</id></item></set></r>", [{"id": "1"}]),
        (b"<r><set><item><id>1</id></item><item><id>2</id></item></set></r>", [{"id": "1"}, {"id": "2"}]),
        (b"<r><set><item>a</item></set></r>", ["a"]),
        (b"<r><set><item/></set></r>", [None]),
    ],
)
def test_none_one_or_many_items_are_read_alike(body: bytes, items: object) -> None:
    assert Xml(items="item").decode(body) == {"r": {"set": items}}


def test_namespaces_are_dropped_and_attributes_kept() -> None:
    body = b'<n:r xmlns:n="urn:x" xmlns="urn:y"><n:a n:id="7">text</n:a></n:r>'
    assert Xml().decode(body) == {"r": {"a": {"@id": "7", "#text": "text"}}}


def test_text_beside_elements_is_kept_and_what_is_there_twice_is_a_list() -> None:
    body = b'<r xmlns:n="urn:x">one<a>1</a><n:a>2</n:a> two<b><item>x</item></b><b/></r>'
    assert Xml(items="item").decode(body) == {"r": {"a": ["1", "2"], "b": [["x"], None], "#text": "one two"}}


def test_xml_is_read_in_the_encoding_that_it_names() -> None:
    body = '<?xml version="1.0" encoding="iso-8859-1"?><r>Zürich</r>'.encode("latin-1")
    assert Xml().decode(body) == {"r": "Zürich"}


@pytest.mark.parametrize("body", [LAUGHS, THIEF])
def test_entities_are_never_expanded(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"entit|document type"):
        Xml().decode(body)
    with pytest.raises(ValueError, match="document type"):
        XmlRpc().decode(body)


@pytest.mark.parametrize("codec", [Json(), Xml(), XmlRpc()])
@pytest.mark.parametrize("body", [b"<html><body>no</p>", b"{", b"\x00\xff", b"<a><b></a>"])
def test_what_is_no_such_format_is_a_value_error(codec: Json | Xml | XmlRpc, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each parser has its own words
        codec.decode(body)


def test_xml_rpc_values_come_back_as_python_has_them() -> None:
    codec = XmlRpc()
    value = {"id": 2**40, "none": None, "fee": ".041", "on": True, "list": [1, "é"]}
    big = codec.answer({**value, "id": 0}).replace(b"<int>0</int>", b"<i8>1099511627776</i8>")
    assert codec.decode(big) == value


def test_xml_rpc_in_latin_1_is_read() -> None:
    text = '<?xml version="1.0" encoding="iso-8859-1"?>' + RPC.format("<string>Zürich</string>")
    assert XmlRpc().decode(text.encode("latin-1")) == "Zürich"


def test_a_fault_keeps_its_word() -> None:
    member = "<member><name>{}</name><value><string>{}</string></value></member>"
    members = member.format("faultCode", "SoftLayer_Account") + member.format("faultString", "Invalid API token.")
    fault = f"<methodResponse><fault><value><struct>{members}</struct></value></fault></methodResponse>".encode()
    with pytest.raises(XmlRpcFaultError) as caught:
        XmlRpc().decode(fault)
    assert (caught.value.code, caught.value.message) == ("SoftLayer_Account", "Invalid API token.")


def test_a_cut_xml_rpc_answer_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not an XML-RPC answer"):
        XmlRpc().decode(RPC.format("<int>1</int>").encode()[:-20])


@pytest.mark.parametrize("name", [b"a", b"item"])
def test_xml_that_is_nested_without_end_is_refused_before_it_takes_memory(name: bytes) -> None:
    deep = b"<%s>" % name * 1_000_000
    with pytest.raises(ValueError, match="nested deeper than 256"):
        Xml(items="item").decode(deep)
    with pytest.raises(ValueError, match="nested deeper than 256"):
        Xml(items="item").outline(deep)


def test_json_that_is_nested_without_end_is_refused() -> None:
    for deep in (b"[" * 1_000_000, b'{"a":' * 1_000_000):
        with pytest.raises((ValueError, RecursionError)):
            Json().decode(deep)
        with pytest.raises((ValueError, RecursionError)):
            Json().outline(deep)
