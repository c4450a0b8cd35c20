"""`aiocloud create`, `destroy`, `reboot`, `start`, `stop`: one node at a time."""

from __future__ import annotations

import asyncio
import difflib
import sys
from argparse import Namespace
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from aiocloud.cli.made import show, show_running
from aiocloud.cli.output import UsageError, complain, say, tell
from aiocloud.cli.session import COMPLETE, NONE_FOUND, open_fleet, require_accounts
from aiocloud.driver import Compute, KeyPairs, NodeAuth
from aiocloud.errors import AiocloudError, ConfigurationError, ConflictError, InvalidRequestError, NotFoundError
from aiocloud.fleet import Fleet, Report
from aiocloud.fleet.fleet import PUBLIC
from aiocloud.models import Node, NodeAuthSSHKey, NodeState

HINTING = 10.0
"""Seconds that may be spent on finding out what was mistyped."""
DONE = {"destroy": "destroyed", "reboot": "rebooting", "start": "starting", "stop": "stopping"}


async def run(arguments: Namespace, today: date) -> int:
    """Do what the verb says."""
    return await (_create if arguments.command == "create" else _act)(arguments)


def _warn_of_sandbox(arguments: Namespace) -> None:
    if arguments.sandbox:
        tell("simulated clouds, which end with this command; `aiocloud sandbox` serves some that stay")


# ---- an existing node ----


async def _act(arguments: Namespace) -> int:
    _warn_of_sandbox(arguments)
    async with open_fleet(arguments, nodes=2) as fleet:
        node = await find(fleet, arguments.node, named=bool(arguments.account))
        who = f"node {node.id} ({node.name!r}) at {node.provider}/{node.account}"
        if arguments.command == "destroy" and not arguments.yes and not await _agreed(f"destroy {who}?"):
            raise AiocloudError("nothing was destroyed")
        await getattr(fleet, f"{arguments.command}_node")(node)
        say(f"{DONE[arguments.command]} {who}")
    return COMPLETE


async def find(fleet: Fleet, wanted: str, *, named: bool) -> Node:
    """The node of that id, or the only one of that name. `named` tells that the user said in which account.

    Raises AiocloudError where there is none or more than one, or where that cannot be known since not every cloud
    answered: in an account that was named, an id is enough even then.
    """
    report = await fleet.list_nodes()
    require_accounts(report.coverage)
    alive = [node for node in report.items if node.state is not NodeState.TERMINATED]
    by_id = [node for node in alive if node.id == wanted]
    matching = by_id or [node for node in alive if node.name == wanted]
    if report.failures and not (named and by_id):
        _refuse(report, wanted, found=bool(matching), named=named)
    if len(matching) == 1:
        return matching[0]
    if matching:
        known = ", ".join(f"{node.id} at {node.provider}/{node.account}" for node in matching)
        raise ConfigurationError(f"{wanted!r} is the name of several nodes: {known}. Give an id, and --account")
    near = difflib.get_close_matches(wanted, [text for node in alive for text in (node.name, node.id)])
    hint = f"Did you mean {' or '.join(dict.fromkeys(near))}?" if near else "`aiocloud nodes` lists those there are"
    where = ", ".join(sorted({f"{each.scope.provider}/{each.scope.account}" for each in report.coverage}))
    raise ConfigurationError(f"no node {wanted!r} at {where}. {hint}")


def _refuse(report: Report[Node], wanted: str, *, found: bool, named: bool) -> None:
    for failure in report.failures:
        complain(f"{failure.scope} did not answer: {failure.reason}")
    if not any(each.status == "answered" for each in report.coverage):
        raise AiocloudError(f"nothing was done to {wanted!r}: no cloud answered")
    might = "may have a node of the same name" if found else "may have it"
    mend = "give the node's id" if named else "name the account with --account"
    raise AiocloudError(f"nothing was done to {wanted!r}: a cloud that did not answer {might}; {mend}")


async def _agreed(question: str) -> bool:
    """Ask at the terminal. The loop goes on meanwhile, so that Ctrl-C is heard. Raises UsageError without one."""
    if not sys.stdin.isatty():
        raise UsageError("destroy needs --yes where there is no terminal to ask at")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    typed = asyncio.Event()
    with suppress(NotImplementedError):  # as on Windows, where the line below waits
        loop.add_reader(sys.stdin, typed.set)
        try:
            await typed.wait()
        finally:
            loop.remove_reader(sys.stdin)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


# ---- a new node ----


async def _create(arguments: Namespace) -> int:
    user_data = _read(arguments.user_data) if arguments.user_data else None
    public_key = _public_key(arguments.public_key) if arguments.public_key else None
    _warn_of_sandbox(arguments)
    async with open_fleet(arguments) as fleet:
        driver = _driver(fleet, arguments.account)
        _able(driver, arguments)
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
        except (InvalidRequestError, NotFoundError, ConflictError) as error:
            if hints := await _hints(driver, arguments):
                raise ConfigurationError(f"{error}. {' '.join(hints)}") from error
            raise
        await _present(driver, node, arguments)
    return COMPLETE


def _driver(fleet: Fleet, accounts: Sequence[str]) -> Compute:
    """The driver of the only account, or of the one that is named."""
    if len(accounts) > 1:
        raise UsageError("a node is made in one account: give --account once")
    known = [str(scope) for scope in fleet.scopes if scope.account != PUBLIC]
    if not accounts and len(known) != 1:
        several = f"name an account with --account. There are: {', '.join(known)}"
        raise ConfigurationError(several if known else NONE_FOUND)
    driver = fleet.driver(accounts[0] if accounts and len(known) != 1 else known[0])
    if not isinstance(driver, Compute):
        raise ConfigurationError(f"{driver.title} has no nodes")
    return driver


def _able(driver: Compute, arguments: Namespace) -> None:
    """Raises ConfigurationError for what this provider cannot do, before anything is made."""
    asked = {"tags": arguments.tag, "user_data": arguments.user_data, "ssh_key": arguments.key or arguments.public_key}
    for feature, given in asked.items():
        if given and feature not in driver.features:
            raise ConfigurationError(f"{driver.title} ({driver.account}) cannot make nodes with {feature}")


async def _key_pair(driver: Compute, name: str) -> NodeAuth:
    if not isinstance(driver, KeyPairs):
        raise ConfigurationError(f"{driver.title} has no key pairs: give --public-key FILE")
    return await driver.get_key_pair(name)


async def _without_loss(making: Coroutine[Any, Any, Node], name: str, where: str) -> Node:
    """The new node. Interrupted, tell at once that its fate is being looked into, and then what it was.

    That no node is left is said only where the create itself has come to that end: further signals may strike anywhere.
    """
    fate: list[str] = []
    task = asyncio.ensure_future(_watched(making, where, fate))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            tell(f"aiocloud: interrupted: finding out what became of {name!r} (Ctrl-C again leaves at once)")
            task.cancel()
            with suppress(AiocloudError):  # its fate names it
                await task
        finally:
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


async def _hints(driver: Compute, arguments: Namespace) -> list[str]:
    """Which of the ids the provider does not list, and what comes near: sentences, as far as it tells in time."""
    hints: list[str] = []
    place: str | None = arguments.location
    with suppress(AiocloudError, TimeoutError):
        async with asyncio.timeout(HINTING):
            places = await driver.list_locations()
            known = [text for each in places for text in (each.id, *each.zones)]
            hints += _hint("location", place, known)
            place = place if place in known else None
            sizes = await driver.list_sizes(location=place)
            hints += _hint("size", arguments.size, [each.id for each in sizes], place)
            images = await driver.list_images(location=place)
            hints += _hint("image", arguments.image, [each.id for each in images], place)
    return hints


def _hint(what: str, wanted: str | None, known: Sequence[str], place: str | None = None) -> Iterator[str]:
    if wanted is None or wanted in known:
        return
    near = difflib.get_close_matches(wanted, known)
    mend = f"did you mean {' or '.join(near)}?" if near else f"see `aiocloud {what}s`."
    there = f" in {place}" if place else ""
    yield f"No {what} {wanted!r} is listed{there}: {mend}"


def _read(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be read: {error.strerror}") from error


def _public_key(path: str) -> str:
    text = _read(path).decode("utf-8", "replace").strip()
    if "PRIVATE KEY" in text:
        raise ConfigurationError(f"{path} holds a private key; give the public one ({path}.pub)")
    return text
