"""From payload to model whatever the payload holds, and what models and their values can do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiocloud.errors import MalformedResponseError
from aiocloud.mapping import Shape, at, dig, one_of, timestamp, without
from aiocloud.models import Node, NodeState
from aiocloud.values import FrozenMap, Secret

STATES = {"running": NodeState.RUNNING}
NODE = Shape(
    Node,
    id=at("id", str),
    name=at("name", str),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=at("net.ips", tuple, default=()),
    created_at=at("created", timestamp),
    tags=at("tags", FrozenMap),
    hide=["admin.password"],
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "status", "net", "ips", "created", "tags", "admin", "password"]), children
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_payload_becomes_a_model_or_a_clear_error_and_nothing_else(payload: Any) -> None:
    try:
        node = NODE(payload, provider="quay")
    except MalformedResponseError:
        return
    assert isinstance(node.id, str)
    assert isinstance(node.name, str)


@pytest.mark.parametrize("word", [{"a": 1}, ["running"], 5, True, "hibernating"])
def test_a_state_that_nobody_knows_is_unknown_of_whatever_kind_it_is(word: Any) -> None:
    assert NODE({"id": 1, "name": "web", "status": word}).state is NodeState.UNKNOWN


@given(JSON)
def test_digging_never_fails(payload: Any) -> None:
    dig(payload, "net.ips.deeper")
    dig(payload, "")


@given(JSON)
def test_what_is_hidden_is_gone_and_the_original_is_left_alone(payload: Any) -> None:
    if not isinstance(payload, dict):
        return
    before = copy.deepcopy(payload)
    assert dig(without(payload, ["admin.password"]), "admin.password") is None
    assert repr(payload) == repr(before)


def web(**changes: Any) -> Node:
    payload = {"id": 1, "name": "web", "tags": {"role": "web"}, "deep": {"list": [1, {"x": []}]}, **changes}
    return NODE(payload, provider="quay")


def test_a_node_is_a_value_whatever_its_extra_holds() -> None:
    node = web(admin={"password": "canary-secret"})
    assert hash(node) == hash(web())
    assert node == web()
    for again in (pickle.loads(pickle.dumps(node)), copy.deepcopy(node), copy.copy(node)):
        assert again == node
        assert again.extra == node.extra
        assert hash(again) == hash(node)
    assert dataclasses.replace(node, name="db").name == "db"
    assert {node: 1}[web()] == 1
    assert "canary-secret" not in repr(dataclasses.asdict(node))


def test_a_frozen_map_is_equal_to_any_map_of_the_same_and_cannot_be_written() -> None:
    frozen = FrozenMap({"b": 1}, a=2)
    assert frozen == {"a": 2, "b": 1} == dict(frozen)
    assert hash(frozen) == hash(FrozenMap(a=2, b=1))
    with pytest.raises(TypeError):
        frozen["c"] = 3  # type: ignore[index]  # that is what is tested
    with pytest.raises(TypeError, match="unhashable"):
        hash(FrozenMap(a=[]))


def test_a_secret_is_shown_by_nothing_that_prints() -> None:
    secret = Secret("canary-secret")
    shown = [f"{secret}", f"{secret!r}", str([secret]), str(secret), repr({"k": secret})]
    assert not any("canary" in text for text in shown)
    assert pickle.loads(pickle.dumps(secret)).reveal() == "canary-secret"
    assert "canary" not in repr(dataclasses.replace(web(), password=secret))


def test_a_shape_that_does_not_fit_its_model_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="no field colour"):
        Shape(Node, id=at("id"), name=at("name"), colour=at("c"))
    with pytest.raises(TypeError, match="needs name"):
        Shape(Node, id=at("id"))
