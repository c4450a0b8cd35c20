"""Slicehost, closed in 2012: its API in the style of Rails' ActiveResource, XML.

No page of its documentation is left: clients of its time (Apache Libcloud 0.3, fog 0.7, jclouds 1.3) tell what it was.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Unpack
from xml.sax.saxutils import escape

from aiocloud.driver import NodeAuth, Options, Retired, id_of, segment
from aiocloud.driver.namesakes import Namesakes
from aiocloud.driver.oneplace import OnePlace
from aiocloud.errors import CapacityError, ConfigurationError, ConflictError, QuotaExceededError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.codecs import Codec, Xml
from aiocloud.http.errors import ErrorTable
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.mapping import Shape, at, dig, is_private, one_of, raw, system_in
from aiocloud.models import Image, Location, Node, NodeState, Price, Size
from aiocloud.values import Secret

STATES = {
    "active": NodeState.RUNNING,
    "build": NodeState.PENDING,
    "reboot": NodeState.REBOOTING,
    "hard_reboot": NodeState.REBOOTING,
    "terminated": NodeState.TERMINATED,
}
PLACE = Location(id="us", name="St. Louis or Dallas", country="US", provider="slicehost")
"""Two data centres in St. Louis, one in Dallas; the API neither told nor let choose where a slice is."""

CASTS: Mapping[str, Any] = {"integer": int, "float": float, "boolean": "true".__eq__}


@dataclass(frozen=True, slots=True)
class ActiveResource(Codec):
    """XML as Rails writes records: types in attributes, lists of type "array".

    A record is a dictionary, and a list stands under `items`, whatever its element is called.

    >>> ActiveResource().decode(b'<nil-classes type="array"/>')
    {'items': []}
    >>> ActiveResource().decode(b'<slice><id type="integer">7</id><backup-id type="integer" nil="true"/></slice>')
    {'id': 7, 'backup-id': None}
    """

    name: str = "ActiveResource XML"

    def decode(self, body: bytes) -> Any:
        """The record, or the list. A body of one byte, as answers to a destroy have, is None, like an empty one."""
        if len(body) < 2:
            return None
        ((root, value),) = (Xml().decode(body) or {"": None}).items()
        if root.lower() in ("", "html"):
            raise ValueError("a page, or nothing")
        plain = _plain(value)
        return {"items": plain} if isinstance(plain, list) else plain

    def encode(self, root: str, record: Mapping[str, str | int]) -> bytes:
        """A record."""
        fields = (
            f'<{key} type="integer">{value}</{key}>' if isinstance(value, int) else f"<{key}>{escape(value)}</{key}>"
            for key, value in record.items()
        )
        return f'<?xml version="1.0" encoding="UTF-8"?><{root}>{"".join(fields)}</{root}>'.encode()


def _plain(value: Any) -> Any:
    """A value without the attributes that tell its type."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("@type")
    children = {key: child for key, child in value.items() if not key.startswith(("@", "#"))}
    if kind == "array":
        return [_plain(each) for child in children.values() for each in (child if isinstance(child, list) else [child])]
    if "#text" in value:
        return CASTS.get(str(kind), str)(value["#text"])
    return {key: _plain(child) for key, child in children.items()} or None


def _message(body: Any) -> str | None:
    """All the errors, as one sentence after the other."""
    errors = dig(body, "error")
    return "; ".join(errors) if isinstance(errors, list) else errors


def _addresses(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    told = [*(payload.get("addresses") or ()), payload.get("ip-address")]
    return tuple(each for each in dict.fromkeys(told) if each and is_private(each) is private)


CODEC = ActiveResource()
ERRORS = ErrorTable(
    message=_message,
    codec=CODEC,
    texts={  # none is on record: such sentences are what Rails, and others, say
        "*already been taken*": ConflictError,
        "*limit*": QuotaExceededError,
        "*capacity*": CapacityError,
    },
)
NODE = Shape(
    Node,
    id=at("id", str),
    name=at("name"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: _addresses(payload, private=False),
    private_ips=lambda payload: _addresses(payload, private=True),
    size=at("flavor-id", str),
    image=at("image-id", str),
    location=lambda payload: PLACE.id,
    password=at("root-password", Secret),
    hide=["root-password"],
)
SIZE = Shape(Size, id=at("id", str), name=at("name"), ram=at("ram"))
IMAGE = Shape(
    Image,
    id=at("id", str),
    name=at("name"),
    os=at("name", lambda name: system_in(name)[0]),
    version=at("name", lambda name: system_in(name)[1]),
)


class Slicehost(OnePlace, Namesakes):
    """Needs the API key that the SliceManager made; give `endpoint`, for there is none any more.

    All slices are in one location, "us": the API does not say which of the data centres it is.
    """

    provider = "slicehost"
    title = "Slicehost"
    website = "https://www.slicehost.com/"
    protocol = "Slicehost API, ActiveResource XML"
    retired = Retired(since="2012", successor="rackspace")
    place = PLACE
    features = frozenset({"generates_password"})
    states = {"status": STATES}
    api = Api(errors=ERRORS, codec=CODEC, limits=Limits(concurrency=4))

    def __init__(self, api_key: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        key = self.secret(api_key, "api_key")
        pair = Secret(b64encode(f"{key.reveal()}:".encode()).decode())  # the user's name, and no password
        self.redactor.add(pair)
        self.http = self.connect(auth=HeaderAuth("Authorization", "Basic ", pair))

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All slices."""
        self._refuse_elsewhere(location)
        return self.http.list("/slices.xml", NODE, items="items")

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images that slices can be built from. See also `ex_list_backups`."""
        self._refuse_elsewhere(location)
        return self.http.list("/images.xml", IMAGE, items="items")

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The flavors, with their prices a month. How large their disks are the API does not tell."""
        self._refuse_elsewhere(location)
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            flavors = await self.http.list("/flavors.xml", SIZE, items="items")
            return [replace(each, price=self._price(each), location=where) for each in flavors]

        return Pager.of(sizes)

    def _price(self, size: Size) -> Price | None:
        cents = size.extra.get("price")
        if not cents:
            return None
        return Price(amount=Decimal(cents) / 100, currency="USD", per="month", as_of=self.today())

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The slice as it is now."""
        return await self.http.get(f"/slices/{segment(node)}.xml", NODE)

    async def create_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str | None = None,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        ex_backup: str | None = None,
    ) -> Node:
        """Make a slice. See `Compute.create_node`, and `Namesakes` for what becomes of a lost answer.

        The root password is in the answer alone, and lost with it.
        ex_backup  the id of a backup to build it from, in place of an image
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        self._refuse_elsewhere(location)
        slice_ = {"name": name, "flavor-id": _number("size", id_of(size)), **_source(image, ex_backup)}
        body = CODEC.encode("slice", slice_)

        async def send() -> Node:
            payload = await self.http.call("POST", "/slices.xml", body=body, headers=XML)
            node = self.http.read(NODE, payload, operation="POST /slices.xml")
            self.redactor.add(node.password)
            return node

        return await self._made_once(name, send)

    async def destroy_node(self, node: Node | str) -> None:
        """Destroy the slice. Raises ForbiddenError where the account does not permit it through the API."""
        await self.http.send("DELETE", f"/slices/{segment(node)}.xml")

    async def reboot_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Restart the operating system, or with `ex_hard` cut the power for a moment."""
        await self._act(node, "hard_reboot" if ex_hard else "reboot")

    async def _act(self, node: Node | str, action: str, **params: str) -> None:
        path = f"/slices/{segment(node)}/{action}.xml"
        await self.http.send("PUT", path, params=params, idempotent=False, headers=XML)

    # ---- what only Slicehost has ----

    async def ex_rename_node(self, node: Node | str, name: str) -> None:
        """Give the slice another name."""
        body = CODEC.encode("slice", {"name": name})
        await self.http.send("PUT", f"/slices/{segment(node)}.xml", body=body, headers=XML)

    async def ex_rebuild_node(
        self, node: Node | str, *, image: Image | str | None = None, backup: str | None = None
    ) -> None:
        """Build the slice anew from an image or a backup; what is on its disk is lost."""
        source = {key.replace("-", "_"): str(value) for key, value in _source(image, backup).items()}
        await self._act(node, "rebuild", **source)

    def ex_list_backups(self) -> Pager[Mapping[str, Any]]:
        """The backups, as the API tells them."""
        return self.http.list("/backups.xml", raw, items="items")

    def ex_list_zones(self) -> Pager[Mapping[str, Any]]:
        """The DNS zones, as the API tells them."""
        return self.http.list("/zones.xml", raw, items="items")

    def ex_list_records(self) -> Pager[Mapping[str, Any]]:
        """The DNS records of all zones, as the API tells them."""
        return self.http.list("/records.xml", raw, items="items")


XML = {"Content-Type": "application/xml"}


def _number(what: str, text: str) -> int:
    """An id as the API wants it. Rails would take other text for 0."""
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"slicehost wants the {what} as a number, and {text!r} is none")
    return int(text)


def _source(image: Image | str | None, backup: str | None) -> Mapping[str, str | int]:
    """What a slice is built from."""
    if (image is None) is (backup is None):
        raise ConfigurationError("slicehost needs either an image or a backup to build from")
    return {"image-id": _number("image", id_of(image))} if image is not None else {"backup-id": str(backup)}
