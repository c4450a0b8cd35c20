"""OpenStack, at whatever cloud runs it: https://docs.openstack.org/api-ref/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.dialects.openstack import OpenStackDriver, cloudsyaml
from aiocloud.dialects.openstack.identity import (
    SignIn,
    credential_sign_in,
    old_password_sign_in,
    password_sign_in,
    token_sign_in,
)
from aiocloud.dialects.openstack.prices import price_table
from aiocloud.driver import Options
from aiocloud.errors import ConfigurationError
from aiocloud.models import Price, Size
from aiocloud.values import Secret


class OpenStack(OpenStackDriver):
    """Needs an `endpoint`, the URL of Keystone (with or without /v3), and one of:

    * `username` and `password`, and the `project` (or `project_id`) to work in; domains are "Default" unless named
    * `application_credential_id` (or `application_credential_name` with the user) and `application_credential_secret`
    * `token`, one that was got elsewhere
    * `cloud`, the name of an entry in clouds.yaml, which is then read by the constructor. What else is given counts
      more than what stands there

    An `endpoint` that ends in /v2.0 signs in with user name and password as clouds of before 2018 want it. `prices`
    is the user's own table, by name or id of the flavor: {"m1.small": "0.05 EUR/hour"}.
    See `OpenStackAccount` for `region`, `microversion` and the keywords that begin with `ex_`.
    """

    provider = "openstack"
    title = "OpenStack"
    website = "https://www.openstack.org/"

    def __init__(
        self,
        username: str | None = None,
        password: str | Secret | None = None,
        *,
        user_id: str | None = None,
        project: str | None = None,
        project_id: str | None = None,
        user_domain: str | None = None,
        user_domain_id: str | None = None,
        project_domain: str | None = None,
        project_domain_id: str | None = None,
        application_credential_id: str | None = None,
        application_credential_name: str | None = None,
        application_credential_secret: str | Secret | None = None,
        token: str | Secret | None = None,
        cloud: str | None = None,
        prices: Mapping[str, Price | str] | None = None,
        microversion: str | None = None,
        ex_interface: str | None = None,
        ex_endpoints: Mapping[str, str] | None = None,
        ex_countries: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        given = {name: value for name, value in locals().items() if name not in NO_KEYWORDS and value is not None}
        if cloud is not None:
            found = cloudsyaml.named_cloud(cloud, Environment.current())
            wanted = {name: value for name, value in options.items() if value is not None}
            merged: dict[str, Any] = {"account": cloud, **found, **given, **wanted}
            OpenStack.__init__(self, **merged)
            return
        super().__init__(
            _sign_in(options.get("endpoint"), given),
            microversion=microversion,
            ex_interface=ex_interface or "public",
            ex_endpoints=ex_endpoints,
            ex_countries=ex_countries,
            **options,
        )
        self._prices = price_table(prices, self.today())

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """Every cloud of clouds.yaml (with secure.yaml), and the one of the variables OS_*."""
        return cloudsyaml.accounts(cls.provider, environment)

    def _price_of(self, size: Size, region: str | None) -> Price | None:
        """What the user's own table says."""
        return self._prices.get(size.id) or self._prices.get(size.name)


NO_KEYWORDS = frozenset({"self", "__class__", "cloud", "options"})


def _sign_in(endpoint: str | None, given: Mapping[str, Any]) -> SignIn:
    """How to sign in with these keywords of the constructor. Raises ConfigurationError."""
    if not endpoint:
        raise ConfigurationError("openstack needs `endpoint`, the URL of Keystone, or `cloud`, a name in clouds.yaml")
    user, project = _named("username", "user_id", "user", given), _named("project", "project_id", "project", given)
    scope = {"project": project} if project else None
    match {way: given[way] for way in cloudsyaml.WAYS if given.get(way)}:
        case {"token": token, **others} if not others:
            return token_sign_in(token, scope)
        case {"application_credential_secret": secret, **others} if not others:
            by_name = {"name": given.get("application_credential_name"), "user": user}
            credential_id = given.get("application_credential_id")
            return credential_sign_in(secret, {"id": credential_id} if credential_id else by_name)
        case {"password": password, **others} if not others and user:
            if endpoint.rstrip("/").endswith("/v2.0"):
                return old_password_sign_in(password, given.get("username"), _tenant(given))
            return password_sign_in(password, user, scope)
    raise ConfigurationError(
        "openstack needs one of `username` with `password`, `application_credential_secret`, and `token`"
    )


def _named(name: str, given_id: str, domain: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A user or a project as Keystone wants it named: by id, or by name within a domain; empty if neither is known."""
    if given.get(given_id):
        return {"id": given[given_id]}
    if not given.get(name):
        return {}
    by_id = given.get(f"{domain}_domain_id")
    return {
        "name": given[name],
        "domain": {"id": by_id} if by_id else {"name": given.get(f"{domain}_domain") or "Default"},
    }


def _tenant(given: Mapping[str, Any]) -> dict[str, str]:
    if given.get("project_id"):
        return {"tenantId": given["project_id"]}
    return {"tenantName": given["project"]} if given.get("project") else {}
