"""What exists behind the front end, and how it changes with time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from itertools import count, cycle, islice
from typing import Any

from aiocloud.simulators.opennebula.templates import Template, element

USER_ID, GROUP_ID, GROUP = 3, 1, "users"
OF_THE_VM = frozenset({"CONTEXT", "CPU", "DISK", "GRAPHICS", "MEMORY", "NIC", "NIC_ALIAS", "OS", "TEMPLATE_ID", "VCPU"})
"""What of a template configures the machine; all else is kept for the user."""

# STATE and LCM_STATE
PENDING, HOLD, PROLOG, BOOT, RUNNING = (1, 0), (2, 0), (3, 1), (3, 2), (3, 3)
SAVING, EPILOG, SHUTTING_DOWN, STARTING, RESTORING = (3, 6), (3, 11), (3, 18), (3, 20), (3, 21)
SUSPENDED, DONE, POWEROFF, UNDEPLOYED = (5, 0), (6, 0), (8, 0), (9, 0)
NAMES = {
    PENDING: "PENDING",
    HOLD: "HOLD",
    PROLOG: "PROLOG",
    BOOT: "BOOT",
    RUNNING: "RUNNING",
    SAVING: "SAVE_SUSPEND",
    EPILOG: "EPILOG",
    SHUTTING_DOWN: "SHUTDOWN_POWEROFF",
    STARTING: "BOOT_POWEROFF",
    RESTORING: "BOOT_SUSPENDED",
    SUSPENDED: "SUSPENDED",
    DONE: "DONE",
    POWEROFF: "POWEROFF",
    UNDEPLOYED: "UNDEPLOYED",
}


class Refusal(Exception):  # noqa: N818 - a no is what it is, and no error of the simulator's
    """A no, with its code and the id of what it is about."""

    def __init__(self, code: int, text: str, about: int = -1) -> None:
        super().__init__(text)
        self.code = code
        self.about = about


def authentication() -> Refusal:
    """Who asks is not known."""
    return Refusal(0x0100, "User couldn't be authenticated, aborting call.")


def authorization(text: str) -> Refusal:
    """The user may not, or has no more."""
    return Refusal(0x0200, text)


def no_such(what: str, number: int) -> Refusal:
    """It is not there."""
    return Refusal(0x0400, f"Error getting {what} [{number}].", number)


@dataclass(slots=True, kw_only=True)
class VM:
    """A virtual machine. `template` configures it, `user_template` is what the user keeps with it."""

    id: int
    name: str
    clock: Callable[[], datetime]
    made: datetime
    template: Template
    user_template: Template
    host: int | None = None
    ended: datetime | None = None
    _state: tuple[int, int] = PENDING
    _ahead: deque[tuple[datetime, tuple[int, int]]] = field(default_factory=deque)

    def seen(self) -> tuple[int, int]:
        """STATE and LCM_STATE at this moment."""
        while self._ahead and self.clock() >= self._ahead[0][0]:
            self._state = self._ahead.popleft()[1]
        return self._state

    def go(self, now: tuple[int, int], *later: tuple[datetime, tuple[int, int]]) -> None:
        """Enter a state, and others later."""
        self._state, self._ahead = now, deque(later)


@dataclass(slots=True)
class World:
    """One zone. `boot` tells the seconds from creation to running; `quota` is how many VMs the user may have."""

    now: Callable[[], datetime]
    boot: Callable[[], float]
    username: str
    quota: int | None = None
    vms: dict[int, VM] = field(default_factory=dict)
    clusters: dict[int, str] = field(default_factory=lambda: {0: "default", 100: "prod"})
    hosts: dict[int, tuple[str, int]] = field(default_factory=lambda: {4: ("kvm0", 0), 5: ("kvm1", 100)})
    networks: dict[int, str] = field(default_factory=lambda: {1: "public", 2: "lan"})
    images: dict[int, str] = field(default_factory=lambda: {11: "debian12", 12: "ubuntu2404"})
    templates: dict[int, tuple[str, Template]] = field(default_factory=lambda: dict(TEMPLATES))
    ids: count[int] = field(default_factory=lambda: count(42))
    turns: count[int] = field(default_factory=count)

    def vm(self, number: int) -> VM:
        """The VM of that id."""
        if number not in self.vms:
            raise no_such("virtual machine", number)
        return self.vms[number]

    def in_(self, share: float) -> datetime:
        """The moment at which this share of a boot will have passed."""
        return self.now() + timedelta(seconds=share * self.boot())

    def make(self, name: str, template_id: int, wanted: Template) -> VM:
        """A new VM from a template that was merged; it is pending."""
        living = sum(vm.seen() != DONE for vm in self.vms.values())
        if self.quota is not None and living >= self.quota:
            raise authorization(f"User [{USER_ID}] : limit of {self.quota} reached for VMS quota in VM.")
        number = next(self.ids)
        ours = {key: value for key, value in wanted.items() if key in OF_THE_VM}
        vm = self.vms[number] = VM(
            id=number,
            name=name or f"{self.templates[template_id][0]}-{number}",
            clock=self.now,
            made=self.now(),
            template={**ours, "TEMPLATE_ID": str(template_id), "NIC": self._cards(number, ours.get("NIC", []))},
            user_template={key: value for key, value in wanted.items() if key not in OF_THE_VM},
        )
        return vm

    def schedule(self, vm: VM) -> None:
        """Put it on a host, where there is one that it accepts; else it waits."""
        wanted = re.search(r'CLUSTER_ID\s*=\s*"?(\d+)', vm.user_template.get("SCHED_REQUIREMENTS", ""))
        fits = [number for number, (_, cluster) in self.hosts.items() if wanted is None or cluster == int(wanted[1])]
        if not fits:
            vm.go(PENDING)
            vm.user_template["SCHED_MESSAGE"] = "Cannot dispatch VM: No system datastore or host meets requirements"
            return
        vm.host = fits[next(self.turns) % len(fits)]
        vm.go(PENDING, (self.in_(0.2), PROLOG), (self.in_(0.6), BOOT), (self.in_(1.0), RUNNING))

    def populate(self, many: int) -> None:
        """Running VMs, spread over templates and hosts."""
        for template_id, host in islice(zip(cycle(self.templates), cycle(self.hosts), strict=False), many):
            vm = self.make("", template_id, self.templates[template_id][1])
            vm.host = host
            vm.go(RUNNING)

    def _cards(self, number: int, wanted: list[dict[str, str]]) -> list[dict[str, str]]:
        cards = []
        for place, card in enumerate(wanted):
            network = next((one for one in self.networks if str(one) == card.get("NETWORK_ID")), None)
            if network is None:
                raise Refusal(0x4000, f"User {USER_ID} does not own a network with id {card.get('NETWORK_ID')}")
            # Addresses that belong to nobody (RFC 2544), and private ones.
            first = "198.18.0.0" if network == 1 else "10.0.0.0"
            address = IPv4Address(first) + number + 1
            mac = ":".join(f"{byte:02x}" for byte in (2, 0, *address.packed))
            about = {"NIC_ID": str(place), "NETWORK": self.networks[network], "NETWORK_ID": str(network)}
            cards.append({**card, **about, "IP": str(address), "MAC": mac})
        return cards


def document(world: World, vm: VM) -> str:
    """A VM as `one.vm.info` shows it."""
    state, lcm_state = vm.seen()
    history = []
    if vm.host is not None and vm.seen() != PENDING:
        name, cluster = world.hosts[vm.host]
        history = [{"OID": vm.id, "SEQ": 0, "HOSTNAME": name, "HID": vm.host, "CID": cluster}]
    fields: dict[str, Any] = {
        "ID": vm.id,
        "UID": USER_ID,
        "GID": GROUP_ID,
        "UNAME": world.username,
        "GNAME": GROUP,
        "NAME": vm.name,
        "LAST_POLL": 0,
        "STATE": state,
        "LCM_STATE": lcm_state,
        "RESCHED": 0,
        "STIME": int(vm.made.timestamp()),
        "ETIME": int(vm.ended.timestamp()) if vm.ended else 0,
        "DEPLOY_ID": f"one-{vm.id}" if history else "",
        "MONITORING": "",
        "TEMPLATE": vm.template,
        "USER_TEMPLATE": vm.user_template,
        "HISTORY_RECORDS": {"HISTORY": history},
    }
    return element("VM", fields)


def _disk(image: str) -> list[dict[str, str]]:
    return [{"DISK_ID": "0", "IMAGE_ID": image, "SIZE": "10240"}]


TEMPLATES: dict[int, tuple[str, Template]] = {
    7: (
        "debian12",
        {
            "CPU": "1",
            "MEMORY": "1024",
            "DISK": _disk("11"),
            "NIC": [{"NETWORK_ID": "1"}],
            "CONTEXT": {"NETWORK": "YES", "SET_HOSTNAME": "$NAME"},
        },
    ),
    8: (
        "ubuntu2404",
        {
            "CPU": "1",
            "VCPU": "2",
            "MEMORY": "2048",
            "DISK": _disk("12"),
            "NIC": [{"NETWORK_ID": "1"}, {"NETWORK_ID": "2"}],
            "CONTEXT": {"NETWORK": "YES"},
            "GRAPHICS": {"TYPE": "VNC", "LISTEN": "0.0.0.0", "PASSWD": "vnc-canary"},  # noqa: S104 - listens nowhere
            "SCHED_REQUIREMENTS": 'HYPERVISOR = "kvm"',
        },
    ),
}
