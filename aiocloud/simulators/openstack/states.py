"""What a server is doing, and which changes are permitted in which state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from aiocloud.simulators.openstack.world import Server


class State(NamedTuple):
    """One moment of a server as Nova tells it."""

    status: str
    vm_state: str
    task_state: str | None
    power_state: int


STATES = {
    "building": State("BUILD", "building", "spawning", 0),
    "active": State("ACTIVE", "active", None, 1),
    "soft-rebooting": State("REBOOT", "active", "rebooting", 1),
    "hard-rebooting": State("HARD_REBOOT", "active", "rebooting_hard", 1),
    "powering-off": State("ACTIVE", "active", "powering-off", 1),
    "stopped": State("SHUTOFF", "stopped", None, 4),
    "powering-on": State("SHUTOFF", "stopped", "powering-on", 4),
    "pausing": State("ACTIVE", "active", "pausing", 1),
    "paused": State("PAUSED", "paused", None, 3),
    "unpausing": State("PAUSED", "paused", "unpausing", 3),
    "suspending": State("ACTIVE", "active", "suspending", 1),
    "suspended": State("SUSPENDED", "suspended", None, 4),
    "resuming": State("SUSPENDED", "suspended", "resuming", 4),
    "shelving": State("ACTIVE", "active", "shelving", 1),
    "shelved": State("SHELVED_OFFLOADED", "shelved_offloaded", None, 4),
    "unshelving": State("SHELVED_OFFLOADED", "shelved_offloaded", "unshelving", 4),
    "resizing": State("RESIZE", "active", "resize_prep", 1),
    "resized": State("VERIFY_RESIZE", "resized", None, 1),
    "reverting": State("REVERT_RESIZE", "resized", "resize_reverting", 1),
    "rebuilding": State("REBUILD", "active", "rebuilding", 1),
    "rescuing": State("ACTIVE", "active", "rescuing", 1),
    "rescued": State("RESCUE", "rescued", None, 1),
    "unrescuing": State("RESCUE", "rescued", "unrescuing", 1),
    "changing-password": State("PASSWORD", "active", "updating_password", 1),
    "snapshotting": State("ACTIVE", "active", "image_uploading", 1),
    "snapshotting-stopped": State("SHUTOFF", "stopped", "image_uploading", 4),
    "deleting": State("ACTIVE", "active", "deleting", 1),
    "deleting-unbuilt": State("BUILD", "building", "deleting", 0),
    "deleting-stopped": State("SHUTOFF", "stopped", "deleting", 4),
    "deleting-failed": State("ERROR", "error", "deleting", 0),
    "error": State("ERROR", "error", None, 0),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A permitted change: Nova's word for it, from which vm_states, through which state to which."""

    word: str
    allowed: tuple[str, ...]
    during: str
    then: str
    status: int = 202


CHANGES = {
    "os-start": Change("start", ("stopped",), "powering-on", "active"),
    "os-stop": Change("stop", ("active", "error"), "powering-off", "stopped"),
    "reboot SOFT": Change("reboot", ("active",), "soft-rebooting", "active"),
    "reboot HARD": Change("reboot", ("active", "stopped", "paused", "suspended", "error"), "hard-rebooting", "active"),
    "pause": Change("pause", ("active",), "pausing", "paused"),
    "unpause": Change("unpause", ("paused",), "unpausing", "active"),
    "suspend": Change("suspend", ("active",), "suspending", "suspended"),
    "resume": Change("resume", ("suspended",), "resuming", "active"),
    "shelve": Change("shelve", ("active", "stopped", "paused", "suspended"), "shelving", "shelved"),
    "unshelve": Change("unshelve", ("shelved_offloaded",), "unshelving", "active"),
    "resize": Change("resize", ("active", "stopped"), "resizing", "resized"),
    "confirmResize": Change("confirmResize", ("resized",), "active", "active", 204),
    "revertResize": Change("revertResize", ("resized",), "reverting", "active"),
    "rebuild": Change("rebuild", ("active", "stopped", "error"), "rebuilding", "active"),
    "rescue": Change("rescue", ("active", "stopped", "error"), "rescuing", "rescued", 200),
    "unrescue": Change("unrescue", ("rescued",), "unrescuing", "active"),
    "changePassword": Change("changePassword", ("active",), "changing-password", "active"),
}

DELETING = {"building": "deleting-unbuilt", "stopped": "deleting-stopped", "error": "deleting-failed"}
SNAPSHOTS = {"active": "snapshotting", "stopped": "snapshotting-stopped"}


def refusal(server: Server, state: State, change: Change) -> str | None:
    """Why Nova does not permit the change now, in its words; None when it does."""
    if server.locked:
        return f"Instance {server.id} is locked"
    if server.fault:
        return f"Instance {server.id} is not ready"
    # A hard reboot is the way out of a soft one that hangs.
    interruptible = change.during == "hard-rebooting" and state.task_state == "rebooting"
    attribute, value = "vm_state", state.vm_state
    if state.vm_state in change.allowed:
        if state.task_state is None or interruptible:
            return None
        attribute, value = "task_state", state.task_state
    return f"Cannot '{change.word}' instance {server.id} while it is in {attribute} {value}"
