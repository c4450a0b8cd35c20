"""DreamHost Private Servers, by the commands of the panel API: https://help.dreamhost.com/hc/en-us/articles/217560167"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack
from urllib.parse import urlencode
from uuid import uuid4

from aiocloud.creation import Creation
from aiocloud.driver import NodeAuth, Options, Retired, id_of
from aiocloud.driver.oneplace import OnePlace
from aiocloud.errors import (
    CapacityError,
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    InvalidCredsError,
    MalformedResponseError,
    NotFoundError,
    RateLimitReachedError,
    ServerError,
)
from aiocloud.http.client import Api
from aiocloud.http.errors import ErrorTable
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.paging import Pager
from aiocloud.mapping import Shape, at, dig, is_private, raw, timestamp
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.values import Secret

LISTED = {"list_ps": NodeState.RUNNING, "list_pending_ps": NodeState.PENDING}
"""The API has no words for states, but two lists; and what has been set up cannot be stopped."""

SIZES = {"minimum": 300, "low": 1000, "default": 2300, "high": 3000, "maximum": 4000}
"""Memory in MB: any number between the first and the last could be had; the names are libcloud's."""

PLACE = Location(id="us", name="DreamHost", country="US", provider="dreamhost")
USED = "unique_id_already_used"

ERRORS = ErrorTable(
    code="data",
    message=lambda body: body.get("reason") or body["data"],
    refused=lambda body: 0 if body["result"] == "error" else None,  # the status is 200, whatever happens
    codes={
        "invalid_api_key": InvalidCredsError,
        "no_key": InvalidCredsError,
        "unknown_cmd": ForbiddenError,
        "slow_down_bucko": RateLimitReachedError,
        USED: ConflictError,
        "no_such_*": NotFoundError,
        "internal_error*": ServerError,
        "*capacity*": CapacityError,
    },
)


def _addresses(row: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    address = row.get("ip")
    return (address,) if address and is_private(address) is private else ()


def _size(memory: str | int) -> str:
    """The name of the size that has that much memory, or the number itself."""
    return next((name for name, ram in SIZES.items() if ram == int(memory)), str(int(memory)))


NODE = Shape(
    Node,
    id=at("ps"),
    name=at("ps"),
    state=lambda row: LISTED["list_ps"],
    public_ips=lambda row: _addresses(row, private=False),
    private_ips=lambda row: _addresses(row, private=True),
    size=at("memory_mb", _size),
    image=at("type"),
    location=lambda row: PLACE.id,
    created_at=at("start_date", timestamp),
)
ORDER = Shape(
    Node,
    id=at("id"),
    name=at("id"),
    state=lambda row: LISTED["list_pending_ps"],
    image=at("type"),
    location=lambda row: PLACE.id,
)
IMAGE = Shape(Image, id=at("image"), name=lambda row: row.get("description") or row["image"])
SIZE = Shape(Size, id=at("name"), name=at("name"), ram=at("ram"))


class Keyed:
    """A layer: puts the key into the form, and gives a request that has no `unique_id` a new one each time.

    DreamHost refuses an id with which something has succeeded, so that what reads needs a new one for each attempt, and
    what changes something keeps its own.
    """

    def __init__(self, key: Secret) -> None:
        self._key = key

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Sign and send."""
        fields = {"key": self._key.reveal(), "format": "json"}
        if b"unique_id=" not in request.body:
            fields["unique_id"] = str(uuid4())
        return await send(replace(request, body=request.body + b"&" + urlencode(fields).encode()))


class DreamHost(OnePlace):
    """Needs an API key that may call the commands `dreamhost_ps-*`.

    A machine is called a "ps"; it is named by the provider, and nothing else: `create_node` has no use for a name.
    """

    provider = "dreamhost"
    title = "DreamHost Private Servers"
    website = "https://www.dreamhost.com/"
    protocol = "DreamHost panel API, JSON"
    retired = Retired(since="2015", successor="dreamcompute")
    place = PLACE
    states = {"listed by": LISTED}
    api = Api(errors=ERRORS)

    def __init__(self, api_key: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.http = self.connect(auth=Keyed(self.secret(api_key, "api_key")))
        self._ordered: dict[str, str] = {}
        """The types, by id, of what was ordered here and not yet seen set up: pending orders do not tell their ids."""

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All machines, and those that are not set up yet.

        The API does not tell the id of an order: one that was not placed by this driver is called `pending-web-1`.
        """

        async def nodes() -> list[Node]:
            # In this order: what is set up between the two questions must not be missed.
            pending = await self._rows("list_pending_ps", raw)
            there = await self._rows("list_ps", NODE)
            seen = {str(node.extra.get("ip")) for node in there}
            for node in there:
                self._ordered.pop(node.id, None)
            every = there + self._pending([row for row in pending if dig(row, "ip") not in seen])
            return [node for node in every if location is None or node.location == id_of(location)]

        return Pager.of(nodes)

    def _pending(self, rows: list[Mapping[str, Any]]) -> list[Node]:
        """A node for each order: those of this driver, as far as there are as many of their type; and others'."""
        left = Counter(str(dig(row, "type")) for row in rows)
        found = []
        for ps, kind in self._ordered.items():
            if left[kind] > 0:
                left[kind] -= 1
                found.append({"id": ps, "type": kind})
        for kind, count in left.items():
            found += [{"id": f"pending-{kind}-{number}", "type": kind} for number in range(1, count + 1)]
        return [self.http.read(ORDER, order) for order in found]

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The kinds of machines: `web`, `mysql`."""
        return self._rows("list_images", IMAGE)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """Five amounts of memory; `create_node` takes any number of MB between the first and the last as a size."""
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            every = [self.http.read(SIZE, {"name": name, "ram": ram}) for name, ram in SIZES.items()]
            return [replace(size, location=where) for size in every]

        return Pager.of(sizes)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The machine as it is now, looked for in the list of all: the API shows no single one."""
        wanted = id_of(node)
        async for each in self.list_nodes():
            if each.id == wanted:
                return each
        raise NotFoundError(f"no ps {wanted!r}", code="no_such_ps", provider=self.provider, account=self.account)

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
        ex_move_data: bool = False,
        ex_account_id: str | None = None,
    ) -> Node:
        """Order a machine. See `Compute.create_node`.

        Its name is its id, which DreamHost chooses; `name` is only told in errors. If the answer is lost, the same
        request is sent again, which DreamHost refuses if the first has succeeded: then AmbiguousCreateError is raised.
        ex_move_data      move all the account's sites to it
        ex_account_id     the account that it is for
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        self._refuse_elsewhere(location)
        kind = id_of(image)
        order = {"type": kind, "size": str(_memory(size)), "movedata": "yes" if ex_move_data else "no"}
        order |= {"account_id": ex_account_id} if ex_account_id else {}

        async def send() -> Node:
            answer = await self._change("add_ps", order)
            made = dig(answer, f"added_{kind}")
            if not isinstance(made, str):
                raise MalformedResponseError("an answer to add_ps without the new ps", provider=self.provider)
            self._ordered[made] = kind
            token = {"token": answer["token"]} if answer.get("token") else {}
            return self.http.read(ORDER, {"id": made, "type": kind, **token})

        async def find() -> None:
            return None  # an order that is pending does not tell its id

        return await Creation(name=name, token=None, send=send, find=find, destroy=self.destroy_node).run()

    async def destroy_node(self, node: Node | str) -> None:
        """Remove the machine, with what is on it; sites move back."""
        await self._change_once("remove_ps", {"ps": id_of(node)})
        self._ordered.pop(id_of(node), None)

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system, some time soon: no list tells when."""
        await self._change_once("reboot", {"ps": id_of(node)})

    # ---- the wire ----

    def _rows(self, command: str, shape: Any, **params: str) -> Pager[Any]:
        name = f"dreamhost_ps-{command}"

        async def fetch(page: Mapping[str, str]) -> tuple[Response, Any]:
            form = {"cmd": name, **params}
            response = await self.http.send("POST", "/", form=form, idempotent=True, operation=name)
            return response, self.http.decode(response, name)

        return self.http.pager(fetch, shape, items="data")

    async def _change(self, command: str, params: Mapping[str, str]) -> Any:
        """What a command that changes something answers. Its id keeps it from being done twice if it is sent again."""
        name = command if "-" in command else f"dreamhost_ps-{command}"
        form = {"cmd": name, **params, "unique_id": str(uuid4())}
        return dig(await self.http.call("POST", "/", form=form, idempotent=True, operation=name), "data")

    async def _change_once(self, command: str, params: Mapping[str, str]) -> None:
        """A change whose answer does not matter: that it was done before, and the answer lost, is as good."""
        try:
            await self._change(command, params)
        except ConflictError as error:
            if not (error.doubtful and error.code == USED):
                raise

    # ---- what only DreamHost has ----

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> None:
        """Give the machine as much memory as a size has, or that number of MB."""
        await self._change_once("set_size", {"ps": id_of(node), "size": str(_memory(size))})

    def ex_list_pending(self) -> Pager[Mapping[str, Any]]:
        """The orders that are not set up yet: account, type, moment."""
        return self._rows("list_pending_ps", raw)

    async def ex_remove_pending(self) -> None:
        """Withdraw all orders that are not set up yet."""
        await self._change_once("remove_pending_ps", {})

    async def ex_get_settings(self, node: Node | str) -> Mapping[str, str]:
        """The machine's settings, by name."""
        rows = await self._rows("list_settings", raw, ps=id_of(node))
        return {str(dig(row, "setting")): str(dig(row, "value")) for row in rows}

    async def ex_set_settings(self, node: Node | str, settings: Mapping[str, str]) -> None:
        """Change some of its settings, such as `apache2_enabled` (0 or 1) and `comment`."""
        await self._change_once("set_settings", {**settings, "ps": id_of(node)})


def _memory(size: Size | str) -> int:
    """The MB of a size, by its name or as a number."""
    text = id_of(size)
    memory = SIZES.get(text) or (int(text) if text.isdecimal() else 0)
    if not SIZES["minimum"] <= memory <= SIZES["maximum"]:
        raise ConfigurationError(f"dreamhost takes {', '.join(SIZES)} or 300 to 4000 MB as a size, and no {text!r}")
    return memory
