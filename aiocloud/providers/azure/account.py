"""One subscription: who asks for it, and where."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from yarl import URL

from aiocloud.accounts import Account, Environment, read_ini
from aiocloud.driver import Driver, Options
from aiocloud.errors import ConfigurationError
from aiocloud.http.auth import TokenAuth
from aiocloud.http.client import Api
from aiocloud.http.paging import LinkPaging
from aiocloud.http.ratelimit import Limits
from aiocloud.providers.azure.shapes import ERRORS, PRICE_ERRORS, SIGN_IN_ERRORS
from aiocloud.providers.azure.signin import AppService, Cli, ClientSecret, MachineIdentity, Ready, Way
from aiocloud.values import Secret

MANAGEMENT = "https://management.azure.com"
PRICES = "https://prices.azure.com"
SIGN_IN = {
    "management.azure.com": "https://login.microsoftonline.com",
    "management.usgovcloudapi.net": "https://login.microsoftonline.us",
    "management.chinacloudapi.cn": "https://login.chinacloudapi.cn",
}
"""Where each of Microsoft's clouds signs in."""
METADATA = "http://169.254.169.254"
DEFAULT_GROUP = "aiocloud"
"""The resource group that is made when it is needed."""


class SubscriptionDriver(Driver):
    """A subscription at Azure, and the ways to prove who asks."""

    provider = "azure"
    title = "Microsoft Azure"
    website = "https://azure.microsoft.com/"
    protocol = "Azure Resource Manager, JSON, OAuth tokens"
    public = True
    api = Api(
        base_url=MANAGEMENT,
        paging=LinkPaging("nextLink"),
        errors=ERRORS,
        limits=Limits(rate=20.0, burst=100),
    )

    def __init__(
        self,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
        subscription_id: str | None = None,
        *,
        resource_group: str | None = None,
        ex_token: str | Secret | None = None,
        ex_managed_identity: bool | str = False,
        ex_identity_endpoint: str | None = None,
        ex_identity_header: str | Secret | None = None,
        ex_cli: bool | str = False,
        ex_sign_in_endpoint: str | None = None,
        ex_prices_endpoint: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        texts = {"tenant_id": tenant_id, "client_id": client_id, "subscription_id": subscription_id}
        self._expect("text", str, **texts, resource_group=resource_group)
        if self.region is not None and not isinstance(self.region, str):
            raise ConfigurationError("azure takes one region")
        self.subscription_id = subscription_id
        self.resource_group = resource_group or DEFAULT_GROUP
        self._may_make_group = resource_group in (None, DEFAULT_GROUP)
        self._resource = _resource(self.endpoint)
        self._sign_in_host = ex_sign_in_endpoint or _sign_in_host(self.endpoint)
        way: Way | None = None
        if ex_token is not None:
            way = Ready(self.secret(ex_token, "ex_token"))
        elif ex_cli:
            way = Cli(self, ex_cli if isinstance(ex_cli, str) else "az", subscription_id)
        elif ex_managed_identity or ex_identity_endpoint:
            chosen = ex_managed_identity if isinstance(ex_managed_identity, str) else None
            way = self._identity(chosen, ex_identity_endpoint, ex_identity_header)
        elif tenant_id or client_id or client_secret:
            way = self._client_secret(tenant_id, client_id, client_secret)
        if way is not None and not subscription_id:
            raise ConfigurationError("azure needs `subscription_id`")
        if way is None and subscription_id:
            raise ConfigurationError(
                "azure needs `tenant_id`, `client_id` and `client_secret`, or another way to sign in"
            )
        self.known = way is not None
        auth = None
        if way is not None:
            auth = TokenAuth(way.token, header="Authorization", prefix="Bearer ", now=self.now, redactor=self.redactor)
        self.http = self.connect(auth=auth)
        limits = Limits(rate=20.0, burst=100, concurrency=16)  # there are sixty regions, of several pages each
        prices = Api(paging=LinkPaging("NextPageLink"), errors=PRICE_ERRORS, limits=limits)
        self._prices_http = self.connect(prices, endpoint=ex_prices_endpoint or _prices_host(self.endpoint))

    def _client_secret(self, tenant: str | None, client: str | None, secret: str | Secret | None) -> Way:
        known = self.secret(secret, "client_secret")
        if not tenant or not client:
            raise ConfigurationError("azure needs `tenant_id` and `client_id` with `client_secret`")
        http = self.connect(Api(errors=SIGN_IN_ERRORS), endpoint=self._sign_in_host)
        return ClientSecret(http, self.now, tenant, client, known, f"{self._resource}/.default")

    def _identity(self, client: str | None, endpoint: str | None, header: str | Secret | None) -> Way:
        http = self.connect(Api(errors=SIGN_IN_ERRORS), endpoint=endpoint or METADATA)
        if header is not None:
            return AppService(http, self.now, client, self._resource, self.secret(header, "ex_identity_header"))
        return MachineIdentity(http, self.now, client, self._resource)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """The client secret in AZURE_… variables, the identity of the app that we run in, or the Azure CLI's sign-in.

        The first of them that is there counts. The subscription is that of AZURE_SUBSCRIPTION_ID, or the CLI's own.
        """
        folder = Path(environment.get("AZURE_CONFIG_DIR") or environment.home / ".azure")
        profile = _profile(folder / "azureProfile.json")
        config = read_ini(folder / "config")
        subscription = environment.get("AZURE_SUBSCRIPTION_ID")
        common: dict[str, Any] = {
            "subscription_id": subscription or profile.get("id"),
            "resource_group": environment.get("AZURE_DEFAULTS_GROUP") or config.get("defaults", "group", fallback=None),
            "region": environment.get("AZURE_DEFAULTS_LOCATION") or config.get("defaults", "location", fallback=None),
        }
        if environment.get("AZURE_CLIENT_SECRET"):
            names = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
            environment.require_whole(*names)
            if not common["subscription_id"]:
                raise ConfigurationError("AZURE_CLIENT_SECRET is set, and AZURE_SUBSCRIPTION_ID is not")
            keys = {name.removeprefix("AZURE_").lower(): environment.get(name) for name in names}
            yield Account("azure", "default", {**keys, **common}, source="environment variables")
        elif (header := environment.get("IDENTITY_HEADER")) and common["subscription_id"]:
            endpoint = environment.get("IDENTITY_ENDPOINT")
            options = {"ex_managed_identity": environment.get("AZURE_CLIENT_ID") or True}
            own = {**options, "ex_identity_endpoint": endpoint, "ex_identity_header": header, **common}
            yield Account("azure", "default", own, source="IDENTITY_HEADER")
        elif profile:
            yield Account("azure", "default", {"ex_cli": True, **common}, source=str(folder / "azureProfile.json"))


def _profile(path: Path) -> Mapping[str, Any]:
    """The CLI's subscription that is chosen; an empty one where it has none. Errors quote nothing of the file."""
    try:
        found = json.loads(path.read_text("utf-8-sig"))
        subscriptions = found["subscriptions"]
        return next((each for each in subscriptions if each.get("isDefault") and each.get("id")), {})
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None


def _host(endpoint: str | None) -> str | None:
    return URL(endpoint or MANAGEMENT).host


def _resource(endpoint: str | None) -> str:
    """For what tokens are asked."""
    host = _host(endpoint)
    return f"https://{host}" if host in SIGN_IN else MANAGEMENT


def _sign_in_host(endpoint: str | None) -> str:
    """Where tokens are had: at Microsoft for its own endpoints, and where else the API is for all others."""
    return SIGN_IN.get(_host(endpoint) or "") or str(URL(endpoint or MANAGEMENT).origin())


def _prices_host(endpoint: str | None) -> str:
    """The same for prices, which Microsoft tells for all of its clouds at one place."""
    return PRICES if _host(endpoint) in SIGN_IN else str(URL(endpoint or PRICES).origin())
