"""What the API's payloads mean, and what its errors are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiocloud.errors import (
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    QuotaExceededError,
    RateLimitReachedError,
)
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, at, one_of, timestamp
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.providers.gce.geography import REGIONS
from aiocloud.values import FrozenMap

STATES = {
    "PENDING": NodeState.PENDING,
    "PROVISIONING": NodeState.PENDING,
    "STAGING": NodeState.PENDING,
    "RUNNING": NodeState.RUNNING,
    "REPAIRING": NodeState.PENDING,
    "PENDING_STOP": NodeState.STOPPING,
    "STOPPING": NodeState.STOPPING,
    "DEPROVISIONING": NodeState.STOPPING,
    "STOPPED": NodeState.STOPPED,
    "TERMINATED": NodeState.STOPPED,  # Google's word for an instance that was stopped, and can be started
    "SUSPENDING": NodeState.STOPPING,
    "SUSPENDED": NodeState.SUSPENDED,
}

MARK = "aiocloud-create"
"""The key of the label by which a node is found again whose creation was not confirmed."""

ARCHITECTURES = {"X86_64": "x86_64", "ARM64": "arm64"}
LOCAL_SSD = 375
"""GB of each partition of the local disks that come with some sizes."""


def _reason(body: Any) -> str | None:
    error = body["error"]
    told = [*(error.get("errors") or ()), *(error.get("details") or ())]  # the older and the newer form
    reasons = (each.get("reason") for each in told)
    return str(next((reason for reason in reasons if reason), None) or error.get("status") or "") or None


CODES = {
    "rateLimitExceeded": RateLimitReachedError,
    "userRateLimitExceeded": RateLimitReachedError,
    "RATE_LIMIT_EXCEEDED": RateLimitReachedError,
    "quotaExceeded": QuotaExceededError,
    "limitExceeded": QuotaExceededError,
    "*QUOTA_EXCEEDED*": QuotaExceededError,
    "LIMIT_EXCEEDED": QuotaExceededError,
    "*RESOURCE_POOL_EXHAUSTED*": CapacityError,
    "*esourcePoolExhausted*": CapacityError,
    "*STOCKOUT*": CapacityError,
    "alreadyExists": ConflictError,
    "RESOURCE_ALREADY_EXISTS": ConflictError,
    "resourceNotReady": ConflictError,
    "RESOURCE_NOT_READY": ConflictError,
    "resourceInUseByAnotherResource": ConflictError,
    "RESOURCE_IN_USE*": ConflictError,
    "authError": InvalidCredsError,
    "API_KEY_INVALID": InvalidCredsError,
    "accessNotConfigured": ForbiddenError,
    "PERMISSIONS_ERROR": ForbiddenError,
}
ERRORS = ErrorTable(code=_reason, message="error.message", codes=CODES)
SIGN_IN_ERRORS = ErrorTable(
    code="error",
    message="error_description",
    statuses={400: InvalidCredsError},  # what is sent is right, so that only the key or the clock can be wrong
)


def last(url: str) -> str:
    """The name at the end of one of the API's links.

    >>> last("https://www.googleapis.com/compute/v1/projects/quay/zones/europe-west1-b")
    'europe-west1-b'
    """
    return url.rpartition("/")[2]


def region_of(zone: str) -> str:
    """The region of a zone.

    >>> region_of("europe-west1-b")
    'europe-west1'
    """
    return zone.rpartition("-")[0]


def _public(payload: Mapping[str, Any]) -> Iterator[str]:
    for interface in payload.get("networkInterfaces") or ():
        for access in (*(interface.get("accessConfigs") or ()), *(interface.get("ipv6AccessConfigs") or ())):
            yield from (access[key] for key in ("natIP", "externalIpv6") if access.get(key))


def _private(payload: Mapping[str, Any]) -> Iterator[str]:
    for interface in payload.get("networkInterfaces") or ():
        yield from (interface[key] for key in ("networkIP", "ipv6Address") if interface.get(key))


def _architecture(payload: Mapping[str, Any]) -> str | None:
    return ARCHITECTURES.get(payload.get("architecture") or "")


def partial(link: str) -> str:
    """A link without its host and version, as the API takes it too.

    >>> partial("https://www.googleapis.com/compute/v1/projects/debian-cloud/global/images/debian-12-bookworm-v1")
    'projects/debian-cloud/global/images/debian-12-bookworm-v1'
    """
    _, found, path = link.partition("/projects/")
    return f"projects/{path}" if found else link


def _system(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Family and version, which stand at the beginning of a public image's name.

    >>> _system({"family": "ubuntu-2404-lts-amd64"}), _system({"family": "debian-12"}), _system({"name": "mine"})
    (('ubuntu', '24.04'), ('debian', '12'), (None, None))
    """
    word, _, rest = (payload.get("family") or "").partition("-")
    version = next((part for part in rest.split("-") if part[:1].isdecimal()), None)
    if word == "ubuntu" and version and len(version) == 4:
        version = f"{version[:2]}.{version[2:]}"
    return word or None, version


def _place(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    country, city = REGIONS.get(region_of(payload["name"]), (None, None))
    return {**payload, "country": country, "city": city}


NODE = Shape(
    Node,
    id=at("id", str),
    name=at("name"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: tuple(dict.fromkeys(_public(payload))),
    private_ips=lambda payload: tuple(dict.fromkeys(_private(payload))),
    size=at("machineType", last),
    location=at("zone", last),
    created_at=at("creationTimestamp", timestamp),
    tags=at("labels", lambda labels: FrozenMap({key: value for key, value in labels.items() if key != MARK})),
)
SIZE = Shape(
    Size,
    id=at("name"),
    name=at("name"),
    vcpus=at("guestCpus"),
    ram=at("memoryMb"),
    disk=at("bundledLocalSsds.partitionCount", lambda count: count * LOCAL_SSD, default=0),
    arch=_architecture,
    location=at("zone", last),
)
IMAGE = Shape(
    Image,
    id=at("selfLink", partial),
    name=at("name"),
    os=lambda payload: _system(payload)[0],
    version=lambda payload: _system(payload)[1],
    arch=_architecture,
)
LOCATION = Shape(Location, id=at("name"), name=at("name"), country=at("country"), city=at("city"))


def zone(payload: Any, **context: Any) -> Location:
    """A zone, with its region's country and city."""
    return located(LOCATION(_place(payload), **context))
