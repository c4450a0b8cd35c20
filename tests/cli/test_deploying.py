"""`aiocloud deploy`, over simulated clouds whose nodes take real SSH."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aiocloud.cli.arguments import POLICIES as WORDS
from aiocloud.deploy.hostkeys import POLICIES
from aiocloud.deploy.keys import make_key
from tests.cli.conftest import Ran
from tests.cli.test_processes import started

MADE_OF = ("--size", "g6-nanode-1", "--image", "linode/debian12", "--location", "eu-central")
LINODE = ("--sandbox", "--account", "linode/sandbox", *MADE_OF)
REMARK = "simulated clouds, which end with this command; `aiocloud sandbox` serves some that stay\n"

Run = Callable[..., Ran]


def deploy(run: Run, *argv: str, names: Sequence[str] = ("web-1",)) -> Ran:
    ran = run("deploy", *names, *LINODE, *argv)
    assert ran.err.startswith(REMARK)
    return Ran(ran.status, ran.out, ran.err.removeprefix(REMARK))


def test_steps_are_done_in_the_order_in_which_they_are_typed_and_their_lines_are_shown(
    run: Run, tmp_path: Path
) -> None:
    script = tmp_path / "setup.sh"
    script.write_text("#!/bin/bash\necho set up on $(hostname)\necho complaint >&2\n")
    (tmp_path / "a.conf").write_text("colour = blue\n")
    ran = deploy(
        run,
        *("--run", "echo first", "--script", str(script), "--file", f"{tmp_path}/a.conf:/etc/a.conf"),
        *("--run", "cat /etc/a.conf"),
    )
    assert (ran.status, ran.err) == (0, "")
    *lines, last = ran.out.splitlines()
    assert [lines[0], *sorted(lines[1:3]), lines[3]] == [  # a script's two streams overtake each other
        "[web-1] out: first",
        "[web-1] err: complaint",
        "[web-1] out: set up on web-1",
        "[web-1] out: colour = blue",
    ]
    assert re.fullmatch(r"web-1 is ready: node \d+ at linode/sandbox, 198\.18\.\S+, 2001:db8:\S+", last)


def test_several_nodes_are_deployed_at_once_and_counted(run: Run) -> None:
    ran = deploy(run, "--run", "test $(hostname) != web-2", names=("web-1", "web-2", "web-3"))
    assert ran.status == 1
    assert ran.out.splitlines()[-1] == "3 nodes: 2 ready, 1 failed"
    assert re.fullmatch(
        r"aiocloud: web-2: node \d+ \('web-2'\) at linode/sandbox: step 1 of 1, .+ ended with status 1\. "
        r"The node was destroyed\n",
        ran.err,
    )


def test_a_node_that_fails_is_kept_on_request(run: Run) -> None:
    ran = deploy(run, "--run", "exit 3", "--keep")
    assert ran.status == 1
    assert ran.err.endswith("ended with status 3. The node was kept, as was asked, and goes on running\n")


def test_with_a_key_of_ones_own_and_somebody_elses(run: Run, tmp_path: Path) -> None:
    mine, theirs = make_key("mine"), make_key("theirs")
    (tmp_path / "id").write_text(mine.private.reveal())
    (tmp_path / "theirs.pub").write_text(f"{theirs.public}\n")
    ran = deploy(
        run,
        *("--key", str(tmp_path / "id"), "--authorize", str(tmp_path / "theirs.pub")),
        *("--run", "cut -d' ' -f2 ~/.ssh/authorized_keys"),
    )
    assert ran.status == 0
    keys = [line.removeprefix("[web-1] out: ") for line in ran.out.splitlines()[:-1]]
    assert keys == [mine.public.split()[1], theirs.public.split()[1]]


def test_cloud_init_is_given_at_create_and_waited_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "user-data").write_text("#cloud-config\nruncmd: ['sleep 2; echo made > /var/made']\n")
    ran = deploy(run, "--cloud-init", str(tmp_path / "user-data"), "--run", "cat /var/made")
    assert (ran.status, ran.err) == (0, "")
    assert "[web-1] out: made" in ran.out.splitlines()


@pytest.mark.parametrize("names", [("web-1",), ("web-1", "web-2")])
def test_json_is_one_document_of_all_outcomes(run: Run, names: Sequence[str]) -> None:
    ran = deploy(run, "--run", "echo hi", "--format", "json", names=names)
    items = json.loads(ran.out)["items"]
    assert sorted((item["name"], item["ok"], item["left"], item["error"]) for item in items) == [
        (name, True, "running", None) for name in names
    ]
    assert [item["steps"][0]["stdout"] for item in items] == ["hi\n"] * len(names)
    assert all(item["node"]["public_ips"] for item in items)
    assert "password" not in ran.out


def test_lines_and_rows_come_as_outcomes_do(run: Run) -> None:
    ran = deploy(run, "--run", "false", "--format", "jsonl")
    assert ran.status == 1
    (line,) = ran.out.splitlines()
    known = json.loads(line)
    assert (known["ok"], known["left"], known["steps"][0]["exit_status"]) == (False, "destroyed", 1)
    assert known["error"] in ran.err
    ran = deploy(run, "--format", "csv", "--show-password")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert (row["name"], row["ok"], row["left"], row["node_provider"]) == ("web-1", "true", "running", "linode")
    assert len(row["password"]) > 20


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (("--script", "/none"), "the file /none cannot be read: No such file or directory"),
        (("--file", "/none:/etc/x"), "the file /none cannot be read: No such file or directory"),
        (("--key", "/none"), "the key file /none cannot be read: No such file or directory"),
        (("--host-key", "junk"), "'junk' is no public key as OpenSSH writes it"),
        (("--jump", "a:b"), "'a:b' is no address: write host, host:port or user@host:port"),
    ],
)
def test_what_cannot_work_is_one_line_before_anything_is_made(run: Run, argv: Sequence[str], what: str) -> None:
    ran = run("deploy", "web-1", *LINODE, *argv)
    assert ran.status == 1
    assert ran.err.removeprefix(REMARK).startswith(f"aiocloud: {what}")
    assert ran.err.removeprefix(REMARK).count("\n") == 1
    assert ran.out == ""


def test_what_is_typed_wrongly_is_usage(run: Run) -> None:
    ran = run("deploy", "web-1", *LINODE, "--file", "/etc/x")
    assert ran == Ran(
        2,
        "",
        "aiocloud: argument --file: '/etc/x' does not say where to: write FILE:TARGET (see aiocloud deploy --help)\n",
    )
    ran = deploy(run, names=("web-1", "web-1"))
    assert (ran.status, ran.err) == (1, "aiocloud: each node needs a name of its own; given twice: web-1\n")


def test_an_unknown_size_is_named_with_those_that_come_near(run: Run) -> None:
    ran = run("deploy", "web-1", "--sandbox", "--account", "linode/sandbox", "--size", "g6-nanode", *MADE_OF[2:])
    assert ran.status == 1
    assert "No size 'g6-nanode' is listed in eu-central: did you mean g6-nanode-1" in ran.err


@pytest.mark.parametrize(
    ("argv", "fate"), [((), "The node was destroyed"), (("--keep",), "The node was kept, as was asked")]
)
def test_an_interrupted_deployment_tells_what_became_of_the_node(argv: Sequence[str], fate: str) -> None:
    with started("deploy", "web-1", *LINODE, *argv, "--run", "echo begun; sleep 600") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "[web-1] out: begun\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "interrupted: " in err
    assert re.search(rf"cancelled: node \d+ \('web-1'\) at linode/sandbox: {fate}", err)
    assert "Traceback" not in err


def test_an_interrupted_document_holds_the_nodes_that_were_ready() -> None:
    # One at a time: the first is ready long before the second could be.
    steps = ("--run", "test $(hostname) = web-1 || sleep 600", "--parallel", "1", "--format", "json")
    with started("--debug", "deploy", "web-1", "web-2", *LINODE, *steps) as process:
        assert process.stderr is not None
        made = 0
        while made < 2:
            made += "POST /linode/instances" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert [(item["name"], item["left"]) for item in json.loads(out)["items"]] == [("web-1", "running")]


def test_the_words_for_host_keys_are_those_of_the_library() -> None:
    assert set(WORDS) == set(POLICIES)
