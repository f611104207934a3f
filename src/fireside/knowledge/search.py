"""Finds the passages that fit a query: by words and by vectors, of what the caller may read. Not an answer: that is chat/.

Words are looked up while the question is turned into a vector and the nearest ones are found. What is found is read again
in one transaction with the access rule in it, so that nothing comes out that was deleted, replaced or taken away
meanwhile. Without a vector in time, or without vectors at all, the words alone count.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FailedPreconditionError, FiresideError
from fireside.gen.v1.document_pb2 import Highlight, Passage
from fireside.knowledge.fusion import Candidate, Weights, choose, fuse
from fireside.knowledge.index.base import Scope
from fireside.knowledge.query import Mode, Query
from fireside.knowledge.relevance import Evidence, levels_of, relevant
from fireside.knowledge.survey import Ground, survey
from fireside.knowledge.terms import highlights, query_terms
from fireside.store import found_passages, word_search
from fireside.store.word_search import Matches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.core.principal import Principal
    from fireside.knowledge.embedding import Embedder
    from fireside.knowledge.index.base import Near, VectorIndex
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_ROUNDS: Final = 3
_GROWTH: Final = 5


@dataclass(frozen=True, slots=True)
class Found:
    """The passages, the best first. `pending` documents could not be searched yet because they are still being read."""

    passages: tuple[Passage, ...] = ()
    used_vectors: bool = False
    pending: int = 0


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """`depth` passages of each ranking are looked at, or four times as many as are asked for.

    A document has all places that were asked for but one in `shared`, while there are passages of others.
    """

    weights: Weights = field(default_factory=Weights)
    depth: int = 50
    shared: int = 4


class Search:
    """Searches documents. One for all callers."""

    def __init__(
        self, db: Database, embedder: Embedder, index: VectorIndex | None, options: SearchOptions | None = None
    ) -> None:
        """Without an index, words alone count."""
        self._db = db
        self._embedder = embedder
        self._index = index
        self._options = options or SearchOptions()

    async def search(self, principal: Principal, query: Query) -> Found:
        """Searches what the caller may read. FailedPreconditionError (NO_EMBEDDING_MODEL): VECTOR, but there is none.

        Also, with VECTOR, whatever keeps the question from being turned into a vector.
        """
        can = self._index is not None and bool(self._embedder.model)
        if query.mode is Mode.VECTOR and not can:
            raise FailedPreconditionError(
                "NO_EMBEDDING_MODEL", "No embedding model is set up on this server; search by words instead."
            )
        wanted = query_terms(query.text) if query.mode is not Mode.VECTOR else []
        asking = asyncio.create_task(self._vector(query)) if can and query.mode is not Mode.TEXT else None
        try:
            return await self._search(principal.id, query, wanted, asking)
        finally:
            if asking is not None:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    async def _search(
        self, account: str, query: Query, wanted: Sequence[str], asking: asyncio.Task[bytes | None] | None
    ) -> Found:
        depth = max(self._options.depth, 4 * query.limit)
        ground = await self._db.read(lambda tx: survey(tx, account, query, self._embedder.model))
        found = Found(pending=ground.pending)
        if not ground.places:
            return found
        vectors: dict[str, bytes] | None = None
        for round_number in range(_ROUNDS):
            looking = asyncio.create_task(self._words(ground, wanted, depth))
            try:
                if vectors is None:
                    vectors = await self._vectors(query, ground, asking)
                near = await self._near(ground, vectors, depth)
                matches = await looking
            finally:
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)
            ids = list(dict.fromkeys([*(one for one, _ in matches.ranked), *(one.chunk_id for one in near)]))
            passages, words = await self._read(account, ground, ids)
            similar = await self._similarities(ground, vectors, near, list(passages))
            known = _Known(wanted, matches, near, similar, words, ground.pending)
            found = await asyncio.to_thread(self._result, query, passages, known)
            shallow = len(matches.ranked) < depth and len(near) < depth
            if len(found.passages) >= query.limit or shallow or query.relevant_only or round_number == _ROUNDS - 1:
                break
            depth *= _GROWTH
        return found

    async def _vector(self, query: Query, model: str = "") -> bytes | None:
        """The question's vector; None when it cannot be had in time."""
        try:
            return await self._embedder.query(query.text, model)
        except FiresideError as error:
            if query.mode is Mode.VECTOR:
                raise
            logger.warning("Searching by words alone: %s", error.message)
            return None

    async def _vectors(
        self, query: Query, ground: Ground, asking: asyncio.Task[bytes | None] | None
    ) -> dict[str, bytes]:
        """The question's vectors by the models that its scopes have vectors of."""
        if asking is None:
            return {}
        wanted = {ground.models.get(area.scope, self._embedder.model) for area in ground.areas}
        found = {model: await self._vector(query, model) for model in wanted - {self._embedder.model}}
        found[self._embedder.model] = await asking
        return {model: vector for model, vector in found.items() if vector}

    async def _words(self, ground: Ground, wanted: Sequence[str], depth: int) -> Matches:
        """What words find."""

        async def body(tx: Tx) -> Matches:
            every = [await word_search.search(tx, place, wanted, depth) for place in ground.places]
            return _merged(every, depth)

        return await self._db.read(body)

    async def _near(self, ground: Ground, vectors: Mapping[str, bytes], depth: int) -> list[Near]:
        """What the vectors find; nothing while those of passages are still being read."""
        by_model: list[list[Near]] = []
        for model, vector in vectors.items():
            found: list[Near] = []
            for place, among in zip(ground.places, ground.among, strict=True):
                scopes = self._scopes(ground, place.scopes, model)
                if self._index is not None and scopes and (among or not place.documents):
                    found += await self._index.search_vector(model, scopes, vector, depth, among) or []
            by_model.append(sorted(found, key=lambda near: -near.similarity))
        # Nearness by one model says nothing of nearness by another: they take turns.
        turns = [near for rank in itertools.zip_longest(*by_model) for near in rank if near is not None]
        return turns[:depth]

    async def _similarities(
        self, ground: Ground, vectors: Mapping[str, bytes], near: Sequence[Near], ids: Sequence[int]
    ) -> Mapping[int, float]:
        """How near passages are, those included that only words found."""
        known = {one.chunk_id: one.similarity for one in near}
        missing = [chunk_id for chunk_id in ids if chunk_id not in known]
        if self._index is not None and near and missing:
            for model, vector in vectors.items():
                scopes = self._scopes(ground, [area.scope for area in ground.areas], model)
                more = await self._index.search_vector(model, scopes, vector, len(missing), missing)
                known.update({one.chunk_id: one.similarity for one in more or []})
        return known

    def _scopes(self, ground: Ground, scopes: Sequence[str], model: str) -> list[Scope]:
        """Those of these scopes that are searched by a model, with their stamps."""
        stamps = {area.scope: area.stamp for area in ground.areas}
        return [
            Scope(scope, stamps[scope])
            for scope in dict.fromkeys(scopes)
            if ground.models.get(scope, self._embedder.model) == model
        ]

    async def _read(
        self, account: str, ground: Ground, ids: Sequence[int]
    ) -> tuple[dict[int, Passage], dict[int, frozenset[str]]]:
        """What of this may be shown, and its words."""

        async def body(tx: Tx) -> tuple[dict[int, Passage], dict[int, frozenset[str]]]:
            found = await found_passages.read(tx, account, ids, ground.areas)
            return found, await word_search.terms_of(tx, list(found))

        return await self._db.read(body)

    def _result(self, query: Query, passages: Mapping[int, Passage], known: _Known) -> Found:
        """In a thread: marking words takes milliseconds."""
        ranking = known.ranking(self._options.weights)
        kept = relevant(known.evidence(), levels_of(self._embedder.model)) if query.relevant_only else set(passages)
        order = [chunk_id for chunk_id, _ in ranking if chunk_id in kept]
        candidates = {
            chunk_id: Candidate(passages[chunk_id].document_id, known.words.get(chunk_id, frozenset()))
            for chunk_id in order
        }
        chosen = choose(order, candidates, query.limit, query.limit - query.limit // self._options.shared)
        scores = dict(ranking)
        for chunk_id in chosen:
            passage = passages[chunk_id]
            passage.score, passage.similarity = scores[chunk_id], known.similar.get(chunk_id, 0.0)
            passage.highlights.extend(
                Highlight(start=start, end=end) for start, end in highlights(passage.text, known.wanted)
            )
        return Found(tuple(passages[chunk_id] for chunk_id in chosen), bool(known.similar), known.pending)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a search when its result is put together."""

    wanted: Sequence[str]
    matches: Matches
    near: Sequence[Near]
    similar: Mapping[int, float]
    words: Mapping[int, frozenset[str]]
    """The terms of each passage that may be shown."""

    pending: int

    def evidence(self) -> dict[int, Evidence]:
        """What speaks for passages: how near they are, and how much of what the query's words tell is in them."""
        frequencies = self.matches.frequencies or {}
        telling = {term: word_search.idf(frequencies.get(term, 0), self.matches.total) for term in self.wanted}
        total = sum(telling.values()) or 1.0
        return {
            chunk_id: Evidence(
                self.similar.get(chunk_id),
                sum(weight for term, weight in telling.items() if term in terms) / total,
            )
            for chunk_id, terms in self.words.items()
        }

    def ranking(self, weights: Weights) -> list[tuple[int, float]]:
        """Both rankings as one."""
        text = [chunk_id for chunk_id, _ in self.matches.ranked]
        return fuse(text, [one.chunk_id for one in self.near], weights, self.matches.overlaps)


def _merged(every: Sequence[Matches], depth: int) -> Matches:
    if len(every) == 1:
        return every[0]
    ranked = sorted((one for matches in every for one in matches.ranked), key=lambda one: -one[1])[:depth]
    frequencies: dict[str, int] = {}
    overlaps: dict[int, float] = {}
    for matches in every:
        overlaps |= matches.overlaps
        for term, count in (matches.frequencies or {}).items():
            frequencies[term] = frequencies.get(term, 0) + count
    return Matches(ranked, frequencies, max((matches.total for matches in every), default=0), overlaps)
