"""What the API's payloads mean, and what its errors are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiocloud.errors import CapacityError, ConflictError, InvalidCredsError, QuotaExceededError
from aiocloud.geography import located
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, at, dig, one_of, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size

STATES = {
    "running": NodeState.RUNNING,
    "pending": NodeState.PENDING,
    "starting": NodeState.PENDING,
    "restarting": NodeState.REBOOTING,
    "stopping": NodeState.STOPPING,
    "stopped": NodeState.STOPPED,
    "deleting": NodeState.TERMINATED,
    "failed": NodeState.ERROR,
}

REGIONS: Mapping[str, tuple[str, str]] = {
    "au-syd": ("AU", "Sydney"),
    "br-sao": ("BR", "São Paulo"),
    "ca-mon": ("CA", "Montréal"),
    "ca-tor": ("CA", "Toronto"),
    "eu-de": ("DE", "Frankfurt"),
    "eu-es": ("ES", "Madrid"),
    "eu-gb": ("GB", "London"),
    "in-che": ("IN", "Chennai"),
    "in-mum": ("IN", "Mumbai"),
    "jp-osa": ("JP", "Osaka"),
    "jp-tok": ("JP", "Tokyo"),
    "us-east": ("US", "Washington"),
    "us-south": ("US", "Dallas"),
}
"""Country and city, which the API does not tell: https://cloud.ibm.com/docs/overview?topic=overview-locations"""

ARCHITECTURES = {"amd64": "x86_64", "s390x": "s390x"}
FAMILIES = {"red": "rhel", "fedora": "fedora", "sles": "sles"}


def _errors(body: Any, field: str) -> str | None:
    said = [str(error[field]) for error in body["errors"] if error.get(field)]
    return (said[0] if field == "code" else "; ".join(said)) if said else None


WORDS = {"*quota*": QuotaExceededError, "*capacity*": CapacityError, "*unique*": ConflictError}
ERRORS = ErrorTable(
    code=lambda body: _errors(body, "code"),
    message=lambda body: _errors(body, "message"),
    request_id="trace",
    codes=WORDS,
    texts={"*[Qq]uota*": QuotaExceededError, "*[Cc]apacity*": CapacityError},
)
SIGN_IN_ERRORS = ErrorTable(
    code="errorCode",
    message="errorMessage",
    request_id="Transaction-Id",
    statuses={400: InvalidCredsError},  # what is sent is right, so that only the key can be wrong
)


def region_of(zone: str) -> str:
    """The region of a zone, or of itself.

    >>> region_of("us-south-2"), region_of("us-south")
    ('us-south', 'us-south')
    """
    return zone.rstrip("0123456789").removesuffix("-") if zone[-1:].isdecimal() else zone


def attached(payload: Any) -> list[str]:
    """The ids at which floating addresses may hang: its virtual network interfaces, or else its network interfaces."""
    virtual = [dig(each, "virtual_network_interface.id") for each in payload.get("network_attachments") or ()]
    own = [payload.get("primary_network_interface"), *(payload.get("network_interfaces") or ())]
    found = [each for each in virtual if each] or [each["id"] for each in own if each]
    return list(dict.fromkeys(found))


def _state(payload: Any) -> NodeState:
    """The word for it; one that was to start, and could not, is no machine that somebody has stopped."""
    state = one_of(STATES, NodeState.UNKNOWN)(payload["status"])
    codes = [str(dig(reason, "code")) for reason in payload.get("status_reasons") or ()]
    failed = state is NodeState.STOPPED and any(code.startswith("cannot_start") for code in codes)
    return NodeState.ERROR if failed else state


def _private_ips(payload: Any) -> tuple[str, ...]:
    """The addresses of its interfaces, the first interface first; 0.0.0.0 stands for one that is still to come."""
    interfaces = [payload.get("primary_network_interface"), *(payload.get("network_interfaces") or ())]
    found = (dig(each, "primary_ip.address") for each in interfaces)
    return tuple(dict.fromkeys(address for address in found if address and address != "0.0.0.0"))  # noqa: S104 - binds nothing


def with_addresses(payload: Any, floating: Mapping[str, list[str]]) -> Any:
    """The payload of an instance, with its `floating_ips`, which the API lists by themselves."""
    if not isinstance(payload, Mapping):
        return payload
    return {**payload, "floating_ips": [address for id_ in attached(payload) for address in floating.get(id_, ())]}


def floating_by_target(floating: Iterable[Mapping[str, Any]]) -> Mapping[str, list[str]]:
    """Floating addresses by the id of what they hang at."""
    found: dict[str, list[str]] = {}
    for each in floating:
        if target := dig(each, "target.id"):
            found.setdefault(target, []).append(each["address"])
    return found


def _quantity(path: str) -> Any:
    """A number out of one of the API's quantities; None for one that depends on something else."""

    def read(payload: Any) -> int | None:
        quantity = dig(payload, path) or {}
        value = quantity.get("value", quantity.get("default"))
        return None if value is None else int(value)

    return read


def _disk(payload: Any) -> int:
    """All its local disks together. The disk that it boots from is a volume, and not among them."""
    count, size = _quantity("quantity"), _quantity("size")
    return sum((count(disk) or 0) * (size(disk) or 0) for disk in payload.get("disks") or ())


def _family(name: str) -> str:
    word = name.partition("-")[0].lower()
    return FAMILIES.get(word, word)


def _place(payload: Any) -> Any:
    region = region_of(payload["name"])
    country, city = REGIONS.get(region, (_country(region), None))
    return {**payload, "country": country, "city": city}


def _country(region: str) -> str | None:
    """What a region that we have never heard of begins with, if that can be a country."""
    word = region.partition("-")[0].upper()
    return word if len(word) == 2 and word not in ("EU", "UK") else None


NODE = Shape(
    Node,
    id=at("id"),
    name=at("name"),
    state=_state,
    public_ips=at("floating_ips", tuple),
    private_ips=_private_ips,
    size=at("profile.name"),
    image=at("image.id"),
    location=at("zone.name"),
    created_at=at("created_at", timestamp),
)
SIZE = Shape(
    Size,
    id=at("name"),
    name=at("name"),
    vcpus=_quantity("vcpu_count"),
    ram=lambda payload: None if (gib := _quantity("memory")(payload)) is None else gib * 1024,
    disk=_disk,
    arch=at("os_architecture.values", lambda words: ARCHITECTURES.get(words[0], words[0])),
)
IMAGE = Shape(
    Image,
    id=at("id"),
    name=at("name"),
    os=at("operating_system.name", _family),
    version=at("operating_system.version"),
    arch=at("operating_system.architecture", lambda word: ARCHITECTURES.get(word, word)),
)
LOCATION = Shape(Location, id=at("name"), name=at("name"), country=at("country"), city=at("city"))
KEY_PAIR = Shape(KeyPair, id=at("id"), name=at("name"), public_key=at("public_key"), fingerprint=at("fingerprint"))


def zone(payload: Any, **context: Any) -> Location:
    """A zone, with its region's country and city."""
    return located(LOCATION(_place(payload), **context))
