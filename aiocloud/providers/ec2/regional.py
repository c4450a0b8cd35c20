"""Who we are at Amazon, and in which of its regions: one client for each."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.dialects.ec2 import ERRORS, NODE, XML, Credentials, Query, SigV4, filters, region_of, reservations
from aiocloud.driver import Driver, Options, id_of
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.client import Api
from aiocloud.http.message import Handler
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.http.together import together
from aiocloud.mapping import Shape, raw
from aiocloud.models import Location, Node
from aiocloud.providers.ec2 import credentials as sources
from aiocloud.providers.ec2.geography import REGIONS, endpoint
from aiocloud.providers.ec2.profiles import profiles
from aiocloud.values import Secret

T = TypeVar("T")

HOME = "us-east-1"
"""The region that EC2 itself takes for one that names none."""

NOWHERE = Environment(
    {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"},
    Path(os.devnull),
    Path(os.devnull),
)
"""An environment without credentials."""


class Regional(Driver):
    """An account at Amazon, in one region, several or all."""

    provider = "ec2"
    title = "Amazon EC2"
    website = "https://aws.amazon.com/ec2/"
    protocol = "EC2 query API 2016-11-15, XML, signature version 4"
    public = True
    api = Api(
        codec=XML,
        errors=ERRORS,
        limits=Limits(rate=20.0, burst=100),  # of each action, and in each region by itself
        sparse=True,
    )

    node_shape: ClassVar[Shape[Node]] = NODE

    def __init__(
        self,
        access_key_id: str | None = None,
        secret_access_key: str | Secret | None = None,
        *,
        session_token: str | Secret | None = None,
        profile: str | None = None,
        environment: Environment | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self._anonymous = False
        self._queries: dict[str, Query] = {}
        self._home = HOME
        if access_key_id or secret_access_key:
            places: list[sources.Source] = [sources.Given(self._given(access_key_id, secret_access_key, session_token))]
        else:
            around = environment or Environment.current()
            places = self._sources(around, profile)
            self._home = _region(around, profile) or HOME
        self._credentials = sources.Chain(places, now=self.now, redactor=self.redactor)
        self._scope = self._named_regions()

    def _given(self, key: str | None, secret: str | Secret | None, token: str | Secret | None) -> Credentials:
        if not key:
            raise ConfigurationError(f"{self.provider} needs `access_key_id`")
        hidden = self.secret(secret, "secret_access_key")
        return Credentials(key, hidden, self.secret(token, "session_token") if token else None)

    def _sources(self, environment: Environment, profile: str | None) -> list[sources.Source]:
        if profile:
            sources.from_files(environment, profile)  # if it is no good, say so now
            return [sources.SharedFiles(environment, profile)]
        return [
            sources.Variables(environment),
            sources.SharedFiles(environment),
            sources.Container(environment, self._direct),
            sources.Instance(environment, self._direct),
        ]

    def _direct(self) -> Handler:
        """The network without the proxy, which has no business with this machine's metadata."""
        if self._proxy is None:
            return self.transport
        from aiocloud.http.transport import AiohttpTransport

        return self.transport.direct() if isinstance(self.transport, AiohttpTransport) else self.transport

    def _named_regions(self) -> tuple[str, ...] | None:
        """The regions to work in; None for all. The first is where questions go that need no other."""
        match self.region:
            case "all":
                return None
            case None | "":
                return (self._home,)
            case str(region):
                named: Sequence[str] = (region,)
            case _:
                named = self.region
        if not named:
            raise ConfigurationError('ec2 needs at least one `region`, or "all"')
        self._home = named[0]
        return tuple(dict.fromkeys(named))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """The AWS_… variables, and each profile of ~/.aws/credentials and ~/.aws/config that holds a key.

        A profile that relies on single sign-on, a role or a process holds none: it is not among the accounts until
        `aws configure export-credentials --profile NAME` has made one of it. Nor is the role of the instance that
        this runs on: EC2() without arguments finds that. An account for which no region is named is seen in all.
        """
        seen = set()
        if found := sources.from_variables(environment):
            seen.add(found.access_key_id)
            yield _account("environment", found, _region(environment, None), "environment variables")
        for profile in profiles(environment).values():
            key = profile.credentials
            if key and key.access_key_id not in seen:
                region = profile.region or environment.get("AWS_REGION", "AWS_DEFAULT_REGION")
                yield _account(profile.name, key, region, profile.source)
        environment.require_whole("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

    @classmethod
    def anonymous(cls, **options: Any) -> Self:
        """A driver that sends nothing: sizes, places and offers are those of the catalogue, in all its regions."""
        driver = cls(environment=NOWHERE, **{"region": "all", **options})
        driver._anonymous = True
        return driver

    async def parts(self) -> Sequence[Driver]:
        """A driver for each region."""
        if self._anonymous or len(self._scope or ()) == 1:
            return [self]
        regions = await self._regions()
        self.transport  # noqa: B018 - opened here, so that the parts share it
        return [self._part(region) for region in regions]

    def _part(self, region: str) -> Self:
        part = copy.copy(self)
        part.part, part.region = region, region
        part._home, part._scope = region, (region,)
        return part

    # ---- for the resources ----

    def ex_query(self, region: str) -> Query:
        """The API of a region, also for what no verb is there for: `ex_query("eu-west-1").call("DescribeVolumes")`.

        Each region has limits of its own.
        """
        if region not in self._queries:
            signer = SigV4(self._credentials, region=region, now=self.now, expired=self._credentials.expired)
            client = self.connect(endpoint=self.endpoint or endpoint(region), auth=signer)
            self._queries[region] = Query(client, region)
        return self._queries[region]

    async def _regions(self) -> tuple[str, ...]:
        """The regions in which this driver works."""
        return self._scope if self._scope is not None else tuple(await self._enabled())

    async def _enabled(self) -> list[str]:
        """The regions that the account may use."""
        return [region["regionName"] for region in await self.ex_list_regions()]

    async def _region_of(self, location: Location | str | None) -> str:
        """The region of a place. Raises NotFoundError for one that there is not."""
        if location is None:
            return self._home
        region = region_of(id_of(location))
        if region in REGIONS or region in (self._scope or ()):
            return region
        known = await self._enabled()
        if region not in known:
            raise self._missing(f"no region {region!r}; there are: {', '.join(known)}")
        return region

    def _everywhere(self, there: Callable[[Query], Pager[T]], location: Location | str | None = None) -> Pager[T]:
        """The same list in each region, or in the one that is named."""

        async def pagers() -> list[Pager[T]]:
            regions = await self._regions() if location is None else [await self._region_of(location)]
            return [there(self.ex_query(region)) for region in regions]

        return Pager.chain(pagers)

    async def _query_of(self, node: Node | str) -> Query:
        """The API of the region that a node is in; a bare id is looked for in all, if there are several."""
        if isinstance(node, Node) and node.location:
            return self.ex_query(region_of(node.location))
        regions = await self._regions()
        if len(regions) == 1:
            return self.ex_query(regions[0])
        wanted = {"Filter": filters({"instance-id": id_of(node)})}

        async def look(query: Query) -> Query | None:
            found = await query.list("DescribeInstances", NODE, reservations, wanted)
            return query if found else None

        answers = await together(*[partial(look, self.ex_query(region)) for region in regions])
        query = next((query for query in answers if query is not None), None)
        if query is None:
            raise self._missing(f"no node {id_of(node)!r} in {', '.join(regions)}", "InvalidInstanceID.NotFound")
        return query

    def _zone(self, location: Location | str | None) -> str | None:
        """The zone that a place names, if it is one."""
        word = id_of(location) if location is not None else ""
        return word if word != region_of(word) else None

    def _missing(self, message: str, code: str | None = None) -> NotFoundError:
        """The error for what is not there, with the API's word for it where it has one."""
        return NotFoundError(message, code=code, provider=self.provider, account=self.account)

    def ex_list_regions(self, *, ex_all: bool = False) -> Pager[Any]:
        """The regions that the account may use, as the API tells them; `ex_all` adds those it has not asked for."""
        params = {"AllRegions": True} if ex_all else {}
        return Pager.chain(
            lambda: _one(self.ex_query(self._home).list_whole("DescribeRegions", raw, "regionInfo", params))
        )


async def _one(thing: T) -> list[T]:
    return [thing]


def _account(name: str, key: Credentials, region: str | None, source: str) -> Account:
    options = {
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
        "session_token": key.session_token,
        "region": region or "all",
    }
    return Account("ec2", name, options, source=source)


def _region(environment: Environment, profile: str | None) -> str | None:
    """The region that the environment names; that of a profile that was asked for goes first."""
    known = profiles(environment)
    if profile and profile in known and known[profile].region:
        return known[profile].region
    named = environment.get("AWS_REGION", "AWS_DEFAULT_REGION")
    usual = known.get(environment.get("AWS_PROFILE") or "default")
    return named or (usual.region if usual else None)
