"""`aiocloud run`, over simulated clouds whose nodes take real SSH."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence

import pytest

from aiocloud.fleet.sandbox import simulated
from aiocloud.simulators.linode import LinodeSimulator
from tests.cli.conftest import Ran

LINODE = ("--sandbox", "--provider", "linode")

Run = Callable[..., Ran]


def test_every_cloud_is_visited_and_lines_are_shown_with_the_address(run: Run) -> None:
    ran = run("run", "--sandbox", "--", "hostname")
    assert (ran.status, ran.err) == (0, "")
    *lines, summary = ran.out.splitlines()
    count = 2 * len(simulated())
    assert summary == f"{count} nodes: {count} ok"
    assert len(lines) == count
    assert "[198.18.0.1] out: linode1001" in lines


def test_one_word_is_a_line_for_the_shell_and_several_are_a_program_with_its_arguments(run: Run) -> None:
    line = run("run", *LINODE, "--name", "linode1001", "--", "echo a; echo $((1 + 1)) >&2")
    assert line.out == "[198.18.0.1] out: a\n[198.18.0.1] err: 2\n1 node: 1 ok\n"
    words = run("run", *LINODE, "--name", "linode1001", "--", "printf", "%s\\n", "a  b", "--", "$HOME")
    assert words.out == ("[198.18.0.1] out: a  b\n[198.18.0.1] out: --\n[198.18.0.1] out: $HOME\n1 node: 1 ok\n")


def test_without_the_two_dashes_a_plain_command_is_understood_too(run: Run) -> None:
    assert run("run", *LINODE, "hostname").status == 0
    ran = run("run", *LINODE, "ls", "-l")
    assert (ran.status, ran.out) == (2, "")
    assert "-l" in ran.err


def test_failures_are_named_and_counted(run: Run) -> None:
    ran = run("run", *LINODE, "--", "test $(hostname) = linode1001 || { echo so >&2; exit 7; }")
    assert ran.status == 1
    assert ran.out == "[198.18.0.2] err: so\n2 nodes: 1 ok, 1 ended with status 7\n"
    assert ran.err.startswith("aiocloud: linode1005 (198.18.0.2): 'test ")
    assert ran.err.endswith("ended with status 7: so\n")


@pytest.mark.parametrize(
    ("argv", "end"),
    [
        (("--user", "nobody"), "not signed in to"),
        (("--host-keys", "known-hosts"), "not trusted"),
        (("--port", "23"), "not reached"),
    ],
)
def test_a_node_that_is_not_reached_says_why(run: Run, argv: Sequence[str], end: str) -> None:
    ran = run("run", *LINODE, *argv, "--", "true")
    assert (ran.status, ran.out) == (1, f"2 nodes: 2 {end}\n")
    assert ran.err.count("(not reached): ") == 2


def test_a_command_that_takes_too_long_is_stopped(run: Run) -> None:
    ran = run("run", *LINODE, "--timeout", "0.5", "--", "sleep 60")
    assert (ran.status, ran.out) == (1, "2 nodes: 2 did not end\n")
    assert "'sleep 60' did not end within 0.5 s; it was stopped" in ran.err


def test_after_too_many_failures_no_more_are_begun(run: Run) -> None:
    ran = run("run", *LINODE, "--parallel", "1", "--max-fail", "0", "--", "false")
    assert ran.out == "2 nodes: 1 ended with status 1, 1 not started\n"


def test_nodes_are_chosen_by_name_and_tags(run: Run, configure: Callable[..., None], linode: LinodeSimulator) -> None:
    first, second = linode.world.instances.values()
    first.tags, second.tags = ["role=web", "zone=a"], ["role=db"]
    configure(prod=linode)
    nodes = json.loads(run("nodes", "--format", "json").out)["items"]
    assert [node["tags"] for node in nodes] == [{"role": "web", "zone": "a"}, {"role": "db"}]
    refused = ("--port", "1", "--timeout", "1", "--format", "json", "--", "true")

    def meant(*argv: str) -> list[str]:
        return [item["name"] for item in json.loads(run("run", *argv, *refused).out)["items"]]

    assert meant("--tag", "role=web") == ["linode1001"]
    assert meant("--tag", "role=db", "--name", "linode*") == ["linode1005"]
    assert sorted(meant("--name", "*1", "--name", "*5")) == ["linode1001", "linode1005"]
    ran = run("run", "--tag", "role=web", "--tag", "zone=b", *refused)
    assert ran == Ran(1, "", "aiocloud: no node that runs is meant: see `aiocloud nodes`\n")


def test_nodes_that_do_not_run_are_left_out_and_counted(
    run: Run, configure: Callable[..., None], linode: LinodeSimulator
) -> None:
    configure(prod=linode)
    assert run("stop", "linode1001").status == 0
    ran = run("run", "--port", "1", "--timeout", "1", "--", "true")
    assert ran.out == "1 node: 1 not reached; 1 more that are meant do not run\n"
    assert run("stop", "linode1005").status == 0
    ran = run("run", "--", "true")
    assert ran.err == "aiocloud: no node that runs is meant; 2 that are meant do not run: see `aiocloud nodes`\n"


def test_documents_lines_and_rows_hold_the_output_and_those_who_did_not_answer(
    run: Run, configure: Callable[..., None]
) -> None:
    document = json.loads(run("run", *LINODE, "--format", "json", "--", "hostname").out)
    assert {(item["name"], item["stdout"], item["exit_status"], item["ok"]) for item in document["items"]} == {
        (name, f"{name}\n", 0, True) for name in ("linode1001", "linode1005")
    }
    assert [each["status"] for each in document["coverage"]] == ["answered"]
    lines = run("run", *LINODE, "--format", "jsonl", "--", "hostname").out.splitlines()
    assert sorted(json.loads(line)["address"] for line in lines) == ["198.18.0.1", "198.18.0.2"]
    rows = list(csv.DictReader(io.StringIO(run("run", *LINODE, "--format", "csv", "--", "hostname").out)))
    assert {row["stdout"] for row in rows} == {"linode1001\n", "linode1005\n"}


def test_an_account_that_does_not_answer_is_told_and_the_others_are_visited(
    run: Run, configure: Callable[..., None], linode: LinodeSimulator
) -> None:
    configure(prod=linode)
    configure(token="wrong", stale=LinodeSimulator())
    ran = run("run", "--port", "1", "--timeout", "1", "--format", "json", "--", "true")
    assert ran.status == 1
    document = json.loads(ran.out)
    assert [failure["account"] for failure in document["failures"]] == ["stale"]
    assert len(document["items"]) == 2


def test_no_command_is_usage(run: Run) -> None:
    ran = run("run", *LINODE)
    assert ran == Ran(2, "", "aiocloud: run needs a command: aiocloud run … -- COMMAND (see aiocloud --help)\n")
