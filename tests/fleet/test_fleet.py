"""Many accounts at once: what fails is told, and what the others answered stands."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from aiocloud.accounts import Account, Unusable
from aiocloud.errors import ConfigurationError, InvalidCredsError
from aiocloud.fleet import Fleet, IncompleteError, Report, Scope
from aiocloud.http.paging import Pager
from aiocloud.http.retry import Retry
from aiocloud.models import Node
from aiocloud.providers.linode import Linode
from aiocloud.query import Query
from aiocloud.simulators.base import Answer, Hang, Refused, Throttled
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.virtualtime import run

CREDENTIALS = LinodeSimulator().credentials


def world(nodes: int = 2, **options: Any) -> LinodeSimulator:
    simulator = LinodeSimulator(**options)
    simulator.populate(nodes)
    return simulator


def driver(name: str, simulator: LinodeSimulator, **options: Any) -> Linode:
    merged: dict[str, Any] = {**CREDENTIALS, "retry": Retry(attempts=2), "now": simulator.now, **options}
    return Linode(account=name, transport=simulator, **merged)


def statuses(report: Report[Any]) -> dict[str, str]:
    return {coverage.scope.account: coverage.status for coverage in report.coverage}


def test_failures_are_in_the_report_beside_what_the_others_answered() -> None:
    hanging, broken, refusing = world(), world(), world()
    hanging.faults.append(Hang(times=99))
    broken.faults.append(Answer(status=500, body=b"<html><title>Oops</title>", times=99))
    refusing.faults.append(Refused(times=99))

    async def go() -> Report[Node]:
        drivers = [
            driver("good", world(3)),
            driver("hangs", hanging),
            driver("breaks", broken),
            driver("refuses", refusing),
            driver("wrong", world(), token="wrong"),
            driver("empty", world(0)),
        ]
        return await Fleet(drivers, deadline=20).list_nodes()

    report = run(go())
    assert {node.account for node in report.items} == {"good"}
    assert len(report) == 3
    assert statuses(report) == {
        "good": "answered",
        "empty": "answered",
        "hangs": "failed",
        "breaks": "failed",
        "refuses": "failed",
        "wrong": "failed",
    }
    reasons = {failure.scope.account: failure for failure in report.failures}
    assert reasons["hangs"].phase == "deadline"
    assert "within 20 s" in str(reasons["hangs"])
    assert "Oops" in str(reasons["breaks"])
    assert reasons["breaks"].attempts == 2
    assert isinstance(reasons["wrong"].error, InvalidCredsError)
    assert not report.complete
    with pytest.raises(IncompleteError, match="linode/hangs"):
        report.require_complete()


def test_the_answer_takes_as_long_as_the_slowest_and_not_as_all() -> None:
    async def go() -> float:
        await Fleet([driver(f"a{n}", world(latency=0.1)) for n in range(16)]).list_nodes()
        return anyio.current_time()

    assert run(go()) < 0.15


def test_a_hanging_cloud_costs_its_deadline_and_no_more() -> None:
    hanging = world()
    hanging.faults.append(Hang())

    async def go() -> float:
        await Fleet([driver("good", world()), driver("hangs", hanging)], deadline=3).list_nodes()
        return anyio.current_time()

    assert run(go()) == pytest.approx(3)


def test_an_account_whose_time_is_up_says_what_was_being_repeated() -> None:
    busy, silent = world(), world()
    busy.faults.append(Throttled(times=99))
    silent.faults.append(Hang(times=99))

    async def go() -> Report[Node]:
        drivers = [driver("busy", busy, retry=Retry(attempts=99)), driver("silent", silent)]
        return await Fleet(drivers, deadline=6).list_nodes()

    first, second = run(go()).failures
    assert (first.phase, second.phase) == ("deadline", "deadline")
    assert first.reason == "no complete answer within 6 s; before that: Too many requests (429)"
    assert first.attempts > 1
    assert second.reason == "no complete answer within 6 s"


def test_trouble_that_has_passed_is_not_to_blame_when_time_is_up() -> None:
    cloud = world()
    cloud.faults += [Throttled(), Hang(on="GET /linode/types", times=99)]

    async def nodes_then_sizes(linode: Linode) -> list[Any]:
        return [await linode.list_nodes(), await linode.list_sizes()]

    async def go() -> Report[Any]:
        fleet = Fleet([driver("a", cloud)], deadline=6)
        return await fleet.ask(lambda linode: Pager.of(lambda: nodes_then_sizes(linode)))

    (failure,) = run(go()).failures
    assert failure.reason == "no complete answer within 6 s"


def test_items_stream_while_others_still_think() -> None:
    async def go() -> list[tuple[str, float]]:
        fleet = Fleet([driver("slow", world(1, latency=5)), driver("fast", world(1, latency=1))])
        return [(node.account, anyio.current_time()) async for node in fleet.list_nodes()]

    assert run(go()) == [("fast", 1.0), ("slow", 5.0)]


def test_leaving_a_stream_early_stops_the_calls_and_leaves_no_task() -> None:
    slow = world(1, latency=5)

    async def go() -> None:
        calm = asyncio.all_tasks()
        stream = Fleet([driver("slow", slow), driver("fast", world(1))]).list_nodes().__aiter__()
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]  # it is an async generator
        assert asyncio.all_tasks() == calm
        await anyio.sleep(60)

    run(go())
    assert sum(slow.calls.values()) <= 1


def test_cancelling_a_call_leaves_no_task() -> None:
    async def go() -> None:
        calm = asyncio.all_tasks()
        with anyio.move_on_after(0.5):
            await Fleet([driver(f"a{n}", world(latency=1)) for n in range(5)]).list_nodes()
        assert asyncio.all_tasks() == calm

    run(go())


def test_a_reader_who_dawdles_bounds_what_is_held() -> None:
    """Pages wait for the reader: with 40 pages to come, only as many as fit between are asked for, and a few ahead."""
    many = world(20_000)

    async def go() -> int:
        seen = 0
        async for _ in Fleet([driver("many", many)]).list_nodes():
            seen += 1
            if seen == 1:
                await anyio.sleep(1)
                return many.calls["GET /linode/instances"]
        return 0

    assert 1 <= run(go()) <= 33


def test_accounts_cost_nothing_until_they_are_asked() -> None:
    accounts = [Account("linode", f"a{n}", {"nonsense": True}) for n in range(5000)]
    assert len(Fleet(accounts=accounts).scopes) == 5000


def test_an_account_with_a_wrong_option_is_a_failure_that_names_it() -> None:
    async def go() -> Report[Node]:
        accounts = [Account("linode", "typo", {"tokem": "canary-secret"}, source="accounts.toml")]
        return await Fleet([driver("good", world(1))], accounts=accounts).list_nodes()

    report = run(go())
    assert len(report) == 1
    assert report.failures[0].phase == "configuration"
    assert "tokem" in str(report.failures[0])
    assert "canary-secret" not in str(report.failures[0])


def test_a_source_of_accounts_that_cannot_be_read_is_a_failure_too() -> None:
    async def go() -> Report[Node]:
        broken = Unusable("ec2", "", ConfigurationError("the file is no ini file"))
        return await Fleet(accounts=[broken]).list_nodes()

    assert str(run(go()).failures[0]) == "ec2: the file is no ini file"


def test_a_node_is_acted_on_where_it_is() -> None:
    one, two = world(1), world(1)

    async def go() -> None:
        fleet = Fleet([driver("one", one), driver("two", two)])
        node = next(node for node in await fleet.list_nodes() if node.account == "two")
        await fleet.stop_node(node)

    run(go())
    assert one.calls["POST /linode/instances/{id}/shutdown"] == 0
    assert two.calls["POST /linode/instances/{id}/shutdown"] == 1


def test_an_unknown_account_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="There are: linode/good"):
        Fleet([driver("good", world())]).driver("bad")


def test_two_accounts_of_one_name_must_be_told_apart() -> None:
    fleet = Fleet([driver("same", world()), Linode(account="other", transport=world())])
    assert fleet.driver("linode/other").account == "other"
    twins = Fleet([driver("same", world()), driver("same", world())])
    with pytest.raises(ConfigurationError, match="several accounts"):
        twins.driver("same")


def test_a_scope_reads_like_a_path() -> None:
    assert str(Scope("ec2", "prod", "eu-west-1")) == "ec2/prod/eu-west-1"


def test_a_query_and_clauses_beside_it_are_refused_before_any_request() -> None:
    asked = world()

    async def go() -> None:
        with pytest.raises(ConfigurationError, match="a query or clauses, not both: ram"):
            await Fleet([driver("good", asked)]).offers(Query.of(outside="US"), ram="4G")

    run(go())
    assert not asked.calls
