"""What is particular to Azure's machines: their parts, their operations, what it alone has."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from aiocloud.errors import (
    CapacityError,
    CloudError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.azure import Azure
from aiocloud.providers.azure.shapes import ERRORS, MARK
from aiocloud.simulators import virtualtime
from aiocloud.simulators.azure import AzureSimulator
from aiocloud.simulators.base import Answer, Hang, LostAnswer, NoCapacity, Refused

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L quay"
DEBIAN = "Debian:debian-12:12-gen2:latest"
PLACE = "westeurope"


class Wire:
    """A simulated subscription, and all that it was asked."""

    def __init__(self, simulator: AzureSimulator | None = None) -> None:
        self.simulator = simulator or AzureSimulator()
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return await self.simulator(request)

    def run(self, scenario: Any, **options: Any) -> Any:
        async def go() -> Any:
            own = {**self.simulator.credentials, "transport": self, "now": self.simulator.now, "region": PLACE}
            async with Azure(**{"retry": Retry(jitter=lambda: 1.0), **own, **options}) as driver:
                return await scenario(driver)

        return virtualtime.run(go())

    def body(self, kind: str) -> Any:
        """What was last sent to make one of that kind."""
        sent = [each for each in self.asked if each.method == "PUT" and f"/{kind}/" in each.url.path]
        return json.loads(sent[-1].body)

    @property
    def parts(self) -> list[str]:
        """What there is that costs money, or belongs to one machine alone."""
        shared = ("virtualNetworks", "networkSecurityGroups")
        found = [one for one in self.simulator.world.resources.values() if not one.type.endswith(shared)]
        return sorted(one.type.rpartition("/")[2] for one in found)


async def make(driver: Azure, name: str = "web-1", **more: Any) -> Any:
    return await driver.create_node(name, **{"size": "Standard_B1ms", "image": DEBIAN, **more})


# ---- the parts of a machine


def test_a_machine_has_parts_of_its_own_that_go_with_it() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        node = await make(driver, tags={"role": "web"})
        assert wire.parts == ["disks", "networkInterfaces", "publicIPAddresses"]
        mark = wire.body("virtualMachines")["tags"][MARK]
        for kind in ("publicIPAddresses", "networkInterfaces"):
            assert wire.body(kind)["tags"] == {"role": "web", MARK: mark}
        await driver.destroy_node(node)
        assert wire.parts == []
        assert sorted(wire.simulator.world.groups) == ["aiocloud"]

    wire.run(scenario)
    assert wire.simulator.calls["ResourceGroups_Delete"] == 0


def test_the_network_is_made_once_for_many_machines() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        await asyncio.gather(*[make(driver, f"web-{number}") for number in range(6)])
        assert len(await driver.list_nodes()) == 6
        await make(driver, "far", location="eastus")

    wire.run(scenario)
    assert wire.simulator.calls["ResourceGroups_CreateOrUpdate"] == 1
    assert wire.simulator.calls["VirtualNetworks_CreateOrUpdate"] == 2
    assert wire.simulator.calls["NetworkSecurityGroups_CreateOrUpdate"] == 2


def test_a_shared_network_that_is_there_is_not_overwritten() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        await make(driver)
        options: dict[str, Any] = {**wire.simulator.credentials, "now": wire.simulator.now, "region": PLACE}
        async with Azure(transport=wire, **options) as other:
            await make(other, "web-2")

    wire.run(scenario)
    assert wire.simulator.calls["VirtualNetworks_CreateOrUpdate"] == 1


@pytest.mark.parametrize(
    "kind", ["PublicIPAddresses_CreateOrUpdate", "NetworkInterfaces_CreateOrUpdate", "VirtualMachines_CreateOrUpdate"]
)
def test_a_chain_that_breaks_is_taken_apart_again(kind: str) -> None:
    wire = Wire()
    no = json.dumps({"error": {"code": "AuthorizationFailed", "message": "The client has no authorization."}})

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(Answer(on=kind, status=403, body=no.encode()))
        with pytest.raises(ForbiddenError, match="no authorization"):
            await make(driver)
        assert wire.parts == []

    wire.run(scenario)


def test_what_cannot_be_taken_apart_is_named(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(Answer(on="VirtualMachines_CreateOrUpdate", status=400))
        wire.simulator.faults.append(Answer(on="PublicIPAddresses_Delete", status=403, times=99))
        with pytest.raises(InvalidRequestError) as caught:
            await make(driver)
        (note,) = caught.value.__notes__
        left = next(one for one in wire.simulator.world.resources.values() if "publicIP" in one.type)
        assert f"publicIPAddresses/{left.name}" in note
        assert "may cost money" in note
        assert "networkInterfaces" not in note

    wire.run(scenario)
    assert "publicIPAddresses/web-1-" in caplog.text


def test_a_cancelled_create_leaves_no_part_at_any_moment() -> None:
    moments = [0.05 + 0.1 * step for step in range(45)]
    for moment in moments:
        wire = Wire(AzureSimulator(latency=0.1, boot=5.0))

        async def scenario(driver: Azure, moment: float = moment, wire: Wire = wire) -> None:
            making = asyncio.ensure_future(make(driver))
            await asyncio.sleep(moment)
            making.cancel()
            with pytest.raises(asyncio.CancelledError):
                await making
            await asyncio.sleep(60)
            assert await driver.list_nodes() == []
            assert wire.parts == [], moment

        wire.run(scenario)


def test_a_second_cancellation_ends_at_once_and_names_what_may_be_left(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        making = asyncio.ensure_future(make(driver, size="Standard_NC6s_v3"))
        await asyncio.sleep(30)
        assert not making.done()  # it waits for an interface that is reserved
        making.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await making
        (note,) = caught.value.__notes__
        assert "networkInterfaces/web-1-" in note
        assert "publicIPAddresses/web-1-" in note

    wire.run(scenario)
    assert "may be left" in caplog.text


def test_what_an_address_leaves_behind_is_removed_after_its_machine() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        node = await make(driver)
        for machine in wire.simulator.world.machines.values():  # as if somebody had changed his mind about it
            machine.body["properties"]["networkProfile"]["networkInterfaces"][0]["properties"]["deleteOption"] = (
                "Detach"
            )
        await driver.destroy_node(node)
        assert wire.parts == []

    wire.run(scenario)


def test_an_address_that_is_kept_stays_when_its_node_goes() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        kept = await driver.ex_create_public_ip("kept", location=PLACE)
        node = await make(driver, ex_public_ip="kept")
        assert node.public_ips == (kept["properties"]["ipAddress"],)
        with pytest.raises(ConflictError):
            await driver.ex_delete_public_ip("kept")
        await driver.destroy_node(node)
        assert [each["name"] for each in await driver.ex_list_public_ips()] == ["kept"]
        assert (await make(driver, "inside", ex_public_ip=False)).public_ips == ()

    wire.run(scenario)


def test_a_group_that_was_named_must_be_there() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        with pytest.raises(NotFoundError, match="qauy"):
            await make(driver)
        assert wire.simulator.world.groups == {}
        await driver.ex_create_resource_group("qauy", location=PLACE)
        assert "/resourceGroups/qauy/" in (await make(driver)).id

    wire.run(scenario, resource_group="qauy")


# ---- creating, exactly once


def test_a_machine_of_that_name_is_not_overwritten() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        first = await make(driver)
        with pytest.raises(ConflictError) as caught:
            await make(driver, size="Standard_B2s")
        assert caught.value.status == 412
        (seen,) = await driver.list_nodes()
        assert (seen.id, seen.size) == (first.id, "Standard_B1ms")
        assert wire.parts == ["disks", "networkInterfaces", "publicIPAddresses"]

    wire.run(scenario)
    sent = [each for each in wire.asked if each.method == "PUT" and "virtualMachines" in each.url.path]
    assert {each.headers["If-None-Match"] for each in sent} == {"*"}


@pytest.mark.parametrize("times", [1, 99])
def test_a_create_whose_answer_is_lost_is_found_by_its_mark(times: int) -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(LostAnswer(on="VirtualMachines_CreateOrUpdate", times=times))
        node = await make(driver)
        assert MARK in node.extra["tags"]
        assert MARK not in node.tags
        assert [each.id for each in await driver.list_nodes()] == [node.id]

    wire.run(scenario)


@pytest.mark.parametrize("fault", [LostAnswer(), Refused(times=3)])
@pytest.mark.parametrize("kind", ["PublicIPAddresses", "NetworkInterfaces", "VirtualNetworks", "ResourceGroups"])
def test_a_part_whose_answer_is_lost_is_asked_for_again(kind: str, fault: Any) -> None:
    wire = Wire()
    own = type(fault)(on=f"{kind}_CreateOrUpdate", times=fault.times)

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(own)
        await make(driver)
        assert wire.parts == ["disks", "networkInterfaces", "publicIPAddresses"]

    wire.run(scenario)


def test_a_lack_of_room_is_told_by_the_operation_and_leaves_nothing() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(NoCapacity(on="VirtualMachines_CreateOrUpdate"))
        with pytest.raises(CapacityError, match="sufficient capacity") as caught:
            await make(driver)
        assert caught.value.code == "AllocationFailed"
        assert await driver.list_nodes() == []
        assert wire.parts == []

    wire.run(scenario)
    assert wire.simulator.calls["VirtualMachines_CreateOrUpdate"] == 1


def test_a_size_that_the_subscription_cannot_have_and_a_quota_that_is_full_are_named_as_such() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        with pytest.raises(CapacityError) as caught:
            await make(driver, size="Standard_NC6s_v3")
        assert caught.value.code == "SkuNotAvailable"
        assert wire.parts == []  # although Azure keeps the interface for three minutes
        wire.simulator.world.quota = 1
        await make(driver)
        with pytest.raises(QuotaExceededError, match="Cores quota"):
            await make(driver, "web-2")

    wire.run(scenario)


def test_a_slow_operation_is_left_to_itself_after_a_minute() -> None:
    wire = Wire(AzureSimulator(boot=10_000))

    async def scenario(driver: Azure) -> None:
        began = asyncio.get_running_loop().time()
        assert (await make(driver)).state is NodeState.PENDING
        assert asyncio.get_running_loop().time() - began < 300

    wire.run(scenario)


def test_an_operation_that_cannot_be_asked_for_loses_no_node(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(AzureSimulator(boot=0.0))

    async def scenario(driver: Azure) -> None:
        wire.simulator.faults.append(Answer(on="Operations_Get", status=503, times=99))
        node = await make(driver)
        wire.simulator.faults.clear()
        assert [each.id for each in await driver.list_nodes()] == [node.id]

    wire.run(scenario)
    assert "whose end cannot be learned" in caplog.text


def test_an_operation_whose_answer_hangs_is_not_taken_for_one_that_is_done() -> None:
    wire = Wire(AzureSimulator(boot=30.0))

    async def scenario(driver: Azure) -> None:
        await make(driver)
        wire.simulator.faults.append(Hang(on="Operations_Get", times=9))
        before = wire.simulator.calls["PublicIPAddresses_Delete"]
        began = asyncio.get_running_loop().time()
        await driver.destroy_node("web-1")
        assert 59 <= asyncio.get_running_loop().time() - began < 62
        assert (
            wire.simulator.calls["PublicIPAddresses_Delete"] == before
        )  # what is left is looked into at the end alone

    wire.run(scenario)


def test_an_operation_whose_end_makes_no_sense_costs_no_node(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire(AzureSimulator(boot=0.0))

    async def scenario(driver: Azure) -> None:
        await make(driver, "web-0")  # so that what is shared is there
        wire.simulator.faults.append(Answer(on="Operations_Get", body=b"<html>", times=99))
        assert (await make(driver)).name == "web-1"

    wire.run(scenario)
    assert "whose end cannot be learned" in caplog.text
    assert wire.simulator.calls["VirtualMachines_Delete"] == 0


def test_an_operation_is_asked_for_on_our_own_host_alone() -> None:
    wire = Wire()

    async def elsewhere(request: Request) -> Response:
        answer = await wire(request)
        headers = {
            name: value.replace("management.azure.com", "evil.example") for name, value in answer.headers.items()
        }
        return Response(status=answer.status, headers=type(answer.headers)(_multi(headers)), body=answer.body)

    wire.run(make, transport=elsewhere)
    assert {each.url.host for each in wire.asked} == {"management.azure.com", "login.microsoftonline.com"}


def _multi(headers: dict[str, str]) -> Any:
    from multidict import CIMultiDict

    return CIMultiDict(headers)


# ---- signing in to nodes


def test_a_node_is_given_a_key_a_password_or_one_that_is_made() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        assert (await make(driver, auth=NodeAuthSSHKey(KEY), ex_username="quay")).password is None
        profile = wire.body("virtualMachines")["properties"]["osProfile"]
        (key,) = profile["linuxConfiguration"]["ssh"]["publicKeys"]
        assert key == {"path": "/home/quay/.ssh/authorized_keys", "keyData": KEY}
        assert profile["linuxConfiguration"]["disablePasswordAuthentication"] is True
        await make(driver, "web-2", auth=NodeAuthPassword("Aa1-given-Bb2"))
        assert wire.body("virtualMachines")["properties"]["osProfile"]["adminPassword"] == "Aa1-given-Bb2"
        made = (await make(driver, "web-3")).password
        assert made is not None
        assert wire.body("virtualMachines")["properties"]["osProfile"]["adminPassword"] == made.reveal()
        await driver.import_key_pair_from_string("mine", KEY)
        with pytest.raises(ConflictError):
            await driver.import_key_pair_from_string("mine", KEY)
        await make(driver, "web-4", auth=KeyPair(id="mine", name="mine"))
        assert KEY in wire.asked[-1].body.decode() or KEY in str(wire.body("virtualMachines"))
        await driver.delete_key_pair("mine")
        assert await driver.list_key_pairs() == []

    wire.run(scenario)


# ---- nodes


def test_a_list_of_nodes_takes_four_questions_however_many_there_are() -> None:
    wire = Wire()
    wire.simulator.populate(90)

    async def scenario(driver: Azure) -> None:
        nodes = await driver.list_nodes()
        assert len(nodes) == 90
        assert all(node.public_ips and node.private_ips and node.state is NodeState.RUNNING for node in nodes)
        assert await driver.get_node(nodes[7]) == nodes[7]
        assert {node.location for node in await driver.list_nodes(location="uksouth")} == {"uksouth"}

    wire.run(scenario)
    assert wire.simulator.calls["VirtualMachines_ListAll"] == 4  # of two lists, twice


def test_a_node_is_known_by_its_id_its_group_and_name_or_its_name() -> None:
    async def scenario(driver: Azure) -> None:
        node = await make(driver)
        shouted = node.id.upper().replace("/SUBSCRIPTIONS/5E6F7A8B", "/subscriptions/5e6f7a8b")
        for known in (node.id, "aiocloud/web-1", "web-1", "AIOCLOUD/WEB-1", shouted):
            assert (await driver.get_node(known)).id == node.id
        with pytest.raises(ConfigurationError, match="another subscription"):
            await driver.get_node(node.id.replace("5e6f7a8b", "00000000"))

    Wire().run(scenario)


def test_another_machine_of_the_same_name_is_not_taken_for_the_one_that_went() -> None:
    async def scenario(driver: Azure) -> None:
        old = await make(driver)
        await driver.destroy_node(old)
        new = await make(driver)
        assert new.id == old.id
        for verb in (driver.get_node, driver.destroy_node):
            with pytest.raises(NotFoundError, match="another machine"):
                await verb(old)
        assert len(await driver.list_nodes()) == 1

    Wire().run(scenario)


def test_stopping_gives_the_processors_back_and_powering_off_does_not() -> None:
    async def scenario(driver: Azure) -> None:
        node = await make(driver)
        await driver.ex_power_off_node(node)
        seen = await driver.wait_until(node, NodeState.STOPPED)
        assert "PowerState/stopped" in str(seen.extra["properties"]["instanceView"])
        await driver.start_node(node)
        await driver.stop_node(node)
        seen = await driver.wait_until(node, NodeState.STOPPED)
        assert "PowerState/deallocated" in str(seen.extra["properties"]["instanceView"])
        with pytest.raises(ConflictError):
            await driver.reboot_node(node)

    Wire().run(scenario)


def test_a_node_can_be_resized_tagged_and_told_to_run_something() -> None:
    async def scenario(driver: Azure) -> None:
        node = await make(driver, tags={"a": "b"})
        await driver.ex_set_tags(node, {"role": "db"})
        await driver.ex_resize_node(node, "Standard_B2s")
        await asyncio.sleep(5)
        seen = await driver.get_node(node)
        assert (dict(seen.tags), seen.size) == ({"role": "db"}, "Standard_B2s")
        assert MARK in seen.extra["tags"]
        assert "[stdout]" in await driver.ex_run_command(node, "uptime")
        await driver.ex_redeploy_node(node)

    Wire().run(scenario)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"image": "ubuntu"}, "publisher:offer:sku:version"), ({"name": "a b"}, "no name"), ({"name": "x" * 60}, "56")],
)
def test_what_cannot_be_is_refused_before_anything_is_made(options: Any, word: str) -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        with pytest.raises(ConfigurationError, match=word):
            await make(driver, **options)

    wire.run(scenario)
    assert wire.asked == []


def test_a_node_needs_a_place() -> None:
    async def scenario(driver: Azure) -> None:
        with pytest.raises(ConfigurationError, match="location"):
            await make(driver)

    Wire().run(scenario, region=None)


# ---- what surrounds nodes


def test_a_security_group_and_its_rules_come_and_go() -> None:
    async def scenario(driver: Azure) -> None:
        await driver.ex_create_security_group("web", location=PLACE, allowed=["tcp:22", "udp:53"])
        await driver.ex_create_security_rule("web", "http", allowed="tcp:80", priority=200)
        (found,) = await driver.ex_list_security_groups()
        ports = [each["properties"]["destinationPortRange"] for each in found["properties"]["securityRules"]]
        assert ports == ["22", "53", "80"]
        await driver.ex_delete_security_rule("web", "http")
        with pytest.raises(ConfigurationError, match="no protocol"):
            await driver.ex_create_security_rule("web", "x", allowed="tcb:1", priority=300)
        await driver.ex_delete_security_group("web")
        assert await driver.ex_list_security_groups() == []
        assert [each["name"] for each in await driver.ex_list_resource_groups()] == ["aiocloud"]

    Wire().run(scenario)


# ---- errors


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, "InvalidAuthenticationToken", "The access token is invalid.", InvalidCredsError),
        (401, "ExpiredAuthenticationToken", "The access token expiry time is in the past.", InvalidCredsError),
        (403, "AuthorizationFailed", "The client does not have authorization.", ForbiddenError),
        (409, "MissingSubscriptionRegistration", "The subscription is not registered to use it.", ForbiddenError),
        (409, "ReadOnlyDisabledSubscription", "The subscription is disabled.", ForbiddenError),
        (404, "SubscriptionNotFound", "The subscription could not be found.", NotFoundError),
        (400, "InvalidSubscriptionId", "The provided subscription identifier is malformed.", InvalidRequestError),
        (404, "ResourceGroupNotFound", "Resource group 'x' could not be found.", NotFoundError),
        (409, "SkuNotAvailable", "The requested size is not available in location 'x'.", CapacityError),
        (409, "ZonalAllocationFailed", "Allocation failed.", CapacityError),
        (409, "OverconstrainedAllocationRequest", "The conditions are too restrictive.", CapacityError),
        (409, "OperationNotAllowed", "It results in exceeding approved Total Cores quota.", QuotaExceededError),
        (409, "OperationNotAllowed", "The VM is being deleted.", ConflictError),
        (409, "QuotaExceeded", "No.", QuotaExceededError),
        (409, "Conflict", "A concurrent request.", ConflictError),
        (400, "InvalidParameter", "The value is not valid.", InvalidRequestError),
        (429, "TooManyRequests", "The server rejected the request.", RateLimitReachedError),
    ],
)
def test_the_words_of_azure_become_ours(status: int, code: str, message: str, kind: type[CloudError]) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    error = ERRORS.read(Response(status=status, body=body), AzureSimulator().now())
    assert type(error) is kind
    assert (error.code, error.message) == (code, message)
    assert error.retryable is (kind is RateLimitReachedError)


def test_a_subscription_that_is_another_is_not_found() -> None:
    async def scenario(driver: Azure) -> None:
        with pytest.raises(NotFoundError, match="00000000"):
            await driver.list_nodes()

    Wire().run(scenario, subscription_id="00000000-0000-0000-0000-000000000000")
