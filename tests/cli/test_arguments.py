from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from aiocloud import __version__
from aiocloud.cli.arguments import parse
from tests.cli.conftest import Ran

HEAVY = "print('HEAVY', *sorted({'aiohttp', 'rich', 'asyncssh'} & set(sys.modules)))"


def loaded_by(*argv: str) -> str:
    code = f"import sys; from aiocloud.cli import main; main({list(argv)!r}); {HEAVY}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["cheapest", "--help"],
        ["cheapest", "--top", "none"],
        ["cheapest", "--ram", "4X"],
        ["providers", "--format", "json"],
    ],
)
def test_what_asks_no_cloud_loads_neither_aiohttp_nor_rich(argv: list[str]) -> None:
    assert loaded_by(*argv) == "HEAVY"


def test_help_names_every_command(run: Callable[..., Ran]) -> None:
    ran = run("--help")
    assert ran.status == 0
    for command in [
        "cheapest",
        "nodes",
        "images",
        "sizes",
        "locations",
        "create",
        "reboot",
        "start",
        "stop",
        "destroy",
        "providers",
        "sandbox",
    ]:
        assert f"    {command}" in ran.out


def test_common_options_stand_before_the_command_and_after_it() -> None:
    before = parse(["--sandbox", "--account", "a", "--format", "json", "--deadline", "3", "--debug", "nodes"])
    after = parse(["nodes", "--sandbox", "--account", "a", "--format", "json", "--deadline", "3", "--debug"])
    assert vars(before) == vars(after)
    assert (after.sandbox, after.account, after.format, after.deadline, after.debug) == (True, ["a"], "json", 3.0, True)


def test_accounts_before_and_after_the_command_add_up() -> None:
    assert parse(["--account", "a", "nodes", "--account", "b"]).account == ["a", "b"]


def test_a_point_in_the_south_is_no_option() -> None:
    assert parse(["cheapest", "--near", "-33.9,151.2", "--within-km", "50"]).near == "-33.9,151.2"


def test_the_version_is_told(run: Callable[..., Ran]) -> None:
    assert run("--version") == run("nodes", "--version") == Ran(0, f"aiocloud {__version__}\n", "")


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "COMMAND"),
        (["nods"], "invalid choice: 'nods'"),
        (["cheapest", "--top", "0"], "'0' is not a whole number above 0"),
        (["cheapest", "--ram", "4X"], "ram '4X' is not understood"),
        (["cheapest", "--outside", "Atlantis"], "no country or continent is called 'Atlantis'"),
        (["cheapest", "--near", "50,8"], "near needs within_km"),
        (["cheapest", "--max-price", "free"], "max_price 'free' is not understood"),
        (["cheapest", "--currency", "euro"], "currency 'euro' is not understood"),
        (["nodes", "--deadline", "-1"], "'-1' is not a number of seconds above 0"),
        (["nodes", "--format", "xml"], "invalid choice: 'xml'"),
        (["nodes", "--provider", "linod"], "Did you mean linode?"),
        (["create", "web", "--size", "s", "--image", "i", "--tag", "=x"], "'=x' has no key"),
        (["sandbox", "--port", "65536"], "'65536' is not a port"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_status_2(argv: list[str], told: str, run: Callable[..., Ran]) -> None:
    ran = run(*argv)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("aiocloud: ")
    assert ran.err.count("\n") == 1
    assert told in ran.err


def test_without_rich_one_line_says_what_to_install(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    ran = run("providers")
    assert (ran.status, ran.out) == (1, "")
    assert "pip install 'aiocloud[cli]'" in ran.err
    assert run("providers", "--format", "csv").status == 0


def test_providers_tell_what_they_can_do(run: Callable[..., Ran]) -> None:
    ran = run("providers", "--provider", "linode", "--format", "csv")
    (told,) = csv.DictReader(io.StringIO(ran.out))
    assert (told["provider"], told["name"], told["status"], told["public_prices"]) == (
        "linode",
        "Linode",
        "living",
        "true",
    )
    assert told["capabilities"] == "nodes; start and stop; key pairs"
    assert "linode" in run("providers", "--provider", "linode").out
