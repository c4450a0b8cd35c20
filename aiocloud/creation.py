"""Making a node exactly once, and losing none.

A create is the one call that must not be repeated blindly, and whose answer must not be lost: a node that
nobody knows of costs money until somebody finds it.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from aiocloud.errors import (
    AiocloudError,
    AmbiguousCreateError,
    CloudError,
    MalformedResponseError,
    ServerError,
    TransportError,
)
from aiocloud.models import Node

log = logging.getLogger("aiocloud")

LOOKS = (0.5, 2.0, 5.0)
"""Seconds to wait before each look for a node whose creation was not confirmed: lists lag behind."""

GRACE = 30.0
"""Seconds that a cancelled create may take to learn what became of it and to clean up."""


def new_token() -> str:
    """A mark that no other node carries."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Creation:
    """One node to be made.

    `send` asks the provider for it. `find` looks for what a lost answer may have left, by `token` or by whatever
    else tells this node from all others, and answers None if there is nothing. `destroy` removes it. `repeat` says
    that the request may be sent once more when nothing was found (the provider refuses a twin).
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
        making = asyncio.ensure_future(self._make(self.repeat))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError as cancelled:
            outcome = await self._abandon(making)
            if outcome:
                cancelled.add_note(outcome)
                log.warning(outcome)
            raise

    async def _make(self, repeat: bool) -> Node:
        try:
            return await self.send()
        except CloudError as error:
            if not in_doubt(error):
                raise
            return await self._settle(error, repeat)

    async def _settle(self, doubt: CloudError, repeat: bool) -> Node:
        """Find out what became of a request whose answer was lost."""
        try:
            for pause in LOOKS:
                await anyio.sleep(pause)
                node = await self.find()
                if node is not None:
                    return node
        except CloudError as error:
            raise self._ambiguous(doubt) from error
        if not repeat:
            raise self._ambiguous(doubt) from doubt
        try:
            return await self._make(repeat=False)
        except CloudError:
            # The first request may have arrived after all, and be the reason why its twin was refused.
            node = await self.find()
            if node is None:
                raise
            return node

    def _ambiguous(self, doubt: CloudError) -> AmbiguousCreateError:
        mark = f" or the mark {self.token}" if self.token else ""
        return AmbiguousCreateError(
            f"the answer to the creation of {self.name!r} was lost ({doubt.message}): it may be running. "
            f"Look for a node with that name{mark}",
            name=self.name,
            token=self.token,
            provider=doubt.provider,
            account=doubt.account,
            operation=doubt.operation,
        )

    async def _abandon(self, making: asyncio.Future[Node]) -> str | None:
        """Undo what a cancelled create has done; the sentence to tell, if there is anything to tell."""
        undoing = asyncio.ensure_future(self._undo(making))
        try:
            with anyio.CancelScope(shield=True):
                outcome = await asyncio.shield(undoing)
            return outcome  # noqa: RET504 - a scope may swallow an exception, so mypy wants the return outside
        except asyncio.CancelledError:  # asked a second time: leave at once, and say so
            undoing.cancel()
            making.cancel()
            await asyncio.gather(undoing, making, return_exceptions=True)
            return self._lost("its clean-up was interrupted")

    async def _undo(self, making: asyncio.Future[Node]) -> str | None:
        done, _ = await asyncio.wait({making}, timeout=GRACE)
        if not done:
            making.cancel()
            await asyncio.wait({making})
        try:
            node = making.result()
        except AmbiguousCreateError as error:
            return f"cancelled: {error}"
        except AiocloudError:
            return None  # refused: there is no node
        except asyncio.CancelledError:
            return self._lost("its clean-up was interrupted" if done else f"no answer came within {GRACE:g} s")
        try:
            with anyio.fail_after(GRACE):
                await self.destroy(node)
        except (CloudError, TimeoutError) as error:
            return self._lost(f"node {node.id} was made, and destroying it failed: {error}")
        return f"cancelled: node {node.id} ({self.name!r}) had been made, and was destroyed again"

    def _lost(self, why: str) -> str:
        mark = f" or the mark {self.token}" if self.token else ""
        return f"cancelled while {self.name!r} was being made: {why}. Look for a node with that name{mark}"


def in_doubt(error: CloudError) -> bool:
    """Whether a request that failed so may have taken effect."""
    if not error.sent:
        return False
    return isinstance(error, TransportError | ServerError | MalformedResponseError)
