"""One account: its key, the zones with a host each, and operations that take their time."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar, Unpack

import anyio

from aiocloud.accounts import Account, Environment
from aiocloud.driver import Driver, Options, id_of, segment
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.auth import with_headers
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Handler, Request, Response
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import raw
from aiocloud.models import Location, Node
from aiocloud.providers.exoscale.shapes import ERRORS, NODE, ZONES, failure
from aiocloud.values import Secret

T = TypeVar("T")

HOST = "https://api-{zone}.exoscale.com/v2"
HOME = "ch-gva-2"
"""The zone that the description of the API takes where none is named."""
EXPIRES = 600
"""Seconds for which a signature holds."""
PATIENCE = 60.0
"""Seconds for which an operation is waited for."""


class Zonal(Driver):
    """An account at Exoscale, in one zone, several or all."""

    provider = "exoscale"
    title = "Exoscale"
    website = "https://www.exoscale.com/"
    protocol = "Exoscale API v2, JSON, requests signed by HMAC-SHA256"
    api = Api(base_url=HOST.replace("{zone}", HOME), errors=ERRORS)

    def __init__(self, key: str | None = None, secret: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        if not key or not isinstance(key, str):
            raise ConfigurationError("exoscale needs `key`, the API key, as text")
        self._key = key.strip()
        self._secret = self.secret(secret, "secret")
        self._scope = self._named_zones()
        self._clients: dict[str, Client] = {}

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """EXOSCALE_API_KEY with EXOSCALE_API_SECRET; and the accounts in the exo tool's configuration, in all zones."""
        names = ("EXOSCALE_API_KEY", "EXOSCALE_API_SECRET")
        environment.require_whole(*names)
        key, secret = map(environment.get, names)
        if key and secret:
            yield Account("exoscale", "default", {"key": key, "secret": secret}, source="environment variables")
        path = environment.home / ".config" / "exoscale" / "exoscale.toml"
        try:
            known = tomllib.loads(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None  # it holds secrets
        tables = [each for each in known.get("accounts") or () if isinstance(each, dict)]
        for each in tables:
            if each.get("name") and each.get("key") and each.get("secret"):  # some have a command in place of it
                options = {"key": each["key"], "secret": each["secret"]}
                yield Account("exoscale", each["name"], options, source=str(path))

    def _named_zones(self) -> tuple[str, ...] | None:
        """The zones to work in; None for all. An endpoint without `{zone}` is that of one."""
        one = bool(self.endpoint and "{zone}" not in self.endpoint)
        named = [self.region] if isinstance(self.region, str) else self.region
        scope = None if not named or named == ["all"] else tuple(dict.fromkeys(named))
        if one and not named:
            return (HOME,)
        if one and (scope is None or len(scope) > 1):
            raise ConfigurationError(f"the endpoint {self.endpoint!r} is that of one zone: put {{zone}} in its place")
        return scope

    async def _sign(self, request: Request, send: Handler) -> Response:
        expires = int(self.now().timestamp()) + EXPIRES
        authorization = signed(request, self._key, self._secret, expires)
        return await send(with_headers(request, {"Authorization": authorization}))

    async def parts(self) -> Sequence[Driver]:
        """A driver for each zone."""
        if self._scope and len(self._scope) == 1:
            return [self]
        zones = await self._zones()
        self.transport  # noqa: B018 - opened here, so that the parts share it
        return [self._part(zone) for zone in zones]

    def _part(self, zone: str) -> Self:
        part = copy.copy(self)
        part.part, part.region, part._scope = zone, zone, (zone,)
        return part

    # ---- for the resources ----

    def ex_client(self, zone: str) -> Client:
        """The API of a zone, also for what no verb is there for: `ex_client("de-muc-1").call("GET", "/quota")`."""
        if zone not in self._clients:
            base = (self.endpoint or HOST).replace("{zone}", segment(zone))
            self._clients[zone] = self.connect(endpoint=base, auth=self._sign)
        return self._clients[zone]

    @property
    def _home(self) -> Client:
        """The API of any zone, for what all have in common."""
        return self.ex_client(self._scope[0] if self._scope else HOME)

    async def _zones(self) -> tuple[str, ...]:
        """The zones in which this driver works."""
        return self._scope or tuple(zone["name"] for zone in await self._home.list("/zone", raw, items="zones"))

    async def _at(self, location: Location | str | None) -> Client:
        """The API of a zone, any if none is named. Raises NotFoundError for a zone that there is not."""
        if location is None:
            return self._home
        zone = id_of(location)
        if zone not in ZONES and zone not in (self._scope or ()):
            known = [each["name"] for each in await self._home.list("/zone", raw, items="zones")]
            if zone not in known:
                raise self._missing(f"no zone {zone!r}; there are: {', '.join(known)}")
        return self.ex_client(zone)

    def _list(self, path: str, shape: Callable[..., T], location: Location | str | None, **options: Any) -> Pager[T]:
        """A list of one zone, whose name in the answer is that of the path."""

        async def pagers() -> list[Pager[T]]:
            return [(await self._at(location)).list(path, shape, items=f"{path.removeprefix('/')}s", **options)]

        return Pager.chain(pagers)

    async def _where(self, node: Node | str) -> str:
        """The zone that a node is in; a bare id is looked for in all, if there are several."""
        if isinstance(node, Node) and node.location:
            return node.location
        zones = await self._zones()
        if len(zones) == 1:
            return zones[0]

        async def look(zone: str) -> str | None:
            try:
                await self._show(zone, node)
            except NotFoundError:
                return None
            return zone

        answers = await together(*[partial(look, zone) for zone in zones])
        found = next((zone for zone in answers if zone is not None), None)
        if found is None:
            raise self._missing(f"no node {id_of(node)!r} in {', '.join(zones)}")
        return found

    async def _show(self, zone: str, node: Node | str) -> Node:
        return await self.ex_client(zone).get(f"/instance/{segment(node)}", in_zone(zone))

    def _missing(self, message: str) -> NotFoundError:
        return NotFoundError(message, code="not-found", provider=self.provider, account=self.account)

    # ---- operations ----

    async def _do(self, http: Client, method: str, path: str, json: Any = None, **options: Any) -> Mapping[str, Any]:
        """Ask for an operation, and await its end. Raises what its failure means."""
        operation = await http.call(method, path, json=json, **options)
        return self._checked(await self._end(http, operation, PATIENCE), f"{method} {path}")

    async def _end(self, http: Client, operation: Any, patience: float) -> Mapping[str, Any]:
        """An operation when it has ended, or as it is after so many seconds."""
        end, pause = anyio.current_time() + patience, 0.5
        while operation["state"] == "pending" and anyio.current_time() + pause <= end:
            await anyio.sleep(pause)
            pause = min(3.0, pause * 1.5)
            operation = await http.call("GET", f"/operation/{segment(operation['id'])}")
        seen: Mapping[str, Any] = operation
        return seen

    def _checked(self, operation: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        """The operation, if it has not failed."""
        if operation["state"] not in ("failure", "timeout"):
            return operation
        raise self._home.errors.stamp(failure(operation), what)


def in_zone(zone: str) -> Callable[..., Node]:
    """What reads the instances of a zone, which do not tell it."""
    return partial(_node, zone)


def _node(zone: str, payload: Any, **context: Any) -> Node:
    return NODE(payload, location=zone, **context)


def signed(request: Request, key: str, secret: Secret, expires: int) -> str:
    """The value of the header Authorization for a request, until `expires` (seconds of Unix time).

    https://openapi-v2.exoscale.com/topic/topic-api-request-signature
    """
    query = request.url.query
    names = sorted(name for name in set(query) if query[name])
    message = [
        f"{request.method} {request.url.raw_path}".encode(),
        request.body,
        "".join(query[name] for name in names).encode(),
        b"",  # no headers are signed
        str(expires).encode(),
    ]
    digest = hmac.new(secret.reveal().encode(), b"\n".join(message), hashlib.sha256).digest()
    arguments = [f"signed-query-args={';'.join(names)}"] if names else []
    proof = base64.b64encode(digest).decode()
    return f"EXO2-HMAC-SHA256 {','.join([f'credential={key}', *arguments, f'expires={expires}', f'signature={proof}'])}"
