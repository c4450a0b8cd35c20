"""What our driver asks of Vultr is what Vultr's own client for Node.js (`@vultr/vultr-node`) admits.

It has a table of every operation: the path, and each parameter's kind. `described/vultr.json` is that table of its
version 2.8.0 (MIT, https://github.com/vultr/vultr-node) for what our driver has to do with: names and kinds, those that
must be given with a "!".
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from aiocloud.models import KeyPair, NodeAuthSSHKey, NodeState
from aiocloud.providers.vultr import Vultr
from aiocloud.simulators import virtualtime
from aiocloud.simulators.vultr import VultrSimulator
from tests.interop.descriptions import Description, Operation, Walk, asking, closed

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
SNAPSHOT, RESERVED = "cb676a46-66fd-4dfb-b839-443f2e6c0b60", "9f4d9a3c-7d4e-4b1a-9e1f-0d1f5a4f8b11"
KINDS = {
    # Wherever the API has a list, it is one of words.
    "array": {"type": "array", "items": {"type": "string"}},
    "boolean": {"type": "boolean"},
    "number": {"type": "integer"},
    "string": {"type": "string"},
}
# vultr-node has it as a text; the OpenAPI document (in PyPI's vultr-python-client 1.0.2) and govultr have a number.
NUMBERS = {"os_id"}


@lru_cache(maxsize=1)
def description() -> Description:
    """Vultr's API, as far as our driver has to do with it."""
    table = json.loads((Path(__file__).parent / "described" / "vultr.json").read_text("utf-8"))
    return Description(_operation(name, said) for name, said in table.items())


def _operation(name: str, said: dict[str, str]) -> Operation:
    method, path = name.split()
    if method in ("GET", "DELETE"):
        return Operation(method, f"/v2{path}", frozenset(said))
    kinds = {word: KINDS["number" if word in NUMBERS else kind.lstrip("!")] for word, kind in said.items()}
    needed = [word for word, kind in said.items() if kind.startswith("!")]
    return Operation(method, f"/v2{path}", body=closed(kinds, needed) if said else None)


async def steps(driver: Any) -> None:
    """All that our driver can be asked."""
    pair = await driver.import_key_pair_from_string("quay", KEY)
    node = await driver.create_node(
        "quay-1",
        size="vc2-1c-1gb",
        image="2136",
        location="ams",
        auth=NodeAuthSSHKey(KEY),
        user_data="#cloud-config\n",
        tags={"role": "web"},
        ex_ipv6=True,
        ex_backups=True,
        ex_firewall="a6b1ab9e-4d6b-4d6b-8d51-6f6f6f6f6f6f",
        ex_vpcs=["b7b1ab9e-4d6b-4d6b-8d51-6f6f6f6f6f6f"],
        ex_script="c8b1ab9e-4d6b-4d6b-8d51-6f6f6f6f6f6f",
        ex_reserved_ip=RESERVED,
    )
    node = await driver.get_node(await driver._driver.wait_until(node))
    await _listed(driver)
    for change in (
        driver.reboot_node(node),
        driver.stop_node(node),
        driver.start_node(node),
        driver.ex_rename_node(node, "quay-2"),
        driver.ex_set_tags(node, {"role": "db"}),
        driver.ex_set_firewall(node, "a6b1ab9e-4d6b-4d6b-8d51-6f6f6f6f6f6f"),
        driver.ex_set_firewall(node, None),
        driver.ex_resize_node(node, "vc2-1c-2gb"),
        driver.ex_rebuild_node(node),
        driver.ex_rebuild_node(node, "2284"),
        driver.ex_restore_node(node, SNAPSHOT),
        driver.ex_attach_reserved_ip(RESERVED, node),
    ):
        await change
        await driver._driver.wait_until(node, NodeState.RUNNING, NodeState.STOPPED)
    await driver.destroy_node(node)
    other = await driver.create_node(
        "quay-3", size="vc2-1c-1gb", image=SNAPSHOT, location="ams", auth=KeyPair(id=pair.id, name="quay")
    )
    await driver.destroy_node(await driver._driver.wait_until(other))
    await driver.get_key_pair("quay")
    await driver.delete_key_pair(pair)
    await driver.forget_public_key(KEY)


async def _listed(driver: Any) -> None:
    await driver.list_nodes(location="ams")
    await driver.list_images()
    await driver.list_sizes(location="ams")
    await driver.list_locations()
    await driver.list_offers()
    await driver.list_key_pairs()
    await driver.ex_list_firewalls()
    await driver.ex_list_vpcs()
    await driver.ex_list_reserved_ips()


def test_all_that_is_asked_is_described() -> None:
    simulator = VultrSimulator()
    simulator.world.snapshots[SNAPSHOT] = {"id": SNAPSHOT, "description": "before", "status": "complete", "os_id": 2136}
    simulator.world.reserved[RESERVED] = {"id": RESERVED, "region": "ams", "subnet": "198.18.9.9", "instance_id": ""}
    walk = Walk(simulator, description())
    options: dict[str, Any] = {**simulator.credentials, "transport": walk, "now": simulator.now}
    virtualtime.run(walk.through(Vultr(**options), steps))
    assert walk.faults == []
    assert {"POST /v2/instances", "PATCH /v2/instances/{instance-id}", "GET /v2/vpcs"} <= walk.asked


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "/v2/instnces", None, "is not described"),
        ("PUT", "/v2/instances/1", None, "is not described"),
        ("GET", "/v2/instances?tags=web", None, "the parameter 'tags' is unknown"),
        ("POST", "/v2/instances/1/halt", {"force": True}, "nothing can be told"),
        ("POST", "/v2/instances", {"region": "ams"}, "'plan' is a required property"),
        ("POST", "/v2/instances", {"region": "ams", "plan": "x", "image": 1}, "'image' was unexpected"),
        ("POST", "/v2/instances", {"region": "ams", "plan": "x", "os_id": "1"}, "is not of type 'integer'"),
        ("PATCH", "/v2/instances/1", {"tags": "web"}, "is not of type 'array'"),
        ("POST", "/v2/reserved-ips/1/attach", {}, "'instance_id' is a required property"),
    ],
)
def test_a_request_that_is_not_described_would_be_seen(method: str, path: str, body: Any, fault: str) -> None:
    faults = description().faults(asking(method, path, body))
    assert [each for each in faults if fault in each], faults
