"""DreamHost Private Servers in miniature: one URL, commands in a form, and errors in HTTP 200."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count, cycle, islice
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine

Form: TypeAlias = Mapping[str, str]

BEFORE = datetime(2010, 9, 2, tzinfo=UTC)
IMAGES = {"web": "Private server for web sites", "mysql": "Private server for MySQL"}
LEAST, MOST, USUAL = 300, 4000, 2300
SETTINGS = {
    "apache2_enabled": "1",
    "comment": "",
    "courier_enabled": "1",
    "lighttpd_enabled": "0",
    "modphp_selected": "0",
    "php_cache_xcache": "0",
    "proftpd_enabled": "1",
}


class RejectedError(Exception):
    """The API's no, which is a word."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(slots=True, kw_only=True)
class PrivateServer:
    """A machine, or the order of one."""

    ps: str
    type: str
    memory: int
    address: str
    started: datetime
    account: str = "310027"
    phases: Phases = field(default_factory=lambda: Phases("there"))
    settings: dict[str, str] = field(default_factory=SETTINGS.copy)


class DreamHostSimulator(Simulator):
    """A DreamHost account of 2010. `servers` are its machines and orders, by the names of the machines."""

    provider = "dreamhost"
    endpoint = "https://api.dreamhost.com/"
    creates = "dreamhost_ps-add_ps"
    proof = "api_key"
    unknown_node = "ps99999"
    findable = False
    named = False
    unpaged = 2  # machines, and orders
    as_of = date(2010, 9, 2)
    facts = "The sizes are those that libcloud had of DreamHost in 2010; the API told neither them nor prices."

    def __init__(self, *, api_key: str = "7QK2ZP4M9XW3R8TB", **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self.servers: dict[str, PrivateServer] = {}
        self._used: set[str] = set()
        self._numbers, self._addresses = count(48213), count(0xC6120000 + 1)  # 198.18/15, which is nobody's

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API key."""
        return {"api_key": self._key}

    def nodes(self) -> Iterable[PrivateServer]:
        """Machines and orders."""
        return self.servers.values()

    def addresses(self, node: PrivateServer) -> list[str]:
        """Its one address, from when it is set up."""
        there = self.servers.get(node.ps) is node and not self.pending(node)
        return [node.address] if there else []

    def machine(self, node: PrivateServer) -> Machine:
        """A machine, as its SSH server knows it."""
        running = node.phases.seen(self.now()) == "there"
        return Machine(id=node.ps, name=node.ps, running=running, mark=node.started)

    def populate(self, count: int) -> None:
        """So many machines of both types."""
        for kind in islice(cycle(IMAGES), count):
            self.place(kind, 600, BEFORE)

    def operation(self, request: Request) -> str:
        """The command."""
        return _form(request).get("cmd", "")

    def answer(self, request: Request) -> Response:
        """Do what is commanded; the status is always 200."""
        form = _form(request)
        try:
            return _reply({"result": "success", "data": self._obey(form)})
        except RejectedError as error:
            return _reply({"result": "error", "data": error.word})

    def throttled(self, request: Request, retry_after: float) -> Response:
        """A word; how long to wait is not told."""
        return _reply({"result": "error", "data": "slow_down_bucko"})

    def no_capacity(self, request: Request) -> Response:
        """A guess at the word."""
        return _reply({"result": "error", "data": "no_capacity"})

    def _obey(self, form: Form) -> Any:
        if form.get("key") != self._key:
            raise RejectedError("invalid_api_key" if form.get("key") else "no_key")
        command, mark = COMMANDS.get(form.get("cmd", "")), form.get("unique_id")
        if command is None:
            raise RejectedError("unknown_cmd" if form.get("cmd") else "no_cmd")
        if not mark:
            raise RejectedError("no_unique_id")
        if mark in self._used:
            raise RejectedError("unique_id_already_used")
        data = command(self, form)
        self._used.add(mark)
        return data

    # ---- the world ----

    def place(self, kind: str, memory: int, at: datetime) -> PrivateServer:
        """Put a machine into the world."""
        name, number = f"ps{next(self._numbers)}", next(self._addresses)
        address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        server = PrivateServer(ps=name, type=kind, memory=memory, address=address, started=at)
        self.servers[name] = server
        return server

    def pending(self, server: PrivateServer) -> bool:
        """Whether it is an order still."""
        return server.phases.seen(self.now()) == "ordered"

    def find(self, form: Form) -> PrivateServer:
        """The machine that the form names."""
        name = form.get("ps")
        if not name or name not in self.servers:
            raise RejectedError("no_such_ps" if name else "no_ps")
        return self.servers[name]


# ---- the commands ----


def _list(world: DreamHostSimulator, form: Form) -> list[dict[str, Any]]:
    return [
        {
            "account_id": server.account,
            "ps": server.ps,
            "type": server.type,
            "memory_mb": str(server.memory) if server.type == "web" else server.memory,
            "start_date": server.started.date().isoformat(),
            "ip": server.address,
        }
        for server in world.servers.values()
        if not world.pending(server)
    ]


def _list_pending(world: DreamHostSimulator, form: Form) -> list[dict[str, Any]]:
    return [
        {"account_id": server.account, "ip": server.address, "type": server.type, "stamp": _stamp(server.started)}
        for server in world.servers.values()
        if world.pending(server)
    ]


def _list_images(world: DreamHostSimulator, form: Form) -> list[dict[str, str]]:
    return [{"image": name, "description": text} for name, text in IMAGES.items()]


def _add(world: DreamHostSimulator, form: Form) -> dict[str, str]:
    kind = form.get("type")
    if kind not in IMAGES:
        raise RejectedError("invalid_type" if kind else "no_type")
    if kind == "web" and form.get("movedata") not in ("yes", "no"):
        raise RejectedError("no_movedata")
    server = world.place(kind, _memory(form.get("size", str(USUAL))), world.now())
    server.account = form.get("account_id", server.account)
    server.phases.begin("ordered", then="there", at=world.after(world.boot))
    return {f"added_{kind}": server.ps, "token": f"svc-{server.ps}"}


def _remove(world: DreamHostSimulator, form: Form) -> str:
    server = world.find(form)
    del world.servers[server.ps]
    return f"removed_{server.type}"


def _remove_pending(world: DreamHostSimulator, form: Form) -> str:
    for server in [each for each in world.servers.values() if world.pending(each)]:
        del world.servers[server.ps]
    return "removed_pending"


def _reboot(world: DreamHostSimulator, form: Form) -> str:
    server = world.find(form)
    server.phases.begin("rebooting", then="there", at=world.after(world.boot / 5))
    return "reboot_scheduled"


def _set_size(world: DreamHostSimulator, form: Form) -> dict[str, str]:
    server = world.find(form)
    if not form.get("size"):
        raise RejectedError("no_size")
    server.memory = _memory(form["size"])
    return {"memory_mb": str(server.memory), "token": f"svc-{server.ps}"}


def _list_settings(world: DreamHostSimulator, form: Form) -> list[dict[str, str]]:
    return [{"setting": name, "value": value} for name, value in world.find(form).settings.items()]


def _set_settings(world: DreamHostSimulator, form: Form) -> list[dict[str, str]]:
    server = world.find(form)
    changed = {name: value for name, value in form.items() if name in SETTINGS}
    server.settings |= changed
    return [{"setting": name, "value": value} for name, value in changed.items()]


COMMANDS: Mapping[str, Callable[[DreamHostSimulator, Form], Any]] = {
    "dreamhost_ps-list_ps": _list,
    "dreamhost_ps-list_pending_ps": _list_pending,
    "dreamhost_ps-list_images": _list_images,
    "dreamhost_ps-add_ps": _add,
    "dreamhost_ps-remove_ps": _remove,
    "dreamhost_ps-remove_pending_ps": _remove_pending,
    "dreamhost_ps-reboot": _reboot,
    "dreamhost_ps-set_size": _set_size,
    "dreamhost_ps-list_settings": _list_settings,
    "dreamhost_ps-set_settings": _set_settings,
}


def _memory(text: str) -> int:
    if not text.isdecimal() or not LEAST <= int(text) <= MOST:
        raise RejectedError("invalid_size")
    return int(text)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _form(request: Request) -> dict[str, str]:
    """What was asked: in the body, or in the query."""
    return {**request.url.query, **dict(parse_qsl(request.body.decode(), keep_blank_values=True))}


def _reply(payload: Mapping[str, Any]) -> Response:
    headers = headers_of({"Content-Type": "text/plain"})  # whatever the format
    return Response(status=200, headers=headers, body=json.dumps(payload).encode())
