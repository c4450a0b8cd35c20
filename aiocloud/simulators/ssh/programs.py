"""Programs of simulated nodes, beside those of their shell."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from bashkit import FileSystem


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How a program was called. `argv` begins with its name; `stdin` is "" where nothing is piped into it.

    `files` are all those of the node.
    """

    argv: Sequence[str]
    stdin: str
    user: str
    hostname: str
    cwd: str
    env: Mapping[str, str] = field(repr=False)
    files: FileSystem = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it wrote."""

    status: int = 0
    stdout: str = ""
    stderr: str = ""


Program: TypeAlias = Callable[[Invocation], Ended | Awaitable[Ended]]
"""A function, or a coroutine function: this one waits on the event loop's clock, and is cancelled by a signal."""

STAND_INS = (
    *("add-apt-repository", "ansible-pull", "apk", "apt", "apt-get", "apt-key", "chef-client", "dnf", "docker"),
    *("dpkg", "gem", "groupadd", "hostnamectl", "iptables", "modprobe", "mount", "npm", "pip", "pip3", "puppet"),
    *("reboot", "rpm", "salt-call", "service", "snap", "sysctl", "systemctl", "timedatectl", "ufw", "useradd"),
    *("usermod", "yum", "zypper"),
)
"""Programs that do nothing but say so, so that ordinary scripts come to their end."""


def stand_in(call: Invocation) -> Ended:
    """Does nothing, and says so."""
    return Ended(0, f"simulated: {shlex.join(call.argv)}\n")
