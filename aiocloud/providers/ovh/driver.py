"""The OVHcloud driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, Unpack

from yarl import URL

from aiocloud.accounts import Account, Environment
from aiocloud.dialects.openstack import OpenStackDriver, cloudsyaml
from aiocloud.dialects.openstack.identity import Catalogue, SignIn
from aiocloud.dialects.openstack.prices import price_table
from aiocloud.dialects.openstack.regions import ACCEPT, Region
from aiocloud.dialects.openstack.shapes import ERRORS
from aiocloud.driver import Options, id_of
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.auth import Token
from aiocloud.http.client import Api, Client
from aiocloud.http.paging import Pager
from aiocloud.models import Location, Offer, Price, Size
from aiocloud.providers.ovh.market import API, HOSTS, SUBSIDIARIES, Plan, Shop
from aiocloud.providers.ovh.names import ByName
from aiocloud.providers.ovh.places import UNITED_STATES, WORLD, as_location, is_known, place_of
from aiocloud.values import Secret

KEYSTONES = dict.fromkeys(HOSTS, "https://auth.cloud.ovh.net/v3") | {"US": "https://auth.cloud.ovh.us/v3"}


class Credentials(Options, total=False):
    """What else OpenStack can sign in with, and how it is spoken to: see `OpenStack`."""

    user_id: str | None
    user_domain: str | None
    user_domain_id: str | None
    project_domain: str | None
    project_domain_id: str | None
    application_credential_name: str | None
    token: str | Secret | None
    prices: Mapping[str, Price | str] | None
    microversion: str | None
    ex_interface: str | None
    ex_endpoints: Mapping[str, str] | None
    ex_countries: Mapping[str, str] | None


class Nobody(SignIn):
    """In place of a sign-in, where there are no credentials."""

    async def __call__(self, http: Client) -> Token:
        """Raises ConfigurationError."""
        raise ConfigurationError(
            "ovh needs `username`, `password` and `project_id` for that; without them it tells sizes, prices and places"
        )


class OVH(ByName):
    """Needs the name and password of a user of OpenStack, and the `project_id`; or an application credential.

    With nothing at all it tells sizes, prices and places. Users of OpenStack are made in the control panel (*Users and
    Roles*); the keys of OVHcloud's own API are not used. Where a flavor or an image is wanted, its name will do.

    subsidiary  whose catalogue the prices are from, such as "GB": the company with which the account is; "FR" by
                default, in euros. "US" has a Keystone of its own, which is then signed in to
    cloud       the name of an entry in clouds.yaml, as for `OpenStack`
    ex_prices   whether to ask for prices, which is one large answer a day; without, there are those of `prices` alone
    ex_api      the URL of OVHcloud's API, in place of the subsidiary's. Where `endpoint` is none of OVHcloud's, the API
                is looked for on the same host, under /1.0
    """

    provider = "ovh"
    title = "OVHcloud"
    website = "https://www.ovhcloud.com/"
    public = True
    usernames = ("root", "debian", "ubuntu", "almalinux", "rocky", "fedora", "centos")
    api = Api(base_url=KEYSTONES["EU"], errors=ERRORS, headers=ACCEPT)

    def __init__(
        self,
        username: str | None = None,
        password: str | Secret | None = None,
        *,
        project_id: str | None = None,
        project: str | None = None,
        application_credential_id: str | None = None,
        application_credential_secret: str | Secret | None = None,
        cloud: str | None = None,
        subsidiary: str | None = None,
        ex_prices: bool = True,
        ex_api: str | None = None,
        **options: Unpack[Credentials],
    ) -> None:
        given = {name: value for name, value in locals().items() if name in SIGN_IN and value is not None}
        if cloud is not None:
            found = {"account": cloud, **cloudsyaml.named_cloud(cloud, Environment.current())}
            chosen: dict[str, Any] = {"subsidiary": subsidiary, "ex_prices": ex_prices, "ex_api": ex_api}
            OVH.__init__(self, **{**found, **given, **_told(options), **chosen})
            return
        seller = _subsidiary(subsidiary, options.get("endpoint"))
        own = options.get("endpoint")
        options["endpoint"] = own or KEYSTONES[SUBSIDIARIES[seller]]
        self.known = bool(given) or any(options.get(way) for way in ("user_id", "token"))
        if self.known:
            _check_whole(given, options)
            super().__init__(**{**given, **options})
        else:
            self._without_account(options)
        self._subsidiary = seller
        api = ex_api or _api_beside(own) or HOSTS[SUBSIDIARIES[seller]]
        self._shop = Shop(self.connect(API, endpoint=api), seller, self.today) if ex_prices else None
        # By region, and shared with the driver's parts.
        self._public_networks: dict[str, str | None] = {}
        self._flavors: dict[str, Mapping[str, str]] = {}

    def _without_account(self, options: Credentials) -> None:
        plain = {name: value for name, value in options.items() if name in Options.__annotations__}
        OpenStackDriver.__init__(self, Nobody({}, Secret("")), **plain)  # type: ignore[arg-type]  # each is an Options'
        self._prices = price_table(options.get("prices"), self.today())

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """What clouds.yaml and the variables OS_* have at OVHcloud's Keystones, or with its profiles."""
        return cloudsyaml.accounts(cls.provider, environment)

    async def parts(self) -> Sequence[Self]:
        """A driver for each region; without an account, the whole."""
        return await super().parts() if self.known else [self]

    # ---- places ----

    def _place(self, region: str) -> tuple[str | None, str | None]:
        return self.places.get(region) or place_of(region)

    def _at(self, catalogue: Catalogue, asked: str) -> Region:
        try:
            return super()._at(catalogue, asked)
        except NotFoundError as error:
            if not is_known(asked):
                raise
            mend = "OVHcloud has that region, and the project does not: activate it in the control panel"
            raise NotFoundError(
                f"{error.message}. {mend} (Quota and Regions)", provider=self.provider, account=self.account
            ) from None

    def _open_regions(self, place: Location | str | None = None) -> list[str]:
        """The regions of which those without an account are told."""
        if place is not None:
            return [id_of(place)]
        asked = [self.region] if isinstance(self.region, str) else self.region
        return list(asked or (UNITED_STATES if self._subsidiary == "US" else WORLD))

    def list_locations(self) -> Pager[Location]:
        """The project's regions, with their availability zones; without an account, those that are known."""
        if self.known:
            return super().list_locations()

        async def places() -> list[Location]:
            return [as_location(region) for region in self._open_regions()]

        return Pager.of(places)

    # ---- sizes and prices ----

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The flavors of a region, with its prices; where there are several, and none is named, those of one zone's.

        The id of a size is the flavor's name, since Nova's own id, which stands in `extra["id"]`, is another in each
        region.
        """

        async def lists() -> list[Pager[Size]]:
            market = await self._shop.market() if self._shop else None
            if self.known:
                return [super(OVH, self).list_sizes(location=location)]
            region = id_of(location) if location is not None else self.region
            sizes = market.sizes(region if isinstance(region, str) else None) if market else []
            return [_told_already([self._mine(size) for size in sizes])]

        return Pager.chain(lists)

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every flavor in every region, or in one, with its price there.

        Without an account these are the flavors that have a plan for regions of that kind: which region has which of
        them is told to nobody without a key, nor whether it is sold out.
        """
        if self.known:
            return super().list_offers(location=location)
        return Pager.of(lambda: self._open_offers(location))

    async def _open_offers(self, place: Location | str | None) -> list[Offer]:
        market = await self._shop.market() if self._shop else None
        return [
            offer
            for region in (self._open_regions(place) if market else ())
            for offer in self.offers_of(as_location(region), map(self._mine, market.sizes(region) if market else ()))
        ]

    def _mine(self, size: Size) -> Size:
        """With the price of the user's own table, if it has one."""
        return replace(size, price=self._prices.get(size.name) or size.price)

    def _price_of(self, size: Size, region: str | None) -> Price | None:
        own = super()._price_of(size, region)
        market = self._shop.known if self._shop else None
        return own or (market.price(size.name, region) if market else None)

    async def ex_list_plans(self) -> list[Plan]:
        """The plans of Linux instances: their codes, and what they cost by the hour and, where there are such, by the
        month. Nodes are made by the hour; OVHcloud's control panel changes one to the month.
        """
        return list((await self._shop.market()).plans) if self._shop else []


SIGN_IN = frozenset(
    {"username", "password", "project_id", "project", "application_credential_id", "application_credential_secret"}
)


def _told_already(sizes: list[Size]) -> Pager[Size]:
    async def them() -> list[Size]:
        return sizes

    return Pager.of(them)


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _subsidiary(name: str | None, endpoint: str | None) -> str:
    """The subsidiary, by default that of the Keystone. Raises ConfigurationError for one that is not known."""
    if name is None:
        return "US" if endpoint and _host(endpoint) == URL(KEYSTONES["US"]).host else "FR"
    if not isinstance(name, str) or name.upper() not in SUBSIDIARIES:
        raise ConfigurationError(f"ovh has no subsidiary {name!r}; there are: {', '.join(sorted(SUBSIDIARIES))}")
    return name.upper()


def _host(url: str) -> str | None:
    try:
        return URL(url).host
    except ValueError:  # which the client for it tells
        return None


def _api_beside(endpoint: str | None) -> str | None:
    """The API on the host of an endpoint that is none of OVHcloud's: a simulator's, or a proxy's."""
    host = _host(endpoint) if endpoint else None
    if endpoint is None or host is None or host in {URL(url).host for url in KEYSTONES.values()}:
        return None
    url = URL(endpoint)
    return str(url.with_path("/1.0")) if url.scheme in ("http", "https") else None  # which no client would take


def _check_whole(given: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for a login that lacks a part."""
    if given.get("application_credential_secret") or options.get("token"):
        return
    user = given.get("username") or options.get("user_id")
    if not user or not given.get("password") or not (given.get("project_id") or given.get("project")):
        raise ConfigurationError("ovh needs `username`, `password` and `project_id`, or an application credential")
