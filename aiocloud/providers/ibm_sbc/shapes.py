"""What the API's answers mean, and what its errors are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiocloud.errors import ConflictError, NotFoundError, QuotaExceededError
from aiocloud.geography import located
from aiocloud.http.codecs import Codec, Xml
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, at, dig, is_private, one_of, system_in, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size

STATES = {
    "0": NodeState.PENDING,  # new
    "1": NodeState.PENDING,  # provisioning
    "2": NodeState.ERROR,  # failed
    "3": NodeState.TERMINATED,  # removed
    "4": NodeState.ERROR,  # rejected
    "5": NodeState.RUNNING,  # active
    "6": NodeState.UNKNOWN,  # unknown
    "7": NodeState.TERMINATED,  # deprovisioning
    "8": NodeState.REBOOTING,  # restarting
    "9": NodeState.PENDING,  # starting
    "10": NodeState.STOPPING,  # stopping
    "11": NodeState.STOPPED,  # stopped
    "12": NodeState.TERMINATED,  # deprovision pending
    "13": NodeState.REBOOTING,  # restart pending
    "14": NodeState.RUNNING,  # attaching a volume
    "15": NodeState.RUNNING,  # detaching one
}
COUNTRIES = {"U.S.A": "US", "U.S.A.": "US", "USA": "US", "Germany": "DE", "Canada": "CA", "Japan": "JP"}
"""What stands after the comma in the names of places."""
PLACES = {"1": "US", "41": "US", "61": "DE", "82": "US", "101": "CA", "121": "JP", "141": "SG"}
"""The countries of the data centres that there were at the end, by id, for names that tell none."""
SPECIFICATION = re.compile(r"[A-Z]+(?P<bits>32|64)\.(?P<cpus>\d+)/(?P<ram>\d+)/(?P<disks>\d+(\*\d+)*)")
"""A size's id: "SLV64.4/8192/60*500*500" has 64 bits, 4 processors, 8192 MiB and three disks."""


@dataclass(frozen=True, slots=True)
class Answers(Codec):
    """XML whose root is some `…Response`: what it holds, by the elements' names, always as lists.

    >>> Answers().decode(b'<n:DescribeInstancesResponse xmlns:n="urn:x"><Instance><ID>7</ID></Instance>'
    ...     b'</n:DescribeInstancesResponse>')
    {'Instance': [{'ID': '7'}]}
    """

    name: str = "XML"

    def decode(self, body: bytes) -> Any:
        """The elements. Raises ValueError for anything but an answer of the API."""
        ((root, held),) = (Xml().decode(body) or {"": None}).items()
        if not root.endswith("Response") or isinstance(held, str):
            raise ValueError("a page, or nothing")
        return {name: many(value) for name, value in (held or {}).items() if not name.startswith(("@", "#"))}


@dataclass(frozen=True, slots=True)
class Text(Codec):
    """Errors are plain text."""

    name: str = "text"

    def decode(self, body: bytes) -> str:
        """The text."""
        return body.decode()


def many(value: Any) -> list[Any]:
    """What may be there once, several times or not at all."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _message(text: str) -> str | None:
    """`Error 404: Invalid Instance ID 999`, less what HTTP tells as well; nothing of a page."""
    found = re.fullmatch(r"\s*Error \d{3}:\s*(.+?)\s*", text, re.DOTALL)
    return found[1] if found else None


def _ips(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    """The address; it comes with blanks behind it, and before the instance is active, empty."""
    address = str(dig(payload, "IP") or "").strip()
    return (address,) if address and is_private(address) is private else ()


def _specified(part: str) -> Any:
    """What a size's id tells; None for an id of another form ("SMALL", of 2010)."""

    def read(payload: Mapping[str, Any]) -> int | str | None:
        found = SPECIFICATION.match(payload["ID"])
        if found is None:
            return None
        if part == "bits":
            return "x86_64" if found[part] == "64" else "i386"
        return sum(int(number) for number in found[part].split("*"))

    return read


def _country(payload: Mapping[str, Any]) -> str | None:
    _, _, last = payload["Name"].rpartition(",")
    return COUNTRIES.get(last.strip(), PLACES.get(payload["ID"]))


CODEC = Answers()
ERRORS = ErrorTable(
    message=_message,
    codec=Text(),
    texts={
        "No * with id*": NotFoundError,  # which comes as 412
        "*[Qq]uota*": QuotaExceededError,  # no such sentence is on record
        "*already exist*": ConflictError,
    },
)
NODE = Shape(
    Node,
    id=at("ID"),
    name=at("Name"),
    state=at("Status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: _ips(payload, private=False),
    private_ips=lambda payload: _ips(payload, private=True),
    size=at("InstanceType"),
    image=at("ImageID"),
    location=at("Location"),
    created_at=at("LaunchTime", timestamp),
)
SIZE = Shape(
    Size,
    id=at("ID"),
    name=lambda payload: payload.get("Label") or payload["ID"],
    vcpus=_specified("cpus"),
    ram=_specified("ram"),
    disk=_specified("disks"),
    arch=_specified("bits"),
)
IMAGE = Shape(
    Image,
    id=at("ID"),
    name=at("Name"),
    os=at("Platform", lambda text: system_in(text)[0]),
    version=at("Platform", lambda text: text.partition("/")[2] or None),
    arch=at("Architecture"),
    location=at("Location"),
)
LOCATION = Shape(
    Location,
    id=at("ID"),
    name=at("Name"),
    country=_country,
    city=at("Name", lambda name: name.partition(",")[0].strip()),
)
KEY_PAIR = Shape(KeyPair, id=at("KeyName"), name=at("KeyName"), public_key=at("KeyMaterial"))


def place(payload: Any, **context: Any) -> Location:
    """A data centre, with its city's coordinates where they are known."""
    return located(LOCATION(payload, **context))
