"""The instances of an account, its keys, snapshots and addresses, and how they change with time."""

from __future__ import annotations

import base64
import binascii
import secrets
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from typing import Any

from aiocloud.simulators.base import Phases
from aiocloud.simulators.vultr.catalogue import PLANS, REGIONS, SNAPSHOT, SYSTEMS
from aiocloud.simulators.vultr.wire import Json, RefusedError, sold_out
from aiocloud.values import Secret

FIRST_IPV4 = int(IPv4Address("198.18.0.1"))  # nobody's: for measuring
FIRST_IPV6 = int(IPv6Address("2001:db8::100"))
# The three fields that make up the state, as they are meanwhile.
FIELDS = {
    "installing": ("pending", "running", "none"),
    "booting": ("active", "running", "installingbooting"),
    "running": ("active", "running", "ok"),
    "stopped": ("active", "stopped", "ok"),
    "restarting": ("active", "running", "locked"),
    "resizing": ("resizing", "running", "locked"),
}
BUSY = frozenset({"installing", "resizing"})
MOST_TAGS = 50


@dataclass(slots=True, kw_only=True)
class Instance:
    """A virtual machine, as long as it is there."""

    id: str
    label: str
    region: str
    plan: str
    os_id: int
    created: datetime
    ipv4: str
    ipv6: str | None = None
    hostname: str = "vultr"
    tags: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    password: Secret = field(default_factory=lambda: Secret(secrets.token_urlsafe(12)))
    user_data: bytes | None = None
    firewall: str = ""
    phases: Phases = field(default_factory=lambda: Phases("running"))
    installed: int = 1


@dataclass(slots=True)
class World:
    """One account with all that is in it. `boot` tells the seconds from creation to running.

    `sold_out` holds pairs of a plan and a region; `most` is how many instances the account may have.
    """

    now: Callable[[], datetime]
    boot: Callable[[], float]
    regions: dict[str, Json] = field(default_factory=lambda: REGIONS)
    plans: dict[str, Json] = field(default_factory=lambda: PLANS)
    instances: dict[str, Instance] = field(default_factory=dict)
    keys: dict[str, Json] = field(default_factory=dict)
    snapshots: dict[str, Json] = field(default_factory=dict)
    reserved: dict[str, Json] = field(default_factory=dict)
    sold_out: set[tuple[str, str]] = field(default_factory=set)
    most: int | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def after(self, share: float) -> datetime:
        """The time when this share of a boot is over."""
        return self.now() + timedelta(seconds=share * self.boot())

    def has(self, plan: str, region: str) -> bool:
        """Whether there are machines of that plan left in that region."""
        return region in self.plans[plan]["locations"] and (plan, region) not in self.sold_out

    def place(self, label: str, region: str, plan: str, os_id: int, at: datetime) -> Instance:
        """Put an instance into the world."""
        number = next(self._numbers)
        id_ = str(uuid.UUID(int=number << 80, version=4))
        ipv4 = str(IPv4Address(FIRST_IPV4 + number % 0x1FFFE))
        self.instances[id_] = Instance(
            id=id_, label=label, region=region, plan=plan, os_id=os_id, created=at, ipv4=ipv4
        )
        return self.instances[id_]

    def create(self, body: Json) -> Instance:
        """A new instance, of what there is. Raises RefusedError."""
        plan, region = body.get("plan"), body.get("region")
        if region not in self.regions:
            raise RefusedError(400, "Invalid region.")
        if plan not in self.plans:
            raise RefusedError(400, "Invalid plan.")
        os_id = self._system(body)
        tags = _tags(body.get("tags") or [])
        keys = [self._key_of(id_)["ssh_key"] for id_ in body.get("sshkey_id") or ()]
        data = _decoded(body.get("user_data"))
        self._make_room(plan, region)
        instance = self.place(body.get("label") or "", region, plan, os_id, self.now())
        instance.tags, instance.keys, instance.user_data = tags, keys, data
        instance.hostname = body.get("hostname") or "vultr"
        instance.firewall = body.get("firewall_group_id") or ""
        if body.get("enable_ipv6") or plan.endswith("-v6"):
            instance.ipv6 = str(IPv6Address(FIRST_IPV6 + (len(self.instances) << 64)))
        instance.phases.begin("installing", then="running", at=self.after(1.0))
        return instance

    def _system(self, body: Json) -> int:
        if (snapshot := body.get("snapshot_id")) is not None:
            if snapshot not in self.snapshots:
                raise RefusedError(400, "Invalid snapshot.")
            return SNAPSHOT
        os_id = body.get("os_id")
        if os_id not in SYSTEMS or os_id < 1000:
            raise RefusedError(400, "Invalid OS ID.")
        return int(os_id)

    def _make_room(self, plan: str, region: str) -> None:
        if self.most is not None and len(self.instances) >= self.most:
            raise RefusedError(400, "You have reached the maximum number of active instances for this account.")
        if not self.has(plan, region):
            raise sold_out()

    def act(self, instance: Instance, name: str, body: Json) -> Json | None:
        """Do one of the actions on an instance."""
        if instance.phases.seen(self.now()) in BUSY:
            raise RefusedError(400, "Server is currently locked.")
        soon = self.after(0.2)
        match name:
            case "halt":
                instance.phases.begin("running", then="stopped", at=soon)
            case "start":
                instance.phases.begin("booting", then="running", at=soon)
            case "reboot":
                instance.phases.begin("restarting", then="running", at=soon)
            case "reinstall":
                return self.install(instance, instance.os_id)
            case _:
                if body.get("snapshot_id") not in self.snapshots:
                    raise RefusedError(400, "Invalid snapshot.")
                self.install(instance, SNAPSHOT)
        return None

    def install(self, instance: Instance, os_id: int) -> Json:
        """Write a system over its disk; the answer, with the new password."""
        instance.os_id = os_id
        instance.installed += 1
        instance.password = Secret(secrets.token_urlsafe(12))
        instance.phases.begin("installing", then="running", at=self.after(1.0))
        return {"instance": self.show(instance) | {"default_password": instance.password.reveal()}}

    def change(self, instance: Instance, body: Json) -> Json:
        """Change what can be changed of an instance."""
        instance.label = body.get("label", instance.label)
        instance.tags = _tags(body.get("tags", instance.tags))
        instance.firewall = body.get("firewall_group_id", instance.firewall)
        if (plan := body.get("plan")) is not None:
            self._resize(instance, plan)
        if "os_id" in body:
            return self.install(instance, self._system(body))
        return {"instance": self.show(instance), "job_ids": []}

    def _resize(self, instance: Instance, plan: str) -> None:
        if plan not in self.plans or self.plans[plan]["disk"] < self.plans[instance.plan]["disk"]:
            raise RefusedError(400, "Invalid plan.")
        instance.plan = plan
        instance.phases.begin("resizing", then="running", at=self.after(0.5))

    def _key_of(self, id_: str) -> Json:
        if id_ not in self.keys:
            raise RefusedError(400, "Invalid SSH key.")
        return self.keys[id_]

    def show(self, instance: Instance) -> Json:
        """An instance as the API shows it."""
        phase = instance.phases.seen(self.now())
        status, power, server = FIELDS[phase]
        plan = self.plans[instance.plan]
        settled = phase != "installing"
        return {
            "id": instance.id,
            "os": SYSTEMS[instance.os_id][0],
            "ram": plan["ram"],
            "disk": plan["disk"],
            "main_ip": instance.ipv4 if settled else "0.0.0.0",  # noqa: S104 - so the API says that there is none yet
            "vcpu_count": plan["vcpu_count"],
            "region": instance.region,
            "plan": instance.plan,
            "date_created": instance.created.replace(microsecond=0).isoformat(),
            "status": status,
            "allowed_bandwidth": plan["bandwidth"],
            "netmask_v4": "255.255.254.0",
            "gateway_v4": "198.18.0.1",
            "power_status": power,
            "server_status": server,
            "v6_network": "",
            "v6_main_ip": (instance.ipv6 or "") if settled else "",
            "v6_network_size": 64 if instance.ipv6 else 0,
            "label": instance.label,
            "internal_ip": "",
            "kvm": f"https://my.vultr.com/subs/vps/novnc/api.php?data={instance.id[:8]}",
            "hostname": instance.hostname,
            "tag": instance.tags[0] if instance.tags else "",
            "tags": instance.tags,
            "os_id": instance.os_id,
            "app_id": 0,
            "image_id": "",
            "firewall_group_id": instance.firewall,
            "features": ["ipv6"] if instance.ipv6 else [],
            "user_scheme": "root",
        }


def _tags(tags: Any) -> list[str]:
    if not isinstance(tags, list) or len(tags) > MOST_TAGS or not all(isinstance(tag, str) for tag in tags):
        raise RefusedError(400, "Invalid tags.")
    return list(tags)


def _decoded(text: Any) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise RefusedError(400, "Invalid user_data: it must be base64 encoded.") from None
