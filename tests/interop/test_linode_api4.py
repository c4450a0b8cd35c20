"""Linode's own client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity, Throttled
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

linode_api4 = official("linode_api4")
filtering = official("linode_api4.objects.filtering")

T = TypeVar("T")
Client = Any
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlbk3f2Zb5rGZ6n0f7Qw1iVv7Vx5v6d8c9w0q1r2s3t quay"
ACCESS = {"image": "linode/debian12", "root_pass": "Tide-and-0cean"}


class Linode:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: LinodeSimulator, base_url: str) -> None:
        self.simulator = simulator
        self.base_url = base_url

    def client(self, token: str | None = None, **options: Any) -> Client:
        token = token or self.simulator.credentials["token"]
        return linode_api4.LinodeClient(token, base_url=self.base_url, **options)

    async def do(self, work: Callable[[Client], T], **options: Any) -> T:
        """Run synchronous code with a client of its own, in a thread."""

        def session() -> T:
            client = self.client(**options)
            try:
                return work(client)
            finally:
                client.session.close()

        return await asyncio.to_thread(session)


@pytest.fixture
async def linode() -> AsyncIterator[Linode]:
    simulator = LinodeSimulator(boot=0.0)
    async with serve(simulator) as base:
        yield Linode(simulator, str(base / "v4"))


async def test_a_long_list_arrives_page_by_page(linode: Linode) -> None:
    linode.simulator.populate(250)
    seen = await linode.do(lambda client: [it.id for it in client.linode.instances()])
    assert seen == list(linode.simulator.world.instances)
    assert len(seen) == 250
    assert linode.simulator.calls["GET /linode/instances"] == 3


async def test_the_client_chooses_the_size_of_pages(linode: Linode) -> None:
    linode.simulator.populate(60)
    assert await linode.do(lambda client: len(list(client.linode.instances())), page_size=25) == 60
    assert linode.simulator.calls["GET /linode/instances"] == 3


async def test_an_instance_from_an_image_boots_with_a_generated_password(linode: Linode) -> None:
    def work(client: Client) -> Any:
        password = linode_api4.Instance.generate_root_password()
        made = client.linode.instance_create(
            "g6-nanode-1", "us-ord", image="linode/debian12", root_pass=password, label="quay-1", tags=["web"]
        )
        return password, client.load(linode_api4.Instance, made.id)

    password, instance = await linode.do(work)
    assert (instance.label, instance.status, instance.type.id) == ("quay-1", "running", "g6-nanode-1")
    assert instance.specs.memory == 1024
    assert instance.tags == ["web"]
    kept = linode.simulator.world.instances[instance.id].root_pass
    assert kept is not None
    assert kept.reveal() == password


async def test_a_key_and_user_data_do_instead_of_a_password(linode: Linode) -> None:
    def work(client: Client) -> Any:
        metadata = client.linode.build_instance_metadata(user_data="#cloud-config")
        return client.linode.instance_create(
            "g6-nanode-1", "us-ord", image="linode/debian12", authorized_keys=[KEY], metadata=metadata
        )

    instance = await linode.do(work)
    assert instance.has_user_data
    assert linode.simulator.world.instances[instance.id].user_data == b"#cloud-config"


async def test_an_instance_is_stopped_started_rebooted_and_deleted(linode: Linode) -> None:
    def work(client: Client) -> list[str]:
        made = client.linode.instance_create("g6-nanode-1", "us-ord", **ACCESS)
        seen = []
        for order in (made.shutdown, made.boot, made.reboot):
            assert order()
            seen.append(client.load(linode_api4.Instance, made.id).status)
        assert made.delete()
        with pytest.raises(linode_api4.ApiError, match="Not found") as caught:
            client.load(linode_api4.Instance, made.id)
        return [*seen, str(caught.value.status)]

    assert await linode.do(work) == ["offline", "running", "running", "404"]


async def test_an_instance_is_renamed_resized_and_rebuilt(linode: Linode) -> None:
    def work(client: Client) -> Any:
        made = client.linode.instance_create("g6-nanode-1", "us-ord", **ACCESS)
        made.label = "quay-2"
        made.save()
        made.resize("g6-standard-2")
        made.rebuild("linode/ubuntu24.04", root_pass="An0ther-tide")
        return client.load(linode_api4.Instance, made.id)

    instance = await linode.do(work)
    assert (instance.label, instance.type.id, instance.image.id) == (
        "quay-2",
        "g6-standard-2",
        "linode/ubuntu24.04",
    )


async def test_addresses_disks_and_profiles_can_be_read(linode: Linode) -> None:
    def work(client: Client) -> Any:
        made = client.linode.instance_create("g6-standard-1", "us-ord", private_ip=True, **ACCESS)
        ips, disks, configs = made.ips, list(made.disks), list(made.configs)
        return (
            [ip.address for ip in ips.ipv4.private],
            [ip.address for ip in ips.ipv4.public],
            ips.ipv6.slaac.address,
            sum(disk.size for disk in disks),
            configs[0].devices.sda.id == disks[0].id,
        )

    private, public, ipv6, size, boots_from_root = await linode.do(work)
    assert private == ["192.168.128.1"]
    assert public == ["198.18.0.1"]
    assert ipv6.startswith("2001:db8::")
    assert size == 51200
    assert boots_from_root


async def test_the_catalogue_can_be_read(linode: Linode) -> None:
    def work(client: Client) -> Any:
        return (
            [kind.id for kind in client.linode.types()],
            {region.id: region.country for region in client.regions()},
            client.load(linode_api4.Image, "linode/debian12").label,
            [kernel.id for kernel in client.linode.kernels()],
            len(list(client.regions.availability())),
        )

    types, regions, image, kernels, pairs = await linode.do(work)
    assert "g6-standard-2" in types
    assert (regions["gb-lon"], regions["us-ord"]) == ("gb", "us")
    assert image == "Debian 12"
    assert "linode/grub2" in kernels
    assert pairs == len(types) * len(regions)


async def test_ssh_keys_are_stored_renamed_and_forgotten(linode: Linode) -> None:
    def work(client: Client) -> Any:
        key = client.profile.ssh_key_upload(KEY, "mine")
        key.label = "ours"
        key.save()
        before = [(it.label, it.ssh_key) for it in client.profile.ssh_keys()]
        key.delete()
        return before, list(client.profile.ssh_keys())

    assert await linode.do(work) == ([("ours", KEY)], [])


async def test_filters_choose_and_order(linode: Linode) -> None:
    def work(client: Client) -> Any:
        for label, tags in (("quay-a", ["web"]), ("quay-b", ["web", "blue"]), ("pier-c", ["blue"])):
            client.linode.instance_create("g6-nanode-1", "us-ord", label=label, tags=tags, **ACCESS)
        instance, kind = linode_api4.Instance, linode_api4.Type
        return (
            [it.label for it in client.linode.instances(instance.label == "quay-a")],
            [it.label for it in client.linode.instances(instance.tags == "blue", instance.label.contains("y-"))],
            [it.label for it in client.linode.instances((instance.label == "quay-a") | (instance.label == "pier-c"))],
            [it.id for it in client.linode.types(kind.memory <= 2048)],
            client.linode.types(filtering.order_by(kind.vcpus, desc=True))[0].vcpus,
        )

    exact, both, either, small, largest = await linode.do(work)
    assert exact == ["quay-a"]
    assert both == ["quay-b"]
    assert either == ["quay-a", "pier-c"]
    assert small == ["g6-nanode-1", "g6-standard-1"]
    assert largest == 56


async def test_what_cannot_be_filtered_is_refused(linode: Linode) -> None:
    def work(client: Client) -> Any:
        with pytest.raises(linode_api4.ApiError, match="Cannot filter on status") as caught:
            client.linode.instances(linode_api4.Instance.status == "running")
        return caught.value.status

    assert await linode.do(work) == 400


async def test_a_wrong_token_is_refused_even_where_none_is_needed(linode: Linode) -> None:
    def work(client: Client) -> list[int]:
        statuses = []
        for ask in (client.linode.instances, client.regions, client.profile):
            with pytest.raises(linode_api4.ApiError, match="Invalid Token") as caught:
                ask()
            statuses.append(caught.value.status)
        return statuses

    assert await linode.do(work, token="wrong") == [401, 401, 401]


async def test_refusals_name_the_fields(linode: Linode) -> None:
    def work(client: Client) -> Any:
        with pytest.raises(linode_api4.ApiError) as caught:
            client.linode.instance_create("g6-absent", "nowhere", image="linode/debian12", root_pass="weak")
        return caught.value.status, [error["field"] for error in caught.value.json["errors"]]

    assert await linode.do(work) == (400, ["region", "type", "root_pass"])


async def test_a_full_region_is_refused_with_400(linode: Linode) -> None:
    linode.simulator.faults.append(NoCapacity(on="POST /linode/instances"))

    def work(client: Client) -> Any:
        with pytest.raises(linode_api4.ApiError, match="not available") as caught:
            client.linode.instance_create("g6-nanode-1", "us-ord", **ACCESS)
        return caught.value.status

    assert await linode.do(work) == 400
    assert not linode.simulator.world.instances


async def test_the_client_waits_as_long_as_a_429_says(linode: Linode) -> None:
    linode.simulator.faults.append(Throttled(on="GET /linode/instances", retry_after=0.0))
    linode.simulator.populate(1)
    assert await linode.do(lambda client: len(client.linode.instances()), retry_rate_limit_interval=0.01) == 1
    assert linode.simulator.calls["GET /linode/instances"] == 2


async def test_the_account_its_events_and_firewalls_can_be_read(linode: Linode) -> None:
    def work(client: Client) -> Any:
        made = client.linode.instance_create("g6-nanode-1", "us-ord", **ACCESS)
        rules = {"inbound_policy": "DROP", "outbound_policy": "ACCEPT", "inbound": [], "outbound": []}
        client.networking.firewall_create("wall", rules, devices={"linodes": [made.id]})
        latest = client.account.events()[0]
        return (
            client.profile().username,
            client.account().email,
            (latest.action, latest.status, latest.entity.id == made.id),
            [firewall.label for firewall in client.networking.firewalls()],
        )

    assert await linode.do(work) == (
        "harbour",
        "harbour@example.com",
        ("linode_create", "finished", True),
        ["wall"],
    )
