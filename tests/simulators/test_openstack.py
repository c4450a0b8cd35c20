from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
from yarl import URL

from aiocloud.errors import AnswerLostError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators import virtualtime
from aiocloud.simulators.base import LostAnswer, NoCapacity, Throttled
from aiocloud.simulators.openstack import OpenStackSimulator
from aiocloud.simulators.rackspace import PUBLIC_NET, RackspaceSimulator

ORIGIN = "https://cloud.example"
NEW = {"name": "pilot", "flavorRef": "2", "networks": "auto"}


@dataclass
class Caller:
    """Someone with a token, who asks the services of one region."""

    cloud: OpenStackSimulator
    region: str = "north-1"
    token: str = ""
    version: str = "2.79"

    async def raw(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": f"compute {self.version}", **headers}
        content = b"" if body is None else json.dumps(body).encode()
        url = URL(f"{ORIGIN}/{path}")
        return await self.cloud(Request(method=method, url=url, headers=headers_of(headers), body=content))

    async def nova(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        base = f"{self.region}/compute/" + ("v2/731020" if self.cloud.cloud.legacy else "v2.1")
        answer = await self.raw(method, base + path, body)
        return answer.status, json.loads(answer.body) if answer.body else None

    async def create(self, **more: Any) -> str:
        image = next(iter(self.cloud.cloud.regions[self.region].images))
        status, answer = await self.nova("POST", "/servers", {"server": {"imageRef": image, **NEW, **more}})
        assert status == 202, answer
        return str(answer["server"]["id"])

    async def status(self, server: str) -> str:
        status, answer = await self.nova("GET", f"/servers/{server}")
        return answer["server"]["status"] if status == 200 else str(status)


def identity(secret: str = "tide", scope: Any = None) -> dict[str, Any]:
    user = {"name": "harbour", "domain": {"name": "Default"}, "password": secret}
    scope = scope or {"project": {"name": "quay", "domain": {"id": "default"}}}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}


async def sign_in(cloud: OpenStackSimulator, **scope: Any) -> Caller:
    caller = Caller(cloud)
    answer = await caller.raw("POST", "identity/v3/auth/tokens", identity(**scope))
    caller.token = answer.headers["X-Subject-Token"]
    return caller


async def rackspace_sign_in(cloud: RackspaceSimulator) -> Caller:
    caller = Caller(cloud, region="LON")
    key = {"username": "harbour", "apiKey": cloud.credentials["api_key"]}
    answer = await caller.raw("POST", "v2.0/tokens", {"auth": {"RAX-KSKEY:apiKeyCredentials": key}})
    caller.token = json.loads(answer.body)["access"]["token"]["id"]
    return caller


def test_a_server_takes_its_time_to_boot_and_to_go() -> None:
    async def scenario() -> list[str]:
        caller = await sign_in(OpenStackSimulator(boot=10))
        server = await caller.create()
        seen = [await caller.status(server)]
        await asyncio.sleep(10)
        seen.append(await caller.status(server))
        await caller.nova("DELETE", f"/servers/{server}")
        _, answer = await caller.nova("GET", f"/servers/{server}")
        seen.append(answer["server"]["OS-EXT-STS:task_state"])
        await asyncio.sleep(2)
        return [*seen, await caller.status(server)]

    assert virtualtime.run(scenario()) == ["BUILD", "ACTIVE", "deleting", "404"]


def test_a_token_expires_when_its_life_is_over() -> None:
    async def scenario() -> list[int]:
        caller = await sign_in(OpenStackSimulator(token_life=60))
        before, _ = await caller.nova("GET", "/servers")
        await asyncio.sleep(60)
        after, _ = await caller.nova("GET", "/servers")
        return [before, after]

    assert virtualtime.run(scenario()) == [200, 401]


def test_a_token_made_from_another_expires_with_it() -> None:
    async def scenario() -> list[str]:
        caller = await sign_in(OpenStackSimulator())
        proof = {"methods": ["token"], "token": {"id": caller.token}}
        await asyncio.sleep(600)
        body = {"auth": {"identity": proof, "scope": {"project": {"id": caller.cloud.account.projects[1].id}}}}
        answer = await caller.raw("POST", "identity/v3/auth/tokens", body)
        old = await caller.raw("GET", "identity/v3/auth/tokens", None, **{"X-Subject-Token": caller.token})
        return [json.loads(each.body)["token"]["expires_at"] for each in (answer, old)]

    new, old = virtualtime.run(scenario())
    assert new == old


async def test_the_catalogue_leads_back_to_the_origin_that_was_asked() -> None:
    answer = await Caller(OpenStackSimulator()).raw("POST", "identity/v3/auth/tokens", identity())
    catalog = {service["type"]: service["endpoints"] for service in json.loads(answer.body)["token"]["catalog"]}
    assert set(catalog) == {"compute", "image", "network", "block-storage", "identity"}
    assert {each["region"] for each in catalog["compute"]} == {"north-1", "south-1"}
    assert catalog["compute"][0]["url"] == f"{ORIGIN}/north-1/compute/v2.1"


async def test_another_project_sees_none_of_the_servers() -> None:
    cloud = OpenStackSimulator()
    cloud.populate(2, region="north-1")
    other = await sign_in(cloud, scope={"project": {"name": "pier", "domain": {"name": "Default"}}})
    assert await other.nova("GET", "/servers") == (200, {"servers": []})


@pytest.mark.parametrize(
    ("version", "status", "fault"),
    [("2.999", 406, "computeFault"), ("2.x", 400, "badRequest"), ("1.9", 406, "computeFault")],
)
async def test_a_microversion_that_is_not_spoken_is_refused(version: str, status: int, fault: str) -> None:
    caller = await sign_in(OpenStackSimulator())
    caller.version = version
    got, answer = await caller.nova("GET", "/servers")
    assert (got, list(answer)) == (status, [fault])


async def test_the_microversion_decides_how_a_flavor_is_shown() -> None:
    cloud = OpenStackSimulator()
    cloud.populate(1, region="north-1")
    caller = await sign_in(cloud)
    shown = []
    for caller.version in ("2.46", "2.47"):
        _, answer = await caller.nova("GET", "/servers/detail")
        shown.append("id" in answer["servers"][0]["flavor"])
    assert shown == [True, False]


async def test_a_full_last_page_links_to_an_empty_one() -> None:
    cloud = OpenStackSimulator(page=2)
    cloud.populate(4, region="north-1")
    caller, path, sizes = await sign_in(cloud), "/servers", []
    while path:
        _, answer = await caller.nova("GET", path)
        sizes.append(len(answer["servers"]))
        links = answer.get("servers_links", [])
        path = "/servers?" + URL(links[0]["href"]).query_string if links else ""
    assert sizes == [2, 2, 0]


async def test_without_a_host_a_server_is_accepted_and_then_fails() -> None:
    cloud = OpenStackSimulator(boot=0)
    cloud.faults.append(NoCapacity(on="POST /servers"))
    caller = await sign_in(cloud)
    _, answer = await caller.nova("GET", f"/servers/{await caller.create()}")
    assert answer["server"]["status"] == "ERROR"
    assert answer["server"]["fault"]["message"].startswith("No valid host was found")
    assert await caller.status(await caller.create()) == "ACTIVE"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"networks": None}, 400, "networks"),
        ({"flavorRef": "x"}, 400, "Flavor x could not be found"),
        ({"flavorRef": "1"}, 400, "too small"),
        ({"key_name": "x"}, 400, "key_name"),
        ({"networks": [{"uuid": "x"}]}, 400, "Network x could not be found"),
        ({"user_data": base64.b64encode(bytes(65000)).decode()}, 400, "user_data"),
        ({"security_groups": [{"name": "x"}]}, 400, "Security group x not found"),
        ({"metadata": "x"}, 400, "metadata"),
        ({"max_count": 3, "min_count": 1}, 403, "Quota exceeded for instances"),
    ],
)
async def test_a_create_that_makes_no_sense_is_refused(change: Any, status: int, message: str) -> None:
    cloud = OpenStackSimulator(max_instances=2)
    caller = await sign_in(cloud)
    image = next(iter(cloud.cloud.regions["north-1"].images))
    got, answer = await caller.nova("POST", "/servers", {"server": {"imageRef": image, **NEW, **change}})
    assert (got, message in next(iter(answer.values()))["message"]) == (status, True)
    assert await caller.nova("GET", "/servers") == (200, {"servers": []})


async def test_operations_are_named_without_ids_and_with_the_word_of_an_action() -> None:
    cloud = OpenStackSimulator(boot=0)
    caller = await sign_in(cloud)
    server = await caller.create()
    await caller.nova("POST", f"/servers/{server}/action", {"reboot": {"type": "HARD"}})
    await caller.nova("PUT", f"/servers/{server}/metadata/role", {"meta": {"role": "web"}})
    project = cloud.account.projects[0].id
    await caller.raw("GET", f"north-1/compute/v2.1/{project}/servers/{server}")
    assert set(cloud.calls) == {
        "POST /auth/tokens",
        "POST /servers",
        "POST /servers/{id}/action reboot",
        "PUT /servers/{id}/metadata/{id}",
        "GET /servers/{id}",
    }


async def test_a_lost_answer_leaves_a_server_behind() -> None:
    cloud = OpenStackSimulator()
    caller = await sign_in(cloud)
    cloud.faults.append(LostAnswer(on="POST /servers"))
    with pytest.raises(AnswerLostError):
        await caller.create()
    _, answer = await caller.nova("GET", "/servers")
    assert [server["name"] for server in answer["servers"]] == ["pilot"]


@pytest.mark.parametrize(("kind", "status"), [(OpenStackSimulator, 429), (RackspaceSimulator, 413)])
async def test_too_many_requests_are_told_in_the_words_of_their_time(
    kind: type[OpenStackSimulator], status: int
) -> None:
    cloud = kind()
    cloud.faults.append(Throttled(retry_after=2.5))
    answer = await Caller(cloud).raw("GET", "")
    assert (answer.status, answer.headers["Retry-After"]) == (status, "3")
    assert json.loads(answer.body)["overLimit"]["code"] == status


async def test_rackspace_shows_addresses_in_two_pools_and_no_more() -> None:
    cloud = RackspaceSimulator(boot=0)
    caller = await rackspace_sign_in(cloud)
    server = await caller.create(flavorRef="general1-1", networks=None)
    _, answer = await caller.nova("GET", f"/servers/{server}")
    addresses = answer["server"]["addresses"]
    assert {pool: [each["version"] for each in addresses[pool]] for pool in addresses} == {
        "public": [4, 6],
        "private": [4],
    }
    assert set(addresses["public"][0]) == {"addr", "version"}
    alone = await caller.create(flavorRef="general1-1", networks=[{"uuid": PUBLIC_NET}])
    _, answer = await caller.nova("GET", f"/servers/{alone}")
    assert list(answer["server"]["addresses"]) == ["public"]


async def test_rackspace_knows_no_microversions() -> None:
    caller = await rackspace_sign_in(RackspaceSimulator())
    caller.version = "2.999"
    answer = await caller.raw("GET", "LON/compute/v2/731020/servers")
    assert answer.status == 200
    assert "OpenStack-API-Version" not in answer.headers


async def test_rackspace_boots_sizes_without_a_disk_from_volumes_only() -> None:
    cloud = RackspaceSimulator()
    caller = await rackspace_sign_in(cloud)
    image = next(iter(cloud.cloud.regions["LON"].images))
    body = {"server": {"name": "pilot", "flavorRef": "compute1-4", "imageRef": image}}
    status, answer = await caller.nova("POST", "/servers", body)
    assert (status, list(answer)) == (403, ["forbidden"])


def test_a_large_world_is_spread_over_all_regions() -> None:
    cloud = RackspaceSimulator()
    cloud.populate(600)
    assert {name: len(region.servers) for name, region in cloud.cloud.regions.items()} == dict.fromkeys(
        cloud.region_names, 100
    )
