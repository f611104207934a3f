"""`fireside serve` as a person runs it: its one line, its refusals, its end. Not the API: other flows call that."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from connectrpc.errors import ConnectError

from fireside.chat.fold import Fold
from fireside.cli.link import Link, open_link
from fireside.config import ClientConfig
from fireside.gen.v1 import message_pb2
from fireside.gen.v1.chat_service_pb2 import GenerateRequest, WatchEventsRequest, WatchGenerationRequest
from fireside.gen.v1.generation_pb2 import GenerationSpec
from tests.rig import send, text_of
from tests.server_process import ServerProcess, fireside, server_process


def link_to(server: ServerProcess, folder: Path) -> Link:
    return open_link(
        ClientConfig(url=server.url, tls_ca=None, data_dir=folder, api_key="", credentials=folder / "keys.json")
    )


class Reader:
    """Reads a generation in a task, through `follow`, and says when text has come."""

    def __init__(self, link: Link, spec: GenerationSpec) -> None:
        self.fold = Fold()
        self.some = asyncio.Event()
        self.error: ConnectError | None = None
        self.done = asyncio.create_task(self._read(link, spec))

    async def _read(self, link: Link, spec: GenerationSpec) -> None:
        stream: AsyncIterator = link.chat.generate(GenerateRequest(spec=spec))
        try:
            async with aclosing(stream) as responses:
                async for response in responses:
                    for event in response.events:
                        self.fold.apply(event)
                        if event.HasField("delta"):
                            self.some.set()
        except ConnectError as error:
            self.error = error


async def ended(server: ServerProcess) -> tuple[int, str, str]:
    return await asyncio.to_thread(server.wait)


def test_it_prints_one_line_and_answers_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        with urllib.request.urlopen(f"{server.url}/healthz") as reply:  # noqa: S310  # It is http.
            assert reply.read() == b"ok\n"
        code, out, err = server.end()
    assert (code, out, err) == (0, f"Fireside is ready at {server.url} (Ctrl+C stops it)\n", "")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_ctrl_c_stops_it_too(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        assert server.end(signal.SIGINT)[0] == 0


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        code, out, err = fireside(tmp_path, "serve", "--port", "0", "--data-dir", "data")
        assert (code, out) == (1, "")
        assert f"Another Fireside server (process {server.process.pid}) has the database" in err


def test_a_port_that_is_asked_for_and_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, err = fireside(tmp_path, "serve", "--port", str(port))
    assert (code, err) == (
        1,
        f"fireside: Port {port} on 127.0.0.1 is taken by another program. Stop that one, or choose another with --port.\n",
    )


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--port", "x"], 2, "port = 'x' (flag --port): expected a whole number from 0 to 65535."),
        (["--tls-cert", "gone.pem", "--tls-key", "gone.key", "--port", "0"], 1, "gone.pem does not exist."),
        (["--host", "192.0.2.1", "--port", "0"], 1, "192.0.2.1 is not an address of this machine."),
        (["--data-dir", "/proc/none", "--port", "0"], 1, "The data directory /proc/none cannot be made"),
        (["--database-url", "mysql://x", "--port", "0"], 1, "The database URL must be sqlite:///"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(tmp_path: Path, flags: list[str], code: int, words: str) -> None:
    done, out, err = fireside(tmp_path, "serve", *flags)
    assert (done, out) == (code, "")
    assert words in err
    assert err.startswith("fireside: ")
    assert "Traceback" not in err


def test_an_open_server_warns(tmp_path: Path) -> None:
    with server_process(tmp_path, "--single-user", "false", "--host", str(ipaddress.IPv4Address(0))) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        code, out, err = server.end()
    assert code == 0
    assert "and at every other address of this machine" in out
    assert "without TLS" in err
    assert "/setup#" in out


async def test_an_answer_that_can_end_ends_before_the_server_does(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        reader = Reader(link := link_to(server, tmp_path), send("tokens=40,pace=20ms"))
        await reader.some.wait()
        server.process.terminate()
        await reader.done
        assert (await ended(server))[0] == 0
        await link.aclose()
    message = reader.fold.message()
    assert (reader.error, message.finish_reason) == (None, message_pb2.FINISH_REASON_COMPLETE)
    assert len(text_of(message).split()) == 40


async def test_an_answer_that_takes_too_long_is_handed_over_in_time(tmp_path: Path) -> None:
    spec = send("tokens=100000,pace=20ms")
    with server_process(tmp_path, "--shutdown-grace", "6") as server:
        link = link_to(server, tmp_path)
        reader = Reader(link, spec)
        events = asyncio.create_task(anext(aiter(link.chat.watch_events(WatchEventsRequest()))))
        await reader.some.wait()
        await events
        began = time.monotonic()
        server.process.terminate()
        await reader.done
        code, _, err = await ended(server)
        assert (code, time.monotonic() - began < 6) == (0, True), err
        await link.aclose()
    with server_process(tmp_path) as server:
        link = link_to(server, tmp_path)
        watch = WatchGenerationRequest(generation_id=spec.generation_id, after_seq=reader.fold.last_seq)
        async with aclosing(link.chat.watch_generation(watch)) as responses:
            async for response in responses:
                for event in response.events:
                    reader.fold.apply(event)
        await link.aclose()
    assert reader.fold.message().finish_reason == message_pb2.FINISH_REASON_INTERRUPTED


async def test_nobody_new_is_let_in_while_it_stops(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        link = link_to(server, tmp_path)
        reader = Reader(link, send("tokens=60,pace=20ms"))
        await reader.some.wait()
        server.process.terminate()
        async with asyncio.timeout(5):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                except ConnectionRefusedError:
                    break
                except ConnectionResetError:
                    continue  # it was in the queue of the listening socket when that was closed
                writer.close()
        assert not reader.done.done()
        await reader.done
        assert (await ended(server))[0] == 0
        await link.aclose()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    with server_process(tmp_path, "--log-level", "info") as server:
        link = link_to(server, tmp_path)
        reader = Reader(link, send("tokens=100000,pace=20ms"))
        await reader.some.wait()
        server.process.terminate()
        # The log line says that the first signal was taken; two at once would be one.
        await asyncio.to_thread(_read_until, server, "Stopping on SIGTERM")
        server.process.terminate()
        code, _, _ = await ended(server)
        assert code == 128 + signal.SIGTERM
        await reader.done
        await link.aclose()


def _read_until(server: ServerProcess, words: str) -> None:
    stream = server.process.stderr
    assert stream is not None
    for line in stream:
        if words in line:
            return


async def test_what_people_write_is_never_logged(tmp_path: Path) -> None:
    marker = "peculiar-marker-4711"
    with server_process(tmp_path, "--log-level", "debug", "--log-format", "json") as server:
        link = link_to(server, tmp_path)
        for model in ("echo", "echo,crash=after:1", "echo,fail=after:1", "no such model"):
            reader = Reader(link, send(model, marker))
            await reader.done
        code, _, err = await asyncio.to_thread(server.end)
        await link.aclose()
    assert code == 0
    assert '"level":"error"' in err
    assert marker not in err
