"""A real OpenSSH server on loopback, with keys and configuration of its own, run by whoever runs the tests."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import asyncssh

Option: TypeAlias = bool | int | str | Sequence[str] | None
"""What a keyword of sshd_config is set to: several values make several lines, None leaves the keyword out."""

READY = 20.0
"""Seconds in which the daemon answers, or something is wrong with it."""


class SshdError(RuntimeError):
    """The daemon cannot be run, or ended by itself."""


def program() -> str | None:
    """Where sshd is; users' PATHs seldom name its folder."""
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def obstacle() -> str | None:
    """Why there can be no daemon here, or None."""
    if sys.platform != "linux":
        return "sshd is run for tests on Linux alone"
    return None if program() else "there is no sshd: install openssh-server"


class Sshd:
    """An sshd whose files all lie in `folder`; a context manager, which runs it.

    addresses  where it listens; 0.0.0.0 makes each of 127.0.0.0/8 a host of its own. Whoever does not come from
               loopback cannot sign in
    host_keys  the algorithms of its keys
    arguments  more words for its command line
    options    keywords of sshd_config: `MaxSessions=1`, `PasswordAuthentication=True`, `Subsystem=None`

    Users sign in with the key in the file `key`, with those that `authorize` names, or with what the options permit.
    `known_hosts` is a file that vouches for the daemon. As root it lets every user in, else only the current one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        host_keys: Sequence[str] = ("ssh-ed25519",),
        arguments: Sequence[str] = (),
        **options: Option,
    ) -> None:
        self.folder = folder
        self.addresses = tuple(addresses)
        self.port = 0
        self.username = pwd.getpwuid(os.getuid()).pw_name
        self.host_keys: tuple[str, ...] = ()
        self.authorized_keys = folder / "authorized_keys"
        self.known_hosts = folder / "known_hosts"
        self.key = folder / "client_key"
        self._algorithms = tuple(host_keys)
        self._arguments = tuple(arguments)
        self._options = options
        self._log = folder / "sshd.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._make_host_keys()
        self.authorize(make_key(self.key))

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # ---- what it tells ----

    @property
    def host_key(self) -> str:
        """The first of its public keys, as a line of two words."""
        return self.host_keys[0]

    @property
    def address(self) -> str:
        """Where it is reached, as `host:port`."""
        host = next(iter(self._reached_at()))
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def log(self) -> str:
        """All that it has said, through all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def vouching(self, *hosts: str) -> str:
        """The lines of a known_hosts file, for these hosts or patterns."""
        names = ",".join(f"[{host}]:{self.port}" for host in hosts)
        return "".join(f"{names} {key}\n" for key in self.host_keys)

    # ---- what is done with it ----

    def authorize(self, public: str) -> None:
        """Let whoever has this key in: a line of an authorized_keys file, options and all."""
        with self.authorized_keys.open("a") as file:
            file.write(public.strip() + "\n")
        self.authorized_keys.chmod(0o644)  # it is read with the rights of whoever signs in

    def start(self) -> None:
        """Start it, on the port that it had before. Returns when it answers."""
        if self.running:
            return
        make_separation_folder()
        for attempts_left in (2, 1, 0):
            port = self.port or free_port(self.addresses)
            try:
                self._start(port)
            except SshdError:
                if self.port or not attempts_left or "Address already in use" not in self.log:
                    raise
            else:
                break
        self.port = port
        self.known_hosts.write_text(self.vouching(*self._reached_at()))

    def stop(self) -> None:
        """End it and its sessions at once, as when a machine loses its power."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGSTOP)  # so that it takes no new session meanwhile
            self.kill_sessions()
            self._process.kill()
        self._process.wait()
        self._process = None

    def kill_sessions(self) -> None:
        """End all connections and what runs in them, while the daemon takes new ones."""
        while any(state(pid) not in "TZX" for pid in self._children()):  # until none can start another unseen
            signal_all(self._children(), signal.SIGSTOP)
        signal_all(self._children(), signal.SIGKILL)

    def change_host_key(self) -> None:
        """Start anew on the same port with other host keys, as a machine does that was installed again.

        The file `known_hosts` then vouches for the new keys: who should be surprised keeps a copy of the old one.
        """
        self.stop()
        self._make_host_keys()
        self.start()

    # ---- how ----

    def _reached_at(self) -> Iterator[str]:
        yield from ("127.0.0.1" if address == "0.0.0.0" else address for address in self.addresses)  # noqa: S104 - compared

    def _make_host_keys(self) -> None:
        names = [self.folder / f"host_key_{number}" for number in range(len(self._algorithms))]
        pairs = zip(names, self._algorithms, strict=True)
        self.host_keys = tuple(make_key(name, algorithm) for name, algorithm in pairs)

    def _settings(self, port: int) -> dict[str, Option]:
        usual: dict[str, Option] = {
            "Port": port,
            "ListenAddress": self.addresses,
            "HostKey": [str(self.folder / f"host_key_{number}") for number in range(len(self.host_keys))],
            "AuthorizedKeysFile": str(self.authorized_keys),
            "AllowUsers": "*@127.0.0.0/8 *@::1",
            "PermitRootLogin": True,
            "PasswordAuthentication": False,
            "KbdInteractiveAuthentication": False,
            "StrictModes": False,
            "UsePAM": False,
            "UseDNS": False,
            "PidFile": "none",
            "PrintMotd": False,
            "LogLevel": "VERBOSE",
            "Subsystem": "sftp internal-sftp",
        }
        if version() >= (9, 8):  # it would make an address wait that has failed before
            usual["PerSourcePenalties"] = False
        return usual | self._options

    def _start(self, port: int) -> None:
        config = self.folder / "sshd_config"
        config.write_text("".join(lines(self._settings(port))))
        with self._log.open("ab") as log:
            command = [required_program(), "-D", "-e", "-f", str(config), *self._arguments]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._wait_until_it_answers(port)
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_answers(self, port: int) -> None:
        for host in self._reached_at():
            self._wait_until(partial(answers, host, port), f"sshd does not answer on {host} port {port}")
        # Our questions count among the connections that wait to sign in, until it has noticed their end.
        self._wait_until(lambda: not self._children(), "sshd keeps connections that have ended")

    def _wait_until(self, done: Callable[[], bool], complaint: str) -> None:
        patience = time.monotonic() + READY
        while not done():
            if not self.running:
                raise SshdError(f"sshd ended by itself:\n{self.log}")
            if time.monotonic() > patience:
                raise SshdError(f"{complaint}:\n{self.log}")
            time.sleep(0.01)

    def _children(self) -> list[int]:
        return descendants(self._process.pid) if self._process is not None else []


def required_program() -> str:
    """Where sshd is; it wants to be started by its whole path."""
    found = program()
    if found is None:
        raise SshdError("there is no sshd: install openssh-server")
    return found


def version() -> tuple[int, int]:
    """OpenSSH's, of which old ones do not know -V, but say it when they complain."""
    said = subprocess.run([required_program(), "-V"], capture_output=True, text=True, check=False)
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", said.stderr + said.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def lines(settings: dict[str, Option]) -> Iterator[str]:
    """A configuration as sshd reads it."""
    for keyword, value in settings.items():
        match value:
            case None:
                continue
            case bool():
                yield f"{keyword} {'yes' if value else 'no'}\n"
            case int() | str():
                yield f"{keyword} {value}\n"
            case _:
                yield from (f"{keyword} {each}\n" for each in value)


def make_key(path: Path, algorithm: str = "ssh-ed25519") -> str:
    """Write a new private key, which nobody else may read; returns the public one, as a line of two words."""
    key = asyncssh.generate_private_key(algorithm)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.export_private_key())
    return key.export_public_key().decode().strip()


def make_separation_folder() -> None:
    """The empty folder into which sshd of root shuts itself; a service that was never started did not make it."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def free_port(addresses: Sequence[str]) -> int:
    """A port on which nobody listens, at the first of the addresses."""
    with socket.socket(socket.AF_INET6 if ":" in addresses[0] else socket.AF_INET) as probe:
        probe.bind((addresses[0], 0))
        return int(probe.getsockname()[1])


def answers(host: str, port: int) -> bool:
    """Whether an SSH server says its name there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=READY) as connection:
        return connection.recv(4) == b"SSH-"
    return False


def signal_all(processes: Sequence[int], number: int) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """The processes that this one has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        _, parent = status(int(process.name))
        children.setdefault(parent, []).append(int(process.name))
    found = [pid]
    for each in found:  # which grows meanwhile
        found += children.get(each, [])
    return found[1:]


def state(pid: int) -> str:
    """What a process is at: T is stopped, Z has ended and waits to be counted, X is gone."""
    return status(pid)[0]


def status(pid: int) -> tuple[str, int]:
    """What a process is at, and who started it."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0
    return words[0], int(words[1])
