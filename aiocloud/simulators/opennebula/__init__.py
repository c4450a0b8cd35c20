"""OpenNebula in miniature: XML-RPC, as its front end `oned` speaks it.

https://docs.opennebula.io/7.0/product/integration_references/system_interfaces/api
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from math import ceil
from typing import Any

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators import xmlrpc
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.opennebula.methods import METHODS, call
from aiocloud.simulators.opennebula.world import RUNNING, VM, Refusal, World, authentication, authorization
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

__all__ = ["OpenNebulaSimulator"]

METHOD_NAME = re.compile(rb"<methodName>\s*([\w.]+)\s*</methodName>")


class OpenNebulaSimulator(Simulator):
    """A front end with one user, two clusters of hosts, VM templates and virtual networks.

    `world.quota` is how many VMs the user may have (None: any). Operations are named as "one.template.instantiate".
    """

    provider = "opennebula"
    endpoint = "http://one.example.org:2633/RPC2"
    creates = "one.template.instantiate"
    proof = "password"
    as_of = date(2026, 7, 26)
    facts = (
        "Templates, clusters and networks are invented: every OpenNebula has its own; the API is that of release 7.4."
    )

    def __init__(self, *, username: str = "alice", password: str = "harbour-gate", **world: Any) -> None:  # noqa: S107 - opens nothing
        super().__init__(**world)
        self._login = {"username": username, "password": password}
        self.world = World(now=lambda: self.now(), boot=lambda: self.boot, username=username)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The user and the password."""
        return dict(self._login)

    def nodes(self) -> Iterable[VM]:
        """The VMs, those that are done included."""
        return self.world.vms.values()

    def addresses(self, node: VM) -> Iterator[str]:
        """Those of all its network cards."""
        return iter(()) if node.seen() == (6, 0) else (card["IP"] for card in node.template["NIC"])

    def machine(self, node: VM) -> Machine:
        """What the context tells the guest."""
        context = node.template.get("CONTEXT", {})
        password = context.get("PASSWORD")
        return Machine(
            id=str(node.id),
            name=node.name,
            running=node.seen() == RUNNING,
            keys=tuple(context.get("SSH_PUBLIC_KEY", "").splitlines()),
            password=Secret(password) if password else None,
            user_data=_user_data(context),
        )

    def populate(self, count: int) -> None:
        """Add so many running VMs, spread over hosts and templates."""
        self.world.populate(count)

    def operation(self, request: Request) -> str:
        """The method's name."""
        found = METHOD_NAME.search(request.body)
        return found[1].decode() if found else f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Read the call, check the session string, do it."""
        if request.url.path != "/RPC2" or request.method != "POST":
            page = b"<html><head><title>Error 404</title></head><body>Not Found</body></html>"
            return Response(status=404, headers=headers_of({"Content-Type": "text/html"}), body=page)
        try:
            name, params = xmlrpc.read_call(request.body)
        except ValueError as error:
            return _fault(-503, f"Call XML not a proper XML-RPC call. {error}")
        if name not in METHODS:
            return _fault(-506, f"Method '{name}' not defined")
        try:
            self._authenticate(name, params)
            result = call(self.world, name, params[1:])
        except Refusal as no:
            return _no(name, no)
        except TypeError:
            return _fault(-501, "Value of type other than expected")
        return _answer([True, result, 0, -1, -1])

    def throttled(self, request: Request, retry_after: float) -> Response:
        """HTTP 429, as a proxy in front says it: OpenNebula itself limits nobody."""
        headers = {"Content-Type": "text/plain", "Retry-After": str(ceil(retry_after))}
        return Response(status=429, headers=headers_of(headers), body=b"Too Many Requests")

    def no_capacity(self, request: Request) -> Response:
        """A quota that is used up. A lack of room on the hosts only lets a VM wait."""
        return _no(self.operation(request), authorization("User [3] : limit of 2 reached for VMS quota in VM."))

    def _authenticate(self, name: str, params: tuple[Any, ...]) -> None:
        session = f"{self._login['username']}:{self._login['password']}"
        given = params[0] if params and isinstance(params[0], str) else ""
        if not hmac.compare_digest(given.encode(), session.encode()):
            raise authentication()


def _user_data(context: Mapping[str, str]) -> bytes | None:
    text = context.get("USER_DATA")
    if text is None or context.get("USER_DATA_ENCODING") != "base64":
        return text.encode() if text else None
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        return None


def _answer(values: list[Any]) -> Response:
    return _xml(f"<params><param>{xmlrpc.encode(values)}</param></params>")


def _no(method: str, refusal: Refusal) -> Response:
    return _answer([False, f"[{method}] {refusal}", refusal.code, refusal.about, -1])


def _fault(code: int, text: str) -> Response:
    return _xml(f"<fault>{xmlrpc.encode({'faultCode': code, 'faultString': text})}</fault>")


def _xml(inner: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\r\n<methodResponse>{inner}</methodResponse>'
    return Response(status=200, headers=headers_of({"Content-Type": "text/xml; charset=utf-8"}), body=body.encode())
