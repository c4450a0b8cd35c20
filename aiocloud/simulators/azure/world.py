"""What exists in the simulated subscription, and how it changes with time."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count

from aiocloud.http.message import Response
from aiocloud.simulators.azure.wire import Call, Json, answer
from aiocloud.simulators.base import Phases

BEFORE = datetime(2020, 6, 1, tzinfo=UTC)

# From a range that belongs to nobody (RFC 2544), so that a stray connection from a test never reaches a stranger.
PUBLIC, PUBLIC_SIZE = int(IPv4Address("198.18.0.0")), 2**17
PRIVATE, PRIVATE_SIZE = int(IPv4Address("10.0.0.4")), 2**15 - 8


@dataclass(slots=True, kw_only=True)
class Machine:
    """A virtual machine. `body` is what was asked for; `password` and `data` are never shown again."""

    id: str
    name: str
    group: str
    location: str
    body: Json
    image: Json
    created: datetime
    vm_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    password: str | None = None
    data: bytes | None = None
    phases: Phases = field(default_factory=lambda: Phases("running"))


@dataclass(slots=True, kw_only=True)
class Resource:
    """Anything else: what was asked for with it, and until when it is being made."""

    id: str
    name: str
    type: str
    body: Json
    ready: datetime


@dataclass(slots=True, kw_only=True)
class Operation:
    """Work that is done at `ends`; `error` is what it comes to, if not to good, and `result` what it gives."""

    name: str
    begun: datetime
    ends: datetime
    error: tuple[str, str] | None = None
    result: Json | None = None

    def payload(self, now: datetime) -> Json:
        """As the API shows it."""
        found: Json = {"startTime": self.begun.isoformat(), "name": self.name, "status": "InProgress"}
        if now < self.ends:
            return found
        found |= {"endTime": self.ends.isoformat(), "status": "Failed" if self.error else "Succeeded"}
        if self.error:
            found["error"] = {"code": self.error[0], "message": self.error[1]}
        return found


@dataclass(slots=True)
class World:
    """One subscription with all that is in it. `quota` is how many processors it may have.

    `reserved` are the interfaces of machines that were refused, until when nobody may remove them.
    """

    subscription: str
    now: Callable[[], datetime]
    boot: Callable[[], float]
    groups: dict[str, Json] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    quota: int = 100_000
    reserved: dict[str, datetime] = field(default_factory=dict)
    _serial: count[int] = field(default_factory=lambda: count(1))

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def status(self, machine: Machine) -> str:
        """What an observer sees at this moment; "gone" for one that was deleted."""
        return machine.phases.seen(self.now())

    def alive(self) -> list[Machine]:
        """The machines; those whose deletion is done are taken away first, with what is to go with them."""
        gone = [key for key, one in self.machines.items() if self.status(one) == "gone"]
        for key in gone:
            self._take_away(self.machines.pop(key))
        return list(self.machines.values())

    def _take_away(self, machine: Machine) -> None:
        disk = machine.body["properties"]["storageProfile"]["osDisk"]
        if disk.get("deleteOption") == "Delete":
            self.resources.pop(disk["managedDisk"]["id"].lower(), None)
        for link in machine.body["properties"]["networkProfile"]["networkInterfaces"]:
            interface = self.resources.get(link["id"].lower())
            if interface is None or (link.get("properties") or {}).get("deleteOption") != "Delete":
                continue
            del self.resources[link["id"].lower()]
            for address in addresses_of(interface):
                kept = self.resources.get(address["id"].lower())
                option = (address.get("properties") or {}).get("deleteOption")
                if kept is not None and option == "Delete":
                    del self.resources[address["id"].lower()]

    def of_type(self, kind: str, group: str | None = None) -> list[Resource]:
        """The resources of a type, in a group or everywhere."""
        self.alive()
        here = f"/resourcegroups/{group.lower()}/" if group else ""
        return [one for key, one in self.resources.items() if one.type == kind and here in key]

    def machine_of(self, interface: str) -> Machine | None:
        """The machine that has an interface."""
        wanted = interface.lower()
        for one in self.alive():
            links = one.body["properties"]["networkProfile"]["networkInterfaces"]
            if any(link["id"].lower() == wanted for link in links):
                return one
        return None

    def next_private(self) -> str:
        """A private address."""
        return str(IPv4Address(PRIVATE + next(self._serial) % PRIVATE_SIZE))

    def next_public(self) -> str:
        """A public address."""
        return str(IPv4Address(PUBLIC + next(self._serial) % PUBLIC_SIZE))

    def begin(
        self,
        call: Call,
        place: str,
        *,
        namespace: str,
        status: int = 202,
        payload: Json | None = None,
        share: float = 0.2,
        error: tuple[str, str] | None = None,
        result: Json | None = None,
    ) -> Response:
        """Answer that work has begun, and where its end can be asked for."""
        name = str(uuid.UUID(int=next(self._serial)))
        ends = self.in_(share)
        self.operations[name] = Operation(name=name, begun=self.now(), ends=ends, error=error, result=result)
        version = call.query.get("api-version", "")
        path = f"{call.root}/providers/{namespace}/locations/{place}/operations/{name}?api-version={version}"
        headers = {"Azure_AsyncOperation": call.link(path)}
        if status == 202:
            headers["Location"] = call.link(f"{path}&monitor=true")
        if (wait := round((ends - self.now()).total_seconds())) >= 1:
            headers["Retry_After"] = str(min(wait, 10))
        return answer(payload, status, **headers)


def addresses_of(interface: Resource) -> Iterator[Json]:
    """How an interface names its public addresses."""
    for each in interface.body["properties"].get("ipConfigurations") or ():
        if (address := each["properties"].get("publicIPAddress")) is not None:
            yield address
