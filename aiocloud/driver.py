"""What a driver is: `Driver`, and a base class for each thing that a provider can do.

A driver is bound to one account. Verbs live here, not on the models. A capability that a provider lacks is a
base class that its driver does not have: no method exists only to raise.
"""

from __future__ import annotations

import base64
import ssl as tls
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, TypedDict
from urllib.parse import quote, unquote, urlsplit

import anyio

from aiocloud.accounts import Account, Environment
from aiocloud.errors import CloudError, ConfigurationError, NodeStateError, NotFoundError, WaitTimeoutError
from aiocloud.http.client import Api, Client
from aiocloud.http.message import Handler, Layer
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import Limits, RateLimiter
from aiocloud.http.redact import Redactor
from aiocloud.http.retry import Retry
from aiocloud.models import (
    Image,
    KeyPair,
    Location,
    Node,
    NodeAuthPassword,
    NodeAuthSSHKey,
    NodeState,
    Offer,
    Size,
)
from aiocloud.values import Secret

if TYPE_CHECKING:
    import aiohttp  # a type only: the session is imported when the first request is sent

    from aiocloud.http.transport import SharedSession

NodeAuth: TypeAlias = NodeAuthSSHKey | NodeAuthPassword | KeyPair
"""How to sign in to a new node: a public key, a password, or a key pair that the provider knows."""


LAST_LOOK = 5.0
"""Seconds for which the last question of a wait may outlast it."""


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
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self._expect("a number of seconds", int | float, timeout=timeout)
        self._expect("text", str, account=account, endpoint=endpoint, proxy=proxy)
        self._expect("text, or several", Sequence, region=region)
        self._expect("a Retry", Retry, retry=retry)
        self._expect("Limits", Limits, limits=limits)
        self.account = account
        self.region = region
        self.endpoint = endpoint
        self.redactor = Redactor()
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
        from aiocloud.http.transport import AiohttpTransport, SharedSession

        session = self._session
        if session is None:
            session = self._own_session = SharedSession()
        get = session.get if isinstance(session, SharedSession) else lambda: session
        return AiohttpTransport(get, proxy=self._proxy, ssl=self._ssl)

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


class Compute(Driver):
    """Nodes, and what they are made of.

    Where a verb takes a node, size, image or location, its id will do. Lists are Pagers: await them, or iterate.
    All verbs raise CloudErrors; see `aiocloud.errors` for the tree.
    """

    features: ClassVar[frozenset[str]] = frozenset()
    """What `create_node` can do: "ssh_key", "password", "generates_password", "user_data", "tags",
    "idempotent_create"."""
    user_data_limit: ClassVar[int | None] = None
    """Bytes of user data, before encoding, that the provider takes."""

    @abstractmethod
    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All nodes of the account, or those in one location."""

    @abstractmethod
    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images that nodes can be made from."""

    @abstractmethod
    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The sizes on offer, with the prices of that location where they differ."""

    @abstractmethod
    def list_locations(self) -> Pager[Location]:
        """The places where nodes can be put."""

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every size in every location (or in one) with its price there."""
        return Pager.of(lambda: self._offers(location))

    @abstractmethod
    async def get_node(self, node: Node | str) -> Node:
        """The node as it is now. Raises NotFoundError."""

    @abstractmethod
    async def create_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Node:
        """Make a node, and return at once, while it still boots.

        It is made once, even if the answer is lost and must be looked for. Cancelling the call leaves no node: one that
        was made meanwhile is destroyed again, and a warning names what could not be.

        Raises AmbiguousCreateError where it is not known whether a node runs; QuotaExceededError, CapacityError,
        InvalidRequestError, NotFoundError and the like where it is sure that none does.
        """

    @abstractmethod
    async def destroy_node(self, node: Node | str) -> None:
        """Destroy the node and what was made with it. It may be seen for a while, as terminated."""

    @abstractmethod
    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system."""

    async def wait_until(
        self, node: Node | str, *states: NodeState, timeout: float = 600.0, grace: float = 30.0
    ) -> Node:
        """The node, as soon as it is in one of `states` (running, by default).

        Asks every second at first, every fifteen later, and at the end once more; a question that fails for a passing
        reason is asked again. A node that is not to be seen yet is pending for `grace` seconds; one that is gone is
        terminated, if that is what is waited for. Raises WaitTimeoutError after `timeout` seconds, NodeStateError as
        soon as the node fails or is terminated instead; both name the node, which still exists.
        """
        wanted = states or (NodeState.RUNNING,)
        began = anyio.current_time()
        end = began + timeout
        pause = 1.0
        seen: Node | None = None
        while True:
            trouble: CloudError | None = None
            try:
                with anyio.move_on_after(max(end - anyio.current_time(), LAST_LOOK)):
                    seen = await self._look(node, wanted, began + grace)
            except CloudError as error:
                if not error.retryable:
                    raise
                trouble = error
            if seen is not None and seen.state in wanted:
                return seen
            if seen is not None and seen.state in _final(wanted):
                reason = f": {why}" if (why := self.failure_reason(seen)) else ""
                raise NodeStateError(f"node {id_of(node)} is {seen.state}{reason}", **self._about(node))
            if (left := end - anyio.current_time()) <= 0:
                message = f"node {id_of(node)} is {_state(seen)} after {timeout:g} s, not {' or '.join(wanted)}"
                because = f". The last question failed: {trouble.reason}" if trouble is not None else ""
                raise WaitTimeoutError(message + because, **self._about(node)) from trouble
            await anyio.sleep(min(pause, left))
            pause = min(15.0, pause * 1.5)

    def failure_reason(self, node: Node) -> str | None:
        """Why a node failed, in the provider's words; None where it does not say."""
        return None

    async def _look(self, node: Node | str, wanted: Sequence[NodeState], patience: float) -> Node | None:
        try:
            return await self.get_node(node)
        except NotFoundError:
            if NodeState.TERMINATED in wanted:
                return self._gone(node)
            if anyio.current_time() > patience:
                raise
            return None

    def _gone(self, node: Node | str) -> Node:
        if isinstance(node, Node):
            return replace(node, state=NodeState.TERMINATED, public_ips=(), private_ips=())
        terminated = NodeState.TERMINATED
        return Node(id=node, name=node, state=terminated, provider=self.provider, account=self.account)

    def _about(self, node: Node | str) -> dict[str, str]:
        return {"node_id": id_of(node), "provider": self.provider, "account": self.account}

    async def _offers(self, location: Location | str | None) -> list[Offer]:
        wanted = id_of(location) if location is not None else None
        places = [place async for place in self.list_locations() if wanted in (None, place.id)]
        return [offer for place in places for offer in self.offers_of(place, await self.list_sizes(location=place))]

    def offers_of(self, place: Location, sizes: Iterable[Size]) -> list[Offer]:
        """Offers of these sizes, priced for this place."""
        return [
            Offer(provider=self.provider, account=self.account, location=place, size=size, price=size.price)
            for size in sizes
        ]

    def encoded_user_data(self, user_data: str | bytes | None) -> str | None:
        """User data in base64, as all APIs want it. Raises ConfigurationError if there is too much of it."""
        if user_data is None:
            return None
        raw = user_data.encode() if isinstance(user_data, str) else user_data
        if self.user_data_limit is not None and len(raw) > self.user_data_limit:
            raise ConfigurationError(
                f"{self.provider} takes {self.user_data_limit} bytes of user data; these are {len(raw)}"
            )
        return base64.b64encode(raw).decode()

    def refuse_auth(self, auth: NodeAuth) -> ConfigurationError:
        """The error for a way of signing in that the provider does not offer."""
        ways = ", ".join(sorted(self.features & {"ssh_key", "password", "generates_password"}))
        return ConfigurationError(f"{self.provider} cannot make nodes with {type(auth).__name__}; it offers: {ways}")


class PowerControl(Compute):
    """Nodes that can be stopped and started again. A stopped node may still cost money."""

    @abstractmethod
    async def start_node(self, node: Node | str) -> None:
        """Start a stopped node."""

    @abstractmethod
    async def stop_node(self, node: Node | str) -> None:
        """Stop the operating system and leave the node where it is."""


class KeyPairs(Driver):
    """SSH keys that the provider knows by name."""

    @abstractmethod
    def list_key_pairs(self) -> Pager[KeyPair]:
        """All of them."""

    async def get_key_pair(self, name: str) -> KeyPair:
        """The one of that name. Raises NotFoundError."""
        async for pair in self.list_key_pairs():
            if pair.name == name:
                return pair
        raise NotFoundError(f"no key pair {name!r}", provider=self.provider, account=self.account)

    async def create_key_pair(self, name: str) -> KeyPair:
        """A new key pair, with its private key, which nobody can ask for again.

        Where the provider makes none, an Ed25519 key is made here and its public half is imported.
        """
        import asyncssh

        key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        pair = await self.import_key_pair_from_string(name, key.export_public_key().decode().strip())
        return replace(pair, private_key=Secret(key.export_private_key().decode()))

    @abstractmethod
    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Make a public key (one OpenSSH line) known under that name. Raises ConflictError if it is taken."""

    async def import_key_pair_from_file(self, name: str, key_file_path: str | Path) -> KeyPair:
        """Make the public key in a file known under that name. Raises ConfigurationError for a private one."""
        path = await anyio.Path(key_file_path).expanduser()
        try:
            text = (await path.read_text("utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the key file {path} cannot be read: {error}") from error
        if "PRIVATE KEY" in text:
            raise ConfigurationError(f"{path} holds a private key; give the public one ({path}.pub)")
        return await self.import_key_pair_from_string(name, text)

    @abstractmethod
    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Forget the key pair of that name. Raises NotFoundError where the provider tells."""


def segment(thing: Node | Size | Image | Location | KeyPair | str) -> str:
    """The id as one segment of a URL's path, quoted. Raises ConfigurationError for one that would lead elsewhere."""
    text = thing if isinstance(thing, str) else thing.id
    if text in ("", ".", ".."):
        raise ConfigurationError(f"{text!r} is no id")
    return quote(text, safe="")


def id_of(thing: Node | Size | Image | Location | str) -> str:
    """The id of a model, or the id itself."""
    return thing if isinstance(thing, str) else thing.id


def _state(seen: Node | None) -> str:
    return seen.state if seen is not None else "not to be seen"


def _final(wanted: Sequence[NodeState]) -> Sequence[NodeState]:
    """The states from which none of these is reached. A broken node can still be terminated."""
    broken = () if NodeState.TERMINATED in wanted else (NodeState.ERROR,)
    return (*broken, NodeState.TERMINATED)


def _password_in(url: str) -> str | None:
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None
