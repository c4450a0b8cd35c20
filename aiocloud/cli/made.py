"""How a new node is shown, with the password that nobody can ask for again."""

from __future__ import annotations

import json
from argparse import Namespace

from aiocloud.cli.output import say, say_json, tell
from aiocloud.cli.records import document, header, record, row
from aiocloud.models import Node


def show(node: Node, arguments: Namespace) -> None:
    """The node as it was made, in the format that was asked for."""
    if arguments.format == "table":
        say(f"made node {node.id} ({node.name!r}) at {node.provider}/{node.account}: {node.state}")
        if node.public_ips:
            say(f"public addresses: {', '.join(node.public_ips)}")
        if node.password:
            say(f"password: {node.password.reveal()} (it will not be shown again)")
        return
    known = record(node, extra=arguments.extra)
    if node.password and arguments.show_password:
        known["password"] = node.password.reveal()
    elif node.password:
        tell("aiocloud: a password was made for the node, and is not shown without --show-password")
    if arguments.format == "json":
        say_json(document([known], (), ()))
    elif arguments.format == "jsonl":
        say(json.dumps(known, ensure_ascii=False))
    else:
        more = ("password",) if "password" in known else ()
        say(header(Node, *more))
        say(row(Node, known, *more))


def show_running(node: Node) -> None:
    """What was learnt by waiting."""
    addresses = ", ".join((*node.public_ips, *node.private_ips))
    say(f"node {node.id} is {node.state}" + (f" at {addresses}" if addresses else ", without an address yet"))
