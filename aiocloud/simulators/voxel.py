"""Voxel in miniature: VoxCloud by hAPI, as XML.

Of its refusals, the codes are Voxel's own, as is "Invalid login or password"; the other sentences are ours.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Address
from itertools import count, cycle
from math import ceil
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

# label, city, whether new servers are taken
FACILITIES = (("LGA6", "New York", True), ("AMS2", "Amsterdam", True))
# id, summary, family, version, bits, MB
IMAGES = (
    (55, "CentOS 5, 64-bit, base install", "CentOS", "5.5", 64, 1340),
    (60, "Debian 5, 32-bit, base install", "Debian", "5.0", 32, 790),
    (61, "Debian 6, 64-bit, base install", "Debian", "6.0", 64, 910),
)
PUBLIC, PRIVATE = int(IPv4Address("198.18.0.0")), int(IPv4Address("10.4.0.0"))
HOSTNAME = re.compile(r"[A-Za-z0-9.-]+")


@dataclass(slots=True)
class Device:
    """A machine, and the passwords of its users. A physical one has no state that VoxCloud tells."""

    id: int
    label: str
    facility: str
    cores: int
    disk: int
    image: int
    passwords: Mapping[str, str]
    phases: Phases
    updated: Any
    virtual: bool = True


@dataclass(slots=True)
class RefusedError(Exception):
    """The API's no: a code and a message, and what else it tells."""

    code: int
    message: str
    more: str = field(default="")


class VoxelSimulator(Simulator):
    """One account with virtual servers, and one physical one with `physical`.

    A server is queued, in progress after half of `boot`, and runs after all of it; until then it has no address.
    `username` and `password` are those of the portal. Operations are named by their methods.
    """

    provider = "voxel"
    endpoint = "https://api.voxel.net"
    creates = "voxel.voxcloud.create"
    proof = "secret"
    unpaged = 2  # devices, and their states
    as_of = date(2011, 3, 1)
    facts = "Facilities as clients of 2011 recorded them; a few images of that time, invented."

    def __init__(
        self,
        *,
        key: str = "2f9e6a01c7d84b35",
        secret: str = "5b0c6f1f9d2e4a7788aa",  # noqa: S107 - opens nothing
        username: str = "harbour",
        password: str = "quay-and-tide",  # noqa: S107 - opens nothing
        physical: bool = False,
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._key, self._secret = key, secret
        self._login = b64encode(f"{username}:{password}".encode()).decode()
        self.devices: dict[int, Device] = {}
        self._ids = count(4711)
        if physical:
            self._place("switch-1", "LGA6", 1, 0, 0).virtual = False

    @property
    def credentials(self) -> Mapping[str, str]:
        """The key and its secret."""
        return {"key": self._key, "secret": self._secret}

    # ---- the world ----

    def nodes(self) -> Iterable[Device]:
        """The virtual servers."""
        return [device for device in self.devices.values() if device.virtual]

    def addresses(self, node: Device) -> tuple[str, ...]:
        """Frontend and backend, once it was made."""
        if node.id not in self.devices or self._status(node) in ("QUEUED", "IN_PROGRESS"):
            return ()
        return str(IPv4Address(PUBLIC + node.id % 2**17)), str(IPv4Address(PRIVATE + node.id % 2**16))

    def machine(self, node: Device) -> Machine:
        """A server lets in root, by the password of the admin."""
        running = self._status(node) == "SUCCEEDED"
        return Machine(id=str(node.id), name=node.label, running=running, password=Secret(node.passwords["admin"]))

    def populate(self, count: int) -> None:
        """Add so many running servers, spread over facilities and sizes."""
        for number, place, cores in zip(range(count), cycle(FACILITIES), cycle(range(1, 14)), strict=False):
            self._place(f"server-{number}", place[0], cores, 20, IMAGES[2][0])

    def _place(self, label: str, facility: str, cores: int, disk: int, image: int, **passwords: str) -> Device:
        new = next(self._ids)
        known = {"ssh": f"v{new}-ssh", "admin": f"v{new}-admin", **passwords}
        done = Phases("SUCCEEDED")
        self.devices[new] = Device(new, label, facility, cores, disk, image, known, done, self.now())
        return self.devices[new]

    def _status(self, device: Device) -> str:
        status = device.phases.seen(self.now())
        halfway = (self.now() - device.updated).total_seconds() >= self.boot / 2
        return "IN_PROGRESS" if status == "QUEUED" and halfway else status

    # ---- the front door ----

    def operation(self, request: Request) -> str:
        """The method: "voxel.devices.list"."""
        return request.url.query.get("method", "")

    def answer(self, request: Request) -> Response:
        """Check the signature, and do what is asked."""
        given = dict(request.url.query)
        try:
            if given.get("method") == "voxel.hapi.authkeys.read":
                return _ok(self._authkeys(request))
            self._authenticate(given)
            work = METHODS.get(given.get("method", ""))
            if work is None:
                raise RefusedError(112, "Method not found")
            return _ok(work(self, given))
        except RefusedError as error:
            return _fail(error)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429; no record tells."""
        headers = headers_of({"Retry-After": str(max(1, ceil(retry_after)))})
        return Response(status=429, headers=headers, body=b"Too many requests")

    def no_capacity(self, request: Request) -> Response:
        """A failure; no record tells its code and words."""
        return _fail(RefusedError(200, "There is no capacity left in this facility"))

    def _authenticate(self, given: Mapping[str, str]) -> None:
        signed = {name: value for name, value in given.items() if name != "api_sig"}
        text = self._secret + "".join(f"{name}{signed[name]}" for name in sorted(signed))
        expected = hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - what Voxel asks for
        known = given.get("key") == self._key and "timestamp" in given
        if not known or not hmac.compare_digest(expected, given.get("api_sig", "")):
            # It tells more than it should: that is how it was.
            raise RefusedError(1, "Invalid login or password", f"<string_to_sign>{escape(text)}</string_to_sign>")

    def _authkeys(self, request: Request) -> str:
        if request.url.scheme != "https":
            raise RefusedError(500, "SSL is required")
        if request.headers.get("Authorization") != f"Basic {self._login}":
            raise RefusedError(1, "Invalid login or password")
        return f"<authkey><key>{self._key}</key><secret>{self._secret}</secret><username>harbour</username></authkey>"

    # ---- what can be asked ----

    def _find(self, given: Mapping[str, str], *, virtual: bool = False) -> Device:
        text = given.get("device_id", "")
        device = self.devices.get(int(text) if text.isdecimal() else 0)
        if device is None:
            raise RefusedError(100, "Unknown device")
        if virtual and not device.virtual:
            raise RefusedError(110, "That is no virtual server")
        return device

    def _chosen(self, given: Mapping[str, str], *, virtual: bool) -> list[Device]:
        if "device_id" in given:
            return [self._find(given, virtual=virtual)]
        return [device for device in self.devices.values() if device.virtual or not virtual]

    def _list(self, given: Mapping[str, str]) -> str:
        return f"<devices>{''.join(map(self._show, self._chosen(given, virtual=False)))}</devices>"

    def _states(self, given: Mapping[str, str]) -> str:
        return f"<devices>{''.join(map(self._state, self._chosen(given, virtual=True)))}</devices>"

    def _state(self, device: Device) -> str:
        stamp = int(device.updated.timestamp())
        about = f"<id>{device.id}</id><last_update>{stamp}</last_update><status>{self._status(device)}</status>"
        return f"<device>{about}</device>"

    def _create(self, given: Mapping[str, str]) -> str:
        cores, disk, image = (
            int(given[name]) if given.get(name, "").isdecimal() else 0
            for name in ("processing_cores", "disk_size", "image_id")
        )
        sizes = {each[0]: each[5] for each in IMAGES}
        if not HOSTNAME.fullmatch(given.get("hostname", "")):
            raise RefusedError(2, "Invalid hostname")
        if not 1 <= cores <= 13 or image not in sizes or disk * 1000 < sizes[image]:
            raise RefusedError(2, "Invalid processing_cores, image_id or disk_size")
        if given.get("facility") not in {label for label, _, open_ in FACILITIES if open_}:
            raise RefusedError(2, "Invalid facility")
        passwords = {kind: given[f"{kind}_password"] for kind in ("ssh", "admin") if given.get(f"{kind}_password")}
        device = self._place(given["hostname"], given["facility"], cores, disk, image, **passwords)
        device.phases.begin("QUEUED", then="SUCCEEDED", at=self.after(self.boot))
        return self._state(device)

    def _delete(self, given: Mapping[str, str]) -> str:
        del self.devices[self._find(given, virtual=True).id]
        return ""

    def _power(self, given: Mapping[str, str]) -> str:
        device = self._find(given)
        action = given.get("power_action")
        if action not in ("on", "off", "reboot"):
            raise RefusedError(2, "Invalid power_action")
        if self._status(device) in ("QUEUED", "IN_PROGRESS"):
            raise RefusedError(201, "The device is busy")
        device.updated = self.now()
        if action == "off":
            device.phases = Phases("OFF")
        elif action == "reboot" or self._status(device) == "OFF":
            device.phases.begin("IN_PROGRESS", then="SUCCEEDED", at=self.after(self.boot / 5))
        return ""

    def _images(self, given: Mapping[str, str]) -> str:
        wanted = given.get("image_id")
        return f"<images>{''.join(_image(*each) for each in IMAGES if wanted in (None, str(each[0])))}</images>"

    def _facilities(self, given: Mapping[str, str]) -> str:
        shown = (
            f'<facility label="{label}" available="{str(available).lower()}"><description>\n {city}\n</description>'
            "</facility>"
            for label, city, available in FACILITIES
        )
        return f"<facilities>{''.join(shown)}</facilities>"

    def _show(self, device: Device) -> str:
        addresses = self.addresses(device)
        sides = zip(("frontend", "backend"), addresses, strict=False)
        assigned = "".join(
            f'<ipassignment id="{device.id}{n}" type="{side}">\n {address}\n </ipassignment>'
            for n, (side, address) in enumerate(sides)
        )
        ways = "".join(
            f'<accessmethod type="{kind}">{f"<host>{addresses[0]}</host>" if addresses else ""}'
            f"<username>{'root' if kind == 'admin' else 'voxuser'}</username>"
            f"<password>{escape(password)}</password></accessmethod>"
            for kind, password in device.passwords.items()
        )
        type_ = '<type id="2">Virtual Server</type>' if device.virtual else '<type id="3">Switch</type>'
        return (
            f'<device id="{device.id}" label={quoteattr(device.label)}><description/>{type_}<model/>'
            f'<location><facility code="{device.facility}">{device.facility}</facility><cage/></location>'
            f"<ipassignments>{assigned}</ipassignments><accessmethods>{ways}</accessmethods>"
            f'<processor><cores>{device.cores}</cores></processor><memory size="{2048 * device.cores}"/>'
            f"<storage><drive><size>{device.disk}</size></drive></storage></device>"
        )


METHODS: Mapping[str, Callable[[VoxelSimulator, Mapping[str, str]], str]] = {
    "voxel.devices.list": VoxelSimulator._list,
    "voxel.devices.power": VoxelSimulator._power,
    "voxel.images.list": VoxelSimulator._images,
    "voxel.voxcloud.create": VoxelSimulator._create,
    "voxel.voxcloud.delete": VoxelSimulator._delete,
    "voxel.voxcloud.facilities.list": VoxelSimulator._facilities,
    "voxel.voxcloud.status": VoxelSimulator._states,
}


def _image(number: int, summary: str, family: str, version: str, bits: int, size: int) -> str:
    return (
        f'<image id="{number}" summary={quoteattr(summary)}><operating_system><architecture>{bits}</architecture>'
        f"<family>Linux</family><product_family>{family}</product_family><product_version>{version}</product_version>"
        f'<admin_username>root</admin_username></operating_system><filesystem><type>ext3</type><size units="MB">{size}'
        "</size></filesystem><description>Base install</description></image>"
    )


def _ok(inner: str) -> Response:
    return _document(f'<rsp stat="ok">{inner}</rsp>' if inner else '<rsp stat="ok"/>')


def _fail(error: RefusedError) -> Response:
    told = f'<err code="{error.code}" msg={quoteattr(error.message)} />{error.more}'
    return _document(f'<rsp stat="fail">{told}</rsp>')


def _document(text: str) -> Response:
    headers = headers_of({"Content-Type": "text/xml; charset=utf-8"})
    return Response(status=200, headers=headers, body=f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode())
