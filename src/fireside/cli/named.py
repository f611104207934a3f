"""Which collection or document a name on the command line means. Asks the server; changes nothing."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from fireside.cli.failure import CommandError
from fireside.gen.v1.collection_service_pb2 import GetCollectionRequest, ListCollectionsRequest
from fireside.gen.v1.knowledge_service_pb2 import GetDocumentRequest, ListDocumentsRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.cli.link import Link
    from fireside.gen.v1.collection_pb2 import Collection
    from fireside.gen.v1.document_pb2 import Document, DocumentState

_PAGE = 500


async def collections(link: Link, query: str = "") -> list[Collection]:
    """All collections that the caller may search, by name. Raises ConnectError."""
    found: list[Collection] = []
    request = ListCollectionsRequest(query=query, page_size=_PAGE)
    while True:
        page = await link.collections.list_collections(request)
        found += page.collections
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def collection_named(link: Link, name: str) -> Collection:
    """The collection with this name or id. One's own goes before one that others share, the same case before another.

    Raises CommandError, which says what there is, and ConnectError.
    """
    found = await find_collection(link, name)
    if found is None:
        raise CommandError(await no_such_collection(link, name))
    return found


async def no_such_collection(link: Link, name: str) -> str:
    """Says so, and what there is. Raises ConnectError."""
    names = ", ".join(item.name for item in (await collections(link))[:10])
    return f"There is no collection called {name}. There are: {names or 'none yet'}."


async def find_collection(link: Link, name: str) -> Collection | None:
    """The same; None when nothing has this name. CommandError: several have."""
    if _is_id(name):
        request = GetCollectionRequest(collection_id=name)
        return (await link.collections.get_collection(request)).collection
    found = [item for item in await collections(link, name) if item.name.casefold() == name.casefold()]
    exact = [item for item in found if item.name == name]
    for candidates in (exact, found):
        own = [item for item in candidates if not item.owner_name]
        for choice in (own, candidates):
            if len(choice) == 1:
                return choice[0]
    if found:
        ids = ", ".join(f"{item.id} of {item.owner_name or 'yours'}" for item in found)
        raise CommandError(f"There are several collections called {name}. Give the id of one: {ids}.")
    return None


async def documents(link: Link, collection_id: str, states: Sequence[DocumentState] = ()) -> list[Document]:
    """All documents of a collection, by folder and name. Raises ConnectError."""
    found: list[Document] = []
    request = ListDocumentsRequest(collection_id=collection_id, page_size=_PAGE, states=states)
    while True:
        page = await link.knowledge.list_documents(request)
        found += page.documents
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def document_named(link: Link, collection: str, name: str) -> Document:
    """The document with this id, or of this name (behind its folder and a slash, if it has one) in a collection.

    Raises CommandError and ConnectError.
    """
    if _is_id(name):
        return (await link.knowledge.get_document(GetDocumentRequest(document_id=name))).document
    if not collection:
        raise CommandError(f"Say in which --collection {name} is, or give its id.")
    within = await collection_named(link, collection)
    for document in await documents(link, within.id):
        if place_of(document) == name:
            return document
    raise CommandError(
        f"There is no document called {name} in {within.name}. `fireside documents list` tells what there is."
    )


def place_of(document: Document) -> str:
    """Its folder, a slash and its name."""
    return f"{document.folder}/{document.name}" if document.folder else document.name


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
