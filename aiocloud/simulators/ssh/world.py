"""The SSH side of a simulated cloud: which address is which host, what goes wrong there, what programs there are."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, TypeAlias

from aiocloud.errors import ConfigurationError
from aiocloud.simulators.ssh.machine import Machine

if TYPE_CHECKING:
    from aiocloud.simulators.ssh.host import Host

Program: TypeAlias = Callable[[list[str]], tuple[int, str]]
"""A program of simulated nodes: from its arguments to its exit status and what it writes."""
Kind: TypeAlias = Literal["refused", "silent", "hangs up", "not ready", "disconnects", "other key", "never ends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHFault:
    """Something that goes wrong with the next `times` connections, or commands, of nodes whose name matches `on`.

    refused      no connection          silent       a connection, and nothing more
    hangs up     before any handshake   not ready    refuses whoever signs in, as a node that still boots
    other key    shows another host key
    disconnects  the connection breaks in the midst of a command
    never ends   a command never ends
    """

    kind: Kind
    on: str = "*"
    times: int = 1


COMMANDS = frozenset({"disconnects", "never ends"})


class SimulatedSSH:
    """All SSH servers of one simulated cloud.

    `authorized_keys` are keys that every node accepts beside its own; `programs` are commands that nodes have beside
    those of their shell; `faults` are handed out first, in order.
    """

    def __init__(self, machine_at: Callable[[str], Machine | None]) -> None:
        self.authorized_keys: list[str] = []
        self.programs: dict[str, Program] = {}
        self.faults: list[SSHFault] = []
        self._machine_at = machine_at
        self._hosts: dict[tuple[str, object], Host] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def dial(self, address: str, port: int = 22) -> socket.socket:
        """A connected socket to the SSH server of the node that has this address.

        Fails as a network does: ConnectionRefusedError while nobody listens, another OSError for an address that no
        node has. Raises ConfigurationError where the package is installed without what simulated nodes need.
        """
        machine = self._machine_at(address)
        if machine is None:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
        fault = self.strike(machine.name, commands=False)
        if not machine.running or port != 22 or fault == "refused":
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        here, there = socket.socketpair()
        here.setblocking(False)
        task = asyncio.ensure_future(self._serve(there, machine, fault))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        return here

    def host_key(self, address: str) -> str | None:
        """The public host key of the node that has this address, as a line."""
        machine = self._machine_at(address)
        return self.host(machine).public_key if machine is not None else None

    def host(self, machine: Machine) -> Host:
        """A node from inside; the same one for as long as it is not installed anew."""
        try:
            from aiocloud.simulators.ssh.host import Host
        except ImportError as error:
            mend = "pip install 'aiocloud[sandbox]'"
            raise ConfigurationError(f"simulated nodes need {error.name} to accept SSH: {mend}") from error
        key = (machine.id, machine.mark)
        if key not in self._hosts:
            self._hosts[key] = Host(machine, self)
        return self._hosts[key]

    def strike(self, name: str, *, commands: bool) -> Kind | None:
        """The next fault for a connection, or a command, of the node of that name; it is used up by this."""
        for index, fault in enumerate(self.faults):
            if (fault.kind in COMMANDS) is commands and fnmatchcase(name, fault.on):
                left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                self.faults[index : index + 1] = left
                return fault.kind
        return None

    async def _serve(self, sock: socket.socket, machine: Machine, fault: Kind | None) -> None:
        from aiocloud.simulators.ssh.server import serve

        sock.setblocking(False)
        try:
            if fault == "silent":
                loop = asyncio.get_running_loop()
                while await loop.sock_recv(sock, 4096):
                    pass
            elif fault != "hangs up":
                with suppress(OSError):
                    await serve(sock, self.host(machine), fault)
        finally:
            sock.close()
