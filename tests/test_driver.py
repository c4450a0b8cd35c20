"""What every driver inherits: paths, waiting, closing, secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from aiocloud.driver import Driver, segment
from aiocloud.errors import (
    CloudError,
    ConfigurationError,
    InvalidCredsError,
    NodeStateError,
    NotFoundError,
    ServiceUnavailableError,
    WaitTimeoutError,
)
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Request, Response
from aiocloud.http.session import SharedSession
from aiocloud.models import Node, NodeState
from aiocloud.providers.linode import Linode
from aiocloud.simulators.server import serve
from aiocloud.simulators.virtualtime import run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

# ---- paths ----


@pytest.mark.parametrize(
    ("thing", "quoted"), [("a/b", "a%2Fb"), ("a b", "a%20b"), ("é", "%C3%A9"), ("a?b#c", "a%3Fb%23c"), ("i-1", "i-1")]
)
def test_an_id_is_one_segment_of_a_path_whatever_it_holds(thing: str, quoted: str) -> None:
    assert segment(thing) == quoted
    assert segment(Node(id=thing, name="web")) == quoted


@pytest.mark.parametrize("thing", ["", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused(thing: str) -> None:
    with pytest.raises(ConfigurationError, match="is no id"):
        segment(thing)


def client(seen: list[Request], base: str = "https://api.example/v1") -> Client:
    async def network(request: Request) -> Response:
        seen.append(request)
        return Response(status=200, body=b"{}")

    return Client(Api(base_url=base), network, provider="quay", now=lambda: NOON)


@pytest.mark.parametrize(
    "path", ["/servers/../keys", "/servers/.", "/servers//start", "/servers/a b", "/servers/1\r\nX-Evil: 1", "/a\x00"]
)
async def test_a_path_that_an_id_has_bent_is_never_sent(path: str) -> None:
    seen: list[Request] = []
    with pytest.raises(ConfigurationError, match="no path"):
        await client(seen).call("DELETE", path)
    assert not seen


async def test_a_quoted_path_and_odd_parameters_arrive_as_they_were_meant() -> None:
    seen: list[Request] = []
    await client(seen).call("GET", "/servers/a%2Fb", params={"q": "a&b=c+d /é%2F"})
    assert str(seen[0].url).startswith("https://api.example/v1/servers/a%2Fb?")
    assert dict(seen[0].url.query) == {"q": "a&b=c+d /é%2F"}


@pytest.mark.parametrize("endpoint", ["http://[half", "nowhere", "/v1", "https://"])
def test_an_endpoint_that_is_no_url_is_told_before_any_request(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint"):
        Linode("token-4711", endpoint=endpoint)


async def test_a_linode_whose_id_is_a_path_touches_nothing_else() -> None:
    seen: list[Request] = []

    async def network(request: Request) -> Response:
        seen.append(request)
        return Response(status=200, body=b"{}")

    driver = Linode("token-4711", transport=network)
    await driver.destroy_node("7/../8")
    assert seen[0].url.raw_path == "/v4/linode/instances/7%2F..%2F8"
    with pytest.raises(ConfigurationError):
        await driver.destroy_node("")
    assert len(seen) == 1


# ---- waiting ----


class Watched(Linode):
    """A driver whose node is as `look` says, by the seconds since the beginning; each look takes a moment."""

    def __init__(self, look: Callable[[float], Any], took: float = 0.0) -> None:
        super().__init__("token-4711")
        self.look = look
        self.took = took
        self.looks: list[float] = []

    async def get_node(self, node: Node | str) -> Node:
        self.looks.append(anyio.current_time())
        await anyio.sleep(self.took)
        seen = self.look(self.looks[-1])
        if isinstance(seen, Exception):
            raise seen
        return Node(id="n-1", name="web", state=seen)


def until(driver: Watched, *states: NodeState, **options: float) -> tuple[Node | Exception, float]:
    async def go() -> tuple[Node | Exception, float]:
        try:
            return await driver.wait_until("n-1", *states, **options), anyio.current_time()
        except Exception as error:
            return error, anyio.current_time()

    return run(go())


PENDING, RUNNING, ERROR, TERMINATED = NodeState.PENDING, NodeState.RUNNING, NodeState.ERROR, NodeState.TERMINATED


def test_a_state_that_comes_just_before_the_end_is_seen() -> None:
    """The last look is at the end, and not up to fifteen seconds before it."""
    seen, ended = until(Watched(lambda now: RUNNING if now > 599 else PENDING))
    assert isinstance(seen, Node)
    assert ended == pytest.approx(600)


@pytest.mark.parametrize("timeout", [0.0, 0.4, 1.0, 7.0, 600.0])
def test_waiting_takes_as_long_as_was_said(timeout: float) -> None:
    error, ended = until(Watched(lambda now: PENDING), timeout=timeout)
    assert isinstance(error, WaitTimeoutError)
    assert ended == pytest.approx(timeout)


def test_a_look_that_hangs_does_not_outlast_the_wait_by_much() -> None:
    error, ended = until(Watched(lambda now: PENDING, took=10_000), timeout=60)
    assert isinstance(error, WaitTimeoutError)
    assert 60 <= ended <= 70


def test_passing_trouble_does_not_end_a_wait() -> None:
    trouble = ServiceUnavailableError("a moment", status=503)
    seen, _ = until(Watched(lambda now: trouble if now < 100 else RUNNING))
    assert isinstance(seen, Node)


def test_trouble_that_lasts_is_named_when_the_wait_is_over() -> None:
    trouble = ServiceUnavailableError("down for repairs", status=503)
    error, _ = until(Watched(lambda now: trouble))
    assert isinstance(error, WaitTimeoutError)
    assert "down for repairs" in str(error)
    assert error.__cause__ is trouble


def test_trouble_that_time_does_not_mend_ends_a_wait_at_once() -> None:
    error, ended = until(Watched(lambda now: InvalidCredsError("who?")))
    assert isinstance(error, InvalidCredsError)
    assert ended == 0


def test_a_broken_node_can_be_seen_to_its_end() -> None:
    seen, _ = until(Watched(lambda now: TERMINATED if now > 20 else ERROR), TERMINATED)
    assert isinstance(seen, Node)


def test_a_broken_node_will_not_run() -> None:
    error, ended = until(Watched(lambda now: ERROR))
    assert isinstance(error, NodeStateError)
    assert ended == 0


def test_a_state_that_comes_and_goes_is_taken_when_it_is_seen() -> None:
    seen, _ = until(Watched(lambda now: RUNNING if int(now) % 7 == 3 else NodeState.REBOOTING))
    assert isinstance(seen, Node)


def test_a_new_node_may_be_unseen_for_a_while_but_not_for_ever() -> None:
    missing = NotFoundError("no such node")
    assert isinstance(until(Watched(lambda now: missing if now < 20 else RUNNING))[0], Node)
    assert isinstance(until(Watched(lambda now: missing))[0], NotFoundError)


# ---- closing ----


async def test_a_driver_that_is_closed_opens_no_connection_behind_ones_back() -> None:
    async def hello(request: Request) -> Response:
        return Response(status=200, body=b'{"id": 1, "label": "web"}')

    async with serve(hello) as base:
        driver = Linode("token-4711", endpoint=str(base))
        async with driver:
            await driver.get_node("1")
        with pytest.raises(CloudError, match="closed"):
            await driver.get_node("1")
        await driver.aclose()


async def test_closing_while_a_request_is_under_way_ends_it_and_leaves_nothing_open() -> None:
    async def slow(request: Request) -> Response:
        await asyncio.sleep(5)
        return Response(status=200, body=b"{}")

    async with serve(slow) as base:
        driver = Linode("token-4711", endpoint=str(base))
        asking = asyncio.ensure_future(driver.get_node("1"))
        await asyncio.sleep(0.05)
        await driver.aclose()
        with pytest.raises(CloudError):
            await asyncio.wait_for(asking, 2)


async def test_an_application_session_that_was_closed_is_one_clear_error() -> None:
    import aiohttp

    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(CloudError, match=r"session .*closed") as caught:
        await Linode("token-4711", session=session).get_node("1")
    assert not caught.value.sent


def test_a_session_belongs_to_one_loop_and_says_so() -> None:
    shared = SharedSession()

    async def opened() -> None:
        shared.get()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(opened())
        with pytest.raises(ConfigurationError, match="event loop"):
            second.run(opened())
        first.run(shared.aclose())


# ---- secrets ----


class Plain(Driver):
    provider = "quay"
    title = "Quay"
    api = Api()


def test_the_password_of_a_proxy_is_in_no_error() -> None:
    driver = Plain(proxy="http://kim:tide%2Fand-harbour@proxy.example:3128")
    for text in ("tide/and-harbour", "tide%2Fand-harbour", "http://kim:tide%2Fand-harbour@proxy.example:3128"):
        assert "harbour" not in driver.redactor.clean(f"cannot reach {text}")


@pytest.mark.parametrize("value", [5, ["x"], {"env": "X"}])
def test_a_credential_that_is_no_text_is_a_clear_error_without_its_value(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"`token`.*text"):
        Plain().secret(value, "token")


def test_the_line_break_that_ends_a_credential_is_not_a_part_of_it() -> None:
    assert Plain().secret("tide-and-harbour\n", "token").reveal() == "tide-and-harbour"


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("timeout", "soon", "a number of seconds, not as str"),
        ("account", 5, "text, not as int"),
        ("endpoint", 5, "text, not as int"),
        ("proxy", 5, "text, not as int"),
        ("region", 5, "text, or several, not as int"),
        ("retry", {"attempts": 1}, "a Retry, not as dict"),
        ("limits", {"rate": 1}, "Limits, not as dict"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_at_once_and_named(name: str, value: Any, what: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Linode("tide", **{name: value})
    assert str(caught.value) == f"linode needs `{name}` as {what}"
