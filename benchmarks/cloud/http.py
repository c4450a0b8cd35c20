"""As little of HTTP as the clients need: what is asked for, and whole answers made before."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TypeAlias

Answer: TypeAlias = Callable[[str, str], bytes]
"""From a request's target and body to all the bytes of its answer."""

LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


def answer(body: bytes, kind: str, *, status: str = "200 OK", headers: str = "") -> bytes:
    """All the bytes of an answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


NOT_FOUND = answer(b"", "text/plain", status="404 Not Found")


class Connection(asyncio.Protocol):
    """Answers one request after the other, each so many seconds after it came, until the client leaves."""

    def __init__(self, answer: Answer, latency: float) -> None:
        self._answer = answer
        self._latency = latency
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._take():
            pass

    def _take(self) -> bool:
        """Answer the first request that has come whole, if there is one."""
        head, found, rest = self._data.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not found or len(rest) < size:
            return False
        self._data = rest[size:]
        said = self._answer(head.split(b" ", 2)[1].decode(), rest[:size].decode())
        if self._latency:
            self._loop.call_later(self._latency, self._transport.write, said)
        else:
            self._transport.write(said)
        return True
