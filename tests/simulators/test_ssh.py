"""What nodes of simulated clouds do when somebody signs in. Interop tests hold them against OpenSSH's client."""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
from collections.abc import Awaitable, Callable
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest

from aiocloud.deploy import SSH, AcceptAnyHostKey, SSHClient, run
from aiocloud.deploy.connecting import Access, place_of
from aiocloud.deploy.keys import make_key
from aiocloud.errors import ConnectionLostError, SignInError, SSHConnectError
from aiocloud.models import NodeState
from aiocloud.providers import get_driver
from aiocloud.simulators import virtualtime
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.ssh import Ended, Invocation, SSHFault
from aiocloud.simulators.ssh.userdata import read
from aiocloud.simulators.ssh.world import AWAKE

KEY = make_key("mine")
FIRST = "198.18.0.1"


def cloud(nodes: int = 1) -> LinodeSimulator:
    simulator = LinodeSimulator()
    simulator.populate(nodes)
    simulator.ssh.authorized_keys.append(KEY.public)
    return simulator


def way(simulator: LinodeSimulator, **more: Any) -> SSH:
    return SSH(**{"dial": simulator.dial, "keys": [KEY.private], "host_keys": AcceptAnyHostKey(), **more})


def signed_in(
    work: Callable[[SSHClient], Awaitable[None]], simulator: LinodeSimulator | None = None, **more: Any
) -> None:
    """Do it, signed in to the first node, on virtual time."""
    ssh = way(simulator or cloud(), **more)

    async def scenario() -> None:
        async with Access(ssh) as access, await access.connect(place_of(FIRST, ssh)) as client:
            await work(client)

    virtualtime.run(scenario())


def output(line: str, **more: Any) -> str:
    said: list[str] = []

    async def work(client: SSHClient) -> None:
        done = await client.run(line, **more)
        said.append(done.stdout)

    signed_in(work)
    return said[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("for n in 1 2; do echo $n; done | sort -r", "2\n1\n"),
        ("umask 077; mkdir a; touch a/b; stat -c %a a a/b", "700\n600\n"),
        ("echo x > s; chmod 750 s; echo y >> s; stat -c %a s", "750\n"),
        ("hostname; id -un; pwd; echo $USER", "linode1001\nroot\n/root\nroot\n"),
        ("printf '#!/bin/sh\\necho \"got $1\"\\n' > s; chmod 700 s; ./s 'a b'", "got a b\n"),
        ("timeout 5 sleep 60; echo $?", "124\n"),
        ("apt-get install -y puppet", "simulated: apt-get install -y puppet\n"),
        ("sudo -n -- id -un", "root\n"),
        ("no-such-program; echo $?", "127\n"),
    ],
)
def test_its_shell_does_what_shells_do(line: str, said: str) -> None:
    assert output(line) == said


def test_input_is_read_to_its_end() -> None:
    assert output("wc -c", input=b"x" * 200_000).strip() == "200000"


def test_what_is_written_is_there_at_the_next_visit_and_on_no_other_node() -> None:
    simulator = cloud(2)

    async def scenario() -> None:
        ssh = way(simulator)
        (first,) = await run([FIRST], "echo here > /srv/note", ssh=ssh)
        assert first.ok
        results = await run([FIRST, "198.18.0.2"], "cat /srv/note", ssh=ssh, ordered=True)
        assert [result.stdout for result in results] == ["here\n", ""]

    virtualtime.run(scenario())


def test_nodes_that_nobody_visits_hold_no_descriptors_and_lose_nothing() -> None:
    count = AWAKE + 30
    simulator = cloud(count)
    addresses = [f"198.18.0.{number}" for number in range(1, count + 1)]
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None

    async def scenario() -> None:
        ssh = way(simulator)
        line = "mkdir -p /srv/a && hostname > /srv/a/name && chmod 640 /srv/a/name && ln -s a/name /srv/link"
        assert all(result.ok for result in await run(addresses, line, ssh=ssh, limit=10))
        look = "cat /srv/link; stat -c %a /srv/a/name; readlink /srv/link"
        results = await run(addresses, look, ssh=ssh, limit=10, ordered=True)
        assert results[0].stdout == "linode1001\n640\na/name\n"
        assert len({result.stdout for result in results}) == count
        if before is not None:
            assert len(os.listdir("/proc/self/fd")) - before < 4 * AWAKE + 20

    virtualtime.run(scenario())


def test_a_program_of_the_tests_own_sees_how_it_was_called_and_waits_on_the_loops_clock() -> None:
    simulator, calls = cloud(), list[Invocation]()

    async def probe(call: Invocation) -> Ended:
        calls.append(call)
        await asyncio.sleep(3600)
        return Ended(3, "out\n", "err\n")

    simulator.ssh.programs["probe"] = probe

    async def work(client: SSHClient) -> None:
        done = await client.run("cd /srv; echo hello | probe 'a b' $HOME", check=False)
        assert (done.exit_status, done.stdout, done.stderr) == (3, "out\n", "err\n")
        assert done.seconds >= 3600

    signed_in(work, simulator)
    (call,) = calls
    assert (call.argv, call.stdin, call.user, call.hostname, call.cwd) == (
        ("probe", "a b", "/root"), "hello\n", "root", "linode1001", "/srv"
    )  # fmt: skip


def test_a_key_that_is_taken_out_of_the_file_signs_in_no_more() -> None:
    simulator, other = cloud(), make_key("other")

    async def scenario() -> None:
        add = f"mkdir -p ~/.ssh; echo '{other.public}' >> ~/.ssh/authorized_keys"
        (added,) = await run([FIRST], add, ssh=way(simulator))
        assert added.ok
        (removed,) = await run([FIRST], "rm ~/.ssh/authorized_keys", ssh=way(simulator, keys=[other.private]))
        assert removed.ok
        (refused,) = await run([FIRST], "true", ssh=way(simulator, keys=[other.private]))
        assert isinstance(refused.error, SignInError)

    virtualtime.run(scenario())


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("refused", SSHConnectError),
        ("silent", SSHConnectError),
        ("not ready", SignInError),
        ("disconnects", ConnectionLostError),
    ],
)
def test_a_fault_strikes_as_often_as_was_said(kind: Any, error: type[Exception]) -> None:
    simulator = cloud()
    simulator.ssh.faults.append(SSHFault(kind=kind, on="linode*", times=2))

    async def scenario() -> None:
        for expected in (error, error, type(None)):
            (result,) = await run([FIRST], "echo words", ssh=way(simulator))
            assert type(result.error) is expected

    virtualtime.run(scenario())


def test_nobody_listens_at_a_node_that_is_stopped_nor_where_no_node_is() -> None:
    simulator = cloud()

    async def scenario() -> None:
        async with get_driver("linode")("quay-token", transport=simulator) as linode:
            await linode.stop_node("1001")
            await linode.wait_until("1001", NodeState.STOPPED)
        results = await run([FIRST, "198.18.9.9"], "true", ssh=way(simulator), ordered=True)
        assert "connection refused" in str(results[0].error)
        assert "No route to host" in str(results[1].error)

    virtualtime.run(scenario())


def test_user_data_is_read_as_cloud_init_reads_it() -> None:
    config = (
        b"#cloud-config\nssh_authorized_keys: [ssh-ed25519 AAAA me]\nruncmd: [ls]\nwrite_files:\n"
        b"- {path: /a, content: " + base64.b64encode(b"hi") + b", encoding: b64, permissions: '0600'}\n"
    )
    archive = MIMEMultipart()
    archive.attach(MIMEText(config.decode(), "cloud-config"))
    archive.attach(MIMEText("#!/bin/sh\necho\n", "x-shellscript"))
    for data in (archive.as_bytes(), gzip.compress(archive.as_bytes())):
        told = read(data)
        assert told.keys == ["ssh-ed25519 AAAA me"]
        assert told.files == [("/a", b"hi", 0o600)]
        assert told.scripts == [b"#!/bin/sh\nls\n", b"#!/bin/sh\necho\n"]
    assert read(b"#cloud-config\n: [").scripts == []
    assert read(None).scripts == []
