"""An account at a cloud that runs OpenStack: signing in, the catalogue, the regions."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self, Unpack

from aiocloud.dialects.openstack.identity import Catalogue, SignIn
from aiocloud.dialects.openstack.regions import ACCEPT, Region, parse
from aiocloud.dialects.openstack.shapes import ERRORS
from aiocloud.driver import Driver, Options, id_of
from aiocloud.errors import ConfigurationError
from aiocloud.http.auth import Token, TokenAuth
from aiocloud.http.client import Api, Client
from aiocloud.http.ratelimit import RateLimiter
from aiocloud.models import Location


class OpenStackAccount(Driver):
    """Providers say how to sign in; the catalogue says where the rest is.

    `region` is one, several or none: then all of the catalogue take part. Locations are the regions. A node id without
    its Node is looked for in all of them; so give the Node where you have it.

    ex_interface   which of a service's endpoints to use: public, internal or admin
    ex_endpoints   URLs by service (compute, image, network), in place of the catalogue's; `{region}` and
                   `{project_id}` in them are filled in. It is also the way to permit plain HTTP where the catalogue
                   names it while signing in is over https: without it the token is not sent there
    ex_countries   ISO country codes by region, which no catalogue tells
    microversion   the compute microversion to speak. By default the best up to 2.46; from 2.47 on servers do not
                   tell their flavor's id, so that `Node.size` is None. With "" none is asked for
    compute_name   for providers: which service of type compute, where the catalogue has several
    """

    protocol = "OpenStack: Keystone, Nova 2.1, Glance 2, Neutron 2, JSON"
    api = Api(errors=ERRORS, headers=ACCEPT)
    places: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """ISO country and city by region, where the provider's documentation tells."""

    def __init__(
        self,
        sign_in: SignIn,
        *,
        compute_name: str | None = None,
        microversion: str | None = None,
        ex_interface: str = "public",
        ex_endpoints: Mapping[str, str] | None = None,
        ex_countries: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self.redactor.add(sign_in.secret)
        if microversion and parse(microversion) is None:
            raise ConfigurationError(f"a microversion is written as in '2.46', not {microversion!r}")
        for region, country in (ex_countries or {}).items():
            if not re.fullmatch("[A-Z]{2}", country):
                raise ConfigurationError(f"ex_countries: {country!r} for {region} is no ISO code such as 'DE'")
        self._compute_name = compute_name
        self._microversion = microversion
        self._interface = ex_interface
        self._overrides = dict(ex_endpoints or {})
        self._countries = dict(ex_countries or {})
        self._identity = self.connect(endpoint=sign_in.url(self.endpoint or self.api.base_url))
        self._known: dict[str, Region] = {}  # shared with the driver's parts

        async def fetch() -> Token:
            return await sign_in(self._identity)

        self._token = TokenAuth(fetch, header="X-Auth-Token", now=self.now, redactor=self.redactor)

    # ---- regions ----

    async def _catalogue(self) -> Catalogue:
        token = await self._token.token()
        return Catalogue(
            provider=self.provider,
            account=self.account,
            endpoints=token.data["endpoints"],
            project=token.data["project"],
            interface=self._interface,
            overrides=self._overrides,
            secure=self._identity.base_url.scheme == "https",
            compute_name=self._compute_name,
        )

    async def _regions(self) -> list[Region]:
        """The regions to work in: those that were asked for, or all. Raises NotFoundError for one that is not there."""
        catalogue = await self._catalogue()
        there = catalogue.regions()
        asked = [self.region] if isinstance(self.region, str) else list(self.region or there)
        if not asked:
            raise ConfigurationError(
                f"{self.provider}: signing in gave no {self._interface} compute endpoint. Name the `project` to work "
                "in, or the `ex_endpoints` and the `region`"
            )
        if len(asked) > 1 and "{region}" not in self._overrides.get("compute", "{region}"):
            raise ConfigurationError(f"ex_endpoints needs {{region}} in its URL of compute, for there are {asked}")
        return [self._at(catalogue, name) for name in asked]

    async def _region(self, name: str) -> Region:
        return self._at(await self._catalogue(), name)

    def _at(self, catalogue: Catalogue, asked: str) -> Region:
        name = next((each for each in catalogue.regions() if each.casefold() == asked.casefold()), None)
        if name is None:
            if "compute" not in self._overrides:
                raise catalogue.missing("compute", asked)
            name = asked
        if name not in self._known:
            self._known[name] = self._new_region(catalogue, name)
        return self._known[name]

    def _new_region(self, catalogue: Catalogue, name: str) -> Region:
        limiter = RateLimiter(self._limits or self.api.limits, now=self.now)

        def connect(api: Api, url: str) -> Client:
            return self.connect(api, endpoint=url, auth=self._token, limiter=limiter)

        def url(service: str) -> str:
            return catalogue.url(service, name)

        return Region(name, url=url, connect=connect, microversion=self._microversion)

    async def _one(self, location: Location | str | None) -> Region:
        """The region of that name, or the only one there is."""
        if location is not None:
            return await self._region(id_of(location))
        regions = await self._regions()
        if len(regions) > 1:
            names = ", ".join(region.name for region in regions)
            raise ConfigurationError(
                f"{self.provider} needs a `location`, or a `region` for the driver; there are: {names}"
            )
        return regions[0]

    async def _those(self, location: Location | str | None) -> list[Region]:
        return [await self._region(id_of(location))] if location is not None else await self._regions()

    async def parts(self) -> Sequence[Self]:
        """A driver for each region."""
        regions = await self._regions()
        return [self._part(region.name) for region in regions] if len(regions) > 1 else [self]

    def _part(self, region: str) -> Self:
        _ = self.transport  # opened here, so that it is this driver that closes it
        part = copy.copy(self)
        part.part = part.region = region
        part._own_session = None
        return part
