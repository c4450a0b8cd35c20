"""OpenNebula's own Python client, unmodified and over HTTP, against our simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.opennebula import OpenNebulaSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

pyone = official("pyone")

T = TypeVar("T")
Client = Any


class OpenNebula:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: OpenNebulaSimulator, uri: str) -> None:
        self.simulator = simulator
        self.uri = uri

    async def do(self, work: Callable[[Client], T], *, password: str | None = None) -> T:
        """Run synchronous code with a client of its own, in a thread."""
        login = self.simulator.credentials

        def session() -> T:
            client = pyone.OneServer(self.uri, session=f"{login['username']}:{password or login['password']}")
            return work(client)

        return await asyncio.to_thread(session)


@pytest.fixture
async def one() -> AsyncIterator[OpenNebula]:
    simulator = OpenNebulaSimulator(boot=0.0)
    async with serve(simulator) as base:
        yield OpenNebula(simulator, str(base / "RPC2"))


async def test_a_vm_is_instantiated_with_attributes_of_its_own(one: OpenNebula) -> None:
    def work(client: Client) -> Any:
        number = client.template.instantiate(7, "quay-1", False, {"TEMPLATE": {"LABELS": "web", "VCPU": "3"}}, False)
        return client.vm.info(number)

    vm = await one.do(work)
    assert (vm.NAME, vm.STATE, vm.LCM_STATE) == ("quay-1", pyone.VM_STATE.ACTIVE, pyone.LCM_STATE.RUNNING)
    assert (vm.TEMPLATE["VCPU"], vm.TEMPLATE["MEMORY"], vm.USER_TEMPLATE["LABELS"]) == ("3", "1024", "web")
    assert vm.TEMPLATE["NIC"]["IP"].startswith("198.18.")
    assert vm.HISTORY_RECORDS.HISTORY[0].CID in (0, 100)


async def test_flat_attributes_travel_in_the_syntax_of_templates(one: OpenNebula) -> None:
    def work(client: Client) -> Any:
        number = client.template.instantiate(8, "", False, {"MEMORY": 4096, "LABELS": "a,b"})
        return client.vm.info(number)

    vm = await one.do(work)
    assert (vm.NAME, vm.TEMPLATE["MEMORY"]) == (f"ubuntu2404-{vm.ID}", "4096")
    assert [card["NETWORK"] for card in vm.TEMPLATE["NIC"]] == ["public", "lan"]


async def test_a_vm_is_stopped_started_rebooted_and_terminated(one: OpenNebula) -> None:
    def work(client: Client) -> list[int]:
        number = client.template.instantiate(7, "quay-1")
        seen = []
        for action in ("poweroff", "resume", "reboot", "suspend", "resume", "terminate-hard"):
            assert client.vm.action(action, number) == number
            seen.append(client.vm.info(number).STATE)
        return seen

    assert await one.do(work) == [8, 3, 3, 5, 3, 6]


async def test_a_pool_is_read_whole_in_ranges_and_in_pages(one: OpenNebula) -> None:
    one.simulator.populate(25)
    first, *_, last = one.simulator.world.vms

    def work(client: Client) -> list[list[int]]:
        windows = [(-1, -1), (first + 1, first + 3), (20, -10), (0, -10)]
        return [[vm.ID for vm in client.vmpool.info(-2, start, end, -1).VM] for start, end in windows]

    whole, some, page, first_page = await one.do(work)
    assert whole == list(one.simulator.world.vms)
    assert some == [first + 1, first + 2, first + 3]
    assert page == list(range(last - 4, last + 1))
    assert len(first_page) == 10


async def test_what_is_done_is_listed_only_where_it_is_asked_for(one: OpenNebula) -> None:
    def work(client: Client) -> tuple[int, int, int]:
        number = client.template.instantiate(7, "quay-1")
        client.vm.action("terminate", number)
        return tuple(len(client.vmpool.info(-2, -1, -1, state).VM) for state in (-1, -2, 6))  # type: ignore[return-value]  # three

    assert await one.do(work) == (0, 1, 1)


async def test_templates_clusters_hosts_networks_and_images_can_be_read(one: OpenNebula) -> None:
    def work(client: Client) -> Any:
        return (
            {each.ID: each.NAME for each in client.templatepool.info(-2, -1, -1).VMTEMPLATE},
            client.template.info(8).TEMPLATE["CONTEXT"]["NETWORK"],
            {each.ID: each.NAME for each in client.clusterpool.info().CLUSTER},
            [each.CLUSTER for each in client.hostpool.info().HOST],
            [each.NAME for each in client.vnpool.info(-2, -1, -1).VNET],
            [each.SIZE for each in client.imagepool.info(-2, -1, -1).IMAGE],
            client.user.info(-1).NAME,
            client.system.version(),
        )

    templates, context, clusters, hosts, networks, sizes, user, version = await one.do(work)
    assert templates == {7: "debian12", 8: "ubuntu2404"}
    assert (context, clusters, hosts) == ("YES", {0: "default", 100: "prod"}, ["default", "prod"])
    assert (networks, sizes, user, version) == (["public", "lan"], [10240, 10240], "alice", "7.4.0")


async def test_a_vm_is_renamed_updated_and_resized(one: OpenNebula) -> None:
    def work(client: Client) -> Any:
        number = client.template.instantiate(7, "quay-1", False, {"LOGO": "a.png"})
        client.vm.rename(number, "quay-2")
        client.vm.update(number, {"LABELS": "blue"}, 1)
        client.vm.action("poweroff-hard", number)
        client.vm.resize(number, {"CPU": 2, "VCPU": 2, "MEMORY": 2048}, True)
        return client.vm.info(number)

    vm = await one.do(work)
    assert (vm.NAME, vm.TEMPLATE["VCPU"], dict(vm.USER_TEMPLATE)) == (
        "quay-2",
        "2",
        {"LOGO": "a.png", "LABELS": "blue"},
    )


async def test_each_refusal_is_the_exception_of_its_code(one: OpenNebula) -> None:
    one.simulator.faults.append(NoCapacity(on="one.template.instantiate"))

    def work(client: Client) -> None:
        with pytest.raises(pyone.OneAuthorizationException, match="limit of 2 reached"):
            client.template.instantiate(7, "quay-1")
        number = client.template.instantiate(7, "quay-1", True)
        with pytest.raises(pyone.OneActionException, match="not available for state HOLD"):
            client.vm.action("reboot", number)
        with pytest.raises(pyone.OneActionException, match="not supported"):
            client.vm.action("explode", number)
        with pytest.raises(pyone.OneNoExistsException, match="virtual machine"):
            client.vm.info(999)
        with pytest.raises(pyone.OneApiException, match="filter_flag"):
            client.vmpool.info(-9, -1, -1, -1)
        with pytest.raises(pyone.OneInternalException, match="Parse error"):
            client.vm.update(number, "LABELS = [", 1)

    await one.do(work)


async def test_a_wrong_password_is_refused(one: OpenNebula) -> None:
    def work(client: Client) -> None:
        with pytest.raises(pyone.OneAuthenticationException, match="couldn't be authenticated"):
            client.vmpool.info(-2, -1, -1, -1)

    await one.do(work, password="wrong")


async def test_what_is_no_method_or_has_other_parameters_is_a_fault(one: OpenNebula) -> None:
    def work(client: Client) -> None:
        with pytest.raises(pyone.OneException, match="not defined"):
            client.vm.explode(7)
        with pytest.raises(pyone.OneException, match="type other than expected"):
            client.vm.info("seven")

    await one.do(work)
