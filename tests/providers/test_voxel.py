"""What only the Voxel driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aiocloud.errors import (
    AnswerLostError,
    CapacityError,
    CloudError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    RateLimitReachedError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import NodeAuthPassword, NodeState
from aiocloud.providers.voxel import Voxel
from aiocloud.providers.voxel.wire import CODEC, signature
from aiocloud.simulators import voxel as simulated
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.virtualtime import run
from aiocloud.simulators.voxel import VoxelSimulator

ENDPOINT = VoxelSimulator.endpoint
SECRET = "5b0c6f1f9d2e4a7788aa"
RECIPE: dict[str, Any] = {"size": "2cpu", "image": "61", "location": "LGA6"}
MOMENT = datetime(2011, 3, 1, 12, tzinfo=UTC)


def over(simulator: VoxelSimulator, **options: Any) -> Voxel:
    known = {**simulator.credentials, "endpoint": ENDPOINT, "transport": simulator, "now": simulator.now}
    return Voxel(**{**known, **options})


def wired(answer: Callable[[Request], Response], **options: Any) -> tuple[Voxel, list[Request]]:
    """A driver whose requests are answered so, and what it sends."""
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return answer(request)

    known = {"key": "2f9e6a01c7d84b35", "secret": SECRET, "retry": Retry(attempts=1), "now": lambda: MOMENT, **options}
    return Voxel(endpoint=ENDPOINT, transport=transport, **known), seen


def page(inner: str, stat: str = "ok", status: int = 200) -> Callable[[Request], Response]:
    return lambda _: Response(status=status, body=f'<rsp stat="{stat}">{inner}</rsp>'.encode())


# ---- signing ----


@pytest.mark.parametrize(
    ("params", "digest"),
    [
        (
            {"timestamp": "2011-03-01T12:00:00.000000+0000", "method": "voxel.devices.list", "key": "2f9e6a01c7d84b35"},
            "e1df9808554cbf5088bd8ec93be90e6b",
        ),
        (
            {
                "power_action": "reboot",
                "timestamp": "2011-03-01T12:00:00+00:00",
                "method": "voxel.devices.power",
                "key": "2f9e6a01c7d84b35",
                "device_id": "4711",
                "api_sig": "is no part of it",
            },
            "5db89d26f2769ff1f33fae705fb3f341",
        ),
    ],
)
def test_the_signature_is_the_digest_of_secret_and_sorted_parameters(params: dict[str, str], digest: str) -> None:
    assert signature(SECRET, params) == digest


async def test_a_question_is_one_query_whose_plus_is_quoted() -> None:
    driver, seen = wired(page("<facilities/>"))
    assert await driver.list_locations() == []
    assert (seen[0].method, seen[0].body) == ("GET", b"")
    assert seen[0].url.raw_query_string.partition("&api_sig=")[0] == (
        "method=voxel.voxcloud.facilities.list&key=2f9e6a01c7d84b35&timestamp=2011-03-01T12:00:00.000000%2B0000"
    )


async def test_what_is_not_given_is_neither_sent_nor_signed() -> None:
    driver, seen = wired(page("<devices/>"))
    assert await driver.list_nodes() == []
    for request in seen:
        assert set(request.url.query) == {"method", "key", "timestamp", "api_sig"}


def test_no_signature_password_or_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    simulator = VoxelSimulator()
    sent: list[str] = []

    async def noting(request: Request) -> Response:
        sent.append(request.url.query["api_sig"])
        return await simulator(request)

    async def scenario() -> None:
        driver = over(simulator, transport=noting)
        await driver.create_node("tern", **RECIPE, auth=NodeAuthPassword("high+tide & low"))
        with pytest.raises(InvalidCredsError):
            await over(simulator, secret="wrong-canary").list_nodes()

    run(scenario())
    assert "voxel.voxcloud.create" in caplog.text
    assert "tide" not in caplog.text
    assert not [sig for sig in sent if sig in caplog.text]


def test_what_a_refusal_tells_of_the_secret_is_not_passed_on() -> None:
    simulator = VoxelSimulator()

    async def scenario() -> None:
        with pytest.raises(InvalidCredsError) as caught:
            await over(simulator, key="another").list_nodes()
        assert str(caught.value) == "voxel: Invalid login or password (1). Check the credentials of this account"

    run(scenario())


def test_key_and_secret_can_be_had_with_the_password_of_the_portal() -> None:
    simulator = VoxelSimulator()
    options: dict[str, Any] = {"transport": simulator, "now": simulator.now}

    async def scenario() -> None:
        key, secret = await Voxel.ex_read_authkeys("harbour", "quay-and-tide", endpoint=ENDPOINT, **options)
        assert await Voxel(key, secret, endpoint=ENDPOINT, **options).list_nodes() == []
        with pytest.raises(InvalidCredsError):
            await Voxel.ex_read_authkeys("harbour", "wrong", endpoint=ENDPOINT, **options)
        with pytest.raises(InvalidRequestError, match="SSL"):
            await Voxel.ex_read_authkeys("harbour", "quay-and-tide", endpoint="http://api.voxel.net", **options)
        simulator.faults.append(Answer(body=b'<rsp stat="ok"/>'))
        with pytest.raises(MalformedResponseError, match="authkey"):
            await Voxel.ex_read_authkeys("harbour", "quay-and-tide", endpoint=ENDPOINT, **options)

    run(scenario())


# ---- errors ----


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (page('<err code="9" msg="Permission denied" />', "fail"), ForbiddenError, "Permission denied"),
        (page('<err code="100" msg="No such device" />', "fail"), NotFoundError, "No such device"),
        (page('<err code="110" msg="Wrong type" />', "fail"), InvalidRequestError, "Wrong type"),
        (page('<err code="201" msg="Busy" />', "fail"), ConflictError, "Busy"),
        (page('<err code="777" msg="A new one" />', "fail"), InvalidRequestError, "A new one"),
        (page('<err code="777" msg="No capacity" />', "fail"), CapacityError, "No capacity"),
        (page('<err code="100" msg="No such device" />', "fail", 404), NotFoundError, "No such device"),
        (page("", "fail"), InvalidRequestError, "does not say why"),
        (page("", "", 429), RateLimitReachedError, "does not say why"),
        (page(""), MalformedResponseError, "a list without `devices`"),
        (page("<devices/>"), NotFoundError, "no device '4711'"),
        (lambda _: Response(status=200), MalformedResponseError, "0 bytes"),
        (lambda _: Response(status=200, body=b"<a/>"), MalformedResponseError, "hAPI XML"),
        (lambda _: Response(status=200, body=b"<rsp/>"), MalformedResponseError, "hAPI XML"),
    ],
)
async def test_errors_are_told_apart(answer: Any, kind: type[CloudError], words: str) -> None:
    driver, _ = wired(answer)
    with pytest.raises(kind, match=words):
        await driver.get_node("4711")


async def test_an_error_has_the_apis_word_and_no_status() -> None:
    driver, _ = wired(page('<err code="9" msg="Permission denied" />', "fail"))
    with pytest.raises(ForbiddenError) as caught:
        await driver.destroy_node("4711")
    assert (caught.value.status, caught.value.code) == (None, "9")


async def test_only_what_does_no_more_when_it_is_done_twice_may_be_repeated() -> None:
    def lost(request: Request) -> Response:
        raise AnswerLostError("cut off")

    driver, seen = wired(lost)
    for verb in (driver.reboot_node, driver.start_node, driver.stop_node, driver.destroy_node):
        with pytest.raises(AnswerLostError):
            await verb("4711")
    assert [request.idempotent for request in seen] == [False, True, True, True]


# ---- nodes ----


def test_a_state_is_joined_to_its_device() -> None:
    simulator = VoxelSimulator(boot=10)

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("tern", **RECIPE)
        assert (node.id, node.state, node.size, node.image, node.location) == (
            "4711", NodeState.PENDING, "2cpu", "61", "LGA6"
        )  # fmt: skip
        await asyncio.sleep(6)
        assert (await driver.get_node(node)).extra["status"] == "IN_PROGRESS"
        with pytest.raises(ConflictError, match="busy"):
            await driver.reboot_node(node)
        node = await driver.wait_until(node)
        assert (node.public_ips, node.private_ips) == (("198.18.18.103",), ("10.4.18.103",))

    run(scenario())


def test_physical_servers_are_left_out_unless_they_are_asked_for() -> None:
    simulator = VoxelSimulator(physical=True)
    simulator.populate(2)

    async def scenario() -> None:
        driver = over(simulator)
        assert [node.name for node in await driver.list_nodes()] == ["server-0", "server-1"]
        everything = await driver.list_nodes(ex_all=True)
        assert (everything[0].name, everything[0].state) == ("switch-1", NodeState.UNKNOWN)
        assert [node.name for node in await driver.list_nodes(location="AMS2")] == ["server-1"]
        with pytest.raises(InvalidRequestError, match="110"):
            await driver.destroy_node(everything[0])

    run(scenario())


def test_the_root_password_is_ours_or_the_users_and_is_not_lost_with_an_answer() -> None:
    simulator = VoxelSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        simulator.faults.append(LostAnswer(on=simulator.creates))
        first = await driver.create_node("tern", **RECIPE)
        second = await driver.create_node("gull", **RECIPE, auth=NodeAuthPassword("high tide"))
        for node in (first, second):
            assert node.password is not None
            (ssh, admin) = await driver.ex_list_access_methods(node)
            assert (admin["type"], admin["username"], admin["password"]) == ("admin", "root", node.password)
            assert ssh["password"].reveal() == f"v{node.id}-ssh"
            assert "accessmethods" not in (await driver.get_node(node)).extra
        assert second.password is not None
        assert second.password.reveal() == "high tide"

    run(scenario())


async def test_the_disk_is_chosen_and_what_is_missing_is_said_before_anything_is_sent() -> None:
    driver, seen = wired(page(""))
    with pytest.raises(ConfigurationError, match="ex_disk_gb"):
        await driver.create_node("tern", **RECIPE, ex_disk_gb=0)
    with pytest.raises(ConfigurationError, match="needs a `location`"):
        await driver.create_node("tern", size="2cpu", image="61")
    for size in ("0cpu", "14cpu", "2", "02cpu", "²cpu"):
        with pytest.raises(ConfigurationError, match="from '1cpu' to '13cpu'"):
            await driver.create_node("tern", **{**RECIPE, "size": size})
    assert seen == []


async def test_a_create_says_what_was_asked_for() -> None:
    def answer(request: Request) -> Response:
        made = "<device><id>9</id><last_update>1</last_update><status>QUEUED</status></device>"
        return page(made if "create" in request.url.query["method"] else "<devices/>")(request)

    driver, seen = wired(answer, region="AMS2")
    script = "#!/bin/sh\necho a+b"
    own: dict[str, Any] = {"ex_frontend_ip": "203.0.113.9", "ex_backend_ip": "10.4.0.9"}
    node = await driver.create_node(
        "tern",
        size="3cpu",
        image="61",
        ex_disk_gb=20,
        ex_postinstall_script=script,
        ex_swap=1,
        ex_staff_access=False,
        **own,
    )
    assert (node.id, node.location) == ("9", "AMS2")
    assert node.password is not None
    sent = dict(seen[-1].url.query)
    assert sent.pop("api_sig") == signature(SECRET, sent)
    assert sent == {
        "method": "voxel.voxcloud.create",
        "hostname": "tern",
        "processing_cores": "3",
        "image_id": "61",
        "facility": "AMS2",
        "disk_size": "20",
        "admin_password": node.password.reveal(),
        "postinstall_script": script,
        "swap_space": "1",
        "frontend_ip": "203.0.113.9",
        "backend_ip": "10.4.0.9",
        "voxel_access": "false",
        "key": "2f9e6a01c7d84b35",
        "timestamp": "2011-03-01T12:00:00.000000+0000",
    }


def test_sizes_are_cores_with_their_memory_and_offers_as_available_as_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulated, "FACILITIES", (("LGA6", "New York", True), ("AMS2", "Amsterdam", False)))
    simulator = VoxelSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        sizes = await driver.list_sizes()
        assert [(size.id, size.name, size.vcpus, size.ram) for size in sizes[:2]] == [
            ("1cpu", "Single CPU", 1, 2048),
            ("2cpu", "2 CPUs", 2, 4096),
        ]
        assert len(sizes) == 13
        offers = await driver.list_offers()
        assert {(offer.location.id, offer.available) for offer in offers} == {("LGA6", True), ("AMS2", False)}
        with pytest.raises(InvalidRequestError, match="facility"):
            await driver.create_node("tern", **{**RECIPE, "location": "AMS2"})

    run(scenario())


@pytest.mark.parametrize("body", [b"", b"<html/>", b"<rsp>text</rsp>", b'<rsp stat="ok">'])
def test_what_is_no_rsp_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"no rsp|not well-formed"):
        CODEC.decode(body)
