"""Nodes as an inventory for Ansible: what is written. That Ansible reads it, tests/interop shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aiocloud.cli.inventory import inventory
from aiocloud.deploy import SSH
from aiocloud.models import Node, NodeState
from tests.cli.conftest import Ran


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our configuration folder, empty."""
    monkeypatch.setenv("AIOCLOUD_CONFIG", str(tmp_path))
    return tmp_path


def node(number: int, name: str, **more: Any) -> Node:
    usual = {
        "provider": "linode",
        "account": "prod",
        "state": NodeState.RUNNING,
        "public_ips": (f"198.51.100.{number}",),
    }
    return Node(id=str(number), name=name, **{**usual, **more})


def written(*nodes: Node, **ssh: Any) -> list[str]:
    driver = SimpleNamespace(ssh=SSH(**ssh), usernames=("root",))
    return inventory(nodes, lambda _: driver).splitlines()


def variables(line: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in line.split(" ")[1:])


def test_each_node_has_a_line_and_stands_in_its_groups() -> None:
    lines = written(node(1, "web-1", location="eu-central", tags={"role": "web", "spot": ""}))
    assert variables(lines[0]) == {
        "ansible_host": "198.51.100.1",
        "ansible_user": "root",
        "aiocloud_provider": "linode",
        "aiocloud_account": "prod",
        "aiocloud_id": "\"'1'\"",
        "aiocloud_location": "eu-central",
    }
    assert [line for line in lines[1:] if line.startswith("[")] == [
        "[linode]", "[linode_prod]", "[location_eu_central]", "[tag_role_web]", "[tag_spot]"
    ]  # fmt: skip
    assert lines.count("web-1") == 5


def test_names_that_are_odd_or_taken_twice_become_plain_and_single() -> None:
    lines = written(node(1, "web"), node(2, "web"), node(3, "web[1:3]"), node(4, "täglich:22"), node(5, ""))
    assert [line.split()[0] for line in lines[:5]] == ["web-1", "web-2", "web-1-3", "t-glich-22", "5"]


def test_they_are_signed_in_to_as_the_account_says() -> None:
    (line, *_) = written(node(1, "web", private_ips=("10.0.0.1",)), username="quay", port=2222, keys=["/k"],
                         interface="private_ips")  # fmt: skip
    known = variables(line)
    assert (known["ansible_host"], known["ansible_user"], known["ansible_port"]) == ("10.0.0.1", "quay", "\"'2222'\"")
    assert known["ansible_ssh_private_key_file"] == "/k"


def test_a_key_that_was_given_as_text_is_not_written(folder: Path) -> None:
    text = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"
    assert "abc" not in "\n".join(written(node(1, "web"), keys=[text]))


def test_a_host_key_that_was_learnt_is_used_by_its_name(folder: Path) -> None:
    (folder / "known_hosts").write_text("linode/prod/1 ssh-ed25519 AAAA\n")
    first, second, *_ = written(node(1, "web-1"), node(2, "web-2"))
    assert f"-o UserKnownHostsFile={folder}/known_hosts -o HostKeyAlias=linode/prod/1'" in first
    assert "HostKeyAlias" not in second


def test_nodes_that_do_not_run_are_left_out_and_those_without_an_address_are_remarks() -> None:
    lines = written(node(1, "off", state=NodeState.STOPPED), node(2, "inner", public_ips=()), node(3, "web"))
    assert lines[0] == "# inner: node 2 has no address among its public_ips"
    assert lines[1].startswith("web ")
    assert "off" not in " ".join(lines)


def test_the_format_belongs_to_nodes_alone(run: Callable[..., Ran]) -> None:
    ran = run("--sandbox", "--format", "ansible", "cheapest")
    assert (ran.status, ran.out) == (2, "")
    assert "'ansible' is a format of `aiocloud nodes` alone" in ran.err
    ran = run("nodes", "--sandbox", "--provider", "linode", "--format", "ansible")
    assert ran.status == 0
    assert ran.out.startswith("linode1001 ansible_host=198.18.0.1 ansible_user=root ")
