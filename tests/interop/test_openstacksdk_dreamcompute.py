"""openstacksdk with the profile of DreamCompute that ships with it, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiocloud.providers.dreamcompute import DreamCompute
from aiocloud.simulators.dreamcompute import DreamComputeSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

openstack = official("openstack")
vendors = official("openstack.config.vendors")

pytestmark = [  # the client deprecates parts of itself that its other parts still use
    pytest.mark.filterwarnings("ignore::openstack.warnings.OpenStackDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings._RemovedInSDKWarning"),
]


def test_the_profile_names_the_host_and_the_region_that_the_driver_knows() -> None:
    profile = vendors.get_profile("dreamcompute")
    assert DreamCompute.api.base_url == f"{profile['auth']['auth_url']}/v{profile['identity_api_version']}"
    assert list(DreamCompute.places) == [profile["region_name"]]


async def test_servers_are_made_and_deleted_by_way_of_the_profile() -> None:
    simulator = DreamComputeSimulator(boot=0.05)
    account = simulator.credentials

    def work(url: str) -> list[str]:
        auth = {"auth_url": url, "username": account["username"], "password": account["password"]}
        domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
        with openstack.connect(
            load_yaml_config=False,
            load_envvars=False,
            profile="dreamcompute",
            auth={**auth, **domains, "project_name": account["project"]},
        ) as cloud:
            flavor = cloud.compute.find_flavor("gp1.subsonic", ignore_missing=False)
            image: Any = next(cloud.compute.images())
            made = cloud.compute.create_server(name="lc-test", flavor_id=flavor.id, image_id=image.id, networks="auto")
            cloud.compute.wait_for_server(made, interval=0.01, wait=5)
            names = [server.name for server in cloud.compute.servers()]
            cloud.compute.delete_server(made)
            return names

    async with serve(simulator) as base:
        assert await asyncio.to_thread(work, str(base).rstrip("/")) == ["lc-test"]
