"""Compute: versions, flavors, zones, limits, key pairs, and the old proxy for images."""

from __future__ import annotations

import re

from aiocloud.http.message import Response
from aiocloud.simulators import sshkeys
from aiocloud.simulators.openstack.wire import (
    Ask,
    Failure,
    Microversion,
    Payload,
    Service,
    next_link,
    page,
    reply,
    stamp,
)
from aiocloud.simulators.openstack.world import Flavor, KeyPair, Picture

OLDEST, NEWEST = (2, 1), (2, 103)
MODERN_HEADER, OLD_HEADER = "OpenStack-API-Version", "X-OpenStack-Nova-API-Version"
FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def render(ask: Ask, failure: Failure) -> Response:
    """A failure in Nova's words."""
    fault = FAULTS.get(failure.status, "computeFault")
    return reply(failure.status, {fault: {"code": failure.status, "message": failure.message}})


nova = Service("compute", render)


def microversion(ask: Ask) -> Microversion:
    """The version that the question asks for. Raises Failure 400 or 406."""
    wanted = ask.request.headers.get(OLD_HEADER, "")
    for part in ask.request.headers.get(MODERN_HEADER, "").split(","):
        service, _, number = part.strip().partition(" ")
        wanted = number if service in ("compute", "nova") else wanted
    if wanted in ("", "latest"):
        return NEWEST if wanted else OLDEST
    match = re.fullmatch(r"([1-9]\d*)\.([1-9]\d*|0)", wanted)
    if match is None:
        raise Failure(400, f"API Version String {wanted} is of invalid format. Must be of format MajorNum.MinorNum.")
    version = (int(match[1]), int(match[2]))
    if not OLDEST <= version <= NEWEST:
        low, high = text(OLDEST), text(NEWEST)
        raise Failure(406, f"Version {wanted} is not supported by the API. Minimum is {low} and maximum is {high}.")
    return version


def text(version: Microversion) -> str:
    """A version as it is written."""
    return f"{version[0]}.{version[1]}"


def _version(ask: Ask, name: str) -> Payload:
    modern = name == "v2.1"
    return {
        "id": name,
        "status": "CURRENT" if modern or ask.cloud.legacy else "SUPPORTED",
        "version": text(NEWEST) if modern else "",
        "min_version": text(OLDEST) if modern else "",
        "updated": "2013-07-23T11:33:21Z" if modern else "2011-01-21T11:33:21Z",
        "links": [{"rel": "self", "href": f"{ask.root}/{name.removesuffix('.0')}/"}],
    }


@nova.route("GET /", public=True)
def versions(ask: Ask) -> Response:
    """The old API and, where there is one, the new."""
    if ask.cloud.legacy:
        return reply(200, {"versions": [_version(ask, "v2.0")]})
    return reply(200, {"versions": [_version(ask, "v2.0"), _version(ask, "v2.1")]})


@nova.route("GET /v2", public=True)
@nova.route("GET /v2/", public=True)
@nova.route("GET /v2.1", public=True)
@nova.route("GET /v2.1/", public=True)
def one_version(ask: Ask) -> Response:
    """One of them, with its range of microversions."""
    name = "v2.1" if ask.path.startswith("/v2.1") else "v2.0"
    if ask.cloud.legacy and name == "v2.1":
        raise Failure(404, "The resource could not be found.")
    media = {
        "base": "application/json",
        "type": f"application/vnd.openstack.compute+json;version={name[1:].removesuffix('.0')}",
    }
    return reply(200, {"version": {**_version(ask, name), "media-types": [media]}})


def flavor_view(ask: Ask, flavor: Flavor) -> Payload:
    """A flavor in full."""
    view: Payload = {
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "vcpus": flavor.vcpus,
        "swap": 0 if ask.version >= (2, 75) else "",
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral,
        "os-flavor-access:is_public": True,
        "links": links(ask, "flavors", flavor.id),
    }
    if ask.version < (2, 102):
        view |= {"OS-FLV-DISABLED:disabled": False, "rxtx_factor": flavor.rxtx_factor}
    if ask.version >= (2, 55):
        view["description"] = None
    if ask.version >= (2, 61):
        view["extra_specs"] = dict(flavor.specs)
    return ask.cloud.dress_flavor(flavor, view)


def links(ask: Ask, kind: str, identifier: str) -> list[Payload]:
    """The pair of links that everything in Nova has."""
    return [
        {"rel": "self", "href": f"{ask.base}/{kind}/{identifier}"},
        {"rel": "bookmark", "href": f"{ask.root}/{kind}/{identifier}"},
    ]


def _flavor_page(ask: Ask) -> tuple[list[Flavor], list[Payload]]:
    least_ram, least_disk = (_least(ask, word) for word in ("minRam", "minDisk"))
    flavors = [f for f in ask.region.flavors.values() if f.ram >= least_ram and f.disk >= least_disk]
    bounds = {"default": ask.cloud.page, "most": ask.cloud.page}
    shown = page(flavors, _id, ask, **bounds)
    return shown, next_link(ask, shown, _id, **bounds)


def _least(ask: Ask, word: str) -> int:
    given = ask.query.get(word, "0")
    if not given.isdecimal():
        raise Failure(400, f"Invalid {word} filter [{given}]")
    return int(given)


def _id(thing: Flavor | Picture) -> str:
    return thing.id


def linked(name: str, items: list[Payload], more: list[Payload]) -> Payload:
    """A page, and the link to the next one if there may be one."""
    return {name: items, f"{name}_links": more} if more else {name: items}


@nova.route("GET /flavors")
def list_flavors(ask: Ask) -> Response:
    """The flavors' names."""
    shown, more = _flavor_page(ask)
    views = [{"id": f.id, "name": f.name, "links": links(ask, "flavors", f.id)} for f in shown]
    return reply(200, linked("flavors", views, more))


@nova.route("GET /flavors/detail")
def list_flavors_in_full(ask: Ask) -> Response:
    """The flavors in full."""
    shown, more = _flavor_page(ask)
    return reply(200, linked("flavors", [flavor_view(ask, flavor) for flavor in shown], more))


def _flavor(ask: Ask) -> Flavor:
    flavor = ask.region.flavors.get(ask.params["id"])
    if flavor is None:
        raise Failure(404, f"Flavor {ask.params['id']} could not be found.")
    return flavor


@nova.route("GET /flavors/{id}")
def show_flavor(ask: Ask) -> Response:
    """One flavor."""
    return reply(200, {"flavor": flavor_view(ask, _flavor(ask))})


@nova.route("GET /flavors/{id}/os-extra_specs")
def show_extra_specs(ask: Ask) -> Response:
    """What else is said of a flavor."""
    return reply(200, {"extra_specs": dict(_flavor(ask).specs)})


@nova.route("GET /os-availability-zone")
def list_zones(ask: Ask) -> Response:
    """The parts of the region."""
    zones = [{"zoneName": zone, "zoneState": {"available": True}, "hosts": None} for zone in ask.region.zones]
    return reply(200, {"availabilityZoneInfo": zones})


@nova.route("GET /limits")
def show_limits(ask: Ask) -> Response:
    """What the project may have, and has."""
    flavors = [server.flavor for server in ask.region.living(ask.project, ask.now)]
    absolute = {
        "maxTotalInstances": ask.cloud.max_instances,
        "maxTotalCores": -1,
        "maxTotalRAMSize": -1,
        "maxTotalKeypairs": -1,
        "maxServerMeta": 128,
        "totalInstancesUsed": len(flavors),
        "totalCoresUsed": sum(flavor.vcpus for flavor in flavors),
        "totalRAMUsed": sum(flavor.ram for flavor in flavors),
    }
    return reply(200, {"limits": {"rate": [], "absolute": absolute}})


def _key_view(ask: Ask, pair: KeyPair) -> Payload:
    view = {"name": pair.name, "public_key": pair.public_key, "fingerprint": pair.fingerprint}
    return {**view, "type": pair.kind} if ask.version >= (2, 2) else view


@nova.route("GET /os-keypairs")
def list_key_pairs(ask: Ask) -> Response:
    """The user's public keys."""
    pairs = sorted(ask.region.key_pairs.values(), key=_key_name)
    more: list[Payload] = []
    if ask.version >= (2, 35):
        bounds = {"default": ask.cloud.page, "most": ask.cloud.page}
        pairs = page(pairs, _key_name, ask, **bounds)
        more = next_link(ask, pairs, _key_name, **bounds)
    return reply(200, linked("keypairs", [{"keypair": _key_view(ask, pair)} for pair in pairs], more))


def _key_name(pair: KeyPair) -> str:
    return pair.name


@nova.route("POST /os-keypairs")
def add_key_pair(ask: Ask) -> Response:
    """A key that is given, or, in older versions, one that Nova makes."""
    asked = ask.part("keypair")
    name, public, private = asked.get("name"), asked.get("public_key"), None
    if not isinstance(name, str) or not 1 <= len(name) <= 255:
        raise Failure(400, "Invalid input for field/attribute name. 'name' is a required property")
    if name in ask.region.key_pairs:
        raise Failure(409, f"Key pair '{name}' already exists.")
    if public is None:
        if ask.version >= (2, 92):
            raise Failure(400, "Invalid input for field/attribute keypair. 'public_key' is a required property")
        private, public = sshkeys.generate(f"Generated-by-Nova {name}")
    try:
        fingerprint = sshkeys.fingerprint(public)
    except ValueError:
        raise Failure(400, "Keypair data is invalid: failed to generate fingerprint") from None
    kind = asked.get("type", "ssh")
    pair = KeyPair(name, public, fingerprint, kind, ask.region.count(), ask.now)
    ask.region.key_pairs[name] = pair
    view = {**_key_view(ask, pair), "user_id": ask.cloud.account.user_id}
    if private is not None:
        view["private_key"] = private
    return reply(201 if ask.version >= (2, 2) else 200, {"keypair": view})


def _pair(ask: Ask) -> KeyPair:
    pair = ask.region.key_pairs.get(ask.params["name"])
    if pair is None:
        raise Failure(404, f"Keypair {ask.params['name']} not found for user {ask.cloud.account.user_id}")
    return pair


@nova.route("GET /os-keypairs/{name}")
def show_key_pair(ask: Ask) -> Response:
    """One key pair, with what the list leaves out."""
    pair = _pair(ask)
    more = {
        "id": pair.serial,
        "user_id": ask.cloud.account.user_id,
        "created_at": pair.created.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "updated_at": None,
        "deleted_at": None,
        "deleted": False,
    }
    return reply(200, {"keypair": {**_key_view(ask, pair), **more}})


@nova.route("DELETE /os-keypairs/{name}")
def delete_key_pair(ask: Ask) -> Response:
    """An end to a key pair."""
    del ask.region.key_pairs[_pair(ask).name]
    return reply(204 if ask.version >= (2, 2) else 202)


def visible_images(ask: Ask) -> list[Picture]:
    """The public images and the project's own, the newest first."""
    pictures = ask.region.images.values()
    mine = [p for p in pictures if p.visibility == "public" or p.owner == ask.project]
    return sorted(mine, key=lambda picture: (picture.created, picture.id), reverse=True)


def _image_view(ask: Ask, picture: Picture) -> Payload:
    state = picture.state.seen(ask.now)
    return {
        "id": picture.id,
        "name": picture.name,
        "status": state.upper(),
        "progress": 100 if state == "active" else 50,
        "created": stamp(picture.created),
        "updated": stamp(picture.created),
        "minDisk": picture.min_disk,
        "minRam": picture.min_ram,
        "OS-EXT-IMG-SIZE:size": picture.size,
        "metadata": dict(picture.properties),
        "links": links(ask, "images", picture.id),
    }


@nova.route("GET /images/detail", until=(2, 35))
def list_images(ask: Ask) -> Response:
    """The images, as they were listed before Glance had its own API."""
    bounds = {"default": ask.cloud.page, "most": ask.cloud.page}
    shown = page(visible_images(ask), _id, ask, **bounds)
    views = [_image_view(ask, picture) for picture in shown]
    return reply(200, linked("images", views, next_link(ask, shown, _id, **bounds)))


@nova.route("GET /images/{id}", until=(2, 35))
def show_image(ask: Ask) -> Response:
    """One image, as before."""
    for picture in visible_images(ask):
        if picture.id == ask.params["id"]:
            return reply(200, {"image": _image_view(ask, picture)})
    raise Failure(404, "Image not found.")
