"""The embedding model of this machine in a running server: documents are found by meaning, also in another language."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_READY
from fireside.gen.v1.knowledge_service_pb2 import SEARCH_MODE_VECTOR, SearchKnowledgeRequest
from fireside.runners.e5.runner import problem
from tests.accounts import accounts_server
from tests.knowledge_calls import bring, have_collection, ready
from tests.processes import children

pytestmark = pytest.mark.skipif(bool(problem()), reason=problem())

CATS = b"# Pets\n\nThe cat sleeps on the warm stove all day long.\n"
TAXES = "# 税务\n\n去年的税款必须在五月底之前缴纳。\n".encode()


def model_process() -> int:
    """The process of the embedding model."""
    commands = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children(os.getpid())}
    [found] = [child for child, command in commands.items() if b"e5/child.py" in command]
    return found


async def test_documents_are_found_by_meaning(tmp_path: Path) -> None:
    async with accounts_server(tmp_path, embedding_model="") as server:
        ann = await server.person("Ann")
        async with ann.caller("grpcio") as client:
            collection = await have_collection(client)
            for name, text in (("cats.md", CATS), ("taxes.md", TAXES)):
                document = await ready(client, await bring(client, text, collection_id=collection.id, name=name))
                assert document.state == DOCUMENT_STATE_READY
            for question, name in (
                ("Where does the kitten rest?", "cats.md"), ("When is the tax due?", "taxes.md"), ("小猫在哪里休息", "cats.md"),
            ):  # fmt: skip
                request = SearchKnowledgeRequest(query=question, mode=SEARCH_MODE_VECTOR)
                found = await client.unary("SearchKnowledge", request)
                assert found.used_vectors
                assert found.passages[0].name == name, question
                assert found.passages[0].similarity > 0.5
                # The next question starts it anew.
                os.kill(model_process(), signal.SIGKILL)
