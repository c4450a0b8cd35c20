"""What only the ECP driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from email import message_from_bytes
from typing import Any

import pytest

from aiocloud.errors import (
    AmbiguousCreateError,
    ApiError,
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    ServerError,
    WaitTimeoutError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import NodeState
from aiocloud.providers.ecp import ECP, multipart
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.ecp import ECPSimulator
from aiocloud.simulators.virtualtime import run

ENDPOINT = ECPSimulator.endpoint
RECIPE: dict[str, Any] = {"size": "22", "image": "11"}
ACT = "POST /rest/hosting/vm/{uuid}"
NETWORKS = "GET /rest/hosting/network/list"


def over(simulator: ECPSimulator, **options: Any) -> ECP:
    known = {**simulator.credentials, "endpoint": ENDPOINT, "transport": simulator, "now": simulator.now}
    return ECP(**{**known, **options})


def wired(answer: Callable[[Request], Response]) -> tuple[ECP, list[Request]]:
    """A driver whose requests are answered so, and what it sends."""
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return answer(request)

    return ECP("maria", "s3cret", endpoint=ENDPOINT, transport=transport, retry=Retry(attempts=1)), seen


def page(status: int, **payload: Any) -> Callable[[Request], Response]:
    return lambda _: Response(status=status, body=json.dumps(payload).encode())


# ---- who asks ----


async def test_the_user_signs_in_with_http_basic() -> None:
    driver, seen = wired(page(200, errno=0, message="Success", vms=[]))
    assert await driver.list_nodes() == []
    assert seen[0].headers["Authorization"] == "Basic bWFyaWE6czNjcmV0"
    assert (seen[0].method, str(seen[0].url)) == ("GET", f"{ENDPOINT}/rest/hosting/vm/list")


def test_no_password_is_sent_where_no_endpoint_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"closed in 2011.+`endpoint`"):
        ECP("maria", "s3cret")
    with pytest.raises(ConfigurationError, match="username"):
        ECP(None, "s3cret", endpoint=ENDPOINT)


def test_a_request_that_changes_something_fetches_the_token_first_and_once_for_many() -> None:
    simulator = ECPSimulator(latency=0.1)
    simulator.populate(20)

    async def scenario() -> None:
        driver = over(simulator)
        await asyncio.gather(*(driver.stop_node(uuid) for uuid in list(simulator.vms)))

    run(scenario())
    assert simulator.calls[NETWORKS] == 1
    assert {vm.life.current for vm in simulator.vms.values()} == {"unkown"}


def test_a_token_that_is_over_is_renewed_once_for_many() -> None:
    simulator = ECPSimulator(latency=0.1)
    simulator.populate(20)

    async def scenario() -> None:
        driver = over(simulator)
        await driver.list_nodes()
        simulator.forget_token()
        await asyncio.gather(*(driver.stop_node(uuid) for uuid in list(simulator.vms)))
        simulator.calls.clear()
        await asyncio.sleep(60)
        await driver.start_node(next(iter(simulator.vms)))

    run(scenario())
    assert simulator.calls == {ACT: 1}, "the new one is kept"


def test_the_old_releases_that_know_no_token_are_sent_none() -> None:
    simulator = ECPSimulator(guarded=False)
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return await simulator(request)

    async def scenario() -> None:
        await over(simulator, transport=transport).create_node("web", **RECIPE)

    run(scenario())
    assert not [request for request in seen if "Cookie" in request.headers or "X-XSRFToken" in request.headers]


def test_a_right_that_is_missing_is_asked_for_no_more_than_twice() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.method)
        if request.method != "GET":
            return Response(status=403)
        return Response(status=200, headers=headers_of({"Set-Cookie": "ecp-csrf-token=abc123; Path=/"}))

    async def scenario() -> None:
        driver, _ = wired(answer)
        with pytest.raises(ForbiddenError):
            await driver.start_node("7")

    run(scenario())
    assert asked == ["POST", "GET", "POST"]


def test_a_wrong_password_is_tried_once() -> None:
    asked: list[Request] = []

    async def scenario() -> None:
        driver, seen = wired(lambda _: Response(status=401))
        with pytest.raises(InvalidCredsError):
            await driver.list_nodes()
        asked.extend(seen)

    run(scenario())
    assert len(asked) == 1


def test_the_token_goes_below_the_path_of_the_endpoint_and_into_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    paths: list[str] = []

    def answer(request: Request) -> Response:
        paths.append(request.url.path)
        cookie = {"Set-Cookie": "ecp-csrf-token=canary-0123456789"} if request.method == "GET" else {}
        known = request.method == "GET" or request.headers.get("X-XSRFToken") == "canary-0123456789"
        return Response(status=200 if known else 403, headers=headers_of(cookie), body=b'{"errno": 0}')

    async def transport(request: Request) -> Response:
        return answer(request)

    async def scenario() -> None:
        driver = ECP("maria", "s3cret", endpoint=f"{ENDPOINT}/ecp", transport=transport)
        await driver.start_node("7")

    run(scenario())
    assert paths == ["/ecp/rest/hosting/vm/7", "/ecp/rest/hosting/network/list", "/ecp/rest/hosting/vm/7"]
    assert "canary" not in caplog.text
    assert "bWFyaWE6czNjcmV0" not in caplog.text


# ---- errors ----


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("No such machine", NotFoundError),
        ("Package not found", NotFoundError),
        ("The machine is already off", ConflictError),
        ("Your quota is used up", QuotaExceededError),
        ("There is no capacity left", CapacityError),
        ("Something else", InvalidRequestError),
    ],
)
async def test_a_number_that_is_not_zero_is_an_error_in_http_200(message: str, kind: Any) -> None:
    for status in (200, 201):
        driver, _ = wired(page(status, errno=3, message=message))
        with pytest.raises(ApiError, match=message) as caught:
            await driver.get_node("7")
        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.status) == ("3", None)


async def test_a_status_of_http_counts_where_there_is_one() -> None:
    driver, _ = wired(page(500, errno=9, message="It broke"))
    with pytest.raises(ServerError, match="It broke"):
        await driver.get_node("7")


@pytest.mark.parametrize("body", [b"", b"[]", b"<html><title>Hello</title></html>", b'{"errno": "0", "message": ""}'])
async def test_what_is_no_list_is_never_taken_for_an_empty_one(body: bytes) -> None:
    driver, _ = wired(lambda _: Response(status=200, body=body))
    with pytest.raises(MalformedResponseError):
        await driver.list_nodes()


async def test_what_the_api_has_no_place_for_is_refused_before_anything_is_sent() -> None:
    driver, seen = wired(page(200))
    with pytest.raises(ConfigurationError, match="tags"):
        await driver.create_node("web", **RECIPE, tags={"a": "b"})
    with pytest.raises(ConfigurationError, match="'cloud', and no 'paris'"):
        await driver.create_node("web", **RECIPE, location="paris")
    assert not seen


# ---- making ----


def test_a_form_is_multipart_with_its_empty_fields() -> None:
    body, headers = multipart({"name": "größe", "disk": "", "text": "two\r\nlines"})
    message = message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    parts: Any = message.get_payload()
    found = {part.get_param("name", header="Content-Disposition"): part.get_payload(decode=True) for part in parts}
    assert found == {"name": "größe".encode(), "disk": b"", "text": b"two\r\nlines"}


def test_the_first_network_is_taken_unless_another_is_named() -> None:
    simulator = ECPSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        first = await driver.create_node("web", **RECIPE)
        other = await driver.create_node("db", **RECIPE, ex_network="32")
        assert (first.state, first.size, first.public_ips) == (NodeState.PENDING, "22", ())
        assert len((await driver.wait_until(first)).public_ips) == 1
        seen = await driver.wait_until(other)
        assert (seen.public_ips, len(seen.private_ips)) == ((), 1)
        with pytest.raises(NotFoundError, match="network"):
            await driver.create_node("cache", **RECIPE, ex_network="33")
        assert [network["name"] for network in await driver.ex_list_networks()] == ["Default", "Inside"]

    run(scenario())


def test_without_a_network_nothing_is_made() -> None:
    simulator = ECPSimulator()
    simulator.networks.clear()

    async def scenario() -> None:
        with pytest.raises(NotFoundError, match="no network to put"):
            await over(simulator).create_node("web", **RECIPE)

    run(scenario())
    assert simulator.calls[ECPSimulator.creates] == 0


async def test_an_answer_whose_id_is_a_number_is_read() -> None:
    def answer(request: Request) -> Response:
        if request.method == "PUT":
            return page(201, errno=0, message="Success", machine_id=4411, transaction="9a0d")(request)
        return page(200, errno=0, message="Success", vms=[], networks=[{"uuid": 31}])(request)

    driver, seen = wired(answer)
    node = await driver.create_node("web", **RECIPE)
    assert (node.id, node.name) == ("4411", "web")
    assert seen[-1].url.path == "/rest/hosting/vm/"


def test_a_lost_answer_is_looked_for_by_name_among_what_is_new() -> None:
    simulator = ECPSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        older = await driver.create_node("web", **RECIPE)
        simulator.faults.append(LostAnswer(on=simulator.creates))
        assert (await driver.create_node("web", **RECIPE)).id != older.id
        simulator.faults.append(Answer(on=simulator.creates, status=502))
        with pytest.raises(AmbiguousCreateError):
            await driver.create_node("web", **RECIPE)
        assert len(await driver.list_nodes()) == 2

    run(scenario())


# ---- switching ----


def test_a_vm_is_switched_off_before_it_is_deleted() -> None:
    simulator = ECPSimulator(boot=50)
    simulator.populate(2)
    running, off = simulator.vms

    async def scenario() -> None:
        driver = over(simulator)
        await driver.stop_node(off)
        await driver.wait_until(off, NodeState.STOPPED)
        simulator.calls.clear()
        await driver.destroy_node(off)
        assert simulator.calls[ACT] == 1
        await driver.destroy_node(running)
        assert simulator.calls[ACT] == 3
        assert await driver.list_nodes() == []

    run(scenario())


def test_a_vm_that_does_not_switch_off_is_not_deleted() -> None:
    simulator = ECPSimulator(boot=5000)
    simulator.populate(1)
    (uuid,) = simulator.vms

    async def scenario() -> None:
        driver = over(simulator)
        with pytest.raises(WaitTimeoutError, match="not stopped"):
            await driver.destroy_node(uuid, ex_wait=60)
        with pytest.raises(WaitTimeoutError, match="not stopped"):
            await driver.reboot_node(uuid, ex_wait=60)
        assert [node.id for node in await driver.list_nodes()] == [uuid]

    run(scenario())


def test_a_deletion_whose_answer_is_lost_is_a_deletion() -> None:
    simulator = ECPSimulator()
    simulator.populate(1)
    (uuid,) = simulator.vms

    async def scenario() -> None:
        driver = over(simulator)
        await driver.stop_node(uuid)
        await driver.wait_until(uuid, NodeState.STOPPED)
        simulator.faults.append(LostAnswer(on=ACT))
        await driver.destroy_node(uuid)

    run(scenario())
    assert not simulator.vms
    assert not simulator.faults


def test_a_vm_that_was_off_is_started_by_a_reboot() -> None:
    simulator = ECPSimulator()
    simulator.populate(1)
    (uuid,) = simulator.vms

    async def scenario() -> None:
        driver = over(simulator)
        await driver.stop_node(uuid)
        await driver.wait_until(uuid, NodeState.STOPPED)
        with pytest.raises(ConflictError, match="already off"):
            await driver.stop_node(uuid)
        await driver.reboot_node(uuid)
        assert (await driver.wait_until(uuid)).state is NodeState.RUNNING

    run(scenario())


def test_the_password_of_the_screen_is_in_no_model() -> None:
    simulator = ECPSimulator()
    simulator.populate(1)

    async def scenario() -> None:
        (node,) = await over(simulator).list_nodes()
        assert "canary" not in str(dict(node.extra))

    run(scenario())
