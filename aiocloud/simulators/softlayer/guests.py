"""Virtual guests: what they are, how they change, and what the API shows of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from aiocloud.simulators.base import Phases
from aiocloud.simulators.softlayer.catalogue import PACKAGE_ID, PACKAGE_KEY, Flavor, fee_text
from aiocloud.simulators.softlayer.wire import Struct

DALLAS = timezone(timedelta(hours=-6))
POWER = {"RUNNING": "Running", "HALTED": "Halted", "PAUSED": "Paused"}
TRANSACTIONS = {  # a phase of life: the transaction's status and its group
    "provisioning": ("ASSIGN_HOST", "Assign Host", "Provision"),
    "reclaiming": ("RECLAIM_WAIT", "Reclaim Wait", "Cloud Reclaim"),
}


def date_text(moment: datetime) -> str:
    """A date as SoftLayer writes it, in the time of Dallas."""
    return moment.astimezone(DALLAS).isoformat(timespec="seconds")


@dataclass(slots=True, kw_only=True, eq=False)
class Guest:
    """A virtual server. `life` goes from provisioning by active and reclaiming to gone; `memory` in MB."""

    id: int
    guid: str
    clock: Callable[[], datetime]
    account_id: int
    username: str
    hostname: str
    domain: str
    flavor: Flavor
    datacenter: Struct
    hourly: bool
    local_disk: bool
    private_only: bool
    life: Phases
    power: Phases
    created: datetime
    ready: datetime
    private_ip: str
    public_ip: str | None
    password: str = field(repr=False)
    system: Struct | None = None
    image: Struct | None = None
    speed: int = 100
    notes: str = ""
    script: str | None = None
    user_data: str | None = None
    tags: tuple[str, ...] = ()
    keys: tuple[Struct, ...] = ()
    disks: tuple[tuple[str, int], ...] = ()
    public_groups: tuple[Struct, ...] = ()
    private_groups: tuple[Struct, ...] = ()

    def get(self, name: str) -> Any:
        """A property by the API's name; None when it has no value at this moment."""
        return PROPERTIES[name](self) if name in PROPERTIES else None

    @property
    def phase(self) -> str:
        """Where in its life it is now."""
        return self.life.seen(self.clock())

    @property
    def provisioned(self) -> bool:
        """Whether its addresses and passwords are set."""
        return self.phase != "provisioning"

    @property
    def memory(self) -> int:
        """The memory in MB."""
        return self.flavor.ram * 1024


def transaction(guest: Guest) -> Struct | None:
    """The transaction that runs on the guest now."""
    phase = guest.phase
    return _transaction(guest, phase) if phase in TRANSACTIONS else None


def _transaction(guest: Guest, phase: str) -> Struct:
    name, friendly, group = TRANSACTIONS[phase]
    date = date_text(guest.created)
    return {
        "id": guest.id + 1,
        "guestId": guest.id,
        "createDate": date,
        "modifyDate": date,
        "statusChangeDate": date,
        "transactionStatus": {"name": name, "friendlyName": friendly},
        "transactionGroup": {"name": group},
    }


def _last_transaction(guest: Guest) -> Struct:
    finished = {"transactionStatus": {"name": "COMPLETE", "friendlyName": "Complete"}}
    return transaction(guest) or {**_transaction(guest, "provisioning"), **finished}


def _power(guest: Guest) -> Struct:
    key = guest.power.seen(guest.clock())
    return {"keyName": key, "name": POWER[key], "description": ""}


def _software(guest: Guest) -> Struct | None:
    if guest.system is None or not guest.provisioned:
        return None
    return {
        "id": guest.id + 2,
        "manufacturerActivationCode": "",
        "passwords": [{"id": guest.id + 3, "username": "root", "password": guest.password, "notes": ""}],
        "softwareLicense": {"id": guest.id + 4, "softwareDescription": guest.system["softwareDescription"]},
    }


def _billing(guest: Guest) -> Struct:
    monthly = fee_text(guest.flavor.monthly or guest.flavor.hourly * 0)
    hourly = fee_text(guest.flavor.hourly)
    user = {"id": guest.account_id + 1, "username": guest.username, "accountId": guest.account_id}
    return {
        "id": guest.id + 5,
        "categoryCode": "guest_core",
        "createDate": date_text(guest.created),
        "description": f"{guest.flavor.cpus} x 2.0 GHz or higher Cores",
        "hourlyRecurringFee": hourly if guest.hourly else None,
        "recurringFee": "0" if guest.hourly else monthly,
        "nextInvoiceTotalRecurringAmount": "0" if guest.hourly else monthly,
        "package": {"id": PACKAGE_ID, "keyName": PACKAGE_KEY},
        "children": [],
        "nextInvoiceChildren": [],
        "orderItem": {"id": guest.id + 6, "order": {"id": guest.id + 7, "userRecord": user}, "preset": _preset(guest)},
    }


def _preset(guest: Guest) -> Struct | None:
    return guest.flavor.preset or ({"keyName": guest.flavor.key} if guest.flavor.key else None)


def _component(guest: Guest, port: int) -> Struct:
    """Port 0 leads to the private network, port 1 to the public one."""
    address, groups = (guest.public_ip, guest.public_groups) if port else (guest.private_ip, guest.private_groups)
    number = guest.id * 10 + port
    bindings = [{"id": number * 10 + place, "securityGroup": group} for place, group in enumerate(groups)]
    return {
        "id": number,
        "guestId": guest.id,
        "macAddress": _mac_address(guest.id, port),
        "maxSpeed": guest.speed,
        "speed": guest.speed,
        "name": "eth",
        "port": port,
        "primaryIpAddress": address if guest.provisioned else None,
        "status": "ACTIVE",
        "primarySubnet": {"id": number + 2, "addressSpace": "PUBLIC" if port else "PRIVATE"},
        "securityGroupBindings": bindings,
        "guest": guest,
    }


def _mac_address(number: int, port: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (6, port, *number.to_bytes(8)[-4:]))


def _components(guest: Guest) -> list[Struct]:
    return [_component(guest, port) for port in ((0,) if guest.private_only else (0, 1))]


def _public_component(guest: Guest) -> Struct | None:
    return None if guest.private_only else _component(guest, 1)


def _devices(guest: Guest) -> list[Struct]:
    disks = guest.disks or (("0", guest.flavor.disk),)
    return [
        {
            "id": guest.id * 10 + place,
            "device": device,
            "mountType": "Disk",
            "bootableFlag": int(device == "0"),
            "diskImage": {"id": guest.id * 10 + place + 5, "capacity": capacity, "units": "GB"},
        }
        for place, (device, capacity) in enumerate(disks)
    ]


def _tag_references(guest: Guest) -> list[Struct]:
    return [
        {"id": guest.id * 100 + place, "tagId": place, "tag": {"id": place, "name": name}}
        for place, name in enumerate(guest.tags, start=1)
    ]


PROPERTIES: Mapping[str, Callable[[Guest], Any]] = {
    "accountId": lambda guest: guest.account_id,
    "activeTransaction": transaction,
    "activeTransactions": lambda guest: [found] if (found := transaction(guest)) else [],
    "billingItem": _billing,
    "blockDeviceTemplateGroup": lambda guest: guest.image,
    "blockDevices": _devices,
    "createDate": lambda guest: date_text(guest.created),
    "datacenter": lambda guest: guest.datacenter,
    "dedicatedAccountHostOnlyFlag": lambda _: False,
    "domain": lambda guest: guest.domain,
    "fullyQualifiedDomainName": lambda guest: f"{guest.hostname}.{guest.domain}",
    "globalIdentifier": lambda guest: guest.guid,
    "hostname": lambda guest: guest.hostname,
    "hourlyBillingFlag": lambda guest: guest.hourly,
    "id": lambda guest: guest.id,
    "lastKnownPowerState": _power,
    "lastTransaction": _last_transaction,
    "localDiskFlag": lambda guest: guest.local_disk,
    "location": lambda guest: guest.datacenter,
    "maxCpu": lambda guest: guest.flavor.cpus,
    "maxCpuUnits": lambda _: "CORE",
    "maxMemory": lambda guest: guest.memory,
    "modifyDate": lambda guest: date_text(guest.created),
    "networkComponents": _components,
    "networkVlans": lambda _: [],
    "networkMonitors": lambda _: [],
    "notes": lambda guest: guest.notes,
    "operatingSystem": _software,
    "postInstallScriptUri": lambda guest: guest.script,
    "powerState": _power,
    "primaryBackendIpAddress": lambda guest: guest.private_ip if guest.provisioned else None,
    "primaryBackendNetworkComponent": lambda guest: _component(guest, 0),
    "primaryIpAddress": lambda guest: guest.public_ip if guest.provisioned else None,
    "primaryNetworkComponent": _public_component,
    "privateNetworkOnlyFlag": lambda guest: guest.private_only,
    "provisionDate": lambda guest: date_text(guest.ready) if guest.provisioned else None,
    "softwareComponents": lambda guest: [found] if (found := _software(guest)) else [],
    "sshKeys": lambda guest: list(guest.keys),
    "startCpus": lambda guest: guest.flavor.cpus,
    "status": lambda _: {"keyName": "ACTIVE", "name": "Active"},
    "statusId": lambda _: 1001,
    "tagReferences": _tag_references,
    "transientGuestFlag": lambda guest: guest.flavor.transient,
    "userData": lambda guest: [] if guest.user_data is None else [{"value": guest.user_data}],
    "uuid": lambda guest: guest.guid,
}
