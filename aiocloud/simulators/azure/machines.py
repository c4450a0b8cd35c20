"""The machines: listed, created, changed, started, stopped, removed."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from datetime import timedelta

from aiocloud.http.message import Response
from aiocloud.simulators.azure.catalogue import REGIONS, RESTRICTED, SIZES, find_image, sizes_of
from aiocloud.simulators.azure.resources import COMPUTE, find_group
from aiocloud.simulators.azure.wire import Call, Json, RefusedError, answer, not_found, page, wrong
from aiocloud.simulators.azure.world import Machine, Resource, World

TYPE = f"{COMPUTE}/virtualMachines"
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?")
DATA_LIMIT = 65_535
FULL = (
    "AllocationFailed",
    "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read more about"
    " improving likelihood of allocation success at http://aka.ms/allocation-guidance",
)
# What the API shows of each phase: the provisioning state, and the power state if there is one.
SHOWN = {
    "creating": ("Creating", "starting"),
    "running": ("Succeeded", "running"),
    "restarting": ("Updating", "running"),
    "starting": ("Updating", "starting"),
    "deallocating": ("Updating", "deallocating"),
    "deallocated": ("Succeeded", "deallocated"),
    "stopping": ("Updating", "stopping"),
    "stopped": ("Succeeded", "stopped"),
    "failed": ("Failed", None),
    "deleting": ("Deleting", "running"),
}
# Through which phase to which an action leads, and from which it does nothing.
ACTIONS = {
    "start": ("starting", "running"),
    "restart": ("restarting", "running"),
    "deallocate": ("deallocating", "deallocated"),
    "poweroff": ("stopping", "stopped"),
    "redeploy": ("restarting", "running"),
}


def index(world: World, call: Call) -> Response:
    """All machines. Their ids have the resource group in capitals here, as at Azure."""
    shown = _status_only if call.query.get("statusOnly") == "true" else payload
    return page(call, [_shouted(shown(world, one), one) for one in world.alive()])


def within(world: World, call: Call) -> Response:
    """The machines of a group."""
    find_group(world, call.names[0])
    here = call.names[0].lower()
    return page(call, [payload(world, one) for one in world.alive() if one.group.lower() == here])


def _shouted(shown: Json, one: Machine) -> Json:
    return {**shown, "id": one.id.replace(f"/resourceGroups/{one.group}/", f"/resourceGroups/{one.group.upper()}/")}


def show(world: World, call: Call) -> Response:
    """One machine."""
    one = find(world, call)
    found = payload(world, one)
    if call.query.get("$expand", "").lower() == "instanceview":
        found["properties"]["instanceView"] = _view(world, one)
    return answer(found)


def view(world: World, call: Call) -> Response:
    """What one machine is doing."""
    return answer(_view(world, find(world, call)))


def create(world: World, call: Call, *, room: bool = True) -> Response:
    """A new machine, which starts by itself; without `room`, it comes to nothing, and is kept as failed."""
    where, name = call.names
    find_group(world, where)
    known = next((one for one in world.alive() if one.id.lower() == _id(call).lower()), None)
    if known is not None and call.headers.get("If-None-Match") == "*":
        text = "The condition '*' was not satisfied: the resource exists."
        raise RefusedError(412, "PreconditionFailed", text)
    if known is not None:
        return update(world, call)
    place = _checked_place(call)
    try:
        size = _checked_size(world, call, place)
    except RefusedError as error:
        _reserve(world, call, error)
        raise
    image, properties = _image(world, call), copy.deepcopy(call.body["properties"])
    profile = properties.get("osProfile") or {}
    password, data = _secrets(profile)
    _check_interfaces(world, properties, place)
    disk = _disk(world, call, properties, place)
    properties["storageProfile"]["osDisk"] = disk
    made = Machine(
        id=_id(call),
        name=name,
        group=where,
        location=place,
        body={**call.body, "properties": properties},
        image=image,
        created=world.now(),
        password=password,
        data=data,
    )
    properties["hardwareProfile"]["vmSize"] = size
    then = "running" if room else "failed"
    made.phases.begin("creating", then=then, at=world.in_(1.0 if room else 0.3))
    world.machines[made.id.lower()] = made
    return world.begin(
        call,
        place,
        namespace=COMPUTE,
        status=201,
        payload=payload(world, made),
        share=1.0 if room else 0.3,
        error=None if room else FULL,
    )


def _reserve(world: World, call: Call, error: RefusedError) -> None:
    """Azure keeps the interfaces of a machine that it has no room for, for a while."""
    if error.status == 409:
        for link in (call.body["properties"].get("networkProfile") or {}).get("networkInterfaces") or ():
            world.reserved[link["id"].lower()] = world.now() + timedelta(seconds=180)


def _id(call: Call) -> str:
    where, name = call.names[:2]
    return f"{call.root}/resourceGroups/{where}/providers/{TYPE}/{name}"


def _checked_place(call: Call) -> str:
    if not NAME.fullmatch(call.names[1]):
        raise wrong("InvalidParameter", "The entity name 'vmName' is invalid according to its validation rule.")
    place = call.body.get("location")
    if place not in REGIONS:
        text = f"The provided location '{place}' is not available for resource type '{TYPE}'."
        raise wrong("LocationNotAvailableForResourceType", text)
    return str(place)


def _checked_size(world: World, call: Call, place: str) -> str:
    size = str((call.body.get("properties", {}).get("hardwareProfile") or {}).get("vmSize"))
    if size not in SIZES:
        text = f"The value {size} provided for the VM size is not valid. The valid sizes in the current region are: ..."
        raise wrong("InvalidParameter", text)
    if size in RESTRICTED or size not in sizes_of(place):
        text = f"The requested VM size {size} is currently not available in location '{place}'."
        raise RefusedError(409, "SkuNotAvailable", text)
    used = sum(SIZES[one.body["properties"]["hardwareProfile"]["vmSize"]][0] for one in world.alive())
    if used + SIZES[size][0] > world.quota:
        text = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota."
        raise RefusedError(409, "OperationNotAllowed", text)
    return size


def _image(world: World, call: Call) -> Json:
    reference = (call.body["properties"].get("storageProfile") or {}).get("imageReference") or {}
    if (id := reference.get("id")) is not None:
        if id.lower() not in world.resources:
            raise RefusedError(404, "ResourceNotFound", f"The resource '{id}' was not found.")
        return {"id": id}
    found = find_image(reference)
    if found is None:
        named = ":".join(str(reference.get(key)) for key in ("publisher", "offer", "sku", "version"))
        raise RefusedError(404, "PlatformImageNotFound", f"The platform image '{named}' is not available.")
    if found.pop("architecture") != "x64":
        text = "The VM size's architecture 'x64' is not compatible with the image's architecture 'Arm64'."
        raise wrong("BadRequest", text)
    return found


def _secrets(profile: Json) -> tuple[str | None, bytes | None]:
    """What is never shown again, taken out of the profile."""
    password, text = profile.pop("adminPassword", None), profile.pop("customData", None)
    keys = ((profile.get("linuxConfiguration") or {}).get("ssh") or {}).get("publicKeys")
    if not profile.get("adminUsername") or not (password or keys):
        raise wrong("InvalidParameter", "Required parameter 'adminPassword' is missing (null).")
    if password is not None and not 6 <= len(password) <= 72:
        raise wrong("InvalidParameter", "The supplied password must be between 6-72 characters long.")
    try:
        data = base64.b64decode(text, validate=True) if text is not None else None
    except (binascii.Error, ValueError):
        raise wrong("InvalidParameter", "Custom data must be in Base64 encoding.") from None
    if data is not None and len(data) > DATA_LIMIT:
        raise wrong("InvalidParameter", "Custom data exceeds the maximum length.")
    return password, data


def _check_interfaces(world: World, properties: Json, place: str) -> None:
    links = (properties.get("networkProfile") or {}).get("networkInterfaces") or []
    if not links:
        raise wrong("InvalidParameter", "Required parameter 'networkProfile' is missing (null).")
    for link in links:
        interface = world.resources.get(link["id"].lower())
        if interface is None or interface.body["location"] != place:
            raise wrong("InvalidResourceReference", f"Resource {link['id']} referenced by resource was not found.")
        if (other := world.machine_of(link["id"])) is not None:
            raise wrong("NicInUse", f"Network Interface {link['id']} is used by existing resource {other.id}.")


def _disk(world: World, call: Call, properties: Json, place: str) -> Json:
    """The disk that it boots from, made with it."""
    where, machine = call.names[:2]
    asked = properties["storageProfile"].get("osDisk") or {}
    name = asked.get("name") or f"{machine}_OsDisk_1"
    id = f"{call.root}/resourceGroups/{where}/providers/{COMPUTE}/disks/{name}"
    if id.lower() in world.resources:
        raise RefusedError(409, "ConflictingUserInput", f"Disk {name} already exists in resource group {where}.")
    size = asked.get("diskSizeGB") or 30
    body = {"location": place, "tags": call.body.get("tags") or {}, "properties": {"diskSizeGB": size}}
    kind = f"{COMPUTE}/disks"
    world.resources[id.lower()] = Resource(id=id, name=name, type=kind, body=body, ready=world.now())
    storage = (asked.get("managedDisk") or {}).get("storageAccountType", "Premium_LRS")
    about = {"osType": "Linux", "caching": "ReadWrite", "deleteOption": "Detach", "createOption": "FromImage"}
    managed = {"id": id, "storageAccountType": storage}
    return {**about, **asked, "name": name, "diskSizeGB": size, "managedDisk": managed}


def update(world: World, call: Call) -> Response:
    """Change its tags, its size, or nothing."""
    one = find(world, call)
    if "tags" in call.body:
        one.body["tags"] = call.body["tags"]
    size = ((call.body.get("properties") or {}).get("hardwareProfile") or {}).get("vmSize")
    if size is not None and size != one.body["properties"]["hardwareProfile"]["vmSize"]:
        one.body["properties"]["hardwareProfile"]["vmSize"] = _checked_size(world, call, one.location)
        if world.status(one) == "running":
            one.phases.begin("restarting", then="running", at=world.in_(0.2))
    return world.begin(call, one.location, namespace=COMPUTE, status=200, payload=payload(world, one))


def delete(world: World, call: Call) -> Response:
    """Begin to delete it. One that is not there is no error."""
    find_group(world, call.names[0])
    one = next((one for one in world.alive() if one.id.lower() == _id(call).lower()), None)
    if one is None:
        return answer(None, 204)
    if world.status(one) != "deleting":
        one.phases.begin("deleting", then="gone", at=world.in_(0.2))
    return world.begin(call, one.location, namespace=COMPUTE)


def act(world: World, call: Call) -> Response:
    """Start, restart, deallocate, power off or redeploy it. What it is already, it stays."""
    one, action = find(world, call), call.url.path.rpartition("/")[2].lower()
    during, then = ACTIONS[action]
    status = world.status(one)
    if status == "deleting":
        raise RefusedError(
            409, "Conflict", f"The request failed due to conflict with a concurrent request on {one.id}."
        )
    if action in ("restart", "redeploy") and status in ("deallocated", "stopped"):
        raise RefusedError(409, "OperationNotAllowed", f"Cannot {action} VM {one.name} since it is not running.")
    if status != then or action in ("restart", "redeploy"):
        one.phases.begin(during, then=then, at=world.in_(0.2))
    return world.begin(call, one.location, namespace=COMPUTE)


def run_command(world: World, call: Call) -> Response:
    """What the agent would say of a script. It is not run: SSH is where simulated nodes run things."""
    one = find(world, call)
    if world.status(one) != "running":
        raise RefusedError(409, "OperationNotAllowed", "The operation requires the VM to be running.")
    text = "Enable succeeded: \n[stdout]\n\n[stderr]\n"
    told = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
    return world.begin(call, one.location, namespace=COMPUTE, result={"value": [{**told, "message": text}]})


def operation(world: World, call: Call) -> Response:
    """One operation; or with `monitor`, what it gives as soon as it is done."""
    work = world.operations.get(call.names[-1])
    if work is None:
        raise RefusedError(404, "NotFound", f"The operation '{call.names[-1]}' was not found.")
    if call.query.get("monitor") != "true":
        return answer(work.payload(world.now()))
    if world.now() < work.ends:
        return answer(None, 202, Location=str(call.url))
    return answer(work.result, 200) if work.result is not None else answer(None, 204)


def find(world: World, call: Call) -> Machine:
    """The machine that the path names."""
    where, name = call.names[:2]
    find_group(world, where)
    found = next((one for one in world.alive() if one.id.lower() == _id(call).lower()), None)
    if found is None:
        raise not_found(TYPE, name, where)
    return found


def payload(world: World, one: Machine) -> Json:
    """As the API shows it."""
    properties = copy.deepcopy(one.body["properties"])
    properties["storageProfile"]["imageReference"] = dict(one.image)
    properties |= {
        "vmId": one.vm_id,
        "provisioningState": SHOWN[world.status(one)][0],
        "timeCreated": one.created.isoformat(),
    }
    found: Json = {"name": one.name, "id": one.id, "type": TYPE, "location": one.location, "etag": '"1"'}
    found |= {key: one.body[key] for key in ("zones", "plan") if one.body.get(key)}
    return {**found, "tags": one.body.get("tags") or {}, "properties": properties}


def _status_only(world: World, one: Machine) -> Json:
    properties = {"provisioningState": SHOWN[world.status(one)][0], "instanceView": _view(world, one)}
    return {"name": one.name, "id": one.id, "type": TYPE, "location": one.location, "properties": properties}


def _view(world: World, one: Machine) -> Json:
    provisioning, power = SHOWN[world.status(one)]
    error = {"level": "Error", "displayStatus": "Provisioning failed", "message": FULL[1]}
    good = {"level": "Info", "displayStatus": f"Provisioning {provisioning.lower()}"}
    word = "failed/AllocationFailed" if provisioning == "Failed" else provisioning.lower()
    statuses: list[Json] = [{"code": f"ProvisioningState/{word}", **(error if provisioning == "Failed" else good)}]
    if power is not None:
        statuses.append({"code": f"PowerState/{power}", "level": "Info", "displayStatus": f"VM {power}"})
    return {"statuses": statuses}
