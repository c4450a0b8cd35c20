"""What Nova, Glance and Neutron say, in the words of the models.

Servers: https://docs.openstack.org/api-ref/compute/ - images: https://docs.openstack.org/api-ref/image/v2/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiocloud.errors import (
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitReachedError,
)
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, at, is_private, several, timestamp
from aiocloud.models import Image, KeyPair, Node, NodeState, Size
from aiocloud.values import FrozenMap

STATES = {
    "ACTIVE": NodeState.RUNNING,
    "BUILD": NodeState.PENDING,
    "REBUILD": NodeState.PENDING,
    "PASSWORD": NodeState.PENDING,
    "RESCUE": NodeState.RUNNING,  # a rescue system runs in its place
    "REBOOT": NodeState.REBOOTING,
    "HARD_REBOOT": NodeState.REBOOTING,
    "RESIZE": NodeState.PENDING,
    "REVERT_RESIZE": NodeState.PENDING,
    "VERIFY_RESIZE": NodeState.RUNNING,  # and waits for a word: confirm or revert
    "MIGRATING": NodeState.RUNNING,  # moved while it runs
    "PAUSED": NodeState.SUSPENDED,
    "SUSPENDED": NodeState.SUSPENDED,
    "SHUTOFF": NodeState.STOPPED,
    "SHELVED": NodeState.STOPPED,
    "SHELVED_OFFLOADED": NodeState.STOPPED,
    "DELETED": NodeState.TERMINATED,
    "SOFT_DELETED": NodeState.TERMINATED,
    "ERROR": NodeState.ERROR,
}
TASKS = {
    # A status stays what it was until the task is done: a server that is deleted is ACTIVE for a while.
    "deleting": NodeState.TERMINATED,
    "soft-deleting": NodeState.TERMINATED,
    "powering-off": NodeState.STOPPING,
    "powering-on": NodeState.PENDING,
    "pausing": NodeState.STOPPING,
    "suspending": NodeState.STOPPING,
    "shelving": NodeState.STOPPING,
    "unpausing": NodeState.PENDING,
    "resuming": NodeState.PENDING,
    "unshelving": NodeState.PENDING,
}

MARK = "aiocloud-create"
"""The metadata key by which a server is found again whose creation was not confirmed."""


def _fault(body: Any) -> tuple[str | None, Mapping[str, Any]]:
    """The fault's name and what is said of it: {"itemNotFound": {"message": …}}, or Glance's {"message": …}."""
    if not isinstance(body, Mapping):
        return None, {}
    for name, fault in body.items():
        if isinstance(fault, Mapping) and "message" in fault:
            return name, fault
    return None, body


def _code(body: Any) -> str | None:
    name, fault = _fault(body)
    word = fault.get("type") if name == "NeutronError" else fault.get("title") if name == "error" else name
    return str(word) if word else None


def _message(body: Any) -> str | None:
    said = _fault(body)[1].get("message")
    return str(said).replace("<br />", " ") if said else None


ERRORS = ErrorTable(
    code=_code,
    message=_message,
    request_id="x-openstack-request-id",
    codes={"OverQuota": QuotaExceededError, "VolumeLimitExceeded": QuotaExceededError},
    statuses={413: RateLimitReachedError, 300: InvalidRequestError},
    texts={
        "*[Qq]uota exceeded*": QuotaExceededError,
        "*exceeds*quota*": QuotaExceededError,
        "*LimitExceeded*": QuotaExceededError,
        # Nova answers 400 to what a body names in vain.
        "Flavor * could not be found*": NotFoundError,
        "Can not find requested image*": NotFoundError,
        "Image * could not be found*": NotFoundError,
        "Network * could not be found*": NotFoundError,
        "*[Aa]vailability zone is not available*": NotFoundError,
        "Security group * not found*": NotFoundError,
    },
)


def _state(task: str | None, status: str | None) -> NodeState:
    return TASKS.get(task or "") or STATES.get(status or "", NodeState.UNKNOWN)


def _ips(pools: Mapping[str, Any] | None, *access: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known: dict[str, bool] = {}  # address: whether it is public
    for pool, addresses in (pools or {}).items():
        for address in addresses:
            text, kind = address["addr"], address.get("OS-EXT-IPS:type")
            if kind is None and pool in ("public", "private"):
                # Clouds too old to tell the type of an address say it by the name of its pool.
                is_public = pool == "public"
            else:
                is_public = kind == "floating" or not is_private(text)
            known[text] = known.get(text, False) or is_public
    for text in access:
        if text:
            known[text] = True
    return tuple([text for text in known if known[text]]), tuple([text for text in known if not known[text]])


def _image(image: Any) -> str | None:
    return image.get("id") if isinstance(image, Mapping) else None  # an empty text when it boots from a volume


def _tags(metadata: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap({key: value for key, value in metadata.items() if key != MARK})


NODE = Shape(
    Node,
    hide=["adminPass"],
    id=at("id", str),
    name=several("name", "id", convert=lambda name, number: name or number),  # one in a cell that is down has no name
    state=several("OS-EXT-STS:task_state", "status", convert=_state),
    ips=several("addresses", "accessIPv4", "accessIPv6", convert=_ips),
    size=at("flavor.id", str),
    image=at("image", _image),
    created_at=at("created", timestamp),
    tags=at("metadata", _tags),
)
SIZE = Shape(
    Size,
    id=at("id", str),
    name=at("name"),
    vcpus=at("vcpus"),
    ram=at("ram"),
    # Both are local and come with it; the second has no image on it.
    disk=lambda flavor: flavor["disk"] + (flavor.get("OS-FLV-EXT-DATA:ephemeral") or 0) if "disk" in flavor else None,
)

# Of old, images name the domain of their maker, backwards: com.ubuntu, com.microsoft.server.
FAMILIES = {"server": "windows", "fedoraproject": "fedora", "rockylinux": "rocky", "scientificlinux": "scientific"}
ARCHITECTURES = {"x64": "x86_64", "amd64": "x86_64", "arm64": "aarch64"}


def _property(image: Mapping[str, Any], name: str) -> str | None:
    """What the image's maker says of it, under the name that is usual now or the one of old."""
    found = image.get(name) or image.get(f"org.openstack__1__{name}")
    return str(found) if found else None


def _distribution(image: Mapping[str, Any]) -> str | None:
    word = (_property(image, "os_distro") or "").rpartition(".")[2].lower()
    return FAMILIES.get(word, word) or None


def _architecture(image: Mapping[str, Any]) -> str | None:
    found = _property(image, "architecture")
    return ARCHITECTURES.get(found, found) if found else None


IMAGE = Shape(
    Image,
    id=at("id", str),
    name=lambda image: image.get("name") or image["id"],
    os=_distribution,
    version=lambda image: _property(image, "os_version"),
    arch=_architecture,
)
KEY_PAIR = Shape(
    KeyPair,
    id=at("keypair.name"),
    name=at("keypair.name"),
    public_key=at("keypair.public_key"),
    fingerprint=at("keypair.fingerprint"),
)
