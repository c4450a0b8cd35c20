"""Nodes as an inventory for Ansible, in its INI format.

https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html
"""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aiocloud.deploy.hostkeys import alias_of, default_record
from aiocloud.deploy.ssh import read_address
from aiocloud.models import Node, NodeState

ODD = re.compile(r"[^A-Za-z0-9_]+")
"""What may not stand in the name of a group."""
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""A host's name that means nothing else to Ansible, as ranges (`web[1:3]`) and ports (`web:22`) do."""
WORD = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.-]*|[0-9]+(\.[0-9]+){3}")
"""A value that stands for itself."""


def inventory(nodes: Sequence[Node], driver_of: Callable[[Node], Any]) -> str:
    """The nodes that run, each in the groups of its provider, its account, its location and its tags.

    They are reached as their account's `ssh` says. A node without an address is a comment, since it cannot be reached.
    """
    alive = [node for node in nodes if node.state is NodeState.RUNNING]
    names = _names(alive)
    groups: dict[str, list[str]] = defaultdict(list)
    lines: list[str] = []
    for node, name in zip(alive, names, strict=True):
        driver = driver_of(node)
        addresses = getattr(node, driver.ssh.interface)
        if not addresses:
            lines.append(f"# {name}: node {node.id} has no address among its {driver.ssh.interface}")
            continue
        known = {"ansible_host": addresses[0], **_signing_in(driver), **_trusting(node, driver), **_about(node)}
        lines.append(" ".join([name, *(f"{key}={_quoted(value)}" for key, value in known.items() if value)]))
        for group in _groups(node):
            groups[group].append(name)
    for group, members in sorted(groups.items()):
        lines += ["", f"[{group}]", *members]
    return "\n".join(lines)


def _names(nodes: Sequence[Node]) -> list[str]:
    """What each is called: its name, if that is plain and nobody else's, or else its id beside it."""
    plain = [node.name if PLAIN.fullmatch(node.name) else ODD.sub("-", node.name).strip("-") for node in nodes]
    often = Counter(plain)
    return [
        name if name and often[name] == 1 else "-".join(filter(None, (name, ODD.sub("-", node.id))))
        for name, node in zip(plain, nodes, strict=True)
    ]


def _signing_in(driver: Any) -> dict[str, str]:
    ssh = driver.ssh
    return {
        "ansible_user": ssh.usernames(driver.usernames)[0],
        "ansible_port": str(ssh.port) if ssh.port != 22 else "",
        "ansible_ssh_private_key_file": next(iter(_key_files(driver)), ""),
    }


def _trusting(node: Node, driver: Any) -> dict[str, str]:
    """The host keys that were learnt, which stand under the nodes' ids; and the way there."""
    record, alias = default_record(), alias_of(node)
    options = []
    if record.exists() and any(line.startswith(f"{alias} ") for line in record.read_text("utf-8").splitlines()):
        options = ["-o", f"UserKnownHostsFile={record}", "-o", f"HostKeyAlias={alias}"]
    return {"ansible_ssh_common_args": shlex.join([*options, *_way(driver, record)])}


def _way(driver: Any, record: Path) -> list[str]:
    """The machine on the way, signed in to as we do; several of them as ssh itself would."""
    jump = driver.ssh.jump
    if not jump:
        return []
    if "," in jump:
        return ["-J", jump]
    user, host, port = read_address(jump)
    key = [word for path in _key_files(driver) for word in ("-i", path)]
    files = f"UserKnownHostsFile={record} ~/.ssh/known_hosts"
    user = user or driver.ssh.usernames()[0]
    command = ["ssh", *key, "-o", files, "-p", str(port or 22), "-l", user, "-W", "[%h]:%p", host]
    return ["-o", f"ProxyCommand={shlex.join(command)}"]


def _key_files(driver: Any) -> list[str]:
    """The keys that lie in files; those that were given as text are nobody's business."""
    return [str(Path(key).expanduser()) for key in driver.ssh.keys if isinstance(key, str | Path) and _is_path(key)]


def _is_path(key: str | Path) -> bool:
    return "PRIVATE KEY" not in str(key)


def _about(node: Node) -> dict[str, str]:
    return {
        f"aiocloud_{name}": str(getattr(node, name) or "")
        for name in ("provider", "account", "id", "size", "image", "location")
    }


def _groups(node: Node) -> Iterator[str]:
    yield _group(node.provider)
    yield _group(node.provider, node.account)
    if node.location:
        yield _group("location", node.location)
    for key, value in sorted(node.tags.items()):
        yield _group("tag", key, value)


def _group(*words: str) -> str:
    return ODD.sub("_", "_".join(filter(None, words))).strip("_")


def _quoted(value: str) -> str:
    """A value as Ansible reads it: split as a shell does, then taken for a Python literal if it can be one."""
    if WORD.fullmatch(value) and value not in ("True", "False", "None"):
        return value
    literal = repr(value)
    return shlex.quote(literal) if re.search(r'["$`\\]', literal) else f'"{literal}"'
