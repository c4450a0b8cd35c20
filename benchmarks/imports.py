"""`import aiocloud` loads nothing heavy and takes under 30 ms; a first driver takes little beyond `import aiohttp`."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measure import Line, Result, report

HEAVY = ("aiohttp", "asyncssh", "xmltodict", "aiocloud.providers", "aiocloud.fleet", "aiocloud.simulators")
ROUNDS = 10
DRIVERS = {
    "ec2": '"AKIAIOSFODNN7EXAMPLE", "quay-secret", region="eu-west-1"',
    "linode": '"quay-token"',
    "openstack": 'token="quay-token", endpoint="https://keystone.cloud.test/v3"',
}
"""What is given to each: its transport is asked for too, which is what the first request would need next."""


def milliseconds(program: str) -> float:
    """Of CPU: all is in the system's cache after the first round, and what else the machine does is no part of it."""
    before = _children()
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own interpreter and program
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (used.ru_utime + used.ru_stime)


def beyond(bare: str, *programs: str) -> list[float]:
    """By how many ms each takes longer than the bare one: the least of each, since what disturbs only adds."""
    rounds = [[milliseconds(program) for program in (bare, *programs)] for _ in range(ROUNDS)]
    base, *others = (min(column) for column in zip(*rounds, strict=True))
    return [other - base for other in others]


def measure() -> Iterator[Line]:
    loaded = subprocess.run(
        [sys.executable, "-c", "import aiocloud, sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = [name for name in HEAVY if name in loaded]
    yield Result("heavy modules that `import aiocloud` loads", float(len(heavy)), 0, "modules", ", ".join(heavy))
    how = f"least of {ROUNDS}"
    (alone,) = beyond("pass", "import aiocloud")
    yield Result("`import aiocloud`, beyond bare Python", alone, 30, "ms of CPU", how)
    made = [
        f'import aiohttp; from aiocloud import get_driver; get_driver("{provider}")({given}).transport'
        for provider, given in DRIVERS.items()
    ]
    for provider, took in zip(DRIVERS, beyond("import aiohttp", *made), strict=True):
        yield Result(f"a first driver for {provider}, beyond `import aiohttp`", took, 150, "ms of CPU", how)


if __name__ == "__main__":
    sys.exit(report([measure()]))
