"""RunInstances: what was ordered, checked before anything is made."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from ipaddress import IPv4Network
from typing import TypeVar

from aiocloud.simulators.base import Phases
from aiocloud.simulators.ec2 import groups, images, keys, places, sizes
from aiocloud.simulators.ec2.instances import reservation
from aiocloud.simulators.ec2.select import chosen
from aiocloud.simulators.ec2.tags import specified
from aiocloud.simulators.ec2.wire import Body, Params, Refusal, bad_value, missing
from aiocloud.simulators.ec2.world import (
    Call,
    Group,
    Image,
    Instance,
    Launch,
    Region,
    Subnet,
    World,
    new_id,
)

T = TypeVar("T")

USER_DATA_LIMIT = 16_384
DEFAULT_SIZE = "m1.small"
OTHER_RESOURCES = ("volume", "network-interface")

WITHOUT_EFFECT = [
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "EbsOptimized",
    "EnclaveOptions",
    "HibernationOptions",
    "InstanceInitiatedShutdownBehavior",
    "KernelId",
    "MaintenanceOptions",
    "MetadataOptions",
    "Monitoring",
    "PrivateDnsNameOptions",
    "RamdiskId",
]
"""Parameters that are accepted and change nothing here."""

EBS = ["DeleteOnTermination", "Encrypted", "Iops", "KmsKeyId", "SnapshotId", "Throughput", "VolumeSize", "VolumeType"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to make `count` times."""

    count: int
    size: str
    image: Image
    subnet: Subnet
    groups: list[Group]
    outward: bool = True
    v6: int = 0
    key: str | None = None
    token: str | None = None
    user_data: str | None = None
    public_key: str | None = None
    profile: str | None = None
    protected: bool = False
    tags: dict[str, str] = field(default_factory=dict)


def run_instances(call: Call) -> Body:
    """RunInstances: the same client token with the same parameters makes nothing new."""
    parameters = frozenset((name, value) for name, value in call.pairs.items() if name != "DryRun")
    earlier = call.region.launches.get(call.pairs.get("ClientToken", ""))
    if earlier is not None:
        return _again(call, earlier, parameters)
    order = _order(call)
    call.proceed()
    made = launch(call.world, call.region, order, call.now)
    for instance in made:
        instance.phases.begin("pending", then="running", at=call.after(call.boot))
    if order.token:
        call.region.launches[order.token] = Launch(parameters=parameters, instances=made)
    return reservation(made, call)


def _again(call: Call, earlier: Launch, parameters: frozenset[tuple[str, str]]) -> Body:
    if parameters != earlier.parameters:
        what = (
            "The client token you have provided is associated with a resource that was created with"
            " other parameters: client tokens must be unique."
        )
        raise Refusal("IdempotentParameterMismatch", what)
    if any(instance.state(call.now) == "terminated" for instance in earlier.instances):
        what = "The client token belongs to a request whose instance has been terminated."
        raise Refusal("IdempotentInstanceTerminated", what)
    return reservation(earlier.instances, call)


def launch(world: World, region: Region, order: Order, now: datetime) -> list[Instance]:
    """Make the instances of an order, running from the start."""
    reservation_id = new_id("r")
    made = [_instance(world, order, now, reservation_id, index) for index in range(order.count)]
    for instance in made:
        region.add(instance)
    return made


def _instance(world: World, order: Order, now: datetime, reservation_id: str, index: int) -> Instance:
    return Instance(
        id=new_id("i"),
        place=0,
        reservation=reservation_id,
        index=index,
        size=order.size,
        image=order.image,
        subnet=order.subnet,
        groups=list(order.groups),
        launched=now,
        phases=Phases("running"),
        private_ip=order.subnet.take(),
        public_ip=world.take_address() if order.outward else None,
        outward=order.outward,
        v6=tuple(order.subnet.take_v6() for _ in range(order.v6)),
        key=order.key,
        token=order.token,
        user_data=order.user_data,
        public_key=order.public_key,
        profile=order.profile,
        protected=order.protected,
        tags=dict(order.tags),
    )


# Reading the order


def _order(call: Call) -> Order:
    params, region = call.params, call.region
    params.accept(*WITHOUT_EFFECT)
    _accept_disks(params)
    count = _count(params)
    image = _image(params, region)
    size = _size(call, image)
    interface = _interface(params)
    subnet, key = _subnet(params, interface, region), _key(params, region)
    if subnet.free < count:
        what = f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the request."
        raise Refusal("InsufficientFreeAddressesInSubnet", what)
    return Order(
        count=count,
        size=size,
        image=image,
        subnet=subnet,
        groups=_groups(params, interface, subnet, region),
        outward=_outward(interface, subnet),
        v6=(params.integer("Ipv6AddressCount") or 0) + (interface.integer("Ipv6AddressCount") or 0),
        key=key,
        token=_token(params),
        user_data=_user_data(params),
        public_key=region.keys[key].public if key else None,
        profile=_profile(params),
        protected=params.flag("DisableApiTermination"),
        tags=specified(params, "instance", OTHER_RESOURCES),
    )


def _count(params: Params) -> int:
    least, most = params.integer("MinCount"), params.integer("MaxCount")
    if least is None or most is None:
        raise missing("MinCount" if least is None else "MaxCount")
    if not 1 <= least <= most:
        raise bad_value("MinCount", str(least), "It must be at least 1 and at most MaxCount.")
    return most


def _image(params: Params, region: Region) -> Image:
    return chosen([params.required("ImageId")], region.images, images.unknown)[0]


def _size(call: Call, image: Image) -> str:
    name = call.params.text("InstanceType") or DEFAULT_SIZE
    size = sizes.orderable(call.world, call.region.name, name)
    if size.arch not in {None, image.arch}:
        what = (
            f"The architecture '{size.arch}' of the specified instance type does not match the architecture"
            f" '{image.arch}' of the specified AMI."
        )
        raise Refusal("InvalidParameterValue", what)
    return name


def _interface(params: Params) -> Params:
    interfaces = params.each("NetworkInterface")
    if not interfaces:
        return Params({})
    interfaces[0].accept("DeviceIndex", "DeleteOnTermination", "Description")
    return interfaces[0]


def _subnet(params: Params, interface: Params, region: Region) -> Subnet:
    placement = params.within("Placement")
    placement.accept("Tenancy", "GroupName")
    zone = placement.text("AvailabilityZone")
    if zone and zone not in region.zones:
        raise places.no_zone(zone)
    wanted = params.text("SubnetId") or interface.text("SubnetId")
    if not wanted:
        candidates = [s for s in region.subnets.values() if s.default and zone in {None, s.zone}]
        return max(candidates, key=lambda subnet: subnet.free)
    (subnet,) = chosen([wanted], region.subnets, places.SUBNETS.unknown)
    if zone not in {None, subnet.zone}:
        raise Refusal("InvalidParameterValue", f"The subnet '{subnet.id}' is not in the availability zone {zone}")
    return subnet


def _groups(params: Params, interface: Params, subnet: Subnet, region: Region) -> list[Group]:
    ids, names = params.values("SecurityGroupId"), params.values("SecurityGroup")
    inner = interface.values("SecurityGroupId")
    if (ids or names) and (inner or interface):
        what = "Network interfaces and an instance-level security groups may not be specified on the same request"
        raise Refusal("InvalidParameterCombination", what)
    found = chosen(ids or inner, region.groups, groups.IDS.unknown) if ids or inner else []
    by_name = {group.name: group for group in region.groups.values() if group.vpc == subnet.vpc}
    found += chosen(names, by_name, groups.no_name) if names else []
    for group in found:
        if group.vpc != subnet.vpc:
            what = f"Security group {group.id} and subnet {subnet.id} belong to different networks."
            raise Refusal("InvalidParameter", what)
    return found or [by_name["default"]]


def _outward(interface: Params, subnet: Subnet) -> bool:
    said = interface.text("AssociatePublicIpAddress")
    return subnet.default if said is None else said == "true"


def _key(params: Params, region: Region) -> str | None:
    name = params.text("KeyName")
    if name and name not in region.keys:
        raise keys.not_found(name)
    return name


def _token(params: Params) -> str | None:
    token = params.text("ClientToken")
    if token and not (len(token) <= 64 and token.isascii()):
        raise bad_value("clientToken", token, "It must be at most 64 ASCII characters long.")
    return token


def _user_data(params: Params) -> str | None:
    text = params.text("UserData")
    if not text:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("InvalidParameterValue", "Invalid BASE64 encoding of user data.") from None
    if len(raw) > USER_DATA_LIMIT:
        raise Refusal("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")
    return text


def _profile(params: Params) -> str | None:
    profile = params.within("IamInstanceProfile")
    name, arn = profile.text("Name"), profile.text("Arn")
    return arn.rpartition("/")[2] if arn else name


def _accept_disks(params: Params) -> None:
    for disk in params.each("BlockDeviceMapping"):
        disk.accept("DeviceName", "VirtualName", "NoDevice")
        disk.within("Ebs").accept(*EBS)


# A world to begin with


def populate(world: World, region: Region, count: int, size: str) -> None:
    """So many running instances, spread over the zones and named by their tags.

    They were launched on the day of the catalogue, so that no world that begins then, or later, is younger.
    """
    launched = datetime.combine(world.catalogue.as_of, time(), UTC)
    arch = sizes.orderable(world, region.name, size).arch or "x86_64"
    image = next(image for image in region.images.values() if image.arch == arch)
    subnets = _roomy_subnets(region, count)
    for number, subnet in zip(range(1, count + 1), subnets, strict=False):
        default = region.group_named("default", subnet.vpc)
        assert default is not None  # noqa: S101 - every network has one
        tags = {"Name": f"node-{number:06d}"}
        order = Order(count=1, size=size, image=image, subnet=subnet, groups=[default], tags=tags)
        launch(world, region, order, launched)


def _roomy_subnets(region: Region, count: int) -> itertools.chain[Subnet]:
    """Subnets in turn, with room for so many more instances; networks are added where there is none."""
    numbers = itertools.count(1)
    while sum(subnet.free for subnet in region.subnets.values()) < count:
        region.add_vpc(IPv4Network(f"10.{next(numbers) + len(region.vpcs)}.0.0/16"), 18)
    rooms = sorted(region.subnets.values(), key=lambda subnet: not subnet.default)
    return _interleaved([[subnet] * subnet.free for subnet in rooms])


def _interleaved(columns: Sequence[Sequence[T]]) -> itertools.chain[T]:
    rows = itertools.zip_longest(*columns)
    return itertools.chain.from_iterable([item for item in row if item is not None] for row in rows)
