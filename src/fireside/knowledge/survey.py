"""Finds out what of a query's areas the caller may read, and how it is searched. Not the search: search.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.store import embedding_models, found_passages, vectors
from fireside.store.found_passages import Area, Narrowing
from fireside.store.word_search import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.knowledge.query import Query
    from fireside.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Ground:
    """What is searched: areas, and places of scopes of which all documents count, or those that are named.

    `among` has for each place the chunks of its documents, where those are named. `models` are the embedding models of
    scopes that are not searched by the present one. `pending` documents are still being read.
    """

    areas: Sequence[Area]
    places: Sequence[Place]
    among: Sequence[Sequence[int]]
    pending: int
    models: Mapping[str, str] = field(default_factory=dict[str, str])


async def survey(tx: Tx, account: str, query: Query, model: str) -> Ground:
    """What the account may read of it, as it is now. `model` is the present embedding model."""
    areas: list[Area] = []
    if query.collection_ids or not query.document_ids:
        areas += await found_passages.collections_of(tx, account, query.collection_ids)
    whole = {area.scope for area in areas}
    documents = await found_passages.documents_of(tx, account, query.document_ids)
    areas += [area for area in documents if area.scope not in whole]
    pending = await found_passages.pending(tx, account, areas)
    narrowing = Narrowing(query.folder, query.changed_since_us, query.media_types)
    if narrowing != Narrowing():
        named = await found_passages.narrowed(tx, account, areas, narrowing)
        places = [Place(_scopes(areas), named)] if named else []
    else:
        parts = [area for area in areas if area.document_id]
        places = [Place(_scopes([area for area in areas if not area.document_id]))]
        places.append(Place(_scopes(parts), [area.document_id for area in parts]))
        places = [place for place in places if place.scopes]
    among = [await found_passages.chunk_ids(tx, place.documents) if place.documents else [] for place in places]
    return Ground(areas, places, among, pending, await _older(tx, areas, model))


async def _older(tx: Tx, areas: Sequence[Area], model: str) -> dict[str, str]:
    """The scopes that still have vectors of another model: until all are made anew, it is those that are searched."""
    if not model or not await embedding_models.is_changing(tx):
        return {}
    found: dict[str, str] = {}
    for scope in _scopes(areas):
        others = [other for other in await vectors.models(tx, scope) if other != model]
        if others:
            found[scope] = others[0]
    return found


def _scopes(areas: Sequence[Area]) -> list[str]:
    return list(dict.fromkeys(area.scope for area in areas))
