"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from itertools import groupby
from typing import Any

from aiocloud.simulators.ec2.places import VPCS
from aiocloud.simulators.ec2.select import Ids, Window, chosen, filters, passing
from aiocloud.simulators.ec2.tags import specified, tag_set
from aiocloud.simulators.ec2.wire import Body, Params, Refusal, bad_value, missing
from aiocloud.simulators.ec2.world import OWNER, Call, Group, Region, Rule, new_id

IDS = Ids("sg-", "InvalidGroup", "The security group", malformed="InvalidGroupId.Malformed")

PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}

PEERS = {
    # a list of peers in a request: the member that names the peer, the kind of rule
    "IpRanges": ("CidrIp", "cidrIp"),
    "Ipv6Ranges": ("CidrIpv6", "cidrIpv6"),
    "Groups": ("GroupId", "groupId"),
    "PrefixListIds": ("PrefixListId", "prefixListId"),
}

SHOWN = {"cidrIp": "ipRanges", "cidrIpv6": "ipv6Ranges", "groupId": "groups", "prefixListId": "prefixListIds"}
RULE_PEERS = {"cidrIp": "cidrIpv4", "cidrIpv6": "cidrIpv6", "prefixListId": "prefixListId"}

READERS: Mapping[str, Any] = {
    "group-id": lambda group: [group.id],
    "group-name": lambda group: [group.name],
    "description": lambda group: [group.description],
    "owner-id": lambda group: [OWNER],
    "vpc-id": lambda group: [group.vpc],
    "ip-permission.cidr": lambda group: _peers(group.ingress, "cidrIp"),
    "ip-permission.from-port": lambda group: [rule.first for rule in group.ingress],
    "ip-permission.to-port": lambda group: [rule.last for rule in group.ingress],
    "ip-permission.protocol": lambda group: [rule.protocol for rule in group.ingress],
    "ip-permission.group-id": lambda group: _peers(group.ingress, "groupId"),
    "tag-key": lambda group: group.tags,
    "tag:": lambda group: group.tags.items(),
}


def _peers(rules: Iterable[Rule], kind: str) -> list[str]:
    return [rule.peer for rule in rules if rule.kind == kind]


def describe_security_groups(call: Call) -> Body:
    """DescribeSecurityGroups, in pages."""
    window = Window.of(call.action, call.params)
    ids, names = call.params.values("GroupId"), call.params.values("GroupName")
    window.forbid_with(ids, "GroupIds")
    found = chosen(ids, call.region.groups, IDS.unknown)
    by_name = {g.name: g for g in found if ids or g.vpc == call.region.default_vpc.id}
    found = chosen(names, by_name, no_name) if names else found
    tests = filters(call.params, READERS)
    call.proceed()
    page, token = window.cut(passing(found, tests))
    return {"securityGroupInfo": [_group(group) for group in page], "nextToken": token}


def no_name(name: str) -> Refusal:
    """There is no group of that name in the default network."""
    return Refusal("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC")


def _group(group: Group) -> Body:
    return {
        "ownerId": OWNER,
        "groupId": group.id,
        "groupName": group.name,
        "groupDescription": group.description,
        "vpcId": group.vpc,
        "ipPermissions": _permissions(group.ingress),
        "ipPermissionsEgress": _permissions(group.egress),
        "tagSet": tag_set(group.tags),
    }


def _permissions(rules: Iterable[Rule]) -> list[Body]:
    """One entry for all the rules with the same protocol and ports."""
    ordered = sorted(rules, key=_ports)
    return [_permission(*ports, list(same)) for ports, same in groupby(ordered, key=_ports)]


def _ports(rule: Rule) -> tuple[str, int, int]:
    none = -2  # icmp uses -1
    return rule.protocol, none if rule.first is None else rule.first, none if rule.last is None else rule.last


def _permission(protocol: str, first: int, last: int, rules: list[Rule]) -> Body:
    ports = {} if protocol == "-1" else {"fromPort": first, "toPort": last}
    peers: dict[str, list[Body]] = {shown: [] for shown in SHOWN.values()}
    for rule in rules:
        owner = {"userId": OWNER} if rule.kind == "groupId" else {}
        peers[SHOWN[rule.kind]].append({**owner, rule.kind: rule.peer, "description": rule.description})
    return {"ipProtocol": protocol, **ports, **peers}


def create_security_group(call: Call) -> Body:
    """CreateSecurityGroup, in the default network unless another is named."""
    name = call.params.required("GroupName")
    description = call.params.required("GroupDescription")
    vpc_id = call.params.text("VpcId") or call.region.default_vpc.id
    tags = specified(call.params, "security-group")
    (vpc,) = chosen([vpc_id], call.region.vpcs, VPCS.unknown)
    if name.startswith("sg-"):
        raise bad_value("groupName", name, "Group names may not be in the format sg-*.")
    if name == "default":
        raise Refusal("InvalidParameterValue", f"Cannot use reserved security group name: {name}")
    if call.region.group_named(name, vpc.id):
        what = f"The security group '{name}' already exists for VPC '{vpc.id}'"
        raise Refusal("InvalidGroup.Duplicate", what)
    call.proceed()
    group = call.region.add_group(name, description, vpc)
    group.tags.update(tags)
    return {"return": True, "groupId": group.id, "tagSet": tag_set(tags)}


def delete_security_group(call: Call) -> Body:
    """DeleteSecurityGroup: not while an instance or another group's rule refers to it."""
    group = _named(call)
    if group.name == "default":
        what = f'the specified group: "{group.id}" name: "default" cannot be deleted by a user'
        raise Refusal("CannotDelete", what)
    if _in_use(call, group):
        raise Refusal("DependencyViolation", f"resource {group.id} has a dependent object")
    call.proceed()
    del call.region.groups[group.id]
    return {"return": True, "groupId": group.id}


def _in_use(call: Call, group: Group) -> bool:
    instances = call.region.instances.values()
    if any(group in i.groups and i.state(call.now) != "terminated" for i in instances):
        return True
    others = [other for other in call.region.groups.values() if other is not group]
    return any(group.id in _peers((*other.ingress, *other.egress), "groupId") for other in others)


def _named(call: Call) -> Group:
    group_id, name = call.params.text("GroupId"), call.params.text("GroupName")
    if group_id:
        return chosen([group_id], call.region.groups, IDS.unknown)[0]
    if not name:
        raise missing("GroupId")
    group = call.region.group_named(name, call.region.default_vpc.id)
    if group is None:
        raise no_name(name)
    return group


def _authorize(call: Call, *, side: str) -> Body:
    """AuthorizeSecurityGroupIngress and …Egress: all the rules, or none."""
    group = _named(call)
    tags = specified(call.params, "security-group-rule")
    rules = _rules(call)
    there = _side(group, side)
    for rule in rules:
        if rule in there or rules.count(rule) > 1:
            raise Refusal("InvalidPermission.Duplicate", f"the specified rule {_worded(rule)} already exists")
    call.proceed()
    there.update({rule: new_id("sgr") for rule in rules})
    shown = [_rule(group, rule, there[rule], side, tags) for rule in rules]
    return {"return": True, "securityGroupRuleSet": shown}


def _revoke(call: Call, *, side: str) -> Body:
    """RevokeSecurityGroupIngress and …Egress: all the rules, or none."""
    group = _named(call)
    there = _side(group, side)
    ids = call.params.values("SecurityGroupRuleId")
    by_id = {rule_id: rule for rule, rule_id in there.items()}
    rules = chosen(ids, by_id, _no_rule) if ids else _rules(call)
    for rule in rules:
        if rule not in there:
            what = f"The specified rule {_worded(rule)} does not exist in this security group."
            raise Refusal("InvalidPermission.NotFound", what)
    call.proceed()
    for rule in rules:
        there.pop(rule, None)
    return {"return": True}


authorize_ingress = partial(_authorize, side="ingress")
authorize_egress = partial(_authorize, side="egress")
revoke_ingress = partial(_revoke, side="ingress")
revoke_egress = partial(_revoke, side="egress")


def _side(group: Group, side: str) -> dict[Rule, str]:
    return group.egress if side == "egress" else group.ingress


def _no_rule(name: str) -> Refusal:
    return Refusal("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{name}' does not exist")


def _worded(rule: Rule) -> str:
    return f'"peer: {rule.peer}, {rule.protocol}, from port: {rule.first}, to port: {rule.last}, ALLOW"'


def _rule(group: Group, rule: Rule, rule_id: str, side: str, tags: dict[str, str]) -> Body:
    other = {"referencedGroupInfo": {"groupId": rule.peer, "userId": OWNER}}
    return {
        "securityGroupRuleId": rule_id,
        "groupId": group.id,
        "groupOwnerId": OWNER,
        "isEgress": side == "egress",
        "ipProtocol": rule.protocol,
        "fromPort": -1 if rule.first is None else rule.first,
        "toPort": -1 if rule.last is None else rule.last,
        **(other if rule.kind == "groupId" else {RULE_PEERS[rule.kind]: rule.peer}),
        "description": rule.description,
        "tagSet": tag_set(tags),
    }


# Reading rules


def _rules(call: Call) -> list[Rule]:
    structured = [rule for entry in call.params.each("IpPermissions") for rule in _permission_rules(call, entry)]
    rules = structured or _flat_rules(call)
    if not rules:
        raise missing("ipPermissions")
    return rules


def _flat_rules(call: Call) -> list[Rule]:
    """The oldest form: one rule, its members beside the group's name."""
    cidr, source = call.params.text("CidrIp"), call.params.text("SourceSecurityGroupName")
    call.params.accept("SourceSecurityGroupOwnerId")
    if not cidr and not source:
        return []
    protocol, first, last = _protocol_and_ports(call.params, "-1" if source else None)
    if cidr:
        return [Rule(protocol, first, last, "cidrIp", _network("CidrIp", cidr))]
    group = call.region.group_named(source or "", call.region.default_vpc.id)
    if group is None:
        raise no_name(source or "")
    return [Rule(protocol, first, last, "groupId", group.id)]


def _permission_rules(call: Call, entry: Params) -> list[Rule]:
    protocol, first, last = _protocol_and_ports(entry)
    rules = []
    for name, (member, kind) in PEERS.items():
        for peer in entry.each(name):
            peer.accept("UserId", "VpcId", "VpcPeeringConnectionId")
            value = _peer(call.region, peer, member)
            rules.append(Rule(protocol, first, last, kind, value, peer.text("Description")))
    if not rules:
        raise missing("IpRanges")
    return rules


def _peer(region: Region, peer: Params, member: str) -> str:
    if member == "GroupId":
        name = peer.text("GroupName")
        group = region.group_named(name, region.default_vpc.id) if name else None
        wanted = group.id if group else peer.required("GroupId")
        return chosen([wanted], region.groups, IDS.unknown)[0].id
    value = peer.required(member)
    return _network(member, value) if member.startswith("Cidr") else value


def _network(member: str, text: str) -> str:
    kind = IPv6Network if member.endswith("v6") else IPv4Network
    try:
        return str(kind(text if "/" in text else "", strict=False))
    except ValueError:
        raise Refusal("InvalidParameterValue", f"CIDR block {text} is malformed") from None


def _protocol_and_ports(params: Params, default: str | None = None) -> tuple[str, int | None, int | None]:
    said = (params.text("IpProtocol") or default or "").lower()
    if not said:
        raise missing("ipProtocol")
    protocol = PROTOCOLS.get(said, said)
    first, last = params.integer("FromPort"), params.integer("ToPort")
    if protocol not in {*PROTOCOLS.values(), "tcp", "udp"} and not protocol.isdecimal():
        raise bad_value("ipProtocol", said)
    if protocol in {"tcp", "udp"}:
        return protocol, *_checked_ports(first, last)
    return protocol, *((first, last) if protocol.startswith("icmp") else (None, None))


def _checked_ports(first: int | None, last: int | None) -> tuple[int, int]:
    if first is None or last is None:
        raise Refusal("InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.'")
    if not 0 <= first <= last <= 65535:
        raise Refusal("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
    return first, last
