from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from typing import Any

import pytest
from yarl import URL

from aiocloud.errors import (
    ConfigurationError,
    ConflictError,
    InvalidCredsError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaExceededError,
    ServerError,
)
from aiocloud.http.errors import plain_reason
from aiocloud.http.message import Request, Response
from aiocloud.models import Node, NodeAuthPassword, NodeState
from aiocloud.providers.terremark import Terremark
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import Answer, Fault, LostAnswer
from aiocloud.simulators.server import serve
from aiocloud.simulators.terremark import TerremarkSimulator
from aiocloud.simulators.vcloud.wire import Failure, parse

ENDPOINT = TerremarkSimulator.endpoint


class Refusal(Fault):
    """The next answer, with all that it says in its reason phrase."""

    def __init__(self, status: int, reason: str, body: bytes = b"") -> None:
        super().__init__()
        object.__setattr__(self, "response", Response(status=status, reason=reason, body=body))

    async def strike(self, simulator: Any, request: Request) -> Response:
        response: Response = self.response  # type: ignore[attr-defined]  # set past the frozen dataclass
        return response


def driver(simulator: TerremarkSimulator, **options: Any) -> Terremark:
    known = {"transport": simulator, "now": simulator.now, "endpoint": ENDPOINT}
    return Terremark(**{**simulator.credentials, **known, **options})


async def make(cloud: Terremark, name: str = "weba", **extra: Any) -> Node:
    return await cloud.create_node(name, **{"size": "2x1024", "image": "12", "location": "77", **extra})


async def test_signing_in_is_basic_and_gives_a_cookie_and_the_way_to_the_data_centre() -> None:
    simulator, seen = TerremarkSimulator(username="ops@example.com", password="pa55"), list[Request]()

    async def transport(request: Request) -> Response:
        seen.append(request)
        return await simulator(request)

    (place,) = await driver(simulator, transport=transport).list_locations()
    assert (place.id, place.name, place.country, place.city) == ("77", "Miami Environment 1", "US", "Miami")
    signing_in, *rest = seen
    assert signing_in.headers["Authorization"] == "Basic b3BzQGV4YW1wbGUuY29tOnBhNTU="
    (token,) = simulator.tokens
    assert {request.headers["Cookie"] for request in rest} == {f"vcloud-token={token}"}
    assert [request.url.path for request in rest] == ["/api/v0.8/org/5", "/api/v0.8/vdc/77"]


def test_an_expired_session_is_renewed_once_by_one_of_many() -> None:
    simulator = TerremarkSimulator(latency=0.1)

    async def places(cloud: Terremark) -> int:
        return len(await cloud.list_locations())

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            await cloud.list_locations()
            await asyncio.sleep(1300)
            assert await asyncio.gather(*[places(cloud) for _ in range(20)]) == [1] * 20
            assert simulator.calls["POST /api/v0.8/login"] == 2
            simulator.tokens.clear()
            simulator.faults.append(Answer(on="POST */login", status=401))
            with pytest.raises(InvalidCredsError):
                await cloud.list_locations()

    virtualtime.run(scenario())


async def test_a_sign_in_without_a_cookie_is_malformed() -> None:
    simulator = TerremarkSimulator()
    simulator.faults.append(Answer(body=b"<OrgList><Org href='https://x/api/v0.8/org/5'/></OrgList>"))
    with pytest.raises(MalformedResponseError, match="no session"):
        await driver(simulator).list_locations()


def test_the_order_is_that_of_the_api_and_the_node_is_deployed_and_started() -> None:
    simulator, seen = TerremarkSimulator(), list[Request]()

    async def transport(request: Request) -> Response:
        seen.append(request)
        return await simulator(request)

    async def scenario() -> None:
        async with driver(simulator, transport=transport) as cloud:
            made = await make(cloud, auth=NodeAuthPassword("S3cret!"), ex_row="Row A", ex_group="Web")
            node = await cloud.get_node(made)
            assert (node.state, node.private_ips, node.public_ips) == (NodeState.RUNNING, ("10.20.30.1",), ())
            assert (node.size, node.location, made.image) == ("2x1024", "77", "12")
            assert made.password is not None

    virtualtime.run(scenario())
    (sent,) = [request for request in seen if request.url.path.endswith("instantiateVAppTemplate")]
    assert sent.headers["Content-Type"] == "application/vnd.vmware.vcloud.instantiateVAppTemplateParams+xml"
    order = parse(sent.body)["InstantiateVAppTemplateParams"]
    assert order["@name"] == "weba"
    assert order["VAppTemplate"]["@href"] == "https://services.vcloudexpress.terremark.com/api/v0.8/vAppTemplate/12"
    properties = order["InstantiationParams"]["ProductSection"]["Property"]
    assert [(each["@key"], each["@value"]) for each in properties] == [
        ("password", "S3cret!"),
        ("row", "Row A"),
        ("group", "Web"),
    ]
    config = order["InstantiationParams"]["NetworkConfigSection"]["NetworkConfig"]
    assert list(config) == ["@name", "Features", "NetworkAssociation"]
    assert simulator.calls["POST /api/v0.8/vapp/{id}/action/deploy"] == 1


def test_an_image_that_takes_no_password_gets_none() -> None:
    simulator = TerremarkSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            assert (await make(cloud, image="14", ex_key_fingerprint="aa:bb")).password is None
            with pytest.raises(ConfigurationError, match="takes no password"):
                await make(cloud, "webb", image="14", auth=NodeAuthPassword("S3cret!"))
            with pytest.raises(ConfigurationError, match="'1x512'"):
                await make(cloud, "webb", size="small")
            with pytest.raises(ConfigurationError, match="no network dmz"):
                await make(cloud, "webb", ex_network="dmz")
            with pytest.raises(InvalidRequestError, match="at most 15"):
                await make(cloud, "a-name-of-far-too-many-letters")
            assert len(await cloud.list_nodes()) == 1

    virtualtime.run(scenario())


def test_a_node_that_cannot_be_started_is_returned_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    simulator = TerremarkSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            simulator.world.failures.append(Failure(500, "", "The datastore is full"))
            with caplog.at_level(logging.WARNING, logger="aiocloud"):
                node = await make(cloud)
            assert [each.id for each in await cloud.list_nodes()] == [node.id]

    virtualtime.run(scenario())
    assert "could not be started: " in caplog.text
    assert "The datastore is full" in caplog.text


def test_a_lost_create_finds_the_vapp_that_was_not_there_before() -> None:
    simulator = TerremarkSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            simulator.faults.append(LostAnswer(on=simulator.creates))
            node = await make(cloud)
            assert (node.id, len(simulator.world.vapps)) == ("20411", 1)
            with pytest.raises(ConflictError, match="already exists"):
                await make(cloud)

    virtualtime.run(scenario())


def test_what_is_off_already_needs_no_stopping() -> None:
    simulator = TerremarkSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await make(cloud)
            await cloud.start_node(node)  # "is already powered on"
            await cloud.stop_node(node)
            await cloud.stop_node(node)
            assert (await cloud.get_node(node)).state is NodeState.STOPPED
            await cloud.destroy_node(node)
            with pytest.raises(NotFoundError):
                await cloud.get_node(node)

    virtualtime.run(scenario())


def test_a_pending_task_is_waited_for() -> None:
    simulator = TerremarkSimulator()

    async def scenario() -> None:
        async with driver(simulator) as cloud:
            node = await make(cloud)
            simulator.boot = 100
            resetting = asyncio.ensure_future(cloud.reboot_node(node))
            await asyncio.sleep(1)
            await cloud.stop_node(node)
            await resetting
            assert (await cloud.get_node(node)).state is NodeState.STOPPED

    virtualtime.run(scenario())


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (409, "it cannot be done because there is a pending task running", ConflictError),
        (500, "A node with this name exists", ConflictError),
        (500, "There are no additional Public IPs available", QuotaExceededError),
        (501, "NotImplemented", InvalidRequestError),
        (403, "Forbidden", NotFoundError),
        (500, "Oops", ServerError),
    ],
)
async def test_the_reason_phrase_tells_what_is_wrong(status: int, reason: str, kind: type[Exception]) -> None:
    simulator = TerremarkSimulator()
    cloud = driver(simulator)
    await cloud.list_locations()
    simulator.faults.extend(Refusal(status, reason) for _ in range(5))
    with pytest.raises(kind, match=reason):
        await reset(cloud)


async def reset(cloud: Terremark) -> None:
    """A request that is sent once."""
    await cloud.http.call("POST", "/api/v0.8/vapp/1/power/action/reset")


async def test_plain_text_in_the_body_is_told_too() -> None:
    simulator = TerremarkSimulator()
    cloud = driver(simulator)
    await cloud.list_locations()
    simulator.faults.append(Refusal(400, "Bad Request", b"The memory is not a multiple of 4"))
    with pytest.raises(InvalidRequestError, match="multiple of 4"):
        await reset(cloud)


async def test_a_reason_phrase_travels_over_real_http() -> None:
    simulator = TerremarkSimulator()
    simulator.populate(1)
    async with serve(simulator) as base, driver(simulator, transport=None, endpoint=str(base / "api/v0.8")) as cloud:
        with pytest.raises(InvalidRequestError, match="must be powered off"):
            await cloud.http.call("DELETE", "/api/v0.8/vapp/20411")


def test_a_reason_of_ones_own_takes_the_place_of_the_usual_phrase() -> None:
    assert plain_reason(Response(status=500, reason="The datastore is full")) == "HTTP 500 The datastore is full"
    assert plain_reason(Response(status=502)) == "HTTP 502 Bad Gateway"


async def test_prices_are_dollars_of_an_image() -> None:
    cloud = driver(TerremarkSimulator())
    sizes = {size.id: size for size in await cloud.list_sizes()}
    assert len(sizes) == 32
    price = sizes["2x4096"].price
    assert price is not None
    assert (price.amount, price.currency, price.per, price.source) == (Decimal("0.2710"), "USD", "hour", "api")
    with pytest.raises(NotFoundError):
        await cloud.ex_list_sizes_of("99")


async def test_keys_are_made_there_and_told_once() -> None:
    simulator = TerremarkSimulator()
    cloud = driver(simulator)
    made = await cloud.ex_create_key("quay")
    assert made["PrivateKey"].startswith("-----BEGIN")
    keys = await cloud.ex_list_keys()
    assert [(key["Name"], key["FingerPrint"]) for key in keys] == list(simulator.keys.items())
    assert await cloud.ex_list_internet_services("77") == []
    with pytest.raises(ConflictError, match="exists"):
        await cloud.ex_create_key("quay")


def test_it_has_gone_so_an_endpoint_is_needed_which_may_be_with_or_without_the_version() -> None:
    with pytest.raises(ConfigurationError, match="closed in 2016"):
        Terremark("ops@example.com", "pa55")
    with pytest.raises(ConfigurationError, match="`username`"):
        Terremark(None, "pa55", endpoint=ENDPOINT)
    for endpoint in (ENDPOINT, f"{ENDPOINT}/", str(URL(ENDPOINT).origin())):
        assert str(Terremark("ops", "pa55", endpoint=endpoint).http.base_url) == str(URL(ENDPOINT).origin())
