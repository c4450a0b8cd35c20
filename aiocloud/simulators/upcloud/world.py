"""The servers of an account, its templates and its addresses, and how they change with time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from aiocloud.simulators.base import Phases
from aiocloud.simulators.upcloud.catalogue import PLANS, TEMPLATES, ZONES
from aiocloud.simulators.upcloud.wire import Json, RejectedError, invalid
from aiocloud.values import Secret

FIELDS = frozenset(
    [
        "avoid_host",
        "boot_order",
        "core_number",
        "firewall",
        "host",
        "hostname",
        "labels",
        "login_user",
        "memory_amount",
        "metadata",
        "networking",
        "nic_model",
        "password_delivery",
        "plan",
        "server_group",
        "simple_backup",
        "storage_devices",
        "timezone",
        "title",
        "user_data",
        "video_model",
        "zone",
    ]
)
LABEL = re.compile(r"[ -^`-~][ -~]{1,31}")
"""The key of a label: 2 to 32 printable characters, the first of which is no underscore."""
HOSTNAME = re.compile(r"(?=.{1,128}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True, kw_only=True)
class Server:
    """A server. `asked` is what its create said; `addresses` are (access, family, address)."""

    uuid: str
    title: str
    hostname: str
    zone: str
    plan: str
    template: str
    disk: Json
    addresses: list[tuple[str, str, str]]
    labels: dict[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    username: str = "root"
    password: Secret | None = None
    user_data: str | None = None
    settings: Json = field(default_factory=lambda: {"firewall": "off", "timezone": "UTC", "simple_backup": "no"})
    rules: list[Json] = field(default_factory=list)
    phases: Phases = field(default_factory=lambda: Phases("started"))


@dataclass(slots=True)
class World:
    """One account with all that is in it. `boot` tells the seconds from creation to running.

    `templates` are its own, `floating` its floating addresses, `names` what addresses are called in the reverse DNS.
    """

    now: Callable[[], datetime]
    boot: Callable[[], float]
    username: str
    invented_prices: bool = False
    currency: str = "EUR"
    servers: dict[str, Server] = field(default_factory=dict)
    templates: dict[str, Json] = field(default_factory=dict)
    floating: dict[str, Json] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _public: Iterator[int] = field(default_factory=lambda: count(0xC6120000 + 1))  # 198.18/15 is nobody's
    _inner: Iterator[int] = field(default_factory=lambda: count(0x0A010000 + 1))

    def after(self, share: float) -> datetime:
        """The time when this share of a boot is over."""
        return self.now() + timedelta(seconds=share * self.boot())

    def state(self, server: Server) -> str:
        """Its state now."""
        return server.phases.seen(self.now())

    def server(self, uuid: str) -> Server:
        """The server of that id."""
        if not UUID.fullmatch(uuid):
            raise RejectedError(400, "SERVER_INVALID", "The attribute 'server' has an invalid value.")
        if uuid not in self.servers:
            raise RejectedError(404, "SERVER_NOT_FOUND", f"The server {uuid} does not exist.")
        return self.servers[uuid]

    def in_state(self, uuid: str, *states: str) -> Server:
        """The server, if it is in one of these states."""
        server = self.server(uuid)
        if (state := self.state(server)) not in states:
            message = f"The operation is not allowed while the server {uuid} is in state '{state}'."
            raise RejectedError(409, "SERVER_STATE_ILLEGAL", message)
        return server

    def place(self, title: str, hostname: str, zone: str, plan: str, template: str, size: int, **more: Any) -> Server:
        """Put a server into the world."""
        uuid = self.new_id("00")
        public, inner = next(self._public), next(self._inner)
        addresses = [
            ("public", "IPv4", dotted(public)),
            ("utility", "IPv4", dotted(inner)),
            ("public", "IPv6", f"2001:db8::{public & 0xFFFF:x}"),
        ]
        disk = {"storage": self.new_id("01"), "size": size, "title": more.pop("disk_title", f"{title} OS disk")}
        server = self.servers[uuid] = Server(
            uuid=uuid, title=title, hostname=hostname, zone=zone, plan=plan, template=template, disk=disk,
            addresses=addresses, **more,
        )  # fmt: skip
        return server

    def new_id(self, kind: str) -> str:
        """An id that nothing has had: its first two digits tell what it is of."""
        return f"{kind}{next(self._ids):06x}-0000-4000-8000-000000000000"

    def new_address(self) -> str:
        """A public address that nothing has had."""
        return dotted(next(self._public))

    def create(self, asked: Json) -> tuple[Server, str | None]:
        """A new server, and the password that was made for it, if any."""
        if unknown := sorted(set(asked) - FIELDS):
            raise RejectedError(400, "UNKNOWN_ATTRIBUTE", f"The attribute '{unknown[0]}' is unknown.")
        for name in ("zone", "title", "hostname", "storage_devices"):
            if not asked.get(name):
                raise RejectedError(400, f"{name.upper()}_MISSING", f"The required attribute '{name}' is missing.")
        if asked["zone"] not in ZONES:
            raise RejectedError(404, "ZONE_NOT_FOUND", f"The zone {asked['zone']} does not exist.")
        if asked.get("plan") not in PLANS:
            raise invalid("plan")
        if not HOSTNAME.fullmatch(asked["hostname"]):
            raise invalid("hostname")
        template, disk = self._disk(asked)
        user, password = self._user(asked, template)
        server = self.place(
            asked["title"], asked["hostname"], asked["zone"], asked["plan"], template,
            disk.get("size") or self._template(template)[1], disk_title=disk.get("title", ""), **user,
        )  # fmt: skip
        server.labels = labels_of(asked.get("labels"))
        server.settings |= {key: asked[key] for key in server.settings if key in asked}
        kinds = [
            (each["type"], each["ip_addresses"]["ip_address"][0]["family"])
            for each in (asked.get("networking") or {}).get("interfaces", {}).get("interface", ())
        ]
        server.addresses = [row for row in server.addresses if not kinds or row[:2] in kinds]
        server.phases.begin("maintenance", then="started", at=self.after(1.0))
        return server, password

    def _disk(self, asked: Json) -> tuple[str, Json]:
        """The template that is cloned, and what was said of the disk."""
        disks = asked["storage_devices"].get("storage_device") or [{}]
        disk: Json = next((each for each in disks if each.get("action") == "clone"), {})
        template = disk.get("storage", "")
        if not UUID.fullmatch(template):
            raise RejectedError(400, "STORAGE_INVALID", "The attribute 'storage' has an invalid value.")
        _, least, cloud_init = self._template(template)
        if disk.get("size", least) < least:
            raise RejectedError(400, "SIZE_INVALID", "The attribute 'size' has an invalid value.")
        if cloud_init and asked.get("metadata") != "yes":
            message = "The metadata service must be enabled for cloud-init templates."
            raise RejectedError(409, "METADATA_DISABLED_ON_CLOUD-INIT", message)
        return template, disk

    def _template(self, uuid: str) -> tuple[str, int, bool]:
        if uuid in self.templates:
            own = self.templates[uuid]
            return own["title"], own["size"], False
        if uuid not in TEMPLATES:
            raise RejectedError(404, "STORAGE_NOT_FOUND", f"The storage {uuid} does not exist.")
        return TEMPLATES[uuid]

    def _user(self, asked: Json, template: str) -> tuple[Json, str | None]:
        user = asked.get("login_user") or {}
        password = None
        if user.get("create_password", "no") == "yes":
            if self._template(template)[2]:
                code = "CAN_NOT_CREATE_PASSWORD_FOR_THE_SELECTED_DISTRIBUTION"
                raise RejectedError(409, code, "A password cannot be created for the selected distribution.")
            password = f"p4ss-{next(self._ids):x}"
        told: Json = {
            "keys": tuple((user.get("ssh_keys") or {}).get("ssh_key") or ()),
            "username": user.get("username", "root"),
            "password": Secret(password) if password else None,
            "user_data": asked.get("user_data"),
        }
        return told, password

    # ---- how it is shown ----

    def brief(self, server: Server) -> Json:
        """A server as lists show it."""
        cores, memory = PLANS[server.plan][:2]
        return {
            "core_number": str(cores),
            "hostname": server.hostname,
            "labels": {"label": [{"key": key, "value": value} for key, value in server.labels.items()]},
            "license": 0,
            "memory_amount": str(memory),
            "plan": server.plan,
            "state": self.state(server),
            "tags": {"tag": []},
            "title": server.title,
            "uuid": server.uuid,
            "zone": server.zone,
        }

    def shown(self, server: Server) -> Json:
        """A server as it is shown alone."""
        held = [{"access": access, "address": ip, "family": family} for access, family, ip in server.addresses]
        held += [
            {"access": "public", "address": ip, "family": "IPv4"}
            for ip, row in self.floating.items()
            if row["mac"] == mac_of(server, 1)
        ]
        interfaces = [
            {
                "index": index,
                "ip_addresses": {"ip_address": [{"address": ip, "family": family, "floating": "no"}]},
                "mac": mac_of(server, index),
                "type": access,
                "bootable": "no",
            }
            for index, (access, family, ip) in enumerate(server.addresses, 1)
        ]
        disk = {
            "address": "virtio:0",
            "part_of_plan": "yes",
            "storage": server.disk["storage"],
            "storage_size": server.disk["size"],
            "storage_tier": PLANS[server.plan][3],
            "storage_title": server.disk["title"],
            "type": "disk",
            "boot_disk": "0",
            "labels": [{"key": "_template_uuid", "value": server.template}],
        }
        return {
            **self.brief(server),
            **server.settings,
            "ip_addresses": {"ip_address": held},
            "metadata": "yes",
            "networking": {"interfaces": {"interface": interfaces}},
            "remote_access_enabled": "no",
            "remote_access_password": "aabbccdd",
            "storage_devices": {"storage_device": [disk]},
        }

    def ip_addresses(self) -> list[Json]:
        """All addresses."""
        held = [
            {"access": access, "address": address, "family": family, "floating": "no", "part_of_plan": "yes",
             "ptr_record": self.names.get(address, ""), "server": server.uuid, "zone": server.zone}
            for server in self.servers.values()
            for access, family, address in server.addresses
        ]  # fmt: skip
        return held + [self.floating_address(address) for address in self.floating]

    def floating_address(self, address: str) -> Json:
        """A floating address, and the server to which it leads."""
        row = self.floating[address]
        owner = next((each.uuid for each in self.servers.values() if row["mac"] == mac_of(each, 1)), None)
        return {"access": "public", "address": address, "family": "IPv4", "floating": "yes", "mac": row["mac"] or "",
                "ptr_record": self.names.get(address, ""), "server": owner or "", "zone": row["zone"]}  # fmt: skip


def labels_of(asked: Json | None) -> dict[str, str]:
    """The labels in a body. Raises RejectedError."""
    rows = (asked or {}).get("label") or []
    found = {row["key"]: row.get("value", "") for row in rows}
    if len(found) < len(rows):
        raise RejectedError(400, "DUPLICATE_LABEL_KEYS", "The keys of labels must be unique.")
    if any(not LABEL.fullmatch(key) for key in found):
        raise RejectedError(400, "INVALID_LABEL_KEY", "The key of a label has an invalid value.")
    return found


def mac_of(server: Server, index: int) -> str:
    """The address of one of its interfaces."""
    number = f"{server.uuid[2:8]}{index:02x}"
    return "de:ff:" + ":".join(number[at : at + 2] for at in range(0, 8, 2))


def dotted(number: int) -> str:
    """An IPv4 address as it is written."""
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
