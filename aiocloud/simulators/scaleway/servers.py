"""The machines: listed, created, changed, started, stopped, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.simulators.scaleway.catalogue import IMAGES, TITLES, TYPES, chosen
from aiocloud.simulators.scaleway.parts import ip_of_server, volume_payload
from aiocloud.simulators.scaleway.wire import Call, Json, RefusedError, Reply, not_found, not_now, page, stamp, wrong
from aiocloud.simulators.scaleway.world import Server, World

GROUP = {"id": "5ec00000-0000-4000-8000-000000000001", "name": "Default security group"}
# What may be asked for in which state.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "stopped": ("poweron", "backup"),
    "running": ("poweroff", "terminate", "reboot", "stop_in_place", "backup"),
    "stopped in place": ("poweron", "poweroff", "terminate", "backup"),
}
# Through which state to which, and in which part of the time that a boot takes.
COURSES: Mapping[str, tuple[str, str, float]] = {
    "poweron": ("starting", "running", 1.0),
    "poweroff": ("stopping", "stopped", 0.2),
    "stop_in_place": ("stopping", "stopped in place", 0.2),
    "reboot": ("starting", "running", 0.2),
    "terminate": ("stopping", "gone", 0.2),
}
CHANGES: Mapping[str, tuple[str, type]] = {
    "name": ("name", str),
    "tags": ("tags", list),
    "protected": ("protected", bool),
    "dynamic_ip_required": ("dynamic_ip", bool),
}


def index(world: World, call: Call) -> Reply:
    """The servers of the zone that fit the filters."""
    check_project(world, call.query.get("project"))
    wanted = set(filter(None, call.query.get("tags", "").split(",")))
    name, state = call.query.get("name", ""), call.query.get("state")
    found = [
        one
        for one in world.alive(call.zone)
        if wanted <= set(one.tags) and name in one.name and state in (None, world.status(one))
    ]
    return page(call, "servers", found, lambda one: payload(world, one))


def show(world: World, call: Call) -> Reply:
    """One server."""
    return Reply(payload={"server": payload(world, find(world, call))})


def create(world: World, call: Call) -> Reply:
    """A new server, which stands still until it is told to start."""
    body = call.body
    check_project(world, body.get("project"))
    type_, image = chosen(call.zone, body.get("commercial_type"), body.get("image"))
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise wrong(name="required: required key not provided")
    if len(world.servers) >= world.quota:
        details = [{"resource": "instances", "quota": world.quota, "current": len(world.servers)}]
        raise RefusedError(403, "quotas_exceeded", "quota(s) exceeded for this resource", details=details)
    ips = [world.ips.get(id_) for id_ in body.get("public_ips") or ()]
    if None in ips:
        raise not_found("instance_ip", str(body["public_ips"]))
    server = world.place(name=name, zone=call.zone, type_=type_, image=image.id, at=world.now())
    _set(server, {"tags": [], "dynamic_ip_required": True, **body})
    for ip in ips:
        ip.server = server.id  # type: ignore[union-attr]  # None is refused above
    where = {"Location": f"https://api.scaleway.com/instance/v1/zones/{call.zone}/servers/{server.id}"}
    return Reply(status=201, payload={"server": payload(world, server)}, headers=where)


def update(world: World, call: Call) -> Reply:
    """Another name, other tags; or another type, for one that is stopped."""
    server, body = find(world, call), call.body
    type_ = body.get("commercial_type", server.type)
    if type_ != server.type:
        if world.status(server) != "stopped":
            raise not_now("instance should be powered off")
        chosen(call.zone, type_, server.image)
    _set(server, body)
    server.type, server.modified = type_, world.now()
    return Reply(payload={"server": payload(world, server)})


def delete(world: World, call: Call) -> Reply:
    """Take one away that is stopped, and leave its volumes."""
    server = find(world, call)
    settled(world, server)
    if world.status(server) != "stopped":
        raise not_now("instance should be powered off")
    world.remove(server, local=False)
    return Reply(status=204)


def act(world: World, call: Call) -> Reply:
    """Begin to start, stop, reboot or terminate it."""
    server, action = find(world, call), call.body.get("action")
    if action not in COURSES:
        raise wrong(action=f"constraint: {action} is not a valid value")
    settled(world, server)
    if action not in ALLOWED.get(world.status(server), ()):
        raise not_now(f"instance should be {'stopped' if action == 'poweron' else 'running'}")
    if action == "poweron":
        if (server.zone, server.type) in world.sold_out:
            raise RefusedError(412, "out_of_stock", "resource is out of stock", resource=server.type)
        world.start(server)
    during, then, share = COURSES[action]
    server.phases.begin(during, then=then, at=world.in_(share))
    return Reply(status=202, payload={"task": _task(world, server, action)})


def user_data_keys(world: World, call: Call) -> Reply:
    """Under which keys it has user data."""
    return Reply(payload={"user_data": list(find(world, call).user_data)})


def user_data(world: World, call: Call) -> Reply:
    """What stands under one of them."""
    server = find(world, call)
    if call.ids[1] not in server.user_data:
        raise not_found("user_data", call.ids[1])
    return Reply(text=server.user_data[call.ids[1]])


def set_user_data(world: World, call: Call) -> Reply:
    """Put something there."""
    find(world, call).user_data[call.ids[1]] = call.raw
    return Reply(status=204)


def delete_user_data(world: World, call: Call) -> Reply:
    """Take it away."""
    find(world, call).user_data.pop(call.ids[1], None)
    return Reply(status=204)


def find(world: World, call: Call) -> Server:
    """The server that the path names."""
    found = next((one for one in world.alive(call.zone) if one.id == call.ids[0]), None)
    if found is None:
        raise not_found("instance_server", call.ids[0])
    return found


def settled(world: World, server: Server) -> None:
    """Refuse a server that is on its way from one state to another."""
    status = world.status(server)
    if status not in ALLOWED:
        about = {"resource": "instance_server", "resource_id": server.id, "current_state": status}
        raise RefusedError(409, "transient_state", "resource is in a transient state", **about)


def check_project(world: World, project: Any) -> None:
    """Refuse what is asked for in somebody else's project."""
    if project not in (None, world.project):
        details = [{"resource": "compute_instances", "action": "write"}]
        raise RefusedError(403, "permissions_denied", "insufficient permissions", details=details)


def payload(world: World, server: Server) -> Json:
    """A server as the API shows it."""
    image, status = IMAGES[server.image], world.status(server)
    owner = {"organization": world.project, "project": world.project}
    public = ip_of_server(world, server)
    return {
        "id": server.id,
        "name": server.name,
        "hostname": server.name.replace("_", "-"),
        "arch": TYPES[server.type][2],
        "commercial_type": server.type,
        "boot_type": "local",
        **owner,
        "image": {
            "id": image.id,
            "name": TITLES[image.label],
            **owner,
            "root_volume": {"id": image.id, "name": TITLES[image.label], "volume_type": "l_ssd", "size": 10**10},
            "extra_volumes": {},
            "public": True,
            "arch": image.arch,
            "creation_date": "2025-07-22T09:11:39.995342+00:00",
            "modification_date": "2025-07-22T09:11:39.995342+00:00",
            "default_bootscript": None,
            "from_server": "",
            "state": "available",
            "tags": [],
            "zone": server.zone,
        },
        "volumes": {volume.number: volume_payload(world, volume) for volume in world.disks(server)},
        "tags": server.tags,
        "state": status,
        "state_detail": "booted" if status == "running" else "",
        "protected": server.protected,
        "public_ip": public[0] if public else None,
        "public_ips": public,
        "mac_address": "de:00:00:00:00:01",
        "routed_ip_enabled": True,
        "ipv6": None,
        "extra_networks": [],
        "dynamic_ip_required": server.dynamic_ip,
        "enable_ipv6": False,
        "private_ip": None,
        "creation_date": stamp(server.created),
        "modification_date": stamp(server.modified),
        "bootscript": None,
        "security_group": GROUP,
        "location": None,
        "maintenances": [],
        "allowed_actions": list(ALLOWED.get(status, ())),
        "placement_group": None,
        "private_nics": [],
        "zone": server.zone,
        "filesystems": [],
        "end_of_service": False,
    }


def _set(server: Server, body: Json) -> None:
    for key, (name, kind) in CHANGES.items():
        value = body.get(key)
        if value is not None and not isinstance(value, kind):
            raise wrong(**{key: f"format: {kind.__name__} is expected"})
        if value is not None:
            setattr(server, name, value)


def _task(world: World, server: Server, action: str) -> Json:
    return {
        "id": world.uuid(),
        "description": f"server_{action}",
        "status": "pending",
        "href_from": f"/servers/{server.id}/action",
        "href_result": f"servers/{server.id}",
        "started_at": stamp(world.now()),
        "terminated_at": None,
        "progress": 0,
        "zone": server.zone,
    }
