"""The servers of a project, its keys, addresses and actions."""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from itertools import count
from typing import Any

from aiocloud.simulators.base import Phases
from aiocloud.simulators.hetzner.catalogue import IMAGES, LOCATIONS, SERVER_TYPES, location_of, type_of
from aiocloud.simulators.hetzner.wire import Json, RefusedError, invalid, missing, moment
from aiocloud.values import Secret

HOSTNAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9-]{1,63})*")
LABEL_KEY = re.compile(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?")
MOST_USER_DATA = 32768
FIRST_ADDRESS = int(IPv4Address("198.18.0.1"))  # nobody's: for measuring


@dataclass(slots=True, kw_only=True)
class Action:
    """Something under way. `fault` is how it will end, if not well."""

    id: int
    command: str
    started: datetime
    due: datetime
    resources: list[Json]
    fault: Json | None = None


@dataclass(slots=True, kw_only=True)
class Server:
    """A server, as long as it is there."""

    id: int
    name: str
    type: str
    image: int
    location: str
    created: datetime
    ipv4: str | None
    ipv6: str | None
    labels: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    password: Secret | None = None
    user_data: str | None = None
    firewalls: list[int] = field(default_factory=list)
    phases: Phases = field(default_factory=lambda: Phases("running"))
    free: datetime | None = None
    gone: datetime | None = None
    protected: bool = False
    installed: int = 1


@dataclass(slots=True)
class World:
    """One project with all that is in it. `boot` tells the seconds from creation to running.

    `sold_out` holds pairs of a type's and a location's name. `failing` says of commands how their actions end.
    `most` is how many servers the project may have. With `invented_prices`, all types have prices.
    """

    now: Callable[[], datetime]
    boot: Callable[[], float]
    invented_prices: bool = False
    servers: dict[int, Server] = field(default_factory=dict)
    keys: dict[int, Json] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    images: dict[int, Json] = field(default_factory=lambda: copy.deepcopy(IMAGES))
    floating: dict[int, Json] = field(default_factory=dict)
    sold_out: set[tuple[str, str]] = field(default_factory=set)
    failing: dict[str, tuple[str, str]] = field(default_factory=dict)
    most: int | None = None
    ids: count[int] = field(default_factory=lambda: count(50_000_001))

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def living(self) -> list[Server]:
        """The servers that are there."""
        now = self.now()
        return [each for each in self.servers.values() if each.gone is None or now < each.gone]

    def server(self, id_: str) -> Server:
        """The one of that id."""
        found = self.servers.get(int(id_)) if id_.isdecimal() else None
        if found is None or (found.gone is not None and self.now() >= found.gone):
            raise missing("server", id_)
        return found

    # ---- making ----

    def place(self, name: str, type_: str, image: int, location: str, at: datetime, **more: Any) -> Server:
        """Put a server into the world."""
        id_ = next(self.ids)
        ipv4 = str(IPv4Address(FIRST_ADDRESS + id_ % 0x1FFFE))
        server = self.servers[id_] = Server(
            id=id_, name=name, type=type_, image=image, location=location, created=at, ipv4=ipv4,
            ipv6=f"2001:db8:{id_ >> 16:x}:{id_ & 0xFFFF:x}::/64",
        )  # fmt: skip
        for key, value in more.items():
            setattr(server, key, value)
        return server

    def create(self, body: Json) -> tuple[Server, Action]:
        """A server of what there is. Raises RefusedError."""
        name = body.get("name")
        if not isinstance(name, str) or not HOSTNAME.fullmatch(name):
            raise invalid("name", "must be a valid hostname")
        type_, location = self._sort(body)
        image = self._image(body.get("image"), type_["architecture"])
        self._admit(name, type_["name"], location["name"])
        more = self._chosen(body)
        server = self.place(name, type_["name"], image["id"], location["name"], self.now(), **more)
        self._number(server, body.get("public_net") or {})
        then = "running" if body.get("start_after_create", True) else "off"
        server.phases.begin("initializing", then=then, at=self.in_(1.0))
        action = self.begin("create_server", server, 1.0)
        if action.fault:
            server.gone = action.due
        return server, action

    def _sort(self, body: Json) -> tuple[Json, Json]:
        type_ = type_of(body.get("server_type"))
        if type_ is None:
            raise invalid("server_type", "no such server type")
        location = location_of(body.get("location", type_["locations"][0]["name"]))
        if location is None:
            raise invalid("location", "no such location")
        if location["name"] not in [each["name"] for each in type_["locations"]]:
            raise RefusedError(422, "invalid_input", "unsupported location for server type")
        return type_, location

    def _image(self, reference: Any, architecture: str) -> Json:
        found = [each for each in self.images.values() if str(reference) in (str(each["id"]), each["name"])]
        fitting = [each for each in found if each["architecture"] == architecture]
        if not fitting:
            raise invalid("image", "image and server type have different architectures" if found else "no such image")
        return fitting[0]

    def _admit(self, name: str, type_: str, location: str) -> None:
        living = self.living()
        if any(each.name == name and each.gone is None for each in living):
            raise RefusedError(409, "uniqueness_error", "server name is already used")
        if self.most is not None and len(living) >= self.most:
            raise RefusedError(403, "resource_limit_exceeded", "server limit reached")
        if (type_, location) in self.sold_out:
            raise sold_out()

    def _chosen(self, body: Json) -> dict[str, Any]:
        data = body.get("user_data")
        if data is not None and (not isinstance(data, str) or len(data.encode()) > MOST_USER_DATA):
            raise invalid("user_data", "must be text of at most 32 KiB")
        keys = [self.key(reference)["public_key"] for reference in body.get("ssh_keys") or ()]
        return {
            "labels": checked_labels(body.get("labels") or {}),
            "keys": keys,
            "user_data": data,
            "password": None if keys else Secret(secrets.token_urlsafe(15)),
            "firewalls": [each["firewall"] for each in body.get("firewalls") or ()],
        }

    def _number(self, server: Server, net: Json) -> None:
        if not net.get("enable_ipv4", True):
            server.ipv4 = None
        if not net.get("enable_ipv6", True):
            server.ipv6 = None

    # ---- acting ----

    def begin(self, command: str, server: Server, share: float) -> Action:
        """Note an action, and lock the server until it is over."""
        code, message = self.failing.get(command, ("", ""))
        id_ = next(self.ids)
        resources = [{"id": server.id, "type": "server"}]
        action = self.actions[id_] = Action(
            id=id_, command=command, started=self.now(), due=self.in_(share), resources=resources,
            fault={"code": code, "message": message} if code else None,
        )  # fmt: skip
        server.free = action.due
        return action

    def act(self, server: Server, name: str, body: Json) -> tuple[Action, Json]:
        """Do one of the actions on a server; what its answer holds beside the action."""
        self.unless_locked(server)
        if name in POWER:
            return self._power(server, name), {}
        if name == "change_type":
            return self._change_type(server, body), {}
        if name == "rebuild":
            return self._rebuild(server, body)
        if name == "change_protection":
            server.protected = bool(body.get("delete"))
            return self.begin(name, server, 0.0), {}
        if name in ("enable_backup", "disable_backup"):
            return self.begin(name, server, 0.0), {}
        raise RefusedError(404, "not_found", f"action {name!r} not found")

    def unless_locked(self, server: Server) -> None:
        """Raises RefusedError while an action holds it."""
        if server.free is not None and self.now() < server.free:
            raise RefusedError(423, "locked", "server is locked because another action is running")

    def _power(self, server: Server, name: str) -> Action:
        command, meanwhile, then = POWER[name]
        action = self.begin(command, server, 0.2)
        if action.fault is None:
            server.phases.begin(meanwhile, then=then, at=action.due)
        return action

    def _change_type(self, server: Server, body: Json) -> Action:
        wanted = type_of(body.get("server_type"))
        if wanted is None:
            raise invalid("server_type", "no such server type")
        if server.phases.seen(self.now()) != "off":
            raise RefusedError(422, "server_not_stopped", "server must be stopped")
        if wanted["architecture"] != SERVER_TYPES[server.type]["architecture"]:
            raise RefusedError(422, "invalid_server_type", "server type has a different architecture")
        server.type = wanted["name"]
        action = self.begin("change_server_type", server, 0.5)
        server.phases.begin("migrating", then="off", at=action.due)
        return action

    def _rebuild(self, server: Server, body: Json) -> tuple[Action, Json]:
        server.image = self._image(body.get("image"), SERVER_TYPES[server.type]["architecture"])["id"]
        server.installed += 1
        server.user_data = body.get("user_data", server.user_data)
        server.password = None if server.keys else Secret(secrets.token_urlsafe(15))
        action = self.begin("rebuild_server", server, 1.0)
        server.phases.begin("rebuilding", then="running", at=action.due)
        return action, {"root_password": server.password.reveal() if server.password else None}

    def delete(self, server: Server) -> Action:
        """Remove a server, unless it is locked or protected."""
        self.unless_locked(server)
        if server.protected:
            raise RefusedError(423, "protected", "server deletion is protected")
        action = self.begin("delete_server", server, 0.2)
        server.phases.begin("deleting")
        server.gone = action.due
        return action

    # ---- keys ----

    def key(self, reference: Any) -> Json:
        """The key of that id or name."""
        for each in self.keys.values():
            if str(reference) in (str(each["id"]), each["name"]):
                return each
        raise missing("SSH key", str(reference))

    def add_key(self, body: Json) -> Json:
        """Store a public key, under a name and with material that are both new."""
        name, line = body.get("name"), body.get("public_key") or ""
        if not isinstance(name, str) or not name:
            raise invalid("name", "is required")
        fingerprint = _fingerprint(line)
        if any(name == each["name"] or fingerprint == each["fingerprint"] for each in self.keys.values()):
            raise RefusedError(409, "uniqueness_error", "SSH key not unique")
        id_ = next(self.ids)
        labels = checked_labels(body.get("labels") or {})
        self.keys[id_] = {
            "id": id_, "name": name, "public_key": line, "fingerprint": fingerprint, "labels": labels,
            "created": moment(self.now()),
        }  # fmt: skip
        return self.keys[id_]

    # ---- showing ----

    def show(self, server: Server) -> Json:
        """A server as the API shows it."""
        now = self.now()
        prefix = (server.ipv6 or "").partition("/")[0]
        ipv4 = {"id": server.id + 1, "ip": server.ipv4, "blocked": False, "dns_ptr": f"static.{server.id}.example"}
        ipv6 = {"id": server.id + 2, "ip": f"{prefix}/64", "blocked": False, "dns_ptr": []}
        return {
            "id": server.id,
            "name": server.name,
            "status": server.phases.seen(now),
            "created": moment(server.created),
            "public_net": {
                "ipv4": ipv4 if server.ipv4 else None,
                "ipv6": ipv6 if server.ipv6 else None,
                "floating_ips": [key for key, each in self.floating.items() if each["server"] == server.id],
                "firewalls": [{"id": each, "status": "applied"} for each in server.firewalls],
            },
            "private_net": [],
            "server_type": SERVER_TYPES[server.type],
            "location": LOCATIONS[server.location],
            "image": self.images.get(server.image),
            "iso": None,
            "rescue_enabled": False,
            "locked": server.free is not None and now < server.free,
            "backup_window": None,
            "outgoing_traffic": 0,
            "ingoing_traffic": 0,
            "included_traffic": 20 * 2**40,
            "protection": {"delete": server.protected, "rebuild": server.protected},
            "labels": server.labels,
            "volumes": [],
            "load_balancers": [],
            "primary_disk_size": SERVER_TYPES[server.type]["disk"],
            "placement_group": None,
        }

    def show_action(self, action: Action) -> Json:
        """An action as the API shows it at this moment."""
        done = self.now() >= action.due
        return {
            "id": action.id,
            "command": action.command,
            "status": ("error" if action.fault else "success") if done else "running",
            "progress": 100 if done else 0,
            "started": moment(action.started),
            "finished": moment(action.due) if done else None,
            "resources": action.resources,
            "error": action.fault if done else None,
        }


POWER = {
    "poweron": ("start_server", "starting", "running"),
    "shutdown": ("shutdown_server", "stopping", "off"),
    "poweroff": ("stop_server", "stopping", "off"),
    "reboot": ("reboot_server", "running", "running"),
    "reset": ("reset_server", "running", "running"),
}


def sold_out() -> RefusedError:
    """The no where there is no room."""
    return RefusedError(412, "resource_unavailable", "error during placement")


def checked_labels(labels: Any) -> dict[str, str]:
    """Labels that are allowed. Raises RefusedError."""
    if not isinstance(labels, Mapping):
        raise invalid("labels", "must be an object")
    for key, value in labels.items():
        if not LABEL_KEY.fullmatch(key) or not isinstance(value, str) or not LABEL_VALUE.fullmatch(value):
            raise invalid("labels", f"label {key!r} is not valid")
    return dict(labels)


def _fingerprint(line: str) -> str:
    words = line.split()
    try:
        material = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        raise invalid("public_key", "is not a valid SSH key") from None
    digest = hashlib.md5(material, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, 32, 2))
