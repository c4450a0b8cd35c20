"""What the order catalogue and Glance at OVHcloud say, in the words of the models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiocloud.dialects.openstack.shapes import IMAGE as OPENSTACK_IMAGE
from aiocloud.mapping import Shape, at, dig
from aiocloud.models import Image, Size


def _disk(addon: Mapping[str, Any]) -> int | None:
    """All local disks together, in GB; None where none are told."""
    disks = dig(addon, "blobs.technical.storage.disks")
    return sum((disk.get("number") or 1) * (disk.get("capacity") or 0) for disk in disks) if disks else None


SIZE = Shape(
    Size,
    id=at("invoiceName"),
    name=at("invoiceName"),
    vcpus=at("blobs.technical.cpu.cores"),
    ram=at("blobs.technical.memory.size", lambda size: int(size * 1000)),  # Nova's flavor of 7 GB has 7000 MiB
    disk=_disk,
)

SYSTEM = re.compile(
    r"(?:Baremetal - )?(?P<os>AlmaLinux|CentOS|Debian|Fedora|FreeBSD|Rocky|Ubuntu|Windows)\b\D*(?P<version>\d[\d.]*)?"
)


def _from_name(image: Mapping[str, Any], part: str) -> str | None:
    """What the name of one of OVHcloud's images says: they have no property for it ("Debian 12 - UEFI")."""
    found = SYSTEM.match(image.get("name") or "")
    return found[part].lower() if found and found[part] else None


IMAGE = Shape(
    Image,
    id=at("id", str),
    name=lambda image: image.get("name") or image["id"],
    os=lambda image: OPENSTACK_IMAGE(image).os or _from_name(image, "os"),
    version=lambda image: OPENSTACK_IMAGE(image).version or _from_name(image, "version"),
    arch=lambda image: OPENSTACK_IMAGE(image).arch,
)
