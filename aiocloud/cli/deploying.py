"""`aiocloud deploy`: from nothing to nodes that are set up."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import date
from pathlib import Path
from typing import Any

from aiocloud.cli.interrupts import cleaning_up
from aiocloud.cli.ordering import MISTYPED, able, driver_of, hints, public_key_in, read
from aiocloud.cli.output import complain, say, say_json
from aiocloud.cli.records import DEPLOYED, deployed_record, header, row
from aiocloud.cli.session import COMPLETE, FAILED, open_fleet, warn_of_sandbox
from aiocloud.cli.signing import how_to_sign_in
from aiocloud.deploy import (
    CloudInitDeployment,
    Deployed,
    Deployments,
    FileDeployment,
    ScriptDeployment,
    ScriptFileDeployment,
    SSHKeyDeployment,
)
from aiocloud.driver import Compute


async def run(arguments: Namespace, today: date) -> int:
    """Deploy them, and show what came of each; the lines of their scripts as they come."""
    steps = [step_of(word, value, sudo=arguments.sudo) for word, value in arguments.steps]
    user_data = read(arguments.user_data) if arguments.user_data else None
    how = how_to_sign_in(arguments)
    warn_of_sandbox(arguments)
    async with open_fleet(arguments, ssh=True) as fleet:
        driver = driver_of(fleet, arguments.account)
        able(driver, arguments)
        deployments = driver.deploy_nodes(
            arguments.names,
            size=arguments.size,
            image=arguments.image,
            location=arguments.location,
            tags=dict(arguments.tag) or None,
            user_data=user_data,
            deploy=steps,
            limit=arguments.parallel,
            max_fail=arguments.max_fail,
            on_failure="keep" if arguments.keep else "destroy",
            on_output=_show_line if arguments.format == "table" else None,
            timeout=arguments.timeout,
            **how,
        )
        doing = "keeping what there is" if arguments.keep else "destroying what is not ready yet"
        outcomes = await cleaning_up(_deploy(deployments, arguments), doing)
        return await _conclude(driver, outcomes, arguments)


def step_of(word: str, value: Any, *, sudo: bool) -> Any:
    """A step as it was typed. Raises ConfigurationError for a file that cannot be read."""
    make: dict[str, Callable[[], Any]] = {
        "script": lambda: ScriptFileDeployment(value, delete=True, sudo=sudo),
        "run": lambda: ScriptDeployment(f"{value}\n", delete=True, sudo=sudo),
        "file": lambda: FileDeployment(Path(value[0]), value[1], sudo=sudo),
        "authorize": lambda: SSHKeyDeployment(public_key_in(value)),
        "cloud_init": lambda: CloudInitDeployment(read(value)),
    }
    return make[word]()


async def _deploy(deployments: Deployments, arguments: Namespace) -> list[Deployed]:
    outcomes: list[Deployed] = []
    if arguments.format == "csv":
        say(header(DEPLOYED, *_more(arguments)))
    try:
        async with aclosing(aiter(deployments)) as each:  # type: ignore[type-var]  # it is a generator
            async for outcome in each:
                outcomes.append(outcome)
                _show(outcome, arguments)
                sys.stdout.flush()
    finally:  # interrupted too, it tells of all that is ready
        if arguments.format == "json":
            say_json({"items": [_record(outcome, arguments) for outcome in outcomes]})
    return outcomes


def _show_line(node: Any, step: Any, output: Any) -> None:
    say(f"[{node.name}] {output.stream}: {output.text}")
    sys.stdout.flush()


def _show(outcome: Deployed, arguments: Namespace) -> None:
    """An outcome as soon as it is there; one document of all cannot be begun yet."""
    if arguments.format == "table":
        if outcome.error is not None:
            complain(f"{outcome.name}: {outcome.error}")
        elif (node := outcome.node) is not None:
            addresses = ", ".join((*node.public_ips, *node.private_ips))
            say(f"{outcome.name} is ready: node {node.id} at {node.provider}/{node.account}, {addresses}")
        return
    known = _record(outcome, arguments)
    if arguments.format == "jsonl":
        say(json.dumps(known, ensure_ascii=False))
    elif arguments.format == "csv":
        say(row(DEPLOYED, known, *_more(arguments)))


def _record(outcome: Deployed, arguments: Namespace) -> dict[str, Any]:
    known = deployed_record(outcome, extra=arguments.extra)
    if arguments.show_password:
        password = outcome.node.password if outcome.node is not None else None
        known["password"] = password.reveal() if password else None
    return known


def _more(arguments: Namespace) -> Sequence[str]:
    return ("password",) if arguments.show_password else ()


async def _conclude(driver: Compute, outcomes: Sequence[Deployed], arguments: Namespace) -> int:
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if arguments.format == "table" and len(outcomes) > 1:
        say(f"{len(outcomes)} nodes: {len(outcomes) - len(failed)} ready, {len(failed)} failed")
    if arguments.format != "table":
        for outcome in failed:
            complain(f"{outcome.name}: {outcome.error}")
    if any(isinstance(outcome.error, MISTYPED) for outcome in failed):
        for hint in await hints(driver, arguments):
            complain(hint)
    return FAILED if failed else COMPLETE
