"""`aiocloud nodes`, `images`, `sizes`, `locations`: a list of all clouds at once."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import date
from typing import Any, cast

from aiocloud.cli.arguments import INVENTORY
from aiocloud.cli.offers import aligned, disk, memory
from aiocloud.cli.output import need_rich, say, say_json, tell
from aiocloud.cli.progress import watching
from aiocloud.cli.records import document, header, kind_of, record, row
from aiocloud.cli.session import conclude, facts, open_fleet, require_accounts
from aiocloud.cli.tables import Column, draw
from aiocloud.fleet import Gathering
from aiocloud.models import Image, Location, Node, Size


async def run(arguments: Namespace, today: date) -> int:
    """Ask all, and show what they answer; lines and rows as they come."""
    if arguments.format == "table":
        need_rich()
    async with open_fleet(arguments, nodes=2) as fleet:
        asking: Gathering[Any] = getattr(fleet, f"list_{arguments.command}")()
        if arguments.format in ("jsonl", "csv"):
            await _stream(asking, arguments)
        else:
            async with watching(asking, fleet.scopes, arguments):
                report = await asking
            require_accounts(report.coverage)
            if arguments.format == INVENTORY:
                from aiocloud.cli.inventory import inventory  # with asyncssh, which no other list needs

                say(inventory(report.items, fleet.driver))
            elif arguments.format == "json":
                items = [record(item, extra=arguments.extra) for item in report.items]
                say_json(document(items, report.failures, report.coverage))
            elif report.items:
                draw(COLUMNS[arguments.command](report.items))
            elif any(coverage.status == "answered" for coverage in report.coverage):
                whose = " at the clouds that answered" if report.failures else ""
                say(f"no {arguments.command}{whose}")
        for remark in facts(fleet) if arguments.sandbox else ():
            tell(remark)
    return conclude(asking.coverage, asking.failures)


async def _stream(asking: Gathering[Any], arguments: Namespace) -> None:
    kind = kind_of(arguments.command)
    if arguments.format == "csv":
        say(header(kind))
    items = cast("AsyncGenerator[Any, None]", aiter(asking))
    async with aclosing(items):
        async for item in items:
            known = record(item, extra=arguments.extra)
            say(row(kind, known) if arguments.format == "csv" else json.dumps(known, ensure_ascii=False))
            sys.stdout.flush()


def _column(items: Sequence[Any], title: str, cell: Callable[[Any], Any], **more: Any) -> Column:
    known = [cell(item) for item in items]
    return Column(title=title, cells=["" if it is None else str(it) for it in known], **more)


def nodes_table(nodes: Sequence[Node]) -> list[Column]:
    """Nodes."""
    return [
        _column(nodes, "cloud", lambda node: "/".join(filter(None, (node.provider, node.account))), least=12),
        _column(nodes, "id", lambda node: node.id),
        _column(nodes, "name", lambda node: node.name, least=12),
        _column(nodes, "state", lambda node: node.state),
        _column(nodes, "public addresses", lambda node: _addresses(node.public_ips), rank=1),
        _column(nodes, "private addresses", lambda node: _addresses(node.private_ips), rank=6),
        _column(nodes, "size", lambda node: node.size, rank=3, least=12),
        _column(nodes, "location", lambda node: node.location, rank=2, least=10),
        _column(nodes, "image", lambda node: node.image, rank=5, least=12),
        _column(nodes, "created", lambda node: node.created_at and node.created_at.date(), rank=4),
    ]


def _addresses(addresses: Sequence[str]) -> str:
    """The first, and how many more there are: all stand in the other formats."""
    return " ".join([*addresses[:1], *([f"+{len(addresses) - 1}"] if len(addresses) > 1 else [])])


def images_table(images: Sequence[Image]) -> list[Column]:
    """Images."""
    return [
        _column(images, "provider", lambda image: image.provider),
        _column(images, "id", lambda image: image.id),
        _column(images, "name", lambda image: image.name, least=16),
        _column(images, "os", lambda image: image.os, rank=3),
        _column(images, "version", lambda image: image.version, rank=4, least=10),
        _column(images, "arch", lambda image: image.arch, rank=2),
        _column(images, "location", lambda image: image.location, rank=1),
    ]


def sizes_table(sizes: Sequence[Size]) -> list[Column]:
    """Sizes, each with a price and the place whose it is, if it is one's."""
    return [
        _column(sizes, "provider", lambda size: size.provider),
        _column(sizes, "id", lambda size: size.id),
        _column(sizes, "name", lambda size: size.name if size.name != size.id else "", rank=6, least=16),
        _column(sizes, "vcpus", lambda size: size.vcpus, right=True),
        _column(sizes, "RAM", lambda size: memory(size.ram), right=True),
        _column(sizes, "disk", lambda size: disk(size.disk), rank=2, right=True),
        _column(sizes, "arch", lambda size: size.arch, rank=3),
        Column(title="price", cells=_prices(sizes), rank=1, right=True),
        _column(sizes, "in", lambda size: size.location, rank=1),
        _column(sizes, "price of", lambda size: size.price and size.price.as_of, rank=4),
        _column(sizes, "source", lambda size: size.price and size.price.source, rank=5),
    ]


def _prices(sizes: Sequence[Size]) -> list[str]:
    amounts = iter(aligned([size.price.amount for size in sizes if size.price]))
    return [f"{next(amounts)} {size.price.currency}/{size.price.per}" if size.price else "" for size in sizes]


def locations_table(locations: Sequence[Location]) -> list[Column]:
    """Locations."""
    return [
        _column(locations, "provider", lambda location: location.provider),
        _column(locations, "id", lambda location: location.id),
        _column(locations, "name", lambda location: location.name if location.name != location.id else "", least=16),
        _column(locations, "city", lambda location: location.city, rank=2, least=10),
        _column(locations, "country", lambda location: location.country or "?", rank=1),
        _column(locations, "zones", lambda location: " ".join(location.zones), rank=3, least=12),
    ]


COLUMNS: dict[str, Callable[[Sequence[Any]], list[Column]]] = {
    "nodes": nodes_table,
    "images": images_table,
    "sizes": sizes_table,
    "locations": locations_table,
}
