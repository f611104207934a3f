"""`fireside search`, `collections` and `documents` against a running server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.callers import caller
from tests.knowledge_calls import bring, collections_of, ready
from tests.served import Served, serve
from tests.server_process import fireside

MANUAL = "# Battery\n\nThe battery lasts eight hours. 🔋 电池可以用八个小时。\n".encode()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serve(tmp_path, embedding_model="off") as server:
        yield server


async def run(served: Served, folder: Path, *words: str, text: str = "") -> tuple[int, str, str]:
    """Runs a command. The server answers in this loop, so it is waited for in a thread."""
    count = 1 if words[0] == "search" else 2
    command, rest = words[:count], words[count:]
    return await asyncio.to_thread(fireside, folder, *command, "--url", served.url, *rest, text=text)


async def test_the_library_from_the_terminal(served: Served, tmp_path: Path) -> None:
    code, out, err = await run(served, tmp_path, "collections", "create", "Manuals", "--description", "All")
    assert (code, err) == (0, "")
    async with caller("grpcio", served.url) as client:
        (collection,) = await collections_of(client)
        assert (out.strip(), collection.description) == (collection.id, "All")
        await ready(client, await bring(client, MANUAL, "x.md", collection_id=collection.id, folder="drills"))
        await ready(client, await bring(client, b"%PDF-1.7 torn", "torn.pdf", collection_id=collection.id))
    code, out, _ = await run(served, tmp_path, "collections", "list")
    assert (code, out.split(maxsplit=1)) == (0, ["Manuals", "2 documents, 1 failed\n"])
    code, out, _ = await run(served, tmp_path, "documents", "list", "manuals")
    assert [line.split()[:2] for line in out.splitlines()] == [["✗", "torn.pdf"], ["✓", "drills/x.md"]]
    assert "This file cannot be read" in out
    code, out, _ = await run(served, tmp_path, "documents", "list", "Manuals", "--failed", "--json")
    assert [item["name"] for item in json.loads(out)["documents"]] == ["torn.pdf"]

    code, out, _ = await run(served, tmp_path, "search", "电池", "--collection", "Manuals")
    assert (code, out) == (0, "1. x.md > Battery\nThe battery lasts eight hours. 🔋 电池可以用八个小时。\n\n")
    code, out, _ = await run(served, tmp_path, "search", "battery", "--json", "--limit", "1")
    assert json.loads(out)["passages"][0]["name"] == "x.md"
    code, out, err = await run(served, tmp_path, "search", "nowhere")
    assert (code, out, err) == (4, "", "Nothing fits.\n")
    code, _, err = await run(served, tmp_path, "search", "battery", "--by", "meaning")
    assert (code, "No embedding model" in err) == (1, True)
    code, _, err = await run(served, tmp_path, "search", "x", "--collection", "Nothing")
    assert (code, err) == (1, "fireside: There is no collection called Nothing. There are: Manuals.\n")

    code, out, _ = await run(served, tmp_path, "documents", "retry", "--collection", "Manuals")
    assert (code, out.split()[:2]) == (0, ["…", "torn.pdf"])
    code, _, err = await run(served, tmp_path, "documents", "delete", "x.md", "--collection", "Manuals")
    assert (code, "There is no document called x.md" in err) == (1, True)
    assert (await run(served, tmp_path, "documents", "delete", "drills/x.md", "--collection", "Manuals"))[0] == 0
    code, out, err = await run(served, tmp_path, "collections", "delete", "Manuals")
    assert code == 1
    assert "Delete Manuals with 1 document, for good?" in err
    assert (await run(served, tmp_path, "collections", "delete", "Manuals", "--yes"))[0] == 0
    assert (await run(served, tmp_path, "collections", "list"))[:2] == (0, "")


async def test_nobody_to_share_with(served: Served, tmp_path: Path) -> None:
    await run(served, tmp_path, "collections", "create", "Manuals")
    code, out, _ = await run(served, tmp_path, "collections", "share", "Manuals")
    assert (code, out) == (0, "")
    code, _, err = await run(served, tmp_path, "collections", "share", "Manuals", "--with", "x@example.org")
    assert (code, "Nobody with this address" in err) == (1, True)
    code, _, err = await run(served, tmp_path, "collections", "share", "Manuals", "--with-group", "Team", "--edit")
    assert (code, "called Team" in err) == (1, True)
    code, _, err = await run(
        served, tmp_path, "collections", "share", "Manuals", "--with", "x@e.org", "--with-group", "T"
    )
    assert (code, "not both" in err) == (2, True)
    code, _, err = await run(served, tmp_path, "collections", "share", "Manuals", "--with", "x@e.org", "--end")
    assert (code, "has no share" in err) == (1, True)
