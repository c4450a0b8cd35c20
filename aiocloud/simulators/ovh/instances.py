"""OVHcloud's own API: SSH keys and instances."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiocloud.http.message import Response
from aiocloud.simulators import sshkeys
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, reply
from aiocloud.simulators.openstack.world import KeyPair, Region, Server
from aiocloud.simulators.ovh.api import (
    api,
    ask_nova,
    done,
    find_region,
    flavor_view,
    image_view,
    project,
    regions_of,
)

ACTIONS: Mapping[str, Callable[[Payload], Payload]] = {
    "reboot": lambda asked: {"reboot": {"type": str(asked.get("type", "")).upper()}},
    "start": lambda asked: {"os-start": None},
    "stop": lambda asked: {"os-stop": None},
}


# ---- SSH keys ----


def key_id(name: str) -> str:
    """The id that a key gets: its name in base64, in hexadecimal.

    >>> key_id("sylvain2016")
    '63336c73646d4670626a49774d54593d'
    """
    return base64.b64encode(name.encode()).hex()


def _keys(ask: Ask) -> dict[str, tuple[KeyPair, list[str]]]:
    """The keys by id, each with the regions that know it."""
    found: dict[str, tuple[KeyPair, list[str]]] = {}
    for region in ask.cloud.regions.values():
        for pair in region.key_pairs.values():
            found.setdefault(key_id(pair.name), (pair, []))[1].append(region.name)
    return found


def _key_view(pair: KeyPair, regions: list[str]) -> Payload:
    return {"id": key_id(pair.name), "name": pair.name, "publicKey": pair.public_key, "regions": regions}


@api.route("GET /cloud/project/{project}/sshkey")
def list_keys(ask: Ask) -> Response:
    """The project's SSH keys."""
    project(ask)
    return reply(200, [_key_view(*known) for known in _keys(ask).values()])


@api.route("POST /cloud/project/{project}/sshkey")
def add_key(ask: Ask) -> Response:
    """A key in one region, or in all."""
    project(ask)
    name, public, region = (ask.body.get(word) for word in ("name", "publicKey", "region"))
    if not isinstance(name, str) or not isinstance(public, str):
        raise Failure(400, "[name] and [publicKey] are mandatory")
    if key_id(name) in _keys(ask):
        raise Failure(409, "Key already exists")
    try:
        fingerprint = sshkeys.fingerprint(public)
    except ValueError:
        raise Failure(400, "Invalid public key") from None
    regions = [find_region(ask, region)] if region else list(ask.cloud.regions.values())
    for place in regions:
        place.key_pairs[name] = KeyPair(name, public, fingerprint, "ssh", place.count(), ask.now)
    pair = regions[0].key_pairs[name]
    return reply(200, {**_key_view(pair, [place.name for place in regions]), "fingerPrint": fingerprint})


@api.route("DELETE /cloud/project/{project}/sshkey/{key}")
def delete_key(ask: Ask) -> Response:
    """An end to a key, in every region."""
    project(ask)
    pair, regions = _key(ask, ask.params["key"])
    for name in regions:
        del ask.cloud.regions[name].key_pairs[pair.name]
    return done()


def _key(ask: Ask, identifier: Any) -> tuple[KeyPair, list[str]]:
    if identifier not in (known := _keys(ask)):
        raise Failure(404, "Key does not exist")
    return known[identifier]


# ---- instances ----


def _servers(ask: Ask) -> Iterator[tuple[Region, Server]]:
    for region in regions_of(ask):
        for server in list(region.living(project(ask), ask.now)):
            yield region, server


def _server(ask: Ask) -> tuple[Region, Server]:
    for region, server in _servers(ask):
        if server.id == ask.params["id"]:
            return region, server
    raise Failure(404, "Instance does not exist")


def _view(ask: Ask, region: Region, server: Server) -> Payload:
    """An instance as a list has it."""
    told = ask_nova(ask, region, "GET", f"/servers/{server.id}")["server"]
    addresses = [
        {"ip": each["addr"], "type": "public" if pool == "Ext-Net" else "private", "version": each["version"]}
        for pool, found in told["addresses"].items()
        for each in found
    ]
    return {
        "id": server.id,
        "name": server.name,
        "ipAddresses": addresses,
        "flavorId": server.flavor.id,
        "imageId": server.image or "",
        "sshKeyId": key_id(server.key_name) if server.key_name else None,
        "created": told["created"],
        "region": region.name,
        "monthlyBilling": None,
        "status": told["status"],
        "planCode": flavor_view(region, server.flavor)["planCodes"]["hourly"],
        "operationIds": [],
        "currentMonthOutgoingTraffic": None,
    }


def _detail(ask: Ask, region: Region, server: Server) -> Payload:
    """An instance by itself, with what it is made of."""
    view = _view(ask, region, server)
    picture = region.images.get(view.pop("imageId"))
    key = view.pop("sshKeyId")
    del view["flavorId"]
    return {
        **view,
        "flavor": flavor_view(region, server.flavor),
        "image": image_view(region, picture) if picture is not None else None,
        "sshKey": _key_view(*_keys(ask)[key]) if key in _keys(ask) else None,
        "rescuePassword": None,
        "availabilityZone": server.zone if len(region.zones) == 3 else None,
    }


@api.route("GET /cloud/project/{project}/instance")
def list_instances(ask: Ask) -> Response:
    """The project's instances, in one region or in all."""
    return reply(200, [_view(ask, region, server) for region, server in _servers(ask)])


@api.route("POST /cloud/project/{project}/instance")
def create_instance(ask: Ask) -> Response:
    """A new instance."""
    project(ask)
    asked = ask.body
    for word in ("flavorId", "name", "region"):
        if not asked.get(word):
            raise Failure(400, f"[{word}] is mandatory")
    region, key, data = find_region(ask, asked["region"]), asked.get("sshKeyId"), asked.get("userData")
    networks = [{"uuid": each.get("networkId")} for each in asked.get("networks") or []]
    public = [{"uuid": net.id} for net in region.networks.values() if net.external]
    server = {
        "name": asked["name"],
        "flavorRef": asked["flavorId"],
        "imageRef": asked.get("imageId"),
        "key_name": _key(ask, key)[0].name if key else None,
        "user_data": base64.b64encode(str(data).encode()).decode() if data else None,
        "networks": networks or public,
    }
    wanted = {"server": {word: value for word, value in server.items() if value is not None}}
    made = ask_nova(ask, region, "POST", "/servers", wanted)["server"]["id"]
    return reply(200, _detail(ask, region, region.servers[made]))


@api.route("GET /cloud/project/{project}/instance/{id}")
def show_instance(ask: Ask) -> Response:
    """One instance."""
    return reply(200, _detail(ask, *_server(ask)))


@api.route("DELETE /cloud/project/{project}/instance/{id}")
def delete_instance(ask: Ask) -> Response:
    """An end to an instance, after a moment."""
    region, server = _server(ask)
    ask_nova(ask, region, "DELETE", f"/servers/{server.id}")
    return done()


@api.route("POST /cloud/project/{project}/instance/{id}/{action}")
def act(ask: Ask) -> Response:
    """Reboot, start or stop an instance."""
    action = ACTIONS.get(ask.params["action"])
    if action is None:
        raise Failure(404, "Got an invalid (or empty) URL")
    region, server = _server(ask)
    ask_nova(ask, region, "POST", f"/servers/{server.id}/action", action(ask.body))
    return done()
