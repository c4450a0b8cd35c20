"""OVHcloud Public Cloud behind one address: Keystone under /v3, its regions' services, its own API under /1.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar

from aiocloud.http.message import Request, Response
from aiocloud.simulators.openstack.simulator import SETUP, OpenStackSimulator, Place
from aiocloud.simulators.openstack.site import GIB, identifier
from aiocloud.simulators.openstack.wire import Failure
from aiocloud.simulators.openstack.world import Account, Flavor, Network, Picture, Project, Region, SecurityGroup

# Its module adds the routes of keys and instances when it is imported.
from aiocloud.simulators.ovh import instances
from aiocloud.simulators.ovh.api import Keys, Signing, api
from aiocloud.simulators.ovh.catalogue import FACTS, ROWS

__all__ = ["OVHSimulator", "instances"]

PUBLIC = "Ext-Net"
NEWEST = ("b3-", "c3-", "r3-")
"""The families that a region of three zones has."""

# name, and whom it lets in
IMAGES = (
    ("AlmaLinux 9", "almalinux"),
    ("Debian 12", "debian"),
    ("Debian 13", "debian"),
    ("Fedora 43", "fedora"),
    ("Rocky Linux 9", "rocky"),
    ("Ubuntu 22.04", "ubuntu"),
    ("Ubuntu 24.04", "ubuntu"),
    ("Windows Server 2022 Standard (Desktop)", "Administrator"),
)


def on_the_internet(region: Region) -> list[Network]:
    """On which a new server is when nobody says otherwise. Raises Failure 409 where there are several networks."""
    mine = list(region.networks.values())
    if len(mine) > 1:
        raise Failure(409, "Multiple possible networks found, use a Network ID to be more specific.")
    return mine


class OVHSimulator(OpenStackSimulator):
    """Regions of one zone, and one of three. Each server has public addresses of its own, and none is floating.

    `private_network` gives the project a network of its own in each region. `keys` are those of OVHcloud's API.
    """

    provider: ClassVar[str] = "ovh"
    endpoint: ClassVar[str] = "https://auth.cloud.ovh.net/v3"
    as_of: ClassVar[date | None] = date.fromisoformat(FACTS["as_of"])
    facts: ClassVar[str] = (
        "Flavors and prices in euros are those of OVHcloud's order catalogue of 2026-08-14 (ovhSubsidiary=DE), as "
        "https://github.com/mixxor/eu-cloud-prices has recorded them; that of c3-8 and b3-8 alone is known for three "
        "zones. Which region has which flavor is invented."
    )
    account: ClassVar[Account] = Account(
        user_id="a1b0c0d0e0f04a5b8c7d6e5f40302010",
        username="user-harbour",
        password="tide-tide",  # noqa: S106 - a world without secrets
        domain_id="default",
        domain="Default",
        projects=(Project("7c0ffee07c0ffee07c0ffee07c0ffee0", "4815162342108"),),
        credential_id="c3d0c3d0c3d04a5b8c7d6e5f40302010",
        credential_name="ci",
        credential_secret="ebb-ebb",  # noqa: S106 - a world without secrets
    )
    region_names: ClassVar[tuple[str, ...]] = ("GRA11", "BHS5", "EU-WEST-PAR", "SYD1")

    def __init__(self, *, private_network: bool = False, **behaviour: Any) -> None:
        self.private_network = private_network
        super().__init__(auto_floating=False, **behaviour)
        self.cloud.default_networks = on_the_internet
        self.keys = Keys("harbourAppKey01", "harbourAppSecret0123456789abcdef", "harbourConsumerKey0123456789abcd")

    def region(self, name: str, number: int) -> Region:
        """What OVHcloud provides in a region; flavors and images have ids of their own in each."""
        project = self.account.projects[0].id
        group = SecurityGroup(identifier(name, "default"), "default", "Default security group", project, SETUP)
        three = name == "EU-WEST-PAR"
        return Region(
            name=name,
            zones=tuple(f"{name.lower()}-{zone}" for zone in "abc") if three else ("nova",),
            flavors={flavor.id: flavor for flavor in _flavors(name, three)},
            images={image.id: image for image in _images(name)},
            networks={network.id: network for network in self._networks(name, number)},
            groups={group.id: group},
        )

    def _networks(self, region: str, number: int) -> list[Network]:
        v4, v6 = int(IPv4Address("198.18.0.0")) + number * 2**14, int(IPv6Address("2001:db8::")) + number * 2**64
        public = Network(identifier("ovh", region, PUBLIC), PUBLIC, v4, v6, external=True)
        inside = int(IPv4Address("10.0.0.0")) + number * 2**16
        own = [Network(identifier("ovh", region, "vrack"), "vrack-0", inside, None)] if self.private_network else []
        return [*own, public]

    @property
    def credentials(self) -> Mapping[str, str]:
        """A user's name and password, and the project."""
        account = self.account
        return {
            "username": account.username,
            "password": account.password,
            "project_id": account.projects[0].id,
        }

    def locate(self, request: Request) -> Place | None:
        """Where the URL leads: Keystone has a host of its own, and so has OVHcloud's API."""
        path = request.url.path
        if path == "/1.0" or path.startswith("/1.0/"):
            region = next(iter(self.cloud.regions.values()))
            root = str(request.url.origin())
            return Place(api, region, root, f"{root}/1.0", path.removeprefix("/1.0") or "/")
        if path in ("/", "/v3") or path.startswith("/v3/"):
            request = replace(request, url=request.url.with_path(f"/identity{path}"))
        return super().locate(request)

    def operation(self, request: Request) -> str:
        """As OpenStack names it; under /1.0 of OVHcloud's API."""
        name = super().operation(request)
        place = self.locate(request)
        return name.replace(" ", " /1.0", 1) if place is not None and place.service is api else name

    def answer(self, request: Request) -> Response:
        """Do what the request asks, and answer. OVHcloud's API has no tokens but signatures."""
        place = self.locate(request)
        if place is None or place.service is not api:
            return super().answer(request)
        ask = Signing(request, self.cloud, place.region, place.root, place.base, place.path, keys=self.keys)
        try:
            route, ask.params = api.find(request.method, place.path, (2, 1))
            if not route.public:
                ask.check()
            return route.handler(ask)
        except Failure as failure:
            return api.render(ask, failure)


def _flavors(region: str, three_zones: bool) -> list[Flavor]:
    """Nova's flavors: 7 GB are 7000 MiB. Those for Windows, and with a small disk, are no plans of the catalogue's."""
    rows = [row for row in ROWS.values() if not three_zones or row.name.startswith(NEWEST)]
    flavors = [(row.name, row.ram * 1000, row.disk, row.vcpus) for row in rows]
    others = [] if three_zones else [("b2-7-flex", 7000, 50, 2), ("win-b2-7", 7000, 50, 2)]
    return [
        Flavor(identifier("ovh", region, name), name, ram, disk, vcpus)
        for name, ram, disk, vcpus in [*flavors, *others]
    ]


def _images(region: str) -> list[Picture]:
    return [
        Picture(
            id=identifier("ovh", region, "image", name),
            name=name,
            created=SETUP - timedelta(days=30 * number),
            size=GIB // 2,
            disk_format="raw",
            owner=identifier("ovh").replace("-", ""),
            protected=True,
            properties={"image_original_user": user, "hw_qemu_guest_agent": "yes"},
        )
        for number, (name, user) in enumerate(IMAGES)
    ]
