"""A connection to a machine: run commands, write and read files."""

from __future__ import annotations

import asyncio
import codecs
import posixpath
import shlex
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import asyncssh

from aiocloud.errors import (
    CommandTimeoutError,
    ConfigurationError,
    ConnectionLostError,
    FileTransferError,
    OutputLimitError,
    RemoteError,
    ScriptFailedError,
)

OUTPUT_LIMIT = 16 * 2**20
"""Bytes of each of stdout and stderr that are kept of a command."""
CHANNELS = 8
"""How many commands run on one connection at once: sshd permits ten (MaxSessions)."""
LONGEST_LINE = 64 * 2**10
"""Characters after which a line without an end is passed on as it is."""
MERCY = 2.0
"""Seconds in which a command that was told to end may do so by itself."""

END_OTHERS = 'for pid in $(pgrep -P "$PPID"); do [ "$pid" = $$ ] || kill -s KILL -- "-$pid" "$pid"; done'
"""Ends all that runs on this connection but itself."""

Stream: TypeAlias = Literal["out", "err"]


@dataclass(frozen=True, slots=True)
class Output:
    """A line that a command has just written: `stream` is "out" or "err"; `text` has no line break."""

    host: str
    stream: Stream
    text: str


OnOutput: TypeAlias = Callable[[Output], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    r"""A command that has ended.

    `exit_status` is None where a signal ended it: `exit_signal` names that ("TERM"). `stdout` and `stderr` are text;
    bytes that are no UTF-8 stand there as \\\xNN, and as they are in `stdout_bytes` and `stderr_bytes`. `truncated`
    says that only the last part was kept, the rest having been passed on while it ran.
    """

    command: str
    exit_status: int | None
    exit_signal: str | None = None
    stdout_bytes: bytes = field(default=b"", repr=False)
    stderr_bytes: bytes = field(default=b"", repr=False)
    truncated: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.exit_status == 0

    @property
    def stdout(self) -> str:
        """What it wrote, as text."""
        return self.stdout_bytes.decode("utf-8", "backslashreplace")

    @property
    def stderr(self) -> str:
        """What it complained of, as text."""
        return self.stderr_bytes.decode("utf-8", "backslashreplace")


class SSHClient:
    """Somebody who is signed in to a machine.

    One connection; commands run on channels of it, several at once. `host` is the address, `username` who it is.
    `on_output` is called with each line that a command writes, where the command is given no other. Its errors are
    RemoteErrors: a connection that breaks is a ConnectionLostError, whatever was going on.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection, *, host: str, username: str) -> None:
        self.host = host
        self.username = username
        self.on_output: OnOutput | None = None
        self._connection = connection
        self._channels = asyncio.Semaphore(CHANNELS)
        self._running = 0
        self._sftp: asyncssh.SFTPClient | None = None

    async def __aenter__(self) -> Self:
        """It is connected already."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up."""
        await hang_up(self._connection)

    @property
    def host_key(self) -> str | None:
        """The public key that the machine has shown, as a line."""
        key = self._connection.get_server_host_key()
        return key.export_public_key().decode().strip() if key is not None else None

    # ---- commands ----

    async def run(
        self,
        command: str | Sequence[str],
        *,
        input: str | bytes | None = None,
        timeout: float | None = None,
        check: bool = True,
        on_output: OnOutput | None = None,
        output_limit: int | None = OUTPUT_LIMIT,
    ) -> Completed:
        """Run a command, and wait for its end.

        A text is a line for the user's shell; of a sequence of words each is quoted. `input` is what it reads. After
        `timeout` seconds it is told to end. At most `output_limit` bytes of each stream are kept (None: all): what
        writes more is stopped, unless its lines are passed on, when only the last part is kept.

        Raises ScriptFailedError for another status than 0 unless `check` is False; CommandTimeoutError,
        OutputLimitError, ConnectionLostError.
        """
        line = command if isinstance(command, str) else shlex.join(command)
        execution = Execution(self.host, on_output or self.on_output, output_limit)
        began = asyncio.get_running_loop().time()
        async with self._channels:
            self._running += 1
            try:
                async with asyncio.timeout(timeout):
                    await self._execute(execution, line, input)
            except TimeoutError:
                ended = await execution.stop(self._end_it)
                raise _too_late(execution, line, timeout, ended) from None
            except BaseException:
                execution.abandon()
                raise
            finally:
                self._running -= 1
        completed = execution.completed(line, asyncio.get_running_loop().time() - began)
        execution.require_room(line)
        if check and not completed.ok:
            raise failed(completed, self.host)
        return completed

    async def _execute(self, execution: Execution, line: str, given: str | bytes | None) -> None:
        with self._lost():
            await self._connection.create_session(lambda: execution, line, encoding=None)
            if given is not None:
                execution.write(given.encode() if isinstance(given, str) else given)
            else:
                execution.write_eof()
            lost = await asyncio.shield(execution.ended)  # a timeout must not end the future, too
        if execution.mistake is not None:
            raise execution.mistake
        if lost is not None or not execution.answered:
            why = getattr(lost, "reason", "") or "no exit status came"
            raise ConnectionLostError(f"the connection broke while {shortly(line)} ran: {why}", host=self.host)

    async def _end_it(self) -> None:
        """End by a command of its own what hears no signals: sshd passes none on where root is signed in.

        What runs on one connection has one parent, so that this is for a command that runs there alone.
        """
        if self._running > 1:
            return
        ending = Execution(self.host, None, OUTPUT_LIMIT)
        with suppress(RemoteError, TimeoutError):
            async with asyncio.timeout(MERCY):
                await self._execute(ending, END_OTHERS, None)

    # ---- files ----

    async def put(self, path: str, contents: str | bytes, *, mode: int | None = None) -> None:
        """Write a file; a path that is not absolute begins in the user's home. Raises FileTransferError."""
        data = contents.encode() if isinstance(contents, str) else contents
        with self._transferring(path):
            sftp = await self._files()
            if sftp is None:
                return await self._put_by_shell(path, data, mode)
            attributes = asyncssh.SFTPAttrs(permissions=0o600) if mode is not None else asyncssh.SFTPAttrs()
            async with sftp.open(path, "wb", attributes) as file:
                await file.write(data)
            if mode is not None:
                await sftp.chmod(path, mode)
        return None

    async def put_file(self, source: str | Path, path: str, *, mode: int | None = None) -> None:
        """Copy a file of this machine, piece by piece; it keeps its permissions, unless `mode` is given.

        Raises ConfigurationError where it cannot be read here, FileTransferError where it cannot be written there.
        """
        local, permissions = local_file(source)
        permissions = permissions if mode is None else mode
        with self._transferring(path):
            sftp = await self._files()
            if sftp is None:
                return await self._put_by_shell(path, await asyncio.to_thread(local.read_bytes), permissions)
            await sftp.put(str(local), path)
            await sftp.chmod(path, permissions)
        return None

    async def get(self, path: str) -> bytes:
        """The contents of a file. Raises FileTransferError."""
        with self._transferring(path):
            sftp = await self._files()
            if sftp is None:
                return (await self.run(["cat", "--", path])).stdout_bytes
            async with sftp.open(path, "rb") as file:
                contents: bytes = await file.read()
                return contents

    async def delete(self, path: str) -> None:
        """Remove a file. Raises FileTransferError."""
        with self._transferring(path):
            sftp = await self._files()
            if sftp is None:
                await self.run(["rm", "--", path])
            else:
                await sftp.remove(path)

    async def _put_by_shell(self, path: str, data: bytes, mode: int | None) -> None:
        there = shlex.quote(path)
        private = "umask 077; " if mode is not None else ""
        await self.run(f"{private}cat > {there}", input=data)
        if mode is not None:
            await self.run(f"chmod {mode:o} {there}")

    async def _files(self) -> asyncssh.SFTPClient | None:
        """The SFTP session, opened when it is first needed; None where the machine has no such thing."""
        if self._sftp is None:
            with self._lost():
                try:
                    self._sftp = await self._connection.start_sftp_client()
                except (asyncssh.ChannelOpenError, asyncssh.SFTPError):
                    if self._connection.is_closed():
                        raise
                    return None
        return self._sftp

    # ---- errors ----

    @contextmanager
    def _lost(self) -> Iterator[None]:
        """A broken connection as our error."""
        try:
            yield
        except (asyncssh.DisconnectError, asyncssh.ChannelOpenError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            why = getattr(error, "reason", "") or str(error) or type(error).__name__
            raise ConnectionLostError(f"the connection broke: {why}", host=self.host) from error

    @contextmanager
    def _transferring(self, path: str) -> Iterator[None]:
        """What SFTP says as our error."""
        try:
            with self._lost():
                yield
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            raise ConnectionLostError(f"the connection broke while {path} was transferred", host=self.host) from error
        except asyncssh.SFTPError as error:
            raise FileTransferError(f"{path}: {_reason(error, path)}", host=self.host) from error
        except ScriptFailedError as error:  # where the shell did it
            said = last_lines(error.stderr) or f"status {error.exit_status}"
            raise FileTransferError(f"{path}: {said}", host=self.host) from error


class Execution(asyncssh.SSHClientSession[bytes]):
    """A command while it runs: what it has written, and how it ended."""

    def __init__(self, host: str, on_output: OnOutput | None, limit: int | None) -> None:
        self.ended: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.exit_status: int | None = None
        self.exit_signal: str | None = None
        self.mistake: Exception | None = None
        """What a function raised that lines were passed on to."""
        self.overflowed = False
        self._host = host
        self._limit = limit
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._passing = on_output is not None
        self.out = Kept(limit)
        self.err = Kept(limit)
        self._lines = {
            stream: Lines(lambda text, stream=stream: on_output(Output(host, stream, text)))  # type: ignore[misc]  # a default is how a loop's variable is kept
            for stream in (("out", "err") if on_output is not None else ())
        }

    # ---- what asyncssh calls ----

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """It is about to start."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """It has written something."""
        stream: Stream = "err" if datatype == asyncssh.EXTENDED_DATA_STDERR else "out"
        kept = self.err if stream == "err" else self.out
        kept.add(data)
        if self._passing:
            self._pass_on(stream, data)
        elif kept.forgotten and not self.overflowed:
            self.overflowed = True
            self.abandon()

    def exit_status_received(self, status: int) -> None:
        """It has ended."""
        self.exit_status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """It was ended by a signal."""
        self.exit_signal = signal

    def connection_lost(self, exc: Exception | None) -> None:
        """Its channel is closed."""
        if exc is None and self._passing:
            self._pass_on("out", b"", final=True)
            self._pass_on("err", b"", final=True)
        if not self.ended.done():
            self.ended.set_result(exc)

    # ---- what we do ----

    @property
    def answered(self) -> bool:
        """Whether its end was told, or we have ended it."""
        return self.exit_status is not None or self.exit_signal is not None or self.overflowed

    def write(self, data: bytes) -> None:
        """Give it all that it reads."""
        if self._channel is not None:
            with suppress(BrokenPipeError):  # it may have ended without reading
                self._channel.write(data)
            self.write_eof()

    def write_eof(self) -> None:
        """It has nothing more to read."""
        if self._channel is not None:
            with suppress(OSError):
                self._channel.write_eof()

    def abandon(self) -> None:
        """Tell it to end, and look no longer."""
        if self._channel is not None and not self.ended.done():
            with suppress(OSError, asyncssh.Error):
                self._channel.kill()
            self._channel.close()

    async def stop(self, by_force: Callable[[], Awaitable[None]]) -> bool:
        """Tell it to end, first kindly, at last by force; whether it is known to have ended."""
        if self._channel is None:
            return False
        for tell in (self._channel.terminate, self._channel.kill):
            if not self.ended.done():
                with suppress(OSError, asyncssh.Error):
                    tell()
                await asyncio.wait({self.ended}, timeout=MERCY)
        if not self.ended.done():
            await by_force()
            await asyncio.wait({self.ended}, timeout=MERCY)
        self._channel.close()
        return self.ended.done() and self.answered

    def completed(self, line: str, seconds: float) -> Completed:
        """What there is to tell at its end."""
        return Completed(
            command=line,
            exit_status=self.exit_status,
            exit_signal=self.exit_signal,
            stdout_bytes=self.out.bytes(),
            stderr_bytes=self.err.bytes(),
            truncated=self.out.forgotten or self.err.forgotten,
            seconds=seconds,
        )

    def require_room(self, line: str) -> None:
        """Raises OutputLimitError where it wrote more than is kept."""
        if self.overflowed:
            mend = "Raise output_limit, send the output to a file, or take its lines with on_output"
            what = f"{shortly(line)} wrote more than {self._limit} bytes, and was stopped. {mend}"
            raise OutputLimitError(what, host=self._host, **self._said(line))

    def _said(self, line: str) -> dict[str, str]:
        return {
            "command": line,
            "stdout": self.out.bytes().decode("utf-8", "backslashreplace"),
            "stderr": self.err.bytes().decode("utf-8", "backslashreplace"),
        }

    def _pass_on(self, stream: Stream, data: bytes, *, final: bool = False) -> None:
        try:
            self._lines[stream].feed(data, final=final)
        except Exception as mistake:  # the function is anybody's; what it raises is raised to its caller
            self._passing = False
            self.mistake = mistake
            self.abandon()


class Kept:
    """The last bytes of a stream, as many as the limit permits."""

    __slots__ = ("_limit", "_parts", "_size", "forgotten")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self.forgotten = False

    def add(self, data: bytes) -> None:
        """Keep these bytes; the oldest go when there are too many."""
        self._parts.append(data)
        self._size += len(data)
        if self._limit is None or self._size <= self._limit:
            return
        self.forgotten = True
        if self._size > 2 * self._limit or len(self._parts) == 1:
            kept = self.bytes()
            self._parts, self._size = [kept], len(kept)

    def bytes(self) -> bytes:
        """What is kept."""
        whole = b"".join(self._parts)
        return whole if self._limit is None or len(whole) <= self._limit else whole[len(whole) - self._limit :]


class Lines:
    """Cuts bytes into lines of text, and passes each on."""

    def __init__(self, sink: Callable[[str], None]) -> None:
        self._sink = sink
        self._decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
        self._rest = ""

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Pass on the lines that are whole; at the end, the rest too."""
        *lines, self._rest = (self._rest + self._decode(data, final)).split("\n")
        if self._rest and (final or len(self._rest) > LONGEST_LINE):
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            self._sink(line.removesuffix("\r"))


def failed(completed: Completed, host: str) -> ScriptFailedError:
    """The error for a command that did not end well."""
    how = f"ended with status {completed.exit_status}"
    if completed.exit_signal is not None:
        how = f"was ended by the signal {completed.exit_signal}"
    said = last_lines(completed.stderr) or last_lines(completed.stdout)
    return ScriptFailedError(
        f"{shortly(completed.command)} {how}" + f": {said}" * bool(said),
        host=host,
        exit_status=completed.exit_status,
        exit_signal=completed.exit_signal,
        command=completed.command,
        stdout=completed.stdout,
        stderr=completed.stderr,
    )


def _too_late(execution: Execution, line: str, timeout: float | None, ended: bool) -> CommandTimeoutError:
    fate = "it was stopped" if ended else "it was told to stop, and may still run"
    limit = f" within {max(round(timeout, 1), 0.1):g} s" if timeout is not None else ""
    message = f"{shortly(line)} did not end{limit}; {fate}"
    return CommandTimeoutError(message, host=execution._host, **execution._said(line))


def shortly(line: str) -> str:
    """A command as it is named in messages."""
    words = " ".join(line.split())
    return repr(words if len(words) <= 60 else f"{words[:57]}...")


def last_lines(text: str) -> str:
    """The last two lines in which there is something (shells explain in two), cut to a length that can be read."""
    found = " / ".join([line.strip() for line in text[-2000:].splitlines() if line.strip()][-2:])
    return found if len(found) <= 240 else f"...{found[-237:]}"


def local_file(source: str | Path) -> tuple[Path, int]:
    """A file of this machine, and its permissions. Raises ConfigurationError where it cannot be read, or is none."""
    path = Path(source).expanduser()
    try:
        with path.open("rb"):
            return path, path.stat().st_mode & 0o777
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be read: {error.strerror}") from None


def _reason(error: asyncssh.SFTPError, path: str) -> str:
    folder = posixpath.dirname(path) or "the home folder"
    match error:
        case asyncssh.SFTPNoSuchFile() | asyncssh.SFTPNoSuchPath():
            return f"there is no such file, or no folder {folder}"
        case asyncssh.SFTPPermissionDenied():
            return "permission denied: sign in as another user, or use sudo=True"
        case asyncssh.SFTPNoSpaceOnFilesystem() | asyncssh.SFTPQuotaExceeded():
            return "no room is left there"
        case asyncssh.SFTPFailure():
            return f"{error.reason}; SFTP says no more, and this is how it tells of a full disk, a quota or a folder"
    return str(error.reason)


async def hang_up(connection: asyncssh.SSHClientConnection, patience: float = 5.0) -> None:
    """Close a connection; one whose other side is silent is cut."""
    connection.close()
    try:
        async with asyncio.timeout(patience):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
    except BaseException:
        connection.abort()
        raise
