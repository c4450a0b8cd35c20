"""All accounts at once take hardly longer than bare aiohttp needs for the same requests, and names cost little.

Each account has an endpoint of its own, 100 ms away, which no connection was opened to before. All that a fleet does
is measured: its making, its drivers, its end.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.cloud.server import served
from benchmarks.cloud.worlds import World
from benchmarks.contestants.accounts import DOMAIN, THREADS
from benchmarks.measure import Line, NotMeasured, Result, report
from benchmarks.processes import Task, Use, cpu, in_turn, least, wall

LATENCY, LOOK_UP = 0.1, 0.02
ROUNDS = 7
MANY_ROUNDS = 3
"""Where there are a thousand: that takes seconds, and what disturbs it is little beside them."""
ONE_CORE = "on one core, what layers and models take for each account adds up"
COLLECTOR = "the collector walks what is in flight, and a request of ours holds more objects than bare aiohttp's"
BARE = {16: (1.2, 1.1), 100: (1.2, 1.1), 1000: (1.4, 1.2)}
"""How many accounts, and by how many times longer than bare aiohttp a fleet may take: at most, and better."""
BECAUSE = {100: ONE_CORE, 1000: COLLECTOR}
"""Why there it may take longer still."""
WHAT = f"sizes and locations of {{}} accounts, {1000 * LATENCY:.0f} ms away"


def measure() -> Iterator[Line]:
    with served(World(provider="linode", nodes=1, latency=LATENCY, everywhere=True)) as (port,):
        for accounts in BARE:
            yield from beside_aiohttp(port, accounts)
    yield from with_names()


def beside_aiohttp(port: int, accounts: int) -> Iterator[Line]:
    tasks = [_task(who, accounts, {"port": port}) for who in ("aiocloud", "aiohttp")]
    many = accounts == max(BARE)
    if many and find_spec("libcloud"):
        tasks.append(_task("libcloud", accounts, {"port": port}))
    rounds = MANY_ROUNDS if many else ROUNDS
    ours, bare, *threads = in_turn(tasks, [rounds, rounds, 2][: len(tasks)])
    limit, stretch = BARE[accounts]
    claim, aiohttp = WHAT.format(accounts), "bare aiohttp"
    yield _walls(claim, ours, bare, aiohttp, limit, stretch, because=BECAUSE.get(accounts, ""))
    if many:
        yield _cpus(f"{claim}: CPU", 1.4, ours, bare)
        tasks = [_task(who, accounts, {"port": port, "collecting": False}) for who in ("aiocloud", "aiohttp")]
        yield _cpus(f"{claim}, no cyclic collector: CPU", None, *in_turn(tasks, rounds))
    for uses in threads:
        yield _walls(claim, ours, uses, f"libcloud, {THREADS} threads", 1 / 3, None)


def with_names() -> Iterator[Line]:
    """The same with TLS, the endpoints' names looked up at once, and by a distant name server."""
    accounts = max(BARE)
    claim = f"{WHAT.format(accounts)}, TLS, names looked up in {1000 * LOOK_UP:.0f} ms"
    if not find_spec("trustme"):
        yield NotMeasured(claim, "trustme is not installed: the extra `bench` brings it")
        return
    with authority() as (certificate, root):
        world = World(provider="linode", nodes=1, latency=LATENCY, everywhere=True, certificate=certificate)
        with served(world) as (port,):
            trusting = {"port": port, "authority": root}
            tasks = [_task("aiocloud", accounts, {**trusting, "names": seconds}) for seconds in (LOOK_UP, 0.0)]
            slow, quick = in_turn(tasks, MANY_ROUNDS)
    yield _walls(claim, slow, quick, "looked up at once", 1.2, None)


@contextmanager
def authority() -> Iterator[tuple[str, str]]:
    """The files of a certificate for all endpoints, with its key, and of the authority that signed it."""
    import trustme

    signer = trustme.CA()
    with tempfile.TemporaryDirectory() as name:
        certificate, root = Path(name, "certificate.pem"), Path(name, "authority.pem")
        signer.issue_cert(f"*{DOMAIN}").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        signer.cert_pem.write_to_path(str(root))
        yield str(certificate), str(root)


def _task(who: str, accounts: int, options: dict[str, Any]) -> Task:
    everything = {**options, "accounts": accounts}
    return Task(who=f"accounts.{who}", options=everything, warm={**everything, "accounts": 1})


def _walls(
    claim: str,
    ours: list[Use],
    theirs: list[Use],
    whose: str,
    limit: float | None,
    stretch: float | None,
    because: str = "",
) -> Result:
    how = _least_of(ours, theirs)
    return Result(claim, least(ours, wall), limit, "s", how, whose, least(theirs, wall), stretch, because)


def _cpus(claim: str, limit: float | None, ours: list[Use], bare: list[Use]) -> Result:
    how = _least_of(ours, bare)
    return Result(claim, least(ours, cpu), limit, "s", how, "bare aiohttp", least(bare, cpu), because=COLLECTOR)


def _least_of(*uses: list[Use]) -> str:
    rounds = dict.fromkeys(str(len(each)) for each in uses)
    return f"least of {' and '.join(rounds)}"


if __name__ == "__main__":
    sys.exit(report([measure()]))
