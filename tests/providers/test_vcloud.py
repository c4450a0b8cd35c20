from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.dialects.vcloud.protocol import path_of
from aiocloud.errors import (
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    WaitTimeoutError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.models import Node, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.vcloud import VCloud
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.vcloud import VCloudSimulator
from aiocloud.simulators.vcloud.wire import Failure

FORBIDDEN = (
    b'<Error xmlns="http://www.vmware.com/vcloud/v1.5" message="The user may not do it." majorErrorCode="403"'
    b' minorErrorCode="ACCESS_TO_RESOURCE_IS_FORBIDDEN"/>'
)


class Seen:
    """A simulator, and what it was asked."""

    def __init__(self, simulator: VCloudSimulator) -> None:
        self.simulator = simulator
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return await self.simulator(request)


def driver(simulator: VCloudSimulator, **options: Any) -> VCloud:
    known = {"transport": simulator, "now": simulator.now, "endpoint": "https://vcd.example.net"}
    return VCloud(**{**simulator.credentials, **known, **options})


async def make(cloud: VCloud, name: str = "quay-1", **extra: Any) -> Node:
    size = next(size for size in await cloud.list_sizes() if size.ram == 4096)
    image, place = (await cloud.list_images())[0], (await cloud.list_locations())[0]
    return await cloud.create_node(name, size=size, image=image, location=place, **extra)


# ---- sessions ----


async def test_a_session_is_asked_for_with_user_at_org_and_shown_as_a_bearer_token() -> None:
    simulator = VCloudSimulator(username="alice", password="pa55", org="acme")
    seen = Seen(simulator)
    await driver(simulator, transport=seen).list_locations()
    versions, signing_in, listing = seen.requests
    assert (versions.url.path, signing_in.url.path) == ("/api/versions", "/cloudapi/1.0.0/sessions")
    assert signing_in.headers["Authorization"] == "Basic YWxpY2VAYWNtZTpwYTU1"
    assert signing_in.headers["Accept"] == "application/json;version=39.1"
    assert listing.headers["Authorization"].startswith("Bearer ")
    assert listing.headers["Accept"] == "application/*+xml;version=39.1"


async def test_an_older_server_has_sessions_of_old() -> None:
    simulator = VCloudSimulator(versions=("29.0", "31.0"))
    seen = Seen(simulator)
    await driver(simulator, transport=seen).list_locations()
    _, signing_in, listing = seen.requests
    assert (signing_in.url.path, signing_in.headers["Accept"]) == ("/api/sessions", "application/*+xml;version=31.0")
    assert listing.headers["x-vcloud-authorization"] in simulator.sessions
    assert "Authorization" not in listing.headers


async def test_alpha_versions_and_those_of_another_product_are_passed_over() -> None:
    simulator = VCloudSimulator(versions=("38.1", "39.0.0-alpha-1640", "40.0"))
    seen = Seen(simulator)
    await driver(simulator, transport=seen).list_locations()
    assert seen.requests[-1].headers["Accept"] == "application/*+xml;version=38.1"
    with pytest.raises(ConfigurationError, match=r"no version of the API in common.+'40.0'"):
        await driver(VCloudSimulator(versions=("40.0",))).list_locations()


def test_an_api_token_is_exchanged_before_its_session_ends() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        options: dict[str, Any] = {"username": None, "password": None, "api_token": simulator.api_token}
        async with driver(simulator, **options) as cloud:
            await cloud.list_locations()
            await asyncio.sleep(3590)  # it lives for an hour
            await cloud.list_locations()
            assert simulator.calls["POST /oauth/tenant/{id}/token"] == 2
            assert simulator.calls["GET /api/query"] == 2, "no request was refused"
        async with driver(simulator, **{**options, "api_token": "another"}) as cloud:
            with pytest.raises(InvalidCredsError, match="Invalid refresh token"):
                await cloud.list_locations()

    virtualtime.run(scenario())


def test_a_session_that_has_ended_is_opened_once_more_by_one_of_many() -> None:
    simulator = VCloudSimulator(latency=0.1)

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            await cloud.list_locations()
            await asyncio.sleep(1900)  # half an hour is all that a session may rest
            assert [len(each) for each in await asyncio.gather(*[_places(cloud) for _ in range(20)])] == [2] * 20
            assert simulator.calls["POST /cloudapi/1.0.0/sessions"] == 2
            simulator.expire()
            simulator.faults.append(Answer(on="POST /cloudapi/*", status=401))
            with pytest.raises(InvalidCredsError):
                await cloud.list_locations()

    virtualtime.run(scenario())


async def _places(cloud: VCloud) -> list[Any]:
    return await cloud.list_locations()


def test_what_it_needs_is_said_and_the_endpoint_may_be_that_of_the_api() -> None:
    with pytest.raises(ConfigurationError, match="`endpoint`"):
        VCloud("alice", "pa55", "acme")
    with pytest.raises(ConfigurationError, match="`org`"):
        VCloud("alice", "pa55", endpoint="https://vcd.example.net")
    with pytest.raises(ConfigurationError, match="`password`"):
        VCloud("alice", org="acme", endpoint="https://vcd.example.net")
    with pytest.raises(ConfigurationError, match="`username`"):
        VCloud(None, "pa55", "acme", endpoint="https://vcd.example.net")
    assert (
        VCloud("alice", "pa55", "acme", endpoint="https://vcd.example.net/api/").endpoint == "https://vcd.example.net"
    )


def test_accounts_are_those_of_the_terraform_provider(tmp_path: Path) -> None:
    def found(**variables: str) -> list[Any]:
        return list(VCloud.accounts(Environment(variables, tmp_path, tmp_path)))

    where = {"VCD_URL": "https://vcd.example.net/api", "VCD_ORG": "acme"}
    (account,) = found(VCD_USER="alice", VCD_PASSWORD="pa55", **where)
    assert (account.options["username"], account.options["org"]) == ("alice", "acme")
    (account,) = found(VCD_API_TOKEN="t0ken", **where)
    assert (account.options["api_token"], "password" in account.options) == ("t0ken", False)
    assert found(**where) == []
    with pytest.raises(ConfigurationError, match="VCD_ORG is not"):
        found(VCD_API_TOKEN="t0ken", VCD_URL=where["VCD_URL"])


# ---- nodes ----


def test_one_request_makes_a_node_with_policy_network_and_password() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            made = await make(
                cloud, auth=NodeAuthPassword("tide-77"), ex_customization_script="true", ex_description="d"
            )
            assert (made.state, made.password and made.password.reveal()) == (NodeState.PENDING, "tide-77")
            node = await cloud.wait_until(made)
            assert (node.size, node.location, node.public_ips) == (made.size, made.location, ("198.18.0.11",))
            assert "tide-77" not in str(node.extra)
            (listed,) = await cloud.list_nodes(location=node.location)
            assert (listed.id, listed.state, listed.public_ips) == (node.id, NodeState.RUNNING, node.public_ips)
            assert await cloud.list_nodes(location=(await cloud.list_locations())[1]) == []
        (vapp,) = simulator.world.vapps.values()
        assert (vapp.script, vapp.description, vapp.network) == ("true", "d", "lan")

    virtualtime.run(scenario())
    assert simulator.calls[simulator.creates] == 1


def test_a_password_is_made_unless_the_guest_is_left_alone() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            made = await make(cloud)
            assert made.password is not None
            plain = await make(cloud, "quay-2", ex_customize=False, ex_power_on=False)
            assert plain.password is None
            assert (await cloud.wait_until(plain, NodeState.STOPPED)).id == plain.id
            first, second = simulator.world.vapps.values()
            assert (first.password, second.password) == (made.password, None)
            with pytest.raises(ConfigurationError, match="offers: generates_password, password"):
                await make(cloud, auth=NodeAuthSSHKey("ssh-ed25519 AAAA"))
            await cloud.destroy_node(plain)  # which was never deployed
            assert [node.name for node in await cloud.list_nodes()] == ["quay-1"]

    virtualtime.run(scenario())


def test_a_name_is_taken_once_in_a_data_centre_and_a_network_must_be_there() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            await make(cloud)
            with pytest.raises(ConflictError, match="already exists"):
                await make(cloud)
            with pytest.raises(ConfigurationError, match="there are: lan"):
                await make(cloud, "quay-2", ex_network="dmz")
            assert await cloud.ex_list_networks((await cloud.list_locations())[0]) == ["lan"]
            with pytest.raises(ConfigurationError, match="`region`"):
                await cloud.create_node("quay-3", size="s", image="i")

    virtualtime.run(scenario())


def test_a_lost_create_does_not_take_an_older_node_of_that_name_in_another_data_centre() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            older = await make(cloud)
            size, image = (await cloud.list_sizes())[1], (await cloud.list_images())[0]
            simulator.faults.append(LostAnswer(on=simulator.creates))
            place = (await cloud.list_locations())[1]
            newer = await cloud.create_node("quay-1", size=size, image=image, location=place)
            assert newer.id != older.id
            assert (newer.location, len(await cloud.list_nodes())) == (place.id, 2)

    virtualtime.run(scenario())


def test_destroying_waits_for_what_runs_undeploys_and_deletes() -> None:
    simulator = VCloudSimulator(boot=30)

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await make(cloud)
            await cloud.destroy_node(node)
            assert await cloud.list_nodes() == []
        assert [task.operation for task in simulator.world.tasks.values()] == [
            "vdcInstantiateVapp",
            "vappUndeployPowerOff",
            "vdcDeleteVapp",
        ]

    virtualtime.run(scenario())


def test_a_task_in_the_way_is_waited_for_and_one_that_lasts_too_long_is_named() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await cloud.wait_until(await make(cloud))
            simulator.boot = 100  # a reset takes 20 s
            resetting = asyncio.ensure_future(cloud.reboot_node(node))
            await asyncio.sleep(1)
            assert (await cloud.get_node(node)).state is NodeState.REBOOTING
            await cloud.stop_node(node)  # refused with BUSY_ENTITY at first
            await resetting
            assert (await cloud.get_node(node)).state is NodeState.STOPPED
            await cloud.start_node(node)
            simulator.boot = 100_000
            with pytest.raises(WaitTimeoutError, match=r"api/task/.+ is running after 600 s"):
                await cloud.ex_suspend_node(node)

    virtualtime.run(scenario())


def test_a_task_that_fails_raises_what_its_error_says() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await cloud.wait_until(await make(cloud))
            for failure, kind in (
                (Failure(400, "BAD_REQUEST", "No."), InvalidRequestError),
                (Failure(400, "BUSY_ENTITY", "Busy."), ConflictError),
                (Failure(400, "VM_QUOTA_EXCEEDED", "Full."), QuotaExceededError),
            ):
                simulator.world.failures.append(failure)
                with pytest.raises(kind, match=failure.message) as caught:
                    await cloud.reboot_node(node)
                assert caught.value.code == failure.code
                assert caught.value.operation == "vappReset"
            simulator.world.failures.append(Failure(400, "BAD_REQUEST", "The template is corrupt."))
            with pytest.raises(WaitTimeoutError, match="is error: The template is corrupt"):
                await cloud.wait_until(await make(cloud, "quay-2"))

    virtualtime.run(scenario())


def test_snapshots_and_power_by_the_apis_own_verbs() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await cloud.wait_until(await make(cloud))
            with pytest.raises(InvalidRequestError, match="no snapshot"):
                await cloud.ex_revert_to_snapshot(node)
            await cloud.ex_create_snapshot(node, name="before")
            await cloud.ex_revert_to_snapshot(node)
            await cloud.ex_suspend_node(node)
            assert (await cloud.get_node(node)).state is NodeState.SUSPENDED
            await cloud.start_node(node)
            await cloud.ex_power_off_node(node)
            stopped = await cloud.get_node(node)
            assert (stopped.state, stopped.extra["@deployed"]) == (NodeState.STOPPED, "true")
            (record,) = await cloud.ex_query("vm", "name==quay*")
            assert record["@memoryMB"] == "4096"

    virtualtime.run(scenario())


# ---- awkward answers ----


async def test_an_entity_that_one_has_no_access_to_is_not_found_and_other_refusals_are_refusals() -> None:
    simulator = VCloudSimulator()
    cloud = driver(simulator)
    with pytest.raises(NotFoundError, match="No access to entity") as caught:
        await cloud.get_node(simulator.unknown_node)
    assert (caught.value.status, caught.value.request_id) == (403, "7f1c-63")
    simulator.faults.append(Answer(status=403, body=FORBIDDEN))
    with pytest.raises(ForbiddenError, match="may not do it"):
        await cloud.get_node(simulator.unknown_node)


async def test_a_page_with_status_203_is_no_answer() -> None:
    simulator = VCloudSimulator()
    cloud = driver(simulator)
    await cloud.list_locations()
    page = b"<html><head><title>Who are you?</title></head><body/></html>"
    simulator.faults.append(Answer(status=203, body=page, headers={"Content-Type": "text/html"}, times=9))
    with pytest.raises(MalformedResponseError, match=r"Who are you\?"):
        await cloud.list_locations()


async def test_a_condition_holds_a_name_as_it_is_whatever_is_in_it() -> None:
    simulator = VCloudSimulator()
    cloud = driver(simulator)
    made = await make(cloud, "a,b (c);d*")
    assert await cloud._namesakes("a,b (c);d*") == {made.id}
    assert await cloud._namesakes("a") == frozenset()


async def test_links_are_followed_at_our_own_endpoint_alone() -> None:
    simulator = VCloudSimulator()
    simulator.populate(200)
    seen = Seen(simulator)
    whole = simulator.answer

    def elsewhere(request: Request) -> Response:
        answer = whole(request)
        body = answer.body.replace(b"https://vcd.example.net/", b"https://elsewhere.example/")
        return Response(status=answer.status, headers=headers_of(answer.headers), body=body)

    simulator.answer = elsewhere  # type: ignore[method-assign]  # a server that names itself otherwise
    cloud = driver(simulator, transport=seen)
    assert len(await cloud.list_nodes()) == 200
    assert len(await cloud.list_nodes(location=(await cloud.list_locations())[0])) == 100
    assert {request.url.host for request in seen.requests} == {"vcd.example.net"}
    with pytest.raises(MalformedResponseError, match="leads nowhere"):
        path_of("https://elsewhere.example/login")


async def test_countries_are_told_by_the_user() -> None:
    places = await driver(VCloudSimulator(), ex_countries={"quay": "DE"}).list_locations()
    assert [(place.name, place.country) for place in places] == [("harbour", None), ("quay", "DE")]


def test_a_wrong_user_name_without_its_organisation_is_refused() -> None:
    simulator = VCloudSimulator()

    async def scenario() -> None:
        header = {"Authorization": "Basic " + base64.b64encode(b"alice:tide-of-pa55").decode()}
        from yarl import URL

        url = URL("https://vcd.example.net/cloudapi/1.0.0/sessions")
        assert (await simulator(Request(method="POST", url=url, headers=headers_of(header)))).status == 401

    virtualtime.run(scenario())
