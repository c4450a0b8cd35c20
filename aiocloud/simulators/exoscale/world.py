"""What exists in the simulated account, and how it changes with time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from aiocloud.simulators.base import Phases
from aiocloud.simulators.exoscale.catalogue import NEEDS_PERMISSION, NOT_EVERYWHERE, TEMPLATES, TYPES
from aiocloud.simulators.exoscale.wire import Call, Json, RefusedError, absent, check_id, reference

USER_DATA = 32768


@dataclass(slots=True, kw_only=True)
class Instance:
    """A machine. `asked` is the body of the request that made it."""

    id: str
    name: str
    zone: str
    type: str
    template: str
    disk: int
    address: str
    created: datetime
    asked: Json = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    phases: Phases = field(default_factory=lambda: Phases("running"))
    installed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Work that ends at `due`, in success unless `failure` holds a reason and a message."""

    id: str
    due: datetime
    about: str
    command: str
    failure: tuple[str, str] | None = None


@dataclass(slots=True)
class World:
    """One account with all that is in it, in all zones. `boot` tells the seconds from creation to running.

    `elastic` are addresses with their zones, `quota` is how many instances there may be.
    """

    now: Callable[[], datetime]
    boot: Callable[[], float]
    instances: dict[str, Instance] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    elastic: dict[str, tuple[str, Json]] = field(default_factory=dict)
    groups: dict[str, Json] = field(default_factory=dict)
    quota: int = 10_000
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _addresses: Iterator[int] = field(default_factory=lambda: count(0xC6120000 + 1))  # 198.18/15, which is nobody's

    def __post_init__(self) -> None:
        default = self.new_id("5e")
        self.groups[default] = {"id": default, "name": "default", "rules": []}

    def there(self) -> list[Instance]:
        """The instances that have not gone."""
        return [each for each in list(self.instances.values()) if self.state(each) != "gone"]

    def new_id(self, kind: str = "11") -> str:
        """An id that nothing has had yet."""
        return f"{kind}000000-0000-4000-8000-{next(self._ids):012x}"

    def state(self, instance: Instance) -> str:
        """What an observer sees; one that has gone is forgotten."""
        state = instance.phases.seen(self.now())
        if state == "gone":
            self.instances.pop(instance.id, None)
        return state

    def find(self, call: Call) -> Instance:
        """The instance of that id in that zone."""
        check_id(call.ids[0])
        found = self.instances.get(call.ids[0])
        if found is None or found.zone != call.zone or self.state(found) == "gone":
            raise absent("instance")
        return found

    def begin(self, command: str, about: str, seconds: float = 0.0, failure: tuple[str, str] | None = None) -> Json:
        """A new operation, as the API shows it."""
        new, due = self.new_id("09"), self.now() + timedelta(seconds=seconds)
        begun = self.operations[new] = Operation(id=new, due=due, about=about, command=command, failure=failure)
        return self.show_operation(begun)

    def show_operation(self, operation: Operation) -> Json:
        """An operation as the API shows it."""
        kind = operation.command.partition("-")[2] or operation.command
        reference = {"id": operation.about, "link": f"/v2/{kind}/{operation.about}", "command": f"get-{kind}"}
        shown: Json = {"id": operation.id, "state": "pending", "reference": reference}
        if self.now() < operation.due:
            return shown
        if operation.failure is None:
            return shown | {"state": "success"}
        reason, message = operation.failure
        return shown | {"state": "failure", "reason": reason, "message": message}

    def place(self, name: str, zone: str, kind: str, template: str, disk: int, at: datetime) -> Instance:
        """Put an instance into the world."""
        new, number = self.new_id(), next(self._addresses)
        address = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
        instance = self.instances[new] = Instance(
            id=new, name=name, zone=zone, type=kind, template=template, disk=disk, address=address, created=at
        )
        return instance

    def create(self, call: Call) -> Instance:
        """An instance of what its zone has."""
        kind, template = reference(call.needed("instance-type")), reference(call.needed("template"))
        disk, data = call.needed("disk-size"), call.body.get("user-data") or ""
        if kind not in TYPES or call.zone in NOT_EVERYWHERE.get(kind, ()):
            raise absent("instance type")
        if kind == NEEDS_PERMISSION:
            raise RefusedError(403, "Forbidden by role policy for compute: the instance type is not authorized")
        if template not in TEMPLATES:
            raise absent("template")
        if not isinstance(disk, int) or not TEMPLATES[template][4] <= disk <= 51200:
            raise RefusedError(400, "Invalid request: disk-size is smaller than the template, or too large")
        if len(data) > USER_DATA:
            raise RefusedError(400, "Invalid request: user-data is too long")
        if len(self.instances) >= self.quota:
            raise RefusedError(403, "The quota of instances is exceeded")
        unknown = [each["name"] for each in call.body.get("ssh-keys", ()) if each["name"] not in self.keys]
        if unknown:
            raise absent(f"SSH key {unknown[0]}")
        made = self.place(call.body.get("name") or "vm", call.zone, kind, template, disk, self.now())
        made.asked, made.labels = call.body, dict(call.body.get("labels") or {})
        made.keys = {each["name"]: self.keys[each["name"]] for each in call.body.get("ssh-keys", ())}
        return made

    def show(self, instance: Instance, *, whole: bool) -> Json:
        """An instance as a list shows it, or by itself."""
        state, asked = self.state(instance), instance.asked
        assignment = asked.get("public-ip-assignment", "inet4")
        shown: Json = {
            "id": instance.id,
            "name": instance.name,
            "state": state,
            "created-at": instance.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "instance-type": {"id": instance.type},
            "template": {"id": instance.template},
            "labels": instance.labels,
            "public-ip-assignment": assignment,
            "ssh-keys": [{"name": name} for name in instance.keys],
            "security-groups": asked.get("security-groups") or [{"id": next(iter(self.groups))}],
        }
        if assignment != "none":
            shown["public-ip"] = instance.address
        if assignment == "dual":
            shown["ipv6-address"] = f"2001:db8::{int(instance.id[-4:], 16):x}"
        if whole:
            shown["disk-size"] = instance.disk
        if whole and asked.get("user-data"):
            shown["user-data"] = asked["user-data"]
        return shown

    def work(self, call: Call, command: str, during: str, then: str, *, on: Iterable[str], share: float = 0.2) -> Json:
        """Work on an instance that is in one of these states."""
        instance = self.find(call)
        if self.state(instance) not in on:
            return self.begin(command, instance.id, 0.0, ("conflict", f"The instance is {self.state(instance)}"))
        instance.phases.begin(during, then=then, at=self.now() + timedelta(seconds=self.boot() * share))
        return self.begin(command, instance.id, self.boot() * share)
