"""`aiocloud sandbox`: simulated clouds on loopback, for this command and for other people's clients."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from aiocloud.accounts import Account
from aiocloud.cli.output import UsageError, say
from aiocloud.cli.session import simulated
from aiocloud.fleet.sandbox import account_at
from aiocloud.simulators import get_simulator
from aiocloud.simulators.server import serve


async def run(arguments: Namespace, today: date) -> int:
    """Serve until interrupted, which is how it ends well."""
    chosen = simulated(arguments.provider, arguments.account)
    if arguments.port + len(chosen) > 65536:
        raise UsageError(f"there are not {len(chosen)} ports from {arguments.port} on")
    async with AsyncExitStack() as running:
        sections = []
        for offset, provider in enumerate(chosen):
            simulator = get_simulator(provider)(latency=arguments.latency)
            simulator.populate(arguments.nodes)
            port = arguments.port + offset if arguments.port else 0
            base = await running.enter_async_context(serve(simulator, port=port))
            sections.append(section(account_at(simulator, base), simulator.facts))
        folder = Path(running.enter_context(TemporaryDirectory(prefix="aiocloud-sandbox-")))
        text = "\n".join(sections)
        _write(folder / "accounts.toml", text)
        say(f"# Simulated clouds, until Ctrl-C. This is {folder / 'accounts.toml'}; in another terminal:")
        say(f"#   AIOCLOUD_CONFIG={folder} aiocloud nodes")
        say("# The endpoints and credentials serve other clients, too.\n")
        say(text)
        sys.stdout.flush()
        await _until_told()
    return 0


def section(account: Account, facts: str) -> str:
    """The account as a table of `accounts.toml`."""
    options: Mapping[str, object] = {"provider": account.provider, **account.options}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in options.items()]
    return "\n".join([f"# {' '.join(facts.split())}", f"[{account.provider}]", *lines, ""])


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


async def _until_told() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    with suppress(NotImplementedError):  # as on Windows
        loop.add_signal_handler(signal.SIGTERM, told.set)
    with suppress(asyncio.CancelledError):
        await told.wait()
    with suppress(NotImplementedError):
        loop.remove_signal_handler(signal.SIGTERM)
