"""From EC2's XML to the common models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from aiocloud.http.outlines import flattened
from aiocloud.mapping import Shape, at, dig, is_private, one_of, timestamp
from aiocloud.models import Image, KeyPair, Node, NodeState, Size
from aiocloud.values import FrozenMap

STATES = {
    "pending": NodeState.PENDING,
    "running": NodeState.RUNNING,
    "stopping": NodeState.STOPPING,
    "stopped": NodeState.STOPPED,
    "shutting-down": NodeState.TERMINATED,
    "terminated": NodeState.TERMINATED,
}

REGION = re.compile(r"[a-z]+(?:-[a-z]+)+?-\d+")


@lru_cache(maxsize=1024)
def region_of(zone: str) -> str:
    """The region that a zone is part of; a word that is neither zone nor region is left as it is.

    >>> [region_of(zone) for zone in ("eu-west-1b", "us-gov-east-1a", "us-east-1-bue-1a", "eu-west-1", "rack-two")]
    ['eu-west-1', 'us-gov-east-1', 'us-east-1', 'eu-west-1', 'rack-two']
    """
    match = REGION.match(zone)
    return match[0] if match else zone


def reservations(payload: Any) -> Iterable[Any]:
    """The instances of all reservations in an answer; one reservation may hold several."""
    return flattened(dig(payload, "reservationSet"), "instancesSet")


def tags(payload: Any) -> FrozenMap[str]:
    """The tags of anything that has some."""
    return FrozenMap({tag["key"]: tag.get("value") or "" for tag in dig(payload, "tagSet") or ()})


def _name(payload: Any) -> str:
    name: str | None = next((tag.get("value") for tag in payload.get("tagSet") or () if tag["key"] == "Name"), None)
    return name or str(payload["instanceId"])


def _node_tags(payload: Any) -> FrozenMap[str]:
    """All but the name, which has a field of its own."""
    return FrozenMap.over(
        {tag["key"]: tag.get("value") or "" for tag in payload.get("tagSet") or () if tag["key"] != "Name"}
    )


def _ips(payload: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The IPv4 addresses of all interfaces, each with the public one that leads to it, and the IPv6 addresses."""
    public, private = [payload.get("ipAddress")], [payload.get("privateIpAddress")]
    ipv6 = [payload.get("ipv6Address")]
    for card in payload.get("networkInterfaceSet") or ():
        for own in (card, *(card.get("privateIpAddressesSet") or ())):
            public.append((own.get("association") or {}).get("publicIp"))
            private.append(own.get("privateIpAddress"))
        ipv6 += [each.get("ipv6Address") for each in card.get("ipv6AddressesSet") or ()]
    for address in ipv6:
        if address:
            (private if is_private(address) else public).append(address)
    return _unique(public), _unique(private)


def _unique(addresses: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([address for address in addresses if address]))


def _created_at(payload: Any) -> datetime | None:
    """When the first of its parts was plugged in: `launchTime` is that of the last start."""
    times = [payload.get("launchTime")]
    times += [dig(disk, "ebs.attachTime") for disk in payload.get("blockDeviceMapping") or ()]
    times += [dig(card, "attachment.attachTime") for card in payload.get("networkInterfaceSet") or ()]
    return min([timestamp(text) for text in times if text], default=None)


def _arch(name: str) -> str:
    return name.removesuffix("_mac")


def _best_arch(names: Sequence[str]) -> str | None:
    """Of what a processor can run, the widest."""
    known = [_arch(name) for name in names]
    return next((name for name in ("x86_64", "arm64") if name in known), known[0] if known else None)


OSES = {
    # what `platformDetails` begins with: the system
    "Windows": "windows",
    "Red Hat Enterprise Linux": "rhel",
    "SUSE Linux": "sles",
    "Ubuntu Pro": "ubuntu",
}


def _os(payload: Mapping[str, Any]) -> str | None:
    """The system, where the image says more of it than that it is some Linux."""
    details = payload.get("platformDetails") or ""
    named = next((system for words, system in OSES.items() if details.startswith(words)), None)
    return named or ("windows" if payload.get("platform") == "windows" else None)


def _disk(payload: Mapping[str, Any]) -> int:
    """Without local disks there are only volumes, which come apart."""
    return int(dig(payload, "instanceStorageInfo.totalSizeInGB") or 0)


NODE = Shape(
    Node,
    id=at("instanceId"),
    name=_name,
    state=at("instanceState.name", one_of(STATES, NodeState.UNKNOWN)),
    ips=_ips,
    size=at("instanceType"),
    image=at("imageId"),
    location=at("placement.availabilityZone", region_of),
    created_at=_created_at,
    tags=_node_tags,
)
SIZE = Shape(
    Size,
    id=at("instanceType"),
    name=at("instanceType"),
    vcpus=at("vCpuInfo.defaultVCpus", int),
    ram=at("memoryInfo.sizeInMiB", int),
    disk=_disk,
    arch=at("processorInfo.supportedArchitectures", _best_arch),
)
IMAGE = Shape(
    Image,
    id=at("imageId"),
    # Images from before there were names have a location only.
    name=lambda payload: payload.get("name") or payload.get("imageLocation") or payload["imageId"],
    os=_os,
    arch=at("architecture", _arch),
)
KEY_PAIR = Shape(
    KeyPair,
    id=lambda payload: payload.get("keyPairId") or payload["keyName"],
    name=at("keyName"),
    public_key=at("publicKey", str.strip),
    fingerprint=at("keyFingerprint"),
    hide=("keyMaterial",),
)
