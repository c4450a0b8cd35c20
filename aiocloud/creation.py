"""Making a node exactly once, and losing none.

A create is the one call that must not be repeated blindly, and whose answer must not be lost: a node that
nobody knows of costs money until somebody finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import anyio

from aiocloud.errors import (
    AiocloudError,
    AmbiguousCreateError,
    CloudError,
    ConflictError,
    MalformedResponseError,
    QuotaExceededError,
    ServerError,
    TransportError,
)
from aiocloud.models import Node

T = TypeVar("T")

log = logging.getLogger("aiocloud")

LOOKS = (0.5, 2.0, 5.0)
"""Seconds to wait before each look for a node whose creation was not confirmed: lists lag behind."""

GRACE = 30.0
"""Seconds that a cancelled create may take to learn what became of it and to clean up."""


Left: TypeAlias = Literal["running", "destroyed", "unknown", "none"]
"""What there is of a node after something went wrong; "unknown": it may be running."""
UNDONE = "was destroyed again"


class Fate(NamedTuple):
    """What became of a node whose making was cancelled: a sentence that tells it, and what is left."""

    told: str
    left: Left


def fate_of(cancelled: BaseException) -> Fate | None:
    """What `Creation` has noted on the CancelledError with which it ended; None where there was nothing to tell."""
    told = " ".join(getattr(cancelled, "__notes__", ()))
    return Fate(told, "destroyed" if told.endswith(UNDONE) else "unknown") if told else None


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Do what must be done although the caller was cancelled.

    Whoever cancels a second time means it: the work is stopped, and the CancelledError raised.
    """
    task = asyncio.ensure_future(work)
    with anyio.CancelScope(shield=True):  # a scope that was cancelled would go on cancelling what is awaited here
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await _stop(task)
            raise
    return task.result()


def new_token() -> str:
    """A mark that no other node carries."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """One node to be made.

    `send` asks the provider for it. A CloudError that it raises must be about the request itself: what comes after,
    once the node is there, must not fail it. `find` looks for what a lost answer may have left, by `token` or by
    whatever else tells this node from all others, and answers None if there is nothing. `destroy` removes it. `repeat`
    says that the request may be sent once more when nothing was found (the provider refuses a twin).
    """

    name: str
    token: str | None
    send: Callable[[], Awaitable[Node]]
    find: Callable[[], Awaitable[Node | None]]
    destroy: Callable[[Node], Awaitable[None]]
    repeat: bool = False

    async def run(self) -> Node:
        """The node.

        Raises AmbiguousCreateError where it cannot be known whether there is one. A caller that is cancelled meanwhile
        leaves nothing behind: what was already asked for is awaited (up to `GRACE` seconds) and destroyed; what
        cannot be destroyed is named in a warning on the logger `aiocloud` and in a note on the CancelledError.
        """
        making = asyncio.ensure_future(self._make())
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError as cancelled:
            outcome: str | None = ""
            try:
                outcome = await self._abandon(making)
            finally:
                if outcome is not None:  # a signal may strike in the midst of any step: then it is still ""
                    told = outcome or self._lost("its clean-up was interrupted")
                    cancelled.add_note(told)
                    log.warning(told)
            raise

    async def _make(self) -> Node:
        try:
            return await self._send()
        except CloudError as error:
            if not in_doubt(error):
                raise
            doubt = error
        if (node := await self._search(doubt)) is not None:
            return node
        if not self.repeat:
            raise self._ambiguous(doubt) from doubt
        try:
            return await self._send()
        except CloudError as error:
            refusal = error
        # The first request may have arrived after all, and be the reason why its twin was refused.
        if (node := await self._search(doubt)) is not None:
            return node
        if _proves_nothing(refusal):
            raise self._ambiguous(doubt) from refusal
        raise refusal

    async def _send(self) -> Node:
        try:
            return await self.send()
        except AiocloudError:
            raise
        except Exception as mistake:  # in a driver; the request may have left before it happened
            mistake.add_note(f"{self.name!r} was being made, and may be running. {self._hint()}")
            raise

    async def _search(self, doubt: CloudError) -> Node | None:
        """What a request left whose answer was lost; None if that is nothing.

        Raises AmbiguousCreateError if the last look failed.
        """
        failure: Exception | None = None
        for pause in LOOKS:
            await anyio.sleep(pause)
            try:
                node = await self.find()
            except Exception as error:  # whatever it is, it must not hide that a node may be running
                failure = error
                continue
            if node is not None:
                return node
            failure = None
        if failure is not None:
            raise self._ambiguous(doubt) from failure
        return None

    def _ambiguous(self, doubt: CloudError) -> AmbiguousCreateError:
        return AmbiguousCreateError(
            f"the answer to the creation of {self.name!r} was lost ({doubt.message}): it may be running. "
            f"{self._hint()}",
            name=self.name,
            token=self.token,
            provider=doubt.provider,
            account=doubt.account,
            operation=doubt.operation,
        )

    def _hint(self) -> str:
        mark = f" or the mark {self.token}" if self.token else ""
        return f"Look for a node with that name{mark}"

    # ---- cancelled ----

    async def _abandon(self, making: asyncio.Future[Node]) -> str | None:
        """Undo what a cancelled create has done; the sentence to tell, if there is anything to tell."""
        undoing = asyncio.ensure_future(self._undo(making))
        outcome = None
        with anyio.CancelScope(shield=True):  # a scope that was cancelled would go on cancelling what is awaited here
            try:
                outcome = await asyncio.shield(undoing)
            except asyncio.CancelledError:  # asked a second time: leave at once, and say so
                outcome = self._lost(f"its clean-up was interrupted{_made(making)}")
                await _stop(undoing, making)
        return outcome

    async def _undo(self, making: asyncio.Future[Node]) -> str | None:
        done, _ = await asyncio.wait({making}, timeout=GRACE)
        if not done:
            making.cancel()
            await asyncio.wait({making})
        try:
            node = making.result()
        except asyncio.CancelledError:  # no answer came in time, or the loop is closing and cancels everything
            return await self._discard(self.find)
        except AmbiguousCreateError as error:
            return f"cancelled: {error}"
        except AiocloudError:
            return None  # refused: there is no node
        except Exception as mistake:
            return self._lost(f"{type(mistake).__name__} in the driver")

        async def known() -> Node:
            return node

        return await self._discard(known)

    async def _discard(self, find: Callable[[], Awaitable[Node | None]]) -> str:
        """Destroy what there is; the sentence that says so, or names what is left."""
        node = None
        try:
            with anyio.fail_after(GRACE):
                if (node := await find()) is None:
                    return self._lost("no answer came, and nothing is to be seen yet")
                await self.destroy(node)
        except Exception as error:  # whatever it is, what is left must be named
            what = f"node {node.id} was made, and destroying it" if node else "no answer came, and looking for it"
            why = str(error) if isinstance(error, AiocloudError) else type(error).__name__
            return self._lost(f"{what} failed: {why}")
        return f"cancelled: node {node.id} ({self.name!r}) had been made, and {UNDONE}"

    def _lost(self, why: str) -> str:
        return f"cancelled while {self.name!r} was being made: {why}. {self._hint()}"


def in_doubt(error: CloudError) -> bool:
    """Whether a request that failed so may have taken effect."""
    if error.doubtful:
        return True
    return error.sent and isinstance(error, TransportError | ServerError | MalformedResponseError)


def _proves_nothing(refusal: CloudError) -> bool:
    """Whether a request may have been refused so although, or because, its twin took effect."""
    explained = isinstance(refusal, ConflictError | QuotaExceededError)
    return explained or refusal.retryable or not refusal.sent or in_doubt(refusal)


def _made(making: asyncio.Future[Node]) -> str:
    if not making.done() or making.cancelled() or making.exception() is not None:
        return ""
    return f", and node {making.result().id} was made"


async def _stop(*tasks: asyncio.Future[Any]) -> None:
    """Cancel these and await their ends, whatever these are."""
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):  # a third time: they are stopping already
        await asyncio.gather(*tasks, return_exceptions=True)
