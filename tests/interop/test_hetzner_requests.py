"""What our driver asks of Hetzner is what Hetzner's own client (`hcloud`) can ask.

No package ships Hetzner's description of its API. The client is asked for all that our driver can do, with every
argument it knows; what it then sends is the description.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

import anyio
import pytest

from aiocloud.models import KeyPair, NodeAuthSSHKey
from aiocloud.providers.hetzner import Hetzner
from aiocloud.simulators import virtualtime
from aiocloud.simulators.hetzner import HetznerSimulator
from tests.interop.conftest import official
from tests.interop.descriptions import Description, Walk, asked_by, asking, learnt

hcloud = official("hcloud")
servers = official("hcloud.servers")
domains = {
    name: official(f"hcloud.{name}")
    for name in ("firewalls", "floating_ips", "images", "locations", "networks", "placement_groups", "primary_ips")
}
server_types = official("hcloud.server_types")
ssh_keys = official("hcloud.ssh_keys")
volumes = official("hcloud.volumes")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlbk3f2Zb5rGZ6n0f7Qw1iVv7Vx5v6d8c9w0q1r2s3t quay"
ONE = servers.Server(id=42)
SMALL = server_types.ServerType(name="cx23")
IMAGES = [domains["images"].Image(id=7), domains["images"].Image(name="debian-13")]
EVERYTHING = {
    "ssh_keys": [ssh_keys.SSHKey(id=7), ssh_keys.SSHKey(name="mine")],
    "volumes": [volumes.Volume(id=7)],
    "firewalls": [domains["firewalls"].Firewall(id=7)],
    "networks": [domains["networks"].Network(id=7)],
    "user_data": "#cloud-config\n",
    "labels": {"role": "web"},
    "location": domains["locations"].Location(name="hel1"),
    "start_after_create": True,
    "automount": False,
    "placement_group": domains["placement_groups"].PlacementGroup(id=7),
    "public_net": servers.ServerCreatePublicNetwork(
        enable_ipv4=True,
        enable_ipv6=True,
        ipv4=domains["primary_ips"].PrimaryIP(id=7),
        ipv6=domains["primary_ips"].PrimaryIP(id=7),
    ),
}
CALLS = [
    lambda client: client.servers.get_list(name="x", label_selector="x", page=1, per_page=50, status=["running"]),
    lambda client: client.servers.get_by_id(42),
    *(lambda client, image=image: client.servers.create("quay", SMALL, image, **EVERYTHING) for image in IMAGES),
    lambda client: client.servers.update(ONE, name="x", labels={"role": "web"}),
    lambda client: client.servers.delete(ONE),
    lambda client: client.servers.power_on(ONE),
    lambda client: client.servers.power_off(ONE),
    lambda client: client.servers.reboot(ONE),
    lambda client: client.servers.reset(ONE),
    lambda client: client.servers.shutdown(ONE),
    lambda client: client.servers.enable_backup(ONE),
    lambda client: client.servers.change_type(ONE, SMALL, upgrade_disk=True),
    *(lambda client, image=image: client.servers.rebuild(ONE, image, user_data="x") for image in IMAGES),
    lambda client: client.actions.get_by_id(42),
    lambda client: client.server_types.get_list(name="x", page=1, per_page=50),
    lambda client: client.locations.get_list(name="x", page=1, per_page=50),
    lambda client: client.images.get_list(
        name="x",
        label_selector="x",
        bound_to=["1"],
        type=["system"],
        architecture=["x86"],
        sort=["id"],
        page=1,
        per_page=50,
        status=["available"],
        include_deprecated=True,
    ),
    lambda client: client.ssh_keys.get_list(name="x", fingerprint="x", label_selector="x", page=1, per_page=50),
    lambda client: client.ssh_keys.create("x", KEY, labels={"role": "web"}),
    lambda client: client.ssh_keys.delete(ssh_keys.SSHKey(id=42)),
    lambda client: client.firewalls.get_list(label_selector="x", page=1, per_page=50, name="x", sort=["id"]),
    lambda client: client.floating_ips.get_list(label_selector="x", page=1, per_page=50, name="x"),
    lambda client: client.floating_ips.assign(domains["floating_ips"].FloatingIP(id=42), ONE),
    lambda client: client.networks.get_list(name="x", label_selector="x", page=1, per_page=50),
]


@lru_cache(maxsize=1)
def description() -> Description:
    """Hetzner's API, as far as its client asked it."""
    clients: list[Any] = []

    def client(url: str) -> Any:
        clients.append(hcloud.Client("token", api_endpoint=f"{url}/v1"))
        return clients[0]

    seen = asyncio.run(asked_by(client, CALLS))
    for each in clients:
        each._client._session.close()
        each._client_hetzner._session.close()
    return Description(learnt(seen, free=frozenset({"labels"})))


async def steps(driver: Any) -> None:
    """All that our driver can be asked."""
    pair = await driver.import_key_pair_from_string("quay", KEY)
    node = await driver.create_node(
        "quay-1",
        size="cx23",
        image="debian-13",
        location="hel1",
        auth=NodeAuthSSHKey(KEY),
        user_data="#cloud-config\n",
        tags={"role": "web"},
        ex_ipv6=False,
        ex_start=True,
        ex_firewalls=["7"],
        ex_networks=["7"],
        ex_placement_group="7",
    )
    node = await driver.get_node(await driver._driver.wait_until(node))
    await _listed(driver)
    for change in (
        driver.reboot_node(node),
        driver.ex_reset_node(node),
        driver.stop_node(node),
        driver.ex_resize_node(node, "cx33", resize_disk=True),
        driver.start_node(node),
        driver.ex_act(node, "enable_backup", {}),
        driver.ex_power_off_node(node),
        driver.ex_rebuild_node(node, "ubuntu-24.04", user_data="#cloud-config\n"),
        driver.ex_rename_node(node, "quay-2"),
        driver.ex_set_tags(node, {"role": "db"}),
        driver.ex_assign_floating_ip(4711, node),
    ):
        await change
        await anyio.sleep(10)  # it is locked for a moment
    await driver.ex_wait_for_action(await driver.ex_act(node, "poweroff"))
    await driver.destroy_node(node)
    other = await driver.create_node("quay-3", size="cx23", image="debian-13", auth=KeyPair(id=pair.id, name="quay"))
    await driver.destroy_node(await driver._driver.wait_until(other))
    await driver.get_key_pair("quay")
    await driver.delete_key_pair(pair)
    await driver.forget_public_key(KEY)


async def _listed(driver: Any) -> None:
    await driver.list_nodes(location="hel1")
    await driver.list_images()
    await driver.list_sizes(location="hel1")
    await driver.list_locations()
    await driver.list_offers()
    await driver.list_key_pairs()
    await driver.ex_list_firewalls()
    await driver.ex_list_floating_ips()
    await driver.ex_list_networks()


def test_all_that_is_asked_is_described() -> None:
    simulator = HetznerSimulator()
    simulator.world.floating[4711] = {"id": 4711, "ip": "198.19.255.1", "server": None}
    walk = Walk(simulator, description())
    options: dict[str, Any] = {**simulator.credentials, "transport": walk, "now": simulator.now}
    virtualtime.run(walk.through(Hetzner(**options), steps))
    assert walk.faults == []
    assert {"POST /v1/servers", "PUT /v1/servers/{id}", "POST /v1/servers/{id}/actions/rebuild"} <= walk.asked


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "/v1/server", None, "is not described"),
        ("PATCH", "/v1/servers/1", None, "is not described"),
        ("GET", "/v1/servers?label=web", None, "the parameter 'label' is unknown"),
        ("POST", "/v1/servers/1/actions/poweron", {"force": True}, "nothing can be told"),
        ("POST", "/v1/servers", {"tags": {}}, "'tags' was unexpected"),
        ("POST", "/v1/servers", {"placement_group": "7"}, "is not of type 'integer'"),
        ("POST", "/v1/servers", {"firewalls": [{"id": 7}]}, "'id' was unexpected"),
        ("POST", "/v1/servers", {"labels": {"role": 7}}, "is not of type 'string'"),
        ("POST", "/v1/servers/1/actions/change_type", {"upgrade_disk": "no"}, "is not of type 'boolean'"),
    ],
)
def test_a_request_that_is_not_described_would_be_seen(method: str, path: str, body: Any, fault: str) -> None:
    faults = description().faults(asking(method, path, body))
    assert [each for each in faults if fault in each], faults
