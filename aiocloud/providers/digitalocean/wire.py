"""What DigitalOcean's API says, and what we make of it: states, errors, pages, shapes, tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from aiocloud.errors import CapacityError, ConfigurationError, ConflictError, InvalidRequestError, QuotaExceededError
from aiocloud.geography import located
from aiocloud.http.client import Api
from aiocloud.http.errors import ErrorTable
from aiocloud.http.paging import CountedPaging
from aiocloud.http.ratelimit import Limits
from aiocloud.mapping import Shape, at, one_of, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeState, Size
from aiocloud.values import FrozenMap

STATES = {
    "new": NodeState.PENDING,
    "active": NodeState.RUNNING,
    "off": NodeState.STOPPED,
    "archive": NodeState.SUSPENDED,
}

MARK = "aiocloud-create"
"""The key of the tag by which a node is found again whose creation was not confirmed."""

TAG = re.compile(r"[A-Za-z0-9:_-]{1,255}")

PLACES = {
    "ams": ("NL", "Amsterdam"),
    "atl": ("US", "Atlanta"),
    "blr": ("IN", "Bangalore"),
    "fra": ("DE", "Frankfurt"),
    "lon": ("GB", "London"),
    "nyc": ("US", "New York"),
    "ric": ("US", "Richmond"),
    "sfo": ("US", "San Francisco"),
    "sgp": ("SG", "Singapore"),
    "syd": ("AU", "Sydney"),
    "tor": ("CA", "Toronto"),
}
"""Where a region lies, by the letters of its slug: https://docs.digitalocean.com/platform/regional-availability/"""

ERRORS = ErrorTable(
    code="id",
    request_id="request_id",
    # All that the API cannot do is 422, "unprocessable_entity": only the sentence tells why.
    texts={
        "*pending event*": ConflictError,
        "*already in use*": ConflictError,
        "*[Dd]roplet limit*": QuotaExceededError,
        "*will exceed your*": QuotaExceededError,
        "*image*not available in*": InvalidRequestError,
        "*[Ss]ize is *available*": CapacityError,  # "not available in this region", "unavailable"
        "*[Rr]egion is not available*": CapacityError,
        "*too large to fit*": CapacityError,
    },
)


API = Api(
    base_url="https://api.digitalocean.com/v2",
    paging=CountedPaging(200, total="meta.total"),
    errors=ERRORS,
    limits=Limits(rate=4.0, burst=100),  # 250 requests in a minute, 5000 in an hour
)


def _addresses(networks: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    rows = [*(networks.get("v4") or ()), *(networks.get("v6") or ())]
    return tuple(row["ip_address"] for row in rows if row["type"] == kind)


def image_id(payload: Mapping[str, Any]) -> str | None:
    """The slug of an image that has one, else its number."""
    found = payload.get("slug") or payload.get("id")
    return None if found is None else str(found)


def _version(payload: Mapping[str, Any]) -> str | None:
    """The number with which the name of a distribution's image begins: "22.04 (LTS) x64"."""
    found = re.match(r"v?(\d[\w.]*)", payload.get("name") or "")
    return found[1] if found else None


def tags_of(words: Iterable[str]) -> FrozenMap[str]:
    """Tags are words there; ours are written `key:value`."""
    pairs = (word.partition(":") for word in words)
    return FrozenMap({key: value for key, _, value in pairs if key != MARK})


def tag_words(tags: Mapping[str, str]) -> list[str]:
    """The words for these tags. Raises ConfigurationError for what no word can hold."""
    words = [f"{key}:{value}" if value else key for key, value in tags.items()]
    for key, word in zip(tags, words, strict=True):
        if ":" in key or not TAG.fullmatch(word):
            raise ConfigurationError(
                f"digitalocean takes no tag {word!r}: letters, digits, - and _, up to 255 in all, are permitted, and :"
            )
    return words


def price_of(payload: Mapping[str, Any]) -> Decimal | None:
    """USD an hour. The API's numbers have passed through single precision: 0.00743999984115362 is 0.00744."""
    hourly = payload.get("price_hourly")
    amount = round(Decimal(str(hourly)), 5).normalize() if hourly is not None else None
    return amount or None


NODE = Shape(
    Node,
    id=at("id", str),
    name=at("name"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=at("networks", lambda networks: _addresses(networks, "public")),
    private_ips=at("networks", lambda networks: _addresses(networks, "private")),
    size=at("size_slug"),
    image=at("image", image_id),
    location=at("region.slug"),
    created_at=at("created_at", timestamp),
    tags=at("tags", tags_of),
)
SIZE = Shape(
    Size,
    id=at("slug"),
    name=at("slug"),
    vcpus=at("vcpus"),
    ram=at("memory"),
    disk=at("disk"),
    bandwidth=at("transfer", lambda terabytes: int(terabytes * 1000)),
    arch=lambda payload: "x86_64",  # there are no others
)
IMAGE = Shape(
    Image,
    id=image_id,
    name=lambda payload: f"{payload.get('distribution') or ''} {payload.get('name') or ''}".strip(),
    os=at("distribution", str.lower),
    version=_version,
    arch=lambda payload: "x86_64",
    location=at("regions", lambda slugs: slugs[0] if len(slugs) == 1 else None),
)
_LOCATION = Shape(
    Location,
    id=at("slug"),
    name=at("name"),
    country=at("slug", lambda slug: PLACES.get(slug[:3], (None, None))[0]),
    city=at("slug", lambda slug: PLACES.get(slug[:3], (None, None))[1]),
)
KEY_PAIR = Shape(KeyPair, id=at("id", str), name=at("name"), public_key=at("public_key"), fingerprint=at("fingerprint"))


def region(payload: Any, **context: Any) -> Location:
    """A region, with its city's coordinates, which the API does not tell."""
    return located(_LOCATION(payload, **context))
