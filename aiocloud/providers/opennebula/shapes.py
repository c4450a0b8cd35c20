"""Virtual machines, templates, clusters: what the API shows of them, and what they become."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiocloud.driver import id_of
from aiocloud.errors import ConfigurationError
from aiocloud.mapping import Shape, addresses, at, dig
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.providers.opennebula.wire import several
from aiocloud.values import FrozenMap

STATES = {
    "0": NodeState.PENDING,  # INIT
    "1": NodeState.PENDING,
    "2": NodeState.PENDING,  # HOLD
    "4": NodeState.STOPPED,
    "5": NodeState.SUSPENDED,
    "6": NodeState.TERMINATED,  # DONE
    "7": NodeState.ERROR,
    "8": NodeState.STOPPED,  # POWEROFF
    "9": NodeState.STOPPED,  # UNDEPLOYED
    "10": NodeState.PENDING,  # CLONING
    "11": NodeState.ERROR,
}
ACTIVE = "3"
"""The state in which the life-cycle manager's own state counts."""
LCM_NUMBERS: Mapping[NodeState, Sequence[int]] = {
    NodeState.PENDING: (0, 1, 2, 7, 8, 9, 15, 19, 20, 21, 22, 31, 32, 35, 60),
    NodeState.RUNNING: (3, 4, 17, 24, 25, 26, 57, 58, 59, 62, 66, 69),
    NodeState.STOPPING: (5, 6, 10, 18, 29, 30),
    NodeState.TERMINATED: (11, 12, 13, 23),
    NodeState.STOPPED: (27, 33, 34, 43, 51, 52, 53, 63, 64, 65, 67, 68, 70, 71),
    NodeState.SUSPENDED: (28, 45, 54, 55, 56),
    NodeState.ERROR: (14, 36, 37, 38, 39, 40, 41, 42, 44, 46, 47, 48, 49, 50, 61),
}
LCM_STATES = {str(number): state for state, numbers in LCM_NUMBERS.items() for number in numbers}


def _state(vm: Any) -> NodeState:
    table, key = (LCM_STATES, "LCM_STATE") if vm.get("STATE") == ACTIVE else (STATES, "STATE")
    return table.get(str(vm.get(key)), NodeState.UNKNOWN)


def _ips(vm: Any) -> Iterator[str | None]:
    cards = [*several(dig(vm, "TEMPLATE.NIC")), *several(dig(vm, "TEMPLATE.NIC_ALIAS"))]
    for name in ("IP", "EXTERNAL_IP", "IP6", "IP6_GLOBAL", "IP6_ULA"):
        yield from (dig(card, name) for card in cards)
    if not cards:
        yield dig(vm, "MONITORING.GUEST_IP")


def size_id(thing: Any) -> str | None:
    """The id of the size that a VM or a template has; None where a template leaves it open."""
    memory = dig(thing, "TEMPLATE.MEMORY")
    return f"{dig(thing, 'TEMPLATE.VCPU') or 1}x{math.ceil(float(memory))}" if memory else None


def _cluster(vm: Any) -> str | None:
    """Where it runs; before it does, where it was told to."""
    history = several(dig(vm, "HISTORY_RECORDS.HISTORY"))
    told = re.search(r'CLUSTER_ID\s*=\s*"?(\d+)', dig(vm, "USER_TEMPLATE.SCHED_REQUIREMENTS") or "")
    return dig(history[-1], "CID") if history else told[1] if told else None


def _tags(labels: str) -> FrozenMap[str]:
    """Labels are words; ours that have a value are written `key=value`."""
    pairs = (label.strip().partition("=") for label in labels.split(",") if label.strip())
    return FrozenMap({key: value for key, _, value in pairs})


def labels(tags: Mapping[str, str]) -> str:
    """Tags as a list of labels. Raises ConfigurationError for what would come back as something else."""
    words = [f"{key}={value}" if value else key for key, value in tags.items()]
    for word, key in zip(words, tags, strict=True):
        if "," in word or "=" in key or not key or word != word.strip():
            raise ConfigurationError(f"opennebula cannot keep the tag {word!r}: it holds a comma, or a = in its key")
    return ",".join(words)


SECRETS = ("PASSWORD", "CRYPTED_PASSWORD", "USER_DATA", "START_SCRIPT")
HIDDEN = (
    *(f"TEMPLATE.CONTEXT.{name}{ending}" for name in SECRETS for ending in ("", "_BASE64")),
    "TEMPLATE.GRAPHICS.PASSWD",
)

NODE = Shape(
    Node,
    hide=HIDDEN,
    id=at("ID"),
    name=at("NAME"),
    state=_state,
    public_ips=lambda vm: addresses(_ips(vm), private=False),
    private_ips=lambda vm: addresses(_ips(vm), private=True),
    size=size_id,
    image=at("TEMPLATE.TEMPLATE_ID"),
    location=_cluster,
    created_at=at("STIME", lambda seconds: datetime.fromtimestamp(int(seconds), UTC)),
    tags=at("USER_TEMPLATE.LABELS", _tags),
)
IMAGE = Shape(Image, hide=HIDDEN, id=at("ID"), name=at("NAME"))
LOCATION = Shape(Location, id=at("ID"), name=at("NAME"))


def size_of(text: str) -> Size:
    """The size of that id. Raises ConfigurationError for one that is none."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,8})", text)
    if not found:
        raise ConfigurationError(f"{text!r} is no size of opennebula: write virtual CPUs x MiB, as 2x4096")
    vcpus, ram = map(int, found.groups())
    return Size(id=text, name=f"{vcpus} vCPU, {ram} MiB", vcpus=vcpus, ram=ram, provider="opennebula")


def number(thing: Any) -> int:
    """An id as the API takes it. Raises ConfigurationError for one that is no number."""
    text = str(thing) if isinstance(thing, int) else id_of(thing)
    if not (text.isascii() and text.isdigit() and int(text) < 2**31):
        raise ConfigurationError(f"{text!r} is no id: those of opennebula are numbers")
    return int(text)


def sized(template: Any, wanted: Size, cpu: float | None) -> dict[str, Any]:
    """What must be said of its CPUs and memory: nothing, where the template says the same."""
    if size_id(template) == wanted.id:
        return {"CPU": cpu}
    return {"CPU": cpu or wanted.vcpus, "VCPU": wanted.vcpus, "MEMORY": wanted.ram}


def placed(template: Any, cluster: str | None) -> dict[str, Any]:
    """The cluster, beside whatever else the template requires of hosts."""
    if cluster is None:
        return {}
    others = dig(template, "TEMPLATE.SCHED_REQUIREMENTS")
    return {"SCHED_REQUIREMENTS": f"({others}) & CLUSTER_ID = {cluster}" if others else f"CLUSTER_ID = {cluster}"}
