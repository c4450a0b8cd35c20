"""Networks, version 2.0 of their API: as much as servers and their firewalls need."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import uuid4

from aiocloud.http.message import Response
from aiocloud.simulators.openstack.site import identifier
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, Service, next_link, page, reply, stamp
from aiocloud.simulators.openstack.world import FloatingIP, Network, Port, SecurityGroup

MOST = 10_000
NOT_FILTERS = frozenset({"limit", "marker", "fields", "sort_key", "sort_dir", "page_reverse"})
EXTENSIONS = ("external-net", "router", "security-group")


def render(ask: Ask, failure: Failure) -> Response:
    """A failure in Neutron's words."""
    error = {"type": failure.kind or "HTTPError", "message": failure.message, "detail": ""}
    return reply(failure.status, {"NeutronError": error})


neutron = Service("network", render)


@neutron.route("GET /", public=True)
def versions(ask: Ask) -> Response:
    """The one version."""
    link = {"rel": "self", "href": f"{ask.root}/v2.0/"}
    return reply(200, {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]})


@neutron.route("GET /extensions")
def extensions(ask: Ask) -> Response:
    """What this Neutron knows beyond its core."""
    views = [{"alias": alias, "name": alias, "description": "", "links": []} for alias in EXTENSIONS]
    return reply(200, {"extensions": views})


def network_view(ask: Ask, network: Network) -> Payload:
    """A network; the one that leads outside belongs to the operator."""
    owner = identifier("operator").replace("-", "") if network.external else ask.cloud.account.projects[0].id
    return {
        "id": network.id,
        "name": network.name,
        "status": "ACTIVE",
        "admin_state_up": True,
        "shared": network.external,
        "router:external": network.external,
        "mtu": 1500,
        "port_security_enabled": True,
        "tenant_id": owner,
        "project_id": owner,
        "subnets": [view["id"] for view in subnet_views(ask, network)],
    }


def subnet_views(ask: Ask, network: Network) -> list[Payload]:
    """A subnet for each kind of address."""
    owner, ranges = ask.cloud.account.projects[0].id, [(4, f"{IPv4Address(network.v4)}/16")]
    if network.v6 is not None:
        ranges.append((6, f"{IPv6Address(network.v6)}/64"))
    return [
        {
            "id": identifier(network.id, f"v{version}"),
            "name": f"{network.name}-v{version}",
            "network_id": network.id,
            "ip_version": version,
            "cidr": cidr,
            "enable_dhcp": True,
            "tenant_id": owner,
            "project_id": owner,
        }
        for version, cidr in ranges
    ]


def port_view(ask: Ask, port: Port) -> Payload:
    """A network card."""
    subnets = subnet_views(ask, port.network)
    return {
        "id": port.id,
        "name": "",
        "network_id": port.network.id,
        "status": "ACTIVE" if port.device else "DOWN",
        "admin_state_up": True,
        "mac_address": port.mac,
        "fixed_ips": [
            {"subnet_id": subnet["id"], "ip_address": address}
            for subnet, address in zip(subnets, port.fixed, strict=True)
        ],
        "device_id": port.device,
        "device_owner": "compute:nova" if port.device else "",
        "tenant_id": port.project,
        "project_id": port.project,
    }


def floating_view(ask: Ask, floating: FloatingIP) -> Payload:
    """A floating address, and before which port it stands."""
    return {
        "id": floating.id,
        "floating_ip_address": floating.address,
        "floating_network_id": floating.network.id,
        "fixed_ip_address": floating.port.fixed[0] if floating.port else None,
        "port_id": floating.port.id if floating.port else None,
        "router_id": None,
        "status": "ACTIVE" if floating.port else "DOWN",
        "description": "",
        "tenant_id": floating.project,
        "project_id": floating.project,
    }


def group_view(ask: Ask, group: SecurityGroup) -> Payload:
    """A firewall and its rules."""
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "tenant_id": group.project,
        "project_id": group.project,
        "created_at": stamp(group.created),
        "security_group_rules": list(group.rules.values()),
    }


def _id(view: Payload) -> str:
    return str(view["id"])


def _listed(ask: Ask, name: str, views: Iterable[Payload]) -> Response:
    query = ask.request.url.query
    wanted = {word: {v.lower() for v in query.getall(word)} for word in query if word not in NOT_FILTERS}
    found = [view for view in views if all(str(view.get(word)).lower() in values for word, values in wanted.items())]
    shown = page(found, _id, ask, default=MOST, most=MOST)
    more = next_link(ask, shown, _id, default=MOST, most=MOST)
    fields = query.getall("fields", [])
    body = [{field: view[field] for field in fields if field in view} if fields else view for view in shown]
    return reply(200, {name: body, f"{name}_links": more} if more else {name: body})


def _found(thing: Any, ask: Ask, kind: str, words: str) -> Any:
    if thing is None:
        raise Failure(404, f"{words} {ask.params['id']} could not be found.", kind=f"{kind}NotFound")
    return thing


@neutron.route("GET /networks")
def list_networks(ask: Ask) -> Response:
    """The networks."""
    return _listed(ask, "networks", (network_view(ask, net) for net in ask.region.networks.values()))


@neutron.route("GET /networks/{id}")
def show_network(ask: Ask) -> Response:
    """One network."""
    network = _found(ask.region.networks.get(ask.params["id"]), ask, "Network", "Network")
    return reply(200, {"network": network_view(ask, network)})


@neutron.route("GET /subnets")
def list_subnets(ask: Ask) -> Response:
    """The networks' ranges of addresses."""
    views = (view for net in ask.region.networks.values() for view in subnet_views(ask, net))
    return _listed(ask, "subnets", views)


@neutron.route("GET /subnets/{id}")
def show_subnet(ask: Ask) -> Response:
    """One range of addresses."""
    views = [view for net in ask.region.networks.values() for view in subnet_views(ask, net)]
    subnet = next((view for view in views if view["id"] == ask.params["id"]), None)
    return reply(200, {"subnet": _found(subnet, ask, "Subnet", "Subnet")})


@neutron.route("GET /ports")
def list_ports(ask: Ask) -> Response:
    """The project's network cards."""
    ports = (port for port in ask.region.ports.values() if port.project == ask.project)
    return _listed(ask, "ports", (port_view(ask, port) for port in ports))


@neutron.route("GET /ports/{id}")
def show_port(ask: Ask) -> Response:
    """One network card."""
    port = _found(ask.region.ports.get(ask.params["id"]), ask, "Port", "Port")
    return reply(200, {"port": port_view(ask, port)})


@neutron.route("GET /floatingips")
def list_floating_ips(ask: Ask) -> Response:
    """The project's floating addresses."""
    mine = (each for each in ask.region.floating_ips.values() if each.project == ask.project)
    return _listed(ask, "floatingips", (floating_view(ask, each) for each in mine))


def _floating(ask: Ask) -> FloatingIP:
    floating = ask.region.floating_ips.get(ask.params["id"])
    found: FloatingIP = _found(floating, ask, "FloatingIP", "Floating IP")
    return found


def _wanted_port(ask: Ask, asked: Payload) -> Port | None:
    port = ask.region.ports.get(str(asked.get("port_id")))
    if asked.get("port_id") and port is None:
        raise Failure(404, f"Port {asked['port_id']} could not be found.", kind="PortNotFound")
    return port


@neutron.route("GET /floatingips/{id}")
def show_floating_ip(ask: Ask) -> Response:
    """One floating address."""
    return reply(200, {"floatingip": floating_view(ask, _floating(ask))})


@neutron.route("POST /floatingips")
def add_floating_ip(ask: Ask) -> Response:
    """A floating address more, before a port if one is named."""
    asked = ask.part("floatingip")
    network = ask.region.networks.get(str(asked.get("floating_network_id")))
    if network is None or not network.external:
        raise Failure(400, "Bad floatingip request: the network is not an external one.", kind="BadRequest")
    floating = ask.region.add_floating_ip(network, ask.project, _wanted_port(ask, asked))
    return reply(201, {"floatingip": floating_view(ask, floating)})


@neutron.route("PUT /floatingips/{id}")
def move_floating_ip(ask: Ask) -> Response:
    """The address before another port, or none."""
    floating = _floating(ask)
    ask.region.connect(floating, _wanted_port(ask, ask.part("floatingip")))
    return reply(200, {"floatingip": floating_view(ask, floating)})


@neutron.route("DELETE /floatingips/{id}")
def delete_floating_ip(ask: Ask) -> Response:
    """An address given back."""
    floating = _floating(ask)
    ask.region.connect(floating, None)
    del ask.region.floating_ips[floating.id]
    return reply(204)


@neutron.route("GET /security-groups")
def list_groups(ask: Ask) -> Response:
    """The project's firewalls."""
    mine = (group for group in ask.region.groups.values() if group.project == ask.project)
    return _listed(ask, "security_groups", (group_view(ask, group) for group in mine))


@neutron.route("POST /security-groups")
def add_group(ask: Ask) -> Response:
    """A firewall that lets everything out and nothing in."""
    asked = ask.part("security_group")
    group = SecurityGroup(
        str(uuid4()), str(asked.get("name", "")), str(asked.get("description", "")), ask.project, ask.now
    )
    for ethertype in ("IPv4", "IPv6"):
        _add_rule(group, {"direction": "egress", "ethertype": ethertype})
    ask.region.groups[group.id] = group
    return reply(201, {"security_group": group_view(ask, group)})


def _group(ask: Ask) -> SecurityGroup:
    known = ask.region.groups.get(ask.params["id"])
    group: SecurityGroup = _found(known, ask, "SecurityGroup", "Security group")
    return group


@neutron.route("GET /security-groups/{id}")
def show_group(ask: Ask) -> Response:
    """One firewall."""
    return reply(200, {"security_group": group_view(ask, _group(ask))})


@neutron.route("DELETE /security-groups/{id}")
def delete_group(ask: Ask) -> Response:
    """An end to a firewall that no server uses."""
    group = _group(ask)
    if any(group.name in server.groups for server in ask.region.living(ask.project, ask.now)):
        raise Failure(409, f"Security Group {group.id} in use.", kind="SecurityGroupInUse")
    del ask.region.groups[group.id]
    return reply(204)


def _add_rule(group: SecurityGroup, asked: Payload) -> Payload:
    words = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id")
    rule: Payload = {
        "id": str(uuid4()),
        "security_group_id": group.id,
        "direction": asked.get("direction"),
        "ethertype": asked.get("ethertype", "IPv4"),
        **{word: asked.get(word) for word in words},
        "tenant_id": group.project,
        "project_id": group.project,
        "description": asked.get("description", ""),
    }
    group.rules[rule["id"]] = rule
    return rule


@neutron.route("GET /security-group-rules")
def list_rules(ask: Ask) -> Response:
    """All rules of the project's firewalls."""
    mine = [group for group in ask.region.groups.values() if group.project == ask.project]
    return _listed(ask, "security_group_rules", (rule for group in mine for rule in group.rules.values()))


@neutron.route("POST /security-group-rules")
def add_rule(ask: Ask) -> Response:
    """A rule more; the same one twice is a conflict."""
    asked = ask.part("security_group_rule")
    group = ask.region.groups.get(str(asked.get("security_group_id")))
    if group is None:
        message = f"Security group {asked.get('security_group_id')} does not exist"
        raise Failure(404, message, kind="SecurityGroupNotFound")
    if asked.get("direction") not in ("ingress", "egress"):
        raise Failure(400, "Invalid input for direction.", kind="HTTPBadRequest")
    rule = _add_rule(group, asked)
    for other in group.rules.values():
        if other is not rule and {**other, "id": rule["id"]} == rule:
            del group.rules[rule["id"]]
            message = f"Security group rule already exists. Rule id is {other['id']}."
            raise Failure(409, message, kind="SecurityGroupRuleExists")
    return reply(201, {"security_group_rule": rule})


@neutron.route("DELETE /security-group-rules/{id}")
def delete_rule(ask: Ask) -> Response:
    """A rule less."""
    for group in ask.region.groups.values():
        if group.rules.pop(ask.params["id"], None) is not None:
            return reply(204)
    message = f"Security group rule {ask.params['id']} does not exist"
    raise Failure(404, message, kind="SecurityGroupRuleNotFound")
