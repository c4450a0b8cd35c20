"""One account: its key, the tokens that it is exchanged for, and one client for each region."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self, TypeVar, Unpack

from yarl import URL

from aiocloud.accounts import Account, Environment
from aiocloud.driver import Driver, Options, id_of, segment
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.auth import Token, TokenAuth
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.paging import LinkPaging, OnePage, Pager
from aiocloud.http.together import together
from aiocloud.mapping import Shape, at, raw
from aiocloud.models import Location, Node
from aiocloud.providers.ibm_vpc.shapes import ERRORS, NODE, REGIONS, SIGN_IN_ERRORS, region_of
from aiocloud.values import Secret

T = TypeVar("T")

IAM = "https://iam.cloud.ibm.com"
HOME = "us-south"
"""The region that IBM's own clients take where none is named."""
VERSION = {"version": "2026-06-02", "generation": "2"}
"""The day whose behaviour of the API is asked for, in every request."""

TOKEN = Shape(
    Token,
    value=at("access_token", Secret),
    expires_at=at("expiration", lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)


class Regional(Driver):
    """An account at IBM Cloud, in one region, several or all."""

    provider = "ibm_vpc"
    title = "IBM Cloud VPC"
    website = "https://www.ibm.com/cloud/vpc"
    protocol = "IBM Cloud VPC API, JSON, IAM tokens"
    api = Api(
        base_url=f"https://{HOME}.iaas.cloud.ibm.com/v1",
        paging=LinkPaging("next.href", size={"limit": "100"}),
        errors=ERRORS,
    )

    def __init__(
        self, api_key: str | Secret | None = None, *, ex_iam_endpoint: str | None = None, **options: Unpack[Options]
    ) -> None:
        super().__init__(**options)
        self._key = self.secret(api_key, "api_key")
        self._scope = self._named_regions()
        self._home = self._scope[0] if self._scope else HOME
        self._clients: dict[str, Client] = {}
        self._iam = self.connect(Api(errors=SIGN_IN_ERRORS), endpoint=ex_iam_endpoint or _iam(self.endpoint))
        self._tokens = TokenAuth(
            self._sign_in, header="Authorization", prefix="Bearer ", now=self.now, redactor=self.redactor
        )

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """IBMCLOUD_API_KEY, IC_API_KEY or VPC_APIKEY, with the region of IBMCLOUD_REGION or IC_REGION, or else all."""
        if key := environment.get("IBMCLOUD_API_KEY", "IC_API_KEY", "VPC_APIKEY"):
            region = environment.get("IBMCLOUD_REGION", "IC_REGION") or "all"
            yield Account("ibm_vpc", "default", {"api_key": key, "region": region}, source="environment variables")

    def _named_regions(self) -> tuple[str, ...] | None:
        """The regions to work in; None for all. The first is where questions go that need no other."""
        named = [self.region] if isinstance(self.region, str) else self.region
        scope = None if named == ["all"] else tuple(dict.fromkeys(named or [HOME]))
        if self.endpoint and "{region}" not in self.endpoint and (scope is None or len(scope) > 1):
            raise ConfigurationError(
                f"the endpoint {self.endpoint!r} is that of one region: put {{region}} in its place"
            )
        return scope

    async def _sign_in(self) -> Token:
        """A new token. Two do no harm, so that the request may be repeated after a lost answer."""
        form = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "response_type": "cloud_iam"}
        form["apikey"] = self._key.reveal()
        path = "/identity/token"
        accept = {"Accept": "application/json"}
        payload = await self._iam.call("POST", path, form=form, headers=accept, idempotent=True)
        token = self._iam.read(TOKEN, payload, operation=f"POST {path}")
        if refresh := payload.get("refresh_token"):
            self.redactor.add(Secret(refresh))
        return token

    async def _sign(self, request: Request, send: Handler) -> Response:
        return await self._tokens(replace(request, url=request.url.update_query(VERSION)), send)

    async def parts(self) -> Sequence[Driver]:
        """A driver for each region."""
        if self._scope and len(self._scope) == 1:
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

    def ex_client(self, region: str) -> Client:
        """The API of a region, also for what no verb is there for: `ex_client("eu-de").call("GET", "/volumes")`."""
        if region not in self._clients:
            base = (self.endpoint or "https://{region}.iaas.cloud.ibm.com/v1").replace("{region}", region)
            self._clients[region] = self.connect(endpoint=base, auth=self._sign)
        return self._clients[region]

    def ex_list_regions(self) -> Pager[Any]:
        """The regions that there are, as the API tells them."""
        return self.ex_client(self._home).list("/regions", raw, items="regions", paging=OnePage())

    async def _regions(self) -> tuple[str, ...]:
        """The regions in which this driver works."""
        if self._scope is not None:
            return self._scope
        return tuple(region["name"] for region in await self.ex_list_regions() if region["status"] == "available")

    async def _at(self, location: Location | str | None) -> Client:
        """The API of the region of a place. Raises NotFoundError for a region that there is not."""
        region = region_of(id_of(location)) if location is not None else self._home
        if region not in REGIONS and region not in (self._scope or ()):
            known = [each["name"] for each in await self.ex_list_regions()]
            if region not in known:
                raise self._missing(f"no region {region!r}; there are: {', '.join(known)}")
        return self.ex_client(region)

    def _list(self, path: str, shape: Callable[..., T], location: Location | str | None, **options: Any) -> Pager[T]:
        """A list of one region: that of the place, or the first."""

        async def pagers() -> list[Pager[T]]:
            return [(await self._at(location)).list(path, shape, items=path.rpartition("/")[2], **options)]

        return Pager.chain(pagers)

    async def _of(self, node: Node | str) -> Client:
        """The API of the region that a node is in; a bare id is looked for in all, if there are several."""
        if isinstance(node, Node) and node.location:
            return self.ex_client(region_of(node.location))
        regions = await self._regions()
        if len(regions) == 1:
            return self.ex_client(regions[0])

        async def look(region: str) -> Client | None:
            try:
                await self.ex_client(region).get(f"/instances/{segment(node)}", NODE)
            except NotFoundError:
                return None
            return self.ex_client(region)

        answers = await together(*[partial(look, region) for region in regions])
        found = next((client for client in answers if client is not None), None)
        if found is None:
            raise self._missing(f"no node {id_of(node)!r} in {', '.join(regions)}")
        return found

    def _missing(self, message: str) -> NotFoundError:
        return NotFoundError(message, code="not_found", provider=self.provider, account=self.account)


def _iam(endpoint: str | None) -> str:
    """Where tokens are had: at IBM for its own endpoints, and where else the API is for all others."""
    if not endpoint:
        return IAM
    url = URL(endpoint.replace("{region}", HOME))
    return IAM if url.host and url.host.endswith(".cloud.ibm.com") else str(url.origin())
