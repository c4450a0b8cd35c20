"""What exists in the simulated project, and how it changes with time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from itertools import count

from aiocloud.simulators.base import Phases
from aiocloud.simulators.gce.wire import Call, Json, stamp

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)

# From a range that belongs to nobody (RFC 2544), so that a stray connection from a test never reaches a stranger.
PUBLIC, PUBLIC_SIZE = int(IPv4Address("198.18.0.0")), 2**17
PRIVATE, PRIVATE_SIZE = int(IPv4Address("10.128.0.2")), 2**20 - 8


@dataclass(slots=True, kw_only=True)
class Instance:
    """A machine with one network interface."""

    id: int
    name: str
    zone: str
    type: str
    image: str
    disk: int
    private: str
    public: str | None
    created: datetime
    labels: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    network_tags: list[str] = field(default_factory=list)
    spot: bool = False
    phases: Phases = field(default_factory=lambda: Phases("RUNNING"))

    def fingerprint(self) -> str:
        """What changes whenever the labels do."""
        return hashlib.sha256(repr(sorted(self.labels.items())).encode()).hexdigest()[:12]


@dataclass(slots=True, kw_only=True)
class Operation:
    """Work that is done at `ends`; `error` is what it comes to, if not to good: a status, a word, a sentence."""

    name: str
    id: int
    kind: str
    place: str
    target: str
    target_id: int
    begun: datetime
    ends: datetime
    request: str | None
    error: tuple[int, str, str] | None = None

    def payload(self, call: Call, now: datetime) -> Json:
        """As the API shows it."""
        done = now >= self.ends
        found: Json = {
            "kind": "compute#operation",
            "id": str(self.id),
            "name": self.name,
            "operationType": self.kind,
            "targetLink": self.target,
            "targetId": str(self.target_id),
            "status": "DONE" if done else "RUNNING",
            "progress": 100 if done else 0,
            "user": "harbour@quay-7.iam.gserviceaccount.com",
            "insertTime": stamp(self.begun),
            "startTime": stamp(self.begun),
            "selfLink": f"{call.root}/{self.place}/operations/{self.name}",
        }
        if self.place.startswith("zones/"):
            found["zone"] = f"{call.root}/{self.place}"
        if self.request:
            found["clientOperationId"] = self.request
        if done:
            found["endTime"] = stamp(self.ends)
        if done and self.error:
            status, code, message = self.error
            found |= {"httpErrorStatusCode": status, "httpErrorMessage": "SERVICE UNAVAILABLE"}
            found["error"] = {"errors": [{"code": code, "message": message}]}
        return found


@dataclass(slots=True)
class World:
    """One project with all that is in it. `down` are the zones that are out of order."""

    now: Callable[[], datetime]
    boot: Callable[[], float]
    instances: dict[int, Instance] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    asked: dict[str, Operation] = field(default_factory=dict)
    firewalls: dict[str, Json] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    quota: int = 5000
    _serial: count[int] = field(default_factory=lambda: count(1))

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def status(self, instance: Instance) -> str:
        """What an observer sees at this moment; "gone" for one that was deleted."""
        return instance.phases.seen(self.now())

    def alive(self, zone: str | None = None) -> list[Instance]:
        """The instances of a zone, or all; those whose deletion is done are taken away first."""
        for number in [one.id for one in self.instances.values() if self.status(one) == "gone"]:
            del self.instances[number]
        return [one for one in self.instances.values() if zone in (None, one.zone)]

    def place(self, *, name: str, zone: str, type: str, image: str, disk: int, public: bool, at: datetime) -> Instance:
        """Put a machine into the world."""
        serial = next(self._serial)
        number = 4_611_686_018_427_000_000 + serial
        self.instances[number] = Instance(
            id=number,
            name=name,
            zone=zone,
            type=type,
            image=image,
            disk=disk,
            private=str(IPv4Address(PRIVATE + serial % PRIVATE_SIZE)),
            public=self.address(serial) if public else None,
            created=at,
        )
        return self.instances[number]

    @staticmethod
    def address(serial: int) -> str:
        """A public address."""
        return str(IPv4Address(PUBLIC + serial % PUBLIC_SIZE))

    def begin(
        self,
        call: Call,
        kind: str,
        target: str,
        target_id: int,
        *,
        error: tuple[int, str, str] | None = None,
        share: float = 0.2,
    ) -> Json:
        """Note the work that a request has begun, and show it."""
        serial, request = next(self._serial), call.query.get("requestId")
        place = f"zones/{call.names[0]}" if "/zones/" in call.path else "global"
        work = Operation(
            name=f"operation-{serial:012d}-5a1b-c3d4",
            id=7_000_000_000 + serial,
            kind=kind,
            place=place,
            target=target,
            target_id=target_id,
            begun=self.now(),
            ends=self.in_(share),
            request=request,
            error=error,
        )
        self.operations[work.name] = work
        if request:
            self.asked[request] = work
        return work.payload(call, self.now())
