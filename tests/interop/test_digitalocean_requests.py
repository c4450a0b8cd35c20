"""What our driver asks of DigitalOcean is what DigitalOcean's description of its API knows.

`pydo` is generated from that description (OpenAPI): paths and parameters are read out of the functions that build its
requests, bodies out of the templates in its docstrings. Where a body may have one of several forms the templates are
empty: those three are written down here, keys and kinds as https://github.com/digitalocean/openapi has them.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from aiocloud.models import KeyPair, NodeAuthSSHKey
from aiocloud.providers.digitalocean import DigitalOcean
from aiocloud.simulators import virtualtime
from aiocloud.simulators.digitalocean import DigitalOceanSimulator
from tests.interop.conftest import official
from tests.interop.descriptions import Description, Operation, Walk, asking, closed, like

pydo = official("pydo")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
TEXT, NUMBER, YES = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
WORDS = {"type": "array", "items": TEXT}
IMAGE = {"type": ["string", "integer"]}

# specification/resources/droplets/models/{droplet_single_create,droplet_create}.yml
DROPLET = closed(
    {
        **dict.fromkeys(("name", "region", "size", "user_data", "vpc_uuid"), TEXT),
        **dict.fromkeys(("backups", "ipv6", "monitoring", "private_networking", "with_droplet_agent"), YES),
        "backup_policy": {"type": "object"},
        "image": IMAGE,
        "ssh_keys": {"type": "array", "items": IMAGE},
        "tags": WORDS,
        "volumes": WORDS,
    },
    required=("name", "size", "image"),
)
# specification/resources/droplets/models/droplet_actions.yml: the kinds, and what must or may be told with each
ACTIONS: dict[str, dict[str, Any]] = {
    **{kind: {} for kind in ("reboot", "power_cycle", "shutdown", "power_off", "power_on", "password_reset")},
    **{kind: {} for kind in ("disable_backups", "enable_ipv6")},
    "enable_backups": {"backup_policy": {"type": "object"}},
    "restore": {"image": NUMBER},
    "resize": {"disk": YES, "size": TEXT},
    "rebuild": {"image": IMAGE},
    "rename": {"name": TEXT},
    "change_kernel": {"kernel": NUMBER},
    "snapshot": {"name": TEXT},
}
ACTION = {"oneOf": [closed({"type": {"const": kind}, **more}, required=["type"]) for kind, more in ACTIONS.items()]}
# specification/resources/reserved_ips/models/{reserved_ip_create,reserved_ip_actions}.yml
RESERVE = {"oneOf": [closed({"droplet_id": NUMBER}, ["droplet_id"]), closed({"region": TEXT}, ["region"])]}
MOVE = {
    "oneOf": [
        closed({"type": {"const": "assign"}, "droplet_id": NUMBER}, ["type", "droplet_id"]),
        closed({"type": {"const": "unassign"}}, ["type"]),
    ]
}
FORMS = {
    "POST /v2/droplets": DROPLET,
    "POST /v2/droplets/{droplet_id}/actions": ACTION,
    "POST /v2/reserved_ips": RESERVE,
    "POST /v2/reserved_ips/{reserved_ip}/actions": MOVE,
}

OURS = re.compile(r"/v2/(account|actions|droplets|firewalls|images|regions|reserved_ips|sizes|tags)\b.*")
BUILDER = re.compile(
    r"^def build_(\w+)_request\(.*?^    return HttpRequest\(\s*method=\"(\w+)\"", re.DOTALL | re.MULTILINE
)
# Comments in the templates run over several lines, of which only the first has its sharp.
LINE = re.compile(r'\s*(?:"\w+": )?(?:"[^"]*"|-?[\d.]+|bool|True|False|[\[{][\]}]?)?[\]}]?,?\s*(?:#.*)?')


@lru_cache(maxsize=1)
def description() -> Description:
    """DigitalOcean's API, as far as our driver has to do with it."""
    return Description(_operations())


def _operations() -> Iterator[Operation]:
    spec = importlib.util.find_spec("pydo.operations")
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).with_name("_operations.py").read_text("utf-8")
    builders, _, methods = text.partition("\nclass ")
    for found in BUILDER.finditer(builders):
        path = re.search(r'_url = "(.*?)"', found[0])
        if path is None or not OURS.fullmatch(path[1]):
            continue
        query = frozenset(re.findall(r'_params\["(\w+)"\]', found[0]))
        body = FORMS.get(f"{found[2]} {path[1]}") or _template(methods, found[1])
        yield Operation(found[2], path[1], query, body)


def _template(methods: str, name: str) -> dict[str, Any] | None:
    """The schema of the body of an operation, out of the docstring of the method that asks for it."""
    end = methods.find(f"_request = build_{name}_request(")
    docs = methods[methods.rfind("\n    def ", 0, end) : end]
    found = re.search(r"# JSON input template.*?\n\s+body = (.*?)\n\n", docs, re.DOTALL)
    if found is None:
        return None
    lines = [line for line in found[1].split("\n") if LINE.fullmatch(line)]
    example = "\n".join(line.partition("  #")[0] for line in lines).replace("bool", "True")
    return like([eval(example, {"__builtins__": {}})])  # a template of the client's own


async def steps(driver: Any) -> None:
    """All that our driver can be asked."""
    pair = await driver.import_key_pair_from_string("quay", KEY)
    node = await driver.create_node(
        "quay-1",
        size="s-1vcpu-1gb",
        image="debian-12-x64",
        location="fra1",
        auth=NodeAuthSSHKey(KEY),
        user_data="#cloud-config\n",
        tags={"role": "web"},
        ex_ipv6=True,
        ex_monitoring=True,
        ex_backups=True,
        ex_vpc="760e09ef-dc84-11e8-981e-3cfdfeaae000",
        ex_volumes=["506f78a4-e098-11e5-ad9f-000f53306ae1"],
        ex_agent=False,
    )
    node = await driver.get_node(await driver._driver.wait_until(node))
    await _switched(driver, node)
    await _listed(driver, node)
    ip = await driver.ex_reserve_ip("fra1")
    await driver.ex_assign_reserved_ip(ip, node)
    await driver.ex_release_reserved_ip(ip)
    await driver.ex_add_to_firewall("fw-1", node)
    await driver.destroy_node(node)
    await driver.create_node("quay-2", size="s-1vcpu-1gb", image="130000003", auth=KeyPair(id="", name="quay"))
    await driver.get_key_pair("quay")
    await driver.delete_key_pair(pair)
    await driver.forget_public_key(KEY)


async def _switched(driver: Any, node: Any) -> None:
    orders = [
        driver.reboot_node(node),
        driver.reboot_node(node, ex_hard=True),
        driver.stop_node(node),
        driver.start_node(node),
        driver.stop_node(node, ex_hard=True),
    ]
    for order in orders:
        await order
        (newest, *_) = await driver.ex_list_actions(node)
        await driver.ex_wait_for_action(newest)
    for action in (
        driver.ex_resize_node(node, "s-1vcpu-2gb", disk=True),
        driver.ex_rebuild_node(node, "ubuntu-24-04-x64"),
        driver.ex_rebuild_node(node, "130000003"),
        driver.ex_rename_node(node, "quay-3"),
        driver.ex_snapshot_node(node, "before"),
    ):
        await driver.ex_wait_for_action(await action)


async def _listed(driver: Any, node: Any) -> None:
    await driver.list_nodes(location="fra1")
    await driver.list_images(location="fra1")
    await driver.list_sizes(location="fra1")
    await driver.list_locations()
    await driver.list_offers()
    await driver.list_key_pairs()
    await driver.ex_account()
    await driver.ex_list_firewalls()
    await driver.ex_list_reserved_ips()


def test_all_that_is_asked_is_described() -> None:
    simulator = DigitalOceanSimulator()
    simulator.world.firewalls["fw-1"] = {"id": "fw-1", "name": "wall", "droplet_ids": []}
    walk = Walk(simulator, description())
    options: dict[str, Any] = {**simulator.credentials, "transport": walk, "now": simulator.now}
    virtualtime.run(walk.through(DigitalOcean(**options), steps))
    assert walk.faults == []
    assert {
        "POST /v2/droplets",
        "POST /v2/reserved_ips/{reserved_ip}/actions",
        "DELETE /v2/tags/{tag_id}",
    } <= walk.asked


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("GET", "/v2/dropets", None, "is not described"),
        ("PUT", "/v2/droplets/1", None, "is not described"),
        ("GET", "/v2/droplets?tag=web", None, "the parameter 'tag' is unknown"),
        ("GET", "/v2/droplets", {"name": "x"}, "nothing can be told"),
        ("POST", "/v2/droplets", {"name": "x", "size": "s"}, "'image' is a required property"),
        ("POST", "/v2/droplets", {"name": "x", "size": "s", "image": 1, "vpc": "y"}, "'vpc' was unexpected"),
        ("POST", "/v2/droplets", {"name": "x", "size": "s", "image": 1, "ipv6": "yes"}, "is not of type 'boolean'"),
        ("POST", "/v2/droplets/1/actions", {"type": "rename", "title": "x"}, "is not valid"),
        ("POST", "/v2/droplets/1/actions", {"type": "explode"}, "is not valid"),
        ("POST", "/v2/account/keys", {"name": "x", "key": "y"}, "'key' was unexpected"),
        ("POST", "/v2/firewalls/1/droplets", {"droplet_ids": ["1"]}, "is not of type 'integer'"),
    ],
)
def test_a_request_that_is_not_described_would_be_seen(method: str, path: str, body: Any, fault: str) -> None:
    faults = description().faults(asking(method, path, body))
    assert [each for each in faults if fault in each], faults
