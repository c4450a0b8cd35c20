"""Templates: those of UpCloud, and the account's own."""

from __future__ import annotations

from aiocloud.simulators.upcloud.catalogue import TEMPLATES
from aiocloud.simulators.upcloud.wire import Call, Found, Json, RejectedError
from aiocloud.simulators.upcloud.world import World


def templates(world: World, call: Call) -> Found:
    """The public templates, and the account's own."""
    rows: list[Json] = [
        {
            "access": "public",
            "license": 0,
            "size": size,
            "state": "online",
            "template_type": "cloud-init" if cloud_init else "native",
            "title": title,
            "type": "template",
            "uuid": uuid,
        }
        for uuid, (title, size, cloud_init) in TEMPLATES.items()
    ]
    return 200, {"storages": {"storage": rows + list(world.templates.values())}}


def templatize(world: World, call: Call) -> Found:
    """A template of the disk of a server that is stopped."""
    server = next((each for each in world.servers.values() if each.disk["storage"] == call.id), None)
    if server is None:
        raise RejectedError(404, "STORAGE_NOT_FOUND", f"The storage {call.id} does not exist.")
    world.in_state(server.uuid, "stopped")
    made = {
        "access": "private", "license": 0, "size": server.disk["size"], "state": "maintenance", "tier": "maxiops",
        "title": call.body("storage")["title"], "type": "template", "uuid": world.new_id("01"), "zone": server.zone,
    }  # fmt: skip
    world.templates[made["uuid"]] = {**made, "state": "online"}
    return 201, {"storage": made}


def delete(world: World, call: Call) -> Found:
    """Delete one of the account's own templates."""
    if world.templates.pop(call.id, None) is None:
        raise RejectedError(404, "STORAGE_NOT_FOUND", f"The storage {call.id} does not exist.")
    return 204, None
