"""Which worlds there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from benchmarks.cloud import ec2, linode, nova
from benchmarks.cloud.http import Answer

Seen: TypeAlias = list[tuple[str, str]]
"""The id of each node, and its state: "running" or "stopped"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """So many nodes at a provider, each answer `latency` seconds away.

    `full` nodes have all that an instance of EC2 can have. `everywhere` listens at all addresses of loopback, so that
    each can be a provider's; `certificate` is the file with key and certificate, for TLS.
    """

    provider: Literal["ec2", "linode", "nova"]
    nodes: int = 10_000
    latency: float = 0.0
    full: bool = False
    everywhere: bool = False
    certificate: str = ""

    def answers(self) -> Answer:
        """What the provider says."""
        if self.provider == "ec2":
            return ec2.answers(self.nodes, self.full)
        return linode.answers(self.nodes) if self.provider == "linode" else nova.answers(self.nodes)

    def truth(self) -> Seen:
        """What a client must have seen that has listed all nodes."""
        node_id = {"ec2": ec2.node_id, "linode": linode.node_id, "nova": nova.node_id}[self.provider]
        return [(node_id(number), state(number)) for number in range(self.nodes)]


def state(number: int) -> str:
    return "stopped" if number % 7 == 3 else "running"
