"""Signing in at Keystone, and the catalogue that comes with the token: https://docs.openstack.org/api-ref/identity/v3/

Tokens are fetched, renewed and shared by `aiocloud.http.auth.TokenAuth`; here is what a sign-in sends and how its
answer is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.auth import Token
from aiocloud.http.client import Client
from aiocloud.mapping import Shape, at, dig, timestamp
from aiocloud.values import Secret

SERVICES: Mapping[str, tuple[str, ...]] = {
    "compute": ("compute", "computev21", "compute_legacy"),
    "image": ("image", "imagev2"),
    "network": ("network", "networking"),
}
"""The services that the driver speaks to, and the types under which catalogues list them, the best first."""

EVERYWHERE = "default"
"""The region of an endpoint that names none."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is, as the catalogue tells it."""

    type: str
    name: str
    interface: str
    region: str
    url: str


def _endpoints_v3(services: Iterable[Mapping[str, Any]]) -> Iterator[Endpoint]:
    for service in services:
        for each in service.get("endpoints") or ():
            region = each.get("region_id") or each.get("region") or EVERYWHERE
            if each.get("url"):
                yield Endpoint(service["type"], service.get("name") or "", each["interface"], region, each["url"])


def _endpoints_v2(services: Iterable[Mapping[str, Any]]) -> Iterator[Endpoint]:
    for service in services:
        for each in service.get("endpoints") or ():
            region = each.get("region") or EVERYWHERE
            for interface in ("public", "internal", "admin"):
                if url := each.get(f"{interface}URL"):
                    yield Endpoint(service["type"], service.get("name") or "", interface, region, url)


TOKEN_V3 = Shape(
    Token,
    value=at("subject", Secret),
    expires_at=at("token.expires_at", timestamp),
    data=lambda payload: {
        "endpoints": tuple(_endpoints_v3(dig(payload, "token.catalog") or ())),
        "project": dig(payload, "token.project.id"),
    },
)
TOKEN_V2 = Shape(
    Token,
    value=at("access.token.id", Secret),
    expires_at=at("access.token.expires", timestamp),
    data=lambda payload: {
        "endpoints": tuple(_endpoints_v2(dig(payload, "access.serviceCatalog") or ())),
        "project": dig(payload, "access.token.tenant.id"),
    },
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is sent to Keystone: `auth`, with `secret` somewhere in it, to version 3 or to the 2.0 of old clouds."""

    auth: Mapping[str, Any] = field(repr=False)
    secret: Secret
    version: int = 3

    def url(self, endpoint: str) -> str:
        """The URL of that version, whether or not `endpoint` ends in one."""
        return re.sub(r"/v\d(\.\d+)?/*$", "", endpoint.rstrip("/")) + ("/v3" if self.version == 3 else "/v2.0")

    async def __call__(self, http: Client) -> Token:
        """A new token. Raises InvalidCredsError for wrong credentials, and whatever else a request raises."""
        path = "/auth/tokens" if self.version == 3 else "/tokens"
        # A second token does no harm, so that the request may be repeated after a lost answer.
        response = await http.send("POST", path, json={"auth": self.auth}, idempotent=True)
        payload = http.decode(response, f"POST {path}")
        if self.version != 3:
            return http.read(TOKEN_V2, payload, operation=f"POST {path}")
        known = {"subject": response.headers.get("X-Subject-Token"), "token": dig(payload, "token")}
        return http.read(TOKEN_V3, known, operation=f"POST {path}")


def password_sign_in(password: Secret | str, user: Mapping[str, Any], scope: Mapping[str, Any] | None) -> SignIn:
    """By user and password."""
    secret = as_secret(password)
    return _identity("password", {"user": {**user, "password": secret.reveal()}}, secret, scope)


def token_sign_in(token: Secret | str, scope: Mapping[str, Any] | None) -> SignIn:
    """By an older token, whose end the new one inherits."""
    secret = as_secret(token)
    return _identity("token", {"id": secret.reveal()}, secret, scope)


def credential_sign_in(secret: Secret | str, credential: Mapping[str, Any]) -> SignIn:
    """By an application credential: its `id`, or its `name` and `user`. It knows its project, so no scope is sent."""
    known = as_secret(secret)
    return _identity("application_credential", {**credential, "secret": known.reveal()}, known, None)


def old_password_sign_in(password: Secret | str, username: str | None, tenant: Mapping[str, str]) -> SignIn:
    """By user and password, at version 2.0; `tenant` is its `tenantName` or `tenantId`."""
    secret = as_secret(password)
    credentials = {"username": username, "password": secret.reveal()}
    return SignIn({"passwordCredentials": credentials, **tenant}, secret, version=2)


def _identity(method: str, proof: Mapping[str, Any], secret: Secret, scope: Mapping[str, Any] | None) -> SignIn:
    identity = {"methods": [method], method: proof}
    return SignIn({"identity": identity, **({"scope": scope} if scope else {})}, secret)


def as_secret(value: Secret | str) -> Secret:
    """The value as a Secret, which it may be already."""
    return value if isinstance(value, Secret) else Secret(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Where the services are, as a token tells it, corrected by what the user knows better (`overrides`).

    `compute_name` picks one of several services of type compute. With `secure`, the token goes to no endpoint
    over plain HTTP but to those that the user named.
    """

    provider: str
    account: str
    endpoints: tuple[Endpoint, ...]
    project: str | None
    interface: str
    overrides: Mapping[str, str]
    secure: bool
    compute_name: str | None = None

    def regions(self) -> list[str]:
        """The names of the regions that have compute, in the catalogue's order."""
        return list(dict.fromkeys(each.region for each in self._offering("compute")))

    def url(self, service: str, region: str) -> str:
        """The base URL of a service in a region. Raises NotFoundError or ConfigurationError."""
        if override := self.overrides.get(service):
            return override.replace("{region}", region).replace("{project_id}", self.project or "")
        found = [each for each in self._offering(service) if each.region in (region, EVERYWHERE)]
        if not found:
            raise self.missing(service, region)
        url = found[0].url
        if self.secure and URL(url).scheme != "https":
            raise ConfigurationError(
                f"the catalogue places {service} of region {region} at {url}, while signing in is over https: the "
                f"token would travel in the clear. Give ex_endpoints={{{service!r}: 'https://...'}}, or that very URL "
                "if it is meant so"
            )
        return url

    def missing(self, service: str, region: str) -> NotFoundError:
        """The error for a service that a region does not have; it names those that do."""
        there = ", ".join(dict.fromkeys(each.region for each in self._offering(service))) or "none"
        return NotFoundError(
            f"the catalogue has no {self.interface} {service} endpoint in region {region!r}; those with one: {there}",
            provider=self.provider,
            account=self.account,
        )

    def _offering(self, service: str) -> list[Endpoint]:
        fit = [each for each in self.endpoints if each.interface == self.interface]
        if service == "compute" and self.compute_name is not None:
            return [each for each in fit if each.name == self.compute_name]
        for kind in SERVICES[service]:
            if found := [each for each in fit if each.type == kind]:
                return found
        return []
