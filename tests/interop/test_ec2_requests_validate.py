"""Every request that the driver of EC2 makes, read back with botocore's model of the service.

The reader here is written from the model alone: it knows the protocol's rules (names with a capital letter, lists
counted from 1, no `.member.`), and nothing of the code that wrote the request. It fails on any name, word or number
that the model does not have.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from yarl import URL

from aiocloud.dialects.ec2 import Address, Rule, SecurityGroup
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.models import KeyPair, Node, NodeAuthSSHKey, Size
from aiocloud.providers.ec2 import EC2
from tests.interop.conftest import official

botocore_session = official("botocore.session")

MODEL = botocore_session.get_session().get_service_model("ec2")

# ---- the reader ----


def tree_of(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in pairs:
        *parents, leaf = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        assert leaf not in branch, f"{name} is there twice"
        branch[leaf] = value
    return tree


def wire_names(shape: Any) -> dict[str, tuple[str, Any]]:
    """The members of a structure by the names that the protocol gives them."""

    def wire(name: str, member: Any) -> str:
        place = member.serialization
        if "queryName" in place:
            return str(place["queryName"])
        given = str(place.get("name", name))
        return given[0].upper() + given[1:]

    return {wire(name, member): (name, member) for name, member in shape.members.items()}


def check(value: Any, shape: Any, path: str) -> None:
    if shape.type_name == "structure":
        check_structure(value, shape, path)
    elif shape.type_name == "list":
        assert isinstance(value, dict), f"{path} is a list, and was sent as {value!r}"
        assert sorted(value, key=int) == [str(n) for n in range(1, len(value) + 1)], f"{path} is not counted from 1"
        for number, each in value.items():
            check(each, shape.member, f"{path}.{number}")
    else:
        assert isinstance(value, str), f"{path} is a {shape.type_name}, and was sent as a structure"
        check_scalar(value, shape, path)


def check_structure(value: Any, shape: Any, path: str) -> None:
    assert isinstance(value, dict), f"{path} is a structure, and was sent as {value!r}"
    known = wire_names(shape)
    for name, member in value.items():
        assert name in known, f"{path}.{name} is not in the model"
        check(member, known[name][1], f"{path}.{name}")
    missing = set(shape.required_members) - {known[name][0] for name in value}
    assert not missing, f"{path} lacks {missing}"


def check_scalar(value: str, shape: Any, path: str) -> None:
    match shape.type_name:
        case "integer" | "long":
            assert re.fullmatch(r"-?\d+", value), f"{path} is no number: {value!r}"
        case "boolean":
            assert value in ("true", "false"), f"{path} is no Boolean: {value!r}"
        case "blob":
            base64.b64decode(value, validate=True)
        case "string":
            assert not shape.enum or value in shape.enum, f"{path}: the model has no {value!r}"
        case other:
            raise AssertionError(f"{path}: nothing is known of {other}")


def read_back(request: Request) -> str:
    """Check a request against the model; the action that it asks for."""
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=utf-8"
    pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    tree = tree_of(pairs)
    action = str(tree.pop("Action"))
    assert tree.pop("Version") == MODEL.api_version
    check_structure(tree, MODEL.operation_model(action).input_shape, action)
    return action


# ---- the walk ----

NODE_XML = (
    "<instancesSet><item><instanceId>i-1</instanceId><instanceState><name>running</name></instanceState>"
    "<placement><availabilityZone>eu-west-1a</availabilityZone></placement></item></instancesSet>"
)
ANSWERS = {
    "RunInstances": NODE_XML,
    "DescribeInstances": f"<reservationSet><item>{NODE_XML}</item></reservationSet>",
    "DescribeRegions": "<regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo>",
    "DescribeVpcs": "<vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet>",
    "DescribeSubnets": "<subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId></item></subnetSet>",
    "DescribeSecurityGroups": (
        "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>web</groupName></item></securityGroupInfo>"
    ),
    "DescribeKeyPairs": "<keySet><item><keyName>quay</keyName></item></keySet>",
    "DescribeImages": "<imagesSet><item><imageId>ami-1</imageId></item></imagesSet>",
    "ImportKeyPair": "<keyName>quay</keyName>",
    "CreateSecurityGroup": "<groupId>sg-1</groupId>",
    "CreateImage": "<imageId>ami-1</imageId>",
    "AllocateAddress": "<publicIp>203.0.113.7</publicIp><allocationId>eipalloc-1</allocationId>",
    "AssociateAddress": "<associationId>eipassoc-1</associationId>",
}
DRY_RUN = b"<Response><Errors><Error><Code>DryRunOperation</Code><Message/></Error></Errors></Response>"

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"
NODE = Node(id="i-1", name="quay", location="eu-west-1")
GROUP = SecurityGroup(id="sg-1", name="web", location="eu-west-1")
ADDRESS = Address(id="eipalloc-1", ip="203.0.113.7", association="eipassoc-1", location="eu-west-1")
RULES = (
    Rule(from_port=22, to_port=22, cidr="198.51.100.0/24", description="office"),
    Rule(protocol="icmpv6", from_port=-1, to_port=-1, cidr="2001:db8::/32"),
    Rule(protocol="-1", group="sg-2"),
)
PLAIN: dict[str, Any] = {"size": "t3.micro", "image": "ami-1"}
Verb = Callable[[EC2], Awaitable[Any]]

WALK: list[tuple[str, Verb]] = [
    ("list_nodes", lambda ec2: ec2.list_nodes()),
    ("list_nodes", lambda ec2: ec2.list_nodes(location="eu-west-1b", ex_filters={"tag:role": ["web", "db"]})),
    ("list_images", lambda ec2: ec2.list_images()),
    ("list_images", lambda ec2: ec2.list_images(ex_owner=["amazon", "self"], ex_name="al2023-*")),
    ("list_images", lambda ec2: ec2.list_images(ex_ids=["ami-1"], ex_filters={"architecture": "arm64"})),
    ("list_sizes", lambda ec2: ec2.list_sizes()),
    ("list_locations", lambda ec2: ec2.list_locations()),
    ("list_offers", lambda ec2: ec2.list_offers()),
    ("list_key_pairs", lambda ec2: ec2.list_key_pairs()),
    ("get_node", lambda ec2: ec2.get_node(NODE)),
    ("get_key_pair", lambda ec2: ec2.get_key_pair("quay")),
    ("create_node", lambda ec2: ec2.create_node("quay", **PLAIN, user_data=b"\x00\xff", tags={"role": "web", "x": ""})),
    ("create_node", lambda ec2: ec2.create_node("quay", **PLAIN, auth=NodeAuthSSHKey(PUBLIC_KEY))),
    ("create_node", lambda ec2: ec2.create_node("quay", **PLAIN, auth=KeyPair(id="key-1", name="quay"), ex_spot=True)),
    (
        "create_node",
        lambda ec2: ec2.create_node(
            "quay",
            size=Size(id="t4g.small", name="t4g.small"),
            image="ami-1",
            location="eu-west-1b",
            ex_key_name="quay",
            ex_security_groups=["web"],
            ex_iam_profile="arn:aws:iam::111122223333:instance-profile/web",
            ex_volumes=[
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "Encrypted": True}},
                {"DeviceName": "/dev/sdb", "NoDevice": ""},
            ],
            ex_spot="0.01",
            ex_metadata_options={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        ),
    ),
    (
        "create_node",
        lambda ec2: ec2.create_node(
            "quay",
            **PLAIN,
            ex_security_groups=["web", "sg-2"],
            ex_subnet="subnet-1",
            ex_assign_public_ip=False,
            ex_ipv6_addresses=2,
            ex_iam_profile="web",
        ),
    ),
    ("create_node", lambda ec2: ec2.create_node("quay", **PLAIN, ex_security_groups=["web"], ex_assign_public_ip=True)),
    ("create_node", lambda ec2: ec2.create_node("quay", **PLAIN, ex_security_groups=["sg-1"], ex_subnet="subnet-1")),
    ("destroy_node", lambda ec2: ec2.destroy_node("i-1")),
    ("reboot_node", lambda ec2: ec2.reboot_node(NODE)),
    ("start_node", lambda ec2: ec2.start_node(NODE)),
    ("stop_node", lambda ec2: ec2.stop_node(NODE)),
    ("create_key_pair", lambda ec2: ec2.create_key_pair("quay")),
    ("import_key_pair_from_string", lambda ec2: ec2.import_key_pair_from_string("quay", PUBLIC_KEY)),
    ("delete_key_pair", lambda ec2: ec2.delete_key_pair("quay")),
    ("ex_permits", lambda ec2: ec2.ex_permits("StopInstances", {"InstanceId": ["i-1"]})),
    ("ex_resize_node", lambda ec2: ec2.ex_resize_node(NODE, "t3.small")),
    ("ex_protect_node", lambda ec2: ec2.ex_protect_node(NODE)),
    ("ex_console_output", lambda ec2: ec2.ex_console_output(NODE, latest=True)),
    ("ex_rename_node", lambda ec2: ec2.ex_rename_node(NODE, "pier")),
    ("ex_create_tags", lambda ec2: ec2.ex_create_tags("vol-1", {"role": "web", "empty": ""})),
    ("ex_delete_tags", lambda ec2: ec2.ex_delete_tags(NODE, ["role"])),
    ("ex_get_image", lambda ec2: ec2.ex_get_image("ami-1")),
    ("ex_create_image", lambda ec2: ec2.ex_create_image(NODE, "golden", description="a base", reboot=False)),
    ("ex_delete_image", lambda ec2: ec2.ex_delete_image("ami-1")),
    ("ex_query", lambda ec2: ec2.ex_query("eu-west-1").call("DescribeVolumes", {"VolumeId": ["vol-1"]})),
    ("ex_list_regions", lambda ec2: ec2.ex_list_regions(ex_all=True)),
    ("ex_list_security_groups", lambda ec2: ec2.ex_list_security_groups(ex_filters={"vpc-id": "vpc-1"})),
    ("ex_get_security_group", lambda ec2: ec2.ex_get_security_group("sg-1")),
    ("ex_create_security_group", lambda ec2: ec2.ex_create_security_group("web", "the front", vpc="vpc-1")),
    ("ex_delete_security_group", lambda ec2: ec2.ex_delete_security_group(GROUP)),
    ("ex_authorize_ingress", lambda ec2: ec2.ex_authorize_ingress(GROUP, *RULES)),
    ("ex_revoke_ingress", lambda ec2: ec2.ex_revoke_ingress(GROUP, *RULES)),
    ("ex_list_addresses", lambda ec2: ec2.ex_list_addresses()),
    ("ex_allocate_address", lambda ec2: ec2.ex_allocate_address()),
    ("ex_associate_address", lambda ec2: ec2.ex_associate_address(ADDRESS, NODE)),
    ("ex_disassociate_address", lambda ec2: ec2.ex_disassociate_address(ADDRESS)),
    ("ex_release_address", lambda ec2: ec2.ex_release_address(ADDRESS)),
    ("ex_list_vpcs", lambda ec2: ec2.ex_list_vpcs(ex_filters={"is-default": "true"})),
    ("ex_list_subnets", lambda ec2: ec2.ex_list_subnets()),
]

INDIRECT = {"wait_until", "deploy_node", "deploy_nodes", "import_key_pair_from_file"}
"""Verbs that are made of others."""


class Wire:
    """A transport that keeps what it is sent, and answers the little that the driver needs to go on."""

    def __init__(self) -> None:
        self.sent: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.sent.append(request)
        pairs = dict(parse_qsl(request.body.decode()))
        if "DryRun" in pairs:
            return Response(status=412, body=DRY_RUN)
        action = pairs["Action"]
        return Response(status=200, body=f"<{action}Response>{ANSWERS.get(action, '')}</{action}Response>".encode())


@pytest.mark.parametrize(("name", "verb"), WALK, ids=[f"{n}-{name}" for n, (name, _) in enumerate(WALK)])
async def test_every_request_is_in_the_words_of_the_model(name: str, verb: Verb) -> None:
    wire = Wire()
    await verb(EC2("AKIAAIOCLOUDTEST0001", "harbour/secret", region="eu-west-1", transport=wire))
    assert wire.sent
    for request in wire.sent:
        assert read_back(request) == request.operation


async def test_a_node_is_looked_for_in_the_words_of_the_model() -> None:
    wire = Wire()
    ec2 = EC2("AKIAAIOCLOUDTEST0001", "harbour/secret", region=["eu-west-1", "us-east-1"], transport=wire)
    await ec2.stop_node("i-1")
    assert [read_back(request) for request in wire.sent] == ["DescribeInstances", "DescribeInstances", "StopInstances"]


def test_every_verb_of_the_driver_is_walked_through() -> None:
    verbs = re.compile(r"(ex|list|get|create|destroy|reboot|start|stop|delete|import|wait|deploy)_\w+")
    there = {name for name in dir(EC2) if verbs.fullmatch(name)}
    assert there - {name for name, _ in WALK} - INDIRECT == set()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("Action=StopInstances&InstanceIds.1=i-1", "InstanceIds is not in the model"),
        ("Action=StopInstances&InstanceId.0=i-1", "not counted from 1"),
        ("Action=StopInstances&InstanceId.member.1=i-1", "invalid literal"),
        ("Action=StopInstances&Force=yes&InstanceId.1=i-1", "no Boolean"),
        ("Action=StopInstances", "lacks {'InstanceIds'}"),
        ("Action=RunInstances&MinCount=1&MaxCount=one", "no number"),
        ("Action=RunInstances&MinCount=1&MaxCount=1&InstanceType=t3.mikro", "no 't3.mikro'"),
        ("Action=RunInstances&MinCount=1&MaxCount=1&Placement=eu-west-1a", "is a structure"),
        ("Action=DescribeInstances&Filter.1.Name=x&Filter.1.Values.1=y", "Values is not in the model"),
    ],
)
def test_the_reader_itself_refuses_what_is_wrong(wrong: str, why: str) -> None:

    headers = headers_of({"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    body = f"{wrong}&Version={MODEL.api_version}".encode()
    with pytest.raises((AssertionError, ValueError), match=re.escape(why)):
        read_back(Request(method="POST", url=URL("https://ec2.test/"), headers=headers, body=body))
