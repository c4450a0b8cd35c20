"""Instances: how they are shown, and how they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from aiocloud.simulators.ec2 import geography
from aiocloud.simulators.ec2.select import Ids, Test, Window, chosen, filters, passing
from aiocloud.simulators.ec2.tags import tag_set
from aiocloud.simulators.ec2.wire import Body, Refusal, Xml, missing, render
from aiocloud.simulators.ec2.world import OWNER, Call, Instance

IDS = Ids("i-", "InvalidInstanceID", "The instance ID")

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}

OTHER_CHANGES = 0.2
"""The part of the time to boot that other changes take."""

USER_INITIATED = ("Client.UserInitiatedShutdown", "User initiated shutdown")


# Showing


def describe_instances(call: Call) -> Body:
    """DescribeInstances, in pages of instances; those of one launch that stand together share a reservation."""
    call.params.accept("IncludeManagedResources")
    window = Window.of(call.action, call.params)
    wanted = call.params.values("InstanceId")
    window.forbid_with(wanted, "instancesSet")
    named = chosen(wanted, call.region.instances, IDS.unknown) if wanted else None
    tests = filters(call.params, readers(call))
    call.proceed()
    page, token = (passing(named, tests), None) if named is not None else _page(call, window, tests)
    by_launch = groupby(page, key=lambda instance: instance.reservation)
    return {
        "reservationSet": [reservation(list(instances), call) for _, instances in by_launch],
        "nextToken": token,
    }


def _page(call: Call, window: Window, tests: list[Test[Instance]]) -> tuple[list[Instance], str | None]:
    """Pages begin at the place of an instance, so that they stay right while others come and go."""
    candidates = call.region.from_place(window.start)
    if window.limit is None:
        return passing(candidates, tests), None
    fitting = (instance for instance in candidates if all(test(instance) for test in tests))
    page = list(islice(fitting, window.limit))
    following = next(fitting, None)
    return page, window.token(following.place) if following else None


def readers(call: Call) -> Mapping[str, Callable[[Instance], Iterable[Any]]]:
    """What the filters on instances compare."""

    def state(instance: Instance) -> str:
        return instance.state(call.now)

    return {
        "instance-id": lambda i: [i.id],
        "instance-state-name": lambda i: [state(i)],
        "instance-state-code": lambda i: [CODES[state(i)]],
        "instance-type": lambda i: [i.size],
        "image-id": lambda i: [i.image.id],
        "architecture": lambda i: [i.image.arch],
        "platform": lambda i: [i.image.platform],
        "availability-zone": lambda i: [i.subnet.zone],
        "subnet-id": lambda i: [i.subnet.id],
        "vpc-id": lambda i: [i.subnet.vpc],
        "ip-address": lambda i: [i.public_ip] if state(i) == "running" else [],
        "private-ip-address": lambda i: [] if state(i) == "terminated" else [i.private_ip],
        "network-interface.ipv6-addresses.ipv6-address": lambda i: i.v6,
        "key-name": lambda i: [i.key],
        "client-token": lambda i: [i.token],
        "reservation-id": lambda i: [i.reservation],
        "owner-id": lambda i: [OWNER],
        "instance.group-id": lambda i: [group.id for group in i.groups],
        "instance.group-name": lambda i: [group.name for group in i.groups],
        "tag-key": lambda i: i.tags,
        "tag:": lambda i: i.tags.items(),
    }


def reservation(instances: Sequence[Instance], call: Call) -> Body:
    """What was launched together."""
    return {
        "reservationId": instances[0].reservation,
        "ownerId": OWNER,
        "groupSet": [],
        "instancesSet": [_shown(instance, call) for instance in instances],
    }


def _shown(instance: Instance, call: Call) -> Xml:
    """The instance as XML, made once for each state that somebody looks at."""
    state = instance.state(call.now)
    if instance.rendered is None or instance.rendered[0] != state:
        instance.rendered = state, render(_body(instance, state, call.region.name))
    return instance.rendered[1]


def _body(instance: Instance, state: str, region: str) -> Body:
    image = instance.image
    return {
        "instanceId": instance.id,
        "imageId": image.id,
        "instanceState": state_element(state),
        **(_no_names() if state == "terminated" else _addresses(instance, state, region)),
        "reason": instance.reason[1] if instance.reason else "",
        "stateReason": _reason(instance),
        "keyName": instance.key,
        "amiLaunchIndex": instance.index,
        "productCodes": [],
        "instanceType": instance.size,
        "launchTime": instance.launched,
        "placement": {"availabilityZone": instance.subnet.zone, "groupName": "", "tenancy": "default"},
        "platform": image.platform,
        "platformDetails": "Windows" if image.platform else "Linux/UNIX",
        "monitoring": {"state": "disabled"},
        "architecture": image.arch,
        "rootDeviceType": "ebs",
        "rootDeviceName": image.device,
        "blockDeviceMapping": [] if state == "terminated" else [_disk(instance)],
        "virtualizationType": "hvm",
        "clientToken": instance.token or "",
        "tagSet": tag_set(instance.tags),
        "hypervisor": "xen",
        "iamInstanceProfile": _profile(instance),
        "ebsOptimized": False,
        "enaSupport": True,
    }


def state_element(name: str) -> Body:
    """A state by its code and its name."""
    return {"code": CODES[name], "name": name}


def _no_names() -> Body:
    return {"privateDnsName": "", "dnsName": "", "groupSet": [], "networkInterfaceSet": []}


def _addresses(instance: Instance, state: str, region: str) -> Body:
    """A public IPv4 address is there only while the instance runs; the others stay until it is terminated."""
    public = instance.public_ip if state == "running" else None
    groups = [{"groupId": group.id, "groupName": group.name} for group in instance.groups]
    return {
        "privateDnsName": geography.private_dns(instance.private_ip, region),
        "dnsName": geography.public_dns(public, region) if public else "",
        "subnetId": instance.subnet.id,
        "vpcId": instance.subnet.vpc,
        "privateIpAddress": instance.private_ip,
        "ipAddress": public,
        "ipv6Address": instance.v6[0] if instance.v6 else None,
        "sourceDestCheck": True,
        "groupSet": groups,
        "networkInterfaceSet": [_interface(instance, public, region, groups)],
    }


def _interface(instance: Instance, public: str | None, region: str, groups: Sequence[Body]) -> Body:
    private_dns = geography.private_dns(instance.private_ip, region)
    association = {
        "publicIp": public,
        "publicDnsName": geography.public_dns(public, region) if public else None,
        "ipOwnerId": "amazon",
    }
    primary = {
        "privateIpAddress": instance.private_ip,
        "privateDnsName": private_dns,
        "primary": True,
        "association": association if public else None,
    }
    return {
        "networkInterfaceId": "eni-" + instance.id[2:],
        "subnetId": instance.subnet.id,
        "vpcId": instance.subnet.vpc,
        "ownerId": OWNER,
        "status": "in-use",
        "macAddress": ":".join(["02", *(instance.id[-10:][i : i + 2] for i in range(0, 10, 2))]),
        "privateIpAddress": instance.private_ip,
        "privateDnsName": private_dns,
        "sourceDestCheck": True,
        "groupSet": groups,
        "attachment": {
            "attachmentId": "eni-attach-" + instance.id[2:],
            "deviceIndex": 0,
            "status": "attached",
            "attachTime": instance.launched,
            "deleteOnTermination": True,
        },
        "association": association if public else None,
        "privateIpAddressesSet": [primary],
        "ipv6AddressesSet": [{"ipv6Address": address} for address in instance.v6],
    }


def _disk(instance: Instance) -> Body:
    ebs = {
        "volumeId": "vol-" + instance.id[2:],
        "status": "attached",
        "attachTime": instance.launched,
        "deleteOnTermination": True,
    }
    return {"deviceName": instance.image.device, "ebs": ebs}


def _reason(instance: Instance) -> Body | None:
    if instance.reason is None:
        return None
    code, message = instance.reason
    return {"code": code, "message": f"{code}: {message}"}


def _profile(instance: Instance) -> Body | None:
    if instance.profile is None:
        return None
    arn = f"arn:aws:iam::{OWNER}:instance-profile/{instance.profile}"
    return {"arn": arn, "id": "AIPA" + instance.id[2:].upper()}


# Changing


def _named(call: Call) -> list[Instance]:
    """The instances whose ids were sent. Raises Refusal if one of them is not there, or none was sent."""
    wanted = call.params.values("InstanceId")
    if not wanted:
        raise missing("InstanceId")
    return chosen(wanted, call.region.instances, IDS.unknown)


def _changed(call: Call, instances: Sequence[Instance], act: Callable[[Call, Instance], None]) -> Body:
    """Do the same to all, and tell what they were and are."""
    call.proceed()
    before = [instance.state(call.now) for instance in instances]
    for instance in instances:
        act(call, instance)
        instance.rendered = None
    return {
        "instancesSet": [
            {
                "instanceId": instance.id,
                "currentState": state_element(instance.state(call.now)),
                "previousState": state_element(previous),
            }
            for instance, previous in zip(instances, before, strict=True)
        ]
    }


def require(call: Call, instances: Iterable[Instance], states: str, deed: str) -> None:
    """Raises Refusal if one of the instances is in another state than these."""
    for instance in instances:
        if instance.state(call.now) not in states.split():
            what = f"The instance '{instance.id}' is not in a state from which it can be {deed}."
            raise Refusal("IncorrectInstanceState", what)


def start_instances(call: Call) -> Body:
    """StartInstances: what runs already stays as it is."""
    instances = _named(call)
    require(call, instances, "stopped running pending", "started")
    return _changed(call, instances, _start)


def _start(call: Call, instance: Instance) -> None:
    if instance.state(call.now) == "stopped":
        instance.phases.begin("pending", then="running", at=call.after(call.boot))
        instance.public_ip = call.world.take_address() if instance.outward else None
        instance.launched, instance.reason = call.now, None


def stop_instances(call: Call) -> Body:
    """StopInstances: what is stopped already stays as it is. The public address is lost."""
    call.params.accept("Force", "SkipOsShutdown", "Hibernate")
    instances = _named(call)
    require(call, instances, "running stopping stopped", "stopped")
    return _changed(call, instances, _stop)


def _stop(call: Call, instance: Instance) -> None:
    if instance.state(call.now) == "running":
        _leave(call, instance, "stopping", "stopped")


def terminate_instances(call: Call) -> Body:
    """TerminateInstances, from any state; what is terminated already stays so."""
    call.params.accept("Force", "SkipOsShutdown")
    instances = _named(call)
    for instance in instances:
        if instance.protected and instance.state(call.now) != "terminated":
            what = f"The instance '{instance.id}' may not be terminated. Modify its 'disableApiTermination'."
            raise Refusal("OperationNotPermitted", what)
    return _changed(call, instances, _terminate)


def _terminate(call: Call, instance: Instance) -> None:
    if instance.state(call.now) not in {"shutting-down", "terminated"}:
        _leave(call, instance, "shutting-down", "terminated")
        instance.subnet.released.append(instance.private_ip)
        call.region.bury(instance, call.after(call.boot * OTHER_CHANGES))


def _leave(call: Call, instance: Instance, first: str, then: str) -> None:
    instance.phases.begin(first, then=then, at=call.after(call.boot * OTHER_CHANGES))
    instance.public_ip, instance.reason = None, USER_INITIATED


def reboot_instances(call: Call) -> Body:
    """RebootInstances: they run all the while, as far as EC2 says."""
    instances = _named(call)
    require(call, instances, "running", "rebooted")
    call.proceed()
    return {"return": True}


ACTIONS: Mapping[str, Callable[[Call], Body]] = {
    "DescribeInstances": describe_instances,
    "StartInstances": start_instances,
    "StopInstances": stop_instances,
    "RebootInstances": reboot_instances,
    "TerminateInstances": terminate_instances,
}
