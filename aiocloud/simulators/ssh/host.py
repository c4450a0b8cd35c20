"""A simulated node from inside: files in memory, a sandboxed shell, and who may log in."""

from __future__ import annotations

import asyncio
import itertools
import shlex
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from email import message_from_bytes
from typing import TYPE_CHECKING, Any

import asyncssh
from bashkit import Bash, BuiltinResult, FileSystem

from aiocloud.simulators.ssh.machine import Machine

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.world import SimulatedSSH

Sink = Callable[[bytes], Awaitable[None]]

FOLDERS = ("/bin", "/dev", "/etc", "/opt", "/root/.ssh", "/srv", "/tmp", "/usr/local/bin", "/var/log")
AUTHORIZED_KEYS = "/root/.ssh/authorized_keys"
SHELL = b'#!/bin/bash\nbash "$@"\n'
STAND_INS = ("apt", "apt-get", "apk", "dnf", "yum", "systemctl", "service", "puppet", "docker", "salt-call")
"""Programs that do nothing but say so, so that ordinary scripts come to their end."""


class Host:
    """One node: made when somebody first connects, and the same from then on."""

    def __init__(self, machine: Machine, world: SimulatedSSH) -> None:
        self.machine = machine
        self._world = world
        self._files = FileSystem()
        self._numbers = itertools.count()
        self._boot: asyncio.Task[None] | None = None
        self.boot_status = 0
        """The exit status of the first script of its user data that failed; 0 if none did."""
        for folder in FOLDERS:
            self._files.mkdir(folder, recursive=True)
        for name in ("/bin/sh", "/bin/bash"):
            self.write(name, SHELL, 0o755)
        self.write("/etc/hostname", f"{machine.name}\n".encode(), 0o644)
        self.write(AUTHORIZED_KEYS, "".join(f"{key.strip()}\n" for key in machine.keys).encode(), 0o600)
        self._files.chmod("/root/.ssh", 0o700)
        self._scripts: list[bytes] = []
        self.key = asyncssh.generate_private_key("ssh-ed25519", comment=f"root@{machine.name}")
        for part in parts_of(machine.user_data or b""):
            self._take(part)

    @property
    def public_key(self) -> str:
        """The public host key, as a line."""
        return self.key.export_public_key().decode().strip()

    @property
    def files(self) -> FileSystem:
        """All its files."""
        return self._files

    def write(self, path: str, contents: bytes, mode: int) -> None:
        """Put a file there."""
        self._files.write_file(path, contents)
        self._files.chmod(path, mode)

    # ---- who may log in ----

    def lets_in(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the holder of that key may log in: root, with a key of authorized_keys."""
        own = self._files.read_file(AUTHORIZED_KEYS).decode("utf-8", "replace").splitlines()
        blob = key.export_public_key().split()[1].decode()
        return username == "root" and any(blob in line.split() for line in (*own, *self._world.authorized_keys))

    def lets_in_with(self, username: str, password: str) -> bool:
        """Whether that is root's password."""
        known = self.machine.password
        return username == "root" and known is not None and known.reveal() == password

    # ---- commands ----

    async def run(self, line: str, given: bytes, out: Sink, err: Sink) -> int:
        """Run a line with a shell of its own, in root's home; the exit status."""
        source = f"/tmp/.stdin-{next(self._numbers)}"
        self._files.write_file(source, given)
        shell = Bash(
            username="root",
            hostname=self.machine.name,
            cwd="/root",
            env={"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"},
            custom_builtins=self._programs(),
        )
        shell.mount("/", self._files)
        try:
            with held():
                result = await shell.execute(f"bash -c {shlex.quote(line)} < {source}", stdout=out, stderr=err)
        except asyncio.CancelledError:
            shell.cancel()
            raise
        finally:
            with suppress(RuntimeError):
                self._files.remove(source)
        return int(result.exit_code)

    def _programs(self) -> dict[str, Any]:
        async def sleep(context: Any) -> BuiltinResult:
            with released():
                await asyncio.sleep(sum(map(float, context.argv)))
            return BuiltinResult()

        async def cloud_init(context: Any) -> BuiltinResult:
            with released():
                await self.booted()
            word = "error" if self.boot_status else "done"
            return BuiltinResult(f"status: {word}\n", "", 1 if self.boot_status else 0)

        programs: dict[str, Any] = {"sleep": sleep, "cloud-init": cloud_init, "sudo": None}
        programs |= {name: _stand_in(name) for name in STAND_INS}
        programs |= {name: _own(program) for name, program in self._world.programs.items()}
        del programs["sudo"]  # the shell has one
        return programs

    # ---- the first boot ----

    async def booted(self) -> None:
        """Wait until the scripts of its user data have run."""
        if self._boot is None:
            self._boot = asyncio.ensure_future(self._run_scripts())
        await asyncio.shield(self._boot)

    async def _run_scripts(self) -> None:
        async def log(data: bytes) -> None:
            self._files.append_file(path, data)

        path = "/var/log/cloud-init-output.log"
        self.write(path, b"", 0o644)
        for number, script in enumerate(self._scripts):
            name = f"/opt/part-{number}"
            self.write(name, script, 0o700)
            self.boot_status = self.boot_status or await self.run(name, b"", log, log)

    def _take(self, part: bytes) -> None:
        """What cloud-init would do with a part of the user data, as far as it matters here."""
        if part.startswith(b"#!"):
            self._scripts.append(part)
        elif part.startswith(b"#cloud-config"):
            import yaml

            settings = yaml.safe_load(part) or {}
            if private := (settings.get("ssh_keys") or {}).get("ed25519_private"):
                self.key = asyncssh.import_private_key(private)
            keys = settings.get("ssh_authorized_keys") or []
            self._files.append_file(AUTHORIZED_KEYS, "".join(f"{key}\n" for key in keys).encode())
            for file in settings.get("write_files") or []:
                self.write(
                    file["path"], str(file.get("content", "")).encode(), int(str(file.get("permissions", "644")), 8)
                )
            commands = [each if isinstance(each, str) else shlex.join(each) for each in settings.get("runcmd") or []]
            if commands:
                self._scripts.append("\n".join(["#!/bin/sh", *commands, ""]).encode())


def parts_of(user_data: bytes) -> list[bytes]:
    """The parts of user data: one, or those of a MIME message."""
    if not user_data.lower().startswith((b"content-type: multipart/", b"mime-version:")):
        return [user_data] if user_data else []
    message = message_from_bytes(user_data)
    return [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]  # type: ignore[misc]  # bytes, where it decodes


def _stand_in(name: str) -> Any:
    return lambda context: BuiltinResult(f"simulated: {shlex.join([name, *context.argv])}\n", "", 0)


def _own(program: Callable[[list[str]], tuple[int, str]]) -> Any:
    def run(context: Any) -> BuiltinResult:
        status, text = program(list(context.argv))
        return BuiltinResult(text, "", status)

    return run


def held() -> AbstractContextManager[None]:
    """The shell works in a thread of its own: meanwhile virtual time must not jump."""
    return _of_loop("held")


def released() -> AbstractContextManager[None]:
    """A program of the shell waits on the loop's clock."""
    return _of_loop("released")


def _of_loop(name: str) -> AbstractContextManager[None]:
    make = getattr(asyncio.get_running_loop(), name, None)
    return make() if make is not None else nullcontext()
