"""`import aiocloud` loads nothing heavy and takes under 30 ms; a first driver takes little beyond `import aiohttp`."""

from __future__ import annotations

import subprocess
import sys
import time
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


def seconds(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own interpreter and program
    return time.perf_counter() - began


def beyond(bare: str, *programs: str) -> list[float]:
    """By how many ms each takes longer than the bare one: the least of each, since what disturbs only adds."""
    rounds = [[seconds(program) for program in (bare, *programs)] for _ in range(ROUNDS)]
    base, *others = (1000 * min(column) for column in zip(*rounds, strict=True))
    return [other - base for other in others]


def measure() -> Iterator[Line]:
    loaded = subprocess.run(
        [sys.executable, "-c", "import aiocloud, sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = [name for name in HEAVY if name in loaded]
    yield Result("heavy modules that `import aiocloud` loads", float(len(heavy)), 0, "modules", ", ".join(heavy))
    how = f"least of {ROUNDS}"
    (alone,) = beyond("pass", "import aiocloud")
    yield Result("`import aiocloud`, beyond bare Python", alone, 30, "ms", how)
    made = [
        f'import aiohttp; from aiocloud import get_driver; get_driver("{provider}")({given}).transport'
        for provider, given in DRIVERS.items()
    ]
    for provider, took in zip(DRIVERS, beyond("import aiohttp", *made), strict=True):
        yield Result(f"a first driver for {provider}, beyond `import aiohttp`", took, 150, "ms", how)


if __name__ == "__main__":
    sys.exit(report([measure()]))
