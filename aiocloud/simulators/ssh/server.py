"""The SSH server in front of a simulated node: asyncssh's, over a socket that is connected already."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncssh

from aiocloud.simulators.ssh.files import Files
from aiocloud.simulators.ssh.host import Host
from aiocloud.simulators.ssh.shell import Streams
from aiocloud.simulators.ssh.world import COMMANDS, SUBSYSTEMS

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.world import Kind

Dial: TypeAlias = Callable[[str, int], Awaitable[socket.socket]]

PIECE = 2**16
LAST_WORDS = 0.1
"""Seconds after which a connection breaks whose command has written something."""
VERSION = "OpenSSH_9.2 simulated"


async def serve(sock: socket.socket, host: Host, fault: Kind | None) -> None:
    """Serve one connection until it ends."""
    key = asyncssh.generate_private_key("ssh-ed25519") if fault == "other key" else host.key
    with suppress(asyncssh.Error, OSError, TimeoutError):
        connection = await asyncssh.run_server(
            sock,
            config=None,
            server_factory=lambda: Server(host, ready=fault != "not ready"),
            server_host_keys=[key],
            server_version=VERSION,
            encoding=None,
            allow_scp=True,
            x509_trusted_certs=None,
        )
        try:
            await connection.wait_closed()
        finally:
            connection.abort()


async def forward(dial: Dial, host: str, port: int) -> asyncssh.SSHForwarder:
    """A channel that leads on to where `dial` leads. Raises ChannelOpenError."""
    try:
        sock = await dial(host, port)
    except OSError as error:
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, error.strerror or str(error)) from None
    _, peer = await asyncio.get_running_loop().create_connection(asyncssh.SSHForwarder, sock=sock)
    return asyncssh.SSHForwarder(peer)


class Server(asyncssh.SSHServer):
    """Who may come in to a node, and what is done there."""

    def __init__(self, host: Host, *, ready: bool) -> None:
        self._host = host
        self._ready = ready
        self._user = ""
        self._connection: Any = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._user = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._ready and self._host.lets_in(username, key)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self._ready and self._host.lets_in_with(username, password)

    def session_requested(self) -> Process:
        return Process(self._host, self._user, self._connection)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        return forward(self._host.world.dial, dest_host, dest_port)


class Process(asyncssh.SSHServerProcess[bytes]):
    """One channel: a command, or files. A command ends by itself, by a signal, or with its channel."""

    def __init__(self, host: Host, user: str, connection: asyncssh.SSHServerConnection) -> None:
        super().__init__(self._command, lambda channel: Files(channel, host, user), 3, True)
        self._host = host
        self._user = user
        self._connection = connection
        self._running: asyncio.Future[int] | None = None
        self._killed_by: str | None = None

    def subsystem_requested(self, subsystem: str) -> bool:
        refused = self._host.world.strike(self._host.machine.name, SUBSYSTEMS) is not None
        return subsystem == "sftp" and not refused

    def signal_received(self, signal: str) -> None:
        self._killed_by = signal
        self._stop()

    def break_received(self, msec: int) -> bool:
        self.signal_received("INT")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def _command(self, _: Any) -> None:
        fault = self._host.world.strike(self._host.machine.name, COMMANDS)
        self._running = asyncio.ensure_future(_forever() if fault == "never ends" else self._shell(fault))
        try:
            await asyncio.wait({self._running})
        finally:
            self._running.cancel()
        if fault == "disconnects":
            self._connection.abort()
        elif self._killed_by is not None:
            self.exit_with_signal(self._killed_by)
        elif not self._running.cancelled():
            self.exit(self._running.result())

    async def _shell(self, fault: Kind | None) -> int:
        if self.command is None and self.term_type is not None:
            self.stderr.write(b"simulated nodes run commands, and have no terminal\r\n")
            return 1
        breaks = fault == "disconnects"
        streams = Streams(self._read, self._sink(self.stdout, breaks), self._sink(self.stderr, breaks))
        line = "bash" if self.command is None else self.command
        return await self._host.run(line, streams, user=self._user, env=self.env)

    async def _read(self) -> bytes:
        return await self.stdin.read(PIECE)

    def _sink(self, writer: Any, breaks: bool) -> Callable[[bytes], Awaitable[None]]:
        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()
            if breaks:
                await asyncio.sleep(LAST_WORDS)
                self._connection.abort()

        return write


async def _forever() -> int:
    await asyncio.get_running_loop().create_future()
    return 0
