"""An index that is opened when it is first used. What it is then, choosing.py says.

Its libraries cost some 20 MB and a good part of a second, which a server that nobody asks about documents does without.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fireside.knowledge.index.base import Near, Scope, VectorIndex


class LateIndex:
    """A VectorIndex in place of another one."""

    def __init__(self, make: Callable[[], Awaitable[VectorIndex]]) -> None:
        """`make` is called once, unless it raises: then whoever comes next tries again."""
        self._make = make
        self._index: VectorIndex | None = None
        self._making = asyncio.Lock()

    async def upsert(self, scope: str, model: str, vectors: Sequence[tuple[int, bytes]]) -> None:
        """See VectorIndex."""
        await (await self._opened()).upsert(scope, model, vectors)

    async def delete(self, scope: str, model: str, chunk_ids: Sequence[int]) -> None:
        """See VectorIndex."""
        await (await self._opened()).delete(scope, model, chunk_ids)

    async def drop(self, model: str) -> None:
        """See VectorIndex."""
        await (await self._opened()).drop(model)

    async def search_vector(
        self, model: str, scopes: Sequence[Scope], vector: bytes, limit: int, among: Sequence[int] = ()
    ) -> list[Near] | None:
        """See VectorIndex."""
        return await (await self._opened()).search_vector(model, scopes, vector, limit, among)

    async def aclose(self) -> None:
        """See VectorIndex."""
        async with self._making:
            if self._index is not None:
                await self._index.aclose()

    async def _opened(self) -> VectorIndex:
        if self._index is not None:
            return self._index
        async with self._making:
            if self._index is None:
                self._index = await self._make()
            return self._index
