"""The clients that are compared: each runs one command on many hosts, over fresh connections.

Each function imports its client and reads the key, and returns what then does the work: that alone is measured. All
sign in with the same key, and use no agent, no configuration and no other key. Ours and asyncssh check the hosts'
keys. The two others, as they come, take whatever key they are shown, which spares them that work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

Work: TypeAlias = Callable[[Sequence[str]], None]
"""Signs in to these hosts and runs the command on each. Raises if one of them fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be done, where, by which client, and on how many hosts at once."""

    client: str
    hosts: list[str]
    port: int
    username: str
    key: str
    known_hosts: str
    command: str
    at_once: int


def aiocloud(job: Job) -> Work:
    from aiocloud.deploy import SSH, KnownHosts, run

    ssh = SSH(username=job.username, keys=[job.key], host_keys=KnownHosts(job.known_hosts))

    async def all_of(hosts: Sequence[str]) -> None:
        async for result in run([f"{host}:{job.port}" for host in hosts], job.command, ssh=ssh, limit=job.at_once):
            assert result.ok, result.error

    return lambda hosts: asyncio.run(all_of(hosts))


def asyncssh(job: Job) -> Work:
    """Bare: what it does by itself, with all that can be made ready made ready once."""
    import asyncssh

    options = asyncssh.SSHClientConnectionOptions(
        config=None,
        username=job.username,
        client_keys=[asyncssh.read_private_key(job.key)],
        known_hosts=asyncssh.read_known_hosts(job.known_hosts),
        agent_path=None,
    )

    async def all_of(hosts: Sequence[str]) -> None:
        room = asyncio.Semaphore(job.at_once)

        async def one(host: str) -> None:
            async with room, asyncssh.connect(host, job.port, options=options) as connection:
                await connection.run(job.command, check=True)

        await asyncio.gather(*(one(host) for host in hosts))

    return lambda hosts: asyncio.run(all_of(hosts))


def fabric(job: Job) -> Work:
    """Its connections, one after the other in each of so many threads."""
    connection = fabric_connections(job)

    def one(host: str) -> None:
        with connection(host) as connected:
            connected.run(job.command, hide=True, in_stream=False)

    def all_of(hosts: Sequence[str]) -> None:
        with ThreadPoolExecutor(job.at_once) as threads:
            for _ in threads.map(one, hosts):
                pass

    return all_of


def fabric_group(job: Job) -> Work:
    """Its own way to many hosts: a ThreadingGroup, which starts a thread for each of them at once."""
    from fabric import ThreadingGroup

    connection = fabric_connections(job)

    def all_of(hosts: Sequence[str]) -> None:
        with ThreadingGroup.from_connections([connection(host) for host in hosts]) as group:
            group.run(job.command, hide=True, in_stream=False)

    return all_of


def fabric_connections(job: Job) -> Callable[[str], Any]:
    from fabric import Config, Connection
    from paramiko import Ed25519Key

    how = {"pkey": Ed25519Key.from_private_key_file(job.key), "allow_agent": False, "look_for_keys": False}

    def connection(host: str) -> Connection:
        config = Config(overrides={"load_ssh_configs": False})  # each has one of its own: threads would spoil another's
        return Connection(host, job.username, job.port, config=config, connect_kwargs=how)

    return connection


def parallel_ssh(job: Job) -> Work:
    from pssh.clients import ParallelSSHClient

    with open(job.key, "rb") as file:
        key = file.read()

    def all_of(hosts: Sequence[str]) -> None:
        client = ParallelSSHClient(
            hosts,
            user=job.username,
            port=job.port,
            pkey=key,
            pool_size=job.at_once,
            allow_agent=False,
            identity_auth=False,
            num_retries=1,
        )
        outcomes = client.run_command(job.command)
        client.join(outcomes)
        assert [outcome.exit_code for outcome in outcomes] == [0] * len(hosts)

    return all_of


CLIENTS = {each.__name__: each for each in (aiocloud, asyncssh, fabric, fabric_group, parallel_ssh)}
