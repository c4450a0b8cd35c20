"""What only the driver for Exoscale does; what every driver does is in tests/conformance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from yarl import URL

from aiocloud.accounts import Environment
from aiocloud.errors import (
    ApiError,
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NodeStateError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.http.message import Request, Response
from aiocloud.models import Image, KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.exoscale import Exoscale
from aiocloud.providers.exoscale.account import signed
from aiocloud.providers.exoscale.shapes import MARK, failure
from aiocloud.simulators.base import Answer, LostAnswer, NoCapacity
from aiocloud.simulators.exoscale import ExoscaleSimulator
from aiocloud.simulators.exoscale.catalogue import NEEDS_PERMISSION, TEMPLATES, ZONES
from aiocloud.simulators.virtualtime import run
from aiocloud.values import Secret

T = TypeVar("T")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
DEBIAN, UBUNTU, WINDOWS = TEMPLATES
RECIPE: Mapping[str, Any] = {"size": "standard.small", "image": DEBIAN, "location": "de-fra-1"}
CREATE = "POST /instance"


def do(scenario: Callable[[Exoscale], Awaitable[T]], simulator: Any = None, **options: Any) -> T:
    """Run a scenario with a driver, on virtual time."""
    simulator = simulator or ExoscaleSimulator()
    world = getattr(simulator, "simulator", simulator)

    async def go() -> T:
        known = {**world.credentials, "transport": simulator, "now": world.now}
        async with Exoscale(**{**known, **options}) as driver:
            return await scenario(driver)

    return run(go())


class Wire:
    """A transport that keeps what it was sent, and passes it on."""

    def __init__(self, simulator: ExoscaleSimulator) -> None:
        self.simulator = simulator
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return await self.simulator(request)

    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.host} {request.url.path}" for request in self.requests]

    def body_of(self, operation: str) -> Any:
        return json.loads(next(each.body for each in self.requests if self.simulator.operation(each) == operation))


# ---- signatures ----


@pytest.mark.parametrize(
    ("method", "path", "body", "arguments", "signature"),
    [
        (
            "GET",
            "/resource/a02baf5a-a3e4-49a0-857b-8a08d276c1c0?p2=v2&p1=v1",
            b"",
            "signed-query-args=p1;p2,",
            "vPVxcXrf2my0TLdJ8WPIGa/vLld+FiJN+xtMs/vofHg=",
        ),
        (
            "POST",
            "/security-group",
            b'{"name":"my-security-group"}',
            "",
            "edcMQSdrqtsF1iT0nXKHkAXTaNHlcPm76hHXVOyKe6k=",
        ),
    ],
)
def test_a_request_is_signed_as_the_documentation_shows(
    method: str, path: str, body: bytes, arguments: str, signature: str
) -> None:
    request = Request(method=method, url=URL(f"https://api-ch-gva-2.exoscale.com/v2{path}"), body=body)
    expected = f"EXO2-HMAC-SHA256 credential=example-key,{arguments}expires=1599140767,signature={signature}"
    assert signed(request, "example-key", Secret("example-secret"), 1599140767) == expected


def test_each_attempt_is_signed_anew_so_that_a_late_one_has_not_expired() -> None:
    wire = Wire(ExoscaleSimulator())
    wire.simulator.faults.append(Answer(status=503, times=2))

    async def scenario(driver: Exoscale) -> None:
        await driver.list_key_pairs()
        await asyncio.sleep(3600)
        await driver.list_key_pairs()

    do(scenario, wire)
    assert len(wire.requests) == 4
    assert wire.requests[0].headers["Authorization"] != wire.requests[3].headers["Authorization"]


def test_a_clock_that_is_wrong_is_refused_as_credentials_that_do_not_hold() -> None:
    simulator = ExoscaleSimulator()
    late = lambda: simulator.now() - timedelta(hours=1)  # noqa: E731 - a clock, and nothing more
    with pytest.raises(InvalidCredsError, match="expired"):
        do(lambda driver: driver.get_key_pair("any"), simulator, now=late)


def test_a_policy_that_forbids_is_told_from_a_wrong_key() -> None:
    simulator = ExoscaleSimulator()
    simulator.forbidden.append(CREATE)
    with pytest.raises(ForbiddenError, match="role policy") as caught:
        do(lambda driver: driver.create_node("web-1", **RECIPE), simulator)
    assert not isinstance(caught.value, InvalidCredsError)
    assert simulator.calls[CREATE] == 1


def test_a_key_without_a_secret_is_no_login() -> None:
    with pytest.raises(ConfigurationError, match="`secret`"):
        Exoscale("EXO11")
    with pytest.raises(ConfigurationError, match="`key`"):
        Exoscale(secret="x")


# ---- zones ----


def test_every_zone_is_asked_at_its_own_host() -> None:
    wire = Wire(ExoscaleSimulator())
    wire.simulator.populate(2 * len(ZONES))
    nodes = do(lambda driver: _all(driver.list_nodes()), wire)
    assert sorted({node.location for node in nodes}) == sorted(ZONES)
    assert {f"GET api-{zone}.exoscale.com /v2/instance" for zone in ZONES} < set(wire.asked())


async def _all(pager: Any) -> list[Any]:
    return [each async for each in pager]


def test_a_driver_of_one_zone_asks_no_other_and_makes_nodes_there() -> None:
    wire = Wire(ExoscaleSimulator())

    async def scenario(driver: Exoscale) -> None:
        made = await driver.create_node("web-1", size="standard.tiny", image=DEBIAN)
        assert made.location == "at-vie-1"
        assert [place.id for place in await driver.list_locations()] == ["at-vie-1"]
        assert [node.id for node in await driver.list_nodes()] == [made.id]
        assert await driver.parts() == [driver]

    do(scenario, wire, region="at-vie-1")
    assert {request.url.host for request in wire.requests} == {"api-at-vie-1.exoscale.com"}


def test_a_driver_of_all_zones_has_a_part_for_each_and_wants_to_be_told_where_to_make_a_node() -> None:
    async def scenario(driver: Exoscale) -> list[str]:
        with pytest.raises(ConfigurationError, match="`location`"):
            await driver.create_node("web-1", size="standard.tiny", image=DEBIAN)
        return [part.part for part in await driver.parts()]

    assert do(scenario) == list(ZONES)


def test_an_endpoint_is_one_zones_unless_it_holds_a_place_for_it() -> None:
    hosts = []

    async def transport(request: Request) -> Response:
        hosts.append(str(request.url))
        return Response(status=200, body=b'{"instances": []}')

    for region in ("bg-sof-1", "at-vie-1"):
        driver = Exoscale("k", "s", endpoint="https://{zone}.proxy.example/v2", region=region, transport=transport)
        assert run(_all(driver.list_nodes())) == []
    assert hosts == ["https://bg-sof-1.proxy.example/v2/instance", "https://at-vie-1.proxy.example/v2/instance"]
    with pytest.raises(ConfigurationError, match=r"\{zone\}"):
        Exoscale("k", "s", endpoint="https://proxy.example/v2", region="all")


def test_a_zone_tells_where_it_is() -> None:
    places = {place.id: place for place in do(lambda driver: _all(driver.list_locations()))}
    geneva = places["ch-gva-2"]
    assert (geneva.country, geneva.city) == ("CH", "Geneva")
    assert geneva.latitude == pytest.approx(46.2, abs=0.1)
    assert all(place.latitude is not None for place in places.values())


def test_a_bare_id_is_found_in_whichever_zone_has_it() -> None:
    async def scenario(driver: Exoscale) -> None:
        made = await driver.create_node("web-1", **RECIPE)
        assert (await driver.get_node(made.id)).location == "de-fra-1"
        with pytest.raises(NotFoundError, match="at-vie-2"):
            await driver.get_node(ExoscaleSimulator.unknown_node)

    do(scenario)


# ---- making nodes ----


def test_what_is_asked_for_is_sent_in_the_apis_words() -> None:
    wire = Wire(ExoscaleSimulator())

    async def scenario(driver: Exoscale) -> None:
        made = await driver.create_node(
            "web-1",
            **RECIPE,
            auth=NodeAuthSSHKey(KEY),
            user_data="#cloud-config\n",
            tags={"role": "web"},
            ex_disk_size=50,
            ex_public_ip="dual",
        )
        assert (made.state, dict(made.tags)) == (NodeState.RUNNING, {"role": "web"})
        assert len(made.public_ips) == 2
        assert "user-data" not in made.extra

    do(scenario, wire)
    body = wire.body_of(CREATE)
    mark = body["labels"].pop(MARK)
    assert len(mark) == 32
    name = body["ssh-keys"][0]["name"]
    assert name.startswith("aiocloud-")
    assert body == {
        "name": "web-1",
        "instance-type": {"id": "21624abb-764e-4def-81d7-9fc54b5957fb"},
        "template": {"id": DEBIAN},
        "disk-size": 50,
        "labels": {"role": "web"},
        "ssh-keys": [{"name": name}],
        "user-data": "I2Nsb3VkLWNvbmZpZwo=",
        "public-ip-assignment": "dual",
        "auto-start": True,
    }


def test_the_disk_is_as_large_as_the_template_needs() -> None:
    wire = Wire(ExoscaleSimulator())

    async def scenario(driver: Exoscale) -> None:
        images: dict[str, Image] = {image.id: image for image in await driver.list_images(location="de-fra-1")}
        await driver.create_node("desk", **{**RECIPE, "image": images[WINDOWS]})

    do(scenario, wire)
    assert wire.body_of(CREATE)["disk-size"] == 50


def test_a_password_is_nothing_that_a_new_node_can_be_given() -> None:
    with pytest.raises(ConfigurationError, match="ssh_key"):
        do(lambda driver: driver.create_node("web-1", **RECIPE, auth=NodeAuthPassword("x")))


def test_a_size_that_has_neither_id_nor_name_is_said_to_be_missing() -> None:
    with pytest.raises(NotFoundError, match=r"standard\.small"):
        do(lambda driver: driver.create_node("web-1", **{**RECIPE, "size": "standard.vast"}))


def test_an_operation_that_fails_for_want_of_room_is_named_so_and_leaves_nothing() -> None:
    simulator = ExoscaleSimulator()
    simulator.faults.append(NoCapacity(on=CREATE))

    async def scenario(driver: Exoscale) -> None:
        with pytest.raises(CapacityError, match="room") as caught:
            await driver.create_node("web-1", **RECIPE)
        assert caught.value.code == "unavailable"
        assert caught.value.provider == "exoscale"
        await asyncio.sleep(10)
        assert not await driver.list_nodes()

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 1
    assert simulator.calls["DELETE /instance/{id}"] == 1


def test_a_node_whose_operation_takes_long_is_returned_while_it_starts() -> None:
    made = do(lambda driver: driver.create_node("web-1", **RECIPE), ExoscaleSimulator(boot=120))
    assert made.state is NodeState.PENDING


def test_a_node_is_returned_although_nothing_more_can_be_learnt_of_it() -> None:
    simulator = ExoscaleSimulator()
    simulator.faults.append(Answer(on="GET /operation/{id}", status=500, times=99))
    simulator.faults.append(Answer(on="GET /instance/{id}", status=500, times=99))
    made = do(lambda driver: driver.create_node("web-1", **RECIPE), simulator)
    assert (made.name, made.state, made.location) == ("web-1", NodeState.PENDING, "de-fra-1")
    assert list(simulator.world.instances) == [made.id]


def test_a_lost_create_is_found_by_its_label_and_not_by_its_name() -> None:
    simulator = ExoscaleSimulator()

    async def scenario(driver: Exoscale) -> None:
        first = await driver.create_node("twin", **RECIPE)
        simulator.faults.append(LostAnswer(on=CREATE))
        second = await driver.create_node("twin", **RECIPE)
        assert second.id != first.id
        assert MARK not in second.tags

    do(scenario, simulator)
    assert simulator.calls[CREATE] == 2


def test_a_full_account_is_named_and_not_asked_again() -> None:
    simulator = ExoscaleSimulator()
    simulator.world.quota = 0
    with pytest.raises(QuotaExceededError):
        do(lambda driver: driver.create_node("web-1", **RECIPE), simulator)
    assert simulator.calls[CREATE] == 1


# ---- operations ----


@pytest.mark.parametrize(
    ("reason", "message", "kind"),
    [
        ("busy", "Instance is busy", ConflictError),
        ("conflict", "It is stopped", ConflictError),
        ("incorrect", "Nonsense", InvalidRequestError),
        ("not-found", "Gone", NotFoundError),
        ("forbidden", "Not yours", ForbiddenError),
        ("forbidden", "Quota reached", QuotaExceededError),
        ("unavailable", "Nothing left", CapacityError),
        ("fault", "Broken", ApiError),
        ("a-new-word", "Whatever", ApiError),
        (None, None, ApiError),
    ],
)
def test_the_reason_of_a_failed_operation_becomes_an_error(
    reason: str | None, message: str | None, kind: type[ApiError]
) -> None:
    error = failure({"id": "x", "state": "failure", "reason": reason, "message": message})
    assert type(error) is kind
    assert error.code == reason
    assert not error.retryable


def test_a_stop_is_awaited_and_one_of_a_stopped_node_is_a_conflict() -> None:
    async def scenario(driver: Exoscale) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        await driver.stop_node(node)
        assert (await driver.get_node(node)).state is NodeState.STOPPED
        with pytest.raises(ConflictError, match="stopped"):
            await driver.stop_node(node)

    do(scenario)


def test_a_broken_node_is_no_longer_waited_for() -> None:
    simulator = ExoscaleSimulator()

    async def scenario(driver: Exoscale) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        simulator.world.instances[node.id].phases.begin("error")
        with pytest.raises(NodeStateError, match="error"):
            await driver.wait_until(node)

    do(scenario, simulator)


def test_a_state_that_nobody_knows_is_unknown() -> None:
    simulator = ExoscaleSimulator()

    async def scenario(driver: Exoscale) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        simulator.world.instances[node.id].phases.begin("dreaming")
        assert (await driver.get_node(node)).state is NodeState.UNKNOWN

    do(scenario, simulator)


def test_an_error_as_problem_details_is_read_too() -> None:
    simulator = ExoscaleSimulator()
    problem = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "The name is taken"}
    simulator.faults.append(Answer(status=409, body=json.dumps(problem).encode()))
    with pytest.raises(ConflictError, match="The name is taken"):
        do(lambda driver: driver.get_key_pair("any"), simulator)


# ---- sizes ----


def test_sizes_have_names_and_no_prices_and_are_told_for_the_zones_that_have_them() -> None:
    async def scenario(driver: Exoscale) -> None:
        sizes = {size.name: size for size in await driver.list_sizes()}
        small = sizes["standard.small"]
        assert (small.vcpus, small.ram, small.disk, small.price) == (2, 2048, 0, None)
        for zone, there in (("hr-zag-1", False), ("ch-gva-2", True)):
            names = {size.name for size in await driver.list_sizes(location=zone)}
            assert ("standard.extra-large" in names) is there

    do(scenario)


def test_an_offer_says_whether_the_account_may_have_it() -> None:
    offers = do(lambda driver: _all(driver.list_offers(location="hr-zag-1")))
    assert {offer.location.id for offer in offers} == {"hr-zag-1"}
    assert {offer.size.id for offer in offers if offer.available is False} == {NEEDS_PERMISSION}


# ---- keys ----


def test_keys_have_names_and_fingerprints_and_a_name_is_taken_once() -> None:
    async def scenario(driver: Exoscale) -> None:
        pair = await driver.import_key_pair_from_string("laptop", KEY + "\n")
        assert (pair.id, pair.public_key) == ("laptop", KEY)
        listed = await driver.list_key_pairs()
        assert [(each.name, each.fingerprint, each.public_key) for each in listed] == [
            ("laptop", pair.fingerprint, None)
        ]
        with pytest.raises(ConflictError, match="exists"):
            await driver.import_key_pair_from_string("laptop", KEY)
        await driver.delete_key_pair("laptop")
        with pytest.raises(NotFoundError):
            await driver.delete_key_pair("laptop")

    do(scenario)


def test_a_key_that_a_node_is_given_is_registered_once_and_forgotten_by_its_material() -> None:
    simulator = ExoscaleSimulator()

    async def scenario(driver: Exoscale) -> None:
        for name in ("web-1", "web-2"):
            await driver.create_node(name, **RECIPE, auth=NodeAuthSSHKey(f"{KEY} of {name}"))
        assert len(simulator.world.keys) == 1
        await driver.forget_public_key(f"{KEY} of somebody")
        assert not simulator.world.keys
        await driver.forget_public_key(KEY)

    do(scenario, simulator)


def test_a_key_pair_is_named_to_the_node() -> None:
    simulator = ExoscaleSimulator()

    async def scenario(driver: Exoscale) -> None:
        await driver.import_key_pair_from_string("laptop", KEY)
        node = await driver.create_node("web-1", **RECIPE, auth=KeyPair(id="laptop", name="laptop"))
        assert simulator.world.instances[node.id].keys == {"laptop": KEY}

    do(scenario, simulator)


# ---- what only Exoscale has ----


def test_a_node_is_renamed_labelled_resized_grown_and_rebuilt() -> None:
    simulator = ExoscaleSimulator()

    async def scenario(driver: Exoscale) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        assert (await driver.ex_rename_node(node, "web-2")).name == "web-2"
        assert dict((await driver.ex_set_tags(node, {"a": "b"})).tags) == {"a": "b"}
        with pytest.raises(ConflictError):
            await driver.ex_resize_node(node, "standard.medium")
        await driver.stop_node(node)
        assert (await driver.ex_resize_node(node, "standard.medium")).size == "b6e9d1e8-89fc-4db3-aaa4-9b4c5b1d0844"
        await driver.ex_grow_disk(node, 20)
        await driver.ex_rebuild_node(node, UBUNTU)
        seen = await driver.wait_until(node)
        assert (seen.image, seen.extra["disk-size"]) == (UBUNTU, 20)
        assert simulator.world.instances[node.id].installed == 2
        password = await driver.ex_reveal_password(node)
        assert password.reveal() not in repr(password)

    do(scenario, simulator)


def test_a_port_is_opened_in_the_default_group() -> None:
    async def scenario(driver: Exoscale) -> None:
        (group,) = await driver.ex_list_security_groups()
        await driver.ex_open_port(group["id"], 22)
        (seen,) = await driver.ex_list_security_groups()
        (rule,) = seen["rules"]
        assert (rule["protocol"], rule["start-port"], rule["end-port"]) == ("tcp", 22, 22)

    do(scenario)


def test_an_elastic_ip_is_made_attached_and_released_in_its_zone() -> None:
    async def scenario(driver: Exoscale) -> None:
        node = await driver.create_node("web-1", **RECIPE)
        elastic = await driver.ex_create_elastic_ip(location="de-fra-1", description="front")
        assert [each["id"] for each in await driver.ex_list_elastic_ips(location="de-fra-1")] == [elastic]
        assert not await driver.ex_list_elastic_ips(location="ch-gva-2")
        await driver.ex_attach_elastic_ip(elastic, node)
        await driver.ex_release_elastic_ip(elastic, location="de-fra-1")
        assert not await driver.ex_list_elastic_ips(location="de-fra-1")
        assert (await driver.ex_list_quotas())[0]["usage"] == 1

    do(scenario)


# ---- accounts ----


def _environment(home: Path, text: str | None = None, **variables: str) -> Environment:
    if text is not None:
        path = home / ".config" / "exoscale" / "exoscale.toml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return Environment(variables, home, home)


def test_the_variables_and_the_accounts_of_the_exo_tool_are_found(tmp_path: Path) -> None:
    text = """
    defaultaccount = "prod"
    [[accounts]]
    name = "prod"
    key = "EXOa"
    secret = "sa"
    defaultZone = "de-fra-1"
    [[accounts]]
    name = "by-command"
    key = "EXOb"
    secretCommand = ["pass", "exo"]
    """
    found = list(Exoscale.accounts(_environment(tmp_path, text, EXOSCALE_API_KEY="EXOv", EXOSCALE_API_SECRET="sv")))
    assert [(account.name, dict(account.options)) for account in found] == [
        ("default", {"key": "EXOv", "secret": "sv"}),
        ("prod", {"key": "EXOa", "secret": "sa"}),
    ]


def test_half_a_login_and_a_file_that_is_broken_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="EXOSCALE_API_SECRET is not"):
        list(Exoscale.accounts(_environment(tmp_path, EXOSCALE_API_KEY="EXOv")))
    with pytest.raises(ConfigurationError, match="TOMLDecodeError") as caught:
        list(Exoscale.accounts(_environment(tmp_path, "secret = 'canary")))
    assert "canary" not in str(caught.value)
