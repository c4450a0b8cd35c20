"""Many accounts at once."""

from __future__ import annotations

import ssl as tls
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

import anyio

from aiocloud.accounts import Account, Environment, Unusable
from aiocloud.deploy.ssh import SSH, HowToSignIn, signing_in
from aiocloud.driver import Compute, Driver, KeyPairs, PowerControl
from aiocloud.errors import ConfigurationError
from aiocloud.fleet.discovery import discover, without_account
from aiocloud.fleet.gathering import Gathering, Member
from aiocloud.fleet.report import OfferReport, Scope
from aiocloud.http.paging import Pager
from aiocloud.models import Image, KeyPair, Location, Node, Offer, Size
from aiocloud.pricing.money import Rates
from aiocloud.providers import get_driver
from aiocloud.query import Clauses, Query, select

if TYPE_CHECKING:
    import aiohttp

    from aiocloud.deploy.running import OnNodeOutput, Running
    from aiocloud.http.session import SharedSession

T = TypeVar("T")

PUBLIC = "public"
"""The account name of a driver without credentials."""


class Fleet:
    """Accounts at many clouds, asked together.

    Each account answers under its own `deadline` (seconds, for one call; None: no limit) and within its own limits; at
    most `concurrency` accounts are in flight. What fails is in the report, beside what the others answered.
    Drivers that the fleet makes share one session, and are closed with it; drivers that it was given are not.

    `accounts` become drivers when they are first asked. `options` are keywords for all of these (see
    `aiocloud.driver.Options`), such as `proxy` or `timeout`.
    """

    def __init__(
        self,
        drivers: Iterable[Driver] = (),
        *,
        accounts: Iterable[Account | Unusable] = (),
        public: Iterable[str] = (),
        deadline: float | None = 30.0,
        concurrency: int = 1000,
        session: aiohttp.ClientSession | None = None,
        proxy: str | None = None,
        ssl: tls.SSLContext | bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.deadline = deadline
        if concurrency < 1:
            raise ConfigurationError(f"a fleet's concurrency must be at least 1, not {concurrency}")
        self._limiter = anyio.Semaphore(concurrency, fast_acquire=True)
        self._session = session
        self._shared: SharedSession | None = None
        self._options = {**(options or {}), "proxy": proxy, "ssl": ssl}
        self._members = [self._given(driver) for driver in drivers]
        self._members += [self._configured(account) for account in accounts]
        self._public = [self._anonymous(provider) for provider in public]

    @classmethod
    def from_env(
        cls,
        environment: Environment | None = None,
        *,
        accounts: Sequence[str] | None = None,
        providers: Sequence[str] | None = None,
        public: bool = True,
        **options: Any,
    ) -> Self:
        """A fleet of every account that can be found.

        They are looked for in `accounts.toml` of the user's configuration folder, and in the variables and files that
        each provider's own tools use. `accounts` and `providers` narrow it to those names. With `public`, providers
        that tell their prices to anybody take part in `offers` even without an account. `options` are those of `Fleet`.

        Raises ConfigurationError for a name that no account has, ProviderNotFoundError for an unknown provider.
        """
        if providers is not None:
            providers = [get_driver(provider).provider for provider in providers]
        found = list(discover(environment or Environment.current(), providers))
        if accounts is not None:
            found = _named(found, accounts)
        taken = [each.provider for each in found]
        open_to_all = without_account(taken, providers) if public and accounts is None else ()
        return cls(accounts=found, public=open_to_all, **options)

    def __repr__(self) -> str:
        return f"<Fleet of {', '.join(str(member.scope) for member in self._members) or 'no accounts'}>"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The accounts, public ones last."""
        return tuple(member.scope for member in (*self._members, *self._public))

    @property
    def public_scopes(self) -> tuple[Scope, ...]:
        """Those that are asked without an account, for what they tell to anybody."""
        return tuple(member.scope for member in self._public)

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
        """Close the drivers that the fleet made, and the session that it opened."""
        async with AsyncExitStack() as closing:  # one that cannot be closed leaves none of the others open
            if self._shared is not None:
                closing.push_async_callback(self._shared.aclose)
                self._shared = None
            for member in (*self._members, *self._public):
                if member.driver is not None and not member.given:
                    closing.push_async_callback(member.driver.aclose)
                    member.driver = None

    # ---- asking all ----

    def ask(
        self, call: Callable[[Any], Pager[T]], *, needs: type[Driver] = Compute, deadline: float | None = None
    ) -> Gathering[T]:
        """One call on every account: `fleet.ask(lambda driver: driver.ex_…(), needs=EC2)`.

        Accounts whose driver is no `needs` are skipped, and the coverage says so.
        """
        return self._gather(self._members, call, needs, deadline)

    def list_nodes(self, *, deadline: float | None = None) -> Gathering[Node]:
        """The nodes of all accounts."""
        return self.ask(lambda driver: driver.list_nodes(), deadline=deadline)

    def list_images(self, *, deadline: float | None = None) -> Gathering[Image]:
        """The images of all accounts."""
        return self.ask(lambda driver: driver.list_images(), deadline=deadline)

    def list_sizes(self, *, deadline: float | None = None) -> Gathering[Size]:
        """The sizes of all accounts, and of the providers that need none."""
        return self._gather(self._everybody(), lambda driver: driver.list_sizes(), Compute, deadline)

    def list_locations(self, *, deadline: float | None = None) -> Gathering[Location]:
        """The locations of all accounts, and of the providers that need none."""
        return self._gather(self._everybody(), lambda driver: driver.list_locations(), Compute, deadline)

    def list_key_pairs(self, *, deadline: float | None = None) -> Gathering[KeyPair]:
        """The key pairs of all accounts."""
        return self.ask(lambda driver: driver.list_key_pairs(), needs=KeyPairs, deadline=deadline)

    def list_offers(self, *, deadline: float | None = None) -> Gathering[Offer]:
        """Every size in every location, unfiltered, of all accounts and of the providers that need none."""
        return self._gather(self._everybody(), lambda driver: driver.list_offers(), Compute, deadline)

    async def offers(
        self,
        query: Query | None = None,
        *,
        rates: Rates | None = None,
        deadline: float | None = None,
        **clauses: Unpack[Clauses],
    ) -> OfferReport:
        """The offers of all clouds that match, cheapest first: `await fleet.offers(ram=4096, outside="US")`.

        The clauses are those of `Query.of`; or give a `query` made before. `rates` are exchange rates in place of the
        shipped, dated table. Raises ConfigurationError for a clause that is not understood, before any request.
        """
        if query is not None and clauses:
            raise ConfigurationError(f"offers takes a query or clauses, not both: {', '.join(clauses)}")
        query = query or Query.of(**clauses)
        report = await self.list_offers(deadline=deadline)
        selection = select(report.items, query, rates)
        return OfferReport(
            items=[ranked.offer for ranked in selection.ranked],
            failures=report.failures,
            coverage=report.coverage,
            selection=selection,
        )

    # ---- acting on one ----

    def driver(self, account: str | Node) -> Driver:
        """The driver of a node's account, or of the account of that name (`name`, or `provider/name`).

        Raises ConfigurationError for a name that no account has, or more than one.
        """
        if isinstance(account, Node):
            scope = Scope(account.provider, account.account)
            account = str(scope)
            found = [member for member in self._members if member.scope == scope]
        else:
            found = [member for member in self._members if account in (member.scope.account, str(member.scope))]
        if len(found) == 1:
            return found[0].connect()
        names = ", ".join(str(member.scope) for member in found or self._members) or "none is configured"
        what = "is the name of several accounts" if found else "is no account"
        raise ConfigurationError(f"{account!r} {what}. There are: {names}")

    async def destroy_node(self, node: Node) -> None:
        """Destroy a node, wherever it is."""
        await self._compute(node).destroy_node(node)

    async def reboot_node(self, node: Node) -> None:
        """Reboot a node, wherever it is."""
        await self._compute(node).reboot_node(node)

    async def start_node(self, node: Node) -> None:
        """Start a node, wherever it is. Raises ConfigurationError where that cannot be done."""
        await self._power(node).start_node(node)

    async def stop_node(self, node: Node) -> None:
        """Stop a node, wherever it is. Raises ConfigurationError where that cannot be done."""
        await self._power(node).stop_node(node)

    def run(
        self,
        nodes: Iterable[Node] | AsyncIterable[Node],
        command: str | Sequence[str],
        *,
        limit: int = 100,
        timeout: float | None = None,
        ordered: bool = False,
        max_fail: int | None = None,
        on_output: OnNodeOutput | None = None,
        **how: Unpack[HowToSignIn],
    ) -> Running:
        """Run a command on many nodes, wherever they are; iterate over the results, or await them.

        Each node is signed in to as its account's `ssh` says, and with what `how` says in its place, for all of them:
        `fleet.run(nodes, "hostname", ssh_key="~/.ssh/id_ed25519")`. All else is as `aiocloud.deploy.run` tells.
        Raises ConfigurationError for a node of no account of this fleet, when its turn comes.
        """
        from aiocloud.deploy.running import run

        known: dict[Scope, tuple[SSH, Sequence[str]]] = {}

        def way_to(target: Node | str) -> tuple[SSH, Sequence[str]]:
            node = target if isinstance(target, Node) else Node(id=target, name=target)
            scope = Scope(node.provider, node.account)
            if scope not in known:  # one SSH for each account, so that its keys are read once
                driver = self._compute(node)
                known[scope] = signing_in(driver.ssh, how)[0], driver.usernames
            return known[scope]

        pace: dict[str, Any] = {"limit": limit, "timeout": timeout, "ordered": ordered, "max_fail": max_fail}
        return run(nodes, command, ssh=way_to, on_output=on_output, **pace)

    def _compute(self, node: Node) -> Compute:
        driver = self.driver(node)
        if not isinstance(driver, Compute):
            raise ConfigurationError(f"{driver.title} has no nodes")
        return driver

    def _power(self, node: Node) -> PowerControl:
        driver = self.driver(node)
        if not isinstance(driver, PowerControl):
            raise ConfigurationError(f"{driver.title} can neither start nor stop nodes")
        return driver

    # ---- members ----

    def _gather(
        self, members: Sequence[Member], call: Callable[[Any], Pager[T]], needs: type[Driver], deadline: float | None
    ) -> Gathering[T]:
        limit = deadline if deadline is not None else self.deadline
        return Gathering(members, call, needs=needs, deadline=limit, limiter=self._limiter)

    def _everybody(self) -> Sequence[Member]:
        return (*self._members, *self._public)

    def _given(self, driver: Driver) -> Member:
        return Member(Scope(driver.provider, driver.account), lambda: driver, driver, given=True)

    def _configured(self, account: Account | Unusable) -> Member:
        if isinstance(account, Unusable):
            scope = Scope(account.provider, account.name)
            return Member(scope, lambda: _broken(account.error))
        make = lambda: self._make(account)  # noqa: E731 - a function of no arguments over this account
        return Member(Scope(account.provider, account.name), make)

    def _make(self, account: Account) -> Driver:
        try:
            options = {**self._network(), **account.options, "account": account.name}
            return get_driver(account.provider)(**options)
        except TypeError as error:
            # The message names a keyword, never its value.
            raise ConfigurationError(f"account {account.name!r} ({account.source}): {error}") from error

    def _anonymous(self, provider: str) -> Member:
        make = lambda: get_driver(provider).anonymous(account=PUBLIC, **self._network())  # noqa: E731 - as above
        return Member(Scope(provider, PUBLIC), make)

    def _network(self) -> dict[str, Any]:
        if self._session is None:
            from aiocloud.http.session import SharedSession

            self._shared = self._shared or SharedSession()
            return {**self._options, "session": self._shared}
        return {**self._options, "session": self._session}


def _broken(error: Exception) -> Driver:
    raise error


def _named(found: Sequence[Account | Unusable], names: Sequence[str]) -> list[Account | Unusable]:
    """The accounts of these names. Raises ConfigurationError for a name that none has."""
    there = {f"{each.provider}/{each.name}": each for each in found if each.name}
    chosen: list[Account | Unusable] = []
    for name in names:
        matching = [account for key, account in there.items() if name in (key, account.name)]
        if not matching:
            known = ", ".join(there) or "none was found"
            raise ConfigurationError(f"{name!r} is no account. There are: {known}")
        chosen += matching
    return chosen
