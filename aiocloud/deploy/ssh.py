"""How nodes are reached and signed in to, as one frozen value."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypedDict

from aiocloud.deploy.hostkeys import POLICIES, HostKeys, KnownHosts
from aiocloud.errors import ConfigurationError
from aiocloud.values import Secret

Dial: TypeAlias = Callable[[str, int], Awaitable[socket.socket]]
"""Opens a connection to an address and a port: the network, or a simulator. Fails with an OSError."""
Key: TypeAlias = str | Path | Secret
"""A private key: the path of its file, or its text."""
Interface: TypeAlias = Literal["public_ips", "private_ips"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SSH:
    """How nodes are reached and signed in to.

    username             who signs in; by default whom the provider's images let in
    alternate_usernames  who is tried if that one is refused, in this order
    port                 where the SSH server listens
    keys                 private keys: paths of files, or their text
    key_password         what the keys are encrypted with
    password             signs in where no key does
    agent                ask the agent that SSH_AUTH_SOCK names, and take the key files in ~/.ssh; by default where
                         neither keys nor a password are given
    host_keys            whom to trust: a policy of `aiocloud.deploy`; by default KnownHosts() for machines that are
                         there, and PlantedHostKey() for those that are being made
    interface            which addresses of a node are used: "public_ips" or "private_ips"
    jump                 the way there: `user@host:port`, or several with commas between, the first one first
    connect_timeout      seconds for one attempt, from the first packet until somebody is signed in
    keepalive            seconds of silence after which the other side is asked whether it is still there
    dial                 what opens connections in place of the network
    """

    username: str | None = None
    alternate_usernames: Sequence[str] = ()
    port: int = 22
    keys: Sequence[Key] = field(default=(), repr=False)
    key_password: Secret | str | None = field(default=None, repr=False)
    password: Secret | str | None = field(default=None, repr=False)
    agent: bool | None = None
    host_keys: HostKeys | None = None
    interface: Interface = "public_ips"
    jump: str | None = None
    connect_timeout: float = 10.0
    keepalive: float = 15.0
    dial: Dial | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raises ConfigurationError for values that would be misunderstood later."""
        if self.interface not in ("public_ips", "private_ips"):
            raise ConfigurationError(f"interface must be 'public_ips' or 'private_ips', not {self.interface!r}")
        for name in ("alternate_usernames", "keys"):
            if isinstance(getattr(self, name), str | Path | Secret):
                raise ConfigurationError(f"{name} takes several: put it into a list")
        for step in self.jump.split(",") if self.jump is not None else ():
            read_address(step.strip())
        if self.host_keys is not None and not isinstance(self.host_keys, HostKeys):
            raise ConfigurationError(f"host_keys takes a policy such as TrustOnFirstUse(), not {self.host_keys!r}")

    @classmethod
    def of(cls, options: SSH | Mapping[str, Any] | None) -> SSH:
        """From a table of `accounts.toml`: the names of the fields, `key` for a single one, and a policy by its word.

        >>> SSH.of({"username": "admin", "key": "~/.ssh/id_ed25519", "host_keys": "first-use"}).username
        'admin'

        Raises ConfigurationError for a name or a word that is not known.
        """
        if options is None or isinstance(options, SSH):
            return options or cls()
        if not isinstance(options, Mapping):
            raise ConfigurationError(f"`ssh` takes an SSH, or a table of its fields, not {type(options).__name__}")
        given = dict(options)
        if "key" in given:
            given["keys"] = [given.pop("key"), *given.get("keys", ())]
        if isinstance(given.get("host_keys"), str):
            given["host_keys"] = policy_named(given["host_keys"])
        known = {each.name for each in fields(cls)}
        if strange := sorted(set(given) - known):
            names = ", ".join(sorted(known - {"dial"} | {"key"}))
            raise ConfigurationError(f"`ssh` has no {strange[0]!r}; there are: {names}")
        return cls(**given)

    @property
    def policy(self) -> HostKeys:
        """Whom to trust of the machines that are there already."""
        return self.host_keys or KnownHosts()

    def usernames(self, usual: Sequence[str] = ()) -> tuple[str, ...]:
        """Who is tried, in this order: those named here, else the `usual` ones, else root."""
        named = [self.username] if self.username else []
        return tuple(dict.fromkeys([*(named or usual or ("root",)), *self.alternate_usernames]))


class HowToSignIn(TypedDict, total=False):
    """The keywords of `deploy_node` that say how to sign in: a whole `SSH`, or single fields of it.

    ssh                      a whole SSH, in place of the driver's
    ssh_username             who signs in
    ssh_alternate_usernames  who is tried if that one is refused
    ssh_port                 where the SSH server listens
    ssh_key                  a private key: a path, or a text; or several
    ssh_key_password         what the key is encrypted with
    ssh_timeout              seconds for one attempt to sign in
    ssh_interface            which addresses are used: "public_ips" or "private_ips"
    host_keys                whom to trust
    jump                     the way there: `user@host:port`
    """

    ssh: SSH
    ssh_username: str
    ssh_alternate_usernames: Sequence[str]
    ssh_port: int
    ssh_key: Key | Sequence[Key]
    ssh_key_password: Secret | str | None
    ssh_timeout: float
    ssh_interface: Interface
    host_keys: HostKeys | None
    jump: str | None


FIELDS = {
    "ssh_username": "username",
    "ssh_alternate_usernames": "alternate_usernames",
    "ssh_port": "port",
    "ssh_key": "keys",
    "ssh_key_password": "key_password",
    "ssh_timeout": "connect_timeout",
    "ssh_interface": "interface",
    "host_keys": "host_keys",
    "jump": "jump",
}


def signing_in(usual: SSH, given: Mapping[str, Any]) -> tuple[SSH, dict[str, Any]]:
    """How to sign in by the keywords of `HowToSignIn`, and the keywords that are none of them."""
    rest = dict(given)
    ssh: SSH = rest.pop("ssh", None) or usual
    changes = {field: rest.pop(word) for word, field in FIELDS.items() if word in rest}
    changes = {field: value for field, value in changes.items() if value is not None}
    if isinstance(changes.get("keys"), str | Path | Secret):
        changes["keys"] = [changes["keys"]]
    return replace(SSH.of(ssh), **changes), rest


def policy_named(word: str) -> HostKeys:
    """The policy of that word. Raises ConfigurationError for another."""
    if word not in POLICIES:
        raise ConfigurationError(f"{word!r} is no policy for host keys; there are: {', '.join(POLICIES)}")
    return POLICIES[word]()


def read_address(text: str) -> tuple[str | None, str, int | None]:
    """User, host and port of `user@host:port`; an IPv6 address that has a port stands in brackets.

    >>> read_address("quay@[2001:db8::1]:2222"), read_address("2001:db8::1"), read_address("web-1:22")
    (('quay', '2001:db8::1', 2222), (None, '2001:db8::1', None), (None, 'web-1', 22))
    """
    user, _, rest = text.rpartition("@")
    if rest.startswith("["):
        host, _, after = rest[1:].partition("]")
        port = after.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    if not host or (port and not port.isdecimal()):
        raise ConfigurationError(f"{text!r} is no address: write host, host:port or user@host:port")
    return user or None, host, int(port) if port else None
