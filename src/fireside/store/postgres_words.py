"""Finds chunks by their terms on PostgreSQL and ranks them by BM25. Not who may see them: found_passages.py.

ts_rank knows nothing of how rare a word is. So the chunks that have the rarest words of the question are gathered by the
index, and which of its more common words they have; those that promise most are ranked by all words. What it
costs are the rows that are gathered (a microsecond each) and those that are ranked (some, to unpack their terms).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.store.chunks import marks
from fireside.store.passages import SCOPE, chunks_of, listed, scope_term
from fireside.store.records import int_of, str_of
from fireside.store.word_matches import MOST_TERMS, Matches, idf, overlaps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.store.tx import Row, Tx, Value
    from fireside.store.word_matches import Place

# Chunks are gathered by as many of the rarest words as have so many, and no more of any word; by all words so many, of which
# so many are ranked.
_GATHERED: Final = 4_000
_AT_MOST: Final = 8_000
_RANKED: Final = 500
# Of named documents that have no more chunks, all chunks are ranked.
_FEW: Final = 4_000
# So many more common words are looked for in what is gathered by one rare word. By many rare ones it is known well enough.
_COMMON: Final = 6
_FEWEST_COMMON: Final = 2
_SMALL_SHARE: Final = 0.002
_LARGE_SHARE: Final = 0.5
_K1: Final = 1.2
_B: Final = 0.75
_SETTINGS: Final = {
    # Translating a statement to machine code, or giving parts of it to other processes, takes longer than running it.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # A common word is no reason to unpack the terms of all chunks.
    "enable_seqscan": "off",
    # With less, the rows of whole pages have to be looked at.
    "work_mem": "32MB",
    # The statement is the same for all questions.
    "plan_cache_mode": "force_generic_plan",
}
# What ts_rank says of each term of an argument, which depends on how often it comes alone, in their order.
_RANKS: Final = (
    "(SELECT string_agg(ts_rank('{{1,1,1,1}}', v.terms, r.query::tsquery)::text, ' ' ORDER BY r.at)"
    " FROM unnest(${}::text::text[]) WITH ORDINALITY AS r (query, at))"
)


@dataclass(slots=True)
class _Known:
    """What is known of a place before it is searched, and of its terms while it is: about how many chunks have them."""

    total: int = 0
    """Of chunks, wherever they are."""

    frequencies: dict[str, int] = field(default_factory=dict[str, int])
    share: float = 1.0
    """Of the chunks that the frequencies count, which are in the place."""

    few: bool = False
    """Whether the place is documents that have few chunks."""

    by_scope: bool = True
    """Whether the scope is a term of the index's query. It takes milliseconds for each word in a place that has most of all chunks."""

    def idf(self, term: str) -> float:
        return idf(self.frequencies[term], self.total)


async def search(tx: Tx, place: Place, terms: Sequence[str], limit: int) -> Matches:
    """The chunks in a place that fit the terms best. It changes settings of the transaction."""
    known = await _look(tx, place, terms)
    found: list[_Found] = []
    asked: list[str] = []
    chosen = 0
    for fewest in (0, limit):
        before = [term for term in asked[:chosen] if known.frequencies[term]]
        more, count = _chosen(known.frequencies, fewest)
        if more[:count] == before:
            break
        asked, chosen = more, count
        found = await _gather(tx, place, known, _Asked(asked, chosen, max(_RANKED, limit)))
        # Else the rarest words are so rare, or in no chunk at all, that more common ones have to be looked for.
        if len(found) >= limit or known.few:
            break
    known.total = max(known.total, len(found))
    scores = _bm25(found, [known.idf(term) for term in asked])
    ranked = sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:limit]
    shown = {chunk_id for chunk_id, _ in ranked}
    has = {
        one.chunk_id: {term for term, times in zip(asked, one.times, strict=True) if times}
        for one in found
        if one.chunk_id in shown
    }
    frequencies = {term: round(count * known.share) for term, count in known.frequencies.items()}
    return Matches(ranked, frequencies, known.total, overlaps(has, frequencies, known.total))


async def terms_of(tx: Tx, chunk_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """The different terms of chunks."""
    rows = await tx.fetch(
        "SELECT chunk_id, array_to_string(tsvector_to_array(terms), ' ') FROM chunk_text"
        " WHERE chunk_id = ANY($1::text::bigint[])",
        "{" + ",".join(map(str, chunk_ids)) + "}",
    )
    return {
        int_of(chunk_id): frozenset(term for term in str_of(text).split(" ") if not term.startswith(SCOPE))
        for chunk_id, text in rows
    }


async def _look(tx: Tx, place: Place, terms: Sequence[str]) -> _Known:
    """What the planner knows of the terms. A term that it does not know is a rare one, and counts as 1."""
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items())
    rows = await tx.fetch(f"SELECT reltuples, {settings} FROM pg_class WHERE oid = 'chunk_text'::regclass")  # noqa: S608 - constants
    known = _Known(max(0, int(rows[0][0] or 0)), dict.fromkeys(terms, 1))
    if place.documents:
        counting = f"SELECT COUNT(*) FROM ({chunks_of(tx, 1)} LIMIT {_FEW + 1}) AS l"  # noqa: S608
        rows = await tx.fetch(counting, listed(tx, place.documents))
        known.few = int_of(rows[0][0]) <= _FEW
    if known.few or known.total <= _GATHERED:
        return known
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
    known.by_scope = share < _LARGE_SHARE
    counted = known.total * share if known.by_scope else known.total
    known.share = 1.0 if known.by_scope else share
    known.frequencies.update({term: max(1, int(parts.get(term, 0.0) * counted)) for term in terms})
    return known


def _chosen(frequencies: Mapping[str, int], fewest: int) -> tuple[list[str], int]:
    """The rarest terms that have some chunk, and how many of them chunks are gathered by.

    Those have as many chunks as are gathered, or else are one; with `fewest` they have so many at least, if terms can help that.
    """
    ordered = sorted((term for term in frequencies if frequencies[term]), key=lambda term: frequencies[term])
    ordered = ordered[:MOST_TERMS]
    sums = [0, *accumulate(frequencies[term] for term in ordered)]
    chosen = sum(at == 0 or sums[at] < fewest or sums[at + 1] <= _GATHERED for at in range(len(ordered)))
    return ordered, chosen


@dataclass(frozen=True, slots=True)
class _Asked:
    """Terms, the rarest first. Chunks are gathered by the first `chosen`, and so many of them are ranked."""

    terms: Sequence[str]
    chosen: int
    ranked: int


class _Found(NamedTuple):
    """A chunk, how many different terms it has, and how often it has each of those that are asked for."""

    chunk_id: int
    length: int
    times: Sequence[int]


async def _gather(tx: Tx, place: Place, known: _Known, asked: _Asked) -> list[_Found]:
    """The chunks that promise most. How many chunks have the terms that they were gathered by is put down in `known`."""
    if known.few:
        return await _of_few(tx, place, known, asked)
    args: list[Value] = [
        float(known.total),
        asked.ranked,
        _array(_queries(place, known, asked)),
        _array([str(known.frequencies[term]) for term in asked.terms]),
        _array([_quoted(term) for term in asked.terms]),
    ]
    if place.documents:
        args.append(listed(tx, place.documents))
    elif not known.by_scope:
        args.append(listed(tx, place.scopes))
    rows = await tx.fetch(_statement(tx, place, known), *args)
    counts = {asked.terms[-1 - int_of(row[0])]: int_of(row[1]) for row in rows if int_of(row[0]) < 0}
    cut = sum(counts.values()) >= _AT_MOST
    for term in asked.terms[: asked.chosen]:
        count = counts.get(term, 0)
        known.frequencies[term] = max(count, known.frequencies[term]) if cut or count >= _GATHERED else count
    return _found(rows)


async def _of_few(tx: Tx, place: Place, known: _Known, asked: _Asked) -> list[_Found]:
    """Those chunks of named documents that have any of the terms."""
    quoted = [_quoted(term) for term in asked.terms]
    rows = await tx.fetch(
        f"SELECT v.chunk_id, length(v.terms), {_RANKS.format(2)} FROM (SELECT chunk_id, terms || ''::tsvector AS terms"  # noqa: S608
        # As it stands (OFFSET): else all chunks that have these terms are looked for, wherever they are.
        f" FROM chunk_text WHERE chunk_id IN ({chunks_of(tx, 1)}) OFFSET 0) AS v WHERE v.terms @@ $3::text::tsquery",
        listed(tx, place.documents),
        _array(quoted),
        " | ".join(quoted),
    )
    found = _found(rows)
    for at, term in enumerate(asked.terms):
        known.frequencies[term] = sum(one.times[at] > 0 for one in found)
    return found


def _found(rows: Sequence[Row]) -> list[_Found]:
    return [
        _Found(int_of(row[0]), int_of(row[1]), [_times(rank) for rank in str_of(row[2]).split(" ")])
        for row in rows
        if int_of(row[0]) >= 0
    ]


def _statement(tx: Tx, place: Place, known: _Known) -> str:
    """Gives ids, lengths and ranks of chunks, and how many chunks each query of the index found, by its number: -1 and less."""
    source, late = "SELECT chunk_id FROM chunk_text WHERE terms @@ q.query::tsquery", ""
    if place.documents:
        # As it stands (OFFSET): else the terms of all chunks of these documents may be unpacked.
        source = f"SELECT y.chunk_id FROM ({source} OFFSET 0) AS y WHERE y.chunk_id IN ({chunks_of(tx, 6)})"  # noqa: S608
    elif not known.by_scope:
        late = " WHERE (SELECT c.scope FROM chunks c WHERE c.id = g.chunk_id) = ANY($6::text::text[])"
    return (
        "WITH m AS MATERIALIZED (SELECT x.chunk_id, q.term"  # noqa: S608 - constants
        " FROM unnest($3::text::text[]) WITH ORDINALITY AS q (query, term),"
        f" LATERAL ({source} LIMIT {_GATHERED}) AS x LIMIT {_AT_MOST}),"
        " d AS MATERIALIZED (SELECT term, COUNT(*) AS n, GREATEST(COUNT(*), ($4::text::float8[])[term]) AS f"
        " FROM m GROUP BY term),"
        " g AS MATERIALIZED (SELECT m.chunk_id, SUM(ln(1 + (GREATEST($1::float8, d.f) - d.f + 0.5) / (d.f + 0.5)))"
        " AS score FROM m JOIN d ON d.term = m.term GROUP BY m.chunk_id ORDER BY score DESC, m.chunk_id),"
        f" t AS MATERIALIZED (SELECT g.chunk_id FROM g{late} LIMIT $2)"
        f" SELECT t.chunk_id, length(v.terms), {_RANKS.format(5)} FROM t, LATERAL"
        # The empty one makes a copy in memory, which is not unpacked again for each word.
        " (SELECT x.terms || ''::tsvector AS terms FROM chunk_text x WHERE x.chunk_id = t.chunk_id OFFSET 0) AS v"
        " UNION ALL SELECT -d.term, d.n::integer, '' FROM d"
    )


def _queries(place: Place, known: _Known, asked: _Asked) -> list[str]:
    """What the index is asked for: each term that is gathered by, and more common ones together with any of those."""
    within = ""
    if known.by_scope:
        within = " & (" + " | ".join(f"'{SCOPE}{scope_term(scope)}'" for scope in place.scopes) + ")"
    rare, rest = asked.terms[: asked.chosen], asked.terms[asked.chosen :]
    either = "(" + " | ".join(map(_quoted, rare)) + ")"
    common = rest[: max(_FEWEST_COMMON, _COMMON - len(rare) // 2)]
    return [*(_quoted(term) + within for term in rare), *(f"{either} & {_quoted(term)}{within}" for term in common)]


def _quoted(term: str) -> str:
    return f"'{term}'"


def _array(values: Sequence[str]) -> str:
    """An array as PostgreSQL reads it. No value has a quote (") or a backslash: terms are letters and digits."""
    return "{" + ",".join(f'"{value}"' for value in values) + "}"


def _bm25(found: Sequence[_Found], telling: Sequence[float]) -> dict[int, float]:
    average = sum(one.length for one in found) / max(1, len(found))
    return {one.chunk_id: _score(one, telling, average) for one in found}


def _score(one: _Found, telling: Sequence[float], average: float) -> float:
    norm = _K1 * (1 - _B + _B * one.length / average)
    return sum(
        weight * times * (_K1 + 1) / (times + norm) for weight, times in zip(telling, one.times, strict=True) if times
    )


# ts_rank of a word that comes so many times, the index being the number: the sum of 1/i^2 over the limit of that sum.
_BY_TIMES: Final = [0.0, *(part / 1.64493406685 for part in accumulate(1 / (i * i) for i in range(1, 65)))]


@lru_cache(maxsize=256)
def _times(rank: str) -> int:
    value = float(rank)
    if value <= 0:
        return 0
    return next((at for at in range(1, len(_BY_TIMES)) if _BY_TIMES[at] >= value - 1e-5), len(_BY_TIMES))
