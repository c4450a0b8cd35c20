"""What only the RimuHosting driver does; what every driver does is in tests/conformance."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aiocloud.accounts import Environment
from aiocloud.errors import (
    ApiError,
    CapacityError,
    ConfigurationError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    ServerError,
)
from aiocloud.http.message import Request, Response
from aiocloud.http.retry import Retry
from aiocloud.models import KeyPair, NodeAuthPassword, NodeAuthSSHKey, NodeState
from aiocloud.providers.rimuhosting import RimuHosting
from aiocloud.providers.rimuhosting.driver import MARK, NODE
from aiocloud.simulators.base import Answer, LostAnswer
from aiocloud.simulators.rimuhosting import RimuHostingSimulator
from aiocloud.simulators.virtualtime import run

CREATE = "POST /orders/new-vps"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJP4Ck6JO2XhDiWGt42h8ldHiAh59cTsTkwtq1Zmum0L"
RECIPE: Mapping[str, Any] = {"size": "LaunchtimeVPSDal", "image": "deb12.64"}


def over(simulator: RimuHostingSimulator, **options: Any) -> RimuHosting:
    known: dict[str, Any] = {**simulator.credentials, "transport": simulator, "now": simulator.now}
    return RimuHosting(**{**known, **options})


def answering(status: int, body: Any, seen: list[Request] | None = None) -> RimuHosting:
    """A driver whose every request gets this answer."""

    async def network(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return Response(status=status, body=json.dumps(body).encode())

    return RimuHosting("123456789", transport=network, retry=Retry(attempts=1))


async def test_the_key_and_the_options_are_where_the_api_looks_for_them() -> None:
    seen: list[Request] = []
    rimu = answering(200, {"whatever_the_call": {"response_type": "OK", "about_orders": []}}, seen)
    assert await rimu.list_nodes() == []
    assert await rimu.ex_list_orders(include_inactive=True, text="quay 3;x") == []
    assert seen[0].headers["Authorization"] == "rimuhosting apikey=123456789"
    assert seen[0].headers["Accept"] == "application/json"
    assert str(seen[0].url) == "https://rimuhosting.com/r/orders;include_inactive=N;server_type=VPS"
    assert seen[1].url.raw_path == "/r/orders;include_inactive=Y;server_type=VPS;search=quay%203%3Bx"


def refusal(status: int, kind: str = "", message: str | None = None, told: str = "Told&nbsp;above") -> dict[str, Any]:
    info = {"error_class": kind, "human_readable_message": message} if kind else None
    envelope = {"status_code": status, "response_type": "ERROR", "error_info": info, "human_readable_message": told}
    return {"jaxrs_response": envelope}


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (403, refusal(403, "PermissionException", "Wrong key"), InvalidCredsError, "Wrong key"),
        (401, refusal(401, "PermissionException", "Wrong key"), InvalidCredsError, "Wrong key"),
        (404, refusal(404, "X", "No such order"), NotFoundError, "No such order"),
        (400, refusal(400), InvalidRequestError, "Told\xa0above"),
        (500, refusal(500, "X"), ServerError, "Told\xa0above"),
        (200, refusal(403, "PermissionException", "Wrong key"), InvalidCredsError, "Wrong key"),
        (200, refusal(200, "X", "No such plan"), InvalidRequestError, "No such plan"),
        (200, refusal(400, "X", "Not enough capacity"), CapacityError, "Not enough"),
    ],
)
async def test_a_no_is_read_whether_http_says_so_or_not(
    status: int, body: Any, kind: type[ApiError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        await answering(status, body).list_nodes()
    assert caught.value.code in ("X", "PermissionException", None)


async def test_a_refusal_inside_a_success_is_no_doubt_about_a_create() -> None:
    seen: list[Request] = []
    with pytest.raises(InvalidRequestError, match="No such plan"):
        await answering(200, refusal(200, "X", "No such plan"), seen).create_node("web-1", **RECIPE)
    assert len(seen) == 1


def order(**more: Any) -> dict[str, Any]:
    return {"order_oid": 2853290001, "domain_name": "quay.example.org", **more}


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        (order(running_state="RUNNING", deployed_state="DEPLOYED"), NodeState.RUNNING),
        (order(running_state="RUNNING"), NodeState.RUNNING),
        (order(running_state="RUNNING", deployed_state="SOMETHING"), NodeState.PENDING),
        (order(running_state="NOTRUNNING", billing_info={}), NodeState.STOPPED),
        (
            order(running_state="NOTRUNNING", billing_info={"suspended_date": {"ms_since_epoch": 1}}),
            NodeState.SUSPENDED,
        ),
        (
            order(running_state="NOTRUNNING", billing_info={"cancellation_date": {"ms_since_epoch": 1}}),
            NodeState.TERMINATED,
        ),
        (order(running_state="RUNNING", billing_info={"cancellation_date": {"ms_since_epoch": 1}}), NodeState.RUNNING),
        (order(running_state="POWERCYCLING"), NodeState.REBOOTING),
        (order(running_state="DREAMING"), NodeState.UNKNOWN),
        (order(), NodeState.UNKNOWN),
    ],
)
def test_the_state_is_made_of_what_runs_what_is_deployed_and_what_is_paid_for(
    payload: dict[str, Any], state: NodeState
) -> None:
    assert NODE(payload).state is state


def test_a_name_without_a_dot_becomes_a_domain_name_and_back() -> None:
    simulator = RimuHostingSimulator()

    async def scenario() -> None:
        async with over(simulator, ex_domain="harbour.example") as rimu:
            short = await rimu.create_node("web-1", **RECIPE)
            whole = await rimu.create_node("web-2.example.org", **RECIPE)
            assert [node.name for node in await rimu.list_nodes()] == ["web-1", "web-2.example.org"]
        assert simulator.orders[int(short.id)].domain == "web-1.harbour.example"
        assert simulator.orders[int(whole.id)].domain == "web-2.example.org"

    run(scenario())


def test_everything_that_can_be_ordered_is_put_where_the_api_wants_it() -> None:
    simulator = RimuHostingSimulator()

    async def scenario() -> None:
        async with over(simulator, region="DCFRANKFURT") as rimu:
            node = await rimu.create_node(
                "web-1.example.org", size="MIRO1B", image="deb12.64", auth=NodeAuthSSHKey(KEY), tags={"role": "db"},
                user_data=b"#cloud-config", ex_memory_mb=2048, ex_disk_mb=20480, ex_num_ips=2,
                ex_extra_ip_reason="TLS", ex_control_panel="webmin", ex_billing_oid=5, ex_host_server_oid="764",
                ex_clone_of="order-77-old",
            )  # fmt: skip
            assert (node.location, len(node.public_ips)) == ("DCFRANKFURT", 2)
            assert dict(node.tags) == {"role": "db"}
            assert node.password
            assert node.password.reveal().startswith("rimu-")
        asked = simulator.orders[int(node.id)].asked
        marks = asked.pop("meta_data")
        assert [row["key_name"] for row in marks] == ["role", MARK]
        assert asked == {
            "instantiation_options": {
                "domain_name": "web-1.example.org",
                "distro": "deb12.64",
                "control_panel": "webmin",
                "cloud_config_data": "#cloud-config",
            },
            "pricing_plan_code": "MIRO1B",
            "dc_location": "DCFRANKFURT",
            "vps_parameters": {"memory_mb": 2048, "disk_space_mb": 20480},
            "ip_request": {"num_ips": 2, "extra_ip_reason": "TLS"},
            "billing_oid": 5,
            "host_server_oid": "764",
            "vps_order_oid_to_clone": 77,
            "file_injection_data": [{"path": "/root/.ssh/authorized_keys", "data_as_string": KEY}],
        }

    run(scenario())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ex_num_ips": 2}, "ex_extra_ip_reason"),
        ({"ex_clone_of": "quay"}, "'quay'"),
        ({"auth": KeyPair(id="1", name="harbour")}, "no key pairs"),
        ({"user_data": b"\xff"}, "UTF-8"),
    ],
)
def test_what_cannot_be_ordered_is_refused_here(options: dict[str, Any], words: str) -> None:
    simulator = RimuHostingSimulator()

    async def scenario() -> None:
        with pytest.raises(ConfigurationError, match=words):
            await over(simulator).create_node("web-1", **RECIPE, **options)

    run(scenario())
    assert not simulator.calls


def test_a_password_of_ones_own_is_set_and_kept_out_of_sight() -> None:
    simulator = RimuHostingSimulator()

    async def scenario() -> None:
        rimu = over(simulator)
        node = await rimu.create_node("web-1", **RECIPE, auth=NodeAuthPassword("tide-and-ocean"))
        machine = simulator.machine_at(node.public_ips[0])
        assert machine is not None
        assert machine.password
        assert machine.password.reveal() == "tide-and-ocean"
        assert "tide-and-ocean" not in f"{node!r} {dict(node.extra)!r}"

    run(scenario())


def test_a_lost_create_is_told_from_a_namesake_by_its_mark() -> None:
    simulator = RimuHostingSimulator()

    async def scenario() -> None:
        rimu = over(simulator)
        first = await rimu.create_node("web-1", **RECIPE)
        simulator.faults.append(LostAnswer(on=CREATE))
        second = await rimu.create_node("web-1", **RECIPE)
        assert first.id != second.id
        assert second.password is None, "it was in the answer that was lost"

    run(scenario())
    assert simulator.calls[CREATE] == 2


def test_a_restart_is_not_sent_twice_and_a_stop_is() -> None:
    async def calls(work: Callable[[RimuHosting], Any]) -> int:
        simulator = RimuHostingSimulator()
        simulator.populate(1)
        switch = "PUT /orders/{order}/vps/running-state"
        simulator.faults.append(Answer(on=switch, status=502))
        with contextlib.suppress(ServerError):
            await work(over(simulator))
        return simulator.calls[switch]

    assert run(calls(lambda rimu: rimu.reboot_node("2853290001"))) == 1
    assert run(calls(lambda rimu: rimu.stop_node("2853290001"))) == 2


def test_orders_are_known_by_their_slugs_too() -> None:
    simulator = RimuHostingSimulator()
    simulator.populate(1)

    async def scenario() -> None:
        assert (await over(simulator).get_node("order-2853290001-quay-1-harbour")).id == "2853290001"

    run(scenario())


def test_plans_have_monthly_prices_and_one_without_a_fee_has_none() -> None:
    simulator = RimuHostingSimulator(invented_prices=True)

    async def scenario() -> None:
        rimu = over(simulator)
        sizes = {size.id: size for size in await rimu.list_sizes()}
        dallas, old = sizes["LaunchtimeVPSDal"], sizes["MIRO1B"]
        assert dallas.price
        assert (dallas.price.amount, dallas.price.per, dallas.location) == (Decimal("9.0"), "month", "DCDALLAS")
        assert (old.price, old.location) == (None, None)
        here = await rimu.list_sizes(location="DCFRANKFURT")
        assert [(size.id, size.location) for size in here] == [
            ("LaunchtimeVPSFra", "DCFRANKFURT"),
            ("MIRO1B", "DCFRANKFURT"),
        ]
        places = [(place.id, place.country) for place in await rimu.list_locations()]
        assert places == [("DCDALLAS", "US"), ("DCFRANKFURT", "DE"), ("DCAUCKLAND", "NZ")]

    run(scenario())


def test_what_only_rimuhosting_has_is_asked_as_its_own_client_asks_it() -> None:
    simulator = RimuHostingSimulator()
    simulator.populate(2)

    async def scenario() -> None:
        rimu = over(simulator)
        node, other = await rimu.list_nodes()
        assert [each.id for each in await rimu.list_nodes(location="DCFRANKFURT")] == [other.id]
        await rimu.ex_resize_node(node, memory_mb=2048, disk_mb=20480)
        await rimu.ex_set_reverse_dns(node, node.public_ips[0], "quay.example")
        await rimu.ex_move_node(node, reason="noise")
        await rimu.reboot_node(node, ex_hard=True)
        assert (await rimu.get_node(node)).state is NodeState.REBOOTING
        assert (await rimu.ex_node_status(other))["pings_ok"] is True
        await rimu.destroy_node(other)
        assert len(await rimu.ex_list_orders()) == 1
        assert len(await rimu.ex_list_orders(include_inactive=True)) == 2
        changed = simulator.orders[int(node.id)]
        assert (changed.memory, changed.disk) == (2048, 20480)
        assert changed.reverse == {node.public_ips[0]: "quay.example"}

    run(scenario())


def test_the_account_is_found_where_the_providers_client_finds_it(tmp_path: Path) -> None:
    (found,) = RimuHosting.accounts(Environment({"RIMUHOSTING_APIKEY": "42"}, tmp_path, tmp_path))
    assert dict(found.options) == {"api_key": "42"}
    assert not list(RimuHosting.accounts(Environment({}, tmp_path, tmp_path)))


def test_a_server_was_ordered_at_an_aware_moment() -> None:
    moment = {"users_tz_offset_ms": 0, "iso_format": "2026-03-01T21:14:09Z", "ms_since_epoch": 1772399649000}
    node = NODE(order(billing_info={"order_date": moment}))
    assert node.created_at == datetime(2026, 3, 1, 21, 14, 9, tzinfo=UTC)
