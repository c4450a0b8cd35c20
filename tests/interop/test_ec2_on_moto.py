"""The driver of EC2 against moto, a server that other people wrote, over real HTTP.

Where moto does something else than Amazon's documentation says, the test tells.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.request import Request as Question
from urllib.request import urlopen

import pytest

from aiocloud.dialects.ec2 import NODE, Rule, reservations
from aiocloud.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
)
from aiocloud.http.ratelimit import Limits
from aiocloud.http.retry import Retry
from aiocloud.models import Node, NodeAuthSSHKey, NodeState
from aiocloud.providers.ec2 import EC2
from tests.interop.conftest import official

moto_server = official("moto.server")
boto3 = official("boto3")

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"
UNKNOWN = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        # moto takes whatever image and key it is given, unless it is told to look, as Amazon does.
        patch.setattr("moto.ec2.models.instances.settings.ENABLE_AMI_VALIDATION", True)
        patch.setattr("moto.ec2.models.instances.settings.ENABLE_KEYPAIR_VALIDATION", True)
        yield f"http://{host}:{port}"
    server.stop()


def post(url: str, body: bytes = b"") -> Any:
    question = Question(url, data=body, method="POST", headers={"Content-Type": "text/plain"})  # noqa: S310 - loopback
    with urlopen(question, timeout=10) as answer:  # noqa: S310 - loopback
        return json.loads(answer.read())


@pytest.fixture
def moto(address: str) -> str:
    """An empty account."""
    post(f"{address}/moto-api/reset")
    return address


def driver(endpoint: str, key: str = "AKIAAIOCLOUDTEST0001", secret: str = "harbour/secret", **options: Any) -> EC2:
    quick = {"retry": Retry(attempts=1), "limits": Limits(rate=None), "region": "eu-west-1"}
    return EC2(key, secret, endpoint=endpoint, **{**quick, **options})


@pytest.fixture
async def ec2(moto: str) -> AsyncIterator[EC2]:
    async with driver(moto) as made:
        yield made


async def image_of(ec2: EC2, location: str | None = None) -> str:
    return (await ec2.list_images(ex_owner="amazon", ex_name="amzn2-ami-hvm*", location=location))[0].id


async def make(ec2: EC2, name: str = "quay", **options: Any) -> Node:
    image = await image_of(ec2, options.get("location"))
    return await ec2.create_node(name, size="t3.micro", image=image, **options)


async def test_a_node_goes_through_its_whole_life(ec2: EC2) -> None:
    made = await make(ec2, user_data="#!/bin/sh\n", tags={"role": "web"}, auth=NodeAuthSSHKey(PUBLIC_KEY))
    node = await ec2.wait_until(made)
    assert node.name == "quay"
    assert node.tags == {"role": "web"}
    assert node.location == "eu-west-1"
    assert node.size == "t3.micro"
    assert node.public_ips
    assert node.private_ips
    assert [each.id for each in await ec2.list_nodes()] == [node.id]
    await ec2.stop_node(node)
    assert (await ec2.get_node(node)).state is NodeState.STOPPED
    await ec2.ex_resize_node(node, "t3.small")
    await ec2.start_node(node)
    await ec2.reboot_node(node)
    again = await ec2.get_node(node.id)
    assert (again.state, again.size) == (NodeState.RUNNING, "t3.small")
    await ec2.destroy_node(node)
    assert (await ec2.get_node(node)).state is NodeState.TERMINATED


async def test_a_zone_can_be_named_for_a_new_node(ec2: EC2) -> None:
    node = await make(ec2, location="eu-west-1b")
    assert node.location == "eu-west-1"
    assert node.extra["placement"]["availabilityZone"] == "eu-west-1b"
    assert [each.id for each in await ec2.list_nodes(location="eu-west-1b")] == [node.id]
    assert await ec2.list_nodes(location="eu-west-1a") == []


async def test_tags_are_added_and_removed(ec2: EC2) -> None:
    node = await make(ec2)
    await ec2.ex_create_tags(node, {"role": "db", "tier": ""})
    assert (await ec2.get_node(node)).tags == {"role": "db", "tier": ""}
    await ec2.ex_delete_tags(node, ["role"])
    await ec2.ex_rename_node(node, "pier")
    renamed = await ec2.get_node(node)
    assert (renamed.name, dict(renamed.tags)) == ("pier", {"tier": ""})


async def test_key_pairs_are_imported_listed_and_deleted(ec2: EC2) -> None:
    imported = await ec2.import_key_pair_from_string("quay", PUBLIC_KEY)
    assert imported.fingerprint
    with pytest.raises(ConflictError) as caught:
        await ec2.import_key_pair_from_string("quay", PUBLIC_KEY)
    assert caught.value.code == "InvalidKeyPair.Duplicate"
    made = await ec2.create_key_pair("pier")
    assert made.private_key is not None
    assert "PRIVATE KEY" in made.private_key.reveal()
    assert sorted(pair.name for pair in await ec2.list_key_pairs()) == ["pier", "quay"]
    await ec2.delete_key_pair("quay")
    assert [pair.name for pair in await ec2.list_key_pairs()] == ["pier"]


async def test_one_public_key_is_imported_once(ec2: EC2) -> None:
    first = await make(ec2, auth=NodeAuthSSHKey(PUBLIC_KEY))
    second = await make(ec2, auth=NodeAuthSSHKey(PUBLIC_KEY))
    names = [pair.name for pair in await ec2.list_key_pairs()]
    assert len(names) == 1
    assert first.extra["keyName"] == second.extra["keyName"] == names[0]


async def test_security_groups_let_in_what_they_are_told(ec2: EC2) -> None:
    group = await ec2.ex_create_security_group("web", "the front")
    ssh = Rule(from_port=22, to_port=22, cidr="198.51.100.0/24", description="office")
    wide = Rule(from_port=443, to_port=443, cidr="::/0")
    inner = Rule(protocol="-1", group=group.id)
    await ec2.ex_authorize_ingress(group, ssh, wide, inner)
    seen = await ec2.ex_get_security_group(group)
    assert (seen.name, seen.description, seen.location) == ("web", "the front", "eu-west-1")
    assert {(rule.protocol, rule.from_port, rule.cidr, rule.group) for rule in seen.rules} == {
        ("tcp", 22, "198.51.100.0/24", None),
        ("tcp", 443, "::/0", None),
        ("-1", None, None, group.id),
    }
    with pytest.raises(ConflictError):
        await ec2.ex_authorize_ingress(group, ssh)
    await ec2.ex_revoke_ingress(group, ssh, inner)
    assert len((await ec2.ex_get_security_group(group)).rules) == 1
    node = await make(ec2, ex_security_groups=["web"])
    assert [each["groupName"] for each in node.extra["groupSet"]] == ["web"]
    # moto deletes a group that a node uses, where Amazon answers DependencyViolation.
    await ec2.destroy_node(node)
    await ec2.ex_delete_security_group(group)
    assert "web" not in [each.name for each in await ec2.ex_list_security_groups()]


async def test_names_of_security_groups_are_looked_up_where_the_api_wants_ids(ec2: EC2) -> None:
    group = await ec2.ex_create_security_group("web", "the front")
    subnet = (await ec2.ex_list_subnets())[0]
    node = await make(ec2, ex_security_groups=["web"], ex_subnet=subnet.id, ex_assign_public_ip=True)
    assert node.extra["subnetId"] == subnet.id
    # moto tells the groups of the interface only, Amazon those of the instance too.
    (interface,) = node.extra["networkInterfaceSet"]
    assert [each["groupId"] for each in interface["groupSet"]] == [group.id]
    inside = await make(ec2, ex_security_groups=["web"], ex_assign_public_ip=True)
    assert [each["groupId"] for each in inside.extra["networkInterfaceSet"][0]["groupSet"]] == [group.id]
    with pytest.raises(NotFoundError, match="no security group pier"):
        await make(ec2, ex_security_groups=["pier"], ex_subnet=subnet.id)


async def test_five_hundred_nodes_come_in_pages(ec2: EC2) -> None:
    image = await image_of(ec2)
    query = ec2.ex_query("eu-west-1")
    wanted = {"ImageId": image, "InstanceType": "t3.micro", "MinCount": 10, "MaxCount": 10}
    for _ in range(50):
        await query.call("RunInstances", wanted)
    # moto counts reservations, where Amazon counts instances: a page of 12 holds 120 of them.
    pages = [page async for page in query.list("DescribeInstances", NODE, reservations, size=12).pages()]
    assert [len(page) for page in pages] == [120, 120, 120, 120, 20]
    assert len({node.id for page in pages for node in page}) == 500
    assert len(await ec2.list_nodes()) == 500


async def test_several_regions_are_one_list(moto: str) -> None:
    async with driver(moto, region=["eu-west-1", "us-east-1", "ap-south-1"]) as ec2:
        here = await make(ec2, "here")
        there = await make(ec2, "there", location="us-east-1")
        assert {node.id: node.location for node in await ec2.list_nodes()} == {
            here.id: "eu-west-1",
            there.id: "us-east-1",
        }
        assert [node.id for node in await ec2.list_nodes(location="us-east-1")] == [there.id]
        assert (await ec2.get_node(there.id)).name == "there"
        with pytest.raises(NotFoundError, match="in eu-west-1, us-east-1, ap-south-1"):
            await ec2.get_node(UNKNOWN)
        await ec2.destroy_node(there.id)
        assert (await ec2.get_node(there)).state is NodeState.TERMINATED
        parts = await ec2.parts()
        assert [part.region for part in parts] == ["eu-west-1", "us-east-1", "ap-south-1"]


async def test_all_regions_are_those_that_the_account_may_use(moto: str) -> None:
    async with driver(moto, region="all") as ec2:
        node = await make(ec2, location="sa-east-1")
        assert [each.id for each in await ec2.list_nodes()] == [node.id]
        places = {place.id: place for place in await ec2.list_locations()}
    assert places["sa-east-1"].country == "BR"
    assert places["eu-west-1"].zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
    assert all(place.country for place in places.values())


async def test_sizes_have_facts_from_the_api_and_prices_from_the_catalogue(ec2: EC2) -> None:
    sizes = {size.id: size for size in await ec2.list_sizes()}
    small = sizes["t4g.small"]
    assert (small.vcpus, small.ram, small.disk, small.arch) == (2, 2048, 0, "arm64")
    assert small.price is not None
    assert small.price.source == "catalogue"


async def test_elastic_addresses_come_and_go(ec2: EC2) -> None:
    node = await make(ec2)
    address = await ec2.ex_allocate_address()
    await ec2.ex_associate_address(address, node)
    (held,) = await ec2.ex_list_addresses()
    assert (held.id, held.ip, held.node) == (address.id, address.ip, node.id)
    assert address.ip in (await ec2.get_node(node)).public_ips
    await ec2.ex_disassociate_address(held)
    await ec2.ex_release_address(held)
    assert await ec2.ex_list_addresses() == []


async def test_an_image_is_made_of_a_node(ec2: EC2) -> None:
    node = await make(ec2)
    image_id = await ec2.ex_create_image(node, "golden", description="a base", reboot=False)
    (image,) = await ec2.list_images()
    assert (image.id, image.name) == (image_id, "golden")
    await ec2.ex_delete_image(image)
    assert await ec2.list_images() == []


async def test_networks_and_console_are_told(ec2: EC2) -> None:
    (vpc,) = await ec2.ex_list_vpcs()
    assert vpc.default
    subnets = await ec2.ex_list_subnets(ex_filters={"vpc-id": vpc.id})
    assert {subnet.zone for subnet in subnets} == {"eu-west-1a", "eu-west-1b", "eu-west-1c"}
    node = await make(ec2)
    assert isinstance(await ec2.ex_console_output(node), str)
    await ec2.ex_protect_node(node)
    with pytest.raises(ForbiddenError):
        await ec2.destroy_node(node)


@pytest.mark.parametrize(
    ("call", "kind", "code"),
    [
        (lambda ec2: ec2.get_node(UNKNOWN), NotFoundError, "InvalidInstanceID.NotFound"),
        (lambda ec2: ec2.destroy_node(UNKNOWN), NotFoundError, "InvalidInstanceID.NotFound"),
        (lambda ec2: ec2.create_node("quay", size="t3.micro", image="ami-0123456789abcdef0"), NotFoundError, None),
        (lambda ec2: ec2.create_node("quay", size="t3.micro", image="no-image"), InvalidRequestError, None),
        (lambda ec2: ec2.ex_get_security_group("sg-0123456789abcdef0"), NotFoundError, "InvalidGroup.NotFound"),
        (lambda ec2: make(ec2, ex_key_name="nobody"), NotFoundError, "InvalidKeyPair.NotFound"),
        (lambda ec2: make(ec2, ex_subnet="subnet-01234567"), NotFoundError, "InvalidSubnetID.NotFound"),
    ],
)
async def test_a_no_is_told_in_our_words(ec2: EC2, call: Any, kind: type[ApiError], code: str | None) -> None:
    with pytest.raises(kind) as caught:
        await call(ec2)
    error = caught.value
    assert error.provider == "ec2"
    assert error.status == 400
    assert error.request_id
    assert code is None or error.code == code


async def test_a_dry_run_says_what_is_permitted(ec2: EC2) -> None:
    node = await make(ec2)
    assert await ec2.ex_permits("TerminateInstances", {"InstanceId": [node.id]}) is True
    assert (await ec2.get_node(node)).state is NodeState.RUNNING


@pytest.fixture
def user(moto: str) -> Iterator[tuple[str, str]]:
    """An access key of a user who may do anything at EC2, made before moto begins to check signatures."""
    iam = boto3.client(
        "iam", endpoint_url=moto, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    iam.create_user(UserName="harbourmaster")
    statement = {"Effect": "Allow", "Action": ["ec2:Describe*", "ec2:RunInstances"], "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName="harbourmaster", PolicyName="ec2", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="harbourmaster")["AccessKey"]
    iam.close()
    before = post(f"{moto}/moto-api/reset-auth", b"0")["PREVIOUS_INITIAL_NO_AUTH_ACTION_COUNT"]
    yield key["AccessKeyId"], key["SecretAccessKey"]
    post(f"{moto}/moto-api/reset-auth", str(before).encode())


async def test_a_right_signature_passes(moto: str, user: tuple[str, str]) -> None:
    async with driver(moto, *user) as ec2:
        assert (await make(ec2, user_data="a + b & c = d/~\u00e9")).id in [node.id for node in await ec2.list_nodes()]


async def test_a_wrong_secret_is_told(moto: str, user: tuple[str, str]) -> None:
    async with driver(moto, user[0], "wrong/" + user[1]) as ec2:
        with pytest.raises(InvalidCredsError) as caught:
            await ec2.list_nodes()
    assert "wrong/" + user[1] not in str(caught.value)


async def test_an_unknown_access_key_is_told(moto: str, user: tuple[str, str]) -> None:
    async with driver(moto, "AKIAAIOCLOUDTEST9999", user[1]) as ec2:
        with pytest.raises(InvalidCredsError):
            await ec2.list_nodes()


async def test_what_the_policy_does_not_allow_is_forbidden(moto: str, user: tuple[str, str]) -> None:
    async with driver(moto, *user) as ec2:
        node = await make(ec2)
        with pytest.raises(ForbiddenError):
            await ec2.destroy_node(node)
