"""The machines: listed, created, changed, acted on, removed."""

from __future__ import annotations

from aiocloud.simulators.vultr.wire import Answered, Call, one
from aiocloud.simulators.vultr.world import World


def index(world: World, call: Call) -> Answered:
    """All instances, or those that fit the filters."""
    rows = [world.show(each) for each in world.instances.values()]
    for name in ("label", "region", "main_ip", "hostname"):
        if name in call.query:
            rows = [row for row in rows if row[name] == call.query[name]]
    if (tag := call.query.get("tag", "").casefold()) != "":
        rows = [row for row in rows if tag in [each.casefold() for each in row["tags"]]]
    return 200, call.page("instances", rows)


def create(world: World, call: Call) -> Answered:
    """A new instance, with its password."""
    instance = world.create(call.body)
    return 202, {"instance": world.show(instance) | {"default_password": instance.password.reveal()}}


def show(world: World, call: Call) -> Answered:
    """One instance."""
    return 200, {"instance": world.show(one(world.instances, call, "instance"))}


def change(world: World, call: Call) -> Answered:
    """Another label, other tags, a larger plan, another system."""
    return 202, world.change(one(world.instances, call, "instance"), call.body)


def delete(world: World, call: Call) -> Answered:
    """Gone at once."""
    del world.instances[one(world.instances, call, "instance").id]
    return 204, None


def act(world: World, call: Call) -> Answered:
    """Do one of the actions on an instance."""
    told = world.act(one(world.instances, call, "instance"), call.ids[1], call.body)
    return (202, told) if told is not None else (204, None)
