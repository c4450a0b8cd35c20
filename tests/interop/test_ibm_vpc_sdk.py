"""IBM's own client (`ibm-vpc`), unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.ibm_vpc import IBMVPCSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

ibm_vpc = official("ibm_vpc")
core = official("ibm_cloud_sdk_core")
authenticators = official("ibm_cloud_sdk_core.authenticators")

T = TypeVar("T")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"


class Served:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: IBMVPCSimulator, base: Any) -> None:
        self.simulator = simulator
        self.base = base

    def client(self, api_key: str | None = None) -> Any:
        key = api_key or self.simulator.credentials["api_key"]
        authenticator = authenticators.IAMAuthenticator(key, url=str(self.base.origin()))
        client = ibm_vpc.VpcV1(version="2026-06-02", authenticator=authenticator)
        client.set_service_url(str(self.base / "v1"))
        return client

    async def do(self, work: Callable[[Any], T], **options: Any) -> T:
        """Run synchronous code with a client of its own, in a thread."""
        return await asyncio.to_thread(lambda: work(self.client(**options)))


@pytest.fixture
async def vpc() -> AsyncIterator[Served]:
    simulator = IBMVPCSimulator(boot=0.0)
    async with serve(simulator) as base:
        yield Served(simulator, base)


def prototype(client: Any, name: str) -> Any:
    image = client.list_images(status=["available"], limit=1).get_result()["images"][0]
    subnet = client.list_subnets(zone_name="us-south-1").get_result()["subnets"][0]
    key = client.create_key(public_key=KEY, name=f"{name}-key", type="ed25519").get_result()
    return {
        "name": name,
        "zone": {"name": "us-south-1"},
        "profile": {"name": "bx2-2x8"},
        "image": {"id": image["id"]},
        "keys": [{"id": key["id"]}],
        "vpc": {"id": subnet["vpc"]["id"]},
        "primary_network_interface": {"name": "eth0", "subnet": {"id": subnet["id"]}},
    }


async def test_an_instance_lives_its_whole_life(vpc: Served) -> None:
    def work(client: Any) -> list[str]:
        made = client.create_instance(prototype(client, "quay-1")).get_result()
        id_ = made["id"]
        states = [client.get_instance(id_).get_result()["status"]]
        for kind in ("stop", "start", "reboot"):
            action = client.create_instance_action(id_, type=kind).get_result()
            assert action["type"] == kind
            states.append(client.get_instance(id_).get_result()["status"])
        renamed = client.update_instance(id_, {"name": "quay-2"}).get_result()
        assert renamed["name"] == "quay-2"
        assert client.get_instance_initialization(id_).get_result()["keys"][0]["name"] == "quay-1-key"
        client.delete_instance(id_)
        with pytest.raises(core.ApiException) as caught:
            client.get_instance(id_)
        assert (caught.value.status_code, caught.value.message) == (404, "Instance not found")
        return states

    assert await vpc.do(work) == ["running", "stopped", "running", "running"]


async def test_the_clients_own_models_find_all_that_they_need(vpc: Served) -> None:
    """Each `from_dict` raises for a field that IBM's API always sends and our answer lacks."""

    def work(client: Any) -> Any:
        made = client.create_instance(prototype(client, "quay-1")).get_result()
        instance = ibm_vpc.vpc_v1.Instance.from_dict(made)
        target = {"id": made["primary_network_interface"]["id"]}
        floating = client.create_floating_ip({"name": "quay-ip", "target": target}).get_result()
        read = {
            ibm_vpc.vpc_v1.FloatingIP: [floating],
            ibm_vpc.vpc_v1.KeyCollection: [client.list_keys().get_result()],
            ibm_vpc.vpc_v1.ImageCollection: [client.list_images().get_result()],
            ibm_vpc.vpc_v1.RegionCollection: [client.list_regions().get_result()],
            ibm_vpc.vpc_v1.ZoneCollection: [client.list_region_zones("eu-de").get_result()],
            ibm_vpc.vpc_v1.InstanceCollection: [client.list_instances().get_result()],
            ibm_vpc.vpc_v1.FloatingIPCollection: [client.list_floating_ips(target_id=target["id"]).get_result()],
        }
        models = [model.from_dict(payload) for model, payloads in read.items() for payload in payloads]
        assert len(models[-1].floating_ips) == 1
        return instance

    instance = await vpc.do(work)
    assert (instance.name, instance.memory, instance.vcpu.count) == ("quay-1", 8, 2)
    assert instance.primary_network_interface.primary_ip.address.startswith("10.240.")


async def test_a_long_list_arrives_page_by_page(vpc: Served) -> None:
    vpc.simulator.populate(120)

    def work(client: Any) -> list[str]:
        pager = ibm_vpc.vpc_v1.InstancesPager(client=client, limit=50)
        return [instance["id"] for instance in pager.get_all()]

    assert await vpc.do(work) == list(vpc.simulator.world.instances)
    assert vpc.simulator.calls["GET /instances"] == 3


async def test_one_token_serves_many_requests_and_a_wrong_key_gets_none(vpc: Served) -> None:
    def work(client: Any) -> None:
        for _ in range(3):
            client.list_instance_profiles()

    await vpc.do(work)
    assert vpc.simulator.calls["POST /identity/token"] == 1
    with pytest.raises(core.ApiException) as caught:
        await vpc.do(work, api_key="another")
    assert caught.value.status_code == 400


async def test_a_lack_of_machines_is_told_by_the_instance(vpc: Served) -> None:
    vpc.simulator.faults.append(NoCapacity(on="POST /instances"))

    def work(client: Any) -> Any:
        return client.create_instance(prototype(client, "quay-1")).get_result()

    made = await vpc.do(work)
    assert (made["status"], made["status_reasons"][0]["code"]) == ("failed", "cannot_start_capacity")
