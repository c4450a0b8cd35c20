"""Whom to trust: policies for the host keys that SSH servers show.

None of them accepts in silence what it does not know, but the one that says so by its name.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias
from urllib.parse import quote

from aiocloud.errors import ConfigurationError
from aiocloud.models import Node

if TYPE_CHECKING:
    import asyncssh

KNOWN_HOSTS = "known_hosts"
"""The name of our own record, beside `accounts.toml`."""

Lines: TypeAlias = Sequence[str]
"""Public keys as OpenSSH writes them."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The machine that is being connected to: its address, and its name in the record, if it has one there."""

    host: str
    port: int = 22
    alias: str | None = None


def alias_of(node: Node) -> str | None:
    """The name of a node in the record: addresses are given to others some day, ids are not.

    >>> alias_of(Node(id="i-01", name="web-1", provider="ec2", account="prod"))
    'ec2/prod/i-01'
    """
    if not node.provider:
        return None
    return "/".join(quote(part, safe="") for part in (node.provider, node.account, node.id))


def default_record() -> Path:
    """The record of host keys, in OpenSSH's format, beside `accounts.toml`."""
    from aiocloud.accounts import Environment

    return Environment.current().config / KNOWN_HOSTS


@dataclass(frozen=True, slots=True)
class Trusted:
    """Keys that are trusted for a machine, authorities whose certificates are, and keys that never are again."""

    keys: Sequence[asyncssh.SSHKey] = ()
    authorities: Sequence[asyncssh.SSHKey] = ()
    revoked: Sequence[asyncssh.SSHKey] = ()


class HostKeys(ABC):
    """Decides whether the key that an SSH server shows is that of the machine that was meant."""

    word: ClassVar[str]
    """Its name in `accounts.toml` and in the command."""
    mend: ClassVar[str] = ""
    """What the user can do about a key that is not trusted."""

    def trusted(self, peer: Peer) -> Trusted | None:
        """What is trusted beforehand; None to let everything pass."""
        return Trusted()

    def accepts(self, peer: Peer, key: asyncssh.SSHKey) -> bool:
        """Whether to trust a key that was not trusted beforehand."""
        return False

    def for_jump(self) -> HostKeys:
        """The policy for a machine on the way, which was not made a moment ago."""
        return KnownHosts()

    @property
    def record(self) -> Record | None:
        """Where it writes down what it has learnt."""
        return None


class Record:
    """A file of known host keys in OpenSSH's format, to which is added what was learnt."""

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path).expanduser() if path is not None else default_record()
        self._stamp: tuple[int, int] | None = None
        self._known: asyncssh.SSHKnownHosts | None = None

    def trusted(self, peer: Peer) -> Trusted:
        """What the file says of a machine: of its alias, or, where it has none there, of its address.

        Raises ConfigurationError for a file that cannot be read.
        """
        known = self._read()
        if known is None:
            return Trusted()
        if peer.alias is not None:
            found = _match(known, peer.alias, "", None)
            if found.keys or found.authorities:
                return found
        return _match(known, peer.host, peer.host, peer.port if peer.port != 22 else None)

    def add(self, peer: Peer, keys: Lines) -> None:
        """Write down keys of a machine, in one piece, so that many may write at once.

        Raises ConfigurationError where the file cannot be written.
        """
        name = peer.alias or (peer.host if peer.port == 22 else f"[{peer.host}]:{peer.port}")
        text = "".join(f"{name} {' '.join(key.split()[:2])}\n" for key in keys)
        self._writing(lambda: self._append(text))

    def forget(self, peer: Peer) -> None:
        """Remove what is written of a machine's alias: the machine of that id is a new one."""

        def rewrite() -> None:
            lines = self.path.read_text("utf-8").splitlines(keepends=True) if self.path.exists() else []
            kept = [line for line in lines if line.split(" ", 1)[0] != peer.alias]
            if len(kept) < len(lines):
                fresh = self.path.with_suffix(".new")
                fresh.write_text("".join(kept), "utf-8")
                fresh.replace(self.path)

        self._writing(rewrite)

    def check(self) -> None:
        """Raises ConfigurationError where it could not be written: better before a machine is made than after."""
        self._writing(lambda: self._append(""))

    def _append(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _writing(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            raise ConfigurationError(f"the record of host keys, {self.path}, cannot be written: {error}") from error

    def _read(self) -> asyncssh.SSHKnownHosts | None:
        """The file as it is now; it is read again when it has changed."""
        import asyncssh

        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._known = asyncssh.import_known_hosts(self.path.read_text("utf-8"))
                self._stamp = stamp
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the host keys in {self.path} cannot be read: {error}") from error
        return self._known


def _match(known: asyncssh.SSHKnownHosts, host: str, address: str, port: int | None) -> Trusted:
    import asyncssh

    keys, authorities, revoked, *_ = asyncssh.match_known_hosts(known, host, address, port)
    return Trusted(list(keys), list(authorities), list(revoked))


class KnownHosts(HostKeys):
    """Trusts what these files of OpenSSH's format say.

    By default: our own record, in which nodes have their ids' names, then ~/.ssh/known_hosts and the system's.
    """

    word = "known-hosts"
    mend = (
        "If it is the right machine, put its key into known_hosts, pin it, or take it on trust the first time "
        "(first-use)"
    )

    def __init__(self, *paths: str | Path) -> None:
        self._paths = paths
        self._records: list[Record] | None = None

    def __repr__(self) -> str:
        return f"KnownHosts({', '.join(repr(str(path)) for path in self._paths)})"

    def trusted(self, peer: Peer) -> Trusted:
        """What the first of the files that knows the machine says, and all that any of them revokes."""
        if self._records is None:
            usual = (default_record(), "~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
            self._records = [Record(path) for path in self._paths or usual]
        found = [record.trusted(peer) for record in self._records]
        revoked = [key for each in found for key in each.revoked]
        first = next((each for each in found if each.keys or each.authorities), Trusted())
        return Trusted(first.keys, first.authorities, revoked)

    def for_jump(self) -> HostKeys:
        """The same files."""
        return self


class PinnedHostKeys(HostKeys):
    """Trusts these keys (OpenSSH's lines, `ssh-ed25519 AAAA…`) and no others.

    Raises ConfigurationError for what is no public key.
    """

    word = "pinned"
    mend = "If it is the right machine, its key has changed: pin the new one"

    def __init__(self, *keys: str) -> None:
        if not keys:
            raise ConfigurationError("PinnedHostKeys needs a key")
        self._lines = keys
        self._keys = tuple(read_public_key(key) for key in keys)

    def __repr__(self) -> str:
        return f"PinnedHostKeys({', '.join(map(repr, self._lines))})"

    def trusted(self, peer: Peer) -> Trusted:
        """Just these."""
        return Trusted(self._keys)


class TrustOnFirstUse(HostKeys):
    """Trusts the key that a machine shows the first time, writes it down, and no other key of it from then on.

    `record` is the file; by default the one beside `accounts.toml`. The keys in ~/.ssh/known_hosts count as seen.
    """

    word = "first-use"
    mend = "It is not the key that was written down before. If the machine was made anew, remove its line from {path}"

    def __init__(self, record: str | Path | None = None) -> None:
        self._record = Record(record) if record is not None else None
        self._given = record

    def __repr__(self) -> str:
        return f"TrustOnFirstUse({str(self._given)!r})" if self._given is not None else "TrustOnFirstUse()"

    @property
    def record(self) -> Record:
        """The file."""
        if self._record is None:
            self._record = Record()
        return self._record

    def trusted(self, peer: Peer) -> Trusted:
        """What was seen before."""
        seen = self.record.trusted(peer)
        return seen if seen.keys or peer.alias else KnownHosts().trusted(peer)

    def accepts(self, peer: Peer, key: asyncssh.SSHKey) -> bool:
        """Whether the machine has not been seen before; its key is written down."""
        seen = self.trusted(peer)
        if seen.keys or seen.authorities:
            return False
        self.record.add(peer, [line_of(key)])
        return True

    def for_jump(self) -> HostKeys:
        """The same."""
        return self


class _Learnt(HostKeys):
    """What policies share that learn a new machine's key by another way than from its SSH server.

    Towards a machine that is there already, they are KnownHosts with their own record.
    """

    def __init__(self, record: str | Path | None = None) -> None:
        self._given = record
        self._record: Record | None = None

    def __repr__(self) -> str:
        given = repr(str(self._given)) if self._given is not None else ""
        return f"{type(self).__name__}({given})"

    @property
    def record(self) -> Record:
        """Where it is written down, so that later commands trust it."""
        if self._record is None:
            self._record = Record(self._given)
        return self._record

    def trusted(self, peer: Peer) -> Trusted:
        """What was learnt before."""
        seen = self.record.trusted(peer)
        return seen if seen.keys else KnownHosts().trusted(peer)


class PlantedHostKey(_Learnt):
    """Gives a new node its host key, through the user data that cloud-init reads, and trusts just that key.

    The node's image must run cloud-init, and whoever may read the node's user data can read that key.
    """

    word = "planted"
    mend = (
        "The host key that was given to it in its user data was not taken: does its image run cloud-init? Otherwise "
        "choose another policy (first-use, console)"
    )


class ConsoleHostKeys(_Learnt):
    """Reads a new node's host keys from its console, where cloud-init writes them, through the provider's API."""

    word = "console"
    mend = "Its console names other keys"


class AcceptAnyHostKey(HostKeys):
    """Checks nothing: whoever sits between can read and change everything. For machines that hold nothing."""

    word = "accept-any"

    def trusted(self, peer: Peer) -> None:
        """Anything."""
        return

    def for_jump(self) -> HostKeys:
        """The same."""
        return self

    def __repr__(self) -> str:
        return "AcceptAnyHostKey()"


POLICIES: Mapping[str, Callable[[], HostKeys]] = {
    each.word: each for each in (KnownHosts, TrustOnFirstUse, PlantedHostKey, ConsoleHostKeys, AcceptAnyHostKey)
}
"""The policies that need nothing more than their word."""


def line_of(key: asyncssh.SSHKey) -> str:
    """A public key as OpenSSH writes it."""
    return key.export_public_key().decode().strip()


def read_public_key(line: str) -> asyncssh.SSHKey:
    """Raises ConfigurationError for what is no public key."""
    import asyncssh

    try:
        return asyncssh.import_public_key(line)
    except (asyncssh.KeyImportError, ValueError) as error:
        raise ConfigurationError(f"{line[:40]!r} is no public key as OpenSSH writes it: {error}") from None


BEGIN, END = (f"-----{word} SSH HOST KEY KEYS-----" for word in ("BEGIN", "END"))


def keys_on_console(text: str) -> list[str]:
    """The host keys that cloud-init has written to a console; none before it has written them all.

    >>> keys_on_console("".join(f"{line}{chr(10)}" for line in (BEGIN, "ssh-ed25519 AAAA root@web", END)))
    ['ssh-ed25519 AAAA root@web']
    """
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        # Kernels and syslog may write something before it.
        if BEGIN in line:
            found, inside = [], True
        elif END in line:
            inside = False
        elif inside:
            found += _key_in(line.split())
    return found if not inside else []


def _key_in(words: Iterable[str]) -> list[str]:
    known = list(words)
    for index, word in enumerate(known):
        if word.startswith(("ssh-", "ecdsa-")) and index + 1 < len(known):
            return [" ".join(known[index:])]
    return []
