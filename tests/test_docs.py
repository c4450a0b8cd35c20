"""Every Python example in the documentation runs, against simulated clouds that are served on loopback."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

import pytest

from aiocloud.cli import main
from aiocloud.fleet.sandbox import account_at
from aiocloud.providers import Provider, get_driver
from aiocloud.simulators import get_simulator, simulator_ids, virtualtime
from aiocloud.simulators.server import serve
from tests import generated_docs

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
CLI = (ROOT / "docs" / "cli.md").read_text()
SESSION = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SESSIONS = [session for page in PAGES for session in SESSION.findall(page.read_text())]
TODAY = date(2026, 11, 1)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.filterwarnings("ignore::aiocloud.errors.RetiredProviderWarning")


def examples(*, of_fleets: bool) -> list[object]:
    return [
        pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, code in enumerate(BLOCK.findall(page.read_text()), 1)
        if ("Fleet" in code) is of_fleets
    ]


async def run(code: str) -> None:
    program = compile(code, "<example>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(program, {"__name__": "example"})
    if inspect.isawaitable(result):
        await result


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
@pytest.mark.parametrize("code", examples(of_fleets=True))
async def test_the_example_of_a_fleet_runs(code: str) -> None:
    await run(code)


@pytest.mark.parametrize("code", examples(of_fleets=False))
def test_the_example_runs(code: str) -> None:
    virtualtime.run(run(code))


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("page", generated_docs.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_made_from_the_code_is_up_to_date(page: Path) -> None:
    assert generated_docs.renewed(page) == page.read_text(), "run python -m tests.generated_docs"


@pytest.mark.parametrize("provider", sorted(Provider))
def test_each_provider_has_a_page_with_its_states_keywords_and_methods(provider: str) -> None:
    page = (ROOT / "docs" / "providers" / f"{provider}.md").read_text()
    known = page + (ROOT / "docs" / "providers" / "openstack.md").read_text() if "(openstack.md)" in page else page
    for part in ("facts", "constructor"):
        assert f"<!-- made: {part} -->" in page
    for name, member in inspect.getmembers(get_driver(provider), inspect.isfunction):
        words = [name] if name.startswith("ex_") else []
        words += [each for each in inspect.signature(member).parameters if each.startswith("ex_")]
        assert [word for word in words if f"`{word}" not in known and f" {word}=" not in known] == []


def test_every_command_and_option_is_named_on_the_page_of_the_command() -> None:
    for name, command in generated_docs.commands().items():
        assert f"## {name}" in CLI or f"`{name}`" in CLI, name
        for action in command._actions:
            for word in action.option_strings or [str(action.metavar)]:
                assert f"`{word}`" in CLI, f"{name} {word}"


@pytest.mark.parametrize(("line", "output"), [pytest.param(*session, id=session[0]) for session in SESSIONS])
def test_the_command_writes_what_the_page_shows(
    line: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    program, *arguments = shlex.split(line)
    assert program == "aiocloud"
    main(arguments, today=lambda: TODAY)
    assert capsys.readouterr().out == output


def test_what_the_readme_says_to_try_first_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"&& \.venv/bin/aiocloud (.+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert found is not None
    assert main(shlex.split(found[1]), today=lambda: TODAY) == 0
    assert capsys.readouterr().out.startswith("Cheapest: ")


def test_the_readme_quotes_figures_that_the_benchmarks_have_recorded() -> None:
    readme, record = (path.read_text("utf-8") for path in (ROOT / "README.md", ROOT / "benchmarks" / "README.md"))
    quote = readme.partition("<!-- quoted from ")[2].partition("<!-- end of the quote -->")[0]
    rows = [line.rstrip(" |") for line in quote.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) > 10
    assert [row for row in rows if row not in record] == []
