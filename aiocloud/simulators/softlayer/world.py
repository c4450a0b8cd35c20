"""The small world behind the API: one account with its guests, keys, images and security groups."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from itertools import count
from typing import Any

from aiocloud.simulators.base import Phases
from aiocloud.simulators.softlayer.catalogue import Catalogue, Flavor, catalogue
from aiocloud.simulators.softlayer.guests import Guest, date_text
from aiocloud.simulators.softlayer.wire import ApiFault, Struct, invalid

HOSTNAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9][A-Za-z0-9-]*)*")
PUBLIC = int(IPv4Address("198.18.0.0"))  # reserved for tests of network devices
PRIVATE = int(IPv4Address("10.144.0.0"))
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class World:
    """All that exists in the account. `boot` is the seconds that a guest takes to be provisioned."""

    account_id = 307608

    def __init__(self, now: Callable[[], datetime], boot: float, username: str) -> None:
        self.now = now
        self.boot = boot
        self.username = username
        self.catalogue: Catalogue = catalogue()
        self.keys: dict[int, Struct] = {}
        self.groups: dict[int, Struct] = {}
        self._guests: dict[int, Guest] = {}
        self._reclaimed: list[Guest] = []
        self._numbers = count(74_440_011, 17)
        self._addresses = count(10)
        self._dice = random.Random(835)  # noqa: S311 - the passwords of a simulated world
        self.private_images = [self._image(10_001, "harbour-base", public=False)]
        self.public_images = [self._image(10_101, "Debian 12 with Docker", public=True)]

    def number(self) -> int:
        """An id that nothing has had."""
        return next(self._numbers)

    def guests(self) -> Iterator[Guest]:
        """The guests that are still there, oldest first."""
        self._bury()
        return iter(self._guests.values())

    def guest(self, object_id: str) -> Guest | None:
        """The guest with that id, or with that global identifier."""
        self._bury()
        if object_id.isdecimal() and len(object_id) < 20:
            return self._guests.get(int(object_id))
        return next((guest for guest in self._guests.values() if guest.guid == object_id), None)

    def reclaim(self, guest: Guest) -> None:
        """Take a guest back, which takes a moment."""
        at = self.now() + timedelta(seconds=self.boot / 5)
        guest.life.begin("reclaiming", then="gone", at=at)
        guest.power.begin("HALTED")
        self._reclaimed.append(guest)

    def order(self, template: Struct) -> tuple[Flavor, Struct]:
        """What a template asks for: the configuration and the data centre; raises ApiFault."""
        for name in ("hostname", "domain"):
            if not template.get(name):
                raise _missing(name)
        check_names(template["hostname"], template["domain"])
        if template.get("operatingSystemReferenceCode"):
            self.catalogue.system(template["operatingSystemReferenceCode"])
        elif not _part(template, "blockDeviceTemplateGroup").get("globalIdentifier"):
            raise _missing("operatingSystemReferenceCode")
        flavor = self._flavor(template)
        if flavor.transient and template.get("hourlyBillingFlag") is False:
            raise invalid("Transient guests are billed by the hour.")
        return flavor, self.catalogue.datacenter(_part(template, "datacenter").get("name", "dal13"))

    def create(self, template: Struct) -> Guest:
        """A new guest, which begins to boot; raises ApiFault."""
        flavor, center = self.order(template)
        code = template.get("operatingSystemReferenceCode")
        guest = self._place(
            hostname=str(template["hostname"]),
            domain=str(template["domain"]),
            flavor=flavor,
            datacenter=center,
            hourly=bool(template.get("hourlyBillingFlag", True)),
            local_disk=bool(template.get("localDiskFlag", False)),
            private_only=bool(template.get("privateNetworkOnlyFlag", False)),
            system=self.catalogue.system(code) if code else None,
            image=None if code else self._image_of(template),
            speed=_speed(template),
            script=words(template.get("postInstallScriptUri")) or None,
            user_data=next((words(data.get("value")) for data in _parts(template, "userData")), None),
            keys=tuple(self._known(self.keys, key, "SSH key") for key in _parts(template, "sshKeys")),
            disks=tuple(_disk(device) for device in _parts(template, "blockDevices")),
            public_groups=self._groups_of(template, "primaryNetworkComponent"),
            private_groups=self._groups_of(template, "primaryBackendNetworkComponent"),
        )
        ready = guest.created + timedelta(seconds=self.boot)
        guest.ready = ready
        guest.life.begin("provisioning", then="active", at=ready)
        guest.power.begin("HALTED", then="RUNNING", at=ready)
        return guest

    def populate(self, number: int) -> None:
        """Add so many guests that run already, spread over the data centres."""
        centers = list(self.catalogue.datacenters.values())
        flavor, system = self.catalogue.flavor("B1_1X2X25"), self.catalogue.system("DEBIAN_12_64")
        for place in range(number):
            self._place(
                hostname=f"quay-{place}",
                domain="harbour.example",
                flavor=flavor,
                datacenter=centers[place % len(centers)],
                hourly=place % 2 == 0,
                local_disk=False,
                private_only=False,
                system=system,
            )

    def _bury(self) -> None:
        for guest in [guest for guest in self._reclaimed if guest.phase == "gone"]:
            self._reclaimed.remove(guest)
            self._guests.pop(guest.id, None)

    def _place(self, *, private_only: bool, **described: Any) -> Guest:
        now, address = self.now(), next(self._addresses)
        guest = Guest(
            id=self.number(),
            guid=str(uuid.UUID(int=self._dice.getrandbits(128), version=4)),
            clock=self.now,
            account_id=self.account_id,
            username=self.username,
            life=Phases("active"),
            power=Phases("RUNNING"),
            created=now,
            ready=now,
            private_ip=str(IPv4Address(PRIVATE + address)),
            public_ip=None if private_only else str(IPv4Address(PUBLIC + address)),
            password="".join(self._dice.choices(ALPHABET, k=8)),
            private_only=private_only,
            **described,
        )
        self._guests[guest.id] = guest
        return guest

    def _flavor(self, template: Struct) -> Flavor:
        key = _part(template, "supplementalCreateObjectOptions").get("flavorKeyName")
        if key:
            return self.catalogue.flavor(key)
        for name in ("startCpus", "maxMemory"):
            if not template.get(name):
                raise _missing(name)
        return self.catalogue.custom(template["startCpus"], template["maxMemory"])

    def _image_of(self, template: Struct) -> Struct:
        wanted = _part(template, "blockDeviceTemplateGroup")["globalIdentifier"]
        for image in (*self.private_images, *self.public_images):
            if image["globalIdentifier"] == wanted:
                return image
        raise invalid(f"Invalid value provided for 'blockDeviceTemplateGroup.globalIdentifier': {wanted}.")

    def _groups_of(self, template: Struct, component: str) -> tuple[Struct, ...]:
        bindings = _parts(_part(template, component), "securityGroupBindings")
        return tuple(self._known(self.groups, _part(one, "securityGroup"), "security group") for one in bindings)

    def _known(self, table: dict[int, Struct], reference: Struct, what: str) -> Struct:
        wanted = str(reference.get("id", ""))
        found = next((one for number, one in table.items() if str(number) == wanted), None)
        if found is None:
            raise invalid(f"Unable to find the {what} with id {wanted}.")
        return found

    def _image(self, number: int, name: str, *, public: bool) -> Struct:
        return {
            "id": number,
            "accountId": self.account_id if not public else 1,
            "globalIdentifier": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{number}.image.softlayer.example")),
            "name": name,
            "note": "",
            "parentId": None,
            "publicFlag": int(public),
            "statusId": 1,
            "createDate": "2026-01-12T09:30:00-06:00",
            "status": {"keyName": "ACTIVE", "name": "Active"},
            "blockDevices": [],
            "children": [],
        }


def check_names(*names: object) -> None:
    """Raise ApiFault for a hostname or domain that is none."""
    for name in names:
        if not isinstance(name, str) or len(name) > 253 or not HOSTNAME.fullmatch(name):
            raise invalid("The hostname and the domain must be valid names.")


def stamp(now: datetime) -> Struct:
    """The dates of something just made."""
    return {"createDate": date_text(now), "modifyDate": None}


def words(value: object) -> str:
    """A text as it was given; "" for anything else."""
    return value if isinstance(value, str) else ""


def _missing(name: str) -> ApiFault:
    text = f"Property '{name}' must be set to create an instance of 'SoftLayer_Virtual_Guest'."
    return ApiFault("SoftLayer_Exception_MissingCreationProperty", text)


def _part(template: Struct, name: str) -> Struct:
    value = template.get(name)
    return value if isinstance(value, dict) else {}


def _parts(template: Struct, name: str) -> list[Struct]:
    value = template.get(name)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _speed(template: Struct) -> int:
    speed = next((part.get("maxSpeed") for part in _parts(template, "networkComponents")), 100)
    if speed not in (10, 100, 1000):
        raise invalid(f"Invalid value provided for 'networkComponents.maxSpeed': {speed}.")
    return int(speed)


def _disk(device: Struct) -> tuple[str, int]:
    capacity = _part(device, "diskImage").get("capacity")
    if not isinstance(capacity, int):
        raise invalid("A disk needs a capacity in GB.")
    return str(device.get("device", "0")), capacity
