"""The transport against aiohttp itself: what it sends, what it makes of failures."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import aiohttp
import aioresponses
import pytest
import trustme
from yarl import URL

from aiocloud.errors import (
    AnswerLostError,
    ApiError,
    ConnectError,
    MalformedResponseError,
    NotFoundError,
    RateLimitReachedError,
    RequestTimeoutError,
    ServiceUnavailableError,
    TLSError,
)
from aiocloud.http.message import Handler, Request, Response, headers_of
from aiocloud.http.session import SharedSession
from aiocloud.http.transport import LONGEST_LINE, PIECE, AiohttpTransport
from aiocloud.simulators.server import serve


@pytest.fixture
async def session() -> AsyncIterator[SharedSession]:
    shared = SharedSession()
    yield shared
    await shared.aclose()


@pytest.fixture
def transport(session: SharedSession) -> AiohttpTransport:
    return AiohttpTransport(session)


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
        trusting = AiohttpTransport(session, ssl=client_side)
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
            await AiohttpTransport(session, proxy=proxy)(get("https://api.example/"))
    assert not caught.value.retryable
    assert "canary-secret" not in _told(caught.value)


@pytest.mark.parametrize("proxy", ["nowhere:canary-secret@", "http://kim:canary-secret@", "ftp://kim:canary-secret@h"])
async def test_a_proxy_that_is_no_url_is_told_without_its_password(session: SharedSession, proxy: str) -> None:
    with pytest.raises(ConnectError) as caught:
        await AiohttpTransport(session, proxy=proxy)(get("https://api.example/"))
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


@pytest.mark.parametrize("kind", ["nesting", "a bomb"])
async def test_an_answer_without_end_is_refused_before_it_takes_all_memory(
    transport: AiohttpTransport, kind: str
) -> None:
    """A hundred megabytes of tags as they are; and compressed, in a hundredth of that."""
    body, headers = b"<a>" * 35_000_000, b""
    if kind == "a bomb":
        body, headers = gzip.compress(body, 1), b"Content-Encoding: gzip\r\n"
    head = b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body)
    async with raw_server(head + body) as url:
        with pytest.raises(MalformedResponseError, match="an answer of more than 64 MiB"):
            await transport(get(url))


async def test_an_answer_that_is_not_what_its_encoding_says_is_lost(transport: AiohttpTransport) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain"
    async with raw_server(head) as url:
        with pytest.raises(AnswerLostError):
            await transport(get(url))


@pytest.mark.parametrize("head", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_an_answer_without_a_body_is_empty(transport: AiohttpTransport, head: bytes) -> None:
    async with raw_server(head) as url:
        assert (await transport(get(url))).body == b""


# ---- answers that are read line by line


async def lines(transport: AiohttpTransport, url: URL, timeout: float = 5.0) -> list[str]:
    return [line async for line in transport.lines(get(url, timeout=timeout))]


def answering(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Handler:
    async def answer(request: Request) -> Response:
        return Response(status=status, body=body, headers=headers_of(headers))

    return answer


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\r\ntwo\n\nfour", ["one", "two", "", "four"]),
        ("Zürich\u2028and\x85more\n".encode(), ["Zürich\u2028and\x85more"]),
        (b"\xff\n", ["\ufffd"]),
    ],
)
async def test_lines_end_where_line_feeds_are_and_nowhere_else(
    transport: AiohttpTransport, body: bytes, expected: list[str]
) -> None:
    async with serve(answering(body)) as base:
        assert await lines(transport, base) == expected


async def test_lines_that_arrive_in_several_pieces_are_whole(transport: AiohttpTransport) -> None:
    expected = [f"{number:07d}é" * 9 for number in range(3 * PIECE // 63)]
    async with serve(answering("\n".join(expected).encode())) as base:
        assert await lines(transport, base) == expected


async def test_compressed_lines_are_read_as_they_were_written(transport: AiohttpTransport) -> None:
    body = gzip.compress(b"one\ntwo\n" * 50_000)
    async with serve(answering(body, 200, {"Content-Encoding": "gzip"})) as base:
        assert await lines(transport, base) == ["one", "two"] * 50_000


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFoundError), (429, RateLimitReachedError), (503, ServiceUnavailableError)]
)
async def test_an_answer_that_is_no_success_has_no_lines(
    transport: AiohttpTransport, status: int, error: type[Exception]
) -> None:
    page = b"<title>Sorry</title>" + b"x" * 10**6
    async with serve(answering(page, status)) as base:
        with pytest.raises(error, match=f'HTTP {status} .*"Sorry"'):
            await lines(transport, base)


async def test_a_redirect_has_no_lines(transport: AiohttpTransport) -> None:
    async with serve(answering(b"there", 302, {"Location": "http://203.0.113.9/"})) as base:
        with pytest.raises(ApiError, match="sent elsewhere"):
            await lines(transport, base)


@pytest.mark.parametrize("how", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
async def test_lines_that_break_off_are_a_lost_answer_after_those_that_came(
    transport: AiohttpTransport, how: bytes
) -> None:
    body = b"8\r\none\ntwo\n\r\n" if b"chunked" in how else b"one\ntwo\nth"
    came: list[str] = []

    async def read() -> None:
        async for line in transport.lines(get(url)):
            came.append(line)  # noqa: PERF401 - a comprehension would lose what came before the error

    async with raw_server(b"HTTP/1.1 200 OK\r\n" + how + b"\r\n\r\n" + body) as url:
        with pytest.raises(AnswerLostError) as caught:
            await read()
    assert caught.value.sent
    assert came in (["one", "two"], [])  # aiohttp may find out before it hands on what came


async def test_silence_in_the_midst_of_lines_is_bounded(transport: AiohttpTransport) -> None:
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none\n", hang=True) as url:
        with pytest.raises(RequestTimeoutError, match=r"within 0\.05 s"):
            await lines(transport, url, timeout=0.05)


async def test_a_line_without_an_end_takes_no_more_memory_than_a_line_may(transport: AiohttpTransport) -> None:
    async with serve(answering(b"x" * (LONGEST_LINE + 2 * PIECE))) as base:
        with pytest.raises(MalformedResponseError, match="a line of more than 1 MiB"):
            await lines(transport, base)


async def test_lines_may_be_left_before_their_end(session: SharedSession, transport: AiohttpTransport) -> None:
    async with serve(answering(b"one\n" * 10**6)) as base:
        async with aclosing(transport.lines(get(base))) as arriving:
            async for line in arriving:
                assert line == "one"
                break
        assert await lines(transport, base) == ["one"] * 10**6


async def test_a_closed_port_has_no_lines(transport: AiohttpTransport) -> None:
    async with raw_server(b"") as url:
        pass
    with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1"):
        await lines(transport, url)
