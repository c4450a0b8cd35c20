"""What can be asked of an instance one by one: its health, its console, its attributes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from aiocloud.simulators.ec2 import geography, sizes
from aiocloud.simulators.ec2.instances import IDS, readers, require, state_element
from aiocloud.simulators.ec2.select import Window, chosen, filters, passing
from aiocloud.simulators.ec2.wire import Body, bad_value
from aiocloud.simulators.ec2.world import Call, Instance


def describe_instance_status(call: Call) -> Body:
    """DescribeInstanceStatus: of those that run, unless all are asked for."""
    call.params.accept("IncludeManagedResources")
    window = Window.of(call.action, call.params)
    wanted = call.params.values("InstanceId")
    window.forbid_with(wanted, "instancesSet")
    everything = call.params.flag("IncludeAllInstances")
    found = chosen(wanted, call.region.instances, IDS.unknown)
    tests = filters(call.params, readers(call))
    call.proceed()
    fitting = [i for i in passing(found, tests) if everything or i.state(call.now) == "running"]
    page, token = window.cut(fitting)
    return {"instanceStatusSet": [_status(instance, call) for instance in page], "nextToken": token}


def _status(instance: Instance, call: Call) -> Body:
    state = instance.state(call.now)
    check = {"status": "ok" if state == "running" else "not-applicable"}
    return {
        "instanceId": instance.id,
        "availabilityZone": instance.subnet.zone,
        "instanceState": state_element(state),
        "systemStatus": check,
        "instanceStatus": check,
    }


def _one(call: Call) -> Instance:
    return chosen([call.params.required("InstanceId")], call.region.instances, IDS.unknown)[0]


def get_console_output(call: Call) -> Body:
    """GetConsoleOutput: nothing until it has booted once."""
    call.params.accept("Latest")
    instance = _one(call)
    call.proceed()
    booted = instance.state(call.now) != "pending"
    output = base64.b64encode(_console(instance, call).encode()).decode() if booted else None
    return {"instanceId": instance.id, "timestamp": call.now, "output": output}


def _console(instance: Instance, call: Call) -> str:
    host = geography.private_dns(instance.private_ip, call.region.name).partition(".")[0]
    lines = [f"[    0.000000] Linux version 6.1.0 ({instance.image.arch})", *call.world.booted(instance)]
    return "\n".join([*lines, f"{host} login: ", ""])


ATTRIBUTES: Mapping[str, Callable[[Instance], Any]] = {
    "userData": lambda instance: {"value": instance.user_data} if instance.user_data else {},
    "instanceType": lambda instance: {"value": instance.size},
    "disableApiTermination": lambda instance: {"value": instance.protected},
    "rootDeviceName": lambda instance: {"value": instance.image.device},
    "groupSet": lambda instance: [{"groupId": group.id, "groupName": group.name} for group in instance.groups],
}


def describe_instance_attribute(call: Call) -> Body:
    """DescribeInstanceAttribute: one of `ATTRIBUTES`."""
    instance = _one(call)
    name = call.params.required("Attribute")
    if name not in ATTRIBUTES:
        raise bad_value("attribute", name)
    call.proceed()
    return {"instanceId": instance.id, name: ATTRIBUTES[name](instance)}


def modify_instance_attribute(call: Call) -> Body:
    """ModifyInstanceAttribute: protection from termination; the type and the user data of one that is stopped."""
    instance = _one(call)
    protected = call.params.within("DisableApiTermination").text("Value")
    size = call.params.within("InstanceType").text("Value")
    user_data = call.params.within("UserData").text("Value")
    if size or user_data is not None:
        require(call, [instance], "stopped", "modified")
    new_size = sizes.orderable(call.world, call.region.name, size).id if size else instance.size
    call.proceed()
    instance.size = new_size
    instance.user_data = instance.user_data if user_data is None else user_data
    instance.protected = instance.protected if protected is None else protected == "true"
    instance.rendered = None
    return {"return": True}


ACTIONS: Mapping[str, Callable[[Call], Body]] = {
    "DescribeInstanceStatus": describe_instance_status,
    "DescribeInstanceAttribute": describe_instance_attribute,
    "ModifyInstanceAttribute": modify_instance_attribute,
    "GetConsoleOutput": get_console_output,
}
