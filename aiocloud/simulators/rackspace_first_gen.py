"""Rackspace's first Cloud Servers in miniature: API 1.0, in JSON, behind a sign-in that answers in headers."""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias
from urllib.parse import unquote
from uuid import uuid4

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

Json: TypeAlias = dict[str, Any]

TENANT = "731020"
# id: name, RAM MiB, disk GB
FLAVORS = {
    1: ("256 server", 256, 10),
    2: ("512 server", 512, 20),
    3: ("1GB server", 1024, 40),
    4: ("2GB server", 2048, 80),
    5: ("4GB server", 4096, 160),
    6: ("8GB server", 8192, 320),
    7: ("15.5GB server", 15872, 620),
}
IMAGES = {
    3: "Gentoo 2008.0",
    4: "Debian 5.0 (lenny)",
    10: "Ubuntu 8.04.2 LTS (hardy)",
    14: "Red Hat EL 5.4",
    49: "Ubuntu 10.04 LTS (lucid)",
    51: "CentOS 5.5",
}
MOST = 1000
FAULTS = {400: "badRequest", 401: "unauthorized", 404: "itemNotFound", 405: "badMethod", 409: "buildInProgress"}
ROUTES = {
    # method and path: the verb that answers
    ("GET", r"/servers/detail"): "servers",
    ("POST", r"/servers"): "create",
    ("GET", r"/servers/(\w+)"): "server",
    ("DELETE", r"/servers/(\w+)"): "delete",
    ("POST", r"/servers/(\w+)/action"): "action",
    ("GET", r"/flavors/detail"): "flavors",
    ("GET", r"/images/detail"): "images",
    ("POST", r"/images"): "save",
    ("GET", r"/limits"): "limits",
}


class FaultError(Exception):
    """The API's no: a status, its word, and a sentence."""

    def __init__(self, status: int, message: str, *, word: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {word or FAULTS[status]: {"code": status, "message": message, **more}}


@dataclass(slots=True, kw_only=True)
class Server:
    """A server of the account."""

    id: int
    name: str
    image: int
    flavor: int
    number: int
    password: Secret
    metadata: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    state: Phases = field(default_factory=lambda: Phases("ACTIVE"))
    installed: int = 0

    @property
    def public(self) -> str:
        """Its public address."""
        return f"198.18.{self.number // 250}.{1 + self.number % 250}"

    @property
    def private(self) -> str:
        """Its address in Rackspace's own network."""
        return f"10.177.{self.number // 250}.{1 + self.number % 250}"


class RackspaceFirstGenSimulator(Simulator):
    """One account; tickets are good for `token_life` seconds."""

    provider = "rackspace_first_gen"
    facts = "Flavors and images as Rackspace's developer guide of 2009 and 2010 shows them."
    endpoint = "https://auth.api.rackspacecloud.com/v1.0"
    creates = "POST /servers"
    proof = "api_key"

    def __init__(self, *, token_life: float = 86400.0, **behaviour: Any) -> None:
        super().__init__(**behaviour)
        self.token_life = token_life
        self.servers: dict[int, Server] = {}
        self.pictures = dict(IMAGES)
        self.tickets: dict[str, Any] = {}
        self._numbers = itertools.count()

    @property
    def credentials(self) -> Mapping[str, str]:
        """A user's name and API key."""
        return {"username": "harbour", "api_key": "00112233445566778899aabbccddeeff"}

    # ---- for SSH ----

    def nodes(self) -> Iterable[Server]:
        """The servers."""
        return self.servers.values()

    def addresses(self, node: Server) -> tuple[str, ...]:
        """Public and private."""
        return (node.public, node.private) if self.servers.get(node.id) is node else ()

    def machine(self, node: Server) -> Machine:
        """Root is let in by the password that was made, and by what was put into its authorized_keys."""
        keys = node.files.get("/root/.ssh/authorized_keys", b"").decode("utf-8", "replace").splitlines()
        return Machine(
            id=str(node.id),
            name=node.name,
            running=node.state.seen(self.now()) == "ACTIVE",
            keys=tuple(keys),
            password=node.password,
            mark=node.installed,
        )

    def populate(self, count: int) -> None:
        """Add so many running servers."""
        for number in range(count):
            self._add(f"quay-{number}", 49, 1, {}, {})

    # ---- the wire ----

    def operation(self, request: Request) -> str:
        """The method and the path, with ids as {id}."""
        if "X-Auth-Key" in request.headers:
            return "sign in"
        path = self._path(request) or request.url.path
        return f"{request.method} {re.sub(r'/[0-9]+', '/{id}', path)}"

    def answer(self, request: Request) -> Response:
        """Sign somebody in, or do what is asked with a ticket."""
        try:
            if "X-Auth-User" in request.headers:
                return self._sign_in(request)
            return self._serve(request)
        except FaultError as fault:
            return _reply(fault.status, fault.body)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """413, with the moment from which requests are heard again."""
        seconds = math.ceil(retry_after)
        until = (self.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        fault = FaultError(413, "Too many requests...", word="overLimit", retryAfter=until)
        return _reply(413, fault.body, {"Retry-After": str(seconds)})

    def no_capacity(self, request: Request) -> Response:
        """Rackspace's word for it."""
        fault = FaultError(503, "There is no capacity for this server", word="serverCapacityUnavailable")
        return _reply(503, fault.body)

    def _sign_in(self, request: Request) -> Response:
        known = self.credentials
        if (request.headers["X-Auth-User"], request.headers.get("X-Auth-Key")) != (*known.values(),):
            plain = headers_of({"Content-Type": "text/plain"})
            return Response(status=401, headers=plain, body=b"Bad username or password")
        ticket = str(uuid4())
        self.tickets[ticket] = self.now() + timedelta(seconds=self.token_life)
        url = f"{request.url.origin()}/v1.0/{TENANT}"
        headers = {"X-Auth-Token": ticket, "X-Server-Management-Url": url, "Cache-Control": "s-maxage=86399"}
        return Response(status=204, headers=headers_of(headers), body=b"")

    def _path(self, request: Request) -> str | None:
        base, path = f"/v1.0/{TENANT}", request.url.path
        return path.removeprefix(base) if path.startswith(base) else None

    def _serve(self, request: Request) -> Response:
        until = self.tickets.get(request.headers.get("X-Auth-Token", ""))
        if until is None or self.now() >= until:
            raise FaultError(401, "Invalid authentication token. Please renew.")
        path = self._path(request)
        for (method, pattern), verb in ROUTES.items():
            match = re.fullmatch(pattern, unquote(path or ""))
            if match and method == request.method:
                serve: Callable[..., Response] = getattr(self, f"_{verb}")
                return serve(request, *match.groups())
        raise FaultError(404, "Not Found")

    # ---- verbs ----

    def _servers(self, request: Request) -> Response:
        return self._page(request, "servers", [self._shown(server) for server in self._there()])

    def _server(self, request: Request, number: str) -> Response:
        return _reply(200, {"server": self._shown(self._find(number))})

    def _flavors(self, request: Request) -> Response:
        rows = [{"id": each, "name": name, "ram": ram, "disk": disk} for each, (name, ram, disk) in FLAVORS.items()]
        return self._page(request, "flavors", rows)

    def _images(self, request: Request) -> Response:
        rows = [{"id": each, "name": name, "status": "ACTIVE"} for each, name in self.pictures.items()]
        return self._page(request, "images", rows)

    def _save(self, request: Request) -> Response:
        asked = _body(request, "image")
        server = self._find(str(asked.get("serverId")))
        number = max(self.pictures) + 1
        self.pictures[number] = str(asked.get("name"))
        saved = {"id": number, "name": asked.get("name"), "status": "SAVING", "progress": 0, "serverId": server.id}
        return _reply(202, {"image": saved})

    def _limits(self, request: Request) -> Response:
        absolute = {"maxTotalRAMSize": 51200, "maxIPGroups": 25, "maxIPGroupMembers": 25}
        return _reply(200, {"limits": {"rate": [], "absolute": absolute}})

    def _create(self, request: Request) -> Response:
        asked = _body(request, "server")
        name, image, flavor = (asked.get(word) for word in ("name", "imageId", "flavorId"))
        metadata, files = asked.get("metadata") or {}, asked.get("personality") or []
        if not name or image not in self.pictures or flavor not in FLAVORS:
            raise FaultError(400, "Cannot find requested image or flavor, or there is no name")
        if len(metadata) > 5 or len(files) > 5:
            raise FaultError(413, "Metadata or personality limit exceeded", word="overLimit")
        contents = {each["path"]: base64.b64decode(each["contents"]) for each in files}
        server = self._add(str(name), image, flavor, dict(metadata), contents)
        server.state.begin("BUILD", then="ACTIVE", at=self.now() + timedelta(seconds=self.boot))
        shown = {**self._shown(server), "adminPass": server.password.reveal(), "progress": 0}
        return _reply(202, {"server": shown})

    def _delete(self, request: Request, number: str) -> Response:
        del self.servers[self._find(number).id]
        return _reply(202, None)

    def _action(self, request: Request, number: str) -> Response:
        server = self._find(number)
        (word, argument), *_ = _body(request).items()
        soon = self.now() + timedelta(seconds=self.boot)
        match word:
            case "reboot":
                server.state.begin(
                    "HARD_REBOOT" if argument.get("type") == "HARD" else "REBOOT", then="ACTIVE", at=soon
                )
            case "rebuild":
                server.image, server.installed = argument["imageId"], server.installed + 1
                server.state.begin("REBUILD", then="ACTIVE", at=soon)
            case "resize" if argument.get("flavorId") in FLAVORS:
                server.flavor = argument["flavorId"]
                server.state.begin("RESIZE", then="VERIFY_RESIZE", at=soon)
            case "confirmResize" | "revertResize":
                server.state.begin("ACTIVE")
            case _:
                raise FaultError(400, f"There is no such server action: {word}")
        return _reply(204 if word == "confirmResize" else 202, None)

    # ---- the world ----

    def _add(self, name: str, image: int, flavor: int, metadata: dict[str, str], files: dict[str, bytes]) -> Server:
        number = next(self._numbers)
        password = Secret(f"{name}{uuid4().hex[:8]}")
        server = Server(
            id=501 + number, name=name, image=image, flavor=flavor, number=number, password=password,
            metadata=metadata, files=files,
        )  # fmt: skip
        self.servers[server.id] = server
        return server

    def _there(self) -> list[Server]:
        return list(self.servers.values())

    def _find(self, number: str) -> Server:
        server = self.servers.get(int(number)) if number.isdecimal() else None
        if server is None:
            raise FaultError(404, "Not Found")
        return server

    def _shown(self, server: Server) -> Json:
        return {
            "id": server.id,
            "name": server.name,
            "imageId": server.image,
            "flavorId": server.flavor,
            "hostId": f"{server.id:032x}",
            "status": server.state.seen(self.now()),
            "progress": 100,
            "addresses": {"public": [server.public], "private": [server.private]},
            "metadata": server.metadata,
        }

    def _page(self, request: Request, what: str, rows: list[Json]) -> Response:
        offset, limit = int(request.url.query.get("offset", 0)), int(request.url.query.get("limit", MOST))
        if limit > MOST:
            raise FaultError(413, "The limit is too high", word="overLimit")
        return _reply(203, {what: rows[offset : offset + limit]})


def _body(request: Request, word: str | None = None) -> Json:
    try:
        said = json.loads(request.body)
        found: Json = said[word] if word else said
    except (ValueError, KeyError, TypeError):
        raise FaultError(400, "The server could not comply with the request") from None
    return found


def _reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    known = {"Content-Type": "application/json", **(headers or {})}
    return Response(status=status, headers=headers_of(known), body=json.dumps(body).encode() if body else b"")
