"""Simulated nodes that accept SSH: real handshakes, keys and files, and a shell that touches nothing of this machine.

machine  what a simulator's world tells of a node
host     the node from inside: its files, its shell, who may log in
server   the SSH server in front of it
world    addresses, faults and programs: `simulator.ssh`

asyncssh and bashkit are imported when somebody first connects.
"""

from aiocloud.simulators.ssh.machine import Machine
from aiocloud.simulators.ssh.world import SimulatedSSH, SSHFault

__all__ = ["Machine", "SSHFault", "SimulatedSSH"]
