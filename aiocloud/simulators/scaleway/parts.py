"""Addresses and volumes, security groups, and the project's SSH keys."""

from __future__ import annotations

from aiocloud.simulators import sshkeys
from aiocloud.simulators.scaleway.wire import Call, Json, RefusedError, Reply, not_found, page, stamp, wrong
from aiocloud.simulators.scaleway.world import IP, Key, Server, Volume, World

KINDS = ("routed_ipv4", "routed_ipv6")


# ---- addresses ----


def ips(world: World, call: Call) -> Reply:
    """The flexible addresses of the zone."""
    here = [ip for ip in world.ips.values() if ip.zone == call.zone]
    return page(call, "ips", here, lambda ip: _ip(world, ip))


def ip(world: World, call: Call) -> Reply:
    """One of these."""
    return Reply(payload={"ip": _ip(world, _found_ip(world, call))})


def create_ip(world: World, call: Call) -> Reply:
    """A new one, attached to nothing."""
    kind = call.body.get("type", "routed_ipv4")
    if kind not in KINDS:
        raise wrong(type=f"constraint: {kind} is not a valid value")
    id_ = world.uuid()
    address = world.address() if kind == "routed_ipv4" else f"2001:db8::{len(world.ips) + 1:x}"
    world.ips[id_] = IP(id=id_, zone=call.zone, address=address, kind=kind)
    return Reply(status=201, payload={"ip": _ip(world, world.ips[id_])})


def update_ip(world: World, call: Call) -> Reply:
    """Attach it to a server, or to none."""
    found, wanted = _found_ip(world, call), call.body
    if "server" in wanted:
        server = wanted["server"]
        if server is not None and server not in world.servers:
            raise not_found("instance_server", str(server))
        found.server = server
    return Reply(payload={"ip": _ip(world, found)})


def delete_ip(world: World, call: Call) -> Reply:
    """Give it back."""
    del world.ips[_found_ip(world, call).id]
    return Reply(status=204)


def ip_of_server(world: World, server: Server) -> list[Json]:
    """The addresses of a server, in its own words: the flexible ones, or else the one that it has while it runs."""
    found = [(each.id, each.address, False) for each in world.flexible(server)]
    if not found and server.dynamic and world.status(server) not in ("stopped", "gone"):
        found = [(server.id, server.dynamic, True)]
    return [_of_server(*each) for each in found]


def _of_server(id_: str, address: str, dynamic: bool) -> Json:
    return {
        "id": id_,
        "address": address,
        "dynamic": dynamic,
        "gateway": "62.210.0.1",
        "netmask": "64" if ":" in address else "32",
        "family": "inet6" if ":" in address else "inet",
        "provisioning_mode": "dhcp",
        "tags": [],
        "state": "attached",
        "ipam_id": id_,
    }


def _found_ip(world: World, call: Call) -> IP:
    found = world.ips.get(call.ids[0])
    if found is None or found.zone != call.zone:
        raise not_found("instance_ip", call.ids[0])
    return found


def _ip(world: World, ip: IP) -> Json:
    server = world.servers.get(ip.server or "")
    return {
        "id": ip.id,
        "address": ip.address if ip.kind == "routed_ipv4" else None,
        "prefix": f"{ip.address}/64" if ip.kind == "routed_ipv6" else None,
        "reverse": None,
        "server": {"id": server.id, "name": server.name} if server else None,
        "organization": world.project,
        "project": world.project,
        "zone": ip.zone,
        "type": ip.kind,
        "state": "attached" if server else "detached",
        "tags": [],
        "ipam_id": ip.id,
    }


# ---- volumes ----


def delete_local(world: World, call: Call) -> Reply:
    """Delete a local volume that no server has."""
    return _delete(world, call, "l_ssd")


def delete_block(world: World, call: Call) -> Reply:
    """Delete a block volume that no server has."""
    return _delete(world, call, "sbs_volume")


def _delete(world: World, call: Call, kind: str) -> Reply:
    world.alive(call.zone)  # those that have gone let go of theirs
    found = world.volumes.get(call.ids[0])
    if found is None or (found.zone, found.kind) != (call.zone, kind):
        raise not_found("volume", call.ids[0])
    if found.server is not None:
        raise RefusedError(
            412, "precondition_failed", "precondition is not respected", precondition="resource_not_usable"
        )
    del world.volumes[found.id]
    return Reply(status=204)


def volume_payload(world: World, volume: Volume) -> Json:
    """A volume as its server shows it."""
    server = world.servers.get(volume.server or "")
    short = {"boot": False, "id": volume.id, "volume_type": volume.kind, "zone": volume.zone}
    if volume.kind == "sbs_volume":  # another API knows more of it
        return {**short, "state": "available"}
    return {
        **short,
        "name": "disk",
        "export_uri": None,
        "organization": world.project,
        "project": world.project,
        "server": {"id": server.id, "name": server.name} if server else None,
        "size": volume.size,
        "state": "available",
        "creation_date": stamp(volume.created),
        "modification_date": stamp(volume.created),
        "tags": [],
    }


# ---- security groups ----


def security_groups(world: World, call: Call) -> Reply:
    """The one that every project has in every zone."""
    group = {
        "id": "5ec00000-0000-4000-8000-000000000001",
        "name": "Default security group",
        "description": "Auto generated security group.",
        "organization": world.project,
        "project": world.project,
        "project_default": True,
        "organization_default": True,
        "enable_default_security": True,
        "stateful": True,
        "inbound_default_policy": "accept",
        "outbound_default_policy": "accept",
        "servers": [{"id": one.id, "name": one.name} for one in world.alive(call.zone)],
        "tags": [],
        "state": "available",
        "zone": call.zone,
    }
    return page(call, "security_groups", [group], lambda each: each)


# ---- SSH keys ----


def keys(world: World, call: Call) -> Reply:
    """The project's keys."""
    return page(call, "ssh_keys", list(world.keys.values()), lambda key: _key(world, key), size="page_size", told=True)


def create_key(world: World, call: Call) -> Reply:
    """A new one. Several may have the same name."""
    name, public_key = call.body.get("name") or "", call.body.get("public_key") or ""
    try:
        sshkeys.fingerprint(public_key)
    except ValueError:
        raise wrong(public_key="format: not a public key") from None
    id_ = world.uuid()
    world.keys[id_] = Key(id=id_, name=name, public_key=public_key, created=world.now())
    return Reply(payload=_key(world, world.keys[id_]))


def delete_key(world: World, call: Call) -> Reply:
    """Forget one."""
    if world.keys.pop(call.ids[0], None) is None:
        raise not_found("ssh_key", call.ids[0])
    return Reply(status=204)


def _key(world: World, key: Key) -> Json:
    kind = key.public_key.partition(" ")[0]
    return {
        "id": key.id,
        "name": key.name,
        "public_key": key.public_key,
        "fingerprint": f"256 MD5:{sshkeys.fingerprint(key.public_key)} {key.name} ({kind})",
        "created_at": stamp(key.created),
        "updated_at": stamp(key.created),
        "organization_id": world.project,
        "project_id": world.project,
        "disabled": False,
    }
