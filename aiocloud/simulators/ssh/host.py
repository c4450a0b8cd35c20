"""A simulated node from inside: files in memory, who may log in, its first boot. All is made when it is needed."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import asyncssh
from bashkit import FileSystem

from aiocloud.simulators.ssh.machine import Machine
from aiocloud.simulators.ssh.modes import Modes
from aiocloud.simulators.ssh.programs import Program
from aiocloud.simulators.ssh.resting import Entry, put_away, taken_out
from aiocloud.simulators.ssh.shell import Shell, Streams, nothing
from aiocloud.simulators.ssh.userdata import FirstBoot, read

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.world import SimulatedSSH

FULL = "/dev/full"
FOLDERS = (FULL, "/etc/ssh", "/home", "/opt", "/srv", "/tmp", "/usr/local/bin", "/var/lib/cloud", "/var/log")
COMMANDS = {
    "/bin": [
        "bash",
        "cat",
        "chmod",
        "cp",
        "echo",
        "false",
        "hostname",
        "ln",
        "ls",
        "mkdir",
        "mv",
        "rm",
        "sh",
        "sleep",
        "true",
        "uname",
    ],
    "/usr/bin": ["apt-get", "bash", "cloud-init", "env", "id", "printf", "sudo", "tee", "test", "whoami"],
    "/usr/sbin": ["service", "useradd"],
}
"""What scripts call by its path."""
LOG = "/var/log/cloud-init-output.log"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
RULE = "#" * 61


class Host:
    """One node: made when somebody first connects, and the same from then on."""

    def __init__(self, machine: Machine, world: SimulatedSSH) -> None:
        self.machine = machine
        self.world = world
        self.password = machine.password
        self.boot_state: Literal["running", "done", "error"] = "running"
        """In the words of cloud-init."""
        self.visitors = 0
        """How many connections there are to it."""
        self._boot: asyncio.Task[None] | None = None
        self._files: FileSystem | None = None
        self._resting: tuple[Entry, ...] | None = None

    # ---- what it is ----

    @cached_property
    def told(self) -> FirstBoot:
        """What its user data says."""
        return read(self.machine.user_data)

    @cached_property
    def key(self) -> asyncssh.SSHKey:
        """The host key: the one that the user data brings, or one that was made."""
        with suppress(asyncssh.KeyImportError):
            if self.told.host_key:
                return asyncssh.import_private_key(self.told.host_key)
        return asyncssh.generate_private_key("ssh-ed25519")

    @property
    def public_key(self) -> str:
        """The public host key, as a line."""
        return " ".join([*self.key.export_public_key().decode().split()[:2], f"root@{self.machine.name}"])

    @property
    def programs(self) -> Mapping[str, Program]:
        """What users of the simulator have added."""
        return self.world.programs

    def announcement(self) -> list[str]:
        """The lines by which cloud-init tells the console what host keys there are."""
        fingerprint = f"256 {self.key.get_fingerprint()} root@{self.machine.name} (ED25519)"
        what = "SSH HOST KEY"
        fingerprints = [f"-----BEGIN {what} FINGERPRINTS-----", fingerprint, f"-----END {what} FINGERPRINTS-----"]
        return [
            RULE,
            *fingerprints,
            RULE,
            f"-----BEGIN {what} KEYS-----",
            self.public_key,
            f"-----END {what} KEYS-----",
        ]

    # ---- files ----

    @property
    def files(self) -> FileSystem:
        """All its files. Do not keep them: they may be put away when the node is left."""
        if self._files is None:
            self._files = self._furnished() if self._resting is None else taken_out(self._resting)
            self._resting = None
        return self._files

    def rest(self) -> None:
        """Put its files away, unless somebody is there."""
        if self._files is not None and not self.visitors and not self._boots():
            self._resting, self._files = put_away(self._files), None
            self.__dict__.pop("modes", None)

    def _furnished(self) -> FileSystem:
        """The files that it has from the beginning."""
        files = FileSystem()
        for folder in (*FOLDERS, *COMMANDS):
            files.mkdir(folder, recursive=True)
        for folder, names in COMMANDS.items():
            for name in names:
                write(files, f"{folder}/{name}", f'#!/bin/bash\n{name} "$@"\n'.encode(), 0o755)
        name, users = self.machine.name, self.machine.users
        write(files, "/etc/hostname", f"{name}\n".encode())
        write(files, "/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {name}\n".encode())
        write(files, "/etc/os-release", b'NAME="Simulated"\nID=simulated\nPRETTY_NAME="A simulated node"\n')
        write(files, "/etc/passwd", "".join(map(self._entry, users)).encode())
        write(files, HOST_KEY, f"{self.public_key}\n".encode())
        keys = "".join(f"{key.strip()}\n" for key in (*self.machine.keys, *self.told.keys))
        for user in users:
            files.mkdir(f"{self.home(user)}/.ssh", recursive=True)
            files.chmod(self.home(user), 0o700)
            files.chmod(f"{self.home(user)}/.ssh", 0o700)
            write(files, self._authorized_keys(user), keys.encode(), 0o600)
        for path, contents, mode in self.told.files:
            with suppress(RuntimeError):  # a folder is there
                files.mkdir(posixpath.dirname(path), recursive=True)
            write(files, path, contents, mode)
        return files

    @cached_property
    def modes(self) -> Modes:
        """The permissions of its files."""
        return Modes(self.files)

    def home(self, user: str) -> str:
        """Where a user is at home."""
        return "/root" if user == "root" else f"/home/{user}"

    def number(self, user: str) -> int:
        """The user's id."""
        return 0 if user == "root" else 1000

    def _entry(self, user: str) -> str:
        return f"{user}:x:{self.number(user)}:{self.number(user)}::{self.home(user)}:/bin/bash\n"

    def _authorized_keys(self, user: str) -> str:
        return f"{self.home(user)}/.ssh/authorized_keys"

    # ---- who may log in ----

    def lets_in(self, user: str, key: asyncssh.SSHKey) -> bool:
        """Whether the holder of that key may log in: with a key that the user's authorized_keys holds now."""
        if user not in self.machine.users:
            return False
        own = ""
        with suppress(RuntimeError):  # whoever removed the file locked himself out
            own = self.files.read_file(self._authorized_keys(user)).decode("utf-8", "replace")
        blob = key.export_public_key().split()[1].decode()
        return any(blob in line.split() for line in (*own.splitlines(), *self.world.authorized_keys))

    def lets_in_with(self, user: str, password: str) -> bool:
        """Whether that is the password that it was given last."""
        return user in self.machine.users and self.password is not None and self.password.reveal() == password

    # ---- commands ----

    async def run(
        self, line: str, streams: Streams, *, user: str = "root", env: Mapping[str, str] | None = None
    ) -> int:
        """Run a line with a shell of its own, in the user's home; the exit status."""
        return await Shell(self, user, env=env).run(line, streams)

    # ---- the first boot ----

    def begin(self) -> None:
        """Begin the first boot, unless it has begun."""
        if not self.told.scripts:
            self.boot_state = "done"
        elif self.boot_state == "running" and not self._boots():
            self._boot = asyncio.get_running_loop().create_task(self._run_scripts())

    def _boots(self) -> bool:
        """Whether its scripts run, on this loop: another one that has ended has left them."""
        return self._boot is not None and not self._boot.done() and self._boot.get_loop() is asyncio.get_running_loop()

    async def booted(self) -> None:
        """Wait until the scripts of its user data have run."""
        self.begin()
        if self._boot is not None:
            await asyncio.wait({self._boot})

    async def _run_scripts(self) -> None:
        async def log(data: bytes) -> None:
            with suppress(RuntimeError):
                self.files.append_file(LOG, data)

        write(self.files, LOG, b"")
        self.files.mkdir("/var/lib/cloud/scripts", recursive=True)
        failed = False
        for number, script in enumerate(self.told.scripts):
            path = f"/var/lib/cloud/scripts/part-{number:03d}"
            write(self.files, path, script, 0o700)
            failed |= await self.run(path, Streams(nothing, log, log)) != 0
        self.boot_state = "error" if failed else "done"


def write(files: FileSystem, path: str, contents: bytes, mode: int = 0o644) -> None:
    """Put a file there. Raises RuntimeError, as all work on files does."""
    files.write_file(path, contents)
    files.chmod(path, mode)
