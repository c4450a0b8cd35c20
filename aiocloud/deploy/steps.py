"""What is done on a new node: keys, files, scripts, and whatever has an `async def run(self, node, client)`."""

from __future__ import annotations

import inspect
import secrets
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from aiocloud.errors import ConfigurationError, FileTransferError, ScriptFailedError
from aiocloud.models import Node

if TYPE_CHECKING:
    from aiocloud.deploy.client import Completed, SSHClient

OUTPUT_LIMIT = 16 * 2**20
"""Bytes of each of stdout and stderr that a script may write, unless its lines are passed on."""


@runtime_checkable
class Deployment(Protocol):
    """A step of a deployment: any object with this method.

    It may have two more attributes: `idempotent = True` says that it may be run again after it has failed; a method
    `check()` is called before a node is made, and raises ConfigurationError for what could not work.
    """

    async def run(self, node: Node, client: SSHClient, /) -> Any:
        """Do it, by `client`, which is signed in to the node. What it raises ends the deployment."""


class _Output:
    """What steps share that run a command: what it wrote, and how it ended, None before."""

    stdout: str | None = None
    stderr: str | None = None
    exit_status: int | None = None

    def _keep(self, outcome: Completed | ScriptFailedError) -> None:
        self.stdout, self.stderr, self.exit_status = outcome.stdout, outcome.stderr, outcome.exit_status


class SSHKeyDeployment:
    """Lets public keys in: adds them to ~/.ssh/authorized_keys of the user who is signed in, each once.

    `key` is a line as OpenSSH writes it, or several of them. The folder gets the mode 0700, the file 0600.
    """

    idempotent = True

    def __init__(self, key: str | Sequence[str]) -> None:
        texts = [key] if isinstance(key, str) else list(key)
        lines = [line.strip() for text in texts for line in text.splitlines()]
        self.keys = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))

    def __repr__(self) -> str:
        return f"SSHKeyDeployment({len(self.keys)} key{'s' * (len(self.keys) != 1)})"

    def check(self) -> None:
        """Raises ConfigurationError for what is no public key."""
        import asyncssh

        if any("PRIVATE KEY" in key for key in self.keys):
            raise ConfigurationError("SSHKeyDeployment was given a private key; give the public one")
        if not self.keys:
            raise ConfigurationError("SSHKeyDeployment was given no key")
        try:
            asyncssh.import_authorized_keys("\n".join(self.keys))
        except ValueError as error:
            raise ConfigurationError(f"SSHKeyDeployment was given what is no public key: {error}") from None

    async def run(self, node: Node, client: SSHClient) -> None:
        """Add the keys that are not there. Raises ScriptFailedError."""
        await client.run(ADD_KEYS, input="".join(f"{key}\n" for key in self.keys))


# A key is there when its type and its text stand in a line that is no comment, whatever stands around them.
ADD_KEYS = r"""
set -eu
umask 077
mkdir -p ~/.ssh
chmod 700 ~/.ssh
cd ~/.ssh
touch authorized_keys
chmod 600 authorized_keys
if [ -n "$(tail -c 1 authorized_keys)" ]; then echo >> authorized_keys; fi
while IFS= read -r key; do
  body=$(printf '%s\n' "$key" | grep -oE '(ssh|ecdsa|sk)-[^ ]+ +AAAA[A-Za-z0-9+/=]+' | head -n 1)
  if ! grep -v '^ *#' authorized_keys | grep -qF -e "$body"; then printf '%s\n' "$key" >> authorized_keys; fi
done
"""

REMOVE_KEY = r"""
set -eu
umask 077
cd ~/.ssh
IFS= read -r body
if grep -qF -e "$body" authorized_keys; then
  grep -vF -e "$body" authorized_keys > authorized_keys.new || true
  cat authorized_keys.new > authorized_keys
  rm authorized_keys.new
fi
"""


class FileDeployment:
    """Copies a file of this machine to `target`, with its permissions or with `mode`.

    A target that is not absolute begins in the home of the user who is signed in. With `sudo`, root writes it.
    """

    idempotent = True

    def __init__(self, source: str | Path, target: str, *, mode: int | None = None, sudo: bool = False) -> None:
        self.source = Path(source).expanduser()
        self.target = target
        self.mode = mode
        self.sudo = sudo

    def __repr__(self) -> str:
        return f"FileDeployment({str(self.source)!r}, {self.target!r})"

    def check(self) -> None:
        """Raises ConfigurationError for a file that is not here."""
        _readable(self.source)

    async def run(self, node: Node, client: SSHClient) -> None:
        """Copy it. Raises FileTransferError."""
        if not self.sudo:
            await client.put_file(self.source, self.target, mode=self.mode)
            return
        mode = self.mode if self.mode is not None else self.source.stat().st_mode & 0o777
        passing = f"aiocloud_file_{secrets.token_hex(4)}"
        await client.put_file(self.source, passing, mode=0o600)
        install = ["sudo", "-n", "install", "-m", f"{mode:o}", "--", passing, self.target]
        done = await client.run(f"{shlex.join(install)}; status=$?; rm -f {passing}; exit $status", check=False)
        if not done.ok:
            raise FileTransferError(f"{self.target}: {done.stderr.strip() or done.exit_status}", host=client.host)


class ScriptDeployment(_Output):
    """Runs a script, given as text, and keeps what it writes: `stdout`, `stderr`, `exit_status`.

    args        its arguments; each is quoted
    name        where it is put; by default a name of its own in the user's home
    delete      remove the file afterwards
    timeout     seconds after which it is told to end
    check       whether another exit status than 0 is a ScriptFailedError
    idempotent  whether it may be run again after it has failed
    sudo        run it as root

    A script that begins with `#!` is run by what that names, any other by /bin/sh.
    """

    def __init__(
        self,
        script: str | bytes | Any,
        args: Sequence[str] | None = None,
        name: str | None = None,
        delete: bool = False,
        timeout: float | None = None,
        *,
        check: bool = True,
        idempotent: bool = False,
        sudo: bool = False,
    ) -> None:
        text = script.read() if hasattr(script, "read") else script
        self.script: str | bytes = text
        self.args = tuple(args or ())
        self.name = name
        self.delete = delete
        self.timeout = timeout
        self.must_succeed = check
        self.idempotent = idempotent
        self.sudo = sudo

    def __repr__(self) -> str:
        where = f" as {self.name!r}" if self.name else ""
        return f"{type(self).__name__}({len(self.script)} characters{where})"

    def check(self) -> None:
        """Raises ConfigurationError for what is no script, or for arguments that are no words."""
        if not isinstance(self.script, str | bytes):
            raise ConfigurationError(f"{type(self).__name__} takes a text, not {type(self.script).__name__}")
        for each in self.args:
            if not isinstance(each, str):
                raise ConfigurationError(f"{type(self).__name__} takes its arguments as text, not {each!r}")

    async def run(self, node: Node, client: SSHClient) -> None:
        """Put it there and run it. Raises ScriptFailedError, CommandTimeoutError, FileTransferError."""
        path = self.name or f"aiocloud_deployment_{secrets.token_hex(4)}.sh"
        # A folder before the name, since a name alone is looked for where programs are.
        path = path if "/" in path else f"./{path}"
        await client.put(path, self.script, mode=0o700)
        try:
            outcome = await client.run(self.command(path), timeout=self.timeout, check=self.must_succeed)
        except ScriptFailedError as error:
            self._keep(error)
            raise
        finally:
            if self.delete:
                await _remove(client, path)
        self._keep(outcome)

    def command(self, path: str) -> str:
        """The line by which it is run."""
        start = self.script[:2]
        named = start in ("#!", b"#!")
        words = [*(["sudo", "-n", "--"] if self.sudo else []), *([] if named else ["/bin/sh"]), path, *self.args]
        return shlex.join(words)


class ScriptFileDeployment(ScriptDeployment):
    """Runs a script that lies in a file of this machine, which is read when the node is about to be made."""

    def __init__(
        self,
        script_file: str | Path,
        args: Sequence[str] | None = None,
        name: str | None = None,
        delete: bool = False,
        timeout: float | None = None,
        *,
        check: bool = True,
        idempotent: bool = False,
        sudo: bool = False,
    ) -> None:
        super().__init__("", args, name, delete, timeout, check=check, idempotent=idempotent, sudo=sudo)
        self.script_file = Path(script_file).expanduser()

    def __repr__(self) -> str:
        return f"ScriptFileDeployment({str(self.script_file)!r})"

    def check(self) -> None:
        """Read it. Raises ConfigurationError for a file that is not here."""
        _readable(self.script_file)
        self.script = self.script_file.read_bytes()
        super().check()


class CloudInitDeployment(_Output):
    """Hands user data to the new node, and waits until cloud-init has done what stands there.

    `user_data` is what cloud-init reads: a text that begins with `#cloud-config`, a script with `#!`, and the like. It
    is given at create; how much of it there may be is checked before. `timeout` is in seconds.
    """

    idempotent = True

    def __init__(self, user_data: str | bytes, *, timeout: float | None = None) -> None:
        self.user_data = user_data
        self.timeout = timeout

    def __repr__(self) -> str:
        return f"CloudInitDeployment({len(self.user_data)} characters)"

    async def run(self, node: Node, client: SSHClient) -> None:
        """Wait. Raises ScriptFailedError where cloud-init says that it has failed, or is not there."""
        # 2 is said of errors in spite of which all was done (from cloud-init 23.4 on).
        outcome = await client.run("cloud-init status --wait --long", timeout=self.timeout, check=False)
        self._keep(outcome)
        if outcome.exit_status not in (0, 2):
            from aiocloud.deploy.client import failed

            error = failed(outcome, client.host)
            if outcome.exit_status == 127:
                error.message = "the node's image has no cloud-init, so that its user data was not read"
            raise error


class MultiStepDeployment:
    """Several steps, one after the other; the first that fails ends it."""

    def __init__(self, add: Deployment | Iterable[Deployment] | None = None) -> None:
        self.steps: list[Any] = []
        if add is not None:
            self.add(add)

    def __repr__(self) -> str:
        return f"MultiStepDeployment({self.steps!r})"

    def add(self, add: Deployment | Iterable[Deployment]) -> None:
        """Add a step, or several."""
        self.steps += list(add) if isinstance(add, Iterable) else [add]

    async def run(self, node: Node, client: SSHClient) -> None:
        """Run them all."""
        for step in self.steps:
            await step.run(node, client)


Steps: TypeAlias = Deployment | Sequence[Deployment] | None


def leaves(deploy: Steps) -> list[Any]:
    """The steps one by one, in their order; those of a step that contains others in its place."""
    return list(_leaves(deploy))


def _leaves(deploy: Any) -> Iterator[Any]:
    if deploy is None:
        return
    if isinstance(deploy, list | tuple):
        for each in deploy:
            yield from _leaves(each)
    elif isinstance(deploy, MultiStepDeployment) and type(deploy).run is MultiStepDeployment.run:
        yield from _leaves(deploy.steps)
    else:
        yield deploy


def check(steps: Sequence[Any]) -> None:
    """Look at steps before a node is made. Raises ConfigurationError for one that could not work."""
    for step in steps:
        run = getattr(step, "run", None)
        if isinstance(step, type) or not callable(run):
            raise ConfigurationError(
                f"{step!r} is no step of a deployment: it has no `async def run(self, node, client)`"
            )
        if inspect.isfunction(getattr(run, "__func__", run)) and not inspect.iscoroutinefunction(run):
            raise ConfigurationError(f"{step!r} is no step of a deployment: its `run` must be `async`")
        if callable(look := getattr(step, "check", None)):
            look()


def _readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(f"the file {path} cannot be read: {error.strerror}") from None


async def _remove(client: SSHClient, path: str) -> None:
    """Remove a file that was only passing through; that it stays is no failure of the step."""
    try:
        await client.delete(path)
    except FileTransferError:
        return
