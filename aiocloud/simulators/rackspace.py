"""Rackspace's public cloud in miniature: an OpenStack of its own age, behind an identity of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.openstack.glance import glance
from aiocloud.simulators.openstack.neutron import neutron
from aiocloud.simulators.openstack.nova import nova, render
from aiocloud.simulators.openstack.simulator import SETUP, OpenStackSimulator, Place
from aiocloud.simulators.openstack.site import GIB, identifier
from aiocloud.simulators.openstack.wire import Ask, Failure, Payload, Service, reply, stamp
from aiocloud.simulators.openstack.world import (
    Account,
    Flavor,
    Network,
    Picture,
    Project,
    Region,
    SecurityGroup,
    Server,
    Token,
)

# id, name, RAM MiB, disk GiB, vcpus, ephemeral GiB, rxtx_factor
FLAVORS = (
    ("2", "512MB Standard Instance", 512, 20, 1, 0, 80.0),
    ("3", "1GB Standard Instance", 1024, 40, 1, 0, 120.0),
    ("4", "2GB Standard Instance", 2048, 80, 2, 0, 240.0),
    ("5", "4GB Standard Instance", 4096, 160, 2, 0, 400.0),
    ("6", "8GB Standard Instance", 8192, 320, 4, 0, 600.0),
    ("7", "15GB Standard Instance", 15360, 620, 6, 0, 800.0),
    ("8", "30GB Standard Instance", 30720, 1200, 8, 0, 1200.0),
    ("compute1-4", "3.75 GB Compute v1", 3840, 0, 2, 0, 312.5),
    ("compute1-8", "7.5 GB Compute v1", 7680, 0, 4, 0, 625.0),
    ("compute1-15", "15 GB Compute v1", 15360, 0, 8, 0, 1250.0),
    ("compute1-30", "30 GB Compute v1", 30720, 0, 16, 0, 2500.0),
    ("compute1-60", "60 GB Compute v1", 61440, 0, 32, 0, 5000.0),
    ("general1-1", "1 GB General Purpose v1", 1024, 20, 1, 0, 200.0),
    ("general1-2", "2 GB General Purpose v1", 2048, 40, 2, 0, 400.0),
    ("general1-4", "4 GB General Purpose v1", 4096, 80, 4, 0, 800.0),
    ("general1-8", "8 GB General Purpose v1", 8192, 160, 8, 0, 1600.0),
    ("io1-15", "15 GB I/O v1", 15360, 40, 4, 150, 1250.0),
    ("io1-30", "30 GB I/O v1", 30720, 40, 8, 300, 2500.0),
    ("io1-60", "60 GB I/O v1", 61440, 40, 16, 600, 5000.0),
    ("io1-90", "90 GB I/O v1", 92160, 40, 24, 900, 7500.0),
    ("io1-120", "120 GB I/O v1", 122880, 40, 32, 1200, 10000.0),
    ("memory1-15", "15 GB Memory v1", 15360, 0, 2, 0, 625.0),
    ("memory1-30", "30 GB Memory v1", 30720, 0, 4, 0, 1250.0),
    ("memory1-60", "60 GB Memory v1", 61440, 0, 8, 0, 2500.0),
    ("memory1-120", "120 GB Memory v1", 122880, 0, 16, 0, 5000.0),
    ("memory1-240", "240 GB Memory v1", 245760, 0, 32, 0, 10000.0),
)

# name, family as OpenStack writes it, reversed domain of its maker, version
IMAGES = (
    ("AlmaLinux 9", "almalinux", "org.almalinux", "9"),
    ("CentOS 7 (PVHVM)", "centos", "org.centos", "7"),
    ("Debian 11 (Bullseye) (PVHVM)", "debian", "org.debian", "11"),
    ("Debian 12 (Bookworm) (PVHVM)", "debian", "org.debian", "12"),
    ("Fedora 40 (PVHVM)", "fedora", "org.fedoraproject", "40"),
    ("Rocky Linux 9", "rocky", "org.rockylinux", "9"),
    ("Ubuntu 20.04 LTS (Focal Fossa) (PVHVM)", "ubuntu", "com.ubuntu", "20.04"),
    ("Ubuntu 22.04 LTS (Jammy Jellyfish) (Cloud)", "ubuntu", "com.ubuntu", "22.04"),
    ("Ubuntu 24.04 LTS (Noble Numbat) (Cloud)", "ubuntu", "com.ubuntu", "24.04"),
    ("Windows Server 2022", "windows", "com.microsoft.server", "2022"),
)

PUBLIC_NET = "00000000-0000-0000-0000-000000000000"
SERVICE_NET = "11111111-1111-1111-1111-111111111111"
UNABLE = "Unable to authenticate user with credentials provided."

# name, type, and the endpoint's path in a region
SERVICES = (
    ("cloudServersOpenStack", "compute", "/compute/v2/{tenant}"),
    ("cloudImages", "image", "/image/v2"),
    ("cloudNetworks", "network", "/network/v2.0"),
    ("cloudBlockStorage", "volume", "/volume/v1/{tenant}"),
)

identity = Service("identity", render)


@identity.route("POST /tokens", public=True)
def sign_in(ask: Ask) -> Response:
    """A token for an API key, a password or an older token."""
    auth = ask.part("auth")
    method, until = _proof(ask, auth)
    tenant = ask.cloud.account.projects[0]
    if auth.get("tenantId", tenant.id) != tenant.id or auth.get("tenantName", tenant.name) != tenant.name:
        raise Failure(401, UNABLE)
    return reply(200, {"access": _access(ask, ask.cloud.issue(tenant, (method,), until))})


def _proof(ask: Ask, auth: Payload) -> tuple[str, datetime | None]:
    account = ask.cloud.account
    for word, secret, expected, method in (
        ("RAX-KSKEY:apiKeyCredentials", "apiKey", account.api_key, "APIKEY"),
        ("passwordCredentials", "password", account.password, "PASSWORD"),
    ):
        given = auth.get(word)
        if isinstance(given, dict):
            if (given.get("username"), given.get(secret)) != (account.username, expected):
                raise Failure(401, UNABLE)
            return method, None
    older = auth.get("token")
    if not isinstance(older, dict):
        raise Failure(400, "Invalid request body: unable to parse Auth data. Please review XML or JSON formatting.")
    token = ask.cloud.token(older.get("id"))
    if token is None:
        raise Failure(401, UNABLE)
    return "PASSWORD", token.expires


def _access(ask: Ask, token: Token) -> Payload:
    account = ask.cloud.account
    tenant = {"id": account.projects[0].id, "name": account.projects[0].name}
    return {
        "token": {
            "id": token.id,
            "expires": token.expires.strftime("%Y-%m-%dT%H:%M:%S.") + f"{token.expires.microsecond // 1000:03}Z",
            "tenant": tenant,
            "RAX-AUTH:authenticatedBy": list(token.methods),
        },
        "serviceCatalog": _catalog(ask, account.projects[0].id),
        "user": {
            "id": account.user_id,
            "name": account.username,
            "roles": [{"id": "3", "name": "identity:user-admin", "description": "User Admin Role."}],
            "RAX-AUTH:defaultRegion": "IAD",
        },
    }


def _catalog(ask: Ask, tenant: str) -> list[Payload]:
    # The first generation of servers is of the same type as the next, and was in no region.
    first = {"publicURL": f"{ask.origin}/v1.0/{tenant}", "tenantId": tenant}
    catalog: list[Payload] = [{"name": "cloudServers", "type": "compute", "endpoints": [first]}]
    for name, kind, path in SERVICES:
        endpoints = [
            {
                "region": region,
                "tenantId": tenant,
                "publicURL": f"{ask.origin}/{region}{path.format(tenant=tenant)}",
            }
            for region in ask.cloud.regions
        ]
        catalog.append({"name": name, "type": kind, "endpoints": endpoints})
    return catalog


@identity.route("GET /tenants")
def list_tenants(ask: Ask) -> Response:
    """The one account that the user has."""
    tenants = [{"id": tenant.id, "name": tenant.name, "enabled": True} for tenant in ask.cloud.account.projects]
    return reply(200, {"tenants": tenants})


@identity.route("DELETE /tokens")
def revoke_token(ask: Ask) -> Response:
    """An end to the token with which this was asked."""
    assert ask.token is not None  # noqa: S101 - the route is not public
    del ask.cloud.tokens[ask.token.id]
    return reply(204)


def dress_flavor(flavor: Flavor, view: Payload) -> Payload:
    """A flavor as Rackspace shows it: its class says what it is for."""
    for word in ("os-flavor-access:is_public", "OS-FLV-DISABLED:disabled"):
        view.pop(word, None)
    return {**view, "OS-FLV-WITH-EXT-SPECS:extra_specs": dict(flavor.specs)}


def dress_server(server: Server, view: Payload) -> Payload:
    """A server as Rackspace shows it: plain addresses in two pools, and a few words of its own."""
    for word in ("security_groups", "OS-EXT-AZ:availability_zone", "os-extended-volumes:volumes_attached"):
        view.pop(word, None)
    pools = {
        pool: [{"addr": each["addr"], "version": each["version"]} for each in addresses]
        for pool, addresses in view["addresses"].items()
    }
    public = {each["version"]: each["addr"] for each in pools.get("public", ())}
    return {
        **view,
        "addresses": pools,
        "accessIPv4": public.get(4, ""),
        "accessIPv6": public.get(6, ""),
        "progress": 100 if view["addresses"] else 0,
        "rax-bandwidth:bandwidth": [],
        "RAX-PUBLIC-IP-ZONE-ID:publicIPZoneId": identifier("zone", view["hostId"]) if public else None,
    }


def _flavor(row: tuple[str, str, int, int, int, int, float]) -> Flavor:
    family = row[0].partition("-")[0] if "-" in row[0] else "standard1"
    specs = {
        "class": family,
        "policy_class": f"{family.rstrip('1')}_flavor",
        "disk_io_index": "-1" if row[3] == 0 else "2" if family == "standard1" else "40",
        "number_of_data_disks": str(-(-row[5] // 300)),
    }
    return Flavor(*row, specs=specs)


def _image(region: str, number: int, row: tuple[str, str, str, str]) -> Picture:
    name, family, maker, version = row
    return Picture(
        id=identifier("rackspace", region, name),
        name=name,
        created=SETUP - timedelta(days=30 * number),
        min_disk=20,
        min_ram=512,
        size=GIB // 2,
        disk_format="vhd",
        container_format="ovf",
        owner="rackspace",
        protected=True,
        properties={
            "os_distro": family,
            "os_type": "windows" if family == "windows" else "linux",
            "org.openstack__1__os_distro": maker,
            "org.openstack__1__os_version": version,
            "org.openstack__1__architecture": "x64",
            "image_type": "base",
            "vm_mode": "hvm",
            "flavor_classes": "*",
        },
    )


def both_networks(region: Region) -> list[Network]:
    """On which every new server is when nobody says otherwise."""
    return [region.networks[PUBLIC_NET], region.networks[SERVICE_NET]]


class RackspaceSimulator(OpenStackSimulator):
    """Rackspace's public cloud: its own identity and six regions of a Nova without microversions.

    Every server is on PublicNet and ServiceNet, and there are no floating addresses.
    """

    provider: ClassVar[str] = "rackspace"
    facts: ClassVar[str] = (
        "The flavors are those of Rackspace's developer guide for Cloud Servers of 2015; its API tells no prices."
    )
    endpoint: ClassVar[str] = "https://identity.api.rackspacecloud.com/v2.0"
    creates = "POST /servers"
    proof = "api_key"
    unknown_node = "00000000-0000-4000-8000-00000000dead"
    services: ClassVar[Mapping[str, tuple[Service, tuple[str, ...]]]] = {
        "compute": (nova, ("v2",)),
        "image": (glance, ("v2",)),
        "network": (neutron, ("v2.0",)),
    }
    account: ClassVar[Account] = Account(
        user_id="42",
        username="harbour",
        password="tide",  # noqa: S106 - a world without secrets
        domain_id="",
        domain="",
        projects=(Project("731020", "731020"),),
        api_key="00112233445566778899aabbccddeeff",
    )
    region_names: ClassVar[tuple[str, ...]] = ("DFW", "ORD", "IAD", "LON", "SYD", "HKG")

    def __init__(self, *, token_life: float = 86400.0, **behaviour: Any) -> None:
        super().__init__(token_life=token_life, auto_floating=False, **behaviour)
        self.cloud.legacy = True
        self.cloud.default_networks = both_networks
        self.cloud.dress_server = dress_server
        self.cloud.dress_flavor = dress_flavor

    def region(self, name: str, number: int) -> Region:
        """What Rackspace provides in a region."""
        project = self.account.projects[0].id
        group = SecurityGroup(identifier(name, "default"), "default", "default", project, SETUP)
        flavors = [_flavor(row) for row in FLAVORS]
        images = [_image(name, place, row) for place, row in enumerate(IMAGES)]
        public = int(IPv4Address("198.18.0.0")) + number * 2**14, int(IPv6Address("2001:db8::")) + number * 2**64
        networks = (
            Network(PUBLIC_NET, "public", *public),
            Network(SERVICE_NET, "private", int(IPv4Address("10.176.0.0")) + number * 2**16, None),
        )
        return Region(
            name=name,
            zones=("nova",),
            flavors={flavor.id: flavor for flavor in flavors},
            images={image.id: image for image in images},
            networks={network.id: network for network in networks},
            groups={group.id: group},
        )

    @property
    def credentials(self) -> Mapping[str, str]:
        """A user's name and API key."""
        return {"username": self.account.username, "api_key": self.account.api_key}

    def locate(self, request: Request) -> Place | None:
        """Where the URL leads: /v2.0/path for identity, /region/service/version/path for the rest."""
        parts = request.url.path.split("/")[1:]
        if parts[0] != "v2.0":
            return super().locate(request)
        root = str(request.url.origin())
        region = next(iter(self.cloud.regions.values()))
        return Place(identity, region, root, f"{root}/v2.0", "/" + "/".join(parts[1:]), "v2.0")

    def unauthenticated(self, ask: Ask) -> Response:
        """The proxy at the edge answers, and in plain text."""
        message = (
            "401 Unauthorized\n\nThis server could not verify that you are authorized to access the document "
            "you requested."
        )
        headers = {"Content-Type": "text/plain", "WWW-Authenticate": f"Keystone uri={ask.origin}"}
        return Response(status=401, headers=headers_of(headers), body=message.encode())

    def throttled(self, request: Request, retry_after: float) -> Response:
        """413, as rate limits were told before there was a 429."""
        seconds = math.ceil(retry_after)
        fault = {
            "code": 413,
            "message": "OverLimit Retry...",
            "details": "Error Details...",
            "retryAfter": stamp(self.after(seconds)),
        }
        return reply(413, {"overLimit": fault}, Retry_After=str(seconds))
