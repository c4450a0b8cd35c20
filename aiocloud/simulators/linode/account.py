"""The profile with its SSH keys, the account with its events, and the firewalls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from aiocloud.simulators.linode.instances import SSH_KEY
from aiocloud.simulators.linode.wire import (
    Call,
    Json,
    Problem,
    RejectedError,
    check_shape,
    listing,
    not_found,
    stamp,
)
from aiocloud.simulators.linode.world import Event, Firewall, Instance, World

T = TypeVar("T")

KEY_FILTERS = frozenset({"label"})
EVENT_FILTERS = frozenset({"action", "created", "entity.id", "entity.type", "id"})
FIREWALL_FILTERS = frozenset({"created", "id", "label", "tags", "updated"})
POLICIES = ("ACCEPT", "DROP")


def profile(world: World, call: Call) -> Json:
    """Who the token belongs to."""
    return {
        "username": world.username,
        "email": f"{world.username}@example.com",
        "timezone": "GMT",
        "restricted": False,
        "two_factor_auth": True,
        "authorized_keys": [key["ssh_key"] for key in world.ssh_keys.values()],
    }


def account(world: World, call: Call) -> Json:
    """Who pays."""
    return {
        "email": f"{world.username}@example.com",
        "company": "Harbour",
        "country": "NL",
        "active_since": "2026-01-01T00:00:00",
        "balance": 0.0,
        "balance_uninvoiced": 0.0,
        "capabilities": ["Linodes", "Cloud Firewall"],
        "euuid": "00000000-0000-4000-8000-000000000000",
    }


def ssh_keys(world: World, call: Call) -> Json:
    """The public keys of the user."""
    return listing(call, list(world.ssh_keys.values()), _as_is, KEY_FILTERS)


def ssh_key(world: World, call: Call) -> Json:
    """One key."""
    return _one(world.ssh_keys, call)


def create_ssh_key(world: World, call: Call) -> Json:
    """Store a public key under a label. Several may have the same one."""
    check_shape(call.body, {"label": str, "ssh_key": str})
    label, key = call.body.get("label") or "", call.body.get("ssh_key") or ""
    problems = []
    if not 0 < len(label) <= 64:
        problems.append(Problem("Length must be 1-64 characters", "label"))
    if not SSH_KEY.fullmatch(key.strip()):
        problems.append(Problem("SSH key is not valid", "ssh_key"))
    if problems:
        raise RejectedError(400, *problems)
    new = world.new_id()
    world.ssh_keys[new] = {"id": new, "label": label, "ssh_key": key, "created": stamp(world.now())}
    return world.ssh_keys[new]


def update_ssh_key(world: World, call: Call) -> Json:
    """Give a key another label."""
    key = _one(world.ssh_keys, call)
    key["label"] = call.body.get("label", key["label"])
    return key


def delete_ssh_key(world: World, call: Call) -> Json:
    """Forget a key. Instances that have it keep it."""
    del world.ssh_keys[_one(world.ssh_keys, call)["id"]]
    return {}


def events(world: World, call: Call) -> Json:
    """What was done, the latest first."""
    latest_first = list(reversed(world.events.values()))
    return listing(call, latest_first, lambda it: _event(world, it), EVENT_FILTERS)


def event(world: World, call: Call) -> Json:
    """One event."""
    return _event(world, _one(world.events, call))


def firewalls(world: World, call: Call) -> Json:
    """All firewalls."""
    return listing(call, list(world.firewalls.values()), lambda it: _firewall(world, it), FIREWALL_FILTERS)


def firewall(world: World, call: Call) -> Json:
    """One firewall."""
    return _firewall(world, _one(world.firewalls, call))


def create_firewall(world: World, call: Call) -> Json:
    """A new firewall, with the instances that it protects."""
    body = call.body
    check_shape(body, {"label": str, "rules": dict, "devices": dict, "tags": list})
    rules, label = body.get("rules") or {}, body.get("label") or ""
    devices = body.get("devices") or {}
    check_shape(devices, {"linodes": list})
    linodes = devices.get("linodes") or []
    problems = [
        Problem(f"Must be one of {', '.join(POLICIES)}", f"rules.{policy}")
        for policy in ("inbound_policy", "outbound_policy")
        if rules.get(policy) not in POLICIES
    ]
    if not 3 <= len(label) <= 32:
        problems.append(Problem("Length must be 3-32 characters", "label"))
    if not all(isinstance(id_, int) and id_ in world.instances for id_ in linodes):
        problems.append(Problem("There is no such Linode", "devices.linodes"))
    if problems:
        raise RejectedError(400, *problems)
    rules = {"inbound": [], "outbound": []} | rules
    new = Firewall(world.new_id(), label, rules, body.get("tags") or [], world.now(), list(linodes))
    world.firewalls[new.id] = new
    return _firewall(world, new)


def delete_firewall(world: World, call: Call) -> Json:
    """Remove a firewall from all that it protects."""
    del world.firewalls[_one(world.firewalls, call).id]
    return {}


def _one(things: Mapping[int, T], call: Call) -> T:
    id_ = call.ids[0]
    thing = things.get(int(id_)) if id_.isdecimal() else None
    if thing is None:
        raise not_found()
    return thing


def _entity(instance: Instance) -> Json:
    url = f"/v4/linode/instances/{instance.id}"
    return {"id": instance.id, "type": "linode", "label": instance.label, "url": url}


def _event(world: World, event: Event) -> Json:
    done = world.now() >= event.due
    return {
        "id": event.id,
        "action": event.action,
        "created": stamp(event.created),
        "username": world.username,
        "entity": _entity(event.instance),
        "secondary_entity": None,
        "status": "finished" if done else "started",
        "percent_complete": 100 if done else 0,
        "time_remaining": None,
        "duration": None,
        "rate": None,
        "message": "",
        "seen": False,
        "read": False,
    }


def _firewall(world: World, firewall: Firewall) -> Json:
    at = stamp(firewall.created)
    return {
        "id": firewall.id,
        "label": firewall.label,
        "status": "enabled",
        "rules": firewall.rules,
        "tags": firewall.tags,
        "created": at,
        "updated": at,
        "entities": [_entity(world.instances[id_]) for id_ in firewall.linodes],
    }


def _as_is(thing: Json) -> Json:
    return thing
