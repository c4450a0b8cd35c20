"""VMware's own client for Cloud Director, unmodified and over HTTP, against our simulator.

pyvcloud 23.0.4 still installs, and knows no version of the API beyond 36: that is what it speaks here. Its warnings
about Python's newer ways are its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.server import serve
from aiocloud.simulators.vcloud import VCloudSimulator
from aiocloud.simulators.vcloud.wire import Failure
from tests.interop.conftest import official

# When it is imported, it begins a log in the current folder.
with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    api = official("pyvcloud.vcd.client")
    exceptions = official("pyvcloud.vcd.exceptions")
    Org = official("pyvcloud.vcd.org").Org
    VDC = official("pyvcloud.vcd.vdc").VDC
    VApp = official("pyvcloud.vcd.vapp").VApp

T = TypeVar("T")

pytestmark = pytest.mark.filterwarnings("ignore")


class VCloud:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: VCloudSimulator, base: str, log: Path) -> None:
        self.simulator, self.base, self.log = simulator, base, log

    async def do(self, work: Callable[[Any, Any, Any], T], **credentials: str) -> T:
        """Run synchronous code with a client of its own, its organisation and a data centre, in a thread."""
        login = {**self.simulator.credentials, **credentials}

        def session() -> T:
            client = api.Client(self.base, log_file=str(self.log))
            client.set_credentials(api.BasicLoginCredentials(login["username"], login["org"], login["password"]))
            try:
                org = Org(client, resource=client.get_org_by_name(login["org"]))
                return work(client, org, VDC(client, resource=org.get_vdc("harbour")))
            finally:
                client.logout()

        return await asyncio.to_thread(session)


@pytest.fixture
async def vcloud(tmp_path: Path) -> AsyncIterator[VCloud]:
    simulator = VCloudSimulator(boot=0.0)
    async with serve(simulator) as base:
        yield VCloud(simulator, str(base), tmp_path / "log")


def wait(client: Any, task: Any) -> Any:
    return client.get_task_monitor().wait_for_success(task, timeout=10, poll_frequency=0.01)


async def test_it_agrees_on_a_version_signs_in_and_signs_out(vcloud: VCloud) -> None:
    assert await vcloud.do(lambda client, org, vdc: client.get_api_version()) == "36.0"
    assert vcloud.simulator.sessions == {}
    with pytest.raises(exceptions.VcdException):
        await vcloud.do(lambda client, org, vdc: None, password="wrong")


async def test_a_vapp_is_made_of_a_template_found_undeployed_and_deleted(vcloud: VCloud) -> None:
    def work(client: Any, org: Any, vdc: Any) -> Any:
        made = vdc.instantiate_vapp(
            "quay-1",
            "public",
            "debian-12",
            network="lan",
            password="tide-77",
            hostname="quay",
            ip_allocation_mode="pool",
        )
        wait(client, made.Tasks.Task[0])
        vdc.reload()
        vapp = VApp(client, resource=vdc.get_vapp("quay-1"))
        seen = (vapp.get_power_state(), str(vapp.get_all_vms()[0].NetworkConnectionSection.NetworkConnection.IpAddress))
        wait(client, vapp.undeploy("powerOff"))
        vapp.reload()
        wait(client, vapp.power_on())
        vapp.reload()
        wait(client, vdc.delete_vapp("quay-1", force=True))
        return seen

    state, address = await vcloud.do(work)
    assert (state, address) == (4, "198.18.0.11")
    assert not list(vcloud.simulator.nodes())
    made, undeployed, started, deleted = (task.operation for task in vcloud.simulator.world.tasks.values())
    assert (made, undeployed) == ("vdcInstantiateVapp", "vappUndeployPowerOff")
    assert (started, deleted) == ("vappPowerOn", "vdcDeleteVapp")


async def test_queries_come_page_by_page(vcloud: VCloud) -> None:
    vcloud.simulator.populate(70)

    def work(client: Any, org: Any, vdc: Any) -> Any:
        records = api.QueryResultFormat.RECORDS
        every = client.get_typed_query("vm", records, qfilter="name==boat-*").execute()
        one = client.get_typed_query("vApp", records, equality_filter=("name", "boat-3")).find_unique()
        return sorted(record.get("name") for record in every), one.get("vdcName")

    names, place = await vcloud.do(work)
    assert names == sorted(f"boat-{number}" for number in range(70))
    assert place == "quay"
    assert vcloud.simulator.calls["GET /api/query"] >= 4


async def test_refusals_and_failed_tasks_are_its_own_exceptions(vcloud: VCloud) -> None:
    vcloud.simulator.populate(1)

    def work(client: Any, org: Any, vdc: Any) -> None:
        with pytest.raises(exceptions.AccessForbiddenException):
            client.get_resource(f"{vcloud.base}/api/vApp/{vcloud.simulator.unknown_node}")
        with pytest.raises(exceptions.BadRequestException) as caught:
            vdc.delete_vapp("boat-0")
        assert "is running" in str(caught.value)
        vcloud.simulator.world.failures.append(Failure(400, "BUSY_ENTITY", "Busy."))
        vapp = VApp(client, resource=vdc.get_vapp("boat-0"))
        with pytest.raises(exceptions.VcdTaskException, match="Busy"):
            wait(client, vapp.power_reset())

    await vcloud.do(work)
