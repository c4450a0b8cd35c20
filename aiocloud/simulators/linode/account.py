"""The profile with its SSH keys, the account with its events, and the firewalls."""

from __future__ import annotations

from aiocloud.simulators.linode.instances import SSH_KEY
from aiocloud.simulators.linode.wire import Call, Json, Problem, RejectedError, listing, not_found, stamp
from aiocloud.simulators.linode.world import World

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
    label, key = call.body.get("label"), call.body.get("ssh_key")
    problems = []
    if not isinstance(label, str) or not 0 < len(label) <= 64:
        problems.append(Problem("Length must be 1-64 characters", "label"))
    if not isinstance(key, str) or not SSH_KEY.fullmatch(key.strip()):
        problems.append(Problem("SSH key is not valid", "ssh_key"))
    if problems:
        raise RejectedError(400, *problems)
    new: Json = {"id": world.new_id(), "label": label, "ssh_key": key, "created": stamp(world.now())}
    world.ssh_keys[new["id"]] = new
    return new


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
    return listing(call, world.events[::-1], lambda event: _event(world, event), EVENT_FILTERS)


def event(world: World, call: Call) -> Json:
    """One event."""
    return _event(world, _one({event["id"]: event for event in world.events}, call))


def firewalls(world: World, call: Call) -> Json:
    """All firewalls."""
    return listing(call, list(world.firewalls.values()), lambda it: _firewall(world, it), FIREWALL_FILTERS)


def firewall(world: World, call: Call) -> Json:
    """One firewall."""
    return _firewall(world, _one(world.firewalls, call))


def create_firewall(world: World, call: Call) -> Json:
    """A new firewall; its rules are kept and not enforced."""
    label, rules, at = call.body.get("label"), call.body.get("rules") or {}, stamp(world.now())
    problems = [
        Problem(f"Must be one of {', '.join(POLICIES)}", f"rules.{policy}")
        for policy in ("inbound_policy", "outbound_policy")
        if rules.get(policy) not in POLICIES
    ]
    if not isinstance(label, str) or not 3 <= len(label) <= 32:
        problems.append(Problem("Length must be 3-32 characters", "label"))
    linodes = (call.body.get("devices") or {}).get("linodes") or []
    if not all(id_ in world.instances for id_ in linodes):
        problems.append(Problem("There is no such Linode", "devices.linodes"))
    if problems:
        raise RejectedError(400, *problems)
    new: Json = {"id": world.new_id(), "label": label, "status": "enabled", "tags": call.body.get("tags") or []}
    new |= {"rules": {"inbound": [], "outbound": []} | rules, "created": at, "updated": at}
    new["linodes"] = list(linodes)
    world.firewalls[new["id"]] = new
    return _firewall(world, new)


def delete_firewall(world: World, call: Call) -> Json:
    """Remove a firewall from all that it protects."""
    del world.firewalls[_one(world.firewalls, call)["id"]]
    return {}


def _one(things: dict[int, Json], call: Call) -> Json:
    id_ = call.ids[0]
    thing = things.get(int(id_)) if id_.isdecimal() else None
    if thing is None:
        raise not_found()
    return thing


def _event(world: World, event: Json) -> Json:
    done = world.now() >= event["due"]
    return {key: value for key, value in event.items() if key != "due"} | {
        "status": "finished" if done else "started",
        "percent_complete": 100 if done else 0,
        "seen": False,
        "read": False,
        "rate": None,
        "time_remaining": None,
        "duration": None,
        "message": "",
        "secondary_entity": None,
    }


def _firewall(world: World, firewall: Json) -> Json:
    entities = [
        {"id": id_, "type": "linode", "label": world.instances[id_].label, "url": f"/v4/linode/instances/{id_}"}
        for id_ in firewall["linodes"]
    ]
    return {key: value for key, value in firewall.items() if key != "linodes"} | {"entities": entities}


def _as_is(thing: Json) -> Json:
    return thing
