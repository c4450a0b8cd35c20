"""Amazon's regions and zones: what can be said of them from their names, and tables of the exceptions."""

from __future__ import annotations

import re

REGION = re.compile(r"[a-z]+(?:-gov|-iso[a-z]?)?-[a-z]+-\d")
"""A region's name; `us-west-2-lax-1`, a local zone, is none."""

ALWAYS_ON = frozenset(
    [
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "ca-central-1",
        "sa-east-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
    ]
)
"""The regions of the commercial partition that an account need not opt in to."""

ZONES = {
    "us-east-1": "abcdef",
    "us-west-1": "ac",
    "us-west-2": "abcd",
    "ca-central-1": "abd",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
}
"""The letters of a region's zones where they are not a, b and c."""

DIRECTIONS = {"northeast": "ne", "southeast": "se", "northwest": "nw", "southwest": "sw"}

DOMAINS = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}


def partition(region: str) -> str:
    """The part of Amazon, with accounts of its own, to which a region belongs."""
    head = region.split("-")[0]
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return {"cn": "aws-cn", "eusc": "aws-eusc"}.get(head, "aws")


def opt_in_required(region: str) -> bool:
    """Whether an account has to ask for the region before it may use it."""
    return partition(region) == "aws" and region not in ALWAYS_ON


def host(region: str) -> str:
    """The name of the region's EC2 endpoint."""
    return f"ec2.{region}.{DOMAINS.get(partition(region), 'amazonaws.com')}"


def zones(region: str) -> list[str]:
    """The names of a region's availability zones."""
    return [region + letter for letter in ZONES.get(region, "abc")]


def zone_id(zone: str) -> str:
    """The id of a zone, the same for every account.

    >>> zone_id("eu-west-1b"), zone_id("ap-southeast-2a"), zone_id("us-gov-east-1a")
    ('euw1-az2', 'apse2-az1', 'usge1-az1')
    """
    *area, direction, number = zone[:-1].split("-")
    head = area[0] + "".join(word[0] for word in area[1:])
    return f"{head}{DIRECTIONS.get(direction, direction[0])}{number}-az{ord(zone[-1]) - ord('a') + 1}"


def private_dns(address: str, region: str) -> str:
    """The name that an instance has inside its network."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def public_dns(address: str, region: str) -> str:
    """The name that an instance has on the internet."""
    area = "compute-1" if region == "us-east-1" else f"{region}.compute"
    return f"ec2-{address.replace('.', '-')}.{area}.{DOMAINS.get(partition(region), 'amazonaws.com')}"
