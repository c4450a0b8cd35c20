"""What our driver asks of Linode is what Linode's own client asks, word for word where both say it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiocloud.http.message import Request, Response
from aiocloud.models import NodeAuthPassword, NodeAuthSSHKey
from aiocloud.providers.linode import MARK, Linode
from aiocloud.simulators.linode import LinodeSimulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

linode_api4 = official("linode_api4")

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlbk3f2Zb5rGZ6n0f7Qw1iVv7Vx5v6d8c9w0q1r2s3t quay"
PASSWORD = "Tide-and-0cean"
DATA = "#cloud-config\n"

Asked = tuple[str, str, Any]
"""Method, path and body of a request."""


@dataclass
class Wiretap:
    """A simulator on loopback, and what was asked of it."""

    simulator: LinodeSimulator = field(default_factory=lambda: LinodeSimulator(boot=0.0))
    asked: list[Asked] = field(default_factory=list)
    base_url: str = ""

    async def __call__(self, request: Request) -> Response:
        body = json.loads(request.body) if request.body else {}
        self.asked.append((request.method, request.url.path, body or {}))
        return await self.simulator(request)

    async def theirs(self, work: Callable[[Any], Any]) -> list[Asked]:
        """What the official client asks while it does this work."""

        def session() -> None:
            client = linode_api4.LinodeClient(self.simulator.credentials["token"], base_url=self.base_url)
            try:
                work(client)
            finally:
                client.session.close()

        self.asked.clear()
        await asyncio.to_thread(session)
        return list(self.asked)

    async def ours(self, work: Callable[[Linode], Awaitable[Any]]) -> list[Asked]:
        """What our driver asks while it does this work."""
        self.asked.clear()
        async with Linode(self.simulator.credentials["token"], endpoint=self.base_url) as driver:
            await work(driver)
        return list(self.asked)


@pytest.fixture
async def tap() -> AsyncIterator[Wiretap]:
    tap = Wiretap()
    tap.simulator.populate(2)
    async with serve(tap) as base:
        tap.base_url = str(base / "v4")
        yield tap


def node_id(tap: Wiretap) -> str:
    return str(next(iter(tap.simulator.world.instances)))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(lambda d: d.list_nodes(), lambda c: list(c.linode.instances()), id="nodes"),
        pytest.param(lambda d: d.list_sizes(), lambda c: list(c.linode.types()), id="sizes"),
        pytest.param(lambda d: d.list_images(), lambda c: list(c.images()), id="images"),
        pytest.param(lambda d: d.list_locations(), lambda c: list(c.regions()), id="locations"),
        pytest.param(lambda d: d.list_key_pairs(), lambda c: list(c.profile.ssh_keys()), id="key pairs"),
        pytest.param(lambda d: d.ex_list_kernels(), lambda c: list(c.linode.kernels()), id="kernels"),
        pytest.param(lambda d: d.ex_list_firewalls(), lambda c: list(c.networking.firewalls()), id="firewalls"),
    ],
)
async def test_a_list_is_asked_for_where_the_official_client_asks(
    tap: Wiretap, ours: Callable[[Linode], Awaitable[Any]], theirs: Callable[[Any], Any]
) -> None:
    assert set(map(str, await tap.ours(ours))) == set(map(str, await tap.theirs(theirs)))


async def test_offers_rest_on_the_lists_that_the_official_client_knows(tap: Wiretap) -> None:
    def work(client: Any) -> None:
        list(client.linode.types())
        list(client.regions())
        list(client.regions.availability())

    paths = {path for _, path, _ in await tap.ours(lambda driver: driver.list_offers())}
    assert paths == {path for _, path, _ in await tap.theirs(work)}


@pytest.mark.parametrize("verb", ["get", "shutdown", "boot", "reboot", "ips", "delete"])
async def test_a_node_is_spoken_to_as_the_official_client_does(tap: Wiretap, verb: str) -> None:
    known = node_id(tap)
    verbs: dict[str, Callable[[Linode], Awaitable[Any]]] = {
        "get": lambda driver: driver.get_node(known),
        "shutdown": lambda driver: driver.stop_node(known),
        "boot": lambda driver: driver.start_node(known),
        "reboot": lambda driver: driver.reboot_node(known),
        "ips": lambda driver: driver.ex_list_addresses(known),
        "delete": lambda driver: driver.destroy_node(known),
    }

    def work(client: Any) -> None:
        instance = client.load(linode_api4.Instance, int(known))
        if verb == "ips":
            assert instance.ips
        elif verb != "get":
            getattr(instance, verb)()

    if verb == "boot":
        await tap.ours(lambda driver: driver.stop_node(known))
    theirs = await tap.theirs(work)
    if verb in ("shutdown", "boot", "delete"):  # once more, on a world in which it was not done yet
        tap.simulator = LinodeSimulator(boot=0.0)
        tap.simulator.populate(2)
        if verb == "boot":
            await tap.ours(lambda driver: driver.stop_node(known))
    (asked,) = await tap.ours(verbs[verb])
    assert asked == theirs[-1]


async def test_a_create_says_what_the_official_client_says(tap: Wiretap) -> None:
    def work(client: Any) -> None:
        client.linode.instance_create(
            "g6-nanode-1",
            "us-ord",
            image="linode/debian12",
            root_pass=PASSWORD,
            authorized_keys=[KEY],
            label="theirs",
            tags=["role=web"],
            booted=True,
            private_ip=True,
            backups_enabled=False,
            metadata=client.linode.build_instance_metadata(user_data=DATA),
        )

    async def make(driver: Linode, **auth: Any) -> None:
        await driver.create_node(
            "ours",
            size="g6-nanode-1",
            image="linode/debian12",
            location="us-ord",
            user_data=DATA,
            tags={"role": "web"},
            ex_private_ip=True,
            **auth,
        )

    method, path, theirs = (await tap.theirs(work))[-1]
    with_key = (await tap.ours(lambda driver: make(driver, auth=NodeAuthSSHKey(KEY))))[-1]
    assert (with_key[0], with_key[1]) == (method, path)
    body = dict(with_key[2])
    marks = [tag for tag in body["tags"] if tag.startswith(f"{MARK}=")]
    assert len(marks) == 1
    body["tags"] = [tag for tag in body["tags"] if tag not in marks]
    random = body.pop("root_pass")
    assert len(random) >= 11
    assert body == {**{key: value for key, value in theirs.items() if key != "root_pass"}, "label": "ours"}

    tap.simulator = LinodeSimulator(boot=0.0)
    with_password = (await tap.ours(lambda driver: make(driver, auth=NodeAuthPassword(PASSWORD))))[-1]
    assert with_password[2]["root_pass"] == theirs["root_pass"]


async def test_a_resize_a_rebuild_and_a_new_name_say_no_more_than_the_official_client(tap: Wiretap) -> None:
    known = node_id(tap)

    def theirs(client: Any) -> None:
        instance = client.load(linode_api4.Instance, int(known))
        instance.label = "renamed"
        instance.save()
        instance.rebuild("linode/debian12", root_pass=PASSWORD, authorized_keys=[KEY])
        instance.resize("g6-standard-1")

    async def ours(driver: Linode) -> None:
        await driver.ex_rename_node(known, "renamed")
        await driver.ex_rebuild_node(known, "linode/debian12", auth=NodeAuthPassword(PASSWORD))
        await driver.ex_resize_node(known, "g6-standard-1")

    said = [asked for asked in await tap.theirs(theirs) if asked[0] != "GET"]
    tap.simulator = LinodeSimulator(boot=0.0)
    tap.simulator.populate(2)
    for (method, path, body), (their_method, their_path, their_body) in zip(await tap.ours(ours), said, strict=True):
        assert (method, path) == (their_method, their_path)
        assert body.keys() <= their_body.keys()
        same = body.keys() - {"authorized_keys"}
        assert {key: body[key] for key in same} == {key: their_body[key] for key in same}


async def test_a_key_is_added_and_removed_as_the_official_client_does(tap: Wiretap) -> None:
    def theirs(client: Any) -> None:
        client.profile.ssh_key_upload(KEY, "quay").delete()

    async def ours(driver: Linode) -> None:
        await driver.delete_key_pair(await driver.import_key_pair_from_string("quay", KEY))

    tap.simulator = LinodeSimulator(boot=0.0)
    said = [asked for asked in await tap.theirs(theirs) if asked[0] != "GET"]
    tap.simulator = LinodeSimulator(boot=0.0)
    assert [asked for asked in await tap.ours(ours) if asked[0] != "GET"] == said
