"""The driver of GoGrid."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, Unpack

import anyio

from aiocloud.creation import Creation
from aiocloud.driver import NodeAuth, Options, PowerControl, Retired, id_of
from aiocloud.errors import CloudError, ConflictError, MalformedResponseError, NotFoundError, QuotaExceededError
from aiocloud.http.client import Api
from aiocloud.http.message import Response
from aiocloud.http.paging import NumberedPaging, Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, Location, Node, Size
from aiocloud.providers.gogrid.wire import ERRORS, IMAGE, NODE, STATES, Signing, location_of, plan_of
from aiocloud.values import Secret

T = TypeVar("T")

log = logging.getLogger("aiocloud")

ADDRESS = re.compile(r"\bip\b|address", re.IGNORECASE)
"""What a refusal speaks of that is about the address, and not about the name."""


class GoGrid(PowerControl):
    """Needs an API key and its shared secret; give `endpoint`, for there is none any more.

    `region` is the number of the data centre where nodes are made that name no location; without it they are made
    wherever an address is free. `ex_clock_offset` is added, in seconds, to a clock that is wrong.
    """

    provider = "gogrid"
    title = "GoGrid"
    website = "https://www.gogrid.com/"
    protocol = "GoGrid API 1.8, JSON"
    retired = Retired(since="2015")
    states = {"state.name": STATES}
    api = Api(
        errors=ERRORS,
        paging=NumberedPaging("page", pages="summary.numpages", size={"num_items": "100"}, start=0),
        limits=Limits(concurrency=4),
    )

    def __init__(
        self,
        api_key: str | None = None,
        shared_secret: str | Secret | None = None,
        *,
        ex_clock_offset: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        offset = timedelta(seconds=ex_clock_offset)
        key = self.secret(api_key, "api_key").reveal()
        signing = Signing(key, self.secret(shared_secret, "shared_secret"), lambda: self.now() + offset)
        self.http = self.connect(auth=signing)
        self._borrowed: set[str] = set()

    # ---- asking ----

    async def _send(self, path: str, params: Mapping[str, str | None], idempotent: bool = True) -> tuple[Response, Any]:
        # Questions may be forms as well as queries; forms are in no log, and the key and its proof are in them.
        form = {name: value for name, value in params.items() if value is not None}
        response = await self.http.send("POST", path, form=form, idempotent=idempotent, operation=path)
        return response, self.http.decode(response, path)

    def _list(self, path: str, shape: Callable[..., T], **params: str | None) -> Pager[T]:
        """A list; in names of parameters, "__" stands for a dot."""
        dotted = {name.replace("__", "."): value for name, value in params.items()}
        return self.http.pager(lambda page: self._send(path, {**dotted, **page}), shape, items="list")

    async def _one(self, path: str, params: Mapping[str, str | None], *, idempotent: bool = True) -> Any:
        """The one object that an answer holds."""
        _, payload = await self._send(path, params, idempotent)
        found = dig(payload, "list")
        if not isinstance(found, list) or not found:
            raise self.http.errors.stamp(MalformedResponseError("an answer without its one object"), path)
        return found[0]

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All servers, or those of one data centre. One that has no number yet has its name as id."""
        return self._list("/grid/server/list", NODE, datacenter=_id(location))

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images that are available, GoGrid's, partners' and the account's own."""
        return self._list("/grid/image/list", IMAGE, state="Available", datacenter=_id(location))

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The RAM options; what else belongs to them, and what they cost, is a table of old."""

        async def sizes() -> list[Size]:
            options = await self._list("/common/lookup/list", plan_of, lookup="server.ram")
            return [replace(each, location=_id(location)) for each in options]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The data centres."""
        return self._list("/common/lookup/list", location_of, lookup="ip.datacenter")

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now."""
        return self.http.read(NODE, await self._one("/grid/server/get", _which(node)))

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
        ex_address: str | None = None,
        ex_description: str | None = None,
        ex_sandbox: bool = False,
        ex_wait: float = 1200.0,
    ) -> Node:
        """Make a server. See `Compute.create_node`.

        Names are unique, and have up to 20 characters. A server takes one of the account's free addresses, by which it
        is found if the answer is lost; without one QuotaExceededError is raised.
        ex_address      the public address to take, in place of the first that is free
        ex_description  a note
        ex_sandbox      make it to save an image of it
        ex_wait         seconds to wait for its number, which takes GoGrid minutes. Until then its id is its name; with
                        0, that is looked for once
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        wanted = {
            "name": name,
            "image": id_of(image),
            "server.ram": id_of(size),
            "description": ex_description,
            "isSandbox": "true" if ex_sandbox else None,
        }
        for last in (False, False, True):
            with self._borrow([ex_address] if ex_address else await self._free(location)) as address:
                try:
                    return await self._made({**wanted, "ip": address}, ex_wait)
                except ConflictError as error:  # somebody else may have taken it meanwhile
                    if last or ex_address or not ADDRESS.search(error.message):
                        raise
        raise AssertionError("unreachable")

    async def _made(self, wanted: Mapping[str, str | None], wait: float) -> Node:
        name, address = str(wanted["name"]), wanted["ip"]

        async def send() -> Node:
            return self.http.read(NODE, await self._one("/grid/server/add", wanted, idempotent=False))

        async def find() -> Node | None:
            found = await self.list_nodes()
            return next((node for node in found if node.name == name and address in node.public_ips), None)

        making = Creation(name=name, token=address, send=send, find=find, destroy=self.destroy_node)
        node = await making.run()
        # Whoever cancels while its number is awaited leaves no server behind either.
        return await replace(making, send=lambda: self._numbered(node, find, wait)).run()

    async def _numbered(self, node: Node, find: Callable[[], Awaitable[Node | None]], wait: float) -> Node:
        """The node with its number, or after so many seconds as it is. That looking fails is no harm to the node."""
        end, pause = anyio.current_time() + wait, 1.0
        while True:
            try:
                node = await find() or node
            except CloudError as error:
                log.info("node %r has no number yet, and looking for it failed: %s", node.name, error)
            if node.id != node.name or anyio.current_time() + pause > end:
                return node
            await anyio.sleep(pause)
            pause = min(pause * 1.5, 15.0)

    async def _free(self, location: Location | str | None) -> list[str]:
        place = _id(location) or (self.region if isinstance(self.region, str) else None)
        found = self.ex_list_addresses(location=place, state="Unassigned")
        return [each["ip"] async for each in found]

    @contextmanager
    def _borrow(self, addresses: Sequence[str]) -> Iterator[str]:
        """The first of them that no other create of this driver is about to take."""
        address = next((each for each in addresses if each not in self._borrowed), None)
        if address is None:
            error = QuotaExceededError("no public address is free: order more, or destroy a server")
            raise self.http.errors.stamp(error, "/grid/ip/list")
        self._borrowed.add(address)
        try:
            yield address
        finally:
            self._borrowed.discard(address)

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the server."""
        await self._one("/grid/server/delete", _which(node))

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the server, hard."""
        await self._one("/grid/server/power", {**_which(node), "power": "restart"}, idempotent=False)

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self._one("/grid/server/power", {**_which(node), "power": "start"})

    async def stop_node(self, node: Node | str) -> None:
        """Cut its power: the operating system is not asked."""
        await self._one("/grid/server/power", {**_which(node), "power": "stop"})

    # ---- what only GoGrid has ----

    def ex_list_addresses(
        self, *, location: Location | str | None = None, state: str | None = None, kind: str = "Public"
    ) -> Pager[Mapping[str, Any]]:
        """The account's addresses; `state` is "Assigned" or "Unassigned", `kind` "Public" or "Private"."""
        return self._list("/grid/ip/list", raw, datacenter=_id(location), ip__state=state, ip__type=kind)

    async def ex_get_password(self, node: Node | str) -> Secret:
        """The password of root or Administrator. Raises NotFoundError where there is none yet, ForbiddenError where
        the key's role may not see it.
        """
        async for row in self._list("/support/password/list", raw):
            if row.get("applicationtype") == "os" and str(dig(row, "server.id")) == id_of(node):
                return self.secret(row["password"], "password")
        raise self.http.errors.stamp(NotFoundError(f"no password of node {id_of(node)} yet"), "/support/password/list")

    async def ex_edit_node(
        self, node: Node | str, *, size: Size | str | None = None, description: str | None = None
    ) -> Node:
        """Give it more RAM, or another note."""
        change = {"server.ram": _id(size), "description": description}
        return self.http.read(NODE, await self._one("/grid/server/edit", {**_which(node), **change}))

    async def ex_save_image(self, node: Node | str, name: str, *, description: str | None = None) -> Image:
        """Save a sandbox server as an image of that name."""
        params = {"server": id_of(node), "friendlyName": name, "description": description}
        return self.http.read(IMAGE, await self._one("/grid/image/save", params, idempotent=False))

    async def ex_delete_image(self, image: Image | str) -> None:
        """Delete one of the account's own images."""
        await self._one("/grid/image/delete", {"id": id_of(image)})

    def ex_list_jobs(self, *, node: Node | str | None = None) -> Pager[Mapping[str, Any]]:
        """What is, and was, being done, to one server or to all."""
        return self._list("/grid/job/list", raw, object=_id(node))

    def ex_list_load_balancers(self) -> Pager[Mapping[str, Any]]:
        """The load balancers, as the API tells them."""
        return self._list("/grid/loadbalancer/list", raw)


def _id(thing: Node | Size | Location | str | None) -> str | None:
    return None if thing is None else id_of(thing)


def _which(node: Node | str) -> Mapping[str, str]:
    """How a server is named: by its number, or by its name while it has none."""
    text = id_of(node)
    return {"id": text} if text.isascii() and text.isdigit() else {"name": text}
