"""What our driver asks of Scaleway is what Scaleway's description of its API knows.

The official client (`scaleway`) is generated from that description: paths and parameters are read out of the source of
its methods, the bodies out of the functions that make them and the types of the values they are made of.
"""

from __future__ import annotations

import ast
import enum
import importlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from aiocloud.models import KeyPair, NodeAuthSSHKey, NodeState
from aiocloud.providers.scaleway import Scaleway
from aiocloud.simulators import virtualtime
from aiocloud.simulators.scaleway import ScalewaySimulator
from tests.interop.conftest import official
from tests.interop.descriptions import Description, Operation, Walk, asking, closed

official("scaleway")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"
PARTS = ("instance.v1", "iam.v1alpha1", "marketplace.v2", "block.v1")
KINDS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    datetime: {"type": "string"},
    float: {"type": "number"},
    int: {"type": "integer"},
    str: {"type": "string"},
}
# Detaching: Python's client cannot say null. Go's has a type of its own for it, NullableStringValue.
NULLABLE = {("UpdateIpRequest", "server")}


@lru_cache(maxsize=1)
def description() -> Description:
    """Scaleway's API, as far as our driver has to do with it."""
    return Description(operation for part in PARTS for operation in _operations(part))


def _operations(part: str) -> Iterator[Operation]:
    for module in ("api", "custom_api"):
        name = f"scaleway.{part}.{module}"
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            for call in _requests(ast.parse(Path(spec.origin).read_text("utf-8"))):
                yield _operation(importlib.import_module(name), call)


def _requests(tree: ast.AST) -> Iterator[ast.Call]:
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr == "_request":
            yield each


def _operation(module: Any, call: ast.Call) -> Operation:
    method = ast.literal_eval(call.args[0])
    path = ast.unparse(call.args[1]).removeprefix("f").strip("'\"")
    told = {word.arg: word.value for word in call.keywords}
    query = frozenset(_parameters(told.get("params")))
    body = told.get("body")
    if isinstance(body, ast.Call):
        return Operation(method, path, query, _marshalled(module, ast.unparse(body.func)))
    return Operation(method, path, query, raw=body is not None)


def _parameters(node: ast.AST | None) -> Iterator[str]:
    """The names in a table of parameters: its own, and those of which one is chosen."""
    for key in node.keys if isinstance(node, ast.Dict) else ():
        if key is not None:
            yield ast.literal_eval(key)
    yield from re.findall(r"OneOfPossibility\((?:param=)?'(\w+)'", ast.unparse(node) if node else "")


def _marshalled(module: Any, name: str) -> dict[str, Any]:
    """The schema of what a function of the client makes of a request: the keys that it writes, with their types."""
    marshalling = importlib.import_module(
        module.__name__.replace(".custom_api", ".api").replace(".api", ".marshalling")
    )
    function = getattr(module, name, None) or getattr(marshalling, name)
    hints = get_type_hints(function)
    asked = hints["request"]
    types = get_type_hints(asked)
    path = Path(importlib.import_module(function.__module__).__file__ or "")
    known = {word: _schema(marshalling, types[field]) for word, field in _written(path, name)}
    for word in {word for owner, word in NULLABLE if owner == asked.__name__}:
        known[word] = {"anyOf": [known[word], {"type": "null"}]}
    return closed(known)


@lru_cache
def _functions(path: Path) -> dict[str, str]:
    source = path.read_text("utf-8")
    return {each.name: ast.unparse(each) for each in ast.parse(source).body if isinstance(each, ast.FunctionDef)}


def _written(path: Path, name: str) -> list[tuple[str, str]]:
    """The keys that a function writes, each with the field from which it comes."""
    text = _functions(path)[name]
    plain = re.findall(r"if request\.(\w+) is not None:\s+output\['(\w+)'\]", text)
    choice = re.findall(r"OneOfPossibility\(param='(\w+)', value=request\.(\w+)", text)
    return [(word, field) for field, word in plain] + choice


def _schema(marshalling: Any, kind: Any) -> dict[str, Any]:
    """The schema of a value of that type."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (one,) = [each for each in parts if each is not NoneType]
        return _schema(marshalling, one)
    if origin is list:
        return {"type": "array", "items": _schema(marshalling, parts[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(marshalling, parts[1])}
    if isinstance(kind, type) and is_dataclass(kind) and kind.__module__.startswith("scaleway."):
        return _marshalled(marshalling, f"marshal_{kind.__name__}")
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [each.value for each in kind]}
    return KINDS.get(kind, {})


async def steps(driver: Any) -> None:
    """All that our driver can be asked."""
    pair = await driver.import_key_pair_from_string("quay", KEY)
    ip = await driver.ex_create_ip()
    await driver.ex_create_ip(ipv6=True)
    node = await driver.create_node(
        "quay-1",
        size="DEV1-S",
        image="ubuntu_noble",
        location="fr-par-1",
        auth=NodeAuthSSHKey(KEY),
        user_data="#cloud-config\n",
        tags={"role": "web"},
        ex_ips=[ip["id"]],
        ex_security_group="5ec00000-0000-4000-8000-000000000001",
        ex_placement_group="5ec00000-0000-4000-8000-000000000002",
        ex_volumes={"0": {"size": 20_000_000_000}},
    )
    node = await driver.get_node(await driver._driver.wait_until(node))
    await _listed(driver)
    await driver.ex_get_user_data(node)
    for change, state in (
        (driver.reboot_node(node), NodeState.RUNNING),
        (driver.stop_node(node, ex_in_place=True), NodeState.STOPPED),
        (driver.start_node(node), NodeState.RUNNING),
        (driver.stop_node(node), NodeState.STOPPED),
        (driver.ex_resize_node(node, "DEV1-M"), NodeState.STOPPED),
        (driver.ex_rename_node(node, "quay-2"), NodeState.STOPPED),
        (driver.ex_set_tags(node, {"role": "db"}), NodeState.STOPPED),
        (driver.ex_attach_ip(ip["id"], None), NodeState.STOPPED),
        (driver.ex_attach_ip(ip["id"], node), NodeState.STOPPED),
    ):
        await change
        await driver._driver.wait_until(node, state)
    await driver.destroy_node(node)
    await driver.ex_release_ip(ip["id"])
    other = await driver.create_node("quay-3", size="DEV1-S", image="ubuntu_noble", auth=KeyPair(id="", name="quay"))
    await driver.destroy_node(await driver._driver.wait_until(other))
    await driver.get_key_pair("quay")
    await driver.delete_key_pair(pair)
    await driver.forget_public_key(KEY)


async def _listed(driver: Any) -> None:
    await driver.list_nodes(location="fr-par-1")
    await driver.list_images()
    await driver.list_sizes(location="fr-par-1")
    await driver.list_locations()
    await driver.list_offers(location="fr-par-1")
    await driver.list_key_pairs()
    await driver.ex_list_ips()
    await driver.ex_list_security_groups()


def test_all_that_is_asked_is_described() -> None:
    simulator = ScalewaySimulator()
    walk = Walk(simulator, description())
    options: dict[str, Any] = {**simulator.credentials, "transport": walk, "now": simulator.now}
    virtualtime.run(walk.through(Scaleway(**options), steps))
    assert walk.faults == []
    zone = "/instance/v1/zones/{param_zone}"
    assert {f"POST {zone}/servers", f"PATCH {zone}/servers/{{param_server_id}}/user_data/{{key}}"} <= walk.asked


SERVERS = "/instance/v1/zones/fr-par-1/servers"


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "/instance/v1/zones/fr-par-1/serves", None, "is not described"),
        ("PUT", f"{SERVERS}/1/action", None, "is not described"),
        ("GET", f"{SERVERS}?tag=web", None, "the parameter 'tag' is unknown"),
        ("DELETE", f"{SERVERS}/1", {"force": True}, "nothing can be told"),
        ("POST", SERVERS, {"nmae": "x"}, "'nmae' was unexpected"),
        ("POST", SERVERS, {"tags": "web"}, "is not of type 'array'"),
        ("POST", SERVERS, {"dynamic_ip_required": 1}, "is not of type 'boolean'"),
        ("POST", SERVERS, {"volumes": {"0": {"size": "20"}}}, "is not of type 'integer'"),
        ("POST", SERVERS, {"volumes": {"0": {"sise": 20}}}, "'sise' was unexpected"),
        ("POST", f"{SERVERS}/1/action", {"action": "explode"}, "is not one of"),
        ("PATCH", f"{SERVERS}/1", {"name": None}, "is not of type 'string'"),
        ("POST", "/iam/v1alpha1/ssh-keys", {"project": "x"}, "'project' was unexpected"),
    ],
)
def test_a_request_that_is_not_described_would_be_seen(method: str, path: str, body: Any, fault: str) -> None:
    faults = description().faults(asking(method, path, body))
    assert [each for each in faults if fault in each], faults
