"""Finds chunks by their terms and ranks them by BM25, on either database. Who may see them is decided in found_passages.py.

SQLite's FTS5 ranks by itself. PostgreSQL's ts_rank knows nothing of how rare a word is: there the chunks with the
rarest words of the query are gathered by the index, and BM25 is computed over the best of those.
Words that are too common to tell anything are left out where rarer ones are there: ranking costs a microsecond for
each chunk that matches, and in a large library half of all chunks hold a common word.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from fireside.store.chunks import chunks, marks
from fireside.store.passages import SCOPE, chunks_of, listed, scope_term
from fireside.store.records import int_of, str_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from fireside.store.tx import Row, Tx, Value

_MOST_TERMS: Final = 32
# So many rows are looked at to rank them.
_SQLITE_ROWS: Final = 5_000
_POSTGRES_ROWS: Final = 8_000
_POSTGRES_RANKED: Final = 400
_SMALL_SHARE: Final = 0.002
_K1: Final = 1.2
_B: Final = 0.75


@dataclass(frozen=True, slots=True)
class Matches:
    """What words found: chunks with scores, the best first, and how many chunks have each term (of those that were counted)."""

    ranked: Sequence[tuple[int, float]] = ()
    frequencies: Mapping[str, int] | None = None
    total: int = 0
    """How many chunks there are, about."""

    overlaps: Mapping[int, float] = field(default_factory=dict[int, float])
    """How much of what all terms tell is in each ranked chunk, 0 to 1: rare ones tell more."""


NOTHING: Final = Matches(frequencies={})


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look for words: in these scopes, and of these documents alone if there are any."""

    scopes: Sequence[str]
    documents: Sequence[str] = ()


async def search(tx: Tx, place: Place, terms: Sequence[str], limit: int) -> Matches:
    """The chunks in a place that fit the terms best."""
    if not place.scopes or not terms:
        return NOTHING
    return await (_sqlite if tx.dialect == "sqlite" else _postgres)(tx, place, terms, limit)


def idf(frequency: int, total: int) -> float:
    """How much a term tells that `frequency` of `total` chunks have."""
    return math.log(1 + (max(total, frequency) - frequency + 0.5) / (frequency + 0.5))


def _overlaps(has: Mapping[int, Collection[str]], frequencies: Mapping[str, int], total: int) -> dict[int, float]:
    telling = {term: idf(frequency, total) for term, frequency in frequencies.items()}
    whole = sum(telling.values()) or 1.0
    return {
        chunk_id: sum(weight for term, weight in telling.items() if term in terms) / whole
        for chunk_id, terms in has.items()
    }


def _rarest(frequencies: Mapping[str, int], most_rows: int) -> list[str]:
    """The rarest terms that have some chunk, as many as have `most_rows` chunks together, and one at least."""
    ordered = sorted((term for term in frequencies if frequencies[term]), key=lambda term: frequencies[term])[
        :_MOST_TERMS
    ]
    sums = accumulate(frequencies[term] for term in ordered)
    return [term for at, (term, rows) in enumerate(zip(ordered, sums, strict=True)) if at == 0 or rows <= most_rows]


async def _sqlite(tx: Tx, place: Place, terms: Sequence[str], limit: int) -> Matches:
    within = "scope : (" + " OR ".join(f'"{scope_term(scope)}"' for scope in place.scopes) + ")"
    # Good enough for how much a word tells: chunks are never renumbered, and most that were made are still there.
    newest = await tx.fetch("SELECT MAX(id) FROM chunks")
    total = int_of(newest[0][0] or 0)
    frequencies = {term: await _sqlite_frequency(tx, f'{within} AND terms : "{term}"', total) for term in terms}
    chosen = _rarest(frequencies, _SQLITE_ROWS)
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
    return Matches(ranked, frequencies, total, _overlaps(has, frequencies, total))


async def _sqlite_frequency(tx: Tx, match: str, total: int) -> int:
    """How many chunks match. Of more than can be ranked only the first are counted, and the rest is guessed from their ids."""
    rows = await tx.fetch(
        "SELECT COUNT(*), MAX(id) FROM (SELECT rowid AS id FROM chunk_text WHERE chunk_text MATCH $1 LIMIT $2)",
        match,
        _SQLITE_ROWS + 1,
    )
    counted, last = int_of(rows[0][0]), int_of(rows[0][1] or 0)
    return counted if counted <= _SQLITE_ROWS else max(counted, counted * total // max(last, 1))


async def _postgres(tx: Tx, place: Place, terms: Sequence[str], limit: int) -> Matches:
    total, guesses = await _statistics(tx, place, terms)
    chosen = _rarest(guesses, _POSTGRES_ROWS)
    # Where every word is common, a random part of the chunks is looked at.
    await tx.execute(f"SET LOCAL gin_fuzzy_search_limit = {_POSTGRES_ROWS}")
    within = "(" + " | ".join(f"'{SCOPE}{scope_term(scope)}'" for scope in place.scopes) + ")"
    more = [listed(tx, place.documents)] if place.documents else []
    first = 3 + len(more)
    arms = " UNION ALL ".join(
        f"SELECT chunk_id, {at} AS term FROM chunk_text WHERE terms @@ ${at + first}::text::tsquery"  # noqa: S608
        f"{f' AND chunk_id IN ({chunks_of(tx, 3)})' if more else ''}"
        for at in range(len(chosen))
    )
    rows = await tx.fetch(
        f"WITH m AS MATERIALIZED ({arms}),"  # noqa: S608 - numbers alone are put in
        " d AS MATERIALIZED (SELECT term, COUNT(*) AS n,"
        " ln(1 + (GREATEST($1::float8, COUNT(*)) - COUNT(*) + 0.5) / (COUNT(*) + 0.5)) AS idf FROM m GROUP BY term)"
        " (SELECT m.chunk_id, SUM(d.idf) AS score FROM m JOIN d ON d.term = m.term GROUP BY m.chunk_id"
        " ORDER BY score DESC, m.chunk_id LIMIT $2)"
        " UNION ALL SELECT -1 - d.term, d.n FROM d",
        float(total),
        max(_POSTGRES_RANKED, limit),
        *more,
        *(f"'{term}' & {within}" for term in chosen),
    )
    frequencies = dict.fromkeys(terms, 0)
    frequencies.update({chosen[-1 - int_of(row[0])]: int(row[1] or 0) for row in rows if int_of(row[0]) < 0})
    # Those that were left out for being common.
    frequencies.update({term: guesses[term] for term in terms if term not in chosen})
    found = [int_of(row[0]) for row in rows if int_of(row[0]) > 0]
    total = max(total, len(found))
    telling = {term: idf(frequencies[term], total) for term in chosen if frequencies[term]}
    rows = await _ranks(tx, found, list(telling))
    ranked = _bm25(rows, telling)[:limit]
    shown = {chunk_id for chunk_id, _ in ranked}
    has = {
        int_of(row[0]): {term for term, rank in zip(telling, row[2:], strict=True) if rank}
        for row in rows
        if row[0] in shown
    }
    return Matches(ranked, frequencies, total, _overlaps(has, frequencies, total))


async def _statistics(tx: Tx, place: Place, terms: Sequence[str]) -> tuple[int, dict[str, int]]:
    """About how many chunks there are, and how many in a place have each term: as the planner knows it, at least 1."""
    rows = await tx.fetch("SELECT reltuples FROM pg_class WHERE oid = 'chunk_text'::regclass")
    total = max(0, int(rows[0][0] or 0))
    guesses = dict.fromkeys(terms, 1)
    if total > _POSTGRES_ROWS:
        scopes = [SCOPE + scope_term(scope) for scope in place.scopes]
        asked: list[Value] = [*terms, *scopes]
        rows = await tx.fetch(
            "SELECT e.term, e.part FROM pg_stats s,"  # noqa: S608
            " unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) AS e (term, part)"
            f" WHERE s.tablename = 'chunk_text' AND s.attname = 'terms' AND e.term IN ({marks(1, len(asked))})",
            *asked,
        )
        parts = {str_of(term): float(part or 0) for term, part in rows}
        # A scope that is not among the most common terms is a small one.
        share = min(1.0, sum(parts.get(scope, _SMALL_SHARE) for scope in scopes))
        guesses.update({term: max(1, int(parts.get(term, 0.0) * share * total)) for term in terms})
    return total, guesses


async def _ranks(tx: Tx, chunk_ids: Sequence[int], terms: Sequence[str]) -> list[Row]:
    """Ids and lengths of chunks with what ts_rank says of each term, which depends on how often it comes alone."""
    read: list[Row] = []
    first = len(terms) + 1
    ranks = "".join(f", ts_rank('{{1,1,1,1}}', v.terms, ${at}::text::tsquery)" for at in range(1, first))
    quoted: list[Value] = [f"'{term}'" for term in terms]
    for some in chunks(chunk_ids):
        read.extend(
            await tx.fetch(
                f"SELECT v.chunk_id, length(v.terms){ranks} FROM"  # noqa: S608
                # The empty one makes a copy in memory, which is not unpacked again for each word.
                " (SELECT chunk_id, terms || ''::tsvector AS terms FROM chunk_text"
                f" WHERE chunk_id IN ({marks(first, len(some))}) OFFSET 0) AS v",
                *quoted,
                *some,
            )
        )
    return read


def _bm25(rows: Sequence[Row], telling: Mapping[str, float]) -> list[tuple[int, float]]:
    if not rows:
        return []
    average = sum(int_of(row[1]) for row in rows) / len(rows)
    scored = [(int_of(row[0]), _score(row, list(telling.values()), average)) for row in rows]
    return sorted(scored, key=lambda found: (-found[1], found[0]))


def _score(row: Row, weights: Sequence[float], average: float) -> float:
    _, length, *ranks = row
    norm = _K1 * (1 - _B + _B * int_of(length) / average)
    times = [_times(float(rank or 0.0)) for rank in ranks]
    return sum(
        weight * count * (_K1 + 1) / (count + norm) for weight, count in zip(weights, times, strict=True) if count
    )


# ts_rank of a word that comes so many times, the index being the number: the sum of 1/i^2 over the limit of that sum.
_RANKS: Final = [0.0, *(part / 1.64493406685 for part in accumulate(1 / (i * i) for i in range(1, 65)))]


def _times(rank: float) -> int:
    if rank <= 0:
        return 0
    return next((at for at in range(1, len(_RANKS)) if _RANKS[at] >= rank - 1e-5), len(_RANKS))
