"""A network of long round trips: what a host is sent, and what it sends, arrives some time later, as fast as it came.

    python -m benchmarks.ssh.delay SECONDS PORT SERVER_PORT HOST...

listens on these hosts and that port, says "ready", and passes everything on to the server on 127.0.0.1. The kernel
answers for it when a connection is opened: that round trip alone is not delayed.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SERVER = "127.0.0.1"


class Line:
    """Delivers everything so many seconds after it came. All waits are alike, so that one timer serves them all."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[tuple[float, End, bytes | None]] = deque()

    def send(self, to: End, data: bytes | None) -> None:
        """Send data, or None for the end."""
        self._under_way.append((self._loop.time() + self._seconds, to, data))
        if len(self._under_way) == 1:
            self._loop.call_later(self._seconds, self._deliver)

    def _deliver(self) -> None:
        now = self._loop.time() + 0.001
        while self._under_way and self._under_way[0][0] <= now:
            _, to, data = self._under_way.popleft()
            to.deliver(data)
        if self._under_way:
            self._loop.call_at(self._under_way[0][0], self._deliver)


class End(asyncio.Protocol):
    """One of the two ends of a connection: what comes in here is delivered at the other."""

    def __init__(self, line: Line) -> None:
        self.other: End | None = None
        self._line = line
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        for data in self._early:
            self.deliver(data)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self._line.send(self.other, data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None:
            self._line.send(self.other, None)

    def deliver(self, data: bytes | None) -> None:
        if self._transport is None:
            self._early.append(data)
        elif data is None:
            self._transport.close()
        else:
            self._transport.write(data)


async def serve(seconds: float, port: int, server_port: int, hosts: Sequence[str]) -> None:
    """Until somebody ends it."""
    loop = asyncio.get_running_loop()
    line = Line(seconds)
    reaching: set[asyncio.Task[object]] = set()

    def accept() -> End:
        here, there = End(line), End(line)
        here.other, there.other = there, here
        task: asyncio.Task[object] = loop.create_task(loop.create_connection(lambda: there, SERVER, server_port))
        reaching.add(task)
        task.add_done_callback(reaching.discard)
        return here

    async with await loop.create_server(accept, hosts, port, backlog=1024):
        print("ready", flush=True)
        await loop.create_future()


@contextmanager
def delayed(hosts: Sequence[str], port: int, server_port: int, round_trip: float) -> Iterator[None]:
    """These hosts are there meanwhile, that far away."""
    command = [sys.executable, "-m", "benchmarks.ssh.delay", str(round_trip / 2), str(port), str(server_port), *hosts]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as network:  # noqa: S603 - our own program
        try:
            assert network.stdout is not None
            assert network.stdout.readline() == "ready\n"
            yield
        finally:
            network.terminate()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(serve(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
