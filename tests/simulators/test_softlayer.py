from __future__ import annotations

import asyncio
import json
import xmlrpc.client
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from aiocloud.errors import AnswerLostError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import LostAnswer, NoCapacity, Throttled
from aiocloud.simulators.softlayer import SoftLayerSimulator

GUEST = "SoftLayer_Virtual_Guest"
ACCOUNT = "SoftLayer_Account"
NEW = {
    "hostname": "quay-1",
    "domain": "harbour.example",
    "hourlyBillingFlag": True,
    "localDiskFlag": False,
    "startCpus": None,
    "datacenter": {"name": "ams03"},
    "operatingSystemReferenceCode": "DEBIAN_12_64",
    "supplementalCreateObjectOptions": {"flavorKeyName": "B1_1X2X25", "bootMode": None},
}
NAMES = "id,activeTransaction.transactionStatus.name,powerState.keyName,primaryIpAddress,operatingSystem.passwords"


async def post(simulator: SoftLayerSimulator, service: str, body: bytes) -> Response:
    return await simulator(Request(method="POST", url=URL(simulator.endpoint) / service, body=body))


async def call(simulator: SoftLayerSimulator, service: str, method: str, *args: Any, **headers: Any) -> Any:
    """What the method answers; `id`, `mask`, `filter` and `limit` go where SoftLayer wants them."""
    body = envelope(simulator, service, method, *args, **headers)
    return value((await post(simulator, service, body)).body)


def value(body: bytes) -> Any:
    return xmlrpc.client.loads(body)[0][0]


def envelope(simulator: SoftLayerSimulator, service: str, method: str, *args: Any, **given: Any) -> bytes:
    login = simulator.credentials
    places: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "id": (f"{service}InitParameters", lambda value: {"id": value}),
        "mask": ("SoftLayer_ObjectMask", lambda value: {"mask": value}),
        "legacy_mask": (f"{service}ObjectMask", lambda value: {"mask": value}),
        "filter": (f"{service}ObjectFilter", lambda value: value),
        "limit": ("resultLimit", lambda value: {"limit": value[0], "offset": value[1]}),
    }
    headers: dict[str, Any] = {"authenticate": {"username": login["username"], "apiKey": login["api_key"]}}
    headers |= {places[name][0]: places[name][1](value) for name, value in given.items()}
    return xmlrpc.client.dumps(({"headers": headers}, *args), methodname=method, allow_none=True).encode()


async def fault(simulator: SoftLayerSimulator, service: str, method: str, *args: Any, **headers: Any) -> Any:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        await call(simulator, service, method, *args, **headers)
    return caught.value


@pytest.fixture
def simulator() -> SoftLayerSimulator:
    return SoftLayerSimulator(boot=0.0)


def test_a_guest_is_provisioned_before_it_has_an_address() -> None:
    async def story() -> tuple[Any, ...]:
        world = SoftLayerSimulator(boot=60.0)
        created = await call(world, GUEST, "createObject", NEW)
        booting = await call(world, GUEST, "getObject", id=created["id"], mask=f"mask[{NAMES},provisionDate]")
        refused = await fault(world, GUEST, "deleteObject", id=created["id"])
        await asyncio.sleep(60)
        running = await call(world, GUEST, "getObject", id=created["id"], mask=f"mask[{NAMES},provisionDate]")
        return created, booting, refused, running

    created, booting, refused, running = virtualtime.run(story())
    assert "provisionDate" not in created
    assert booting["powerState"] == {"keyName": "HALTED"}
    assert booting["activeTransaction"]["transactionStatus"] == {"name": "ASSIGN_HOST"}
    assert not {"primaryIpAddress", "operatingSystem", "provisionDate"} & booting.keys()
    assert "active transaction" in refused.faultString
    assert running["powerState"] == {"keyName": "RUNNING"}
    assert running["primaryIpAddress"].startswith("198.18.")
    assert running["operatingSystem"]["passwords"][0]["password"]
    assert running["provisionDate"][-6:] == "-06:00"
    assert "activeTransaction" not in running


def test_a_cancelled_guest_is_reclaimed_and_then_gone() -> None:
    async def story() -> tuple[Any, ...]:
        world = SoftLayerSimulator(boot=10.0)
        world.populate(1)
        (guest,) = await call(world, ACCOUNT, "getVirtualGuests", mask="mask[id]")
        done = await call(world, GUEST, "deleteObject", id=guest["id"])
        going = await call(world, ACCOUNT, "getVirtualGuests", mask="mask[activeTransaction.transactionStatus]")
        await asyncio.sleep(2)
        return (
            done,
            going,
            await call(world, ACCOUNT, "getVirtualGuests"),
            await fault(world, GUEST, "getObject", id=guest["id"]),
        )

    done, going, left, refused = virtualtime.run(story())
    assert done is True
    assert going[0]["activeTransaction"]["transactionStatus"]["name"] == "RECLAIM_WAIT"
    assert left == []
    assert refused.faultCode == "SoftLayer_Exception_ObjectNotFound"


def test_power_takes_its_time() -> None:
    async def story() -> list[str]:
        world = SoftLayerSimulator(boot=10.0)
        world.populate(1)
        (guest,) = world.world.guests()
        states = []
        for _ in range(2):
            await call(world, GUEST, "powerOff", id=guest.id)
            states.append((await call(world, GUEST, "getPowerState", id=guest.id))["keyName"])
            await asyncio.sleep(2)
        return [*states, (await call(world, GUEST, "getPowerState", id=guest.id))["keyName"]]

    assert virtualtime.run(story()) == ["RUNNING", "HALTED", "HALTED"]


async def test_without_a_mask_only_local_properties_are_shown(simulator: SoftLayerSimulator) -> None:
    simulator.populate(1)
    (guest,) = await call(simulator, ACCOUNT, "getVirtualGuests")
    assert guest["hostname"] == "quay-0"
    assert not {"primaryIpAddress", "powerState", "datacenter", "hourlyBillingFlag"} & guest.keys()


@pytest.mark.parametrize(
    "mask",
    [
        "mask[id,datacenter[name]]",
        "[id,datacenter.name]",
        "id, datacenter [ name ]",
        "mask(SoftLayer_X)[id,datacenter.name]",
    ],
)
async def test_masks_are_read_in_all_their_spellings(simulator: SoftLayerSimulator, mask: str) -> None:
    simulator.populate(1)
    (guest,) = await call(simulator, ACCOUNT, "getVirtualGuests", mask=mask)
    assert set(guest) == {"id", "datacenter"}
    assert guest["datacenter"] == {"name": "dal09"}


async def test_a_mask_of_relations_alone_keeps_the_local_properties(simulator: SoftLayerSimulator) -> None:
    simulator.populate(1)
    (new,) = await call(simulator, ACCOUNT, "getVirtualGuests", mask="mask[powerState]")
    (old,) = await call(simulator, ACCOUNT, "getVirtualGuests", legacy_mask={"virtualGuests": {"powerState": ""}})
    assert new == old
    assert new["hostname"] == "quay-0"
    assert new["powerState"]["keyName"] == "RUNNING"


@pytest.mark.parametrize(
    "mask", ["mask[colour]", "mask[datacenter.colour]", "mask[id", "mask[id]]", "mask[id;]", "a[" * 99]
)
async def test_a_mask_that_makes_no_sense_is_refused(simulator: SoftLayerSimulator, mask: str) -> None:
    refused = await fault(simulator, ACCOUNT, "getVirtualGuests", mask=mask)
    assert "mask" in f"{refused.faultCode} {refused.faultString}".lower()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"hostname": {"operation": "quay-3"}}, [3]),
        ({"hostname": {"operation": "_= QUAY-3"}}, [3]),
        ({"hostname": {"operation": "*= Y-3"}}, [3]),
        ({"hostname": {"operation": "^= quay-1"}}, [1]),
        ({"hostname": {"operation": "$= 4"}}, [4]),
        ({"hostname": {"operation": "!= quay-0"}}, [1, 2, 3, 4]),
        ({"hostname": {"operation": "> quay-2"}}, [3, 4]),
        ({"maxMemory": {"operation": ">= 2048"}}, [0, 1, 2, 3, 4]),
        ({"maxMemory": {"operation": "< 2048"}}, []),
        ({"hourlyBillingFlag": {"operation": False}}, [1, 3]),
        ({"placementGroupId": {"operation": "is null"}}, [0, 1, 2, 3, 4]),
        ({"primaryIpAddress": {"operation": "is null"}}, []),
        ({"hostname": {"operation": "in", "options": [{"name": "data", "value": ["quay-4", "quay-2"]}]}}, [2, 4]),
        ({"datacenter": {"name": {"operation": "^= dal1"}}}, [1, 2, 3]),
        ({"id": {"operation": "orderBy", "options": [{"name": "sort", "value": ["DESC"]}]}}, [4, 3, 2, 1, 0]),
        ({"colour": {"operation": "blue"}}, [0, 1, 2, 3, 4]),
    ],
)
async def test_filters_choose_and_order(simulator: SoftLayerSimulator, condition: Any, expected: list[int]) -> None:
    simulator.populate(5)
    found = await call(simulator, ACCOUNT, "getVirtualGuests", filter={"virtualGuests": condition})
    assert [guest["hostname"] for guest in found] == [f"quay-{number}" for number in expected]


async def test_a_page_tells_how_many_there_are_in_all(simulator: SoftLayerSimulator) -> None:
    simulator.populate(25)
    response = await post(simulator, ACCOUNT, envelope(simulator, ACCOUNT, "getVirtualGuests", limit=(10, 20)))
    assert response.headers["softlayer-total-items"] == "25"
    assert len(value(response.body)) == 5


async def test_both_price_lists_tell_the_same_price(simulator: SoftLayerSimulator) -> None:
    options = await call(simulator, GUEST, "getCreateObjectOptions")
    presets = await call(simulator, "SoftLayer_Product_Package", "getActivePresets", id=835, mask="mask[prices]")
    totals = {one["flavor"]["keyName"]: float(one["flavor"]["totalMinimumHourlyFee"]) for one in options["flavors"]}
    sums = {one["keyName"]: sum(float(price["hourlyRecurringFee"]) for price in one["prices"]) for one in presets}
    assert sums == pytest.approx({key: totals[key] for key in sums})
    assert sums["B1_1X2X25"] == pytest.approx(0.053)


async def test_fees_of_a_location_group_stand_beside_the_default(simulator: SoftLayerSimulator) -> None:
    places = await call(
        simulator, "SoftLayer_Location", "getDatacenters", mask="mask[name,locationAddress[country],priceGroups]"
    )
    amsterdam = next(place for place in places if place["name"] == "ams03")
    items = await call(simulator, "SoftLayer_Product_Package", "getItems", id=835, mask="mask[id,prices]")
    disk = next(item for item in items if item["id"] == 3876)
    fees = {price["locationGroupId"]: price["hourlyRecurringFee"] for price in disk["prices"]}
    assert amsterdam["locationAddress"] == {"country": "NL"}
    assert amsterdam["priceGroups"][0]["description"] == "Location Group 2"
    assert (fees[None], fees[amsterdam["priceGroups"][0]["id"]]) == (".00627", ".00646")


async def test_every_data_centre_has_a_country_and_a_city(simulator: SoftLayerSimulator) -> None:
    places = await call(simulator, "SoftLayer_Location", "getDatacenters", mask="mask[locationAddress[country,city]]")
    assert len(places) > 30
    assert all(len(place["locationAddress"]["country"]) == 2 and place["locationAddress"]["city"] for place in places)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"hostname": None}, "SoftLayer_Exception_MissingCreationProperty"),
        ({"hostname": "not a name"}, "SoftLayer_Exception_InvalidValue"),
        ({"datacenter": {"name": "atlantis01"}}, "SoftLayer_Exception_InvalidValue"),
        ({"operatingSystemReferenceCode": "BEOS_5_32"}, "SoftLayer_Exception_InvalidValue"),
        ({"supplementalCreateObjectOptions": {"flavorKeyName": "Z9_1X1X1"}}, "SoftLayer_Exception_NotFound"),
        ({"supplementalCreateObjectOptions": {}}, "SoftLayer_Exception_MissingCreationProperty"),
        ({"supplementalCreateObjectOptions": {}, "startCpus": 1642, "maxMemory": 2048}, "SoftLayer_Exception_NotFound"),
        ({"sshKeys": [{"id": 1}]}, "SoftLayer_Exception_InvalidValue"),
    ],
)
async def test_an_order_that_cannot_be_met_is_refused(simulator: SoftLayerSimulator, change: Any, code: str) -> None:
    assert (await fault(simulator, GUEST, "createObject", NEW | change)).faultCode == code
    assert list(simulator.world.guests()) == []


async def test_cores_and_memory_may_be_named_instead_of_a_flavour(simulator: SoftLayerSimulator) -> None:
    plan = NEW | {"supplementalCreateObjectOptions": None, "startCpus": 1, "maxMemory": 2048}
    guest = await call(simulator, GUEST, "createObject", plan, mask="mask[maxCpu,maxMemory]")
    assert guest == {"maxCpu": 1, "maxMemory": 2048}


async def test_latest_is_the_newest_of_its_family(simulator: SoftLayerSimulator) -> None:
    plan = NEW | {"operatingSystemReferenceCode": "UBUNTU_LATEST_64"}
    mask = "mask[operatingSystem.softwareLicense.softwareDescription.referenceCode]"
    guest = await call(simulator, GUEST, "createObject", plan)
    seen = await call(simulator, GUEST, "getObject", id=guest["id"], mask=mask)
    assert seen["operatingSystem"]["softwareLicense"]["softwareDescription"]["referenceCode"] == "UBUNTU_24_64"


async def test_a_bad_template_among_good_ones_creates_nothing(simulator: SoftLayerSimulator) -> None:
    await fault(simulator, GUEST, "createObjects", [NEW, NEW | {"domain": None}])
    assert list(simulator.world.guests()) == []


async def test_faults_are_answered_with_http_200(simulator: SoftLayerSimulator) -> None:
    response = await post(simulator, GUEST, envelope(simulator, GUEST, "getObject", id=1))
    assert response.status == 200
    assert b"<fault>" in response.body


async def test_throttling_and_missing_capacity_are_told_in_soft_layers_way(simulator: SoftLayerSimulator) -> None:
    simulator.faults = [Throttled(on="*", retry_after=2.2), NoCapacity(on=f"{GUEST}::createObject")]
    response = await post(simulator, ACCOUNT, envelope(simulator, ACCOUNT, "getObject"))
    assert (response.status, response.headers["Retry-After"]) == (429, "3")
    refused = await fault(simulator, GUEST, "createObject", NEW)
    assert refused.faultString == "There is insufficient capacity to complete the request."


async def test_a_lost_answer_leaves_the_guest_behind(simulator: SoftLayerSimulator) -> None:
    simulator.faults = [LostAnswer(on=f"{GUEST}::createObject")]
    with pytest.raises(AnswerLostError):
        await call(simulator, GUEST, "createObject", NEW)
    assert [guest.hostname for guest in simulator.world.guests()] == ["quay-1"]


async def test_rest_speaks_of_the_same_world(simulator: SoftLayerSimulator) -> None:
    simulator.populate(3)
    login = simulator.credentials

    async def rest(method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        url = URL("https://api.softlayer.com/rest/v3.1") / path
        basic = b64encode(f"{login['username']}:{login['api_key']}".encode()).decode()
        content = b"" if body is None else json.dumps({"parameters": [body]}).encode()
        headers = headers_of({"Authorization": f"Basic {basic}"})
        response = await simulator(Request(method=method, url=url % query, headers=headers, body=content))
        return response.status, json.loads(response.body)

    conditions = json.dumps({"virtualGuests": {"hostname": {"operation": "!= quay-0"}}})
    window = {"objectMask": "mask[id,hostname]", "resultLimit": "1,1", "objectFilter": conditions}
    status, (last,) = await rest("GET", f"{ACCOUNT}/getVirtualGuests.json", **window)
    assert (status, last["hostname"]) == (200, "quay-2")
    assert await rest("PUT", f"{GUEST}/{last['id']}.json", {"hostname": "pier"}) == (200, True)
    assert (await rest("GET", f"{GUEST}/{last['id']}.json"))[1]["hostname"] == "pier"
    assert (await rest("POST", f"{GUEST}.json", NEW))[1]["hostname"] == "quay-1"
    assert await rest("DELETE", f"{GUEST}/{last['id']}.json") == (200, True)
    status, refused = await rest("GET", f"{GUEST}/{last['id']}/getObject.json")
    assert (status, refused["code"]) == (404, "SoftLayer_Exception_ObjectNotFound")


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><methodCall><methodName>getObject</methodName></methodCall>'


@pytest.mark.parametrize("body", [BOMB, b"", b"<methodCall>", b"\xff\xfe", b"<methodCall><params/></methodCall>"])
async def test_bad_xml_is_a_fault(simulator: SoftLayerSimulator, body: bytes) -> None:
    response = await post(simulator, ACCOUNT, body)
    with pytest.raises(xmlrpc.client.Fault):
        xmlrpc.client.loads(response.body)


async def test_what_is_nested_beyond_sense_is_a_fault(simulator: SoftLayerSimulator) -> None:
    nested: Any = "x"
    for _ in range(150):
        nested = {"hostname": nested}
    deep = b"<struct><member><name>hostname</name><value>" * 5000
    body = envelope(simulator, GUEST, "createObject", NEW).replace(
        b"<string>quay-1</string>", deep + b"<int>1</int>" + b"</value></member></struct>" * 5000
    )
    with pytest.raises(xmlrpc.client.Fault):
        value((await post(simulator, GUEST, body)).body)
    assert (await fault(simulator, ACCOUNT, "getObject", legacy_mask=nested)).faultCode.startswith("SoftLayer_")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31 - 1) | st.text("ab<&\u00e9", max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "hostname", "name"]), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    service=st.sampled_from([ACCOUNT, GUEST, "SoftLayer_Security_Ssh_Key", "SoftLayer_Network_SecurityGroup"]),
    data=st.data(),
)
def test_no_argument_breaks_a_service(service: str, data: st.DataObject) -> None:
    async def story() -> int:
        simulator = SoftLayerSimulator(boot=0.0)
        simulator.populate(1)
        (guest,) = simulator.world.guests()
        method = data.draw(st.sampled_from(sorted(simulator._services[service])))
        given: dict[str, Any] = {"filter": data.draw(VALUES), "legacy_mask": data.draw(VALUES), "id": guest.id}
        body = envelope(simulator, service, method, data.draw(VALUES), **given)
        return (await post(simulator, service, body)).status

    assert asyncio.run(story()) == 200


async def test_a_large_world_is_built_and_paged_quickly(simulator: SoftLayerSimulator) -> None:
    simulator.populate(20_000)
    page = await call(simulator, ACCOUNT, "getVirtualGuests", mask="mask[id]", limit=(100, 19_950))
    addresses = {guest.public_ip for guest in simulator.world.guests()}
    assert (len(page), len(addresses)) == (50, 20_000)


def test_no_secret_is_shown_by_repr(simulator: SoftLayerSimulator) -> None:
    async def story() -> str:
        simulator.populate(1)
        (guest,) = simulator.world.guests()
        return f"{guest.password not in repr(guest)} {simulator.credentials['api_key'] not in repr(simulator)}"

    assert asyncio.run(story()) == "True True"
