"""What our driver asks of Compute Engine is what Google's description of the API knows, parameters and bodies alike.

The description is the discovery document in `google-api-python-client`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from aiocloud.http.message import Request, Response
from aiocloud.models import NodeAuthSSHKey, NodeState
from aiocloud.providers.gce import GCE
from aiocloud.simulators import virtualtime
from aiocloud.simulators.gce import GCESimulator
from tests.interop.conftest import official

folder = Path(official("googleapiclient.discovery_cache").__file__).parent / "documents"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


@lru_cache(maxsize=2)
def document(name: str = "compute") -> Any:
    return json.loads((folder / f"{name}.v1.json").read_text("utf-8"))


@lru_cache(maxsize=1)
def methods() -> tuple[tuple[re.Pattern[str], Any], ...]:
    return tuple(_methods())


def _methods() -> Iterator[tuple[re.Pattern[str], Any]]:
    for resource in document()["resources"].values():
        for method in resource["methods"].values():
            path = re.sub(r"\{\w+\}", "[^/]+", method["path"])
            yield re.compile(f"{method['httpMethod']} /compute/v1/{path}"), method


def method_of(request: Request) -> Any:
    asked = f"{request.method} {request.url.raw_path}"
    found = [method for pattern, method in methods() if pattern.fullmatch(asked)]
    assert found, f"{asked} is no method of the API"
    return found[0]


def faults(value: Any, schema: Any, where: str = "", *, api: str = "compute") -> Iterator[str]:
    """What is wrong with a value."""
    schema = document(api)["schemas"][schema["$ref"]] if "$ref" in schema else schema
    if not isinstance(value, TYPES[schema.get("type", "object")]):
        yield f"{where}: {value!r} is no {schema.get('type')}"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from faults(each, schema["items"], f"{where}[{number}]", api=api)
    elif isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, each in value.items():
            if (kind := known.get(key, others)) is None:
                yield f"{where}.{key} is unknown"
            else:
                yield from faults(each, kind, f"{where}.{key}", api=api)
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"


def check(request: Request) -> str:
    """The method that was asked for, after a look at all that it was asked."""
    method = method_of(request)
    known = {**method.get("parameters", {}), **document()["parameters"]}
    assert set(request.url.query) <= set(known), method["id"]
    assert bool(request.body) == ("request" in method), method["id"]
    if request.body:
        assert list(faults(json.loads(request.body), method["request"])) == [], method["id"]
    return str(method["id"])


async def life(driver: GCE) -> None:
    node = await driver.create_node(
        "web-1",
        size="e2-small",
        image=IMAGE,
        auth=NodeAuthSSHKey(KEY),
        user_data="#cloud-config\n",
        tags={"role": "web"},
        ex_disk_size=20,
        ex_disk_type="pd-ssd",
        ex_subnetwork="default",
        ex_network_tags=["http"],
        ex_service_account="a@b",
        ex_spot=True,
    )
    node = await driver.wait_until(node.id)
    await driver.reboot_node(node)
    await driver.ex_set_tags(node, {"role": "db"})
    await driver.ex_get_console_output(node)
    await driver.ex_suspend_node(node)
    await driver.ex_resume_node(await driver.wait_until(node, NodeState.SUSPENDED))
    await driver.stop_node(await driver.wait_until(node))
    node = await driver.wait_until(node, NodeState.STOPPED)
    await driver.ex_resize_node(node, "e2-medium")
    await driver.start_node(node)
    await driver.destroy_node(await driver.wait_until(node))


async def lists(driver: GCE) -> None:
    zone = (await driver.list_locations())[0]
    await driver.list_nodes()
    await driver.list_nodes(location=zone)
    await driver.list_images()
    await driver.list_sizes(location=zone)
    await driver.list_offers()
    await driver.ex_list_networks()
    await driver.ex_list_addresses()


async def firewalls(driver: GCE) -> None:
    await driver.ex_create_firewall("web", allowed=["tcp:80", "icmp"], target_tags=["http"])
    await driver.ex_list_firewalls()
    await driver.ex_delete_firewall("web")


@pytest.mark.parametrize(("work", "last"), [(life, "delete"), (lists, "aggregatedList"), (firewalls, "delete")])
def test_all_that_is_asked_is_described(work: Callable[[GCE], Awaitable[None]], last: str) -> None:
    simulator, asked = GCESimulator(), []

    async def transport(request: Request) -> Response:
        if request.url.path != "/token":
            asked.append(check(request))
        return await simulator(request)

    async def go() -> None:
        options: dict[str, Any] = {**simulator.credentials, "region": "us-central1-a"}
        async with GCE(**options, transport=transport, now=simulator.now) as driver:
            await work(driver)

    virtualtime.run(go())
    ends = [each for each in asked if not each.endswith("Operations.wait")]
    assert ends[-1].endswith(last)
    # The simulator calls its methods by Google's names, too.
    assert {name for name in simulator.calls if name.startswith("compute.")} == set(asked)


def test_what_the_simulator_answers_is_described() -> None:
    simulator = GCESimulator()
    simulator.populate(13)
    wrong: list[str] = []

    async def transport(request: Request) -> Response:
        response = await simulator(request)
        if request.url.path != "/token" and response.ok:
            wrong.extend(faults(json.loads(response.body), method_of(request)["response"], request.url.path))
        return response

    async def go() -> None:
        options: dict[str, Any] = {**simulator.credentials, "region": "us-central1-a"}
        async with GCE(**options, transport=transport, now=simulator.now) as driver:
            await life(driver)
            await lists(driver)
            await firewalls(driver)

    virtualtime.run(go())
    assert wrong == []


def test_the_price_list_is_asked_for_and_answered_as_described() -> None:
    simulator = GCESimulator(invented_prices=True)
    described = document("cloudbilling")
    method = described["resources"]["services"]["resources"]["skus"]["methods"]["list"]
    seen: list[str] = []

    async def transport(request: Request) -> Response:
        response = await simulator(request)
        if request.url.host == "cloudbilling.googleapis.com":
            path = method["path"].replace("{+parent}", "services/[^/]+")
            assert re.fullmatch(f"{method['httpMethod']} /{path}", f"{request.method} {request.url.raw_path}")
            query = request.url.query
            assert set(query) <= {*method["parameters"], *described["parameters"]}
            assert query["pageSize"].isdecimal()
            seen.extend(faults(json.loads(response.body), method["response"], api="cloudbilling"))
            whole = await simulator(replace(request, url=request.url.without_query_params("fields")))
            seen.extend(faults(json.loads(whole.body), method["response"], api="cloudbilling"))
            seen.extend(unknown(query["fields"], method["response"]))
            seen.append("asked")
        return response

    async def go() -> None:
        options: dict[str, Any] = {**simulator.credentials, "ex_billing_key": simulator.billing_key}
        async with GCE(**options, transport=transport, now=simulator.now) as driver:
            sizes = await driver.list_sizes()
            assert any(size.price and size.price.source == "api" for size in sizes)

    virtualtime.run(go())
    assert seen == ["asked"]


def unknown(mask: str, response: Any) -> Iterator[str]:
    """The fields of a mask that the answer cannot have."""
    schemas = document("cloudbilling")["schemas"]
    above: list[Any] = []
    here = last = schemas[response["$ref"]]
    for word in re.findall(r"\w+|[()]", mask):
        if word == "(":
            above.append(here)
            here = schemas[last.get("items", last)["$ref"]]
        elif word == ")":
            here = above.pop()
        elif (last := here["properties"].get(word)) is None:
            yield word


def test_a_body_that_is_not_described_would_be_seen() -> None:
    assert list(faults({"nmae": "x"}, {"$ref": "Instance"})) == [".nmae is unknown"]
    assert list(faults({"disks": [{"boot": "yes"}]}, {"$ref": "Instance"})) == [".disks[0].boot: 'yes' is no boolean"]
