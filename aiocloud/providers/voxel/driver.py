"""The driver of Voxel."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Unpack

from aiocloud.driver import NodeAuth, Options, PowerControl, Retired, id_of
from aiocloud.driver.namesakes import Namesakes
from aiocloud.errors import ConfigurationError, MalformedResponseError, NotFoundError
from aiocloud.geography import located
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.http.together import together
from aiocloud.mapping import dig
from aiocloud.models import Image, Location, Node, NodeAuthPassword, Offer, Size
from aiocloud.providers.voxel.wire import (
    CODEC,
    ERRORS,
    IMAGE,
    LARGEST,
    LOCATION,
    NODE,
    STATES,
    VIRTUAL,
    cores_of,
    elements,
    signature,
)
from aiocloud.values import Secret


class Voxel(Namesakes, PowerControl):
    """Needs a key and its secret; give `endpoint`, for there is none any more.

    `region` is the label of the facility where nodes are made that name no location. A node's root password is the one
    in `auth`, or a random one, which stands in `node.password`. See `Namesakes` for what becomes of a lost answer.
    """

    provider = "voxel"
    title = "Voxel"
    website = "https://www.voxel.net/"
    protocol = "Voxel hAPI 1.0, XML"
    retired = Retired(since="2012")
    features = frozenset({"password", "generates_password"})
    states = {"status": STATES}
    api = Api(errors=ERRORS, codec=CODEC, limits=Limits(concurrency=4))

    def __init__(self, key: str | None = None, secret: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self._key = self.secret(key, "key").reveal()
        self._secret = self.secret(secret, "secret")
        self.http = self.connect(auth=self._sign)

    async def _sign(self, request: Request, send: Handler) -> Response:
        """A layer: sign each attempt, by its own time."""
        timestamp = self.now().strftime("%Y-%m-%dT%H:%M:%S.%f%z")
        params = {**request.url.query, "key": self._key, "timestamp": timestamp}
        signed = {**params, "api_sig": signature(self._secret.reveal(), params)}
        return await send(replace(request, url=request.url.with_query(signed)))

    @classmethod
    async def ex_read_authkeys(
        cls, username: str, password: str | Secret, **options: Unpack[Options]
    ) -> tuple[str, Secret]:
        """The key and the secret of the user who signs in to the portal with this password."""
        async with cls(username, password, **options) as driver:
            pair = b64encode(f"{username}:{driver._secret.reveal()}".encode()).decode()
            driver.redactor.add(pair)
            auth = HeaderAuth("Authorization", "Basic ", Secret(pair))
            driver.http = driver.connect(auth=auth)
            found = (await driver._ask("voxel.hapi.authkeys.read")).get("authkey")
            if not isinstance(found, Mapping) or not found.get("key") or not found.get("secret"):
                raise driver.http.errors.stamp(MalformedResponseError("an answer without `authkey`"))
            return found["key"], Secret(found["secret"])

    # ---- asking ----

    async def _ask(self, method: str, *, idempotent: bool = True, **arguments: Any) -> Mapping[str, Any]:
        params = {name: str(value) for name, value in arguments.items() if value not in (None, "")}
        query = {"method": method, **params}
        answer: Mapping[str, Any] = await self.http.call(
            "GET", "/", params=query, idempotent=idempotent, operation=method
        )
        return answer

    async def _items(self, method: str, collection: str, item: str, **arguments: Any) -> list[Any]:
        answer = await self._ask(method, **arguments)
        if collection not in answer:
            raise self.http.errors.stamp(MalformedResponseError(f"a list without `{collection}`"), method)
        return elements(dig(answer, f"{collection}.{item}"))

    async def _devices(self, device: str | None = None) -> list[dict[str, Any]]:
        """Devices with their states, which another call tells."""
        devices, rows = await together(
            lambda: self._items("voxel.devices.list", "devices", "device", device_id=device),
            lambda: self._items("voxel.voxcloud.status", "devices", "device", device_id=device),
        )
        states = {row.get("id"): row.get("status") for row in rows}
        return [{**each, "status": states.get(each.get("@id"))} for each in devices]

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None, ex_all: bool = False) -> Pager[Node]:
        """All virtual servers, or those of one facility; with `ex_all` physical servers and switches, too."""
        where = id_of(location) if location is not None else None

        async def nodes() -> list[Node]:
            devices = await self._devices()
            wanted = [each for each in devices if ex_all or dig(each, "type.@id") == VIRTUAL]
            found = [self.http.read(NODE, each) for each in wanted]
            return [node for node in found if where in (None, node.location)]

        return Pager.of(nodes)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images, which can be had everywhere."""

        async def images() -> list[Image]:
            found = await self._items("voxel.images.list", "images", "image", verbosity="extended")
            return [self.http.read(IMAGE, each) for each in found]

        return Pager.of(images)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """One for each number of cores. The disk is chosen freely (`ex_disk_gb`); no price is on record."""
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            return [
                Size(
                    id=f"{cores}cpu",
                    name=f"{cores} CPUs" if cores > 1 else "Single CPU",
                    vcpus=cores,
                    ram=2048 * cores,
                    location=where,
                    provider=self.provider,
                )
                for cores in range(1, LARGEST + 1)
            ]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The facilities, those that take no new servers included."""

        async def places() -> list[Location]:
            found = await self._items("voxel.voxcloud.facilities.list", "facilities", "facility")
            return [located(self.http.read(LOCATION, each)) for each in found]

        return Pager.of(places)

    def offers_of(self, place: Location, sizes: Iterable[Size]) -> list[Offer]:
        """Every size, as available as the facility is."""
        available = {"true": True, "false": False}.get(str(place.extra.get("@available")))
        return [replace(offer, available=available) for offer in super().offers_of(place, sizes)]

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now."""
        found = await self._devices(id_of(node))
        if not found:
            raise self.http.errors.stamp(NotFoundError(f"no device {id_of(node)!r}", code="100"), "voxel.devices.list")
        return self.http.read(NODE, found[0])

    async def create_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        ex_disk_gb: int = 10,
        ex_postinstall_script: str | None = None,
        ex_swap: int | None = None,
        ex_frontend_ip: str | None = None,
        ex_backend_ip: str | None = None,
        ex_staff_access: bool | None = None,
    ) -> Node:
        """Make a server. See `Compute.create_node`. Its name is made of letters, digits, dashes and dots.

        ex_disk_gb             GB of disk, no less than the image needs
        ex_postinstall_script  a script to run at the end
        ex_swap                swap space
        ex_frontend_ip, ex_backend_ip  addresses of the account to take
        ex_staff_access        whether Voxel's staff may sign in
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        place = location if location is not None else self.region
        if not isinstance(place, Location | str):
            raise ConfigurationError("voxel needs a `location` for a new node, or a `region` for the driver")
        if ex_disk_gb < 1:
            raise ConfigurationError("voxel needs `ex_disk_gb`, the GB of disk, to be 1 at least")
        given = auth.password if isinstance(auth, NodeAuthPassword) else secrets.token_urlsafe(18)
        password = self.secret(given, "password")
        wanted = {
            "hostname": name,
            "processing_cores": cores_of(id_of(size)),
            "image_id": id_of(image),
            "facility": id_of(place),
            "disk_size": ex_disk_gb,
            "admin_password": password.reveal(),
            "postinstall_script": ex_postinstall_script,
            "swap_space": ex_swap,
            "frontend_ip": ex_frontend_ip,
            "backend_ip": ex_backend_ip,
            "voxel_access": None if ex_staff_access is None else str(ex_staff_access).lower(),
        }
        about = {"@label": name, "processor": {"cores": wanted["processing_cores"]}}

        async def send() -> Node:
            answer = await self._ask("voxel.voxcloud.create", idempotent=False, **wanted)
            made = {**about, "@id": dig(answer, "device.id"), "status": dig(answer, "device.status")}
            return replace(self.http.read(NODE, made), image=id_of(image), location=id_of(place).upper())

        return replace(await self._made_once(name, send), password=password)

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the server with its disk."""
        await self._ask("voxel.voxcloud.delete", device_id=id_of(node))

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the server, hard."""
        await self._power(node, "reboot", idempotent=False)

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self._power(node, "on")

    async def stop_node(self, node: Node | str) -> None:
        """Switch it off. Its disk goes on costing money, and nothing else."""
        await self._power(node, "off")

    async def _power(self, node: Node | str, action: str, *, idempotent: bool = True) -> None:
        await self._ask("voxel.devices.power", idempotent=idempotent, device_id=id_of(node), power_action=action)

    # ---- what only Voxel has ----

    async def ex_list_access_methods(self, node: Node | str) -> list[Mapping[str, Any]]:
        """The ways to sign in to it: type ("ssh", "admin"), host, port, user name, and the password, a Secret."""
        found = await self._items("voxel.devices.list", "devices", "device", device_id=id_of(node))
        ways = [way for each in found for way in elements(dig(each, "accessmethods.accessmethod"))]
        return [
            {
                key.lstrip("@"): self.secret(value, key) if key == "password" and value else value
                for key, value in way.items()
            }
            for way in ways
        ]
