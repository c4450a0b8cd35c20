"""Compute: how servers come to be."""

from __future__ import annotations

import base64
import binascii
import secrets
from uuid import uuid4

from aiocloud.http.message import Response
from aiocloud.simulators.base import Phases
from aiocloud.simulators.openstack.nova import links, nova
from aiocloud.simulators.openstack.servers import QUICK, name_of
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, reply, stamp
from aiocloud.simulators.openstack.world import Flavor, Network, Picture, Port, Server
from aiocloud.values import Secret

MOST_USER_DATA = 65535
# What a value has to be, and, in a list, each of its items.
SHAPES: dict[str, tuple[type | tuple[type, ...], type | None]] = {
    "flavorRef": ((str, int), None),
    "imageRef": (str, None),
    "key_name": (str, None),
    "availability_zone": (str, None),
    "user_data": (str, None),
    "description": (str, None),
    "adminPass": (str, None),
    "metadata": (dict, None),
    "networks": ((list, str), dict),
    "security_groups": (list, dict),
    "block_device_mapping_v2": (list, dict),
    "tags": (list, str),
}
MOST_AT_ONCE = 1000  # even without a quota, so that one request cannot fill the memory
NO_HOST = "No valid host was found. There are not enough hosts available."


@nova.route("POST /servers")
def create_servers(ask: Ask) -> Response:
    """One server, or several alike."""
    asked = ask.part("server")
    _check_shapes(asked)
    name, least = name_of(asked), _count(asked, "min_count", 1)
    count = _count(asked, "max_count", least)
    _check(ask, asked)
    _check_quota(ask, count)
    password = str(asked.get("adminPass") or secrets.token_urlsafe(9))
    names = [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]
    servers = [_create(ask, asked, each) for each in names]
    for server in servers:
        server.password = Secret(password)
    if asked.get("return_reservation_id"):
        return reply(202, {"reservation_id": f"r-{secrets.token_hex(4)}"})
    first = servers[0]
    body = {
        "id": first.id,
        "links": links(ask, "servers", first.id),
        "OS-DCF:diskConfig": "MANUAL",
        "security_groups": [{"name": group} for group in first.groups],
        "adminPass": password,
    }
    return reply(202, {"server": body}, Location=f"{ask.base}/servers/{first.id}")


def _check_shapes(asked: Payload) -> None:
    for word, (whole, each) in SHAPES.items():
        value = asked.get(word)
        fits = value is None or isinstance(value, whole)
        if fits and each is not None and isinstance(value, list):
            fits = all(isinstance(item, each) for item in value)
        if not fits:
            raise Failure(400, f"Invalid input for field/attribute {word}. Value: {value}.")


def _count(asked: Payload, word: str, default: int) -> int:
    given = str(asked.get(word, default))
    if not given.isdecimal() or int(given) < 1:
        raise Failure(400, f"Invalid input for field/attribute {word}. Value: {given}.")
    return int(given)


def _check_quota(ask: Ask, count: int) -> None:
    most = ask.cloud.max_instances
    used = sum(1 for _ in ask.region.living(ask.project, ask.now)) if most >= 0 else 0
    if count > MOST_AT_ONCE or 0 <= most < used + count:
        raise Failure(
            403,
            f"Quota exceeded for instances: Requested {count}, but already used {used} of {most} instances",
        )


def _check(ask: Ask, asked: Payload) -> None:
    flavor, picture = _flavor(ask, asked), _image(ask, asked)
    if picture is not None and flavor.ram < picture.min_ram:
        raise Failure(400, "Flavor's memory is too small for requested image.")
    if picture is not None and 0 < flavor.disk < picture.min_disk:
        raise Failure(400, "Flavor's disk is too small for requested image.")
    if picture is not None and flavor.disk == 0:
        raise Failure(403, "Only volume-backed servers are allowed for flavors with zero disk.")
    if asked.get("key_name") is not None and asked["key_name"] not in ask.region.key_pairs:
        raise Failure(400, "Invalid key_name provided.")
    if asked.get("availability_zone") not in (None, *ask.region.zones):
        raise Failure(400, "The requested availability zone is not available")
    known = {group.name for group in ask.region.groups.values() if group.project == ask.project}
    for name in _groups(asked):
        if name not in known:
            raise Failure(400, f"Security group {name} not found for project {ask.project}.")
    _check_user_data(asked.get("user_data"))


def _groups(asked: Payload) -> list[str]:
    return [str(group.get("name")) for group in asked.get("security_groups") or [{"name": "default"}]]


def _check_user_data(data: object) -> None:
    if data is None:
        return
    if len(str(data)) > MOST_USER_DATA:
        raise Failure(400, "Invalid input for field/attribute user_data. The value is too long")
    try:
        base64.b64decode(str(data), validate=True)
    except (binascii.Error, ValueError):
        raise Failure(400, "Invalid input for field/attribute user_data. It is not base64") from None


def _flavor(ask: Ask, asked: Payload) -> Flavor:
    if "flavorRef" not in asked:
        raise Failure(400, "Invalid input for field/attribute server. 'flavorRef' is a required property")
    flavor = ask.region.flavors.get(_last(asked["flavorRef"]))
    if flavor is None:
        raise Failure(400, f"Flavor {_last(asked['flavorRef'])} could not be found.")
    return flavor


def _last(reference: object) -> str:
    return str(reference).rstrip("/").rpartition("/")[2]  # an id, or a URL that ends in one


def _image(ask: Ask, asked: Payload) -> Picture | None:
    reference = asked.get("imageRef")
    if not reference:
        if asked.get("block_device_mapping_v2") or asked.get("block_device_mapping"):
            return None
        raise Failure(400, "Invalid imageRef provided.")
    picture = ask.region.images.get(_last(reference))
    if picture is None or (picture.visibility != "public" and picture.owner != ask.project):
        raise Failure(400, "Can not find requested image")
    if picture.state.seen(ask.now) != "active":
        raise Failure(400, f"Image {picture.id} is not active.")
    return picture


def _ports(ask: Ask, asked: Payload, device: str) -> list[Port]:
    wanted = asked.get("networks")
    if wanted is None and ask.version >= (2, 37):
        raise Failure(400, "Invalid input for field/attribute server. 'networks' is a required property")
    if wanted == "none":
        return []
    if not wanted or wanted == "auto":
        return [ask.region.add_port(net, ask.project, device) for net in ask.cloud.default_networks(ask.region)]
    if not isinstance(wanted, list):
        raise Failure(400, f"Invalid input for field/attribute networks. Value: {wanted}.")
    cards = [_card(ask, each) for each in wanted]
    return [_plug(ask, card, device) for card in cards]


def _card(ask: Ask, wanted: Payload) -> Network | Port:
    if wanted.get("port") is not None:
        port = ask.region.ports.get(str(wanted["port"]))
        if port is None:
            raise Failure(400, f"Port id {wanted['port']} could not be found.")
        if port.device:
            raise Failure(409, f"Port {port.id} is still in use.")
        return port
    network = ask.region.networks.get(str(wanted.get("uuid")))
    if network is None:
        raise Failure(400, f"Network {wanted.get('uuid')} could not be found.")
    return network


def _plug(ask: Ask, card: Network | Port, device: str) -> Port:
    if isinstance(card, Network):
        return ask.region.add_port(card, ask.project, device)
    card.device = device
    return card


def _create(ask: Ask, asked: Payload, name: str) -> Server:
    cloud, region, identifier = ask.cloud, ask.region, str(uuid4())
    key = region.key_pairs.get(asked.get("key_name") or "")
    picture = _image(ask, asked)
    ports = _ports(ask, asked, identifier)
    server = Server(
        id=identifier,
        name=name,
        project=ask.project,
        user=cloud.account.user_id,
        flavor=_flavor(ask, asked),
        image=picture.id if picture else None,
        zone=asked.get("availability_zone") or region.zones[0],
        pinned_zone=asked.get("availability_zone"),
        created=ask.now,
        launched=cloud.after(cloud.boot),
        updated=ask.now,
        key_name=asked.get("key_name"),
        public_key=key.public_key if key is not None else None,
        user_data=asked.get("user_data"),
        description=asked.get("description") if ask.version >= (2, 19) else None,
        config_drive=bool(asked.get("config_drive")),
        metadata={key: str(value) for key, value in (asked.get("metadata") or {}).items()},
        tags=list(asked.get("tags") or []) if ask.version >= (2, 52) else [],
        groups=_groups(asked),
        ports=ports,
        state=Phases("building"),
    )
    if cloud.unschedulable > 0:
        cloud.unschedulable -= 1
        server.fault = {"code": 500, "created": stamp(ask.now), "message": NO_HOST}
        server.state.begin("building", then="error", at=cloud.after(cloud.boot / QUICK))
    else:
        server.state.begin("building", then="active", at=server.launched)
        publish(ask, server)
    region.servers[server.id] = server
    return server


def publish(ask: Ask, server: Server) -> None:
    """Give the server a floating address, where the cloud does so by itself."""
    outside = ask.region.network(external=True)
    if ask.cloud.auto_floating and outside is not None and server.ports:
        ask.region.add_floating_ip(outside, server.project, server.ports[0]).automatic = True
