"""Providers in a process of their own: `python -m benchmarks.cloud.server WORLD...`, each world as JSON.

It listens at a port for each world, prints the ports, and answers until its input ends. What it says is ready before.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial

from benchmarks.cloud.http import Connection
from benchmarks.cloud.worlds import World

EVERYWHERE, HERE = "0.0.0.0", "127.0.0.1"  # noqa: S104 - it knows no secret, and tells only what anybody may know


@contextmanager
def served(*worlds: World) -> Iterator[list[int]]:
    """The worlds' ports, as long as the context lasts."""
    command = [sys.executable, "-m", "benchmarks.cloud.server", *(json.dumps(asdict(world)) for world in worlds)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603 - our own program
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        if not ports:
            raise RuntimeError("the provider's process did not start")
        yield [int(port) for port in ports]
        process.terminate()


async def serve(worlds: list[World]) -> None:
    loop = asyncio.get_running_loop()
    ports = []
    for world in worlds:
        server = await loop.create_server(
            partial(Connection, world.answers(), world.latency),
            EVERYWHERE if world.everywhere else HERE,
            ssl=_tls(world.certificate) if world.certificate else None,
            backlog=4096,
        )
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # its end is ours: no process is left behind


def _tls(certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def many_files() -> None:
    """A connection is a file: as many as this process is let have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    many_files()
    asyncio.run(serve([World(**json.loads(text)) for text in sys.argv[1:]]))
