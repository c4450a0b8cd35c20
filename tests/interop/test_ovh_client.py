"""`ovh`, OVHcloud's own client, over HTTP against our simulator.

It knows its endpoints by name alone, in a table of the module: a name is added to it, and nothing else is changed.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.ovh import OVHSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

ovh = official("ovh")

T = TypeVar("T")
PROJECT = OVHSimulator.account.projects[0].id
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
ENDPOINT = "simulator"


class Account:
    """A simulator on loopback, and the means to ask it things through the client."""

    def __init__(self, simulator: OVHSimulator) -> None:
        self.simulator = simulator

    async def do(self, work: Callable[[Any], T], **other_keys: str) -> T:
        """Run synchronous code with a client of its own, in a thread."""
        keys = self.simulator.keys
        known = {
            "application_key": keys.application_key,
            "application_secret": keys.application_secret,
            "consumer_key": keys.consumer_key,
        }

        def session() -> T:
            client = ovh.Client(endpoint=ENDPOINT, **{**known, **other_keys})
            try:
                return work(client)
            finally:
                client._session.close()

        return await asyncio.to_thread(session)


@pytest.fixture
async def account(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Account]:
    simulator = OVHSimulator(boot=0.05)
    async with serve(simulator) as base:
        monkeypatch.setitem(ovh.client.ENDPOINTS, ENDPOINT, str(base / "1.0"))
        yield Account(simulator)


async def test_the_catalogue_can_be_read_with_keys_that_nobody_knows(account: Account) -> None:
    def work(client: Any) -> Any:
        return client.get("/order/catalog/public/cloud", ovhSubsidiary="FR", _need_auth=False)

    catalogue = await account.do(work, application_key="any", application_secret="any", consumer_key="")
    prices = {addon["planCode"]: addon["pricings"][0]["price"] for addon in catalogue["addons"] if addon["pricings"]}
    assert (catalogue["locale"]["currencyCode"], prices["b3-8.consumption"]) == ("EUR", 5120000)


async def test_an_instance_is_listed_made_rebooted_and_destroyed(account: Account) -> None:
    project = f"/cloud/project/{PROJECT}"

    def until(client: Any, instance: str, status: str) -> Any:
        for _ in itertools.repeat(None, 200):
            found = client.get(f"{project}/instance/{instance}")
            if found["status"] == status:
                return found
            time.sleep(0.01)
        raise AssertionError(found)

    def work(client: Any) -> Any:
        assert client.get("/cloud/project") == [PROJECT]
        assert "GRA11" in client.get(f"{project}/region")
        flavors = client.get(f"{project}/flavor", region="GRA11")
        flavor = next(each for each in flavors if each["name"] == "b3-8")
        images = client.get(f"{project}/image", region="GRA11")
        image = next(each for each in images if each["name"] == "Debian 12")
        key = client.post(f"{project}/sshkey", name="quay", publicKey=KEY, region="GRA11")
        made = client.post(
            f"{project}/instance",
            name="quay 1 é",
            region="GRA11",
            flavorId=flavor["id"],
            imageId=image["id"],
            sshKeyId=key["id"],
            monthlyBilling=False,
        )
        running = until(client, made["id"], "ACTIVE")
        listed = client.get(f"{project}/instance", region="GRA11")
        client.post(f"{project}/instance/{made['id']}/reboot", type="soft")
        until(client, made["id"], "ACTIVE")
        client.delete(f"{project}/instance/{made['id']}")
        client.delete(f"{project}/sshkey/{key['id']}")
        return made, running, listed

    made, running, listed = await account.do(work)
    assert (made["status"], made["planCode"], made["sshKey"]["name"]) == ("BUILD", "b3-8.consumption", "quay")
    assert {address["type"] for address in running["ipAddresses"]} == {"public"}
    assert [(each["name"], each["flavorId"]) for each in listed] == [("quay 1 é", running["flavor"]["id"])]
    assert account.simulator.calls["POST /1.0/cloud/project/{id}/instance/{id}/{id}"] == 1  # the last is the action
    assert account.simulator.calls["DELETE /1.0/cloud/project/{id}/instance/{id}"] == 1


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"application_secret": "another"}, "BadParametersError"),
        ({"consumer_key": "another"}, "NotCredential"),
        ({"application_key": "another"}, "InvalidKey"),
    ],
)
async def test_a_wrong_key_is_refused(account: Account, keys: dict[str, str], error: str) -> None:
    with pytest.raises(getattr(ovh.exceptions, error)):
        await account.do(lambda client: client.get("/cloud/project"), **keys)


async def test_what_is_not_there_is_told_so(account: Account) -> None:
    def work(client: Any) -> None:
        with pytest.raises(ovh.exceptions.ResourceNotFoundError, match="Instance does not exist"):
            client.get(f"/cloud/project/{PROJECT}/instance/{OVHSimulator.unknown_node}")
        with pytest.raises(ovh.exceptions.ResourceNotFoundError, match="does not exist on this project"):
            client.get(f"/cloud/project/{PROJECT}/flavor", region="WAW1")
        with pytest.raises(ovh.exceptions.ResourceNotFoundError, match="This service does not exist"):
            client.get("/cloud/project/another/instance")

    await account.do(work)
