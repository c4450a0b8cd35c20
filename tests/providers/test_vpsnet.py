"""What only the VPS.net driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from aiocloud.errors import (
    ApiError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    ServerError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import NodeAuthSSHKey, NodeState
from aiocloud.providers.vpsnet import NODE, VPSNet
from aiocloud.simulators.base import LostAnswer
from aiocloud.simulators.virtualtime import run
from aiocloud.simulators.vpsnet import VPSNetSimulator

CREATE = "POST /virtual_machines"
RECIPE: Mapping[str, Any] = {"size": "2", "image": "29"}


def over(simulator: VPSNetSimulator, **options: Any) -> VPSNet:
    known: dict[str, Any] = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return VPSNet(**{**known, **options})


def answering(status: int, body: bytes, seen: list[Request] | None = None) -> VPSNet:
    """A driver whose every request gets this answer."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return Response(status=status, body=body)

    return VPSNet("dev@example.net", "k3yK3Yk3y==", transport=network, retry=Retry(attempts=1))


async def test_the_login_and_the_suffix_are_those_of_the_documentation() -> None:
    seen: list[Request] = []
    cloud = answering(200, b'{"virtual_machine": {}}', seen)
    await cloud.reboot_node("1384")
    assert str(seen[0].url) == "https://api.vps.net/virtual_machines/1384/reboot.api10json"
    assert seen[0].headers["Authorization"] == "Basic ZGV2QGV4YW1wbGUubmV0OmszeUszWWszeT09"
    assert seen[0].headers["Accept"] == seen[0].headers["Content-Type"] == "application/json"


async def test_neither_the_key_nor_the_login_is_in_an_error() -> None:
    with pytest.raises(ApiError) as caught:
        await answering(500, b'{"errors": ["k3yK3Yk3y== ZGV2QGV4YW1wbGUubmV0OmszeUszWWszeT09"]}').list_nodes()
    assert "k3yK3Yk3y" not in str(caught.value)
    assert "ZGV2QGV4" not in str(caught.value)


def errors(*reasons: Any) -> bytes:
    return json.dumps({"errors": reasons}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (406, b" ", InvalidCredsError, "406"),
        (401, b"", InvalidCredsError, "401"),
        (403, b"Forbidden", ForbiddenError, "403"),
        (404, b"", NotFoundError, "404"),
        (422, errors(["label", "is bad"], ["fqdn", "too"]), InvalidRequestError, "label: is bad; fqdn: too"),
        (422, errors("It is bad"), InvalidRequestError, "It is bad"),
        (422, errors(["base", "You do not have enough free nodes"]), QuotaExceededError, "enough"),
        (422, errors(["fqdn", "has already been taken"]), ConflictError, "taken"),
        (422, b"<html><title>Oh no</title>", InvalidRequestError, "Oh no"),
        (500, b"", ServerError, "500"),
        (200, b'[{"other": {}}]', MalformedResponseError, "without `id`"),
        (200, b"", MalformedResponseError, "a list that is none"),
        (200, b"{}", MalformedResponseError, "a list that is none"),
    ],
)
async def test_every_kind_of_no_has_its_name(status: int, body: bytes, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        await answering(status, body).list_nodes()


@pytest.mark.parametrize(
    ("running", "pending", "state"),
    [
        (True, False, NodeState.RUNNING),
        (True, None, NodeState.RUNNING),
        (True, True, NodeState.PENDING),
        (False, False, NodeState.STOPPED),
        (None, True, NodeState.PENDING),
        (None, None, NodeState.UNKNOWN),
    ],
)
def test_what_is_pending_counts_before_what_runs(running: Any, pending: Any, state: NodeState) -> None:
    machine = {"id": 1, "label": "web", "running": running, "power_action_pending": pending}
    assert NODE(machine).state is state


def test_the_template_says_in_which_cloud_a_machine_is_made() -> None:
    simulator = VPSNetSimulator()

    async def scenario() -> None:
        cloud = over(simulator, ex_domain="harbour.example")
        by_id = await cloud.create_node("web-1", **RECIPE)
        (image,) = [each for each in await cloud.list_images(location="3") if each.id == "29"]
        asked = simulator.calls["GET /available_clouds"]
        by_model = await cloud.create_node("web-2.example.org", size="1", image=image, ex_backups=True)
        assert simulator.calls["GET /available_clouds"] == asked
        assert (by_id.location, by_model.location) == ("3", "3")
        assert image.name == "UK VPS Cloud: Ubuntu 8.04 x64"
        assert (image.os, image.version, image.arch) == ("ubuntu", "8.04", "x86_64")
        assert simulator.virtual[int(by_id.id)].asked == {
            "label": "web-1",
            "fqdn": "web-1.harbour.example",
            "system_template_id": 29,
            "cloud_id": 3,
            "slices_required": 2,
            "backups_enabled": False,
            "rsync_backups_enabled": False,
            "r1_soft_backups_enabled": False,
        }
        assert simulator.virtual[int(by_model.id)].fqdn == "web-2.example.org"
        assert simulator.virtual[int(by_model.id)].asked["backups_enabled"] is True

    run(scenario())


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"image": "77"}, NotFoundError),
        ({"image": "debian"}, ConfigurationError),
        ({"image": "debian", "location": "3"}, ConfigurationError),
        ({"size": "large"}, ConfigurationError),
        ({"location": "Chicago"}, ConfigurationError),
        ({"location": "2"}, InvalidRequestError),
        ({"size": "999"}, QuotaExceededError),
        ({"auth": NodeAuthSSHKey("ssh-ed25519 AAAA")}, ConfigurationError),
    ],
)
def test_what_cannot_be_made_is_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    simulator = VPSNetSimulator()

    async def scenario() -> None:
        with pytest.raises(kind):
            await over(simulator).create_node("web-1", **{**RECIPE, **options})

    run(scenario())
    assert not simulator.virtual


def test_the_password_is_told_once_even_if_the_answer_was_lost() -> None:
    simulator = VPSNetSimulator()

    async def scenario() -> None:
        cloud = over(simulator)
        await cloud.create_node("web-1", **RECIPE)
        simulator.faults.append(LostAnswer(on=CREATE))
        second = await cloud.create_node("web-1", **RECIPE)
        assert len(simulator.virtual) == 2
        assert second.id == str(max(simulator.virtual))
        assert second.password
        password = second.password.reveal()
        machine = simulator.virtual[int(second.id)]
        assert simulator.machine(machine).password == second.password
        seen = await cloud.get_node(second)
        assert seen.password is None
        assert password not in f"{dict(seen.extra)!r} {second!r} {dict(second.extra)!r}"

    run(scenario())


def test_a_machine_is_switched_off_before_it_is_deleted_and_frees_its_nodes() -> None:
    simulator = VPSNetSimulator()

    async def scenario() -> None:
        cloud = over(simulator)
        node = await cloud.create_node("web-1", **RECIPE)
        capacity = await cloud.ex_list_capacity()
        assert sum(row["virtual_machine_id"] == int(node.id) for row in capacity) == 2
        await cloud.destroy_node(node)
        assert all(row["virtual_machine_id"] is None for row in await cloud.ex_list_capacity())
        assert simulator.calls["POST /virtual_machines/{id}/power_off"] == 1
        with pytest.raises(NotFoundError):
            await cloud.destroy_node(node)

    run(scenario())


def test_a_machine_that_does_not_stop_is_not_deleted_and_said_to_be_there() -> None:
    simulator = VPSNetSimulator(boot=10_000)

    async def scenario() -> None:
        cloud = over(simulator)
        node = await cloud.create_node("web-1", **RECIPE)
        with pytest.raises(ConflictError, match="pending after 60 s"):
            await cloud.destroy_node(node, ex_wait=60)

    run(scenario())
    assert len(simulator.virtual) == 1
    assert not simulator.calls["DELETE /virtual_machines/{id}"]


def test_capacity_is_bought_used_and_given_back() -> None:
    simulator = VPSNetSimulator()
    simulator.populate(1)

    async def scenario() -> None:
        cloud = over(simulator)
        (node,) = await cloud.list_nodes(location="2")
        assert await cloud.list_nodes(location="3") == []
        before = len(await cloud.ex_list_capacity())
        await cloud.ex_buy_capacity(3)
        assert len(await cloud.ex_list_capacity()) == before + 3
        await cloud.ex_resize_node(node, "5")
        assert (await cloud.get_node(node)).size == "5"
        free = next(row["id"] for row in await cloud.ex_list_capacity() if row["virtual_machine_id"] is None)
        await cloud.ex_release_capacity(free)
        assert len(await cloud.ex_list_capacity()) == before + 2
        await cloud.ex_rebuild_node(node)
        assert (await cloud.get_node(node)).state is NodeState.PENDING
        assert simulator.virtual[int(node.id)].installed == 2

    run(scenario())


def test_sizes_grow_with_their_number_and_have_no_price() -> None:
    async def scenario() -> None:
        sizes = await over(VPSNetSimulator()).list_sizes()
        assert [(size.ram, size.disk, size.bandwidth) for size in sizes[:2]] == [(256, 10, 250), (512, 20, 500)]
        assert {size.price for size in sizes} == {None}
        assert len(sizes) == 18

    run(scenario())


@pytest.mark.parametrize(
    ("label", "country"),
    [
        ("USA VPS Cloud", "US"),
        ("US Cloud 4", "US"),
        ("UK VPS Cloud", "GB"),
        ("London SSD", "GB"),
        ("Australia", None),
        ("Ukraine", None),
    ],
)
async def test_a_country_is_read_from_a_clouds_name(label: str, country: str | None) -> None:
    body = json.dumps([{"cloud": {"id": 2, "label": label, "system_templates": []}}]).encode()
    (place,) = await answering(200, body).list_locations()
    assert (place.id, place.country) == ("2", country)
