"""Making a node exactly once: what is in doubt, what is looked for, and what a cancelled create leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from yarl import URL

from aiocloud.creation import GRACE, Creation
from aiocloud.errors import (
    AmbiguousCreateError,
    AnswerLostError,
    CapacityError,
    CloudError,
    ConflictError,
    ConnectError,
    MalformedResponseError,
    QuotaExceededError,
    ServiceUnavailableError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import Node
from aiocloud.simulators.virtualtime import run

WEB = Node(id="n-1", name="web")


class Cloud:
    """Nodes that `send` makes, `find` sees and `destroy` removes; each call takes a second.

    `answers` are raised by the sends in turn, after the node was made where `made` says so; `blind` are raised
    (or, when None, answered) by the finds in turn, before they tell the truth.
    """

    def __init__(
        self,
        *answers: BaseException | None,
        made: bool = True,
        blind: tuple[BaseException | None, ...] = (),
        destroys: BaseException | None = None,
    ) -> None:
        self.answers = list(answers)
        self.made = made
        self.blind = list(blind)
        self.destroys = destroys
        self.nodes: list[Node] = []
        self.sent = 0
        self.looked = 0

    async def send(self) -> Node:
        self.sent += 1
        await anyio.sleep(0.5)
        if self.made and not self.nodes:
            self.nodes.append(WEB)
        await anyio.sleep(0.5)
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer
        return WEB

    async def find(self) -> Node | None:
        self.looked += 1
        await anyio.sleep(1)
        if self.blind:
            if (answer := self.blind.pop(0)) is not None:
                raise answer
            return None
        return self.nodes[0] if self.nodes else None

    async def destroy(self, node: Node) -> None:
        await anyio.sleep(1)
        if self.destroys is not None:
            raise self.destroys
        self.nodes.remove(node)

    def create(self, *, repeat: bool = False) -> Awaitable[Node]:
        return Creation(
            name="web", token="m-4711", send=self.send, find=self.find, destroy=self.destroy, repeat=repeat
        ).run()


def outcome(cloud: Cloud, *, repeat: bool = False) -> Node | Exception:
    async def go() -> Node | Exception:
        try:
            return await cloud.create(repeat=repeat)
        except Exception as error:
            return error

    return run(go())


LOST = AnswerLostError("the line went dead", provider="quay", account="prod")


@pytest.mark.parametrize(
    "doubt", [LOST, ServiceUnavailableError("oops", status=503), MalformedResponseError("a Node without `id`")]
)
def test_a_node_whose_answer_was_lost_or_cannot_be_read_is_found(doubt: CloudError) -> None:
    cloud = Cloud(doubt)
    assert outcome(cloud) == WEB
    assert cloud.sent == 1


@pytest.mark.parametrize("refusal", [CapacityError("none left", status=400), ConnectError("no route")])
def test_a_refusal_is_told_at_once_and_nothing_is_looked_for(refusal: CloudError) -> None:
    cloud = Cloud(refusal, made=False)
    assert outcome(cloud) is refusal
    assert cloud.looked == 0


def test_a_node_that_shows_late_is_found_by_a_later_look() -> None:
    cloud = Cloud(LOST, blind=(None, None))
    assert outcome(cloud) == WEB
    assert cloud.looked == 3


def test_a_look_that_fails_does_not_end_the_search() -> None:
    cloud = Cloud(LOST, blind=(ServiceUnavailableError("a moment"),))
    assert outcome(cloud) == WEB


def test_a_search_that_only_fails_leaves_the_create_in_doubt_and_sends_no_twin() -> None:
    cloud = Cloud(LOST, blind=(None, None, ServiceUnavailableError("down")))
    error = outcome(cloud, repeat=True)
    assert isinstance(error, AmbiguousCreateError)
    assert (error.name, error.token, error.provider, error.account) == ("web", "m-4711", "quay", "prod")
    assert cloud.sent == 1


def test_a_mistake_in_the_search_does_not_hide_that_a_node_may_be_running() -> None:
    error = outcome(Cloud(LOST, blind=(KeyError("id"),) * 3))
    assert isinstance(error, AmbiguousCreateError)
    assert isinstance(error.__cause__, KeyError)


def test_nothing_found_is_repeated_only_where_a_twin_is_refused() -> None:
    careless = Cloud(LOST, made=False)
    assert isinstance(outcome(careless), AmbiguousCreateError)
    assert careless.sent == 1
    careful = Cloud(LOST, made=False)
    assert outcome(careful, repeat=True) == WEB
    assert careful.sent == 2


def test_a_twin_that_is_refused_leads_to_the_first_even_if_that_one_shows_late() -> None:
    cloud = Cloud(LOST, ConflictError("the name is taken"), blind=(None,) * 5)
    assert outcome(cloud, repeat=True) == WEB


@pytest.mark.parametrize("refusal", [ConflictError("the name is taken"), QuotaExceededError("one is enough")])
def test_a_twin_that_its_own_first_may_have_kept_out_proves_nothing(refusal: CloudError) -> None:
    """Else a caller would believe that there is no node, while the first runs and is not listed yet."""
    error = outcome(Cloud(LOST, refusal, blind=(None,) * 99), repeat=True)
    assert isinstance(error, AmbiguousCreateError)
    assert error.__cause__ is refusal


@pytest.mark.parametrize("refusal", [ConnectError("no route"), LOST])
def test_a_twin_that_never_arrived_proves_nothing(refusal: CloudError) -> None:
    error = outcome(Cloud(LOST, refusal, blind=(None,) * 99), repeat=True)
    assert isinstance(error, AmbiguousCreateError)


def test_a_look_that_fails_after_the_twin_was_refused_leaves_it_in_doubt() -> None:
    error = outcome(Cloud(LOST, CapacityError("none"), blind=(None,) * 3 + (LOST,) * 9), repeat=True)
    assert isinstance(error, AmbiguousCreateError)


def test_a_twin_that_is_refused_for_a_reason_of_its_own_is_the_answer() -> None:
    refusal = CapacityError("none left")
    cloud = Cloud(LOST, refusal, made=False)
    assert outcome(cloud, repeat=True) is refusal


def test_a_mistake_while_the_answer_is_read_says_that_a_node_may_be_running() -> None:
    error = outcome(Cloud(KeyError("instances")))
    assert isinstance(error, KeyError)
    assert "m-4711" in " ".join(error.__notes__)


def test_a_request_that_may_have_arrived_before_the_network_went_away_is_in_doubt() -> None:
    """The first sending is lost, the others do not leave: what the last one says does not count."""
    cloud = Cloud()
    answers: list[CloudError] = [AnswerLostError("lost"), ConnectError("no route"), ConnectError("no route")]

    async def network(request: Request) -> Response:
        if len(answers) == 3:
            cloud.nodes.append(WEB)
        raise answers.pop(0)

    async def send() -> Node:
        retry = Retry(attempts=3)
        await retry(Request(method="POST", url=URL("https://api.example"), idempotent=True), network)
        raise AssertionError("no answer ever came")

    making = Creation(name="web", token="t", send=send, find=cloud.find, destroy=cloud.destroy)
    assert run(_run(making.run)) == WEB


async def _run(call: Callable[[], Awaitable[Node]]) -> Node:
    return await call()


# ---- cancelling ----


async def cancelled(cloud: Cloud, *moments: float, repeat: bool = False) -> list[str]:
    """Cancel a create at these moments; what the error says of it. No task may be left behind."""
    calm = asyncio.all_tasks()
    making = asyncio.ensure_future(cloud.create(repeat=repeat))
    begun = anyio.current_time()
    for moment in moments:
        await anyio.sleep(begun + moment - anyio.current_time())
        making.cancel()
    try:
        await making
    except asyncio.CancelledError as error:
        assert asyncio.all_tasks() == calm
        return list(getattr(error, "__notes__", []))
    raise AssertionError("it finished in spite of it")


@pytest.mark.parametrize("moment", [0.0, 0.25, 0.75, 1.0])
def test_a_cancelled_create_destroys_what_was_made(moment: float) -> None:
    cloud = Cloud()
    run(cancelled(cloud, moment))
    assert cloud.nodes == []


@pytest.mark.parametrize("moment", [1.2, 2.0, 2.4])
def test_a_create_that_is_cancelled_while_it_looks_destroys_what_it_finds(moment: float) -> None:
    cloud = Cloud(LOST)
    run(cancelled(cloud, moment))
    assert cloud.nodes == []


@pytest.mark.parametrize("second", [0.3, 0.9, 1.5])
def test_a_create_that_is_cancelled_twice_leaves_at_once_and_names_what_it_leaves(
    second: float, caplog: pytest.LogCaptureFixture
) -> None:
    cloud = Cloud()

    async def go() -> tuple[list[str], float]:
        return await cancelled(cloud, 0.2, second), anyio.current_time()

    notes, ended = run(go())
    assert "m-4711" in notes[0]
    assert "m-4711" in caplog.text
    assert ended == pytest.approx(second)


def test_a_second_cancel_inside_a_cancelled_scope_is_not_silent_either() -> None:
    """A scope delivers its cancellation again and again, to whatever the clean-up awaits."""
    cloud = Cloud()
    notes: list[str] = []

    async def create() -> None:
        try:
            await cloud.create()
        except asyncio.CancelledError as error:
            notes.extend(getattr(error, "__notes__", []))
            raise

    async def go() -> None:
        calm = asyncio.all_tasks()

        async def scoped() -> None:
            with anyio.move_on_after(0.2):
                await create()

        task = asyncio.ensure_future(scoped())
        await anyio.sleep(0.9)
        task.cancel()
        await asyncio.wait({task})
        assert asyncio.all_tasks() == calm

    run(go())
    assert "m-4711" in notes[0]


@pytest.mark.parametrize("how", ["scope", "timeout"])
def test_a_deadline_cleans_up_like_a_cancel(how: str) -> None:
    cloud = Cloud()

    async def go() -> None:
        if how == "scope":
            with anyio.move_on_after(0.7):
                await cloud.create()
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.7):
                    await cloud.create()

    run(go())
    assert cloud.nodes == []


def test_a_create_whose_answer_hangs_is_looked_for_and_destroyed_when_the_grace_is_over() -> None:
    cloud = Cloud()
    send = cloud.send

    async def hang() -> Node:
        await send()
        await anyio.sleep(10_000)
        raise AssertionError("unreachable")

    cloud.send = hang  # type: ignore[method-assign]  # this cloud answers never

    async def go() -> float:
        await cancelled(cloud, 2)
        return anyio.current_time()

    assert GRACE < run(go()) < GRACE * 2
    assert cloud.nodes == []


@pytest.mark.parametrize("failure", [LOST, RuntimeError("a mistake of the driver")])
def test_what_cannot_be_destroyed_is_named_by_its_id(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    cloud = Cloud(destroys=failure)
    notes = run(cancelled(cloud, 0.2))
    assert "n-1" in notes[0]
    assert "n-1" in caplog.text


def test_a_cancelled_create_that_fails_by_mistake_is_still_cancelled_and_named() -> None:
    notes = run(cancelled(Cloud(KeyError("instances")), 0.2))
    assert "m-4711" in notes[0]


def test_a_cancelled_create_that_was_refused_has_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert run(cancelled(Cloud(CapacityError("none"), made=False), 0.2)) == []
    assert not caplog.text


def test_a_loop_that_closes_while_a_create_runs_leaves_no_node() -> None:
    """All tasks are cancelled at once then, those that do the work too."""
    cloud = Cloud()
    tasks: list[Any] = []

    async def go() -> None:
        tasks.append(asyncio.ensure_future(cloud.create()))
        await anyio.sleep(0.7)

    run(go())
    assert cloud.nodes == []


def test_two_creates_of_one_name_are_told_apart_by_their_marks() -> None:
    shared: dict[str, Node] = {}

    def creation(token: str, failure: CloudError | None) -> Creation:
        async def send() -> Node:
            await anyio.sleep(1)
            shared[token] = Node(id=token, name="web")
            if failure is not None:
                raise failure
            return shared[token]

        async def find() -> Node | None:
            return shared.get(token)

        async def destroy(node: Node) -> None:
            del shared[node.id]

        return Creation(name="web", token=token, send=send, find=find, destroy=destroy)

    async def go() -> list[Node]:
        return list(await asyncio.gather(creation("a", LOST).run(), creation("b", LOST).run()))

    assert [node.id for node in run(go())] == ["a", "b"]
