"""`fireside runners` against a running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ollama_server import LIBRARY, OllamaServer, ollama_server
from tests.runner_calls import SECRET
from tests.served import Served, serve
from tests.server_process import fireside


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path) as server:
        yield server


@pytest.fixture
async def ollama() -> AsyncIterator[OllamaServer]:
    async with ollama_server() as server:
        yield server


async def runners(served: Served, folder: Path, *words: str, text: str = "") -> tuple[int, str, str]:
    """Runs a command. The server answers in this loop, so it is waited for in a thread."""
    command, *rest = words
    return await asyncio.to_thread(fireside, folder, "runners", command, "--url", served.url, *rest, text=text)


async def test_runners_are_added_listed_ordered_and_removed(
    served: Served, ollama: OllamaServer, tmp_path: Path
) -> None:
    code, out, err = await runners(served, tmp_path, "add", "shed", "ollama", ollama.url, "--display-name", "Shed")
    assert (code, err) == (0, "")
    assert out.split()[:2] == ["✓", "shed"]
    assert "Ollama 0.13.5, 4 models" in out
    code, out, _ = await runners(served, tmp_path, "order", "shed", "scripted")
    assert [line.split()[1] for line in out.splitlines() if line[0] != " "] == ["shed", "scripted"]
    code, out, _ = await runners(served, tmp_path, "list", "--json")
    assert [runner["spec"]["name"] for runner in json.loads(out)["runners"]] == ["shed", "scripted"]
    assert (await runners(served, tmp_path, "remove", "shed"))[0] == 0
    code, _, err = await runners(served, tmp_path, "remove", "shed")
    assert (code, err) == (1, "fireside: There is no runner named 'shed'.\n")
    assert "shed" not in (await runners(served, tmp_path, "list"))[1]


async def test_a_test_tells_what_it_finds(served: Served, ollama: OllamaServer, tmp_path: Path) -> None:
    code, out, _ = await runners(served, tmp_path, "test", "shed", "ollama", ollama.url)
    assert (code, "shed/tokens=8" in out) == (0, True)
    code, out, _ = await runners(served, tmp_path, "test", "shed", "ollama", "http://127.0.0.1:9")
    assert (code, out.split()[0], "cannot be reached" in out) == (1, "✗", True)
    code, _, err = await runners(served, tmp_path, "test", "shed", "ollama", "shed:11434")
    assert (code, "http:// or https:// in front" in err) == (1, True)


async def test_an_api_key_is_read_from_a_file_or_the_standard_input(served: Served, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    for name, path, text in (("a", str(tmp_path / "key"), ""), ("b", "-", SECRET)):
        words = ("add", name, "openai", "http://127.0.0.1:9/v1", "--api-key-file", path)
        code, out, err = await runners(served, tmp_path, *words, text=text)
        assert (code, SECRET in out + err) == (0, False)
    listed = json.loads((await runners(served, tmp_path, "list", "--json"))[1])["runners"]
    assert [runner.get("hasSecret", False) for runner in listed] == [False, True, True]
    code, _, err = await runners(served, tmp_path, "add", "c", "openai", "http://a/v1", "--api-key-file", "none")
    assert (code, "cannot be read" in err) == (2, True)


async def test_a_download_is_shown(served: Served, ollama: OllamaServer, tmp_path: Path) -> None:
    await runners(served, tmp_path, "add", "shed", "ollama", ollama.url)
    code, out, _ = await runners(served, tmp_path, "pull", "shed", LIBRARY[0])
    assert (code, out.splitlines()[-1]) == (0, "success")
    code, _, err = await runners(served, tmp_path, "pull", "shed", "unheard-of")
    assert code == 1
    assert err


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    code, _, err = fireside(tmp_path, "runners", "list", "--url", "http://127.0.0.1:9")
    assert (code, "There is no server at" in err) == (3, True)
