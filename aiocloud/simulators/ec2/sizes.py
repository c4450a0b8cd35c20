"""Instance types: those that the shipped catalogue lists for the region."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiocloud.pricing.catalogue import CatalogueSize
from aiocloud.simulators.ec2.select import Window, chosen, filters, passing
from aiocloud.simulators.ec2.wire import Body, Refusal, bad_value
from aiocloud.simulators.ec2.world import Call, World

PREVIOUS = frozenset(
    ["a1", "c1", "c3", "cc2", "cr1", "d2", "g2", "hs1", "i2", "m1", "m2", "m3", "r3", "t1"],
)
"""The families that AWS's price list does not call current."""

XEN = PREVIOUS - {"a1"} | frozenset(["c4", "f1", "g3", "g3s", "h1", "i3", "m4", "p2", "p3", "r4", "t2", "x1", "x1e"])
"""The families that run on the older hypervisor."""

FREE = frozenset({"t2.micro", "t3.micro"})


def family(size: str) -> str:
    """What stands before the dot."""
    return size.partition(".")[0]


READERS: Mapping[str, Any] = {
    "instance-type": lambda size: [size.id],
    "current-generation": lambda size: [family(size.id) not in PREVIOUS],
    "bare-metal": lambda size: [is_metal(size)],
    "hypervisor": lambda size: [_hypervisor(size)],
    "burstable-performance-supported": lambda size: [_burstable(size)],
    "free-tier-eligible": lambda size: [size.id in FREE],
    "instance-storage-supported": lambda size: [size.disk and size.disk > 0],
    "memory-info.size-in-mib": lambda size: [size.ram],
    "vcpu-info.default-vcpus": lambda size: [size.vcpus],
    "processor-info.supported-architecture": lambda size: [size.arch],
    "supported-usage-class": lambda size: ["on-demand"],
    "supported-virtualization-type": lambda size: ["hvm"],
}

OFFERING_READERS: Mapping[str, Any] = {
    "instance-type": lambda offering: [offering["instanceType"]],
    "location": lambda offering: [offering["location"]],
}


def on_offer(world: World, region: str) -> dict[str, CatalogueSize]:
    """The sizes that can be had in a region."""
    return {size.id: size for size in world.catalogue.in_region(region)}


def orderable(world: World, region: str, name: str) -> CatalogueSize:
    """The size with that name. Raises Refusal when there is none, or none in the region."""
    size = world.catalogue.sizes.get(name)
    if size is None:
        raise bad_value("InstanceType", name)
    if name not in on_offer(world, region):
        what = f"Your requested instance type ({name}) is not supported in your requested region ({region})."
        raise Refusal("Unsupported", what)
    return size


def describe_instance_types(call: Call) -> Body:
    """DescribeInstanceTypes, in pages of 5 to 100; without a limit, of 100."""
    call.params.accept("IncludeUnsupportedInRegion")
    window = Window.of(call.action, call.params, highest=100)
    wanted = call.params.values("InstanceType")
    window.forbid_with(wanted, "InstanceTypes")
    found = chosen(wanted, on_offer(call.world, call.region.name), _no_type)
    tests = filters(call.params, READERS)
    call.proceed()
    page, token = Window(window.action, window.start, window.limit or 100).cut(passing(found, tests))
    return {"instanceTypeSet": [_size(size) for size in page], "nextToken": token}


def _no_type(name: str) -> Refusal:
    return Refusal("InvalidInstanceType", f"The following supplied instance types do not exist: [{name}]")


def _size(size: CatalogueSize) -> Body:
    return {
        "instanceType": size.id,
        "currentGeneration": family(size.id) not in PREVIOUS,
        "freeTierEligible": size.id in FREE,
        "supportedUsageClasses": ["on-demand"],
        "supportedRootDeviceTypes": ["ebs"],
        "supportedVirtualizationTypes": ["hvm"],
        "bareMetal": is_metal(size),
        "hypervisor": _hypervisor(size),
        "processorInfo": {"supportedArchitectures": [size.arch] if size.arch else []},
        "vCpuInfo": None if size.vcpus is None else {"defaultVCpus": size.vcpus},
        "memoryInfo": None if size.ram is None else {"sizeInMiB": size.ram},
        **_storage(size),
        "burstablePerformanceSupported": _burstable(size),
    }


def _storage(size: CatalogueSize) -> Body:
    if size.disk is None:
        return {}
    return {
        "instanceStorageSupported": size.disk > 0,
        "instanceStorageInfo": {"totalSizeInGB": size.disk} if size.disk else None,
    }


def is_metal(size: CatalogueSize) -> bool:
    """Whether the size is a whole machine without a hypervisor."""
    return ".metal" in size.id


def _hypervisor(size: CatalogueSize) -> str | None:
    if is_metal(size):
        return None
    return "xen" if family(size.id) in XEN else "nitro"


def _burstable(size: CatalogueSize) -> bool:
    return re.match(r"t\d", size.id) is not None


def describe_instance_type_offerings(call: Call) -> Body:
    """DescribeInstanceTypeOfferings: every zone of a region offers all that the region does."""
    window = Window.of(call.action, call.params)
    kind = call.params.text("LocationType") or "region"
    tests = filters(call.params, OFFERING_READERS)
    places = {"region": [call.region.name], "availability-zone": call.region.zones}.get(kind)
    if places is None:
        raise bad_value("LocationType", kind)
    call.proceed()
    offerings = [
        {"instanceType": name, "locationType": kind, "location": place}
        for name in on_offer(call.world, call.region.name)
        for place in places
    ]
    page, token = window.cut(passing(offerings, tests))
    return {"instanceTypeOfferingSet": page, "nextToken": token}
