"""Scaleway's own client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.scaleway import ScalewaySimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

scaleway = official("scaleway")
instance = official("scaleway.instance.v1")
custom = official("scaleway.instance.v1.custom_api")
iam = official("scaleway.iam.v1alpha1")
marketplace = official("scaleway.marketplace.v2")
core = official("scaleway_core.api")

T = TypeVar("T")
Api = Any
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"


class Served:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: ScalewaySimulator, url: str) -> None:
        self.simulator = simulator
        self.url = url

    def client(self, **options: Any) -> Any:
        known = self.simulator.credentials
        usual = {"secret_key": known["secret_key"], "default_project_id": known["project_id"]}
        return scaleway.Client(
            **{
                **usual,
                "access_key": "SCWXXXXXXXXXXXXXXXXX",
                "default_region": "fr-par",
                "default_zone": "fr-par-1",
                "api_url": self.url,
                **options,
            }
        )

    async def do(self, work: Callable[[Api], T], **options: Any) -> T:
        """Run synchronous code with an API of instances, in a thread."""
        return await asyncio.to_thread(lambda: work(custom.InstanceUtilsV1API(self.client(**options))))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    simulator = ScalewaySimulator(boot=0.0)
    async with serve(simulator) as base:
        yield Served(simulator, str(base).rstrip("/"))


def made(api: Api, served: Served, **more: Any) -> Any:
    """A new server of a label, whose image the marketplace finds."""
    images = marketplace.MarketplaceV2API(served.client()).list_local_images_all(
        image_label="ubuntu_noble", zone="fr-par-1", type_=marketplace.LocalImageType.INSTANCE_LOCAL
    )
    assert "DEV1-S" in images[0].compatible_commercial_types
    wanted = {"commercial_type": "DEV1-S", "image": images[0].id, "protected": False, "name": "web-1", **more}
    return api._create_server(**wanted).server


async def test_a_long_list_arrives_page_by_page(served: Served) -> None:
    served.simulator.populate(1200)
    seen = await served.do(lambda api: [each.id for each in api.list_servers_all()])
    here = [each.id for each in served.simulator.world.servers.values() if each.zone == "fr-par-1"]
    assert (seen, len(seen)) == (here, 120)
    assert served.simulator.calls["GET /servers"] == 4  # this client reads on until a page is empty


async def test_a_server_is_made_told_started_stopped_and_deleted(served: Served) -> None:
    def work(api: Api) -> None:
        server = made(api, served, tags=["role=web"], dynamic_ip_required=True)
        assert (server.state, server.tags, server.zone) == (instance.ServerState.STOPPED, ["role=web"], "fr-par-1")
        assert server.allowed_actions == [instance.ServerAction.POWERON, instance.ServerAction.BACKUP]
        api.set_server_user_data(server_id=server.id, key="cloud-init", content=b"#!/bin/sh")
        assert api.get_server_user_data(server_id=server.id, key="cloud-init").content == b"#!/bin/sh"
        task = api.server_action(server_id=server.id, action=instance.ServerAction.POWERON).task
        assert (task.description, task.status) == ("server_poweron", instance.TaskStatus.PENDING)
        running = api.wait_instance_server(server_id=server.id, zone="fr-par-1").server
        assert running.state == instance.ServerState.RUNNING
        assert running.public_ips[0].family == instance.ServerIpIpFamily.INET
        assert running.volumes["0"].volume_type == instance.VolumeServerVolumeType.L_SSD
        api.server_action(server_id=server.id, action=instance.ServerAction.POWEROFF)
        api.delete_server(server_id=server.id)
        assert api.list_servers_all(name="web-1") == []

    await served.do(work)


async def test_a_server_that_is_terminated_takes_its_local_volume_along(served: Served) -> None:
    def work(api: Api) -> None:
        server = made(api, served)
        api.server_action(server_id=server.id, action=instance.ServerAction.POWERON)
        api.server_action(server_id=server.id, action=instance.ServerAction.TERMINATE)
        with pytest.raises(core.ScalewayException, match="not found"):
            api.get_server(server_id=server.id)

    await served.do(work)
    assert served.simulator.world.volumes == {}


async def test_servers_are_found_by_tag(served: Served) -> None:
    def work(api: Api) -> None:
        ours = made(api, served, tags=["role=web", "mark=1"])
        made(api, served, tags=["role=web", "mark=2"])
        assert [each.id for each in api.list_servers_all(tags=["role=web", "mark=1"])] == [ours.id]

    await served.do(work)


async def test_types_tell_their_prices_and_whether_there_are_any_left(served: Served) -> None:
    served.simulator.world.sold_out.add(("fr-par-1", "GP1-XS"))

    def work(api: Api) -> None:
        small = api.list_servers_types().servers["DEV1-S"]
        assert (small.hourly_price, small.ncpus, small.arch) == (0.01368, 2, instance.Arch.X86_64)
        stock = api.get_server_types_availability().servers
        assert stock["DEV1-S"].availability == instance.ServerTypesAvailability.AVAILABLE
        assert stock["GP1-XS"].availability == instance.ServerTypesAvailability.SHORTAGE

    await served.do(work)


async def test_a_flexible_address_is_reserved_attached_and_released(served: Served) -> None:
    def work(api: Api) -> None:
        server = made(api, served)
        ip = api.create_ip(type_=instance.IpType.ROUTED_IPV4).ip
        assert api.update_ip(ip=ip.id, server=server.id).ip.state == instance.IpState.ATTACHED
        assert api.get_server(server_id=server.id).server.public_ips[0].address == ip.address
        api.delete_ip(ip=ip.id)
        assert api.list_ips_all() == []

    await served.do(work)


async def test_security_groups_are_listed(served: Served) -> None:
    groups = await served.do(lambda api: api.list_security_groups_all())
    assert [group.inbound_default_policy for group in groups] == [instance.SecurityGroupPolicy.ACCEPT]


async def test_a_key_is_added_listed_and_deleted(served: Served) -> None:
    def work() -> None:
        api = iam.IamV1Alpha1API(served.client())
        key = api.create_ssh_key(public_key=KEY, name="quay")
        assert [each.fingerprint for each in api.list_ssh_keys_all()] == [key.fingerprint]
        api.delete_ssh_key(ssh_key_id=key.id)
        assert api.list_ssh_keys_all() == []

    await asyncio.to_thread(work)


async def test_the_marketplace_has_an_image_for_each_architecture_and_kind_of_volume(served: Served) -> None:
    def work() -> list[tuple[str, Any]]:
        api = marketplace.MarketplaceV2API(served.client())
        assert "ubuntu_noble" in [each.label for each in api.list_images_all(include_eol=False)]
        return [(each.arch, each.type_) for each in api.list_local_images_all(image_label="ubuntu_noble")]

    local, block = marketplace.LocalImageType.INSTANCE_LOCAL, marketplace.LocalImageType.INSTANCE_SBS
    assert await asyncio.to_thread(work) == [("x86_64", local), ("arm64", block), ("x86_64", block)]


async def test_refusals_are_the_clients_own_exceptions(served: Served) -> None:
    def work(api: Api) -> None:
        with pytest.raises(core.ScalewayException) as caught:
            api.get_server(server_id=served.simulator.unknown_node)
        assert caught.value.status_code == 404
        with pytest.raises(core.ScalewayException, match="required key not provided"):
            api._create_server(commercial_type="DEV1-S", protected=False)
        served.simulator.faults.append(NoCapacity(on="POST /servers"))
        with pytest.raises(core.ScalewayException, match="out_of_stock"):
            made(api, served)

    await served.do(work)


async def test_a_wrong_key_is_refused(served: Served) -> None:
    def work(api: Api) -> None:
        with pytest.raises(core.ScalewayException, match="denied_authentication"):
            api.list_servers()

    await served.do(work, secret_key="c0ffee00-0000-4000-8000-000000000000")
