"""DreamCompute, DreamHost's cloud, which is OpenStack: https://www.dreamhost.com/cloud/computing/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.dialects.openstack.regions import ACCEPT
from aiocloud.dialects.openstack.shapes import ERRORS
from aiocloud.driver import Options
from aiocloud.errors import ConfigurationError
from aiocloud.http.client import Api
from aiocloud.models import Price
from aiocloud.providers.openstack import OpenStack
from aiocloud.values import Secret


class DreamCompute(OpenStack):
    """Needs the name, the password and the `project` that DreamHost's panel shows.

    No API tells prices: `prices` is the user's own table, by name or id of the flavor.
    """

    provider = "dreamcompute"
    title = "DreamCompute"
    website = "https://www.dreamhost.com/cloud/computing/"
    api = Api(base_url="https://iad2.dream.io:5000/v3", errors=ERRORS, headers=ACCEPT)
    places = {"RegionOne": ("US", "Ashburn")}

    def __init__(
        self,
        username: str | None = None,
        password: str | Secret | None = None,
        *,
        project: str | None = None,
        prices: Mapping[str, Price | str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        if not username or not password or not project:
            raise ConfigurationError("dreamcompute needs `username`, `password` and `project`")
        options["endpoint"] = options.get("endpoint") or self.api.base_url
        super().__init__(username, password, project=project, prices=prices, **options)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """None: whoever has an entry in clouds.yaml is found there, as OpenStack."""
        return ()
