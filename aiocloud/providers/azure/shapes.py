"""What the API's payloads mean, and what its errors are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aiocloud.errors import (
    CapacityError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
    ServiceUnavailableError,
)
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, at, dig, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size
from aiocloud.providers.azure.geography import GEOGRAPHIES, REGIONS
from aiocloud.values import FrozenMap

POWER = {
    "PowerState/starting": NodeState.PENDING,
    "PowerState/running": NodeState.RUNNING,
    "PowerState/stopping": NodeState.STOPPING,
    "PowerState/stopped": NodeState.STOPPED,
    "PowerState/deallocating": NodeState.STOPPING,
    "PowerState/deallocated": NodeState.STOPPED,
    "PowerState/unknown": NodeState.UNKNOWN,
}
PROVISIONING = {
    "Creating": NodeState.PENDING,
    "Deleting": NodeState.STOPPING,
    "Failed": NodeState.ERROR,
}

MARK = "aiocloud-create"
"""The key of the tag by which a node is found again whose creation was not confirmed."""

ARCHITECTURES = {"x64": "x86_64", "Arm64": "arm64"}

CODES = {
    "InvalidAuthenticationToken*": InvalidCredsError,
    "ExpiredAuthenticationToken": InvalidCredsError,
    "AuthenticationFailed*": InvalidCredsError,
    "AuthorizationFailed": ForbiddenError,
    "LinkedAuthorizationFailed": ForbiddenError,
    "MissingSubscriptionRegistration": ForbiddenError,
    "DisabledSubscription": ForbiddenError,
    "ReadOnlyDisabledSubscription": ForbiddenError,
    "RequestDisallowedByPolicy": ForbiddenError,
    "SubscriptionNotFound": NotFoundError,
    "InvalidSubscriptionId": InvalidRequestError,
    "ResourceGroupNotFound": NotFoundError,
    "ResourceNotFound": NotFoundError,
    "NotFound": NotFoundError,
    "ResourceGroupBeingDeleted": ConflictError,
    "SkuNotAvailable": CapacityError,
    "AllocationFailed": CapacityError,
    "ZonalAllocationFailed": CapacityError,
    "OverconstrainedAllocationRequest": CapacityError,
    "OverconstrainedZonalAllocationRequest": CapacityError,
    "QuotaExceeded": QuotaExceededError,
    "*QuotaExceeded*": QuotaExceededError,
    "PublicIPCountLimitReached": QuotaExceededError,
    "TooManyRequests": RateLimitReachedError,
    "SubscriptionRequestsThrottled": RateLimitReachedError,
    "OperationPreempted": ConflictError,
    "NicInUse*": ConflictError,
    "NicReservedForAnotherVm": ConflictError,
    "PublicIPAddressInUse": ConflictError,
    "PublicIPAddressCannotBeDeleted": ConflictError,
    "InUse*": ConflictError,
}
TEXTS = {"*quota*": QuotaExceededError, "*Quota*": QuotaExceededError}
"""OperationNotAllowed is the word for many things; that it is a quota stands in the sentence alone."""

ERRORS = ErrorTable(code="error.code", message="error.message", request_id="x-ms-request-id", codes=CODES, texts=TEXTS)


def _sign_in_code(body: Any) -> str | None:
    numbers = body.get("error_codes")
    return f"AADSTS{numbers[0]}" if numbers else body.get("error")


SIGN_IN_ERRORS = ErrorTable(
    code=_sign_in_code,
    message="error_description",
    request_id="trace_id",
    codes={"temporarily_unavailable": ServiceUnavailableError, "AADSTS90033": ServiceUnavailableError},
    statuses={400: InvalidCredsError, 401: InvalidCredsError, 404: InvalidCredsError},
)
PRICE_ERRORS = ErrorTable(code="Error.Code", message="Error.Message")

NODE_ID = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.Compute/virtualMachines/([^/]+)", re.IGNORECASE
)


def node_id(text: str) -> str:
    """The id with its resource group in small letters: lists write it in capitals, and all else as it was given.

    >>> node_id("/subscriptions/s/resourceGroups/QUAY/providers/Microsoft.Compute/virtualMachines/web-1")
    '/subscriptions/s/resourceGroups/quay/providers/Microsoft.Compute/virtualMachines/web-1'
    """
    found = NODE_ID.fullmatch(text)
    if found is None:
        return text
    group = found[2].lower()
    return f"/subscriptions/{found[1]}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{found[3]}"


def last(path: str) -> str:
    """The name at the end of an id."""
    return path.rpartition("/")[2]


def power(payload: Mapping[str, Any]) -> str | None:
    """The word for the power state, where the payload tells it."""
    statuses = dig(payload, "properties.instanceView.statuses") or ()
    return next((word for each in statuses if (word := str(each.get("code"))).startswith("PowerState/")), None)


def _state(payload: Mapping[str, Any]) -> NodeState:
    """Power tells most; that it is being deleted counts for more."""
    word, provisioning = power(payload), dig(payload, "properties.provisioningState")
    if word is None or provisioning == "Deleting":
        return PROVISIONING.get(provisioning, NodeState.UNKNOWN)
    return POWER.get(word, NodeState.UNKNOWN)


def _configurations(payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for interface in payload.get("interfaces") or ():
        yield from (each.get("properties") or {} for each in dig(interface, "properties.ipConfigurations") or ())


def _public(payload: Mapping[str, Any]) -> tuple[str, ...]:
    found = (dig(each, "publicIPAddress.properties.ipAddress") for each in _configurations(payload))
    return tuple(dict.fromkeys(address for address in found if address))


def _private(payload: Mapping[str, Any]) -> tuple[str, ...]:
    found = (each.get("privateIPAddress") for each in _configurations(payload))
    return tuple(dict.fromkeys(address for address in found if address))


def _image(payload: Mapping[str, Any]) -> str | None:
    found = dig(payload, "properties.storageProfile.imageReference") or {}
    if found.get("id"):
        return str(found["id"])
    parts = [found.get(key) for key in ("publisher", "offer", "sku", "version")]
    return ":".join(str(part) for part in parts) if all(parts) else None


def _tags(tags: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap({key: value for key, value in tags.items() if key != MARK})


NODE = Shape(
    Node,
    id=at("id", node_id),
    name=at("name"),
    state=_state,
    public_ips=_public,
    private_ips=_private,
    size=at("properties.hardwareProfile.vmSize"),
    image=_image,
    location=at("location"),
    created_at=at("properties.timeCreated", timestamp),
    tags=at("tags", _tags),
)
"""Of a machine, with its instance view, and its `interfaces`, in which public addresses are expanded."""


def able(payload: Mapping[str, Any], name: str) -> str | None:
    """What a size says of itself under that name."""
    return next((each["value"] for each in payload.get("capabilities") or () if each.get("name") == name), None)


def _vcpus(payload: Mapping[str, Any]) -> int | None:
    told = able(payload, "vCPUsAvailable") or able(payload, "vCPUs")
    return int(told) if told else None


def _ram(payload: Mapping[str, Any]) -> int | None:
    told = able(payload, "MemoryGB")
    return round(float(told) * 1024) if told else None


def _disk(payload: Mapping[str, Any]) -> int:
    temporary, nvme = able(payload, "MaxResourceVolumeMB"), able(payload, "NvmeDiskSizeInMiB")
    return int(temporary or 0) // 1024 + int(nvme or 0) // 1024


def _place(payload: Mapping[str, Any]) -> str | None:
    places = list(payload.get("locations") or ())
    return str(places[0]).lower() if len(places) == 1 else None


SIZE = Shape(
    Size,
    id=at("name"),
    name=at("name"),
    vcpus=_vcpus,
    ram=_ram,
    disk=_disk,
    arch=lambda payload: ARCHITECTURES.get(able(payload, "CpuArchitectureType") or "x64"),
    location=_place,
)


def refusal(payload: Mapping[str, Any]) -> str | None:
    """Why this subscription cannot have the size there at all; None where it can, be it not in all zones."""
    whole = [each for each in payload.get("restrictions") or () if each.get("type") == "Location"]
    return str(whole[0].get("reasonCode") or "restricted") if whole else None


IMAGE = Shape(Image, id=at("id"), name=at("name"), location=at("location"))
GALLERY_IMAGE = Shape(
    Image,
    id=at("id"),
    name=at("name"),
    arch=lambda payload: ARCHITECTURES.get(dig(payload, "properties.architecture") or "x64"),
)
KEY_PAIR = Shape(KeyPair, id=at("id"), name=at("name"), public_key=at("properties.publicKey", str.strip))


def _country(payload: Mapping[str, Any]) -> str | None:
    known = REGIONS.get(payload["name"])
    return known[1] if known else GEOGRAPHIES.get(dig(payload, "metadata.geography") or "")


def _city(payload: Mapping[str, Any]) -> str | None:
    known = REGIONS.get(payload["name"])
    return known[2] if known else None


LOCATION = Shape(
    Location,
    id=at("name"),
    name=at("displayName"),
    country=_country,
    city=_city,
    latitude=at("metadata.latitude", float),
    longitude=at("metadata.longitude", float),
    zones=lambda payload: tuple(str(each["logicalZone"]) for each in payload.get("availabilityZoneMappings") or ()),
)


def region(payload: Any, **context: Any) -> Location:
    """A region; with its city's coordinates where it has none of its own."""
    return located(LOCATION(payload, **context))


def known_regions(**context: Any) -> list[Location]:
    """The regions that are known without asking anybody."""
    rows = REGIONS.items()
    return [located(Location(id=id, name=name, country=land, city=city, **context)) for id, (name, land, city) in rows]
