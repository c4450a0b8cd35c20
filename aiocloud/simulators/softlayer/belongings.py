"""The services of what an account owns beside guests: SSH keys, images, security groups."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode

from aiocloud.simulators.softlayer import kinds
from aiocloud.simulators.softlayer.method import Method, Service, change, look_up, remove
from aiocloud.simulators.softlayer.wire import ApiFault, Call, Struct, invalid
from aiocloud.simulators.softlayer.world import World, stamp, words

RULE_PROPERTIES = frozenset(kinds.RULE.local) - {"id", "createDate", "modifyDate", "securityGroupId"}


def ssh_key(world: World) -> Service:
    """SoftLayer_Security_Ssh_Key: public keys that guests are born with."""
    return {
        "createObject": Method(lambda call: _add_key(world, call.struct()), kinds.SSH_KEY),
        "getObject": Method(lambda call: look_up(world.keys, call), kinds.SSH_KEY),
        "editObject": Method(lambda call: change(look_up(world.keys, call), call, ("label", "notes"))),
        "deleteObject": Method(lambda call: remove(world.keys, call)),
    }


def image(world: World) -> Service:
    """SoftLayer_Virtual_Guest_Block_Device_Template_Group: images of whole disks."""

    def listed() -> dict[int, Struct]:
        return {one["id"]: one for one in (*world.private_images, *world.public_images)}

    return {
        "getPublicImages": Method(lambda _: world.public_images, kinds.IMAGE),
        "getObject": Method(lambda call: look_up(listed(), call), kinds.IMAGE),
        "deleteObject": Method(lambda call: _delete_image(world, call)),
    }


def security_group(world: World) -> Service:
    """SoftLayer_Network_SecurityGroup: rules for what may come in and go out."""
    return {
        "getAllObjects": Method(lambda _: list(world.groups.values()), kinds.SECURITY_GROUP),
        "createObject": Method(lambda call: _add_group(world, call.struct()), kinds.SECURITY_GROUP),
        "getObject": Method(lambda call: look_up(world.groups, call), kinds.SECURITY_GROUP),
        "editObject": Method(lambda call: change(look_up(world.groups, call), call, ("name", "description"))),
        "deleteObject": Method(lambda call: remove(world.groups, call)),
        "getRules": Method(lambda call: look_up(world.groups, call)["rules"], kinds.RULE, ("rules",)),
        "addRules": Method(lambda call: _add_rules(world, call)),
        "removeRules": Method(lambda call: _remove_rules(world, call)),
    }


def _add_key(world: World, given: Struct) -> Struct:
    text = words(given.get("key")).strip()
    if any(known["key"] == text for known in world.keys.values()):
        raise ApiFault("SoftLayer_Exception_Public", "SSH Key already exists.")
    key = {
        "id": world.number(),
        "label": words(given.get("label")),
        "key": text,
        "fingerprint": _fingerprint(text),
        "notes": words(given.get("notes")),
        **stamp(world.now()),
    }
    world.keys[key["id"]] = key
    return key


def _fingerprint(text: str) -> str:
    try:
        algorithm, material = text.split(None, 2)[:2]
        blob = b64decode(material, validate=True)
    except (ValueError, binascii.Error) as error:
        raise _bad_key() from error
    if not blob or not algorithm.startswith(("ssh-", "ecdsa-", "sk-")):
        raise _bad_key()
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))


def _bad_key() -> ApiFault:
    return invalid("The SSH key is not valid.")  # worded by us


def _delete_image(world: World, call: Call) -> bool:
    """Only the account's own; those of others are not found."""
    own = {one["id"]: one for one in world.private_images}
    world.private_images.remove(look_up(own, call))
    return True


def _add_group(world: World, given: Struct) -> Struct:
    group = {
        "id": world.number(),
        "name": words(given.get("name")),
        "description": words(given.get("description")),
        "rules": [],
        **stamp(world.now()),
    }
    world.groups[group["id"]] = group
    return group


def _add_rules(world: World, call: Call) -> Struct:
    group = look_up(world.groups, call)
    given = call.args[0] if call.args and isinstance(call.args[0], list) else []
    if not all(isinstance(rule, dict) and rule.get("direction") in ("ingress", "egress") for rule in given):
        raise invalid("A rule's direction must be 'ingress' or 'egress'.")
    rules = [_rule(world, group, rule) for rule in given]
    group["rules"].extend(rules)
    return {"requestId": f"add-{world.number()}", "rules": rules}


def _rule(world: World, group: Struct, given: Struct) -> Struct:
    wanted = {name: value for name, value in given.items() if name in RULE_PROPERTIES and isinstance(value, str | int)}
    return {"ethertype": "IPv4", **wanted, "id": world.number(), "securityGroupId": group["id"], **stamp(world.now())}


def _remove_rules(world: World, call: Call) -> Struct:
    group = look_up(world.groups, call)
    numbers = call.args[0] if call.args and isinstance(call.args[0], list) else []
    kept = [rule for rule in group["rules"] if rule["id"] not in numbers]
    if len(group["rules"]) - len(kept) != len(numbers):
        raise invalid("A rule to remove does not exist in this security group.")
    group["rules"] = kept
    return {"requestId": f"remove-{world.number()}"}
