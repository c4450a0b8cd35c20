"""The account: its SSH keys, tags, reserved addresses and firewalls."""

from __future__ import annotations

import base64
import binascii
import hashlib

from aiocloud.simulators.digitalocean.wire import Answer, Call, Json, listing, not_found, unprocessable
from aiocloud.simulators.digitalocean.world import World


def account(world: World, call: Call) -> Answer:
    """Limits, owner and status."""
    found = {
        "droplet_limit": world.droplet_limit,
        "floating_ip_limit": 5,
        "reserved_ip_limit": 5,
        "volume_limit": 10,
        "email": "harbour@example.com",
        "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
        "email_verified": True,
        "status": "active",
        "status_message": "",
    }
    return Answer(200, {"account": found})


def keys(world: World, call: Call) -> Answer:
    """All SSH keys."""
    return listing(call, "ssh_keys", list(world.keys.values()), lambda key: key)


def key(world: World, call: Call) -> Answer:
    """One SSH key, by its number or fingerprint."""
    return Answer(200, {"ssh_key": _find_key(world, call)})


def create_key(world: World, call: Call) -> Answer:
    """Add an SSH key. None can be there twice."""
    name, text = call.body.get("name"), call.body.get("public_key")
    if not name or not isinstance(text, str):
        raise unprocessable("Name and public key can't be blank")
    fingerprint = _fingerprint(text)
    if any(known["fingerprint"] == fingerprint for known in world.keys.values()):
        raise unprocessable("SSH Key is already in use on your account")
    new = world.new_id()
    world.keys[new] = {"id": new, "fingerprint": fingerprint, "public_key": text, "name": name}
    return Answer(201, {"ssh_key": world.keys[new]})


def update_key(world: World, call: Call) -> Answer:
    """Give an SSH key another name."""
    found = _find_key(world, call)
    found["name"] = call.body.get("name") or found["name"]
    return Answer(200, {"ssh_key": found})


def delete_key(world: World, call: Call) -> Answer:
    """Forget an SSH key."""
    del world.keys[_find_key(world, call)["id"]]
    return Answer(204)


def tags(world: World, call: Call) -> Answer:
    """All tags, those too that nothing carries."""
    return listing(call, "tags", sorted(world.tags), lambda name: _tag(world, name))


def delete_tag(world: World, call: Call) -> Answer:
    """Remove a tag from all that carries it."""
    if call.ids[0] not in world.tags:
        raise not_found()
    world.tags.remove(call.ids[0])
    for droplet in world.droplets.values():
        droplet.tags = [tag for tag in droplet.tags if tag != call.ids[0]]
    return Answer(204)


def firewalls(world: World, call: Call) -> Answer:
    """The firewalls. They are made by hand in this world, and hold nothing back."""
    return listing(call, "firewalls", list(world.firewalls.values()), lambda firewall: firewall)


def add_to_firewall(world: World, call: Call) -> Answer:
    """Put droplets behind a firewall."""
    if (firewall := world.firewalls.get(call.ids[0])) is None:
        raise not_found()
    wanted = call.body.get("droplet_ids") or []
    if not all(number in world.droplets for number in wanted):
        raise unprocessable("droplets not found")
    firewall["droplet_ids"] = sorted({*firewall["droplet_ids"], *wanted})
    return Answer(204)


def reserved_ips(world: World, call: Call) -> Answer:
    """The reserved addresses."""
    return listing(call, "reserved_ips", list(world.reserved), lambda ip: _reserved(world, ip))


def reserve_ip(world: World, call: Call) -> Answer:
    """Reserve an address."""
    if not call.body.get("region"):
        raise unprocessable("a region or a droplet is needed")
    ip = world.address()
    world.reserved[ip] = (call.body["region"], None)
    return Answer(202, {"reserved_ip": _reserved(world, ip), "links": {}})


def act_on_reserved_ip(world: World, call: Call) -> Answer:
    """Lead a reserved address to a droplet, or nowhere."""
    region, _ = _held(world, call)
    droplet = world.droplets.get(call.body.get("droplet_id") or 0)
    if call.body.get("type") == "assign" and (droplet is None or droplet.region != region):
        raise unprocessable("The droplet is not in the region of the address.")
    owner = droplet.id if droplet is not None and call.body.get("type") == "assign" else None
    world.reserved[call.ids[0]] = (region, owner)
    done = {"id": world.new_id(), "status": "completed", "type": "assign_ip", "resource_type": "reserved_ip"}
    return Answer(201, {"action": done})


def release_ip(world: World, call: Call) -> Answer:
    """Give a reserved address back."""
    _held(world, call)
    del world.reserved[call.ids[0]]
    return Answer(204)


def _held(world: World, call: Call) -> tuple[str, int | None]:
    if (held := world.reserved.get(call.ids[0])) is None:
        raise not_found()
    return held


def _find_key(world: World, call: Call) -> Json:
    for known in world.keys.values():
        if call.ids[0] in (str(known["id"]), known["fingerprint"]):
            return known
    raise not_found()


def _fingerprint(text: str) -> str:
    """MD5 of the key's material, in pairs of digits."""
    try:
        kind, material = text.split()[:2]
        raw = base64.b64decode(material, validate=True)
    except (ValueError, binascii.Error):
        raise unprocessable("Key invalid, key should be of the format `type key [comment]`") from None
    if not raw or not kind.startswith(("ssh-", "ecdsa-", "sk-")):
        raise unprocessable("Key invalid type, we support 'ssh-rsa', 'ssh-ed25519' and 'ecdsa'")
    return hashlib.md5(raw, usedforsecurity=False).digest().hex(":")


def _tag(world: World, name: str) -> Json:
    carriers = sum(name in droplet.tags for droplet in world.droplets.values())
    return {"name": name, "resources": {"count": carriers, "droplets": {"count": carriers}}}


def _reserved(world: World, ip: str) -> Json:
    region, owner = world.reserved[ip]
    return {"ip": ip, "region": {"slug": region}, "droplet": {"id": owner} if owner else None, "locked": False}
