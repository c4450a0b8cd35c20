"""`aiocloud run`: one command on many nodes, in all accounts."""

from __future__ import annotations

import json
import shlex
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from datetime import date
from fnmatch import fnmatchcase

from aiocloud.cli.output import complain, say, say_json, tell
from aiocloud.cli.records import RAN, document, header, ran_record, row
from aiocloud.cli.session import FAILED, conclude, open_fleet
from aiocloud.cli.signing import how_to_sign_in
from aiocloud.deploy import Output, Running, RunResult
from aiocloud.errors import ConfigurationError, HostKeyError, NotStartedError, RemoteError, SignInError, SSHConnectError
from aiocloud.models import Node, NodeState


async def run(arguments: Namespace, today: date) -> int:
    """Run it, and show what it writes as it comes."""
    words = arguments.words
    command = words[0] if len(words) == 1 else shlex.join(words)
    how = how_to_sign_in(arguments)
    async with open_fleet(arguments, nodes=2, ssh=True) as fleet:
        report = await fleet.list_nodes()
        chosen = [node for node in report.items if wanted(node, arguments)]
        running = [node for node in chosen if node.state is NodeState.RUNNING]
        status = conclude(report.coverage, report.failures)
        if not running:
            others = f"; {len(chosen)} that are meant do not run" if chosen else ""
            raise ConfigurationError(f"no node that runs is meant{others}: see `aiocloud nodes`")
        pending = fleet.run(
            running,
            command,
            limit=arguments.parallel,
            timeout=arguments.timeout,
            max_fail=arguments.max_fail,
            on_output=_show_line if arguments.format == "table" else None,
            **how,
        )
        results = await _run(pending, arguments)
    if arguments.format == "json":
        say_json(document([ran_record(result) for result in results], report.failures, report.coverage))
    failed = sum(not result.ok for result in results)
    asleep = len(chosen) - len(running)
    if arguments.format == "table":
        say(_summary(results, asleep))
    elif asleep:
        tell(f"aiocloud: {asleep} that are meant do not run, and were left out")
    return FAILED if failed else status


def wanted(node: Node, arguments: Namespace) -> bool:
    """Whether a node is meant: by one of the names, and by all of the tags."""
    named = not arguments.name or any(fnmatchcase(node.name, pattern) for pattern in arguments.name)
    tagged = all((node.tags or {}).get(key) == value for key, value in arguments.tag)
    return named and tagged and node.state is not NodeState.TERMINATED


async def _run(pending: Running, arguments: Namespace) -> list[RunResult]:
    results: list[RunResult] = []
    if arguments.format == "csv":
        say(header(RAN))
    async with aclosing(aiter(pending)) as each:  # type: ignore[type-var]  # it is a generator
        async for result in each:
            results.append(result)
            _show(result, arguments)
            sys.stdout.flush()
    return results


def _show_line(node: Node, output: Output) -> None:
    say(f"[{output.host}] {output.stream}: {output.text}")
    sys.stdout.flush()


def _show(result: RunResult, arguments: Namespace) -> None:
    """A result as soon as it is there: as a table, what went wrong, since all else was shown as it came."""
    if arguments.format == "table":
        if not result.ok:
            why = result.error.message if isinstance(result.error, RemoteError) else result.error
            complain(f"{result.node.name} ({result.address or 'not reached'}): {why}")
    elif arguments.format == "jsonl":
        say(json.dumps(ran_record(result), ensure_ascii=False))
    elif arguments.format == "csv":
        say(row(RAN, ran_record(result)))


def _summary(results: Sequence[RunResult], asleep: int) -> str:
    """`12 nodes: 9 ok, 2 ended with status 1, 1 not reached; 3 that are meant do not run`."""
    ends = Counter(_end(result) for result in results)
    parts = [f"{count} {end}" for end, count in sorted(ends.items(), key=lambda each: (each[0] != "ok", -each[1]))]
    rest = f"; {asleep} more that are meant do not run" if asleep else ""
    return f"{len(results)} node{'s' * (len(results) != 1)}: {', '.join(parts)}{rest}"


def _end(result: RunResult) -> str:
    if result.ok:
        return "ok"
    if result.exit_status is not None:
        return f"ended with status {result.exit_status}"
    match result.error:
        case NotStartedError():
            return "not started"
        case HostKeyError():
            return "not trusted"
        case SignInError():
            return "not signed in to"
        case SSHConnectError():
            return "not reached"
    return "did not end"
