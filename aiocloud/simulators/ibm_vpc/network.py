"""Subnets, VPCs, floating addresses and keys."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TypeVar

from aiocloud.simulators.ibm_vpc.catalogue import ZONES
from aiocloud.simulators.ibm_vpc.wire import (
    Call,
    Json,
    crn,
    group,
    named,
    not_found,
    only,
    page,
    reference,
    stamp,
    wrong,
)
from aiocloud.simulators.ibm_vpc.world import BEFORE, Floating, Instance, Key, World

T = TypeVar("T")

NAME = re.compile(r"(?=.{1,63}$)[a-z](?:[-a-z0-9]*[a-z0-9])?")
KINDS = {"ssh-rsa": "rsa", "ssh-ed25519": "ed25519"}


def check_name(name: object, taken: set[str]) -> str:
    """A name that may be given, or a refusal."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise wrong("name", "name must be of lower-case letters, digits and hyphens, and begin with a letter")
    if name in taken:
        raise wrong("name", f"The name {name} is not unique in the region", 409, "validation_unique_failed")
    return name


def subnets(world: World, call: Call) -> Json:
    """The subnets of the region."""
    here = [each for each in world.subnets.values() if each["vpc"]["region"] == call.region]
    here = only(here, call.query.get("zone.name"), lambda each: each["zone"])
    return page(call, "subnets", here, lambda each: _subnet(call, each))


def subnet(world: World, call: Call) -> Json:
    """One subnet."""
    return _subnet(call, _one(world.subnets, call, "Subnet"))


def vpcs(world: World, call: Call) -> Json:
    """The VPCs of the region."""
    here = [each for each in world.vpcs.values() if each["region"] == call.region]
    return page(call, "vpcs", here, lambda each: _vpc(call, each))


def security_groups(world: World, call: Call) -> Json:
    """The default group of each VPC."""
    here = [each for each in world.vpcs.values() if each["region"] == call.region]
    return page(call, "security_groups", here, lambda each: _group(call, each))


def floating_ips(world: World, call: Call) -> Json:
    """The floating addresses of the region."""
    world.alive(call.region)  # those of instances that are gone hang at nothing
    here = [each for each in world.floating.values() if each.region == call.region]
    here = only(here, call.query.get("target.id"), lambda each: each.target)
    return page(call, "floating_ips", here, lambda each: _floating(world, call, each))


def floating_ip(world: World, call: Call) -> Json:
    """One of them."""
    return _floating(world, call, _one(world.floating, call, "Floating IP"))


def create_floating_ip(world: World, call: Call) -> Json:
    """A new address, for an interface or for a zone."""
    target, zone = call.body.get("target"), call.body.get("zone")
    taken = {each.name for each in world.floating.values() if each.region == call.region}
    name = check_name(call.body.get("name") or f"ip-{len(taken) + 1}", taken)
    if isinstance(target, dict):
        instance = _at_interface(world, call, target.get("id"))
        if any(each.target == instance.interface for each in world.floating.values()):
            raise wrong("target", "The interface has a floating IP already", 409, "floating_ip_in_use")
        new = world.give_address(name, instance.zone, instance.interface, world.now())
    elif isinstance(zone, dict) and zone.get("name") in ZONES[call.region]:
        new = world.give_address(name, zone["name"], None, world.now())
    else:
        raise wrong("target", "A target or a zone is required")
    return _floating(world, call, new)


def delete_floating_ip(world: World, call: Call) -> None:
    """Release it; whatever it hangs at is left without."""
    del world.floating[_one(world.floating, call, "Floating IP").id]


def keys(world: World, call: Call) -> Json:
    """The keys of the region."""
    here = [each for each in world.keys.values() if each.region == call.region]
    return page(call, "keys", here, lambda each: key_payload(call, each))


def key(world: World, call: Call) -> Json:
    """One key."""
    return key_payload(call, _one(world.keys, call, "Key"))


def create_key(world: World, call: Call) -> Json:
    """Make a public key known. Neither its name nor the key itself may be there already."""
    text = call.body.get("public_key")
    kind = _kind(text)
    if call.body.get("type", "rsa") != kind:
        raise wrong("type", f"The key is of type {kind}")
    here = [each for each in world.keys.values() if each.region == call.region]
    name = check_name(call.body.get("name"), {each.name for each in here})
    public = str(text).strip()
    if fingerprint(public) in {fingerprint(each.public_key) for each in here}:
        raise wrong("public_key", "A key with that fingerprint exists already", 409, "validation_unique_failed")
    return key_payload(call, world.add_key(call.region, name, public, kind))


def delete_key(world: World, call: Call) -> None:
    """Forget a key. Instances that have it keep it."""
    del world.keys[_one(world.keys, call, "Key").id]


def key_payload(call: Call, key: Key) -> Json:
    """A key as the API shows it."""
    return {
        "id": key.id,
        "name": key.name,
        "crn": crn(call.region, "key", key.id),
        "href": f"{call.root}/keys/{key.id}",
        "created_at": stamp(key.created),
        "fingerprint": fingerprint(key.public_key),
        "length": 256 if key.kind == "ed25519" else 2048,
        "public_key": key.public_key,
        "type": key.kind,
        "resource_group": group(),
    }


def fingerprint(public_key: str) -> str:
    """As ssh-keygen writes it."""
    digest = hashlib.sha256(base64.b64decode(public_key.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def interface_reference(call: Call, instance: Instance) -> Json:
    """Its one interface as others name it."""
    href = f"{call.root}/instances/{instance.id}/network_interfaces/{instance.interface}"
    address = {"id": instance.interface, "name": "eth0-ip", "address": instance.address}
    address |= {"href": f"{href}/ips/{instance.interface}", "resource_type": "subnet_reserved_ip"}
    return {
        "id": instance.interface,
        "name": "eth0",
        "href": href,
        "resource_type": "network_interface",
        "primary_ip": address,
    }


def _kind(text: object) -> str:
    parts = text.split() if isinstance(text, str) else []
    try:
        known = KINDS[parts[0]]
        base64.b64decode(parts[1], validate=True)
    except (LookupError, binascii.Error):
        raise wrong("public_key", "The key is no RSA or Ed25519 key in OpenSSH's format") from None
    return known


def _one(things: dict[str, T], call: Call, what: str) -> T:
    if call.ids[0] not in things:
        raise not_found(what)
    return things[call.ids[0]]


def _at_interface(world: World, call: Call, id_: object) -> Instance:
    found = [each for each in world.alive(call.region) if each.interface == id_]
    if not found:
        raise wrong("target", "The target is not there", 404, "not_found")
    return found[0]


def _floating(world: World, call: Call, floating: Floating) -> Json:
    found: Json = {
        **reference(call, "floating-ip", "/floating_ips", floating.id, floating.name),
        "address": floating.address,
        "created_at": stamp(floating.created),
        "resource_group": group(),
        "status": "available",
        "zone": named(call, f"/regions/{floating.region}/zones", floating.zone),
    }
    del found["resource_type"]
    for instance in world.instances.values() if floating.target else ():
        if instance.interface == floating.target:
            found["target"] = interface_reference(call, instance)
    return found


def subnet_reference(call: Call, subnet: Json) -> Json:
    """A subnet as others name it."""
    return reference(call, "subnet", "/subnets", subnet["id"], subnet["name"])


def vpc_reference(call: Call, vpc: Json) -> Json:
    """A VPC as others name it."""
    return reference(call, "vpc", "/vpcs", vpc["id"], vpc["name"])


def _subnet(call: Call, subnet: Json) -> Json:
    return {
        **subnet_reference(call, subnet),
        "available_ipv4_address_count": 16379,
        "total_ipv4_address_count": 16384,
        "created_at": stamp(BEFORE),
        "ip_version": "ipv4",
        "ipv4_cidr_block": subnet["block"],
        "resource_group": group(),
        "status": "available",
        "vpc": vpc_reference(call, subnet["vpc"]),
        "zone": named(call, f"/regions/{call.region}/zones", subnet["zone"]),
    }


def _vpc(call: Call, vpc: Json) -> Json:
    return {
        **vpc_reference(call, vpc),
        "classic_access": False,
        "created_at": stamp(BEFORE),
        "resource_group": group(),
        "status": "available",
        "health_state": "ok",
        "health_reasons": [],
    }


def _group(call: Call, vpc: Json) -> Json:
    found = reference(call, "security-group", "/security_groups", vpc["id"].replace("4c-0", "4d-0"), "default")
    del found["resource_type"]
    more = {"created_at": stamp(BEFORE), "resource_group": group(), "rules": [], "targets": []}
    return {**found, **more, "vpc": vpc_reference(call, vpc)}
