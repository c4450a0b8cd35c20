"""openstacksdk with Rackspace's own plugin for API keys, both unmodified, against our simulator over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.rackspace import RackspaceSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

connection = official("openstack.connection")
session = official("keystoneauth1.session")
keystone_exceptions = official("keystoneauth1.exceptions")
rackspace_auth = official("rackspaceauth.v2")

pytestmark = [  # the client deprecates parts of itself that its other parts still use
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]

T = TypeVar("T")
Cloud = Any
SOON = {"interval": 0.01, "wait": 5}


class Rackspace:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: RackspaceSimulator, url: str) -> None:
        self.simulator = simulator
        self.auth_url = f"{url}/v2.0/"

    async def do(self, work: Callable[[Cloud], T], region: str = "LON", **account: str) -> T:
        """Run synchronous code with a connection of its own, in a thread."""
        account = {**self.simulator.credentials, **account}

        def run() -> T:
            auth = rackspace_auth.APIKey(auth_url=self.auth_url, **account)
            with connection.Connection(session=session.Session(auth=auth), region_name=region) as cloud:
                return work(cloud)

        return await asyncio.to_thread(run)


@pytest.fixture
async def rackspace() -> AsyncIterator[Rackspace]:
    simulator = RackspaceSimulator(boot=0.05, page=3)
    async with serve(simulator) as url:
        yield Rackspace(simulator, str(url).rstrip("/"))


async def test_an_api_key_opens_every_region(rackspace: Rackspace) -> None:
    rackspace.simulator.populate(7, region="SYD")
    seen = await rackspace.do(lambda cloud: [server.name for server in cloud.compute.servers()], "SYD")
    assert seen == [f"quay-{number}" for number in reversed(range(7))]
    assert await rackspace.do(lambda cloud: list(cloud.compute.servers()), "HKG") == []


async def test_a_wrong_api_key_is_refused_in_the_clients_own_words(rackspace: Rackspace) -> None:
    with pytest.raises(keystone_exceptions.Unauthorized):
        await rackspace.do(lambda cloud: list(cloud.compute.servers()), api_key="ebb")


async def test_a_revoked_token_is_renewed_though_the_refusal_is_plain_text(rackspace: Rackspace) -> None:
    def work(cloud: Cloud) -> None:
        list(cloud.compute.servers())
        rackspace.simulator.revoke_tokens()
        list(cloud.compute.servers())

    await rackspace.do(work)
    assert rackspace.simulator.calls["POST /tokens"] == 2


async def test_flavors_and_images_are_listed_whole(rackspace: Rackspace) -> None:
    def work(cloud: Cloud) -> tuple[list[str], list[str]]:
        return [each.id for each in cloud.compute.flavors()], [each.name for each in cloud.image.images(limit=4)]

    flavors, images = await rackspace.do(work)
    assert {"2", "8", "general1-1", "io1-120", "memory1-240"} < set(flavors)
    assert len(images) == 10


async def test_a_server_lives_its_whole_life(rackspace: Rackspace) -> None:
    def life(cloud: Cloud) -> tuple[Any, list[str]]:
        compute = cloud.compute
        key = compute.create_keypair(name="quay")
        image = cloud.image.find_image("Debian 12 (Bookworm) (PVHVM)", ignore_missing=False)
        server = compute.create_server(name="pilot", flavor_id="general1-1", image_id=image.id, key_name=key.name)
        assert server.admin_password
        running = compute.wait_for_server(server, **SOON)
        compute.reboot_server(server, "HARD")
        seen = [compute.get_server(server.id).status]
        compute.wait_for_server(compute.get_server(server.id), **SOON)
        compute.stop_server(server)
        seen.append(compute.wait_for_server(server, "SHUTOFF", **SOON).status)
        compute.start_server(server)
        seen.append(compute.wait_for_server(compute.get_server(server.id), **SOON).status)
        compute.delete_server(server)
        compute.wait_for_delete(server, **SOON)
        compute.delete_keypair("quay", ignore_missing=False)
        return running, seen

    running, seen = await rackspace.do(life)
    assert seen == ["HARD_REBOOT", "SHUTOFF", "ACTIVE"]
    assert set(running.addresses) == {"public", "private"}
    assert running.access_ipv4 == running.addresses["public"][0]["addr"]
