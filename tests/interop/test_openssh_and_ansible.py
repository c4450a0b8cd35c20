"""OpenSSH's client and Ansible, unmodified, on simulated nodes behind the jump host of `aiocloud sandbox`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiocloud.fleet.sandbox import simulated
from tests.interop.conftest import official


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """The folder of a sandbox that is served."""
    if shutil.which("ssh") is None:
        if os.environ.get("AIOCLOUD_INTEROP") == "1":
            pytest.fail("OpenSSH's client is not installed")
        pytest.skip("OpenSSH's client is not installed")
    command = [sys.executable, "-m", "aiocloud", "sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"This is (.+)/accounts\.toml", process.stdout.readline())
        assert found is not None
        while "endpoints and credentials" not in process.stdout.readline():
            pass
        try:
            yield Path(found[1])
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)


@pytest.fixture(scope="module")
def inventory(folder: Path) -> Path:
    """What `aiocloud nodes --format ansible` writes of it."""
    path = folder / "inventory.ini"
    path.write_text(aiocloud(folder, "nodes", "--format", "ansible"))
    return path


def program(name: str) -> list[str]:
    path = shutil.which(name)
    assert path is not None
    return [path]


def aiocloud(folder: Path, *argv: str) -> str:
    environment = {**os.environ, "AIOCLOUD_CONFIG": str(folder)}
    command = [sys.executable, "-m", "aiocloud", *argv]
    return subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout


def ansible(program: str, *argv: str) -> str:
    official("ansible")
    command = [str(Path(sys.executable).parent / program), *argv]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_our_own_command_reaches_all_nodes_through_the_jump_host(folder: Path) -> None:
    count = 2 * len(simulated())
    assert f"\n{count} nodes: {count} ok\n" in aiocloud(folder, "run", "--", "hostname")


def test_what_is_deployed_there_can_be_run_on_afterwards(folder: Path) -> None:
    made_of = ("--size", "g6-nanode-1", "--image", "linode/debian12", "--location", "eu-central")
    out = aiocloud(folder, "deploy", "lc-test", "--account", "linode", *made_of, "--run", "hostname > /etc/made")
    assert out.startswith("lc-test is ready: node ")
    out = aiocloud(folder, "run", "--name", "lc-test", "--", "cat /etc/made")
    assert re.fullmatch(r"\[198\.18\.\S+\] out: lc-test\n1 node: 1 ok\n", out)


def test_the_openssh_client_and_sftp_work(folder: Path, tmp_path: Path) -> None:
    proxy = json.loads(aiocloud(folder, "nodes", "--provider", "linode", "--format", "json"))["items"][0]
    known, key = folder / "known_hosts", folder / "id_ed25519"
    gate = re.search(r'jump = "linode@(.+):(\d+)"', (folder / "accounts.toml").read_text())
    assert gate is not None
    way = f"ssh -F none -i {key} -o UserKnownHostsFile={known} -p {gate[2]} -l linode -W [%h]:%p {gate[1]}"
    alias = f"linode/linode/{proxy['id']}"
    options = ["-F", "none", "-i", str(key), "-o", f"ProxyCommand={way}", "-o", f"UserKnownHostsFile={known}"]
    options += ["-o", f"HostKeyAlias={alias}", "-o", "BatchMode=yes"]
    where = f"root@{proxy['public_ips'][0]}"
    script = "cat > /tmp/in; wc -c < /tmp/in; exit 7"
    done = subprocess.run(
        [*program("ssh"), *options, where, script],
        input="x" * 100_000,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (7, "100000"), done.stderr
    (tmp_path / "up").write_bytes(os.urandom(300_000))
    batch = f"put {tmp_path}/up /tmp/there\nget /tmp/there {tmp_path}/down\nls -l /tmp\n"
    subprocess.run([*program("sftp"), *options, "-b", "-", where], input=batch, text=True, check=True, timeout=60)
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()


def test_ansible_reads_the_inventory_as_it_was_meant(folder: Path, inventory: Path) -> None:
    nodes = json.loads(aiocloud(folder, "nodes", "--format", "json"))["items"]
    known = json.loads(ansible("ansible-inventory", "-i", str(inventory), "--list"))
    hosts = known["_meta"]["hostvars"]
    assert {host["aiocloud_id"] for host in hosts.values()} == {node["id"] for node in nodes}
    assert {host["ansible_host"] for host in hosts.values()} == {node["public_ips"][0] for node in nodes}
    for node in nodes:
        (name,) = [name for name, host in hosts.items() if host["aiocloud_id"] == node["id"]]
        assert name in known[node["provider"]]["hosts"]
        assert hosts[name].get("aiocloud_size") == node["size"]


def test_ansible_runs_a_command_on_every_node(inventory: Path) -> None:
    out = ansible("ansible", "-i", str(inventory), "all", "-m", "raw", "-a", "hostname")
    count = len(re.findall(r"CHANGED \| rc=0", out))
    assert count >= 2 * len(simulated())
