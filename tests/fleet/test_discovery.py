"""Which accounts are found, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiocloud.accounts import Account, Environment, Unusable
from aiocloud.errors import ConfigurationError, ProviderNotFoundError
from aiocloud.fleet import Fleet
from aiocloud.fleet.discovery import discover
from aiocloud.http.message import Request, Response
from aiocloud.http.redact import SECRET_HEADERS
from aiocloud.simulators.azure import AzureSimulator
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.ovh import OVHSimulator
from aiocloud.simulators.scaleway import ScalewaySimulator
from aiocloud.simulators.vultr import VultrSimulator


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


def test_secrets_in_a_table_of_an_account_are_looked_up_too(tmp_path: Path) -> None:
    toml = """
        [prod]
        provider = "linode"
        token = "tide"
        [prod.ssh]
        key = "id"
        key_password = {env = "PHRASE"}
    """
    (prod,) = accounts(environment(tmp_path, toml, PHRASE="from-the-environment"))
    assert prod.options["ssh"] == {"key": "id", "key_password": "from-the-environment"}


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


@pytest.mark.parametrize(
    ("provider", "file"),
    [
        ("ec2", ".aws/credentials"),
        ("linode", ".config/linode-cli"),
        ("rackspace", ".rackspace_cloud_credentials"),
        ("softlayer", ".softlayer"),
    ],
)
def test_a_file_of_another_tool_that_cannot_be_read_is_told_without_a_word_of_it(
    tmp_path: Path, provider: str, file: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    for text in ("[default]\nuser = me\napi_key canary-secret\n", "canary-secret\n"):
        path.write_text(text)
        (found,) = discover(environment(tmp_path))
        assert isinstance(found, Unusable)
        assert found.provider == provider
        assert f"{file} cannot be read: " in str(found.error)
        assert "in line" in str(found.error)
        assert "canary-secret" not in f"{found.error!r} {found.error.__cause__!r}"
    path.unlink()
    path.mkdir()
    (found,) = discover(environment(tmp_path))
    assert isinstance(found, Unusable)
    assert "Is a directory" in str(found.error)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ("RS_USERNAME", "RS_API_KEY"),
        ("SL_API_KEY", "SL_USERNAME"),
    ],
)
def test_half_a_login_is_told_and_not_passed_over(tmp_path: Path, given: str, missing: str) -> None:
    (found,) = discover(environment(tmp_path, **{given: "canary-secret", missing: ""}))
    assert isinstance(found, Unusable)
    assert str(found.error) == f"{given} is set, and {missing} is not"


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


async def test_on_a_machine_without_any_account_the_clouds_that_tell_anybody_answer(tmp_path: Path) -> None:
    clouds: dict[str, Simulator] = {
        "api.linode.com": LinodeSimulator(),
        "eu.api.ovh.com": OVHSimulator(),
        "prices.azure.com": AzureSimulator(),
        "api.scaleway.com": ScalewaySimulator(),
        "api.vultr.com": VultrSimulator(),
    }
    keys: list[str] = []

    async def transport(request: Request) -> Response:
        keys.extend(name for name in request.headers if name.lower() in SECRET_HEADERS)
        return await clouds[str(request.url.host)](request)

    fleet = Fleet.from_env(environment(tmp_path), options={"transport": transport})
    async with fleet:
        report = await fleet.list_offers()
    everybody = {"azure", "ec2", "linode", "ovh", "scaleway", "vultr"}
    assert report.failures == ()
    assert {scope.provider for scope in fleet.public_scopes} == everybody
    assert {offer.provider for offer in report.items} == everybody
    assert keys == []


def test_what_is_wrong_with_one_account_costs_none_of_the_others(tmp_path: Path) -> None:
    toml = """
        [first]
        provider = "linode"
        token = "one"
        [second]
        provider = "linode"
        token = {env = "NOT_SET"}
        [third]
        provider = "linode"
        token = "three"
    """
    found = list(discover(environment(tmp_path, toml)))
    assert [(type(each).__name__, each.name) for each in found] == [
        ("Account", "first"),
        ("Unusable", "second"),
        ("Account", "third"),
    ]
    assert [str(scope) for scope in Fleet.from_env(environment(tmp_path), accounts=["second"]).scopes] == [
        "linode/second"
    ]


def test_an_account_that_was_found_twice_is_asked_once_and_a_name_that_is_taken_is_numbered(tmp_path: Path) -> None:
    same = "[default]\nprovider = 'linode'\ntoken = 'tide'\n"
    assert [each.name for each in accounts(environment(tmp_path, same, LINODE_TOKEN="tide"))] == ["default"]
    both = accounts(environment(tmp_path, same, LINODE_TOKEN="another"))
    assert [(each.name, each.options["token"]) for each in both] == [("default", "tide"), ("default-2", "another")]


def test_a_file_that_holds_no_text_is_an_unusable_account_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "key.bin").write_bytes(b"\xff\xfe\x00canary")
    for option in ('{file = "key.bin"}', '{file = "a\\u0000b"}', '{file = "~no-such-user-9/x"}', "{env = 5}"):
        found = list(discover(environment(tmp_path, f"[a]\nprovider = 'linode'\ntoken = {option}\n")))
        assert [type(each) for each in found] == [Unusable]
        assert "canary" not in str(found[0])


def test_a_secret_in_a_file_that_is_no_toml_is_not_repeated(tmp_path: Path) -> None:
    for toml in ("[a]\ntoken = canary-secret", 'token = "canary-secret\n"', "[a]\ntoken='canary-secret'\ntoken='x'"):
        (found,) = discover(environment(tmp_path, toml))
        assert isinstance(found, Unusable)
        assert "canary-secret" not in f"{found.error!r} {found!r}"


def test_a_configuration_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "aiocloud").write_text("x")
    found = Environment({}, home=tmp_path, config=tmp_path / "aiocloud")
    assert [type(each) for each in discover(found)] == [Unusable]


def test_a_driver_that_cannot_tell_its_accounts_leaves_those_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiocloud.providers.ec2 import EC2

    monkeypatch.setattr(EC2, "accounts", lambda environment: 1 / 0)
    found = list(discover(environment(tmp_path, LINODE_TOKEN="tide")))
    assert [(type(each).__name__, each.provider) for each in found] == [("Unusable", "ec2"), ("Account", "linode")]
