"""The machines: listed, created, changed, started, stopped, removed."""

from __future__ import annotations

from typing import Any

from aiocloud.simulators.base import Phases
from aiocloud.simulators.ibm_vpc.catalogue import PROFILES, ZONES, images_of, shape_of
from aiocloud.simulators.ibm_vpc.network import (
    check_name,
    interface_reference,
    key_payload,
    subnet_reference,
    vpc_reference,
)
from aiocloud.simulators.ibm_vpc.wire import (
    Call,
    Json,
    RefusedError,
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
from aiocloud.simulators.ibm_vpc.world import Instance, World

USER_DATA_LIMIT = 65535
REASONS = {
    "cannot_start_capacity": "The virtual server instance cannot start as there is no more capacity in this zone.",
}
# What is asked for, in which states, through which state to which.
ACTIONS = {
    "start": (("stopped", "stopping"), "starting", "running"),
    "stop": (("running", "starting", "restarting"), "stopping", "stopped"),
    "reboot": (("running", "starting", "restarting"), "restarting", "running"),
}


def index(world: World, call: Call) -> Json:
    """The instances of the region."""
    here = only(world.alive(call.region), call.query.get("name"), lambda one: one.name)
    return page(call, "instances", here, lambda one: payload(world, call, one))


def show(world: World, call: Call) -> Json:
    """One instance."""
    return payload(world, call, find(world, call))


def create(world: World, call: Call, *, room: bool = True) -> Json:
    """A new instance, which starts by itself; without `room`, it fails to."""
    body = call.body
    here = world.alive(call.region)
    # Whether IBM frees the name when a deletion begins or when it is done is not documented.
    name = check_name(body.get("name"), {one.name for one in here if world.status(one) != "deleting"})
    zone = _inside(body, "zone", "name")
    if zone not in ZONES[call.region]:
        raise wrong("zone.name", "Zone not found", 404, "not_found")
    profile, image = _ingredients(call)
    subnet = world.subnets.get(_inside(body, "primary_network_interface", "subnet", "id") or "")
    if subnet is None or subnet["zone"] != zone:
        raise wrong("primary_network_interface.subnet", "Subnet not found in the zone", 404, "not_found")
    if len(here) >= world.quota:
        raise RefusedError(400, "over_quota", "The instance quota of the region is exceeded")
    keys = [_key(world, call, each.get("id")) for each in body.get("keys") or ()]
    instance = world.place(name=name, zone=zone, profile=profile, image=image, at=world.now())
    instance.keys, instance.user_data = keys, _user_data(body)
    if room:
        instance.phases.begin("starting", then="running", at=world.in_(1.0))
    else:
        instance.phases, instance.reasons = Phases("failed"), ["cannot_start_capacity"]
    return payload(world, call, instance)


def update(world: World, call: Call) -> Json:
    """Another name; or another profile, for one that is stopped."""
    instance = find(world, call)
    if "name" in call.body:
        taken = {one.name for one in world.alive(call.region) if one is not instance}
        instance.name = check_name(call.body["name"], taken)
    if "profile" in call.body:
        if world.status(instance) != "stopped":
            raise RefusedError(409, "instance_not_stopped", "The instance must be stopped")
        wanted = _inside(call.body, "profile", "name")
        if wanted not in PROFILES:
            raise wrong("profile.name", "Instance profile not found", 404, "not_found")
        instance.profile = wanted
    return payload(world, call, instance)


def delete(world: World, call: Call) -> None:
    """Begin to delete it."""
    instance = find(world, call)
    if world.status(instance) != "deleting":
        instance.phases.begin("deleting", then="gone", at=world.in_(0.2))


def act(world: World, call: Call) -> Json:
    """Start, stop or reboot it. What it does already is done once."""
    instance, kind = find(world, call), call.body.get("type")
    if kind not in ACTIONS:
        raise wrong("type", "type must be one of reboot, start, stop")
    allowed, during, then = ACTIONS[kind]
    status = world.status(instance)
    if status in allowed:
        instance.phases.begin(during, then=then, at=world.in_(0.2))
    elif status not in (during, then):
        raise RefusedError(409, "invalid_state", f"The instance is {status}, and takes no {kind}")
    number = f"{instance.id}-{kind}"
    href = f"{call.root}/instances/{instance.id}/actions/{number}"
    created = stamp(world.now())
    return {"id": number, "href": href, "type": kind, "status": "pending", "created_at": created, "force": False}


def initialization(world: World, call: Call) -> Json:
    """The keys that it was made with and that are still there."""
    instance = find(world, call)
    known = {key.public_key: key for key in world.keys.values()}
    keys = [key_payload(call, known[text]) for text in instance.keys if text in known]
    names = ("id", "name", "crn", "href", "fingerprint")
    return {"keys": [{name: each[name] for name in names} for each in keys]}


def find(world: World, call: Call) -> Instance:
    """The instance that the path names."""
    found = next((one for one in world.alive(call.region) if one.id == call.ids[0]), None)
    if found is None:
        raise not_found("Instance")
    return found


def payload(world: World, call: Call, instance: Instance) -> Json:
    """An instance as the API shows it."""
    cores, memory = shape_of(instance.profile)
    architecture, bandwidth = PROFILES[instance.profile][2:4]
    status = world.status(instance)
    subnet = next(each for each in world.subnets.values() if each["zone"] == instance.zone)
    interface = {**interface_reference(call, instance), "subnet": subnet_reference(call, subnet)}
    return {
        "id": instance.id,
        "name": instance.name,
        "crn": crn(instance.zone, "instance", instance.id),
        "href": f"{call.root}/instances/{instance.id}",
        "resource_type": "instance",
        "created_at": stamp(instance.created),
        "status": status,
        "status_reasons": [{"code": code, "message": REASONS[code]} for code in instance.reasons],
        "lifecycle_state": {"deleting": "deleting", "failed": "failed"}.get(status, "stable"),
        "lifecycle_reasons": [],
        "health_state": "inapplicable" if status == "failed" else "ok",
        "health_reasons": [],
        "startable": True,
        "availability": {"class": "standard"},
        "availability_policy": {"host_failure": "restart", "preemption": "stop"},
        "bandwidth": bandwidth,
        "total_network_bandwidth": bandwidth * 3 // 4,
        "total_volume_bandwidth": bandwidth // 4,
        "memory": memory,
        "vcpu": {
            "architecture": architecture,
            "count": cores,
            "manufacturer": "ibm" if architecture == "s390x" else "intel",
            "percentage": 100,
        },
        "profile": {**named(call, "/instance/profiles", instance.profile), "resource_type": "instance_profile"},
        "image": reference(call, "image", "/images", instance.image, world.image_name(instance)),
        "zone": named(call, f"/regions/{instance.region}/zones", instance.zone),
        "vpc": vpc_reference(call, subnet["vpc"]),
        "primary_network_interface": interface,
        "network_interfaces": [interface],
        "network_attachments": [],
        "cluster_network_attachments": [],
        "software_attachments": [],
        "boot_volume_attachment": _boot(call, instance),
        "volume_attachments": [_boot(call, instance)],
        "disks": [],
        "metadata_service": {"enabled": False, "protocol": "http", "response_hop_limit": 1},
        "enable_secure_boot": False,
        "confidential_compute_mode": "disabled",
        "reservation_affinity": {"policy": "disabled", "pool": []},
        "threads_per_core": 2,
        "volume_bandwidth_qos_mode": "weighted",
        "resource_group": group(),
    }


def _boot(call: Call, instance: Instance) -> Json:
    attachment = f"{instance.id}-boot"
    return {
        "id": attachment,
        "name": "boot",
        "href": f"{call.root}/instances/{instance.id}/volume_attachments/{attachment}",
        "device": {"id": f"{attachment}-dev"},
        "volume": {**reference(call, "volume", "/volumes", attachment.replace("_", "-"), f"{instance.name}-boot")},
    }


def _inside(body: Json, *path: str) -> str | None:
    value: Any = body
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _ingredients(call: Call) -> tuple[str, str]:
    profile, image = _inside(call.body, "profile", "name"), _inside(call.body, "image", "id")
    if profile is None or profile not in PROFILES:
        raise wrong("profile.name", "Instance profile not found", 404, "not_found")
    images = images_of(call.region)
    if image is None or image not in images:
        raise wrong("image.id", "Image not found", 404, "not_found")
    if not images[image][1].endswith(PROFILES[profile][2]):
        raise wrong("image.id", "The image's architecture is not that of the profile")
    return profile, image


def _key(world: World, call: Call, id_: object) -> str:
    known = world.keys.get(id_) if isinstance(id_, str) else None
    if known is None or known.region != call.region:
        raise wrong("keys", "Key not found", 404, "not_found")
    return known.public_key


def _user_data(body: Json) -> str | None:
    text = body.get("user_data")
    if text is not None and (not isinstance(text, str) or len(text.encode()) > USER_DATA_LIMIT):
        raise wrong("user_data", "user_data must be text, and no longer than it may be")
    return text
