"""What only a process of its own can show: signals, pipes, terminals."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiocloud.cli.creating import _without_loss
from aiocloud.models import Node
from aiocloud.simulators.base import Hang, SlowAnswer
from aiocloud.simulators.linode import LinodeSimulator
from tests.cli.conftest import Ran

WEB = ("create", "web-1", "--size", "g6-nanode-1", "--image", "linode/debian12", "--location", "eu-central")
CREATE = "POST /linode/instances"
SANDBOX = ("--sandbox", "--provider", "linode")


@contextmanager
def started(*argv: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """The command, running; killed at the end if it still does."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **streams}
    command = [sys.executable, "-m", "aiocloud", *argv]
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # where tests run in the background, it is ignored
    try:
        process = subprocess.Popen(command, text=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def read_until(terminal: int, text: str) -> str:
    """What is written to the terminal, up to that text."""
    seen = ""
    while text not in seen:
        seen += os.read(terminal, 4096).decode()
    return seen


@pytest.fixture
def prod(configure: Callable[..., None], linode: LinodeSimulator) -> LinodeSimulator:
    """A Linode with two nodes as the account "prod"."""
    configure(prod=linode)
    return linode


def labels(simulator: LinodeSimulator) -> set[str]:
    return {instance.label for instance in simulator.world.instances.values()}


def test_an_interrupted_create_leaves_no_node_and_says_so(prod: LinodeSimulator) -> None:
    prod.faults.append(SlowAnswer(on=CREATE, seconds=0.5))
    with started(*WEB) as process:
        wait_for(lambda: "web-1" in labels(prod))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "interrupted: finding out what became of 'web-1'" in err
    assert re.search(r"cancelled: node \d+ \('web-1'\) had been made, and was destroyed again", err)
    assert "Traceback" not in err
    assert "web-1" not in labels(prod)


def test_a_create_that_is_interrupted_twice_says_what_to_look_for(prod: LinodeSimulator) -> None:
    prod.faults.append(Hang(on=CREATE))
    with started(*WEB, stderr=subprocess.PIPE) as process:
        wait_for(lambda: prod.calls[CREATE])
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "finding out" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert re.search(
        r"cancelled while .web-1. was being made: .+\. Look for a node with that name or the mark \w+", err
    )
    assert "Traceback" not in err


@pytest.mark.parametrize("noted", [True, False])
def test_of_a_create_that_a_second_signal_broke_nobody_says_that_it_left_nothing(
    noted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async def making() -> Node:
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError as cancelled:
            if noted:
                cancelled.add_note("cancelled while 'web-1' was being made")  # as is written to the log, too
                raise
            signal.raise_signal(signal.SIGINT)
        raise AssertionError

    async def command() -> None:
        asyncio.get_running_loop().call_later(0.01, signal.raise_signal, signal.SIGINT)
        await _without_loss(making(), "web-1", "linode/prod")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(command())
    finally:
        signal.signal(signal.SIGINT, before)
    err = capsys.readouterr().err
    assert "no node was left behind" not in err
    unknown = "nobody knows what became of 'web-1': it may be running; look for that name with `aiocloud nodes"
    assert (unknown in err) is not noted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_create_that_is_told_to_end_destroys_what_it_made_and_says_so(
    prod: LinodeSimulator, number: signal.Signals
) -> None:
    prod.faults.append(SlowAnswer(on=CREATE, seconds=0.5))
    with started(*WEB, stderr=subprocess.PIPE) as process:
        wait_for(lambda: prod.calls[CREATE])
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 143
    assert re.search(r"node \d+ \('web-1'\) had been made, and was destroyed again", err)
    assert "web-1" not in labels(prod)


def test_a_create_that_is_interrupted_before_anything_was_sent_ends_silently(
    prod: LinodeSimulator,
) -> None:
    prod.faults.append(Hang(on="GET /profile/sshkeys"))
    with started(*WEB, "--key", "mine") as process:
        wait_for(lambda: prod.calls["GET /profile/sshkeys"])
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130
    assert prod.calls[CREATE] == 0


def test_a_wait_that_is_interrupted_says_that_the_node_runs_on(prod: LinodeSimulator) -> None:
    prod.boot = 3600.0
    with started(*WEB, "--wait") as process:
        wait_for(lambda: prod.calls["GET /linode/instances/{id}"])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "password: " in out
    assert "was made, and keeps running at linode/prod" in err
    assert "web-1" in labels(prod)


def test_an_interrupted_list_ends_silently(prod: LinodeSimulator) -> None:
    prod.faults.append(Hang())
    with started("nodes") as process:
        wait_for(lambda: prod.calls)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130


@pytest.mark.parametrize("kind", ["jsonl", "table"])
def test_a_reader_who_leaves_is_no_error(kind: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with started(*SANDBOX, "images", "--format", kind, stdout=write) as process:
        os.close(write)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 141
    assert "Traceback" not in err
    assert "Broken" not in err


@pytest.mark.parametrize(("answer", "there"), [("y", False), ("n", True), ("", True)])
def test_at_a_terminal_destroying_is_asked_for(answer: str, there: bool, prod: LinodeSimulator) -> None:
    ours, theirs = pty.openpty()
    with started("destroy", "linode1001", stdin=theirs, stderr=theirs) as process:
        os.close(theirs)
        asked = read_until(ours, "[y/N]")
        os.write(ours, f"{answer}\n".encode())
        process.communicate(timeout=20)
    os.close(ours)
    assert "destroy node 1001 ('linode1001') at linode/prod?" in asked
    assert process.returncode == (1 if there else 0)
    assert ("linode1001" in labels(prod)) is there


def test_at_a_terminal_it_is_seen_who_is_waited_for(prod: LinodeSimulator) -> None:
    prod.faults.append(SlowAnswer(seconds=0.5))
    ours, theirs = pty.openpty()
    with started("nodes", stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        seen = read_until(ours, "no answer yet")
        out, _ = process.communicate(timeout=20)
    os.close(ours)
    assert "linode/prod" in seen
    assert "linode1001" in out


def test_a_served_sandbox_prints_accounts_that_work(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    with started("sandbox", "--provider", "linode", "--nodes", "3") as process:
        assert process.stdout is not None
        told = ""
        while "endpoint = " not in told:
            told += process.stdout.readline()
        folder = re.search(r"AIOCLOUD_CONFIG=(\S+)", told)
        assert folder is not None
        monkeypatch.setenv("AIOCLOUD_CONFIG", folder[1])
        ran = run("nodes", "--format", "jsonl")
        assert (ran.status, len(ran.out.splitlines()), ran.err) == (0, 3, "")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (0, "")
    assert '[linode]\nprovider = "linode"\ntoken = "quay-token"' in told
    assert not Path(folder[1]).exists()


def test_a_port_that_is_taken_is_one_line(run: Callable[..., Ran]) -> None:
    with started("sandbox", "--provider", "linode") as process:
        assert process.stdout is not None
        told = ""
        while "endpoint = " not in told:
            told += process.stdout.readline()
        port = re.search(r"127.0.0.1:(\d+)", told)
        assert port is not None
        ran = run("sandbox", "--provider", "linode", "--port", port[1])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert "address already in use" in ran.err
