"""What only the Hetzner driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    ApiError,
    CapacityError,
    CloudError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
    ServiceUnavailableError,
    WaitTimeoutError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.hetzner import Hetzner
from aiocloud.providers.hetzner.shapes import LOCATION, MARK, SIZE, available, hourly
from aiocloud.simulators.base import Answer, LostAnswer, Refused, Throttled, WorldClock
from aiocloud.simulators.hetzner import HetznerSimulator
from aiocloud.simulators.virtualtime import run

T = TypeVar("T")

CREATE = "POST /servers"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
RECIPE: Mapping[str, Any] = {"size": "cx23", "image": "debian-13", "location": "fsn1"}


def do(scenario: Callable[[Hetzner], Awaitable[T]], simulator: HetznerSimulator | None = None, **options: Any) -> T:
    """Run a scenario with a driver over a simulator, on virtual time."""
    world = simulator or HetznerSimulator()

    async def go() -> T:
        known: dict[str, Any] = {**world.credentials, "transport": world, "now": world.now}
        async with Hetzner(**{**known, **options}) as driver:
            return await scenario(driver)

    return run(go())


def answering(status: int, body: Any, seen: list[Request] | None = None) -> Hetzner:
    """A driver whose every request gets this answer."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return Response(status=status, body=json.dumps(body).encode())

    return Hetzner("quay-token", transport=network, retry=Retry(attempts=1))


def refusal(code: str, message: str = "no") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": None}}


# ---- errors ----


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", InvalidCredsError),
        (401, "token_readonly", ForbiddenError),
        (403, "forbidden", ForbiddenError),
        (403, "resource_limit_exceeded", QuotaExceededError),
        (404, "not_found", NotFoundError),
        (409, "uniqueness_error", ConflictError),
        (409, "conflict", ConflictError),
        (412, "resource_unavailable", CapacityError),
        (412, "placement_error", CapacityError),
        (422, "invalid_input", InvalidRequestError),
        (422, "server_not_stopped", ConflictError),
        (423, "locked", ConflictError),
        (423, "protected", ForbiddenError),
        (429, "rate_limit_exceeded", RateLimitReachedError),
        (500, "server_error", ServerError),
        (503, "maintenance", ServiceUnavailableError),
        (504, "timeout", ServiceUnavailableError),
    ],
)
async def test_the_words_for_errors_are_understood(status: int, code: str, kind: type[ApiError]) -> None:
    with pytest.raises(kind, match="no room at all") as caught:
        await answering(status, refusal(code, "no room at all")).list_nodes()
    assert type(caught.value) is kind
    assert caught.value.code == code


def test_too_many_requests_are_not_waited_for_until_all_are_there_again() -> None:
    simulator = HetznerSimulator()
    began = simulator.now()

    async def scenario(driver: Hetzner) -> float:
        simulator.faults.append(Throttled())
        await driver.list_nodes()
        return (simulator.now() - began).total_seconds()

    assert 0 < do(scenario, simulator) < 10


def test_a_project_that_is_full_is_a_quota_and_is_asked_once() -> None:
    simulator = HetznerSimulator()
    simulator.world.most = 1

    async def scenario(driver: Hetzner) -> None:
        await driver.create_node("web-1", **RECIPE)
        with pytest.raises(QuotaExceededError, match="server limit"):
            await driver.create_node("web-2", **RECIPE)

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 2


def test_a_size_that_is_sold_out_there_is_refused_and_its_offer_says_so() -> None:
    simulator = HetznerSimulator()
    simulator.world.sold_out.add(("cx23", "fsn1"))

    async def scenario(driver: Hetzner) -> None:
        with pytest.raises(CapacityError, match="placement"):
            await driver.create_node("web-1", **RECIPE)
        await driver.create_node("web-1", **{**RECIPE, "location": "nbg1"})
        offers = [offer for offer in await driver.list_offers() if offer.size.id == "cx23"]
        assert {offer.location.id: offer.available for offer in offers} == {"fsn1": False, "nbg1": True, "hel1": True}

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 2


# ---- actions ----


def test_an_action_that_fails_later_is_told_by_waiting_for_it() -> None:
    simulator = HetznerSimulator()
    simulator.world.failing["start_server"] = ("resource_unavailable", "the host is full")

    async def scenario(driver: Hetzner) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        await driver.ex_wait_for_action(await driver.ex_act(node, "shutdown"))
        with pytest.raises(CapacityError, match="host is full"):
            await driver.ex_wait_for_action(await driver.ex_act(node, "poweron"))
        assert (await driver.get_node(node)).state is NodeState.STOPPED

    do(scenario, simulator)


def test_an_action_that_takes_too_long_names_its_server() -> None:
    async def scenario(driver: Hetzner) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE), timeout=2000)
        answer = await driver.ex_act(node, "reboot")
        with pytest.raises(WaitTimeoutError) as caught:
            await driver.ex_wait_for_action(answer, timeout=10)
        assert caught.value.node_id == node.id
        done = await driver.ex_wait_for_action(answer["action"]["id"])
        assert (done["command"], done["status"]) == ("reboot_server", "success")

    do(scenario, HetznerSimulator(boot=1000))


@pytest.mark.parametrize("there", [True, False])
async def test_a_create_whose_action_has_failed_already_is_a_failure_only_if_nothing_is_left(there: bool) -> None:
    server = {"id": 42, "name": "web-1", "status": "initializing"}
    fault = {"code": "resource_unavailable", "message": "the host is full"}
    seen: list[Request] = []

    async def network(request: Request) -> Response:
        seen.append(request)
        if request.method == "GET":
            body: Any = {"servers": [server] if there else [], "meta": {}}
        else:
            body = {
                "server": server,
                "action": {"id": 1, "command": "create_server", "status": "error", "error": fault},
            }
        return Response(status=200, body=json.dumps(body).encode())

    driver = Hetzner("quay-token", transport=network)
    if there:
        assert (await driver.create_node("web-1", **RECIPE)).id == "42"
    else:
        with pytest.raises(CapacityError, match="host is full"):
            await driver.create_node("web-1", **RECIPE)
    assert [request.method for request in seen] == ["POST", "GET"]
    token = json.loads(seen[0].body)["labels"][MARK]
    assert seen[1].url.query["label_selector"] == f"{MARK}=={token}"


@pytest.mark.parametrize(
    "action", [{"status": "error"}, {"status": "error", "error": None}, {"status": "error", "error": {"code": "x"}}]
)
async def test_an_action_that_fails_without_a_word_is_an_error_all_the_same(action: dict[str, Any]) -> None:
    with pytest.raises(CloudError, match="failed"):
        await answering(200, {"action": action}).reboot_node("42")


def test_a_server_that_is_locked_is_destroyed_when_it_is_free() -> None:
    simulator = HetznerSimulator(boot=20)

    async def scenario(driver: Hetzner) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        with pytest.raises(ConflictError, match="locked"):
            await driver.destroy_node(node, ex_wait=0)
        await driver.destroy_node(node)
        assert (await driver.get_node(node)).state is NodeState.TERMINATED
        await asyncio.sleep(5)
        with pytest.raises(NotFoundError):
            await driver.get_node(node)

    do(scenario, simulator)


def test_a_protected_server_is_not_asked_to_go_again_and_again() -> None:
    simulator = HetznerSimulator()

    async def scenario(driver: Hetzner) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        await driver.ex_act(node, "change_protection", {"delete": True, "rebuild": True})
        with pytest.raises(ForbiddenError, match="protected"):
            await driver.destroy_node(node)

    do(scenario, simulator)
    assert simulator.calls["DELETE /servers/{id}"] == 1


# ---- making ----


def test_a_create_is_sent_again_when_its_answer_was_lost_and_nothing_came_of_it() -> None:
    simulator = HetznerSimulator()
    simulator.faults += [Answer(status=504, on=CREATE), Refused(on="GET /servers")]

    async def scenario(driver: Hetzner) -> None:
        made = await driver.create_node("web-1", **RECIPE, tags={"role": "web"})
        assert [node.id for node in await driver.list_nodes()] == [made.id]
        assert dict(made.tags) == {"role": "web"}

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 2


def test_another_server_of_that_name_is_a_conflict_and_not_taken_for_ours() -> None:
    simulator = HetznerSimulator()

    async def scenario(driver: Hetzner) -> None:
        first = await driver.create_node("web-1", **RECIPE)
        with pytest.raises(ConflictError, match="already used"):
            await driver.create_node("web-1", **RECIPE)
        simulator.faults.append(LostAnswer(on=CREATE))
        second = await driver.create_node("web-2", **RECIPE)
        assert {node.id for node in await driver.list_nodes()} == {first.id, second.id}

    do(scenario, simulator)


def test_without_a_key_the_password_of_the_answer_is_given_and_is_in_no_log() -> None:
    simulator = HetznerSimulator()

    async def scenario(driver: Hetzner) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        kept = simulator.world.servers[int(node.id)].password
        assert node.password == kept
        assert kept is not None
        assert kept.reveal() not in driver.redactor.clean(f"it is {kept.reveal()}")
        keyed = await driver.create_node("web-2", **RECIPE, auth=NodeAuthSSHKey(KEY))
        assert keyed.password is None
        assert simulator.world.servers[int(keyed.id)].keys == [KEY]
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await driver.create_node("web-3", **RECIPE, auth=NodeAuthPassword("a-Harbour-3"))

    do(scenario, simulator)


def test_a_key_is_imported_once_by_many_and_forgotten() -> None:
    simulator = HetznerSimulator(latency=0.1)

    async def scenario(driver: Hetzner) -> None:
        names = [f"web-{number}" for number in range(5)]
        made = [driver.create_node(name, **RECIPE, auth=NodeAuthSSHKey(f"{KEY} me@quay")) for name in names]
        assert len(await asyncio.gather(*made)) == 5
        (pair,) = await driver.list_key_pairs()
        assert pair.name.startswith("aiocloud-")
        assert pair.fingerprint
        again = await driver.create_node("web-9", **RECIPE, auth=KeyPair(id=pair.id, name=pair.name))
        assert simulator.world.servers[int(again.id)].keys == [f"{KEY} me@quay"]
        for _ in range(2):
            await driver.forget_public_key(KEY)
        assert await driver.list_key_pairs() == []

    do(scenario, simulator)
    assert all(len(server.keys) == 1 for server in simulator.world.servers.values())


def test_key_pairs_can_be_made_and_deleted_by_name() -> None:
    async def scenario(driver: Hetzner) -> None:
        made = await driver.create_key_pair("mine")
        assert made.private_key is not None
        with pytest.raises(ConflictError, match="not unique"):
            await driver.import_key_pair_from_string("mine", KEY)
        with pytest.raises(InvalidRequestError, match="not a valid SSH key"):
            await driver.import_key_pair_from_string("other", "ssh-rsa !!")
        await driver.delete_key_pair("mine")
        with pytest.raises(NotFoundError):
            await driver.delete_key_pair("mine")

    do(scenario)


def test_the_extras_of_a_create_are_put_where_the_api_wants_them() -> None:
    seen: list[Request] = []
    driver = answering(201, {"server": {"id": 42, "name": "web-1", "status": "initializing"}}, seen)

    async def scenario() -> None:
        await driver.create_node(
            "web-1", size="cx23", image="300000001", user_data="#!/bin/sh", ex_ipv4=False, ex_start=False,
            ex_firewalls=["7"], ex_networks=["8"], ex_placement_group="9",
        )  # fmt: skip

    run(scenario())
    body = json.loads(seen[0].body)
    assert seen[0].headers["Authorization"] == "Bearer quay-token"
    assert set(body.pop("labels")) == {MARK}
    assert body == {
        "name": "web-1",
        "server_type": "cx23",
        "image": 300000001,
        "user_data": "#!/bin/sh",
        "public_net": {"enable_ipv4": False, "enable_ipv6": True},
        "start_after_create": False,
        "firewalls": [{"firewall": 7}],
        "networks": [8],
        "placement_group": 9,
    }


def test_the_drivers_region_is_where_nodes_are_made_and_several_are_too_many() -> None:
    async def scenario(driver: Hetzner) -> str | None:
        return (await driver.create_node("web-1", size="cx23", image="debian-13")).location

    assert do(scenario, region="hel1") == "hel1"
    with pytest.raises(ConfigurationError, match="several regions"):
        do(scenario, region=["hel1", "fsn1"])


def test_an_image_of_that_name_is_taken_for_the_architecture_of_the_size() -> None:
    simulator = HetznerSimulator()

    async def scenario(driver: Hetzner) -> None:
        node = await driver.create_node("web-1", size="cax11", image="debian-13")
        images = {image.id: image for image in await driver.list_images()}
        assert (images[str(node.image)].arch, images[str(node.image)].name) == ("arm64", "debian-13")
        x86 = next(image for image in images.values() if image.arch == "x86_64")
        with pytest.raises(InvalidRequestError, match="architecture"):
            await driver.create_node("web-2", size="cax11", image=x86)

    do(scenario, simulator)


# ---- lists ----


def size(**more: Any) -> Any:
    return SIZE({"id": 1, "name": "cx23", "description": "CX 23", **more})


def price(place: str, net: Any) -> dict[str, Any]:
    return {"location": place, "price_hourly": {"net": net, "gross": "9.99"}}


@pytest.mark.parametrize(
    ("prices", "place", "amount"),
    [
        ([price("fsn1", "0.0060000000"), price("ash", "0.0075")], "ash", Decimal("0.0075")),
        ([price("fsn1", "0.0060000000"), price("hel1", "0.006")], None, Decimal("0.006")),
        ([price("fsn1", "0.0060000000"), price("ash", "0.0075")], None, None),
        ([price("fsn1", "0.0000")], "fsn1", None),
        ([price("fsn1", None)], "fsn1", None),
        ([], None, None),
    ],
)
def test_a_price_is_the_places_without_tax(prices: list[Any], place: str | None, amount: Decimal | None) -> None:
    assert hourly(size(prices=prices), place) == amount


def test_a_price_that_is_no_number_is_malformed() -> None:
    with pytest.raises(MalformedResponseError, match="no number"):
        hourly(size(prices=[price("fsn1", "on request")]), "fsn1")


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"name": "fsn1", "available": True, "deprecation": None}, True),
        ({"name": "fsn1", "available": False}, False),
        ({"name": "fsn1"}, None),
        ({"name": "ash", "available": True}, None),
        ({"name": "fsn1", "available": True, "deprecation": {"unavailable_after": "2026-03-01T00:00:00Z"}}, False),
        ({"name": "fsn1", "available": True, "deprecation": {"unavailable_after": "2026-03-02T00:00:00Z"}}, True),
    ],
)
def test_what_is_sold_out_or_gone_there_is_not_available(told: dict[str, Any], known: bool | None) -> None:
    assert available(size(locations=[told]), "fsn1", datetime(2026, 3, 1, 12, tzinfo=UTC)) is known


def test_sizes_and_offers_are_priced_by_place() -> None:
    async def scenario(driver: Hetzner) -> None:
        here = {each.id: each for each in await driver.list_sizes(location="ash")}
        assert set(here) == {"cpx11", "ccx13", "ccx23"}
        assert here["ccx13"].price is not None
        assert (here["ccx13"].price.amount, here["ccx13"].price.currency) == (Decimal("0.1250"), "EUR")
        assert (here["ccx13"].ram, here["ccx13"].disk, here["ccx13"].arch) == (8192, 80, "x86_64")
        anywhere = {each.id: each for each in await driver.list_sizes()}
        assert anywhere["ccx13"].price is None
        assert anywhere["cx23"].price is not None
        assert (anywhere["cx23"].bandwidth, anywhere["ccx13"].bandwidth) == (21990, None)
        assert await driver.list_sizes(location="moon1") == []
        assert {offer.location.id for offer in await driver.list_offers(location="sin")} == {"sin"}

    do(scenario, HetznerSimulator(invented_prices=True))


def test_the_simulator_tells_the_one_price_that_was_recorded_and_its_day() -> None:
    simulator = HetznerSimulator(now=WorldClock(datetime(2026, 5, 27, 12, tzinfo=UTC)))

    async def scenario(driver: Hetzner) -> None:
        offers = [offer for offer in await driver.list_offers() if offer.price is not None]
        ((size, place, price),) = [(offer.size.id, offer.location.id, offer.price) for offer in offers]
        assert (size, place) == ("cx33", "fsn1")
        assert price is not None
        assert (price.amount, price.per, price.as_of) == (Decimal("0.0104"), "hour", HetznerSimulator.as_of)
        assert "cx23" in {each.id for each in await driver.list_sizes(location="fsn1")}

    do(scenario, simulator)


def test_nodes_of_one_place_alone_can_be_listed() -> None:
    simulator = HetznerSimulator()
    simulator.populate(60)

    async def scenario(driver: Hetzner) -> None:
        here = await driver.list_nodes(location="ash")
        assert {node.location for node in here} == {"ash"}
        assert len(here) == sum(node.location == "ash" for node in await driver.list_nodes())

    do(scenario, simulator)


def test_pages_are_asked_for_at_once_where_their_number_is_told_and_by_turns_where_it_is_not() -> None:
    rows = [{"id": number, "name": f"web-{number}", "status": "running"} for number in range(5)]
    seen: list[str] = []

    def network(last: int | None) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            number = int(request.url.query["page"])
            seen.append(request.url.query_string)
            pagination = {"page": number, "next_page": number + 1 if number < 3 else None, "last_page": last}
            body = {"servers": rows[2 * number - 2 : 2 * number], "meta": {"pagination": pagination}}
            return Response(status=200, body=json.dumps(body).encode())

        return answer

    async def names(last: int | None) -> list[str]:
        return [node.name for node in await Hetzner("quay-token", transport=network(last)).list_nodes()]

    assert run(names(3)) == run(names(None)) == [f"web-{number}" for number in range(5)]
    assert seen == [f"per_page=50&page={number}" for number in (1, 2, 3)] * 2


def test_a_city_comes_without_its_state() -> None:
    place = LOCATION({"id": 4, "name": "ash", "description": "Ashburn, VA", "country": "us", "city": "Ashburn, VA"})
    assert (place.country, place.city, place.name) == ("US", "Ashburn", "Ashburn, VA")


# ---- extras ----


def test_a_server_is_renamed_labelled_moved_rebuilt_and_cut_off() -> None:
    simulator = HetznerSimulator()

    async def scenario(driver: Hetzner) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        assert (await driver.ex_rename_node(node, "web-2")).name == "web-2"
        assert dict((await driver.ex_set_tags(node, {"role": "db"})).tags) == {"role": "db"}
        with pytest.raises(ConflictError, match="stopped"):
            await driver.ex_resize_node(node, "cx33")
        await driver.ex_power_off_node(node)
        await driver.wait_until(node, NodeState.STOPPED)
        await driver.ex_wait_for_action(await driver.ex_resize_node(node, "cx33"))
        assert (await driver.get_node(node)).size == "cx33"
        rebuilt = await driver.ex_rebuild_node(node, "ubuntu-24.04", user_data="#!/bin/sh")
        assert rebuilt.state is NodeState.PENDING
        assert rebuilt.password == simulator.world.servers[int(node.id)].password != node.password
        await driver.wait_until(node)
        await driver.ex_reset_node(node)
        await driver.wait_until(node)

    do(scenario, simulator)


def test_a_floating_address_is_led_to_a_server() -> None:
    simulator = HetznerSimulator()

    async def scenario(driver: Hetzner) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        made = await driver.http.call("POST", "/floating_ips", json={"type": "ipv4", "home_location": "fsn1"})
        (address,) = await driver.ex_list_floating_ips()
        assert address["id"] == made["floating_ip"]["id"]
        await driver.ex_wait_for_action(await driver.ex_assign_floating_ip(address["id"], node))
        (address,) = await driver.ex_list_floating_ips()
        assert str(address["server"]) == node.id
        assert await driver.ex_list_firewalls() == await driver.ex_list_networks() == []

    do(scenario, simulator)


# ---- accounts ----

CLI = """
active_context = "harbour"
[[contexts]]
  name = "harbour"
  token = "t1"
[[contexts]]
  name = "half"
"""


def test_accounts_are_found_where_hclouds_are(tmp_path: Path) -> None:
    def found(**variables: str) -> list[tuple[str, Mapping[str, Any]]]:
        accounts = Hetzner.accounts(Environment(variables, tmp_path, tmp_path))
        return [(each.name, {key: value for key, value in each.options.items() if value}) for each in accounts]

    assert found() == []
    folder = tmp_path / ".config" / "hcloud"
    folder.mkdir(parents=True)
    (folder / "cli.toml").write_text(CLI)
    assert found() == [("harbour", {"token": "t1"})]
    (tmp_path / "other.toml").write_text(CLI.replace("t1", "t2"))
    endpoint = "https://quay.example/v1"
    assert found(HCLOUD_TOKEN="t0", HCLOUD_CONFIG=str(tmp_path / "other.toml"), HCLOUD_ENDPOINT=endpoint) == [
        ("default", {"token": "t0", "endpoint": endpoint}),
        ("harbour", {"token": "t2", "endpoint": endpoint}),
    ]
    (folder / "cli.toml").write_text('token = "canary')
    with pytest.raises(ConfigurationError, match=r"cli\.toml") as caught:
        found()
    assert "canary" not in str(caught.value)


def test_a_token_is_needed_and_said_so() -> None:
    with pytest.raises(ConfigurationError, match="`token`"):
        Hetzner()
