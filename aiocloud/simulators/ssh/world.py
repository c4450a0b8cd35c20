"""The SSH side of a simulated cloud: which address is which host, what goes wrong there, what programs there are."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from aiocloud.errors import ConfigurationError
from aiocloud.simulators.ssh.machine import Machine
from aiocloud.simulators.ssh.programs import Program

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.host import Host

AWAKE = 64
"""How many nodes that nobody visits keep their files at hand."""
BANNER = b"SSH-2.0-OpenSSH_9.2\r\n"

Kind: TypeAlias = Literal[
    "refused", "silent", "hangs up", "not ready", "disconnects", "other key", "never ends", "no sftp"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHFault:
    """Something that goes wrong with the next `times` connections, or commands, of nodes whose name matches `on`.

    refused      no connection
    silent       a connection, and nothing more
    hangs up     a banner, and the end: what a crowded sshd does
    not ready    refuses whoever signs in, as a node that still boots
    other key    shows another host key
    disconnects  the connection breaks in the midst of a command, after what it wrote first
    never ends   a command never ends
    no sftp      the subsystem is refused
    """

    kind: Kind
    on: str = "*"
    times: int = 1


CONNECTIONS: frozenset[Kind] = frozenset({"refused", "silent", "hangs up", "not ready", "other key"})
COMMANDS: frozenset[Kind] = frozenset({"disconnects", "never ends"})
SUBSYSTEMS: frozenset[Kind] = frozenset({"no sftp"})


class SimulatedSSH:
    """All SSH servers of one simulated cloud.

    `authorized_keys` are lines of keys that every node accepts beside its own; `programs` are commands that nodes have
    beside those of their shell, by their names; `faults` are handed out first, in order, each to the first connection
    or command that it matches.
    """

    def __init__(self, machine_at: Callable[[str], Machine | None]) -> None:
        self.authorized_keys: list[str] = []
        self.programs: dict[str, Program] = {}
        self.faults: list[SSHFault] = []
        self._machine_at = machine_at
        self._hosts: dict[str, Host] = {}
        self._awake: dict[str, Host] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def dial(self, address: str, port: int = 22) -> socket.socket:
        """A connected socket to the SSH server of the node that has this address.

        Fails as a network does: ConnectionRefusedError while nobody listens, another OSError for an address that no
        node has. Raises ConfigurationError where the package is installed without what simulated nodes need.
        """
        machine = self._machine_at(address)
        if machine is None:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        fault: Kind | None = "refused"
        if machine.running and port == 22:
            fault = self.strike(machine.name, CONNECTIONS)
        if fault == "refused":
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        host = self.host(machine)
        host.begin()
        here, there = socket.socketpair()
        here.setblocking(False)
        there.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._serve(there, host, fault))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # A task that is cancelled before it began closes nothing.
        task.add_done_callback(lambda _: there.close())
        return here

    def host_key(self, address: str) -> str | None:
        """The public host key of the node that has this address, as a line; None where no node has it."""
        machine = self._machine_at(address)
        return self.host(machine).public_key if machine is not None else None

    def host(self, machine: Machine) -> Host:
        """A node from inside; the same one for as long as it is not installed anew. Raises ConfigurationError."""
        try:
            from aiocloud.simulators.ssh.host import Host
        except ImportError as error:
            mend = "pip install 'aiocloud[sandbox]'"
            raise ConfigurationError(f"simulated nodes need {error.name} to accept SSH: {mend}") from error
        known = self._hosts.get(machine.id)
        if known is None or known.machine.mark != machine.mark:
            known = self._hosts[machine.id] = Host(machine, self)
        known.password = machine.password
        return known

    def console(self, machine: Machine) -> list[str]:
        """What cloud-init writes to a node's console when it has booted; nothing where nodes cannot accept SSH."""
        with suppress(ConfigurationError):
            return self.host(machine).announcement()
        return []

    def strike(self, name: str, kinds: frozenset[Kind]) -> Kind | None:
        """The next fault of these kinds for the node of that name; it is used up by this."""
        for index, fault in enumerate(self.faults):
            if fault.kind in kinds and fnmatchcase(name, fault.on):
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self.faults[index : index + 1] = left
                return fault.kind
        return None

    async def _serve(self, sock: socket.socket, host: Host, fault: Kind | None) -> None:
        from aiocloud.simulators.ssh.server import serve

        loop = asyncio.get_running_loop()
        with suppress(OSError), self._visit(host):
            if fault == "hangs up":
                await loop.sock_sendall(sock, BANNER)
            elif fault == "silent":
                while await loop.sock_recv(sock, 4096):
                    pass
            else:
                await serve(sock, host, fault)

    @contextmanager
    def _visit(self, host: Host) -> Iterator[None]:
        """Somebody is at a node. When many have been visited, those whose visit is longest ago put their files away."""
        host.visitors += 1
        self._awake.pop(host.machine.id, None)
        try:
            yield
        finally:
            host.visitors -= 1
            self._awake[host.machine.id] = host
            for each in list(self._awake.values())[: max(0, len(self._awake) - AWAKE)]:
                del self._awake[each.machine.id]
                each.rest()
