"""What `fireside chat` brings along: collections to search, and files, which it uploads first. Asks nothing of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectrpc.errors import ConnectError

from fireside.cli.link import open_link, refused
from fireside.cli.named import collection_named
from fireside.cli.upload.place import Known
from fireside.cli.upload.screen import Running
from fireside.cli.upload.sending import Links, Sender
from fireside.cli.upload.sources import sources
from fireside.gen.v1.message_pb2 import CollectionPart, FilePart, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.cli.link import Link
    from fireside.config import ClientConfig

_PATIENCE = 60.0


async def collection_parts(link: Link, names: Sequence[str]) -> list[Part]:
    """The parts of a message that have collections searched. Raises CommandError."""
    try:
        found = [await collection_named(link, name) for name in names]
    except ConnectError as error:
        raise refused(error, link.url) from error
    return [Part(collection=CollectionPart(collection_id=item.id, name=item.name)) for item in found]


async def file_parts(link: Link, config: ClientConfig, paths: Sequence[str]) -> list[Part]:
    """The parts of a message that attach the files at these paths, all of which are there then. Raises CommandError."""
    parts: list[Part] = []
    if not paths:
        return parts
    sending = open_link(config)
    try:
        sender = Sender(Links(link, sending), "", Known({}, {}), _PATIENCE)
        for source in sources(paths):
            document = (await sender.send(source, Running(source))).document
            parts.append(Part(file=FilePart(file_id=document.file_id, name=document.name)))
    finally:
        await sending.aclose()
    return parts
