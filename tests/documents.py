"""Collections, files and documents as the store has them, for tests of what keeps them."""

from __future__ import annotations

from collections.abc import Sequence

from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.gen.v1.account_pb2 import ACCOUNT_ROLE_MEMBER, ACCOUNT_STATE_ACTIVE, Account
from fireside.gen.v1.collection_pb2 import Collection, CollectionShare
from fireside.gen.v1.document_pb2 import Document, Passage
from fireside.gen.v1.file_pb2 import File
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER, ShareRole
from fireside.store import accounts, collection_shares, collections, documents, files, groups, passages, vectors
from fireside.store.db import Database
from fireside.store.files import StoredFile
from fireside.store.passages import NewChunk
from fireside.store.records import timestamp_of
from fireside.store.tx import Tx

# Every table of knowledge with rows of one document.
TABLES = ("documents", "document_versions", "files", "blobs", "chunks", "chunk_text", "chunk_vectors", "jobs")


async def have_people(tx: Tx, *names: str) -> None:
    """Accounts with these ids; the last two are a group, `team`."""
    for name in names:
        account = Account(
            id=name,
            email=f"{name}@example.org",
            name=name.title(),
            role=ACCOUNT_ROLE_MEMBER,
            state=ACCOUNT_STATE_ACTIVE,
        )
        await accounts.insert(tx, account)
    await groups.insert(tx, Group(id="team", name="Team"))
    await groups.add_members(tx, "team", names[-2:])


async def have_collection(tx: Tx, name: str = "c", owner: str = "ann") -> Collection:
    """A collection with this id and name."""
    return await collections.insert(tx, Collection(id=name, name=name.title(), owner_id=owner, description="All of it"))


async def share(tx: Tx, collection_id: str = "c", role: ShareRole = SHARE_ROLE_VIEWER, **whom: str) -> CollectionShare:
    """Shares it with `account_id` or `group_id`."""
    made = CollectionShare(id=new_id(), collection_id=collection_id, role=role, create_time=timestamp_of(now_us()))
    for field, value in whom.items():
        setattr(made, field, value)
    return await collection_shares.put(tx, made)


async def have_file(tx: Tx, name: str = "plan.txt", owner: str = "ann", size: int = 10) -> File:
    """A file with a blob of its own, of which only the rows are there."""
    file = File(id=new_id(), name=name, media_type="text/plain", size=size, create_time=timestamp_of(now_us()))
    blob_id = new_id()
    await accounts.ensure(tx, owner)
    await files.insert_blob(tx, blob_id, size)
    await files.insert(tx, StoredFile(owner, blob_id, file))
    return file


async def have_document(
    tx: Tx, name: str = "plan.txt", *, collection_id: str = "c", folder: str = "", owner: str = "ann"
) -> Document:
    """A document whose file has just come."""
    file = await have_file(tx, name, owner)
    return await documents.arrived(tx, owner, file, collection_id=collection_id, folder=folder, author_name="Ann")


async def have_passages(tx: Tx, document: Document, texts: Sequence[str], *, with_vectors: bool = True) -> None:
    """What a version of a document was cut into."""
    scope = document.collection_id or document.id
    rows = [NewChunk(at, Passage(text=text), text.split()) for at, text in enumerate(texts)]
    await passages.put(tx, document.id, document.version, scope, rows)
    if with_vectors:
        found = await passages.without_vector(tx, document.id, document.version, "m", 1000)
        await vectors.put(tx, scope, "m", [(chunk_id, b"\0\x3c") for chunk_id, _ in found])


async def counts(db: Database) -> dict[str, int]:
    """How many rows there are in each of TABLES."""

    async def body(tx: Tx) -> dict[str, int]:
        found: dict[str, int] = {}
        for table in TABLES:
            rows = await tx.fetch(f"SELECT count(*) FROM {table}")  # noqa: S608 - names above
            assert isinstance(rows[0][0], int)
            found[table] = rows[0][0]
        return found

    return await db.read(body)
