"""Regions, zones, and the networks in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.simulators.ec2 import geography
from aiocloud.simulators.ec2.select import Ids, Window, chosen, filters, passing
from aiocloud.simulators.ec2.tags import tag_set
from aiocloud.simulators.ec2.wire import Body, Refusal
from aiocloud.simulators.ec2.world import OWNER, Call, Subnet, Vpc, World

SUBNETS = Ids("subnet-", "InvalidSubnetID", "The subnet ID", malformed="InvalidSubnetId.Malformed")
VPCS = Ids("vpc-", "InvalidVpcID", "The vpc ID", malformed="InvalidVpcId.Malformed")

REGION_READERS: Mapping[str, Any] = {
    "region-name": lambda region: [region["regionName"]],
    "endpoint": lambda region: [region["regionEndpoint"]],
    "opt-in-status": lambda region: [region["optInStatus"]],
}

ZONE_READERS: Mapping[str, Any] = {
    "zone-name": lambda zone: [zone["zoneName"]],
    "zone-id": lambda zone: [zone["zoneId"]],
    "zone-type": lambda zone: [zone["zoneType"]],
    "region-name": lambda zone: [zone["regionName"]],
    "group-name": lambda zone: [zone["groupName"]],
    "state": lambda zone: [zone["zoneState"]],
    "opt-in-status": lambda zone: [zone["optInStatus"]],
}

VPC_READERS: Mapping[str, Any] = {
    "vpc-id": lambda vpc: [vpc.id],
    "cidr": lambda vpc: [vpc.cidr],
    "state": lambda vpc: ["available"],
    "owner-id": lambda vpc: [OWNER],
    "is-default": lambda vpc: [vpc.default],
    "isDefault": lambda vpc: [vpc.default],
    "tag-key": lambda vpc: vpc.tags,
    "tag:": lambda vpc: vpc.tags.items(),
}

SUBNET_READERS: Mapping[str, Any] = {
    "subnet-id": lambda subnet: [subnet.id],
    "vpc-id": lambda subnet: [subnet.vpc],
    "cidr-block": lambda subnet: [subnet.cidr],
    "state": lambda subnet: ["available"],
    "availability-zone": lambda subnet: [subnet.zone],
    "availability-zone-id": lambda subnet: [geography.zone_id(subnet.zone)],
    "default-for-az": lambda subnet: [subnet.default],
    "tag-key": lambda subnet: subnet.tags,
    "tag:": lambda subnet: subnet.tags.items(),
}


def describe_regions(call: Call) -> Body:
    """DescribeRegions: those of the caller's partition, and of them only the usable unless `AllRegions`."""
    everything = call.params.flag("AllRegions")
    wanted = call.params.values("RegionName")
    tests = filters(call.params, REGION_READERS)
    call.proceed()
    here = geography.partition(call.region.name)
    known = {n: _region(call.world, n) for n in call.world.names if geography.partition(n) == here}
    found = [r for r in chosen(wanted, known, _no_region) if everything or call.world.may_use(r["regionName"])]
    return {"regionInfo": passing(found, tests)}


def _region(world: World, name: str) -> dict[str, Any]:
    status = "opt-in-not-required"
    if geography.opt_in_required(name):
        status = "opted-in" if world.may_use(name) else "not-opted-in"
    return {"regionName": name, "regionEndpoint": geography.host(name), "optInStatus": status}


def _no_region(name: str) -> Refusal:
    return Refusal("InvalidParameterValue", f"Invalid region: [{name}]")


def describe_availability_zones(call: Call) -> Body:
    """DescribeAvailabilityZones: there are no local or wavelength zones in this world."""
    call.params.accept("AllAvailabilityZones")
    names, ids = call.params.values("ZoneName"), call.params.values("ZoneId")
    tests = filters(call.params, ZONE_READERS)
    call.proceed()
    by_name = {zone: _zone(call.region.name, zone) for zone in call.region.zones}
    by_id = {zone["zoneId"]: zone for zone in by_name.values()}
    found = chosen(ids, by_id, no_zone) if ids else chosen(names, by_name, no_zone)
    return {"availabilityZoneInfo": passing(found, tests)}


def no_zone(name: str) -> Refusal:
    """There is no such zone in this region."""
    return Refusal("InvalidParameterValue", f"Invalid availability zone: [{name}]")


def _zone(region: str, zone: str) -> dict[str, Any]:
    return {
        "zoneName": zone,
        "zoneState": "available",
        "regionName": region,
        "zoneId": geography.zone_id(zone),
        "groupName": region,
        "networkBorderGroup": region,
        "zoneType": "availability-zone",
        "optInStatus": "opt-in-not-required",
        "messageSet": [],
    }


def describe_vpcs(call: Call) -> Body:
    """DescribeVpcs, in pages."""
    window = Window.of(call.action, call.params)
    found = chosen(call.params.values("VpcId"), call.region.vpcs, VPCS.unknown)
    tests = filters(call.params, VPC_READERS)
    call.proceed()
    page, token = window.cut(passing(found, tests))
    return {"vpcSet": [_vpc(vpc) for vpc in page], "nextToken": token}


def _vpc(vpc: Vpc) -> Body:
    return {
        "vpcId": vpc.id,
        "ownerId": OWNER,
        "state": "available",
        "cidrBlock": vpc.cidr,
        "instanceTenancy": "default",
        "isDefault": vpc.default,
        "tagSet": tag_set(vpc.tags),
    }


def describe_subnets(call: Call) -> Body:
    """DescribeSubnets, in pages."""
    window = Window.of(call.action, call.params)
    found = chosen(call.params.values("SubnetId"), call.region.subnets, SUBNETS.unknown)
    tests = filters(call.params, SUBNET_READERS)
    call.proceed()
    page, token = window.cut(passing(found, tests))
    return {"subnetSet": [_subnet(subnet) for subnet in page], "nextToken": token}


def _subnet(subnet: Subnet) -> Body:
    return {
        "subnetId": subnet.id,
        "state": "available",
        "vpcId": subnet.vpc,
        "ownerId": OWNER,
        "cidrBlock": subnet.cidr,
        "availableIpAddressCount": subnet.free,
        "availabilityZone": subnet.zone,
        "availabilityZoneId": geography.zone_id(subnet.zone),
        "defaultForAz": subnet.default,
        "mapPublicIpOnLaunch": subnet.default,
        "tagSet": tag_set(subnet.tags),
    }
