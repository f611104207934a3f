"""Who may read, change and delete collections and documents: the one place. Not searching, which asks in its query.

A collection is its owner's and of those whom a share names, by account or group; an attachment its owner's and of those
who may read a conversation whose messages name its file. What the caller may not know of is not found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import PermissionDeniedError
from fireside.gen.v1 import share_pb2
from fireside.store import collections, documents, files

if TYPE_CHECKING:
    from fireside.core.principal import Principal
    from fireside.gen.v1.collection_pb2 import Collection
    from fireside.gen.v1.document_pb2 import Document
    from fireside.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller is to a collection or a document that they may read."""

    owner: str
    role: int
    """A number of ShareRole."""

    def require_editor(self) -> None:
        """Raises PermissionDeniedError (VIEW_ONLY)."""
        if self.role < share_pb2.SHARE_ROLE_EDITOR:
            raise PermissionDeniedError(
                "VIEW_ONLY", "This was shared with you to read; ask its owner to let you change it."
            )

    def require_owner(self) -> None:
        """Raises PermissionDeniedError (VIEW_ONLY, OWNER_ONLY)."""
        self.require_editor()
        if self.role != share_pb2.SHARE_ROLE_OWNER:
            raise PermissionDeniedError("OWNER_ONLY", "Only the owner of this collection can do that; ask them.")


async def collection(tx: Tx, principal: Principal, collection_id: str) -> tuple[Standing, Collection]:
    """A collection that the caller may search, as they are to see it but without counts. NotFoundError."""
    allowed = await collections.access(tx, principal.id, collection_id)
    found = await collections.get(tx, collection_id) if allowed is not None else None
    if allowed is None or found is None:
        raise collections.no_collection(collection_id)
    return Standing(allowed.owner, allowed.role), collections.show(found, allowed)


async def document(tx: Tx, principal: Principal, document_id: str) -> tuple[Standing, Document]:
    """A document that the caller may read. NotFoundError."""
    found = await documents.get(tx, document_id)
    allowed = found and await _standing(tx, principal, found)
    if not found or not allowed:
        raise documents.no_document(document_id)
    return allowed, found


async def _standing(tx: Tx, principal: Principal, found: Document) -> Standing | None:
    if found.collection_id:
        allowed = await collections.access(tx, principal.id, found.collection_id)
        return Standing(allowed.owner, allowed.role) if allowed is not None else None
    if found.owner_id == principal.id:
        return Standing(principal.id, share_pb2.SHARE_ROLE_OWNER)
    if await files.readable(tx, principal.id, found.file_id) is None:
        return None
    return Standing(found.owner_id, share_pb2.SHARE_ROLE_VIEWER)
