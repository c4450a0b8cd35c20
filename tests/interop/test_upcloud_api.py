"""UpCloud's own client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.server import serve
from aiocloud.simulators.upcloud import UpCloudSimulator
from tests.interop.conftest import official

upcloud_api = official("upcloud_api")

T = TypeVar("T")
Client = Any
DEBIAN = "01000000-0000-4000-8000-000020070100"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlbk3f2Zb5rGZ6n0f7Qw1iVv7Vx5v6d8c9w0q1r2s3t quay"


class Cloud:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: UpCloudSimulator, base_url: str) -> None:
        self.simulator = simulator
        self.base_url = base_url

    async def do(self, work: Callable[[Client], T], **credentials: str) -> T:
        """Run synchronous code with a client of its own, in a thread."""
        manager = upcloud_api.CloudManager(**(credentials or self.simulator.credentials))
        manager.api.api_root = self.base_url
        return await asyncio.to_thread(work, manager)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    simulator = UpCloudSimulator(boot=0.0, invented_prices=True)
    async with serve(simulator) as base:
        yield Cloud(simulator, str(base / "1.3"))


def wanted(name: str) -> Any:
    return upcloud_api.Server(
        hostname=name,
        zone="fi-hel1",
        plan="1xCPU-1GB",
        metadata=True,
        labels=[upcloud_api.Label("role", "db")],
        login_user=upcloud_api.login_user_block(username="root", ssh_keys=[KEY]),
        storage_devices=[upcloud_api.Storage(os=DEBIAN, size=25)],
    )


async def test_what_can_be_had_is_listed(cloud: Cloud) -> None:
    zones, plans, prices = await cloud.do(
        lambda client: (client.get_zones(), client.get_server_plans(), client.get_prices())
    )
    assert {"fi-hel1", "uk-lon1"} <= {zone["id"] for zone in zones["zones"]["zone"]}
    assert plans["plans"]["plan"][0]["name"] == "DEV-1xCPU-1GB"
    assert prices["prices"]["zone"][0]["server_plan_1xCPU-1GB"]["price"] > 0


async def test_a_server_is_made_stopped_started_and_deleted(cloud: Cloud) -> None:
    def work(client: Client) -> Any:
        made = client.create_server(wanted("quay-3"))
        assert [each.uuid for each in client.get_servers()] == [made.uuid]
        seen = client.get_server(made.uuid)
        assert (seen.state, seen.get_public_ip(addr_family="IPv4")) == ("started", made.get_public_ip("IPv4"))
        seen.shutdown(hard=True)
        assert seen.populate().state == "stopped"
        seen.start()
        assert seen.populate().state == "started"
        seen.restart()
        seen.shutdown()
        seen.destroy(delete_storages=True)
        return client.get_servers()

    assert await cloud.do(work) == []


async def test_a_server_that_runs_is_not_deleted(cloud: Cloud) -> None:
    def work(client: Client) -> None:
        client.create_server(wanted("quay-3")).destroy()

    with pytest.raises(upcloud_api.UpCloudAPIError, match="SERVER_STATE_ILLEGAL"):
        await cloud.do(work)


async def test_a_server_is_renamed(cloud: Cloud) -> None:
    def work(client: Client) -> Any:
        return client.modify_server(client.create_server(wanted("quay-3")).uuid, title="pier-5").title

    assert await cloud.do(work) == "pier-5"


async def test_a_token_does_and_a_wrong_password_does_not(cloud: Cloud) -> None:
    account = await cloud.do(lambda client: client.get_account(), token=cloud.simulator.token)
    assert account["account"]["username"] == "harbour"
    with pytest.raises(upcloud_api.UpCloudAPIError, match="AUTHENTICATION_FAILED"):
        await cloud.do(lambda client: client.get_account(), username="harbour", password="wrong")


async def test_a_full_zone_is_told_by_its_word(cloud: Cloud) -> None:
    cloud.simulator.faults.append(NoCapacity(on="POST /server"))
    with pytest.raises(upcloud_api.UpCloudAPIError, match="SERVER_RESOURCES_UNAVAILABLE"):
        await cloud.do(lambda client: client.create_server(wanted("quay-3")))


async def test_addresses_and_rules_are_listed(cloud: Cloud) -> None:
    def work(client: Client) -> Any:
        server = client.create_server(wanted("quay-3"))
        rule = upcloud_api.FirewallRule(direction="in", action="accept", protocol="tcp", destination_port_start="22")
        server.add_firewall_rule(rule)
        return client.get_ips(), server.get_firewall_rules()

    addresses, rules = await cloud.do(work)
    assert {each.access for each in addresses} == {"public", "utility"}
    assert [rule.destination_port_start for rule in rules] == ["22"]
