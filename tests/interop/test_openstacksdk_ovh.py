"""openstacksdk with the profile of OVHcloud US that ships with it, unmodified and over HTTP, against our simulator.

Its profile `ovh` is no more than the address at which OVHcloud keeps one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiocloud.providers.ovh.driver import KEYSTONES
from aiocloud.providers.ovh.places import UNITED_STATES
from aiocloud.simulators.ovh import OVHSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

openstack = official("openstack")
vendors = official("openstack.config.vendors")

pytestmark = [  # the client deprecates parts of itself that its other parts still use
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]


class American(OVHSimulator):
    region_names = ("US-EAST-VA-1", "US-WEST-OR-1")


def test_the_profile_names_the_host_and_the_regions_that_the_driver_knows() -> None:
    profile = vendors.get_profile("ovh-us")
    assert KEYSTONES["US"] == f"{profile['auth']['auth_url']}v{profile['identity_api_version']}"
    assert set(UNITED_STATES) <= set(profile["regions"])


async def test_servers_are_listed_made_rebooted_and_deleted_by_way_of_the_profile() -> None:
    simulator = American(boot=0.05)
    account = simulator.credentials

    def work(url: str) -> Any:
        auth = {"auth_url": url, "username": account["username"], "password": account["password"]}
        with openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            profile="ovh-us",
            region_name="US-WEST-OR-1",
            auth={**auth, "project_id": account["project_id"]},
        ) as cloud:
            flavor = cloud.compute.find_flavor("b3-8", ignore_missing=False)
            image = cloud.image.find_image("Debian 12", ignore_missing=False)
            network = cloud.network.find_network("Ext-Net", ignore_missing=False)
            made = cloud.compute.create_server(
                name="quay-1", flavor_id=flavor.id, image_id=image.id, networks=[{"uuid": network.id}]
            )
            running = cloud.compute.wait_for_server(made, interval=0.01, wait=5)
            cloud.compute.reboot_server(made, "SOFT")
            names = [server.name for server in cloud.compute.servers()]
            cloud.compute.delete_server(made)
            return flavor.ram, list(running.addresses), names

    async with serve(simulator) as base:
        told = await asyncio.to_thread(work, str(base).rstrip("/"))
    assert told == (8000, ["Ext-Net"], ["quay-1"])
    assert simulator.calls["POST /servers/{id}/action reboot"] == 1
