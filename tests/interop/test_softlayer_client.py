"""SoftLayer's own Python client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity, Throttled
from aiocloud.simulators.server import serve
from aiocloud.simulators.softlayer import SoftLayerSimulator
from tests.interop.conftest import official

SL = official("SoftLayer")
transports = official("SoftLayer.transports")

T = TypeVar("T")
Client = Any
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlbk3f2Zb5rGZ6n0f7Qw1iVv7Vx5v6d8c9w0q1r2s3t quay"
NEW = {
    "hostname": "quay-1",
    "domain": "harbour.example",
    "flavor": "B1_1X2X25",
    "os_code": "DEBIAN_12_64",
    "datacenter": "fra02",
    "local_disk": False,
}


class SoftLayer:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: SoftLayerSimulator, base_url: str, config_file: Path) -> None:
        self.simulator = simulator
        self.base_url = base_url
        self.config_file = config_file

    def client(self, api_key: str | None = None, *, rest: bool = False) -> Client:
        """A client that reads neither the machine's settings nor its proxies."""
        login = self.simulator.credentials
        kind, path = (transports.RestTransport, "rest") if rest else (transports.XmlRpcTransport, "xmlrpc")
        transport = kind(endpoint_url=f"{self.base_url}/{path}/v3.1/", timeout=10)
        transport.client.trust_env = False
        authentication = SL.auth.BasicHTTPAuthentication if rest else SL.BasicAuthentication
        auth = authentication(login["username"], api_key or login["api_key"])
        return SL.BaseClient(auth=auth, transport=transport, config_file=str(self.config_file))

    async def do(self, work: Callable[[Client], T], **options: Any) -> T:
        """Run synchronous code with a client of its own, in a thread."""

        def session() -> T:
            client = self.client(**options)
            try:
                return work(client)
            finally:
                client.transport.client.close()

        return await asyncio.to_thread(session)

    async def vs(self, work: Callable[[Any], T]) -> T:
        """The same with the client's manager of virtual servers."""
        return await self.do(lambda client: work(SL.VSManager(client)))


@pytest.fixture
async def softlayer(tmp_path: Path) -> AsyncIterator[SoftLayer]:
    simulator = SoftLayerSimulator(boot=0.0)
    async with serve(simulator) as base:
        yield SoftLayer(simulator, str(base).rstrip("/"), tmp_path / "no-settings")


async def test_a_long_list_arrives_page_by_page(softlayer: SoftLayer) -> None:
    softlayer.simulator.populate(250)
    seen = await softlayer.vs(lambda vs: [it["id"] for it in vs.list_instances()])
    assert seen == [guest.id for guest in softlayer.simulator.world.guests()]
    assert len(seen) == 250
    assert softlayer.simulator.calls["SoftLayer_Account::getVirtualGuests"] == 3


async def test_a_list_shows_what_its_mask_asks_for(softlayer: SoftLayer) -> None:
    softlayer.simulator.populate(1)
    (guest,) = await softlayer.vs(lambda vs: vs.list_instances())
    assert guest["powerState"]["keyName"] == "RUNNING"
    assert guest["lastKnownPowerState"] == {"name": "Running"}
    assert guest["datacenter"]["name"] == "dal09"
    assert "operatingSystem" not in guest
    assert "activeTransaction" not in guest


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"hostname": "quay-7"}, 1),
        ({"hostname": "quay-1*"}, 2 + 9),
        ({"hostname": "*-1"}, 1),
        ({"datacenter": "fra02"}, 1),
        ({"cpus": 1, "memory": 2048}, 20),
        ({"cpus": 2}, 0),
        ({"local_disk": True}, 0),
        ({"transient": False}, 20),
        ({"private_ip": "10.144.0.12"}, 1),
        ({"monthly": False}, 10),
        ({"hourly": False, "hostname": "quay-1"}, 1),
    ],
)
async def test_the_clients_filters_work(softlayer: SoftLayer, wanted: dict[str, Any], found: int) -> None:
    softlayer.simulator.populate(20)
    assert len(await softlayer.vs(lambda vs: vs.list_instances(**wanted))) == found


async def test_a_guest_is_created_found_by_tag_and_cancelled(softlayer: SoftLayer) -> None:
    created = await softlayer.vs(lambda vs: vs.create_instance(**NEW, tags="web, db", userdata="#cloud-config"))
    assert created["hostname"] == "quay-1"

    guest = await softlayer.vs(lambda vs: vs.get_instance(created["id"]))
    assert guest["powerState"]["keyName"] == "RUNNING"
    assert guest["datacenter"]["longName"] == "Frankfurt 2"
    assert datetime.fromisoformat(guest["provisionDate"]).utcoffset() is not None
    assert guest["operatingSystem"]["passwords"][0]["username"] == "root"
    assert guest["billingItem"]["orderItem"]["preset"] == {"keyName": "B1_1X2X25"}
    assert guest["userData"] == [{"value": "#cloud-config"}]
    assert guest["networkComponents"][1]["primarySubnet"] == {"addressSpace": "PUBLIC"}
    assert guest["blockDevices"][0]["device"] == "0"

    assert await softlayer.vs(lambda vs: [it["id"] for it in vs.list_instances(tags=["db"])]) == [created["id"]]
    assert await softlayer.vs(lambda vs: vs.list_instances(tags=["api"])) == []
    assert await softlayer.vs(lambda vs: vs.wait_for_ready(created["id"], limit=0)) is True
    assert await softlayer.vs(lambda vs: vs.cancel_instance(created["id"])) is True
    assert await softlayer.vs(lambda vs: vs.list_instances()) == []


async def test_several_guests_are_created_at_once(softlayer: SoftLayer) -> None:
    plans = [NEW | {"hostname": f"quay-{place}"} for place in range(3)]
    created = await softlayer.vs(lambda vs: vs.create_instances(plans))
    assert [guest["hostname"] for guest in created] == ["quay-0", "quay-1", "quay-2"]


async def test_an_order_is_verified_without_being_placed(softlayer: SoftLayer) -> None:
    order = await softlayer.vs(lambda vs: vs.verify_create_instance(**NEW))
    assert order["packageId"] == 835
    assert order["location"] == "449506"
    assert list(softlayer.simulator.world.guests()) == []


async def test_power_actions_change_the_power_state(softlayer: SoftLayer) -> None:
    softlayer.simulator.populate(1)
    (guest,) = softlayer.simulator.world.guests()

    def act(client: Client) -> list[str]:
        states = []
        for method in ("powerOff", "powerOn", "pause", "resume", "rebootSoft", "powerOffSoft", "powerCycle"):
            assert client.call("Virtual_Guest", method, id=guest.id) is True
            states.append(client.call("Virtual_Guest", "getPowerState", id=guest.id)["keyName"])
        return states

    states = await softlayer.do(act)
    assert states == ["HALTED", "RUNNING", "PAUSED", "RUNNING", "RUNNING", "HALTED", "RUNNING"]


async def test_a_guest_is_renamed_noted_and_given_data(softlayer: SoftLayer) -> None:
    softlayer.simulator.populate(1)
    (guest,) = softlayer.simulator.world.guests()
    changes = {"hostname": "pier", "notes": "moored", "userdata": "tide", "tags": "a,b"}
    assert await softlayer.vs(lambda vs: vs.edit(guest.id, **changes)) is True
    seen = await softlayer.vs(lambda vs: vs.get_instance(guest.id))
    assert (seen["fullyQualifiedDomainName"], seen["notes"]) == ("pier.harbour.example", "moored")
    assert [reference["tag"]["name"] for reference in seen["tagReferences"]] == ["a", "b"]
    assert seen["userData"] == [{"value": "tide"}]


async def test_create_options_tell_flavours_places_and_systems_with_their_prices(softlayer: SoftLayer) -> None:
    options = await softlayer.vs(lambda vs: vs.get_create_options())
    sizes = {size["key"]: size for size in options["sizes"]}
    assert sizes["B1_1X2X25"]["hourlyRecurringFee"] == pytest.approx(0.053)
    assert sizes["BL2_8X32X100"]["recurringFee"] == pytest.approx(293.53)
    assert {"name": "Osaka 21", "key": "osa21"} in options["locations"]
    assert {"UBUNTU_24_64", "REDHAT_9_64"} <= {system["referenceCode"] for system in options["operating_systems"]}
    assert [core["capacity"] for core in options["guest_core"]] == ["1", "8"]


async def test_prices_differ_by_location_group(softlayer: SoftLayer) -> None:
    def uplink(options: Any) -> str:
        speed = next(it for it in options["port_speed"] if it["speed"] == "1000")
        return str(speed["prices"][0]["hourlyRecurringFee"])

    default = await softlayer.vs(lambda vs: vs.get_create_options(datacenter="dal13"))
    amsterdam = await softlayer.vs(lambda vs: vs.get_create_options(datacenter="ams03"))
    assert [place["key"] for place in amsterdam["locations"]] == ["ams03"]
    assert (uplink(default), uplink(amsterdam)) == (".01568", ".01721")


async def test_prices_are_looked_up_by_key_name(softlayer: SoftLayer) -> None:
    def look(client: Client) -> tuple[Any, Any, Any]:
        ordering = SL.OrderingManager(client)
        preset = ordering.get_preset_by_key("PUBLIC_CLOUD_SERVER", "B1_1X2X25")
        prices = ordering.get_price_id_list("PUBLIC_CLOUD_SERVER", ["UBUNTU_24_64", "1_IP_ADDRESS"])
        return preset, prices, ordering.get_location_id("DALLAS13")

    preset, prices, dallas = await softlayer.do(look)
    assert preset["keyName"] == "B1_1X2X25"
    assert prices == [315001, 21]
    assert dallas == 1854895


async def test_ssh_keys_are_added_listed_changed_and_deleted(softlayer: SoftLayer) -> None:
    def life(client: Client) -> tuple[Any, ...]:
        keys = SL.SshKeyManager(client)
        added = keys.add_key(KEY, "harbour")
        found = keys.list_keys(label="harbour")
        missing = keys.list_keys(label="inland")
        keys.edit_key(added["id"], label="port")
        label = keys.get_key(added["id"])["label"]
        instance = SL.VSManager(client).create_instance(**NEW, ssh_keys=[added["id"]])
        keys.delete_key(added["id"])
        return added, found, missing, label, instance, keys.list_keys()

    added, found, missing, label, instance, left = await softlayer.do(life)
    assert [key["id"] for key in found] == [added["id"]]
    assert len(added["fingerprint"].split(":")) == 16
    assert (missing, label, left) == ([], "port", [])
    assert instance["id"]


async def test_security_groups_hold_rules(softlayer: SoftLayer) -> None:
    def life(client: Client) -> tuple[Any, ...]:
        network = SL.NetworkManager(client)
        group = network.create_securitygroup("web", "from anywhere")["id"]
        network.add_securitygroup_rule(group, direction="ingress", protocol="tcp", port_min=80, port_max=80)
        (rule,) = network.list_securitygroup_rules(group)
        network.remove_securitygroup_rule(group, rule["id"])
        return [it["name"] for it in network.list_securitygroups()], rule, network.get_securitygroup(group)

    names, rule, group = await softlayer.do(life)
    assert names == ["web"]
    assert (rule["direction"], rule["portRangeMin"]) == ("ingress", 80)
    assert group["rules"] == []


async def test_images_are_listed(softlayer: SoftLayer) -> None:
    def look(client: Client) -> tuple[list[str], list[str]]:
        images = SL.ImageManager(client)
        return [it["name"] for it in images.list_private_images()], [it["name"] for it in images.list_public_images()]

    assert await softlayer.do(look) == (["harbour-base"], ["Debian 12 with Docker"])


@pytest.mark.parametrize("rest", [False, True])
async def test_a_wrong_key_is_its_own_error(softlayer: SoftLayer, rest: bool) -> None:
    with pytest.raises(SL.SoftLayerAPIError, match=r"Invalid API token\."):
        await softlayer.do(lambda client: client["Account"].getObject(), api_key="0" * 64, rest=rest)


async def test_faults_keep_the_providers_code(softlayer: SoftLayer) -> None:
    async def code(work: Callable[[Client], Any]) -> str:
        with pytest.raises(SL.SoftLayerAPIError) as caught:
            await softlayer.do(work)
        return str(caught.value.faultCode)

    asks: dict[str, Callable[[Client], Any]] = {
        "SoftLayer_Exception_ObjectNotFound": lambda client: client["Virtual_Guest"].getObject(id=1),
        "SoftLayer_Exception": lambda client: client["Virtual_Guest"].getObject(),
        "SoftLayer_Exception_WebService_ObjectMask": lambda client: client["Account"].getVirtualGuests(mask="colour"),
        "SoftLayer_Exception_MissingCreationProperty": lambda client: client["Virtual_Guest"].createObject({}),
        "-32601": lambda client: client["Virtual_Guest"].sail(id=1),
    }
    for expected, ask in asks.items():
        assert await code(ask) == expected


async def test_no_capacity_is_a_fault_and_throttling_a_status(softlayer: SoftLayer) -> None:
    softlayer.simulator.faults = [NoCapacity(on="*::createObject"), Throttled(on="*::createObject")]
    with pytest.raises(SL.SoftLayerAPIError, match="insufficient capacity"):
        await softlayer.vs(lambda vs: vs.create_instance(**NEW))
    with pytest.raises(SL.TransportError) as caught:
        await softlayer.vs(lambda vs: vs.create_instance(**NEW))
    assert caught.value.faultCode == 429


async def test_the_same_services_answer_over_rest(softlayer: SoftLayer) -> None:
    softlayer.simulator.populate(120)

    def look(client: Client) -> tuple[Any, ...]:
        created = SL.VSManager(client).create_instance(**NEW)
        listed = SL.VSManager(client).list_instances(hostname="quay-1")
        return created, listed, len(client.call("Account", "getVirtualGuests", mask="id", iter=True))

    created, listed, total = await softlayer.do(look, rest=True)
    assert created["id"] in {guest["id"] for guest in listed}
    assert total == 121
