"""The collection that files go to: finds or makes it, and knows what is in it already. Sends no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.cli.failure import CommandError
from fireside.cli.named import find_collection, no_such_collection
from fireside.core.ids import new_id
from fireside.gen.v1.collection_service_pb2 import CreateCollectionRequest
from fireside.gen.v1.file_service_pb2 import GetFileRequest
from fireside.gen.v1.knowledge_service_pb2 import ListDocumentsRequest
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER
from fireside.gen.v1.upload_service_pb2 import ListUploadsRequest

if TYPE_CHECKING:
    from fireside.cli.link import Link
    from fireside.gen.v1.collection_pb2 import Collection
    from fireside.gen.v1.document_pb2 import Document
    from fireside.gen.v1.file_pb2 import Upload

_PAGE = 500


async def collection_of(link: Link, name: str, *, create: bool) -> Collection:
    """The collection with this name or id that may be written to; with `create` it is made when there is none.

    Raises CommandError, which says what there is, and ConnectError.
    """
    found = await find_collection(link, name)
    if found is not None:
        return _writable(found)
    if not create:
        raise CommandError(f"{await no_such_collection(link, name)} Add --create to make it.")
    request = CreateCollectionRequest(collection_id=new_id(), name=name)
    return (await link.collections.create_collection(request)).collection


def _writable(collection: Collection) -> Collection:
    if collection.access == SHARE_ROLE_VIEWER:
        raise CommandError(
            f"You may read {collection.name}, which is {collection.owner_name}'s, but add nothing to it."
        )
    return collection


@dataclass(frozen=True, slots=True)
class Known:
    """What is in a collection, and what is on its way there."""

    documents: dict[str, Document]
    """By folder, a slash and name; without a folder by name."""

    uploads: dict[str, Upload]
    """By fingerprint."""


async def known(link: Link, collection_id: str) -> Known:
    """Looks. Raises ConnectError."""
    documents: dict[str, Document] = {}
    request = ListDocumentsRequest(collection_id=collection_id, page_size=_PAGE)
    while True:
        page = await link.knowledge.list_documents(request)
        for document in page.documents:
            documents[f"{document.folder}/{document.name}" if document.folder else document.name] = document
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    uploads: dict[str, Upload] = {}
    asking = ListUploadsRequest(page_size=_PAGE)
    while True:
        found = await link.uploads.list_uploads(asking)
        uploads |= {upload.fingerprint: upload for upload in found.uploads if upload.fingerprint}
        if not found.next_page_token:
            return Known(documents, uploads)
        asking.page_token = found.next_page_token


async def sha256_of(link: Link, document: Document) -> bytes:
    """The hash of a document's newest file. Raises ConnectError."""
    return (await link.files.get_file(GetFileRequest(file_id=document.file_id))).file.sha256
