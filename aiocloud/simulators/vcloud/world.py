"""What there is at a simulated VMware Cloud Director, and the tasks that change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import Protocol, TypeVar
from uuid import NAMESPACE_URL, uuid5

from aiocloud.simulators.vcloud.wire import Failure, bad_request, busy, no_access
from aiocloud.values import Secret


def identifier(*words: object) -> str:
    """A UUID that is the same in every world."""
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, words))))


@dataclass(slots=True)
class Task:
    """Something that takes time. `effect` happens when it is due."""

    id: str
    operation: str
    owner: VApp
    start: datetime
    due: datetime
    effect: Callable[[], None]
    status: str = "running"
    error: Failure | None = None


@dataclass(slots=True)
class VApp:
    """A vApp and its one machine."""

    id: str
    machine: str
    name: str
    vdc: Vdc
    template: Template
    created: datetime
    policy: str | None = None
    description: str = ""
    status: int = 0
    deployed: bool = False
    address: str = ""
    mac: str = ""
    network: str = ""
    password: Secret | None = None
    script: str = ""
    computer_name: str = ""
    snapshot: bool = False
    tasks: list[Task] = field(default_factory=list)

    @property
    def task(self) -> Task | None:
        """The one that runs on it."""
        return next((task for task in self.tasks if task.status == "running"), None)


@dataclass(frozen=True, slots=True)
class Vdc:
    """A virtual data centre and its networks."""

    id: str
    name: str
    networks: tuple[str, ...] = ("lan",)


@dataclass(frozen=True, slots=True)
class Template:
    """A vApp template with one machine."""

    id: str
    name: str
    guest: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A sizing policy; what it leaves open is the template's to say."""

    id: str
    name: str
    cpus: int | None
    memory: int | None


VDCS = tuple(Vdc(identifier("vdc", name), name) for name in ("harbour", "quay"))
TEMPLATES = tuple(
    Template(f"vappTemplate-{identifier('template', name)}", name, guest)
    for name, guest in (
        ("debian-12", "Debian GNU/Linux 12 (64-bit)"),
        ("ubuntu-24.04", "Ubuntu Linux (64-bit)"),
        ("windows-2022", "Microsoft Windows Server 2022 (64-bit)"),
    )
)
POLICIES = tuple(
    Policy(f"urn:vcloud:vdcComputePolicy:{identifier('policy', name)}", name, cpus, memory)
    for name, cpus, memory in (("System Default", None, None), ("S", 1, 1024), ("M", 2, 4096), ("L", 4, 8192))
)


class World:
    """All of it. `settle` brings it up to date before anybody looks."""

    def __init__(
        self,
        now: Callable[[], datetime],
        boot: Callable[[], float],
        *,
        vapp_id: Callable[[int], str] = lambda number: f"vapp-{identifier('vapp', number)}",
        addresses: str = "198.18.0.10",
    ) -> None:
        self.now = now
        self.boot = boot
        self._vapp_id = vapp_id
        self._addresses = IPv4Address(addresses)
        self.vapps: dict[str, VApp] = {}
        self.tasks: dict[str, Task] = {}
        self.failures: list[Failure] = []
        """What becomes of the next tasks, one each, in place of success."""
        self._running: list[Task] = []
        self._made = 0

    def settle(self) -> None:
        """End the tasks that are due."""
        now = self.now()
        for task in [each for each in self._running if each.due <= now]:
            self._running.remove(task)
            task.status = "success" if task.error is None else "error"
            if task.error is None:
                task.effect()
            elif task.owner.status == 0:
                task.owner.status = -1

    def begin(self, operation: str, vapp: VApp, effect: Callable[[], None], seconds: float) -> Task:
        """A task on a vApp that has none."""
        if vapp.task is not None:
            raise busy(vapp.name)
        start = self.now()
        id_ = identifier("task", len(self.tasks))
        task = Task(id_, operation, vapp, start, start + timedelta(seconds=seconds), effect)
        task.error = self.failures.pop(0) if self.failures else None
        self.tasks[id_] = task
        self._running.append(task)
        vapp.tasks.append(task)
        return task

    def place(self, name: str, vdc: Vdc, template: Template, created: datetime) -> VApp:
        """A new vApp, of which nothing runs yet."""
        if any(each.name == name and each.vdc is vdc for each in self.vapps.values()):
            raise Failure(400, "DUPLICATE_NAME", f"The VCD entity {name} already exists.")
        number = self._made = self._made + 1
        vapp = VApp(
            id=self._vapp_id(number),
            machine=f"vm-{identifier('vm', number)}",
            name=name,
            vdc=vdc,
            template=template,
            created=created,
            address=str(self._addresses + number),
            mac="00:50:56:" + ":".join(f"{number >> shift & 255:02x}" for shift in (16, 8, 0)),
            network=vdc.networks[0],
            computer_name=name,
        )
        self.vapps[vapp.id] = vapp
        return vapp

    def find(self, id_: str) -> VApp:
        """The vApp of that id, or of which that is the machine."""
        if id_.startswith("vm-"):
            found = next((each for each in self.vapps.values() if each.machine == id_), None)
        else:
            found = self.vapps.get(id_)
        if found is None:
            raise no_access("vapp", id_)
        return found

    def vdc(self, id_: str) -> Vdc:
        """The virtual data centre of that id."""
        return known(VDCS, id_, no_access("vdc", id_))

    def template(self, id_: str) -> Template:
        """The template of that id."""
        return known(TEMPLATES, id_, no_access("vAppTemplate", id_))

    def policy(self, id_: str) -> Policy:
        """The sizing policy of that id."""
        return known(POLICIES, id_, bad_request(f"The compute policy {id_} is not available in this VDC."))


class _Named(Protocol):
    @property
    def id(self) -> str: ...


N = TypeVar("N", bound=_Named)


def known(things: Iterable[N], id_: str, failure: Failure) -> N:
    """The one of that id, or the failure."""
    for thing in things:
        if thing.id == id_:
            return thing
    raise failure
