"""Collections of documents: whose they are, and what somebody may do with one. Not their shares: collection_shares.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.core.ids import etag_of
from fireside.gen.v1.account_pb2 import Account
from fireside.gen.v1.collection_pb2 import Collection
from fireside.gen.v1.document_pb2 import DOCUMENT_STATE_DELETED, DOCUMENT_STATE_EMBEDDING, DOCUMENT_STATE_FAILED
from fireside.gen.v1.share_pb2 import SHARE_ROLE_OWNER
from fireside.store import accounts
from fireside.store.chunks import chunks, marks
from fireside.store.folding import containing, fold
from fireside.store.records import bytes_of, int_of, revision_of, str_of, timestamp_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.gen.v1.share_pb2 import ShareRole
    from fireside.store.tx import Row, Tx, Value

GIVEN: Final = (
    "(SELECT s.collection_id, s.role FROM collection_shares s WHERE s.account_id = $1"
    " UNION ALL SELECT s.collection_id, s.role FROM group_members m JOIN collection_shares s"
    " ON s.group_id = m.group_id WHERE m.account_id = $1)"
)
"""What is shared with account $1: a table with the collections' ids and the roles."""

READABLE: Final = f"(SELECT o.id FROM collections o WHERE o.owner = $1 UNION SELECT g.collection_id FROM {GIVEN} AS g)"  # noqa: S608
"""The ids of the collections that account $1 may search."""

_SHARED = "EXISTS (SELECT 1 FROM collection_shares x WHERE x.collection_id = c.id)"
_COLUMNS = f"c.owner, c.revision, c.update_time, {_SHARED}, c.record"


@dataclass(frozen=True, slots=True)
class CollectionAccess:
    """What an account has of a collection."""

    owner: str
    role: int
    """A number of ShareRole."""

    owner_name: str = ""
    """When it is somebody else's."""


async def insert(tx: Tx, collection: Collection) -> Collection:
    """Stores a new one of `owner_id`. AlreadyExistsError: the id is taken, or the owner has one of that name."""
    await accounts.ensure(tx, collection.owner_id)
    await tx.execute(
        "INSERT INTO collections (id, owner, name_folded, revision, change_seq, update_time, record)"
        " VALUES ($1, $2, $3, 1, 0, $4, $5)",
        collection.id,
        collection.owner_id,
        fold(collection.name),
        now_us(),
        _record(collection),
    )
    found = await get(tx, collection.id)
    if found is None:
        raise no_collection(collection.id)
    return found


async def get(tx: Tx, collection_id: str) -> Collection | None:
    """The collection, whoever owns it, as its owner sees it but without counts. Access is for the caller to see to."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM collections c WHERE c.id = $1", collection_id)  # noqa: S608
    return _loaded(rows[0]) if rows else None


async def named(tx: Tx, owner: str, name: str) -> Collection | None:
    """The owner's collection of this name, whatever its case."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM collections c WHERE c.owner = $1 AND c.name_folded = $2",  # noqa: S608
        owner,
        fold(name),
    )
    return _loaded(rows[0]) if rows else None


async def access(tx: Tx, account_id: str, collection_id: str) -> CollectionAccess | None:
    """What an account has of a collection: its own, or shared with it by name or through its groups."""
    rows = await tx.fetch(
        "SELECT c.owner, a.record, (SELECT MAX(s.role) FROM collection_shares s WHERE s.collection_id = c.id"
        " AND (s.account_id = $1 OR s.group_id IN (SELECT m.group_id FROM group_members m WHERE m.account_id = $1)))"
        " FROM collections c LEFT JOIN accounts a ON a.id = c.owner WHERE c.id = $2",
        account_id,
        collection_id,
    )
    if not rows:
        return None
    owner, record, role = rows[0]
    if owner == account_id:
        return CollectionAccess(account_id, SHARE_ROLE_OWNER)
    return None if role is None else CollectionAccess(str_of(owner), int_of(role), _name(record))


async def update(tx: Tx, collection: Collection) -> Collection:
    """Gives it another name and description; it has the etag that it was read with, or none for any.

    NotFoundError, AbortedError (STALE_ETAG), AlreadyExistsError: the owner has another one of that name.
    """
    guard = ""
    args: list[Value] = [collection.id, fold(collection.name), now_us(), _record(collection)]
    if collection.etag:
        guard = " AND revision = $5"
        args.append(revision_of(collection.etag))
    changed = await tx.execute(
        "UPDATE collections SET name_folded = $2, update_time = $3, record = $4, revision = revision + 1"  # noqa: S608
        f" WHERE id = $1{guard}",
        *args,
    )
    found = await get(tx, collection.id)
    if found is None:
        raise no_collection(collection.id)
    if not changed:
        raise StaleRowError("STALE_ETAG", "The collection has changed; read it again.", collection_id=collection.id)
    return found


async def delete(tx: Tx, collection_id: str) -> bool:
    """Removes it with its shares, documents and passages; not the files. Whether there was one."""
    return await tx.execute("DELETE FROM collections WHERE id = $1", collection_id) > 0


async def page(tx: Tx, account_id: str, *, query: str, limit: int, after: tuple[str, str] | None) -> list[Collection]:
    """At most `limit` collections that an account may search, by name, as it is to see them but without counts.

    `after` is (folded name, id) of the last one of the page before. `query` is a part of the name.
    """
    where = f"c.id IN {READABLE}"
    args: list[Value] = [account_id, limit]
    if after is not None:
        where += " AND (c.name_folded, c.id) > ($3, $4)"
        args.extend(after)
    if fold(query):
        args.append(containing(query))
        where += f" AND c.name_folded LIKE ${len(args)} ESCAPE '!'"
    rows = await tx.fetch(
        f"SELECT a.record, (SELECT MAX(g.role) FROM {GIVEN} AS g WHERE g.collection_id = c.id), {_COLUMNS}"  # noqa: S608
        f" FROM collections c LEFT JOIN accounts a ON a.id = c.owner WHERE {where}"
        " ORDER BY c.name_folded, c.id LIMIT $2",
        *args,
    )
    found: list[Collection] = []
    for owner, role, *columns in rows:
        collection = _loaded(columns)
        if collection.owner_id != account_id:
            show(collection, CollectionAccess(collection.owner_id, int_of(role), _name(owner)))
        found.append(collection)
    return found


def folded(collection: Collection) -> str:
    """What it is listed by."""
    return fold(collection.name)


async def count(tx: Tx, owner: str) -> int:
    """How many collections an account has of its own."""
    rows = await tx.fetch("SELECT count(*) FROM collections WHERE owner = $1", owner)
    return int_of(rows[0][0])


async def owned(tx: Tx, owner: str) -> list[str]:
    """The ids of an account's own collections."""
    rows = await tx.fetch("SELECT id FROM collections WHERE owner = $1 ORDER BY id", owner)
    return [str_of(row[0]) for row in rows]


async def change_seq(tx: Tx, collection_id: str) -> int:
    """The number of the newest change of a document in it; 0 for none."""
    rows = await tx.fetch("SELECT change_seq FROM collections WHERE id = $1", collection_id)
    return int_of(rows[0][0]) if rows else 0


async def next_change(tx: Tx, collection_id: str) -> int:
    """Counts a change of a document. The row stays locked until the commit, so that numbers become visible in order.

    NotFoundError: it was deleted meanwhile.
    """
    rows = await tx.fetch(
        "UPDATE collections SET change_seq = change_seq + 1, update_time = $2 WHERE id = $1 RETURNING change_seq",
        collection_id,
        now_us(),
    )
    if not rows:
        raise no_collection(collection_id)
    return int_of(rows[0][0])


async def count_into(tx: Tx, found: Sequence[Collection]) -> None:
    """Fills in how many documents collections have, how many of them are not ready or failed, and their files' bytes."""
    by_id = {collection.id: collection for collection in found}
    for some in chunks(sorted(by_id)):
        ids = marks(4, len(some))
        rows = await tx.fetch(
            "SELECT collection_id, count(*), SUM(CASE WHEN state <= $2 THEN 1 ELSE 0 END),"  # noqa: S608
            " SUM(CASE WHEN state = $3 THEN 1 ELSE 0 END) FROM documents"
            f" WHERE state <> $1 AND collection_id IN ({ids}) GROUP BY collection_id",
            int(DOCUMENT_STATE_DELETED),
            int(DOCUMENT_STATE_EMBEDDING),
            int(DOCUMENT_STATE_FAILED),
            *some,
        )
        for collection_id, documents, pending, failed in rows:
            collection = by_id[str_of(collection_id)]
            collection.document_count = int_of(documents)
            collection.pending_count, collection.failed_count = int_of(pending), int_of(failed)
        rows = await tx.fetch(
            "SELECT d.collection_id, CAST(SUM(f.size) AS BIGINT) FROM documents d"  # noqa: S608
            " JOIN document_versions v ON v.document_id = d.id JOIN files f ON f.id = v.file_id"
            f" WHERE d.collection_id IN ({marks(1, len(some))}) GROUP BY d.collection_id",
            *some,
        )
        for collection_id, size in rows:
            by_id[str_of(collection_id)].size_bytes = int_of(size)


def show(collection: Collection, allowed: CollectionAccess) -> Collection:
    """Fills in what a collection says to somebody: what they may do, and whose it is if not theirs."""
    collection.access = cast("ShareRole", allowed.role)
    collection.owner_name = allowed.owner_name
    return collection


def no_collection(collection_id: str) -> NotFoundError:
    """The error for an id that names no collection that the caller may search."""
    return NotFoundError("COLLECTION_NOT_FOUND", "There is no such collection.", collection_id=collection_id)


def _name(record: Value) -> str:
    # The account of a server without sign-in has none.
    return "" if record is None else Account.FromString(bytes_of(record)).name


def _record(collection: Collection) -> bytes:
    return Collection(
        id=collection.id,
        name=collection.name,
        description=collection.description,
        create_time=collection.create_time if collection.HasField("create_time") else timestamp_of(now_us()),
    ).SerializeToString()


def _loaded(row: Row | Sequence[Value]) -> Collection:
    owner, revision, update_time, shared, record = row
    collection = Collection.FromString(bytes_of(record))
    collection.owner_id = str_of(owner)
    collection.access = SHARE_ROLE_OWNER
    collection.shared = bool(shared)
    collection.update_time.CopyFrom(timestamp_of(int_of(update_time)))
    collection.etag = etag_of(int_of(revision))
    return collection
