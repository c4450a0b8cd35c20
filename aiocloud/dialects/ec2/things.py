"""What EC2 has beside machines: security groups, elastic addresses, networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiocloud.dialects.ec2.shapes import tags
from aiocloud.mapping import Shape, at
from aiocloud.models import NOTHING
from aiocloud.values import FrozenMap


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a security group lets through: `protocol` ("tcp", "udp", "icmp", "-1" for all), ports, one peer.

    The peer is `cidr` (IPv4 or IPv6) or `group`, the id of a security group. For ICMP, the ports are type and code,
    -1 for all; for all protocols there are none.
    """

    protocol: str = "tcp"
    from_port: int | None = None
    to_port: int | None = None
    cidr: str | None = None
    group: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """A security group, and what it lets in. `location` is its region."""

    id: str
    name: str
    description: str = ""
    vpc: str | None = None
    rules: tuple[Rule, ...] = ()
    tags: FrozenMap[str] = NOTHING
    location: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An elastic address: `id` is its allocation, `association` what ties it to `node`."""

    id: str
    ip: str
    node: str | None = None
    association: str | None = None
    tags: FrozenMap[str] = NOTHING
    location: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vpc:
    """A private network."""

    id: str
    cidr: str
    default: bool = False
    tags: FrozenMap[str] = NOTHING
    location: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """The part of a private network in one zone; `free` is the number of addresses left."""

    id: str
    vpc: str
    cidr: str | None = None
    zone: str | None = None
    free: int | None = None
    public: bool = False
    """Whether nodes get a public IPv4 address there unless they ask for none."""
    tags: FrozenMap[str] = NOTHING
    location: str = ""
    extra: FrozenMap[Any] = field(default=NOTHING, repr=False, compare=False)


def _rules(permissions: list[Mapping[str, Any]]) -> tuple[Rule, ...]:
    return tuple([rule for permission in permissions for rule in _each(permission)])


def _each(permission: Mapping[str, Any]) -> Iterator[Rule]:
    """One rule for each peer of a permission."""
    first, last = _number(permission.get("fromPort")), _number(permission.get("toPort"))
    peers = {"ipRanges": ("cidr", "cidrIp"), "ipv6Ranges": ("cidr", "cidrIpv6"), "groups": ("group", "groupId")}
    for place, (kind, name) in peers.items():
        for peer in permission.get(place) or ():
            yield Rule(
                protocol=permission["ipProtocol"],
                from_port=first,
                to_port=last,
                cidr=peer.get(name) if kind == "cidr" else None,
                group=peer.get(name) if kind == "group" else None,
                description=peer.get("description"),
            )


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _true(text: str) -> bool:
    return text == "true"


def permission(rule: Rule) -> dict[str, Any]:
    """A rule as the API wants it."""
    about = {"Description": rule.description}
    peers: dict[str, Any] = {}
    if rule.cidr is not None:
        wide = ":" in rule.cidr
        peers["Ipv6Ranges" if wide else "IpRanges"] = [{"CidrIpv6" if wide else "CidrIp": rule.cidr, **about}]
    if rule.group is not None:
        peers["Groups"] = [{"GroupId": rule.group, **about}]
    return {"IpProtocol": rule.protocol, "FromPort": rule.from_port, "ToPort": rule.to_port, **peers}


GROUP = Shape(
    SecurityGroup,
    id=at("groupId"),
    name=at("groupName"),
    description=at("groupDescription"),
    vpc=at("vpcId"),
    rules=at("ipPermissions", _rules),
    tags=tags,
)
ADDRESS = Shape(
    Address,
    id=lambda payload: payload.get("allocationId") or payload["publicIp"],
    ip=at("publicIp"),
    node=at("instanceId"),
    association=at("associationId"),
    tags=tags,
)
VPC = Shape(Vpc, id=at("vpcId"), cidr=at("cidrBlock"), default=at("isDefault", _true), tags=tags)
SUBNET = Shape(
    Subnet,
    id=at("subnetId"),
    vpc=at("vpcId"),
    cidr=at("cidrBlock"),
    zone=at("availabilityZone"),
    free=at("availableIpAddressCount", int),
    public=at("mapPublicIpOnLaunch", _true),
    tags=tags,
)
