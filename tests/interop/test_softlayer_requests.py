"""What our SoftLayer driver sends, beside what IBM's own client sends to ask the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from xmlrpc.client import dumps, loads

import pytest

from aiocloud.http.message import Request, Response
from aiocloud.providers.softlayer import SoftLayer
from aiocloud.simulators.virtualtime import run
from tests.interop.conftest import official

SL = official("SoftLayer")
transports = official("SoftLayer.transports")

LOGIN = {"username": "SL1_dev", "api_key": "canary-of-the-coal-mine"}
ANSWERS: dict[str, Any] = {
    "createObject": {"id": 7, "hostname": "quay-1", "label": "harbour", "key": "ssh-ed25519 AAAA"},
    "getObject": {"id": 7, "hostname": "quay-1"},
    "getAllObjects": [{"id": 835, "keyName": "PUBLIC_CLOUD_SERVER"}],
    "generateOrderTemplate": {"presetId": 405},
    "getCreateObjectOptions": {},
}
LISTS = frozenset(
    {
        "getAccountRestrictedActivePresets",
        "getActivePresets",
        "getItems",
        "getPrivateBlockDeviceTemplateGroups",
        "getPublicImages",
        "getRegions",
        "getSshKeys",
        "getVirtualGuests",
    }
)

Call = tuple[str, str, dict[str, Any], list[Any]]


def answer(method: str | None) -> Any:
    return ANSWERS.get(method or "", [] if method in LISTS else True)


def call_of(url: str, body: bytes) -> Call:
    """The service, the method, the headers without what is shown or counted, and the arguments."""
    parameters: Any
    parameters, method = loads(body)
    envelope, *arguments = parameters
    headers = {
        key: value
        for key, value in envelope["headers"].items()
        if key not in ("SoftLayer_ObjectMask", "resultLimit") and value
    }
    return url.rstrip("/").rpartition("/")[2], str(method), headers, without_nulls(arguments)


def without_nulls(value: Any) -> Any:
    """IBM's client sends nulls, empty notes and empty structures for what was not asked for; we send nothing."""
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    if isinstance(value, dict):
        settled = {key: without_nulls(each) for key, each in value.items()}
        return {key: each for key, each in settled.items() if each not in (None, "", {})}
    return value


class Recorder:
    """Stands in for the session of `requests` under IBM's client, and is a transport for our driver."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.headers = {"softlayer-total-items": "0"}
        self.content = b""

    def request(self, method: str, url: str, *, data: bytes, **_: Any) -> Recorder:
        self.content = self._answer(url, data)
        return self

    def raise_for_status(self) -> None:
        """All went well."""

    async def __call__(self, request: Request) -> Response:
        return Response(status=200, body=self._answer(str(request.url), request.body))

    def _answer(self, url: str, body: bytes) -> bytes:
        self.calls.append(call_of(url, body))
        return dumps((answer(self.calls[-1][1]),), methodresponse=True, allow_none=True).encode()

    def call(self, method: str) -> Call:
        return next(call for call in self.calls if call[1] == method)


def theirs(ask: Callable[[Any], Any], config_file: Path) -> Recorder:
    recorder = Recorder()
    transport = transports.XmlRpcTransport(endpoint_url="https://api.softlayer.com/xmlrpc/v3.1/")
    transport._client = recorder
    client = SL.BaseClient(
        auth=SL.BasicAuthentication(**LOGIN), transport=transport, config_file=str(config_file / "none")
    )
    ask(client)
    return recorder


def ours(ask: Callable[[SoftLayer], Coroutine[Any, Any, Any]]) -> Recorder:
    recorder = Recorder()
    run(ask(SoftLayer(LOGIN["username"], LOGIN["api_key"], transport=recorder)))
    return recorder


async def nodes(driver: SoftLayer) -> None:
    await driver.list_nodes(location="ams03")


async def public_images(driver: SoftLayer) -> None:
    await driver.list_images()


async def market(driver: SoftLayer) -> None:
    await driver.list_offers()


def catalogue(client: Any) -> None:
    SL.VSManager(client).get_create_options()


SAME: dict[str, tuple[str, Callable[[Any], Any], Callable[[SoftLayer], Coroutine[Any, Any, Any]]]] = {
    "guests of a data centre": (
        "getVirtualGuests",
        lambda client: list(SL.VSManager(client).list_instances(datacenter="ams03")),
        nodes,
    ),
    "public images": (
        "getPublicImages",
        lambda client: list(SL.ImageManager(client).list_public_images()),
        public_images,
    ),
    "one guest": ("getObject", lambda client: SL.VSManager(client).get_instance(7), lambda us: us.get_node("7")),
    "a cancellation": (
        "deleteObject",
        lambda client: SL.VSManager(client).cancel_instance(7),
        lambda us: us.destroy_node("7"),
    ),
    "tags": (
        "setTags",
        lambda client: SL.VSManager(client).set_tags("role:web, spare", 7),
        lambda us: us.ex_set_tags("7", {"role": "web", "spare": ""}),
    ),
    "user data": (
        "setUserMetadata",
        lambda client: SL.VSManager(client).edit(7, userdata="#!/bin/sh"),
        lambda us: us.ex_set_user_data("7", "#!/bin/sh"),
    ),
    "a name": (
        "editObject",
        lambda client: SL.VSManager(client).edit(7, hostname="quay-2", domain="sea.example"),
        lambda us: us.ex_rename_node("7", "quay-2.sea.example"),
    ),
    "a reload": (
        "reloadOperatingSystem",
        lambda client: SL.VSManager(client).reload_instance(7, post_uri="https://files.example/boot.sh"),
        lambda us: us.ex_reload_node("7", ex_post_script="https://files.example/boot.sh"),
    ),
    "a key": (
        "createObject",
        lambda client: SL.SshKeyManager(client).add_key("ssh-ed25519 AAAA", "harbour", ""),
        lambda us: us.import_key_pair_from_string("harbour", "ssh-ed25519 AAAA"),
    ),
    "a flavour": (
        "createObject",
        lambda client: SL.VSManager(client).create_instance(
            hostname="quay-1",
            domain="harbour.example",
            flavor="B1_1X2X25",
            os_code="DEBIAN_12_64",
            datacenter="ams03",
            local_disk=False,
            userdata="#!/bin/sh",
            post_uri="https://files.example/boot.sh",
            ssh_keys=[],
            private=True,
            nic_speed=1000,
            public_vlan=5,
            public_security_groups=[7],
            private_security_groups=[8, 9],
            dedicated=False,
            host_id=None,
        ),
        lambda us: us.create_node(
            "quay-1.harbour.example",
            size="B1_1X2X25",
            image="DEBIAN_12_64",
            location="ams03",
            user_data="#!/bin/sh",
            ex_post_script="https://files.example/boot.sh",
            ex_private_network_only=True,
            ex_max_speed=1000,
            ex_public_vlan=5,
            ex_security_groups=[7],
            ex_private_security_groups=[8, 9],
        ),
    ),
    "parts": (
        "createObject",
        lambda client: SL.VSManager(client).create_instance(
            hostname="quay-1",
            domain="example.com",
            cpus=2,
            memory=4096,
            image_id="669afe36-f681-51e2-b900-ea43b869596c",
            datacenter="ams03",
            local_disk=True,
            hourly=False,
            disks=[100],
            dedicated=True,
            private_vlan=6,
        ),
        lambda us: us.create_node(
            "quay-1",
            size="2X4X100",
            image="669afe36-f681-51e2-b900-ea43b869596c",
            location="ams03",
            ex_local_disk=True,
            ex_hourly=False,
            ex_dedicated=True,
            ex_private_vlan=6,
        ),
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_the_same_question_is_the_same_call(what: str, tmp_path: Path) -> None:
    method, they, we = SAME[what]
    assert ours(we).call(method) == theirs(they, tmp_path).call(method)


@pytest.mark.parametrize(
    "method", ["getAllObjects", "getItems", "getActivePresets", "getAccountRestrictedActivePresets", "getRegions"]
)
def test_the_catalogue_is_asked_for_by_the_same_calls(method: str, tmp_path: Path) -> None:
    service, name, headers, arguments = ours(market).call(method)
    theirs_service, theirs_name, theirs_headers, theirs_arguments = theirs(catalogue, tmp_path).call(method)
    scope = "SoftLayer_Product_PackageInitParameters"
    assert (service, name, arguments) == (theirs_service, theirs_name, theirs_arguments)
    assert headers.get(scope) == theirs_headers.get(scope)
