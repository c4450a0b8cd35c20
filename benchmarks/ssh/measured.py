"""One client at work in a process of its own, and what it used: `python -m benchmarks.ssh.measured < job.json`."""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.ssh.clients import CLIENTS, Job

STATUS, REFERENCES = Path("/proc/self/status"), Path("/proc/self/clear_refs")
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
    gc.collect()
    with suppress(OSError):
        REFERENCES.write_text("5")  # the peak begins anew with what there is now
    memory, cpu, began = kilobytes("VmHWM"), processor(), time.perf_counter()
    work(job.hosts)
    hosts = len(job.hosts)
    wall, spent = time.perf_counter() - began, processor() - cpu
    return Use(cpu=1000 * spent / hosts, memory=(kilobytes("VmHWM") - memory) / hosts, wall=wall)


def processor() -> float:
    """Seconds of CPU that this process has had, with all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def kilobytes(what: str) -> int:
    found = re.search(rf"^{what}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


if __name__ == "__main__":
    print(json.dumps(asdict(measured(Job(**json.load(sys.stdin))))))
