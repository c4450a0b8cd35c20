"""Rackspace's first generation of Cloud Servers, API 1.0, of 2009 to 2015, which OpenStack's first API was made after.

Rackspace keeps its guide no more. OpenStack's early releases document the same format as Compute API 1.0.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeVar, Unpack

from yarl import URL

from aiocloud.creation import Creation, new_token
from aiocloud.dialects.openstack.shapes import ERRORS as FAULTS
from aiocloud.driver import NodeAuth, Options, id_of, segment
from aiocloud.driver.base import Retired
from aiocloud.driver.oneplace import OnePlace
from aiocloud.errors import CapacityError, ConfigurationError, InvalidCredsError, MalformedResponseError
from aiocloud.geography import located
from aiocloud.http.auth import Token, TokenAuth
from aiocloud.http.client import Api, Client
from aiocloud.http.errors import page_title
from aiocloud.http.message import Response
from aiocloud.http.paging import OffsetPaging, Pager, Params
from aiocloud.http.ratelimit import Limits
from aiocloud.mapping import Shape, at, dig, one_of
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey, NodeState, Price, Size
from aiocloud.values import FrozenMap, Secret

T = TypeVar("T")

STATES = {
    "ACTIVE": NodeState.RUNNING,
    "VERIFY_RESIZE": NodeState.RUNNING,
    "VERIFY_MOVE": NodeState.RUNNING,
    "BUILD": NodeState.PENDING,
    "REBUILD": NodeState.PENDING,
    "QUEUE_RESIZE": NodeState.PENDING,
    "PREP_RESIZE": NodeState.PENDING,
    "RESIZE": NodeState.PENDING,
    "QUEUE_MOVE": NodeState.PENDING,
    "PREP_MOVE": NodeState.PENDING,
    "MOVE": NodeState.PENDING,
    "PASSWORD": NodeState.PENDING,
    "RESCUE": NodeState.PENDING,
    "SHARE_IP": NodeState.PENDING,
    "SHARE_IP_NO_CONFIG": NodeState.PENDING,
    "DELETE_IP": NodeState.PENDING,
    "RESTORING": NodeState.PENDING,
    "REBOOT": NodeState.REBOOTING,
    "HARD_REBOOT": NodeState.REBOOTING,
    "SUSPENDED": NodeState.SUSPENDED,
    "DELETED": NodeState.TERMINATED,
    "ERROR": NodeState.ERROR,
}
PRICES = {  # USD an hour by flavor, as apache-libcloud 3.9.1 has them (`rackspace`); its table is of about 2014
    "1": "0.015",
    "2": "0.03",
    "3": "0.06",
    "4": "0.12",
    "5": "0.24",
    "6": "0.48",
    "7": "0.96",
    "8": "1.8",
}
PRICED = date(2014, 12, 31)
PLACES = {
    # the id is ours: the account said where its servers were
    "US": Location(id="US", name="Rackspace DFW1/ORD1", country="US", provider="rackspace_first_gen"),
    "UK": Location(id="UK", name="Rackspace UK London", country="GB", city="London", provider="rackspace_first_gen"),
}
ERRORS = replace(FAULTS, codes={**FAULTS.codes, "serverCapacityUnavailable": CapacityError})
MARK = "aiocloud-create"
"""The metadata by which a server is found again whose creation was not confirmed."""
METADATA = 5
"""How many pairs of metadata a server may have."""
PAGES = OffsetPaging(1000, "X-No-Total")  # nothing tells how many there are: a short page is the last


def _tags(metadata: Mapping[str, str]) -> FrozenMap[str]:
    return FrozenMap({key: value for key, value in metadata.items() if key != MARK})


def _price(flavor: str) -> Price | None:
    amount = PRICES.get(flavor)
    if amount is None:
        return None
    return Price(amount=Decimal(amount), currency="USD", per="hour", as_of=PRICED, source="catalogue")


NODE = Shape(
    Node,
    id=at("id", str),
    name=at("name"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=at("addresses.public", tuple),
    private_ips=at("addresses.private", tuple),
    size=at("flavorId", str),
    image=at("imageId", str),
    tags=at("metadata", _tags),
    hide=("adminPass",),
)
SIZE = Shape(
    Size,
    id=at("id", str),
    name=at("name"),
    ram=at("ram"),
    disk=at("disk"),
    price=lambda payload: _price(str(payload["id"])),
)
IMAGE = Shape(Image, id=at("id", str), name=at("name"))


class RackspaceFirstGen(OnePlace):
    """Needs the user's name and API key, and the `endpoint` at which to sign in ("https://auth.example/v1.0").

    Where the servers are, the answer to signing in says. `region` is "US" or "UK", which the account decided.
    """

    provider = "rackspace_first_gen"
    title = "Rackspace Cloud Servers, first generation"
    website = "https://www.rackspace.com/"
    protocol = "Cloud Servers API 1.0, JSON"
    retired = Retired(since="2015", successor="rackspace")
    features = frozenset({"ssh_key", "generates_password", "tags", "idempotent_create"})
    states = {"status": STATES}
    api = Api(
        errors=ERRORS,
        headers={"Accept": "application/json"},
        paging=PAGES,
        limits=Limits(rate=10.0, burst=100),
    )

    def __init__(
        self, username: str | None = None, api_key: str | Secret | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        if not username or not api_key:
            raise ConfigurationError("rackspace_first_gen needs `username` and `api_key`")
        if self.region not in (None, *PLACES):
            raise ConfigurationError(f"rackspace_first_gen knows the regions US and UK, not {self.region!r}")
        self.place = located(PLACES[str(self.region or "US")])
        self._username = username
        self._key = self.secret(api_key, "api_key")
        self._identity = self.connect()
        self._tokens = TokenAuth(self._sign_in, header="X-Auth-Token", now=self.now, redactor=self.redactor)
        self._servers: Client | None = None

    async def _sign_in(self) -> Token:
        """The ticket, which comes in headers, and says where the servers are."""
        headers = {"X-Auth-User": self._username, "X-Auth-Key": self._key.reveal()}
        answer = await self._identity.send("GET", "", headers=headers, operation="sign in")
        ticket, url = (answer.headers.get(name) for name in ("X-Auth-Token", "X-Server-Management-Url"))
        if not ticket or not url:
            raise self._identity.errors.stamp(
                MalformedResponseError(f"signing in gave no ticket{page_title(answer)}"), "sign in"
            )
        if self._identity.base_url.scheme == "https" != URL(url).scheme:
            what = f"the servers are said to be at {url}, where the ticket would travel in the clear"
            raise self._identity.errors.stamp(InvalidCredsError(what, sent=False), "sign in")
        return Token(value=Secret(ticket), data={"url": url})

    async def _http(self) -> Client:
        """The API of the servers."""
        if self._servers is None:
            url = (await self._tokens.token()).data["url"]
            self._servers = self._servers or self.connect(endpoint=url, auth=self._tokens)
        return self._servers

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All servers."""
        return self._list("servers", NODE)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """Rackspace's images, and the account's own."""
        return self._list("images", IMAGE)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The flavors, with the prices of a dated table, which held in the US."""
        place = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            return [self._placed(size, place) for size in await self._list("flavors", SIZE)]

        return Pager.of(sizes)

    @staticmethod
    def _placed(size: Size, place: str | None) -> Size:
        return replace(size, location=place, price=None if place == "UK" else size.price)

    def _list(self, what: str, shape: Callable[..., T]) -> Pager[T]:
        async def lists() -> list[Pager[T]]:
            http = await self._http()

            async def fetch(page: Params) -> tuple[Response, Any]:
                answer = await http.send("GET", f"/{what}/detail", params=page)
                found = dig(http.decode(answer), what)
                if not isinstance(found, list):
                    raise http.errors.stamp(MalformedResponseError(f"a list without `{what}`"))
                return answer, found

            return [http.pager(fetch, shape)]

        return Pager.chain(lists)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now."""
        return await (await self._http()).get(f"/servers/{segment(node)}", NODE, item="server")

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
        ex_files: Mapping[str, bytes] | None = None,
        ex_shared_ip_group: int | None = None,
    ) -> Node:
        """Make a server. See `Compute.create_node`. The root password, which it makes itself, is in `node.password`.

        Tags are metadata, of which there may be five pairs, ours among them.

        ex_files            up to five files that it has from the beginning, by path, each of up to 10 KB
        ex_shared_ip_group  the id of a group of servers that share addresses
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        if len(tags or {}) >= METADATA:
            raise ConfigurationError(f"rackspace_first_gen takes {METADATA - 1} tags, one being ours")
        self._refuse_elsewhere(location)
        token = new_token()
        files = {**(ex_files or {}), **_authorized_keys(auth)}
        server = {
            "name": name,
            "imageId": _number(id_of(image), "image"),
            "flavorId": _number(id_of(size), "size"),
            "metadata": {**(tags or {}), MARK: token},
            "personality": [
                {"path": path, "contents": base64.b64encode(contents).decode()} for path, contents in files.items()
            ],
            "sharedIpGroupId": ex_shared_ip_group,
        }
        body = {"server": {key: value for key, value in server.items() if value not in (None, [])}}
        http = await self._http()

        async def send() -> Node:
            payload = await http.call("POST", "/servers", json=body)
            made = http.read(NODE, dig(payload, "server"), operation="POST /servers")
            password = dig(payload, "server.adminPass")
            return replace(made, password=self.secret(password, "password") if password else None)

        async def find() -> Node | None:
            async for node in self.list_nodes():
                if (dig(node.extra, "metadata") or {}).get(MARK) == token:
                    return node
            return None

        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the server, its images and backups with it."""
        await (await self._http()).call("DELETE", f"/servers/{segment(node)}")

    async def reboot_node(self, node: Node | str, *, ex_type: Literal["SOFT", "HARD"] = "SOFT") -> None:
        """Restart it.

        ex_type  "SOFT" asks the system, "HARD" cuts its power
        """
        await self._act(node, {"reboot": {"type": ex_type}})

    async def _act(self, node: Node | str, action: Mapping[str, Any]) -> None:
        await (await self._http()).call("POST", f"/servers/{segment(node)}/action", json=action)

    # ---- what only it has ----

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Give it another flavor; confirm with `ex_confirm_resize`, or undo with `ex_revert_resize`."""
        await self._act(node, {"resize": {"flavorId": _number(id_of(size), "size")}})

    async def ex_confirm_resize(self, node: Node | str) -> None:
        """Keep the new flavor."""
        await self._act(node, {"confirmResize": None})

    async def ex_revert_resize(self, node: Node | str) -> None:
        """Go back to the old flavor."""
        await self._act(node, {"revertResize": None})

    async def ex_rebuild_node(self, node: Node | str, image: Image | str) -> None:
        """Install it anew."""
        await self._act(node, {"rebuild": {"imageId": _number(id_of(image), "image")}})

    async def ex_save_image(self, node: Node | str, name: str) -> Image:
        """An image of the server's disk, which is being saved."""
        body = {"image": {"serverId": _number(id_of(node), "node"), "name": name}}
        http = await self._http()
        return http.read(IMAGE, dig(await http.call("POST", "/images", json=body), "image"), operation="POST /images")

    async def ex_limits(self) -> Mapping[str, Any]:
        """The account's limits: of rates, and absolute ones."""
        limits: Mapping[str, Any] = dig(await (await self._http()).call("GET", "/limits"), "limits")
        return limits


def _authorized_keys(auth: NodeAuth | None) -> dict[str, bytes]:
    match auth:
        case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
            return {"/root/.ssh/authorized_keys": f"{public_key.strip()}\n".encode()}
        case KeyPair():
            raise ConfigurationError("rackspace_first_gen keeps no key pairs: give one that has its public key")
    return {}


def _number(text: str, what: str) -> int:
    """Ids are numbers there."""
    if not text.isdecimal():
        raise ConfigurationError(f"rackspace_first_gen has no {what} {text!r}: its ids are numbers")
    return int(text)
