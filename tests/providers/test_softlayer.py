"""What only the SoftLayer driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xmlrpc.client import loads

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    AnswerLostError,
    ApiError,
    CapacityError,
    CloudError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    PagingError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import Image, KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.softlayer import SoftLayer
from aiocloud.providers.softlayer.guests import Order, state_of
from aiocloud.providers.softlayer.market import PriceList
from aiocloud.providers.softlayer.services import CODEC
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.softlayer import SoftLayerSimulator
from aiocloud.simulators.virtualtime import run

CREATE = "SoftLayer_Virtual_Guest::createObject"
SET_TAGS = "SoftLayer_Virtual_Guest::setTags"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
RECIPE: Mapping[str, Any] = {"size": "B1_1X2X25", "image": "DEBIAN_12_64", "location": "ams03"}
ONCE = Retry(attempts=1)


def over(simulator: SoftLayerSimulator, **options: Any) -> SoftLayer:
    known: dict[str, Any] = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return SoftLayer(**{**known, **options})


def fault(code: str, text: str) -> bytes:
    inner = f"<member><name>faultCode</name><value><string>{code}</string></value></member>"
    inner += f"<member><name>faultString</name><value><string>{text}</string></value></member>"
    return f"<methodResponse><fault><value><struct>{inner}</struct></value></fault></methodResponse>".encode()


class Wire:
    """A transport that answers with what `answer` makes of the method, and keeps what it was sent."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self._answer = answer
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self._answer(loads(request.body)[1] or "")
        if isinstance(answer, Response):
            return answer
        return Response(status=200, body=answer if isinstance(answer, bytes) else CODEC.answer(answer))

    def driver(self, **options: Any) -> SoftLayer:
        known: dict[str, Any] = {"username": "SL1_dev", "api_key": "canary-of-the-coal-mine", "retry": ONCE}
        return SoftLayer(**{**known, **options}, transport=self)

    def sent(self, method: str) -> tuple[dict[str, Any], list[Any]]:
        """The headers and the arguments of the first call of that method."""
        for request in self.requests:
            (envelope, *arguments), name = loads(request.body)
            if name == method:
                return envelope["headers"], arguments  # type: ignore[index,call-overload,return-value]  # a struct is typed as any value
        raise AssertionError(f"{method} was not called")


# ---- creating ----


def test_two_creates_of_one_name_whose_answers_are_lost_find_a_node_each() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        older = await driver.create_node("web-1", **RECIPE)
        simulator.faults.append(LostAnswer(on=CREATE, times=2))
        pair = await asyncio.gather(*(driver.create_node("web-1", **RECIPE) for _ in range(2)))
        ids = {node.id for node in pair}
        assert len(ids) == 2
        assert {node.id for node in await driver.list_nodes()} == ids | {older.id}

    run(scenario())


def test_a_lost_answer_that_may_belong_to_two_nodes_is_ambiguous_and_names_both() -> None:
    simulator = SoftLayerSimulator()

    async def with_a_rival(request: Request) -> Response:
        if simulator.operation(request) != CREATE:
            return await simulator(request)
        simulator.answer(request)  # another program's, of the same full name
        simulator.answer(request)
        raise AnswerLostError("cut off")

    async def scenario() -> None:
        driver = over(simulator, transport=with_a_rival)
        with pytest.raises(AmbiguousCreateError) as caught:
            await driver.create_node("web-1", **RECIPE)
        assert caught.value.name == "web-1.example.com"
        nodes = await driver.list_nodes()
        assert len(nodes) == 2
        assert all(node.id in str(caught.value.__cause__) for node in nodes)

    run(scenario())


def test_a_create_that_surely_failed_is_not_looked_for() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        simulator.faults.append(
            Answer(on=CREATE, body=fault("SoftLayer_Exception_Order_InvalidData", "No such thing."))
        )
        with pytest.raises(InvalidRequestError, match="No such thing"):
            await over(simulator).create_node("web-1", **RECIPE)

    run(scenario())
    assert simulator.calls["SoftLayer_Account::getVirtualGuests"] == 1


def test_a_node_whose_tags_cannot_be_set_is_returned_and_told_of(caplog: pytest.LogCaptureFixture) -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        simulator.faults.append(Answer(on=SET_TAGS, body=fault("SoftLayer_Exception_Public", "Access Denied.")))
        node = await over(simulator).create_node("web-1", **RECIPE, tags={"role": "web"})
        assert not node.tags
        assert f"node {node.id} ('web-1') was made, and could not be tagged" in caplog.text
        assert "Access Denied" in caplog.text

    with caplog.at_level(logging.WARNING, "aiocloud"):
        run(scenario())


def test_a_node_that_was_looked_for_gets_its_tags_too() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        simulator.faults.append(LostAnswer(on=CREATE))
        node = await driver.create_node("web-1", **RECIPE, tags={"role": "web", "url": "a:b", "spare": ""})
        assert node.tags == (await driver.get_node(node)).tags == {"role": "web", "url": "a:b", "spare": ""}

    run(scenario())


@pytest.mark.parametrize("tags", [{"a,b": ""}, {"a": "b=c"}, {"a:b": "c"}, {" a": ""}, {"grün": ""}, {"": ""}])
def test_tags_that_the_api_would_change_in_silence_are_refused_before_anything_is_sent(tags: dict[str, str]) -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="tag"):
            await over(simulator).create_node("web-1", **RECIPE, tags=tags)

    run(scenario())
    assert not simulator.calls


@pytest.mark.parametrize(
    ("name", "ex_domain", "full_name"),
    [
        ("quay-3", None, "quay-3.harbour.example"),
        ("quay-3.sea.example", None, "quay-3.sea.example"),
        ("quay-3", "sea.example", "quay-3.sea.example"),
        ("quay-3.sea.example", "sea.example", "quay-3.sea.example"),
    ],
)
def test_the_domain_is_that_of_the_name_the_call_or_the_driver(
    name: str, ex_domain: str | None, full_name: str
) -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator, ex_domain="harbour.example")
        node = await driver.create_node(name, **RECIPE, ex_domain=ex_domain)
        assert node.name == "quay-3"
        assert node.extra["fullyQualifiedDomainName"] == full_name

    run(scenario())


def test_a_place_is_needed_and_the_region_will_do() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match="location"):
            await over(simulator).create_node("a", size="B1_1X2X25", image="DEBIAN_12_64")
        node = await over(simulator, region="mil01").create_node("a", size="B1_1X2X25", image="DEBIAN_12_64")
        assert node.location == "mil01"

    run(scenario())


def order(**changes: Any) -> dict[str, Any]:
    known = {"hostname": "a", "domain": "b.example", "size": "B1_1X2X25", "image": "DEBIAN_12_64", "location": "ams03"}
    return Order(**{**known, **changes}).template()


def test_a_size_without_a_family_is_put_together_from_parts() -> None:
    template = order(size="2X4X100")
    assert (template["startCpus"], template["maxMemory"]) == (2, 4096)
    assert template["blockDevices"] == [{"device": "0", "diskImage": {"capacity": 100}}]
    assert "supplementalCreateObjectOptions" not in template
    assert "blockDevices" not in order(size="2X4")


def test_a_transient_flavour_says_so_twice() -> None:
    template = order(size="B1_2X4X100_TRANSIENT")
    assert template["supplementalCreateObjectOptions"] == {"flavorKeyName": "B1_2X4X100_TRANSIENT"}
    assert template["transientGuestFlag"] is True


def test_an_image_template_takes_the_place_of_a_reference_code() -> None:
    template = order(image="669afe36-f681-51e2-b900-ea43b869596c")
    assert template["blockDeviceTemplateGroup"] == {"globalIdentifier": "669afe36-f681-51e2-b900-ea43b869596c"}
    assert "operatingSystemReferenceCode" not in template


def test_networks_and_groups_stand_on_their_side_of_the_guest() -> None:
    template = order(public_vlan=5, security_groups=(7,), private_security_groups=(8, 9), max_speed=1000)
    assert template["primaryNetworkComponent"] == {
        "networkVlan": {"id": 5},
        "securityGroupBindings": [{"securityGroup": {"id": 7}}],
    }
    assert len(template["primaryBackendNetworkComponent"]["securityGroupBindings"]) == 2
    assert template["networkComponents"] == [{"maxSpeed": 1000}]


def test_what_was_not_asked_for_is_not_sent() -> None:
    assert set(order(hourly=False)) == {
        "hostname",
        "domain",
        "datacenter",
        "hourlyBillingFlag",
        "localDiskFlag",
        "supplementalCreateObjectOptions",
        "operatingSystemReferenceCode",
    }


def test_user_data_that_is_no_text_is_refused() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        with pytest.raises(ConfigurationError, match="UTF-8"):
            await driver.create_node("a", **RECIPE, user_data=b"\xff\xfe")
        await driver.create_node("a", **RECIPE, user_data="#!/bin/sh\necho Grüße <&>\n".encode())
        (guest,) = simulator.world.guests()
        assert guest.user_data == "#!/bin/sh\necho Grüße <&>\n"

    run(scenario())


# ---- keys ----


def test_a_public_key_is_imported_once_and_known_again_by_its_material() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        await driver.create_node("a", **RECIPE, auth=NodeAuthSSHKey(f"{KEY} one@harbour\n"))
        await driver.create_node("b", **RECIPE, auth=NodeAuthSSHKey(f"{KEY} two@harbour"))
        (pair,) = await driver.list_key_pairs()
        await driver.create_node("c", **RECIPE, auth=pair)
        await driver.create_node(
            "d", **RECIPE, auth=KeyPair(id="ours", name="elsewhere", public_key=KEY, provider="ec2")
        )
        await driver.create_node("e", **RECIPE, auth=KeyPair(id="?", name=pair.name))
        assert [key["id"] for guest in simulator.world.guests() for key in guest.keys] == [int(pair.id)] * 5

    run(scenario())


def test_a_key_that_somebody_else_imports_meanwhile_is_used() -> None:
    lists = iter([[], [{"id": 9, "label": "x", "key": KEY}]])

    def answer(method: str) -> Any:
        if method == "getSshKeys":
            return next(lists)
        if method == "createObject":
            return fault("SoftLayer_Exception_Public", "SSH Key already exists.")
        raise AssertionError(method)

    async def scenario() -> None:
        pair = await Wire(answer).driver()._known_key(KEY, "mine")
        assert (pair.id, pair.name) == ("9", "x")

    run(scenario())


def test_a_label_that_is_taken_is_a_conflict_and_a_password_no_way_in() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        made = await driver.create_key_pair("harbour")
        assert made.private_key
        with pytest.raises(ConflictError, match="harbour"):
            await driver.import_key_pair_from_string("harbour", KEY)
        await driver.delete_key_pair("harbour")
        assert not await driver.list_key_pairs()
        with pytest.raises(NotFoundError):
            await driver.delete_key_pair("harbour")
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await driver.create_node("a", **RECIPE, auth=NodeAuthPassword("tide"))

    run(scenario())
    assert not simulator.calls[CREATE]


# ---- life ----


def guest(**keys: Any) -> dict[str, Any]:
    return {"provisionDate": "2026-02-10T08:15:02-06:00", **keys}


def transaction(status: str, group: str = "") -> dict[str, Any]:
    return {"transactionStatus": {"name": status}, "transactionGroup": {"name": group}}


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        (guest(powerState={"keyName": "RUNNING"}), NodeState.RUNNING),
        (guest(powerState={"keyName": "HALTED"}), NodeState.STOPPED),
        (guest(powerState={"keyName": "PAUSED"}), NodeState.SUSPENDED),
        (guest(powerState={"keyName": "SUSPENDED"}), NodeState.SUSPENDED),
        (guest(powerState={}), NodeState.UNKNOWN),
        (guest(), NodeState.UNKNOWN),
        ({"powerState": {"keyName": "HALTED"}}, NodeState.PENDING),
        ({"powerState": {"keyName": "RUNNING"}, "provisionDate": ""}, NodeState.PENDING),
        (
            guest(powerState={"keyName": "HALTED"}, activeTransaction=transaction("ASSIGN_HOST", "Provision")),
            NodeState.PENDING,
        ),
        (guest(powerState={"keyName": "RUNNING"}, activeTransaction=transaction("X", "Provision")), NodeState.RUNNING),
        (guest(powerState={"keyName": "RUNNING"}, activeTransaction=transaction("RECLAIM_WAIT")), NodeState.TERMINATED),
        (
            {"powerState": {"keyName": "HALTED"}, "activeTransaction": transaction("X", "Cloud Cancel")},
            NodeState.TERMINATED,
        ),
    ],
)
def test_the_first_rule_that_holds_tells_the_state(payload: dict[str, Any], state: NodeState) -> None:
    assert state_of(payload) is state


def test_a_guest_that_is_still_being_made_is_destroyed_when_it_is_there() -> None:
    simulator = SoftLayerSimulator(boot=60)

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("a", **RECIPE)
        with pytest.raises(ConflictError, match="active transaction"):
            await driver.destroy_node(node, ex_wait=0)
        await driver.destroy_node(node)
        assert (await driver.get_node(node)).state is NodeState.TERMINATED
        await asyncio.sleep(60)
        assert not await driver.list_nodes()

    run(scenario())


def test_destroying_what_is_being_destroyed_or_whose_answer_was_lost_is_no_error() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.wait_until(await driver.create_node("a", **RECIPE))
        simulator.faults.append(LostAnswer(on="*::deleteObject"))
        began = asyncio.get_running_loop().time()
        simulator.world.boot = 100.0  # the reclaim takes its time
        await driver.destroy_node(node)
        await driver.destroy_node(node)
        assert asyncio.get_running_loop().time() - began < 5

    run(scenario())


def test_a_reboot_whose_answer_was_lost_is_not_repeated_and_a_power_on_is() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.wait_until(await driver.create_node("a", **RECIPE))
        simulator.faults += [LostAnswer(on="*::rebootDefault"), LostAnswer(on="*::powerOn")]
        with pytest.raises(AnswerLostError):
            await driver.reboot_node(node)
        await driver.start_node(node)
        await driver.stop_node(node, ex_hard=True)

    run(scenario())
    calls = simulator.calls
    names = ("rebootDefault", "powerOn", "powerOff", "powerOffSoft")
    assert [calls[f"SoftLayer_Virtual_Guest::{name}"] for name in names] == [1, 2, 1, 0]


def test_a_password_is_shown_to_those_who_ask_and_kept_from_all_else() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("a", **RECIPE)
        assert node.password is None
        assert await driver.ex_get_password(node) is None
        node = await driver.wait_until(node)
        password = await driver.ex_get_password(node)
        assert password is not None
        assert "***" in driver.redactor.clean(f"refused: {password.reveal()}")
        assert password.reveal() not in str(dict(node.extra))

    run(scenario())


def test_passwords_that_the_api_sends_along_are_not_kept() -> None:
    software = {"passwords": [{"username": "root", "password": "tide-7"}], "id": 3}
    payload = {"id": 1, "hostname": "a", "operatingSystem": software, "userData": [{"value": "tide-8"}]}
    wire = Wire(lambda _: payload)

    async def scenario() -> None:
        node = await wire.driver().get_node("1")
        assert "tide" not in str(dict(node.extra))
        assert node.extra["operatingSystem"] == {"id": 3}

    run(scenario())


# ---- prices ----


def price(item: int, hourly: Any, group: int | None = None, **more: Any) -> dict[str, Any]:
    return {"itemId": item, "hourlyRecurringFee": hourly, "locationGroupId": group, **more}


def total(prices: list[Any], items: list[Any], *groups: int) -> Decimal | None:
    preset = {"keyName": "B1_1X2X25", "prices": prices}
    return PriceList([preset], items).total(preset, groups)


def test_a_price_is_the_sum_of_the_parts_each_with_its_local_fee_where_there_is_one() -> None:
    items = [{"id": 1, "prices": [price(1, ".041"), price(1, ".052", 503)]}, {"id": 2, "prices": [price(2, "0")]}]
    parts = [price(1, ".041"), price(2, "0.0009999999999999999999")]
    assert total(parts, items) == Decimal("0.0419999999999999999999")
    assert total(parts, items, 503, 1305) == Decimal("0.0529999999999999999999")


@pytest.mark.parametrize("unknown", [None, "", "free", "NaN", {}])
def test_one_part_of_unknown_fee_makes_the_price_unknown(unknown: Any) -> None:
    assert total([price(1, ".041"), price(2, unknown)], []) is None
    assert total([price(1, ".041")], [{"id": 1, "prices": [price(1, unknown, 503)]}], 503) is None


def test_nothing_costs_nothing() -> None:
    assert total([], []) is None
    assert total([price(1, "0")], []) is None


def test_of_several_local_fees_the_one_for_the_same_cores_holds() -> None:
    cores: dict[str, Any] = {
        "capacityRestrictionMinimum": "2",
        "capacityRestrictionMaximum": "2",
        "capacityRestrictionType": "CORE",
    }
    items = [{"id": 1, "prices": [price(1, ".1", 503), price(1, ".2", 503, **cores)]}]
    assert total([price(1, ".09")], items, 503) == Decimal("0.1")
    assert total([price(1, ".09", **cores)], items, 503) == Decimal("0.2")
    torn = [{"id": 1, "prices": [price(1, ".1", 503), price(1, ".2", 503)]}]
    assert total([price(1, ".09")], torn, 503) is None


def test_offers_differ_by_place_and_cost_few_requests() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        offers = await driver.list_offers()
        amounts = {(offer.location.id, offer.size.id): offer.price.amount for offer in offers if offer.price}
        assert amounts["dal13", "BL2_8X32X100"] == Decimal("0.44205")
        assert amounts["ams03", "BL2_8X32X100"] == Decimal("0.44224")
        assert sum(simulator.calls.values()) == 5
        assert {offer.location.id for offer in await driver.list_offers(location="mil01")} == {"mil01"}
        sizes = {size.id: size.price for size in await driver.list_sizes(location="ams03")}
        assert sizes["BL2_8X32X100"] == next(
            offer.price for offer in offers if (offer.location.id, offer.size.id) == ("ams03", "BL2_8X32X100")
        )
        with pytest.raises(NotFoundError, match="xyz01"):
            await driver.list_sizes(location="xyz01")

    run(scenario())


def test_a_flavour_that_names_its_places_is_offered_nowhere_else() -> None:
    def answer(method: str) -> Any:
        center = {"id": 1, "name": "ams03", "longName": "Amsterdam 3", "priceGroups": []}
        other = {**center, "id": 2, "name": "mil01"}
        return {
            "getAllObjects": [{"id": 835}],
            "getRegions": [
                {"location": {"location": center}},
                {"location": {"location": other}},
                {"location": {}},
                {"location": {"location": center}},
            ],
            "getActivePresets": [
                {"id": 1, "keyName": "B1_1X2X25", "prices": [price(1, ".05")], "locations": [{"name": "mil01"}]},
                {"id": 2, "keyName": "B1_2X4X25", "prices": [price(1, "")]},
            ],
            "getAccountRestrictedActivePresets": [{"id": 2, "keyName": "B1_2X4X25", "prices": [price(1, "")]}],
            "getItems": [],
        }[method]

    async def scenario() -> None:
        offers = await Wire(answer).driver().list_offers()
        assert [(offer.location.id, offer.size.id) for offer in offers] == [
            ("ams03", "B1_2X4X25"),
            ("mil01", "B1_1X2X25"),
            ("mil01", "B1_2X4X25"),
        ]
        assert [offer.price is None for offer in offers] == [True, False, True]

    run(scenario())


def test_copies_and_unusable_templates_are_no_images() -> None:
    def answer(method: str) -> Any:
        if method == "getCreateObjectOptions":
            system = {"template": {"operatingSystemReferenceCode": "CENTOS_7_64"}, "itemPrice": {}}
            return {"operatingSystems": [system, system]}
        if method == "getPublicImages":
            return None
        return [
            {"id": 1, "globalIdentifier": "g-1", "name": "mine", "parentId": ""},
            {"id": 2, "globalIdentifier": "g-2", "name": "copy", "parentId": 1},
            {"id": 3, "name": "half made"},
        ]

    async def scenario() -> None:
        images = await Wire(answer).driver().list_images()
        assert [(image.id, image.name) for image in images] == [("CENTOS_7_64", "CENTOS_7_64"), ("g-1", "mine")]

    run(scenario())


# ---- the wire ----


def test_a_call_carries_its_scope_and_its_credentials_inside() -> None:
    wire = Wire(lambda _: [])

    async def scenario() -> None:
        await wire.driver().list_nodes(location="ams03")

    run(scenario())
    (request,) = wire.requests
    assert str(request.url) == "https://api.softlayer.com/xmlrpc/v3.1/SoftLayer_Account"
    assert "Authorization" not in request.headers
    headers, arguments = wire.sent("getVirtualGuests")
    assert not arguments
    assert headers["authenticate"] == {"username": "SL1_dev", "apiKey": "canary-of-the-coal-mine"}
    assert headers["resultLimit"] == {"limit": 100, "offset": 0}
    conditions = headers["SoftLayer_AccountObjectFilter"]["virtualGuests"]
    assert conditions["id"]["operation"] == "orderBy"
    assert conditions["datacenter"] == {"name": {"operation": "_= ams03"}}
    assert headers["SoftLayer_ObjectMask"]["mask"].startswith("mask[id,")
    assert "assword" not in headers["SoftLayer_ObjectMask"]["mask"]


def test_a_server_that_ignores_the_offset_and_tells_no_total_is_no_endless_list() -> None:
    wire = Wire(lambda _: [{"id": number, "hostname": "a"} for number in range(100)])

    async def scenario() -> None:
        with pytest.raises(PagingError, match="same page"):
            await wire.driver().list_nodes()

    run(scenario())
    assert len(wire.requests) == 2


def test_an_id_goes_along_as_a_number_and_as_text_where_it_is_too_large_for_one() -> None:
    wire = Wire(lambda _: {"id": 1, "hostname": "a"})

    async def scenario() -> None:
        for node in ("74440011", "5000000000", "b0a7c0de-0000-4a4a-9000-00000000feed"):
            await wire.driver().get_node(node)

    run(scenario())
    sent = [loads(request.body)[0][0]["headers"]["SoftLayer_Virtual_GuestInitParameters"] for request in wire.requests]  # type: ignore[index,call-overload]  # a struct is typed as any value
    assert sent == [{"id": 74440011}, {"id": "5000000000"}, {"id": "b0a7c0de-0000-4a4a-9000-00000000feed"}]


def test_a_key_of_the_platform_travels_as_basic_authentication_and_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire(lambda _: [])

    async def scenario() -> None:
        await wire.driver(username="apikey").list_nodes()

    run(scenario())
    assert wire.requests[0].headers["Authorization"] == "Basic YXBpa2V5OmNhbmFyeS1vZi10aGUtY29hbC1taW5l"
    assert "authenticate" not in wire.sent("getVirtualGuests")[0]
    assert "YXBpa2V5" not in caplog.text
    assert "canary" not in caplog.text


FAULTS = [
    ("SoftLayer_Exception_Public", "Invalid API token.", InvalidCredsError),
    ("SoftLayer_Account", "whatever", InvalidCredsError),
    ("SoftLayer_Exception_Public", "No valid authentication headers found.", InvalidCredsError),
    ("SoftLayer_Exception_Public", "Access Denied.", ForbiddenError),
    ("SoftLayer_Exception_ObjectNotFound", "Unable to find object with id of '7'.", NotFoundError),
    ("SoftLayer_Exception_Public", "There is currently an active transaction on this guest.", ConflictError),
    ("SoftLayer_Exception_Virtual_Host_Pool_InsufficientCapacity", "Sorry.", CapacityError),
    ("SoftLayer_Exception_Order_Quota", "You would exceed the limit of your account.", QuotaExceededError),
    ("SoftLayer_Exception_WebService_RateLimitExceeded", "Slow down.", RateLimitReachedError),
    ("SoftLayer_Exception", "Internal Error", ServerError),
    ("SoftLayer_Exception_Invented_Tomorrow", "Größe?", InvalidRequestError),
    ("-32601", "no such method", InvalidRequestError),
    ("-32603", "trouble within", ServerError),
    ("Server", "a word of nobody", ServerError),
]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(("code", "text", "kind"), FAULTS)
def test_a_fault_is_our_error_whatever_its_status(status: int, code: str, text: str, kind: type[ApiError]) -> None:
    wire = Wire(lambda _: Response(status=status, body=fault(code, text)))

    async def scenario() -> None:
        with pytest.raises(ApiError) as caught:
            await wire.driver(account="prod").get_node("7")
        error = caught.value
        assert type(error) is kind
        assert (error.code, error.message, error.status) == (code, text, None if status == 200 else status)
        assert str(error).startswith("softlayer (prod): ")
        assert error.operation == "Virtual_Guest::getObject"

    run(scenario())


def test_a_fault_that_may_pass_is_asked_again() -> None:
    answers = iter([fault("-32603", "trouble"), fault("SoftLayer_Exception", "Internal Error"), []])
    wire = Wire(lambda _: next(answers))

    async def scenario() -> None:
        assert await wire.driver(retry=Retry()).list_nodes() == []

    run(scenario())
    assert len(wire.requests) == 3


def test_a_fault_that_quotes_the_key_does_not_show_it() -> None:
    wire = Wire(lambda _: fault("SoftLayer_Exception_Public", "Invalid API token. canary-of-the-coal-mine"))

    async def scenario() -> None:
        with pytest.raises(InvalidCredsError) as caught:
            await wire.driver().list_nodes()
        assert "canary" not in f"{caught.value} {caught.value!r}"

    run(scenario())


NAMED = (
    "<methodResponse><params><param><value><struct><member><name>id</name><value><i8>5000000000</i8></value></member>"
)
NAMED += "<member><name>hostname</name><value><string>{}</string></value></member></struct></value></param></params>"
NAMED += "</methodResponse>"


@pytest.mark.parametrize(
    "said", ["", '<?xml version="1.0" encoding="utf-8"?>', '<?xml version="1.0" encoding="iso-8859-1"?>']
)
def test_an_answer_in_latin_1_is_read_whatever_it_says_of_itself(said: str) -> None:
    wire = Wire(lambda _: (said + NAMED.format("kai-ü")).encode("latin-1"))

    async def scenario() -> None:
        node = await wire.driver().get_node("7")
        assert (node.id, node.name) == ("5000000000", "kai-ü")

    run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><head><title>Sign in</title></head></html>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><methodResponse/>',
        NAMED.encode()[:150],
        fault("SoftLayer_Exception_Public", "cut off")[:90],
        b"<methodResponse><params></params></methodResponse>",
        CODEC.answer({"hostname": "without an id"}),
        CODEC.answer("text"),
        CODEC.answer([1]),
        CODEC.answer(None),
    ],
)
def test_an_odd_answer_is_an_error_that_says_whose_it_is(body: bytes) -> None:
    wire = Wire(lambda _: body)

    async def scenario() -> None:
        with pytest.raises(MalformedResponseError) as caught:
            await wire.driver(account="prod").get_node("7")
        assert str(caught.value).startswith("softlayer (prod): ")

    run(scenario())


def test_a_page_with_an_error_status_is_named() -> None:
    page = Response(status=502, body=b"<html><title>Bad tide</title></html>", headers=headers_of())

    async def scenario() -> None:
        with pytest.raises(CloudError, match="Bad tide"):
            await Wire(lambda _: page).driver().list_nodes()

    run(scenario())


# ---- what only SoftLayer has ----


def test_names_tags_and_user_data_can_be_changed() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.wait_until(await driver.create_node("a", **RECIPE, tags={"role": "web"}))
        renamed = await driver.ex_rename_node(node, "b")
        assert renamed.extra["fullyQualifiedDomainName"] == "b.example.com"
        renamed = await driver.ex_rename_node(node, "c.sea.example")
        assert renamed.extra["fullyQualifiedDomainName"] == "c.sea.example"
        assert (await driver.ex_set_tags(node, {"role": "db"})).tags == {"role": "db"}
        assert (await driver.ex_set_tags(node, {})).tags == {}
        await driver.ex_set_user_data(node, b"#!/bin/sh")
        assert next(simulator.world.guests()).user_data == "#!/bin/sh"

    run(scenario())


def test_a_guest_is_paused_and_resumed_and_its_transactions_are_told() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("a", **RECIPE)
        (transaction,) = await driver.ex_list_transactions(node)
        assert transaction["transactionStatus"]["name"] == "ASSIGN_HOST"
        await driver.wait_until(node)
        assert await driver.ex_list_transactions(node) == []
        await driver.ex_pause_node(node)
        assert (await driver.get_node(node)).state is NodeState.SUSPENDED
        await driver.ex_resume_node(node)
        assert (await driver.get_node(node)).state is NodeState.RUNNING

    run(scenario())


def test_an_image_of_ones_own_can_be_deleted_and_an_operating_system_cannot() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        images = {image.name: image for image in await driver.list_images()}
        await driver.ex_delete_image(images["harbour-base"])
        assert "harbour-base" not in {image.name for image in await driver.list_images()}
        with pytest.raises(ConfigurationError, match="DEBIAN"):
            await driver.ex_delete_image(Image(id="DEBIAN_12_64", name="Debian"))

    run(scenario())


def test_only_the_first_disk_is_captured() -> None:
    devices = [{"id": 1, "device": "0"}, {"id": 2, "device": "1"}, {"id": 3, "device": "2"}]
    wire = Wire(lambda method: {"blockDevices": devices} if method == "getObject" else {"id": 77})

    async def scenario() -> None:
        assert await wire.driver().ex_capture_image("7", "harbour", note="low tide") == {"id": 77}

    run(scenario())
    assert wire.sent("createArchiveTransaction")[1] == ["harbour", devices[:1], "low tide"]


def test_reloading_names_keys_by_number() -> None:
    wire = Wire(lambda _: "1")
    pair = KeyPair(id="4411", name="harbour", provider="softlayer")

    async def scenario() -> None:
        await wire.driver().ex_reload_node("7", auth=pair, ex_post_script="https://files.example/boot.sh")

    run(scenario())
    config = {"sshKeyIds": [4411], "customProvisionScriptUri": "https://files.example/boot.sh"}
    assert wire.sent("reloadOperatingSystem")[1] == ["FORCE", config]


def test_a_guest_paid_by_the_month_is_cancelled_through_its_billing_item() -> None:
    wire = Wire(lambda method: {"id": 990011} if method == "getBillingItem" else True)

    async def scenario() -> None:
        await wire.driver().ex_cancel_at_anniversary("7")
        with pytest.raises(NotFoundError, match="billing item"):
            await Wire(lambda _: None).driver().ex_cancel_at_anniversary("7")

    run(scenario())
    headers, _ = wire.sent("cancelServiceOnAnniversaryDate")
    assert headers["SoftLayer_Billing_ItemInitParameters"] == {"id": 990011}


def test_an_order_is_priced_without_being_placed() -> None:
    wire = Wire(
        lambda method: {"presetId": 405} if method == "generateOrderTemplate" else {"prices": [], "orderId": ""}
    )

    async def scenario() -> None:
        priced = await wire.driver().ex_verify_order("web-1", **RECIPE, ex_max_speed=100)
        assert priced == {"prices": [], "orderId": ""}

    run(scenario())
    assert wire.sent("generateOrderTemplate")[1][0]["hostname"] == "web-1"
    assert wire.sent("verifyOrder")[1] == [{"presetId": 405}]


def test_vlans_and_security_groups_are_listed_as_they_come() -> None:
    wire = Wire(lambda _: [{"id": 3}])

    async def scenario() -> None:
        driver = wire.driver()
        assert await driver.ex_list_vlans() == await driver.ex_list_security_groups() == [{"id": 3}]

    run(scenario())


# ---- accounts ----


def found(tmp_path: Path, text: str | None = None, **variables: str) -> list[Any]:
    if text is not None:
        (tmp_path / ".softlayer").write_text(text)
    environment = Environment(variables, tmp_path, tmp_path / "aiocloud")
    return [(account.name, dict(account.options)) for account in SoftLayer.accounts(environment)]


def test_accounts_are_found_where_their_own_tools_look(tmp_path: Path) -> None:
    login = {"username": "SL1_dev", "api_key": "tide"}
    assert found(tmp_path) == []
    assert found(tmp_path, SL_USERNAME="SL1_dev", SL_API_KEY="tide") == [("default", login)]
    assert found(tmp_path, IAAS_CLASSIC_USERNAME="SL1_dev", IAAS_CLASSIC_API_KEY="tide") == [("default", login)]
    with pytest.raises(ConfigurationError, match="SL_USERNAME is set, and SL_API_KEY is not"):
        found(tmp_path, SL_USERNAME="SL1_dev")
    file = "[softlayer]\nusername = SL1_dev\napi_key = tide\ntimeout = 0\n"
    assert found(tmp_path, file) == [("softlayer", login)]
    assert found(tmp_path, file, SL_USERNAME="SL1_dev") == [("softlayer", login)]
    private = f"{file}endpoint_url = https://api.service.softlayer.com/rest/v3.1/\n"
    endpoint = "https://api.service.softlayer.com/xmlrpc/v3.1/"
    assert found(tmp_path, private) == [("softlayer", {**login, "endpoint": endpoint})]
    assert found(tmp_path, "[softlayer]\nusername =\napi_key =\n") == []


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.softlayer"):
        found(tmp_path, "username = nobody")


@pytest.mark.parametrize(("login", "missing"), [({}, "username"), ({"username": "SL1_dev"}, "api_key")])
def test_credentials_are_not_optional(login: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        SoftLayer(**login)  # type: ignore[arg-type]  # the names are those of strings


def test_a_word_that_is_no_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="domian"):
        SoftLayer("user", "key", ex_domian="harbour.example")  # type: ignore[call-arg]  # that is the point


def test_prices_are_dated_by_the_drivers_clock() -> None:
    simulator = SoftLayerSimulator()

    async def scenario() -> None:
        driver = over(simulator, now=lambda: datetime(2026, 2, 10, 12, tzinfo=UTC))
        known = [size.price for size in await driver.list_sizes() if size.price]
        assert known
        assert {(price.as_of.isoformat(), price.currency, price.per) for price in known} == {
            ("2026-02-10", "USD", "hour")
        }

    run(scenario())
