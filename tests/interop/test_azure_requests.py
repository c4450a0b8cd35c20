"""What our driver sends, against the description of the API that Microsoft's own clients are made from.

`azure-mgmt-compute` and its sisters hold, for each operation, its method, its path and its parameters, and for each
body a model with its fields, their types, their words, and which of them are the server's alone to fill.
"""

from __future__ import annotations

import asyncio
import enum
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, MutableMapping
from datetime import datetime
from typing import Any, Union

import pytest

from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey
from aiocloud.providers.azure import Azure
from aiocloud.simulators import virtualtime
from aiocloud.simulators.azure import AzureSimulator
from tests.interop.conftest import official

PACKAGES = ("azure.mgmt.compute", "azure.mgmt.network", "azure.mgmt.resource.resources")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L quay"
BODIES = {
    "virtualMachines": ("azure.mgmt.compute", "VirtualMachine"),
    "PATCH virtualMachines": ("azure.mgmt.compute", "VirtualMachineUpdate"),
    "runCommand": ("azure.mgmt.compute", "RunCommandInput"),
    "sshPublicKeys": ("azure.mgmt.compute", "SshPublicKeyResource"),
    "networkInterfaces": ("azure.mgmt.network", "NetworkInterface"),
    "publicIPAddresses": ("azure.mgmt.network", "PublicIPAddress"),
    "virtualNetworks": ("azure.mgmt.network", "VirtualNetwork"),
    "networkSecurityGroups": ("azure.mgmt.network", "NetworkSecurityGroup"),
    "securityRules": ("azure.mgmt.network", "SecurityRule"),
    "resourceGroups": ("azure.mgmt.resource.resources", "ResourceGroup"),
}


# ---- the description


def operations() -> Iterator[tuple[str, re.Pattern[str], set[str]]]:
    """Method, path and parameters of each operation that the packages know."""
    for package in PACKAGES:
        source = inspect.getsource(official(f"{package}.operations._operations"))
        for block in re.split(r"\ndef build_", source)[1:]:
            url, method = re.search(r'_url = "([^"]+)"', block), re.search(r'method="(\w+)"', block)
            if url is None or method is None:
                continue
            path = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(url[1])), re.IGNORECASE)
            yield method[1], path, set(re.findall(r'_params\["([^"]+)"\]', block.partition("\nclass ")[0]))


def faults(kind: Any, value: Any, where: str, package: str) -> Iterator[str]:
    """What is wrong with a value for a type of the description."""
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) in (Union, types.UnionType):
        chosen = [each for each in arguments if each is not type(None)]
        enums = [each for each in chosen if isinstance(each, type) and issubclass(each, enum.Enum)]
        yield from faults(enums[0] if enums else chosen[0], value, where, package)
    elif typing.get_origin(kind) is list:
        assert isinstance(value, list), where
        for index, each in enumerate(value):
            yield from faults(arguments[0], each, f"{where}[{index}]", package)
    elif typing.get_origin(kind) is dict:
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            yield f"{where} is no table of text"
    elif isinstance(kind, type) and issubclass(kind, MutableMapping):
        yield from faults_of_model(kind, value, where, package)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        if value not in {each.value for each in kind}:
            yield f"{where}: {value!r} is no {kind.__name__}"
    elif isinstance(kind, type) and not isinstance(value, kind):
        yield f"{where}: {value!r} is no {kind.__name__}"


def faults_of_model(kind: Any, value: Any, where: str, package: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no {kind.__name__}"
        return
    kind({})  # a model gathers its fields when it is first used
    space = {
        **vars(official(f"{package}.models._models")),
        "_models": official(f"{package}.models"),
        "datetime": datetime,
    }
    hints = typing.get_type_hints(kind, space)
    fields: dict[str, tuple[str, Any]] = {}
    for base in reversed(kind.__mro__):
        for name, field in getattr(base, "_attr_to_rest_field", {}).items():
            fields[field._rest_name] = (name, field)
    for key, each in value.items():
        if key not in fields:
            yield f"{where}.{key} is no field of {kind.__name__}"
            continue
        name, field = fields[key]
        if field._visibility == ["read"] and key not in ("id", "name", "type"):
            yield f"{where}.{key} is the server's to fill"
        yield from faults(hints[name], each, f"{where}.{key}", package)


# ---- what is sent


class Recorder:
    """A simulated subscription, and all that it was asked."""

    def __init__(self) -> None:
        self.simulator = AzureSimulator()
        self.asked: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        return await self.simulator(request)


async def everything(driver: Azure) -> None:
    """Each request that the driver knows, in the order of a life."""
    plain: dict[str, Any] = {
        "size": "Standard_B1ms",
        "image": "Debian:debian-12:12-gen2:latest",
        "location": "westeurope",
    }
    await driver.ex_create_resource_group("quay", location="westeurope")
    await driver.ex_create_public_ip("kept", location="westeurope")
    await driver.create_key_pair("mine")
    await driver.ex_create_security_group("web", location="westeurope", allowed=["tcp:22", "udp:53", "*"])
    await driver.ex_create_security_rule("web", "http", allowed="tcp:80-90", priority=200, source="10.0.0.0/8")
    node = await driver.create_node("web-1", auth=NodeAuthSSHKey(KEY), user_data="#!/bin/sh", tags={"a": "b"}, **plain)
    more: dict[str, Any] = {"ex_disk_size": 64, "ex_disk_type": "StandardSSD_LRS", "ex_zone": "1", "ex_spot": True}
    await driver.create_node(
        "web-2", auth=NodeAuthPassword("Aa1-Bb2-Cc3-Dd4"), ex_public_ip="kept", ex_security_group="web", **more, **plain
    )
    pair = KeyPair(id="x", name="mine")
    await driver.create_node("web-3", auth=pair, ex_public_ip=False, ex_network="aiocloud-westeurope", **plain)
    await driver.create_node("web-4", **plain)
    await driver.list_nodes()
    await driver.list_images()
    await driver.list_sizes(location="westeurope")
    await driver.list_locations()
    await driver.list_key_pairs()
    for each in (driver.ex_list_resource_groups, driver.ex_list_networks, driver.ex_list_public_ips):
        await each()
    await driver.ex_list_security_groups()
    for chosen in ((), ("Debian",), ("Debian", "debian-12"), ("Debian", "debian-12", "12-gen2")):
        assert await driver.ex_list_marketplace("westeurope", *chosen)
    await driver.reboot_node(node)
    await asyncio.sleep(5)
    await driver.ex_run_command(node, "uptime")
    await driver.ex_set_tags(node, {"role": "db"})
    await driver.ex_resize_node(node, "Standard_B2s")
    for verb in (driver.ex_redeploy_node, driver.ex_power_off_node, driver.start_node, driver.stop_node):
        await verb(node)
    for name in ("web-1", "web-2", "web-3", "web-4"):
        await driver.destroy_node(name)
    await driver.delete_key_pair("mine")
    await driver.ex_delete_security_rule("web", "http")
    await driver.ex_delete_security_group("web")
    await driver.ex_delete_public_ip("kept")
    await driver.ex_delete_resource_group("quay")


@pytest.fixture(scope="module")
def asked() -> list[Request]:
    recorder = Recorder()

    async def go() -> None:
        options: dict[str, Any] = {"transport": recorder, "now": recorder.simulator.now, "retry": Retry(attempts=1)}
        async with Azure(**{**recorder.simulator.credentials, **options}) as driver:
            await everything(driver)

    virtualtime.run(go())
    return [request for request in recorder.asked if request.url.path.startswith("/subscriptions/")]


def test_each_request_is_one_that_the_description_has(asked: list[Request]) -> None:
    known = list(operations())
    assert len(known) > 500
    for request in asked:
        path = request.url.path
        if path.endswith("/locations") or "/operations/" in path:
            continue  # of a package of its own, or a link that the server gave
        fits = [params for method, pattern, params in known if method == request.method and pattern.fullmatch(path)]
        assert fits, f"{request.method} {path}"
        assert any(set(request.url.query) <= params for params in fits), f"{request.method} {request.url}"


def test_each_body_has_fields_of_the_description_alone(asked: list[Request]) -> None:
    seen = set()
    for request in asked:
        if not request.body:
            continue
        parts = request.url.path.split("/")
        word = parts[-1] if parts[-1] == "runCommand" else parts[-2]
        word = f"PATCH {word}" if request.method == "PATCH" else word
        package, name = BODIES[word]
        seen.add(word)
        found = list(faults(getattr(official(f"{package}.models"), name), json.loads(request.body), name, package))
        assert found == []
    assert seen == set(BODIES)


def test_the_judge_finds_what_is_wrong() -> None:
    models, package = official("azure.mgmt.compute.models"), "azure.mgmt.compute"
    body = {
        "location": 5,
        "color": "red",
        "properties": {"vmId": "x", "priority": "Cheap", "osProfile": {"adminUser": "me"}},
    }
    assert sorted(faults(models.VirtualMachine, body, "vm", package)) == [
        "vm.color is no field of VirtualMachine",
        "vm.location: 5 is no str",
        "vm.properties.osProfile.adminUser is no field of OSProfile",
        "vm.properties.priority: 'Cheap' is no VirtualMachinePriorityTypes",
        "vm.properties.vmId is the server's to fill",
    ]
