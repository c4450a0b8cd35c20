"""The transport against aiohttp itself: what it sends, what it makes of failures."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import aioresponses
import pytest
import trustme
from yarl import URL

from aiocloud.errors import AnswerLostError, ConnectError, RequestTimeoutError, TLSError
from aiocloud.http.message import Request, Response, headers_of
from aiocloud.http.transport import AiohttpTransport, SharedSession
from aiocloud.simulators.server import serve


@pytest.fixture
async def session() -> AsyncIterator[SharedSession]:
    shared = SharedSession()
    yield shared
    await shared.aclose()


@pytest.fixture
def transport(session: SharedSession) -> AiohttpTransport:
    return AiohttpTransport(session.get)


@asynccontextmanager
async def raw_server(answer: bytes, *, hang: bool = False) -> AsyncIterator[URL]:
    """A server that reads a request's head, writes these bytes, and closes or hangs."""
    stop = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if hang:
            await stop.wait()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield URL.build(scheme="http", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        stop.set()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def plain_speaker() -> AsyncIterator[URL]:
    """A server that answers whatever comes first in plain text."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield URL.build(scheme="http", host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


def get(url: URL | str, **options: float) -> Request:
    return Request(method="GET", url=URL(url), timeout=options.get("timeout", 5.0), idempotent=True)


async def test_status_headers_and_body_arrive_as_our_own_values(
    aioresponse: aioresponses.aioresponses, transport: AiohttpTransport
) -> None:
    aioresponse.get("https://api.example/v1", status=418, body=b"short and stout", headers={"X-Kind": "pot"})
    response = await transport(get("https://api.example/v1"))
    assert (response.status, response.body, response.headers["x-kind"]) == (418, b"short and stout", "pot")


async def test_a_redirect_is_handed_back_and_not_followed(transport: AiohttpTransport) -> None:
    async def elsewhere(request: Request) -> Response:
        return Response(status=302, headers=headers_of({"Location": "http://203.0.113.9/steal"}))

    async with serve(elsewhere) as base:
        response = await transport(get(base))
    assert response.status == 302


async def test_a_closed_port_is_a_connection_that_was_never_made(transport: AiohttpTransport) -> None:
    async with raw_server(b"") as url:
        pass
    with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1") as caught:
        await transport(get(url))
    assert not caught.value.sent


async def test_a_body_that_is_cut_short_is_a_lost_answer(transport: AiohttpTransport) -> None:
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as url:
        with pytest.raises(AnswerLostError) as caught:
            await transport(get(url))
    assert caught.value.sent


async def test_a_connection_that_closes_without_an_answer_is_a_lost_answer(transport: AiohttpTransport) -> None:
    async with raw_server(b"") as url:
        with pytest.raises(AnswerLostError):
            await transport(get(url))


async def test_a_server_that_hangs_is_a_time_out_after_sending(transport: AiohttpTransport) -> None:
    async with raw_server(b"", hang=True) as url:
        with pytest.raises(RequestTimeoutError, match=r"within 0\.05 s") as caught:
            await transport(get(url, timeout=0.05))
    assert caught.value.sent


async def test_plain_http_on_a_tls_port_is_a_tls_error_that_is_not_repeated(transport: AiohttpTransport) -> None:
    async with plain_speaker() as url:
        with pytest.raises(TLSError) as caught:
            await transport(get(url.with_scheme("https")))
    assert not caught.value.retryable
    assert not caught.value.sent


async def test_text_that_is_no_url_is_one_clear_error(transport: AiohttpTransport) -> None:
    with pytest.raises(ConnectError, match="Check the endpoint") as caught:
        await transport(get("nowhere"))
    assert not caught.value.retryable


async def test_an_application_session_is_used_and_left_open() -> None:
    async def hello(request: Request) -> Response:
        return Response(status=200, body=request.headers["User-Agent"].encode())

    async with serve(hello) as base, aiohttp.ClientSession() as own:
        response = await AiohttpTransport(lambda: own)(get(base))
        assert response.body == b"aiocloud"
        assert not own.closed


async def test_connections_are_used_again(session: SharedSession, transport: AiohttpTransport) -> None:
    opened = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def forgiving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(forgiving, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    for _ in range(3):
        await transport(get(url))
    assert opened == 1
    await session.aclose()
    server.close()
    await server.wait_closed()


async def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_that_is_trusted_is_not(
    session: SharedSession, transport: AiohttpTransport
) -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)

    async def hello(request: Request) -> Response:
        return Response(status=200, body=b"hello")

    async with serve(hello, tls=server_side) as base:
        with pytest.raises(TLSError, match="pass `ssl`"):
            await transport(get(base))
        trusting = AiohttpTransport(session.get, ssl=client_side)
        assert (await trusting(get(base))).body == b"hello"


@pytest.mark.parametrize("host", ["x" * 70 + ".example", "a..example", "-.example"])
async def test_a_host_that_cannot_be_is_one_clear_error(transport: AiohttpTransport, host: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await transport(get(URL(f"https://{host}/", encoded=True)))
    assert not caught.value.sent


async def test_a_header_that_would_break_out_is_never_sent(transport: AiohttpTransport) -> None:
    async def hello(request: Request) -> Response:
        raise AssertionError("it was sent")

    async with serve(hello) as base:
        request = Request(method="GET", url=base, headers=headers_of({"Authorization": "canary-secret\r\nX-Evil: 1"}))
        with pytest.raises(ConnectError, match="line breaks") as caught:
            await transport(request)
    assert "canary-secret" not in f"{caught.value} {caught.value.__cause__}"


@asynccontextmanager
async def grumpy_proxy() -> AsyncIterator[str]:
    async with raw_server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as url:
        yield str(url.with_user("kim").with_password("canary-secret"))


async def test_a_proxy_that_refuses_is_named_without_its_password(session: SharedSession) -> None:
    async with grumpy_proxy() as proxy:
        with pytest.raises(ConnectError, match="407") as caught:
            await AiohttpTransport(session.get, proxy=proxy)(get("https://api.example/"))
    assert not caught.value.retryable
    assert "canary-secret" not in _told(caught.value)


@pytest.mark.parametrize("proxy", ["nowhere:canary-secret@", "http://kim:canary-secret@", "ftp://kim:canary-secret@h"])
async def test_a_proxy_that_is_no_url_is_told_without_its_password(session: SharedSession, proxy: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await AiohttpTransport(session.get, proxy=proxy)(get("https://api.example/"))
    assert "canary-secret" not in _told(caught.value)


def _told(error: BaseException | None) -> str:
    """What an error and its causes say."""
    said = []
    while error is not None:
        said.append(f"{error} {error!r}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " ".join(said)


async def test_an_answer_that_drips_is_bounded_by_the_whole_time(transport: AiohttpTransport) -> None:
    stop, closed = asyncio.Event(), asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.is_set():
            writer.write(b"x")
            await asyncio.sleep(0.01)
        writer.close()
        closed.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    with pytest.raises(RequestTimeoutError):
        await transport(get(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", timeout=0.08))
    stop.set()
    await closed.wait()
    server.close()
    await server.wait_closed()


async def test_an_answer_that_is_not_what_its_encoding_says_is_lost(transport: AiohttpTransport) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
    async with raw_server(head) as url:
        with pytest.raises(AnswerLostError):
            await transport(get(url))


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_an_answer_without_a_body_is_empty(transport: AiohttpTransport, head: bytes) -> None:
    async with raw_server(head) as url:
        assert (await transport(get(url))).body == b""
