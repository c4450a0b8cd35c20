"""The machines: listed, created, acted on, removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from aiocloud.simulators.digitalocean.catalogue import (
    OPEN,
    REGION_NAMES,
    SIZES,
    find_image,
    offered,
    region_payload,
    size_payload,
)
from aiocloud.simulators.digitalocean.wire import (
    Answer,
    Call,
    Json,
    listing,
    not_found,
    pending,
    sold_out,
    stamp,
    unprocessable,
)
from aiocloud.simulators.digitalocean.world import Action, Droplet, World

NAME = re.compile(r"[A-Za-z0-9.-]{1,255}")
TAG = re.compile(r"[A-Za-z0-9:_-]{1,255}")
USER_DATA_LIMIT = 64 * 1024

# A request that needs one of these is refused, so that nobody takes its silence for success.
NOT_SIMULATED = ("names", "backup_policy")


def index(world: World, call: Call) -> Answer:
    """All droplets, those with a tag, or those of a name; the newest first."""
    chosen = list(reversed(world.droplets.values()))
    if tag := call.query.get("tag_name"):
        chosen = [droplet for droplet in chosen if tag in droplet.tags]
    if name := call.query.get("name"):
        chosen = [droplet for droplet in chosen if name == droplet.name]
    return listing(call, "droplets", chosen, lambda droplet: payload(world, droplet))


def show(world: World, call: Call) -> Answer:
    """One droplet."""
    return Answer(200, {"droplet": payload(world, find(world, call))})


def create(world: World, call: Call) -> Answer:
    """A new droplet from an image."""
    body = call.body
    _check_new(world, body)
    region = _region(world, body)
    image = find_image(world, body["image"])
    assert image is not None  # noqa: S101 - it was checked
    droplet = world.place(
        name=body["name"],
        size=body["size"],
        region=region,
        image=image,
        ipv6=bool(body.get("ipv6")),
        at=world.now(),
    )
    droplet.tags = list(body.get("tags") or [])
    world.tags.update(droplet.tags)
    droplet.keys = tuple(_key(world, wanted)["public_key"] for wanted in body.get("ssh_keys") or [])
    droplet.user_data = body.get("user_data")
    droplet.volumes = list(body.get("volumes") or [])
    droplet.vpc = body.get("vpc_uuid") or droplet.vpc
    droplet.features = [each for each in ("backups", "ipv6", "monitoring") if body.get(each)] + ["private_networking"]
    action = world.begin(droplet, "create", 1.0, status="active")
    link = {"id": action.id, "rel": "create", "href": f"https://api.digitalocean.com/v2/actions/{action.id}"}
    return Answer(202, {"droplet": payload(world, droplet), "links": {"actions": [link]}})


def delete(world: World, call: Call) -> Answer:
    """Gone at once, if nothing but its creation is going on."""
    droplet = find(world, call)
    if droplet.doing is not None and droplet.doing.type != "create":
        raise pending()
    del world.droplets[droplet.id]
    for ip, (region, owner) in world.reserved.items():
        if owner == droplet.id:
            world.reserved[ip] = (region, None)
    return Answer(204)


def act(world: World, call: Call) -> Answer:
    """Begin an action. A droplet does one at a time."""
    droplet, kind = find(world, call), str(call.body.get("type"))
    if kind not in ACTIONS:
        raise unprocessable("Type is not included in the list")
    if droplet.doing is not None:
        raise pending()
    return Answer(201, {"action": world.action_payload(ACTIONS[kind](world, droplet, call.body))})


def actions(world: World, call: Call) -> Answer:
    """What was done to a droplet, the newest first."""
    droplet = find(world, call)
    chosen = [action for action in reversed(world.actions.values()) if action.droplet is droplet]
    return listing(call, "actions", chosen, world.action_payload)


def action(world: World, call: Call) -> Answer:
    """One action, of whatever droplet."""
    if (found := world.actions.get(int(call.ids[-1]) if call.ids[-1].isdecimal() else 0)) is None:
        raise not_found()
    return Answer(200, {"action": world.action_payload(found)})


def _start(world: World, droplet: Droplet, body: Json) -> Action:
    return world.begin(droplet, body["type"], 0.2, status="active")


def _stop(world: World, droplet: Droplet, body: Json) -> Action:
    return world.begin(droplet, body["type"], 0.2, status="off")


def _restart(world: World, droplet: Droplet, body: Json) -> Action:
    if droplet.status == "off":
        raise unprocessable("Droplet is currently off.")
    return world.begin(droplet, body["type"], 0.2)


def _rename(world: World, droplet: Droplet, body: Json) -> Action:
    _check_name(body)
    return world.begin(droplet, "rename", 0.0, name=body["name"])


def _resize(world: World, droplet: Droplet, body: Json) -> Action:
    if droplet.status != "off":
        raise unprocessable("Droplet must be powered off to perform a resize.")
    if body.get("size") not in SIZES:
        raise unprocessable("You specified an invalid size.")
    if not offered(world, body["size"], droplet.region):
        raise sold_out()
    return world.begin(droplet, "resize", 0.2, size=body["size"])


def _rebuild(world: World, droplet: Droplet, body: Json) -> Action:
    if (image := find_image(world, body.get("image"))) is None:
        raise unprocessable("You specified an invalid image.")
    return world.begin(droplet, "rebuild", 1.0, image=image, status="active", installed=droplet.installed + 1)


def _snapshot(world: World, droplet: Droplet, body: Json) -> Action:
    made = {"id": world.new_id(), "slug": None, "public": False, "type": "snapshot", "regions": [droplet.region]}
    world.images.append({**droplet.image, "name": body.get("name") or droplet.name, **made})
    return world.begin(droplet, "snapshot", 0.2)


ACTIONS: Mapping[str, Callable[[World, Droplet, Json], Action]] = {
    "power_on": _start,
    "power_off": _stop,
    "shutdown": _stop,
    "reboot": _restart,
    "power_cycle": _restart,
    "rename": _rename,
    "resize": _resize,
    "rebuild": _rebuild,
    "snapshot": _snapshot,
}


def find(world: World, call: Call) -> Droplet:
    """The droplet that the path names, as it is now."""
    if (droplet := world.droplets.get(call.number())) is None:
        raise not_found()
    return droplet.settle(world.now())


def payload(world: World, droplet: Droplet) -> Json:
    """A droplet as the API shows it."""
    droplet.settle(world.now())
    size = SIZES[droplet.size]
    booted = droplet.status != "new"
    return {
        "id": droplet.id,
        "name": droplet.name,
        **{name: size[name] for name in ("memory", "vcpus", "disk")},
        "locked": droplet.doing is not None and droplet.doing.type != "create",
        "status": droplet.status,
        "kernel": None,
        "created_at": stamp(droplet.created),
        "features": droplet.features,
        "backup_ids": [],
        "next_backup_window": None,
        "snapshot_ids": [],
        "image": droplet.image,
        "volume_ids": droplet.volumes,
        "size": size_payload(world, size),
        "size_slug": droplet.size,
        "networks": _networks(droplet) if booted else {"v4": [], "v6": []},
        "region": region_payload(world, droplet.region),
        "tags": droplet.tags,
        "vpc_uuid": droplet.vpc,
    }


def _networks(droplet: Droplet) -> Json:
    four = [("private", droplet.private, "255.255.240.0", "<nil>"), ("public", droplet.public, "255.255.240.0", None)]
    six = [("public", droplet.ipv6, 64, None)] if droplet.ipv6 else []

    def rows(found: list[Any]) -> list[Json]:
        return [
            {
                "ip_address": address,
                "netmask": mask,
                "gateway": gateway or f"{address[:-1]}1",
                "type": kind,
            }
            for kind, address, mask, gateway in found
        ]

    return {"v4": rows(four), "v6": rows(six)}


def _check_name(body: Json) -> None:
    if not isinstance(body.get("name"), str) or not NAME.fullmatch(body["name"]):
        raise unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")


def _check_new(world: World, body: Json) -> None:
    _check_name(body)
    if body.get("size") not in SIZES:
        raise unprocessable("You specified an invalid size for Droplet creation.")
    if find_image(world, body.get("image")) is None:
        raise unprocessable("You specified an invalid image for Droplet creation.")
    for wanted in body.get("ssh_keys") or []:
        _key(world, wanted)
    if not all(isinstance(tag, str) and TAG.fullmatch(tag) for tag in body.get("tags") or []):
        raise unprocessable("Tags may only contain letters, numbers, colons, dashes and underscores.")
    if len((body.get("user_data") or "").encode()) > USER_DATA_LIMIT:
        raise unprocessable("User data is too long.")
    for name in NOT_SIMULATED:
        if body.get(name) is not None:
            raise unprocessable(f"{name} is not simulated")
    if len(world.droplets) >= world.droplet_limit:
        raise unprocessable("creating this/these droplet(s) will exceed your droplet limit")


def _region(world: World, body: Json) -> str:
    """The region that was named, by its slug or the beginning of it; any, where none was."""
    wanted = body.get("region") or ""
    if wanted in REGION_NAMES and wanted not in OPEN:
        raise unprocessable("Region is not available")
    named = [slug for slug in OPEN if slug.startswith(wanted)]
    if not named:
        raise unprocessable("You specified an invalid region for Droplet creation.")
    for slug in named:
        if offered(world, body["size"], slug) and SIZES[body["size"]]["available"]:
            return slug
    raise sold_out()


def _key(world: World, wanted: object) -> Json:
    """The key with that number or fingerprint."""
    for key in world.keys.values():
        if str(wanted) in (str(key["id"]), key["fingerprint"]):
            return key
    raise unprocessable(f"{wanted} are invalid key identifiers for Droplet creation.")
