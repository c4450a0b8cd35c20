"""What only the DreamHost driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

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
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import NodeState
from aiocloud.providers.dreamhost import DreamHost
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.dreamhost import DreamHostSimulator
from aiocloud.simulators.virtualtime import run

KEY = "7QK2ZP4M9XW3R8TB"
RECIPE: Mapping[str, Any] = {"size": "low", "image": "web"}
ENDPOINT = DreamHostSimulator.endpoint


def over(simulator: DreamHostSimulator, **options: Any) -> DreamHost:
    known: dict[str, Any] = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return DreamHost(**{**known, "endpoint": ENDPOINT, **options})


def answering(body: Any, seen: list[Request] | None = None) -> DreamHost:
    """A driver whose every request gets this answer, with the usual status."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return Response(status=200, body=json.dumps(body).encode())

    return DreamHost(KEY, endpoint=ENDPOINT, transport=network, retry=Retry(attempts=1))


def forms(seen: list[Request]) -> list[dict[str, str]]:
    return [{name: values[0] for name, values in parse_qs(request.body.decode()).items()} for request in seen]


async def test_the_key_is_in_the_body_and_every_call_has_an_id_of_its_own() -> None:
    seen: list[Request] = []
    dreamhost = answering({"result": "success", "data": []}, seen)
    assert await dreamhost.list_nodes() == []
    first, second = forms(seen)
    assert {request.method for request in seen} == {"POST"}
    assert {str(request.url) for request in seen} == {"https://api.dreamhost.com/"}
    assert seen[0].headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert first.pop("unique_id") != second.pop("unique_id")
    assert first == {"key": KEY, "cmd": "dreamhost_ps-list_pending_ps", "format": "json"}
    assert second == {"key": KEY, "cmd": "dreamhost_ps-list_ps", "format": "json"}


def test_nobody_is_sent_a_key_in_the_place_of_one_who_is_gone() -> None:
    with pytest.raises(ConfigurationError, match="closed in 2015"):
        DreamHost(KEY)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("invalid_api_key", InvalidCredsError),
        ("no_key", InvalidCredsError),
        ("unknown_cmd", ForbiddenError),
        ("no_such_ps", NotFoundError),
        ("no_such_zone", NotFoundError),
        ("no_type", InvalidRequestError),
        ("invalid_size", InvalidRequestError),
        ("slow_down_bucko", RateLimitReachedError),
        ("internal_error_setting_size", ServerError),
        ("unique_id_already_used", ConflictError),
        ("no_capacity", CapacityError),
        ("something_else", InvalidRequestError),
    ],
)
async def test_a_word_in_a_success_is_an_error_with_a_name(word: str, kind: type[ApiError]) -> None:
    with pytest.raises(kind, match=word) as caught:
        await answering({"result": "error", "data": word}).list_nodes()
    assert (caught.value.code, caught.value.status) == (word, None)


async def test_the_reason_is_told_where_there_is_one() -> None:
    with pytest.raises(NotFoundError, match="There is no ps9"):
        await answering({"result": "error", "data": "no_such_ps", "reason": "There is no ps9"}).list_nodes()


@pytest.mark.parametrize("body", [{}, [], {"result": "success"}, {"result": "success", "data": "none"}])
async def test_what_is_neither_success_nor_error_is_malformed(body: Any) -> None:
    with pytest.raises(MalformedResponseError):
        await answering(body).list_nodes()


def test_an_order_is_pending_under_its_id_until_it_is_listed() -> None:
    simulator = DreamHostSimulator(boot=60)

    async def scenario() -> None:
        dreamhost = over(simulator)
        node = await dreamhost.create_node("web-1", **RECIPE)
        assert (node.id, node.name, node.state) == ("ps48213", "ps48213", NodeState.PENDING)
        assert [(each.id, each.state) for each in await dreamhost.list_nodes()] == [("ps48213", NodeState.PENDING)]
        assert [row["type"] for row in await dreamhost.ex_list_pending()] == ["web"]
        ready = await dreamhost.wait_until(node)
        assert (ready.size, ready.image, len(ready.public_ips)) == ("low", "web", 1)

    run(scenario())


def test_orders_of_others_are_seen_though_nobody_tells_their_ids() -> None:
    simulator = DreamHostSimulator(boot=60)

    async def scenario() -> None:
        ours, theirs = over(simulator), over(simulator)
        mine = await ours.create_node("web-1", **RECIPE)
        await theirs.create_node("web-2", **RECIPE)
        await theirs.create_node("db", size="low", image="mysql")
        listed = {node.id for node in await ours.list_nodes()}
        assert listed == {mine.id, "pending-web-1", "pending-mysql-1"}
        await ours.ex_remove_pending()
        assert await ours.list_nodes() == []
        with pytest.raises(NotFoundError, match="ps48213"):
            await ours.get_node(mine)

    run(scenario())


def test_a_machine_that_is_set_up_between_the_two_questions_is_seen_once() -> None:
    simulator = DreamHostSimulator(boot=1.5)
    simulator.latency = 1.0

    async def scenario() -> None:
        dreamhost = over(simulator)
        await dreamhost.create_node("web-1", **RECIPE)
        assert [(node.id, node.state) for node in await dreamhost.list_nodes()] == [("ps48213", NodeState.RUNNING)]

    run(scenario())


def test_a_create_whose_answer_is_lost_is_repeated_with_its_id_and_made_once() -> None:
    simulator = DreamHostSimulator()

    async def scenario() -> None:
        simulator.faults.append(LostAnswer(on=simulator.creates))
        with pytest.raises(AmbiguousCreateError, match="web-1") as caught:
            await over(simulator).create_node("web-1", **RECIPE)
        assert "unique_id_already_used" in str(caught.value.__cause__)
        simulator.faults.append(Answer(on=simulator.creates, status=502))
        assert (await over(simulator).create_node("web-2", **RECIPE)).id == "ps48214"

    run(scenario())
    assert simulator.calls[simulator.creates] == 4
    assert len(simulator.servers) == 2


def test_a_change_whose_answer_is_lost_is_done_once_and_well() -> None:
    simulator = DreamHostSimulator()
    simulator.populate(2)

    async def scenario() -> None:
        dreamhost = over(simulator)
        simulator.faults += [LostAnswer(on="*remove_ps"), LostAnswer(on="*set_size")]
        await dreamhost.ex_resize_node("ps48213", "1500")
        await dreamhost.destroy_node("ps48214")
        (left,) = await dreamhost.list_nodes()
        assert (left.id, left.size) == ("ps48213", "1500")

    run(scenario())
    assert simulator.calls["dreamhost_ps-remove_ps"] == 2


async def test_an_id_that_was_used_without_our_doing_is_an_error() -> None:
    with pytest.raises(ConflictError):
        await answering({"result": "error", "data": "unique_id_already_used"}).destroy_node("ps1")


async def test_what_is_ordered_is_told_in_the_words_of_the_api() -> None:
    seen: list[Request] = []
    dreamhost = answering({"result": "success", "data": {"added_web": "ps48301", "token": "svc-1"}}, seen)
    node = await dreamhost.create_node("web-1", size="600", image="web", ex_move_data=True, ex_account_id="310027")
    assert node.extra["token"] == "svc-1"
    (form,) = forms(seen)
    wanted = {"type": "web", "size": "600", "movedata": "yes", "account_id": "310027"}
    assert {key: form[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    "options",
    [{"size": "200"}, {"size": "4001"}, {"size": "huge"}, {"location": "eu"}, {"tags": {"role": "web"}}],
)
def test_what_cannot_be_ordered_is_refused_here(options: dict[str, Any]) -> None:
    simulator = DreamHostSimulator()

    async def scenario() -> None:
        with pytest.raises(ConfigurationError):
            await over(simulator).create_node("web-1", **{**RECIPE, **options})

    run(scenario())
    assert not simulator.calls


def test_sizes_are_amounts_of_memory_in_one_place() -> None:
    async def scenario() -> None:
        dreamhost = over(DreamHostSimulator())
        sizes = [(size.id, size.ram, size.price) for size in await dreamhost.list_sizes()]
        assert sizes[0] == ("minimum", 300, None)
        assert sizes[-1] == ("maximum", 4000, None)
        assert [(place.id, place.country) for place in await dreamhost.list_locations()] == [("us", "US")]
        assert [image.id for image in await dreamhost.list_images()] == ["web", "mysql"]

    run(scenario())


def test_settings_are_read_and_written_by_name() -> None:
    simulator = DreamHostSimulator()
    simulator.populate(1)

    async def scenario() -> None:
        dreamhost = over(simulator)
        await dreamhost.ex_set_settings("ps48213", {"comment": "Zoë & Kai = 2", "apache2_enabled": "0"})
        settings = await dreamhost.ex_get_settings("ps48213")
        assert (settings["comment"], settings["apache2_enabled"]) == ("Zoë & Kai = 2", "0")
        with pytest.raises(NotFoundError):
            await dreamhost.ex_get_settings("ps1")

    run(scenario())
