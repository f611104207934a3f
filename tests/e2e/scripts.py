"""Conversations with scripted models, made past the browser: the web app's picker hides these. Not page code."""

from __future__ import annotations

from pathlib import Path

from fireside.cli.link import Link, open_link
from fireside.config import ClientConfig
from fireside.core.ids import new_id
from fireside.gen.v1.conversation_service_pb2 import CreateConversationRequest
from fireside.runners.scripted.runner import _WORDS as WORDS


def link_to(url: str, folder: Path) -> Link:
    """Calls to a server. The certificates that it made itself are trusted if its data is in `folder`/data."""
    return open_link(
        ClientConfig(url=url, tls_ca=None, data_dir=folder / "data", api_key="", credentials=folder / "keys.json")
    )


def words(count: int, start: int = 0) -> str:
    """What a scripted model writes in `count` tokens; no word comes twice in 1,024."""
    return " ".join(WORDS[index % len(WORDS)] for index in range(start, start + count))


async def begin(link: Link, script: str, title: str = "A scripted conversation", *, model: str = "") -> str:
    """Makes an empty conversation with `scripted/<script>`, or with another model by its id. Returns its id."""
    made = CreateConversationRequest(conversation_id=new_id(), title=title, model=model or f"scripted/{script}")
    await link.conversations.create_conversation(made)
    return made.conversation_id
