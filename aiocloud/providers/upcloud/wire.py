"""What all answers of the API share, and how a server is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiocloud.errors import CapacityError, ConflictError, InvalidCredsError, QuotaExceededError
from aiocloud.http.client import Api
from aiocloud.http.errors import ErrorTable
from aiocloud.mapping import Shape, addresses, at, dig, one_of
from aiocloud.models import Node, NodeState
from aiocloud.values import FrozenMap

STATES = {
    "started": NodeState.RUNNING,
    "stopped": NodeState.STOPPED,
    "maintenance": NodeState.PENDING,
    "error": NodeState.ERROR,
}

MARK = "aiocloud-create"
"""The key of the label by which a server is found again whose creation was not confirmed."""


def _code(body: Any) -> str | None:
    """The word of an error, in either of its two forms; the newer one hides it in a link to its description."""
    if word := dig(body, "error.error_code"):
        return str(word)
    link = dig(body, "type")
    return str(link).rpartition("#")[2].removeprefix("ERROR_") if link else None


def _message(body: Any) -> str | None:
    if text := dig(body, "error.error_message"):
        return str(text)
    wrong = [f"{each.get('name')}: {each.get('reason')}" for each in body.get("invalid_params") or ()]
    return "; ".join([body["title"], *wrong])


ERRORS = ErrorTable(
    code=_code,
    message=_message,
    request_id="correlation_id",
    codes={
        "AUTHENTICATION_FAILED": InvalidCredsError,
        "*_RESOURCES_UNAVAILABLE": CapacityError,
        "*_LIMIT_REACHED": QuotaExceededError,
        "INSUFFICIENT_CREDITS": QuotaExceededError,
        "*_EXISTS": ConflictError,
    },
)
API = Api(base_url="https://api.upcloud.com/1.3", errors=ERRORS, headers={"Accept": "application/json"})


def given(**options: Any) -> dict[str, Any]:
    """Those of the options that are not None."""
    return {key: value for key, value in options.items() if value is not None}


def yes(wanted: bool | None, words: tuple[str, str] = ("no", "yes")) -> str | None:
    """A truth value in the API's words."""
    return None if wanted is None else words[wanted]


def labels(words: Mapping[str, str]) -> dict[str, Any]:
    """Labels as a request has them."""
    return {"label": [{"key": key, "value": value} for key, value in words.items()]}


def words_of(server: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a server."""
    return {row["key"]: row.get("value") or "" for row in dig(server, "labels.label") or ()}


def _addresses(server: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    return addresses((row.get("address") for row in dig(server, "ip_addresses.ip_address") or ()), private=private)


def disks_of(server: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The disks that are attached to a server, the one that it boots from first."""
    yield from (row for row in dig(server, "storage_devices.storage_device") or () if row.get("type") == "disk")


def _template(server: Mapping[str, Any]) -> str | None:
    """The template that a disk was made from; lists do not tell it."""
    marks = (mark for disk in disks_of(server) for mark in disk.get("labels") or ())
    return next((str(mark["value"]) for mark in marks if mark.get("key") == "_template_uuid"), None)


NODE = Shape(
    Node,
    hide=("password", "remote_access_password", "vnc_password", "user_data"),
    id=at("uuid"),
    name=at("title"),
    state=at("state", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda server: _addresses(server, private=False),
    private_ips=lambda server: _addresses(server, private=True),
    size=at("plan"),
    image=_template,
    location=at("zone"),
    tags=lambda server: FrozenMap({key: value for key, value in words_of(server).items() if key != MARK}),
)
