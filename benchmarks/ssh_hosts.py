"""One command on many hosts over SSH costs hardly more than with bare asyncssh, and less than with fabric.

The hosts are addresses of loopback behind one real sshd. In the first part, 200 near ones, the machine's processors are
busy with sshd, so that walls are alike, and what counts is the CPU and the memory that each client needs itself. In the
second, 500 hosts are 300 ms away, and it counts how long it all takes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import Line, NotMeasured, Result, report
from benchmarks.ssh.clients import Job
from benchmarks.ssh.delay import delayed
from benchmarks.ssh.measured import Use, use
from tests.sshd import daemon
from tests.sshd.daemon import Sshd, SshdError

NEAR = [f"127.0.1.{number}" for number in range(1, 201)]
FAR = [f"127.0.{2 + number // 250}.{1 + number % 250}" for number in range(500)]
ROUND_TRIP = 0.3
ROUNDS, FAR_ROUNDS = 3, 2
CLAIM = "SSH to many hosts beside asyncssh and fabric"

OURS, BARE, FABRIC = ("aiocloud", 100), ("asyncssh", 100), ("fabric", 50)
GROUP, PARALLEL = ("fabric_group", len(NEAR)), ("parallel_ssh", 100)
CPU_LIMITS = {BARE: 1.15, FABRIC: 0.85, GROUP: 0.85, PARALLEL: None}
"""Of the CPU of each, how much ours may need; the last, which is written in C, is for information."""
ALL_AT_ONCE = [(name, len(FAR)) for name in ("aiocloud", "asyncssh")]
NAMES = {
    "asyncssh": "bare asyncssh",
    "fabric": "fabric in threads",
    "fabric_group": "fabric's ThreadingGroup",
    "parallel_ssh": "parallel-ssh",
}

Client = tuple[str, int]
"""Its name, and on how many hosts it is at work at once."""
Uses = dict[Client, list[Use]]
Figure = Callable[[Use], float]


def near(job: Job) -> Iterator[Line]:
    uses = in_turn(job, [OURS, BARE, FABRIC], ROUNDS) | in_turn(job, [GROUP, PARALLEL], 1)  # which are far from ours
    claim = f"run a command on {len(NEAR)} SSH hosts"
    for client, limit in CPU_LIMITS.items():
        yield beside(f"{claim}: client's CPU a host", cpu, uses[OURS], uses[client], client, limit)
    how = f"median of {ROUNDS}"
    yield Result(f"{claim}: client's memory a host", middle(uses[OURS], memory), 50, "KB", how)


def far(job: Job) -> Iterator[Line]:
    ours, bare = ALL_AT_ONCE
    uses = in_turn(job, [ours], 1) | in_turn(job, [FABRIC, bare, OURS], 1)
    for _ in range(FAR_ROUNDS - 1):
        uses[ours] += in_turn(job, [ours], 1)[ours]
    claim = f"run a command on {len(FAR)} SSH hosts, {1000 * ROUND_TRIP:.0f} ms away"
    yield beside(claim, wall, uses[ours], uses[FABRIC], FABRIC, 0.5)
    yield beside(claim, wall, uses[ours], uses[bare], bare)


def in_turn(job: Job, clients: Sequence[Client], rounds: int) -> Uses:
    """Each client once a round, every other round backwards, so that none always has the better place."""
    uses: Uses = {client: [] for client in clients}
    for number in range(rounds):
        for client in clients[:: -1 if number % 2 else 1]:
            uses[client].append(use(replace(job, client=client[0], at_once=client[1])))
    return uses


def cpu(use: Use) -> float:
    return use.cpu


def memory(use: Use) -> float:
    return use.memory


def wall(use: Use) -> float:
    return use.wall


def middle(uses: Sequence[Use], figure: Callable[[Use], float]) -> float:
    return statistics.median(map(figure, uses))


def beside(
    claim: str, figure: Figure, ours: list[Use], theirs: list[Use], client: Client, limit: float | None = None
) -> Result:
    """By the least that each has needed: what else a machine does only adds to it."""
    name, at_once = client
    rounds = " and ".join(dict.fromkeys(str(len(uses)) for uses in (ours, theirs)))
    how, whose = f"least of {rounds}", f"{NAMES[name]}, {at_once} at once"
    unit = "s" if figure is wall else "ms"
    return Result(claim, min(map(figure, ours)), limit, unit, how, whose, min(map(figure, theirs)))


@contextmanager
def hosts() -> Iterator[Sshd]:
    """All addresses of loopback, behind one sshd that lets them all in at once, and does as little as it can.

    It does not start its own program anew for each connection, where OpenSSH still lets one choose, which spares
    this machine a third of the work; and its shells do not read what is in the home of whoever runs this.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = ["-r"] if daemon.version() < (9, 8) else []
        quiet = {"LogLevel": "ERROR", "SetEnv": f"HOME={folder}"}
        with Sshd(folder, addresses=["0.0.0.0"], arguments=arguments, MaxStartups=1000, **quiet) as sshd:  # noqa: S104 - only loopback can sign in
            yield sshd


def job_for(sshd: Sshd, addresses: list[str], port: int) -> Job:
    sshd.known_hosts.write_text("".join(f"[{address}]:{port} {sshd.host_key}\n" for address in addresses))
    how = {"username": sshd.username, "key": str(sshd.key), "known_hosts": str(sshd.known_hosts)}
    return Job(client="", at_once=0, hosts=addresses, port=port, command="true", **how)


def missing() -> str | None:
    """What it cannot be measured without."""
    if all(find_spec(name) for name in ("fabric", "pssh")):
        return daemon.obstacle()
    return "fabric and parallel-ssh are not installed: the extra `bench` brings them"


def measure() -> Iterator[Line]:
    reason = missing()
    if reason is not None:
        yield NotMeasured(CLAIM, reason)
        return
    try:
        with hosts() as sshd:
            yield from near(job_for(sshd, NEAR, sshd.port))
            port = daemon.free_port(FAR[:1])
            with delayed(FAR, port, sshd.port, ROUND_TRIP):
                yield from far(job_for(sshd, FAR, port))
    except SshdError as error:
        yield NotMeasured(CLAIM, " ".join(str(error).split()))


if __name__ == "__main__":
    sys.exit(report([measure()]))
