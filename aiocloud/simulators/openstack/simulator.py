"""An OpenStack cloud in miniature: the services behind one address, and what a test may do to it."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import uuid4

from multidict import CIMultiDict, CIMultiDictProxy

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Phases, Simulator

# The modules of actions, creation and labels add their routes to Nova's when they are imported.
from aiocloud.simulators.openstack import actions, creation, labels, site
from aiocloud.simulators.openstack.glance import glance
from aiocloud.simulators.openstack.keystone import keystone
from aiocloud.simulators.openstack.neutron import neutron
from aiocloud.simulators.openstack.nova import MODERN_HEADER, OLD_HEADER, microversion, nova, text
from aiocloud.simulators.openstack.wire import Ask, Failure, Microversion, Service, reply
from aiocloud.simulators.openstack.world import Account, Cloud, Project, Region, Server
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.ssh.machine import users_of

__all__ = ["OpenStackSimulator", "Place", "actions", "creation", "labels"]

SETUP = datetime(2026, 1, 1, tzinfo=UTC)  # when this world's operator set it up
PROJECT_ID = re.compile(r"[0-9a-f]{32}|\d+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads: a service, in a region, and a path within a version of its API."""

    service: Service
    region: Region
    root: str
    base: str
    path: str
    prefix: str = ""
    project: str = ""


class OpenStackSimulator(Simulator):
    """An OpenStack cloud: Keystone, and in each of two regions Nova, Glance and Neutron.

    `token_life` is in seconds. `page` is the most that Nova puts on a page, `max_instances` the quota of a
    project in a region (-1: none). With `auto_floating` every new server with a network gets a floating
    address without asking, as some clouds arrange it.
    """

    provider: ClassVar[str] = "openstack"
    facts: ClassVar[str] = (
        "The flavors are those that DevStack creates, as of 2026; the images are of the usual distributions."
    )
    endpoint: ClassVar[str] = "https://cloud.example/identity/v3"
    creates = "POST /servers"
    proof = "password"
    unknown_node = "00000000-0000-4000-8000-00000000dead"
    services: ClassVar[Mapping[str, tuple[Service, tuple[str, ...]]]] = {
        "identity": (keystone, ("v3",)),
        "compute": (nova, ("v2.1", "v2")),
        "image": (glance, ("v2",)),
        "network": (neutron, ("v2.0",)),
    }
    account: ClassVar[Account] = Account(
        user_id="a1b0c0d0e0f04a5b8c7d6e5f40302010",
        username="harbour",
        password="tide",  # noqa: S106 - a world without secrets
        domain_id="default",
        domain="Default",
        projects=(
            Project("7c0ffee07c0ffee07c0ffee07c0ffee0", "quay"),
            Project("9d0ffee09d0ffee09d0ffee09d0ffee0", "pier"),
        ),
        credential_id="c3d0c3d0c3d04a5b8c7d6e5f40302010",
        credential_name="ci",
        credential_secret="ebb",  # noqa: S106 - a world without secrets
    )
    region_names: ClassVar[tuple[str, ...]] = ("north-1", "south-1")

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        latency: float = 0.0,
        boot: float = 2.0,
        rate: float | None = None,
        token_life: float = 3600.0,
        page: int = 1000,
        max_instances: int = -1,
        auto_floating: bool = True,
    ) -> None:
        super().__init__(now=now, latency=latency, boot=boot, rate=rate)
        self.cloud = Cloud(
            now=self.now,
            boot=boot,
            token_life=token_life,
            page=page,
            max_instances=max_instances,
            auto_floating=auto_floating,
            account=self.account,
            regions={name: self.region(name, number) for number, name in enumerate(self.region_names)},
        )
        self.cloud.booted = lambda server: self.ssh.console(self.machine(server))

    def region(self, name: str, number: int) -> Region:
        """What the operator provides in a region."""
        return site.region(name, number, self.account.projects[0].id, SETUP)

    @property
    def credentials(self) -> Mapping[str, str]:
        """A user's name and password, and the project to work in."""
        account = self.account
        return {
            "username": account.username,
            "password": account.password,
            "project": account.projects[0].name,
        }

    @property
    def application_credential(self) -> Mapping[str, str]:
        """The same user's application credential, good for the same project."""
        return {
            "application_credential_id": self.account.credential_id,
            "application_credential_secret": self.account.credential_secret,
        }

    def revoke_tokens(self) -> None:
        """Let every token be refused from now on."""
        self.cloud.tokens.clear()

    def fail_scheduling(self, times: int = 1) -> None:
        """Let the next servers go to ERROR, since no host has room for them."""
        self.cloud.unschedulable += times

    def nodes(self) -> Iterator[Server]:
        """The servers of all regions."""
        return (each for region in self.cloud.regions.values() for each in region.servers.values())

    def addresses(self, node: Server) -> list[str]:
        """The fixed ones, and the floating ones that lead to them."""
        if all(region.servers.get(node.id) is not node for region in self.cloud.regions.values()):
            return []
        floating = [port.floating.address for port in node.ports if port.floating is not None]
        return [*floating, *(address for port in node.ports for address in port.fixed)]

    def machine(self, node: Server) -> Machine:
        """Beside root, the image's usual user may log in."""
        return Machine(
            id=node.id,
            name=node.name,
            running=node.state.seen(self.now()) == "active",
            users=users_of(self._image_name(node)),
            keys=(node.public_key,) if node.public_key else (),
            password=node.password,
            user_data=base64.b64decode(node.user_data) if node.user_data else None,
            mark=node.installed,
        )

    def _image_name(self, node: Server) -> str:
        images = [region.images[node.image] for region in self.cloud.regions.values() if node.image in region.images]
        return images[0].name if images else ""

    def populate(self, count: int, *, region: str | None = None) -> None:
        """Put that many running servers into a region, or spread them over all; needs no event loop."""
        names = [region] if region else list(self.region_names)
        for number in range(count):
            home = self.cloud.regions[names[number % len(names)]]
            self._settle(home, len(home.servers))

    def _settle(self, home: Region, number: int) -> None:
        moment, project = SETUP + timedelta(seconds=number), self.account.projects[0].id
        flavors, images = tuple(home.flavors.values()), tuple(home.images)
        server = Server(
            id=str(uuid4()),
            name=f"quay-{number}",
            project=project,
            user=self.account.user_id,
            flavor=flavors[number % len(flavors)],
            image=images[number % len(images)],
            zone=home.zones[number % len(home.zones)],
            created=moment,
            launched=moment,
            updated=moment,
            state=Phases("active"),
        )
        networks = self.cloud.default_networks(home)
        server.ports = [home.add_port(network, project, server.id) for network in networks]
        outside = home.network(external=True)
        if self.cloud.auto_floating and outside is not None:
            home.add_floating_ip(outside, project, server.ports[0]).automatic = True
        home.servers[server.id] = server

    def locate(self, request: Request) -> Place | None:
        """Where the URL leads: /[region/]service[/version[/project]]/path."""
        parts, regions = request.url.path.split("/")[1:], self.cloud.regions
        region, root = next(iter(regions.values())), str(request.url.origin())
        if parts[0] in regions:
            region, root = regions[parts[0]], f"{root}/{parts[0]}"
            parts = parts[1:]
        if not parts or parts[0] not in self.services:
            return None
        service, prefixes = self.services[parts[0]]
        place = Place(service, region, f"{root}/{parts[0]}", "", "/" + "/".join(parts[1:]))
        if len(parts) < 3 or parts[1] not in prefixes or not parts[2]:
            return replace(place, base=f"{place.root}/{prefixes[0]}")
        base, rest, project = f"{place.root}/{parts[1]}", parts[2:], ""
        if service is nova and len(rest) > 1 and PROJECT_ID.fullmatch(rest[0]):
            project, *rest = rest
            base += f"/{project}"
        path = "/" + "/".join(rest)
        return replace(place, base=base, path=path, prefix=parts[1], project=project)

    def operation(self, request: Request) -> str:
        """The method, the path within the service with ids as {id}, and the word of an action."""
        place = self.locate(request)
        path = place.path if place else request.url.path
        known = place.service.candidates(path) if place else ()
        pattern = next((re.sub(r"\{\w+\}", "{id}", route.pattern) for route, _ in known), path)
        name = f"{request.method} {pattern}"
        return f"{name} {_first_word(request.body)}".rstrip() if pattern.endswith("/action") else name

    def answer(self, request: Request) -> Response:
        """Do what the request asks, and answer."""
        place = self.locate(request)
        if place is None:
            return Response(status=404, headers=headers_of({"Content-Type": "text/plain"}), body=b"Not Found")
        ask = Ask(request, self.cloud, place.region, place.root, place.base, place.path)
        with_versions = place.service is nova and place.prefix != "v2" and not self.cloud.legacy
        try:
            if not any(route.public for route, _ in place.service.candidates(place.path)):
                ask.token = self.cloud.token(request.headers.get("X-Auth-Token"))
                if ask.token is None:
                    return self.unauthenticated(ask)
                self._check_project(ask, place)
            ask.version = microversion(ask) if with_versions else (2, 0)
            route, ask.params = place.service.find(request.method, place.path, ask.version)
            response = route.handler(ask)
        except Failure as failure:
            response = place.service.render(ask, failure)
        return _with_version(response, ask.version) if with_versions else response

    def _check_project(self, ask: Ask, place: Place) -> None:
        if place.service.name == "identity":
            return
        project = ask.project  # refuses a token that is good for none
        if place.project and place.project != project:
            raise Failure(
                400,
                f"Malformed request URL: URL's project_id '{place.project}' doesn't match Context's "
                f"project_id '{project}'",
            )

    def unauthenticated(self, ask: Ask) -> Response:
        """The answer of the filter before every service to a token that is missing or no longer good."""
        error = {
            "code": 401,
            "title": "Unauthorized",
            "message": "The request you have made requires authentication.",
        }
        return reply(401, {"error": error}, WWW_Authenticate=f'Keystone uri="{ask.origin}/identity"')

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429, with the seconds to wait."""
        seconds = str(math.ceil(retry_after))
        fault = {"code": 429, "message": "This request was rate-limited.", "retryAfter": seconds}
        return reply(429, {"overLimit": fault}, Retry_After=seconds)

    def no_capacity(self, request: Request) -> Response:
        """202 as ever: only later it turns out that no host has room, and the server goes to ERROR."""
        self.fail_scheduling()
        return self.answer(request)


def _first_word(body: bytes) -> str:
    try:
        return str(next(iter(json.loads(body)), ""))
    except (ValueError, TypeError):
        return ""


def _with_version(response: Response, version: Microversion) -> Response:
    headers = CIMultiDict(response.headers)
    headers[MODERN_HEADER] = f"compute {text(version)}"
    headers[OLD_HEADER] = text(version)
    headers["Vary"] = f"{MODERN_HEADER}, {OLD_HEADER}"
    return replace(response, headers=CIMultiDictProxy(headers))
