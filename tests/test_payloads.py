"""Golden payloads: what a provider's documentation shows, and the model that it must become.

`tests/payloads/<provider>/<what>.json` holds the `source`, the `shape` as "module:NAME", the `payload` (or its `text`,
the `codec` that reads it, and under `items` the dotted path to what the shape takes), and under `expect` the fields.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud.mapping import dig, keys_of
from aiocloud.values import Secret

FOLDER = Path(__file__).parent / "payloads"
FILES = sorted(FOLDER.rglob("*.json"))


def named(reference: str) -> Any:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def payload_of(golden: Mapping[str, Any]) -> Any:
    if "payload" in golden:
        return golden["payload"]
    decoded = named(golden["codec"]).decode(golden["text"].encode())
    found = dig(decoded, golden["items"]) if golden.get("items") else decoded
    return found[0] if isinstance(found, list) else found


def plain(value: Any) -> Any:
    """A field's value as JSON has it."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | Secret) else value


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(FOLDER)) for file in FILES])
def test_the_payload_becomes_the_model(file: Path) -> None:
    golden = json.loads(file.read_text("utf-8"))
    assert golden["source"].startswith("https://")
    model = named(golden["shape"])(payload_of(golden))
    assert {field: plain(getattr(model, field)) for field in golden["expect"]} == golden["expect"]


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(FOLDER)) for file in FILES])
def test_what_a_shape_says_that_it_looks_at_is_all_that_it_looks_at(file: Path) -> None:
    golden = json.loads(file.read_text("utf-8"))
    shape, payload = named(golden["shape"]), payload_of(golden)
    keys = keys_of(shape)
    if keys is not None:
        assert shape({key: payload[key] for key in keys if key in payload}) == shape(payload)


def test_the_shapes_of_nodes_whose_lists_are_long_say_what_they_look_at() -> None:
    shapes = {golden["shape"] for golden in (json.loads(file.read_text("utf-8")) for file in FILES)}
    told = {reference for reference in shapes if keys_of(named(reference)) is not None}
    assert {reference.partition(":")[0] for reference in told if reference.endswith(":NODE")} >= {
        "aiocloud.dialects.openstack.shapes",
        "aiocloud.providers.digitalocean.wire",
        "aiocloud.providers.hetzner.shapes",
        "aiocloud.providers.linode",
        "aiocloud.providers.vultr.shapes",
    }
