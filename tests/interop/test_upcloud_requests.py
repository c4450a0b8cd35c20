"""What our driver asks of UpCloud is what UpCloud's own client (`upcloud-api`) can ask.

No package ships a description of the API. The client is asked for all that our driver can do, with every argument it
knows; what it then sends is the description. What it cannot do, or does otherwise, is added by hand from UpCloud's
client for Go (github.com/UpCloudLtd/upcloud-go-api) and https://developers.upcloud.com/1.3/.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

import pytest

from aiocloud.models import NodeAuthSSHKey, NodeState
from aiocloud.providers.upcloud import UpCloud
from aiocloud.simulators import virtualtime
from aiocloud.simulators.upcloud import UpCloudSimulator
from tests.interop.conftest import official
from tests.interop.descriptions import Description, Operation, Walk, asked_by, asking, closed, learnt

upcloud_api = official("upcloud_api")
storage = official("upcloud_api.storage")
server = official("upcloud_api.server")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlbk3f2Zb5rGZ6n0f7Qw1iVv7Vx5v6d8c9w0q1r2s3t quay"
UUID = "00798b85-efdc-41ca-8021-f6ef457b8531"
DEBIAN = "01000000-0000-4000-8000-000020070100"
TEXT = {"type": "string"}
RULE = {
    "direction": "in",
    "action": "accept",
    "family": "IPv4",
    "protocol": "tcp",
    "destination_port_start": "22",
    "destination_port_end": "22",
}


def known(client: Any) -> Any:
    """A server as the client has it when it was asked for before."""
    made = server.Server(uuid=UUID, hostname="quay", zone="fi-hel1", title="quay", state="started")
    object.__setattr__(made, "cloud_manager", client)
    return made


def wanted() -> Any:
    """A server with all that the client can say of a new one."""
    return server.Server(
        hostname="quay",
        title="quay",
        zone="fi-hel1",
        plan="1xCPU-1GB",
        metadata=True,
        labels=[upcloud_api.Label("role", "db")],
        login_user={**server.login_user_block("root", [KEY]), "create_password": "no"},
        networking=[server.ServerNetworkInterface({"type": "public", "ip_addresses": [{"family": "IPv4"}]})],
        storage_devices=[upcloud_api.Storage(os=DEBIAN, size=25)],
        password_delivery="none",
        user_data="#cloud-config\n",
        firewall="on",
        simple_backup="0100,dailies",
        server_group=UUID,
        timezone="UTC",
    )


CALLS = [
    lambda client: client.get_account(),
    lambda client: client.get_zones(),
    lambda client: client.get_server_plans(),
    lambda client: client.get_prices(),
    lambda client: client.get_templates(),
    lambda client: client.get_servers(),
    lambda client: client.get_server(UUID),
    lambda client: client.create_server(wanted()),
    lambda client: client.modify_server(UUID, title="x", plan="2xCPU-4GB", firewall="on"),
    lambda client: client.modify_server(UUID, labels={"label": [{"key": "role", "value": "db"}]}),
    lambda client: client.delete_server(UUID, delete_storages=True, backups=storage.BackupDeletionPolicy.DELETE),
    lambda client: known(client).start(),
    lambda client: known(client).shutdown(hard=True),
    lambda client: known(client).restart(hard=True),
    lambda client: client.templatize_storage(UUID, "x"),
    lambda client: client.get_firewall_rules(UUID),
    lambda client: client.create_firewall_rule(UUID, RULE),
    lambda client: client.delete_firewall_rule(UUID, 1),
    lambda client: client.get_ips(),
    lambda client: client.create_floating_ip("fi-hel1", mac="de:ff:00:00:00:01"),
    lambda client: client.release_ip("198.18.0.1"),
]
STARTS = ("avoid_host", "host", "start_type")
ADDRESS = ("access", "family", "floating", "mac", "server", "zone")
MORE = [
    # Go: AccountDetails; it knows the currency of the prices.
    Operation("GET", "/1.3/account/details/{username}"),
    # Go: GetServersWithFilters; https://developers.upcloud.com/1.3/8-servers/#list-servers
    Operation("GET", "/1.3/server", frozenset({"label", "limit", "offset", "sort"})),
    # Go: DeleteStorage without a policy for backups.
    Operation("DELETE", "/1.3/storage/{id}", frozenset({"backups"})),
    # Go: StartServer says where and how, or nothing; Python's client has no body.
    Operation("POST", "/1.3/server/{id}/start", body=closed({"server": closed(dict.fromkeys(STARTS, TEXT))})),
    # Go: AssignIPAddress.
    Operation("POST", "/1.3/ip_address", body=closed({"ip_address": closed(dict.fromkeys(ADDRESS, TEXT))})),
    # Go patches since version 1.3 of the API, and can lead an address nowhere; Python's client still puts.
    Operation(
        "PATCH",
        "/1.3/ip_address/{id}",
        body=closed({"ip_address": closed({"mac": {"type": ["string", "null"]}, "ptr_record": TEXT})}),
    ),
]


@lru_cache(maxsize=1)
def description() -> Description:
    """UpCloud's API, as far as its client asked it."""

    def client(url: str) -> Any:
        made = upcloud_api.CloudManager("harbour", "password")
        made.api.api_root = f"{url}/1.3"
        return made

    seen = learnt(asyncio.run(asked_by(client, CALLS)))
    added = {str(each) for each in MORE}
    return Description([*MORE, *(each for each in seen if str(each) not in added)])


async def steps(driver: Any) -> None:
    """All that our driver can be asked."""
    node = await driver.create_node(
        "quay-1",
        size="1xCPU-1GB",
        image=DEBIAN,
        location="fi-hel1",
        auth=NodeAuthSSHKey(KEY),
        user_data="#cloud-config\n",
        tags={"role": "web"},
        ex_hostname="quay-1.example.org",
        ex_disk_size=30,
        ex_disk_tier="maxiops",
        ex_username="harbour",
        ex_create_password=False,
        ex_firewall=True,
        ex_simple_backup="0100,dailies",
        ex_server_group=UUID,
        ex_timezone="Europe/Helsinki",
    )
    node = await driver.get_node(await driver._driver.wait_until(node))
    await _listed(driver)
    for change, state in (
        (driver.reboot_node(node), NodeState.RUNNING),
        (driver.reboot_node(node, ex_hard=True), NodeState.RUNNING),
        (driver.ex_rename_node(node, "quay-2"), NodeState.RUNNING),
        (driver.ex_set_tags(node, {"role": "db"}), NodeState.RUNNING),
        (driver.ex_set_firewall(node, enabled=False), NodeState.RUNNING),
        (driver.stop_node(node, ex_hard=True), NodeState.STOPPED),
        (driver.ex_resize_node(node, "2xCPU-4GB"), NodeState.STOPPED),
        (driver.start_node(node), NodeState.RUNNING),
        (driver.stop_node(node), NodeState.STOPPED),
    ):
        await change
        await driver._driver.wait_until(node, state)
    await driver.ex_delete_image(await driver.ex_create_image(node, "mine"))
    await driver.ex_create_firewall_rule(node, RULE)
    await driver.ex_list_firewall_rules(node)
    await driver.ex_delete_firewall_rule(node, 1)
    address = await driver.ex_create_floating_address("fi-hel1")
    await driver.ex_attach_floating_address(address, node)
    await driver.ex_set_reverse_dns(address, "quay.example.org")
    await driver.ex_detach_floating_address(address)
    await driver.ex_delete_address(address)
    await driver.destroy_node(node, ex_backups="delete")
    await driver.forget_public_key(KEY)


async def _listed(driver: Any) -> None:
    await driver.list_nodes(location="fi-hel1")
    await driver.list_images()
    await driver.list_sizes(location="fi-hel1")
    await driver.list_locations()
    await driver.list_offers()
    await driver.ex_account()
    await driver.ex_list_addresses()


def test_all_that_is_asked_is_described() -> None:
    simulator = UpCloudSimulator()
    walk = Walk(simulator, description())
    options: dict[str, Any] = {**simulator.credentials, "transport": walk, "now": simulator.now}
    virtualtime.run(walk.through(UpCloud(**options), steps))
    assert walk.faults == []
    assert {"POST /1.3/server", "PUT /1.3/server/{id}", "PATCH /1.3/ip_address/{id}"} <= walk.asked


def test_a_node_that_was_lost_is_looked_for_as_described() -> None:
    assert description().faults(asking("GET", "/1.3/server?label=aiocloud-create%3Dx")) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "/1.3/servers", None, "is not described"),
        ("PATCH", f"/1.3/server/{UUID}", None, "is not described"),
        ("GET", "/1.3/server?tag=web", None, "the parameter 'tag' is unknown"),
        ("POST", "/1.3/server", {"server": {"tags": {}}}, "'tags' was unexpected"),
        ("POST", "/1.3/server", {"name": "x"}, "'name' was unexpected"),
        ("POST", "/1.3/server", {"server": {"metadata": True}}, "is not of type 'string'"),
        ("POST", "/1.3/server", {"server": {"storage_devices": {"storage_device": {}}}}, "is not of type 'array'"),
        ("POST", f"/1.3/server/{UUID}/stop", {"stop_server": {"timeout": 60}}, "is not of type 'string'"),
        ("POST", f"/1.3/server/{UUID}/start", {"stop_server": {}}, "'stop_server' was unexpected"),
    ],
)
def test_a_request_that_is_not_described_would_be_seen(method: str, path: str, body: Any, fault: str) -> None:
    faults = description().faults(asking(method, path, body))
    assert [each for each in faults if fault in each], faults
