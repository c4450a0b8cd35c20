"""Long lists cost little more than their bytes: CPU, seconds, memory, and how long the event loop stands still.

10,000 nodes at EC2 (XML), OpenStack and Linode (JSON), beside other clients, and beside bare aiohttp, which is the
limit. Each client is judged by the ids and states that it saw.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec

from benchmarks.cloud.server import served
from benchmarks.cloud.worlds import World
from benchmarks.measure import Line, NotMeasured, Result, report
from benchmarks.processes import Figure, Task, Use, cpu, in_turn, least, memory, stall, wall

NODES, FEW = 10_000, 3
LATENCY = 0.05
ROUNDS = 3
PEERS = ("libcloud", "boto3", "aiobotocore")

BRIEF, FULL = World(provider="ec2"), World(provider="ec2", full=True)
FAR, FAR_LINODE = World(provider="ec2", latency=LATENCY), World(provider="linode", latency=LATENCY)
NOVA, LINODE = World(provider="nova"), World(provider="linode")

LIMITS = {"libcloud": (1 / 5, 1 / 10), "boto3": (1 / 7, 1 / 14)}
"""Of CPU for brief instances: at most, and better. The others are for information."""


class Places:
    """Where the worlds are served, and small ones like them to begin with."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = dict(zip(WORLDS, ports, strict=True))

    def task(self, who: str, world: World, *, ticking: bool = False) -> Task:
        small = SMALL[world.provider]
        options, warm = ({"port": self._ports[each], **asdict(each)} for each in (world, small))
        return Task(who=f"{world.provider}.{who}", options=options, warm=warm, ticking=ticking)


SMALL = {world.provider: World(provider=world.provider, nodes=FEW) for world in (BRIEF, NOVA, LINODE)}
WORLDS = [BRIEF, FULL, FAR, FAR_LINODE, NOVA, LINODE, *SMALL.values()]


def measure() -> Iterator[Line]:
    peers = [peer for peer in PEERS if find_spec(peer)]
    if len(peers) < len(PEERS):
        missing = ", ".join(sorted(set(PEERS) - set(peers)))
        yield NotMeasured("long lists beside all peers", f"{missing} not installed: the extra `bench` brings them")
    with served(*WORLDS) as ports:
        places = Places(ports)
        yield from brief(places, peers)
        yield from full(places, peers)
        yield from far(places)
        if "libcloud" in peers:
            yield from numbered(places)
        yield from json(places)
        yield from stalls(places)


def brief(places: Places, peers: list[str]) -> Iterator[Line]:
    """CPU and memory. What peers need is so much that two rounds tell it."""
    claim = f"list {NODES} EC2 nodes"
    names = ["aiocloud", "aiohttp", "aiocloud_iterated", "aiocloud_extras", *peers]
    rounds = [ROUNDS] * 4 + [2] * len(peers)
    uses = dict(zip(names, in_turn([places.task(name, BRIEF) for name in names], rounds), strict=True))
    ours = uses["aiocloud"]
    for peer in peers:
        yield _beside(f"{claim}: CPU", cpu, ours, uses[peer], peer, *LIMITS.get(peer, (None, None)))
    yield _beside(f"{claim}: CPU", cpu, ours, uses["aiohttp"], "bytes dropped by aiohttp")
    yield _beside(f"{claim}, every extra read: CPU", cpu, uses["aiocloud_extras"], ours, "no extra read")
    if "libcloud" in peers:
        iterated = uses["aiocloud_iterated"]
        yield _beside(f"{claim}, one by one: memory", memory, iterated, uses["libcloud"], "libcloud", 1 / 10)
        yield _beside(f"{claim}, one by one: memory", memory, iterated, uses["aiohttp"], "bytes dropped by aiohttp")


def full(places: Places, peers: list[str]) -> Iterator[Line]:
    claim = f"list {NODES} full EC2 nodes: CPU"
    names = ["aiocloud", "aiohttp", *(peer for peer in peers if peer != "aiobotocore")]  # which is as slow as boto3
    rounds = [2, 2] + [1] * (len(names) - 2)
    uses = dict(zip(names, in_turn([places.task(name, FULL) for name in names], rounds), strict=True))
    for peer in names[2:]:
        yield _beside(claim, cpu, uses["aiocloud"], uses[peer], peer)
    yield _beside(claim, cpu, uses["aiocloud"], uses["aiohttp"], "bytes dropped by aiohttp")


def far(places: Places) -> Iterator[Line]:
    ours, bare = in_turn([places.task(who, FAR) for who in ("aiocloud", "aiohttp")], ROUNDS)
    claim = f"list {NODES} EC2 nodes, {1000 * LATENCY:.0f} ms away"
    yield _beside(claim, wall, ours, bare, "bytes dropped by aiohttp", 1.4, 1.1)


def numbered(places: Places) -> Iterator[Line]:
    """Libcloud takes so long that one round tells it; its waits alone are most of that."""
    claim = f"list {NODES} Linodes, {1000 * LATENCY:.0f} ms away"
    names = ["aiocloud", "aiocloud_iterated", "libcloud"]
    tasks = [places.task(name, FAR_LINODE) for name in names]
    ours, iterated, theirs = in_turn(tasks, [ROUNDS, ROUNDS, 1])
    yield _beside(claim, wall, ours, theirs, "libcloud", 1 / 20, 1 / 60)
    yield _beside(f"{claim}, one by one: memory", memory, iterated, theirs, "libcloud", 1 / 10)


def json(places: Places) -> Iterator[Line]:
    for what, world in (("Nova servers", NOVA), ("Linodes", LINODE)):
        ours, bare = in_turn([places.task(who, world) for who in ("aiocloud", "aiohttp")], ROUNDS)
        yield _beside(f"list {NODES} {what}: CPU", cpu, ours, bare, "aiohttp and json.loads", 1.5, 0.8)


def stalls(places: Places) -> Iterator[Line]:
    for what, world in (("EC2 nodes", BRIEF), ("full EC2 nodes", FULL), ("Nova servers", NOVA), ("Linodes", LINODE)):
        (uses,) = in_turn([places.task("aiocloud", world, ticking=True)], ROUNDS)
        longest = 1000 * least(uses, stall)
        claim = f"list {NODES} {what}: longest stall of the event loop"
        yield Result(claim, longest, 50, "ms", f"least of {ROUNDS}", stretch=20)


UNITS: dict[Figure, str] = {cpu: "s", wall: "s", memory: "MB"}


def _beside(
    claim: str,
    figure: Figure,
    ours: list[Use],
    theirs: list[Use],
    whose: str,
    limit: float | None = None,
    stretch: float | None = None,
) -> Result:
    rounds = " and ".join(dict.fromkeys(str(len(each)) for each in (ours, theirs)))
    figures = least(ours, figure), least(theirs, figure)
    return Result(claim, figures[0], limit, UNITS[figure], f"least of {rounds}", whose, figures[1], stretch)


if __name__ == "__main__":
    sys.exit(report([measure()]))
