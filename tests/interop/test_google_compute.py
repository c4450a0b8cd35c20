"""Google's own client (`google-cloud-compute`), unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.gce import GCESimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

compute = official("google.cloud.compute_v1")
exceptions = official("google.api_core.exceptions")
auth = official("google.auth.exceptions")
service_account = official("google.oauth2.service_account")

T = TypeVar("T")
ZONE = "europe-west1-b"
SCOPES = ["https://www.googleapis.com/auth/compute"]


class Served:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: GCESimulator, base: Any) -> None:
        self.simulator = simulator
        self.base = base
        self.project = simulator.project

    def client(self, kind: str, **changes: str) -> Any:
        known = self.simulator.credentials
        info = {**known, "type": "service_account", "token_uri": str(self.base / "token"), **changes}
        credentials = service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
        return client_of(kind, credentials, f"{self.base.host}:{self.base.port}")

    async def do(self, work: Callable[[Served], T]) -> T:
        """Run synchronous code in a thread."""
        return await asyncio.to_thread(work, self)


def client_of(kind: str, credentials: Any, host: str) -> Any:
    client = getattr(compute, kind)
    transport = client.get_transport_class("rest")(host=host, url_scheme="http", credentials=credentials)
    return client(transport=transport)


@pytest.fixture
async def gce() -> AsyncIterator[Served]:
    simulator = GCESimulator(boot=0.0)
    async with serve(simulator) as base:
        yield Served(simulator, base)


def prototype(name: str) -> Any:
    disk = compute.AttachedDisk(boot=True, auto_delete=True)
    disk.initialize_params.source_image = "projects/debian-cloud/global/images/family/debian-12"
    interface = compute.NetworkInterface(network="global/networks/default")
    interface.access_configs = [compute.AccessConfig(name="External NAT", type_="ONE_TO_ONE_NAT")]
    return compute.Instance(
        name=name,
        machine_type=f"zones/{ZONE}/machineTypes/e2-small",
        disks=[disk],
        network_interfaces=[interface],
        labels={"role": "web"},
    )


async def test_an_instance_lives_its_whole_life(gce: Served) -> None:
    def work(served: Served) -> list[str]:
        client = served.client("InstancesClient")
        where = {"project": served.project, "zone": ZONE}
        client.insert(**where, instance_resource=prototype("quay-1")).result(timeout=30)
        one = client.get(**where, instance="quay-1")
        assert dict(one.labels) == {"role": "web"}
        assert one.network_interfaces[0].access_configs[0].nat_i_p.startswith("198.")
        states = [one.status]
        for verb in (client.stop, client.start, client.reset, client.suspend, client.resume):
            verb(**where, instance="quay-1").result(timeout=30)
            states.append(client.get(**where, instance=str(one.id)).status)
        change = {"labels": {"role": "db"}, "label_fingerprint": one.label_fingerprint}
        client.set_labels(**where, instance="quay-1", instances_set_labels_request_resource=change).result(timeout=30)
        assert dict(client.get(**where, instance="quay-1").labels) == {"role": "db"}
        client.delete(**where, instance="quay-1").result(timeout=30)
        with pytest.raises(exceptions.NotFound):
            client.get(**where, instance="quay-1")
        return states

    assert await gce.do(work) == ["RUNNING", "TERMINATED", "RUNNING", "RUNNING", "SUSPENDED", "RUNNING"]


async def test_the_lists_are_whole(gce: Served) -> None:
    gce.simulator.populate(30)

    def work(served: Served) -> None:
        project = {"project": served.project}
        found = served.client("InstancesClient").aggregated_list(request={**project, "max_results": 7})
        names = [one.name for _, scope in found for one in scope.instances]
        assert sorted(names) == sorted(one.name for one in served.simulator.world.instances.values())
        assert len({zone.name for zone in served.client("ZonesClient").list(**project)}) == 12
        kinds = list(served.client("MachineTypesClient").list(**project, zone=ZONE))
        assert {kind.name: kind.memory_mb for kind in kinds}["e2-small"] == 2048
        images = served.client("ImagesClient")
        assert images.get_from_family(project="debian-cloud", family="debian-12").architecture == "X86_64"
        assert len(list(images.list(project="debian-cloud"))) == 3
        assert [each.name for each in served.client("NetworksClient").list(**project)] == ["default"]

    await gce.do(work)
    assert gce.simulator.calls["compute.instances.aggregatedList"] == 5


async def test_a_lack_of_room_is_told_by_the_operation(gce: Served) -> None:
    gce.simulator.faults.append(NoCapacity(on="compute.instances.insert"))

    def work(served: Served) -> None:
        client = served.client("InstancesClient")
        operation = client.insert(project=served.project, zone=ZONE, instance_resource=prototype("quay-1"))
        with pytest.raises(exceptions.ServiceUnavailable) as caught:
            operation.result(timeout=30)
        assert "does not have enough resources" in str(caught.value)
        assert operation.error_code == 503

    await gce.do(work)


async def test_a_firewall_rule_comes_and_goes(gce: Served) -> None:
    def work(served: Served) -> None:
        client, project = served.client("FirewallsClient"), served.project
        rule = compute.Firewall(name="web", network="global/networks/default", source_ranges=["0.0.0.0/0"])
        rule.allowed = [compute.Allowed(I_p_protocol="tcp", ports=["80"])]
        client.insert(project=project, firewall_resource=rule).result(timeout=30)
        (seen,) = client.list(project=project)
        assert (seen.name, list(seen.allowed[0].ports)) == ("web", ["80"])
        client.delete(project=project, firewall="web").result(timeout=30)
        assert list(client.list(project=project)) == []

    await gce.do(work)


async def test_a_wrong_account_gets_no_token_and_no_token_no_answer(gce: Served) -> None:
    anonymous = official("google.auth.credentials").AnonymousCredentials()

    def work(served: Served) -> None:
        with pytest.raises(auth.RefreshError, match="account not found"):
            list(served.client("ZonesClient", client_email="x@example.com").list(project=served.project))
        nobody = client_of("ZonesClient", anonymous, f"{served.base.host}:{served.base.port}")
        with pytest.raises(auth.InvalidOperation, match="cannot be refreshed"):  # what it does about a 401
            list(nobody.list(project=served.project))

    await gce.do(work)
