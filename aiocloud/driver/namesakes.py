"""Finding a new node again that can carry no mark."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from weakref import WeakValueDictionary

import anyio

from aiocloud.creation import Creation
from aiocloud.driver.compute import Compute
from aiocloud.errors import ConflictError
from aiocloud.models import Node, NodeState


class Namesakes(Compute):
    """Nodes that carry no mark while they are made.

    If the answer to a create is lost, the one node of that name that was not there before is taken for ours. Creates of
    one name take turns within a driver; another program that uses the same name at that moment may be mistaken for us.
    """

    @cached_property
    def _turns(self) -> WeakValueDictionary[str, anyio.Lock]:
        """Creates, by name."""
        return WeakValueDictionary()

    async def _made_once(self, name: str, send: Callable[[], Awaitable[Node]]) -> Node:
        """What `send` makes, once and no more. Raises what `Creation.run` does."""
        async with self._turns.setdefault(name, anyio.Lock()):
            before = {node.id for node in await self._called(name)}

            async def find() -> Node | None:
                new = [node for node in await self._called(name) if node.id not in before]
                if len(new) > 1:
                    raise ConflictError(f"{name!r} is the name of several new nodes: {', '.join(n.id for n in new)}")
                return new[0] if new else None

            return await Creation(name=name, token=None, send=send, find=find, destroy=self.destroy_node).run()

    async def _called(self, name: str) -> list[Node]:
        """The living nodes of that name."""
        found = await self.list_nodes()
        return [node for node in found if node.name == name and node.state is not NodeState.TERMINATED]
