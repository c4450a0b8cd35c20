"""The SSH server in front of a simulated node: asyncssh's, over a socket that is connected already."""

from __future__ import annotations

import asyncio
import posixpath
import socket
from contextlib import suppress
from typing import Any

import asyncssh

from aiocloud.simulators.ssh.host import Host

IDLE = 1.0
"""Seconds after which a command is started whose input nobody has ended: a terminal leaves it open."""


async def serve(sock: socket.socket, host: Host, fault: str | None) -> None:
    """Serve one connection until it ends."""
    key = asyncssh.generate_private_key("ssh-ed25519") if fault == "other key" else host.key
    with suppress(asyncssh.Error, OSError, TimeoutError):
        connection = await asyncssh.run_server(
            sock,
            config=None,
            server_factory=lambda: _Server(host, ready=fault != "not ready"),
            server_host_keys=[key],
            encoding=None,
            login_timeout=120,
        )
        try:
            await connection.wait_closed()
        finally:
            connection.abort()


class _Server(asyncssh.SSHServer):
    def __init__(self, host: Host, *, ready: bool) -> None:
        self._host = host
        self._ready = ready
        self._username = ""
        self._connection: Any = None

    def connection_made(self, conn: Any) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._username = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._ready and self._host.lets_in(username, key)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return self._ready and self._host.lets_in_with(username, password)

    def session_requested(self) -> Any:
        return _Process(lambda process: self._run(process), lambda channel: _Files(channel, self._host), 3, False)

    async def _run(self, process: Any) -> None:
        """One command: it ends by itself, by a signal, or with its channel."""
        world, name = self._host._world, self._host.machine.name
        fault = world.strike(name, commands=True)
        if fault == "never ends":
            running = asyncio.ensure_future(_forever())
        else:
            running = asyncio.ensure_future(self._shell(process))
        process.running = running
        closing = asyncio.ensure_future(process.channel.wait_closed())
        try:
            if fault == "disconnects":
                process.stdout.write(b"begun\n")
                await asyncio.sleep(0.1)
                self._connection.abort()
                return
            await asyncio.wait({running, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (running, closing):
                task.cancel()
            await asyncio.gather(running, closing, return_exceptions=True)
        if process.killed_by is not None:
            process.exit_with_signal(process.killed_by)
        elif not running.cancelled() and not process.channel.is_closing():
            process.exit(running.result())

    async def _shell(self, process: Any) -> int:
        if process.command is None:
            process.stderr.write(b"simulated nodes run commands, and have no terminal\n")
            return 1

        async def out(data: bytes) -> None:
            process.stdout.write(data)

        async def err(data: bytes) -> None:
            process.stderr.write(data)

        return await self._host.run(process.command, await _everything(process.stdin), out, err)


class _Process(asyncssh.SSHServerProcess[bytes]):
    """A command's channel; a signal ends the command."""

    running: asyncio.Future[int] | None = None
    killed_by: str | None = None

    def signal_received(self, signal: str) -> None:
        self.killed_by = signal
        if self.running is not None:
            self.running.cancel()


async def _forever() -> int:
    await asyncio.get_running_loop().create_future()
    return 0


async def _everything(stdin: Any) -> bytes:
    """All that a command is given to read."""
    data = bytearray()
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(IDLE):
                piece = await stdin.read(2**16)
            if not piece:
                break
            data += piece
    return bytes(data)


class _Files(asyncssh.SFTPServer):
    """SFTP over the files of a simulated node."""

    def __init__(self, channel: Any, host: Host) -> None:
        super().__init__(channel)
        self._files = host.files

    def _path(self, path: bytes) -> str:
        return posixpath.normpath(posixpath.join("/root", path.decode()))

    def realpath(self, path: bytes) -> bytes:
        return self._path(path).encode()

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        name = self._path(path)
        there = name == "/dev/full" or self._files.exists(name)
        if not there and not pflags & asyncssh.FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile("No such file")
        if not self._files.exists(posixpath.dirname(name)):
            raise asyncssh.SFTPNoSuchFile("No such file")
        if name != "/dev/full" and (not there or pflags & asyncssh.FXF_TRUNC):
            self._files.write_file(name, b"")
            if not there:
                self._files.chmod(name, attrs.permissions or 0o644)
        return name

    def close(self, file_obj: Any) -> None:
        return

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        return bytes(self._files.read_file(file_obj)[offset : offset + size])

    def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        if file_obj == "/dev/full":
            raise asyncssh.SFTPFailure("Failure")
        old = self._files.read_file(file_obj)
        mode = self._files.stat(file_obj)["mode"]
        if offset == len(old):
            self._files.append_file(file_obj, data)
        else:
            self._files.write_file(file_obj, old[:offset].ljust(offset, b"\0") + data + old[offset + len(data) :])
        self._files.chmod(file_obj, mode)
        return len(data)

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.stat(path)

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.fstat(self._path(path))

    def fstat(self, file_obj: Any) -> asyncssh.SFTPAttrs:
        if not self._files.exists(file_obj):
            raise asyncssh.SFTPNoSuchFile("No such file")
        known = self._files.stat(file_obj)
        kind = 0o040000 if known["file_type"] == "directory" else 0o100000
        return asyncssh.SFTPAttrs(size=known["size"], permissions=kind | known["mode"], uid=0, gid=0)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self.fsetstat(self._path(path), attrs)

    def fsetstat(self, file_obj: Any, attrs: asyncssh.SFTPAttrs) -> None:
        if attrs.permissions is not None and file_obj != "/dev/full":
            self._files.chmod(file_obj, attrs.permissions & 0o7777)

    async def scandir(self, path: bytes) -> Any:
        for entry in self._files.read_dir(self._path(path)):
            name = entry["name"].encode()
            yield asyncssh.SFTPName(name, attrs=self.stat(posixpath.join(path, name)))

    def remove(self, path: bytes) -> None:
        self._must_exist(path)
        self._files.remove(self._path(path))

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._files.mkdir(self._path(path))

    def rmdir(self, path: bytes) -> None:
        self._must_exist(path)
        self._files.remove(self._path(path))

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._must_exist(oldpath)
        self._files.rename(self._path(oldpath), self._path(newpath))

    def _must_exist(self, path: bytes) -> None:
        self.stat(path)
