"""vApps: what nodes are in every version of the API."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

import anyio

from aiocloud.creation import Creation
from aiocloud.dialects.vcloud.protocol import PATIENCE, finish, is_busy, many, write
from aiocloud.driver import PowerControl, segment
from aiocloud.driver.patience import patiently
from aiocloud.errors import ConflictError, NotFoundError
from aiocloud.http.client import Client
from aiocloud.mapping import Shape, dig
from aiocloud.models import Node


class VAppDriver(PowerControl):
    """Nodes are vApps. The verbs wait until a task that is in their way has ended, and then for their own."""

    vapps: ClassVar[str]
    """The path below which a vApp is found by its id."""
    shape: ClassVar[Shape[Node]]
    repeat: ClassVar[bool] = False
    """Whether the API refuses a second vApp of the same name."""
    http: Client
    _turns: dict[str, anyio.Lock]

    async def get_node(self, node: Node | str) -> Node:
        """The vApp as it is now."""
        return await self.http.get(self._path(node), self.shape, item="VApp")

    async def reboot_node(self, node: Node | str) -> None:
        """Reset it, as the button does."""
        await self._act(node, "/power/action/reset")

    async def start_node(self, node: Node | str) -> None:
        """Power it on."""
        await self._act(node, "/power/action/powerOn")

    def failure_reason(self, node: Node) -> str | None:
        """What the task that failed says."""
        reasons = (dig(task, "Error.@message") for task in many(dig(node.extra, "Tasks.Task")))
        return next((str(reason) for reason in reasons if reason), None)

    def _path(self, node: Node | str) -> str:
        return f"{self.vapps}{segment(node)}"

    async def _act(self, node: Node | str, action: str, root: str = "", body: Mapping[str, Any] | None = None) -> None:
        await self._do("POST", self._path(node) + action, root, body)

    async def _do(
        self, method: str, path: str, root: str = "", body: Mapping[str, Any] | None = None, patience: float = PATIENCE
    ) -> None:
        """Ask for something that takes time, and wait until it is done."""

        async def ask() -> Any:
            return await self.http.call(method, path, **document(root, body))

        await finish(self.http, await patiently(ask, wait=patience, busy=is_busy), patience)

    async def _delete(self, node: Node | str, patience: float) -> None:
        try:
            await self._do("DELETE", self._path(node), patience=patience)
        except NotFoundError as error:
            if not error.doubtful:  # an attempt whose answer was lost has done it
                raise

    @abstractmethod
    async def _namesakes(self, name: str) -> frozenset[str]:
        """The ids of the vApps of that name."""

    async def _make(self, name: str, send: Callable[[], Awaitable[Node]]) -> Node:
        """One vApp. There is no place for a mark: after a lost answer it is the one that was not there before."""
        async with self._turns.setdefault(name, anyio.Lock()):
            before = await self._namesakes(name)

            async def find() -> Node | None:
                new = sorted(await self._namesakes(name) - before)
                if len(new) > 1:
                    message = f"{name!r} is the name of several new nodes: {', '.join(new)}"
                    raise self.http.errors.stamp(ConflictError(message))
                return await self.get_node(new[0]) if new else None

            making = Creation(
                name=name, token=None, send=send, find=find, destroy=self.destroy_node, repeat=self.repeat
            )
            return await making.run()


def document(root: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options of a call that sends a document of VMware's, or nothing."""
    if body is None:
        return {}
    kind = f"application/vnd.vmware.vcloud.{root[0].lower()}{root[1:]}+xml"
    return {"body": write(root, body), "headers": {"Content-Type": kind}}
