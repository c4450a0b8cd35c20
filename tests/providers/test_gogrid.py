"""What only the GoGrid driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from aiocloud.errors import (
    AmbiguousCreateError,
    CapacityError,
    CloudError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
    ServiceUnavailableError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import NodeState
from aiocloud.providers.gogrid import GoGrid
from aiocloud.providers.gogrid.wire import signature
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.gogrid import GoGridSimulator
from aiocloud.simulators.virtualtime import run

ENDPOINT = GoGridSimulator.endpoint
RECIPE: dict[str, Any] = {"size": "1GB", "image": "1532"}
ADD = "/grid/server/add"


def over(simulator: GoGridSimulator, **options: Any) -> GoGrid:
    known = {**simulator.credentials, "endpoint": ENDPOINT, "transport": simulator, "now": simulator.now}
    return GoGrid(**{**known, **options})


def wired(answer: Callable[[Request], Response], **options: Any) -> tuple[GoGrid, list[Request]]:
    """A driver whose requests are answered so, and what it sends."""
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return answer(request)

    known = {"api_key": "4f1c2ab9d0e37788", "shared_secret": "tr0ub4dor", "retry": Retry(attempts=1), **options}
    return GoGrid(endpoint=ENDPOINT, transport=transport, **known), seen


def reply(*found: Any, status: int = 200, verdict: str = "success", **headers: str) -> Response:
    body = {"status": verdict, "summary": {"numpages": 0}, "list": list(found)}
    return Response(status=status, body=json.dumps(body).encode(), headers=headers_of(headers))


def error(message: str, word: str = "IllegalArgumentException", status: int = 400) -> Response:
    return reply({"object": "error", "errorcode": word, "message": message}, status=status, verdict="failure")


# ---- signing ----


def test_the_signature_is_the_digest_of_key_secret_and_second() -> None:
    moment = datetime.fromtimestamp(1293840000.9, UTC)
    assert signature("4f1c2ab9d0e37788", "tr0ub4dor", moment) == "53f6e20c9facbe6c300f967205c42e33"


async def test_a_question_is_a_form_and_nothing_of_it_is_in_the_url() -> None:
    now = datetime.fromtimestamp(1293840000 - 90, UTC)
    driver, seen = wired(lambda _: reply(), now=lambda: now, ex_clock_offset=90)
    await driver.list_nodes(location="2")
    assert str(seen[0].url) == "https://api.gogrid.com/api/grid/server/list"
    assert {name: values[0] for name, values in parse_qs(seen[0].body.decode()).items()} == {
        "datacenter": "2",
        "num_items": "100",
        "page": "0",
        "api_key": "4f1c2ab9d0e37788",
        "sig": "53f6e20c9facbe6c300f967205c42e33",
        "v": "1.8",
        "format": "json",
    }


@pytest.mark.parametrize(("minutes", "well"), [(9, True), (-9, True), (11, False)])
def test_a_clock_may_be_some_minutes_off_and_can_be_put_right(minutes: int, well: bool) -> None:
    simulator = GoGridSimulator()

    async def scenario() -> None:
        wrong = over(simulator, now=lambda: simulator.now() + timedelta(minutes=minutes))
        if well:
            await wrong.list_nodes()
            return
        with pytest.raises(InvalidCredsError, match="a clock that is minutes off"):
            await wrong.list_nodes()
        mended = over(simulator, now=wrong.now, ex_clock_offset=-60 * minutes)
        assert await mended.list_nodes() == []

    run(scenario())


def test_each_attempt_is_signed_for_its_own_moment() -> None:
    simulator = GoGridSimulator()
    simulator.faults.append(Answer(status=503, times=2))
    sent: list[Any] = []

    async def noting(request: Request) -> Response:
        sent.append(parse_qs(request.body.decode())["sig"])
        return await simulator(request)

    async def scenario() -> None:
        await over(simulator, transport=noting, retry=Retry(wait_initial=5, jitter=lambda: 1.0)).list_nodes()

    run(scenario())
    assert len({sig for (sig,) in sent}) == 3


# ---- errors ----


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (error("No object found that matches your input criteria."), NotFoundError, "No object found"),
        (error("The name is already taken"), ConflictError, "already taken"),
        (error("Something is amiss"), InvalidRequestError, "Something is amiss"),
        (error("Something is amiss", status=200), InvalidRequestError, "IllegalArgumentException"),
        (error("Not for you", "UnauthorizedException", 401), ForbiddenError, "Not for you"),
        (error("Oh", "UnexpectedException", 500), ServerError, "Oh"),
        (error("Oh", "UnexpectedException", 200), ServerError, "Oh"),
        (Response(status=401), ForbiddenError, "HTTP 401"),
        (Response(status=403, body=b"<h1>403 Not Authorized</h1>"), InvalidCredsError, "Check the credentials"),
        (Response(status=503, body=b"<html><title>Back soon</title></html>"), ServiceUnavailableError, "Back soon"),
        (reply(status=400, verdict="failure"), InvalidRequestError, "HTTP 400"),
        (reply(), MalformedResponseError, "without its one object"),
        (Response(status=200, body=b"[]"), MalformedResponseError, "without its one object"),
    ],
)
async def test_errors_are_told_apart(answer: Response, kind: type[CloudError], words: str) -> None:
    driver, _ = wired(lambda _: answer)
    with pytest.raises(kind, match=words):
        await driver.get_node("71002")


@pytest.mark.parametrize("word", ["ERR_403_DEVELOPER_OVER_QPS", "ERR_403_DEVELOPER_OVER_RATE"])
async def test_the_gateway_says_in_a_header_that_it_was_asked_too_often(word: str) -> None:
    headers = headers_of({"X-Mashery-Error-Code": word, "Retry-After": "2"})
    driver, _ = wired(lambda _: Response(status=403, body=b"<h1>403</h1>", headers=headers))
    with pytest.raises(RateLimitReachedError) as caught:
        await driver.list_nodes()
    assert caught.value.code == word
    assert "credentials" not in str(caught.value)


async def test_the_status_of_an_error_inside_of_a_success_is_none() -> None:
    driver, _ = wired(lambda _: error("Something is amiss", status=200))
    with pytest.raises(InvalidRequestError) as caught:
        await driver.list_nodes()
    assert (caught.value.status, caught.value.code) == (None, "IllegalArgumentException")


# ---- creating ----


def test_a_create_waits_for_the_number_which_no_answer_has_at_first() -> None:
    simulator = GoGridSimulator(boot=600, hidden=100, numbering=240)

    async def scenario() -> None:
        began = asyncio.get_running_loop().time()
        node = await over(simulator).create_node("tern", **RECIPE)
        assert 240 <= asyncio.get_running_loop().time() - began < 260
        assert (node.id, node.state) == ("71001", NodeState.PENDING)

    run(scenario())


def test_a_server_without_a_number_is_called_by_its_name() -> None:
    simulator = GoGridSimulator(boot=600, numbering=240)

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("tern", **RECIPE, ex_wait=0)
        assert (node.id, node.state, node.public_ips) == ("tern", NodeState.PENDING, ("198.18.64.1",))
        assert await driver.list_nodes() == [node]
        assert await driver.get_node(node) == node
        await driver.destroy_node(node)
        assert await driver.list_nodes() == []

    run(scenario())


def test_trouble_while_the_number_is_awaited_is_no_trouble_with_the_node() -> None:
    simulator = GoGridSimulator(boot=600, numbering=60)

    async def scenario() -> None:
        simulator.faults.append(Answer(on="/grid/server/list", status=400, body=b"no", times=2))
        assert (await over(simulator).create_node("tern", **RECIPE)).id == "71001"

    run(scenario())
    assert simulator.calls[ADD] == 1
    assert not simulator.faults


def test_a_create_cancelled_while_its_number_is_awaited_leaves_nothing() -> None:
    simulator = GoGridSimulator(boot=600, numbering=400)

    async def scenario() -> None:
        driver = over(simulator)
        creating = asyncio.ensure_future(driver.create_node("tern", **RECIPE))
        await asyncio.sleep(20)
        assert [node.id for node in await driver.list_nodes()] == ["tern"]
        creating.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await creating
        assert "was destroyed again" in caught.value.__notes__[0]
        assert await driver.list_nodes() == []

    run(scenario())


def test_a_server_that_stays_hidden_after_its_answer_was_lost_is_ambiguous_and_named_with_its_address() -> None:
    simulator = GoGridSimulator(hidden=100)

    async def scenario() -> None:
        simulator.faults.append(LostAnswer(on=ADD))
        with pytest.raises(AmbiguousCreateError, match=r"'tern' was lost .+ the mark 198\.18\.64\.1$"):
            await over(simulator).create_node("tern", **RECIPE)

    run(scenario())
    assert simulator.calls[ADD] == 1


def test_creates_side_by_side_take_an_address_each() -> None:
    simulator = GoGridSimulator(spare=2)

    async def scenario() -> None:
        driver = over(simulator, region="3")
        first, second = await asyncio.gather(*(driver.create_node(name, **RECIPE) for name in ("tern", "gull")))
        assert {*first.public_ips, *second.public_ips} == {"198.18.192.1", "198.18.192.2"}
        assert first.location == second.location == "3"
        with pytest.raises(QuotaExceededError, match="no public address is free"):
            await driver.create_node("auk", **RECIPE)

    run(scenario())


def test_an_address_that_somebody_else_was_quicker_to_take_is_passed_over() -> None:
    simulator = GoGridSimulator(spare=2)
    rivals = iter(["rival"])

    async def with_a_rival(request: Request) -> Response:
        if simulator.operation(request) == ADD and next(rivals, None):
            other = over(simulator, transport=lambda request: _now(simulator.answer(request)))
            await other.create_node("rival", **RECIPE, location="1", ex_address="198.18.64.1")
        return await simulator(request)

    async def scenario() -> None:
        driver = over(simulator, transport=with_a_rival, region="1")
        assert (await driver.create_node("tern", **RECIPE)).public_ips == ("198.18.64.2",)

    run(scenario())


async def _now(response: Response) -> Response:
    return response


@pytest.mark.parametrize("name", ["tern", "a-name-of-21-letters."])
def test_a_name_that_is_taken_or_too_long_is_refused_once(name: str) -> None:
    simulator = GoGridSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        await driver.create_node("tern", **RECIPE)
        with pytest.raises((ConflictError, InvalidRequestError), match=r"already exists|20 characters"):
            await driver.create_node(name, **RECIPE)
        assert len(await driver.list_nodes()) == 1

    run(scenario())
    assert simulator.calls[ADD] == 2


async def test_a_lack_of_machines_is_told_from_other_refusals() -> None:
    driver, _ = wired(lambda request: error("Out of capacity") if ADD in request.url.path else reply({"ip": "1.2.3.4"}))
    with pytest.raises(CapacityError):
        await driver.create_node("tern", **RECIPE)


# ---- the rest ----


def test_lists_come_in_pages_that_are_counted_from_0() -> None:
    simulator = GoGridSimulator()
    simulator.populate(201)

    async def scenario() -> None:
        assert len(await over(simulator).list_nodes()) == 201

    run(scenario())
    assert simulator.calls["/grid/server/list"] == 3


def test_the_password_can_be_asked_for_by_who_may() -> None:
    simulator = GoGridSimulator(numbering=5)

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("tern", **RECIPE, ex_wait=0)
        with pytest.raises(NotFoundError, match="no password of node tern yet"):
            await driver.ex_get_password(node)
        await asyncio.sleep(5)
        (node,) = await driver.list_nodes()
        assert (await driver.ex_get_password(node)).reveal() == "x71001Yq"
        simulator.super_user = False
        with pytest.raises(ForbiddenError, match="role"):
            await driver.ex_get_password(node)

    run(scenario())


def test_a_server_is_edited_and_saved_as_an_image() -> None:
    simulator = GoGridSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("tern", **RECIPE, ex_description="front", ex_sandbox=True)
        assert (await driver.get_node(node)).extra["isSandbox"] is True
        changed = await driver.ex_edit_node(node, size="2GB", description="back")
        assert (changed.size, changed.extra["description"]) == ("2GB", "back")
        image = await driver.ex_save_image(node, "tern's", description="as of today")
        assert image.name == "tern's"
        assert image in await driver.list_images()
        await driver.ex_delete_image(image)
        assert image not in await driver.list_images()
        with pytest.raises(NotFoundError):
            await driver.ex_delete_image("1532")
        assert await driver.ex_list_jobs(node=node) == await driver.ex_list_load_balancers() == []

    run(scenario())


def test_addresses_are_listed_by_state_and_place() -> None:
    simulator = GoGridSimulator(spare=3)

    async def scenario() -> None:
        driver = over(simulator)
        await driver.create_node("tern", **RECIPE, location="2")
        taken = await driver.ex_list_addresses(state="Assigned")
        assert [each["ip"] for each in taken] == ["198.18.128.1"]
        assert len(await driver.ex_list_addresses(location="2", state="Unassigned")) == 2
        assert len(await driver.ex_list_addresses()) == 9

    run(scenario())
