from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from aiocloud.cli.records import record
from aiocloud.fleet.sandbox import simulated
from aiocloud.models import Node, Price
from aiocloud.simulators.base import Hang
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.values import FrozenMap, Secret
from tests.cli.conftest import Ran

SANDBOX = ("--sandbox", "--provider", "linode")
LISTS = ("nodes", "images", "sizes", "locations")


@pytest.mark.parametrize("what", LISTS)
def test_every_format_of_a_list_has_the_same_items(what: str, run: Callable[..., Ran]) -> None:
    document = json.loads(run(*SANDBOX, what, "--format", "json").out)["items"]
    lines = [json.loads(line) for line in run(*SANDBOX, what, "--format", "jsonl").out.splitlines()]
    rows = list(csv.DictReader(io.StringIO(run(*SANDBOX, what, "--format", "csv").out)))
    table = run(*SANDBOX, what).out.splitlines()
    ids = [item["id"] for item in document]
    assert ids
    assert ids == [line["id"] for line in lines] == [row["id"] for row in rows]
    assert len(table) == len(ids) + 1
    assert all(known in line for known, line in zip(ids, table[1:], strict=True))


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize("width", [80, 100, 160])
def test_lists_fit_the_terminal(
    what: str, width: int, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, run(*SANDBOX, what).out.splitlines())) <= width


def test_the_payload_is_there_only_on_request(run: Callable[..., Ran]) -> None:
    assert "extra" not in json.loads(run(*SANDBOX, "nodes", "--format", "jsonl").out.splitlines()[0])
    told = json.loads(run(*SANDBOX, "nodes", "--format", "jsonl", "--extra").out.splitlines()[0])
    assert told["extra"]["label"] == told["name"]


def test_a_record_is_exact_and_holds_no_secret() -> None:
    node = Node(
        id="1",
        name="web",
        password=Secret("tide"),
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
        extra=FrozenMap(adminPass="tide", flavor={"api_token": "tide", "ram": 1}),
    )
    told = record(node, extra=True)
    assert "tide" not in json.dumps(told)
    assert "password" not in told
    assert told["created_at"] == "2026-01-02T00:00:00+00:00"
    assert told["extra"]["flavor"]["ram"] == 1
    price = Price(amount=Decimal("1E-3"), currency="USD", as_of=date(2026, 1, 2))
    assert record(price)["amount"] == "0.001"


def test_without_any_account_one_line_says_what_to_do(run: Callable[..., Ran]) -> None:
    ran = run("nodes")
    assert (ran.status, ran.out) == (1, "")
    assert "no account was found" in ran.err
    assert "--sandbox" in ran.err


def test_an_unknown_account_is_told_those_there_are(
    run: Callable[..., Ran], configure: Callable[..., None], linode: LinodeSimulator
) -> None:
    configure(prod=linode)
    ran = run("nodes", "--account", "pord")
    assert ran == Ran(1, "", "aiocloud: 'pord' is no account. There are: linode/prod\n")
    ran = run("--sandbox", "--provider", "linode", "nodes", "--account", "prod")
    assert ran == Ran(1, "", "aiocloud: 'prod' is no account of the sandbox. There are: linode/sandbox\n")


def test_a_cloud_that_does_not_answer_in_time_is_named(
    run: Callable[..., Ran], configure: Callable[..., None], linode: LinodeSimulator
) -> None:
    slow = LinodeSimulator()
    slow.faults.append(Hang(times=9))
    configure(prod=linode, slow=slow)
    ran = run("nodes", "--deadline", "0.4", "--format", "jsonl")
    assert ran.status == 3
    assert len(ran.out.splitlines()) == 2
    assert ran.err == "aiocloud: linode/slow did not answer: no complete answer within 0.4 s\n"


def test_an_endpoint_where_nobody_is_names_the_account_and_the_mend(
    run: Callable[..., Ran], tmp_path: Path, configure: Callable[..., None]
) -> None:
    configure(gone=LinodeSimulator())
    path = tmp_path / "accounts.toml"
    path.write_text(re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", path.read_text()))
    ran = run("nodes")
    assert ran.status == 1
    assert ran.out == ""
    assert "linode/gone did not answer: no connection to 127.0.0.1" in ran.err
    assert "Check the endpoint and the network" in ran.err


def test_no_nodes_is_said_only_of_those_who_answered(run: Callable[..., Ran], configure: Callable[..., None]) -> None:
    configure(empty=LinodeSimulator())
    assert run("nodes").out == "no nodes\n"
    configure(token="wrong", stale=LinodeSimulator())
    ran = run("nodes")
    assert (ran.status, ran.out) == (3, "no nodes at the clouds that answered\n")


def test_the_wire_is_shown_on_request_without_the_token(
    run: Callable[..., Ran], configure: Callable[..., None], linode: LinodeSimulator
) -> None:
    configure(prod=linode)
    ran = run("nodes", "--debug")
    assert "GET http://127.0.0.1" in ran.err
    assert "quay-token" not in ran.out + ran.err
    assert "GET http" not in run("nodes").err


def test_the_whole_sandbox_answers(run: Callable[..., Ran]) -> None:
    told = json.loads(run("--sandbox", "nodes", "--format", "json").out)
    assert told["failures"] == []
    assert {node["provider"] for node in told["items"]} == set(simulated())


def test_clouds_that_are_no_more_are_asked_on_request_alone(run: Callable[..., Ran]) -> None:
    clouds = set(simulated(retired=True))
    assert set(simulated()) < clouds
    ran = run("--sandbox", "--retired", "nodes", "--format", "json")
    assert ran.status == 0
    assert {node["provider"] for node in json.loads(ran.out)["items"]} == clouds
    named = run("--sandbox", "--account", "slicehost/sandbox", "nodes", "--format", "jsonl")
    assert (named.status, len(named.out.splitlines())) == (0, 2)
    assert "Slicehost closed in" in named.err
