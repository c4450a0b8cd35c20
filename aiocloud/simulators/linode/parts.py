"""An instance's addresses, disks and configuration profiles."""

from __future__ import annotations

from typing import TypeVar

from aiocloud.simulators.linode.instances import find
from aiocloud.simulators.linode.wire import Call, Json, Problem, RejectedError, listing, not_found, stamp
from aiocloud.simulators.linode.world import Config, Disk, Instance, World

Thing = TypeVar("Thing", Disk, Config)

DEVICES = tuple(f"sd{letter}" for letter in "abcdefgh")


def addresses(world: World, call: Call) -> Json:
    """All addresses of an instance, by kind; not a page but an object."""
    instance = find(world, call)
    link_local = "fe80::" + instance.ipv6.rpartition("::")[2]
    return {
        "ipv4": {
            "public": [_ipv4(instance, address, public=True) for address in instance.ipv4],
            "private": [_ipv4(instance, address, public=False) for address in instance.private_ipv4],
            "shared": [],
            "reserved": [],
            "vpc": [],
        },
        "ipv6": {
            "slaac": _ipv6(instance, instance.ipv6, public=True),
            "link_local": _ipv6(instance, link_local, public=False),
            "global": [],
        },
    }


def add_address(world: World, call: Call) -> Json:
    """One more IPv4 address. There is at most one private one."""
    instance, public = find(world, call), bool(call.body.get("public"))
    if call.body.get("type") != "ipv4":
        raise RejectedError(400, Problem("type is not valid", "type"))
    if not public and instance.private_ipv4:
        raise RejectedError(400, Problem("This Linode has a private address already."))
    address = world.public_ipv4() if public else world.private_ipv4()
    (instance.ipv4 if public else instance.private_ipv4).append(address)
    return _ipv4(instance, address, public=public)


def delete_address(world: World, call: Call) -> Json:
    """Give an IPv4 address back. The last public one stays."""
    instance, address = find(world, call), call.ids[1]
    if instance.ipv4 == [address]:
        raise RejectedError(400, Problem("A Linode must have at least one public address."))
    for held in (instance.ipv4, instance.private_ipv4):
        if address in held:
            held.remove(address)
            return {}
    raise not_found()


def disks(world: World, call: Call) -> Json:
    """The disks of an instance."""
    return listing(call, find(world, call).disks, _disk)


def disk(world: World, call: Call) -> Json:
    """One disk."""
    return _disk(_pick(find(world, call).disks, call.ids[1]))


def configs(world: World, call: Call) -> Json:
    """The configuration profiles of an instance."""
    return listing(call, find(world, call).configs, _config)


def config(world: World, call: Call) -> Json:
    """One configuration profile."""
    return _config(_pick(find(world, call).configs, call.ids[1]))


def _pick(things: list[Thing], id_: str) -> Thing:
    for thing in things:
        if str(thing.id) == id_:
            return thing
    raise not_found()


def _ipv4(instance: Instance, address: str, *, public: bool) -> Json:
    network, _, _ = address.rpartition(".")
    return {
        "address": address,
        "gateway": f"{network}.1" if public else None,
        "subnet_mask": "255.255.255.0" if public else "255.255.128.0",
        "prefix": 24 if public else 17,
        "type": "ipv4",
        "public": public,
        "rdns": None,
        "linode_id": instance.id,
        "region": instance.region,
        "vpc_nat_1_1": None,
        "reserved": False,
        "tags": [],
    }


def _ipv6(instance: Instance, address: str, *, public: bool) -> Json:
    return {
        "address": address,
        "gateway": "fe80::1",
        "subnet_mask": "ffff:ffff:ffff:ffff::",
        "prefix": 64,
        "type": "ipv6",
        "public": public,
        "rdns": None,
        "linode_id": instance.id,
        "region": instance.region,
    }


def _disk(disk: Disk) -> Json:
    at = stamp(disk.created)
    return {
        "id": disk.id,
        "label": disk.label,
        "status": "ready",
        "size": disk.size,
        "filesystem": disk.filesystem,
        "disk_encryption": "enabled",
        "created": at,
        "updated": at,
    }


def _config(config: Config) -> Json:
    devices = {
        name: {"disk_id": config.devices[name], "volume_id": None} if name in config.devices else None
        for name in DEVICES
    }
    return {
        "id": config.id,
        "label": config.label,
        "comments": "",
        "kernel": config.kernel,
        "root_device": "/dev/sda",
        "run_level": "default",
        "virt_mode": "paravirt",
        "memory_limit": 0,
        "devices": devices,
        "interfaces": [],
    }
