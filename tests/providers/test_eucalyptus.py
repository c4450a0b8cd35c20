from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from yarl import URL

from aiocloud.accounts import Environment
from aiocloud.dialects.ec2 import Credentials
from aiocloud.dialects.ec2.sigv2 import SigV2
from aiocloud.errors import CapacityError, ConfigurationError, InvalidCredsError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.providers.eucalyptus import SHAPE, Eucalyptus
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import LostAnswer
from aiocloud.simulators.eucalyptus import TYPES, EucalyptusSimulator
from aiocloud.values import Secret

KEY = Credentials("AKIAAIOCLOUDTEST0001", Secret("aiocloud+secret/for+docs/only+0123456789"))
MOMENT = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
MADE_OF: Mapping[str, Any] = {"size": "m1.small", "location": "quay-west-1a"}


def driver(simulator: EucalyptusSimulator, **options: Any) -> Eucalyptus:
    usual = {**simulator.credentials, "endpoint": simulator.endpoint, "transport": simulator, "now": simulator.now}
    return Eucalyptus(**{**usual, **options})


@pytest.mark.parametrize(
    ("url", "version", "signature"),
    [
        (
            "https://clc.example.net:8773/services/Eucalyptus",
            "2010-08-31",
            "QfZUVIAhJ8SX2eeqkJduKDdUvPnbltmL//VenCT74kY=",
        ),
        ("https://10.20.0.5:8773/services/compute/", "2013-10-15", "VnA7B5hHbomg0CJRaKtFEjLz8/BFgbiomnMSf0hutc4="),
    ],
)
def test_a_request_is_signed_by_version_2_as_in_the_worked_example(url: str, version: str, signature: str) -> None:
    async def key() -> Credentials:
        return KEY

    request = Request(
        method="GET",
        url=URL(url),
        headers=headers_of({}),
        body=f"Action=DescribeInstanceTypes&Version={version}".encode(),
        operation="DescribeInstanceTypes",
    )
    signed = SigV2(key, now=lambda: MOMENT).sign(request, KEY)
    assert parse_qs(signed.body.decode())["Signature"] == [signature]


@pytest.mark.parametrize("signature_version", [2, 4])
def test_both_signatures_open_the_cloud_and_a_wrong_secret_does_not(signature_version: Any) -> None:
    simulator = EucalyptusSimulator()
    simulator.populate(2)

    async def scenario() -> None:
        async with driver(simulator, signature_version=signature_version) as cloud:
            assert len(await cloud.list_nodes()) == 2
        async with driver(simulator, signature_version=signature_version, secret_access_key="wrong") as cloud:
            with pytest.raises(InvalidCredsError):
                await cloud.list_nodes()

    virtualtime.run(scenario())


def test_the_path_of_older_clouds_is_spoken_to_and_signed_too() -> None:
    simulator = EucalyptusSimulator()

    async def scenario() -> None:
        endpoint = "https://cloud.example:8773/services/Eucalyptus"
        async with driver(simulator, endpoint=endpoint, signature_version=2, version="2010-08-31") as cloud:
            assert [place.id for place in await cloud.list_locations()] == [f"quay-west-1{zone}" for zone in "abc"]

    virtualtime.run(scenario())


def test_sizes_are_read_in_the_softwares_own_words_and_in_amazons() -> None:
    simulator = EucalyptusSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            sizes = await cloud.list_sizes()
            assert {size.id: (size.vcpus, size.disk, size.ram) for size in sizes} == TYPES
            assert {size.price for size in sizes} == {None}

    virtualtime.run(scenario())
    amazons = (
        b"<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>m1.pier</instanceType><vCpuInfo>"
        b"<defaultVCpus>2</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>768</sizeInMiB></memoryInfo></item>"
        b"</instanceTypeSet></DescribeInstanceTypesResponse>"
    )

    async def transport(request: Request) -> Response:
        return Response(status=200, headers=headers_of({"Content-Type": "text/xml"}), body=amazons)

    async def again() -> None:
        async with driver(simulator, transport=transport) as cloud:
            (size,) = await cloud.list_sizes()
            assert (size.id, size.vcpus, size.ram, size.disk) == ("m1.pier", 2, 768, 0)

    virtualtime.run(again())


def test_an_instance_whose_address_stands_where_a_name_should_is_reached_there() -> None:
    payload = {
        "instanceId": "i-3C5D0881",
        "imageId": "emi-9E2A1B07",
        "instanceState": {"code": "0", "name": "pending"},
        "privateDnsName": "172.19.4.21",
        "dnsName": "10.40.7.12",
        "instanceType": "c1.medium",
        "placement": {"availabilityZone": "cluster-west"},
    }
    node = SHAPE(payload)
    assert (node.public_ips, node.private_ips, node.location) == (("10.40.7.12",), ("172.19.4.21",), "cluster-west")
    pending = SHAPE({**payload, "dnsName": "0.0.0.0", "privateDnsName": "0.0.0.0"})  # noqa: S104 - as it is shown
    assert (pending.public_ips, pending.private_ips) == ((), ())
    named = SHAPE({**payload, "dnsName": "euca-10-40-7-12.eucalyptus.example"})
    assert named.public_ips == ()


def test_nothing_is_sent_that_the_cloud_does_not_know() -> None:
    simulator, forms = EucalyptusSimulator(), list[dict[str, list[str]]]()

    async def transport(request: Request) -> Response:
        forms.append(parse_qs(request.body.decode()))
        return await simulator(request)

    async def scenario() -> None:
        async with driver(simulator, transport=transport) as cloud:
            image = (await cloud.list_images())[0]
            node = await cloud.create_node("web-1", image=image, ex_addressing="private", **MADE_OF)
            assert await cloud.list_key_pairs() == []
            assert dict(node.tags) == {}

    virtualtime.run(scenario())
    (form,) = [form for form in forms if form["Action"] == ["RunInstances"]]
    assert not {"ClientToken", "MetadataOptions.HttpTokens"} & set(form)
    assert (form["Placement.AvailabilityZone"], form["AddressingType"]) == (["quay-west-1a"], ["private"])


def test_a_create_whose_answer_is_lost_is_found_by_its_tag_which_is_not_shown() -> None:
    simulator = EucalyptusSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            image = (await cloud.list_images())[0]
            simulator.faults.append(LostAnswer(on="RunInstances"))
            node = await cloud.create_node("web-1", image=image, tags={"role": "web"}, **MADE_OF)
            assert [(each.id, dict(each.tags)) for each in await cloud.list_nodes()] == [(node.id, {"role": "web"})]

    virtualtime.run(scenario())


async def test_a_lack_of_machines_is_no_passing_trouble_though_it_comes_with_503() -> None:
    body = (
        b'<?xml version="1.0"?><Response><Errors><Error><Code>InsufficientInstanceCapacity</Code><Message>Not enough '
        b"resources (0 in quay-west-1a &lt; 1)</Message></Error></Errors><RequestID>3f1c</RequestID></Response>"
    )
    asked = 0

    async def transport(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return Response(status=503, headers=headers_of({"Content-Type": "text/xml"}), body=body)

    async with driver(EucalyptusSimulator(), transport=transport) as cloud:
        with pytest.raises(CapacityError, match="Not enough resources"):
            await cloud.create_node("web-1", image="emi-1", **MADE_OF)
    assert asked == 1


def test_the_variables_of_eucarc_are_found(tmp_path: Path) -> None:
    variables = {"EC2_URL": "https://c:8773/services/compute", "EC2_ACCESS_KEY": "a", "EC2_SECRET_KEY": "b"}
    (account,) = Eucalyptus.accounts(Environment(variables, tmp_path, tmp_path))
    assert account.options == {"access_key_id": "a", "secret_access_key": "b", "endpoint": variables["EC2_URL"]}
    assert list(Eucalyptus.accounts(Environment({}, tmp_path, tmp_path))) == []


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"endpoint": None}, "needs `endpoint`"),
        ({"access_key_id": None}, "needs `access_key_id` and `secret_access_key`"),
        ({"signature_version": 3}, "is 2 or 4, not 3"),
    ],
)
def test_what_is_missing_is_named(given: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigurationError, match=what):
        driver(EucalyptusSimulator(), **given)
