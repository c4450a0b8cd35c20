"""The command against clouds of the tests' own, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from yarl import URL

from aiocloud.cli import main
from aiocloud.cli.serving import section
from aiocloud.fleet.sandbox import account_at
from aiocloud.http.message import Handler
from aiocloud.http.retry import Retry
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.server import serve

TODAY = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is repeated is repeated at once: these tests live on the real clock."""
    defaults = Retry.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "jitter", lambda: 0.0)


@dataclass(frozen=True)
class Ran:
    """What a run of the command left: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*argv: str) -> Ran:
        status = main(argv, today=lambda: TODAY)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ran(status, out, err)

    return run


@contextmanager
def serving(simulators: Sequence[Handler]) -> Iterator[list[URL]]:
    """Simulators behind servers in a thread of their own, since the command brings its own event loop."""
    ready = threading.Event()
    bases: list[URL] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def work() -> None:
        async with AsyncExitStack() as running:
            bases.extend([await running.enter_async_context(serve(simulator)) for simulator in simulators])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()))
    thread.start()
    try:
        assert ready.wait(10)
        yield bases
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """`configure(prod=simulator, …)`: serve each, and write the accounts of these names into `accounts.toml`.

    With `token=…`, the account has that one in place of the right one.
    """
    with ExitStack() as running:

        def configure(token: str | None = None, **simulators: Simulator) -> None:
            bases = running.enter_context(serving(list(simulators.values())))
            path = tmp_path / "accounts.toml"
            for (name, simulator), base in zip(simulators.items(), bases, strict=True):
                account = account_at(simulator, base, **({"token": token} if token else {}))
                text = section(account, "").replace(f"[{simulator.provider}]", f"[{name}]")
                path.write_text((path.read_text() if path.exists() else "") + text)
            monkeypatch.setenv("AIOCLOUD_CONFIG", str(tmp_path))

        yield configure


@pytest.fixture
def linode() -> LinodeSimulator:
    """A simulated Linode with two nodes, named "linode1001" and so on, whose nodes boot at once."""
    simulator = LinodeSimulator(boot=0.0)
    simulator.populate(2)
    return simulator
