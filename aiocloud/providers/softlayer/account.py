"""One account: its credentials, the way to its services, and where both are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, Unpack
from weakref import WeakValueDictionary

import anyio

from aiocloud.accounts import Account, Environment, read_ini
from aiocloud.driver import Driver, Options
from aiocloud.errors import CloudError, ConfigurationError
from aiocloud.http.client import Api
from aiocloud.providers.softlayer.services import CODEC, PAGING, Services, raise_faults
from aiocloud.values import Secret

T = TypeVar("T")


class SoftLayerAccount(Driver):
    """What the parts of the driver share."""

    provider = "softlayer"
    title = "IBM Cloud (SoftLayer)"
    website = "https://www.ibm.com/cloud/virtual-servers"
    protocol = "SoftLayer API v3.1, XML-RPC"
    api = Api(base_url="https://api.softlayer.com/xmlrpc/v3.1", paging=PAGING, codec=CODEC)

    def __init__(
        self,
        username: str | None = None,
        api_key: str | Secret | None = None,
        *,
        ex_domain: str = "example.com",
        **options: Unpack[Options],
    ) -> None:
        options.setdefault("timeout", 120.0)  # the catalogue and orders take their time
        super().__init__(**options)
        if not username:
            raise ConfigurationError("softlayer needs `username`")
        self.ex_domain = ex_domain
        key = self.secret(api_key, "api_key")
        self.turns: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()  # creates, by full name
        self.services = Services(self.connect(auth=raise_faults), username, key)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """SL_USERNAME and SL_API_KEY, or what Terraform reads (IAAS_CLASSIC_…, SOFTLAYER_…); and ~/.softlayer."""
        found = [*_from_variables(environment), *_from_file(environment)]
        yield from found
        if not found:
            environment.require_whole(*VARIABLES[0])

    def _read(self, shape: Callable[..., T], payload: Any) -> T:
        """A model out of a payload, marked with provider and account."""
        return self.services.client.read(shape, payload)

    def _no(self, kind: type[CloudError], message: str) -> CloudError:
        """A no of our own."""
        return kind(message, provider=self.provider, account=self.account)


VARIABLES = (
    ("SL_USERNAME", "SL_API_KEY"),
    ("IAAS_CLASSIC_USERNAME", "IAAS_CLASSIC_API_KEY"),
    ("SOFTLAYER_USERNAME", "SOFTLAYER_API_KEY"),
)


def _from_variables(environment: Environment) -> Iterable[Account]:
    """The first account that the variables name."""
    for names in VARIABLES:
        username, api_key = (environment.get(name) for name in names)
        if username and api_key:
            login = {"username": username, "api_key": api_key}
            yield Account("softlayer", "default", login, source="environment variables")
            return


def _from_file(environment: Environment) -> Iterable[Account]:
    """The account that SoftLayer's own command line has set up."""
    path = environment.home / ".softlayer"
    parser = read_ini(path)
    found = dict(parser["softlayer"]) if parser.has_section("softlayer") else {}
    login = {key: found[key] for key in ("username", "api_key") if found.get(key)}
    if len(login) == 2:
        endpoint = found.get("endpoint_url", "").replace("/rest/", "/xmlrpc/")  # their client speaks either
        options = {**login, "endpoint": endpoint} if endpoint else login
        yield Account("softlayer", "softlayer", options, source=str(path))
