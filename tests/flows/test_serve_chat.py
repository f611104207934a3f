"""`fireside chat` against a real server: answers, Ctrl+C, a cut connection, a restarted and a killed server."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from fireside.cli.link import Link, open_link
from fireside.config import ClientConfig
from fireside.gen.v1 import message_pb2
from fireside.gen.v1.conversation_service_pb2 import ListConversationsRequest, ListMessagesRequest
from tests.rig import text_of
from tests.server_process import FIRESIDE, ServerProcess, environment, fireside, server_process

WORDS = "baban ceban diban foban guban haban jeban kiban"
SLOW = "scripted/tokens=100000,pace=20ms"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chat")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    with server_process(folder) as running:
        yield running


@asynccontextmanager
async def chatting(folder: Path, url: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`fireside chat` as a process that runs."""
    process = await asyncio.create_subprocess_exec(
        FIRESIDE, "chat", "--url", url, *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=folder, env=environment(folder),
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def result(process: asyncio.subprocess.Process, before: bytes = b"") -> tuple[int | None, str, str]:
    out, err = await process.communicate()
    return process.returncode, (before + out).decode(), err.decode()


async def some_text(process: asyncio.subprocess.Process) -> bytes:
    """What it has printed once the answer is under way."""
    assert process.stdout is not None
    return await process.stdout.readuntil(b"diban ")


@asynccontextmanager
async def link_to(url: str, folder: Path) -> AsyncIterator[Link]:
    link = open_link(ClientConfig(url=url, tls_ca=None, data_dir=folder, api_key="", credentials=folder / "keys.json"))
    try:
        yield link
    finally:
        await link.aclose()


async def last_answer(url: str, folder: Path) -> message_pb2.Message:
    async with link_to(url, folder) as link:
        page = await link.conversations.list_conversations(ListConversationsRequest(page_size=1))
        request = ListMessagesRequest(conversation_id=page.conversations[0].id)
        return (await link.conversations.list_messages(request)).messages[-1]


class Cutter:
    """A TCP proxy whose connections can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self._copies: set[asyncio.Task[None]] = set()
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        back, forth = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, forth}
        for source, sink in ((reader, forth), (back, writer)):
            copy = asyncio.create_task(self._copy(source, sink))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)

    @staticmethod
    async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    def cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()


@asynccontextmanager
async def cutter(port: int) -> AsyncIterator[tuple[Cutter, str]]:
    proxy = Cutter(port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        proxy.cut()
        listener.close()
        await listener.wait_closed()


def test_a_question_gets_its_answer_and_nothing_else(folder: Path, server: ServerProcess) -> None:
    assert fireside(folder, "chat", "--url", server.url, "--model", "scripted/tokens=8,reasoning=4", "hi") == (
        0, WORDS + " \n", "",
    )  # fmt: skip


def test_a_proxy_is_not_asked_for_this_machine(folder, server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        assert fireside(folder, "chat", "--url", url, "--model", "scripted/echo", "hi") == (0, "hi\n", "")


def test_the_question_can_come_by_standard_input(folder: Path, server: ServerProcess) -> None:
    ask = ["chat", "--url", server.url, "--model", "scripted/echo"]
    assert fireside(folder, *ask, text="a\nb\n") == (0, "a\nb\n", "")
    assert fireside(folder, *ask, "review", "this:", "-", text="a\nb\n") == (0, "review\n\nthis:\n\na\nb\n", "")
    code, _, err = fireside(folder, *ask, text=" ")
    assert (code, "There is no question" in err) == (2, True)


def test_a_conversation_goes_on(folder: Path, server: ServerProcess) -> None:
    ask = ["chat", "--url", server.url, "--model", "scripted/echo"]
    assert fireside(folder, *ask, "one")[0] == 0
    assert fireside(folder, *ask, "--conversation", "last", "two")[0] == 0
    answer = asyncio.run(last_answer(server.url, folder))
    assert text_of(answer) == "two"
    assert fireside(folder, *ask, "--conversation", answer.conversation_id, "three")[0] == 0
    again = asyncio.run(last_answer(server.url, folder))
    assert (text_of(again), again.conversation_id) == ("three", answer.conversation_id)


@pytest.mark.parametrize(
    ("arguments", "code", "out", "words"),
    [
        (["--model", "nosuch", "hi"], 1, "", "There is no model named 'nosuch'"),
        (["--model", "scripted/tokens=8,fail=after:2", "hi"], 1, "baban ceban \n", "the runner fails here"),
        (["--model", "scripted/limit,tokens=2", "hi"], 0, "baban ceban \n", "cut off at its token limit"),
        (["--model", "scripted/echo,tool", "hi"], 0, "hi\n", "asks for tools"),
        (["--conversation", "x", "hi"], 1, "", "conversation_id"),
        (["--conversation", "00000000-0000-4000-8000-000000000000", "hi"], 1, "", "no such conversation"),
        (["--url", "http://127.0.0.1:9", "hi"], 3, "", "There is no server at http://127.0.0.1:9."),
        (["--url", "nowhere", "hi"], 2, "", "expected http://host:port"),
    ],
)
def test_what_went_wrong_is_told_beside(folder, server, arguments, code, out, words) -> None:
    done, printed, err = fireside(folder, "chat", "--url", server.url, *arguments)
    assert (done, printed) == (code, out)
    assert words.lower() in err.lower()
    assert "Traceback" not in err


def test_models_are_listed(folder: Path, server: ServerProcess) -> None:
    code, out, _ = fireside(folder, "chat", "--url", server.url, "--list-models")
    assert code == 0
    assert "scripted" not in out
    assert "fireside doctor" in out


async def test_ctrl_c_stops_the_answer_at_the_server(folder: Path, server: ServerProcess) -> None:
    async with chatting(folder, server.url, "--model", SLOW, "hi") as process:
        before = await some_text(process)
        process.send_signal(signal.SIGINT)
        code, out, err = await result(process, before)
    assert (code, err) == (130, "[stopped]\n")
    answer = await last_answer(server.url, folder)
    assert (answer.finish_reason, text_of(answer) + "\n") == (message_pb2.FINISH_REASON_STOPPED, out)


async def test_a_cut_connection_loses_and_doubles_nothing(folder: Path, server: ServerProcess) -> None:
    asked = ["--model", "scripted/tokens=60,pace=20ms", "hi"]
    async with cutter(server.port) as (proxy, url), chatting(folder, url, *asked) as process:
        before = await some_text(process)
        proxy.cut()
        assert process.stdout is not None
        before += await process.stdout.readuntil(b"kiban ")
        proxy.cut()
        code, out, err = await result(process, before)
    assert (code, err) == (0, "")
    assert proxy.connections >= 3
    assert out == text_of(await last_answer(server.url, folder)) + "\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restarted_server_is_found_again(tmp_path: Path, number: signal.Signals) -> None:
    with server_process(tmp_path, "--shutdown-grace", "5") as first:
        async with chatting(tmp_path, first.url, "--model", SLOW, "hi") as process:
            before = await some_text(process)
            await asyncio.to_thread(first.end, number)
            with server_process(tmp_path, "--port", str(first.port)) as second:
                code, out, err = await result(process, before)
                answer = await last_answer(second.url, tmp_path)
    assert code == 1
    assert "the server went away in mid-answer" in err
    assert answer.finish_reason == message_pb2.FINISH_REASON_INTERRUPTED
    # What had been printed of the last 100 ms is not kept by a server that is killed.
    assert out.rstrip("\n").startswith(text_of(answer))
    assert number == signal.SIGKILL or out.rstrip("\n") == text_of(answer)


def test_a_terminal_gets_a_conversation(folder: Path, server: ServerProcess) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [FIRESIDE, "chat", "--url", server.url, "--model", "scripted/echo"],
        stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment(folder) | {"TERM": "dumb"},
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def read_until(*words: str) -> None:
        got, left = "", list(words)
        while left:
            if left[0] in got:
                got = got.partition(left.pop(0))[2]
            else:
                got += os.read(ours, 4096).decode()

    def write(line: str) -> None:
        os.write(ours, f"{line}\n".encode())

    try:
        read_until("Ctrl+D leaves", "> ")
        write("hello there")
        # Once as it is typed, once as the answer.
        read_until("hello there", "hello there", "> ")
        write(f"/model {SLOW}")
        read_until("> ")
        write("again")
        read_until("diban ")
        process.send_signal(signal.SIGINT)
        read_until("[stopped]", "> ")
        write("/model nosuch")
        read_until("> ")
        write("third")
        read_until("There is no model named", "> ")
        write("/quit")
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def test_files_and_collections_are_brought_along(server: ServerProcess, folder: Path) -> None:
    (folder / "fires.md").write_text("# Fires\n\nPour water on the embers until the hissing stops.\n")
    code, _, err = fireside(
        folder, "upload", "--url", server.url, "fires.md", "--collection", "Nature", "--create", "--wait"
    )
    assert code == 0, err
    question = "Do I pour water on embers?"
    for brought in (("--attach", "fires.md"), ("--collection", "nature")):
        code, out, err = fireside(folder, "chat", "--url", server.url, "--model", "scripted/echo", *brought, question)
        assert (code, err) == (0, "")
        assert "[1] (fires.md, Fires)\nPour water on the embers" in out
        assert question in out
    code, _, err = fireside(folder, "chat", "--url", server.url, "--collection", "Nowhere", question)
    assert (code, "There is no collection called Nowhere. There are: Nature." in err) == (1, True)
