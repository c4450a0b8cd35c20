"""boto3, unmodified and over real HTTP, against the simulator of EC2."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import NoCapacity, Throttled
from aiocloud.simulators.ec2 import EC2Simulator
from aiocloud.simulators.ec2.simulator import ACTIONS
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

boto3 = official("boto3")
botocore_config = official("botocore.config")
exceptions = official("botocore.exceptions")

REGION = "eu-west-1"
QUICK = {"Delay": 0.02, "MaxAttempts": 100}
PUBLIC_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"

Connect = Callable[..., Any]


@pytest.fixture(scope="module")
def session() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield boto3.Session()


@pytest.fixture
def connect(session: Any) -> Iterator[Connect]:
    """Serves a handler until the test is over, and connects a client to it."""
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())

        def connected(simulator: EC2Simulator, *, handler: Any = None, region: str = REGION, **other: str) -> Any:
            url = stack.enter_context(portal.wrap_async_context_manager(serve(handler or simulator)))
            known = {f"aws_{name}": value for name, value in simulator.credentials.items()}
            client = session.client(
                "ec2",
                region_name=region,
                endpoint_url=str(url),
                config=botocore_config.Config(retries={"total_max_attempts": 1}),
                **(known | other),
            )
            stack.callback(client.close)
            return client

        yield connected


@pytest.fixture
def simulator() -> EC2Simulator:
    return EC2Simulator(boot=0.1)


@pytest.fixture
def ec2(simulator: EC2Simulator, connect: Connect) -> Any:
    return connect(simulator)


def image(ec2: Any, arch: str = "x86_64") -> str:
    found = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "architecture", "Values": [arch]}])
    name: str = found["Images"][0]["ImageId"]
    return name


def run(ec2: Any, count: int = 1, **more: Any) -> list[Any]:
    order = {"ImageId": image(ec2), "InstanceType": "t3.small", "MinCount": count, "MaxCount": count, **more}
    instances: list[Any] = ec2.run_instances(**order)["Instances"]
    return instances


def one(ec2: Any, name: str) -> Any:
    return ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[int, str]:
    with pytest.raises(exceptions.ClientError) as caught:
        call(**parameters)
    response = caught.value.response
    assert response["ResponseMetadata"]["RequestId"]
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_the_paginator_reads_every_instance_once(simulator: EC2Simulator, ec2: Any) -> None:
    simulator.populate(1200, region=REGION)
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 500}))
    instances = [i for page in pages for reservation in page["Reservations"] for i in reservation["Instances"]]
    assert len(pages) == 3
    assert len({instance["InstanceId"] for instance in instances}) == len(instances) == 1200
    assert len({instance["PublicIpAddress"] for instance in instances}) == 1200
    assert {instance["Placement"]["AvailabilityZone"] for instance in instances} == {REGION + z for z in "abc"}


def test_an_instance_lives_from_launch_to_burial(ec2: Any) -> None:
    created = run(ec2, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "quay"}]}])[0]
    ids = [created["InstanceId"]]
    assert (created["State"]["Name"], created.get("PublicIpAddress")) == ("pending", None)

    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICK)
    running = one(ec2, ids[0])
    assert running["PublicIpAddress"]
    assert running["Tags"] == [{"Key": "Name", "Value": "quay"}]
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=ids, WaiterConfig=QUICK)

    ec2.reboot_instances(InstanceIds=ids)
    assert one(ec2, ids[0])["State"]["Name"] == "running"

    assert ec2.stop_instances(InstanceIds=ids)["StoppingInstances"][0]["PreviousState"]["Name"] == "running"
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids, WaiterConfig=QUICK)
    stopped = one(ec2, ids[0])
    assert stopped.get("PublicIpAddress") is None
    assert stopped["PrivateIpAddress"] == running["PrivateIpAddress"]

    assert ec2.start_instances(InstanceIds=ids)["StartingInstances"][0]["CurrentState"]["Name"] == "pending"
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICK)

    assert ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"][0]["CurrentState"]["Code"] == 32
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=QUICK)
    assert not {"PublicIpAddress", "PrivateIpAddress", "VpcId"} & set(one(ec2, ids[0]))


def test_the_same_client_token_launches_once(simulator: EC2Simulator, ec2: Any) -> None:
    first, again = (run(ec2, ClientToken="once")[0]["InstanceId"] for _ in range(2))
    assert first == again
    assert len(simulator.region(REGION).instances) == 1
    assert refusal(run, ec2=ec2, ClientToken="once", InstanceType="t3.large") == (400, "IdempotentParameterMismatch")


def test_several_instances_share_a_reservation(ec2: Any) -> None:
    made = run(ec2, count=3)
    (reservation,) = ec2.describe_instances()["Reservations"]
    assert [i["InstanceId"] for i in reservation["Instances"]] == [i["InstanceId"] for i in made]
    assert [i["AmiLaunchIndex"] for i in reservation["Instances"]] == [0, 1, 2]


def test_wrong_credentials_are_refused(simulator: EC2Simulator, connect: Connect) -> None:
    wrong_secret = connect(simulator, aws_secret_access_key="guessed")
    unknown_key = connect(simulator, aws_access_key_id="AKIAUNKNOWN")
    unasked_token = connect(simulator, aws_session_token="stale")
    for client in (wrong_secret, unknown_key, unasked_token):
        assert refusal(client.describe_instances) == (401, "AuthFailure")


def test_temporary_credentials_are_good_with_their_token_only(connect: Connect) -> None:
    simulator = EC2Simulator(session_token="token==")
    assert connect(simulator).describe_key_pairs()["KeyPairs"] == []
    assert refusal(connect(simulator, aws_session_token="other").describe_key_pairs) == (401, "AuthFailure")


def test_a_clock_that_is_ten_minutes_off_is_refused(connect: Connect) -> None:
    simulator = EC2Simulator(now=lambda: datetime.now(UTC) + timedelta(minutes=10))
    assert refusal(connect(simulator).describe_instances) == (400, "RequestExpired")


def test_regions_keep_to_themselves(simulator: EC2Simulator, connect: Connect) -> None:
    ireland, ohio = connect(simulator), connect(simulator, region="us-east-2")
    ireland.create_key_pair(KeyName="quay", KeyType="ed25519")
    run(ireland)
    assert ohio.describe_key_pairs()["KeyPairs"] == ohio.describe_instances()["Reservations"] == []
    assert refusal(ohio.describe_images, ImageIds=[image(ireland)]) == (400, "InvalidAMIID.NotFound")


def test_a_region_that_was_not_asked_for_is_closed(connect: Connect) -> None:
    simulator = EC2Simulator(opted_in=["eu-south-1"])
    client = connect(simulator)
    every = {region["RegionName"]: region for region in client.describe_regions(AllRegions=True)["Regions"]}
    assert every["eu-west-1"]["OptInStatus"] == "opt-in-not-required"
    assert every["eu-south-1"]["OptInStatus"] == "opted-in"
    assert every["eu-south-2"]["OptInStatus"] == "not-opted-in"
    usable = {region["RegionName"] for region in client.describe_regions()["Regions"]}
    assert every.keys() - usable == {name for name, r in every.items() if r["OptInStatus"] == "not-opted-in"}
    assert refusal(connect(simulator, region="eu-south-2").describe_instances) == (401, "AuthFailure")


def test_the_types_of_a_region_are_those_of_the_catalogue(simulator: EC2Simulator, ec2: Any) -> None:
    pages = ec2.get_paginator("describe_instance_types").paginate()
    types = {size["InstanceType"]: size for page in pages for size in page["InstanceTypes"]}
    listed = {size.id: size for size in simulator.world.catalogue.in_region(REGION)}
    assert types.keys() == listed.keys()
    assert types["t4g.small"]["MemoryInfo"] == {"SizeInMiB": 2048}
    assert types["t4g.small"]["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]
    assert {name: size["VCpuInfo"]["DefaultVCpus"] for name, size in types.items() if "VCpuInfo" in size} == {
        name: size.vcpus for name, size in listed.items() if size.vcpus is not None
    }
    burstable = ec2.describe_instance_types(Filters=[{"Name": "instance-type", "Values": ["t4g.*", "t3.larg?"]}])
    families = {size["InstanceType"].partition(".")[0] for size in burstable["InstanceTypes"]}
    assert families == {"t4g", "t3"}


def test_key_pairs_are_made_imported_and_deleted(ec2: Any) -> None:
    made = ec2.create_key_pair(KeyName="made", KeyType="ed25519")
    assert made["KeyMaterial"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    ec2.import_key_pair(KeyName="brought", PublicKeyMaterial=PUBLIC_KEY)
    pairs = {pair["KeyName"]: pair for pair in ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]}
    assert pairs["made"]["KeyFingerprint"] == made["KeyFingerprint"]
    assert pairs["brought"]["PublicKey"] == PUBLIC_KEY.decode()
    assert refusal(ec2.create_key_pair, KeyName="made") == (400, "InvalidKeyPair.Duplicate")
    assert refusal(run, ec2=ec2, KeyName="lost") == (400, "InvalidKeyPair.NotFound")
    ec2.delete_key_pair(KeyName="made")
    ec2.delete_key_pair(KeyName="made")
    assert refusal(ec2.describe_key_pairs, KeyNames=["made"]) == (400, "InvalidKeyPair.NotFound")


def test_an_imported_rsa_key_has_the_fingerprint_that_openssl_computes(ec2: Any) -> None:
    serialization = official("cryptography.hazmat.primitives.serialization")
    hashes = official("cryptography.hazmat.primitives.hashes")
    material = ec2.create_key_pair(KeyName="made")["KeyMaterial"].encode()
    private = serialization.load_pem_private_key(material, None)
    public = private.public_key()
    form = serialization.PublicFormat
    digest = hashes.Hash(hashes.MD5())
    digest.update(public.public_bytes(serialization.Encoding.DER, form.SubjectPublicKeyInfo))
    line = public.public_bytes(serialization.Encoding.OpenSSH, form.OpenSSH)
    imported = ec2.import_key_pair(KeyName="brought", PublicKeyMaterial=line)
    assert imported["KeyFingerprint"] == digest.finalize().hex(":")


def test_security_groups_hold_rules_and_instances(ec2: Any) -> None:
    group = ec2.create_security_group(GroupName="web", Description="open to all")["GroupId"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    rule = [{**https, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    again = refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=rule)
    assert again == (400, "InvalidPermission.Duplicate")
    (shown,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    (permission,) = shown["IpPermissions"]
    assert (permission["FromPort"], permission["IpRanges"]) == (443, [{"CidrIp": "0.0.0.0/0"}])
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "::/0"}]

    instance = run(ec2, SecurityGroupIds=[group])[0]
    assert instance["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
    assert refusal(ec2.delete_security_group, GroupId=group) == (400, "DependencyViolation")
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance["InstanceId"]], WaiterConfig=QUICK)

    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)
    absent = refusal(ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=rule)
    assert absent == (400, "InvalidPermission.NotFound")
    ec2.delete_security_group(GroupId=group)
    assert refusal(ec2.describe_security_groups, GroupIds=[group]) == (400, "InvalidGroup.NotFound")


def test_throttling_and_capacity_are_said_in_amazons_words(simulator: EC2Simulator, ec2: Any) -> None:
    simulator.faults = [Throttled(on="DescribeInstances"), NoCapacity(on="RunInstances")]
    assert refusal(ec2.describe_instances) == (503, "RequestLimitExceeded")
    assert refusal(run, ec2=ec2) == (500, "InsufficientInstanceCapacity")


ORDER = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1}

REFUSED = [
    ("describe_instances", {"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
    ("describe_instances", {"InstanceIds": ["seven"]}, "InvalidInstanceID.Malformed"),
    ("describe_instances", {"InstanceIds": ["i-01234567"], "MaxResults": 10}, "InvalidParameterCombination"),
    ("describe_instances", {"NextToken": "made up"}, "InvalidPaginationToken"),
    ("describe_instances", {"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameterValue"),
    ("describe_instance_types", {"MaxResults": 101}, "InvalidParameterValue"),
    ("describe_instance_types", {"InstanceTypes": ["t99.huge"]}, "InvalidInstanceType"),
    ("describe_images", {"ImageIds": ["ami-seven"]}, "InvalidAMIID.Malformed"),
    ("describe_subnets", {"SubnetIds": ["subnet-01234567"]}, "InvalidSubnetID.NotFound"),
    ("run_instances", ORDER, "InvalidAMIID.NotFound"),
    ("describe_volumes", {}, "InvalidAction"),
    ("create_tags", {"Resources": ["i-01234567"], "Tags": [{"Key": "a"}]}, "InvalidInstanceID.NotFound"),
]


@pytest.mark.parametrize(("call", "parameters", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(ec2: Any, call: str, parameters: dict[str, Any], code: str) -> None:
    assert refusal(getattr(ec2, call), **parameters) == (400, code)


BAD_ORDERS = [
    ({"InstanceType": "t99.huge"}, "InvalidParameterValue"),
    ({"InstanceType": "t4g.small"}, "InvalidParameterValue"),  # arm64, and the image is not
    ({"InstanceType": "m1.small", "Placement": {"AvailabilityZone": "us-east-1a"}}, "InvalidParameterValue"),
    ({"SecurityGroupIds": ["sg-01234567"]}, "InvalidGroup.NotFound"),
    ({"SecurityGroups": ["nobody's"]}, "InvalidGroup.NotFound"),
    ({"SubnetId": "subnet-01234567"}, "InvalidSubnetID.NotFound"),
    ({"UserData": "x" * 16_385}, "InvalidParameterValue"),
    ({"InstanceMarketOptions": {"MarketType": "spot"}}, "UnknownParameter"),
]


@pytest.mark.parametrize(("parameters", "code"), BAD_ORDERS)
def test_an_order_that_cannot_be_met_makes_nothing(
    simulator: EC2Simulator, ec2: Any, parameters: dict[str, Any], code: str
) -> None:
    assert refusal(run, ec2=ec2, **parameters) == (400, code)
    assert not simulator.region(REGION).instances


def test_a_dry_run_says_that_it_would_have_worked(simulator: EC2Simulator, ec2: Any) -> None:
    assert refusal(run, ec2=ec2, DryRun=True) == (412, "DryRunOperation")
    assert not simulator.region(REGION).instances


# The service model as the judge of every element


def tour(ec2: Any) -> None:
    """Calls every action that the simulator knows at least once."""
    group = ec2.create_security_group(GroupName="tour", Description="passing by")["GroupId"]
    rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=rule)
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rule)
    ec2.create_key_pair(KeyName="one", KeyType="ed25519")
    ec2.import_key_pair(KeyName="two", PublicKeyMaterial=PUBLIC_KEY)
    for call in ("regions", "availability_zones", "vpcs", "subnets", "images", "instance_types", "key_pairs"):
        getattr(ec2, f"describe_{call}")()
    ec2.describe_instance_type_offerings(LocationType="availability-zone")
    made = run(
        ec2,
        KeyName="one",
        UserData="#!/bin/sh",
        SecurityGroupIds=[group],
        Ipv6AddressCount=2,
        IamInstanceProfile={"Name": "sailor"},
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}],
        Monitoring={"Enabled": True},
        MetadataOptions={"HttpTokens": "required"},
        DisableApiTermination=True,
    )
    name = made[0]["InstanceId"]
    ids = {"InstanceIds": [name]}
    ec2.create_tags(Resources=[name, group], Tags=[{"Key": "Name", "Value": "a <b> & c"}, {"Key": "empty"}])
    ec2.delete_tags(Resources=[group], Tags=[{"Key": "Name"}])
    assert len(ec2.describe_tags()["Tags"]) == 3
    ec2.get_waiter("instance_running").wait(**ids, WaiterConfig=QUICK)
    running = one(ec2, name)
    assert {"Key": "Name", "Value": "a <b> & c"} in running["Tags"]
    assert len(running["NetworkInterfaces"][0]["Ipv6Addresses"]) == 2
    ec2.describe_instance_status()
    assert "login:" in ec2.get_console_output(InstanceId=name)["Output"]
    attribute = ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")
    assert attribute["UserData"] == {"Value": "IyEvYmluL3No"}
    ec2.reboot_instances(**ids)
    assert refusal(ec2.terminate_instances, **ids) == (400, "OperationNotPermitted")
    ec2.modify_instance_attribute(InstanceId=name, DisableApiTermination={"Value": False})
    assert refusal(ec2.start_instances, InstanceIds=[name, "i-01234567"]) == (400, "InvalidInstanceID.NotFound")
    ec2.stop_instances(**ids)
    assert refusal(ec2.start_instances, **ids) == (400, "IncorrectInstanceState")
    ec2.get_waiter("instance_stopped").wait(**ids, WaiterConfig=QUICK)
    ec2.start_instances(**ids)
    ec2.terminate_instances(**ids)
    ec2.get_waiter("instance_terminated").wait(**ids, WaiterConfig=QUICK)
    ec2.delete_security_group(GroupId=group)
    ec2.describe_security_groups()
    ec2.delete_key_pair(KeyName="one")


def test_every_element_of_every_answer_is_in_the_service_model(simulator: EC2Simulator, connect: Connect) -> None:
    answers: list[tuple[str, bytes]] = []

    async def recorded(request: Request) -> Response:
        response = await simulator(request)
        answers.append((simulator.operation(request), response.body if response.ok else b""))
        return response

    ec2 = connect(simulator, handler=recorded)
    tour(ec2)
    assert {action for action, body in answers if body} == set(ACTIONS)
    model = ec2.meta.service_model
    found = {
        f"{action}: {element}"
        for action, body in answers
        if body
        for element in unknown(ET.fromstring(body), model.operation_model(action).output_shape)  # noqa: S314 - ours
    }
    assert not found


def local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def unknown(element: ET.Element, shape: Any) -> Iterator[str]:
    """The elements, as paths, that the model does not name."""
    members = {s.serialization.get("name", name): s for name, s in shape.members.items()} if shape else {}
    for child in element:
        name = local(child)
        if name in members:
            yield from (f"{name}.{rest}" for rest in within(child, members[name]))
        elif name not in {"requestId", "return"}:
            yield name


def within(element: ET.Element, shape: Any) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from unknown(element, shape)
    elif shape.type_name == "list":
        for item in element:
            yield from within(item, shape.member) if local(item) == "item" else iter([local(item)])
    elif len(element):
        yield "a leaf with branches"
