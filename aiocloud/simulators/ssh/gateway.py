"""A real SSH server on loopback that leads to simulated addresses."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncssh

from aiocloud.simulators.ssh.server import forward

if TYPE_CHECKING:
    from aiocloud.simulators.base import Simulator


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it listens, and its public host key as a line."""

    host: str
    port: int
    host_key: str


@asynccontextmanager
async def gateway(
    simulators: Iterable[Simulator], *, authorized_key: str, host: str, port: int
) -> AsyncIterator[Gateway]:
    """See `serve_gateway`."""
    clouds = {simulator.provider: simulator for simulator in simulators}
    open_connections: set[asyncssh.SSHServerConnection] = set()
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        host,
        port,
        config=None,
        server_factory=lambda: _Door(clouds, open_connections),
        server_host_keys=[key],
        authorized_client_keys=asyncssh.import_authorized_keys(authorized_key),
        x509_trusted_certs=None,
    )
    try:
        yield Gateway(host, server.get_port(), " ".join(key.export_public_key().decode().split()[:2]))
    finally:
        server.close()
        for connection in list(open_connections):
            connection.abort()
            await connection.wait_closed()
        await server.wait_closed()


class _Door(asyncssh.SSHServer):
    """Leads on to the cloud whose name the user has, and does nothing else."""

    def __init__(self, clouds: Mapping[str, Simulator], connections: set[asyncssh.SSHServerConnection]) -> None:
        self._clouds = clouds
        self._cloud: Simulator | None = None
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        self._cloud = self._clouds.get(username)
        return True

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        return forward(self._dial, dest_host, dest_port)

    async def _dial(self, address: str, port: int) -> socket.socket:
        if self._cloud is None:
            raise OSError(errno.EACCES, f"the user's name must be that of a cloud: {', '.join(self._clouds)}")
        return await self._cloud.dial(address, port)
