"""Streams that are left, clouds whose drivers are broken, readers who dawdle, accounts that look alike."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import pytest

from aiocloud.accounts import Account
from aiocloud.driver import Compute, Driver
from aiocloud.errors import ConfigurationError
from aiocloud.fleet import Fleet, Report
from aiocloud.http.paging import Pager
from aiocloud.models import Node
from aiocloud.providers.linode import Linode
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.virtualtime import run


class Pages(Linode):
    """A driver whose list is a function's: pages of nodes, from `pages`."""

    def __init__(self, account: str, pages: Any, parts: Sequence[str] | Exception | None = None) -> None:
        super().__init__("token-4711", account=account)
        self._pages_of = pages
        self._part_names = parts

    def list_nodes(self, **_: Any) -> Pager[Node]:
        async def pages(window: int) -> AsyncIterator[Sequence[Node]]:
            async for ids in self._pages_of():
                yield [Node(id=f"{self.part}{n}", name="n", provider="linode", account=self.account) for n in ids]

        return Pager(pages)

    async def parts(self) -> Sequence[Driver]:
        if isinstance(self._part_names, Exception):
            raise self._part_names
        if self._part_names is None:
            return [self]
        made = []
        for name in self._part_names:
            part = Pages(self.account, self._pages_of)
            part.part = name
            made.append(part)
        return made


def good(count: int = 1, size: int = 2, delay: float = 0.0) -> Any:
    async def pages() -> AsyncIterator[Sequence[int]]:
        for page in range(count):
            await anyio.sleep(delay)
            yield range(page * size, (page + 1) * size)

    return pages


def failing(error: BaseException, after: int = 0) -> Any:
    async def pages() -> AsyncIterator[Sequence[int]]:
        for _ in range(after):
            yield [1]
        await anyio.sleep(0.1)
        raise error

    return pages


def listed(*drivers: Driver, **options: Any) -> Report[Node]:
    async def go() -> Report[Node]:
        return await Fleet(drivers, **options).list_nodes()

    return run(go())


# ---- mistakes of others ----


@pytest.mark.parametrize(
    "mistake",
    [KeyError("id"), TimeoutError("its own"), ExceptionGroup("both", [ValueError("a"), OSError("b")]), OSError("disk")],
)
def test_a_driver_with_a_mistake_costs_nobody_elses_answer(mistake: Exception) -> None:
    report = listed(Pages("broken", failing(mistake)), Pages("good", good()))
    assert len(report) == 2
    (failure,) = report.failures
    assert failure.scope.account == "broken"
    assert failure.phase == "bug"
    assert failure.error is mistake
    assert failure.error.__traceback__ is not None
    assert type(mistake).__name__ in failure.reason
    assert "test_gathering.py" in failure.reason
    assert not report.complete


def test_what_a_mistake_says_is_not_repeated_since_nobody_has_looked_it_over() -> None:
    report = listed(Pages("broken", failing(RuntimeError("canary-secret"))))
    assert "canary-secret" not in f"{report!r} {report.failures[0]}"


def test_parts_that_cannot_be_told_are_a_failure_of_the_account() -> None:
    report = listed(Pages("broken", good(), parts=KeyError("regions")), Pages("good", good()))
    assert [str(failure.scope) for failure in report.failures] == ["linode/broken"]
    assert len(report) == 2


def test_an_account_without_parts_has_answered() -> None:
    report = listed(Pages("nowhere", good(), parts=[]))
    assert [(str(each.scope), each.status, each.items) for each in report.coverage] == [
        ("linode/nowhere", "answered", 0)
    ]


def test_a_part_with_a_mistake_leaves_the_other_parts_alone() -> None:
    class Half(Pages):
        async def parts(self) -> Sequence[Driver]:
            one, two = await super().parts()
            one._pages_of = failing(KeyError("x"))  # type: ignore[attr-defined]  # both are Pages
            return [one, two]

    report = listed(Half("both", good(), parts=["east", "west"]))
    assert [str(failure.scope) for failure in report.failures] == ["linode/both/east"]
    assert [node.id for node in report] == ["west0", "west1"]


def test_a_call_that_something_else_cancelled_is_a_failure_and_no_account_is_lost_without_a_word() -> None:
    report = listed(Pages("cut", failing(asyncio.CancelledError())), Pages("good", good()))
    assert {each.scope.account: each.status for each in report.coverage} == {"cut": "failed", "good": "answered"}
    assert [failure.phase for failure in report.failures] == ["bug"]


# ---- streams ----


def unheard(loop: asyncio.AbstractEventLoop) -> list[dict[str, Any]]:
    """What the loop would complain of, from now on."""
    heard: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: heard.append(context))
    return heard


@pytest.mark.parametrize("how", ["aclose", "drop", "raise"])
@pytest.mark.parametrize("source", ["many pages", "a mistake", "slow"])
def test_a_stream_that_is_left_leaves_no_task_and_no_complaint(how: str, source: str) -> None:
    sources = {
        "many pages": good(1000, 1),
        "a mistake": failing(KeyError("x"), after=100),
        "slow": good(1000, 1, delay=1),
    }

    async def read(stream: Any) -> None:
        async for _ in stream:
            await anyio.sleep(0.5)
            if how == "raise":
                raise ValueError("in the reader's body")
            break
        if how == "aclose":
            await stream.aclose()

    async def go() -> list[dict[str, Any]]:
        heard = unheard(asyncio.get_running_loop())
        calm = asyncio.all_tasks()
        fleet = Fleet([Pages(f"a{n}", sources[source]) for n in range(3)])
        with contextlib.suppress(ValueError):
            await read(fleet.list_nodes().__aiter__())
        gc.collect()
        for _ in range(20):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == calm
        assert fleet._limiter.value == 1000
        gc.collect()
        return heard

    assert run(go()) == []


def test_cancelling_a_reader_inside_a_scope_leaves_no_task() -> None:
    async def go() -> None:
        calm = asyncio.all_tasks()
        with anyio.move_on_after(0.5):
            async for _ in Fleet([Pages("slow", good(1000, 1, delay=0.2))]).list_nodes():
                pass
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == calm

    run(go())


def test_a_reader_who_dawdles_is_not_held_against_the_cloud() -> None:
    """The deadline is the cloud's: the time for which a page waits for its reader does not count."""

    async def go() -> tuple[int, Sequence[Any]]:
        gathering = Fleet([Pages("good", good(100, 1))], deadline=5).list_nodes()
        seen = 0
        async for _ in gathering:
            await anyio.sleep(1)
            seen += 1
        return seen, gathering.failures

    assert run(go()) == (100, ())


def test_a_cloud_that_dawdles_is_held_to_its_deadline_even_if_its_reader_does_too() -> None:
    async def go() -> tuple[int, list[str]]:
        gathering = Fleet([Pages("slow", good(100, 1, delay=1))], deadline=5.5).list_nodes()
        seen = 0
        async for _ in gathering:
            await anyio.sleep(3)
            seen += 1
        return seen, [failure.phase for failure in gathering.failures]

    assert run(go()) == (5, ["deadline"])


def test_closing_the_fleet_under_an_open_stream_ends_it_with_a_failure() -> None:
    from aiocloud.simulators.server import serve

    async def go() -> tuple[list[Node], int]:
        simulator = LinodeSimulator(latency=0.2)
        simulator.populate(3)
        async with serve(simulator) as base:
            account = Account(
                "linode", "a", {**simulator.credentials, "endpoint": str(base.with_path("/v4")), "now": simulator.now}
            )
            fleet = Fleet(accounts=[account])
            gathering = fleet.list_nodes()

            async def read() -> list[Node]:
                return [node async for node in gathering]

            reading = asyncio.ensure_future(read())
            await asyncio.sleep(0.05)
            await fleet.aclose()
            return await asyncio.wait_for(reading, 5), len(gathering.failures)

    with asyncio.Runner() as runner:
        assert runner.run(go()) == ([], 1)


# ---- deadlines, order, many ----


def test_no_time_at_all_is_a_failure_and_not_an_empty_answer() -> None:
    report = listed(Pages("slow", good(1, 1, delay=1)), deadline=0)
    assert report.failures[0].phase == "deadline"


def test_without_a_deadline_nothing_is_cut_off() -> None:
    assert len(listed(Pages("slow", good(1, 1, delay=1_000_000)), deadline=None)) == 1


def test_items_stand_in_the_same_order_whoever_answers_first() -> None:
    fast, slow = good(3, 2, 0.1), good(3, 2, 1.0)
    one = listed(Pages("b", fast), Pages("a", slow), Pages("c", good(), parts=["y", "x"]))
    two = listed(Pages("b", slow), Pages("a", fast), Pages("c", good(), parts=["y", "x"]))
    assert one.items == two.items
    assert [node.account for node in one] == ["a"] * 6 + ["b"] * 6 + ["c"] * 4


def test_accounts_that_look_alike_are_listed_one_after_the_other() -> None:
    report = listed(Pages("same", good(3, 1, 1.0)), Pages("same", good(3, 2, 0.9)))
    assert [node.id for node in report] == ["0", "1", "2", "0", "1", "2", "3", "4", "5"]
    assert len(report.coverage) == 2


def test_thousands_of_accounts_are_asked_a_few_at_a_time() -> None:
    open_now = most = 0

    async def pages() -> AsyncIterator[Sequence[int]]:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await anyio.sleep(1)
        open_now -= 1
        yield [1]

    report = listed(*[Pages(f"a{n:04}", pages) for n in range(2000)], concurrency=50)
    assert len(report) == 2000
    assert most == 50
    assert report.complete


# ---- acting on one ----


def test_a_node_of_an_account_without_a_name_finds_its_driver() -> None:
    nameless = Pages("", good())
    fleet = Fleet([nameless, Pages("named", good())])
    assert fleet.driver(Node(id="1", name="n", provider="linode", account="")) is nameless


def test_a_node_whose_account_is_called_like_a_provider_finds_its_own_driver() -> None:
    nameless, odd = Pages("", good()), Pages("linode", good())
    fleet = Fleet([nameless, odd])
    assert fleet.driver(Node(id="1", name="n", provider="linode", account="linode")) is odd
    assert fleet.driver(Node(id="1", name="n", provider="linode", account="")) is nameless


def test_a_node_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is no account"):
        Fleet([Pages("a", good())]).driver(Node(id="1", name="n", provider="ec2", account="a"))


# ---- options of accounts ----


@pytest.mark.parametrize("option", [{"proxy": "http://proxy.example:3128"}, {"timeout": 5.0}, {"ssl": False}])
def test_an_account_may_have_options_of_its_own(option: dict[str, Any]) -> None:
    account = Account("linode", "a", {"token": "token-4711", **option})

    async def go() -> Driver:
        async with Fleet(accounts=[account], options={"timeout": 9.0}) as fleet:
            driver = fleet.driver("a")
            assert isinstance(driver, Compute)
            return driver

    driver = run(go())
    (name, value) = next(iter(option.items()))
    assert getattr(driver, f"_{name}") == value
    assert driver.account == "a"


def test_one_driver_that_cannot_be_closed_leaves_none_of_the_others_open() -> None:
    closed: list[str] = []

    class Stubborn(Linode):
        async def aclose(self) -> None:
            closed.append(self.account)
            if self.account == "a":
                raise OSError("stuck")
            await super().aclose()

    async def go() -> None:
        accounts = [Account("linode", name, {"token": "token-4711"}) for name in "abc"]
        fleet = Fleet(accounts=accounts)
        for member in fleet._members:
            member.driver = Stubborn("token-4711", account=member.scope.account)
        with pytest.raises(OSError, match="stuck"):
            await fleet.aclose()

    run(go())
    assert sorted(closed) == ["a", "b", "c"]
