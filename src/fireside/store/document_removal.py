"""Taking documents away, and what is left of them after that. Not what they are: documents.py.

A deleted document cannot be found from the commit on. What it was cut into goes in pieces after that, since a book has
thousands of passages and nobody should wait behind all of them; `to_purge` finds what a crash left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_DELETED, Document
from fireside.store import collections, jobs
from fireside.store.documents import change, lane_of
from fireside.store.records import str_of

if TYPE_CHECKING:
    from fireside.store.tx import Tx

KEPT_VERSIONS: Final = 10
"""How many files of a document are kept, the newest."""


async def delete(tx: Tx, document_id: str) -> bool:
    """Takes a document away: from here on it cannot be found, and its job ends. Whether there was one.

    `purge` removes its passages, versions and files; in a collection a row stays that says that it was deleted.
    """
    gone = await change(tx, document_id, _tombstone)
    if gone is None:
        return False
    # Last, as in whatever works for the job: that holds the job's row while it commits.
    await jobs.forget(tx, jobs.INGEST, document_id)
    await tidy_soon(tx)
    return True


async def delete_all(tx: Tx, collection_id: str) -> None:
    """The same for all documents of a collection, which is about to be deleted; no rows will stay."""
    await collections.next_change(tx, collection_id)
    await tx.execute(
        "UPDATE documents SET place = NULL, collection_id = NULL, state = $2, ready_version = 0, update_time = $3"
        " WHERE collection_id = $1",
        collection_id,
        int(DOCUMENT_STATE_DELETED),
        now_us(),
    )
    # They are not of the collection any more, but their lane is.
    if await tx.execute("DELETE FROM jobs WHERE kind = $1 AND lane = $2", jobs.INGEST, collection_id):
        await tx.notify(jobs.TOPIC, "")
    await tidy_soon(tx)


async def delete_attachments(tx: Tx, owner: str) -> None:
    """The same for all attachments of an account that is about to be deleted."""
    await tx.execute(
        "UPDATE documents SET state = $2, ready_version = 0, update_time = $3 WHERE owner = $1 AND collection_id IS NULL",
        owner,
        int(DOCUMENT_STATE_DELETED),
        now_us(),
    )
    if await tx.execute("DELETE FROM jobs WHERE kind = $1 AND lane = $2", jobs.INGEST, lane_of("", owner)):
        await tx.notify(jobs.TOPIC, "")
    await tidy_soon(tx)


async def tidy_soon(tx: Tx, after_us: int = 60_000_000) -> None:
    """Has a job look whether something of deleted documents is left. Whoever deletes one removes it without waiting for that."""
    await jobs.enqueue(tx, jobs.TIDY, "documents", run_us=now_us() + after_us)


async def to_purge(tx: Tx, limit: int) -> list[str]:
    """At most `limit` documents that were deleted and of which there is still something to remove."""
    rows = await tx.fetch(
        "SELECT d.id FROM documents d WHERE d.state = $1 AND (d.collection_id IS NULL"
        " OR EXISTS (SELECT 1 FROM chunks c WHERE c.document_id = d.id)"
        " OR EXISTS (SELECT 1 FROM document_versions v WHERE v.document_id = d.id)) LIMIT $2",
        int(DOCUMENT_STATE_DELETED),
        limit,
    )
    return [str_of(row[0]) for row in rows]


async def orphans(tx: Tx, limit: int) -> list[str]:
    """At most `limit` attachments that have no file any more."""
    rows = await tx.fetch(
        "SELECT d.id FROM documents d WHERE d.collection_id IS NULL AND d.state <> $1"
        " AND NOT EXISTS (SELECT 1 FROM document_versions v WHERE v.document_id = d.id) LIMIT $2",
        int(DOCUMENT_STATE_DELETED),
        limit,
    )
    return [str_of(row[0]) for row in rows]


async def purge_passages(tx: Tx, document_id: str, limit: int) -> bool:
    """Removes at most `limit` passages of a deleted document, with words and vectors. Whether there may be more."""
    removed = await tx.execute(
        "DELETE FROM chunks WHERE id IN (SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id"
        " WHERE c.document_id = $1 AND d.state = $2 LIMIT $3)",
        document_id,
        int(DOCUMENT_STATE_DELETED),
        limit,
    )
    return removed == limit


async def purge(tx: Tx, document_id: str) -> list[str]:
    """Removes versions and files of a deleted document without passages; returns the files' ids.

    The bytes go when no other file has them.
    """
    rows = await tx.fetch(
        "SELECT collection_id FROM documents WHERE id = $1 AND state = $2", document_id, int(DOCUMENT_STATE_DELETED)
    )
    if not rows:
        return []
    versions = await tx.fetch("SELECT file_id FROM document_versions WHERE document_id = $1", document_id)
    file_ids = sorted({str_of(row[0]) for row in versions})
    await tx.execute("DELETE FROM document_versions WHERE document_id = $1", document_id)
    await tx.execute_many("DELETE FROM files WHERE id = $1", [(file_id,) for file_id in file_ids])
    if rows[0][0] is None:
        await tx.execute("DELETE FROM documents WHERE id = $1", document_id)
    return file_ids


async def prune(tx: Tx, before_us: int, limit: int) -> int:
    """Removes at most `limit` rows that say that a document was deleted before that; returns how many."""
    return await tx.execute(
        "DELETE FROM documents WHERE id IN (SELECT id FROM documents WHERE state = $1 AND update_time < $2 LIMIT $3)",
        int(DOCUMENT_STATE_DELETED),
        before_us,
        limit,
    )


async def release_old(tx: Tx, document_id: str, newest: int) -> list[str]:
    """Removes versions that are not kept any more, and files that nothing else names; returns the files' ids."""
    rows = await tx.fetch(
        "SELECT version, file_id FROM document_versions WHERE document_id = $1 AND version <= $2",
        document_id,
        newest - KEPT_VERSIONS,
    )
    await tx.execute_many(
        "DELETE FROM document_versions WHERE document_id = $1 AND version = $2",
        [(document_id, version) for version, _ in rows],
    )
    released: list[str] = []
    for _, file_id in rows:
        if await tx.execute(
            "DELETE FROM files WHERE id = $1"
            " AND NOT EXISTS (SELECT 1 FROM document_versions v WHERE v.file_id = $1)"
            " AND NOT EXISTS (SELECT 1 FROM conversation_files f WHERE f.file_id = $1)",
            file_id,
        ):
            released.append(str_of(file_id))
    return released


async def hand_over_files(tx: Tx, account_id: str) -> None:
    """Gives files that an account brought into collections of others to the collections' owners, before it goes."""
    await tx.execute(
        "UPDATE files SET owner = (SELECT c.owner FROM document_versions v JOIN documents d ON d.id = v.document_id"
        " JOIN collections c ON c.id = d.collection_id WHERE v.file_id = files.id AND c.owner <> $1 LIMIT 1)"
        " WHERE owner = $1 AND EXISTS (SELECT 1 FROM document_versions v JOIN documents d ON d.id = v.document_id"
        " JOIN collections c ON c.id = d.collection_id WHERE v.file_id = files.id AND c.owner <> $1)",
        account_id,
    )


def _tombstone(document: Document) -> None:
    kept = Document(
        id=document.id,
        owner_id=document.owner_id,
        collection_id=document.collection_id,
        state=DOCUMENT_STATE_DELETED,
        change_seq=document.change_seq,
    )
    document.CopyFrom(kept)
