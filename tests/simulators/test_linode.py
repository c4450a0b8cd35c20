from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from yarl import URL

from aiocloud.errors import AnswerLostError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import LostAnswer, Throttled
from aiocloud.simulators.linode import LinodeSimulator

PLACE = {"region": "us-ord", "type": "g6-nanode-1"}
NEW = PLACE | {"image": "linode/debian12", "root_pass": "Tide-and-0cean"}


async def ask(
    linode: LinodeSimulator, method: str, path: str, body: Any = None, *, token: str | None = "", **headers: str
) -> Response:
    """`token` is the right one, another, or None for none at all."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token or linode.credentials['token']}"
    content = b"" if body is None else json.dumps(body).encode()
    url = URL(linode.endpoint + path)
    return await linode(Request(method=method, url=url, headers=headers_of(headers), body=content))


async def get(linode: LinodeSimulator, path: str, **headers: str) -> Any:
    return json.loads((await ask(linode, "GET", path, **headers)).body)


async def post(linode: LinodeSimulator, path: str, body: Any = None) -> Any:
    return json.loads((await ask(linode, "POST", path, body)).body)


async def states(linode: LinodeSimulator, id_: int, every: float, times: int) -> AsyncIterator[str]:
    for _ in range(times):
        yield (await get(linode, f"/linode/instances/{id_}"))["status"]
        await asyncio.sleep(every)


def test_a_new_instance_is_provisioned_boots_and_runs() -> None:
    async def scenario() -> list[str]:
        linode = LinodeSimulator(boot=10)
        new = await post(linode, "/linode/instances", NEW)
        return [state async for state in states(linode, new["id"], every=5, times=3)]

    assert virtualtime.run(scenario()) == ["provisioning", "provisioning", "running"]


def test_a_booting_instance_says_so() -> None:
    async def scenario() -> str:
        linode = LinodeSimulator(boot=10)
        new = await post(linode, "/linode/instances", NEW)
        await asyncio.sleep(7)
        return str((await get(linode, f"/linode/instances/{new['id']}"))["status"])

    assert virtualtime.run(scenario()) == "booting"


@pytest.mark.parametrize("body", [PLACE, NEW | {"booted": False}], ids=["no image", "not booted"])
def test_what_is_not_booted_ends_offline(body: dict[str, Any]) -> None:
    async def scenario() -> str:
        linode = LinodeSimulator(boot=10)
        new = await post(linode, "/linode/instances", body)
        await asyncio.sleep(10)
        return str((await get(linode, f"/linode/instances/{new['id']}"))["status"])

    assert virtualtime.run(scenario()) == "offline"


@pytest.mark.parametrize(
    ("order", "during", "after"),
    [("reboot", "rebooting", "running"), ("shutdown", "shutting_down", "offline")],
)
def test_an_instance_takes_no_order_while_another_is_carried_out(order: str, during: str, after: str) -> None:
    async def scenario() -> Any:
        linode = LinodeSimulator(boot=10)
        linode.populate(1)
        [id_] = linode.world.instances
        await post(linode, f"/linode/instances/{id_}/{order}")
        refused = await post(linode, f"/linode/instances/{id_}/reboot")
        return refused, [state async for state in states(linode, id_, every=2, times=2)]

    refused, seen = virtualtime.run(scenario())
    assert refused == {"errors": [{"reason": "Linode busy."}]}
    assert seen == [during, after]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"region": None}, "region", "required"),
        ({"type": "g5-standard-1"}, "type", "not valid"),
        ({"image": "linode/absent"}, "image", "not valid"),
        ({"label": "ab"}, "label", "3-64"),
        ({"label": "a--b"}, "label", "letter or digit"),
        ({"label": "quay.1_"}, "label", "letter or digit"),
        ({"label": "linode1001"}, "label", "Label must be unique among your linodes"),
        ({"tags": ["ab"]}, "tags", "3-50"),
        ({"root_pass": None}, "root_pass", "required"),
        ({"root_pass": "alllowercase"}, "root_pass", "strength"),
        ({"authorized_keys": ["no key"]}, "authorized_keys", "not valid"),
        ({"metadata": {"user_data": "%"}}, "metadata.user_data", "base64"),
        ({"image": "linode/arch", "metadata": {"user_data": "aGk="}}, "metadata.user_data", "cloud-init"),
        ({"tags": "web"}, "tags", "Must be a list"),
        ({"swap_size": "512"}, "swap_size", "Must be an integer"),
        ({"swap_size": 25600}, "swap_size", "less than the storage"),
        ({"firewall_id": 7}, "firewall_id", "not valid"),
        ({"backup_id": 7}, "backup_id", "not simulated"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused_by_field(
    change: dict[str, Any], field: str, reason: str
) -> None:
    linode = LinodeSimulator()
    linode.populate(1)
    answer = await ask(linode, "POST", "/linode/instances", NEW | change)
    [error] = json.loads(answer.body)["errors"]
    assert (answer.status, error["field"]) == (400, field)
    assert reason in error["reason"]
    assert len(linode.world.instances) == 1


@pytest.mark.parametrize(
    ("wanted", "automatic", "status", "size"),
    [("g6-standard-2", True, 200, 81920), ("g6-nanode-1", True, 200, 25600), ("g6-nanode-1", False, 400, 51200)],
)
async def test_a_resize_needs_room_for_the_disks_or_leave_to_fit_them(
    wanted: str, automatic: bool, status: int, size: int
) -> None:
    linode = LinodeSimulator(boot=0)
    new = await post(linode, "/linode/instances", NEW | {"type": "g6-standard-1"})
    path, body = f"/linode/instances/{new['id']}", {"type": wanted, "allow_auto_disk_resize": automatic}
    assert (await ask(linode, "POST", f"{path}/resize", body)).status == status
    assert sum(disk["size"] for disk in (await get(linode, f"{path}/disks"))["data"]) == size


async def test_what_is_sold_out_is_said_beforehand_and_on_create() -> None:
    linode = LinodeSimulator()
    linode.world.sold_out.add(("us-ord", "g6-nanode-1"))
    rows = await get(linode, "/regions/us-ord/availability")
    assert [row["plan"] for row in rows if not row["available"]] == ["g6-nanode-1"]
    assert (await ask(linode, "POST", "/linode/instances", NEW)).status == 400
    assert (await ask(linode, "POST", "/linode/instances", NEW | {"type": "g6-standard-1"})).status == 200


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/linode/instances?page=2", 404, "Page 2 not found"),
        ("/linode/instances?page_size=24", 400, "Must be 25-500"),
        ("/linode/instances?page_size=501", 400, "Must be 25-500"),
        ("/linode/instances?page=one", 400, "Must be an integer"),
        ("/linode/instances/7", 404, "Not found"),
        ("/linode/instances/seven", 404, "Not found"),
        ("/nothing", 404, "Not found"),
        ("/linode/instances/7/boot", 405, "Method Not Allowed"),
    ],
)
async def test_a_get_that_leads_nowhere_says_why(path: str, status: int, reason: str) -> None:
    answer = await ask(LinodeSimulator(), "GET", path)
    assert answer.status == status
    assert json.loads(answer.body)["errors"][0]["reason"] == reason


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ({"vcpus": {"+gt": 8, "+lte": 20}, "class": "standard"}, ["g6-standard-16", "g6-standard-20"]),
        ({"+or": [{"class": "nanode"}, {"label": {"+contains": "96GB"}, "class": "premium"}]},
         ["g6-nanode-1", "g7-premium-48"]),
        ({"class": {"+neq": "standard"}, "memory": {"+lt": 4096}}, ["g6-nanode-1"]),
        ({"+and": [{"class": "highmem"}, {"vcpus": {"+gte": 8}}], "+order_by": "memory", "+order": "desc"},
         ["g7-highmem-16", "g7-highmem-8"]),
    ],
)  # fmt: skip
async def test_a_filter_is_understood(filter_: dict[str, Any], found: list[str]) -> None:
    answer = await get(LinodeSimulator(), "/linode/types", **{"X-Filter": json.dumps(filter_)})
    assert [kind["id"] for kind in answer["data"]] == found
    assert answer["results"] == len(found)


@pytest.mark.parametrize(
    "filter_",
    ["{", "[]", '{"id": 1}', '{"label": {"+like": 1}}', '{"+and": {}}', '{"+or": [1]}', '{"+order_by": ["id"]}'],
)
async def test_a_filter_that_makes_no_sense_is_refused(filter_: str) -> None:
    answer = await ask(LinodeSimulator(), "GET", "/linode/types", **{"X-Filter": filter_})
    assert answer.status == 400
    assert json.loads(answer.body)["errors"][0]["field"] == "X-Filter"


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/linode/types", None, 200),
        ("/regions/availability", None, 200),
        ("/images", None, 200),
        ("/linode/kernels", None, 200),
        ("/regions", "wrong", 401),
        ("/linode/instances", None, 401),
        ("/linode/instances", "wrong", 401),
    ],
)
async def test_the_catalogue_needs_no_token_and_all_else_the_right_one(
    path: str, token: str | None, status: int
) -> None:
    assert (await ask(LinodeSimulator(), "GET", path, token=token)).status == status


async def test_every_answer_tells_the_rate_limit() -> None:
    linode = LinodeSimulator()
    linode.faults.append(Throttled(retry_after=2.5))
    refused, granted = await ask(linode, "GET", "/regions"), await ask(linode, "GET", "/regions")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "3")
    assert (refused.headers["X-RateLimit-Remaining"], granted.headers["X-RateLimit-Remaining"]) == ("0", "399")
    assert {"X-RateLimit-Limit", "X-RateLimit-Reset"} <= set(granted.headers)


async def test_a_create_whose_answer_was_lost_has_made_its_instance() -> None:
    linode = LinodeSimulator()
    linode.faults.append(LostAnswer(on="POST /linode/instances"))
    with pytest.raises(AnswerLostError):
        await ask(linode, "POST", "/linode/instances", NEW | {"label": "quay-1"})
    assert [it.label for it in linode.world.instances.values()] == ["quay-1"]


async def test_operations_leave_ids_open() -> None:
    linode = LinodeSimulator()
    await ask(linode, "GET", "/linode/instances/7/disks/8")
    await ask(linode, "GET", "/images/linode/debian12")
    assert linode.calls == {"GET /linode/instances/{id}/disks/{id}": 1, "GET /images/{id}": 1}


async def test_prices_are_told_with_their_exceptions() -> None:
    kind = await get(LinodeSimulator(), "/linode/types/g6-standard-2")
    assert kind["price"] == {"hourly": 0.036, "monthly": 24.0}
    assert {"id": "br-gru", "hourly": 0.05, "monthly": 33.6} in kind["region_prices"]


def test_the_facts_name_their_day_and_source() -> None:
    assert "2024-07-11" in LinodeSimulator.facts
    assert "linodego" in LinodeSimulator.facts


async def test_no_payload_shows_the_password() -> None:
    linode = LinodeSimulator()
    answer = await ask(linode, "POST", "/linode/instances", NEW)
    assert NEW["root_pass"] not in answer.text()
    assert NEW["root_pass"] not in repr(linode.world)
