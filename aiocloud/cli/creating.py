"""`aiocloud create`: one new node."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Coroutine
from dataclasses import replace
from datetime import date
from typing import Any

from aiocloud.cli.interrupts import cleaning_up
from aiocloud.cli.made import show, show_running
from aiocloud.cli.ordering import MISTYPED, able, driver_of, hints, public_key_in, read
from aiocloud.cli.output import complain, tell
from aiocloud.cli.session import COMPLETE, open_fleet, warn_of_sandbox
from aiocloud.driver import Compute, KeyPairs, NodeAuth
from aiocloud.errors import AiocloudError, ConfigurationError
from aiocloud.models import Node, NodeAuthSSHKey


async def run(arguments: Namespace, today: date) -> int:
    """Make it, and show it."""
    user_data = read(arguments.user_data) if arguments.user_data else None
    public_key = public_key_in(arguments.public_key) if arguments.public_key else None
    warn_of_sandbox(arguments)
    async with open_fleet(arguments) as fleet:
        driver = driver_of(fleet, arguments.account)
        able(driver, arguments, ssh_key=arguments.key or arguments.public_key)
        auth: NodeAuth | None = NodeAuthSSHKey(public_key) if public_key else None
        if arguments.key:
            auth = await _key_pair(driver, arguments.key)
        making = driver.create_node(
            arguments.name,
            size=arguments.size,
            image=arguments.image,
            location=arguments.location,
            auth=auth,
            user_data=user_data,
            tags=dict(arguments.tag) or None,
        )
        try:
            node = await _without_loss(making, arguments.name, f"{driver.provider}/{driver.account}")
        except MISTYPED as error:
            if found := await hints(driver, arguments):
                raise ConfigurationError(f"{error}. {' '.join(found)}") from error
            raise
        await _present(driver, node, arguments)
    return COMPLETE


async def _key_pair(driver: Compute, name: str) -> NodeAuth:
    if not isinstance(driver, KeyPairs):
        raise ConfigurationError(f"{driver.title} has no key pairs: give --public-key FILE")
    return await driver.get_key_pair(name)


async def _without_loss(making: Coroutine[Any, Any, Node], name: str, where: str) -> Node:
    """The new node. Interrupted, tell at once that its fate is being looked into, and then what it was.

    That no node is left is said only where the create itself has come to that end: further signals may strike anywhere.
    """
    fate: list[str] = []
    try:
        return await cleaning_up(_watched(making, where, fate), f"finding out what became of {name!r}")
    except asyncio.CancelledError:
        look = f"look for that name with `aiocloud nodes --account {where}`"
        sentence = fate[0] if fate else f"nobody knows what became of {name!r}: it may be running; {look}"
        if sentence:
            complain(sentence)
        raise


async def _watched(making: Coroutine[Any, Any, Node], where: str, fate: list[str]) -> Node:
    """The new node; `fate` is what came of making it, as soon as that is certain: a sentence, or "" if it is told."""
    try:
        node = await making
    except asyncio.CancelledError as cancelled:
        fate.append("" if getattr(cancelled, "__notes__", None) else "no node was left behind")
        raise
    except AiocloudError as error:
        fate.append(str(error))
        raise
    fate.append(f"node {node.id} was made, and keeps running at {where}")
    return node


async def _present(driver: Compute, node: Node, arguments: Namespace) -> None:
    """Show the node: as a table at once, in other formats when nothing more is to be learnt of it."""
    if arguments.format == "table":
        show(node, arguments)
    if not arguments.wait:
        if arguments.format != "table":
            show(node, arguments)
        return
    try:
        timeout = 600.0 if arguments.deadline is None else arguments.deadline
        node = replace(await driver.wait_until(node, timeout=timeout), password=node.password)
    except asyncio.CancelledError:
        tell(f"aiocloud: node {node.id} was made, and keeps running at {node.provider}/{node.account}")
        raise
    finally:
        if arguments.format != "table":
            show(node, arguments)
    if arguments.format == "table":
        show_running(node)
