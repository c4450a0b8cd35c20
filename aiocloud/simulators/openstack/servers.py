"""Compute: servers, how they look, and how they are found, renamed and deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import sha224
from typing import Any

from aiocloud.http.message import Response
from aiocloud.simulators.openstack.nova import linked, links, nova
from aiocloud.simulators.openstack.states import DELETING, STATES, State
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, next_link, page, reply, stamp
from aiocloud.simulators.openstack.world import Flavor, Port, Server

QUICK = 5  # every change but a boot takes a fifth of one
WORDS = """
access_ip_v4 access_ip_v6 all_tenants auto_disk_config availability_zone changes-before changes-
since config_drive created_at deleted description display_description display_name flavor host
hostname image image_ref instance_uuid ip ip6 kernel_id key_name launch_index launched_at limit
locked locked_by marker metadata name node not-tags not-tags-any power_state progress project_id
ramdisk_id reservation_id root_device_name soft_deleted sort_dir sort_key status system_metadata
tags tags-any task_state tenant_id terminated_at user_id uuid vm_state
"""
QUERY_WORDS = frozenset(WORDS.split())


def find(ask: Ask) -> Server:
    """The server that the path names. Raises Failure 404."""
    server = ask.region.server(ask.project, ask.params["id"], ask.now)
    if server is None:
        raise Failure(404, f"Instance {ask.params['id']} could not be found.")
    return server


def state_of(ask: Ask, server: Server) -> State:
    """What the server is doing now."""
    return STATES[server.state.seen(ask.now)]


def addresses(ask: Ask, server: Server) -> Payload:
    """The server's addresses by network; none while it is built."""
    if server.state.seen(ask.now) == "building" or server.fault:
        return {}
    pools: dict[str, list[Payload]] = {}
    for port in server.ports:
        pool = pools.setdefault(port.network.name, [])
        pool.extend(_address(address, "fixed", port) for address in port.fixed)
        if port.floating is not None:
            pool.append(_address(port.floating.address, "floating", port))
    return pools


def _address(address: str, kind: str, port: Port) -> Payload:
    return {
        "addr": address,
        "version": 6 if ":" in address else 4,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": port.mac,
    }


def embedded_flavor(ask: Ask, flavor: Flavor) -> Payload:
    """The flavor as a server shows it: itself, or before 2.47 its id."""
    if ask.version < (2, 47):
        return {"id": flavor.id, "links": links(ask, "flavors", flavor.id)[1:]}
    return {
        "vcpus": flavor.vcpus,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "ephemeral": flavor.ephemeral,
        "swap": 0,
        "original_name": flavor.name,
        "extra_specs": dict(flavor.specs),
    }


# What newer versions add, and since when.
ADDED: tuple[tuple[tuple[int, int], str, Callable[[Server], Any]], ...] = (
    ((2, 9), "locked", lambda server: server.locked),
    ((2, 19), "description", lambda server: server.description),
    ((2, 26), "tags", lambda server: list(server.tags)),
    ((2, 63), "trusted_image_certificates", lambda server: None),
    ((2, 71), "server_groups", lambda server: []),
    ((2, 73), "locked_reason", lambda server: None),
    ((2, 90), "OS-EXT-SRV-ATTR:hostname", lambda server: server.name.lower()),
    ((2, 96), "pinned_availability_zone", lambda server: server.pinned_zone),
    ((2, 100), "scheduler_hints", lambda server: {}),
)


def server_view(ask: Ask, server: Server) -> Payload:
    """A server in full."""
    state = state_of(ask, server)
    built = state.status != "BUILD" and server.fault is None
    view: Payload = {
        "id": server.id,
        "name": server.name,
        "status": state.status,
        "tenant_id": server.project,
        "user_id": server.user,
        "metadata": dict(server.metadata),
        "hostId": sha224(f"{server.project}{server.zone}".encode()).hexdigest() if built else "",
        "image": _embedded_image(ask, server),
        "flavor": embedded_flavor(ask, server.flavor),
        "created": stamp(server.created),
        "updated": stamp(server.updated),
        "addresses": addresses(ask, server),
        "accessIPv4": "",
        "accessIPv6": "",
        "links": links(ask, "servers", server.id),
        "OS-DCF:diskConfig": "MANUAL",
        "progress": 0,
        "OS-EXT-AZ:availability_zone": server.zone if built else "",
        "config_drive": "True" if server.config_drive else "",
        "key_name": server.key_name,
        "OS-SRV-USG:launched_at": server.launched.strftime("%Y-%m-%dT%H:%M:%S.%f") if built else None,
        "OS-SRV-USG:terminated_at": None,
        "security_groups": [{"name": name} for name in server.groups],
        "OS-EXT-STS:task_state": state.task_state,
        "OS-EXT-STS:vm_state": state.vm_state,
        "OS-EXT-STS:power_state": state.power_state,
        "os-extended-volumes:volumes_attached": [],
    }
    if state.status == "ERROR" and server.fault:
        view["fault"] = server.fault
    view |= {name: value(server) for since, name, value in ADDED if ask.version >= since}
    return ask.cloud.dress_server(server, view)


def _embedded_image(ask: Ask, server: Server) -> Payload | str:
    if server.image is None:  # it boots from a volume
        return ""
    view: Payload = {"id": server.image, "links": links(ask, "images", server.image)[1:]}
    return {**view, "properties": {}} if ask.version >= (2, 98) else view


def _selected(ask: Ask) -> Iterable[Server]:
    query = ask.query
    if ask.version >= (2, 75) and not QUERY_WORDS.issuperset(query):
        extra = ", ".join(sorted(set(query) - QUERY_WORDS))
        raise Failure(400, f"Invalid input for query parameters. Additional properties are not allowed ({extra})")
    if query.get("all_tenants", "0").lower() in ("1", "true"):
        raise Failure(403, "Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.")
    servers: Iterable[Server] = ask.region.living(ask.project, ask.now)
    if "name" in query:
        try:
            name = re.compile(query["name"])
        except re.error:
            raise Failure(400, "Invalid input for query parameters name.") from None
        servers = (server for server in servers if name.search(server.name))
    if "status" in query:
        wanted = {status.upper() for status in ask.request.url.query.getall("status")}
        servers = (server for server in servers if state_of(ask, server).status in wanted)
    for word, value in SELECTORS.items():
        if word in query:
            servers = _equal(servers, value, query[word])
    if ask.version >= (2, 26) and "tags" in query:
        tags = set(query["tags"].split(","))
        servers = (server for server in servers if tags.issubset(server.tags))
    return servers


SELECTORS: dict[str, Callable[[Server], str | None]] = {
    "image": lambda server: server.image,
    "flavor": lambda server: server.flavor.id,
    "uuid": lambda server: server.id,
    "key_name": lambda server: server.key_name,
    "availability_zone": lambda server: server.zone,
}


def _equal(servers: Iterable[Server], value: Callable[[Server], str | None], wanted: str) -> list[Server]:
    return [server for server in servers if value(server) == wanted]


def _list(ask: Ask, view: Callable[[Ask, Server], Payload]) -> Response:
    bounds = {"default": ask.cloud.page, "most": ask.cloud.page}
    shown = page(list(_selected(ask)), _id, ask, **bounds)
    more = next_link(ask, shown, _id, **bounds)
    return reply(200, linked("servers", [view(ask, server) for server in shown], more))


def _id(server: Server) -> str:
    return server.id


@nova.route("GET /servers/detail")
def list_servers_in_full(ask: Ask) -> Response:
    """The project's servers, the newest first."""
    return _list(ask, server_view)


@nova.route("GET /servers")
def list_servers(ask: Ask) -> Response:
    """Their names and ids."""
    return _list(
        ask,
        lambda ask, server: {
            "id": server.id,
            "name": server.name,
            "links": links(ask, "servers", server.id),
        },
    )


@nova.route("GET /servers/{id}")
def show_server(ask: Ask) -> Response:
    """One server."""
    return reply(200, {"server": server_view(ask, find(ask))})


@nova.route("GET /servers/{id}/ips")
def show_addresses(ask: Ask) -> Response:
    """A server's addresses alone."""
    return reply(200, {"addresses": addresses(ask, find(ask))})


@nova.route("PUT /servers/{id}")
def rename_server(ask: Ask) -> Response:
    """Another name, or another description."""
    server, asked = find(ask), ask.part("server")
    if "name" in asked:
        server.name = name_of(asked)
    if ask.version >= (2, 19) and "description" in asked:
        server.description = asked["description"]
    server.updated = ask.now
    return reply(200, {"server": server_view(ask, server)})


@nova.route("DELETE /servers/{id}")
def delete_server(ask: Ask) -> Response:
    """An end to a server, after a moment."""
    server = find(ask)
    if server.locked:
        raise Failure(409, f"Instance {server.id} is locked")
    state = state_of(ask, server)
    if state.task_state == "deleting":
        return reply(204)
    during = DELETING.get(state.vm_state, "deleting")
    server.state.begin(during, then="gone", at=ask.cloud.after(ask.cloud.boot / QUICK))
    server.updated = ask.now
    return reply(204)


def name_of(asked: Payload) -> str:
    """The name that a body wants for a server. Raises Failure 400."""
    name = asked.get("name")
    if name is None:
        raise Failure(400, "Invalid input for field/attribute server. 'name' is a required property")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 255:
        raise Failure(400, f"Invalid input for field/attribute name. Value: {name}.")
    return name
