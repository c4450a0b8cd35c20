"""A client by others, unmodified and over HTTP, against our simulator.

Vultr has no client of its own for Python: `vultr-python` is Shane's (https://github.com/cssnr/vultr-python).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.server import serve
from aiocloud.simulators.vultr import VultrSimulator
from tests.interop.conftest import official

vultr = official("vultr")

T = TypeVar("T")
Client = Any
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"


class Account:
    """A simulator on loopback, and the means to ask it things through the client."""

    def __init__(self, simulator: VultrSimulator, base_url: str) -> None:
        self.simulator = simulator
        self.base_url = base_url

    async def do(self, work: Callable[[Client], T], key: str | None = None) -> T:
        """Run synchronous code with a client of its own, in a thread."""

        def session() -> T:
            client = vultr.Vultr(key or self.simulator.credentials["api_key"])
            client.url = self.base_url
            try:
                return work(client)
            finally:
                client._session.close()

        return await asyncio.to_thread(session)


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    simulator = VultrSimulator(boot=0.0, invented_prices=True)
    async with serve(simulator) as base:
        yield Account(simulator, str(base / "v2"))


async def test_the_catalogue_can_be_read(account: Account) -> None:
    def work(client: Client) -> Any:
        regions = client.filter_regions(client.list_regions(), ["ewr", "ord"])
        plan = client.filter_list(client.list_plans(), "vc2-1c-1gb", "id")
        system = client.filter_list(client.list_os(), "Ubuntu 24.04 LTS x64")
        return sorted(region["id"] for region in regions), plan["ram"], system["id"]

    assert await account.do(work) == (["ewr", "ord"], 1024, 2284)


async def test_an_instance_is_made_changed_and_deleted(account: Account) -> None:
    def work(client: Client) -> Any:
        key = client.create_key("mine", KEY)
        made = client.create_instance(
            "ams", "vc2-1c-1gb", os_id=2284, label="quay-1", sshkey_id=[key["id"]], tags=["web"]
        )
        seen = client.get_instance(made)
        changed = client.update_instance(made["id"], label="quay-2", tags=["db"])
        tagged = client.list_instances({"tag": "DB"})
        client.delete_instance(made)
        return made, seen, changed, tagged, client.list_instances()

    made, seen, changed, tagged, left = await account.do(work)
    assert (seen["label"], seen["status"], seen["power_status"], seen["server_status"]) == (
        "quay-1",
        "active",
        "running",
        "ok",
    )
    assert made["default_password"]
    assert "default_password" not in seen
    assert (changed["label"], changed["tags"]) == ("quay-2", ["db"])
    assert [each["id"] for each in tagged] == [made["id"]]
    assert left == []


async def test_power_and_pages_can_be_had(account: Account) -> None:
    account.simulator.populate(5)

    def work(client: Client) -> Any:
        first = client.get("/instances", {"per_page": 3})
        second = client.get("/instances", {"per_page": 3, "cursor": first["meta"]["links"]["next"]})
        id_ = first["instances"][0]["id"]
        client.post(f"/instances/{id_}/halt")
        return len(first["instances"]), len(second["instances"]), second["meta"], client.get_instance(id_)

    first, second, meta, halted = await account.do(work)
    assert (first, second, meta["total"], meta["links"]["next"]) == (3, 2, 5, "")
    assert halted["power_status"] == "stopped"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"region": "moon"}, "Invalid region"),
        ({"plan": "vc9"}, "Invalid plan"),
        ({"os_id": 1}, "Invalid OS ID"),
        ({"sshkey_id": ["nobody's"]}, "Invalid SSH key"),
        ({"user_data": "#!/bin/sh"}, "base64"),
        ({"tags": ["x"] * 51}, "Invalid tags"),
        ({"plan": "vhf-1c-2gb", "region": "sao"}, "not available"),
    ],
)
async def test_refusals_have_their_words(account: Account, change: dict[str, Any], words: str) -> None:
    def work(client: Client) -> Any:
        chosen = {"region": "ams", "plan": "vc2-1c-1gb", "os_id": 2284, **change}
        with pytest.raises(vultr.VultrException, match=words) as caught:
            client.create_instance(**chosen)
        return caught.value.status

    assert await account.do(work) == 400
    assert not account.simulator.world.instances


async def test_a_wrong_key_and_a_lack_of_room_are_told(account: Account) -> None:
    account.simulator.faults.append(NoCapacity(on="POST /instances"))

    def full(client: Client) -> Any:
        with pytest.raises(vultr.VultrException, match="not available"):
            client.create_instance("ams", "vc2-1c-1gb", os_id=2284)

    def wrong(client: Client) -> Any:
        with pytest.raises(vultr.VultrException, match="Invalid API token") as caught:
            client.list_instances()
        return caught.value.status

    await account.do(full)
    assert await account.do(wrong, key="WRONG") == 401
