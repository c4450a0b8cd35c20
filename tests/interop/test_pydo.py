"""DigitalOcean's own client (`pydo`), unmodified and over HTTP, against our simulator; our driver asks what it asks.

By itself it sends no token without TLS, so that it is given another policy of its own library, which does.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.http.message import Request, Response
from aiocloud.models import KeyPair
from aiocloud.providers.digitalocean import DigitalOcean
from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.digitalocean import DigitalOceanSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports warns of its own future
    pydo = official("pydo")
    credentials = official("azure.core.credentials")
    exceptions = official("azure.core.exceptions")
    policies = official("azure.core.pipeline.policies")

T = TypeVar("T")
Asked = tuple[str, str, Any]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
DROPLET = {"name": "quay-1", "size": "s-1vcpu-1gb", "image": "debian-12-x64", "region": "fra1"}


class Served:
    """A simulator on loopback, the means to ask it through the official client, and what was asked."""

    def __init__(self) -> None:
        self.simulator = DigitalOceanSimulator(boot=0.0, invented_prices=True)
        self.origin = ""
        self.asked: list[Asked] = []

    async def __call__(self, request: Request) -> Response:
        body = json.loads(request.body) if request.body else None
        self.asked.append((request.method, request.url.path, body))
        return await self.simulator(request)

    async def do(self, work: Callable[[Any], T], token: str = "dop_v1_quay") -> T:
        """Run synchronous code with a client of its own, in a thread."""

        def session() -> T:
            policy = policies.AzureKeyCredentialPolicy(
                credentials.AzureKeyCredential(token), "Authorization", prefix="Bearer"
            )
            with pydo.Client(token, endpoint=self.origin, authentication_policy=policy, retry_total=0) as client:
                return work(client)

        self.asked.clear()
        return await asyncio.to_thread(session)

    async def ours(self, work: Callable[[DigitalOcean], Awaitable[Any]]) -> list[Asked]:
        """What our driver asks while it does this work."""
        self.asked.clear()
        async with DigitalOcean("dop_v1_quay", endpoint=f"{self.origin}/v2") as driver:
            await work(driver)
        return list(self.asked)


@pytest.fixture
async def cloud() -> AsyncIterator[Served]:
    served = Served()
    async with serve(served) as base:
        served.origin = str(base.origin())
        yield served


async def test_a_long_list_arrives_page_by_page(cloud: Served) -> None:
    cloud.simulator.populate(250)

    def work(client: Any) -> set[int]:
        seen: set[int] = set()
        page = 1
        while True:
            answer = client.droplets.list(per_page=100, page=page)
            seen |= {droplet["id"] for droplet in answer["droplets"]}
            if "next" not in answer["links"].get("pages", {}):
                assert answer["meta"]["total"] == 250
                return seen
            page += 1

    assert await cloud.do(work) == set(cloud.simulator.world.droplets)
    assert len(cloud.asked) == 3


async def test_a_droplet_lives_from_create_to_destroy(cloud: Served) -> None:
    def work(client: Any) -> Any:
        key = client.ssh_keys.create({"name": "mine", "public_key": KEY})["ssh_key"]
        body = {
            **DROPLET,
            "ssh_keys": [key["fingerprint"]],
            "tags": ["web"],
            "ipv6": True,
            "user_data": "#cloud-config",
        }
        made = client.droplets.create(body)
        number = made["droplet"]["id"]
        created = client.actions.get(made["links"]["actions"][0]["id"])["action"]
        states = []
        for kind in ("power_off", "power_on", "reboot", "shutdown"):
            action = client.droplet_actions.post(number, {"type": kind})["action"]
            assert client.droplet_actions.get(number, action["id"])["action"]["status"] == "completed"
            states.append(client.droplets.get(number)["droplet"]["status"])
        tagged = client.droplets.list(tag_name="web")["droplets"]
        networks = tagged[0]["networks"]
        client.droplets.destroy(number)
        assert client.droplets.get(number)["id"] == "not_found"
        return created["status"], states, [each["id"] for each in tagged] == [number], networks

    status, states, tagged, networks = await cloud.do(work)
    assert (status, tagged) == ("completed", True)
    assert states == ["off", "active", "active", "off"]
    assert {row["type"] for row in networks["v4"]} == {"public", "private"}
    assert len(networks["v6"]) == 1


async def test_the_catalogue_and_the_account_can_be_read(cloud: Served) -> None:
    def work(client: Any) -> Any:
        return (
            {size["slug"]: size["price_hourly"] for size in client.sizes.list(per_page=200)["sizes"]},
            {region["slug"] for region in client.regions.list()["regions"]},
            client.images.get("debian-12-x64")["image"]["distribution"],
            len(client.images.list(type="distribution")["images"]),
            client.account.get()["account"]["status"],
        )

    sizes, regions, image, images, status = await cloud.do(work)
    assert sizes["s-1vcpu-1gb"] == 0.00744
    assert "fra1" in regions
    assert (image, images, status) == ("Debian", 6, "active")


async def test_keys_tags_and_reserved_addresses(cloud: Served) -> None:
    def work(client: Any) -> Any:
        key = client.ssh_keys.create({"name": "mine", "public_key": KEY})["ssh_key"]
        client.ssh_keys.update(key["id"], {"name": "ours"})
        names = [each["name"] for each in client.ssh_keys.list()["ssh_keys"]]
        client.ssh_keys.delete(key["fingerprint"])
        ip = client.reserved_ips.create({"region": "fra1"})["reserved_ip"]["ip"]
        held = [each["ip"] for each in client.reserved_ips.list()["reserved_ips"]]
        client.reserved_ips.delete(ip)
        return names, held == [ip], client.ssh_keys.list()["meta"]["total"]

    assert await cloud.do(work) == (["ours"], True, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "huge"}, "invalid size"),
        ({"image": "dos-6"}, "invalid image"),
        ({"region": "moon1"}, "invalid region"),
    ],
)
async def test_refusals_have_a_status_and_a_sentence(cloud: Served, change: dict[str, str], message: str) -> None:
    def work(client: Any) -> Any:
        with pytest.raises(exceptions.HttpResponseError, match=message) as caught:
            client.droplets.create({**DROPLET, **change})
        return caught.value.status_code

    assert await cloud.do(work) == 422


async def test_a_full_region_and_a_wrong_token_are_refused(cloud: Served) -> None:
    cloud.simulator.faults.append(NoCapacity(on="POST /droplets"))

    def full(client: Any) -> None:
        with pytest.raises(exceptions.HttpResponseError, match="not available in this region"):
            client.droplets.create(DROPLET)

    def wrong(client: Any) -> None:
        with pytest.raises(exceptions.ClientAuthenticationError):
            client.droplets.list()

    await cloud.do(full)
    await cloud.do(wrong, token="dop_v1_wrong")
    assert not cloud.simulator.world.droplets


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(lambda d: d.list_nodes(), lambda c: c.droplets.list(), id="nodes"),
        pytest.param(lambda d: d.list_sizes(), lambda c: c.sizes.list(), id="sizes"),
        pytest.param(lambda d: d.list_images(), lambda c: c.images.list(), id="images"),
        pytest.param(lambda d: d.list_locations(), lambda c: c.regions.list(), id="locations"),
        pytest.param(lambda d: d.list_key_pairs(), lambda c: c.ssh_keys.list(), id="key pairs"),
        pytest.param(lambda d: d.ex_list_firewalls(), lambda c: c.firewalls.list(), id="firewalls"),
        pytest.param(lambda d: d.ex_list_reserved_ips(), lambda c: c.reserved_ips.list(), id="reserved addresses"),
        pytest.param(lambda d: d.ex_account(), lambda c: c.account.get(), id="account"),
        pytest.param(lambda d: d.get_node("3164001"), lambda c: c.droplets.get(3164001), id="node"),
        pytest.param(
            lambda d: d.stop_node("3164001"),
            lambda c: c.droplet_actions.post(3164001, {"type": "shutdown"}),
            id="stop",
        ),
        pytest.param(
            lambda d: d.ex_rebuild_node("3164001", "debian-12-x64"),
            lambda c: c.droplet_actions.post(3164001, {"type": "rebuild", "image": "debian-12-x64"}),
            id="rebuild",
        ),
        pytest.param(
            lambda d: d.ex_reserve_ip("fra1"), lambda c: c.reserved_ips.create({"region": "fra1"}), id="reserve"
        ),
        pytest.param(
            lambda d: d.ex_add_to_firewall("fw-1", "3164001"),
            lambda c: c.firewalls.assign_droplets("fw-1", {"droplet_ids": [3164001]}),
            id="firewall",
        ),
        pytest.param(
            lambda d: d.delete_key_pair(KeyPair(id="512189", name="mine")),
            lambda c: c.ssh_keys.delete(512189),
            id="delete key",
        ),
        pytest.param(lambda d: d.http.send("DELETE", "/tags/web"), lambda c: c.tags.delete("web"), id="delete tag"),
    ],
)
async def test_our_driver_asks_what_the_official_client_asks(
    cloud: Served, ours: Callable[[DigitalOcean], Awaitable[Any]], theirs: Callable[[Any], Any]
) -> None:
    cloud.simulator.populate(1)
    world = cloud.simulator.world
    world.firewalls["fw-1"] = {"id": "fw-1", "name": "wall", "droplet_ids": []}

    def prepare() -> None:
        world.tags.add("web")
        world.keys[512189] = {"id": 512189, "name": "mine", "public_key": KEY, "fingerprint": "3b:16"}

    prepare()
    asked = await cloud.ours(ours)
    prepare()
    await cloud.do(theirs)
    assert asked == cloud.asked
    assert len(asked) == 1
