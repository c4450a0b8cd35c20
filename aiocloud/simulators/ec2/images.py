"""Machine images: some public ones, and the account's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiocloud.simulators.ec2.select import Ids, Window, chosen, filters, passing
from aiocloud.simulators.ec2.tags import tag_set
from aiocloud.simulators.ec2.wire import Body, Refusal
from aiocloud.simulators.ec2.world import OWNER, Call, Image, Region

IDS = Ids("ami-", "InvalidAMIID", "The image id")

AMAZON, WINDOWS, DEBIAN, UBUNTU = "137112412989", "801119661308", "136693071363", "099720109477"

AS_IS = {"x86_64": "x86_64", "arm64": "arm64"}
AS_DEBIAN = {"x86_64": "amd64", "arm64": "arm64"}
INTEL = {"x86_64": ""}

PUBLISHED = (
    # owner, name, description, root device, GiB, day, and how the name spells each architecture
    (AMAZON, "al2023-ami-2023.6.20250218.2-kernel-6.1-{}", "Amazon Linux 2023", "/dev/xvda", 8, "2025-02-18", AS_IS),
    (DEBIAN, "debian-12-{}-20250210-2019", "Debian 12 (20250210-2019)", "/dev/xvda", 8, "2025-02-10", AS_DEBIAN),
    (
        UBUNTU,
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{}-server-20250225",
        "Canonical, Ubuntu, 24.04, noble image",
        "/dev/sda1",
        8,
        "2025-02-25",
        AS_DEBIAN,
    ),
    (
        WINDOWS,
        "Windows_Server-2022-English-Full-Base-2025.02.13",
        "Microsoft Windows Server 2022 Full Locale English AMI provided by Amazon",
        "/dev/sda1",
        30,
        "2025-02-13",
        INTEL,
    ),
    (OWNER, "golden-base-7-{}", "The account's own base image", "/dev/xvda", 8, "2025-02-27", AS_IS),
)
"""The images that every region has at first, under ids of its own."""

ALIASES = {AMAZON: "amazon", WINDOWS: "amazon"}


def seed(region: Region) -> None:
    """Put the first images into a region; their ids are the same in every simulator."""
    for owner, name, description, device, disk, day, spellings in PUBLISHED:
        for arch, spelling in spellings.items():
            image = Image(
                id=_id(region, name, arch),
                name=name.format(spelling),
                owner=owner,
                arch=arch,
                created=datetime.fromisoformat(day).replace(hour=7, tzinfo=UTC),
                description=description,
                alias=ALIASES.get(owner),
                platform="windows" if owner == WINDOWS else None,
                device=device,
                disk=disk,
            )
            region.images[image.id] = image


def _id(region: Region, name: str, arch: str) -> str:
    digest = hashlib.sha256(f"{region.name}/{name}/{arch}".encode()).hexdigest()
    return f"ami-0{digest[:16]}"


READERS: Mapping[str, Any] = {
    "image-id": lambda image: [image.id],
    "name": lambda image: [image.name],
    "description": lambda image: [image.description],
    "architecture": lambda image: [image.arch],
    "state": lambda image: ["available"],
    "image-type": lambda image: ["machine"],
    "is-public": lambda image: [image.owner != OWNER],
    "owner-id": lambda image: [image.owner],
    "owner-alias": lambda image: [image.alias],
    "platform": lambda image: [image.platform],
    "root-device-name": lambda image: [image.device],
    "root-device-type": lambda image: ["ebs"],
    "virtualization-type": lambda image: ["hvm"],
    "hypervisor": lambda image: ["xen"],
    "ena-support": lambda image: [True],
    "tag-key": lambda image: image.tags,
    "tag:": lambda image: image.tags.items(),
}


def describe_images(call: Call) -> Body:
    """DescribeImages, in pages. Without ids, owners and filters, all of them."""
    call.params.accept("IncludeDeprecated", "IncludeDisabled")
    window = Window.of(call.action, call.params, lowest=1)
    wanted = call.params.values("ImageId")
    window.forbid_with(wanted, "ImageIds")
    owners = {OWNER if owner == "self" else owner for owner in call.params.values("Owner")}
    readers = set(call.params.values("ExecutableBy"))
    found = chosen(wanted, call.region.images, unknown)
    tests = filters(call.params, READERS)
    call.proceed()
    if owners:
        found = [image for image in found if {image.owner, image.alias} & owners]
    if readers:
        found = [image for image in found if _launchable(image, readers)]
    page, token = window.cut(passing(found, tests))
    return {"imagesSet": [_image(image) for image in page], "nextToken": token}


def unknown(name: str) -> Refusal:
    """There is no such image in this region."""
    return IDS.unknown(name)


def _launchable(image: Image, readers: set[str]) -> bool:
    return "all" in readers and image.owner != OWNER


def _image(image: Image) -> Body:
    windows = image.platform == "windows"
    return {
        "imageId": image.id,
        "imageLocation": f"{image.alias or image.owner}/{image.name}",
        "imageState": "available",
        "imageOwnerId": image.owner,
        "imageOwnerAlias": image.alias,
        "isPublic": image.owner != OWNER,
        "architecture": image.arch,
        "imageType": "machine",
        "name": image.name,
        "description": image.description,
        "platform": image.platform,
        "platformDetails": "Windows" if windows else "Linux/UNIX",
        "usageOperation": "RunInstances:0002" if windows else "RunInstances",
        "rootDeviceType": "ebs",
        "rootDeviceName": image.device,
        "blockDeviceMapping": [_disk(image)],
        "virtualizationType": "hvm",
        "hypervisor": "xen",
        "enaSupport": True,
        "creationDate": image.created,
        "tagSet": tag_set(image.tags),
    }


def _disk(image: Image) -> Body:
    ebs = {
        "snapshotId": image.id.replace("ami-", "snap-"),
        "volumeSize": image.disk,
        "deleteOnTermination": True,
        "volumeType": "gp3",
        "encrypted": False,
    }
    return {"deviceName": image.device, "ebs": ebs}
