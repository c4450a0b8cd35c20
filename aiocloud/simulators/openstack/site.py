"""What an operator has set up: flavors, images and networks, as data."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from uuid import NAMESPACE_URL, uuid5

from aiocloud.simulators.openstack.world import Flavor, Network, Picture, Region, SecurityGroup

GIB = 2**30

# As DevStack creates them (id, name, ram MiB, disk GiB, vcpus).
DEVSTACK_FLAVORS = (
    ("1", "m1.tiny", 512, 1, 1),
    ("2", "m1.small", 2048, 20, 1),
    ("3", "m1.medium", 4096, 40, 2),
    ("4", "m1.large", 8192, 80, 4),
    ("5", "m1.xlarge", 16384, 160, 8),
    ("42", "m1.nano", 192, 1, 1),
    ("84", "m1.micro", 256, 1, 1),
    ("c1", "cirros256", 256, 1, 1),
    ("d1", "ds512M", 512, 5, 1),
    ("d2", "ds1G", 1024, 10, 1),
    ("d3", "ds2G", 2048, 10, 2),
    ("d4", "ds4G", 4096, 20, 4),
)

# More than the 25 that Glance puts on a page (os_distro, name, os_version, architectures).
DISTRIBUTIONS = (
    ("debian", "Debian", ("11", "12", "13"), ("x86_64", "aarch64")),
    ("ubuntu", "Ubuntu", ("20.04", "22.04", "24.04"), ("x86_64", "aarch64")),
    ("fedora", "Fedora Cloud", ("42", "43"), ("x86_64", "aarch64")),
    ("almalinux", "AlmaLinux", ("8", "9", "10"), ("x86_64", "aarch64")),
    ("rocky", "Rocky Linux", ("8", "9", "10"), ("x86_64",)),
    ("centos", "CentOS Stream", ("9", "10"), ("x86_64",)),
    ("opensuse", "openSUSE Leap", ("15.6",), ("x86_64",)),
    ("freebsd", "FreeBSD", ("14.3",), ("x86_64",)),
)

FIXED_V4 = int(IPv4Address("10.0.0.0"))
FLOATING_V4 = int(IPv4Address("198.18.0.0"))  # set aside by RFC 2544, so that nobody is at home there
FIXED_V6 = int(IPv6Address("2001:db8:1::"))
FLOATING_V6 = int(IPv6Address("2001:db8:2::"))
V4_BLOCK, V6_BLOCK = 2**16, 2**64


def identifier(*words: str) -> str:
    """The same UUID for the same words, in every world."""
    return str(uuid5(NAMESPACE_URL, "/".join(words)))


def images(region: str, day: datetime) -> dict[str, Picture]:
    """The public images of a region; each region has ids of its own."""
    pictures = [
        Picture(
            id=identifier(region, "image", distro, version, arch),
            name=f"{name} {version}" + f" ({arch})" * (arch != "x86_64"),
            created=day - timedelta(days=400) + timedelta(days=7 * number),
            min_disk=4,
            min_ram=512,
            size=GIB // 2,
            owner=identifier("operator").replace("-", ""),
            protected=True,
            properties={"os_distro": distro, "os_version": version, "architecture": arch},
        )
        for number, (distro, name, versions, arches) in enumerate(DISTRIBUTIONS)
        for version in versions
        for arch in arches
    ]
    return {picture.id: picture for picture in pictures}


def networks(region: str, number: int) -> dict[str, Network]:
    """A project's own network, and the one through which it reaches the world."""
    v4, v6 = number * V4_BLOCK, number * V6_BLOCK
    nets = (
        Network(identifier(region, "net", "quay"), "quay-net", FIXED_V4 + v4, FIXED_V6 + v6),
        Network(identifier(region, "net", "public"), "public", FLOATING_V4 + v4, FLOATING_V6 + v6, external=True),
    )
    return {net.id: net for net in nets}


def region(name: str, number: int, project: str, day: datetime) -> Region:
    """A region with everything that its operator provides, and no servers."""
    flavors = [Flavor(*row) for row in DEVSTACK_FLAVORS]
    group = SecurityGroup(identifier(name, "default"), "default", "Default security group", project, day)
    return Region(
        name=name,
        zones=("az-1", "az-2"),
        flavors={flavor.id: flavor for flavor in flavors},
        images=images(name, day),
        networks=networks(name, number),
        groups={group.id: group},
    )
