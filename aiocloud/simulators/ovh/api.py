"""OVHcloud's own API, as far as it tells of a project's instances: https://eu.api.ovh.com/console/?section=%2Fcloud

Requests are signed: https://help.ovhcloud.com/csm/en-api-getting-started-ovhcloud-api?id=kb_article_view&sysparm_article=KB0042777
What is asked here is asked of the same regions' Nova, whose words for a refusal stand in the answer; the shapes are
those that https://github.com/ovh/ovhcloud-cli was tested against. Classes of errors are partly ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from aiocloud.http.message import Response
from aiocloud.simulators.openstack.nova import nova, visible_images
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, Service, reply, stamp
from aiocloud.simulators.openstack.world import Flavor, Picture, Region, Token
from aiocloud.simulators.ovh.catalogue import PLANS, catalogue

WINDOW = 60.0
"""Seconds by which a request's time may be off."""
NOVA_VERSION = (2, 46)


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs a request: the application's key and secret, and the consumer's key."""

    application_key: str
    application_secret: str = field(repr=False)
    consumer_key: str = field(repr=False)


@dataclass
class Signing(Ask):
    """A question whose signature may be checked."""

    keys: Keys = field(default_factory=lambda: Keys("", "", ""))

    def check(self) -> None:
        """Raises Failure unless the request is signed, and now."""
        headers, keys = self.request.headers, self.keys
        if headers.get("X-Ovh-Application") != keys.application_key:
            raise Failure(403, "This application key is invalid", kind="INVALID_KEY")
        if "X-Ovh-Signature" not in headers:
            raise Failure(401, "You must login first", kind="NOT_LOGGED")
        if headers.get("X-Ovh-Consumer") != keys.consumer_key:
            raise Failure(403, "This credential does not exist", kind="NOT_CREDENTIAL")
        moment = headers.get("X-Ovh-Timestamp", "")
        if not moment.isdecimal() or abs(int(moment) - self.now.timestamp()) > WINDOW:
            raise Failure(400, "Query out of time", kind="QUERY_TIME_OUT")
        words = [keys.application_secret, keys.consumer_key, self.request.method, str(self.request.url)]
        signed = "+".join([*words, self.request.body.decode("utf-8", "replace"), moment])
        digest = hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324 - the API's own way
        if not hmac.compare_digest(headers["X-Ovh-Signature"], f"$1${digest}"):
            raise Failure(400, "Invalid signature", kind="INVALID_SIGNATURE")


def render(ask: Ask, failure: Failure) -> Response:
    """A failure in the API's words."""
    phrase = HTTPStatus(failure.status).phrase
    kind = "Client::" + phrase.replace(" ", "")
    code = {"errorCode": failure.kind, "httpCode": f"{failure.status} {phrase}"} if failure.kind else {}
    return reply(failure.status, {"class": kind, "message": failure.message, **code}, X_Ovh_QueryId="EU.sim-1.1")


api = Service("ovh", render)


@api.route("GET /auth/time", public=True)
def tell_time(ask: Ask) -> Response:
    """The API's clock."""
    return reply(200, int(ask.now.timestamp()))


@api.route("GET /order/catalog/public/cloud", public=True)
def show_catalogue(ask: Ask) -> Response:
    """What there is to buy, open to all."""
    subsidiary = ask.query.get("ovhSubsidiary")
    if not subsidiary:
        raise Failure(400, "[ovhSubsidiary] Missing parameter")
    return reply(200, catalogue(subsidiary))


@api.route("GET /cloud/project")
def list_projects(ask: Ask) -> Response:
    """The ids of the account's projects."""
    return reply(200, [project.id for project in ask.cloud.account.projects])


def project(ask: Ask) -> str:
    """The id of the project that the path names. Raises Failure 404."""
    for project in ask.cloud.account.projects:
        if project.id == ask.params["project"]:
            return project.id
    raise Failure(404, "This service does not exist")


@api.route("GET /cloud/project/{project}")
def show_project(ask: Ask) -> Response:
    """A project."""
    return reply(200, {"project_id": project(ask), "description": "harbour", "status": "ok", "planCode": "project"})


@api.route("GET /cloud/project/{project}/region")
def list_regions(ask: Ask) -> Response:
    """The regions that the project has activated."""
    project(ask)
    return reply(200, list(ask.cloud.regions))


def regions_of(ask: Ask) -> list[Region]:
    """The region that the query names, or all."""
    project(ask)
    name = ask.query.get("region")
    return [find_region(ask, name)] if name else list(ask.cloud.regions.values())


def find_region(ask: Ask, name: Any) -> Region:
    """The region of that name. Raises Failure 404."""
    if name not in ask.cloud.regions:
        raise Failure(404, f"Region {name} does not exist on this project")
    return ask.cloud.regions[name]


# ---- flavors and images ----


def flavor_view(region: Region, flavor: Flavor) -> Payload:
    """A flavor, with the codes of its plans."""
    three = len(region.zones) == 3
    hourly = f"{flavor.name}.consumption" + ".3AZ" * three
    monthly = f"{flavor.name}.monthly.postpaid"
    return {
        "id": flavor.id,
        "name": flavor.name,
        "region": region.name,
        "ram": flavor.ram,
        "disk": flavor.disk,
        "vcpus": flavor.vcpus,
        "type": "ovh.ssd.eg",
        "osType": "windows" if flavor.name.startswith("win-") else "linux",
        "inboundBandwidth": 250,
        "outboundBandwidth": 250,
        "available": True,
        "planCodes": {"hourly": hourly, "monthly": monthly if monthly in PLANS else None, "license": None},
        "capabilities": [{"name": name, "enabled": True} for name in ("resize", "snapshot", "volume", "failoverip")],
        "quota": 20,
    }


def image_view(region: Region, picture: Picture) -> Payload:
    """An image."""
    return {
        "id": picture.id,
        "name": picture.name,
        "region": region.name,
        "visibility": picture.visibility,
        "type": "windows" if picture.name.startswith("Windows") else "linux",
        "minDisk": picture.min_disk,
        "minRam": picture.min_ram,
        "size": round(picture.size / 2**30, 2),
        "creationDate": stamp(picture.created),
        "status": "active",
        "user": picture.properties.get("image_original_user", ""),
        "flavorType": None,
        "tags": [],
        "planCode": None,
    }


@api.route("GET /cloud/project/{project}/flavor")
def list_flavors(ask: Ask) -> Response:
    """The flavors of one region, or of all."""
    return reply(200, [flavor_view(region, each) for region in regions_of(ask) for each in region.flavors.values()])


@api.route("GET /cloud/project/{project}/image")
def list_images(ask: Ask) -> Response:
    """The images of one region, or of all."""
    found = [(region, each) for region in regions_of(ask) for each in _pictures(ask, region)]
    return reply(200, [image_view(region, each) for region, each in found])


def _pictures(ask: Ask, region: Region) -> list[Picture]:
    return visible_images(within(ask, region, "GET", "/images"))


# ---- OpenStack, which is asked for all of it ----


def within(ask: Ask, region: Region, method: str, path: str, body: Payload | None = None) -> Ask:
    """The same question, as it is asked of Nova in a region."""
    token = Token("internal", ask.cloud.account.projects[0], ("password",), ask.now, ask.cloud.after(60.0))
    request = replace(ask.request, method=method, body=json.dumps(body or {}).encode())
    base = f"{ask.origin}/{region.name}/compute/v2.1"
    return Ask(request, ask.cloud, region, base, base, path, NOVA_VERSION, token=token)


def ask_nova(ask: Ask, region: Region, method: str, path: str, body: Payload | None = None) -> Any:
    """Nova's answer. Raises Failure in Nova's words."""
    inner = within(ask, region, method, path, body)
    route, inner.params = nova.find(method, path, NOVA_VERSION)
    response = route.handler(inner)
    return json.loads(response.body) if response.body else None


def done() -> Response:
    """A success that tells nothing, which is null."""
    return replace(reply(200, {}), body=b"null")
