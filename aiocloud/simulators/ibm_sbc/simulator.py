"""The front door: credentials, routes, answers."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from itertools import cycle, islice, product
from math import ceil
from typing import Any, TypeAlias

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ibm_sbc.wire import RefusedError, document, element, form_of, refusal, stamp, text, texts
from aiocloud.simulators.ibm_sbc.world import (
    ACTIVE,
    ATTACHING,
    DEPROVISIONING,
    DETACHING,
    FAILED,
    GONE,
    NEW,
    PLACES,
    PROVISIONING,
    RESTARTING,
    TYPES,
    UNDELETABLE,
    Address,
    Image,
    Instance,
    Volume,
    World,
)
from aiocloud.simulators.ssh import Machine

Form: TypeAlias = Mapping[str, str]

BASE = "/computecloud/enterprise/api/rest/20100331"
OFFERING = "20001208"


class IBMSBCSimulator(Simulator):
    """One account at IBM's SmartCloud Enterprise. `world` holds all that exists: look into it, or change it."""

    provider = "ibm_sbc"
    endpoint = f"https://www-147.ibm.com{BASE}"
    creates = "POST /instances"
    proof = "password"
    as_of = date(2012, 12, 31)
    facts = (
        "Data centres and sizes as clients of 2010 to 2013 recorded them, with the hourly prices in USD that they show;"
        " where they show none, the API tells none here. Images of that time, from memory."
    )

    def __init__(
        self,
        *,
        username: str = "dev@example.com",
        password: str = "tide-table-1883",  # noqa: S107 - opens nothing
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._login = {"username": username, "password": password}
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The e-mail address and the password."""
        return dict(self._login)

    # ---- the world ----

    def nodes(self) -> Iterable[Instance]:
        """The instances."""
        return self.world.instances.values()

    def addresses(self, node: Instance) -> tuple[str, ...]:
        """The one that it has, once it is active."""
        found = self.world.ip(node) if node.id in self.world.instances else None
        return (found,) if found else ()

    def machine(self, node: Instance) -> Machine:
        """An instance lets in root and idcuser, by its key."""
        return Machine(
            id=node.id,
            name=node.name,
            running=self.world.status(node) in (ACTIVE, ATTACHING, DETACHING),
            users=("root", "idcuser"),
            keys=(node.public_key,) if node.public_key else (),
        )

    def populate(self, count: int) -> None:
        """Add so many active instances, spread over the places."""
        images = [image for image in self.world.images.values() if image.architecture == "i386"]
        pairs = product(images, ("COP32.1/2048/60", "SLV32.2/4096/60*350"))
        for number, (image, type_) in enumerate(islice(cycle(pairs), count)):
            self.world.place(f"pier-{number}", image, type_)

    # ---- the front door ----

    def operation(self, request: Request) -> str:
        """The method, and the path with its id left open: "PUT /instances/{id}"."""
        return _route(request)[0] or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Check who asks, and do what is asked."""
        expected = "Basic " + b64encode(":".join(self._login.values()).encode()).decode()
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            return Response(status=401)
        try:
            return self._do(request)
        except RefusedError as error:
            return refusal(error)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, as others; no record tells."""
        return refusal(RefusedError(429, "Too many requests"), {"Retry-After": str(ceil(retry_after))})

    def no_capacity(self, request: Request) -> Response:
        """The instance is accepted, and its provisioning fails."""
        made = self._new(form_of(request))
        made.phases.begin(PROVISIONING, then=FAILED, at=self.world.in_(0.5))
        return document("CreateInstanceResponse", [self._instance(made, NEW)])

    def _do(self, request: Request) -> Response:
        name, id_ = _route(request)
        if not name:
            raise RefusedError(404, "There is no such resource")
        form = form_of(request)
        for kind, answers in {"GET": self._reads(id_), "POST": self._makes(form)}.items():
            if request.method == kind:
                return answers[name]()
        if request.method == "PUT":
            self._change(id_, form)
            return document("UpdateInstanceResponse")
        self._deletes(id_)[name]()
        return document("DeleteResponse")

    def _reads(self, id_: str) -> dict[str, Callable[[], Response]]:
        world = self.world
        return {
            "GET /instances": lambda: document("DescribeInstancesResponse", map(self._instance, world.alive())),
            "GET /instances/{id}": lambda: document("DescribeInstanceResponse", [self._instance(world.find(id_))]),
            "GET /offerings/image": lambda: document("DescribeImagesResponse", map(_image, world.images.values())),
            "GET /locations": lambda: document("DescribeLocationsResponse", map(_location, PLACES)),
            "GET /keys": lambda: document("DescribeKeysResponse", map(self._key, world.keys)),
            "GET /storage": lambda: document("DescribeVolumesResponse", map(self._volume, world.volumes.values())),
            "GET /offerings/storage": lambda: document("DescribeVolumeOfferingsResponse", [_offering()]),
            "GET /addresses": lambda: document("DescribeAddressesResponse", map(_address, world.addresses.values())),
        }

    def _makes(self, form: Form) -> dict[str, Callable[[], Response]]:
        return {
            "POST /instances": lambda: self._create(form),
            "POST /keys": lambda: self._store_key(form),
            "POST /storage": lambda: self._create_volume(form),
            "POST /addresses": lambda: self._reserve(form),
        }

    def _deletes(self, id_: str) -> dict[str, Callable[[], None]]:
        return {
            "DELETE /instances/{id}": lambda: self._delete(id_),
            "DELETE /offerings/image/{id}": lambda: self._delete_image(id_),
            "DELETE /keys/{id}": lambda: _remove(self.world.keys, id_, "Key"),
            "DELETE /storage/{id}": lambda: self._delete_volume(id_),
            "DELETE /addresses/{id}": lambda: _remove(self.world.addresses, id_, "Address"),
        }

    # ---- instances ----

    def _create(self, form: Form) -> Response:
        made = self._new(form)
        made.phases.begin(PROVISIONING, then=ACTIVE, at=self.world.in_(1.0))
        return document("CreateInstanceResponse", [self._instance(made, NEW)])

    def _new(self, form: Form) -> Instance:
        image, type_, key = self.world.images.get(form.get("imageID", "")), form.get("instanceType", ""), None
        if not form.get("name"):
            raise RefusedError(400, "Instance name is missing")
        if form.get("location") not in PLACES:
            raise RefusedError(412, f"No DataCenter with id: {form.get('location')}")
        if image is None or image.place != form["location"]:
            raise RefusedError(404, f"Invalid Image ID {form.get('imageID')}")
        if type_ not in image.types():
            raise RefusedError(400, f"Instance type {type_} is not supported by the image")
        if "publicKey" in form and (key := form["publicKey"]) not in self.world.keys:
            raise RefusedError(412, f"No key with id: {key}")
        return self.world.place(form["name"], image, type_, key)

    def _change(self, id_: str, form: Form) -> None:
        world = self.world
        if "type" in form:
            self._attach(world.active(id_), form)
        elif form.get("state") == "restart":
            world.active(id_).phases.begin(RESTARTING, then=ACTIVE, at=world.in_(0.2))
        elif form.get("state") == "save":
            self._save(world.active(id_), form)
        elif "expirationTime" in form:
            world.find(id_).expires = datetime.fromtimestamp(int(form["expirationTime"]) / 1000, UTC)
        elif form.get("name"):
            world.find(id_).name = form["name"]
        else:
            raise RefusedError(400, "Nothing that can be changed")

    def _attach(self, instance: Instance, form: Form) -> None:
        volume = self.world.volumes.get(form.get("storageID", ""))
        attach = form["type"] == "attach"
        if volume is None or volume.place != instance.place:
            raise RefusedError(404, f"Invalid Storage ID {form.get('storageID')}")
        if volume.instance != ("0" if attach else instance.id):
            raise RefusedError(412, "The volume is in another state")
        volume.instance = instance.id if attach else "0"
        instance.phases.begin(ATTACHING if attach else DETACHING, then=ACTIVE, at=self.world.in_(0.2))

    def _save(self, instance: Instance, form: Form) -> None:
        old = self.world.images[instance.image]
        new = self.world.new_id()
        name = form.get("name", "image")
        self.world.images[new] = Image(new, name, old.place, old.platform, old.architecture, old.surcharge, own=True)

    def _delete(self, id_: str) -> None:
        instance = self.world.find(id_)
        if self.world.status(instance) in UNDELETABLE:
            raise RefusedError(412, "Instance must be in the Active state")
        instance.phases.begin(DEPROVISIONING, then=GONE, at=self.world.in_(0.2))

    def _instance(self, one: Instance, status: str | None = None) -> str:
        code = status or self.world.status(one)
        address = self.world.ip(one) if status is None else None
        application = {"Name": self.world.images[one.image].platform.partition("/")[0], "Version": "11", "Type": "OS"}
        return element(
            "Instance",
            texts({"ID": one.id, "Location": one.place}),
            element("RequestID", one.id, name=one.name),
            texts({"Name": one.name, "Owner": self._login["username"], "ImageID": one.image, "InstanceType": one.type}),
            texts({"KeyName": one.key or "", "Hostname": f"vhost{one.id}.example.net" if address else ""}),
            text("IP", f"{address} ") if address else None,  # with a blank behind it, as IBM wrote it
            texts({"Status": code, "LaunchTime": stamp(one.launched), "ExpirationTime": stamp(one.expires)}),
            element("ProductCodes"),
            element("Software", element("Application", texts(application))),
        )

    # ---- what else the account has ----

    def _store_key(self, form: Form) -> Response:
        name, key = form.get("name", ""), form.get("publicKey", "")
        if name in self.world.keys:
            raise RefusedError(412, f"Key {name} already exists")
        if not name or not key.startswith("ssh-"):
            raise RefusedError(400, "A name and a public key are needed")
        self.world.keys[name] = key
        return document("CreateKeyResponse", [self._key(name)])

    def _key(self, name: str) -> str:
        return element("PublicKey", texts({"KeyName": name, "KeyMaterial": self.world.keys[name]}))

    def _delete_image(self, id_: str) -> None:
        found = self.world.images.get(id_)
        if found is None or not found.own:
            raise RefusedError(404, f"Invalid Image ID {id_}")
        del self.world.images[id_]

    def _create_volume(self, form: Form) -> Response:
        if form.get("location") not in PLACES:
            raise RefusedError(412, f"No DataCenter with id: {form.get('location')}")
        new = self.world.new_id()
        made = Volume(new, form.get("name", ""), form["location"], form.get("offeringID", ""), form.get("format", ""))
        self.world.volumes[new] = made
        return document("CreateVolumeResponse", [self._volume(made)])

    def _delete_volume(self, id_: str) -> None:
        if id_ in self.world.volumes and self.world.volumes[id_].instance != "0":
            raise RefusedError(412, "The volume is attached")
        _remove(self.world.volumes, id_, "Storage")

    def _volume(self, volume: Volume) -> str:
        told = {"ID": volume.id, "Location": volume.place, "OfferingID": volume.offering, "Name": volume.name}
        state = "4" if volume.instance == "0" else "5"
        more = {"InstanceID": volume.instance, "Format": volume.format, "Size": "256", "State": state}
        return element("Volume", texts({**told, **more, "Owner": self._login["username"]}))

    def _reserve(self, form: Form) -> Response:
        if form.get("location") not in PLACES:
            raise RefusedError(412, f"No DataCenter with id: {form.get('location')}")
        new = self.world.new_id()
        ip = f"198.19.{int(new) // 256 % 256}.{int(new) % 256}"
        made = self.world.addresses[new] = Address(new, form["location"], form.get("offeringID", ""), ip)
        return document("CreateAddressResponse", [_address(made)])


def _remove(things: dict[str, Any], id_: str, what: str) -> None:
    if id_ not in things:
        raise RefusedError(404, f"Invalid {what} ID {id_}")
    del things[id_]


def _image(image: Image) -> str:
    return element(
        "Image",
        texts({"ID": image.id, "Name": image.name, "Location": image.place, "State": "1"}),
        texts({"Owner": "SYSTEM", "Visibility": "PRIVATE" if image.own else "PUBLIC"}),
        texts({"Architecture": image.architecture, "Platform": image.platform, "Description": image.name}),
        element("SupportedInstanceTypes", *(_type(type_, image.surcharge) for type_ in image.types())),
        text("CreatedTime", "2010-11-01T00:00:00.000Z"),
    )


def _type(id_: str, surcharge: int) -> str:
    label, rate = TYPES[id_]
    price = {"UnitOfMeasure": "UHR", "CountryCode": "897", "CurrencyCode": "USD", "PricePerQuantity": "1"}
    told = {"Rate": f"{float(rate) + surcharge / 1000:g}", **price} if rate else {}
    return element("InstanceType", texts({"ID": id_, "Label": label}), element("Price", texts(told)) if told else None)


def _location(id_: str) -> str:
    name, code = PLACES[id_]
    entry = element("Entry", element("Value", "ext3"), key="EXT3")
    capability = element("Capabilities", element("Capability", entry, id="oss.storage.format"))
    told = texts({"ID": id_, "Name": name, "Description": "", "State": "1", "Location": code})
    return element("Location", told, capability)


def _offering() -> str:
    formats = element("SupportedFormats", *(element("Format", texts({"ID": id_})) for id_ in ("EXT3", "RAW")))
    told = {"ID": OFFERING, "Location": "41", "Name": "Small", "Label": "256 GiB", "Capacity": "256"}
    return element("Offerings", texts(told), formats)


def _address(address: Address) -> str:
    told = {"ID": address.id, "Type": "RESERVED", "IP": address.ip, "Location": address.place, "State": "2"}
    return element("Address", texts({**told, "OfferingID": address.offering, "InstanceID": "0"}))


ROUTE = re.compile(r"/(?P<what>(?:offerings/)?[a-z]+)(?:/(?P<id>[^/]+))?")
OPERATIONS = frozenset(
    {
        *("GET /instances", "POST /instances", "GET /instances/{id}", "PUT /instances/{id}", "DELETE /instances/{id}"),
        *("GET /offerings/image", "DELETE /offerings/image/{id}", "GET /locations", "GET /offerings/storage"),
        *("GET /keys", "POST /keys", "DELETE /keys/{id}", "GET /storage", "POST /storage", "DELETE /storage/{id}"),
        *("GET /addresses", "POST /addresses", "DELETE /addresses/{id}"),
    }
)


def _route(request: Request) -> tuple[str, str]:
    """What is asked, and the id in it; "" where the path is none of the API's."""
    path = request.url.path
    found = ROUTE.fullmatch(path.removeprefix(BASE)) if path.startswith(BASE) else None
    if found is None:
        return "", ""
    name = f"{request.method} /{found['what']}{'/{id}' * bool(found['id'])}"
    return (name, found["id"] or "") if name in OPERATIONS else ("", "")
