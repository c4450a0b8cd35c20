"""SoftLayer (IBM Cloud classic infrastructure) in miniature: XML-RPC v3.1, and REST v3.1 beside it.

https://sldn.softlayer.com/reference/softlayerapi/
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime

from aiocloud.http.message import Request, Response
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.softlayer.filters import select
from aiocloud.simulators.softlayer.guests import Guest
from aiocloud.simulators.softlayer.masks import check_mask, pick, project, read_mask
from aiocloud.simulators.softlayer.method import Method
from aiocloud.simulators.softlayer.services import services
from aiocloud.simulators.softlayer.wire import ApiFault, Call, Result, Struct, throttled, tongue_of
from aiocloud.simulators.softlayer.world import World
from aiocloud.simulators.ssh import Machine
from aiocloud.values import Secret

__all__ = ["SoftLayerSimulator"]


class SoftLayerSimulator(Simulator):
    """One account with guests, SSH keys, images and security groups, and the price list.

    A guest is provisioned after `boot` seconds; until then it is halted, has no address and may not be
    cancelled. Operations are named as "SoftLayer_Virtual_Guest::createObject".
    """

    provider = "softlayer"
    endpoint = "https://api.softlayer.com/xmlrpc/v3.1/"
    creates = "SoftLayer_Virtual_Guest::createObject"
    proof = "api_key"
    as_of = date(2018, 3, 12)  # the oldest of its fees: no price is said to be newer than it is
    facts = (
        "Data centres of IBM's documentation of 2025-10-31; fees in USD that IBM published through its API, of"
        " 2018-03-12 (B1_1X2X25), 2020-01-15 (transient flavours) and 2023 (BL2_8X32X100, uplinks, RHEL);"
        " flavours whose fee no source tells are left out."
    )

    def __init__(
        self,
        *,
        username: str = "SL307608_dev",
        api_key: str = "5f0e" * 16,
        now: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        boot: float = 2.0,
        rate: float | None = None,
    ) -> None:
        super().__init__(now=now, latency=latency, boot=boot, rate=rate)
        self._login = {"username": username, "api_key": api_key}
        self.world = World(self.now, boot, username)
        self._services = services(self.world)

    @property
    def credentials(self) -> Mapping[str, str]:
        """The API user and the key."""
        return dict(self._login)

    def nodes(self) -> Iterator[Guest]:
        """The guests."""
        return self.world.guests()

    def addresses(self, node: Guest) -> Iterable[str]:
        """Public and private."""
        return () if node.phase == "gone" else filter(None, (node.public_ip, node.private_ip))

    def machine(self, node: Guest) -> Machine:
        """A guest lets in root alone, by a password that SoftLayer made, or a key."""
        return Machine(
            id=str(node.id),
            name=node.hostname,
            running=node.phase == "active" and node.power.seen(self.now()) == "RUNNING",
            keys=tuple(key["key"] for key in node.keys),
            password=Secret(node.password),
            user_data=node.user_data.encode() if node.user_data else None,
        )

    def populate(self, count: int) -> None:
        """Add so many running guests at once."""
        self.world.populate(count)

    def operation(self, request: Request) -> str:
        """The service and the method: "SoftLayer_Account::getVirtualGuests"."""
        return tongue_of(request).operation(request)

    def answer(self, request: Request) -> Response:
        """Do what the request asks; every no is a fault in the request's own tongue."""
        tongue = tongue_of(request)
        try:
            call = tongue.read(request)
            self._authenticate(call)
            return tongue.answer(self._perform(call))
        except ApiFault as fault:
            return tongue.fault(fault)
        except RecursionError:  # what was sent is nested beyond all sense
            return tongue.fault(ApiFault("-32700", "parse error. nested too deeply"))

    def throttled(self, request: Request, retry_after: float) -> Response:
        """HTTP 429. IBM documents no limits; this is what its gateway answers."""
        return throttled(retry_after)

    def no_capacity(self, request: Request) -> Response:
        """The fault whose text IBM's documentation tells, and whose code its client's authors do."""
        code = "SoftLayer_Exception_Virtual_Host_Pool_InsufficientCapacity"
        return tongue_of(request).fault(ApiFault(code, "There is insufficient capacity to complete the request."))

    def _authenticate(self, call: Call) -> None:
        if not call.api_key:
            raise ApiFault("SoftLayer_Exception_Public", "No valid authentication headers found.", status=401)
        known = hmac.compare_digest(call.api_key.encode(), self._login["api_key"].encode())
        if not known or call.username != self._login["username"]:
            raise ApiFault("SoftLayer_Exception_Public", "Invalid API token.", status=401)

    def _perform(self, call: Call) -> Result:
        service = self._services.get(call.service)
        if service is None:
            raise ApiFault("SoftLayer_Exception", "Service does not exist", status=404)
        method = service.get(call.method)
        if method is None:
            raise ApiFault("-32601", f'Function ("{call.method}") is not a valid method for this service')
        mask = read_mask(call.mask, method.roots[0] if method.roots else None)
        if method.kind is None:
            return Result(pick(method.run(call), mask))
        check_mask(mask, method.kind)
        found = method.run(call)
        if not isinstance(found, list):
            return Result(None if found is None else project(found, method.kind, mask))
        chosen = select(found, method.kind, _conditions(call, method))
        end = None if call.limit is None else call.offset + call.limit
        page = [project(item, method.kind, mask) for item in chosen[call.offset : end]]
        return Result(page, total=len(chosen))


def _conditions(call: Call, method: Method) -> Struct:
    """The part of the filter that speaks of the method's list."""
    if not method.roots:
        return call.filter
    conditions: Struct = {}
    for root in reversed(method.roots):
        below = call.filter.get(root)
        conditions |= below if isinstance(below, dict) else {}
    return conditions
