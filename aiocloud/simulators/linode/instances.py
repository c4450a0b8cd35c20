"""The machines: listed, created, changed, started, stopped, removed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from aiocloud.simulators.linode.catalogue import IMAGES, REGIONS, TYPES, offered
from aiocloud.simulators.linode.wire import Call, Json, Problem, RejectedError, check_shape, listing, not_found, stamp
from aiocloud.simulators.linode.world import BUSY, Instance, World
from aiocloud.values import Secret

FILTERS = frozenset({"group", "id", "image", "interface_generation", "ipv4", "label", "region", "tags"})

LABEL = re.compile(r"[A-Za-z0-9](?:(?!--|__|\.\.)[A-Za-z0-9_.-])*(?<![_.-])")
SSH_KEY = re.compile(r"(ssh|ecdsa|sk)-\S+ [A-Za-z0-9+/]+=*( .*)?")
USER_DATA_LIMIT = 65535

SHAPE: Mapping[str, type] = {
    "label": str,
    "group": str,
    "tags": list,
    "alerts": dict,
    "watchdog_enabled": bool,
    "region": str,
    "type": str,
    "image": str,
    "kernel": str,
    "root_pass": str,
    "authorized_keys": list,
    "authorized_users": list,
    "metadata": dict,
    "booted": bool,
    "private_ip": bool,
    "backups_enabled": bool,
    "disk_encryption": str,
    "swap_size": int,
    "allow_auto_disk_resize": bool,
    "firewall_id": int,
}

# A request that needs one of these is refused, so that nobody takes its silence for success.
NOT_SIMULATED = (
    *("backup_id", "interface_generation", "interfaces", "ipv4", "maintenance_policy"),
    *("network_helper", "placement_group", "stackscript_id", "stackscript_data"),
)

# A guess at the words: no record was found of what Linode says when a region is full.
NO_CAPACITY = Problem("This plan is not available in the selected region.", "type")


def index(world: World, call: Call) -> Json:
    """All instances, the oldest first."""
    return listing(call, list(world.instances.values()), lambda it: payload(world, it), FILTERS)


def show(world: World, call: Call) -> Json:
    """One instance."""
    return payload(world, find(world, call))


def create(world: World, call: Call) -> Json:
    """A new instance: from an image, or empty and switched off."""
    body = call.body
    check_shape(body, SHAPE)
    _refuse(_problems_of_new(world, body))
    if not offered(world, body["region"], body["type"]):
        raise RejectedError(400, NO_CAPACITY)
    instance = world.place(
        label=body.get("label"),
        region=body["region"],
        type_=body["type"],
        image=body.get("image"),
        at=world.now(),
    )
    instance.tags = body.get("tags") or []
    instance.group = body.get("group") or ""
    instance.backups_enabled = bool(body.get("backups_enabled"))
    instance.disk_encryption = body.get("disk_encryption") or "enabled"
    if body.get("private_ip"):
        instance.private_ipv4 = [world.private_ipv4()]
    if body.get("firewall_id"):
        world.firewalls[body["firewall_id"]].linodes.append(instance.id)
    _install(world, instance, body)
    _provision(world, instance, booted=bool(instance.image) and body.get("booted") is not False)
    world.record("linode_create", instance)
    return payload(world, instance)


def update(world: World, call: Call) -> Json:
    """Change what can be changed while it runs: label, tags, group, alerts, the watchdog."""
    instance, body = find(world, call), call.body
    check_shape(body, SHAPE)
    _refuse([*_label_problems(world, body, but=instance), *_tag_problems(body)])
    for name in ("label", "group", "watchdog_enabled", "tags"):
        if body.get(name) is not None:
            setattr(instance, name, body[name])
    instance.alerts = instance.alerts | (body.get("alerts") or {})
    instance.updated = world.now()
    return payload(world, instance)


def delete(world: World, call: Call) -> Json:
    """Gone at once, in whatever state it was."""
    instance = find(world, call)
    del world.instances[instance.id]
    for firewall in world.firewalls.values():
        firewall.linodes = [id_ for id_ in firewall.linodes if id_ != instance.id]
    world.record("linode_delete", instance)
    return {}


def boot(world: World, call: Call) -> Json:
    """Start one that is off."""
    instance = _idle(world, call)
    if instance.status(world.now()) == "running":
        raise RejectedError(400, Problem(f"Linode {instance.id} already booted."))
    _must_have_config(instance)
    return _begin(world, instance, "linode_boot", "booting", "running")


def reboot(world: World, call: Call) -> Json:
    """Stop and start it; one that is off is started."""
    instance = _idle(world, call)
    _must_have_config(instance)
    return _begin(world, instance, "linode_reboot", "rebooting", "running")


def shutdown(world: World, call: Call) -> Json:
    """Stop it; one that is off stays so."""
    instance = _idle(world, call)
    if instance.status(world.now()) == "offline":
        return {}
    return _begin(world, instance, "linode_shutdown", "shutting_down", "offline")


def resize(world: World, call: Call) -> Json:
    """Make another type of it; it ends in the state in which it began."""
    instance = _idle(world, call)
    check_shape(call.body, SHAPE)
    _refuse(_choice_problems(call.body, "type", TYPES))
    wanted = call.body["type"]
    if call.body.get("allow_auto_disk_resize") is not False:
        _fit_disks(instance, TYPES[wanted]["disk"])
    if sum(disk.size for disk in instance.disks) > TYPES[wanted]["disk"]:
        raise RejectedError(400, Problem("The disks do not fit into the selected plan.", "type"))
    before = instance.status(world.now())
    instance.type = wanted
    return _begin(world, instance, "linode_resize", "resizing", before)


def rebuild(world: World, call: Call) -> Json:
    """Install an image afresh. All disks and their data are lost."""
    instance, body = _idle(world, call), call.body
    check_shape(body, SHAPE)
    image, swap = _choice_problems(body, "image", IMAGES), _swap_problems(body, instance.type)
    _refuse([*image, *swap, *_access_problems(world, body)])
    instance.image, instance.updated = body["image"], world.now()
    _install(world, instance, body)
    end = "offline" if body.get("booted") is False else "running"
    _begin(world, instance, "linode_rebuild", "rebuilding", end)
    return payload(world, instance)


def find(world: World, call: Call) -> Instance:
    """The instance that the path names."""
    id_ = call.ids[0]
    instance = world.instances.get(int(id_)) if id_.isdecimal() else None
    if instance is None:
        raise not_found()
    return instance


def payload(world: World, instance: Instance) -> Json:
    """An instance as the API shows it."""
    type_ = TYPES[instance.type]
    return {
        "id": instance.id,
        "label": instance.label,
        "group": instance.group,
        "status": instance.status(world.now()),
        "created": stamp(instance.created),
        "updated": stamp(instance.updated),
        "type": instance.type,
        "ipv4": [*instance.ipv4, *instance.private_ipv4],
        "ipv6": f"{instance.ipv6}/128",
        "image": instance.image,
        "region": instance.region,
        "site_type": REGIONS[instance.region]["site_type"],
        "specs": {name: type_[name] for name in ("disk", "memory", "vcpus", "gpus", "transfer", "accelerated_devices")},
        "alerts": instance.alerts,
        "backups": {
            "enabled": instance.backups_enabled,
            "available": False,
            "schedule": {"day": None, "window": None},
            "last_successful": None,
        },
        "hypervisor": "kvm",
        "host_uuid": f"{instance.id:040x}",
        "watchdog_enabled": instance.watchdog_enabled,
        "tags": instance.tags,
        "has_user_data": instance.user_data is not None,
        "disk_encryption": instance.disk_encryption,
        "interface_generation": "legacy_config",
        "maintenance_policy": "linode/migrate",
        "lke_cluster_id": None,
        "placement_group": None,
        "capabilities": [],
        "locks": [],
    }


def _idle(world: World, call: Call) -> Instance:
    instance = find(world, call)
    if instance.status(world.now()) in BUSY:
        raise RejectedError(400, Problem("Linode busy."))
    return instance


def _must_have_config(instance: Instance) -> None:
    if not instance.configs:
        raise RejectedError(400, Problem("There is no configuration profile to boot."))


def _begin(world: World, instance: Instance, action: str, during: str, then: str) -> Json:
    instance.go((world.now(), during), (world.in_(0.2), then))
    world.record(action, instance)
    return {}


def _provision(world: World, instance: Instance, *, booted: bool) -> None:
    begin, installed = (world.now(), "provisioning"), world.in_(0.6)
    if booted:
        instance.go(begin, (installed, "booting"), (world.in_(1.0), "running"))
    else:
        instance.go(begin, (installed, "offline"))


def _fit_disks(instance: Instance, room: int) -> None:
    """The first disk takes what the others leave, as long as they leave anything."""
    left = room - sum(disk.size for disk in instance.disks[1:])
    if instance.disks and left > 0:
        instance.disks[0].size = left


def _install(world: World, instance: Instance, body: Json) -> None:
    """What an image brings, and those who may log in to it."""
    if instance.image is None:
        return
    instance.installed += 1
    swap = body.get("swap_size")
    world.furnish(instance, swap=512 if swap is None else swap, kernel=body.get("kernel") or "linode/grub2")
    instance.root_pass = Secret(body["root_pass"]) if body.get("root_pass") else None
    instance.authorized_keys = [*(body.get("authorized_keys") or [])]
    if body.get("authorized_users"):
        instance.authorized_keys += [key["ssh_key"] for key in world.ssh_keys.values()]
    encoded = (body.get("metadata") or {}).get("user_data")
    instance.user_data = base64.b64decode(encoded) if encoded else None


def _refuse(problems: Collection[Problem] | Iterator[Problem]) -> None:
    found = tuple(problems)
    if found:
        raise RejectedError(400, *found)


def _problems_of_new(world: World, body: Json) -> Iterator[Problem]:
    yield from _choice_problems(body, "region", REGIONS)
    yield from _choice_problems(body, "type", TYPES)
    yield from _label_problems(world, body)
    yield from _tag_problems(body)
    if body.get("image") is not None:
        yield from _swap_problems(body, body.get("type"))
        yield from _choice_problems(body, "image", IMAGES)
        yield from _access_problems(world, body)
        yield from _user_data_problems(body)
    if body.get("firewall_id") and body["firewall_id"] not in world.firewalls:
        yield Problem("firewall_id is not valid", "firewall_id")
    for name in NOT_SIMULATED:
        if body.get(name) is not None:
            yield Problem(f"{name} is not simulated", name)


def _choice_problems(body: Json, name: str, choices: Collection[str]) -> Iterator[Problem]:
    wanted = body.get(name)
    if wanted is None:
        yield Problem(f"{name} is required", name)
    elif wanted not in choices:
        yield Problem(f"{name} is not valid", name)


def _label_problems(world: World, body: Json, but: Instance | None = None) -> Iterator[Problem]:
    label = body.get("label")
    if label is None:
        return
    if not 3 <= len(label) <= 64:
        yield Problem("Length must be 3-64 characters", "label")
    elif not LABEL.fullmatch(label):
        # Linode refuses the same labels; the words are ours.
        yield Problem("Must begin and end with a letter or digit, with single -, _ or . between", "label")
    elif any(other.label == label and other is not but for other in world.instances.values()):
        yield Problem("Label must be unique among your linodes", "label")


def _tag_problems(body: Json) -> Iterator[Problem]:
    tags = body.get("tags") or []
    if not all(isinstance(tag, str) and 3 <= len(tag) <= 50 for tag in tags):
        yield Problem("Length must be 3-50 characters", "tags")


def _swap_problems(body: Json, type_: str | None) -> Iterator[Problem]:
    if type_ in TYPES and (body.get("swap_size") or 0) not in range(TYPES[type_]["disk"]):
        yield Problem("Must be less than the storage of the plan", "swap_size")


def _access_problems(world: World, body: Json) -> Iterator[Problem]:
    """An image needs a password, a key, or a user whose keys are known."""
    ways = ("root_pass", "authorized_keys", "authorized_users")
    if not any(body.get(way) for way in ways):
        yield Problem("root_pass, authorized_keys or authorized_users is required", "root_pass")
    if body.get("root_pass") and not _is_strong(body["root_pass"]):
        yield Problem("Password does not meet strength requirements", "root_pass")
    if not all(_is_ssh_key(key) for key in body.get("authorized_keys") or []):
        yield Problem("SSH key is not valid", "authorized_keys")
    if not all(user == world.username for user in body.get("authorized_users") or []):
        yield Problem("There is no such user", "authorized_users")


def _is_strong(password: str) -> bool:
    """7 to 128 characters of three kinds: our reading of a rule that Linode does not spell out."""
    kinds: tuple[Callable[[str], bool], ...] = (str.islower, str.isupper, str.isdigit, _is_punctuation)
    return 7 <= len(password) <= 128 and sum(any(map(kind, password)) for kind in kinds) >= 3


def _is_punctuation(character: str) -> bool:
    return not character.isalnum()


def _is_ssh_key(key: Any) -> bool:
    return isinstance(key, str) and SSH_KEY.fullmatch(key.strip()) is not None


def _user_data_problems(body: Json) -> Iterator[Problem]:
    """Only regions and images that know of metadata take it."""
    encoded = (body.get("metadata") or {}).get("user_data")
    if encoded is None:
        return
    region, image = REGIONS.get(body.get("region", ""), {}), IMAGES.get(body["image"], {})
    if "Metadata" not in region.get("capabilities", ()):
        yield Problem("The region does not support metadata", "metadata.user_data")
    if "cloud-init" not in image.get("capabilities", ()):
        yield Problem("The image does not support cloud-init", "metadata.user_data")
    if _decoded_size(encoded) not in range(USER_DATA_LIMIT + 1):
        yield Problem("Must be base64, and no more than 65535 bytes decoded", "metadata.user_data")


def _decoded_size(encoded: Any) -> int:
    """-1 for what is no base64."""
    try:
        return len(base64.b64decode(encoded, validate=True))
    except (binascii.Error, TypeError, ValueError):
        return -1
