"""From nothing to a machine that is ready: made, waited for, signed in to, worked on; or gone again.

No path loses a machine: whatever happens once it is there, it is returned, named in the DeploymentError, or named in
a note on the CancelledError and in a warning of the logger `aiocloud`.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import anyio

from aiocloud.creation import Left, fate_of, to_the_end
from aiocloud.deploy.client import Output, SSHClient
from aiocloud.deploy.connecting import Access, Place, place_of
from aiocloud.deploy.hostkeys import (
    ConsoleHostKeys,
    HostKeys,
    Peer,
    PinnedHostKeys,
    PlantedHostKey,
    alias_of,
    keys_on_console,
)
from aiocloud.deploy.keys import KeyPairText, client_keys, make_key, public_line
from aiocloud.deploy.ssh import SSH
from aiocloud.deploy.steps import REMOVE_KEY, CloudInitDeployment, Steps, check, leaves
from aiocloud.deploy.userdata import combine, host_key_part
from aiocloud.errors import (
    AiocloudError,
    CloudError,
    ConfigurationError,
    ConflictError,
    ConnectionLostError,
    DeploymentError,
    HostKeyError,
    NotFoundError,
    RemoteError,
    SignInError,
    SSHConnectError,
)
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthPassword, NodeAuthSSHKey, NodeState, Size

log = logging.getLogger("aiocloud")

GRACE = 30.0
"""Seconds that cleaning up may take after a cancellation."""
CLEANING = 120.0
"""Seconds that it may take after a failure, when nobody is in a hurry."""
LOOK_AGAIN = 2.0
"""Seconds between two tries to destroy a node that cannot be destroyed yet."""
CONSOLE_PERIOD = 5.0
"""Seconds between two looks at a console."""

OnFailure: TypeAlias = Literal["destroy", "keep"]
OnStepOutput: TypeAlias = Callable[[Node, Any, Output], None]
"""Called with the node, the step, and a line that the step has just written."""


class Maker(Protocol):
    """What is needed of a driver."""

    provider: ClassVar[str]
    title: ClassVar[str]
    features: ClassVar[frozenset[str]]
    usernames: ClassVar[tuple[str, ...]]
    key_keyword: ClassVar[str | None]
    account: str

    @property
    def create_node(self) -> Callable[..., Awaitable[Node]]:
        """Make a node. Each driver has keywords of its own."""

    async def get_node(self, node: Node | str) -> Node:
        """The node as it is now."""

    async def wait_until(self, node: Node | str, *states: NodeState, timeout: float, period: float) -> Node:
        """The node, as soon as it is in one of these states."""

    async def destroy_node(self, node: Node | str) -> None:
        """Destroy it."""

    async def forget_public_key(self, public_key: str, *, location: Location | str | None) -> None:
        """Remove the key pair that `create_node` made of this key."""

    def encoded_user_data(self, user_data: str | bytes | None) -> str | None:
        """Raises ConfigurationError where there is too much of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be made, and what is to be done on it. See `Compute.deploy_node`."""

    name: str
    size: Size | str
    image: Image | str
    location: Location | str | None = None
    auth: NodeAuthSSHKey | NodeAuthPassword | KeyPair | None = None
    user_data: str | bytes | None = None
    tags: Mapping[str, str] | None = None
    create: Mapping[str, Any] = field(default_factory=dict)
    deploy: Steps = None
    ssh: SSH = field(default_factory=SSH)
    timeout: float = 600.0
    patience: float = 90.0
    max_tries: int = 3
    wait_period: float = 5.0
    on_failure: OnFailure = "destroy"
    on_output: OnStepOutput | None = None
    at_exit_func: Callable[..., Any] | None = None

    def check(self) -> None:
        """Raises ConfigurationError for what makes no sense."""
        if self.on_failure not in ("destroy", "keep"):
            raise ConfigurationError(f"on_failure must be 'destroy' or 'keep', not {self.on_failure!r}")
        if self.timeout <= 0:
            raise ConfigurationError(f"timeout must be a number of seconds above 0, not {self.timeout!r}")
        if self.max_tries < 1:
            raise ConfigurationError(f"max_tries must be at least 1, not {self.max_tries!r}")


@dataclass(frozen=True, slots=True)
class Entry:
    """How the new node is signed in to: what it is given at create, and what we have ourselves.

    `temporary` is a key that was made for this deployment, and is removed after it.
    """

    auth: NodeAuthSSHKey | NodeAuthPassword | KeyPair | None
    ssh: SSH
    temporary: KeyPairText | None = None


def entry_of(driver: Maker, plan: Plan) -> Entry:
    """Choose a way in. Raises ConfigurationError where there is none, or a key cannot be read."""
    ssh, auth = plan.ssh, plan.auth
    if isinstance(auth, NodeAuthPassword):
        return Entry(auth, replace(ssh, password=auth.password))
    if isinstance(auth, KeyPair) and auth.private_key is not None:
        return Entry(auth, replace(ssh, keys=[auth.private_key, *ssh.keys]))
    keys = client_keys(ssh) if ssh.keys else []
    if auth is not None or driver.key_keyword in plan.create:
        return Entry(auth, ssh)
    if keys and "ssh_key" in driver.features:
        return Entry(NodeAuthSSHKey(public_line(keys[0])), ssh)
    if ssh.password and "password" in driver.features:
        return Entry(NodeAuthPassword(ssh.password), ssh)
    if keys or ssh.password or ssh.agent:
        return Entry(None, ssh)
    if "ssh_key" in driver.features:
        made = make_key(f"aiocloud deployment of {plan.name}")
        # Machines on the way know nothing of it: they want the user's own keys.
        return Entry(NodeAuthSSHKey(made.public), replace(ssh, keys=[made.private], agent=bool(ssh.jump)), made)
    if "generates_password" in driver.features:
        return Entry(None, replace(ssh, agent=False))
    raise ConfigurationError(f"{driver.provider} gives new nodes neither a key nor a password: give `ssh_key`")


class Deploying:
    """One deployment."""

    def __init__(self, driver: Maker, plan: Plan) -> None:
        self.driver = driver
        self.plan = plan
        self.steps = leaves(plan.deploy)
        self.node: Node | None = None
        """The machine, from when it is there."""
        self.step: Any = None
        """The step that is being done."""
        self._doing = "making the node"
        self._trouble: Exception | None = None
        self._planted: KeyPairText | None = None
        self._left_by_create: Left = "none"
        self._key_is_gone = False
        self._policy: HostKeys | None = None

    async def run(self) -> Node:
        """The machine, ready.

        Raises ConfigurationError before anything is made; the CloudErrors of `create_node` where nothing was made;
        DeploymentError for whatever fails after.
        """
        entry, user_data = self.prepare()
        try:
            return await self._run(entry, user_data)
        finally:
            await self._forget_key(entry)

    async def _run(self, entry: Entry, user_data: bytes | None) -> Node:
        failure: Exception
        try:
            with anyio.move_on_after(self.plan.timeout):
                node = await self._deploy(entry, user_data)
                await self._forget_key(entry)  # in here, so that who is cancelled even now hears of the node
                return node
            failure = self._too_late()
        except asyncio.CancelledError as cancelled:
            await self._cancelled(cancelled)
            raise
        except Exception as error:
            if self.node is None:
                raise
            failure = error
        raise await self._failed(failure) from failure

    # ---- before anything is made ----

    def prepare(self) -> tuple[Entry, bytes | None]:
        """Everything that may be wrong with what the caller gave, found before it costs money."""
        self.plan.check()
        check(self.steps)
        entry = entry_of(self.driver, self.plan)
        self._policy = self._chosen_policy()
        parts = [self.plan.user_data] if self.plan.user_data is not None else []
        parts += [step.user_data for step in self.steps if isinstance(step, CloudInitDeployment)]
        if isinstance(self._policy, PlantedHostKey):
            self._planted = make_key("")
            parts.append(host_key_part(self._planted.private.reveal(), self._planted.public))
        if parts and "user_data" not in self.driver.features:
            raise ConfigurationError(f"{self.driver.provider} gives new nodes no user data")
        user_data = combine(parts)
        self.driver.encoded_user_data(user_data)
        if (record := self._policy.record) is not None:
            record.check()
        return entry, user_data

    def _chosen_policy(self) -> HostKeys:
        """Whom to trust: what the caller has chosen, or a key of our own. Raises ConfigurationError."""
        policy = self.plan.ssh.host_keys
        if policy is None and "user_data" in self.driver.features:
            return PlantedHostKey()
        if policy is None:
            mend = "choose `host_keys`, such as TrustOnFirstUse()"
            raise ConfigurationError(f"{self.driver.provider} cannot give a new node a host key: {mend}")
        if isinstance(policy, ConsoleHostKeys) and not hasattr(self.driver, "ex_console_output"):
            raise ConfigurationError(f"{self.driver.provider} shows no consoles: choose another policy for host keys")
        return policy

    # ---- the way there ----

    async def _deploy(self, entry: Entry, user_data: bytes | None) -> Node:
        plan = self.plan
        arguments = {"location": plan.location, "auth": entry.auth, "user_data": user_data, "tags": plan.tags}
        given = {name: value for name, value in arguments.items() if value is not None}
        # No await stands between the answer and the assignment, nor between it and the scope that cleans up.
        self.node = await self._made(
            self.driver.create_node(plan.name, size=plan.size, image=plan.image, **given, **plan.create)
        )
        password = self.node.password
        goodbye = partial(plan.at_exit_func, driver=self.driver, node=self.node) if plan.at_exit_func else None
        if goodbye is not None:
            atexit.register(goodbye)
        try:
            await self._work(entry if password is None else _with_password(entry, password))
        finally:
            if goodbye is not None:
                atexit.unregister(goodbye)
        return replace(self.node, password=password)

    async def _made(self, creating: Any) -> Node:
        """The new node; what a create tells that is cancelled by our own deadline is not lost with it."""
        try:
            node: Node = await creating
        except asyncio.CancelledError as cancelled:
            if (fate := fate_of(cancelled)) is not None:
                self._trouble, self._left_by_create = RemoteError(fate.told), fate.left
            raise
        return node

    async def _work(self, entry: Entry) -> None:
        assert self.node is not None  # noqa: S101 - it was made a moment ago
        self._doing = "waiting for it to run"
        running = await self.driver.wait_until(
            self.node, NodeState.RUNNING, timeout=self.plan.timeout, period=self.plan.wait_period
        )
        self.node = await self._with_address(running, entry.ssh)
        self._doing = "learning its host key"
        policy = await self._trust(self.node)
        self._doing = "signing in"
        async with AsyncExitStack() as closing:
            access = await closing.enter_async_context(Access(entry.ssh))
            place = place_of(self.node, entry.ssh, self.driver.usernames)
            worker = _Worker(self, access, place, policy)
            closing.push_async_callback(worker.aclose)
            await worker.sign_in()
            for number, step in enumerate(self.steps, 1):
                self.step, self._doing = step, f"step {number} of {len(self.steps)}, {step!r}"
                await worker.do(step)
            self.step, self._doing = None, "leaving"
            await worker.remove(entry.temporary)

    async def _with_address(self, node: Node, ssh: SSH) -> Node:
        """The node, as soon as it has an address where one is wanted."""
        self._doing = "waiting for its address"
        while not getattr(node, ssh.interface):
            self._trouble = SSHConnectError(_no_address(node, ssh))
            await anyio.sleep(self.plan.wait_period)
            node = await self.driver.wait_until(
                node, NodeState.RUNNING, timeout=self.plan.timeout, period=self.plan.wait_period
            )
        self._trouble = None
        return node

    async def _trust(self, node: Node) -> HostKeys:
        """The policy for the first connection to a node of which nobody can have known a key before."""
        policy = self._policy
        assert policy is not None  # noqa: S101 - it is chosen before anything is made
        peer = Peer("", alias=alias_of(node))
        keys: Sequence[str] = ()
        if self._planted is not None:
            keys = (self._planted.public,)
        elif isinstance(policy, ConsoleHostKeys):
            keys = await self._keys_on_console(node)
        if policy.record is not None and peer.alias is not None:
            policy.record.forget(peer)
            if keys:
                policy.record.add(peer, keys)
        return _Learnt(policy, keys) if keys else policy

    async def _keys_on_console(self, node: Node) -> Sequence[str]:
        while True:
            try:
                text = await self.driver.ex_console_output(node)  # type: ignore[attr-defined]  # looked for before
            except CloudError as error:
                if not error.retryable and not isinstance(error, NotFoundError | ConflictError):
                    raise
                text = ""
            if keys := keys_on_console(text):
                return keys
            self._trouble = HostKeyError("its console does not show host keys yet: does its image run cloud-init?")
            await anyio.sleep(CONSOLE_PERIOD)

    # ---- when it goes wrong ----

    def _too_late(self) -> Exception:
        why = f": {self._trouble}" if self._trouble is not None else ""
        return _DeadlineError(f"not ready after {self.plan.timeout:g} s, while {self._doing}{why}")

    async def _failed(self, failure: Exception) -> DeploymentError:
        """The error to raise, once it is settled what becomes of the node."""
        if self.node is None:  # our own deadline struck while it was being made: the create has told its fate
            told = f"{self.plan.name!r} at {self._where()}: {failure}"
            return DeploymentError(told, node=None, cause=failure, left=self._left_by_create)
        try:
            left, fate = await to_the_end(self._settle(CLEANING))
        except asyncio.CancelledError as cancelled:
            self._tell(
                cancelled,
                f"{self._named()} failed to deploy ({failure}), and its clean-up was interrupted: it may be running",
            )
            raise
        where = f"{self._doing}: " if self.step is not None else ""
        reason = failure.message if isinstance(failure, RemoteError) else str(failure) or type(failure).__name__
        message = f"{self._named()}: {where}{reason.rstrip('.')}. {fate}"
        return DeploymentError(message, node=self.node, step=self.step, cause=failure, left=left)

    async def _cancelled(self, cancelled: asyncio.CancelledError) -> None:
        """Do with the node what was said for a failure, and tell of it."""
        if self.node is None:  # the create has cleaned up, and told
            return
        fate = "its clean-up was interrupted: it may be running"
        try:
            _, fate = await to_the_end(self._settle(GRACE))
        finally:
            self._tell(cancelled, f"cancelled: {self._named()}: {fate}")

    def _tell(self, cancelled: asyncio.CancelledError, told: str) -> None:
        cancelled.add_note(told)
        log.warning(told)

    async def _settle(self, seconds: float) -> tuple[Left, str]:
        """Destroy the node or keep it, as was said: what is left, and a sentence that tells."""
        assert self.node is not None  # noqa: S101 - nothing is settled before it is there
        if self.plan.on_failure == "keep":
            return "running", "The node was kept, as was asked, and goes on running"
        trouble: Exception | None = None
        with anyio.move_on_after(seconds):
            missing = 0
            while True:
                try:
                    await self.driver.destroy_node(self.node)
                    return "destroyed", "The node was destroyed"
                except NotFoundError as error:  # it is gone, or cannot be seen yet
                    trouble, missing = error, missing + 1
                    if missing == 3:
                        return "destroyed", "The node is gone"
                except CloudError as error:
                    trouble = error
                    if not error.retryable and not isinstance(error, ConflictError):
                        break
                await anyio.sleep(LOOK_AGAIN)
        why = f" ({trouble.reason})" if isinstance(trouble, CloudError) else ""
        return "unknown", f"Destroying it failed{why}: it may be running, and cost money"

    async def _forget_key(self, entry: Entry) -> None:
        """Remove the key from the account that was put there for this deployment alone."""
        if entry.temporary is None or self._key_is_gone:
            return
        self._key_is_gone = True
        try:
            await to_the_end(self._forget(entry.temporary.public))
        except AiocloudError as error:
            log.warning("the key pair of the deployment of %r stays at %s: %s", self.plan.name, self._where(), error)

    async def _forget(self, public_key: str) -> None:
        location = self.node.location if self.node is not None else None
        with anyio.fail_after(GRACE):
            await self.driver.forget_public_key(public_key, location=location or self.plan.location)

    def _where(self) -> str:
        return "/".join(filter(None, (self.driver.provider, self.driver.account)))

    def _named(self) -> str:
        assert self.node is not None  # noqa: S101 - nothing else is named
        return f"node {self.node.id} ({self.plan.name!r}) at {self._where()}"


class _DeadlineError(RemoteError):
    """The deployment as a whole was not done in time."""


class _Learnt(HostKeys):
    """Just the keys that were learnt of a new machine, with the words of the policy that has learnt them."""

    word = "learnt"

    def __init__(self, policy: HostKeys, keys: Sequence[str]) -> None:
        self._pinned = PinnedHostKeys(*keys)
        self.mend = policy.mend  # type: ignore[misc]  # the words are the policy's

    def trusted(self, peer: Peer) -> Any:
        """Just these."""
        return self._pinned.trusted(peer)


class _Worker:
    """Somebody who is signed in to the new node, and signs in again where the connection is lost."""

    def __init__(self, deploying: Deploying, access: Access, place: Place, policy: HostKeys) -> None:
        self._deploying = deploying
        self._plan = deploying.plan
        self._access = access
        self._place = place
        self._policy = policy
        self._client: SSHClient | None = None

    async def aclose(self) -> None:
        """Hang up."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def sign_in(self) -> SSHClient:
        """Be signed in; while a node boots, almost anything may fail for a while.

        No connection is tried for again until the deadline; a refusal, or a strange host key, for `patience` seconds.
        """
        if self._client is not None:
            return self._client
        patience: float | None = None
        pause = 0.5
        while True:
            try:
                self._client = await self._let_in()
                return self._client
            except (SignInError, HostKeyError) as error:
                now = anyio.current_time()
                patience = now + self._plan.patience if patience is None else patience
                if now >= patience:
                    raise
                self._deploying._trouble = error
            except (SSHConnectError, ConnectionLostError) as error:
                self._deploying._trouble = error
            await anyio.sleep(pause)
            pause = min(pause * 1.5, 5.0)

    async def _let_in(self) -> SSHClient:
        """Sign in as the first user who may do something there."""
        refusal: SignInError | None = None
        for username in self._place.usernames:
            try:
                client = await self._access.connect(replace(self._place, usernames=(username,)), host_keys=self._policy)
            except SignInError as error:
                refusal = error
                continue
            try:
                refusal = await _turned_away(client)
            except BaseException:
                await client.aclose()
                raise
            if refusal is None:
                return client
            await client.aclose()
        raise refusal or SignInError("nobody is named who could sign in", host=self._place.name)

    async def do(self, step: Any) -> None:
        """Do a step: once, or as often as is permitted where it says that it may be repeated."""
        tries = self._plan.max_tries if getattr(step, "idempotent", False) else 1
        for attempt in range(1, tries + 1):
            client = await self.sign_in()
            client.on_output = self._passing(step)
            try:
                await step.run(self._deploying.node, client)
                return
            except RemoteError as error:
                if attempt == tries:
                    raise
                log.info("%s: %s; once more", self._deploying._doing, error)
                if isinstance(error, ConnectionLostError):
                    await self.aclose()
                await anyio.sleep(float(attempt))

    def _passing(self, step: Any) -> Callable[[Output], None] | None:
        tell, node = self._plan.on_output, self._deploying.node
        return None if tell is None or node is None else lambda output: tell(node, step, output)

    async def remove(self, temporary: KeyPairText | None) -> None:
        """Take the key away from the node that was made for this deployment."""
        if temporary is not None:
            client = await self.sign_in()
            client.on_output = None
            await client.run(REMOVE_KEY, input=" ".join(temporary.public.split()[:2]) + "\n")


async def _turned_away(client: SSHClient) -> SignInError | None:
    """Whether the user was let in just to be told to come as another one, as cloud images do with root."""
    outcome = await client.run("exit 0", check=False)
    if outcome.ok:
        return None
    said = " ".join(outcome.stdout.split()) or f"every command ends with status {outcome.exit_status}"
    return SignInError(f"{client.username!r} may do nothing there: {said[:200]}", host=client.host)


def _with_password(entry: Entry, password: Any) -> Entry:
    """The same way in, and beside it the password that the provider has made."""
    return entry if entry.ssh.password else replace(entry, ssh=replace(entry.ssh, password=password))


def _no_address(node: Node, ssh: SSH) -> str:
    kind = ssh.interface.removesuffix("_ips")
    other = "private_ips" if kind == "public" else "public_ips"
    mend = f" (it has others: give ssh_interface={other!r})" if getattr(node, other) else ""
    return f"it has no {kind} address{mend}"
