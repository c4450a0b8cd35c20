"""`aiocloud sandbox`: simulated clouds on loopback, for this command and for other people's clients."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiocloud.accounts import OWN_FILE, Account
from aiocloud.cli.output import UsageError, say
from aiocloud.cli.session import simulated_clouds
from aiocloud.deploy.hostkeys import KNOWN_HOSTS, alias_of
from aiocloud.deploy.keys import make_key
from aiocloud.errors import ConfigurationError
from aiocloud.fleet.sandbox import account_at
from aiocloud.models import Node
from aiocloud.simulators import get_simulator
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.server import serve
from aiocloud.simulators.ssh import Machine, serve_gateway

KEY = "id_ed25519"


async def run(arguments: Namespace, today: date) -> int:
    """Serve until interrupted, which is how it ends well."""
    chosen = simulated_clouds(arguments)
    if arguments.port + len(chosen) + 1 > 65536:
        raise UsageError(f"there are not {len(chosen) + 1} ports from {arguments.port} on")
    async with AsyncExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="aiocloud-sandbox-")))
        simulators = [get_simulator(provider)(latency=arguments.latency) for provider in chosen]
        bases = []
        for offset, simulator in enumerate(simulators):
            simulator.populate(arguments.nodes)
            port = arguments.port + offset if arguments.port else 0
            bases.append(await running.enter_async_context(serve(simulator, port=port)))
        port = arguments.port + len(chosen) if arguments.port else 0
        gate = await _gate(simulators, folder, port, running)
        sections = []
        for simulator, base in zip(simulators, bases, strict=True):
            ssh = {"key": str(folder / KEY), "jump": f"{simulator.provider}@{gate}"}
            more: dict[str, Any] = {"ssh": ssh} if gate else {}
            account = account_at(simulator, base, **more)
            sections.append(section(account, simulator.facts))
        text = "\n".join(sections)
        _write(folder / OWN_FILE, text)
        say(f"# Simulated clouds, until Ctrl-C. This is {folder / OWN_FILE}; in another terminal:")
        say(f"#   AIOCLOUD_CONFIG={folder} aiocloud nodes")
        if gate:
            say(f"#   AIOCLOUD_CONFIG={folder} aiocloud run -- hostname")
        else:
            say("# Their nodes do not accept SSH: that needs pip install 'aiocloud[sandbox]'.")
        say("# The endpoints and credentials serve other clients, too.\n")
        say(text)
        sys.stdout.flush()
        await _until_told()
    return 0


async def _gate(simulators: Sequence[Simulator], folder: Path, port: int, running: AsyncExitStack) -> str | None:
    """Where the jump host is that leads to nodes, whose addresses exist nowhere else.

    A key for all, and a record of the host keys that there are, are put into the folder. None where the package is
    installed without what simulated nodes run commands with.
    """
    key, known = make_key("sandbox"), []
    try:
        for simulator in simulators:
            simulator.ssh.authorized_keys.append(key.public)
            known += [host_key_line(simulator, machine) for machine in simulator.machines()]
    except ConfigurationError:
        return None
    gate = await running.enter_async_context(serve_gateway(simulators, authorized_key=key.public, port=port))
    known.append(f"[{gate.host}]:{gate.port} {gate.host_key}\n")
    _write(folder / KNOWN_HOSTS, "".join(known))
    _write(folder / KEY, key.private.reveal(), mode=0o600)
    return f"{gate.host}:{gate.port}"


def host_key_line(simulator: Simulator, machine: Machine) -> str:
    """A line of the record: the node's name there, and its key."""
    node = Node(id=machine.id, name=machine.name, provider=simulator.provider, account=simulator.provider)
    return f"{alias_of(node)} {' '.join(simulator.ssh.host(machine).public_key.split()[:2])}\n"


def section(account: Account, facts: str) -> str:
    """The account as a table of `accounts.toml`."""
    options: Mapping[str, object] = {"provider": account.provider, **account.options}
    plain = {key: value for key, value in options.items() if not isinstance(value, Mapping)}
    lines = [f"# {' '.join(facts.split())}", *_table(account.provider, plain)]
    for key, value in options.items():
        if isinstance(value, Mapping):
            lines += _table(f"{account.provider}.{key}", value)
    return "\n".join(lines)


def _table(name: str, values: Mapping[str, object]) -> list[str]:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return [f"[{name}]", *lines, ""]


def _write(path: Path, text: str, *, mode: int = 0o644) -> None:
    path.touch(mode, exist_ok=False)
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
