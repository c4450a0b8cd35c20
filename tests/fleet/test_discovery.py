"""Which accounts are found, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiocloud.accounts import Account, Environment
from aiocloud.errors import ConfigurationError, ProviderNotFoundError
from aiocloud.fleet import Fleet
from aiocloud.fleet.discovery import Unusable, discover


def environment(tmp_path: Path, toml: str | None = None, **variables: str) -> Environment:
    if toml is not None:
        (tmp_path / "accounts.toml").write_text(toml)
    return Environment(variables, home=tmp_path, config=tmp_path)


def accounts(found: Environment) -> list[Account]:
    return [each for each in discover(found) if isinstance(each, Account)]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert list(discover(environment(tmp_path))) == []


def test_the_variables_of_the_providers_own_tools_are_read(tmp_path: Path) -> None:
    (account,) = accounts(environment(tmp_path, LINODE_TOKEN="tide"))
    assert (account.provider, account.name, account.options["token"]) == ("linode", "default", "tide")


def test_accounts_of_our_own_file_are_named_by_their_tables(tmp_path: Path) -> None:
    toml = """
        [prod]
        provider = "linode"
        token = {env = "THE_TOKEN"}
        region = "eu-west"
        [lab]
        provider = "linode"
        token = {file = "token.txt"}
    """
    (tmp_path / "token.txt").write_text("from-the-file\n")
    prod, lab = accounts(environment(tmp_path, toml, THE_TOKEN="from-the-environment"))
    assert (prod.name, prod.options) == ("prod", {"token": "from-the-environment", "region": "eu-west"})
    assert (lab.name, lab.options) == ("lab", {"token": "from-the-file"})


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[prod", "cannot be read"),
        ("[prod]\ntoken = 'x'", "needs a table with a `provider`"),
        ("[prod]\nprovider = 'linode'\ntoken = {env = 'NOT_SET'}", "NOT_SET, which is not set"),
        ("[prod]\nprovider = 'linode'\ntoken = {file = 'not-there'}", "the file not-there"),
    ],
)
def test_a_file_that_is_wrong_is_not_passed_over(tmp_path: Path, toml: str, message: str) -> None:
    (found,) = [each for each in discover(environment(tmp_path, toml)) if isinstance(each, Unusable)]
    assert message in str(found.error)


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    found = environment(tmp_path, LINODE_TOKEN="canary-secret")
    assert "canary-secret" not in f"{accounts(found)!r} {found!r} {Fleet.from_env(found)!r}"


def test_a_fleet_takes_the_accounts_that_are_named(tmp_path: Path) -> None:
    found = environment(tmp_path, "[a]\nprovider='linode'\n[b]\nprovider='linode'\n")
    assert [scope.account for scope in Fleet.from_env(found, accounts=["b"]).scopes] == ["b"]
    with pytest.raises(ConfigurationError, match="There are: linode/a, linode/b"):
        Fleet.from_env(found, accounts=["c"])


def test_an_unknown_provider_is_answered_with_its_near_matches(tmp_path: Path) -> None:
    with pytest.raises(ProviderNotFoundError, match="Did you mean linode"):
        Fleet.from_env(environment(tmp_path), providers=["linod"])


def test_who_tells_prices_to_anybody_is_asked_without_an_account(tmp_path: Path) -> None:
    scopes = Fleet.from_env(environment(tmp_path)).scopes
    assert "linode/public" in map(str, scopes)
    assert "linode/public" not in map(str, Fleet.from_env(environment(tmp_path, LINODE_TOKEN="x")).scopes)
    assert Fleet.from_env(environment(tmp_path), public=False).scopes == ()
