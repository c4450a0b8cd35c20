"""How a question reaches one of the cloud's services, and how its answer or its failure is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.openstack.world import Cloud, Region, Token

Payload: TypeAlias = dict[str, Any]
Microversion: TypeAlias = tuple[int, int]
T = TypeVar("T")

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
}


class Failure(Exception):  # noqa: N818 - the answer "no", not a fault of this program
    """The service's no; `kind` is Neutron's name for it."""

    def __init__(self, status: int, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


@dataclass
class Ask:
    """One question to one service: who asks, where, and in which version of the API.

    `root` is the URL of the service without its version, `base` the one with it.
    """

    request: Request
    cloud: Cloud
    region: Region
    root: str
    base: str
    path: str
    version: Microversion = (2, 1)
    params: Mapping[str, str] = field(default_factory=dict)
    token: Token | None = None

    @property
    def origin(self) -> str:
        """The scheme, host and port under which this cloud was asked."""
        return str(self.request.url.origin())

    @property
    def now(self) -> datetime:
        """The world's time."""
        return self.cloud.now()

    @property
    def project(self) -> str:
        """The id of the project for which the token is good."""
        if self.token is None or self.token.project is None:
            raise Failure(403, "Policy doesn't allow this operation to be performed without a project.")
        return self.token.project.id

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query's values; of one that is repeated, the first."""
        return dict(reversed(list(self.request.url.query.items())))

    @cached_property
    def body(self) -> Payload:
        """The body as an object."""
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError:
            raise Failure(400, "Malformed request body") from None
        if not isinstance(body, dict):
            raise Failure(400, "Malformed request body")
        return body

    def part(self, name: str) -> Payload:
        """The object that the body has under `name`."""
        part = self.body.get(name)
        if not isinstance(part, dict):
            raise Failure(400, f"Invalid input for field/attribute {name}. '{name}' is a required property")
        return part


Handler: TypeAlias = Callable[[Ask], Response]


def reply(status: int, payload: Any = None, **headers: str) -> Response:
    """An answer in JSON, or without a body; `headers` have underscores for dashes."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    fields["x-openstack-request-id"] = f"req-{uuid4()}"
    if payload is None:
        return Response(status=status, headers=headers_of(fields))
    fields["Content-Type"] = "application/json"
    return Response(status=status, headers=headers_of(fields), body=json.dumps(payload).encode())


def stamp(moment: datetime) -> str:
    """A time as most of OpenStack writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path with {names}, and who answers it in which microversions."""

    method: str
    pattern: str
    parts: tuple[str, ...]
    handler: Handler
    since: Microversion
    until: Microversion
    public: bool

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """The path's names, if it is one of this route's."""
        names: dict[str, str] = {}
        for part, given in zip(self.parts, path, strict=True):
            if part[:1] == "{":
                names[part[1:-1]] = given
            elif part != given:
                return None
        return names


Renderer: TypeAlias = Callable[[Ask, Failure], Response]


class Service:
    """A table of routes, and the way in which one service writes its failures."""

    def __init__(self, name: str, render: Renderer) -> None:
        self.name = name
        self.render = render
        self._routes: dict[tuple[str, int], list[Route]] = {}

    def route(
        self,
        spec: str,
        *,
        since: Microversion = (2, 0),
        until: Microversion = (2, 9999),
        public: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Let the decorated function answer `spec` ("GET /servers/{id}"); `public` needs no token."""
        method, _, pattern = spec.partition(" ")

        def add(handler: Handler) -> Handler:
            parts = tuple(pattern.split("/")[1:])
            self._routes.setdefault((parts[0], len(parts)), []).append(
                Route(method, pattern, parts, handler, since, until, public)
            )
            return handler

        return add

    def candidates(self, path: str) -> Iterable[tuple[Route, dict[str, str]]]:
        """The routes whose pattern the path has, whatever their method and version."""
        parts = path.split("/")[1:]
        for route in self._routes.get((parts[0], len(parts)), ()):
            names = route.match(parts)
            if names is not None:
                yield route, names

    def find(self, method: str, path: str, version: Microversion) -> tuple[Route, dict[str, str]]:
        """The route for a question. Raises Failure 404 or 405."""
        known = list(self.candidates(path))
        for route, names in known:
            if route.method == method and route.since <= version <= route.until:
                return route, names
        if known and all(route.method != method for route, _ in known):
            raise Failure(405, "The method is not allowed for this resource.")
        if known:
            number = ".".join(map(str, version))
            raise Failure(404, f"API version {number} is not supported on this method.")
        raise Failure(404, "The resource could not be found.")


def page(items: Sequence[T], key: Callable[[T], str], ask: Ask, *, default: int, most: int) -> list[T]:
    """The items after the query's marker, as many as its limit permits. Raises Failure 400."""
    start, limit = 0, page_size(ask, default=default, most=most)
    marker = ask.query.get("marker")
    if marker is not None:
        start = next((at + 1 for at, item in enumerate(items) if key(item) == marker), -1)
        if start < 0:
            raise Failure(400, f"marker [{marker}] not found")
    return list(items[start : start + limit])


def page_size(ask: Ask, *, default: int, most: int) -> int:
    """How many items the query's limit permits. Raises Failure 400."""
    given = ask.query.get("limit", str(default))
    if not given.isdecimal():
        raise Failure(400, f"Invalid input for query parameters limit. Value: {given}.")
    return min(int(given), most)


def next_link(ask: Ask, shown: Sequence[T], key: Callable[[T], str], *, default: int, most: int) -> list[Payload]:
    """The link to the next page after a full one: as in life, there may be nothing on it."""
    if not shown or len(shown) < page_size(ask, default=default, most=most):
        return []
    url = ask.request.url.update_query({"marker": key(shown[-1])})
    return [{"rel": "next", "href": str(url)}]
