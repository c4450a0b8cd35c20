"""What only the UpCloud driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
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
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.upcloud import UpCloud
from aiocloud.providers.upcloud.driver import hostname
from aiocloud.providers.upcloud.wire import MARK
from aiocloud.simulators.base import LostAnswer
from aiocloud.simulators.upcloud import UpCloudSimulator
from aiocloud.simulators.virtualtime import run

DEBIAN = "01000000-0000-4000-8000-000020070100"
NATIVE = "01000000-0000-4000-8000-000020050100"
ERRORS = "https://developers.upcloud.com/1.3/errors"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
SERVER = {"uuid": "00798b85-efdc-41ca-8021-f6ef457b8531", "title": "quay", "state": "started", "zone": "fi-hel1"}
RECIPE: Mapping[str, Any] = {"size": "1xCPU-1GB", "image": DEBIAN, "location": "fi-hel1"}


def over(simulator: UpCloudSimulator, **options: Any) -> UpCloud:
    known: dict[str, Any] = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return UpCloud(**{**known, **options})


def answering(
    answer: Callable[[Request], tuple[int, Any]], seen: list[Request] | None = None, **options: Any
) -> UpCloud:
    """A driver over a network of which this function gives the answers."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        status, body = answer(request)
        return Response(status=status, body=json.dumps(body).encode())

    return UpCloud("harbour", "secret", transport=network, retry=Retry(attempts=1), **options)


def told(simulator: UpCloudSimulator) -> tuple[UpCloud, list[Any]]:
    """A driver over a simulator, and the bodies of what it sends."""
    bodies: list[Any] = []

    async def listening(request: Request) -> Response:
        if request.body:
            bodies.append(json.loads(request.body))
        return await simulator(request)

    return over(simulator, transport=listening), bodies


# ---- sign-in ----


async def test_a_name_and_a_password_travel_as_http_basic() -> None:
    seen: list[Request] = []
    upcloud = answering(lambda request: (200, {"account": {"credits": 7}}), seen)
    assert (await upcloud.ex_account())["credits"] == 7
    assert seen[0].headers["Authorization"] == "Basic aGFyYm91cjpzZWNyZXQ="  # harbour:secret
    assert str(seen[0].url) == "https://api.upcloud.com/1.3/account"


async def test_a_token_does_in_their_place() -> None:
    simulator = UpCloudSimulator()
    simulator.populate(2)
    async with UpCloud(token=simulator.token, transport=simulator) as upcloud:
        assert len(await upcloud.list_nodes()) == 2
    async with UpCloud(token="revoked-0123456789", transport=simulator) as upcloud:
        with pytest.raises(InvalidCredsError) as caught:
            await upcloud.list_nodes()
        assert "revoked-0123456789" not in f"{caught.value!r} {caught.value} {upcloud!r}"


@pytest.mark.parametrize(
    ("credentials", "message"),
    [({}, "`token`, or a `username`"), ({"username": "harbour"}, "`password`"), ({"password": "x"}, "`username`")],
)
def test_credentials_that_are_not_whole_are_refused_at_once(credentials: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        UpCloud(**credentials)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, []),
        ({"UPCLOUD_USERNAME": "harbour", "UPCLOUD_PASSWORD": "p"}, [{"username": "harbour", "password": "p"}]),
        ({"UPCLOUD_TOKEN": "t", "UPCLOUD_USERNAME": "harbour", "UPCLOUD_PASSWORD": "p"}, [{"token": "t"}]),
    ],
)
def test_accounts_are_found_in_the_variables_of_its_tools(
    variables: dict[str, str], expected: list[Any], tmp_path: Path
) -> None:
    found = UpCloud.accounts(Environment(variables, tmp_path, tmp_path))
    assert [dict(account.options) for account in found] == expected


def test_half_a_login_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="UPCLOUD_PASSWORD is not"):
        list(UpCloud.accounts(Environment({"UPCLOUD_USERNAME": "harbour"}, tmp_path, tmp_path)))


# ---- errors ----


def fault(code: str) -> Any:
    return {"error": {"error_code": code, "error_message": "Told above."}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, fault("AUTHENTICATION_FAILED"), InvalidCredsError),
        (402, fault("INSUFFICIENT_CREDITS"), QuotaExceededError),
        (403, fault("INSUFFICIENT_CREDITS"), QuotaExceededError),
        (403, fault("SERVER_CORE_LIMIT_REACHED"), QuotaExceededError),
        (409, fault("IP_ADDRESS_LIMIT_REACHED"), QuotaExceededError),
        (403, fault("SERVER_FORBIDDEN"), ForbiddenError),
        (404, fault("SERVER_NOT_FOUND"), NotFoundError),
        (409, fault("SERVER_STATE_ILLEGAL"), ConflictError),
        (409, fault("SERVER_RESOURCES_UNAVAILABLE"), CapacityError),
        (409, fault("IP_ADDRESS_RESOURCES_UNAVAILABLE"), CapacityError),
        (400, fault("PLAN_INVALID"), InvalidRequestError),
        (429, fault("RATE_LIMITED"), RateLimitReachedError),
    ],
)
async def test_a_word_is_read_before_the_status(status: int, body: Any, kind: type[ApiError]) -> None:
    with pytest.raises(ApiError, match="Told above") as caught:
        await answering(lambda request: (status, body)).get_node("00798b85-efdc-41ca-8021-f6ef457b8531")
    assert type(caught.value) is kind
    assert caught.value.code == body["error"]["error_code"]


@pytest.mark.parametrize(
    ("link", "status", "kind", "code"),
    [
        (
            f"{ERRORS}#ERROR_INVALID_REQUEST",
            400,
            InvalidRequestError,
            "INVALID_REQUEST",
        ),
        (f"{ERRORS}#ERROR_RESOURCE_ALREADY_EXISTS", 400, ConflictError, None),
        (f"{ERRORS}#ERROR_AUTHENTICATION_FAILED", 400, InvalidCredsError, None),
        ("SERVER_NOT_FOUND", 404, NotFoundError, "SERVER_NOT_FOUND"),
    ],
)
async def test_the_newer_form_of_errors_is_read_too(
    link: str, status: int, kind: type[ApiError], code: str | None
) -> None:
    wrong = [{"name": "plan", "reason": "Plan doesn't exist"}]
    body = {"type": link, "title": "Validation error.", "invalid_params": wrong, "correlation_id": "01G", "status": 400}
    with pytest.raises(kind, match=r"Validation error\.; plan: Plan doesn't exist") as caught:
        await answering(lambda request: (status, body)).ex_account()
    assert caught.value.request_id == "01G"
    assert code in (None, caught.value.code)


# ---- prices ----


def market(prices: Any, details: tuple[int, Any] = (500, {})) -> Callable[[Request], tuple[int, Any]]:
    plan = {"core_number": 1, "memory_amount": 1024, "name": "1xCPU-1GB", "storage_size": 25, "storage_tier": "maxiops"}
    zones = [{"id": "fi-hel1", "description": "Helsinki #1"}, {"id": "sg-sin1", "description": "Singapore #1"}]
    found = {
        "/1.3/plan": (200, {"plans": {"plan": [plan]}}),
        "/1.3/zone": (200, {"zones": {"zone": zones}}),
        "/1.3/price": (200, {"prices": prices}),
        "/1.3/account": (200, {"account": {"username": "har/bour"}}),
        "/1.3/account/details/har%2Fbour": details,
    }
    return lambda request: found[request.url.raw_path]


def zone(name: str, price: Any, amount: Any = 1) -> dict[str, Any]:
    return {"name": name, "server_plan_1xCPU-1GB": {"amount": amount, "price": price}}


@pytest.mark.parametrize(
    ("price", "amount", "expected"),
    [
        (2.2321, 1, "0.022321"),
        ("0.5", "1", "0.005"),
        (3, 2, "0.015"),
        (0, 1, None),
        (-1, 1, None),
        (None, 1, None),
        (1, 0, None),
        ("NaN", 1, None),
        ("Infinity", 1, None),
        ("broken", 1, None),
    ],
)
async def test_prices_are_cents_an_hour_and_nothing_is_no_price(price: Any, amount: Any, expected: str | None) -> None:
    upcloud = answering(market({"currency": "EUR", "zone": [zone("fi-hel1", price, amount)]}))
    [size] = await upcloud.list_sizes(location="fi-hel1")
    assert (size.price.amount if size.price else None) == (Decimal(expected) if expected else None)
    assert size.price is None or (size.price.currency, size.price.per, size.price.source) == ("EUR", "hour", "api")


async def test_a_price_that_differs_among_zones_is_told_for_a_zone_alone() -> None:
    upcloud = answering(market({"currency": "EUR", "zone": [zone("fi-hel1", 1), zone("sg-sin1", 2)]}))
    assert [size.price for size in await upcloud.list_sizes()] == [None]
    offers = await upcloud.list_offers()
    assert [(each.location.id, each.price and each.price.amount, each.available) for each in offers] == [
        ("fi-hel1", Decimal("0.01"), None),
        ("sg-sin1", Decimal("0.02"), None),
    ]
    same = answering(market({"currency": "EUR", "zone": [zone("fi-hel1", 1), zone("sg-sin1", 1)]}))
    assert [size.price and size.price.amount for size in await same.list_sizes()] == [Decimal("0.01")]


@pytest.mark.parametrize(
    ("details", "currency"),
    [((200, {"account": {"currency": "GBP"}}), "GBP"), ((403, fault("ACCOUNT_FORBIDDEN")), None), ((200, {}), None)],
)
async def test_a_currency_that_the_price_list_does_not_tell_is_asked_for_and_never_guessed(
    details: tuple[int, Any], currency: str | None
) -> None:
    [size] = await answering(market({"zone": [zone("fi-hel1", 1)]}, details)).list_sizes(location="fi-hel1")
    assert (size.price.currency if size.price else None) == currency


async def test_the_simulated_price_list_names_no_currency_as_the_true_one() -> None:
    simulator = UpCloudSimulator(invented_prices=True)
    prices = [size.price for size in await over(simulator).list_sizes(location="sg-sin1")]
    assert {price.currency for price in prices if price} == {"EUR"}
    assert simulator.calls["GET /account/details/{username}"] == 1


# ---- nodes ----


@pytest.mark.parametrize("name", ["web-1", "Quay 3 (Öland).example.org", "-x-", "ä", "a..b", ".", "x" * 300, "a.-b"])
def test_a_host_name_is_made_of_any_name(name: str) -> None:
    labels = hostname(name).split(".")
    assert all(label and label[0].isalnum() and label[-1].isalnum() for label in labels)
    assert len(hostname(name)) <= 128


def test_what_is_asked_for_is_what_the_api_wants() -> None:
    async def scenario() -> Any:
        upcloud, bodies = told(UpCloudSimulator())
        await upcloud.create_node(
            "Quay 3", size="DEV-1xCPU-1GB", image=DEBIAN, location="fi-hel1", auth=NodeAuthSSHKey(KEY + "\n"),
            user_data="#cloud-config\n", tags={"role": "db"}, ex_username="skipper", ex_firewall=True,
        )  # fmt: skip
        return bodies[0]["server"]

    asked = run(scenario())
    assert asked["storage_devices"]["storage_device"] == [
        {"action": "clone", "storage": DEBIAN, "title": "Quay 3 OS disk", "size": 20, "tier": "standard"}
    ]
    assert asked["login_user"] == {"username": "skipper", "create_password": "no", "ssh_keys": {"ssh_key": [KEY]}}
    assert (asked["title"], asked["hostname"], asked["metadata"]) == ("Quay 3", "Quay-3", "yes")
    assert (asked["user_data"], asked["firewall"], asked["password_delivery"]) == ("#cloud-config\n", "on", "none")
    kinds = [(row["type"], row["ip_addresses"]["ip_address"]) for row in asked["networking"]["interfaces"]["interface"]]
    assert kinds == [
        ("public", [{"family": "IPv4"}]),
        ("utility", [{"family": "IPv4"}]),
        ("public", [{"family": "IPv6"}]),
    ]
    [role, mark] = asked["labels"]["label"]
    assert (role, mark["key"]) == ({"key": "role", "value": "db"}, MARK)


def test_a_password_is_made_where_it_is_asked_for_and_the_template_takes_it() -> None:
    async def scenario() -> None:
        simulator = UpCloudSimulator()
        upcloud = over(simulator)
        node = await upcloud.create_node("old", **{**RECIPE, "image": NATIVE}, ex_create_password=True)
        assert node.password is not None
        made = simulator.world.servers[node.id].password
        assert made is not None
        assert node.password.reveal() == made.reveal()
        assert made.reveal() not in f"{node!r} {node.extra}"
        with pytest.raises(ConflictError, match="password cannot be created"):
            await upcloud.create_node("new", **RECIPE, ex_create_password=True)
        with pytest.raises(ConfigurationError, match="NodeAuthPassword"):
            await upcloud.create_node("chosen", **RECIPE, auth=NodeAuthPassword("x"))

    run(scenario())


@pytest.mark.parametrize(
    ("change", "message"),
    [({"location": None}, "location"), ({"auth": KeyPair(id="1", name="quay")}, "public key")],
)
async def test_what_cannot_be_is_refused_before_anything_is_made(change: dict[str, Any], message: str) -> None:
    simulator = UpCloudSimulator()
    with pytest.raises(ConfigurationError, match=message):
        await over(simulator).create_node("never", **{**RECIPE, **change})
    assert not simulator.world.servers


def test_a_lost_create_is_found_by_its_label_with_its_addresses() -> None:
    async def scenario() -> None:
        simulator = UpCloudSimulator()
        upcloud = over(simulator)
        await upcloud.create_node("twin", **RECIPE)
        simulator.faults.append(LostAnswer(on="POST /server"))
        found = await upcloud.create_node("twin", **RECIPE)
        assert found.id == list(simulator.world.servers)[-1]
        assert found.public_ips
        assert len(simulator.world.servers) == 2

    run(scenario())


def test_a_list_of_nodes_has_the_addresses_that_two_lists_tell() -> None:
    async def scenario() -> None:
        simulator = UpCloudSimulator()
        simulator.populate(9)
        upcloud = over(simulator)
        nodes = await upcloud.list_nodes()
        for node in nodes:
            alone = await upcloud.get_node(node)
            assert (alone.public_ips, alone.private_ips) == (node.public_ips, node.private_ips)
        assert len({address for node in nodes for address in node.public_ips}) == 18
        assert {node.location for node in await upcloud.list_nodes(location="fi-hel1")} == {"fi-hel1"}

    run(scenario())


@pytest.mark.parametrize("when", ["booting", "running", "stopped"])
def test_a_node_is_destroyed_whatever_it_does(when: str) -> None:
    async def scenario() -> None:
        simulator = UpCloudSimulator()
        upcloud = over(simulator)
        node = await upcloud.create_node("doomed", **RECIPE)
        if when != "booting":
            await upcloud.wait_until(node)
        if when == "stopped":
            await upcloud.stop_node(node)
            await upcloud.wait_until(node, NodeState.STOPPED)
        stops = simulator.calls["POST /server/{uuid}/stop"]
        await upcloud.destroy_node(node, ex_backups="delete")
        assert not simulator.world.servers
        assert simulator.calls["POST /server/{uuid}/stop"] - stops == {"booting": 2, "running": 1, "stopped": 0}[when]

    run(scenario())


def test_disks_go_with_their_server_and_the_power_is_cut_for_it() -> None:
    seen: list[Request] = []
    answers = iter([(409, fault("SERVER_STATE_ILLEGAL")), (200, {}), (200, {"server": SERVER}), (204, None)])
    run(answering(lambda request: next(answers), seen).destroy_node(SERVER["uuid"]))
    assert [request.method for request in seen] == ["DELETE", "POST", "GET", "DELETE"]
    assert dict(seen[0].url.query) == {"storages": "1", "backups": "keep"}
    assert json.loads(seen[1].body) == {"stop_server": {"stop_type": "hard", "timeout": "60"}}


async def test_secrets_of_a_server_are_not_kept() -> None:
    shown = {**SERVER, "remote_access_password": "aabbccdd", "vnc_password": "eeff", "password": "gghh"}
    node = await answering(lambda request: (200, {"server": shown})).get_node("x")
    assert not {"remote_access_password", "vnc_password", "password"} & set(node.extra)


# ---- extras ----


def test_a_stopped_node_takes_another_plan_name_and_labels() -> None:
    async def scenario() -> None:
        upcloud = over(UpCloudSimulator())
        node = await upcloud.wait_until(await upcloud.create_node("quay", **RECIPE, tags={"role": "web"}))
        with pytest.raises(ConflictError, match="state 'started'"):
            await upcloud.ex_resize_node(node, "2xCPU-4GB")
        assert (await upcloud.ex_rename_node(node, "pier")).name == "pier"
        changed = await upcloud.ex_set_tags(node, {"team": "blue"})
        assert dict(changed.tags) == {"team": "blue"}
        assert MARK in {row["key"] for row in changed.extra["labels"]["label"]}
        await upcloud.stop_node(node)
        await upcloud.wait_until(node, NodeState.STOPPED)
        assert (await upcloud.ex_resize_node(node, "2xCPU-4GB")).size == "2xCPU-4GB"
        image = await upcloud.ex_create_image(node, "golden")
        assert (image.name, image.location) == ("golden", "fi-hel1")
        assert image.id in {each.id for each in await upcloud.list_images(location="fi-hel1")}
        assert image.id not in {each.id for each in await upcloud.list_images(location="uk-lon1")}
        assert (await upcloud.create_node("copy", **{**RECIPE, "image": image})).image == image.id
        await upcloud.ex_delete_image(image)
        assert image.id not in {each.id for each in await upcloud.list_images()}

    run(scenario())


def test_a_floating_address_goes_where_it_is_led() -> None:
    async def scenario() -> None:
        upcloud = over(UpCloudSimulator())
        one, two = [await upcloud.create_node(name, **RECIPE) for name in ("one", "two")]
        address = await upcloud.ex_create_floating_address("fi-hel1")
        for node in (one, two):
            await upcloud.ex_attach_floating_address(address, node)
            holders = [each.name for each in await upcloud.list_nodes() if address in each.public_ips]
            assert holders == [node.name]
            assert address in (await upcloud.get_node(node)).public_ips
        await upcloud.ex_set_reverse_dns(address, "quay.example.org")
        [row] = [row for row in await upcloud.ex_list_addresses() if row["address"] == address]
        assert (row["ptr_record"], row["server"]) == ("quay.example.org", two.id)
        await upcloud.ex_detach_floating_address(address)
        assert address not in (await upcloud.get_node(two)).public_ips
        await upcloud.ex_delete_address(address)
        with pytest.raises(NotFoundError):
            await upcloud.ex_delete_address(address)

    run(scenario())


def test_rules_of_a_firewall_are_added_listed_and_removed_by_position() -> None:
    async def scenario() -> None:
        upcloud = over(UpCloudSimulator())
        node = await upcloud.wait_until(await upcloud.create_node("quay", **RECIPE))
        for port in ("22", "443"):
            rule = {"direction": "in", "action": "accept", "family": "IPv4", "protocol": "tcp"}
            made = await upcloud.ex_create_firewall_rule(node, {**rule, "destination_port_start": port})
        assert made["position"] == "2"
        await upcloud.ex_delete_firewall_rule(node, 1)
        [left] = await upcloud.ex_list_firewall_rules(node)
        assert left["destination_port_start"] == "443"
        assert (await upcloud.ex_set_firewall(node, enabled=True)).extra["firewall"] == "on"
        with pytest.raises(InvalidRequestError, match="direction"):
            await upcloud.ex_create_firewall_rule(node, {"action": "drop"})

    run(scenario())


async def test_a_template_of_a_node_without_disks_and_an_address_for_one_without_interfaces_are_refused() -> None:
    upcloud = answering(lambda request: (200, {"server": SERVER}))
    with pytest.raises(ConfigurationError, match="no disk"):
        await upcloud.ex_create_image("x", "golden")
    with pytest.raises(ConfigurationError, match="no public interface"):
        await upcloud.ex_attach_floating_address("203.0.113.7", "x")


def test_zones_lie_somewhere() -> None:
    async def scenario() -> None:
        places = await over(UpCloudSimulator()).list_locations()
        assert all(place.latitude is not None and place.country for place in places)
        assert {place.country for place in places if place.city == "London"} == {"GB"}
        assert places[0].city == "Helsinki"

    run(scenario())
