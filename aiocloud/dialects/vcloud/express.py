"""The documents of version 0.8, which vCloud Express was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from aiocloud.dialects.vcloud import protocol
from aiocloud.dialects.vcloud.protocol import DOCUMENTS, id_in, linked, many
from aiocloud.dialects.vcloud.vapps import document
from aiocloud.errors import (
    CapacityError,
    ConflictError,
    InvalidRequestError,
    MalformedResponseError,
    QuotaExceededError,
)
from aiocloud.http.codecs import Codec
from aiocloud.mapping import Shape, at, dig, is_private, one_of
from aiocloud.models import Image, Location, Node, NodeState, Price, Size

VCLOUD = "http://www.vmware.com/vcloud/v0.8"
EXPRESS = "urn:tmrk:vCloudExpressExtensions-1.6"
OVF = "http://schemas.dmtf.org/ovf/envelope/1"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"

STATES = {
    "0": NodeState.PENDING,  # being made
    "1": NodeState.PENDING,
    "2": NodeState.STOPPED,  # made, and switched off
    "3": NodeState.SUSPENDED,
    "4": NodeState.RUNNING,
}


@dataclass(frozen=True, slots=True)
class Refusals(Codec):
    """Refusals may be documents, or plain text; many are neither, and say all in the reason phrase."""

    name: str = "a refusal"

    def decode(self, body: bytes) -> Any:
        """The document, or the text as its message."""
        try:
            return DOCUMENTS.decode(body)
        except ValueError:
            text = body.decode("utf-8", "replace").strip()
            return {"message": text} if "<" not in text else None


ERRORS = replace(
    protocol.ERRORS,
    codec=Refusals(),
    statuses={405: InvalidRequestError, 501: InvalidRequestError},
    texts={
        "*pending task*": ConflictError,
        "*already powered*": ConflictError,
        "*exists*": ConflictError,
        "*no additional Public IPs*": QuotaExceededError,
        "*[Ii]nsufficient resources*": CapacityError,
    },
)


def _addresses(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    connections = many(dig(payload, "NetworkConnectionSection.NetworkConnection"))
    found = [address for each in connections for address in many(each.get("IpAddress"))]
    return tuple(address for address in found if is_private(address) is private)


def _size(payload: Mapping[str, Any]) -> str | None:
    """Processors and MiB, as the virtual hardware tells them."""
    items = many(dig(payload, "VirtualHardwareSection.Item"))
    found = {item.get("ResourceType"): item.get("VirtualQuantity") for item in items}
    return f"{found['3']}x{found['4']}" if {"3", "4"} <= found.keys() else None


def _vdc(payload: Mapping[str, Any]) -> str | None:
    return next(map(id_in, linked(payload, "vdc", "up")), None)


NODE = Shape(
    Node,
    id=at("@href", id_in),
    name=at("@name"),
    state=at("@status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: _addresses(payload, private=False),
    private_ips=lambda payload: _addresses(payload, private=True),
    size=_size,
    location=_vdc,
)
IMAGE = Shape(Image, id=at("@href", id_in), name=at("@name"))
LOCATION = Shape(
    Location,
    id=at("@href", id_in),
    name=at("@name"),
    country=lambda payload: "US",  # there was but one site
    city=lambda payload: "Miami",
)


def entities(vdc: Any) -> list[Any]:
    """The vApps in a data centre: their names and links."""
    found = many(dig(vdc, "ResourceEntities.ResourceEntity"))
    return [each for each in found if ".vApp+xml" in each.get("@type", "")]


def size_of(option: Any, today: date) -> Size:
    """Processors and MB that can be had, and the dollars an hour."""
    try:
        cpus, ram, cost = int(option["ProcessorCount"]), int(option["Memory"]), Decimal(option["CostPerHour"])
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise MalformedResponseError(f"a ComputeOption that cannot be read: {type(error).__name__}") from error
    price = Price(amount=cost, currency="USD", as_of=today) if cost else None
    name = f"{cpus} VPU, {ram} MB"
    return Size(id=f"{cpus}x{ram}", name=name, vcpus=cpus, ram=ram, price=price, provider="terremark")


def order(
    *,
    name: str,
    template: str,
    cpus: str,
    memory: str,
    network: Mapping[str, Any],
    properties: Mapping[str, str | None],
) -> dict[str, Any]:
    """The options of a call that makes a vApp of a template. The order of the elements is the schema's."""
    hardware = [_item("1", "3", cpus), _item("2", "4", memory)]
    told = [
        {"@xmlns": OVF, "@ovf:key": key, "@ovf:value": value} for key, value in properties.items() if value is not None
    ]
    config = {
        "@name": network["@name"],
        "Features": {"FenceMode": "allowInOut"},
        "NetworkAssociation": {"@href": network["@href"]},
    }
    return document(
        "InstantiateVAppTemplateParams",
        {
            "@name": name,
            "@xml:lang": "en",
            "@xmlns": VCLOUD,
            "VAppTemplate": {"@href": template},
            "InstantiationParams": {
                "ProductSection": {"@xmlns:ovf": OVF, "Property": told},
                "VirtualHardwareSection": {"Item": hardware},
                "NetworkConfigSection": {"NetworkConfig": config},
            },
        },
    )


def _item(number: str, kind: str, quantity: str) -> Mapping[str, Any]:
    names = {"InstanceID": number, "ResourceType": kind, "VirtualQuantity": quantity}
    return {"@xmlns": OVF, **{name: {"@xmlns": RASD, "#text": text} for name, text in names.items()}}
