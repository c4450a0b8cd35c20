"""The account: its SSH keys, snapshots and reserved addresses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable

from aiocloud.simulators.vultr.wire import Answered, Call, RefusedError, one
from aiocloud.simulators.vultr.world import World

KEY = re.compile(r"(ssh-(rsa|ed25519)|ecdsa-sha2-\S+) [A-Za-z0-9+/]{16,}={0,3}( .*)?")


def keys(world: World, call: Call) -> Answered:
    """All SSH keys."""
    return 200, call.page("ssh_keys", list(world.keys.values()))


def add_key(world: World, call: Call) -> Answered:
    """Add an SSH key."""
    body = call.body
    if not body.get("name") or not KEY.fullmatch(body.get("ssh_key") or ""):
        raise RefusedError(400, "Invalid SSH key.")
    id_ = str(uuid.uuid4())
    at = world.now().replace(microsecond=0).isoformat()
    world.keys[id_] = {"id": id_, "date_created": at, "name": body["name"], "ssh_key": body["ssh_key"]}
    return 201, {"ssh_key": world.keys[id_]}


def delete_key(world: World, call: Call) -> Answered:
    """Remove an SSH key."""
    del world.keys[one(world.keys, call, "SSH key")["id"]]
    return 204, None


def snapshots(world: World, call: Call) -> Answered:
    """All snapshots."""
    return 200, call.page("snapshots", list(world.snapshots.values()))


def reserved(world: World, call: Call) -> Answered:
    """All reserved addresses."""
    return 200, call.page("reserved_ips", list(world.reserved.values()))


def reserve(world: World, call: Call) -> Answered:
    """Reserve an address in a region."""
    body, id_ = call.body, str(uuid.uuid4())
    if body.get("region") not in world.regions or body.get("ip_type") != "v4":
        raise RefusedError(400, "Invalid region.")
    subnet = f"198.19.255.{len(world.reserved) + 1}"
    row = {"id": id_, "region": body["region"], "ip_type": "v4", "subnet": subnet, "subnet_size": 32}
    world.reserved[id_] = row | {"label": body.get("label") or "", "instance_id": ""}
    return 201, {"reserved_ip": world.reserved[id_]}


def attach(world: World, call: Call) -> Answered:
    """Give a reserved address to an instance of its region."""
    address = one(world.reserved, call, "reserved IP")
    instance = world.instances.get(call.body.get("instance_id") or "")
    if instance is None or instance.region != address["region"]:
        raise RefusedError(400, "Invalid instance.")
    address["instance_id"] = instance.id
    return 204, None


def empty(key: str) -> Callable[[World, Call], Answered]:
    """A list of things of which the simulated account has none."""
    return lambda world, call: (200, call.page(key, []))
