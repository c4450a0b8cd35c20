"""Nodes, and what they are made of."""

from __future__ import annotations

import base64
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, Unpack

import anyio

from aiocloud.deploy.ssh import HowToSignIn, signing_in
from aiocloud.driver.base import Driver, id_of
from aiocloud.driver.lookout import Lookout
from aiocloud.driver.patience import patiently
from aiocloud.errors import (
    CloudError,
    ConfigurationError,
    ConflictError,
    NodeStateError,
    NotFoundError,
    WaitTimeoutError,
)
from aiocloud.http.paging import Pager
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

if TYPE_CHECKING:
    from aiocloud.deploy.deploying import OnStepOutput, Plan
    from aiocloud.deploy.many import Deployments
    from aiocloud.deploy.steps import Steps

NodeAuth: TypeAlias = NodeAuthSSHKey | NodeAuthPassword | KeyPair
"""How to sign in to a new node: a public key, a password, or a key pair that the provider knows."""


LAST_LOOK = 5.0
"""Seconds for which the last question of a wait may outlast it."""


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
    states: ClassVar[Mapping[str, Mapping[str, NodeState]]] = {}
    """The provider's words for a node's state, and what they mean, by the field in which they stand."""
    usernames: ClassVar[tuple[str, ...]] = ("root",)
    """Whom the provider's usual images let in, in the order in which they are tried."""
    key_keyword: ClassVar[str | None] = None
    """The keyword of `create_node` by which a key pair may be named in place of `auth`."""

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
        self,
        node: Node | str,
        *states: NodeState,
        timeout: float = 600.0,
        grace: float = 30.0,
        period: float = 15.0,
    ) -> Node:
        """The node, as soon as it is in one of `states` (running, by default).

        Asks every second at first, every `period` seconds later, and at the end once more; a question that fails for a
        passing reason is asked again. Where many nodes of this driver are waited for, one list tells of all that are
        still on their way. A node that is not to be seen yet is pending for `grace` seconds; one that is gone is
        terminated, if that is what is waited for. Raises WaitTimeoutError after `timeout` seconds, NodeStateError as
        soon as the node fails or is terminated instead; both name the node, which still exists.
        """
        wanted = states or (NodeState.RUNNING,)
        began = anyio.current_time()
        end = began + timeout
        pause = 1.0
        seen: Node | None = None
        with self._lookout.waiting():
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
                pause = min(period, pause * 1.5)

    # ---- deployment ----

    async def deploy_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        deploy: Steps = None,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        timeout: float = 600.0,
        on_failure: Literal["destroy", "keep"] = "destroy",
        on_output: OnStepOutput | None = None,
        max_tries: int = 3,
        wait_period: float = 5.0,
        patience: float = 90.0,
        at_exit_func: Callable[..., Any] | None = None,
        **how: Unpack[HowToSignIn],
    ) -> Node:
        """Make a node, wait until it runs, sign in by SSH, and do the steps of `deploy`; the node, ready.

        name … tags    what to make, as for `create_node`, whose own keywords may follow, too
        deploy         what to do there: steps of `aiocloud.deploy`, one or several, or objects with
                       `async def run(self, node, client)`. Each is done once, unless it says `idempotent = True`
        timeout        seconds for all of it
        on_failure     what becomes of the node when it fails or is cancelled: "destroy" or "keep"
        on_output      called with the node, the step and an `Output`, for each line that a step writes
        max_tries      how often a step that is idempotent may be tried
        wait_period    the most seconds between two looks at the node while it boots
        patience       seconds for which a refusal to let us in is taken for booting
        at_exit_func   called with `driver` and `node` if the process ends in the midst of it
        ssh …          how to sign in: an `SSH`, or single fields of it (see `HowToSignIn`). With a key, its public half
                       is given to the node; with nothing, a key is made for this deployment alone, and removed after it

        The host key is given to the node in its user data, where nothing else is said: see `aiocloud.deploy.HostKeys`.

        Raises ConfigurationError before anything is made; what `create_node` raises where nothing was made; and
        DeploymentError, with the node, the step, the cause and what is left, for whatever fails later. A cancellation
        does with the node what `on_failure` says, and names it in a note on the CancelledError and in a warning.
        """
        from aiocloud.deploy.deploying import Deploying

        about = {"location": location, "auth": auth, "user_data": user_data, "tags": tags}
        pace = {"timeout": timeout, "max_tries": max_tries, "wait_period": wait_period, "patience": patience}
        plan = self._plan(
            name=name, size=size, image=image, deploy=deploy, on_failure=on_failure, on_output=on_output,
            at_exit_func=at_exit_func, how=how, **about, **pace,
        )  # fmt: skip
        return await Deploying(self, plan).run()

    def deploy_nodes(
        self,
        names: Sequence[str],
        *,
        size: Size | str,
        image: Image | str,
        deploy: Steps = None,
        limit: int = 50,
        ordered: bool = False,
        max_fail: int | None = None,
        **more: Any,
    ) -> Deployments:
        """Deploy many nodes side by side; iterate over the outcomes as they come, or await them all.

        limit     how many at a time; fewer where the process may not open so many files
        ordered   outcomes in the order of the names
        max_fail  when more than so many have failed, no more are begun
        more      the keywords of `deploy_node`

        Each name has exactly one outcome, a `Deployed`, which says what is left; each node has steps of its own. A
        failure is an outcome, and raises nothing.
        """
        from aiocloud.deploy.many import Deployments

        plan = self._plan(name="", size=size, image=image, deploy=deploy, how=_taken(more), **more)
        return Deployments(self, names, plan, limit=limit, ordered=ordered, max_fail=max_fail)

    def _plan(self, *, how: Mapping[str, Any], **plan: Any) -> Plan:
        """What is to be done. Raises TypeError for a keyword that nobody knows, before anything is made."""
        from aiocloud.deploy.deploying import Plan

        ssh, create = signing_in(self.ssh, how)
        known = inspect.signature(self.create_node).parameters
        if strange := sorted(set(create) - set(known)):
            raise TypeError(f"deploy_node() got an unexpected keyword argument {strange[0]!r}")
        return Plan(ssh=ssh, create=create, **plan)

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key pair that `create_node` has made in the account of a `NodeAuthSSHKey`, where it makes any.

        `location` is where the node was made. A key pair that is not there is no error.
        """
        return

    def failure_reason(self, node: Node) -> str | None:
        """Why a node failed, in the provider's words; None where it does not say."""
        return None

    async def once_allowed(
        self, node: Node | str, act: Callable[[], Awaitable[Any]], *, wait: float, period: float = 5.0
    ) -> None:
        """Do what ends a node, as soon as the provider does not refuse it for a node that is busy.

        A ConflictError is taken for that, and `act` tried again every `period` seconds, for `wait` seconds; then it is
        raised. For a node that has ended already nothing is left to do.
        """

        async def attempt() -> None:
            try:
                await act()
            except ConflictError:
                if (await self.get_node(node)).state is not NodeState.TERMINATED:
                    raise
                # An earlier call, or one whose answer was lost, has done it.

        await patiently(attempt, wait=wait, period=period)

    @cached_property
    def _lookout(self) -> Lookout:
        return Lookout(self)

    async def _look(self, node: Node | str, wanted: Sequence[NodeState], patience: float) -> Node | None:
        try:
            return await self._lookout.look(node, ends=(*wanted, *_final(wanted)))
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

    def user_data_text(self, user_data: str | bytes | None) -> str | None:
        """User data for an API that takes plain text. Raises ConfigurationError for too much, and for no UTF-8."""
        self.encoded_user_data(user_data)  # refuses too much
        try:
            return user_data.decode() if isinstance(user_data, bytes) else user_data
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{self.provider} takes user data that is text, in UTF-8") from error

    def refuse_auth(self, auth: NodeAuth) -> ConfigurationError:
        """The error for a way of signing in that the provider does not offer."""
        ways = ", ".join(sorted(self.features & {"ssh_key", "password", "generates_password"})) or "nothing"
        return ConfigurationError(f"{self.provider} cannot make nodes with {type(auth).__name__}; it offers: {ways}")

    def refuse_what_is_not_offered(
        self, auth: NodeAuth | None, user_data: str | bytes | None, tags: Mapping[str, str] | None
    ) -> None:
        """Raises ConfigurationError for an argument of `create_node` that the provider has no place for."""
        features = {"user_data": (user_data, "user data"), "tags": (tags, "tags")}
        for feature, (given, words) in features.items():
            if given and feature not in self.features:
                raise ConfigurationError(f"{self.provider} takes no {words} for a new node")
        fits = {NodeAuthSSHKey: "ssh_key", KeyPair: "ssh_key", NodeAuthPassword: "password"}
        if auth is not None and fits[type(auth)] not in self.features:
            raise self.refuse_auth(auth)


class PowerControl(Compute):
    """Nodes that can be stopped and started again. A stopped node may still cost money."""

    @abstractmethod
    async def start_node(self, node: Node | str) -> None:
        """Start a stopped node."""

    @abstractmethod
    async def stop_node(self, node: Node | str) -> None:
        """Stop the operating system and leave the node where it is."""


def _taken(more: dict[str, Any]) -> dict[str, Any]:
    """Take out of the keywords of `deploy_node` those that are not its own, but of SSH or of `create_node`."""
    own = {
        name
        for name, each in inspect.signature(Compute.deploy_node).parameters.items()
        if each.kind is each.KEYWORD_ONLY
    }
    return {name: more.pop(name) for name in list(more) if name not in own}


def _state(seen: Node | None) -> str:
    return seen.state if seen is not None else "not to be seen"


def _final(wanted: Sequence[NodeState]) -> Sequence[NodeState]:
    """The states from which none of these is reached. A broken node can still be terminated."""
    broken = () if NodeState.TERMINATED in wanted else (NodeState.ERROR,)
    return (*broken, NodeState.TERMINATED)
