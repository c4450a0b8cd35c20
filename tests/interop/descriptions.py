"""Requests held against descriptions of an API that others made, and a walk through all that a driver can be asked."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from aiocloud.driver import Compute
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.server import serve
from tests.interop.conftest import official

jsonschema = official("jsonschema")

VERB = re.compile(r"(create|delete|destroy|ex|forget|get|list|reboot|start|stop)_\w+|import_key_pair_from_string")


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that an API can be asked.

    `body` is the JSON Schema of what it is told; None: it is told nothing. With `raw` it is told bytes, any of them.
    """

    method: str
    path: str
    query: frozenset[str] = frozenset()
    body: Mapping[str, Any] | None = None
    raw: bool = False

    def matches(self, request: Request) -> bool:
        """Whether it is what the request asks."""
        pattern = re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(self.path))
        return self.method == request.method and re.fullmatch(pattern, request.url.raw_path) is not None

    def faults(self, request: Request) -> Iterator[str]:
        """What is wrong with a request for it."""
        for name in sorted(set(request.url.query) - self.query):
            yield f"{self}: the parameter {name!r} is unknown"
        if self.raw:
            return
        told = json.loads(request.body or b"{}")
        if self.body is None:
            yield from [f"{self}: nothing can be told, and {told} is"] if told else []
            return
        for error in jsonschema.Draft202012Validator(self.body).iter_errors(told):
            yield f"{self}: {error.json_path}: {error.message}"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Description:
    """All that an API can be asked, as far as somebody has described it."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        # What is written out goes before what is left open: /droplets/actions is no droplet.
        self.operations = sorted(operations, key=lambda operation: operation.path.count("{"))

    def operation(self, request: Request) -> Operation | None:
        """What the request asks."""
        return next((each for each in self.operations if each.matches(request)), None)

    def faults(self, request: Request) -> list[str]:
        """What is wrong with the request."""
        found = self.operation(request)
        if found is None:
            return [f"{request.method} {request.url.raw_path} is not described"]
        return list(found.faults(request))


@dataclass(slots=True)
class Walk:
    """A driver that is asked all it can be asked, and what is wrong with the requests that come of it."""

    simulator: Simulator
    description: Description
    faults: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)

    async def __call__(self, request: Request) -> Response:
        """The transport: to the simulator, past the description."""
        self.faults += self.description.faults(request)
        self.asked.add(str(self.description.operation(request)))
        return await self.simulator(request)

    async def through(self, driver: Compute, steps: Callable[[Any], Awaitable[None]]) -> None:
        """Take the steps with the driver. Each verb must be among them."""
        async with driver:
            await steps(Counted(driver, self.called))
        verbs = {name for name in dir(driver) if VERB.fullmatch(name) and callable(getattr(driver, name))}
        left = verbs - self.called - {"create_key_pair"}  # none of these APIs makes keys for others
        assert not left, left


class Counted:
    """A driver whose methods are written down as they are called."""

    def __init__(self, driver: Compute, called: set[str]) -> None:
        self._driver, self._called = driver, called

    def __getattr__(self, name: str) -> Any:
        self._called.add(name)
        return getattr(self._driver, name)


def closed(properties: Mapping[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    """The schema of an object that has these properties, and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": sorted(required),
        "additionalProperties": False,
    }


def like(examples: Iterable[Any], free: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The schema of what looks like these examples: the same keys and kinds, any of them left out.

    What stands under a key in `free` may have keys of any name.
    """
    seen = list(examples)
    if seen and all(isinstance(each, dict) for each in seen):
        keys = {key for each in seen for key in each}
        known = {key: like((each[key] for each in seen if key in each), free) for key in keys}
        for key in keys & free:
            values = [value for each in seen for value in each.get(key, {}).values()]
            known[key] = {"type": "object", "additionalProperties": like(values, free)}
        return closed(known)
    if seen and all(isinstance(each, list) for each in seen):
        return {"type": "array", "items": like((item for each in seen for item in each), free)}
    kinds = {_kind(each) for each in seen}
    return {"type": sorted(kinds)} if kinds else {}


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "integer", str: "string", type(None): "null", dict: "object", list: "array"}
    return names[type(value)]


ID = re.compile(r"(?<=/)(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+\.\d+\.\d+\.\d+)(?=/|$)")
"""What names one thing in a path: a number, a UUID or an address."""


def learnt(requests: Iterable[Request], free: frozenset[str] = frozenset()) -> list[Operation]:
    """What an API can be asked, as far as a client did: it knows no more than what was seen."""
    groups: dict[tuple[str, str], list[Request]] = {}
    for request in requests:
        groups.setdefault((request.method, ID.sub("{id}", request.url.raw_path)), []).append(request)
    return [_learnt(*name, seen, free) for name, seen in groups.items()]


def _learnt(method: str, path: str, seen: list[Request], free: frozenset[str]) -> Operation:
    told = [json.loads(request.body) for request in seen if request.body]
    query = frozenset(name for request in seen for name in request.url.query)
    return Operation(method, path, query, like(told, free) if any(told) else None)


async def asked_by(client: Callable[[str], Any], calls: Iterable[Callable[[Any], Any]]) -> list[Request]:
    """What a client for that URL asks when it is called so. It is answered nothing, at which it may stumble."""
    seen: list[Request] = []

    async def listen(request: Request) -> Response:
        seen.append(request)
        return Response(status=200, headers=headers_of({"Content-Type": "application/json"}), body=b"{}")

    def session(url: str) -> None:
        made = client(url)
        for number, call in enumerate(calls):
            before = len(seen)
            with suppress(KeyError, TypeError, AttributeError):
                call(made)
            assert len(seen) > before, f"call {number} asked nothing"

    async with serve(listen) as base:
        await asyncio.to_thread(session, str(base).rstrip("/"))
    return seen


def asking(method: str, path: str, body: Any = None) -> Request:
    """A request, as the tests of the descriptions themselves make it."""
    told = json.dumps(body).encode() if body is not None else b""
    return Request(method=method, url=URL(f"https://api.test{path}"), body=told)
