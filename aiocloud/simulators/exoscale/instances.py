"""The machines: listed, created, changed, switched, removed."""

from __future__ import annotations

from datetime import timedelta

from aiocloud.simulators.exoscale.catalogue import TEMPLATES, TYPES
from aiocloud.simulators.exoscale.wire import Call, Json, RefusedError, absent, reference
from aiocloud.simulators.exoscale.world import World
from aiocloud.values import Secret


def index(world: World, call: Call) -> Json:
    """The instances of the zone."""
    here = [each for each in world.there() if each.zone == call.zone]
    return {"instances": [world.show(each, whole=False) for each in here]}


def show(world: World, call: Call) -> Json:
    """One instance."""
    return world.show(world.find(call), whole=True)


def create(world: World, call: Call, *, room: bool = True) -> Json:
    """A new instance; or where there is no room for it, a broken one."""
    made = world.create(call)
    if not room:
        made.phases.begin("starting", then="error", at=world.now() + timedelta(seconds=world.boot() / 5))
        return world.begin("create-instance", made.id, world.boot() / 5, ("unavailable", "No host has room for it"))
    begins = call.body.get("auto-start", True)
    made.phases.begin(
        "starting", then="running" if begins else "stopped", at=world.now() + timedelta(seconds=world.boot())
    )
    return world.begin("create-instance", made.id, world.boot())


def update(world: World, call: Call) -> Json:
    """Another name, other labels."""
    instance = world.find(call)
    instance.name = call.body.get("name", instance.name)
    if "labels" in call.body:
        instance.labels = dict(call.body["labels"] or {})
    return world.begin("update-instance", instance.id)


def delete(world: World, call: Call) -> Json:
    """The end of an instance."""
    return world.work(call, "delete-instance", "destroying", "gone", on=("running", "stopped", "error", "starting"))


def start(world: World, call: Call) -> Json:
    """Switch one on that is stopped."""
    return world.work(call, "start-instance", "starting", "running", on=("stopped",))


def stop(world: World, call: Call) -> Json:
    """Switch one off that runs."""
    return world.work(call, "stop-instance", "stopping", "stopped", on=("running",))


def reboot(world: World, call: Call) -> Json:
    """Restart one that runs."""
    return world.work(call, "reboot-instance", "running", "running", on=("running",))


def scale(world: World, call: Call) -> Json:
    """Another type, for one that is stopped."""
    kind = reference(call.needed("instance-type"))
    if kind not in TYPES:
        raise absent("instance type")
    answer = world.work(call, "scale-instance", "stopped", "stopped", on=("stopped",))
    if answer["state"] != "failure":
        world.find(call).type = kind
    return answer


def resize_disk(world: World, call: Call) -> Json:
    """A larger disk, for one that is stopped."""
    instance = world.find(call)
    if call.needed("disk-size") <= instance.disk:
        raise RefusedError(400, "Invalid request: a disk can only grow")
    answer = world.work(call, "resize-instance-disk", "stopped", "stopped", on=("stopped",))
    if answer["state"] != "failure":
        instance.disk = call.body["disk-size"]
    return answer


def reset(world: World, call: Call) -> Json:
    """A template put on its disk anew."""
    instance = world.find(call)
    template = reference(call.body.get("template") or {"id": instance.template})
    if template not in TEMPLATES:
        raise absent("template")
    answer = world.work(call, "reset-instance", "starting", "running", on=("running", "stopped"), share=1.0)
    if answer["state"] != "failure":
        instance.template, instance.installed = template, instance.installed + 1
    return answer


def password(world: World, call: Call) -> Json:
    """The password of its user."""
    return {"password": Secret(f"tide-{world.find(call).id[-4:]}").reveal()}
