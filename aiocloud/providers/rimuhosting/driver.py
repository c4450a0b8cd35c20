"""The account, and its servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, Options, PowerControl, id_of, segment
from aiocloud.errors import ConfigurationError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.paging import Pager
from aiocloud.mapping import Shape, at, dig, is_private, one_of, raw, timestamp
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthPassword, NodeAuthSSHKey, NodeState, Size
from aiocloud.providers.rimuhosting.market import Market
from aiocloud.providers.rimuhosting.wire import API, given, matrix
from aiocloud.values import FrozenMap, Secret

STATES = {
    "RUNNING": NodeState.RUNNING,
    "NOTRUNNING": NodeState.STOPPED,
    "RESTARTING": NodeState.REBOOTING,
    "POWERCYCLING": NodeState.REBOOTING,
}

MARK = "aiocloud-create"
"""The key in an order's meta data by which a server is found again whose creation was not confirmed."""

PATIENCE = 900.0
"""Seconds for a request that is answered when the server has been set up."""


def _state(order: Mapping[str, Any]) -> NodeState:
    if order.get("running_state") == "NOTRUNNING":
        if dig(order, "billing_info.cancellation_date"):
            return NodeState.TERMINATED
        if dig(order, "billing_info.suspended_date"):
            return NodeState.SUSPENDED
    if order.get("deployed_state") not in (None, "DEPLOYED"):
        return NodeState.PENDING
    return one_of(STATES, NodeState.UNKNOWN)(order.get("running_state"))


def _addresses(order: Mapping[str, Any], *, private: bool) -> tuple[str, ...]:
    allocated = order.get("allocated_ips") or {}
    addresses = [allocated.get("primary_ip"), *(allocated.get("secondary_ips") or ())]
    return tuple(each for each in addresses if each and is_private(each) is private)


def _words(order: Mapping[str, Any]) -> dict[str, str]:
    return {row["key_name"]: row.get("value") or "" for row in order.get("meta_data") or ()}


NODE = Shape(
    Node,
    id=at("order_oid", str),
    name=at("domain_name"),
    state=_state,
    public_ips=lambda order: _addresses(order, private=False),
    private_ips=lambda order: _addresses(order, private=True),
    image=at("distro"),
    location=at("location.data_center_location_code"),
    created_at=at("billing_info.order_date.iso_format", timestamp),
    tags=lambda order: FrozenMap({key: value for key, value in _words(order).items() if key != MARK}),
)


class RimuHosting(Market, PowerControl):
    """Needs an API key.

    A node is an order of a virtual server, and its name a domain name: one without dots gets `ex_domain`, which is
    taken off again in lists. A node that is made carries meta data, `aiocloud-create`, by which it is found if the
    answer is lost.
    """

    provider = "rimuhosting"
    title = "RimuHosting"
    website = "https://rimuhosting.com/"
    protocol = "RimuHosting order API, JSON"
    features = frozenset({"ssh_key", "password", "generates_password", "user_data", "tags", "idempotent_create"})
    states = {"running_state": STATES}
    user_data_limit = 65535  # none is named: this is what others take
    api = API

    def __init__(
        self, api_key: str | Secret | None = None, *, ex_domain: str = "example.com", **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self._expect("text", str, ex_domain=ex_domain)
        self.ex_domain = ex_domain
        key = self.secret(api_key, "api_key")
        self.http = self.connect(auth=HeaderAuth("Authorization", "rimuhosting apikey=", key))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """RIMUHOSTING_APIKEY."""
        if key := environment.get("RIMUHOSTING_APIKEY"):
            yield Account("rimuhosting", "default", {"api_key": key}, source="environment variables")

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All virtual servers that are not cancelled, or those in one data centre."""

        async def nodes() -> list[Node]:
            found = await self._orders(self._node)
            return [node for node in found if location is None or node.location == id_of(location)]

        return Pager.of(nodes)

    def _orders(self, shape: Any, **options: str) -> Pager[Any]:
        path = "/orders" + matrix(**{"include_inactive": "N", "server_type": "VPS", **options})
        return self.http.list(path, shape, items="about_orders")

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now; one that was cancelled is terminated."""
        return await self.http.get(_order(node), self._node, item="about_order")

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
        ex_memory_mb: int | None = None,
        ex_disk_mb: int | None = None,
        ex_num_ips: int | None = None,
        ex_extra_ip_reason: str | None = None,
        ex_control_panel: str | None = None,
        ex_billing_oid: int | None = None,
        ex_host_server_oid: str | None = None,
        ex_clone_of: Node | str | None = None,
    ) -> Node:
        """Order a server. See `Compute.create_node`.

        The API answers when the server has been set up, which may take minutes. Where no password is given, one is made
        there, and stands in `node.password`, unless the answer was lost.
        ex_memory_mb, ex_disk_mb  MiB, in place of the plan's
        ex_num_ips, ex_extra_ip_reason  how many IPv4 addresses; why more than one is needed
        ex_control_panel  the name of a control panel to install
        ex_billing_oid    the id of the billing method
        ex_host_server_oid  the id of the host to put it on
        ex_clone_of       the server whose copy it shall be
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        if ex_num_ips is not None and ex_num_ips > 1 and not ex_extra_ip_reason:
            raise ConfigurationError("rimuhosting wants an `ex_extra_ip_reason` for more than one address")
        token = new_token()
        place = location if location is not None else self.region
        key = _public_key(auth)
        options = given(
            domain_name=name if "." in name else f"{name}.{self.ex_domain}",
            distro=id_of(image),
            password=self.secret(auth.password, "password").reveal() if isinstance(auth, NodeAuthPassword) else None,
            control_panel=ex_control_panel,
            cloud_config_data=self.user_data_text(user_data),
        )
        order = given(
            instantiation_options=options,
            pricing_plan_code=id_of(size),
            dc_location=id_of(place) if isinstance(place, Location | str) else None,
            vps_parameters=given(memory_mb=ex_memory_mb, disk_space_mb=ex_disk_mb) or None,
            ip_request=given(num_ips=ex_num_ips, extra_ip_reason=ex_extra_ip_reason) or None,
            billing_oid=ex_billing_oid,
            host_server_oid=ex_host_server_oid,
            vps_order_oid_to_clone=_number(ex_clone_of) if ex_clone_of is not None else None,
            file_injection_data=[{"path": "/root/.ssh/authorized_keys", "data_as_string": key}] if key else None,
            meta_data=[{"key_name": word, "value": value} for word, value in {**(tags or {}), MARK: token}.items()],
        )

        async def send() -> Node:
            made = await self.http.call("POST", "/orders/new-vps", json={"new-vps": order}, timeout=PATIENCE)
            node = self.http.read(self._node, dig(made, "about_order"))
            password = dig(made, "new_order_request.instantiation_options.password")
            return replace(node, password=self.secret(password, "password")) if password else node

        async def find() -> Node | None:
            found = await self._orders(raw)
            ours = (order for order in found if _words(order).get(MARK) == token)
            return next((self.http.read(self._node, order) for order in ours), None)

        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    async def destroy_node(self, node: Node | str) -> None:
        """Cancel the server at once, with its disks. It can still be asked for by id, as terminated."""
        await self.http.call("DELETE", f"{_order(node)}/vps")

    async def reboot_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Restart the operating system, or with `ex_hard` cut the power and start again."""
        await self._switch(node, "POWERCYCLING" if ex_hard else "RESTARTING", idempotent=False)

    async def start_node(self, node: Node | str) -> None:
        """Start it."""
        await self._switch(node, "RUNNING")

    async def stop_node(self, node: Node | str) -> None:
        """Shut it down. It goes on costing as much."""
        await self._switch(node, "NOTRUNNING")

    async def _switch(self, node: Node | str, state: str, *, idempotent: bool = True) -> None:
        body = {"running_state_change_request": {"running_state": state}}
        path = f"{_order(node)}/vps/running-state"
        await self.http.call("PUT", path, json=body, idempotent=idempotent, timeout=PATIENCE)

    def _node(self, order: Any, **context: Any) -> Node:
        """A node, by the name that it was given."""
        node = NODE(order, **context)
        return replace(node, name=node.name.removesuffix(f".{self.ex_domain}"))

    # ---- what only RimuHosting has ----

    def ex_list_orders(self, *, include_inactive: bool = False, text: str | None = None) -> Pager[Mapping[str, Any]]:
        """The orders of virtual servers as the API tells them, the cancelled ones too, or those that hold a text."""
        return self._orders(
            raw, include_inactive="Y" if include_inactive else "N", **({"search": text} if text else {})
        )

    async def ex_node_status(self, node: Node | str) -> Mapping[str, Any]:
        """How the server does: whether it answers pings, since when it is up, whether it is suspended."""
        status: Mapping[str, Any] = await self.http.get(f"{_order(node)}/vps", raw, item="running_vps_info")
        return status

    async def ex_resize_node(self, node: Node | str, *, memory_mb: int, disk_mb: int) -> None:
        """Give the server that much memory and disk, in MiB."""
        body = {"running_vps_data": {"memory_mb": memory_mb, "disk_space_mb": disk_mb}}
        await self.http.call("PUT", f"{_order(node)}/vps/parameters", json=body, timeout=PATIENCE)

    async def ex_move_node(self, node: Node | str, *, host_server_oid: str | None = None, reason: str = "") -> None:
        """Move the server to another host, of the provider's choice or a named one."""
        wishes = {"is_update_dns": False, "move_reason": reason, "pricing_change_option": "CHOOSE_BEST_OPTION"}
        body = {"vps_move_request": {**wishes, "selected_host_server_oid": host_server_oid}}
        await self.http.call("PUT", f"{_order(node)}/vps/host-server", json=body, idempotent=False, timeout=PATIENCE)

    async def ex_set_reverse_dns(self, node: Node | str, ip: str, name: str) -> None:
        """Give one of the server's addresses that name in the reverse DNS."""
        await self.http.call("PUT", f"{_order(node)}/ptr{matrix(ip=ip)}", form={"domain_name": name})


def _order(node: Node | str) -> str:
    """The path of an order. It names a domain after the id, at which the server does not look."""
    text = segment(node)
    return f"/orders/{text}" if text.startswith("order-") else f"/orders/order-{text}-x"


def _number(node: Node | str) -> int:
    """The number of an order, by its id or its slug."""
    text = id_of(node).removeprefix("order-").partition("-")[0]
    if not text.isdecimal():
        raise ConfigurationError(f"{id_of(node)!r} is no id of an order")
    return int(text)


def _public_key(auth: NodeAuth | None) -> str | None:
    match auth:
        case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
            return public_key.strip()
        case KeyPair():
            raise ConfigurationError("rimuhosting keeps no key pairs: give one that has its public key")
    return None
