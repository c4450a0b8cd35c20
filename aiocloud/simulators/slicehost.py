"""Slicehost in miniature, as it was in 2010: ActiveResource XML.

What it refuses with 422, and how it would throttle, no record tells: there the words are ours.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv4Address
from itertools import count, cycle
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

# id, name, RAM in MB, US cents a month
FLAVORS = (
    (1, "256 slice", 256, 2000),
    (2, "512 slice", 512, 3800),
    (3, "1GB slice", 1024, 7000),
    (4, "2GB slice", 2048, 13000),
    (5, "4GB slice", 4096, 25000),
    (6, "8GB slice", 8192, 45000),
    (7, "15.5GB slice", 15872, 80000),
)
IMAGES = (
    (2, "CentOS 5.2"),
    (4, "Debian 5.0 (lenny)"),
    (8, "Arch 2009.02"),
    (10, "Ubuntu 8.10 (intrepid)"),
    (11, "Ubuntu 9.04 (jaunty)"),
)
PUBLIC, PRIVATE = int(IPv4Address("198.18.0.0")), int(IPv4Address("10.176.0.0"))
ROUTE = re.compile(r"/(\w+)(?:/([^/]+))?(?:/(\w+))?\.xml")


@dataclass(slots=True)
class Slice:
    """A machine; `installed` counts how often it was built."""

    id: int
    name: str
    flavor: int
    image: int | None
    backup: str | None
    password: str
    phases: Phases
    installed: int = 1


@dataclass(slots=True)
class RefusedError(Exception):
    """The API's no."""

    status: int
    errors: tuple[str, ...] = field(default=())


def tag(name: str, value: Any) -> str:
    """An element with its type, as Rails writes it."""
    match value:
        case None:
            return f'<{name} nil="true"/>'
        case int():
            return f'<{name} type="integer">{value}</{name}>'
        case float():
            return f'<{name} type="float">{value}</{name}>'
        case list():
            inner = "".join(value)
            return f'<{name} type="array">{inner}</{name}>' if inner else f'<{name} type="array"/>'
    return f"<{name}>{escape(str(value))}</{name}>"


def record(root: str, /, **fields: Any) -> str:
    """A record; underscores in names become hyphens."""
    return f"<{root}>{''.join(tag(key.replace('_', '-'), value) for key, value in fields.items())}</{root}>"


class SlicehostSimulator(Simulator):
    """One account with slices. `deletes` tells whether it permits the API to destroy and rebuild them.

    A slice is built after `boot` seconds; until then it has no address. One that is destroyed is gone at once.
    """

    provider = "slicehost"
    endpoint = "https://api.slicehost.com"
    creates = "POST /slices.xml"
    proof = "api_key"
    as_of = date(2010, 12, 31)
    facts = "Flavors with their prices as clients of 2010 recorded them; a few images of that time, from memory."

    def __init__(self, *, api_key: str = "ac3df18e0slicehostdemo", deletes: bool = True, **world: Any) -> None:
        super().__init__(**world)
        self._key = api_key
        self.deletes = deletes
        self.slices: dict[int, Slice] = {}
        self.backups: dict[str, int] = {}
        self._ids = count(78001)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API key."""
        return {"api_key": self._key}

    # ---- the world ----

    def nodes(self) -> Iterable[Slice]:
        """The slices."""
        return self.slices.values()

    def addresses(self, node: Slice) -> tuple[str, ...]:
        """A public and a private one, once it is built."""
        if node.id not in self.slices or node.phases.seen(self.now()) == "build":
            return ()
        return str(IPv4Address(PUBLIC + node.id % 2**17)), str(IPv4Address(PRIVATE + node.id % 2**18))

    def machine(self, node: Slice) -> Machine:
        """A slice lets in root, by the password of its create."""
        running = node.phases.seen(self.now()) == "active"
        secret = Secret(node.password)
        return Machine(id=str(node.id), name=node.name, running=running, password=secret, mark=node.installed)

    def populate(self, count: int) -> None:
        """Add so many running slices, of all flavors."""
        for number, flavor in zip(range(count), cycle(FLAVORS), strict=False):
            self._place(f"slice{number}", flavor[0], IMAGES[0][0], None).phases = Phases("active")

    def _place(self, name: str, flavor: int, image: int | None, backup: str | None) -> Slice:
        new = next(self._ids)
        phases = Phases("build")
        phases.begin("build", then="active", at=self.after(self.boot))
        self.slices[new] = Slice(new, name, flavor, image, backup, f"pw{new}Qx", phases)
        return self.slices[new]

    # ---- the front door ----

    def operation(self, request: Request) -> str:
        """The method, and the path with its id left open: "PUT /slices/{id}/reboot.xml"."""
        collection, id_, action = _parts(request)
        return f"{request.method} /{collection}{'/{id}' * bool(id_)}{f'/{action}' * bool(action)}.xml"

    def answer(self, request: Request) -> Response:
        """Check the key, and do what is asked."""
        expected = "Basic " + b64encode(f"{self._key}:".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return Response(status=401, headers=headers_of({"Content-Type": "text/html"}), body=DENIED)
        try:
            return self._do(request)
        except RefusedError as error:
            return _refusal(error)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, as others of that time; no record tells."""
        headers = headers_of({"Retry-After": str(max(1, round(retry_after)))})
        return Response(status=429, headers=headers, body=b"Too many requests")

    def no_capacity(self, request: Request) -> Response:
        """422, like all that is wrong with a create; no record tells the words."""
        return _refusal(RefusedError(422, ("There is no capacity left for a slice of that size",)))

    def _do(self, request: Request) -> Response:
        collection, id_, action = _parts(request)
        if collection != "slices":
            return self._read(request.method, collection, id_)
        if not id_:
            return self._create(request) if request.method == "POST" else _list("slices", map(self._show, self.nodes()))
        found = self.slices.get(int(id_) if id_.isdecimal() else 0)
        if found is None:
            raise RefusedError(404)
        return self._act(request, found, f"{request.method} {action or ''}".strip())

    def _read(self, method: str, collection: str, id_: str | None) -> Response:
        known: dict[str, dict[str, str]] = {
            "flavors": {str(f[0]): record("flavor", id=f[0], name=f[1], price=f[3], ram=f[2]) for f in FLAVORS},
            "images": {str(i[0]): record("image", id=i[0], name=i[1]) for i in IMAGES},
            "backups": {b: record("backup", id=b, name="weekly", slice_id=s) for b, s in self.backups.items()},
            "zones": {},
            "records": {},
        }
        if method != "GET" or collection not in known or (id_ and id_ not in known[collection]):
            raise RefusedError(404)
        return _document(known[collection][id_]) if id_ else _list(collection, known[collection].values())

    def _create(self, request: Request) -> Response:
        given = _body(request, "slice")
        flavor, image, backup = given.get("flavor-id", ""), given.get("image-id", ""), given.get("backup-id")
        errors = []
        if not given.get("name"):
            errors.append("Name can't be blank")
        if flavor not in {str(each[0]) for each in FLAVORS}:
            errors.append("Flavor is not known")
        if (image not in {str(each[0]) for each in IMAGES}) if backup is None else (backup not in self.backups):
            errors.append("Image or backup is not known")
        if errors:
            raise RefusedError(422, tuple(errors))
        made = self._place(given["name"], int(flavor), int(image) if backup is None else None, backup)
        return _document(self._show(made, root_password=made.password), status=201)

    def _act(self, request: Request, node: Slice, action: str) -> Response:
        match action:
            case "GET":
                pass
            case "PUT":
                node.name = _body(request, "slice").get("name") or node.name
            case "PUT reboot" | "PUT hard_reboot":
                node.phases.begin(action.removeprefix("PUT "), then="active", at=self.after(self.boot / 5))
            case "PUT rebuild":
                self._permit()
                self._rebuild(node, request.url.query)
            case "DELETE" | "DELETE destroy" | "PUT destroy":  # clients used all three
                self._permit()
                del self.slices[node.id]
                return Response(status=200, headers=headers_of(XML), body=b" ")
            case _:
                raise RefusedError(404)
        return _document(self._show(node))

    def _permit(self) -> None:
        if not self.deletes:
            raise RefusedError(403, ("You must enable slice deletes in the SliceManager", "Permission denied"))

    def _rebuild(self, node: Slice, query: Mapping[str, str]) -> None:
        image, backup = query.get("image_id"), query.get("backup_id")
        if image not in {str(each[0]) for each in IMAGES} and backup not in self.backups:
            raise RefusedError(422, ("Image or backup is not known",))
        node.image, node.backup = (int(image), None) if image else (None, backup)
        node.installed += 1
        node.phases.begin("build", then="active", at=self.after(self.boot))

    def _show(self, node: Slice, **more: str) -> str:
        status = node.phases.seen(self.now())
        addresses = self.addresses(node)
        return record(
            "slice",
            name=node.name,
            image_id=node.image,
            addresses=[tag("address", address) for address in addresses],
            progress=0 if status == "build" else 100,
            id=node.id,
            bw_out=0.0,
            bw_in=0.0,
            flavor_id=node.flavor,
            status=status,
            backup_id=node.backup,
            **({"ip_address": addresses[0]} if addresses else {}),
            **more,
        )


XML = {"Content-Type": "application/xml; charset=utf-8"}
DENIED = b"HTTP Basic: Access denied.\n"


def _parts(request: Request) -> tuple[str, str | None, str | None]:
    """The collection, the id, and what is to be done; "" where the path is none of the API's."""
    found = ROUTE.fullmatch(request.url.path)
    return (found[1], found[2], found[3]) if found else ("", None, None)


def _body(request: Request, root: str) -> Mapping[str, str]:
    parser: Callable[[bytes], Any] = ElementTree.fromstring
    try:
        tree = parser(request.body)
    except ElementTree.ParseError:
        raise RefusedError(422, ("The body is no XML",)) from None
    if tree.tag != root:
        raise RefusedError(422, (f"There is no {root} in the body",))
    return {child.tag: child.text or "" for child in tree}


def _list(name: str, items: Iterable[str]) -> Response:
    """A list; an empty one has the name that Rails of that time gave it."""
    found = list(items)
    return _document(tag(name if found else "nil-classes", found))


def _document(text: str, *, status: int = 200) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
    return Response(status=status, headers=headers_of(XML), body=body.encode())


def _refusal(error: RefusedError) -> Response:
    if not error.errors:
        return Response(status=error.status, headers=headers_of(XML), body=b" ")
    return _document(f"<errors>{''.join(tag('error', each) for each in error.errors)}</errors>", status=error.status)
