"""A simulator behind a real HTTP server on loopback, for other people's clients."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from yarl import URL

from aiocloud.errors import TransportError
from aiocloud.http.message import Handler, Request, headers_of

HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection"})


@asynccontextmanager
async def serve(
    handler: Handler, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[URL]:
    """Serve `handler` (a simulator, or any other) over HTTP until the context is left; yields the base URL.

    Port 0 takes a free one. An answer that the handler loses closes the connection, as a broken network
    would. Raises OSError when the port is taken.
    """
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{path:.*}", _endpoint(handler))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        bound = runner.addresses[0][1]
        yield URL.build(scheme="https" if tls else "http", host=host, port=bound)
    finally:
        await runner.cleanup()


def _endpoint(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def endpoint(request: web.Request) -> web.Response:
        question = Request(
            method=request.method,
            url=request.url,
            headers=headers_of(request.headers),
            body=await request.read(),
        )
        try:
            answer = await handler(question)
        except TransportError:
            if request.transport is not None:
                request.transport.close()
            return web.Response(status=500)
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
        return web.Response(status=answer.status, reason=answer.reason or None, body=answer.body, headers=headers)

    return endpoint
