"""The account: operations, SSH keys, security groups, elastic addresses, quotas."""

from __future__ import annotations

import re

from aiocloud.simulators.exoscale.wire import Call, Json, RefusedError, absent, reference
from aiocloud.simulators.exoscale.world import World
from aiocloud.simulators.sshkeys import fingerprint

KEY_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}")


def operation(world: World, call: Call) -> Json:
    """One operation, as it stands."""
    if call.ids[0] not in world.operations:
        raise absent("operation")
    return world.show_operation(world.operations[call.ids[0]])


def _key(world: World, name: str) -> Json:
    if name not in world.keys:
        raise absent("SSH key")
    return {"name": name, "fingerprint": fingerprint(world.keys[name])}


def keys(world: World, call: Call) -> Json:
    """All SSH keys."""
    return {"ssh-keys": [_key(world, name) for name in world.keys]}


def key(world: World, call: Call) -> Json:
    """One SSH key."""
    return _key(world, call.ids[0])


def add_key(world: World, call: Call) -> Json:
    """Register an SSH key."""
    name, key = call.needed("name"), call.needed("public-key")
    if not KEY_NAME.fullmatch(name):
        raise RefusedError(400, "Invalid request: name")
    try:
        fingerprint(key)
    except ValueError as error:
        raise RefusedError(400, f"Invalid request: public-key: {error}") from None
    if name in world.keys:
        raise RefusedError(409, f"SSH key {name} already exists")
    world.keys[name] = key
    return world.begin("register-ssh-key", world.new_id("55"))


def delete_key(world: World, call: Call) -> Json:
    """Forget an SSH key."""
    _key(world, call.ids[0])
    del world.keys[call.ids[0]]
    return world.begin("delete-ssh-key", world.new_id("55"))


def groups(world: World, call: Call) -> Json:
    """The security groups."""
    return {"security-groups": list(world.groups.values())}


def add_rule(world: World, call: Call) -> Json:
    """Add a rule to a security group."""
    if call.ids[0] not in world.groups:
        raise absent("security group")
    world.groups[call.ids[0]]["rules"].append({"id": world.new_id("5f"), **call.body})
    return world.begin("add-rule-to-security-group", call.ids[0])


def elastic(world: World, call: Call) -> Json:
    """The elastic addresses of the zone."""
    return {"elastic-ips": [each for zone, each in world.elastic.values() if zone == call.zone]}


def add_elastic(world: World, call: Call) -> Json:
    """Reserve an elastic address."""
    new = world.new_id("e1")
    world.elastic[new] = call.zone, {"id": new, "ip": f"198.19.255.{len(world.elastic) + 1}", **call.body}
    return world.begin("create-elastic-ip", new)


def attach_elastic(world: World, call: Call) -> Json:
    """Lead an elastic address to an instance."""
    holder = reference(call.needed("instance"))
    if call.ids[0] not in world.elastic or holder not in world.instances:
        raise absent()
    return world.begin("attach-instance-to-elastic-ip", call.ids[0])


def delete_elastic(world: World, call: Call) -> Json:
    """Give an elastic address back."""
    if world.elastic.pop(call.ids[0], None) is None:
        raise absent("elastic IP")
    return world.begin("delete-elastic-ip", call.ids[0])


def quotas(world: World, call: Call) -> Json:
    """How much of what the account may have."""
    return {"quotas": [{"resource": "instance", "usage": len(world.instances), "limit": world.quota}]}
