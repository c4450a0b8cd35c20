"""What only the Vultr driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    ApiError,
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.vultr import Vultr
from aiocloud.providers.vultr.shapes import MARK, NODE, SIZE, monthly
from aiocloud.simulators.base import Answer, LostAnswer, WorldClock
from aiocloud.simulators.virtualtime import run
from aiocloud.simulators.vultr import VultrSimulator

T = TypeVar("T")

CREATE = "POST /instances"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
RECIPE: Mapping[str, Any] = {"size": "vc2-1c-1gb", "image": "2284", "location": "ams"}


def do(scenario: Callable[[Vultr], Awaitable[T]], simulator: VultrSimulator | None = None, **options: Any) -> T:
    """Run a scenario with a driver over a simulator, on virtual time."""
    world = simulator or VultrSimulator()

    async def go() -> T:
        known: dict[str, Any] = {**world.credentials, "transport": world, "now": world.now}
        async with Vultr(**{**known, **options}) as driver:
            return await scenario(driver)

    return run(go())


def answering(status: int, body: Any, seen: list[Request] | None = None) -> Vultr:
    """A driver whose every request gets this answer."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return Response(status=status, body=json.dumps(body).encode())

    return Vultr("QUAYKEY", transport=network, retry=Retry(attempts=1))


# ---- errors ----


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Invalid API token.", InvalidCredsError),
        (401, "Unauthorized IP address: 203.0.113.9", ForbiddenError),
        (400, "Invalid plan.", InvalidRequestError),
        (400, "The selected plan is not available in the selected region.", CapacityError),
        (400, "You have reached the maximum number of active virtual machines for this account.", QuotaExceededError),
        (400, "Server is currently locked.", ConflictError),
        (400, "Invalid instance ID.", NotFoundError),
        (404, "Subscription ID Not Found.", NotFoundError),
        (429, "Rate limit reached - please try your request again later.", RateLimitReachedError),
        (500, "Internal server error.", ServerError),
    ],
)
async def test_the_sentences_for_errors_are_understood(status: int, message: str, kind: type[ApiError]) -> None:
    with pytest.raises(kind, match=message) as caught:
        await answering(status, {"error": message, "status": status}).list_nodes()
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_an_account_that_is_full_is_a_quota_and_is_asked_once() -> None:
    simulator = VultrSimulator()
    simulator.world.most = 0

    async def scenario(driver: Vultr) -> None:
        with pytest.raises(QuotaExceededError, match="maximum number"):
            await driver.create_node("web-1", **RECIPE)

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 1


def test_a_node_that_is_locked_is_destroyed_when_it_is_free() -> None:
    simulator = VultrSimulator()
    locked = json.dumps({"error": "Server is currently locked.", "status": 400}).encode()

    async def scenario(driver: Vultr) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        simulator.faults.append(Answer(on="DELETE *", status=400, body=locked, times=3))
        with pytest.raises(ConflictError, match="locked"):
            await driver.destroy_node(node, ex_wait=0)
        await driver.destroy_node(node)
        assert await driver.list_nodes() == []

    do(scenario, simulator)


# ---- states and models ----


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (("active", "running", "ok"), NodeState.RUNNING),
        (("active", "running", "installingbooting"), NodeState.PENDING),
        (("active", "running", "locked"), NodeState.PENDING),
        (("active", "running", "dreaming"), NodeState.UNKNOWN),
        (("active", "stopped", "ok"), NodeState.STOPPED),
        (("active", "stopped", "locked"), NodeState.STOPPED),
        (("active", "paused", "ok"), NodeState.UNKNOWN),
        (("pending", "running", "none"), NodeState.PENDING),
        (("pending", "stopped", "ok"), NodeState.PENDING),
        (("resizing", "running", "ok"), NodeState.PENDING),
        (("suspended", "running", "ok"), NodeState.SUSPENDED),
        (("closed", "running", "ok"), NodeState.UNKNOWN),
        ((None, None, None), NodeState.UNKNOWN),
    ],
)
def test_three_fields_make_a_state(fields: tuple[Any, Any, Any], state: NodeState) -> None:
    status, power, server = fields
    payload = {"id": "x", "label": "web", "status": status, "power_status": power, "server_status": server}
    assert NODE(payload).state is state


def test_a_node_has_no_address_before_it_has_one_and_shows_no_secret() -> None:
    simulator = VultrSimulator()

    async def scenario(driver: Vultr) -> None:
        made = await driver.create_node("web-1", **RECIPE, ex_ipv6=True)
        assert made.public_ips == ()
        assert "default_password" not in made.extra
        assert "kvm" not in made.extra
        assert made.password == simulator.world.instances[made.id].password
        running = await driver.wait_until(made)
        assert [address.partition(":")[0] for address in running.public_ips][1] == "2001"
        assert running.password is None

    do(scenario, simulator)


def test_a_price_is_the_regions_where_it_has_one() -> None:
    plan = SIZE(
        {"id": "vc2", "monthly_cost": 2.5, "location_cost": {"sao": {"monthly_cost": 3.75}, "syd": {"monthly_cost": 0}}}
    )
    assert monthly(plan, "sao") == Decimal("3.75")
    assert monthly(plan, "ams") == monthly(plan, None) == Decimal("2.5")
    assert monthly(plan, "syd") is None
    assert monthly(SIZE({"id": "free", "monthly_cost": 0, "location_cost": []}), "ams") is None
    assert monthly(SIZE({"id": "unknown"}), "ams") is None


# ---- lists ----


def test_offers_can_be_had_without_a_key_and_say_what_is_in_stock() -> None:
    simulator = VultrSimulator(invented_prices=True)
    simulator.world.sold_out.add(("vc2-1c-1gb", "fra"))

    async def scenario() -> None:
        async with Vultr.anonymous(transport=simulator) as driver:
            offers = {(offer.size.id, offer.location.id): offer for offer in await driver.list_offers()}
            assert offers["vc2-1c-1gb", "fra"].available is False
            assert offers["vc2-1c-1gb", "ams"].available is True
            assert ("vhf-1c-2gb", "sao") not in offers
            dear, usual = offers["vc2-1c-1gb", "sao"].price, offers["vc2-1c-1gb", "ams"].price
            assert dear is not None
            assert usual is not None
            assert (dear.amount, dear.per, usual.amount) == (Decimal("7.5"), "month", Decimal("5"))
            images = await driver.list_images()
            assert {image.os for image in images} == {"ubuntu", "debian"}
            assert {image.version for image in images} == {"22.04", "24.04", "12", "13"}
            with pytest.raises(InvalidCredsError):
                await driver.list_nodes()

    run(scenario())
    assert simulator.calls["GET /snapshots"] == 0


def test_the_simulator_tells_the_prices_that_were_recorded_and_their_day() -> None:
    simulator = VultrSimulator(now=WorldClock(datetime(2021, 9, 1, 12, tzinfo=UTC)))

    async def scenario() -> None:
        async with Vultr.anonymous(transport=simulator, now=simulator.now) as driver:
            sizes = {size.id: size.price for size in await driver.list_sizes()}
            offers = {(offer.size.id, offer.location.id) for offer in await driver.list_offers()}
        assert len(sizes) == 21
        told = [sizes[name] for name in ("vc2-1c-1gb", "vhf-12c-48gb")]
        assert [(price.amount, price.as_of) for price in told if price] == [
            (Decimal(5), VultrSimulator.as_of),
            (Decimal(256), VultrSimulator.as_of),
        ]
        assert ("vc2-1c-1gb", "sgp") in offers
        assert ("vhf-12c-48gb", "sgp") not in offers

    run(scenario())


async def test_no_key_is_sent_where_there_is_none() -> None:
    seen: list[Request] = []

    async def network(request: Request) -> Response:
        seen.append(request)
        return Response(status=200, body=b'{"regions": [], "meta": {}}')

    assert await Vultr(transport=network).list_locations() == []
    assert await Vultr("QUAYKEY", transport=network).list_locations() == []
    assert [request.headers.get("Authorization") for request in seen] == [None, "Bearer QUAYKEY"]


def test_pages_follow_one_another_by_their_cursors() -> None:
    simulator = VultrSimulator()
    simulator.populate(1001)

    async def scenario(driver: Vultr) -> None:
        assert len(await driver.list_nodes()) == 1001

    do(scenario, simulator)
    assert simulator.calls["GET /instances"] == 3


def test_nodes_of_one_region_alone_can_be_listed() -> None:
    simulator = VultrSimulator()
    simulator.populate(60)

    async def scenario(driver: Vultr) -> None:
        here = await driver.list_nodes(location="ord")
        assert {node.location for node in here} == {"ord"}
        assert len(here) == sum(node.location == "ord" for node in await driver.list_nodes())

    do(scenario, simulator)


def test_a_plan_that_cannot_be_ordered_is_none() -> None:
    plans = [{"id": "vc2-1c-1gb", "deploy_ondemand": True}, {"id": "vdm-spot", "deploy_ondemand": False}, {"id": "old"}]

    async def scenario() -> list[str]:
        return [size.id for size in await answering(200, {"plans": plans, "meta": {}}).list_sizes()]

    assert run(scenario()) == ["vc2-1c-1gb", "old"]


# ---- making ----


def test_the_extras_of_a_create_are_put_where_the_api_wants_them() -> None:
    seen: list[Request] = []
    driver = answering(202, {"instance": {"id": "x", "label": "web 1"}}, seen)

    async def scenario() -> None:
        chosen = {"size": "vc2-1c-1gb", "image": "2284", "location": "ams"}
        extras = {"ex_firewall": "f", "ex_vpcs": ["v"], "ex_script": "s", "ex_reserved_ip": "r"}
        tags = {"role": "web", "hot": ""}
        told: dict[str, Any] = {**chosen, **extras, "user_data": "#!/bin/sh", "tags": tags}
        await driver.create_node("web 1", **told, ex_ipv6=True, ex_backups=True)

    run(scenario())
    body = json.loads(seen[0].body)
    *tags, mark = body.pop("tags")
    assert tags == ["role=web", "hot"]
    assert mark.startswith(f"{MARK}=")
    assert body == {
        "region": "ams",
        "plan": "vc2-1c-1gb",
        "label": "web 1",
        "os_id": 2284,
        "user_data": "IyEvYmluL3No",
        "enable_ipv6": True,
        "backups": "enabled",
        "activation_email": False,
        "firewall_group_id": "f",
        "attach_vpc": ["v"],
        "script_id": "s",
        "reserved_ipv4": "r",
    }


def test_a_name_that_can_be_a_hostname_is_one() -> None:
    simulator = VultrSimulator()

    async def scenario(driver: Vultr) -> None:
        made = await driver.create_node("web-1.example.org", **RECIPE)
        assert simulator.world.instances[made.id].hostname == "web-1.example.org"
        made = await driver.create_node("the web, 2", **RECIPE)
        assert simulator.world.instances[made.id].hostname == "vultr"

    do(scenario, simulator)


def test_a_create_that_is_not_to_be_found_is_not_sent_again() -> None:
    simulator = VultrSimulator()

    async def scenario(driver: Vultr) -> None:
        simulator.faults.append(Answer(status=504, on=CREATE))
        with pytest.raises(AmbiguousCreateError, match="web-1"):
            await driver.create_node("web-1", **RECIPE)
        await driver.create_node("web-1", **RECIPE)
        simulator.faults.append(LostAnswer(on=CREATE))
        twin = await driver.create_node("web-1", **RECIPE)
        assert len({node.id for node in await driver.list_nodes()} - {twin.id}) == 1

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 3


def test_a_place_is_needed_before_anything_is_sent() -> None:
    simulator = VultrSimulator()

    async def scenario(driver: Vultr) -> None:
        with pytest.raises(ConfigurationError, match="`location`"):
            await driver.create_node("web-1", size="vc2-1c-1gb", image="2284")
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await driver.create_node("web-1", **RECIPE, auth=NodeAuthPassword("a-Harbour-3"))

    do(scenario, simulator)
    assert not simulator.calls

    async def in_a_region(driver: Vultr) -> str | None:
        return (await driver.create_node("web-1", size="vc2-1c-1gb", image="2284")).location

    assert do(in_a_region, region="syd") == "syd"


def test_a_node_can_be_made_from_a_snapshot_and_does_not_say_so() -> None:
    simulator = VultrSimulator()
    id_ = "5359435d-0000-4000-8000-0000000000aa"
    simulator.world.snapshots[id_] = {"id": id_, "description": "before the storm", "status": "complete", "os_id": 164}

    async def scenario(driver: Vultr) -> None:
        image = next(image for image in await driver.list_images() if image.name == "before the storm")
        node = await driver.wait_until(await driver.create_node("web-1", **{**RECIPE, "image": image}))
        assert node.image is None
        await driver.ex_restore_node(node, image)
        assert (await driver.get_node(node)).state is NodeState.PENDING

    do(scenario, simulator)


def test_keys_are_imported_once_found_by_name_and_forgotten() -> None:
    simulator = VultrSimulator()

    async def scenario(driver: Vultr) -> None:
        for number in range(2):
            await driver.create_node(f"web-{number}", **RECIPE, auth=NodeAuthSSHKey(f"{KEY} me@quay"))
        (pair,) = await driver.list_key_pairs()
        assert pair.name.startswith("aiocloud-")
        named = await driver.create_node("web-9", **RECIPE, auth=KeyPair(id="", name=pair.name))
        assert simulator.world.instances[named.id].keys == [f"{KEY} me@quay"]
        for _ in range(2):
            await driver.forget_public_key(KEY)
        assert await driver.list_key_pairs() == []
        await driver.import_key_pair_from_string("mine", KEY)
        with pytest.raises(ConflictError, match="mine"):
            await driver.import_key_pair_from_string("mine", KEY)
        await driver.delete_key_pair("mine")
        with pytest.raises(NotFoundError):
            await driver.delete_key_pair("mine")

    do(scenario, simulator)


# ---- extras ----


def test_a_node_is_renamed_tagged_resized_and_rebuilt() -> None:
    simulator = VultrSimulator()

    async def scenario(driver: Vultr) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        assert (await driver.ex_rename_node(node, "web-2")).name == "web-2"
        assert dict((await driver.ex_set_tags(node, {"role": "db"})).tags) == {"role": "db"}
        await driver.ex_set_firewall(node, "f")
        assert simulator.world.instances[node.id].firewall == "f"
        assert (await driver.ex_set_firewall(node, None)).extra["firewall_group_id"] == ""
        assert (await driver.ex_resize_node(node, "vc2-2c-4gb")).state is NodeState.PENDING
        node = await driver.wait_until(node)
        assert node.size == "vc2-2c-4gb"
        with pytest.raises(InvalidRequestError, match="Invalid plan"):
            await driver.ex_resize_node(node, "vc2-1c-1gb")
        again = await driver.ex_rebuild_node(node)
        assert again.password == simulator.world.instances[node.id].password
        await driver.wait_until(node)
        other = await driver.ex_rebuild_node(node, "2625")
        assert (other.image, other.password != again.password) == ("2625", True)
        with pytest.raises(ConfigurationError, match="ex_restore_node"):
            await driver.ex_rebuild_node(node, "5359435d-0000-4000-8000-0000000000aa")

    do(scenario, simulator)


def test_a_reserved_address_is_given_to_a_node_of_its_region() -> None:
    async def scenario(driver: Vultr) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        await driver.http.call("POST", "/reserved-ips", json={"region": "ams", "ip_type": "v4"})
        await driver.http.call("POST", "/reserved-ips", json={"region": "fra", "ip_type": "v4"})
        here, there = await driver.ex_list_reserved_ips()
        await driver.ex_attach_reserved_ip(here["id"], node)
        with pytest.raises(NotFoundError, match="Invalid instance"):
            await driver.ex_attach_reserved_ip(there["id"], node)
        assert [row["instance_id"] for row in await driver.ex_list_reserved_ips()] == [node.id, ""]
        assert await driver.ex_list_firewalls() == await driver.ex_list_vpcs() == []

    do(scenario)


# ---- accounts ----


def test_accounts_are_found_where_vultr_clis_are(tmp_path: Path) -> None:
    def found(**variables: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(each.name, each.options) for each in Vultr.accounts(Environment(variables, tmp_path, tmp_path))]

    assert found() == []
    (tmp_path / ".vultr-cli.yaml").write_text("# api-key: OLD\napi-key: 'K1'  # mine\n")
    assert found(VULTR_API_KEY="K0") == [("default", {"api_key": "K0"}), ("vultr-cli", {"api_key": "K1"})]
    (tmp_path / ".vultr-cli.yaml").write_text("api-key:\nother: x\n")
    assert found() == []
    (tmp_path / ".vultr-cli.yaml").write_bytes(b"api-key: \xff\xfe")
    with pytest.raises(ConfigurationError, match=r"\.vultr-cli\.yaml cannot be read"):
        found()
