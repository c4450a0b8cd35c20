"""Every Python example in the documentation runs, against simulated clouds that are served on loopback."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aiocloud.fleet.sandbox import account_at
from aiocloud.simulators import get_simulator, simulator_ids
from aiocloud.simulators.server import serve

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> list[object]:
    return [
        pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, code in enumerate(BLOCK.findall(page.read_text()), 1)
    ]


@pytest.fixture
async def _accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An accounts.toml that leads to a simulator of each provider."""
    async with AsyncExitStack() as running:
        tables = []
        for provider in simulator_ids():
            simulator = get_simulator(provider)()
            simulator.populate(2)
            account = account_at(simulator, await running.enter_async_context(serve(simulator)))
            options = "".join(f'{name} = "{value}"\n' for name, value in account.options.items())
            tables.append(f'[{provider}-sandbox]\nprovider = "{provider}"\n{options}')
        (tmp_path / "accounts.toml").write_text("\n".join(tables))
        monkeypatch.setenv("AIOCLOUD_CONFIG", str(tmp_path))
        yield


@pytest.mark.usefixtures("_accounts")
@pytest.mark.parametrize("code", examples())
async def test_the_example_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    program = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(program, {"__name__": "example"})
    if inspect.isawaitable(result):
        await result
    assert "Traceback" not in capsys.readouterr().out


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
