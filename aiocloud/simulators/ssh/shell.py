"""A command line on a simulated node: a shell of its own, and what its programs do."""

from __future__ import annotations

import asyncio
import inspect
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from bashkit import Bash, BuiltinContext, BuiltinResult

from aiocloud.simulators.ssh.clock import Work
from aiocloud.simulators.ssh.input import appetite
from aiocloud.simulators.ssh.programs import STAND_INS, Ended, Invocation, Program, stand_in

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.host import Host

Sink: TypeAlias = Callable[[bytes], Awaitable[None]]
Source: TypeAlias = Callable[[], Awaitable[bytes | None]]
"""The next piece of the input; empty, or None, at its end."""

SILENCE = 1.0
"""Seconds after which input that nobody ends counts as ended, where the shell must have the whole of it."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENDLESS = 10**9
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SEERS = ("chmod", "find", "install", "ls", "stat")
"""Commands that show permissions, or set them."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Where a command reads and writes."""

    read: Source
    out: Sink
    err: Sink
    ends: bool = False
    """Whether the input surely ends, as that of a pipe does; a client may leave it open."""


async def nothing() -> bytes:
    """The source of a command that has no input."""
    return b""


class Shell:
    """Runs one line for one user; a new one each time, so that nothing but files is left of it."""

    def __init__(self, host: Host, user: str, *, cwd: str | None = None, env: Mapping[str, str] | None = None) -> None:
        self._host = host
        self._user = user
        self._cwd = cwd or host.home(user)
        self._env = {**_environment(user, host.home(user)), **(env or {})}
        self._umask = 0o022

    async def run(self, line: str, streams: Streams) -> int:
        """Run it; the exit status. Cancelled, it stops the line, and waits until it has stopped."""
        how = appetite(line, self._host.programs)
        self._work = Work(parallel=streams.ends or how != "nothing" or re.search(r"[|&]", line) is not None)
        self._parts = Parts()
        ended = asyncio.Event()
        bash = self._bash(self._programs() | self._seers())

        async def feed(context: Any) -> int:
            return await self._feed(context, streams, ended, patient=streams.ends or how == "live")

        async def end(context: Any) -> int:
            ended.set()
            return int(context.argv[0])

        bash.add_command("__stdin", self._parts.of(feed))
        bash.add_command("__ended", self._parts.of(end))
        self._host.modes.note()
        script = {
            "nothing": f"bash -c {shlex.quote(line)}",
            "live": f"__stdin | {{ (\n{line}\n); __ended $?; }}",
            "whole": f"__stdin | bash -c {shlex.quote(line)}",
        }[how]
        try:
            with self._work.going():
                out, err = self._parts.of(self._waited(streams.out)), self._parts.of(self._waited(streams.err))
                return await _execute(bash, script, out, err, self._parts)
        finally:
            self._host.modes.settle(self._umask)

    def _waited(self, sink: Sink) -> Sink:
        """The same sink; while it waits, the shell does."""

        async def write(data: bytes) -> None:
            with self._work.waiting():
                await sink(bytes(data))

        return write

    async def _feed(self, context: Any, streams: Streams, ended: asyncio.Event, *, patient: bool) -> int:
        """Pass the input on, until it ends or nobody wants it. What is not patient takes silence for the end."""
        over = asyncio.ensure_future(ended.wait())
        limit = None if patient else SILENCE
        try:
            while True:
                piece = asyncio.ensure_future(_read(streams))
                try:
                    with self._work.waiting():
                        await asyncio.wait({piece, over}, return_when=asyncio.FIRST_COMPLETED, timeout=limit)
                finally:
                    if not piece.done():
                        piece.cancel()
                if not piece.done() or not (data := piece.result()):
                    return 0
                await context.stdout.write(data)
        except BrokenPipeError:
            return 0
        finally:
            over.cancel()

    def _bash(self, programs: dict[str, Any], cwd: str | None = None, env: Mapping[str, str] | None = None) -> Bash:
        bash = Bash(
            username=self._user,
            hostname=self._host.machine.name,
            cwd=cwd or self._cwd,
            env={**self._env, **(env or {})},
            max_commands=ENDLESS,
            max_loop_iterations=ENDLESS,
            custom_builtins={name: self._parts.of(program) for name, program in programs.items()},
        )
        bash.mount("/", self._host.files)
        bash.add_command("sudo", self._parts.of(self._sudo))
        bash.add_command("su", self._parts.of(self._su))
        bash.add_command("timeout", self._parts.of(self._timeout))
        return bash

    # ---- programs ----

    def _programs(self) -> dict[str, Any]:
        own: dict[str, Program] = {**dict.fromkeys(STAND_INS, stand_in), **self._host.programs}
        named: dict[str, Any] = {
            "sleep": self._sleep,
            "cloud-init": self._cloud_init,
            "id": self._id,
            "umask": self._mask,
        }
        return named | {name: self._call(program) for name, program in own.items()}

    def _call(self, program: Program) -> Callable[[BuiltinContext], Awaitable[BuiltinResult]]:
        async def call(context: BuiltinContext) -> BuiltinResult:
            invocation = Invocation(
                argv=(context.name, *context.argv),
                stdin=context.stdin or "",
                user=self._user,
                hostname=self._host.machine.name,
                cwd=context.cwd,
                env=context.env,
                files=self._host.files,
            )
            with self._work.waiting():
                result = program(invocation)
                ended = await result if inspect.isawaitable(result) else result
            return _result(ended)

        return call

    def _seers(self) -> dict[str, Any]:
        """Commands that see permissions as they ought to be."""

        async def see(context: BuiltinContext) -> BuiltinResult:
            self._host.modes.settle(self._umask)
            bash = self._bash(self._programs(), context.cwd, context.env)
            done = await bash.execute(shlex.join([context.name, *context.argv]))
            if context.name in ("chmod", "install"):
                self._host.modes.note()
            return BuiltinResult(done.stdout, done.stderr, done.exit_code)

        return dict.fromkeys(SEERS, see)

    def _mask(self, context: BuiltinContext) -> BuiltinResult:
        if not context.argv:
            return BuiltinResult(f"{self._umask:04o}\n")
        with suppress(ValueError):
            self._host.modes.settle(self._umask)
            self._umask = int(context.argv[0], 8)
            return BuiltinResult()
        return BuiltinResult("", f"umask: {context.argv[0]}: only octal numbers are simulated\n", 1)

    async def _sleep(self, context: BuiltinContext) -> BuiltinResult:
        try:
            seconds = sum(map(seconds_of, context.argv))
        except ValueError:
            return BuiltinResult("", f"sleep: invalid time interval {shlex.join(context.argv)}\n", 1)
        with self._work.waiting():
            await asyncio.sleep(seconds)
        return BuiltinResult()

    def _id(self, context: BuiltinContext) -> BuiltinResult:
        words = [each for each in context.argv if not each.startswith("-")]
        user = words[0] if words else self._user
        if user not in self._host.machine.users:
            return BuiltinResult("", f"id: '{user}': no such user\n", 1)
        number = str(self._host.number(user))
        flags = "".join(each for each in context.argv if each.startswith("-"))
        if "u" in flags or "g" in flags or "G" in flags:
            return BuiltinResult(f"{user if 'n' in flags else number}\n")
        return BuiltinResult(f"uid={number}({user}) gid={number}({user}) groups={number}({user})\n")

    async def _cloud_init(self, context: BuiltinContext) -> BuiltinResult:
        if context.argv[:1] != ["status"]:
            return _result(stand_in(_plain(context, self._user)))
        if "--wait" in context.argv:
            with self._work.waiting():
                await self._host.booted()
        word = self._host.boot_state
        return BuiltinResult(f"status: {word}\n", "", 1 if word == "error" else 0)

    async def _sudo(self, context: Any) -> int:
        """`sudo [-flags] [-u user] [NAME=value…] command…`."""
        words, user, env = list(context.argv), "root", {}
        while words and (words[0].startswith("-") or "=" in words[0]):
            word = words.pop(0)
            if word == "--":
                break
            if word in ("-u", "--user") and words:
                user = words.pop(0)
            elif not word.startswith("-"):
                name, _, env[name] = word.partition("=")
        line = shlex.join(words) if words else "bash" if {"-i", "-s"} & set(context.argv) else "true"
        return await self._as(user, line, context, "sudo", env)

    async def _su(self, context: Any) -> int:
        """`su [-] [user] -c line`."""
        words = list(context.argv)
        line = words[words.index("-c") + 1] if "-c" in words[:-1] else "bash"
        names = [word for word in words if not word.startswith("-") and word != line]
        return await self._as(names[0] if names else "root", line, context, "su", {})

    async def _as(self, user: str, line: str, context: Any, name: str, env: dict[str, str]) -> int:
        if user not in self._host.machine.users:
            await context.stderr.write(f"{name}: unknown user {user}\n".encode())
            return 1
        shell = Shell(self._host, user, cwd=context.cwd, env={"SUDO_USER": self._user, **env})
        shell._umask = self._umask
        self._host.modes.settle(self._umask)
        with self._work.waiting():
            return await shell.run(line, _streams(context))

    async def _timeout(self, context: Any) -> int:
        """`timeout [-flags] seconds command…`, on the loop's clock."""
        words = list(context.argv)
        while words and words[0].startswith("-"):
            words.pop(0) if "=" in words[0] or words[0] not in ("-k", "-s") else words.__delitem__(slice(2))
        shell = Shell(self._host, self._user, cwd=context.cwd, env=context.env)
        try:
            with self._work.waiting():
                async with asyncio.timeout(seconds_of(words[0])) as limit:
                    return await shell.run(shlex.join(words[1:]), _streams(context))
        except TimeoutError:
            return 124 if limit.expired() else 1
        except (IndexError, ValueError):
            await context.stderr.write(b"timeout: invalid time interval\n")
            return 125


class Parts:
    """What a line of the shell does on our loop: its programs, and what it writes.

    The shell is told to stop, and these are cancelled; the shell's own future is not, or it would forget what it was
    about to begin here.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def of(self, function: Callable[[Any], Any]) -> Any:
        """The same function, as one that can be stopped; nothing need be done for one that does not wait."""
        if not inspect.iscoroutinefunction(function):
            return function

        async def part(argument: Any) -> Any:
            task = asyncio.current_task()
            if self._stopped or task is None:
                raise asyncio.CancelledError
            self._running.add(task)
            try:
                return await function(argument)
            finally:
                self._running.discard(task)

        return part

    def stop(self) -> None:
        """Cancel what there is, and let nothing more begin."""
        self._stopped = True
        for task in self._running:
            task.cancel()


async def _execute(bash: Bash, script: str, out: Sink, err: Sink, parts: Parts) -> int:
    async def whole() -> Any:
        return await bash.execute(script, stdout=out, stderr=err)

    running = asyncio.ensure_future(whole())
    try:
        result = await asyncio.shield(running)
    except asyncio.CancelledError:
        bash.cancel()  # stops between two commands
        parts.stop()  # stops what a command waits for
        await asyncio.wait({running})
        if not running.cancelled():
            running.exception()
        raise
    return int(result.exit_code)


async def _read(streams: Streams) -> bytes | None:
    return await streams.read()


def seconds_of(text: str) -> float:
    """A time as `sleep` takes it. Raises ValueError.

    >>> seconds_of("1.5h"), seconds_of("3")
    (5400.0, 3.0)
    """
    return float(text[:-1]) * UNITS[text[-1]] if text[-1:] in UNITS else float(text)


def _environment(user: str, home: str) -> dict[str, str]:
    number = "0" if user == "root" else "1000"
    who = {"USER": user, "LOGNAME": user, "UID": number, "EUID": number}
    return {"HOME": home, **who, "SHELL": "/bin/bash", "PATH": PATH, "LANG": "C.UTF-8"}


def _streams(context: Any) -> Streams:
    async def out(data: bytes) -> None:
        await context.stdout.write(bytes(data))

    async def err(data: bytes) -> None:
        await context.stderr.write(bytes(data))

    return Streams(context.stdin.read_chunk, out, err, ends=True)


def _plain(context: BuiltinContext, user: str) -> Invocation:
    argv = (context.name, *context.argv)
    return Invocation(argv=argv, stdin="", user=user, hostname="", cwd="/", env={}, files=context.fs)


def _result(ended: Ended) -> BuiltinResult:
    return BuiltinResult(ended.stdout, ended.stderr, ended.status)
