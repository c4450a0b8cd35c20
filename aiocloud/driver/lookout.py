"""Many nodes of one account that are waited for at once: one list tells of all, in place of a request for each."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from aiocloud.errors import CloudError
from aiocloud.models import Node, NodeState

if TYPE_CHECKING:
    from aiocloud.driver.compute import Compute

WORTH = 4
"""How many nodes are waited for, for each page of the list, before the list is asked for."""

FRESH = 1.0
"""Seconds for which a list may have been there already when somebody looks."""


class Lookout:
    """What those see who wait for nodes of one driver.

    The list only ever says that a node is still on its way. What ends a wait is told by `get_node`, and so is a node
    that the list does not have: lists may lag behind, or tell less.
    """

    def __init__(self, driver: Compute) -> None:
        self._driver = driver
        self._waiting = 0
        self._turn = anyio.Lock(fast_acquire=True)
        self._listed: dict[str, Node] = {}
        self._began = -math.inf
        self._pages = 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One more node is waited for."""
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def look(self, node: Node | str, ends: Collection[NodeState]) -> Node:
        """The node as it is, or was `FRESH` seconds ago if that `ends` nothing. Raises what `get_node` raises."""
        if self._waiting >= WORTH * self._pages:
            seen = await self._in_list(node if isinstance(node, str) else node.id)
            if seen is not None and seen.state not in ends:
                return seen
        return await self._driver.get_node(node)

    async def _in_list(self, node_id: str) -> Node | None:
        arrived = anyio.current_time()
        async with self._turn:  # whoever comes first asks; if he leaves, the next one does
            if self._began < arrived - FRESH:
                await self._list()
        return self._listed.get(node_id)

    async def _list(self) -> None:
        """Read the list, as far as it is cheaper than to ask for each node. One that fails says nothing."""
        began, pages = anyio.current_time(), 0
        listed: dict[str, Node] = {}
        try:
            async for page in self._driver.list_nodes().pages():
                pages += 1
                listed.update((node.id, node) for node in page)
                if self._waiting < WORTH * pages:
                    break
        except CloudError:
            listed = {}
        self._listed, self._began, self._pages = listed, began, max(1, pages)
