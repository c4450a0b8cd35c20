"""`aiocloud providers`: which there are, which live, and what each can do."""

from __future__ import annotations

import json
import warnings
from argparse import Namespace
from collections.abc import Iterator
from datetime import date
from typing import Any

from aiocloud.cli.output import complain, need_rich, say, say_json
from aiocloud.cli.records import PROVIDER, document, header, row
from aiocloud.cli.tables import Column, draw
from aiocloud.driver import Compute, Driver, KeyPairs, PowerControl
from aiocloud.errors import AiocloudError, RetiredProviderWarning
from aiocloud.providers import get_driver, provider_ids

CAPABILITIES: dict[type[Driver], str] = {Compute: "nodes", PowerControl: "start and stop", KeyPairs: "key pairs"}


async def run(arguments: Namespace, today: date) -> int:
    """Show them."""
    if arguments.format == "table":
        need_rich()
    items = list(_records(arguments.provider))
    match arguments.format:
        case "json":
            say_json(document(items, (), ()))
        case "jsonl":
            for item in items:
                say(json.dumps(item, ensure_ascii=False))
        case "csv":
            say(header(PROVIDER))
            for item in items:
                say(row(PROVIDER, item))
        case _:
            _table(items)
    return 0


def _records(wanted: list[str]) -> Iterator[dict[str, Any]]:
    with warnings.catch_warnings():  # that one is retired stands in the table
        warnings.simplefilter("ignore", RetiredProviderWarning)
        for provider in wanted or provider_ids():
            try:
                driver = get_driver(provider)
            except AiocloudError as error:
                if wanted:
                    raise
                complain(f"{provider} cannot be used: {error}")
                continue
            yield describe(driver)


def describe(driver: type[Driver]) -> dict[str, Any]:
    """What a driver says of itself."""
    retired = driver.retired
    return {
        "provider": driver.provider,
        "name": driver.title,
        "status": "retired" if retired else "living",
        "since": retired and retired.since,
        "successor": retired and retired.successor,
        "protocol": driver.protocol,
        "website": driver.website,
        "public_prices": driver.public,
        "capabilities": [name for base, name in CAPABILITIES.items() if issubclass(driver, base)],
        "features": sorted(driver.features) if issubclass(driver, Compute) else [],
    }


def _table(items: list[dict[str, Any]]) -> None:
    draw(
        [
            Column(title="id", cells=[item["provider"] for item in items]),
            Column(title="name", cells=[item["name"] for item in items], least=10),
            Column(title="status", cells=[_status(item) for item in items]),
            Column(title="prices", cells=["public" if item["public_prices"] else "" for item in items], rank=3),
            Column(title="can do", cells=[", ".join(item["capabilities"]) for item in items], rank=1),
            Column(title="API", cells=[item["protocol"] for item in items], rank=2, least=14),
            Column(title="create takes", cells=[_features(item) for item in items], rank=4, least=20),
        ]
    )


def _status(item: dict[str, Any]) -> str:
    if item["status"] == "living":
        return "living"
    successor = f"; now {item['successor']}" if item["successor"] else ""
    return f"retired {item['since']}{successor}"


def _features(item: dict[str, Any]) -> str:
    return ", ".join(feature.replace("_", " ") for feature in item["features"])
