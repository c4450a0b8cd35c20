"""From the documents of version 1.5 and later to models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.dialects.vcloud.protocol import UNFINISHED, id_in, linked, many
from aiocloud.mapping import Shape, at, dig, is_private, timestamp, without
from aiocloud.models import Image, Node, NodeState, Size
from aiocloud.values import FrozenMap

# number, word, state
STATUSES = (
    ("-1", "FAILED_CREATION", NodeState.ERROR),
    ("0", "UNRESOLVED", NodeState.PENDING),
    ("1", "RESOLVED", NodeState.PENDING),
    ("2", "DEPLOYED", NodeState.PENDING),
    ("3", "SUSPENDED", NodeState.SUSPENDED),
    ("4", "POWERED_ON", NodeState.RUNNING),
    ("5", "WAITING_FOR_INPUT", NodeState.RUNNING),
    ("6", "UNKNOWN", NodeState.UNKNOWN),
    ("7", "UNRECOGNIZED", NodeState.UNKNOWN),
    ("8", "POWERED_OFF", NodeState.STOPPED),
    ("9", "INCONSISTENT_STATE", NodeState.ERROR),
    ("10", "MIXED", NodeState.RUNNING),  # as long as one of its machines runs
    ("18", "VAPP_UNDEPLOYED", NodeState.STOPPED),
    ("20", "PARTIALLY_POWERED_OFF", NodeState.RUNNING),
    ("21", "PARTIALLY_SUSPENDED", NodeState.RUNNING),
)
STATES = {word: state for number, name, state in STATUSES for word in (number, name)}
OPERATIONS = {
    "delete": NodeState.TERMINATED,
    "undeploy": NodeState.STOPPING,
    "poweroff": NodeState.STOPPING,
    "shutdown": NodeState.STOPPING,
    "suspend": NodeState.STOPPING,
    "reset": NodeState.REBOOTING,
    "reboot": NodeState.REBOOTING,
    "instantiate": NodeState.PENDING,
    "deploy": NodeState.PENDING,
    "poweron": NodeState.PENDING,
}
"""What a running task makes of a node, by a word in its operation's name; the first that is found counts."""


def _state(payload: Mapping[str, Any]) -> NodeState:
    for task in many(dig(payload, "Tasks.Task")):
        if "@endTime" not in task and task.get("@status") in UNFINISHED:
            name = str(task.get("@operationName")).lower()
            return next((state for word, state in OPERATIONS.items() if word in name), NodeState.PENDING)
    status = str(payload["@status"])
    if status in ("10", "MIXED") and not any(each.get("@status") in ("4", "POWERED_ON") for each in _machines(payload)):
        return NodeState.UNKNOWN
    return STATES.get(status, NodeState.UNKNOWN)


def _machines(payload: Mapping[str, Any]) -> list[Any]:
    """The virtual machines of a vApp, or the records of them."""
    return many(dig(payload, "Children.Vm")) or list(payload.get("machines", ()))


def _addresses(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    """An external address is public; the others tell it themselves."""
    found: dict[str, bool] = {}
    for machine in _machines(payload):
        for each in many(dig(machine, "NetworkConnectionSection.NetworkConnection")):
            if address := each.get("IpAddress"):
                found[address] = is_private(address)
            if address := each.get("ExternalIpAddress"):
                found[address] = False
        if address := machine.get("@ipAddress"):
            found[address] = is_private(address)
    return tuple(address for address, hidden in found.items() if hidden is private)


def _size(payload: Mapping[str, Any]) -> str | None:
    policies = (dig(each, "ComputePolicy.VmSizingPolicy.@id") for each in _machines(payload))
    return next((str(policy) for policy in policies if policy), None)


def _vdc(payload: Mapping[str, Any]) -> str | None:
    links = [payload["@vdc"]] if "@vdc" in payload else linked(payload, "vdc", "up")
    return id_in(links[0]) if links else None


def _shown(payload: Mapping[str, Any]) -> FrozenMap[Any]:
    """The payload without the guests' customisation, which repeats their passwords."""
    if not dig(payload, "Children.Vm"):
        return FrozenMap(payload)
    machines = [without(each, ["GuestCustomizationSection"]) for each in many(dig(payload, "Children.Vm"))]
    return FrozenMap({**payload, "Children": {"Vm": machines}})


NODE = Shape(
    Node,
    id=at("@href", id_in),
    name=at("@name"),
    state=_state,
    public_ips=lambda payload: _addresses(payload, private=False),
    private_ips=lambda payload: _addresses(payload, private=True),
    size=_size,
    location=_vdc,
    created_at=lambda payload: at("DateCreated", timestamp)(payload) or at("@creationDate", timestamp)(payload),
    extra=_shown,
)
IMAGE = Shape(Image, id=at("@href", id_in), name=at("@name"))
SIZE = Shape(Size, id=at("id"), name=at("name"), vcpus=at("cpuCount"), ram=at("memory"))
