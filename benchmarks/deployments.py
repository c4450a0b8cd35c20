"""Fifty deployments side by side take hardly longer than one, and 1000 simulated hosts fit into one process.

Both ends are in this process: the driver and its SSH client, and the simulated cloud with the SSH servers of its nodes,
by real handshakes. The provider's own limit on the rate of requests, which the driver keeps, is lifted.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from aiocloud import Limits
from aiocloud.deploy import SSH, AcceptAnyHostKey, ScriptDeployment, run
from aiocloud.deploy.keys import make_key
from aiocloud.providers.linode import Linode
from aiocloud.simulators.linode import LinodeSimulator
from benchmarks.measure import Line, NotMeasured, Result, report

COUNT, BOOT = 50, 15.0
HOSTS, AT_ONCE = 1000, 100
DESCRIPTORS = 1024
"""What `ulimit -n` usually is."""
MEMORY = 200.0
"""Megabytes that all hosts together may need, both ends included."""


async def deploy(count: int, boot: float = BOOT) -> float:
    """Seconds until that many nodes are deployed, each with two scripts, whose boot takes so many seconds."""
    cloud = LinodeSimulator(boot=boot)
    driver = Linode("quay-token", transport=cloud, ssh=SSH(dial=cloud.dial), limits=Limits())
    made_of: dict[str, Any] = {"size": "g6-nanode-1", "image": "linode/debian12", "location": "eu-west"}
    async with driver:
        began = time.perf_counter()
        steps = [ScriptDeployment("hostname"), ScriptDeployment("echo done")]
        names = [f"web-{number}" for number in range(count)]
        outcomes = await driver.deploy_nodes(names, deploy=steps, limit=count, wait_period=2.0, **made_of)
        took = time.perf_counter() - began
    assert all(outcome.ok for outcome in outcomes)
    return took


async def visit() -> tuple[int, float]:
    """Run a command on all hosts: the most descriptors that were open at once, and by how many MB the process grew."""
    cloud, key = LinodeSimulator(), make_key("benchmark")
    cloud.populate(HOSTS)
    cloud.ssh.authorized_keys.append(key.public)
    ssh = SSH(dial=cloud.dial, keys=[key.private], host_keys=AcceptAnyHostKey())
    async with Linode("quay-token", transport=cloud) as driver:
        nodes = await driver.list_nodes()
        before, most = peak(), 0
        async for result in run(nodes, "hostname > /etc/motd; cat /etc/motd", ssh=ssh, limit=AT_ONCE):
            assert result.ok, result.error
            most = max(most, len(os.listdir("/proc/self/fd")))
    return most, peak() - before


def peak() -> float:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def measure() -> Iterator[Line]:
    asyncio.run(deploy(1, boot=0))  # so that everything is imported
    one, many = asyncio.run(deploy(1)), asyncio.run(deploy(COUNT))
    how = f"one round; of both, booting takes {BOOT:g} s; rate of requests not limited"
    yield Result(f"deploy {COUNT} nodes at once", many, 1.5, "s", how, "one node", one)
    yield from crowd()


def crowd() -> Iterator[Line]:
    """In a process of its own, in which nothing has grown before, and few files may be open."""
    claim = f"run a command on {HOSTS} simulated hosts, {AT_ONCE} at once"
    if not os.path.isdir("/proc/self/fd"):
        yield NotMeasured(claim, "only Linux tells how many files are open")
        return
    program = "import asyncio; from benchmarks.deployments import visit; print(*asyncio.run(visit()))"
    limited = f'ulimit -n {DESCRIPTORS}; exec "$@"'
    command = ["/bin/sh", "-c", limited, "-", sys.executable, "-c", program]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - it is written above
    most, grew = done.stdout.split()
    yield Result(f"{claim}: open files", float(most), DESCRIPTORS, "files", f"at most, with `ulimit -n {DESCRIPTORS}`")
    yield Result(f"{claim}: memory", float(grew), MEMORY, "MB", "both ends in one process")


if __name__ == "__main__":
    sys.exit(report([measure()]))
