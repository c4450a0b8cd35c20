"""Simulated nodes that accept SSH: real handshakes, keys and files, and a shell that touches nothing of this machine.

machine   what a simulator's world tells of a node
world     addresses, faults and programs: `simulator.ssh`
programs  what nodes can do beside what their shell can
host      the node from inside: its files, who may log in, its first boot
userdata  what cloud-init would make of user data
shell     a line that is run; `input` tells whether it reads, `modes` remembers permissions, `clock` holds virtual time
files     SFTP
resting   files that are put away while nobody visits
server    the SSH server in front of a node
gateway   a real SSH server on loopback that leads to simulated addresses

asyncssh and bashkit are imported when somebody first connects.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from aiocloud.simulators.ssh.machine import AddressBook, Machine
from aiocloud.simulators.ssh.programs import Ended, Invocation, Program
from aiocloud.simulators.ssh.world import SimulatedSSH, SSHFault

if TYPE_CHECKING:
    from aiocloud.simulators.base import Simulator
    from aiocloud.simulators.ssh.gateway import Gateway

__all__ = ["AddressBook", "Ended", "Invocation", "Machine", "Program", "SSHFault", "SimulatedSSH", "serve_gateway"]


def serve_gateway(
    simulators: Iterable[Simulator], *, authorized_key: str, host: str = "127.0.0.1", port: int = 0
) -> AbstractAsyncContextManager[Gateway]:
    """A jump host on loopback, as `async with`: it leads to the addresses of these simulated clouds, and nowhere else.

    Addresses of one cloud may be those of another, too, so the user's name is the provider's: `linode@127.0.0.1:2222`
    leads to the nodes of the simulated Linode. The holder of `authorized_key`, a public key as a line, is let in; no
    commands are run. Port 0 takes a free one. Raises OSError when the port is taken.
    """
    from aiocloud.simulators.ssh.gateway import gateway

    return gateway(simulators, authorized_key=authorized_key, host=host, port=port)
