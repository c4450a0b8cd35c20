"""What only the driver for IBM Cloud VPC does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    AnswerLostError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    NodeStateError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.http.message import Request, Response
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.ibm_vpc import IBMVPC
from aiocloud.simulators.base import Answer, LostAnswer, NoCapacity, Refused
from aiocloud.simulators.ibm_vpc import IBMVPCSimulator
from aiocloud.simulators.ibm_vpc.catalogue import images_of
from aiocloud.simulators.virtualtime import run

T = TypeVar("T")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
SIGN_IN, CREATE, GIVE = "POST /identity/token", "POST /instances", "POST /floating_ips"


def recipe(region: str = "us-south") -> Mapping[str, Any]:
    return {"size": "bx2-2x8", "image": next(iter(images_of(region))), "location": f"{region}-1"}


def over(simulator: IBMVPCSimulator, **options: Any) -> IBMVPC:
    known: dict[str, Any] = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return IBMVPC(**{**known, **options})


def do(scenario: Callable[[IBMVPC], Awaitable[T]], simulator: IBMVPCSimulator | None = None, **options: Any) -> T:
    """Run a scenario with a driver, on virtual time."""

    async def go() -> T:
        async with over(simulator or IBMVPCSimulator(), **options) as driver:
            return await scenario(driver)

    return run(go())


class Wire:
    """A transport that keeps what it was sent, and passes it on."""

    def __init__(self, simulator: IBMVPCSimulator) -> None:
        self.simulator = simulator
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return await self.simulator(request)


# ---- signing in ----


def test_the_key_is_exchanged_for_a_token_and_every_request_says_which_api_it_means() -> None:
    wire = Wire(IBMVPCSimulator())

    async def scenario(driver: IBMVPC) -> None:
        await driver.list_nodes()

    do(scenario, wire.simulator, transport=wire, region="eu-de")
    first, *others = wire.requests
    assert (first.method, str(first.url)) == ("POST", "https://iam.cloud.ibm.com/identity/token")
    assert parse_qs(first.body.decode()) == {
        "grant_type": ["urn:ibm:params:oauth:grant-type:apikey"],
        "apikey": ["pier-11-key-of-the-harbour"],
        "response_type": ["cloud_iam"],
    }
    assert [each.url.path for each in others] == ["/v1/floating_ips", "/v1/instances"]
    for each in others:
        assert each.url.host == "eu-de.iaas.cloud.ibm.com"
        assert dict(each.url.query) == {"version": "2026-06-02", "generation": "2", "limit": "100"}
        assert each.headers["Authorization"].startswith("Bearer eyJ")


def test_a_wrong_key_is_told_in_iams_words_and_tried_once() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(InvalidCredsError, match="Provided API key could not be found") as caught:
            await driver.list_nodes()
        assert (caught.value.status, caught.value.code) == (400, "BXNIM0415E")

    do(scenario, simulator, api_key="another")
    assert simulator.calls == {SIGN_IN: 1}


def test_a_token_that_is_refused_is_renewed_once_however_many_callers_there_are() -> None:
    simulator = IBMVPCSimulator(latency=0.1)

    async def scenario(driver: IBMVPC) -> None:
        await driver.list_images()
        simulator.expire_tokens()
        found = await asyncio.gather(*[driver.list_images() for _ in range(7)])
        assert all(found)

    do(scenario, simulator)
    assert simulator.calls[SIGN_IN] == 2
    assert simulator.calls["GET /images"] == 1 + 7 * 2


def test_a_token_is_renewed_before_it_ends() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        await driver.list_images()
        await asyncio.sleep(3600 - 90)
        await driver.list_images()

    do(scenario, simulator)
    assert simulator.calls == {SIGN_IN: 2, "GET /images": 2}


def test_a_token_that_is_refused_for_ever_is_an_error() -> None:
    simulator = IBMVPCSimulator()
    body = b'{"errors":[{"code":"not_authorized","message":"Nobody knows this account"}],"trace":"8f2"}'
    simulator.faults.append(Answer(on="GET /images", status=401, body=body, times=9))

    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(InvalidCredsError, match="Nobody knows") as caught:
            await driver.list_images()
        assert caught.value.request_id == "8f2"

    do(scenario, simulator)
    assert simulator.calls["GET /images"] == 2


@pytest.mark.parametrize(
    ("endpoint", "iam"),
    [
        (None, "https://iam.cloud.ibm.com"),
        ("https://{region}.private.iaas.cloud.ibm.com/v1", "https://iam.cloud.ibm.com"),
        ("https://sandbox.example:4000/v1", "https://sandbox.example:4000"),
        ("https://iaas.cloud.ibm.com.example/v1", "https://iaas.cloud.ibm.com.example"),
    ],
)
def test_tokens_are_had_at_ibm_or_where_else_the_api_is(endpoint: str | None, iam: str) -> None:
    wire = Wire(IBMVPCSimulator())

    async def scenario(driver: IBMVPC) -> None:
        await driver.list_images()

    do(scenario, wire.simulator, transport=wire, endpoint=endpoint)
    assert str(wire.requests[0].url) == f"{iam}/identity/token"


def test_tokens_can_be_had_elsewhere() -> None:
    wire = Wire(IBMVPCSimulator())

    async def scenario(driver: IBMVPC) -> None:
        await driver.list_images()

    do(scenario, wire.simulator, transport=wire, ex_iam_endpoint="https://private.iam.cloud.ibm.com")
    assert wire.requests[0].url.host == "private.iam.cloud.ibm.com"


# ---- errors ----


def refusal(status: int, code: str, message: str) -> Answer:
    body = {"errors": [{"code": code, "message": message}], "trace": "c0ffee"}
    return Answer(on=CREATE, status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, "over_quota", "The instance quota is exceeded"), QuotaExceededError),
        (refusal(409, "bad_field", "The quota of cores would be passed"), QuotaExceededError),
        (refusal(403, "not_authorized", "Not allowed"), ForbiddenError),
        (refusal(409, "conflict", "The name is taken"), ConflictError),
        (refusal(400, "validation_unique_failed", "The name is taken"), ConflictError),
        (refusal(404, "not_found", "Image not found"), NotFoundError),
    ],
)
def test_refusals_have_their_place_in_the_tree(answer: Answer, kind: type[Exception]) -> None:
    simulator = IBMVPCSimulator()
    simulator.faults.append(answer)

    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(kind, match="request c0ffee"):
            await driver.create_node("pier-1", **recipe())

    do(scenario, simulator)


def test_several_errors_are_told_together() -> None:
    simulator = IBMVPCSimulator()
    errors = [{"code": "a", "message": "One."}, {"code": "b", "message": "Two."}]
    simulator.faults.append(Answer(on="GET /images", status=400, body=json.dumps({"errors": errors}).encode()))

    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(Exception, match=r"One\.; Two\."):
            await driver.list_images()

    do(scenario, simulator)


def test_why_a_node_did_not_start_is_said() -> None:
    simulator = IBMVPCSimulator()
    simulator.faults.append(NoCapacity(on=CREATE))

    async def scenario(driver: IBMVPC) -> None:
        node = await driver.create_node("pier-1", **recipe())
        with pytest.raises(NodeStateError, match="no more capacity in this zone"):
            await driver.wait_until(node)

    do(scenario, simulator)


# ---- regions ----


def test_a_driver_works_in_the_regions_it_was_told() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        here = await driver.create_node("pier-1", **recipe("eu-de"))
        there = await driver.create_node("pier-1", **recipe("jp-tok"))
        assert [node.id for node in await driver.list_nodes()] == [here.id, there.id]
        assert [node.id for node in await driver.list_nodes(location="jp-tok-1")] == [there.id]
        assert await driver.list_nodes(location="jp-tok-2") == []
        assert {place.id for place in await driver.list_locations()} == {
            *("eu-de-1", "eu-de-2", "eu-de-3", "jp-tok-1", "jp-tok-2", "jp-tok-3")
        }
        assert (await driver.get_node(there.id)).location == "jp-tok-1"
        with pytest.raises(NotFoundError, match="in eu-de, jp-tok"):
            await driver.get_node(simulator.unknown_node)
        parts = await driver.parts()
        assert [part.part for part in parts] == ["eu-de", "jp-tok"]
        assert [[node.id for node in await part.list_nodes()] for part in parts] == [[here.id], [there.id]]  # type: ignore[attr-defined]  # they are drivers of this class

    do(scenario, simulator, region=["eu-de", "jp-tok"])


def test_all_regions_are_those_that_the_api_lists() -> None:
    async def scenario(driver: IBMVPC) -> None:
        places = await driver.list_locations()
        assert len(places) == 13 * 3
        assert all(place.country and place.city for place in places)

    do(scenario, region="all")


def test_an_endpoint_of_one_region_is_not_taken_for_all() -> None:
    with pytest.raises(ConfigurationError, match=r"\{region\}"):
        IBMVPC("key", region="all", endpoint="https://eu-de.iaas.cloud.ibm.com/v1")


def test_an_unknown_region_is_told_with_those_there_are() -> None:
    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(NotFoundError, match="no region 'mars-1st'; there are: us-south"):
            await driver.list_images(location="mars-1st")

    do(scenario)


def test_accounts_are_found_in_the_environment() -> None:
    def found(**variables: str) -> list[Mapping[str, Any]]:
        return [each.options for each in IBMVPC.accounts(Environment(variables, Path("/nowhere"), Path("/nowhere")))]

    assert found() == []
    assert found(IBMCLOUD_API_KEY="k", IBMCLOUD_REGION="eu-gb") == [{"api_key": "k", "region": "eu-gb"}]
    assert found(IC_API_KEY="k") == [{"api_key": "k", "region": "all"}]


# ---- making and destroying ----


def test_a_node_gets_a_floating_address_that_goes_with_it() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        node = await driver.create_node("pier-1", **recipe())
        assert len(node.public_ips) == 1
        assert (await driver.get_node(node)).public_ips == node.public_ips
        own = simulator.world.give_address("kept", "us-south-1", None, simulator.now())
        own.target = simulator.world.instances[node.id].interface
        await driver.destroy_node(node)
        assert [each["name"] for each in await driver.ex_list_floating_ips()] == ["kept"]
        await driver.wait_until(node, NodeState.TERMINATED)
        await driver.ex_release_floating_ip(own.id)

    do(scenario, simulator)
    assert not simulator.world.floating


def test_a_node_can_do_without_a_floating_address() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        node = await driver.create_node("pier-1", **recipe(), ex_floating_ip=False)
        assert node.public_ips == ()
        assert [address[:7] for address in node.private_ips] == ["10.240."]

    do(scenario, simulator)
    assert simulator.calls[GIVE] == 0


def test_a_lost_answer_to_the_floating_address_makes_one_address() -> None:
    simulator = IBMVPCSimulator()
    simulator.faults.append(LostAnswer(on=GIVE))

    async def scenario(driver: IBMVPC) -> None:
        node = await driver.create_node("pier-1", **recipe())
        assert [each["address"] for each in await driver.ex_list_floating_ips()] == [*node.public_ips]

    do(scenario, simulator)


def test_a_refused_floating_address_costs_no_node(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    simulator = IBMVPCSimulator()
    body = b'{"errors":[{"code":"over_quota","message":"No more addresses"}]}'
    simulator.faults.append(Answer(on=GIVE, status=400, body=body))

    async def scenario(driver: IBMVPC) -> None:
        node = await driver.create_node("pier-1", **recipe())
        assert (node.name, node.public_ips) == ("pier-1", ())

    do(scenario, simulator)
    assert "got no floating address: ibm_vpc: No more addresses" in caplog.text


def test_an_older_node_of_the_same_name_is_never_taken_for_the_new_one() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        old = await driver.create_node("pier-1", **recipe())
        with pytest.raises(ConflictError, match="not unique"):
            await driver.create_node("pier-1", **recipe())
        simulator.faults.append(Answer(on=CREATE, status=500))
        with pytest.raises(AmbiguousCreateError, match="'pier-1'"):
            await driver.create_node("pier-1", **recipe())
        assert [node.id for node in await driver.list_nodes()] == [old.id]

    do(scenario, simulator)


def test_a_create_that_nobody_can_look_for_is_ambiguous() -> None:
    simulator = IBMVPCSimulator()

    async def transport(request: Request) -> Response:
        if simulator.operation(request) == CREATE:
            simulator.faults.append(Refused(on="GET /instances", times=99))
            await simulator(request)
            raise AnswerLostError("the line went dead")
        return await simulator(request)

    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(AmbiguousCreateError, match="'pier-1'"):
            await driver.create_node("pier-1", **recipe())

    do(scenario, simulator, transport=transport)
    assert simulator.calls[CREATE] == 1


def test_a_zone_with_several_subnets_wants_one_named() -> None:
    simulator = IBMVPCSimulator()
    old = next(each for each in simulator.world.subnets.values() if each["zone"] == "us-south-1")
    simulator.world.subnets["0717-other"] = {**old, "id": "0717-other", "name": "other"}

    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(ConfigurationError, match=r"sub-us-south-1 .*, other \(0717-other\)"):
            await driver.create_node("pier-1", **recipe())
        node = await driver.create_node("pier-1", **recipe(), ex_subnet="sub-us-south-1")
        assert node.location == "us-south-1"

    do(scenario, simulator)


def test_the_subnet_tells_the_zone_where_none_is_named() -> None:
    async def scenario(driver: IBMVPC) -> None:
        what = {**recipe(), "location": None}
        with pytest.raises(ConfigurationError, match="sub-us-south-3"):
            await driver.create_node("pier-1", **what)
        node = await driver.create_node("pier-1", **what, ex_subnet="sub-us-south-3")
        assert node.location == "us-south-3"

    do(scenario)


def test_a_key_is_imported_once_and_known_by_its_material() -> None:
    simulator = IBMVPCSimulator()

    async def scenario(driver: IBMVPC) -> None:
        for number, comment in enumerate(("quay", "another comment")):
            auth = NodeAuthSSHKey(f"{KEY} {comment}")
            node = await driver.create_node(f"pier-{number}", **recipe(), auth=auth)
            assert [key.split()[:2] for key in simulator.world.instances[node.id].keys] == [KEY.split()]
        (pair,) = await driver.list_key_pairs()
        by_name = await driver.create_node("pier-9", **recipe(), auth=KeyPair(id="?", name=pair.name))
        assert len(simulator.world.instances[by_name.id].keys) == 1
        with pytest.raises(NotFoundError, match="no key pair 'nobody'"):
            await driver.create_node("pier-8", **recipe(), auth=KeyPair(id="?", name="nobody"))
        initialization = await driver.ex_get_initialization(by_name)
        assert [key["fingerprint"] for key in initialization["keys"]] == [pair.fingerprint]
        await driver.forget_public_key(KEY)
        assert await driver.list_key_pairs() == []

    do(scenario, simulator)


def test_a_key_pair_is_known_once() -> None:
    async def scenario(driver: IBMVPC) -> None:
        await driver.import_key_pair_from_string("laptop", KEY)
        with pytest.raises(ConflictError):
            await driver.import_key_pair_from_string("desk", KEY)
        made = await driver.create_key_pair("new")
        assert made.private_key is not None
        await driver.delete_key_pair("laptop")
        assert [pair.name for pair in await driver.list_key_pairs()] == ["new"]

    do(scenario)


def test_a_password_is_not_offered() -> None:
    async def scenario(driver: IBMVPC) -> None:
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await driver.create_node("pier-1", **recipe(), auth=NodeAuthPassword("x"))
        with pytest.raises(ConfigurationError, match="UTF-8"):
            await driver.create_node("pier-1", **recipe(), user_data=b"\xff")

    do(scenario)


# ---- lists and extras ----


def test_addresses_of_a_list_are_asked_for_once() -> None:
    simulator = IBMVPCSimulator()
    simulator.populate(250)

    async def scenario(driver: IBMVPC) -> None:
        nodes = await driver.list_nodes()
        assert sum(bool(node.public_ips) for node in nodes) == 167
        assert simulator.calls == {SIGN_IN: 1, "GET /floating_ips": 2, "GET /instances": 3}

    do(scenario, simulator)


def test_addresses_hang_at_virtual_interfaces_too() -> None:
    from aiocloud.providers.ibm_vpc.shapes import attached

    new = {
        "network_attachments": [{"id": "a", "virtual_network_interface": {"id": "vni-1"}}],
        "network_interfaces": [{"id": "a"}],
    }
    assert attached(new) == ["vni-1"]
    assert attached({"network_attachments": [], "network_interfaces": [{"id": "n"}, {"id": "m"}]}) == ["n", "m"]


def test_only_images_that_can_be_used_are_listed() -> None:
    async def scenario(driver: IBMVPC) -> None:
        assert [image.os for image in await driver.list_images()] == ["debian", "ubuntu", "centos", "rhel", "ubuntu"]

    do(scenario)


def test_a_stopped_node_takes_another_size_and_name() -> None:
    async def scenario(driver: IBMVPC) -> None:
        node = await driver.wait_until(await driver.create_node("pier-1", **recipe()))
        with pytest.raises(ConflictError, match="must be stopped"):
            await driver.ex_resize_node(node, "bx2-4x16")
        await driver.stop_node(node, ex_force=True)
        await driver.wait_until(node, NodeState.STOPPED)
        with pytest.raises(ConflictError, match="takes no reboot"):
            await driver.reboot_node(node)
        assert (await driver.ex_resize_node(node, "bx2-4x16")).size == "bx2-4x16"
        assert (await driver.ex_rename_node(node, "pier-2")).name == "pier-2"

    do(scenario)


def test_what_only_ibm_has_is_listed() -> None:
    async def scenario(driver: IBMVPC) -> None:
        assert [vpc["name"] for vpc in await driver.ex_list_vpcs(location="eu-de")] == ["net"]
        assert len(await driver.ex_list_subnets()) == 3
        groups = await driver.ex_list_security_groups()
        made = await driver.create_node("pier-1", **recipe(), ex_security_groups=[groups[0]["id"]], ex_boot_volume=120)
        assert made.name == "pier-1"

    do(scenario)
