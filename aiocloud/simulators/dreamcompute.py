"""DreamCompute in miniature: an OpenStack of one region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from aiocloud.http.message import Request
from aiocloud.simulators.openstack.simulator import OpenStackSimulator, Place
from aiocloud.simulators.openstack.world import Flavor, Region

# id, name, RAM MiB, disk GiB, vcpus
FLAVORS = (
    ("50", "gp1.semisonic", 512, 80, 1),
    ("100", "gp1.subsonic", 1024, 80, 1),
    ("200", "gp1.supersonic", 2048, 80, 1),
    ("300", "gp1.lightspeed", 4096, 80, 2),
    ("400", "gp1.warpspeed", 8192, 80, 4),
    ("500", "gp1.hyperspeed", 16384, 80, 8),
)


class DreamComputeSimulator(OpenStackSimulator):
    """The one region, with flavors named as DreamHost's are."""

    provider: ClassVar[str] = "dreamcompute"
    endpoint: ClassVar[str] = "https://iad2.dream.io:5000/v3"
    facts: ClassVar[str] = (
        "The region is that of openstacksdk's vendor profile; the flavors are those that DreamHost listed about 2018, "
        "from memory, with invented ids; no API tells prices."
    )
    region_names: ClassVar[tuple[str, ...]] = ("RegionOne",)

    def region(self, name: str, number: int) -> Region:
        """With DreamHost's flavors."""
        region = super().region(name, number)
        flavors = [Flavor(*row) for row in FLAVORS]
        region.flavors = {flavor.id: flavor for flavor in flavors}
        return region

    def locate(self, request: Request) -> Place | None:
        """Identity has a port of its own, and no word in the path."""
        path = request.url.path
        if path in ("/", "/v3") or path.startswith("/v3/"):
            request = replace(request, url=request.url.with_path(f"/identity{path}"))
        return super().locate(request)

    @property
    def credentials(self) -> Mapping[str, str]:
        """A user's name and password, and the project."""
        account = self.account
        return {"username": account.username, "password": account.password, "project": account.projects[0].name}
