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
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import Line, NotMeasured, Result, Table, report
from benchmarks.ssh.clients import Job
from benchmarks.ssh.delay import delayed
from benchmarks.ssh.measured import Use, use
from tests.sshd import daemon
from tests.sshd.daemon import Sshd, SshdError

NEAR = [f"127.0.1.{number}" for number in range(1, 201)]
FAR = [f"127.0.{2 + number // 250}.{1 + number % 250}" for number in range(500)]
ROUND_TRIP = 0.3
ROUNDS, FAR_ROUNDS = 4, 3
CLAIM = "SSH to many hosts beside asyncssh and fabric"

OURS, BARE, FABRIC = ("aiocloud", 100), ("asyncssh", 100), ("fabric", 50)
OTHERS = (("fabric_group", len(NEAR)), ("parallel_ssh", 100))
ALL_AT_ONCE = [(name, len(FAR)) for name in ("aiocloud", "asyncssh")]
NAMES = {
    "asyncssh": "bare asyncssh",
    "fabric": "fabric's connections in a pool of threads",
    "fabric_group": "fabric's ThreadingGroup",
    "parallel_ssh": "parallel-ssh",
}

Client = tuple[str, int]
"""Its name, and on how many hosts it is at work at once."""
Uses = dict[Client, list[Use]]


def near(job: Job) -> list[Line]:
    clients = [OURS, BARE, FABRIC, *OTHERS]
    uses = in_turn(job, clients, ROUNDS)
    return [
        Result("SSH, client's CPU, times bare asyncssh's", ratio(uses[OURS], uses[BARE], cpu), 1.15, "x", spent(uses)),
        Result("SSH, client's CPU, times fabric's", ratio(uses[OURS], uses[FABRIC], cpu), 0.85, "x"),
        Result("SSH, client's memory at its peak", middle(uses[OURS], memory), 50, "KB a host"),
        table(f"`{job.command}` on {len(NEAR)} near hosts, medians of {ROUNDS} rounds in turn", uses),
    ]


def far(job: Job) -> list[Line]:
    ours, bare = ALL_AT_ONCE
    uses = in_turn(job, [ours], 1) | in_turn(job, [FABRIC, bare, OURS], 1)
    for _ in range(FAR_ROUNDS - 1):
        uses[ours] += in_turn(job, [ours], 1)[ours]
    took, fabrics = middle(uses[ours], wall), middle(uses[FABRIC], wall)
    what = f"{len(FAR)} hosts, {1000 * ROUND_TRIP:.0f} ms away"
    detail = f"{took:.1f} s with all at once, fabric {fabrics:.1f} s with {FABRIC[1]} threads"
    return [
        Result(f"SSH, {what}, times fabric's wall", took / fabrics, 0.5, "x", detail),
        table(f"`{job.command}` on {what}, one round; of the first client the median of {FAR_ROUNDS}", uses),
    ]


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


def ratio(ours: Sequence[Use], theirs: Sequence[Use], figure: Callable[[Use], float]) -> float:
    """Of the least that each has needed: what else a machine does only adds to it."""
    return min(map(figure, ours)) / min(map(figure, theirs))


def spent(uses: Uses) -> str:
    figures = ", ".join(f"{name} {min(map(cpu, uses[name, number])):.1f}" for name, number in (OURS, BARE, FABRIC))
    return f"the least of {ROUNDS} rounds, ms a host: {figures}"


def table(title: str, uses: Uses) -> Table:
    rows = [
        (NAMES.get(name, name), str(number), f"{middle(each, cpu):.1f}", f"{middle(each, memory):.0f}", seconds(each))
        for (name, number), each in uses.items()
    ]
    return Table(title, ("client", "at once", "its CPU, ms a host", "its memory, KB a host", "wall, s"), rows)


def seconds(uses: Sequence[Use]) -> str:
    return f"{middle(uses, wall):.1f}"


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


def versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("asyncssh", "fabric", "paramiko", "parallel-ssh"))
    return f"SSH is measured with OpenSSH {'.'.join(map(str, daemon.version()))}, {packages}."


def measure() -> list[Line]:
    reason = missing()
    if reason is not None:
        return [NotMeasured(CLAIM, reason)]
    try:
        with hosts() as sshd:
            lines = near(job_for(sshd, NEAR, sshd.port))
            port = daemon.free_port(FAR[:1])
            with delayed(FAR, port, sshd.port, ROUND_TRIP):
                return [*lines, *far(job_for(sshd, FAR, port))]
    except SshdError as error:
        return [NotMeasured(CLAIM, " ".join(str(error).split()))]


if __name__ == "__main__":
    sys.exit(report(measure()))
