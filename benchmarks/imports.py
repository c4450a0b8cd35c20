"""`import aiocloud` loads no provider, no aiohttp and no asyncssh, and takes under 30 ms beyond bare Python."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.measure import Result, median, report

HEAVY = ("aiohttp", "asyncssh", "xmltodict", "aiocloud.providers", "aiocloud.fleet", "aiocloud.simulators")
ROUNDS = 15


def seconds(program: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own interpreter and program
    return time.perf_counter() - began


def measure() -> list[Result]:
    loaded = subprocess.run(
        [sys.executable, "-c", "import aiocloud, sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = [name for name in HEAVY if name in loaded]
    pairs = [(seconds("pass"), seconds("import aiocloud")) for _ in range(ROUNDS)]
    extra = iter([1000 * (ours - bare) for bare, ours in pairs])
    return [
        Result("modules that importing aiocloud should not load", float(len(heavy)), 0.5, "modules", ", ".join(heavy)),
        Result("import aiocloud, beyond bare Python", median(lambda: next(extra), ROUNDS), 30, "ms"),
    ]


if __name__ == "__main__":
    sys.exit(report(measure()))
