"""Virtual guests: what the API shows of them, and what it is asked for to make one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiocloud.errors import ConfigurationError
from aiocloud.mapping import Shape, at, dig, timestamp
from aiocloud.models import Node, NodeState
from aiocloud.values import FrozenMap

GUEST = "Virtual_Guest"
"""The service."""

MASK = (
    "id,globalIdentifier,hostname,domain,fullyQualifiedDomainName,createDate,provisionDate,maxCpu,maxMemory,notes,"
    "hourlyBillingFlag,privateNetworkOnlyFlag,localDiskFlag,primaryIpAddress,primaryBackendIpAddress,"
    "powerState[keyName,name],status[keyName,name],datacenter[name,longName],"
    "operatingSystem[softwareLicense[softwareDescription[referenceCode,name,version]]],"
    "blockDeviceTemplateGroup[globalIdentifier,name],billingItem[id,orderItem[id,preset[keyName]]],"
    "activeTransaction[id,transactionStatus[name],transactionGroup[name]],tagReferences[tag[name]]"
)
"""All that a Node is made of. Passwords and user data are left out: those who want them ask for them."""

POWER = {
    "RUNNING": NodeState.RUNNING,
    "HALTED": NodeState.STOPPED,
    "PAUSED": NodeState.SUSPENDED,
    "SUSPENDED": NodeState.SUSPENDED,
    "INITIATING": NodeState.PENDING,
}
GLOBAL_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PARTS = re.compile(r"(?P<cpus>\d+)X(?P<ram>\d+)(X(?P<disk>\d+))?", re.IGNORECASE)
TAG = re.compile(r"[A-Za-z0-9_. :-]+")


def state_of(payload: Any) -> NodeState:
    """The first rule that holds: going away, still being made, and then what its power says.

    A new guest is halted until it is provisioned.
    """
    doing = " ".join(
        str(dig(payload, path))
        for path in ("activeTransaction.transactionStatus.name", "activeTransaction.transactionGroup.name")
    ).upper()
    if "RECLAIM" in doing or "CANCEL" in doing:
        return NodeState.TERMINATED
    power = dig(payload, "powerState.keyName")
    if not payload.get("provisionDate") or ("PROVISION" in doing and power != "RUNNING"):
        return NodeState.PENDING
    return POWER.get(str(power), NodeState.UNKNOWN)


def _address(address: str) -> tuple[str, ...]:
    return (address,) if address else ()


def _image(payload: Any) -> str | None:
    template = dig(payload, "blockDeviceTemplateGroup.globalIdentifier")
    code = dig(payload, "operatingSystem.softwareLicense.softwareDescription.referenceCode")
    return str(template or code) if template or code else None


def _tags(references: Iterable[Any]) -> FrozenMap[str]:
    """Tags are words there; ours that have a value are written `key:value`."""
    words = (dig(reference, "tag.name") for reference in references)
    pairs = (word.partition(":") for word in words if word)
    return FrozenMap({key: value for key, _, value in pairs})


def tag_words(tags: Mapping[str, str]) -> str:
    """Tags as `setTags` takes them. Raises ConfigurationError for characters that the API would silently drop."""
    words = [f"{key}:{value}" if value else key for key, value in tags.items()]
    for word, key in zip(words, tags, strict=True):
        if not TAG.fullmatch(word) or ":" in key or word != word.strip():
            raise ConfigurationError(
                f"softlayer cannot keep the tag {word!r}: tags are made of letters, digits, blanks and _-. "
                "(in values, colons too)"
            )
    return ", ".join(words)


NODE = Shape(
    Node,
    hide=("operatingSystem.passwords", "softwareComponents", "userData"),
    id=at("id", str),
    name=at("hostname"),
    state=state_of,
    public_ips=at("primaryIpAddress", _address),
    private_ips=at("primaryBackendIpAddress", _address),
    size=at("billingItem.orderItem.preset.keyName"),
    image=_image,
    location=at("datacenter.name"),
    created_at=at("createDate", timestamp),
    tags=at("tagReferences", _tags),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A guest to be made. `ex_` keywords of `create_node` explain the fields of the same names."""

    hostname: str
    domain: str
    size: str
    image: str
    location: str
    keys: Sequence[str] = ()
    user_data: str | None = None
    hourly: bool = True
    private_network_only: bool = False
    local_disk: bool = False
    max_speed: int | None = None
    post_script: str | None = None
    public_vlan: int | None = None
    private_vlan: int | None = None
    security_groups: Sequence[int] = ()
    private_security_groups: Sequence[int] = ()
    dedicated: bool = False
    dedicated_host: int | None = None

    @property
    def full_name(self) -> str:
        """The fully qualified domain name."""
        return f"{self.hostname}.{self.domain}"

    def template(self) -> dict[str, Any]:
        """The structure that `createObject` takes."""
        wanted = {
            "hostname": self.hostname,
            "domain": self.domain,
            "datacenter": {"name": self.location},
            "hourlyBillingFlag": self.hourly,
            "localDiskFlag": self.local_disk,
            **self._hardware(),
            **self._software(),
            "privateNetworkOnlyFlag": self.private_network_only or None,
            "networkComponents": [{"maxSpeed": self.max_speed}] if self.max_speed else None,
            "primaryNetworkComponent": _component(self.public_vlan, self.security_groups),
            "primaryBackendNetworkComponent": _component(self.private_vlan, self.private_security_groups),
            "dedicatedAccountHostOnlyFlag": self.dedicated or None,
            "dedicatedHost": {"id": self.dedicated_host} if self.dedicated_host else None,
            "sshKeys": [{"id": int(key)} for key in self.keys],
            "userData": [{"value": self.user_data}] if self.user_data is not None else None,
            "postInstallScriptUri": self.post_script,
        }
        return {key: value for key, value in wanted.items() if value not in (None, [], {})}

    def _hardware(self) -> dict[str, Any]:
        parts = PARTS.fullmatch(self.size)
        if parts is None:
            transient = self.size.endswith("_TRANSIENT") or None
            return {"supplementalCreateObjectOptions": {"flavorKeyName": self.size}, "transientGuestFlag": transient}
        disk = [{"device": "0", "diskImage": {"capacity": int(parts["disk"])}}] if parts["disk"] else []
        return {"startCpus": int(parts["cpus"]), "maxMemory": 1024 * int(parts["ram"]), "blockDevices": disk}

    def _software(self) -> dict[str, Any]:
        if GLOBAL_ID.fullmatch(self.image):
            return {"blockDeviceTemplateGroup": {"globalIdentifier": self.image}}
        return {"operatingSystemReferenceCode": self.image}


def _component(vlan: int | None, groups: Sequence[int]) -> dict[str, Any]:
    network = {"networkVlan": {"id": vlan}} if vlan else {}
    bindings = [{"securityGroup": {"id": group}} for group in groups]
    return {**network, **({"securityGroupBindings": bindings} if bindings else {})}
