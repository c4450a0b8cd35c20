"""What the EC2 driver does beyond what every driver does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pytest

from aiocloud.creation import GRACE
from aiocloud.errors import (
    CapacityError,
    CloudError,
    ConfigurationError,
    ConflictError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, Node, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers import get_driver
from aiocloud.providers.ec2 import EC2
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, Fault, LostAnswer
from aiocloud.simulators.ec2 import EC2Simulator

T = TypeVar("T")

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"
ONCE = Retry(attempts=1)


def driver(simulator: EC2Simulator, **options: Any) -> EC2:
    quick = {"region": "eu-west-1", "account": "prod", "retry": Retry(jitter=lambda: 1.0)}
    merged: dict[str, Any] = {**simulator.credentials, **quick, **options}
    return EC2(transport=simulator, now=simulator.now, **merged)


def over(scenario: Callable[[EC2, EC2Simulator], Awaitable[T]], *faults: Fault, **options: Any) -> T:
    """Run a scenario over a simulator of its own, on virtual time."""

    async def go() -> T:
        simulator = EC2Simulator()
        simulator.faults += faults
        async with driver(simulator, **options) as ec2:
            return await scenario(ec2, simulator)

    return virtualtime.run(go())


async def make(ec2: EC2, name: str = "quay", **options: Any) -> Node:
    images = await ec2.list_images(location=options.get("location"))
    image = next(image for image in images if image.arch == "x86_64")
    return await ec2.create_node(name, size="t3.micro", image=image, **options)


def pairs_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


class Wire:
    """A transport that keeps what it is sent and gives the same answer to everything."""

    def __init__(self, body: str = "", status: int = 200) -> None:
        self.sent: list[Request] = []
        self.body = body
        self.status = status

    async def __call__(self, request: Request) -> Response:
        self.sent.append(request)
        body = self.body or f"<{request.operation}Response/>"
        return Response(status=self.status, body=body.encode())


def wired(wire: Wire, **options: Any) -> EC2:
    quick = {"region": "eu-west-1", "retry": ONCE}
    return EC2("AKIAAIOCLOUDTEST0001", "harbour/secret", transport=wire, **{**quick, **options})


def refusal(code: str, message: str = "no") -> str:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return f"<Response><Errors>{error}</Errors><RequestID>ab12</RequestID></Response>"


# ---- finding the driver ----


def test_the_driver_is_found_by_name() -> None:
    assert get_driver("ec2") is EC2


# ---- making nodes ----


def test_a_create_whose_answers_are_all_lost_is_found_by_its_token() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        node = await make(ec2, tags={"role": "web"})
        assert (node.name, dict(node.tags)) == ("quay", {"role": "web"})
        assert simulator.calls["RunInstances"] == 2
        assert [each.id for each in await ec2.list_nodes()] == [node.id]

    over(scenario, LostAnswer(on="RunInstances", times=2), retry=Retry(attempts=2, jitter=lambda: 1.0))


def test_a_lost_answer_is_asked_for_again_with_the_same_token() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        node = await make(ec2)
        assert simulator.calls["RunInstances"] == 2
        assert [each.id for each in await ec2.list_nodes()] == [node.id]

    over(scenario, LostAnswer(on="RunInstances"))


def test_a_cancelled_create_destroys_a_node_that_the_api_does_not_know_yet() -> None:
    """An instance may be unknown for some seconds after its creation was confirmed."""
    not_yet = Answer(on="TerminateInstances", times=2, status=400, body=refusal("InvalidInstanceID.NotFound").encode())

    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        simulator.latency = 1.0
        making = asyncio.ensure_future(make(ec2))
        await asyncio.sleep(1.5)
        assert simulator.calls["RunInstances"] == 1
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        await asyncio.sleep(GRACE)
        assert [node.state for node in await ec2.list_nodes()] == [NodeState.TERMINATED]

    over(scenario, not_yet)


def test_a_public_key_is_made_known_once_under_the_name_of_its_fingerprint() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        first = await make(ec2, auth=NodeAuthSSHKey(PUBLIC_KEY))
        second = await make(ec2, auth=NodeAuthSSHKey(PUBLIC_KEY.removesuffix("quay") + "another comment"))
        (pair,) = await ec2.list_key_pairs()
        assert pair.name.startswith("aiocloud-")
        assert first.extra["keyName"] == second.extra["keyName"] == pair.name

    over(scenario)


def test_a_key_pair_is_named() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        pair = await ec2.create_key_pair("quay")
        assert isinstance(pair, KeyPair)
        node = await make(ec2, auth=pair)
        assert node.extra["keyName"] == "quay"

    over(scenario)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"auth": NodeAuthPassword("tide-and-harbour")}, "cannot make nodes with NodeAuthPassword; it offers: ssh_key"),
        ({"auth": NodeAuthSSHKey("no key")}, "no public key as OpenSSH writes it"),
        ({"auth": NodeAuthSSHKey(PUBLIC_KEY), "ex_key_name": "quay"}, "either `auth` or `ex_key_name`"),
        ({"user_data": "x" * 16385}, "takes 16384 bytes of user data; these are 16385"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_sent(options: dict[str, Any], why: str) -> None:
    wire = Wire()
    with pytest.raises(ConfigurationError, match=why):
        await wired(wire).create_node("quay", size="t3.micro", image="ami-1", **options)
    assert wire.sent == []


def test_a_node_without_a_public_address_can_be_asked_for() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        hidden = await ec2.wait_until(await make(ec2, ex_assign_public_ip=False, ex_ipv6_addresses=1))
        seen = await ec2.wait_until(await make(ec2))
        assert [":" in address for address in hidden.public_ips] == [True]
        assert [":" in address for address in seen.public_ips] == [False]

    over(scenario)


def test_a_stopped_node_is_resized_and_a_running_one_is_not() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        node = await ec2.wait_until(await make(ec2))
        with pytest.raises(ConflictError, match="IncorrectInstanceState"):
            await ec2.ex_resize_node(node, "t3.small")
        await ec2.stop_node(node)
        await ec2.wait_until(node, NodeState.STOPPED)
        await ec2.ex_resize_node(node, "t3.small")
        assert (await ec2.get_node(node)).size == "t3.small"

    over(scenario)


# ---- lists, regions, parts ----


def test_a_long_list_comes_in_pages_of_a_thousand() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        simulator.populate(2500, region="eu-west-1")
        asked: list[str] = []
        async for node in ec2.list_nodes():
            if simulator.calls["DescribeInstances"] > len(asked):
                asked.append(node.id)
        nodes = [node.id for node in await ec2.list_nodes()]
        assert asked == [nodes[0], nodes[1000], nodes[2000]]

    over(scenario)


def test_leaving_a_list_early_fetches_no_more() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        simulator.populate(2500, region="eu-west-1")
        async for _ in ec2.list_nodes():
            break
        assert simulator.calls["DescribeInstances"] == 1

    over(scenario)


def test_a_bare_id_is_looked_for_in_all_regions_and_a_node_is_not() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        node = await ec2.wait_until(await make(ec2, location="us-east-1"))
        simulator.calls.clear()
        await ec2.reboot_node(node)
        assert simulator.calls == {"RebootInstances": 1}
        await ec2.reboot_node(node.id)
        assert simulator.calls == {"RebootInstances": 2, "DescribeInstances": 2}

    over(scenario, region=["eu-west-1", "us-east-1"])


def test_a_node_of_a_region_that_the_driver_does_not_work_in_is_still_reached() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        node = await make(ec2, location="us-east-1c")
        assert node.location == "us-east-1"
        await ec2.destroy_node(node)
        assert [each.state for each in await ec2.list_nodes(location="us-east-1c")] == [NodeState.TERMINATED]
        assert await ec2.list_nodes(location="us-east-1a") == []
        assert await ec2.list_nodes() == []

    over(scenario)


def test_parts_fail_one_by_one() -> None:
    async def go() -> None:
        simulator = EC2Simulator(opted_in=[])
        ec2 = driver(simulator, region=["eu-west-1", "af-south-1"])
        simulator.populate(1, region="eu-west-1")
        here, there = await ec2.parts()
        assert isinstance(here, EC2)
        assert isinstance(there, EC2)
        assert len(await here.list_nodes()) == 1
        assert [place.id for place in await here.list_locations()] == ["eu-west-1"]
        assert [part.part for part in (here, there)] == ["eu-west-1", "af-south-1"]
        with pytest.raises(InvalidCredsError, match=r"ec2 \(prod\)"):  # the region is not enabled
            await there.list_nodes()

    virtualtime.run(go())


def test_all_means_the_regions_that_the_account_has_enabled() -> None:
    async def go() -> None:
        simulator = EC2Simulator(opted_in=["af-south-1"])
        async with driver(simulator, region="all") as ec2:
            places = {place.id: place for place in await ec2.list_locations()}
            assert "af-south-1" in places
            assert "ap-east-1" not in places
            assert places["eu-west-1"].zones == ("eu-west-1a", "eu-west-1b", "eu-west-1c")
            assert len(await ec2.parts()) == len(places)

    virtualtime.run(go())


def test_a_place_that_nobody_knows_is_named() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        with pytest.raises(NotFoundError, match="no region 'atlantis'; there are: "):
            await ec2.list_sizes(location="atlantis")
        with pytest.raises(NotFoundError, match="no region 'eu-atlantis-1'"):
            await make(ec2, location="eu-atlantis-1")

    over(scenario)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "ec2.eu-west-1.amazonaws.com"),
        ("cn-north-1", "ec2.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "ec2.eusc-de-east-1.amazonaws.eu"),
        ("us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com"),
    ],
)
async def test_each_region_has_its_own_address(region: str, host: str) -> None:
    wire = Wire()
    await wired(wire, region=region).list_nodes()
    (sent,) = wire.sent
    assert str(sent.url) == f"https://{host}/"
    assert f"/{region}/ec2/aws4_request" in sent.headers["Authorization"]


async def test_an_endpoint_replaces_the_address_and_not_the_region() -> None:
    wire = Wire()
    await wired(wire, endpoint="http://127.0.0.1:5000", region=["eu-west-1", "us-east-1"]).list_nodes()
    assert {str(request.url) for request in wire.sent} == {"http://127.0.0.1:5000/"}
    assert sorted(request.headers["Authorization"].split("/")[2] for request in wire.sent) == ["eu-west-1", "us-east-1"]


def test_no_region_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one `region`"):
        EC2("AKIAAIOCLOUDTEST0001", "harbour/secret", region=[])


async def test_images_are_never_asked_for_without_an_owner_or_an_id() -> None:
    wire = Wire()
    ec2 = wired(wire)
    await ec2.list_images()
    await ec2.list_images(ex_name="al2023-*")
    await ec2.list_images(ex_owner=["amazon", "111122223333"])
    await ec2.list_images(ex_ids=["ami-1"])
    asked = [pairs_of(request) for request in wire.sent]
    assert [each.get("Owner.1") for each in asked] == ["self", "self", "amazon", None]
    assert asked[3]["ImageId.1"] == "ami-1"
    assert "MaxResults" not in asked[3]  # the API takes no page size together with ids


# ---- offers ----


def test_prices_are_those_of_the_place() -> None:
    async def scenario(ec2: EC2, simulator: EC2Simulator) -> None:
        offers = {(offer.size.id, offer.location.id): offer for offer in await ec2.list_offers()}
        here, there = offers["t3.micro", "eu-west-1"], offers["t3.micro", "us-east-1"]
        assert here.price is not None
        assert there.price is not None
        assert here.price.amount > there.price.amount > Decimal(0)
        assert here.price == here.size.price
        assert here.available is None
        assert (here.location.country, there.location.country) == ("IE", "US")
        only = await ec2.list_offers(location="eu-west-1")
        assert {offer.location.id for offer in only} == {"eu-west-1"}

    over(scenario, region=["eu-west-1", "us-east-1"])


async def test_without_credentials_the_catalogue_is_offered_and_nothing_is_sent() -> None:
    wire = Wire()
    ec2 = EC2.anonymous(transport=wire)
    offers = await ec2.list_offers()
    places = await ec2.list_locations()
    assert len(places) > 30
    assert all(place.country for place in places)
    assert {offer.location.id for offer in offers} == {place.id for place in places}
    small = next(size for size in await ec2.list_sizes(location="eu-west-1") if size.id == "t4g.small")
    assert (small.ram, small.vcpus, small.arch) == (2048, 2, "arm64")
    assert small.price is not None
    assert await ec2.parts() == [ec2]
    with pytest.raises(NotFoundError, match="no region 'atlantis' in the catalogue"):
        await ec2.list_sizes(location="atlantis")
    with pytest.raises(InvalidCredsError, match="AWS_ACCESS_KEY_ID"):
        await ec2.list_nodes()
    assert wire.sent == []


# ---- refusals ----


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, RateLimitReachedError),  # ends as a quota does
        ("VcpuLimitExceeded", 400, QuotaExceededError),
        ("InsufficientInstanceCapacity", 500, CapacityError),  # a server error by its status
        ("Unsupported", 400, CapacityError),
        ("UnsupportedOperation", 400, ConflictError),
        ("InvalidSubnetID.NotFound", 400, NotFoundError),
        ("InvalidAMIID.Malformed", 400, InvalidRequestError),
        ("InvalidGroup.InUse", 400, ConflictError),
        ("IncorrectInstanceState", 400, ConflictError),
        ("OptInRequired", 401, InvalidCredsError),
        ("InternalError", 500, ServerError),
        ("SomethingNewForbidden", 400, InvalidRequestError),
    ],
)
async def test_a_refusal_is_told_in_our_words(code: str, status: int, kind: type[CloudError]) -> None:
    with pytest.raises(CloudError) as caught:
        await wired(Wire(refusal(code, "the reason"), status), account="prod").list_nodes()
    error = caught.value
    assert type(error) is kind
    assert str(error).startswith(f"ec2 (prod): the reason ({status}, {code}, request ab12)")


async def test_of_several_errors_the_first_is_told() -> None:
    errors = "".join(
        f"<Error><Code>{code}</Code><Message>{code}</Message></Error>" for code in ("VcpuLimitExceeded", "B")
    )
    wire = Wire(f"<Response><Errors>{errors}</Errors></Response>", 400)
    with pytest.raises(QuotaExceededError, match="VcpuLimitExceeded"):
        await wired(wire).list_nodes()


async def test_what_else_a_word_may_mean_is_said() -> None:
    with pytest.raises(InvalidCredsError, match="not able to validate, or the account has not enabled this region"):
        await wired(Wire(refusal("AuthFailure", "not able to validate"), 401)).list_nodes()


@pytest.mark.parametrize(
    "page",
    [
        "<html><head><title>Sign in to the hotel</title></head><body>welcome</body></html>",
        "<!doctype html><title>Sign in to the hotel</title><p>welcome",
        "",
    ],
)
async def test_a_page_is_no_answer(page: str) -> None:
    async def hotel(request: Request) -> Response:
        return Response(status=200, body=page.encode())

    ec2 = EC2("AKIAAIOCLOUDTEST0001", "harbour/secret", transport=hotel, retry=ONCE)
    with pytest.raises(MalformedResponseError, match="hotel" if page else "nothing"):
        await ec2.list_nodes()


async def test_an_answer_to_another_question_is_no_answer() -> None:
    with pytest.raises(MalformedResponseError, match="<DescribeImagesResponse> where <DescribeInstancesResponse>"):
        await wired(Wire("<DescribeImagesResponse/>")).list_nodes()


@pytest.mark.parametrize(("code", "permitted"), [("DryRunOperation", True), ("UnauthorizedOperation", False)])
async def test_a_dry_run_is_no_error(code: str, permitted: bool) -> None:
    wire = Wire(refusal(code), 412)
    assert await wired(wire).ex_permits("StopInstances", {"InstanceId": ["i-1"]}) is permitted
    assert pairs_of(wire.sent[0])["DryRun"] == "true"


async def test_a_dry_run_that_was_no_dry_run_is_told() -> None:
    with pytest.raises(MalformedResponseError, match="as if it were none"):
        await wired(Wire()).ex_permits("StopInstances", {"InstanceId": ["i-1"]})


async def test_the_secret_is_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    secret, token = "harbour/secret", "a-session-token"
    caplog.set_level("DEBUG")
    wire = Wire(refusal("AuthFailure", f"no such key: {secret} {token}"), 401)
    ec2 = EC2("AKIAAIOCLOUDTEST0001", secret, session_token=token, transport=wire, retry=ONCE)
    with pytest.raises(InvalidCredsError) as caught:
        await ec2.list_nodes()
    seen = f"{caplog.text}{caught.value}{caught.value!r}{ec2!r}{vars(ec2)}"
    assert "no such key: *** ***" in seen
    assert secret not in seen
    assert token not in seen
