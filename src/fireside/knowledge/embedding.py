"""Turns passages and questions into vectors by the embedding model that is set up. Not a model: those are runners.

A vector is bytes: little-endian 16-bit floats of length one, as they are stored (store/vectors.py).
"""

from __future__ import annotations

import asyncio
import math
import re
import struct
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fireside.core.errors import DeadlineExceededError, FailedPreconditionError, InvalidArgumentError
from fireside.knowledge.bearings import bearings_of, neutral
from fireside.knowledge.embedding_families import prefixes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.runners.catalog import Catalog

OFF: Final = "off"
"""The setting for no embedding model."""

_UNUSABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
_KEPT: Final = 256
_KEEP_SECONDS: Final = 600.0
# More of a question says no more of what it is about, and takes its time.
_LONGEST_QUERY: Final = 2_000


@dataclass(frozen=True, slots=True)
class EmbedderOptions:
    """`model` is the id of a runner's model, or empty for none. `batch` texts go to the runner at once.

    A question gets no vector that takes longer than `query_timeout` seconds.
    """

    model: str = ""
    batch: int = 16
    query_timeout: float = 2.0


def model_of(setting: str, embedded: str) -> str:
    """The model that the setting `embedding_model` means, where `embedded` is the usable one of this machine or empty."""
    return "" if setting == OFF else setting or embedded


class Embedder:
    """The embedding model. It belongs to one event loop."""

    def __init__(self, catalog: Catalog, options: EmbedderOptions) -> None:
        """Asks nothing yet."""
        self.model: Final = options.model
        """The model's id; empty where documents are searched by words alone."""
        self._catalog = catalog
        self._options = options
        self._kept: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()

    async def passages(self, texts: Sequence[str]) -> list[bytes]:
        """The vectors of passages, in their order. Raises what the runner's `embed` does, and NO_EMBEDDING_MODEL."""
        found: list[bytes] = []
        prefix = prefixes_of(self.model).passage
        for start in range(0, len(texts), self._options.batch):
            some = texts[start : start + self._options.batch]
            found.extend(await self._embed(self.model, [prefix + _clean(text) for text in some]))
        return found

    async def query(self, text: str, model: str = "") -> bytes:
        """The vector of a question as it is compared with passages (bearings.py), by another model if one is named.

        Raises as `passages` does, and DeadlineExceededError (EMBEDDING_TIMEOUT).
        """
        model = model or self.model
        asked = (model, _clean(text[:_LONGEST_QUERY]))
        kept = self._kept.pop(asked, None)
        now = time.monotonic()
        if kept is None or now - kept[0] > _KEEP_SECONDS:
            try:
                async with asyncio.timeout(self._options.query_timeout):
                    [vector] = await self._embed(model, [prefixes_of(model).query + asked[1]])
            except TimeoutError:
                raise DeadlineExceededError(
                    "EMBEDDING_TIMEOUT",
                    f"{model} did not turn the question into a vector within {self._options.query_timeout:g} seconds.",
                ) from None
            kept = (now, _neutral(vector, model))
        self._kept[asked] = kept
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept[1]

    async def _embed(self, model: str, texts: Sequence[str]) -> list[bytes]:
        if not model:
            raise FailedPreconditionError(
                "NO_EMBEDDING_MODEL",
                "No embedding model is set up on this server, so documents are searched by words alone.",
            )
        await self._catalog.look_up(model)
        embeddings = await self._catalog.resolve(model).embed(texts, "")
        if len(embeddings.vectors) != len(texts):
            raise InvalidArgumentError(
                "NOT_AN_EMBEDDING_MODEL", f"{model} did not return a vector for each text.", model=model
            )
        return [packed(vector) for vector in embeddings.vectors]


def _neutral(vector: bytes, model: str) -> bytes:
    bearings = bearings_of(model)
    return packed(neutral(struct.unpack(f"<{len(vector) // 2}e", vector), bearings)) if bearings else vector


def packed(vector: Sequence[float]) -> bytes:
    """A vector as it is stored: of length one, unless it is nothing but zeros."""
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return struct.pack(f"<{len(vector)}e", *(value / length for value in vector))


def _clean(text: str) -> str:
    # Some models refuse a text with nothing in it.
    return _UNUSABLE.sub("", text).strip() or "."
