"""One account: its key, its zones, and how its lists are paged."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.driver import Driver, Options, id_of, segment
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.message import Response
from aiocloud.http.paging import CountedPaging, Pager, Params
from aiocloud.http.together import together
from aiocloud.mapping import raw
from aiocloud.models import Location, Node
from aiocloud.providers.scaleway.shapes import ERRORS, REGIONS, ZONES
from aiocloud.values import Secret

T = TypeVar("T")

HOME = "fr-par-1"
"""The zone that Scaleway's own tools take where none is named."""
ZONE = re.compile(r"[a-z]{2}-[a-z]{3}-\d")
LIMIT = 100
"""Things on a page: the most that the API gives."""


def pages_of(items: str, size: str) -> CountedPaging:
    """How a list is paged: its length is in a header or in the body, or nowhere."""
    return CountedPaging(LIMIT, total="total_count", size=size, header="X-Total-Count", items=items)


class Zonal(Driver):
    """An account at Scaleway, in one zone, several or all."""

    provider = "scaleway"
    title = "Scaleway"
    website = "https://www.scaleway.com/"
    protocol = "Scaleway Instances API v1, JSON"
    public = True
    api = Api(base_url="https://api.scaleway.com", errors=ERRORS)

    def __init__(
        self,
        secret_key: str | Secret | None = None,
        project_id: str | None = None,
        *,
        default_zone: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self._expect("text", str, project_id=project_id, default_zone=default_zone)
        self.project_id = project_id
        self._zones = self._named_zones()
        self._home = default_zone or (HOME if HOME in self._zones else self._zones[0])
        token = self.secret(secret_key, "secret_key") if secret_key else None
        self.http = self.connect(auth=HeaderAuth("X-Auth-Token", "", token))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """SCW_SECRET_KEY with SCW_DEFAULT_PROJECT_ID, SCW_DEFAULT_ZONE and SCW_API_URL; and scw's profiles."""
        if key := environment.get("SCW_SECRET_KEY"):
            names = {"project_id": "SCW_DEFAULT_PROJECT_ID", "default_zone": "SCW_DEFAULT_ZONE"}
            found = {option: environment.get(name) for option, name in {**names, "endpoint": "SCW_API_URL"}.items()}
            known = {option: value for option, value in found.items() if value}
            yield Account("scaleway", "default", {"secret_key": key, **known}, source="environment variables")
        path = _config(environment)
        for name, profile in _profiles(path).items():
            if options := _options(profile):
                yield Account("scaleway", name, options, source=str(path))

    def _named_zones(self) -> tuple[str, ...]:
        """The zones to work in. The first is where questions go that need no other."""
        named = [self.region] if isinstance(self.region, str) else self.region
        if not named or list(named) == ["all"]:
            return ZONES
        zones = [zone for each in named for zone in _zones_in(each)]
        if strange := [zone for zone in zones if not ZONE.fullmatch(zone)]:
            raise ConfigurationError(f"scaleway has no zone or region {strange[0]!r}; there are: {', '.join(ZONES)}")
        return tuple(dict.fromkeys(zones))

    async def parts(self) -> Sequence[Driver]:
        """A driver for each zone."""
        return [self] if len(self._zones) == 1 else [self._part(zone) for zone in self._zones]

    def _part(self, zone: str) -> Self:
        part = copy.copy(self)
        part.part = part.region = part._home = zone
        part._zones = (zone,)
        return part

    # ---- for the resources ----

    def _zone(self, location: Location | str | None) -> str:
        """The zone of a place, or the usual one. Raises NotFoundError for what cannot be one."""
        zone = id_of(location) if location is not None else self._home
        if not ZONE.fullmatch(zone):
            raise self._missing(f"no zone {zone!r}; there are: {', '.join(ZONES)}")
        return zone

    def _list(self, zone: str, items: str, shape: Callable[..., T], **params: str) -> Pager[T]:
        """A list of a zone."""
        known = {"project": self.project_id} if self.project_id else {}
        paging = pages_of(items, "per_page")
        return self.http.list(path_of(zone, items), shape, items=items, params={**known, **params}, paging=paging)

    def _table(self, zone: str, path: str, shape: Callable[..., T]) -> Pager[T]:
        """A list that comes as a table: what its rows are called by becomes their `id`."""

        async def fetch(page: Params) -> tuple[Response, Any]:
            response = await self.http.send("GET", path_of(zone, path), params=page)
            payload = self.http.decode(response, f"GET {path_of(zone, path)}")
            rows = payload.get("servers") if isinstance(payload, Mapping) else None
            if isinstance(rows, Mapping):
                payload = {**payload, "servers": [{"id": name, **row} for name, row in rows.items()]}
            return response, payload

        return self.http.pager(fetch, shape, items="servers", paging=pages_of("servers", "per_page"))

    def _all(self, path: str, items: str, shape: Callable[..., T], **params: str) -> Pager[T]:
        """A list of what is not in a zone."""
        return self.http.list(path, shape, items=items, params=params, paging=pages_of(items, "page_size"))

    async def _server(self, node: Node | str) -> Any:
        """A server as the API tells it; a bare id is looked for in all zones, if there are several."""
        zones = (node.location,) if isinstance(node, Node) and node.location else self._zones
        if len(zones) == 1:
            return await self._server_in(zones[0], node)

        async def look(zone: str) -> Any:
            try:
                return await self._server_in(zone, node)
            except NotFoundError:
                return None

        found = [each for each in await together(*[partial(look, zone) for zone in zones]) if each is not None]
        if not found:
            raise self._missing(f"no node {id_of(node)!r} in {', '.join(zones)}")
        return found[0]

    async def _server_in(self, zone: str, node: Node | str) -> Any:
        return await self.http.get(path_of(zone, "servers", node), raw, item="server")

    def _missing(self, message: str) -> NotFoundError:
        return NotFoundError(message, code="not_found", provider=self.provider, account=self.account)


def path_of(zone: str, kind: str, *parts: Node | str) -> str:
    """The path to what is in a zone."""
    return "/".join([f"/instance/v1/zones/{segment(zone)}/{kind}", *map(segment, parts)])


def _zones_in(place: str) -> list[str]:
    """The zones of a region; of a zone, itself."""
    return [zone for zone in ZONES if zone.startswith(f"{place}-")] if place in REGIONS else [place]


def _config(environment: Environment) -> Path:
    """Where scw keeps its configuration."""
    if own := environment.get("SCW_CONFIG_PATH"):
        return Path(own)
    folder = environment.get("XDG_CONFIG_HOME")
    return (Path(folder) if folder else environment.home / ".config") / "scw" / "config.yaml"


def _profiles(path: Path) -> Mapping[str, Any]:
    """The profiles in it: that of the file itself, by the name `scw`, and the others, which complete it."""
    if not path.is_file():
        return {}
    try:
        import yaml
    except ImportError as error:
        message = f"reading {path} needs PyYAML, which is not installed: pip install 'aiocloud[openstack]'"
        raise ConfigurationError(message) from error
    try:
        top = yaml.safe_load(path.read_text("utf-8")) or {}
        others = top.pop("profiles", None) or {}
        return {"scw": top} | {str(name): {**top, **profile} for name, profile in others.items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        # The text of a YAML error may quote the file, and with it a secret.
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None


def _options(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The driver's keywords out of a profile; none if it has no key."""
    names = {"project_id": "default_project_id", "default_zone": "default_zone", "endpoint": "api_url"}
    if not profile.get("secret_key"):
        return {}
    known = {option: profile[name] for option, name in names.items() if profile.get(name)}
    return {"secret_key": profile["secret_key"], **known}
