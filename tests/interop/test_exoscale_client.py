"""Exoscale's own client (`exoscale`), unmodified and over HTTP, against our simulator; and its description of the API.

What our driver asks, and what our simulator answers, is held against the OpenAPI document that the client ships.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.http.message import Request, Response
from aiocloud.models import NodeAuthSSHKey
from aiocloud.providers.exoscale import Exoscale
from aiocloud.simulators.base import NoCapacity
from aiocloud.simulators.exoscale import ExoscaleSimulator
from aiocloud.simulators.exoscale.catalogue import TEMPLATES
from aiocloud.simulators.exoscale.simulator import ROUTES
from aiocloud.simulators.server import serve
from aiocloud.simulators.virtualtime import run
from tests.interop.conftest import official

exoscale = official("exoscale")
v2 = official("exoscale.api.v2")
exceptions = official("exoscale.api.exceptions")
jsonschema = official("jsonschema")

T = TypeVar("T")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
SMALL, MEDIUM = "21624abb-764e-4def-81d7-9fc54b5957fb", "b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844"
DEBIAN, UBUNTU, _ = TEMPLATES
ASKED: dict[str, Any] = {
    "name": "quay-1",
    "instance_type": {"id": SMALL},
    "template": {"id": DEBIAN},
    "disk_size": 10,
}


class Served:
    """A simulator on loopback, and the means to ask it things through the official client."""

    def __init__(self, simulator: ExoscaleSimulator, url: str) -> None:
        self.simulator = simulator
        self.url = url

    async def do(self, work: Callable[[Any], T], **credentials: str) -> T:
        """Run synchronous code with a client of its own, in a thread."""

        def session() -> T:
            client = v2.Client(**{**self.simulator.credentials, **credentials}, url=self.url)
            try:
                return work(client)
            finally:
                client.http_client.close()

        return await asyncio.to_thread(session)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    simulator = ExoscaleSimulator(boot=0.0)
    async with serve(simulator) as base:
        yield Served(simulator, str(base / "v2"))


async def test_an_instance_is_made_with_a_key_seen_and_deleted(served: Served) -> None:
    def work(client: Any) -> Any:
        client.wait(client.register_ssh_key(name="laptop", public_key=KEY)["id"])
        operation = client.create_instance(**ASKED, ssh_keys=[{"name": "laptop"}], labels={"role": "web"})
        made = client.wait(operation["id"])["reference"]["id"]
        seen = client.get_instance(id=made)
        listed = [each["id"] for each in client.list_instances()["instances"]]
        client.wait(client.delete_instance(id=made)["id"])
        return made, seen, listed, client.list_instances()["instances"]

    made, seen, listed, left = await served.do(work)
    assert (seen["name"], seen["state"], seen["labels"]) == ("quay-1", "running", {"role": "web"})
    assert seen["ssh-keys"] == [{"name": "laptop"}]
    assert listed == [made]
    assert left == []


async def test_an_instance_is_stopped_scaled_started_rebooted_and_reset(served: Served) -> None:
    def work(client: Any) -> list[Any]:
        made = client.wait(client.create_instance(**ASKED)["id"])["reference"]["id"]
        seen = []
        client.wait(client.stop_instance(id=made)["id"])
        seen.append(client.get_instance(id=made)["state"])
        client.wait(client.scale_instance(id=made, instance_type={"id": MEDIUM})["id"])
        client.wait(client.start_instance(id=made)["id"])
        client.wait(client.reboot_instance(id=made)["id"])
        client.wait(client.reset_instance(id=made, template={"id": UBUNTU})["id"])
        shown = client.get_instance(id=made)
        return [*seen, shown["state"], shown["instance-type"]["id"], shown["template"]["id"]]

    assert await served.do(work) == ["stopped", "running", MEDIUM, UBUNTU]


async def test_lists_that_have_parameters_are_signed_with_them(served: Served) -> None:
    def work(client: Any) -> Any:
        return client.list_templates(visibility="public")["templates"], client.list_templates(visibility="private")

    public, private = await served.do(work)
    assert [each["id"] for each in public] == list(TEMPLATES)
    assert private == {"templates": []}


async def test_a_wrong_secret_is_an_authentication_error(served: Served) -> None:
    with pytest.raises(exceptions.ExoscaleAPIAuthException, match="403"):
        await served.do(lambda client: client.list_instances(), secret="wrong")


async def test_a_zone_without_room_fails_the_operation(served: Served) -> None:
    served.simulator.faults.append(NoCapacity(on="POST /instance"))

    def work(client: Any) -> None:
        client.wait(client.create_instance(**ASKED)["id"])

    with pytest.raises(exceptions.ExoscaleAPIServerException, match="unavailable"):
        await served.do(work)


async def test_an_instance_that_is_not_there_is_a_clients_error(served: Served) -> None:
    with pytest.raises(exceptions.ExoscaleAPIClientException, match="404"):
        await served.do(lambda client: client.get_instance(id=ExoscaleSimulator.unknown_node))


# ---- the description of the API ----


def description() -> Any:
    path = Path(exoscale.__file__).with_name("openapi.json")
    return json.loads(path.read_text("utf-8"))


def described(api: Any, operation: str) -> Any:
    """What the description says of an operation of our simulator, whose path parameters it calls otherwise."""
    method, _, path = operation.partition(" ")
    known = {path.replace("{name}", "{id}").replace("{entity}", "{id}"): ways for path, ways in api["paths"].items()}
    return known[path][method.lower()]


def valid(api: Any, schema: Any, value: Any) -> None:
    jsonschema.Draft4Validator({**schema, "components": api["components"]}).validate(value)


@pytest.mark.parametrize("operation", ROUTES)
def test_the_simulator_knows_no_path_that_the_description_does_not(operation: str) -> None:
    assert described(description(), operation)["operationId"]


def test_what_the_driver_asks_and_the_simulator_answers_is_as_described() -> None:
    api, simulator = description(), ExoscaleSimulator()
    checked: set[str] = set()

    async def transport(request: Request) -> Response:
        answer = await simulator(request)
        name = simulator.operation(request)
        says = described(api, name)
        if "requestBody" in says:
            body = says["requestBody"]["content"]["application/json"]["schema"]
            valid(api, body, json.loads(request.body))
            assert set(json.loads(request.body)) <= set(body["properties"])
        parameters = {each["name"] for each in says.get("parameters", ()) if each["in"] == "query"}
        assert set(request.url.query) <= parameters
        if answer.ok:
            valid(api, says["responses"]["200"]["content"]["application/json"]["schema"], json.loads(answer.body))
        checked.add(name)
        return answer

    async def scenario() -> None:
        key, secret = simulator.credentials["key"], simulator.credentials["secret"]
        async with Exoscale(key, secret, transport=transport, now=simulator.now) as driver:
            await driver.list_offers()
            await driver.list_images()
            node = await driver.create_node(
                "quay-1",
                size="standard.small",
                image=DEBIAN,
                location="ch-dk-2",
                auth=NodeAuthSSHKey(KEY),
                user_data="#cloud-config\n",
                tags={"role": "web"},
                ex_public_ip="dual",
            )
            await driver.list_nodes()
            await driver.list_key_pairs()
            await driver.reboot_node(node)
            await driver.stop_node(node)
            await driver.ex_resize_node(node, "standard.medium")
            await driver.ex_grow_disk(node, 20)
            await driver.start_node(node, ex_rescue_profile="netboot")
            await driver.ex_rebuild_node(node, UBUNTU, disk_size=20)
            await driver.ex_rename_node(node, "quay-2")
            await driver.ex_set_tags(node, {"role": "db"})
            await driver.ex_reveal_password(node)
            (group,) = await driver.ex_list_security_groups()
            await driver.ex_open_port(group["id"], 22)
            elastic = await driver.ex_create_elastic_ip(location="ch-dk-2")
            await driver.ex_list_elastic_ips(location="ch-dk-2")
            await driver.ex_attach_elastic_ip(elastic, node)
            await driver.ex_release_elastic_ip(elastic, location="ch-dk-2")
            await driver.ex_list_quotas()
            await driver.destroy_node(node)
            await driver.forget_public_key(KEY)

    run(scenario())
    assert checked >= set(ROUTES) - {"GET /instance-type/{id}", "GET /template/{id}"}
