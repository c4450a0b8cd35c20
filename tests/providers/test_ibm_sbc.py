"""What only the driver for IBM's SmartCloud Enterprise does; what every driver does is in tests/conformance."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qs

import anyio
import pytest

from aiocloud.errors import (
    AmbiguousCreateError,
    ConfigurationError,
    ConflictError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    ServerError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.ibm_sbc import IBMSBC
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.ibm_sbc import IBMSBCSimulator
from aiocloud.simulators.virtualtime import run

T = TypeVar("T")

ENDPOINT = IBMSBCSimulator.endpoint
KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ=="
RECIPE: dict[str, Any] = {"size": "COP32.1/2048/60", "image": "20001119", "location": "41"}
HEAD = '<ns2:R{}Response xmlns:ns2="http://www.ibm.com/xmlns/b2b/cloud/api/2009-04-03"{}'


def over(simulator: IBMSBCSimulator, **options: Any) -> IBMSBC:
    known = {**simulator.credentials, "endpoint": ENDPOINT, "transport": simulator, "now": simulator.now}
    return IBMSBC(**{**known, **options})


def do(scenario: Callable[[IBMSBC], Awaitable[T]], simulator: IBMSBCSimulator | None = None, **options: Any) -> T:
    """Run a scenario with a driver, on virtual time."""

    async def go() -> T:
        async with over(simulator or IBMSBCSimulator(), **options) as driver:
            return await scenario(driver)

    return run(go())


def wired(status: int, body: str = "") -> tuple[IBMSBC, list[Request]]:
    """A driver whose requests are answered so, and what it sends."""
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return Response(status=status, body=body.encode())

    once = Retry(attempts=1)
    return IBMSBC("dev@example.com", "pa55", endpoint=ENDPOINT, transport=transport, retry=once), seen


# ---- the wire ----


async def test_who_asks_stands_in_every_request() -> None:
    driver, seen = wired(200, HEAD.format("Instances", "/>"))
    assert await driver.list_nodes() == []
    assert seen[0].headers["Authorization"] == "Basic ZGV2QGV4YW1wbGUuY29tOnBhNTU="
    assert seen[0].headers["Accept"] == "text/xml"
    assert str(seen[0].url) == "https://www-147.ibm.com/computecloud/enterprise/api/rest/20100331/instances"


def test_no_password_is_sent_where_no_endpoint_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"closed in 2014.+`endpoint`"):
        IBMSBC("dev@example.com", "pa55")


@pytest.mark.parametrize(
    "body", ["", "<html><body/></html>", "<ns2:Instance/>", "Error 404: x", "<aResponse>x</aResponse>"]
)
async def test_what_is_no_answer_is_never_taken_for_an_empty_list(body: str) -> None:
    driver, _ = wired(200, body)
    with pytest.raises(MalformedResponseError):
        await driver.list_nodes()


async def test_an_answer_without_the_thing_itself_is_malformed() -> None:
    driver, _ = wired(200, HEAD.format("Instance", "/>"))
    with pytest.raises(MalformedResponseError, match="without Instance"):
        await driver.get_node("1")


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (401, "", InvalidCredsError, "401"),
        (404, "Error 404: Invalid Instance ID 999\n", NotFoundError, "ibm_sbc: Invalid Instance ID 999 (404)"),
        (412, "Error 412: Instance must be in the Active state", ConflictError, "must be in the Active state"),
        (412, "Error 412: No DataCenter with id: 3", NotFoundError, "No DataCenter with id: 3"),
        (412, "Error 412: Quota for instances exceeded", QuotaExceededError, "Quota for instances"),
        (415, "Error 415: Missing image parameters", InvalidRequestError, "Missing image parameters"),
        (500, "<html><title>Down for the night</title></html>", ServerError, "Down for the night"),
    ],
)
async def test_errors_in_plain_text_have_their_place_in_the_tree(
    status: int, body: str, kind: type[Exception], message: str
) -> None:
    driver, _ = wired(status, body)
    with pytest.raises(kind) as caught:
        await driver.get_node("999")
    assert type(caught.value) is kind
    assert message in str(caught.value)


# ---- what nodes are made of ----


def sizes(types: str, price: str = "") -> str:
    image = f"<ID>1</ID><Name>x</Name><SupportedInstanceTypes>{types}</SupportedInstanceTypes>{price}"
    return HEAD.format("Images", f"><Image>{image}</Image></ns2:RImagesResponse>")


async def test_sizes_of_early_2010_are_mere_names() -> None:
    driver, _ = wired(200, sizes("<InstanceType>SMALL</InstanceType><InstanceType>LARGE</InstanceType>"))
    assert [(size.id, size.ram, size.price) for size in await driver.list_sizes()] == [
        ("SMALL", None, None),
        ("LARGE", None, None),
    ]


@pytest.mark.parametrize(
    ("unit", "rate", "amount"), [("UHR", "9.5", "0.095"), ("MON", "9.5", None), ("UHR", "0.0", None), ("UHR", "", None)]
)
async def test_a_price_is_by_the_hour_or_unknown(unit: str, rate: str, amount: str | None) -> None:
    told = f"<Rate>{rate}</Rate><UnitOfMeasure>{unit}</UnitOfMeasure><CurrencyCode>USD</CurrencyCode>"
    told += "<PricePerQuantity>100</PricePerQuantity>"
    driver, _ = wired(200, sizes(f"<InstanceType><ID>COP32.1/2048/60</ID><Price>{told}</Price></InstanceType>"))
    (size,) = await driver.list_sizes()
    assert (size.price.amount if size.price else None) == (Decimal(amount) if amount else None)


def test_a_size_costs_what_it_does_with_the_cheapest_image() -> None:
    async def scenario(driver: IBMSBC) -> None:
        found = {size.id: size for size in await driver.list_sizes(location="61")}
        assert len(found) == 9
        copper = found["COP32.1/2048/60"].price
        assert copper is not None
        assert (copper.amount, copper.currency, copper.per) == (Decimal("0.095"), "USD", "hour")
        assert found["PLT64.16/16384/60*500*500*500*500"].disk == 2060
        assert found["PLT64.16/16384/60*500*500*500*500"].price is None

    do(scenario)


def test_places_have_the_countries_of_their_names() -> None:
    async def scenario(driver: IBMSBC) -> None:
        found = {place.id: (place.city, place.country) for place in await driver.list_locations()}
        assert found["101"] == ("Markham", "CA")
        assert found["141"] == ("Singapore", "SG")

    do(scenario)


# ---- nodes ----


def test_a_node_is_made_where_its_image_is() -> None:
    simulator = IBMSBCSimulator()

    async def scenario(driver: IBMSBC) -> None:
        image = next(image for image in await driver.list_images(location="121") if image.arch == "i386")
        assert (await driver.create_node("pier-1", size="COP32.1/2048/60", image=image)).location == "121"
        assert (await driver.create_node("pier-2", size="COP32.1/2048/60", image=image.id)).location == "121"
        with pytest.raises(NotFoundError, match="no image '7'"):
            await driver.create_node("pier-3", size="COP32.1/2048/60", image="7")

    do(scenario, simulator)


async def test_what_a_create_asks_for_goes_into_the_form_and_the_password_into_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    driver, seen = wired(
        200, HEAD.format("Create", "><Instance><ID>1</ID><Name>w</Name></Instance></ns2:RCreateResponse>")
    )
    await driver.create_node(
        "w",
        **RECIPE,
        ex_address="5",
        ex_volume="6",
        ex_vlan="7",
        ex_mini_ephemeral=True,
        ex_not_beside="8",
        ex_parameters={"UserName": "boss", "Password": "windows-canary"},
    )
    assert parse_qs(seen[-1].body.decode()) == {
        "name": ["w"],
        "imageID": ["20001119"],
        "instanceType": ["COP32.1/2048/60"],
        "location": ["41"],
        "ip": ["5"],
        "volumeID": ["6"],
        "vlanID": ["7"],
        "isMiniEphemeral": ["true"],
        "antiCollocationInstance": ["8"],
        "UserName": ["boss"],
        "Password": ["windows-canary"],
    }
    assert "windows-canary" not in caplog.text


def test_a_key_is_stored_once_and_named() -> None:
    simulator = IBMSBCSimulator()

    async def scenario(driver: IBMSBC) -> None:
        for number, comment in enumerate(("quay", "other words")):
            node = await driver.create_node(f"pier-{number}", **RECIPE, auth=NodeAuthSSHKey(f"{KEY} {comment}"))
            assert simulator.world.instances[node.id].public_key == f"{KEY} quay"
        (pair,) = await driver.list_key_pairs()
        named = await driver.create_node("pier-9", **RECIPE, auth=KeyPair(id="?", name=pair.name))
        assert simulator.world.instances[named.id].key == pair.name
        with pytest.raises(NotFoundError, match="No key with id: nobody"):
            await driver.create_node("pier-8", **RECIPE, auth=KeyPair(id="?", name="nobody"))
        with pytest.raises(ConflictError, match="already exists"):
            await driver.import_key_pair_from_string(pair.name, KEY)
        await driver.forget_public_key(KEY)
        await driver.forget_public_key(KEY)
        assert await driver.list_key_pairs() == []
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await driver.create_node("pier-7", **RECIPE, auth=NodeAuthPassword("x"))

    do(scenario, simulator)


def test_destroying_waits_for_the_provisioning() -> None:
    simulator = IBMSBCSimulator(boot=1200)

    async def scenario(driver: IBMSBC) -> float:
        node = await driver.create_node("pier-1", **RECIPE)
        with pytest.raises(ConflictError, match="Active state"):
            await driver.destroy_node(node, ex_wait=0)
        began = anyio.current_time()
        await driver.destroy_node(node)
        took = anyio.current_time() - began
        await driver.destroy_node(node)  # what is being removed already is no conflict
        return took

    assert 1195 <= do(scenario, simulator) <= 1210


def test_an_answer_to_a_delete_that_is_lost_does_no_harm() -> None:
    simulator = IBMSBCSimulator(boot=60)

    async def scenario(driver: IBMSBC) -> None:
        node = await driver.wait_until(await driver.create_node("pier-1", **RECIPE))
        simulator.faults.append(LostAnswer(on="DELETE /instances/{id}"))
        await driver.destroy_node(node)
        await driver.wait_until(node, NodeState.TERMINATED)

    do(scenario, simulator)


def test_two_new_nodes_of_one_name_are_ambiguous() -> None:
    simulator = IBMSBCSimulator()

    async def transport(request: Request) -> Response:
        answer = await simulator(request)
        if simulator.operation(request) == "POST /instances":
            await simulator(request)  # another program, at the same moment
            return Response(status=502)
        return answer

    async def scenario(driver: IBMSBC) -> None:
        with pytest.raises(AmbiguousCreateError, match="'pier-1'"):
            await driver.create_node("pier-1", **RECIPE)

    do(scenario, simulator, transport=transport)


def test_a_restart_wants_an_active_node() -> None:
    simulator = IBMSBCSimulator()

    async def scenario(driver: IBMSBC) -> None:
        node = await driver.create_node("pier-1", **RECIPE)
        with pytest.raises(ConflictError, match="Active state"):
            await driver.reboot_node(node)
        await driver.wait_until(node)
        await driver.reboot_node(node)
        assert (await driver.get_node(node)).state is NodeState.REBOOTING

    do(scenario, simulator)


def test_a_node_expires_unless_that_is_put_off() -> None:
    simulator = IBMSBCSimulator()

    async def scenario(driver: IBMSBC) -> None:
        short = await driver.wait_until(await driver.create_node("short", **RECIPE))
        await driver.ex_extend_node(short, simulator.now() + timedelta(hours=1))
        await driver.ex_rename_node(short, "shorter")
        assert (await driver.get_node(short)).name == "shorter"
        await anyio.sleep(3601)
        assert await driver.list_nodes() == []

    do(scenario, simulator)


# ---- what only this cloud had ----


def test_volumes_come_and_go() -> None:
    async def scenario(driver: IBMSBC) -> None:
        node = await driver.wait_until(await driver.create_node("pier-1", **RECIPE))
        (offering,) = await driver.ex_list_volume_offerings()
        volume = await driver.ex_create_volume("data", location="41", offering=offering["ID"], size="Small")
        await driver.ex_attach_volume(node, volume["ID"])
        assert (await driver.get_node(node)).state is NodeState.RUNNING
        assert [each["InstanceID"] for each in await driver.ex_list_volumes()] == [node.id]
        with pytest.raises(ConflictError, match="attached"):
            await driver.ex_delete_volume(volume["ID"])
        await anyio.sleep(1)
        await driver.ex_detach_volume(node, volume["ID"])
        await driver.ex_delete_volume(volume["ID"])
        assert await driver.ex_list_volumes() == []

    do(scenario)


def test_addresses_are_reserved_and_released() -> None:
    async def scenario(driver: IBMSBC) -> None:
        made = await driver.ex_reserve_address("61", "20001208")
        assert [(each["ID"], each["Location"]) for each in await driver.ex_list_addresses()] == [(made["ID"], "61")]
        await driver.ex_release_address(made["ID"])
        assert await driver.ex_list_addresses() == []

    do(scenario)


def test_an_image_is_made_of_a_node() -> None:
    async def scenario(driver: IBMSBC) -> None:
        node = await driver.wait_until(await driver.create_node("pier-1", **RECIPE))
        await driver.ex_save_image(node, "golden", description="as of today")
        (image,) = [each for each in await driver.list_images() if each.name == "golden"]
        await driver.ex_delete_image(image)
        with pytest.raises(NotFoundError):
            await driver.ex_delete_image("20001119")

    do(scenario)


def test_what_the_api_says_of_a_refused_create_is_told() -> None:
    simulator = IBMSBCSimulator()
    simulator.faults.append(Answer(on="POST /instances", status=412, body=b"Error 412: The quota is used up"))

    async def scenario(driver: IBMSBC) -> None:
        with pytest.raises(QuotaExceededError, match="used up"):
            await driver.create_node("pier-1", **RECIPE)

    do(scenario, simulator)
    assert simulator.calls["POST /instances"] == 1
