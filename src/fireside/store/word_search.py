"""Finds chunks by their terms and ranks them by BM25, on either database. Who may see them is decided in found_passages.py.

SQLite's FTS5 ranks by itself; PostgreSQL's half is postgres_words.py. Words that are too common to tell anything are left out
where rarer ones are there: ranking costs a microsecond for each chunk that matches, and in a large library half of all
chunks hold a common word.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from fireside.store import postgres_words
from fireside.store.chunks import chunks, marks
from fireside.store.passages import chunks_of, listed, scope_term
from fireside.store.records import int_of, str_of
from fireside.store.word_matches import MOST_TERMS, NOTHING, Matches, Place, idf, overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.store.tx import Tx

__all__ = ["NOTHING", "Matches", "Place", "idf", "search", "terms_of"]

# So many rows are looked at to rank them.
_ROWS: Final = 5_000


async def search(tx: Tx, place: Place, terms: Sequence[str], limit: int) -> Matches:
    """The chunks in a place that fit the terms best."""
    if not place.scopes or not terms:
        return NOTHING
    return await (_sqlite if tx.dialect == "sqlite" else postgres_words.search)(tx, place, terms, limit)


async def terms_of(tx: Tx, chunk_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """The different terms of chunks. Many times as fast as cutting their texts again."""
    if tx.dialect == "postgresql":
        return await postgres_words.terms_of(tx, chunk_ids)
    found: dict[int, frozenset[str]] = {}
    for some in chunks(chunk_ids):
        rows = await tx.fetch(f"SELECT rowid, terms FROM chunk_text WHERE rowid IN ({marks(1, len(some))})", *some)  # noqa: S608
        found |= {int_of(chunk_id): frozenset(str_of(text).split(" ")) for chunk_id, text in rows}
    return found


def _rarest(frequencies: Mapping[str, int], most_rows: int) -> list[str]:
    """The rarest terms that have some chunk, as many as have `most_rows` chunks together, and one at least."""
    ordered = sorted((term for term in frequencies if frequencies[term]), key=lambda term: frequencies[term])[
        :MOST_TERMS
    ]
    sums = accumulate(frequencies[term] for term in ordered)
    return [term for at, (term, rows) in enumerate(zip(ordered, sums, strict=True)) if at == 0 or rows <= most_rows]


async def _sqlite(tx: Tx, place: Place, terms: Sequence[str], limit: int) -> Matches:
    within = "scope : (" + " OR ".join(f'"{scope_term(scope)}"' for scope in place.scopes) + ")"
    # Good enough for how much a word tells: chunks are never renumbered, and most that were made are still there.
    newest = await tx.fetch("SELECT MAX(id) FROM chunks")
    total = int_of(newest[0][0] or 0)
    frequencies = {term: await _sqlite_frequency(tx, f'{within} AND terms : "{term}"', total) for term in terms}
    chosen = _rarest(frequencies, _ROWS)
    if not chosen:
        return Matches(frequencies=frequencies)
    wanted = " OR ".join(f'"{term}"' for term in chosen)
    rows = await tx.fetch(
        "SELECT rowid, -rank, terms FROM chunk_text WHERE chunk_text MATCH $1 AND rank MATCH 'bm25(0.0, 1.0)'"  # noqa: S608
        # The plus keeps the database from looking for the words in each of these chunks anew.
        f"{f' AND +rowid IN ({chunks_of(tx, 3)})' if place.documents else ''} ORDER BY rank LIMIT $2",
        f"{within} AND terms : ({wanted})",
        limit,
        *([listed(tx, place.documents)] if place.documents else []),
    )
    ranked = [(int_of(chunk_id), float(score or 0.0)) for chunk_id, score, _ in rows]
    has = {int_of(chunk_id): set(str_of(text).split(" ")) for chunk_id, _, text in rows}
    return Matches(ranked, frequencies, total, overlaps(has, frequencies, total))


async def _sqlite_frequency(tx: Tx, match: str, total: int) -> int:
    """How many chunks match. Of more than can be ranked only the first are counted, and the rest is guessed from their ids."""
    rows = await tx.fetch(
        "SELECT COUNT(*), MAX(id) FROM (SELECT rowid AS id FROM chunk_text WHERE chunk_text MATCH $1 LIMIT $2)",
        match,
        _ROWS + 1,
    )
    counted, last = int_of(rows[0][0]), int_of(rows[0][1] or 0)
    return counted if counted <= _ROWS else max(counted, counted * total // max(last, 1))
