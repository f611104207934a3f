"""What a search may look at, and the passages that it found as they are now. Not the ranking: knowledge/search.py.

Every query here has the access rule in it. Collections are for their owners and for those who have a share, by name or
through a group; attachments for their owners and for those who may read a conversation whose messages name the file.
A document is searched in its ready version; one that has none yet is searched by words while its vectors are being made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fireside.core.clock import now_us
from fireside.gen.v1.document_pb2 import (
    DOCUMENT_STATE_EMBEDDING,
    DOCUMENT_STATE_EXTRACTING,
    DOCUMENT_STATE_UPLOADED,
    Document,
    Passage,
)
from fireside.store import collections, passages, shares
from fireside.store.chunks import chunks, marks
from fireside.store.records import bytes_of, int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fireside.store.tx import Tx, Value

# Account $1 at time $2, of a document d.
_READABLE: Final = (
    f"(d.collection_id IN {collections.READABLE} OR (d.collection_id IS NULL AND (d.owner = $1 OR EXISTS ("  # noqa: S608 - constants
    "SELECT 1 FROM document_versions w JOIN conversation_files k ON k.file_id = w.file_id"
    " JOIN conversations o ON o.id = k.conversation_id WHERE w.document_id = d.id AND o.delete_time IS NULL"
    f" AND (o.owner = $1 OR o.id IN (SELECT g.conversation_id FROM {shares.GIVEN} AS g))))))"
)
_SEARCHED: Final = (
    "CASE WHEN d.ready_version > 0 THEN d.ready_version"  # noqa: S608 - a number of ours
    f" WHEN d.state = {int(DOCUMENT_STATE_EMBEDDING)}"
    " THEN (SELECT MAX(n.version) FROM chunks n WHERE n.document_id = d.id) END"
)
_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True)
class Area:
    """A scope that the reader may search. `stamp` is another number whenever something in it has changed.

    `document_id` limits it to one document of a collection.
    """

    scope: str
    stamp: int
    document_id: str = ""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Only documents in this folder or below it, that changed at or after this time, of these media types (`image/*`)."""

    folder: str = ""
    changed_since_us: int = 0
    media_types: Sequence[str] = field(default=())


async def collections_of(tx: Tx, account_id: str, collection_ids: Sequence[str] = ()) -> list[Area]:
    """The collections that an account may search: those of these, or all with none."""
    where, found = "", list[Area]()
    for some in chunks(collection_ids) if collection_ids else [()]:
        if some:
            where = f" AND c.id IN ({marks(2, len(some))})"
        rows = await tx.fetch(
            f"SELECT c.id, c.change_seq FROM collections c WHERE c.id IN {collections.READABLE}{where} ORDER BY c.id",  # noqa: S608
            account_id,
            *some,
        )
        found.extend(Area(str_of(scope), int_of(stamp)) for scope, stamp in rows)
    return found


async def documents_of(tx: Tx, account_id: str, document_ids: Sequence[str]) -> list[Area]:
    """Those of these documents that an account may search."""
    found: list[Area] = []
    for some in chunks(document_ids):
        rows = await tx.fetch(
            "SELECT d.id, d.collection_id, COALESCE(c.change_seq, d.change_seq) FROM documents d"  # noqa: S608
            f" LEFT JOIN collections c ON c.id = d.collection_id WHERE d.id IN ({marks(3, len(some))}) AND {_READABLE}"
            " AND $2 > 0",
            account_id,
            now_us(),
            *some,
        )
        for document_id, collection_id, stamp in rows:
            name = str_of(document_id)
            inside = collection_id is not None
            found.append(Area(str_of(collection_id) if inside else name, int_of(stamp), name if inside else ""))
    return found


async def pending(tx: Tx, account_id: str, areas: Sequence[Area]) -> int:
    """How many documents of these areas cannot be searched yet because they are still being read."""
    total = 0
    waiting = f"d.ready_version = 0 AND d.state IN ({int(DOCUMENT_STATE_UPLOADED)}, {int(DOCUMENT_STATE_EXTRACTING)})"
    for column, ids in (
        ("d.collection_id", [area.scope for area in areas if not area.document_id]),
        ("d.id", [area.document_id or area.scope for area in areas]),
    ):
        for some in chunks(ids):
            rows = await tx.fetch(
                f"SELECT COUNT(*) FROM documents d WHERE {column} IN ({marks(3, len(some))}) AND {waiting}"  # noqa: S608
                f" AND {_READABLE} AND $2 > 0",
                account_id,
                now_us(),
                *some,
            )
            total += int_of(rows[0][0])
    return total


async def narrowed(tx: Tx, account_id: str, areas: Sequence[Area], narrowing: Narrowing) -> list[str]:
    """The documents of these areas that fit."""
    found: dict[str, None] = {}
    more = ""
    args: list[Value] = [narrowing.changed_since_us]
    if narrowing.folder:
        folder = narrowing.folder.strip("/")
        # What begins with the folder and a slash: up to the character after the slash.
        args += [f"{folder}/", f"{folder}0"]
        more = " AND d.place >= $4 AND d.place < $5"
    for column, ids in (
        ("d.collection_id", [area.scope for area in areas if not area.document_id]),
        ("d.id", [area.document_id or area.scope for area in areas]),
    ):
        for some in chunks(ids):
            rows = await tx.fetch(
                f"SELECT d.id, d.record FROM documents d WHERE {column} IN ({marks(3 + len(args), len(some))})"  # noqa: S608
                f" AND d.update_time >= $3{more} AND {_READABLE} AND $2 > 0",
                account_id,
                now_us(),
                *args,
                *some,
            )
            found.update(
                (str_of(document_id), None)
                for document_id, record in rows
                if _is_of(Document.FromString(bytes_of(record)).media_type, narrowing.media_types)
            )
    return list(found)


async def chunk_ids(tx: Tx, document_ids: Sequence[str]) -> list[int]:
    """The chunks of documents, of all versions."""
    rows = await tx.fetch(passages.chunks_of(tx, 1), passages.listed(tx, document_ids))
    return [int_of(row[0]) for row in rows]


async def read(tx: Tx, account_id: str, ids: Sequence[int], areas: Sequence[Area]) -> dict[int, Passage]:
    """Those of these chunks that may be shown to an account and are in these areas, whole, by id."""
    whole = {area.scope for area in areas if not area.document_id}
    parts = {area.document_id for area in areas if area.document_id}
    found: dict[int, Passage] = {}
    for start in range(0, len(ids), _AT_ONCE):
        for which, args in _some(tx, "c.id", 3, ids[start : start + _AT_ONCE]):
            rows = await tx.fetch(
                "SELECT c.id, c.scope, c.version, c.ordinal, c.record, d.id, d.collection_id, d.record, v.file_id"  # noqa: S608
                " FROM chunks c JOIN documents d ON d.id = c.document_id"
                " JOIN document_versions v ON v.document_id = c.document_id AND v.version = c.version"
                f" WHERE {which} AND c.version = {_SEARCHED} AND {_READABLE} AND $2 > 0",
                account_id,
                now_us(),
                *args,
            )
            for chunk_id, scope, version, ordinal, record, document_id, collection_id, document, file_id in rows:
                if scope not in whole and document_id not in parts:
                    continue
                shown, passage = Document.FromString(bytes_of(document)), Passage.FromString(bytes_of(record))
                passage.document_id, passage.file_id = str_of(document_id), str_of(file_id)
                passage.version, passage.ordinal = int_of(version), int_of(ordinal)
                passage.collection_id = "" if collection_id is None else str_of(collection_id)
                passage.name, passage.media_type = shown.name, shown.media_type
                found[int_of(chunk_id)] = passage
    return found


def _some(tx: Tx, column: str, first: int, ids: Sequence[int]) -> Iterator[tuple[str, Sequence[Value]]]:
    """Conditions that a column is one of these numbers, and their arguments, which are numbered from `first` on.

    Together they say what is asked: PostgreSQL takes any number in one statement.
    """
    if tx.dialect == "postgresql":
        yield f"{column} = ANY(${first}::text::bigint[])", ["{" + ",".join(map(str, ids)) + "}"]
        return
    for some in chunks(ids):
        yield f"{column} IN ({marks(first, len(some))})", some


def _is_of(media_type: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(
        media_type.startswith(one[:-1]) if one.endswith("/*") else media_type == one for one in wanted
    )
