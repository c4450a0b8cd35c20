"""One account at one provider: its options, its secrets, its network."""

from __future__ import annotations

import ssl as tls
from abc import ABC
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypedDict
from urllib.parse import quote, unquote, urlsplit

from aiocloud.accounts import Account, Environment
from aiocloud.deploy.ssh import SSH
from aiocloud.errors import ConfigurationError
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Handler, Layer
from aiocloud.http.ratelimit import Limits, RateLimiter
from aiocloud.http.redact import Redactor
from aiocloud.http.retry import Retry
from aiocloud.models import Image, KeyPair, Location, Node, Size
from aiocloud.values import Secret

if TYPE_CHECKING:
    import aiohttp  # a type only: the session is imported when the first request is sent

    from aiocloud.http.session import SharedSession


def utcnow() -> datetime:
    """The aware time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """A provider that is no more: `since` when, and the id of the provider that succeeded it, if any."""

    since: str
    successor: str | None = None


class Options(TypedDict, total=False):
    """The keywords that every driver takes beside its credentials.

    account   the name of the account in reports and errors
    region    where to work; what a region is, and whether there may be several, is the driver's to say
    endpoint  replaces the API's base URL: self-hosted clouds, proxies, test servers
    session   the application's own aiohttp session (or a SharedSession), which is used and never closed
    transport any handler in place of the network: a simulator, a function in a test
    retry     when to send again
    limits    what the account may do, where it differs from what the provider documents
    timeout   seconds for one attempt
    proxy     URL of a proxy
    ssl       an SSLContext with private authorities or a client certificate; False checks nothing
    ssh       how its nodes are reached and signed in to: an SSH, or a table of its fields
    now       the clock
    """

    account: str
    region: str | Sequence[str] | None
    endpoint: str | None
    session: aiohttp.ClientSession | SharedSession | None
    transport: Handler | None
    retry: Retry | None
    limits: Limits | None
    timeout: float
    proxy: str | None
    ssl: tls.SSLContext | bool
    ssh: SSH | Mapping[str, Any] | None
    now: Callable[[], datetime]


class Driver(ABC):
    """One account at one provider.

    Constructing one does no I/O. Use it as `async with driver:`, or call `aclose()`. Credentials come first, in the
    provider's own words; the keywords of `Options` follow.
    """

    provider: ClassVar[str]
    """The id: the name of the driver's module."""
    title: ClassVar[str]
    """The provider's name as it writes it."""
    website: ClassVar[str] = ""
    protocol: ClassVar[str]
    """The API that the driver speaks, in a few words."""
    api: ClassVar[Api]
    retired: ClassVar[Retired | None] = None
    public: ClassVar[bool] = False
    """Whether sizes, prices and places can be had without credentials (`cls.anonymous()`)."""

    def __init__(
        self,
        *,
        account: str = "",
        region: str | Sequence[str] | None = None,
        endpoint: str | None = None,
        session: aiohttp.ClientSession | SharedSession | None = None,
        transport: Handler | None = None,
        retry: Retry | None = None,
        limits: Limits | None = None,
        timeout: float = 60.0,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool = True,
        ssh: SSH | Mapping[str, Any] | None = None,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._expect("a number of seconds", int | float, timeout=timeout)
        self._expect("text", str, account=account, endpoint=endpoint, proxy=proxy)
        self._expect("text, or several", Sequence, region=region)
        self._expect("a Retry", Retry, retry=retry)
        self._expect("Limits", Limits, limits=limits)
        if self.retired is not None and endpoint is None:
            gone = f"{self.title} closed in {self.retired.since}, and nobody may be sent credentials in its place"
            raise ConfigurationError(f"{gone}: give `endpoint`, the base URL of what speaks its API")
        self.account = account
        self.region = region
        self.endpoint = endpoint
        self.redactor = Redactor()
        self.ssh = SSH.of(ssh)
        self.now = now
        self._session = session
        self._transport = transport
        self._retry = retry or Retry()
        self._limits = limits
        self._timeout = timeout
        self._proxy = proxy
        self._ssl = ssl
        self._own_session: SharedSession | None = None
        if proxy:
            self.redactor.add(_password_in(proxy))

    def __repr__(self) -> str:
        where = f" {self.region!r}" if self.region else ""
        return f"<{type(self).__name__} {self.account or 'account'}{where}>"

    # ---- lifetime ----

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close what the driver itself opened; a session that it was given stays open."""
        if self._own_session is not None:
            await self._own_session.aclose()

    # ---- for the authors of drivers ----

    def connect(
        self,
        api: Api | None = None,
        *,
        endpoint: str | None = None,
        auth: Layer | None = None,
        limiter: RateLimiter | None = None,
    ) -> Client:
        """A client for one of the provider's APIs, with this driver's options, account and network."""
        api = api or self.api
        return Client(
            api,
            self.transport,
            provider=self.provider,
            account=self.account,
            endpoint=endpoint or self.endpoint,
            auth=auth,
            retry=self._retry,
            limiter=limiter or RateLimiter(self._limits or api.limits, now=self.now),
            timeout=self._timeout,
            redactor=self.redactor,
            now=self.now,
        )

    @property
    def transport(self) -> Handler:
        """What carries requests: the handler that the driver was given, or the network."""
        if self._transport is None:
            self._transport = self._network()
        return self._transport

    def _network(self) -> Handler:
        from aiocloud.http.session import SharedSession
        from aiocloud.http.transport import AiohttpTransport

        session = self._session
        if session is None:
            session = self._own_session = SharedSession()
        source = session if isinstance(session, SharedSession) else lambda: session
        return AiohttpTransport(source, proxy=self._proxy, ssl=self._ssl)

    def secret(self, value: str | Secret | None, name: str) -> Secret:
        """A credential that is not optional, kept from logs and errors. Raises ConfigurationError without one."""
        if not value:
            raise ConfigurationError(f"{self.provider} needs `{name}`")
        if not isinstance(value, Secret | str):
            raise ConfigurationError(f"{self.provider} needs `{name}` as text, not as {type(value).__name__}")
        # Files and variables often end in a line break, which no header could carry.
        found = value if isinstance(value, Secret) else Secret(value.rstrip("\r\n"))
        self.redactor.add(found)
        return found

    def _expect(self, what: str, kind: Any, **options: Any) -> None:
        """Raises ConfigurationError for an option that is not of that kind: files know no types."""
        for name, value in options.items():
            if value is not None and not isinstance(value, kind):
                message = f"{self.provider} needs `{name}` as {what}, not as {type(value).__name__}"
                raise ConfigurationError(message)

    def today(self) -> date:
        """The date by which this driver's API is quoted."""
        return self.now().date()

    # ---- for fleets ----

    part: str = ""
    """Which part of the account this driver is for, where `parts` made it."""

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """The accounts that the provider's own tools would find in these variables and files.

        Raises ConfigurationError for a file that is there and cannot be read.
        """
        return ()

    @classmethod
    def anonymous(cls, **options: Any) -> Self:
        """A driver without credentials, good for sizes, places and offers; only where `public` is true."""
        return cls(**options)

    async def parts(self) -> Sequence[Driver]:
        """Drivers for the parts of the account that can fail one by one (regions); by default the whole.

        They share this driver's network and limits and need no closing of their own.
        """
        return [self]


def segment(thing: Node | Size | Image | Location | KeyPair | str) -> str:
    """The id as one segment of a URL's path, quoted. Raises ConfigurationError for one that would lead elsewhere."""
    text = thing if isinstance(thing, str) else thing.id
    if text in ("", ".", ".."):
        raise ConfigurationError(f"{text!r} is no id")
    return quote(text, safe="")


def id_of(thing: Node | Size | Image | Location | str) -> str:
    """The id of a model, or the id itself."""
    return thing if isinstance(thing, str) else thing.id


def _password_in(url: str) -> str | None:
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None
