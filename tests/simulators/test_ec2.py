"""The simulator of EC2, in memory. `tests/interop/test_boto3_ec2.py` has what Amazon's client thinks of it."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from yarl import URL

from aiocloud.errors import AnswerLostError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import LostAnswer
from aiocloud.simulators.ec2 import EC2Simulator
from aiocloud.simulators.ec2.signature import verify
from aiocloud.simulators.ec2.wire import Refusal

START = datetime(2026, 3, 2, 10, 15, tzinfo=UTC)
REGION = "eu-west-1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"


class Clock:
    """A time of day that moves when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def wait(self, **delta: float) -> None:
        self.time += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> EC2Simulator:
    return EC2Simulator(now=clock, boot=10)


def chain(key: bytes, *parts: str) -> bytes:
    for part in parts:
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signed(
    simulator: EC2Simulator, action: str, *, method: str = "POST", version: str = "2016-11-15", **pairs: str
) -> Request:
    """A question as a client would put it; dots in names are written as double underscores."""
    named = {name.replace("__", "."): value for name, value in pairs.items()}
    text = urlencode(sorted({"Action": action, "Version": version, **named}.items()), quote_via=quote)
    query, body = (text, b"") if method == "GET" else ("", text.encode())
    stamp = simulator.now().strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{REGION}/ec2/aws4_request"
    headers = {"content-type": FORM, "host": "ec2.test", "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n/\n{query}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + simulator.credentials["secret_access_key"].encode()
    signature = chain(key, *scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}").hex()
    credential = f"{simulator.credentials['access_key_id']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    url = URL(f"https://ec2.test/?{query}" if query else "https://ec2.test/", encoded=True)
    return Request(method=method, url=url, headers=headers_of(headers), body=body)


def read(response: Response) -> Any:
    """The answer without its namespace."""
    root = ET.fromstring(response.body)  # noqa: S314 - written by our own simulator
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


async def ask(simulator: EC2Simulator, action: str, **pairs: str) -> Any:
    return read(await simulator(signed(simulator, action, **pairs)))


async def code(simulator: EC2Simulator, action: str, **pairs: str) -> str:
    response = await simulator(signed(simulator, action, **pairs))
    assert not response.ok
    return str(read(response).findtext("Errors/Error/Code"))


async def order(simulator: EC2Simulator, **more: str) -> dict[str, str]:
    images = await ask(simulator, "DescribeImages", Owner__1="self")
    image = images.findtext("imagesSet/item/imageId")
    return {"ImageId": image, "InstanceType": "t3.small", "MinCount": "1", "MaxCount": "1", **more}


async def run(simulator: EC2Simulator, **more: str) -> str:
    answer = await ask(simulator, "RunInstances", **await order(simulator, **more))
    return str(answer.findtext("instancesSet/item/instanceId"))


async def show(simulator: EC2Simulator, instance: str) -> Any:
    return (await ask(simulator, "DescribeInstances", InstanceId__1=instance)).find(".//instancesSet/item")


async def state(simulator: EC2Simulator, instance: str) -> str:
    return str((await show(simulator, instance)).findtext("instanceState/name"))


# Signatures that were computed elsewhere

KEYS = {"AKIAAIOCLOUDTEST0001": "aiocloud+secret/for+docs/only+0123456789"}
LISTING = (
    b"Action=DescribeInstances&Filter.1.Name=instance-state-name&Filter.1.Value.1=running"
    b"&MaxResults=1000&Version=2016-11-15"
)
PLAIN = {"content-type": FORM}
TOKEN = {**PLAIN, "x-amz-security-token": "SESSIONTOKENEXAMPLE=="}

VECTORS = [
    # region, method, query, headers that are signed beside host and date, body, signature
    (
        "eu-west-1",
        "POST",
        "",
        PLAIN,
        LISTING,
        "b46e6b67ad8eff0b208ebe4aa72d9e8ee9ca3375304cf831fe79500167595f1b",
    ),
    (
        "eu-west-1",
        "POST",
        "",
        TOKEN,
        LISTING,
        "12b90cc118d46a92fab799adcf750289fe69cc37c89436487dc546671ff2da8c",
    ),
    (
        "us-east-1",
        "GET",
        "?Action=DescribeRegions&Version=2016-11-15",
        {},
        b"",
        "f3592984ff9aaede57012f7c8806da3cbd662facd6f52d75501c19ddcba52123",
    ),
]


def vector(region: str, method: str, query: str, headers: dict[str, str], body: bytes, signature: str) -> Request:
    sent = {**headers, "x-amz-date": "20260302T101500Z"}
    names = ";".join(sorted({"host", *sent}))
    credential = f"AKIAAIOCLOUDTEST0001/20260302/{region}/ec2/aws4_request"
    sent["Authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    url = URL(f"https://ec2.{region}.amazonaws.com/{query}")
    return Request(method=method, url=url, headers=headers_of(sent), body=body)


@pytest.mark.parametrize("known", VECTORS, ids=["post", "token", "get"])
def test_a_signature_computed_elsewhere_is_good(known: tuple[Any, ...]) -> None:
    assert verify(vector(*known), KEYS, START) == known[0]


@pytest.mark.parametrize("known", VECTORS, ids=["post", "token", "get"])
def test_a_request_that_was_altered_on_the_way_is_refused(known: tuple[Any, ...]) -> None:
    request = vector(*known)
    for altered in (
        replace(request, body=request.body + b"&DryRun=true"),
        replace(request, url=request.url.update_query(DryRun="true")),
        replace(request, method="PUT"),
    ):
        with pytest.raises(Refusal) as caught:
            verify(altered, KEYS, START)
        assert (caught.value.code, caught.value.status) == ("AuthFailure", 401)


@pytest.mark.parametrize("minutes", [-5.1, 5.1])
def test_a_signature_is_good_for_five_minutes(minutes: float) -> None:
    request = vector(*VECTORS[0])
    assert verify(request, KEYS, START + timedelta(minutes=minutes * 0.9))
    with pytest.raises(Refusal) as caught:
        verify(request, KEYS, START + timedelta(minutes=minutes))
    assert caught.value.code == "RequestExpired"


async def test_a_request_without_a_signature_is_refused(simulator: EC2Simulator) -> None:
    request = signed(simulator, "DescribeRegions")
    response = await simulator(replace(request, headers=headers_of({"content-type": FORM})))
    assert (response.status, read(response).findtext("Errors/Error/Code")) == (403, "MissingAuthenticationToken")


# The protocol


async def test_the_namespace_is_that_of_the_version_asked_for(simulator: EC2Simulator) -> None:
    response = await simulator(signed(simulator, "DescribeRegions", version="2013-10-15"))
    assert b'<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2013-10-15/"><requestId>' in response.body


async def test_a_get_says_the_same_as_a_post(simulator: EC2Simulator) -> None:
    answers = [
        await simulator(signed(simulator, "DescribeKeyPairs", method=method, Filter__1__Name="tag:a b/c"))
        for method in ("GET", "POST")
    ]
    assert [read(answer).tag for answer in answers] == ["DescribeKeyPairsResponse"] * 2


@pytest.mark.parametrize("name", ["Filter__1__Values__1", "MaxResult", "Filter__1__Value__1__Name"])
async def test_a_parameter_that_amazon_does_not_know_is_refused(simulator: EC2Simulator, name: str) -> None:
    pairs = {"Filter__1__Name": "instance-type", name: "t3.small"}
    assert await code(simulator, "DescribeInstances", **pairs) == "UnknownParameter"


async def test_a_create_with_an_unknown_parameter_makes_nothing(simulator: EC2Simulator) -> None:
    misspelt = await order(simulator, TagSpecifications__1__ResourceType="instance")
    assert await code(simulator, "RunInstances", **misspelt) == "UnknownParameter"
    assert not simulator.region(REGION).instances


async def test_an_unknown_action_is_refused_and_named_in_the_counts(simulator: EC2Simulator) -> None:
    assert await code(simulator, "DescribeDreams") == "InvalidAction"
    assert simulator.calls == {"DescribeDreams": 1}


async def test_an_answer_is_compressed_where_the_client_can_read_it(simulator: EC2Simulator) -> None:
    request = signed(simulator, "DescribeRegions")
    accepting = replace(request, headers=headers_of({**request.headers, "Accept-Encoding": "deflate, gzip"}))
    response = await simulator(accepting)
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.body).startswith(b"<?xml")
    assert "Content-Encoding" not in (await simulator(request)).headers


# Instances


async def test_a_public_address_is_there_only_while_the_instance_runs(simulator: EC2Simulator, clock: Clock) -> None:
    name = await run(simulator, Ipv6AddressCount="1")
    pending = await show(simulator, name)
    assert (pending.findtext("ipAddress"), pending.findtext("dnsName")) == (None, "")
    assert ip_address(pending.findtext("privateIpAddress")) in simulator.region(REGION).default_vpc.cidr

    clock.wait(seconds=10)
    running = await show(simulator, name)
    first = running.findtext("ipAddress")
    assert running.findtext("networkInterfaceSet/item/association/publicIp") == first
    assert ip_address(running.findtext("ipv6Address")).version == 6

    await ask(simulator, "StopInstances", InstanceId__1=name)
    clock.wait(seconds=2)
    assert await state(simulator, name) == "stopped"
    await ask(simulator, "StartInstances", InstanceId__1=name)
    clock.wait(seconds=10)
    second = (await show(simulator, name)).findtext("ipAddress")
    assert second not in {None, first}


async def test_a_terminated_instance_is_seen_for_an_hour(simulator: EC2Simulator, clock: Clock) -> None:
    name, other = await run(simulator, ClientToken="once"), await run(simulator)
    await ask(simulator, "TerminateInstances", InstanceId__1=name)
    assert await state(simulator, name) == "shutting-down"
    clock.wait(minutes=59)
    gone = await show(simulator, name)
    assert gone.findtext("instanceState/name") == "terminated"
    assert gone.find("privateIpAddress") is None
    assert not list(gone.find("networkInterfaceSet"))
    await ask(simulator, "TerminateInstances", InstanceId__1=name)
    clock.wait(minutes=2)
    assert await code(simulator, "DescribeInstances", InstanceId__1=name) == "InvalidInstanceID.NotFound"
    assert await state(simulator, other) == "running"


async def test_many_instances_change_together_or_not_at_all(simulator: EC2Simulator, clock: Clock) -> None:
    first, second = await run(simulator), await run(simulator)
    clock.wait(seconds=10)
    await ask(simulator, "StopInstances", InstanceId__1=second)
    both = {"InstanceId__1": first, "InstanceId__2": second}
    assert await code(simulator, "StartInstances", **both) == "IncorrectInstanceState"
    assert await code(simulator, "RebootInstances", **both) == "IncorrectInstanceState"
    assert await code(simulator, "TerminateInstances", InstanceId__1=first, InstanceId__2="i-01234567") == (
        "InvalidInstanceID.NotFound"
    )
    assert [await state(simulator, name) for name in (first, second)] == ["running", "stopping"]


async def test_a_lost_answer_is_found_again_by_its_client_token(simulator: EC2Simulator) -> None:
    simulator.faults = [LostAnswer(on="RunInstances")]
    with pytest.raises(AnswerLostError):
        await run(simulator, ClientToken="once")
    name = await run(simulator, ClientToken="once")
    assert list(simulator.region(REGION).instances) == [name]
    found = await ask(simulator, "DescribeInstances", Filter__1__Name="client-token", Filter__1__Value__1="once")
    assert [element.text for element in found.iter("instanceId")] == [name]


async def test_a_client_token_does_not_bring_back_the_dead(simulator: EC2Simulator, clock: Clock) -> None:
    name = await run(simulator, ClientToken="once")
    await ask(simulator, "TerminateInstances", InstanceId__1=name)
    clock.wait(seconds=5)
    repeated = await order(simulator, ClientToken="once")
    assert await code(simulator, "RunInstances", **repeated) == "IdempotentInstanceTerminated"


async def test_pages_miss_and_repeat_nothing_that_stayed(simulator: EC2Simulator, clock: Clock) -> None:
    simulator.populate(12, region=REGION)
    stayed = list(simulator.region(REGION).instances)
    doomed = stayed.pop(1)
    seen: list[str] = []
    token: dict[str, str] = {}
    await ask(simulator, "TerminateInstances", InstanceId__1=doomed)
    while True:
        page = await ask(simulator, "DescribeInstances", MaxResults="5", **token)
        seen += [element.text for element in page.iter("instanceId")]
        clock.wait(hours=1, seconds=10)  # the terminated one is forgotten between the pages
        if not page.findtext("nextToken"):
            break
        token = {"NextToken": page.findtext("nextToken")}
    assert [name for name in seen if name != doomed] == stayed


def test_a_large_world_has_room_for_every_address(simulator: EC2Simulator) -> None:
    simulator.populate(13_000, region=REGION)  # more than the default network holds
    instances = list(simulator.region(REGION).instances.values())
    assert len({instance.private_ip for instance in instances}) == 13_000
    assert all(ip_address(instance.private_ip) in instance.subnet.cidr for instance in instances)
    assert {instance.subnet.zone for instance in instances} == {REGION + letter for letter in "abc"}
