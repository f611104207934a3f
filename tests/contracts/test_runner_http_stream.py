"""The client for streamed answers against real sockets: connections that are kept, lost, slow, cut off and packed."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fireside.edge import tls
from fireside.runners.http import stream as http_stream
from fireside.runners.http.framing import BrokenHttpError
from fireside.runners.http.stream import LostConnectionError, Origin, Pool, SlowConnectionError, StreamLimits

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server of one behaviour. Counts its connections, and those whose client has gone."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.gone = asyncio.Event()
        self.requests: list[bytes] = []
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves requests until the client goes."""
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone.set()
            writer.close()


@asynccontextmanager
async def serving(serve: Serve, limits: StreamLimits | None = None) -> AsyncIterator[tuple[Server, Pool]]:
    server = Server(serve)
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    pool = Pool(Origin.of(f"http://127.0.0.1:{server.port}/v1/"), {"authorization": "Bearer x"}, limits)
    async with asyncio.timeout(60):
        try:
            yield server, pool
        finally:
            pool.close()
            listening.close()
            await server.gone.wait()


def replying(data: bytes) -> Serve:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return serve


OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"


async def whole(pool: Pool) -> bytes:
    response = await pool.request("POST", "/chat", b"{}")
    body = await response.whole()
    response.close()
    response.close()
    return body


async def test_a_connection_is_used_again_after_a_whole_response() -> None:
    async with serving(replying(OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")) as (server, pool):
        assert [await whole(pool) for _ in range(3)] == [b"abc"] * 3
        assert server.connections == 1
        head = server.requests[0]
        assert head.startswith(f"POST /v1/chat HTTP/1.1\r\nhost: 127.0.0.1:{server.port}\r\n".encode())
        assert b"\r\nauthorization: Bearer x\r\n" in head


async def test_answers_at_once_have_a_connection_each() -> None:
    gate = asyncio.Barrier(3)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(OK + b"content-length: 2\r\n\r\nok")

    async with serving(serve) as (server, pool):
        assert await asyncio.gather(*(whole(pool) for _ in range(3))) == [b"ok"] * 3
        assert server.connections == 3


async def test_only_so_many_idle_connections_are_kept() -> None:
    async with serving(replying(OK + b"content-length: 2\r\n\r\nab"), StreamLimits(most_idle=2)) as (server, pool):
        responses = [await pool.request("POST", "/chat", b"{}") for _ in range(4)]
        for response in responses:
            assert await response.whole() == b"ab"
            response.close()
        assert server.connections == 4
        assert len(pool._idle) == 2
        assert await whole(pool) == b"ab"
        assert server.connections == 4


async def test_leaving_an_answer_closes_its_connection() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await reader.read(1)
        raise ConnectionError

    async with serving(serve) as (server, pool):
        response = await pool.request("POST", "/chat", b"{}")
        assert (response.content_type, await response.read()) == ("text/event-stream", b"abc")
        response.close()
        await server.gone.wait()


async def test_so_does_cancelling_the_wait_for_its_head() -> None:
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(1)
        raise ConnectionError

    async with serving(serve) as (server, pool):
        task = asyncio.create_task(pool.request("POST", "/chat", b"{}"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.gone.wait()


async def test_a_connection_that_died_while_idle_is_replaced() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.requests) == 2:  # the second request of the first connection: closed without a word
            raise ConnectionError
        writer.write(OK + b"content-length: 2\r\n\r\nok")

    async with serving(serve) as (server, pool):
        assert [await whole(pool) for _ in range(2)] == [b"ok"] * 2
        assert server.connections == 2
        assert len(server.requests) == 3


async def test_an_idle_connection_grows_too_old() -> None:
    limits = StreamLimits(keep_warm=0.0)
    async with serving(replying(OK + b"content-length: 2\r\n\r\nok"), limits) as (server, pool):
        assert [await whole(pool) for _ in range(2)] == [b"ok"] * 2
        assert server.connections == 2


@pytest.mark.parametrize(
    "data",
    [OK + b"content-length: 9\r\n\r\nabc", OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", b"HTTP/1.1 2"],
)
async def test_a_response_that_is_cut_off_is_an_error(data: bytes) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        raise ConnectionError

    async with serving(serve) as (_, pool):
        with pytest.raises(LostConnectionError):
            await whole(pool)


async def test_the_end_of_the_connection_can_be_the_end_of_the_body() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"\r\nabc")
        raise ConnectionError

    async with serving(serve) as (server, pool):
        assert [await whole(pool) for _ in range(2)] == [b"abc"] * 2
        assert server.connections == 2


async def test_a_packed_body_is_unpacked() -> None:
    packed = gzip.compress(b"hello " * 1000)
    data = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed) + packed
    async with serving(replying(data)) as (_, pool):
        assert await whole(pool) == b"hello " * 1000
    data = OK + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"
    async with serving(replying(data)) as (_, pool):
        with pytest.raises(BrokenHttpError):
            await whole(pool)


async def test_something_else_than_http_is_an_error() -> None:
    async with serving(replying(b"SSH-2.0-OpenSSH_9.2\r\n")) as (_, pool):
        with pytest.raises(BrokenHttpError):
            await whole(pool)


async def test_a_reader_that_is_slow_stops_the_sender_and_loses_nothing() -> None:
    size = 64 << 20
    sent = asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK + b"content-length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            writer.write(bytes(1 << 20))
            await writer.drain()
        sent.set()

    async with serving(serve) as (_, pool):
        response = await pool.request("POST", "/chat", b"{}")
        total = len(await response.read())
        assert not sent.is_set()
        while data := await response.read():
            total += len(data)
        assert total == size
        response.close()


async def test_a_connection_has_its_time() -> None:
    listening = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    pool = Pool(Origin.of(f"http://127.0.0.1:{port}"), {})
    with pytest.raises(ConnectionRefusedError):
        await pool.request("GET", "/")
    slow = Pool(Origin.of(f"http://127.0.0.1:{port}"), {}, StreamLimits(connect=0.0))
    with pytest.raises(SlowConnectionError):
        await slow.request("GET", "/")


async def test_tls_is_trusted_as_the_machine_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tls.ensure_local(tmp_path, ["localhost"])
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(files.certificate, files.key)
    server = Server(replying(OK + b"content-length: 2\r\n\r\nok"))
    listening = await asyncio.start_server(server, "127.0.0.1", 0, ssl=secure)
    port = listening.sockets[0].getsockname()[1]
    pool = Pool(Origin.of(f"https://localhost:{port}"), {})
    with pytest.raises(ssl.SSLCertVerificationError):
        await pool.request("GET", "/")
    monkeypatch.setenv("SSL_CERT_FILE", str(files.authority))
    http_stream.trusting.cache_clear()
    try:
        assert await whole(pool) == b"ok"
    finally:
        http_stream.trusting.cache_clear()
        pool.close()
        listening.close()
    await server.gone.wait()


@pytest.mark.parametrize("url", ["ftp://x", "http://", "localhost:11434", "http://x/?a=b"])
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        Origin.of(url)


def test_the_parts_of_a_base_url() -> None:
    origin = Origin.of("https://[::1]:8443/a/b/")
    assert (origin.host, origin.port, origin.path, origin.authority) == ("::1", 8443, "/a/b", "[::1]:8443")
    assert Origin.of("http://x").authority == "x"


def test_a_line_break_in_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        Pool(Origin.of("http://x"), {"authorization": "Bearer a\r\nx: y"})
