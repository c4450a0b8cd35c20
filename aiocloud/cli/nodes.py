"""`aiocloud destroy`, `reboot`, `start`, `stop`: one node at a time."""

from __future__ import annotations

import asyncio
import difflib
import sys
from argparse import Namespace
from contextlib import suppress
from datetime import date

from aiocloud.cli.output import UsageError, complain, say
from aiocloud.cli.session import COMPLETE, open_fleet, require_accounts, warn_of_sandbox
from aiocloud.errors import AiocloudError, ConfigurationError
from aiocloud.fleet import Fleet, Report
from aiocloud.models import Node, NodeState

DONE = {"destroy": "destroyed", "reboot": "rebooting", "start": "starting", "stop": "stopping"}


async def run(arguments: Namespace, today: date) -> int:
    """Do what the verb says."""
    warn_of_sandbox(arguments)
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
