"""Hetzner's own client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity, Throttled
from aiocloud.simulators.hetzner import HetznerSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

hcloud = official("hcloud")
types = official("hcloud.server_types")
images = official("hcloud.images")
locations = official("hcloud.locations")
keys = official("hcloud.ssh_keys")
actions = official("hcloud.actions")

T = TypeVar("T")
Client = Any
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"


class Hetzner:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: HetznerSimulator, base_url: str) -> None:
        self.simulator = simulator
        self.base_url = base_url

    async def do(self, work: Callable[[Client], T], token: str | None = None) -> T:
        """Run synchronous code with a client of its own, in a thread."""

        def session() -> T:
            known = token or self.simulator.credentials["token"]
            client = hcloud.Client(known, api_endpoint=self.base_url, poll_interval=0.01)
            try:
                return work(client)
            finally:
                client._client._session.close()
                client._client_hetzner._session.close()

        return await asyncio.to_thread(session)


@pytest.fixture
async def hetzner() -> AsyncIterator[Hetzner]:
    simulator = HetznerSimulator(boot=0.0, invented_prices=True)
    async with serve(simulator) as base:
        yield Hetzner(simulator, str(base / "v1"))


def made(client: Client, name: str = "quay-1", **more: Any) -> Any:
    chosen = {
        "server_type": types.ServerType(name="cx23"),
        "image": images.Image(name="debian-13"),
        "location": locations.Location(name="hel1"),
    }
    return client.servers.create(name, **{**chosen, **more})


async def test_a_long_list_arrives_page_by_page(hetzner: Hetzner) -> None:
    hetzner.simulator.populate(120)
    seen = await hetzner.do(lambda client: [server.id for server in client.servers.get_all()])
    assert seen == list(hetzner.simulator.world.servers)
    assert hetzner.simulator.calls["GET /servers"] == 3


async def test_a_server_is_made_with_a_key_labels_and_user_data(hetzner: Hetzner) -> None:
    def work(client: Client) -> Any:
        key = client.ssh_keys.create("mine", KEY)
        answer = made(client, ssh_keys=[key], labels={"role": "web"}, user_data="#cloud-config")
        answer.action.wait_until_finished()
        return answer, client.servers.get_by_name("quay-1"), client.ssh_keys.get_by_fingerprint(key.fingerprint)

    answer, server, key = await hetzner.do(work)
    assert answer.root_password is None
    assert (server.status, server.labels, server.location.name) == ("running", {"role": "web"}, "hel1")
    assert (server.server_type.name, server.image.name, server.image.architecture) == ("cx23", "debian-13", "x86")
    assert server.public_net.ipv4.ip.startswith("198.1")
    assert f"{server.public_net.ipv6.network}/64" == hetzner.simulator.world.servers[server.id].ipv6
    assert key.name == "mine"
    assert hetzner.simulator.world.servers[server.id].user_data == "#cloud-config"


async def test_a_server_without_a_key_gets_a_password(hetzner: Hetzner) -> None:
    answer = await hetzner.do(made)
    kept = hetzner.simulator.world.servers[answer.server.id].password
    assert kept is not None
    assert answer.root_password == kept.reveal()


async def test_a_server_is_switched_rebuilt_moved_and_deleted(hetzner: Hetzner) -> None:
    def work(client: Client) -> list[str]:
        server = made(client).server
        seen = []
        for order in (server.shutdown, server.power_on, server.reboot, server.reset, server.power_off):
            order().wait_until_finished()
            server.reload()
            seen.append(server.status)
        server.change_type(types.ServerType(name="cx33"), upgrade_disk=False).wait_until_finished()
        rebuilt = server.rebuild(images.Image(name="ubuntu-24.04"))
        rebuilt.action.wait_until_finished()
        server.reload()
        seen += [server.server_type.name, server.image.name, server.update(name="quay-2").name]
        server.delete().wait_until_finished()
        return [*seen, str(client.servers.get_by_name("quay-2"))]

    switched = ["off", "running", "running", "running", "off"]
    assert await hetzner.do(work) == [*switched, "cx33", "ubuntu-24.04", "quay-2", "None"]


async def test_labels_choose_servers(hetzner: Hetzner) -> None:
    def work(client: Client) -> Any:
        for name, labels in (("a", {"role": "web"}), ("b", {"role": "db", "env": "prod"}), ("c", {})):
            made(client, name, labels=labels)
        wanted = ("role==web", "role", "!role", "role in (web,db),env!=prod")
        return [[each.name for each in client.servers.get_all(label_selector=selector)] for selector in wanted]

    assert await hetzner.do(work) == [["a"], ["a", "b"], ["c"], ["a"]]


async def test_the_catalogue_can_be_read(hetzner: Hetzner) -> None:
    hetzner.simulator.world.sold_out.add(("cax11", "fsn1"))

    def work(client: Client) -> Any:
        cax = client.server_types.get_by_name("cax11")
        arm = client.images.get_by_name_and_architecture("debian-13", "arm")
        places = {each.location.name: each.available for each in cax.locations}
        return places, cax.prices[0]["price_hourly"]["net"], arm.os_flavor, client.locations.get_by_name("ash").city

    assert await hetzner.do(work) == (
        {"fsn1": False, "nbg1": True, "hel1": True},
        "0.0350",
        "debian",
        "Ashburn, VA",
    )


async def test_a_floating_address_is_led_to_a_server(hetzner: Hetzner) -> None:
    def work(client: Client) -> Any:
        server = made(client).server
        address = client.floating_ips.create("ipv4", home_location=locations.Location(name="hel1")).floating_ip
        client.floating_ips.assign(address, server).wait_until_finished()
        server.reload()
        return [each.id for each in server.public_net.floating_ips] == [address.id]

    assert await hetzner.do(work)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"server_type": types.ServerType(name="cx99")}, "invalid_input"),
        ({"image": images.Image(name="beos-5")}, "invalid_input"),
        ({"location": locations.Location(name="moon1")}, "invalid_input"),
        ({"server_type": types.ServerType(name="cx23"), "location": locations.Location(name="ash")}, "invalid_input"),
        ({"labels": {"a": "no spaces"}}, "invalid_input"),
        ({"ssh_keys": [keys.SSHKey(name="nobody's")]}, "not_found"),
        ({"name": "taken"}, "uniqueness_error"),
    ],
)
async def test_refusals_have_their_word(hetzner: Hetzner, change: dict[str, Any], code: str) -> None:
    def work(client: Client) -> Any:
        made(client, "taken")
        with pytest.raises(hcloud.APIException) as caught:
            made(client, **change)
        return caught.value.code

    assert await hetzner.do(work) == code


async def test_a_wrong_token_and_a_lack_of_room_are_told(hetzner: Hetzner) -> None:
    def refused(client: Client) -> Any:
        with pytest.raises(hcloud.APIException) as caught:
            made(client)
        return caught.value.code

    assert await hetzner.do(refused, token="wrong") == "unauthorized"
    hetzner.simulator.faults.append(NoCapacity(on="POST /servers"))
    assert await hetzner.do(refused) == "resource_unavailable"
    assert not hetzner.simulator.world.servers


async def test_an_action_that_fails_says_why(hetzner: Hetzner) -> None:
    hetzner.simulator.world.failing["reboot_server"] = ("server_error", "the host is on fire")

    def work(client: Client) -> str:
        action = made(client).server.reboot()
        with pytest.raises(actions.ActionFailedException, match="on fire") as caught:
            action.wait_until_finished()
        return str(caught.value.action.error["code"])

    assert await hetzner.do(work) == "server_error"


async def test_the_client_asks_again_when_there_were_too_many(hetzner: Hetzner) -> None:
    hetzner.simulator.faults.append(Throttled(on="GET /servers"))
    assert await hetzner.do(lambda client: client.servers.get_all()) == []
    assert hetzner.simulator.calls["GET /servers"] == 2
