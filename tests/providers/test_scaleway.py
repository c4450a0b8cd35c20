"""What only the driver for Scaleway does; what every driver does is in tests/conformance."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    AnswerLostError,
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.scaleway import Scaleway
from aiocloud.simulators.base import Answer, LostAnswer, NoCapacity
from aiocloud.simulators.scaleway import ScalewaySimulator
from aiocloud.simulators.scaleway.catalogue import IMAGES
from aiocloud.simulators.virtualtime import run

T = TypeVar("T")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
CREATE, ACT, TELL = "POST /servers", "POST /servers/{id}/action", "PATCH /servers/{id}/user_data/{id}"
NOBLE: dict[str, Any] = {"size": "DEV1-S", "image": "ubuntu_noble"}


def do(scenario: Callable[[Scaleway], Awaitable[T]], simulator: ScalewaySimulator | None = None, **options: Any) -> T:
    """Run a scenario with a driver, on virtual time."""
    world = simulator or ScalewaySimulator()
    known: dict[str, Any] = {**world.credentials, "transport": world, "now": world.now, "account": "prod"}

    async def go() -> T:
        async with Scaleway(**{**known, **options}) as driver:
            return await scenario(driver)

    return run(go())


class Wire:
    """A transport that keeps what it was sent, and passes it on."""

    def __init__(self, simulator: ScalewaySimulator) -> None:
        self.simulator = simulator
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return await self.simulator(request)


def refusal(status: int, **body: Any) -> Answer:
    return Answer(on=CREATE, status=status, body=json.dumps(body).encode())


# ---- creating ----


def test_a_node_is_made_told_its_user_data_and_then_started() -> None:
    wire = Wire(ScalewaySimulator())
    image = next(each.id for each in IMAGES.values() if each.zone == "nl-ams-2" and each.fits("DEV1-S"))

    async def scenario(driver: Scaleway) -> None:
        node = await driver.create_node(
            "web-1",
            size="DEV1-S",
            image=image,
            location="nl-ams-2",
            auth=NodeAuthSSHKey(f"{KEY} me@my_desk"),
            user_data=b"\xff\x00 raw",
            tags={"role": "web", "blue": ""},
        )
        assert (node.state, node.location, dict(node.tags)) == (
            NodeState.PENDING,
            "nl-ams-2",
            {"role": "web", "blue": ""},
        )
        assert await driver.ex_get_user_data(node) == b"\xff\x00 raw"

    do(scenario, wire.simulator, transport=wire)
    create, tell, start, _ = wire.requests
    base = "https://api.scaleway.com/instance/v1/zones/nl-ams-2/servers"
    assert (create.method, str(create.url)) == ("POST", base)
    assert create.headers["X-Auth-Token"] == wire.simulator.credentials["secret_key"]
    body = json.loads(create.body)
    *tags, mark = body.pop("tags")
    assert tags == ["role=web", "blue", f"AUTHORIZED_KEY={KEY.replace(' ', '_')}"]
    assert mark.startswith("aiocloud-create=")
    project = wire.simulator.world.project
    assert body == {
        "name": "web-1",
        "commercial_type": "DEV1-S",
        "image": image,
        "project": project,
        "dynamic_ip_required": True,
    }
    (server,) = wire.simulator.world.servers
    assert (tell.method, str(tell.url)) == ("PATCH", f"{base}/{server}/user_data/cloud-init")
    assert (tell.body, tell.headers["Content-Type"]) == (b"\xff\x00 raw", "text/plain")
    assert (str(start.url), json.loads(start.body)) == (f"{base}/{server}/action", {"action": "poweron"})


def test_a_node_for_which_there_is_no_machine_leaves_nothing_that_costs() -> None:
    simulator = ScalewaySimulator()
    simulator.world.sold_out.add(("fr-par-1", "DEV1-S"))

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(CapacityError, match="out of stock: DEV1-S") as caught:
            await driver.create_node("web-1", **NOBLE)
        assert (caught.value.status, caught.value.code) == (412, "out_of_stock")

    do(scenario, simulator)
    assert (simulator.world.servers, simulator.world.volumes) == ({}, {})
    assert (simulator.calls[CREATE], simulator.calls[ACT]) == (1, 1)


@pytest.mark.parametrize("step", [TELL, ACT])
def test_a_step_whose_answer_is_lost_is_taken_again_and_the_node_runs(step: str) -> None:
    simulator = ScalewaySimulator()
    simulator.faults.append(LostAnswer(on=step))

    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **NOBLE, user_data="#!/bin/sh"))
        assert [each.id for each in await driver.list_nodes()] == [node.id]

    do(scenario, simulator)
    assert not simulator.faults


def test_a_node_that_was_found_again_is_finished() -> None:
    simulator = ScalewaySimulator()
    simulator.faults.append(LostAnswer(on=CREATE))

    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **NOBLE, user_data="#!/bin/sh"))
        assert await driver.ex_get_user_data(node) == b"#!/bin/sh"

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 1


def test_a_create_that_left_no_trace_is_not_sent_again_for_names_may_be_taken_twice() -> None:
    simulator = ScalewaySimulator()
    simulator.faults.append(Answer(on=CREATE, status=500))

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(AmbiguousCreateError, match="web-1"):
            await driver.create_node("web-1", **NOBLE)

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 1


def test_a_node_that_can_neither_be_started_nor_removed_is_named() -> None:
    simulator = ScalewaySimulator()
    simulator.faults += [NoCapacity(on=ACT), Answer(on="DELETE /servers/{id}", status=403)]

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(AmbiguousCreateError) as caught:
            await driver.create_node("web-1", **NOBLE)
        (left,) = simulator.world.servers
        assert left in str(caught.value)

    do(scenario, simulator)


def test_a_node_may_be_made_and_left_alone() -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        address = await driver.ex_create_ip()
        node = await driver.create_node("web-1", **NOBLE, ex_start=False, ex_ips=[address["id"]])
        assert (node.state, node.public_ips) == (NodeState.STOPPED, (address["address"],))

    do(scenario, simulator)
    assert simulator.calls[ACT] == 0


def test_a_label_stands_for_the_image_that_fits_the_size_the_one_with_a_local_disk_first() -> None:
    async def scenario(driver: Scaleway) -> list[tuple[str, str]]:
        made = []
        for size in ("DEV1-S", "PLAY2-PICO", "COPARM1-2C-8G"):
            node = await driver.create_node(size.lower(), size=size, image="ubuntu_noble", location="pl-waw-2")
            image = IMAGES[node.image or ""]
            assert (image.zone, image.label) == ("pl-waw-2", "ubuntu_noble")
            made.append((image.arch, image.kind))
        with pytest.raises(NotFoundError, match="no image 'beos' for DEV1-S in fr-par-1"):
            await driver.create_node("never", size="DEV1-S", image="beos")
        return made

    assert do(scenario) == [("x86_64", "instance_local"), ("x86_64", "instance_sbs"), ("arm64", "instance_sbs")]


def test_an_image_that_does_not_fit_is_refused_with_the_argument_at_fault() -> None:
    arm = next(each.id for each in IMAGES.values() if each.arch == "arm64")

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(InvalidRequestError, match=r"invalid argument\(s\): image not compatible with DEV1-S"):
            await driver.create_node("never", size="DEV1-S", image=arm)

    do(scenario)


def test_there_are_no_passwords() -> None:
    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(ConfigurationError, match="it offers: ssh_key"):
            await driver.create_node("never", **NOBLE, auth=NodeAuthPassword("Tide-and-0cean"))

    do(scenario)


# ---- what the API says no with ----


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            refusal(
                403,
                type="quotas_exceeded",
                message="quota(s) exceeded",
                details=[{"resource": "cp_servers", "quota": 2}],
            ),
            QuotaExceededError,
            "cp_servers",
        ),
        (
            refusal(403, type="invalid_request_error", message="Quota exceeded for this resource."),
            QuotaExceededError,
            "Quota exceeded",
        ),
        (refusal(400, type="out_of_stock", resource="GP1-XS"), CapacityError, "GP1-XS"),
        (
            refusal(
                401,
                type="denied_authentication",
                method="api_key",
                reason="expired",
                message="authentication is denied",
            ),
            InvalidCredsError,
            "expired",
        ),
        (
            refusal(400, type="invalid_request_error", message="Validation Error", fields={"name": ["too long"]}),
            InvalidRequestError,
            "name too long",
        ),
        (refusal(403), ForbiddenError, "403"),
    ],
)
def test_a_refusal_is_named_in_full_and_never_tried_again(answer: Answer, kind: type[Exception], words: str) -> None:
    simulator = ScalewaySimulator()
    simulator.faults.append(answer)

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(kind, match=words):
            await driver.create_node("never", **NOBLE)

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 1


def test_the_account_that_is_full_says_what_of() -> None:
    simulator = ScalewaySimulator()
    simulator.world.quota = 0

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(QuotaExceededError, match="instances"):
            await driver.create_node("never", **NOBLE)

    do(scenario, simulator)


def test_another_ones_project_is_forbidden() -> None:
    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(ForbiddenError, match="insufficient permissions: compute_instances write") as caught:
            await driver.list_nodes()
        assert caught.value.request_id == "5ca1e000-1d00-4000-8000-000000000000"

    do(scenario, project_id="70b0a2d0-0000-4000-8000-0000000000bb")


# ---- destroying ----


@pytest.mark.parametrize("size", ["DEV1-S", "PLAY2-PICO"])
@pytest.mark.parametrize("stop", [False, True])
def test_what_a_node_boots_from_goes_with_it_and_what_was_added_stays(size: str, stop: bool) -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", size=size, image="ubuntu_noble"))
        address = await driver.ex_create_ip()
        await driver.ex_attach_ip(address["id"], node)
        if stop:
            await driver.stop_node(node)
            await driver.wait_until(node, NodeState.STOPPED)
        (root,) = simulator.world.volumes.values()
        added = type(root)(
            id="added", zone=root.zone, kind="sbs_volume", size=1, created=root.created, server=node.id, number="1"
        )
        simulator.world.volumes["added"] = added
        await driver.destroy_node(node)
        assert list(simulator.world.volumes) == ["added"]
        assert [each["server"] for each in await driver.ex_list_ips()] == [None]

    do(scenario, simulator)


def test_a_volume_that_cannot_be_deleted_is_named_for_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    simulator = ScalewaySimulator()
    simulator.faults.append(Answer(on="DELETE /block/v1/volumes/{id}", status=403))

    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", size="PLAY2-PICO", image="ubuntu_noble"))
        await driver.destroy_node(node)

    with caplog.at_level(logging.WARNING, "aiocloud"):
        do(scenario, simulator)
    (left,) = simulator.world.volumes
    assert f"its volume {left} is not, and costs" in caplog.text


def test_a_node_that_still_starts_is_destroyed_as_soon_as_it_may_be() -> None:
    simulator = ScalewaySimulator(boot=20)

    async def scenario(driver: Scaleway) -> timedelta:
        node = await driver.create_node("web-1", **NOBLE)
        began = simulator.now()
        await driver.destroy_node(node)
        return simulator.now() - began

    assert timedelta(seconds=20) < do(scenario, simulator) < timedelta(seconds=40)
    assert not simulator.world.servers


def test_a_node_that_cannot_be_ended_in_time_is_a_conflict() -> None:
    simulator = ScalewaySimulator(boot=10_000)

    async def scenario(driver: Scaleway) -> None:
        node = await driver.create_node("web-1", **NOBLE)
        with pytest.raises(ConflictError, match="transient state"):
            await driver.destroy_node(node)

    do(scenario, simulator)


# ---- power ----


def test_stopping_gives_the_address_back_and_stopping_in_place_keeps_it() -> None:
    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **NOBLE))
        await driver.stop_node(node, ex_in_place=True)
        placed = await driver.wait_until(node, NodeState.STOPPED)
        assert (placed.extra["state"], placed.public_ips) == ("stopped in place", node.public_ips)
        await driver.stop_node(node)
        assert (await driver.wait_until(node, NodeState.STOPPED)).extra["state"] != "running"
        await driver.start_node(node)
        await driver.start_node(node)  # asked for twice, done once
        await driver.wait_until(node)
        await driver.start_node(node)

    do(scenario)


def test_what_was_asked_for_once_and_is_refused_stays_refused() -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        node = await driver.create_node("web-1", **NOBLE)
        with pytest.raises(ConflictError, match="transient state"):
            await driver.stop_node(node)

    do(scenario, simulator)


def test_start_that_finds_no_machine_says_so() -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **NOBLE))
        await driver.stop_node(node)
        await driver.wait_until(node, NodeState.STOPPED)
        simulator.world.sold_out.add(("fr-par-1", "DEV1-S"))
        with pytest.raises(CapacityError):
            await driver.start_node(node)
        assert (await driver.get_node(node)).state is NodeState.STOPPED

    do(scenario, simulator)


# ---- zones ----


def test_a_region_stands_for_its_zones_and_without_one_it_is_all() -> None:
    async def zones(driver: Scaleway) -> list[tuple[str, str | None, str | None]]:
        return [(place.id, place.country, place.city) for place in await driver.list_locations()]

    assert do(zones, region="it-mil") == [("it-mil-1", "IT", "Milan")]
    assert do(zones, region=["pl-waw-2", "nl-ams-1"]) == [("pl-waw-2", "PL", "Warsaw"), ("nl-ams-1", "NL", "Amsterdam")]
    assert do(zones, region="se-sto-1") == [("se-sto-1", "SE", None)]
    assert len(do(zones)) == len(do(zones, region="all")) == 10
    with pytest.raises(ConfigurationError, match="'paris'"):
        Scaleway("key", region="paris")


def test_every_place_has_coordinates() -> None:
    async def scenario(driver: Scaleway) -> None:
        assert all(place.latitude and place.longitude for place in await driver.list_locations())

    do(scenario)


def test_a_node_without_a_location_is_made_in_the_usual_zone() -> None:
    async def made_in(driver: Scaleway) -> str | None:
        return (await driver.create_node("web-1", **NOBLE)).location

    assert do(made_in) == "fr-par-1"
    assert do(made_in, default_zone="nl-ams-3") == "nl-ams-3"
    assert do(made_in, region="pl-waw") == "pl-waw-1"


def test_a_bare_id_is_found_in_any_zone_and_a_node_knows_its_own() -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        node = await driver.create_node("web-1", **NOBLE, location="it-mil-1")
        before = simulator.calls["GET /servers/{id}"]
        assert (await driver.get_node(node.id)).location == "it-mil-1"
        assert simulator.calls["GET /servers/{id}"] == before + 10
        await driver.get_node(node)
        assert simulator.calls["GET /servers/{id}"] == before + 11

    do(scenario, simulator)


def test_zones_are_the_parts_of_an_account() -> None:
    simulator = ScalewaySimulator()
    simulator.populate(10)

    async def scenario(driver: Scaleway) -> None:
        parts = await driver.parts()
        assert [part.part for part in parts] == [place.id for place in await driver.list_locations()]
        for part in parts:
            assert isinstance(part, Scaleway)
            assert [node.location for node in await part.list_nodes()] == [part.part]
        assert await parts[3].parts() == [parts[3]]

    do(scenario, simulator)


# ---- sizes, prices, images ----


def test_offers_need_no_key_and_say_what_is_sold_out() -> None:
    simulator = ScalewaySimulator()
    simulator.world.sold_out.add(("nl-ams-1", "DEV1-S"))

    async def scenario(driver: Scaleway) -> None:
        offers = {offer.size.id: offer for offer in await driver.list_offers(location="nl-ams-1")}
        assert (offers["DEV1-S"].available, offers["DEV1-M"].available, offers["ENT1-XXS"].available) == (
            False,
            True,
            False,
        )
        price = offers["DEV1-S"].price
        assert price is not None
        assert (price.amount, price.currency, price.per, price.source) == (Decimal("0.01368"), "EUR", "hour", "api")
        size = offers["DEV1-S"].size
        assert (size.vcpus, size.ram, size.disk, size.arch, size.location) == (2, 2048, 18, "x86_64", "nl-ams-1")
        with pytest.raises(InvalidCredsError):
            await driver.list_nodes()

    do(scenario, simulator, secret_key=None, project_id=None)


def test_a_type_without_a_price_costs_something_that_is_not_known() -> None:
    rows = {"servers": {"NEW1-S": {"ncpus": 1, "ram": 2**30, "arch": "x86_64", "hourly_price": 0.0}}}

    async def transport(request: Request) -> Response:
        return Response(status=200, headers=headers_of({"X-Total-Count": "1"}), body=json.dumps(rows).encode())

    async def scenario(driver: Scaleway) -> None:
        (size,) = await driver.list_sizes()
        assert (size.id, size.price, size.disk) == ("NEW1-S", None, None)

    do(scenario, transport=transport)


def test_images_have_the_names_of_the_marketplace() -> None:
    async def scenario(driver: Scaleway) -> None:
        images = await driver.list_images(location="nl-ams-1")
        found = {(image.name, image.os, image.version, image.arch) for image in images}
        assert ("Ubuntu 24.04 Noble Numbat", "ubuntu", "24.04", "arm64") in found
        assert {image.location for image in images} == {"nl-ams-1"}

    do(scenario)


@pytest.mark.parametrize("told", [True, False])
def test_pages_are_counted_by_the_header_and_without_it_read_to_the_one_that_is_not_full(told: bool) -> None:
    asked: list[str] = []

    async def transport(request: Request) -> Response:
        page = request.url.query["page"]
        asked.append(page)
        servers = [{"id": f"{page}-{number}", "name": "quay"} for number in range(100 if page != "3" else 5)]
        headers = {"X-Total-Count": "205"} if told else {}
        return Response(status=200, headers=headers_of(headers), body=json.dumps({"servers": servers}).encode())

    async def scenario(driver: Scaleway) -> int:
        return len({node.id for node in await driver.list_nodes()})

    assert do(scenario, transport=transport, region="fr-par-1") == 205
    assert asked == ["1", "2", "3"]


# ---- keys ----


def test_a_key_of_the_project_may_be_named_and_becomes_a_tag_of_the_node() -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        pair = await driver.import_key_pair_from_string("mine", f"{KEY} me")
        assert pair.fingerprint is not None
        assert pair.fingerprint.startswith("256 MD5:")
        with pytest.raises(ConflictError, match="mine"):
            await driver.import_key_pair_from_string("mine", KEY)
        node = await driver.create_node("web-1", **NOBLE, auth=KeyPair(id=pair.id, name="mine"))
        assert f"AUTHORIZED_KEY={KEY.replace(' ', '_')}" in node.extra["tags"]
        await driver.delete_key_pair("mine")
        with pytest.raises(NotFoundError, match="no key pair 'mine'"):
            await driver.create_node("never", **NOBLE, auth=KeyPair(id=pair.id, name="mine"))

    do(scenario, simulator)


def test_no_key_reaches_the_account_by_way_of_a_node() -> None:
    simulator = ScalewaySimulator()

    async def scenario(driver: Scaleway) -> None:
        await driver.create_node("web-1", **NOBLE, auth=NodeAuthSSHKey(KEY))
        assert await driver.list_key_pairs() == []

    do(scenario, simulator)
    (machine,) = simulator.machines()
    assert machine.keys == (KEY,)


# ---- extras ----


def test_new_tags_replace_the_old_and_leave_what_the_driver_needs() -> None:
    async def scenario(driver: Scaleway) -> None:
        node = await driver.create_node("web-1", **NOBLE, auth=NodeAuthSSHKey(KEY), tags={"role": "web"})
        changed = await driver.ex_set_tags(node, {"role": "db"})
        assert dict(changed.tags) == {"role": "db"}
        kept = [tag.partition("=")[0] for tag in changed.extra["tags"]]
        assert kept == ["role", "AUTHORIZED_KEY", "aiocloud-create"]

    do(scenario)


def test_a_node_is_renamed_and_when_it_is_stopped_resized() -> None:
    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **NOBLE))
        assert (await driver.ex_rename_node(node.id, "web-2")).name == "web-2"
        with pytest.raises(ConflictError, match="should be powered off"):
            await driver.ex_resize_node(node, "DEV1-M")
        await driver.stop_node(node)
        await driver.wait_until(node, NodeState.STOPPED)
        assert (await driver.ex_resize_node(node, "DEV1-M")).size == "DEV1-M"

    do(scenario)


def test_flexible_addresses_are_reserved_attached_detached_and_released() -> None:
    async def scenario(driver: Scaleway) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **NOBLE))
        address = await driver.ex_create_ip()
        await driver.ex_attach_ip(address["id"], node)
        assert (await driver.get_node(node)).public_ips == (address["address"],)
        await driver.ex_attach_ip(address["id"], None)
        assert (await driver.get_node(node)).public_ips == node.public_ips
        await driver.ex_release_ip(address["id"])
        assert await driver.ex_list_ips() == []
        (group,) = await driver.ex_list_security_groups()
        assert group["project_default"]

    do(scenario)


def test_an_address_of_ipv6_may_be_had() -> None:
    async def scenario(driver: Scaleway) -> None:
        address = await driver.ex_create_ip(location="it-mil-1", ipv6=True)
        assert (address["type"], address["zone"]) == ("routed_ipv6", "it-mil-1")

    do(scenario)


def test_a_create_of_an_address_whose_answer_is_lost_is_not_repeated() -> None:
    simulator = ScalewaySimulator()
    simulator.faults.append(LostAnswer(on="POST /ips"))

    async def scenario(driver: Scaleway) -> None:
        with pytest.raises(AnswerLostError):
            await driver.ex_create_ip()

    do(scenario, simulator)
    assert len(simulator.world.ips) == 1


# ---- accounts ----


def accounts(tmp_path: Path, **variables: str) -> list[tuple[str, dict[str, Any]]]:
    found = Scaleway.accounts(Environment(variables, tmp_path, tmp_path))
    return [(account.name, dict(account.options)) for account in found]


def test_the_variables_of_scaleways_tools_make_an_account(tmp_path: Path) -> None:
    assert accounts(tmp_path) == []
    named = {"SCW_SECRET_KEY": "s", "SCW_DEFAULT_PROJECT_ID": "p", "SCW_DEFAULT_ZONE": "nl-ams-1"}
    known = {"secret_key": "s", "project_id": "p", "default_zone": "nl-ams-1"}
    assert accounts(tmp_path, **named) == [("default", known)]


def test_every_profile_of_scw_is_an_account_and_takes_what_it_lacks_from_the_top(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "scw"
    folder.mkdir(parents=True)
    lines = ["access_key: A", "secret_key: s", "default_project_id: p", "profiles:", "  work:"]
    text = "\n".join([*lines, "    secret_key: w", "    default_zone: pl-waw-1", ""])
    (folder / "config.yaml").write_text(text)
    scw = ("scw", {"secret_key": "s", "project_id": "p"})
    work = ("work", {"secret_key": "w", "project_id": "p", "default_zone": "pl-waw-1"})
    assert accounts(tmp_path) == [scw, work]
    assert accounts(tmp_path, SCW_CONFIG_PATH=str(tmp_path / "elsewhere.yaml")) == []
    assert accounts(tmp_path, XDG_CONFIG_HOME=str(tmp_path / ".config")) == [scw, work]


@pytest.mark.parametrize("text", ["secret_key: [", "- secret", "profiles: [hush-hush]"])
def test_a_file_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "scw.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"scw\.yaml cannot be read") as caught:
        accounts(tmp_path, SCW_CONFIG_PATH=str(path))
    assert "hush" not in str(caught.value)
