"""The machines: listed, created, changed, started, stopped, removed; and the operations that this takes."""

from __future__ import annotations

import re
from typing import Any

from aiocloud.simulators.gce.catalogue import ZONES, find_image, types_of
from aiocloud.simulators.gce.wire import ROOT, Call, Json, RefusedError, aggregated, not_found, page, stamp, wrong
from aiocloud.simulators.gce.world import Instance, World

NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[a-z][-_a-z0-9]{0,62}")
LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")
METADATA_LIMIT = 262_144
FULL = (
    503,
    "ZONE_RESOURCE_POOL_EXHAUSTED",
    "The zone '{zone}' does not have enough resources available to fulfill the request.  Try a different zone, or try"
    " again later.",
)
# The operation's type; in which states it may be asked for, through which to which it leads.
ACTIONS = {
    "start": ("start", ("TERMINATED",), "STAGING", "RUNNING"),
    "stop": ("stop", ("RUNNING", "PROVISIONING", "STAGING"), "STOPPING", "TERMINATED"),
    "reset": ("reset", ("RUNNING",), "RUNNING", "RUNNING"),
    "suspend": ("suspend", ("RUNNING",), "SUSPENDING", "SUSPENDED"),
    "resume": ("resume", ("SUSPENDED",), "STAGING", "RUNNING"),
}


def index(world: World, call: Call) -> Json:
    """The instances of a zone."""
    found = [payload(world, call, one) for one in world.alive(call.names[0])]
    return page(call, "compute#instanceList", found)


def everywhere(world: World, call: Call) -> Json:
    """The instances of all zones."""
    found = [(f"zones/{one.zone}", payload(world, call, one)) for one in world.alive()]
    found.sort(key=lambda pair: pair[0])
    scopes = [f"zones/{zone}" for zone in ZONES]
    return aggregated(call, "compute#instanceAggregatedList", "instances", found, scopes)


def show(world: World, call: Call) -> Json:
    """One instance."""
    return payload(world, call, find(world, call))


def create(world: World, call: Call, *, room: bool = True) -> Json:
    """A new instance, which starts by itself; without `room`, its operation fails."""
    zone, body = call.names[0], call.body
    name = body.get("name") or ""
    if not NAME.fullmatch(name):
        raise wrong("resource.name", name, f"Must be a match of regex '{NAME.pattern}'")
    link = f"{call.root}/zones/{zone}/instances/{name}"
    if any(one.name == name for one in world.alive(zone)):
        raise RefusedError(409, "alreadyExists", f"The resource '{link.removeprefix(ROOT + '/')}' already exists")
    kind, image = _type(call, zone), _image(body)
    if image["architecture"] == "ARM64" and not kind.startswith("t2a"):
        raise wrong("resource.machineType", kind, "The machine type does not fit the architecture of the image.")
    labels, metadata = _labels(body), _metadata(body)
    if not body.get("networkInterfaces"):
        raise wrong("resource.networkInterfaces", "", "At least one network interface is required.")
    if len(world.alive()) >= world.quota:
        raise RefusedError(403, "quotaExceeded", f"Quota 'INSTANCES' exceeded.  Limit: {world.quota}.0 in region.")
    if not room:
        status, code, sentence = FULL
        text = sentence.format(zone=f"projects/{call.project}/zones/{zone}")
        return world.begin(call, "insert", link, 1, error=(status, code, text))
    asked = (body["disks"][0].get("initializeParams") or {}).get("diskSizeGb") or image["diskSizeGb"]
    public = bool(body["networkInterfaces"][0].get("accessConfigs"))
    where = image["selfLink"].partition("/v1/")[2]
    new = world.place(name=name, zone=zone, type=kind, image=where, disk=int(asked), public=public, at=world.now())
    new.labels, new.metadata = labels, metadata
    new.network_tags = list((body.get("tags") or {}).get("items") or ())
    new.spot = (body.get("scheduling") or {}).get("provisioningModel") == "SPOT"
    new.phases.begin("PROVISIONING", then="RUNNING", at=world.in_(1.0))
    return world.begin(call, "insert", link, new.id)


def delete(world: World, call: Call) -> Json:
    """Begin to delete it."""
    one = find(world, call)
    if world.status(one) == "STOPPING" and one.phases.current == "STOPPING" and one.id in _deleting(world):
        raise RefusedError(400, "resourceNotReady", f"The resource '{_link(call, one)}' is not ready")
    one.phases.begin("STOPPING", then="gone", at=world.in_(0.2))
    return world.begin(call, "delete", _link(call, one), one.id)


def _deleting(world: World) -> set[int]:
    now = world.now()
    return {work.target_id for work in world.operations.values() if work.kind == "delete" and now < work.ends}


def act(world: World, call: Call) -> Json:
    """Start, stop, reset, suspend or resume it. What it is already, it stays."""
    one, action = find(world, call), call.path.rpartition("/")[2]
    kind, allowed, during, then = ACTIONS[action]
    status = world.status(one)
    if status in allowed:
        one.phases.begin(during, then=then, at=world.in_(0.2))
    elif status not in (during, then):
        raise RefusedError(400, "resourceNotReady", f"The resource '{_link(call, one)}' is not ready")
    return world.begin(call, kind, _link(call, one), one.id)


def set_labels(world: World, call: Call) -> Json:
    """Replace the labels, if nobody else has meanwhile."""
    one = find(world, call)
    if call.body.get("labelFingerprint") != one.fingerprint():
        raise RefusedError(412, "conditionNotMet", "Labels fingerprint either invalid or resource labels have changed")
    one.labels = _labels(call.body)
    return world.begin(call, "setLabels", _link(call, one), one.id)


def set_type(world: World, call: Call) -> Json:
    """Give it another machine type, if it is stopped."""
    one = find(world, call)
    if world.status(one) != "TERMINATED":
        raise RefusedError(400, "resourceNotReady", "Cannot change the machine type of a running instance")
    one.type = _type(call, one.zone)
    return world.begin(call, "setMachineType", _link(call, one), one.id)


def serial_port(world: World, call: Call) -> Json:
    """What it has written while it booted."""
    one = find(world, call)
    text = f"{one.name} login: " if world.status(one) == "RUNNING" else ""
    return {"kind": "compute#serialPortOutput", "contents": text, "start": "0", "next": str(len(text)), "selfLink": ""}


def operation(world: World, call: Call) -> Json:
    """One operation. Who waits is answered at once, as Google may do."""
    work = world.operations.get(call.names[-1])
    if work is None:
        raise not_found(call.link.removesuffix("/wait"))
    return work.payload(call, world.now())


def operations(world: World, call: Call) -> Json:
    """The operations of a place."""
    place = f"zones/{call.names[0]}" if call.names else "global"
    found = [work.payload(call, world.now()) for work in world.operations.values() if work.place == place]
    return page(call, "compute#operationList", found)


def find(world: World, call: Call) -> Instance:
    """The instance that the path names, or numbers."""
    zone, wanted = call.names
    for one in world.alive(zone):
        if wanted in (one.name, str(one.id)):
            return one
    raise not_found(f"{call.root}/zones/{zone}/instances/{wanted}")


def payload(world: World, call: Call, one: Instance) -> Json:
    """An instance as the API shows it."""
    status = world.status(one)
    zone, region = f"{call.root}/zones/{one.zone}", one.zone.rpartition("-")[0]
    interface: dict[str, Any] = {
        "kind": "compute#networkInterface",
        "name": "nic0",
        "network": f"{call.root}/global/networks/default",
        "subnetwork": f"{call.root}/regions/{region}/subnetworks/default",
        "networkIP": one.private,
        "fingerprint": "bmljMA==",
        "stackType": "IPV4_ONLY",
    }
    if one.public:
        access = {"kind": "compute#accessConfig", "type": "ONE_TO_ONE_NAT", "name": "External NAT"}
        running = {"natIP": one.public} if status not in ("TERMINATED", "SUSPENDED") else {}
        interface["accessConfigs"] = [{**access, "networkTier": "PREMIUM", **running}]
    disk = {
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        "source": f"{zone}/disks/{one.name}",
        "deviceName": "persistent-disk-0",
        "index": 0,
        "boot": True,
        "autoDelete": True,
        "diskSizeGb": str(one.disk),
        "interface": "SCSI",
    }
    found: Json = {
        "kind": "compute#instance",
        "id": str(one.id),
        "creationTimestamp": stamp(one.created),
        "name": one.name,
        "status": status,
        "machineType": f"{zone}/machineTypes/{one.type}",
        "zone": zone,
        "networkInterfaces": [interface],
        "disks": [disk],
        "metadata": {
            "kind": "compute#metadata",
            "fingerprint": "bWV0YQ==",
            "items": [{"key": key, "value": value} for key, value in one.metadata.items()],
        },
        "tags": {"fingerprint": "dGFncw==", "items": one.network_tags},
        "labelFingerprint": one.fingerprint(),
        "scheduling": {"automaticRestart": not one.spot, "preemptible": one.spot},
        "selfLink": _link(call, one),
        "deletionProtection": False,
        "startRestricted": False,
    }
    return found | ({"labels": one.labels} if one.labels else {})


def _link(call: Call, one: Instance) -> str:
    return f"{call.root}/zones/{one.zone}/instances/{one.name}"


def _type(call: Call, zone: str) -> str:
    text = str(call.body.get("machineType") or "")
    found = re.search(r"zones/([^/]+)/machineTypes/([^/]+)$", text)
    if found is None or found[1] != zone:
        raise wrong("resource.machineType", text, "The URL is malformed, or names another zone.")
    if found[2] not in types_of(zone):
        why = f"Machine type with name '{found[2]}' does not exist in zone '{zone}'."
        raise wrong("resource.machineType", text, why)
    return found[2]


def _image(body: Json) -> Json:
    disks = body.get("disks") or [{}]
    source = str((disks[0].get("initializeParams") or {}).get("sourceImage") or "")
    if not disks[0].get("boot") or (found := find_image(source)) is None:
        field = "resource.disks[0].initializeParams.sourceImage"
        raise wrong(field, source, "The referenced image resource cannot be found.")
    return found


def _labels(body: Json) -> dict[str, str]:
    labels: dict[str, str] = body.get("labels") or {}
    for key, value in labels.items():
        if not LABEL.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
            raise wrong("resource.labels", f"{key}={value}", "Only lowercase letters, digits, _ and - are allowed.")
    return dict(labels)


def _metadata(body: Json) -> dict[str, str]:
    found = {row["key"]: row["value"] for row in (body.get("metadata") or {}).get("items") or ()}
    for key, value in found.items():
        if len(value.encode()) > METADATA_LIMIT:
            raise wrong(f"resource.metadata.items[{key}]", "...", "Value is too large: maximum size 262144 bytes.")
    return found
