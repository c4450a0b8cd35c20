"""openstacksdk, the OpenStack project's own client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.openstack import OpenStackSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

openstack = official("openstack")
exceptions = official("openstack.exceptions")
keystone_exceptions = official("keystoneauth1.exceptions")

pytestmark = [  # the client deprecates parts of itself that its other parts still use
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]

T = TypeVar("T")
Cloud = Any
SOON = {"interval": 0.01, "wait": 5}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea quay"


class OpenStack:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: OpenStackSimulator, url: str) -> None:
        self.simulator = simulator
        self.auth_url = f"{url}/identity"

    def connect(self, region: str = "north-1", **auth: str) -> Cloud:
        """A connection that reads neither files nor the environment."""
        account = self.simulator.credentials
        password = {
            "username": account["username"],
            "password": account["password"],
            "project_name": account["project"],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        kind = {"auth_type": "v3applicationcredential"} if "application_credential_id" in auth else {}
        return openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            region_name=region,
            auth={"auth_url": self.auth_url, **(auth if kind else password | auth)},
            **kind,
        )

    async def do(self, work: Callable[[Cloud], T], region: str = "north-1", **auth: str) -> T:
        """Run synchronous code with a connection of its own, in a thread."""

        def session() -> T:
            with self.connect(region, **auth) as cloud:
                return work(cloud)

        return await asyncio.to_thread(session)


@pytest.fixture
async def quay() -> AsyncIterator[OpenStack]:
    simulator = OpenStackSimulator(boot=0.05, page=3)
    async with serve(simulator) as url:
        yield OpenStack(simulator, str(url).rstrip("/"))


def create(cloud: Cloud, name: str, **more: Any) -> Any:
    flavor = cloud.compute.find_flavor("m1.small", ignore_missing=False)
    image = cloud.image.find_image("Debian 13", ignore_missing=False)
    more = {"networks": "auto", **more}
    return cloud.compute.create_server(name=name, flavor_id=flavor.id, image_id=image.id, **more)


async def test_a_long_list_arrives_page_by_page(quay: OpenStack) -> None:
    quay.simulator.populate(7, region="north-1")
    seen = await quay.do(lambda cloud: [server.name for server in cloud.compute.servers()])
    assert seen == [f"quay-{number}" for number in reversed(range(7))]
    assert quay.simulator.calls["GET /servers/detail"] >= 3


async def test_a_server_lives_its_whole_life(quay: OpenStack) -> None:
    def life(cloud: Cloud) -> list[str]:
        compute = cloud.compute
        server = create(cloud, "pilot")
        seen = [compute.get_server(server.id).status]
        seen.append(compute.wait_for_server(server, **SOON).status)
        compute.reboot_server(server, "SOFT")
        seen.append(compute.get_server(server.id).status)
        # The client takes a stale ACTIVE for an answer, so each wait begins with a fresh look.
        compute.wait_for_server(compute.get_server(server.id), **SOON)
        compute.stop_server(server)
        seen.append(compute.get_server(server.id).task_state)
        seen.append(compute.wait_for_server(server, "SHUTOFF", **SOON).status)
        compute.start_server(server)
        seen.append(compute.wait_for_server(compute.get_server(server.id), **SOON).status)
        compute.delete_server(server)
        compute.wait_for_delete(server, **SOON)
        return [*seen, *(each.name for each in compute.servers())]

    assert await quay.do(life) == ["BUILD", "ACTIVE", "REBOOT", "powering-off", "SHUTOFF", "ACTIVE"]


async def test_a_new_server_has_a_password_and_addresses_inside_and_out() -> None:
    def work(cloud: Cloud) -> Any:
        return cloud.create_server("pilot", image="Debian 13", flavor="m1.small", network="quay-net", wait=True)

    simulator = OpenStackSimulator(boot=0)
    async with serve(simulator) as url:
        server = await OpenStack(simulator, str(url).rstrip("/")).do(work)
    assert server.status == "ACTIVE"
    assert server.admin_password
    assert server.private_v4.startswith("10.")
    assert server.public_v4.startswith("198.18.")
    assert any(each["version"] == 6 for each in server.addresses["quay-net"])


async def test_a_server_for_which_no_host_is_found_says_so(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> None:
        server = create(cloud, "pilot")
        with pytest.raises(exceptions.ResourceFailure):
            cloud.compute.wait_for_server(server, **SOON)
        assert "No valid host was found" in cloud.compute.get_server(server.id).fault["message"]

    quay.simulator.faults.append(NoCapacity(on="POST /servers"))
    await quay.do(work)


async def test_key_pairs_are_imported_generated_listed_and_deleted(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> tuple[list[str], list[str], Any]:
        cloud.compute.create_keypair(name="given", public_key=KEY)
        made = cloud.compute.create_keypair(name="made")
        listed = sorted(pair.name for pair in cloud.compute.keypairs())
        cloud.compute.delete_keypair("given", ignore_missing=False)
        return listed, [pair.name for pair in cloud.compute.keypairs()], made

    listed, left, made = await quay.do(work)
    assert (listed, left) == (["given", "made"], ["made"])
    serialization = official("cryptography.hazmat.primitives.serialization")
    private = serialization.load_ssh_private_key(made.private_key.encode(), None)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert made.public_key.startswith(public.decode())


async def test_flavors_and_images_are_listed_whole(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> tuple[list[Any], list[Any]]:
        return list(cloud.compute.flavors()), list(cloud.image.images())

    flavors, images = await quay.do(work)
    assert {"m1.tiny", "m1.xlarge"} < {flavor.name for flavor in flavors}
    assert len({image.id for image in images}) == len(quay.simulator.cloud.regions["north-1"].images) > 25
    assert quay.simulator.calls["GET /images"] == 2


async def test_a_wrong_password_is_refused_in_the_clients_own_words(quay: OpenStack) -> None:
    with pytest.raises(keystone_exceptions.Unauthorized, match="requires authentication"):
        await quay.do(lambda cloud: list(cloud.compute.servers()), password="ebb")


async def test_an_application_credential_needs_no_scope(quay: OpenStack) -> None:
    quay.simulator.populate(1, region="north-1")
    credential = quay.simulator.application_credential
    assert len(await quay.do(lambda cloud: list(cloud.compute.servers()), **credential)) == 1


async def test_a_revoked_token_is_renewed_unseen(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> None:
        list(cloud.compute.servers())
        quay.simulator.revoke_tokens()
        list(cloud.compute.servers())

    await quay.do(work)
    assert quay.simulator.calls["POST /auth/tokens"] == 2


async def test_each_region_has_servers_of_its_own(quay: OpenStack) -> None:
    quay.simulator.populate(2, region="south-1")
    assert await quay.do(lambda cloud: len(list(cloud.compute.servers()))) == 0
    assert await quay.do(lambda cloud: len(list(cloud.compute.servers())), region="south-1") == 2


async def test_an_unknown_server_is_not_found(quay: OpenStack) -> None:
    with pytest.raises(exceptions.NotFoundException, match="could not be found"):
        await quay.do(lambda cloud: cloud.compute.get_server("5a0c0000-0000-4000-8000-00000000beef"))


async def test_a_running_server_cannot_be_started(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> None:
        server = cloud.compute.wait_for_server(create(cloud, "pilot"), **SOON)
        with pytest.raises(exceptions.ConflictException, match="vm_state active"):
            cloud.compute.start_server(server)

    await quay.do(work)


async def test_a_full_quota_is_forbidden(quay: OpenStack) -> None:
    quay.simulator.cloud.max_instances = 0
    with pytest.raises(exceptions.ForbiddenException, match="Quota exceeded for instances"):
        await quay.do(lambda cloud: create(cloud, "pilot"))


async def test_labels_console_and_snapshots_work(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> tuple[Any, Any, str, Any]:
        compute = cloud.compute
        server = compute.wait_for_server(create(cloud, "pilot", metadata={"role": "web"}), **SOON)
        compute.set_server_metadata(server, tide="high")
        server.add_tag(compute, "blue")
        output = compute.get_server_console_output(server)["output"]
        image = compute.create_server_image(server, "snap", wait=False)
        return compute.get_server(server.id), server.fetch_tags(compute).tags, output, image

    server, tags, output, image = await quay.do(work)
    assert server.metadata == {"role": "web", "tide": "high"}
    assert tags == ["blue"]
    assert "pilot login:" in output
    assert image.name == "snap"


async def test_firewalls_and_floating_addresses_work(quay: OpenStack) -> None:
    def work(cloud: Cloud) -> tuple[list[str], int, str]:
        network = cloud.network
        group = network.create_security_group(name="web")
        network.create_security_group_rule(
            security_group_id=group.id, direction="ingress", protocol="tcp", port_range_min=80, port_range_max=80
        )
        rules = len(network.get_security_group(group.id).security_group_rules)
        outside = network.find_network("public", ignore_missing=False)
        address = network.create_ip(floating_network_id=outside.id)
        network.delete_ip(address.id, ignore_missing=False)
        names = [each.name for each in network.security_groups()]
        network.delete_security_group(group.id, ignore_missing=False)
        return names, rules, address.floating_ip_address

    names, rules, address = await quay.do(work)
    assert names == ["default", "web"]
    assert rules == 3
    assert address.startswith("198.18.")


async def test_the_client_finds_the_range_of_microversions(quay: OpenStack) -> None:
    data = await quay.do(lambda cloud: cloud.compute.get_endpoint_data())
    assert (data.min_microversion, data.max_microversion) == ((2, 1), (2, 103))
