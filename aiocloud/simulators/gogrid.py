"""GoGrid in miniature: API version 1.8, as JSON.

Of what it says in its refusals, "No object found that matches your input criteria." and the page of the gateway are
GoGrid's own; the other sentences are ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Address
from itertools import count, cycle
from math import ceil
from typing import Any
from urllib.parse import parse_qsl

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

Json = dict[str, Any]

BASE = "/api"
CENTRES = {1: "US-West-1", 2: "US-East-1", 3: "EU-West-1"}
RAM = {1: "512MB", 2: "1GB", 3: "2GB", 4: "4GB", 5: "8GB", 8: "16GB", 9: "24GB"}
STATES = ("On", "Starting", "Off", "Stopping", "Restarting")
# id, name, friendly name, operating system, bits
IMAGES = (
    (1531, "GSI-f8979644-e646-4711-ad58-d98a5fa3612c", "CentOS 5.3 (32-bit) w/ None", "CentOS 5.3 (32-bit)", 32),
    (1532, "centos5.3_64", "CentOS 5.3 (64-bit) w/ None", "CentOS 5.3 (64-bit)", 64),
    (1640, "rhel5.4_64", "Red Hat Enterprise Linux 5.4 (64-bit)", "RHEL 5.4 (64-bit)", 64),
    (1702, "win2008_64", "Windows 2008 Server (64-bit)", "Windows 2008 Server (64-bit)", 64),
)
PUBLIC = int(IPv4Address("198.18.0.0"))
SPAN = 2**14
"""How many addresses a data centre may have."""


@dataclass(slots=True)
class Server:
    """A machine. It has its number from the start, which nobody is told for a while."""

    id: int
    name: str
    ram: str
    image: int
    ip: str
    centre: int
    description: str
    sandbox: bool
    password: str
    phases: Phases


class RefusedError(Exception):
    """The API's no."""

    def __init__(self, message: str, *, word: str = "IllegalArgumentException", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.word = word
        self.status = status


class GoGridSimulator(Simulator):
    """One account with servers, and `spare` free addresses in each data centre.

    No answer to a create tells the server's number: that is told after `numbering` seconds, as its password is. For
    `hidden` seconds the server is not even listed. `super_user` tells whether the key's role may see passwords.
    Operations are named by their paths.
    """

    provider = "gogrid"
    endpoint = "https://api.gogrid.com/api"
    creates = "/grid/server/add"
    proof = "shared_secret"
    as_of = date(2011, 1, 18)
    facts = "Data centres and RAM options as clients of 2011 recorded them; a few images of that time, partly invented."

    def __init__(
        self,
        *,
        api_key: str = "4f1c2ab9d0e37788",
        shared_secret: str = "tr0ub4dor",  # noqa: S107 - opens nothing
        super_user: bool = True,
        spare: int = 16,
        hidden: float = 0.0,
        numbering: float = 0.0,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._key, self._secret = api_key, shared_secret
        self.super_user = super_user
        self.hidden = hidden
        self.numbering = numbering
        self.servers: dict[int, Server] = {}
        self.images = {each[0]: _image(*each) for each in IMAGES}
        self.spare = {centre: [_address(centre, n) for n in range(1, spare + 1)] for centre in CENTRES}
        self._more = count(spare + 1)
        self._ids = count(71001)
        self._visible: dict[int, Any] = {}

    @property
    def credentials(self) -> Mapping[str, str]:
        """The key and its secret."""
        return {"api_key": self._key, "shared_secret": self._secret}

    # ---- the world ----

    def nodes(self) -> Iterable[Server]:
        """The servers."""
        return self.servers.values()

    def addresses(self, node: Server) -> tuple[str, ...]:
        """The one that it has."""
        return (node.ip,) if node.id in self.servers else ()

    def machine(self, node: Server) -> Machine:
        """A server lets in root, by a password that GoGrid made."""
        running = node.phases.seen(self.now()) == "On"
        return Machine(id=str(node.id), name=node.name, running=running, password=Secret(node.password))

    def populate(self, count: int) -> None:
        """Add so many running servers, spread over data centres and sizes."""
        for number, centre, ram in zip(range(count), cycle(CENTRES), cycle(RAM.values()), strict=False):
            address = _address(centre, next(self._more))
            self._place(f"server{number}", ram, IMAGES[1][0], address, centre).phases = Phases("On")

    def _place(self, name: str, ram: str, image: int, ip: str, centre: int) -> Server:
        new = next(self._ids)
        password = f"x{new}Yq"
        self.servers[new] = Server(new, name, ram, image, ip, centre, "", False, password, Phases("On"))
        return self.servers[new]

    # ---- the front door ----

    def operation(self, request: Request) -> str:
        """The path behind /api: "/grid/server/add"."""
        return request.url.path.removeprefix(BASE)

    def answer(self, request: Request) -> Response:
        """Check the signature, and do what is asked."""
        given = dict(parse_qsl(request.body.decode("utf-8", "replace"))) | dict(request.url.query)
        path = self.operation(request)
        if not self._signed(given):
            return _gateway("ERR_403_NOT_AUTHORIZED", "403 Not Authorized")
        try:
            work = ROUTES.get(path)
            if work is None or not request.url.path.startswith(BASE):
                raise RefusedError("There is no such method", status=404)
            found = list(work(self, given))
            return _reply(path, *_page(found, given))
        except RefusedError as error:
            told = {"object": "error", "errorcode": error.word, "message": error.message}
            return _reply(path, [told], 1, 0, status=error.status, verdict="failure")

    def throttled(self, request: Request, retry_after: float) -> Response:
        """The gateway's 403. Its word is one that such gateways usually have."""
        headers = {"Retry-After": str(max(1, ceil(retry_after)))}
        return _gateway("ERR_403_DEVELOPER_OVER_QPS", "403 Developer Over Qps", headers)

    def no_capacity(self, request: Request) -> Response:
        """400; no record tells the words."""
        told = {"object": "error", "errorcode": "IllegalArgumentException", "message": "Not enough capacity"}
        return _reply(self.creates, [told], 1, 0, status=400, verdict="failure")

    def _signed(self, given: Mapping[str, str]) -> bool:
        """Whether the signature is of a second that is near enough."""
        if given.get("api_key") != self._key:
            return False
        now = int(self.now().timestamp())
        return any(
            hmac.compare_digest(self._signature(now + sign * off), given.get("sig", ""))
            for off in range(601)
            for sign in (1, -1)
        )

    def _signature(self, moment: int) -> str:
        return hashlib.md5(f"{self._key}{self._secret}{moment}".encode()).hexdigest()  # noqa: S324 - what GoGrid asks for

    # ---- what can be asked ----

    def _find(self, given: Mapping[str, str]) -> Server:
        for server in self.servers.values():
            number = str(server.id) if self._numbered(server) else ""
            known = {"id": {number}, "name": {server.name}, "server": {number, server.name}}
            if any(given.get(key) in values - {""} for key, values in known.items()):
                return server
        raise RefusedError("No object found that matches your input criteria.")

    def _numbered(self, server: Server) -> bool:
        return server.phases.seen(self.now()) != "new"

    def _list(self, given: Mapping[str, str]) -> Iterator[Json]:
        centre = self._centre(given)
        for server in list(self.servers.values()):
            if centre in (None, server.centre) and self._visible.get(server.id, self.now()) <= self.now():
                yield self._show(server)

    def _get(self, given: Mapping[str, str]) -> Iterator[Json]:
        yield self._show(self._find(given))

    def _add(self, given: Mapping[str, str]) -> Iterator[Json]:
        name, ip = given.get("name", ""), given.get("ip", "")
        ram = given.get("server.ram", "")
        ram = RAM.get(int(ram), "") if ram.isdecimal() else ram
        image = next((i for i, each in self.images.items() if given.get("image") in (str(i), each["name"])), None)
        if not 0 < len(name) <= 20:
            raise RefusedError("A server's name has 1 to 20 characters")
        if ram not in RAM.values() or image is None:
            raise RefusedError("Invalid value for server.ram or image")
        if any(server.name == name for server in self.servers.values()):
            raise RefusedError(f"A server with the name {name} already exists")
        centre = next((c for c, spare in self.spare.items() if ip in spare), None)
        if centre is None:
            raise RefusedError(f"The ip {ip} is already in use, or not yours")
        self.spare[centre].remove(ip)
        server = self._place(name, ram, image, ip, centre)
        server.description = given.get("description", "")
        server.sandbox = given.get("isSandbox") == "true"
        self._visible[server.id] = self.after(self.hidden)
        server.phases = _Booting(self.after(self.numbering), self.after(self.boot))
        yield {key: value for key, value in self._show(server).items() if key not in ("id", "state")}

    def _power(self, given: Mapping[str, str]) -> Iterator[Json]:
        server = self._find(given)
        steps = {"stop": ("Stopping", "Off"), "start": ("Starting", "On"), "restart": ("Restarting", "On")}
        if given.get("power") not in steps:
            raise RefusedError("Invalid value for power")
        state, then = steps[given["power"]]
        server.phases = Phases(server.phases.seen(self.now()))
        server.phases.begin(state, then=then, at=self.after(self.boot / 5))
        yield self._show(server)

    def _delete(self, given: Mapping[str, str]) -> Iterator[Json]:
        server = self._find(given)
        shown = self._show(server)
        del self.servers[server.id]
        self.spare[server.centre].append(server.ip)
        yield shown

    def _edit(self, given: Mapping[str, str]) -> Iterator[Json]:
        server = self._find(given)
        if given.get("server.ram", server.ram) not in RAM.values():
            raise RefusedError("Invalid value for server.ram")
        server.ram = given.get("server.ram", server.ram)
        server.description = given.get("description", server.description)
        yield self._show(server)

    def _images(self, given: Mapping[str, str]) -> Iterator[Json]:
        self._centre(given)
        wanted = given.get("state")
        return (each for each in list(self.images.values()) if wanted in (None, each["state"]["name"]))

    def _save_image(self, given: Mapping[str, str]) -> Iterator[Json]:
        server, new = self._find(given), next(self._ids)
        system = self.images[server.image]["os"]["name"]
        self.images[new] = _image(new, f"saved-{new}", given.get("friendlyName", ""), system, 64, public=False)
        yield self.images[new]

    def _delete_image(self, given: Mapping[str, str]) -> Iterator[Json]:
        image = self.images.get(int(given["id"]) if given.get("id", "").isdecimal() else 0)
        if image is None or image["isPublic"]:
            raise RefusedError("No object found that matches your input criteria.")
        yield self.images.pop(image["id"])

    def _ips(self, given: Mapping[str, str]) -> Iterator[Json]:
        centre = self._centre(given)
        used = [(server.ip, server.centre, 2, "Assigned") for server in self.servers.values()]
        free = [(ip, each, 1, "Unassigned") for each, spare in self.spare.items() for ip in spare]
        for ip, where, number, state in (*used, *free):
            if given.get("ip.state") in (None, state) and centre in (None, where):
                yield _ip(ip) | {"state": _option(number, state), "datacenter": _option(where, CENTRES[where])}

    def _lookup(self, given: Mapping[str, str]) -> Iterator[Json]:
        centres = dict.fromkeys(("ip.datacenter", "server.datacenter", "datacenter"), CENTRES)
        table = {**centres, "server.ram": RAM}.get(given.get("lookup", ""))
        if table is None:
            raise RefusedError("No object found that matches your input criteria.")
        return (_option(number, name) for number, name in table.items())

    def _passwords(self, given: Mapping[str, str]) -> Iterator[Json]:
        if not self.super_user:
            raise RefusedError("The role of the key lacks this right", word="UnauthorizedException", status=401)
        yield {"object": "password", "id": 1, "applicationtype": "cloudstorage", "username": "c", "password": "none-1"}
        for server in self.servers.values():
            if self._numbered(server):
                about = {"id": server.id, "name": server.name}
                row = {"object": "password", "id": server.id + 10**6, "applicationtype": "os", "username": "root"}
                yield row | {"password": server.password, "server": about}

    def _nothing(self, given: Mapping[str, str]) -> Iterator[Json]:
        yield from ()

    def _centre(self, given: Mapping[str, str]) -> int | None:
        text = given.get("datacenter")
        if text is None:
            return None
        for number, name in CENTRES.items():
            if text in (str(number), name):
                return number
        raise RefusedError("Invalid value for datacenter")

    def _show(self, server: Server) -> Json:
        state = server.phases.seen(self.now())
        shown = {
            "object": "server",
            "name": server.name,
            "description": server.description,
            "isSandbox": server.sandbox,
            "ip": _ip(server.ip) | {"state": _option(2, "Assigned")},
            "ram": _option(next(number for number, name in RAM.items() if name == server.ram), server.ram),
            "type": _option(1, "Web Server"),
            "os": self.images[server.image]["os"] if server.image in self.images else None,
            "datacenter": _option(server.centre, CENTRES[server.centre]),
            "image": self.images.get(server.image, {"id": server.image, "name": "gone"}),
        }
        return shown if state == "new" else shown | {"id": server.id, "state": _option(STATES.index(state) + 1, state)}


class _Booting(Phases):
    """First without number and state, then starting, then on."""

    def __init__(self, numbered: Any, done: Any) -> None:
        super().__init__("new")
        self.begin("new", then="Starting", at=numbered)
        self._done = done

    def seen(self, now: Any) -> str:
        """What an observer sees."""
        if super().seen(now) == "Starting" and now >= self._done:
            self.current = "On"
        return self.current


ROUTES: Mapping[str, Callable[[GoGridSimulator, Mapping[str, str]], Iterable[Json]]] = {
    "/grid/server/list": GoGridSimulator._list,
    "/grid/server/get": GoGridSimulator._get,
    "/grid/server/add": GoGridSimulator._add,
    "/grid/server/edit": GoGridSimulator._edit,
    "/grid/server/power": GoGridSimulator._power,
    "/grid/server/delete": GoGridSimulator._delete,
    "/grid/image/list": GoGridSimulator._images,
    "/grid/image/save": GoGridSimulator._save_image,
    "/grid/image/delete": GoGridSimulator._delete_image,
    "/grid/ip/list": GoGridSimulator._ips,
    "/grid/job/list": GoGridSimulator._nothing,
    "/grid/loadbalancer/list": GoGridSimulator._nothing,
    "/common/lookup/list": GoGridSimulator._lookup,
    "/support/password/list": GoGridSimulator._passwords,
}


def _option(number: int, name: str) -> Json:
    return {"object": "option", "id": number, "name": name, "description": name}


def _ip(address: str) -> Json:
    number = int(IPv4Address(address)) - PUBLIC
    return {"object": "ip", "id": 880000 + number, "ip": address, "public": True}


def _address(centre: int, number: int) -> str:
    return str(IPv4Address(PUBLIC + centre * SPAN + number % SPAN))


def _image(number: int, name: str, friendly: str, system: str, bits: int, *, public: bool = True) -> Json:
    return {
        "object": "serverimage",
        "id": number,
        "name": name,
        "friendlyName": friendly,
        "description": friendly,
        "isActive": True,
        "isPublic": public,
        "os": _option(number, system),
        "architecture": _option(bits // 32, f"{bits}-bit"),
        "owner": {"object": "customer", "id": -1, "name": "GoGrid"},
        "price": 0,
        "state": _option(2, "Available"),
        "type": _option(1, "Web Server"),
        "updatedTime": 1293840000000,
    }


def _page(found: list[Json], given: Mapping[str, str]) -> tuple[list[Json], int, int]:
    """The objects of the page that was asked for, how many there are in all, and on how many pages."""
    size, number = given.get("num_items", ""), given.get("page", "0")
    if not size.isdecimal() or not int(size):
        return found, len(found), 0
    begin = int(size) * (int(number) if number.isdecimal() else 0)
    return found[begin : begin + int(size)], len(found), ceil(len(found) / int(size))


def _reply(
    path: str, found: list[Json], total: int, pages: int, *, status: int = 200, verdict: str = "success"
) -> Response:
    summary = {"total": total, "start": 0, "returned": len(found), "numpages": pages}
    body = {"status": verdict, "method": path, "summary": summary, "list": found}
    # What is JSON is called HTML: that is how it was.
    headers = headers_of({"Content-Type": "text/html; charset=UTF-8"})
    return Response(status=status, headers=headers, body=json.dumps(body).encode())


def _gateway(word: str, title: str, more: Mapping[str, str] | None = None) -> Response:
    headers = {"Content-Type": "text/xml", "X-Mashery-Error-Code": word, **(more or {})}
    return Response(status=403, headers=headers_of(headers), body=f"<h1>{title}</h1>".encode())
