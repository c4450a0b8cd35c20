"""Enomaly ECP, REST of releases 3.3 to 3.5: https://github.com/apache/libcloud/blob/v3.3.1/libcloud/compute/drivers/ecp.py"""

from __future__ import annotations

import re
import uuid
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Unpack

import anyio

from aiocloud.driver import NodeAuth, Options, PowerControl, Retired, id_of, segment
from aiocloud.driver.namesakes import Namesakes
from aiocloud.driver.oneplace import OnePlace
from aiocloud.errors import (
    CapacityError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.http.auth import HeaderAuth, with_headers
from aiocloud.http.client import Api
from aiocloud.http.errors import ErrorTable
from aiocloud.http.message import Handler, Request, Response, headers_of
from aiocloud.http.paging import Pager
from aiocloud.http.redact import Redactor
from aiocloud.mapping import Shape, addresses, at, dig, one_of, raw, system_in
from aiocloud.models import Image, Location, Node, NodeState, Size
from aiocloud.values import Secret

PLACE = Location(id="cloud", name="The cloud behind the endpoint", provider="ecp")
PREFIX = "/rest/hosting"
COOKIE = re.compile(r"\s*ecp-csrf-token=([\w-]+)")

STATES = {
    "running": NodeState.RUNNING,
    "off": NodeState.STOPPED,
    "stopped": NodeState.STOPPED,
    "paused": NodeState.SUSPENDED,
    "suspended": NodeState.SUSPENDED,
}


def _refused(body: Any) -> int | None:
    """A success may say no, and means it."""
    return 0 if str(dig(body, "errno") or 0) != "0" else None


ERRORS = ErrorTable(
    refused=_refused,
    code="errno",
    texts={  # the numbers are on no record, and of the sentences only the first
        "*[Nn]o such*": NotFoundError,
        "*not found*": NotFoundError,
        "*already*": ConflictError,
        "*must be off*": ConflictError,
        "*quota*": QuotaExceededError,
        "*limit*": QuotaExceededError,
        "*capacity*": CapacityError,
    },
)


def _addresses(payload: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    cards = [dig(card, "ip") for card in payload.get("interfaces") or ()]
    told = [each for each in (*cards, payload.get("ip_address")) if each and not each.startswith("127.")]
    return addresses(told, private=private)


NODE = Shape(
    Node,
    hide=["vnc_password"],
    id=at("uuid", str),
    name=at("name"),
    state=at("state", one_of(STATES, NodeState.UNKNOWN)),
    public_ips=lambda payload: _addresses(payload, private=False),
    private_ips=lambda payload: _addresses(payload, private=True),
    size=at("hardware_profile_uuid", str),
    location=lambda _: PLACE.id,
)
SIZE = Shape(Size, id=at("uuid", str), name=at("name"), vcpus=at("cpus", int), ram=at("memory", int), arch=at("arch"))
IMAGE = Shape(
    Image,
    id=at("uuid", str),
    name=at("name"),
    os=at("description", lambda text: system_in(text)[0]),
    version=at("description", lambda text: system_in(text)[1]),
)


class Guard:
    """A layer: HTTP Basic, and from release 3.5.1 on a token that shows that no foreign page has sent the request.

    The server sets it as a cookie, and wants it back as cookie and as header. However many requests are refused for the
    lack of it, or with one that is over, one of them asks for a new one, and each is sent once more.
    """

    def __init__(self, username: str, password: Secret, redactor: Redactor) -> None:
        pair = Secret(b64encode(f"{username}:{password.reveal()}".encode()).decode())
        redactor.add(pair)
        self._basic = HeaderAuth("Authorization", "Basic ", pair)
        self._redactor = redactor
        self._lock = anyio.Lock()
        self._token: Secret | None = None

    async def __call__(self, request: Request, send: Handler) -> Response:
        """Sign and send; where the token may be what is wrong, once more with another."""
        used = self._token
        response = await self._ask(request, send, used)
        unguarded = response.status == 401 and used is None and request.method != "GET"
        if response.status != 403 and not unguarded:
            return response
        token = await self._renewed(used, request, send)
        return response if token == used else await self._ask(request, send, token)

    async def _renewed(self, used: Secret | None, request: Request, send: Handler) -> Secret | None:
        """The token that follows the one that was refused; the same, if the server gives no other."""
        async with self._lock:
            if self._token == used:
                path = f"{request.url.path.partition(PREFIX)[0]}{PREFIX}/network/list"
                harmless = replace(
                    request,
                    method="GET",
                    url=request.url.with_path(path),
                    headers=headers_of(),
                    body=b"",
                    operation=f"GET {PREFIX}/network/list",
                )
                await self._ask(harmless, send, None)
            return self._token

    async def _ask(self, request: Request, send: Handler, token: Secret | None) -> Response:
        proof = {"Cookie": f"ecp-csrf-token={token.reveal()}", "X-XSRFToken": token.reveal()} if token else {}
        response = await self._basic(with_headers(request, proof), send)
        for cookie in response.headers.getall("Set-Cookie", []):
            if found := COOKIE.match(cookie):
                self._token = Secret(found[1])
                self._redactor.add(self._token)
        return response


def multipart(fields: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
    """Fields of a form as multipart/form-data, which all releases read: the body, and its header."""
    boundary = uuid.uuid4().hex
    parts = (f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    body = f"{''.join(parts)}--{boundary}--\r\n"
    return body.encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


class ECP(OnePlace, Namesakes, PowerControl):
    """Needs a user's name and password; give `endpoint`, for the software ran at many providers, each with its own.

    Sizes are hardware templates, images are packages. The API tells no place: all is in one location, "cloud".
    """

    provider = "ecp"
    title = "Enomaly ECP"
    website = "https://www.enomaly.com/"
    protocol = "ECP 3, REST, JSON"
    retired = Retired(since="2011")
    place = PLACE
    states = {"state": STATES}
    api = Api(errors=ERRORS)

    def __init__(
        self, username: str | None = None, password: str | Secret | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        if not username:
            raise ConfigurationError("ecp needs `username`")
        guard = Guard(username, self.secret(password, "password"), self.redactor)
        self.http = self.connect(auth=guard)

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All VMs, whatever they are doing."""
        return self._list("vm", "vms", NODE, location)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The packages."""
        return self._list("ptemplate", "packages", IMAGE, location)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The hardware templates. Disks come with packages, and the API knows no prices."""
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            found = await self._list("htemplate", "templates", SIZE, location)
            return [replace(size, location=where) for size in found]

        return Pager.of(sizes)

    def ex_list_networks(self) -> Pager[Mapping[str, Any]]:
        """The networks, as the API tells them."""
        return self._list("network", "networks", raw)

    def _list(self, what: str, items: str, shape: Any, location: Location | str | None = None) -> Pager[Any]:
        self._refuse_elsewhere(location)
        return self.http.list(f"{PREFIX}/{what}/list", shape, items=items)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The VM as it is now."""
        return await self.http.get(f"{PREFIX}/vm/{segment(node)}", NODE, item="vm")

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
        ex_network: str | None = None,
        ex_disk: str = "",
    ) -> Node:
        """Make a VM. See `Compute.create_node`, and `Namesakes` for what becomes of a lost answer.

        ex_network  the id of its network; without it, the first that is listed
        ex_disk     what the API calls `disk`; no record tells more
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        self._refuse_elsewhere(location)
        fields = {
            "name": name,
            "package": id_of(image),
            "hardware": id_of(size),
            "network_uuid": ex_network or await self._first_network(),
            "disk": ex_disk,
        }
        body, headers = multipart(fields)

        async def send() -> Node:
            payload = await self.http.call("PUT", f"{PREFIX}/vm/", body=body, headers=headers, idempotent=False)
            made = {"uuid": dig(payload, "machine_id"), "name": name, "hardware_profile_uuid": fields["hardware"]}
            return replace(self.http.read(NODE, made, operation=f"PUT {PREFIX}/vm/"), state=NodeState.PENDING)

        return await self._made_once(name, send)

    async def _first_network(self) -> str:
        networks = await self.ex_list_networks()
        if not networks:
            raise NotFoundError("there is no network to put a VM into", provider=self.provider, account=self.account)
        return str(networks[0]["uuid"])

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 600.0) -> None:
        """Stop the VM, wait up to `ex_wait` seconds until it is off, and delete it: the API deletes no other.

        Raises WaitTimeoutError if it does not go off.
        """
        await self._switched_off(node, ex_wait)
        with suppress(NotFoundError):  # an earlier request, whose answer was lost, has done it
            await self._act(node, "delete", repeatable=True)

    async def reboot_node(self, node: Node | str, *, ex_wait: float = 600.0) -> None:
        """Stop the VM, wait up to `ex_wait` seconds until it is off, and start it: the API has no such verb.

        If this is cancelled or fails on the way, the VM may stay off.
        """
        await self._switched_off(node, ex_wait)
        await self._act(node, "start")

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self._act(node, "start")

    async def stop_node(self, node: Node | str) -> None:
        """Switch it off."""
        await self._act(node, "stop", repeatable=True)

    async def _switched_off(self, node: Node | str, patience: float) -> None:
        if (await self.get_node(node)).state is not NodeState.STOPPED:
            await self.stop_node(node)
            await self.wait_until(node, NodeState.STOPPED, timeout=patience, grace=0.0, period=5.0)

    async def _act(self, node: Node | str, action: str, *, repeatable: bool = False) -> None:
        body, headers = multipart({"action": action})
        await self.http.call(
            "POST",
            f"{PREFIX}/vm/{segment(node)}",
            body=body,
            headers=headers,
            idempotent=repeatable,
            operation=f"POST {PREFIX}/vm/{{uuid}} {action}",
        )
