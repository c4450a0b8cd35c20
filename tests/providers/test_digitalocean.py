"""What only the DigitalOcean driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    AmbiguousCreateError,
    AnswerLostError,
    ApiError,
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NodeStateError,
    NotFoundError,
    PagingError,
    QuotaExceededError,
    RateLimitReachedError,
    ServerError,
    WaitTimeoutError,
)
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.digitalocean import DigitalOcean
from aiocloud.providers.digitalocean.wire import price_of
from aiocloud.simulators.base import Answer, LostAnswer, WorldClock
from aiocloud.simulators.digitalocean import DigitalOceanSimulator
from aiocloud.simulators.virtualtime import run

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
RECIPE: Mapping[str, Any] = {"size": "s-1vcpu-1gb", "image": "debian-12-x64"}
CREATE = "POST /droplets"


def do(
    scenario: Callable[[DigitalOcean], Awaitable[Any]], simulator: DigitalOceanSimulator | None = None, **options: Any
) -> Any:
    """Run a scenario over a simulator, on virtual time."""
    world = simulator or DigitalOceanSimulator()

    async def go() -> Any:
        known: dict[str, Any] = {**world.credentials, "transport": world, "now": world.now, "region": "fra1"}
        async with DigitalOcean(**{**known, **options}) as driver:
            return await scenario(driver)

    return run(go())


def answering(
    status: int, body: Any, seen: list[Request] | None = None, headers: Mapping[str, str] | None = None
) -> DigitalOcean:
    """A driver whose every request gets this answer."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(status=status, body=text, headers=headers_of(headers or {}))

    return DigitalOcean("dop_v1_tide", transport=network, retry=Retry(attempts=1))


def refusal(message: str, word: str = "unprocessable_entity") -> dict[str, str]:
    return {"id": word, "message": message, "request_id": "4d9d8375"}


def sent(driver: Callable[[list[Request]], DigitalOcean], **create: Any) -> Any:
    """The body of the create that a driver sends."""
    seen: list[Request] = []

    async def go() -> None:
        with pytest.raises(AmbiguousCreateError):  # for this answer is none
            await driver(seen).create_node("web-1", **{**RECIPE, **create})

    run(go())
    return json.loads(seen[0].body)


# ---- the wire ----


async def test_the_token_and_the_pages_are_where_the_api_looks_for_them() -> None:
    seen: list[Request] = []
    driver = answering(200, {"droplets": [], "links": {}, "meta": {"total": 0}}, seen)
    assert await driver.list_nodes() == []
    assert seen[0].headers["Authorization"] == "Bearer dop_v1_tide"
    assert str(seen[0].url) == "https://api.digitalocean.com/v2/droplets?per_page=200&page=1"


def test_a_driver_without_a_token_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="digitalocean needs `token`"):
        DigitalOcean()


def test_a_create_is_sent_as_the_api_wants_it() -> None:
    body = sent(
        lambda seen: answering(202, {}, seen),
        location="nyc3",
        user_data=b"#!/bin/sh",
        tags={"role": "web", "blue": ""},
        auth=KeyPair(id="512189", name="mine"),
        ex_ipv6=True,
        ex_vpc="760e09ef",
        ex_volumes=["506f78a4"],
        ex_agent=False,
    )
    *words, mark = body.pop("tags")
    assert words == ["role:web", "blue"]
    assert mark.startswith("aiocloud-create:")
    assert body == {
        "name": "web-1",
        "size": "s-1vcpu-1gb",
        "image": "debian-12-x64",
        "region": "nyc3",
        "user_data": "#!/bin/sh",
        "ssh_keys": [512189],
        "ipv6": True,
        "monitoring": False,
        "backups": False,
        "vpc_uuid": "760e09ef",
        "volumes": ["506f78a4"],
        "with_droplet_agent": False,
    }


def test_an_image_without_a_slug_is_named_by_its_number() -> None:
    body = sent(lambda seen: answering(202, {}, seen), image="7555620")
    assert body["image"] == 7555620
    assert "region" not in body, "DigitalOcean chooses where none is named"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, refusal("Unable to authenticate you", "unauthorized"), InvalidCredsError),
        (403, refusal("You are not authorized to perform this operation", "forbidden"), ForbiddenError),
        (404, refusal("The resource you requested could not be found.", "not_found"), NotFoundError),
        (422, refusal("creating this/these droplet(s) will exceed your droplet limit"), QuotaExceededError),
        (422, refusal("Size is not available in this region."), CapacityError),
        (422, refusal("size is unavailable"), CapacityError),
        (422, refusal("Region is not available"), CapacityError),
        (422, refusal("Size is too large to fit on your droplet's server"), CapacityError),
        (422, refusal("The image you specified is not available in the selected region"), InvalidRequestError),
        (422, refusal("You specified an invalid size for Droplet creation."), InvalidRequestError),
        (422, refusal("Droplet already has a pending event."), ConflictError),
        (422, refusal("SSH Key is already in use on your account"), ConflictError),
        (429, refusal("API rate limit exceeded.", "too_many_requests"), RateLimitReachedError),
        (500, refusal("unexpected server-side error", "server_error"), ServerError),
        (502, b"<html><title>Bad gateway</title></html>", ServerError),
        (422, {"message": ["a list"]}, InvalidRequestError),
    ],
)
async def test_a_no_is_told_by_its_sentence(status: int, body: Any, kind: type[ApiError]) -> None:
    with pytest.raises(ApiError) as caught:
        await answering(status, body).get_node("3164444")
    assert type(caught.value) is kind or (kind is ServerError and isinstance(caught.value, ServerError))
    assert caught.value.status == status
    if isinstance(body, dict) and "id" in body:
        assert (caught.value.code, caught.value.request_id) == (body["id"], "4d9d8375")


async def test_a_page_of_html_is_no_list() -> None:
    with pytest.raises(MalformedResponseError, match="titled"):
        await answering(200, b"<html><title>Maintenance</title></html>").list_nodes()


async def test_a_list_that_does_not_tell_its_length_is_not_taken_for_whole() -> None:
    with pytest.raises(PagingError):
        await answering(200, {"droplets": [], "links": {}}).list_nodes()


def test_pages_are_as_many_as_the_total_says() -> None:
    simulator = DigitalOceanSimulator()
    simulator.populate(401)
    assert len(do(lambda driver: driver.list_nodes(), simulator)) == 401
    assert simulator.calls["GET /droplets"] == 3


# ---- places, sizes and prices ----


@pytest.mark.parametrize(
    ("hourly", "amount"),
    [(0.00743999984115362, "0.00744"), (0.00893, "0.00893"), (3.39, "3.39"), (0, None), (None, None)],
)
def test_a_price_has_lost_the_noise_of_single_precision(hourly: float | None, amount: str | None) -> None:
    assert price_of({"price_hourly": hourly}) == (Decimal(amount) if amount else None)


def test_a_size_that_is_sold_out_is_not_offered_there_and_a_closed_region_says_so() -> None:
    simulator = DigitalOceanSimulator(invented_prices=True)
    simulator.world.sold_out.add(("c-2", "fra1"))

    async def scenario(driver: DigitalOcean) -> None:
        assert "c-2" not in {size.id for size in await driver.list_sizes(location="fra1")}
        assert "c-2" in {size.id for size in await driver.list_sizes(location="nyc1")}
        offers = {(offer.location.id, offer.size.id): offer for offer in await driver.list_offers()}
        assert ("fra1", "c-2") not in offers
        assert offers["fra1", "s-1vcpu-1gb"].available is True
        assert offers["fra1", "m-2vcpu-16gb"].available is False
        price = offers["fra1", "s-1vcpu-1gb"].price
        assert price is not None
        assert (price.amount, price.currency, price.per, price.source) == (Decimal("0.00744"), "USD", "hour", "api")
        assert {offer.location.id for offer in await driver.list_offers(location="sgp1")} == {"sgp1"}
        with pytest.raises(CapacityError):
            await driver.create_node("web-1", size="c-2", image="debian-12-x64")
        with pytest.raises(CapacityError):
            await driver.create_node("web-1", **RECIPE, location="nyc2")

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 2


def test_the_simulator_tells_the_one_price_that_was_recorded_and_its_day() -> None:
    simulator = DigitalOceanSimulator(now=WorldClock(datetime(2020, 10, 15, 12, tzinfo=UTC)))
    sizes = do(lambda driver: driver.list_sizes(), simulator)
    (price,) = [size.price for size in sizes if size.price is not None]
    assert (price.amount, price.per, price.as_of) == (Decimal("0.00744"), "hour", DigitalOceanSimulator.as_of)


def test_every_region_has_a_country_and_coordinates() -> None:
    places = do(lambda driver: driver.list_locations())
    assert len(places) == 12
    assert all(place.country and place.city and place.latitude is not None for place in places)
    assert {place.country for place in places if place.id in ("sfo3", "blr1")} == {"US", "IN"}


def test_nodes_and_images_of_one_region_are_chosen_here() -> None:
    async def scenario(driver: DigitalOcean) -> None:
        here = await driver.create_node("web-1", **RECIPE)
        await driver.create_node("web-2", **RECIPE, location="nyc3")
        assert [node.id for node in await driver.list_nodes(location="fra1")] == [here.id]
        here = await driver.wait_until(here)
        await driver.ex_wait_for_action(await driver.ex_snapshot_node(here, "quay"))
        names = {
            place: [image.name for image in await driver.list_images(location=place)] for place in ("fra1", "nyc3")
        }
        assert "Debian quay" in names["fra1"]
        assert "Debian quay" not in names["nyc3"]

    do(scenario)


# ---- creating ----


def test_a_node_whose_creation_was_not_confirmed_is_found_by_its_tag_and_no_tag_stays() -> None:
    simulator = DigitalOceanSimulator()

    async def scenario(driver: DigitalOcean) -> None:
        await driver.create_node("web-1", **RECIPE)  # a namesake
        simulator.faults.append(LostAnswer(on=CREATE))
        node = await driver.create_node("web-1", **RECIPE, tags={"role": "web"})
        assert dict(node.tags) == {"role": "web"}
        assert len(await driver.list_nodes()) == 2
        for each in await driver.list_nodes():
            await driver.destroy_node(each.id)
        assert simulator.world.tags == {"role:web"}

    do(scenario, simulator)


def test_a_create_of_which_nothing_is_seen_is_in_doubt_and_not_repeated() -> None:
    simulator, creates = DigitalOceanSimulator(), 0

    async def network(request: Request) -> Response:
        nonlocal creates
        if request.method == "POST":
            creates += 1
            raise AnswerLostError("the connection closed before the answer arrived")
        return await simulator(request)

    async def scenario(driver: DigitalOcean) -> None:
        with pytest.raises(AmbiguousCreateError, match="web-1") as caught:
            await driver.create_node("web-1", **RECIPE)
        assert caught.value.token

    do(scenario, simulator, transport=network)
    assert creates == 1


def test_a_full_account_is_asked_once() -> None:
    simulator = DigitalOceanSimulator()
    simulator.world.droplet_limit = 1

    async def scenario(driver: DigitalOcean) -> None:
        await driver.create_node("web-1", **RECIPE)
        with pytest.raises(QuotaExceededError, match="droplet limit"):
            await driver.create_node("web-2", **RECIPE)

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 2


@pytest.mark.parametrize(
    ("tags", "word"), [({"a:b": "c"}, "a:b:c"), ({"a": "b c"}, "a:b c"), ({"": ""}, "''"), ({"a": "x" * 255}, "xxx")]
)
def test_a_tag_that_no_word_can_hold_is_refused_before_anything_is_made(tags: dict[str, str], word: str) -> None:
    simulator = DigitalOceanSimulator()

    async def scenario(driver: DigitalOcean) -> None:
        with pytest.raises(ConfigurationError, match="takes no tag") as caught:
            await driver.create_node("web-1", **RECIPE, tags=tags, auth=NodeAuthSSHKey(KEY))
        assert word in str(caught.value)

    do(scenario, simulator)
    assert not simulator.calls


def test_a_password_and_user_data_that_is_no_text_are_refused() -> None:
    async def scenario(driver: DigitalOcean) -> None:
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await driver.create_node("web-1", **RECIPE, auth=NodeAuthPassword("An0ther-tide"))
        with pytest.raises(ConfigurationError, match="UTF-8"):
            await driver.create_node("web-1", **RECIPE, user_data=b"\xff\xfe")

    do(scenario)


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"size": "huge"}, InvalidRequestError), ({"image": "dos-6"}, InvalidRequestError), ({"name": "a_b"}, ApiError)],
)
def test_what_the_api_does_not_know_is_refused_with_its_reason(change: dict[str, str], kind: type[ApiError]) -> None:
    async def scenario(driver: DigitalOcean) -> None:
        with pytest.raises(kind):
            await driver.create_node(**{"name": "web-1", **RECIPE, **change})
        assert await driver.list_nodes() == []

    do(scenario)


# ---- keys ----


def test_a_public_key_is_imported_once_and_forgotten_only_if_it_is_ours() -> None:
    simulator = DigitalOceanSimulator()

    async def scenario(driver: DigitalOcean) -> None:
        for name in ("web-1", "web-2"):
            await driver.create_node(name, **RECIPE, auth=NodeAuthSSHKey(f"{KEY} {name}"))
        assert simulator.calls["POST /account/keys"] == 1
        assert [droplet.keys for droplet in simulator.world.droplets.values()] == [(f"{KEY} web-1",)] * 2
        await driver.forget_public_key(KEY)
        assert await driver.list_key_pairs() == []
        await driver.import_key_pair_from_string("mine", KEY)
        await driver.create_node("web-3", **RECIPE, auth=KeyPair(id="", name="mine"))
        await driver.forget_public_key(KEY)
        assert [pair.name for pair in await driver.list_key_pairs()] == ["mine"]

    do(scenario, simulator)


def test_a_key_pair_is_known_by_one_name_and_a_key_by_one_key_pair() -> None:
    async def scenario(driver: DigitalOcean) -> None:
        pair = await driver.import_key_pair_from_string("mine", KEY)
        with pytest.raises(ConflictError, match="'mine' is there already"):
            await driver.import_key_pair_from_string("mine", KEY)
        with pytest.raises(ConflictError, match="already in use"):
            await driver.import_key_pair_from_string("yours", KEY)
        await driver.delete_key_pair(pair)
        with pytest.raises(NotFoundError):
            await driver.delete_key_pair("mine")

    do(scenario)


# ---- states and actions ----


def test_a_node_that_is_busy_is_destroyed_as_soon_as_it_can_be() -> None:
    simulator = DigitalOceanSimulator(boot=50)

    async def scenario(driver: DigitalOcean) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        await driver.stop_node(node)
        with pytest.raises(ConflictError, match="pending event"):
            await driver.reboot_node(node)
        await driver.destroy_node(node)
        assert await driver.list_nodes() == []

    do(scenario, simulator)
    assert simulator.calls["DELETE /droplets/{id}"] > 1


def test_a_node_is_resized_rebuilt_and_renamed_action_by_action() -> None:
    async def scenario(driver: DigitalOcean) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        with pytest.raises(InvalidRequestError, match="powered off"):
            await driver.ex_resize_node(node, "s-2vcpu-4gb")
        await driver.stop_node(node, ex_hard=True)
        await driver.wait_until(node, NodeState.STOPPED)
        grown = await driver.ex_wait_for_action(await driver.ex_resize_node(node, "s-2vcpu-4gb", disk=True))
        anew = await driver.ex_wait_for_action(await driver.ex_rebuild_node(node, "ubuntu-24-04-x64"))
        named = await driver.ex_wait_for_action(await driver.ex_rename_node(node, "web-2"))
        assert {each["status"] for each in (grown, anew, named)} == {"completed"}
        await driver.reboot_node(node, ex_hard=True)
        node = await driver.wait_until(node)
        assert (node.name, node.size, node.image) == ("web-2", "s-2vcpu-4gb", "ubuntu-24-04-x64")
        done = [action["type"] for action in await driver.ex_list_actions(node)]
        assert done == ["power_cycle", "rename", "rebuild", "resize", "power_off", "create"]

    do(scenario)


def test_an_action_that_was_taken_and_then_fails_is_named() -> None:
    simulator = DigitalOceanSimulator()
    simulator.world.failing.add("resize")

    async def scenario(driver: DigitalOcean) -> None:
        node = await driver.wait_until(await driver.create_node("web-1", **RECIPE))
        await driver.stop_node(node)
        await driver.wait_until(node, NodeState.STOPPED)
        with pytest.raises(NodeStateError, match=r"resize .* ended in an error") as caught:
            await driver.ex_wait_for_action(await driver.ex_resize_node(node, "c-2"))
        assert caught.value.node_id == node.id
        assert (await driver.get_node(node)).size == "s-1vcpu-1gb"

    do(scenario, simulator)


def test_an_action_that_takes_too_long_is_not_waited_for() -> None:
    async def scenario(driver: DigitalOcean) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        (action,) = await driver.ex_list_actions(node)
        with pytest.raises(WaitTimeoutError, match="more than 60 s") as caught:
            await driver.ex_wait_for_action(action, timeout=60)
        assert caught.value.node_id == node.id

    do(scenario, DigitalOceanSimulator(boot=1000))


def test_reserved_addresses_and_firewalls() -> None:
    simulator = DigitalOceanSimulator()
    simulator.world.firewalls["fw-1"] = {"id": "fw-1", "name": "wall", "droplet_ids": []}

    async def scenario(driver: DigitalOcean) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        ip = await driver.ex_reserve_ip("fra1")
        await driver.ex_assign_reserved_ip(ip, node)
        (held,) = await driver.ex_list_reserved_ips()
        assert (held["ip"], held["droplet"]["id"]) == (ip, int(node.id))
        await driver.ex_release_reserved_ip(ip)
        assert await driver.ex_list_reserved_ips() == []
        await driver.ex_add_to_firewall("fw-1", node)
        (wall,) = await driver.ex_list_firewalls()
        assert wall["droplet_ids"] == [int(node.id)]
        assert (await driver.ex_account())["status"] == "active"

    do(scenario, simulator)


def test_a_revoked_token_is_named_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    simulator = DigitalOceanSimulator()
    echo = json.dumps(refusal("no such token: dop_v1_canary", "unauthorized")).encode()

    async def scenario(driver: DigitalOcean) -> None:
        with pytest.raises(InvalidCredsError):
            await driver.list_nodes()
        simulator.faults.append(Answer(status=401, body=echo))
        with pytest.raises(InvalidCredsError) as caught:
            await driver.list_nodes()
        assert "canary" not in str(caught.value)

    do(scenario, simulator, token="dop_v1_canary")
    assert sum(simulator.calls.values()) == 2
    assert "canary" not in caplog.text


# ---- accounts ----


def environment(home: Path, **variables: str) -> Environment:
    return Environment(variables, home, home)


def doctl(home: Path, text: str) -> Path:
    path = home / ".config" / "doctl" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_accounts_are_found_where_doctl_finds_them(tmp_path: Path) -> None:
    path = doctl(
        tmp_path, "access-token: one\nauth-contexts:\n  prod: two\n  empty: ''\ncontext: default\noutput: text\n"
    )
    found = list(DigitalOcean.accounts(environment(tmp_path, DIGITALOCEAN_ACCESS_TOKEN="env")))
    assert [(each.name, each.options["token"], each.source) for each in found] == [
        ("default", "env", "environment variables"),
        ("default", "one", str(path)),
        ("prod", "two", str(path)),
    ]


def test_the_other_variable_does_too_and_nothing_is_nothing(tmp_path: Path) -> None:
    (found,) = DigitalOcean.accounts(environment(tmp_path, DIGITALOCEAN_TOKEN="tide"))
    assert found.options == {"token": "tide"}
    assert list(DigitalOcean.accounts(environment(tmp_path))) == []


@pytest.mark.parametrize("text", ["access-token: [secret-canary", "- secret-canary", "access-token: \x00secret-canary"])
def test_a_file_that_is_no_configuration_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = doctl(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        list(DigitalOcean.accounts(environment(tmp_path)))
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)
