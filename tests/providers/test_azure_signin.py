"""The ways to sign in at Azure, and where accounts are found."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import ConfigurationError, InvalidCredsError
from aiocloud.providers.azure import Azure
from aiocloud.simulators.azure import AzureSimulator
from aiocloud.simulators.azure.simulator import SUBSCRIPTION
from tests.providers.test_azure import Wire

NOBODY: dict[str, Any] = {"tenant_id": None, "client_id": None, "client_secret": None}


async def whole(driver: Azure) -> list[Any]:
    return list(await driver.list_locations())


def test_an_application_asks_its_tenant_for_a_token_for_the_resource_manager() -> None:
    wire = Wire()
    wire.run(whole)
    known, asked = wire.simulator.credentials, wire.asked[0]
    assert str(asked.url) == f"https://login.microsoftonline.com/{known['tenant_id']}/oauth2/v2.0/token"
    assert dict(parse_qsl(asked.body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": known["client_id"],
        "client_secret": known["client_secret"],
        "scope": "https://management.azure.com/.default",
    }


def test_many_callers_share_one_sign_in_and_one_renewal() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        await asyncio.gather(*[whole(driver) for _ in range(6)])
        assert wire.simulator.calls["POST token"] == 1
        wire.simulator.expire_tokens()
        await asyncio.gather(*[whole(driver) for _ in range(6)])

    wire.run(scenario)
    assert wire.simulator.calls["POST token"] == 2


def test_a_token_is_renewed_before_its_hour_is_over() -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        await whole(driver)
        await asyncio.sleep(3500)
        await whole(driver)

    wire.run(scenario)
    assert wire.simulator.calls["POST token"] == 2
    assert wire.simulator.calls["Subscriptions_ListLocations"] == 2  # none was refused first


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"client_secret": "another"}, "AADSTS7000215"),
        ({"client_id": "somebody"}, "AADSTS700016"),
        ({"tenant_id": "nowhere.example"}, "AADSTS90002"),
    ],
)
def test_what_is_wrong_with_an_application_is_said_once(wrong: dict[str, str], code: str) -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        with pytest.raises(InvalidCredsError) as caught:
            await whole(driver)
        assert caught.value.code == code

    wire.run(scenario, **wrong)
    assert wire.simulator.calls["POST token"] == 1


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"ex_managed_identity": True}, "http://169.254.169.254/metadata/identity/oauth2/token"),
        (
            {"ex_identity_endpoint": "http://127.0.0.1:41/msi/token", "ex_identity_header": "harbour-identity-header"},
            "http://127.0.0.1:41/msi/token",
        ),
    ],
)
@pytest.mark.parametrize("chosen", [None, "1b2c3d4e"])
def test_a_machine_and_an_app_sign_in_with_their_identity(
    options: dict[str, Any], path: str, chosen: str | None
) -> None:
    wire = Wire()
    if chosen:
        options = {**options, "ex_managed_identity": chosen}
    assert wire.run(whole, **NOBODY, **options)
    asked = wire.asked[0].url
    assert str(asked.with_query(None)) == path
    assert asked.query["resource"] == "https://management.azure.com/"
    assert asked.query.get("client_id") == chosen


def test_a_token_that_somebody_else_has_got_will_do_until_it_ends() -> None:
    simulator = AzureSimulator()
    wire, token = Wire(simulator), simulator.door.token()

    async def scenario(driver: Azure) -> None:
        assert await whole(driver)
        assert token not in repr(driver)
        simulator.expire_tokens()
        with pytest.raises(InvalidCredsError, match="token is invalid"):
            await whole(driver)

    wire.run(scenario, **NOBODY, ex_token=token)


def cli(folder: Path, script: str) -> str:
    """A program that stands in for the Azure CLI, and writes down how it was called."""
    path = folder / "az"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/called\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_the_azure_cli_is_asked_for_a_token(tmp_path: Path) -> None:
    simulator = AzureSimulator()
    told = {"accessToken": simulator.door.token(), "expiresOn": "2030-01-01 00:00:00", "expires_on": 1893456000}
    (tmp_path / "token").write_text(json.dumps(told))
    program = cli(tmp_path, f"cat {tmp_path}/token")
    async with Azure(subscription_id=SUBSCRIPTION, ex_cli=program, transport=simulator) as driver:
        await asyncio.gather(whole(driver), whole(driver))
    called = (tmp_path / "called").read_text()
    assert called == f"account get-access-token --output json --subscription {SUBSCRIPTION}\n"


@pytest.mark.parametrize(
    ("script", "kind", "word"),
    [
        ("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1", InvalidCredsError, "az login"),
        ("exit 3", InvalidCredsError, "status 3"),
        ('echo "{\\"accessToken\\": 5"', InvalidCredsError, "prints no token"),
    ],
)
async def test_what_is_wrong_with_the_azure_cli_is_said(tmp_path: Path, script: str, kind: Any, word: str) -> None:
    options: dict[str, Any] = {"subscription_id": SUBSCRIPTION, "transport": AzureSimulator()}
    async with Azure(ex_cli=cli(tmp_path, script), **options) as driver:
        with pytest.raises(kind, match=word):
            await whole(driver)
    async with Azure(ex_cli=str(tmp_path / "no-such-az"), **options) as driver:
        with pytest.raises(ConfigurationError, match="cannot be run"):
            await whole(driver)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"subscription_id": "x"}, "tenant_id"),
        ({"tenant_id": "t", "client_id": "c", "client_secret": "s"}, "subscription_id"),
        ({"tenant_id": "t", "client_id": "c", "subscription_id": "x"}, "client_secret"),
        ({"client_secret": "s", "subscription_id": "x"}, "tenant_id"),
        ({"ex_cli": True}, "subscription_id"),
    ],
)
def test_half_a_login_is_refused_at_once(options: dict[str, Any], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        Azure(**options)


@pytest.mark.parametrize(
    ("endpoint", "host", "scope"),
    [
        ("https://management.usgovcloudapi.net", "login.microsoftonline.us", "https://management.usgovcloudapi.net"),
        ("https://management.chinacloudapi.cn", "login.chinacloudapi.cn", "https://management.chinacloudapi.cn"),
        ("http://127.0.0.1:4711", "127.0.0.1", "https://management.azure.com"),
    ],
)
def test_each_of_microsofts_clouds_signs_in_at_its_own_host(endpoint: str, host: str, scope: str) -> None:
    wire = Wire()

    async def scenario(driver: Azure) -> None:
        with suppress(InvalidCredsError):  # the simulator is at none of these
            await whole(driver)

    wire.run(scenario, endpoint=endpoint)
    assert wire.asked[0].url.host == host
    assert dict(parse_qsl(wire.asked[0].body.decode()))["scope"] == f"{scope}/.default"


# ---- accounts

SECRET = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s3cret"}


def found(home: Path, **variables: str) -> list[Any]:
    return list(Azure.accounts(Environment(variables, home, home)))


def profile(home: Path) -> None:
    (home / ".azure").mkdir()
    subscriptions = [{"id": "other", "isDefault": False}, {"id": "sub-1", "isDefault": True, "tenantId": "t"}]
    text = json.dumps({"subscriptions": subscriptions})
    (home / ".azure" / "azureProfile.json").write_text(text, encoding="utf-8-sig")
    (home / ".azure" / "config").write_text("[defaults]\ngroup = quay\nlocation = uksouth\n")


def test_a_client_secret_is_found_in_variables(tmp_path: Path) -> None:
    (account,) = found(tmp_path, **SECRET, AZURE_SUBSCRIPTION_ID="sub-9", AZURE_DEFAULTS_LOCATION="westeurope")
    assert account.options == {
        "tenant_id": "t",
        "client_id": "c",
        "client_secret": "s3cret",
        "subscription_id": "sub-9",
        "resource_group": None,
        "region": "westeurope",
    }
    assert Azure(**account.options).subscription_id == "sub-9"


def test_the_clis_sign_in_is_found_with_its_subscription_group_and_region(tmp_path: Path) -> None:
    assert found(tmp_path) == []
    profile(tmp_path)
    (account,) = found(tmp_path)
    expected = {"ex_cli": True, "subscription_id": "sub-1", "resource_group": "quay", "region": "uksouth"}
    assert account.options == expected
    (account,) = found(tmp_path, AZURE_SUBSCRIPTION_ID="sub-9")
    assert account.options["subscription_id"] == "sub-9"
    (account,) = found(tmp_path, **SECRET)
    assert (account.options["client_id"], account.options["subscription_id"]) == ("c", "sub-1")


def test_the_identity_of_an_app_is_found(tmp_path: Path) -> None:
    variables = {"IDENTITY_ENDPOINT": "http://127.0.0.1:41/msi/token", "IDENTITY_HEADER": "h3ader"}
    (account,) = found(tmp_path, **variables, AZURE_SUBSCRIPTION_ID="sub-9")
    assert account.options["ex_managed_identity"] is True
    assert Azure(**account.options).known
    assert found(tmp_path, **variables) == []


def test_what_cannot_be_used_is_an_error_that_quotes_nothing(tmp_path: Path) -> None:
    for variables in ({"AZURE_CLIENT_SECRET": "s3cret"}, SECRET):
        with pytest.raises(ConfigurationError) as caught:
            found(tmp_path, **variables)
        assert "s3cret" not in str(caught.value)
    profile(tmp_path)
    (tmp_path / ".azure" / "azureProfile.json").write_text('{"s3cret": ')
    with pytest.raises(ConfigurationError) as caught:
        found(tmp_path)
    assert "s3cret" not in str(caught.value)
