"""A user of the tests' own on this machine, who has a password and a home that may be written to."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "aiocloud-test-"
"""How the names begin; the process that made the user follows, and something random."""


@dataclass(frozen=True, slots=True)
class User:
    """Who can sign in with a password, and has a home folder."""

    name: str
    home: Path
    password: str = field(repr=False)

    @property
    def uid(self) -> int:
        return pwd.getpwnam(self.name).pw_uid

    def empty_home(self) -> None:
        """Let nothing be in the home folder, nor run, that a test before has left."""
        end_processes(self.uid)
        for each in self.home.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()


@contextmanager
def throw_away_user() -> Iterator[User]:
    """Make a user, and remove him in the end; also those that a run has left behind that was ended by force."""
    for entry in pwd.getpwall():
        if entry.pw_name.startswith(PREFIX) and not alive(entry.pw_name.removeprefix(PREFIX).partition("-")[0]):
            remove(entry.pw_name)
    user = User(
        f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}",
        Path(tempfile.mkdtemp(prefix=PREFIX)),
        secrets.token_urlsafe(12),
    )
    try:
        run("useradd", "--system", "--no-create-home", "--home-dir", str(user.home), "--shell", shell(), user.name)
        os.chown(user.home, user.uid, pwd.getpwnam(user.name).pw_gid)
        run("chpasswd", said=f"{user.name}:{user.password}\n")
        yield user
    finally:
        remove(user.name)
        shutil.rmtree(user.home, ignore_errors=True)


def alive(pid: str) -> bool:
    """Whether the process still runs that made a user."""
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def remove(name: str) -> None:
    """Remove a user of ours, with all that he runs and has."""
    assert name.startswith(PREFIX)
    with suppress(KeyError):
        end_processes(pwd.getpwnam(name).pw_uid)
        run("userdel", "--remove", name, check=False)  # it complains that there is no mail


def end_processes(uid: int) -> None:
    """End all that a user of ours runs."""
    assert pwd.getpwuid(uid).pw_name.startswith(PREFIX)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if process.stat().st_uid == uid:
                os.kill(int(process.name), signal.SIGKILL)


def shell() -> str:
    """The shell that most users have."""
    return shutil.which("bash") or "/bin/sh"


def run(name: str, *arguments: str, said: str = "", check: bool = True) -> None:
    """Run a tool of the system's administrator."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    command = [shutil.which(name, path=path) or name, *arguments]
    done = subprocess.run(command, input=said, text=True, capture_output=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip()}")
