"""One client at work in a process of its own, and what it used: `python -m benchmarks.ssh.measured < job.json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.processes import Meter
from benchmarks.ssh.clients import CLIENTS, Job

PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Use:
    """What a client used a host: milliseconds of CPU, KB of memory at the peak; and seconds for all of them."""

    cpu: float
    memory: float
    wall: float


def use(job: Job) -> Use:
    """Start a client, and have it do the work."""
    home = str(Path(job.known_hosts).parent)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ssh.measured"],
        env=os.environ | {"HOME": home},
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{job.client} failed: {done.stderr[-2000:]}")
    return Use(**json.loads(done.stdout.splitlines()[-1]))


def measured(job: Job) -> Use:
    """The work's use, without the imports, the reading of keys, and what the first connection alone needs."""
    work = CLIENTS[job.client](job)
    work(job.hosts[:1])
    with Meter() as meter:
        work(job.hosts)
    hosts = len(job.hosts)
    return Use(cpu=1000 * meter.cpu / hosts, memory=1024 * meter.memory / hosts, wall=meter.wall)


if __name__ == "__main__":
    print(json.dumps(asdict(measured(Job(**json.load(sys.stdin))))))
