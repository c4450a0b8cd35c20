"""Rackspace Public Cloud (the OpenStack one): https://docs-ospc.rackspace.com/cloud-servers/v2/

Its newer sibling, OpenStack Flex, is plain OpenStack: https://docs.rackspacecloud.com/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Unpack

from aiocloud.accounts import Account, Environment, read_ini
from aiocloud.dialects.openstack import OpenStackDriver
from aiocloud.dialects.openstack.identity import SignIn, as_secret, password_sign_in
from aiocloud.dialects.openstack.regions import ACCEPT
from aiocloud.dialects.openstack.shapes import ERRORS
from aiocloud.driver import Options
from aiocloud.errors import ConfigurationError
from aiocloud.http.client import Api
from aiocloud.models import Price, Size
from aiocloud.pricing import catalogue
from aiocloud.values import Secret

# Regions and where they are, as the documentation of the regions tells.
PLACES = {
    "DFW": ("US", "Dallas"),
    "ORD": ("US", "Chicago"),
    "IAD": ("US", "Northern Virginia"),
    "LON": ("GB", "London"),
    "SYD": ("AU", "Sydney"),
    "HKG": ("HK", "Hong Kong"),
    "DFW3": ("US", "Dallas"),
    "IAD3": ("US", "Northern Virginia"),
    "SJC3": ("US", "San Jose"),
}
FLEX_DOMAIN = {"name": "rackspace_cloud_domain"}


class Rackspace(OpenStackDriver):
    """Needs the user's name and API key: `Rackspace("harbour", key, region="LON")`; without a region all take part.

    Prices come from a dated table of about 2014, since no API tells them: see `Price.as_of`.

    tenant_id  the account's number, where the user has several
    ex_flex    the name of a project at OpenStack Flex, which is then signed in to; it wants one `region` ("SJC3")
    """

    provider = "rackspace"
    title = "Rackspace"
    website = "https://www.rackspace.com/"
    api = Api(base_url="https://identity.api.rackspacecloud.com/v2.0", errors=ERRORS, headers=ACCEPT)
    places = PLACES

    def __init__(
        self,
        username: str | None = None,
        api_key: str | Secret | None = None,
        *,
        tenant_id: str | None = None,
        ex_flex: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        if not username or not api_key:
            raise ConfigurationError("rackspace needs `username` and `api_key`")
        if ex_flex is not None:
            options.setdefault("endpoint", flex_endpoint(options.get("region")))
            user = {"name": username, "domain": FLEX_DOMAIN}
            scope = {"project": {"name": ex_flex, "domain": FLEX_DOMAIN}}
            super().__init__(password_sign_in(api_key, user, scope), **options)
        else:
            key = as_secret(api_key)
            proof = {"RAX-KSKEY:apiKeyCredentials": {"username": username, "apiKey": key.reveal()}}
            tenant = {"tenantId": tenant_id} if tenant_id else {}
            # Beside this service stands the first generation, of the same type. Neither knows microversions.
            name = "cloudServersOpenStack"
            super().__init__(SignIn({**proof, **tenant}, key, 2), compute_name=name, microversion="", **options)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """RS_USERNAME, RS_API_KEY and RS_REGION_NAME; and ~/.rackspace_cloud_credentials."""
        username, key = environment.get("RS_USERNAME"), environment.get("RS_API_KEY")
        if username and key:
            options = {"username": username, "api_key": key, "region": environment.get("RS_REGION_NAME")}
            yield Account("rackspace", "default", options, source="environment variables")
        path = environment.home / ".rackspace_cloud_credentials"
        parser = read_ini(path)
        for name in parser.sections():
            words = ("username", "api_key", "region")
            found = {word: value for word in words if (value := parser.get(name, word, fallback=None))}
            if "username" in found and "api_key" in found:
                yield Account("rackspace", name, found, source=str(path))
        environment.require_whole("RS_USERNAME", "RS_API_KEY")

    def _price_of(self, size: Size, region: str | None) -> Price | None:
        """What the table says; its regions are those of the older cloud."""
        return catalogue.load("rackspace").price(size.id, region) if region else None


def flex_endpoint(region: str | Sequence[str] | None) -> str:
    """The URL of Keystone at OpenStack Flex, which each region has of its own."""
    if not isinstance(region, str):
        raise ConfigurationError("rackspace: OpenStack Flex needs one `region`, such as 'SJC3'")
    return f"https://keystone.api.{region.lower()}.rackspacecloud.com/v3"
