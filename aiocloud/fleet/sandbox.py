"""A fleet of simulated clouds, asked over real HTTP on loopback, whose nodes are signed in to by real SSH."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from yarl import URL

from aiocloud.accounts import Account
from aiocloud.deploy.hostkeys import HostKeys, Peer, Trusted, read_public_key
from aiocloud.deploy.keys import make_key
from aiocloud.deploy.ssh import SSH
from aiocloud.fleet.discovery import driver_of
from aiocloud.fleet.fleet import Fleet
from aiocloud.simulators import get_simulator, simulator_ids
from aiocloud.simulators.base import Simulator, WorldClock

if TYPE_CHECKING:
    from aiocloud.simulators.ssh import SimulatedSSH

ACCOUNT = "sandbox"


@asynccontextmanager
async def sandbox(
    providers: Iterable[str] | None = None,
    *,
    retired: bool = False,
    latency: float = 0.0,
    nodes: int = 0,
    ssh: bool = False,
    **options: Any,
) -> AsyncIterator[Fleet]:
    """Serve simulated clouds until the context is left; yields a fleet with an account at each.

    Without `providers`, these are the clouds that there are today, and with `retired` those that are no more, too.
    Each cloud lives on the day of which its facts are, so that prices carry that date. `latency` is the delay of
    every answer in seconds, `nodes` how many nodes each cloud has from the beginning; `options` are those of `Fleet`.
    With `ssh`, the nodes can be signed in to: they know a key that is made for this fleet, and the fleet knows theirs.
    That needs what the extra "sandbox" brings.
    """
    from aiocloud.simulators.server import serve  # with aiohttp, which a fleet needs only when it asks

    async with AsyncExitStack() as running:
        accounts = []
        key = make_key("sandbox") if ssh else None
        for provider in providers if providers is not None else simulated(retired=retired):
            kind = get_simulator(provider)
            clock = WorldClock(datetime.combine(kind.as_of, time(12), UTC) if kind.as_of else None)
            simulator = kind(now=clock, latency=latency)
            simulator.populate(nodes)
            more: dict[str, Any] = {"now": clock}
            if key is not None:
                simulator.ssh.authorized_keys.append(key.public)
                host_keys = SimulatedHostKeys(simulator.ssh)
                more["ssh"] = SSH(keys=[key.private], dial=simulator.dial, host_keys=host_keys)
            base = await running.enter_async_context(serve(simulator))
            accounts.append(account_at(simulator, base, **more))
        yield await running.enter_async_context(Fleet(accounts=accounts, **options))


def simulated(*, retired: bool = False) -> list[str]:
    """The providers that have a simulator, but for those that are no more, unless they are asked for."""
    return [provider for provider in simulator_ids() if retired or driver_of(provider).retired is None]


def account_at(simulator: Simulator, base: URL, name: str = ACCOUNT, **options: Any) -> Account:
    """The account for a driver of a simulator that is served at `base`."""
    endpoint = str(base.with_path(URL(simulator.endpoint).path))
    everything = {**simulator.credentials, **simulator.whole, "endpoint": endpoint, **options}
    return Account(simulator.provider, name, everything, source="the sandbox")


class SimulatedHostKeys(HostKeys):
    """Asks the simulator: whoever made the node knows its key. Nothing is written down."""

    word = "simulated"

    def __init__(self, ssh: SimulatedSSH) -> None:
        self._ssh = ssh

    def trusted(self, peer: Peer) -> Trusted:
        """The key that the node of that address has now."""
        line = self._ssh.host_key(peer.host)
        return Trusted([read_public_key(line)] if line is not None else [])
