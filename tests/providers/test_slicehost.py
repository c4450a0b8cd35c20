"""What only the Slicehost driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from aiocloud.errors import (
    AmbiguousCreateError,
    AnswerLostError,
    CloudError,
    ConfigurationError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import NodeAuthPassword, NodeState
from aiocloud.providers.slicehost import CODEC, Slicehost
from aiocloud.simulators.base import LostAnswer
from aiocloud.simulators.slicehost import SlicehostSimulator
from aiocloud.simulators.virtualtime import run

ENDPOINT = SlicehostSimulator.endpoint


def over(simulator: SlicehostSimulator, **options: Any) -> Slicehost:
    known = {**simulator.credentials, "endpoint": ENDPOINT, "transport": simulator, "now": simulator.now}
    return Slicehost(**{**known, **options})


def wired(answer: Callable[[Request], Response]) -> tuple[Slicehost, list[Request]]:
    """A driver whose requests are answered so, and what it sends."""
    seen: list[Request] = []

    async def transport(request: Request) -> Response:
        seen.append(request)
        return answer(request)

    once = Retry(attempts=1)
    return Slicehost("ac3df18e0slicehostdemo", endpoint=ENDPOINT, transport=transport, retry=once), seen


def page(status: int, body: bytes = b"") -> Callable[[Request], Response]:
    return lambda _: Response(status=status, body=body)


async def test_the_key_is_the_users_name_and_the_password_is_empty() -> None:
    driver, seen = wired(page(200, b'<slices type="array"/>'))
    assert await driver.list_nodes() == []
    assert seen[0].headers["Authorization"] == "Basic YWMzZGYxOGUwc2xpY2Vob3N0ZGVtbzo="
    assert (seen[0].method, str(seen[0].url)) == ("GET", "https://api.slicehost.com/slices.xml")


def test_no_key_is_sent_where_no_endpoint_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"closed in 2012.+`endpoint`"):
        Slicehost("key")


async def test_an_empty_list_may_be_called_nil_classes() -> None:
    driver, _ = wired(page(200, b'<?xml version="1.0"?><nil-classes type="array"/>'))
    assert await driver.list_nodes() == []


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"<html><body/></html>", b"<slice><id>1</id></slice>", b'<slices type="array"><slice/></slices>'],
)
async def test_what_is_no_list_is_never_taken_for_an_empty_one(body: bytes) -> None:
    driver, _ = wired(page(200, body))
    with pytest.raises(MalformedResponseError):
        await driver.list_nodes()


@pytest.mark.parametrize(
    "body",
    [
        b'<slices type="array"><slice><id type="integer">x</id></slice></slices>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ],
)
async def test_a_number_that_is_none_and_a_document_type_are_malformed(body: bytes) -> None:
    driver, _ = wired(page(200, body))
    with pytest.raises(MalformedResponseError):
        await driver.list_nodes()


async def test_no_list_is_at_an_address_that_is_not_there() -> None:
    driver, _ = wired(page(404))
    with pytest.raises(NotFoundError, match="check the endpoint"):
        await driver.list_nodes()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"HTTP Basic: Access denied.\n", InvalidCredsError, "Check the credentials"),
        (422, b"<errors><error>Name is bad</error><error>Image is bad</error></errors>", InvalidRequestError,
         "Name is bad; Image is bad"),
        (422, b"<errors><error>Name is bad</error></errors>", InvalidRequestError, "Name is bad"),
        (403, b"<errors><error>Permission denied</error></errors>", ForbiddenError, "Permission denied"),
        (418, b"<errors/>", InvalidRequestError, "HTTP 418"),
        (500, b"<html><title>Application error (Rails)</title></html>", CloudError, "Application error"),
    ],
)  # fmt: skip
async def test_errors_are_told_in_their_own_words(status: int, body: bytes, kind: Any, words: str) -> None:
    driver, _ = wired(page(status, body))
    with pytest.raises(kind, match=words):
        await driver.get_node("1")


def test_destroying_must_be_permitted_in_the_slice_manager() -> None:
    simulator = SlicehostSimulator(deletes=False)
    simulator.populate(1)

    async def scenario() -> None:
        driver = over(simulator)
        (node,) = await driver.list_nodes()
        with pytest.raises(
            ForbiddenError, match="You must enable slice deletes in the SliceManager; Permission denied"
        ):
            await driver.destroy_node(node)
        assert await driver.list_nodes() == [node]

    run(scenario())


def test_the_root_password_is_in_the_answer_to_the_create_alone() -> None:
    simulator = SlicehostSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        node = await driver.create_node("tern <1>", size="2", image="10")
        assert node.password is not None
        assert (node.name, node.state, node.public_ips) == ("tern <1>", NodeState.PENDING, ())
        assert node.password.reveal() not in f"{node!r} {dict(node.extra)}"
        assert (await driver.get_node(node)).password is None

    run(scenario())


def test_a_node_whose_answer_was_lost_has_lost_its_password() -> None:
    simulator = SlicehostSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        older = await driver.create_node("tern", size="2", image="10")
        simulator.faults.append(LostAnswer(on=simulator.creates, times=2))
        pair = await asyncio.gather(*(driver.create_node("tern", size="2", image="10") for _ in range(2)))
        assert len({older.id, *(node.id for node in pair)}) == 3
        assert [node.password for node in pair] == [None, None]

    run(scenario())


def test_a_lost_answer_that_may_belong_to_two_slices_is_ambiguous() -> None:
    simulator = SlicehostSimulator()

    async def with_a_rival(request: Request) -> Response:
        if simulator.operation(request) != simulator.creates:
            return await simulator(request)
        simulator.answer(request)
        simulator.answer(request)
        raise AnswerLostError("cut off")

    async def scenario() -> None:
        with pytest.raises(AmbiguousCreateError, match="'tern'"):
            await over(simulator, transport=with_a_rival).create_node("tern", size="2", image="10")

    run(scenario())


def test_sizes_cost_so_much_a_month() -> None:
    async def scenario() -> None:
        simulator = SlicehostSimulator()
        price = {each.id: each.price for each in await over(simulator).list_sizes()}["2"]
        assert price is not None
        assert (price.amount, price.currency, price.per) == (Decimal(38), "USD", "month")
        assert price.as_of == simulator.now().date()

    run(scenario())


async def test_a_size_without_a_price_has_none() -> None:
    driver, _ = wired(page(200, b'<flavors type="array"><flavor><id>9</id><name>new</name></flavor></flavors>'))
    assert [(each.id, each.price, each.ram) for each in await driver.list_sizes()] == [("9", None, None)]


def test_there_is_one_location_and_no_other_is_pretended() -> None:
    simulator = SlicehostSimulator()

    async def scenario() -> None:
        driver = over(simulator)
        for verb in (driver.list_nodes, driver.list_sizes, driver.list_images):
            with pytest.raises(ConfigurationError, match="one location, 'us'"):
                await verb(location="DFW-1")

    run(scenario())


def test_a_slice_is_renamed_rebuilt_and_restarted_hard() -> None:
    simulator = SlicehostSimulator()
    simulator.populate(1)

    async def scenario() -> None:
        driver = over(simulator)
        (node,) = await driver.list_nodes()
        await driver.ex_rename_node(node, "gull")
        await driver.reboot_node(node, ex_hard=True)
        seen = await driver.get_node(node)
        assert (seen.name, seen.state, seen.extra["status"]) == ("gull", NodeState.REBOOTING, "hard_reboot")
        simulator.backups["5-6507"] = int(node.id)
        await driver.ex_rebuild_node(node, image="11")
        assert (await driver.get_node(node)).image == "11"
        await driver.ex_rebuild_node(node, backup="5-6507")
        seen = await driver.wait_until(node)
        assert (seen.image, seen.extra["backup-id"]) == (None, "5-6507")
        assert [each["id"] for each in await driver.ex_list_backups()] == ["5-6507"]
        made = await driver.create_node("from-backup", size="1", ex_backup="5-6507")
        assert (made.image, made.extra["backup-id"]) == (None, "5-6507")
        assert await driver.ex_list_zones() == await driver.ex_list_records() == []

    run(scenario())


async def test_a_restart_whose_answer_is_lost_is_not_repeated() -> None:
    def lost(request: Request) -> Response:
        raise AnswerLostError("cut off")

    driver, seen = wired(lost)
    with pytest.raises(AnswerLostError):
        await driver.reboot_node("7")
    assert [(each.method, each.url.path, each.idempotent) for each in seen] == [("PUT", "/slices/7/reboot.xml", False)]


@pytest.mark.parametrize("source", [{}, {"image": "10", "ex_backup": "5-1"}, {"image": "ten"}])
async def test_a_slice_is_built_from_one_thing_that_has_an_id(source: dict[str, Any]) -> None:
    driver, seen = wired(page(500))
    with pytest.raises(ConfigurationError, match="slicehost"):
        await driver.create_node("tern", size="2", **source)
    with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
        await driver.create_node("tern", size="2", image="10", auth=NodeAuthPassword("x"))
    assert seen == []


def test_what_is_written_can_be_read() -> None:
    record: dict[str, str | int] = {"name": "a & b <c>", "flavor-id": 2}
    assert CODEC.decode(CODEC.encode("slice", record)) == record
