"""Enomaly ECP in miniature, as releases 3.5 were: JSON, forms, and a token against forged requests.

Which state a VM has while it is made, what error numbers there were, and how ECP throttled, no record tells: there the
words are ours.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import uuid
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes
from ipaddress import IPv4Address
from itertools import count, cycle, islice
from typing import Any
from urllib.parse import parse_qsl

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine

PREFIX = "/rest/hosting"
ROUTE = re.compile(rf"{PREFIX}/(?P<what>vm|ptemplate|htemplate|network)/(?P<id>[^/]*)")
PASSING = "unkown"
"""What a VM is called while it changes; so spelt by ECP."""
LISTS = {"ptemplate": "packages", "htemplate": "templates", "network": "networks"}


def _id(what: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{number}.{what}.ecp.example"))


PACKAGES: list[dict[str, Any]] = [
    {"uuid": "11", "name": "debian6", "description": "Debian 6 amd64", "os": "unknown", "storage": 20480},
    {"uuid": "12", "name": "centos55", "description": "CentOS 5.5", "os": "unknown", "storage": 10240},
]
HARDWARE: list[dict[str, Any]] = [
    {"uuid": str(number), "id": number, "name": name, "cpus": cpus, "memory": memory, **more}
    for more in [{"arch": "x86_64", "hypervisor_name": "kvm-hvm"}]
    for number, name, cpus, memory in ((21, "Small", 1, 512), (22, "Medium", 1, 1024), (23, "Large", 2, 4096))
]
NETWORKS: list[dict[str, Any]] = [
    {"uuid": "31", "vlan_id": None, "name": "Default"},
    {"uuid": "32", "vlan_id": 7, "name": "Inside"},
]


class RefusedError(Exception):
    """A no in HTTP 200."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(message)
        self.errno = errno


@dataclass(slots=True, kw_only=True)
class VM:
    """A machine."""

    uuid: str
    number: int
    name: str
    package: str
    hardware: str
    network: str
    life: Phases
    vnc_password: str = field(repr=False)


class ECPSimulator(Simulator):
    """One user's VMs. With `guarded`, as from release 3.5.1 on, requests that change anything need the token."""

    provider = "ecp"
    endpoint = "https://ecp.example.org"
    creates = f"PUT {PREFIX}/vm/"
    proof = "password"
    unknown_node = "00000000-0000-4000-8000-000000000000"
    as_of = date(2010, 8, 31)
    facts = "Packages, hardware templates and networks are invented: every ECP had its own; the API is that of 3.5.1."

    def __init__(
        self,
        *,
        username: str = "maria",
        password: str = "harbour-gate",  # noqa: S107 - opens nothing
        guarded: bool = True,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._login = {"username": username, "password": password}
        self.guarded = guarded
        self.token = secrets.token_hex(20)
        self.vms: dict[str, VM] = {}
        self.networks = list(NETWORKS)
        self._numbers = count(1)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The user and the password."""
        return dict(self._login)

    def forget_token(self) -> None:
        """Let the token in force be over."""
        self.token = secrets.token_hex(20)

    # ---- the world ----

    def nodes(self) -> Iterable[VM]:
        """The VMs."""
        return self.vms.values()

    def addresses(self, node: VM) -> tuple[str, ...]:
        """One, public in the first network and private in the other."""
        if node.uuid not in self.vms:
            return ()
        first = "198.18.0.0" if node.network == "31" else "10.20.0.0"
        return (str(IPv4Address(first) + node.number),)

    def machine(self, node: VM) -> Machine:
        """A VM lets in whom its package does."""
        return Machine(id=node.uuid, name=node.name, running=node.life.seen(self.now()) == "running")

    def populate(self, count: int) -> None:
        """Add so many running VMs, of all kinds."""
        kinds = zip(cycle(PACKAGES), cycle(HARDWARE), strict=False)
        for package, hardware in islice(kinds, count):
            self._place(f"vm{len(self.vms)}", package["uuid"], hardware["uuid"], "31").life = Phases("running")

    def _place(self, name: str, package: str, hardware: str, network: str) -> VM:
        number = next(self._numbers)
        life = Phases(PASSING)
        life.begin(PASSING, then="running", at=self.after(self.boot))
        vm = VM(
            uuid=_id("vm", number),
            number=number,
            name=name,
            package=package,
            hardware=hardware,
            network=network,
            life=life,
            vnc_password=f"vnc-canary-{number}",
        )
        self.vms[vm.uuid] = vm
        return vm

    # ---- the front door ----

    def operation(self, request: Request) -> str:
        """The method, and the path with its id left open: "GET /rest/hosting/vm/{uuid}"."""
        found = ROUTE.fullmatch(request.url.path)
        if found is None or found["id"] in ("", "list"):
            return f"{request.method} {request.url.path}"
        return f"{request.method} {PREFIX}/{found['what']}/{{uuid}}"

    def answer(self, request: Request) -> Response:
        """Check who asks, and do it."""
        expected = "Basic " + b64encode(":".join(self._login.values()).encode()).decode()
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            return self._page(401, "Unauthorized")
        if self.guarded and request.method != "GET" and not self._has_token(request):
            return self._page(403, "Forbidden")
        try:
            return self._json({"errno": 0, "message": "Success", **self._do(request)})
        except RefusedError as error:
            return self._json({"errno": error.errno, "message": str(error)})
        except LookupError:
            return self._page(404, "Not Found")

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, as a proxy in front would say it; no record tells of ECP itself."""
        headers = headers_of({"Retry-After": str(max(1, round(retry_after)))})
        return Response(status=429, headers=headers, body=b"Too many requests")

    def no_capacity(self, request: Request) -> Response:
        """An error in HTTP 200, like all others; no record tells the words."""
        return self._json({"errno": 7, "message": "There is no capacity left for this hardware"})

    def _has_token(self, request: Request) -> bool:
        cookies = re.split(r";\s*", request.headers.get("Cookie", ""))
        return f"ecp-csrf-token={self.token}" in cookies and request.headers.get("X-XSRFToken") == self.token

    def _do(self, request: Request) -> Mapping[str, Any]:
        found = ROUTE.fullmatch(request.url.path)
        if found is None:
            raise LookupError
        match request.method, found["what"], found["id"]:
            case "GET", "vm", "list":
                return {"vms": [self._show(vm) for vm in self.nodes()]}
            case "GET", "vm", wanted if wanted:
                return {"vm": self._show(self._vm(wanted))}
            case "PUT", "vm", "":
                return self._create(_form(request))
            case "POST", "vm", wanted if wanted:
                return self._act(self._vm(wanted), _form(request).get("action", ""))
            case "GET", what, "list":
                return {LISTS[what]: {"ptemplate": PACKAGES, "htemplate": HARDWARE, "network": self.networks}[what]}
        raise LookupError

    def _vm(self, wanted: str) -> VM:
        if wanted not in self.vms:
            raise RefusedError(3, "No such machine")
        return self.vms[wanted]

    def _create(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        parts = (("package", PACKAGES), ("hardware", HARDWARE), ("network_uuid", self.networks))
        for name, known in parts:
            if form.get(name) not in {each["uuid"] for each in known}:
                raise RefusedError(4, f"No such {name.removesuffix('_uuid')}")
        if not form.get("name") or "disk" not in form:
            raise RefusedError(5, "A machine needs a name and a disk")
        made = self._place(form["name"], form["package"], form["hardware"], form["network_uuid"])
        return {"machine_id": made.uuid, "txid": str(uuid.uuid4())}

    def _act(self, vm: VM, action: str) -> Mapping[str, Any]:
        shown = self._show(vm)  # as it was: the action has only begun
        now, later = vm.life.seen(self.now()), self.after(self.boot / 5)
        match action, now:
            case "stop", state if state != "off":
                vm.life.begin(PASSING, then="off", at=later)
            case "start", "off":
                vm.life.begin(PASSING, then="running", at=later)
            case "delete", "off":
                del self.vms[vm.uuid]
            case "delete", _:
                raise RefusedError(6, "The machine must be off to be deleted")
            case "start" | "stop", _:
                raise RefusedError(6, f"The machine is already {now}")
            case _:
                raise RefusedError(5, "Unknown action")
        return {"vm": shown}

    def _show(self, vm: VM) -> Mapping[str, Any]:
        state = vm.life.seen(self.now())
        network = next(each for each in NETWORKS if each["uuid"] == vm.network)
        (address,) = self.addresses(vm)
        mac = f"00:16:3e:{vm.number >> 16 & 255:02x}:{vm.number >> 8 & 255:02x}:{vm.number & 255:02x}"
        card = {"uuid": _id("interface", vm.number), "ip": address, "mac": mac, "network": vm.network}
        loopback = {**card, "ip": "127.0.0.1"}
        return {
            "uuid": vm.uuid,
            "name": vm.name,
            "state": state,
            "os": "unknown",
            "hardware_profile_uuid": vm.hardware,
            "ip_address": address,
            "interfaces": [{**each, "network_name": network["name"]} for each in (loopback, card)],
            "vnc_enabled": True,
            "vnc_port": str(5900 + vm.number),
            "vnc_ip_address": "10.0.0.5",
            "vnc_password": vm.vnc_password,
            "tags": [],
            "trusted": None,
        }

    def _json(self, payload: Mapping[str, Any]) -> Response:
        headers = {"Content-Type": "application/json", **self._cookie()}
        return Response(status=200, headers=headers_of(headers), body=json.dumps(payload).encode())

    def _page(self, status: int, title: str) -> Response:
        body = f"<html><head><title>{status} {title}</title></head></html>"
        headers = {"Content-Type": "text/html"}
        return Response(status=status, headers=headers_of(headers), body=body.encode())

    def _cookie(self) -> Mapping[str, str]:
        return {"Set-Cookie": f"ecp-csrf-token={self.token}; Path=/"} if self.guarded else {}


def _form(request: Request) -> Mapping[str, str]:
    """The fields of a form, in either of the two encodings."""
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith("multipart/form-data"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    parts = message.get_payload() if message.is_multipart() else []
    fields = {}
    for part in parts:
        name = part.get_param("name", header="Content-Disposition")  # type: ignore[union-attr]  # a part of a multipart message is one itself
        fields[str(name)] = part.get_payload(decode=True).decode("utf-8", "replace")  # type: ignore[union-attr]  # likewise
    return fields
