"""One command on nodes of several accounts, each signed in to as its account says."""

from __future__ import annotations

from typing import Any

import pytest

from aiocloud.accounts import Account
from aiocloud.deploy import SSH, AcceptAnyHostKey
from aiocloud.deploy.keys import make_key
from aiocloud.errors import ConfigurationError, SignInError
from aiocloud.fleet import Fleet
from aiocloud.models import Node
from aiocloud.simulators import virtualtime
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.softlayer import SoftLayerSimulator


def account(simulator: Any, name: str, **ssh: Any) -> Account:
    how = SSH(**{"dial": simulator.dial, "host_keys": AcceptAnyHostKey(), **ssh})
    return Account(simulator.provider, name, {**simulator.credentials, "transport": simulator, "ssh": how})


def test_each_account_has_its_own_keys_and_what_is_given_holds_for_all() -> None:
    clouds = LinodeSimulator(), SoftLayerSimulator()
    keys = [make_key("one"), make_key("other")]
    for cloud, key in zip(clouds, keys, strict=True):
        cloud.populate(2)
        cloud.ssh.authorized_keys.append(key.public)
    accounts = [account(cloud, "prod", keys=[key.private]) for cloud, key in zip(clouds, keys, strict=True)]

    async def scenario() -> None:
        async with Fleet(accounts=accounts) as fleet:
            results = await fleet.run(fleet.list_nodes(), ["hostname", "id -un"])
            assert [result.error for result in results] == [None] * 8
            assert {result.node.provider for result in results} == {"linode", "softlayer"}
            wrong = await fleet.run(fleet.list_nodes(), "true", ssh_key=keys[0].private)
            assert {result.node.provider: type(result.error) for result in wrong} == {
                "linode": type(None),
                "softlayer": SignInError,
            }

    virtualtime.run(scenario())


def test_a_node_of_no_account_is_a_failure_among_the_results() -> None:
    async def scenario() -> None:
        async with Fleet(accounts=[account(LinodeSimulator(), "prod")]) as fleet:
            (result,) = await fleet.run([Node(id="1", name="web", provider="ec2", account="prod")], "true")
            assert isinstance(result.error, ConfigurationError)
            assert "'ec2/prod' is no account" in str(result.error)

    virtualtime.run(scenario())


@pytest.mark.parametrize("wrong", [{"limit": 0}, {"timeout": 0}])
def test_what_makes_no_sense_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Fleet().run([], "true", **wrong)
