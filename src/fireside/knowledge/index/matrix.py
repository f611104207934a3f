"""The vectors of one scope in memory, as 8-bit integers, and the exact search of them. It blocks: call it in a thread.

numpy and usearch let go of the interpreter while they work, so that an event loop beside it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from usearch.compiled import MetricKind
from usearch.index import search as exact_search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_STEPS: Final = 127
# Values that later vectors may have beyond the largest one of the first.
_HEADROOM: Final = 1.1


@dataclass(frozen=True, slots=True)
class Matrix:
    """Vectors and the ids of their chunks, never changed: adding makes another one, which may share the memory.

    `room` has space for more rows than `ids` has; the first rows are the vectors. `scale` is what one step stands for.
    """

    ids: NDArray[np.int64]
    room: NDArray[np.int8]
    scale: float

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self.room.nbytes + self.ids.nbytes

    @property
    def last(self) -> int:
        """The largest id; 0 for none."""
        return int(self.ids.max()) if len(self.ids) else 0


EMPTY: Final = Matrix(np.empty(0, np.int64), np.empty((0, 0), np.int8), 0.0)


def floats(vector: bytes) -> NDArray[np.float32]:
    """A stored vector."""
    return np.frombuffer(vector, "<f2").astype(np.float32)


def added(matrix: Matrix, vectors: Sequence[tuple[int, bytes]]) -> Matrix:
    """The matrix with more vectors; those that it has already are left out, and so are those of another length."""
    width = matrix.room.shape[1] or (len(vectors[0][1]) // 2 if vectors else 0)
    fitting = [(chunk_id, vector) for chunk_id, vector in vectors if len(vector) == 2 * width]
    ids = np.array([chunk_id for chunk_id, _ in fitting], np.int64)
    fresh = ~np.isin(ids, matrix.ids)
    if not fresh.any():
        return matrix
    values = (
        np.frombuffer(b"".join(vector for _, vector in fitting), "<f2").reshape(-1, width)[fresh].astype(np.float32)
    )
    scale = matrix.scale or float(np.abs(values).max()) * _HEADROOM / _STEPS or 1.0
    count, total = len(matrix.ids), len(matrix.ids) + len(values)
    room = matrix.room
    if total > len(room):
        room = np.empty((max(total, len(room) + len(room) // 4), width), np.int8)
        if count:
            room[:count] = matrix.room[:count]
    # Rows behind `ids` are nobody's: who searches the older matrix does not see them.
    room[count:total] = _quantized(values, scale)
    return Matrix(np.concatenate([matrix.ids, ids[fresh]]), room, scale)


def without(matrix: Matrix, gone: NDArray[np.int64]) -> Matrix:
    """The matrix without some chunks."""
    kept = ~np.isin(matrix.ids, gone)
    if kept.all():
        return matrix
    return Matrix(matrix.ids[kept], matrix.room[: len(matrix.ids)][kept], matrix.scale)


def nearest(matrices: Sequence[Matrix], vector: bytes, limit: int, among: Sequence[int], threads: int) -> list[int]:
    """The ids of the chunks that are the nearest by 8 bits, the nearest first."""
    query = floats(vector)
    asked = _quantized(query, float(np.abs(query).max()) / _STEPS or 1.0)
    chosen = np.array(among, np.int64) if among else None
    ids: list[NDArray[np.int64]] = []
    distances: list[NDArray[np.float32]] = []
    for matrix in matrices:
        rows, names = matrix.room[: len(matrix.ids)], matrix.ids
        if chosen is not None:
            mask = np.isin(names, chosen)
            rows, names = rows[mask], names[mask]
        if not len(names) or rows.shape[1] != len(query):
            continue
        found = exact_search(rows, asked, min(limit, len(names)), MetricKind.IP, exact=True, threads=threads)
        ids.append(names[np.asarray(found.keys, np.int64)])
        distances.append(_inner(rows, found.keys, asked) * np.float32(matrix.scale))
    if not ids:
        return []
    every, far = np.concatenate(ids), np.concatenate(distances)
    return every[np.argsort(-far, kind="stable")[:limit]].tolist()


def ranked(vectors: Sequence[tuple[int, bytes]], vector: bytes, limit: int) -> list[tuple[int, float]]:
    """Chunks with their cosines, from the vectors as they are stored, the nearest first."""
    fitting = [(chunk_id, stored) for chunk_id, stored in vectors if len(stored) == len(vector)]
    if not fitting:
        return []
    values = np.frombuffer(b"".join(stored for _, stored in fitting), "<f2").reshape(len(fitting), -1)
    cosines = values.astype(np.float32) @ floats(vector)
    order = np.argsort(-cosines, kind="stable")[:limit]
    return [(fitting[at][0], float(cosines[at])) for at in order.tolist()]


def _inner(rows: NDArray[np.int8], keys: NDArray[np.uint64], asked: NDArray[np.int8]) -> NDArray[np.float32]:
    return rows[np.asarray(keys, np.int64)].astype(np.float32) @ asked.astype(np.float32)


def _quantized(values: NDArray[np.float32], scale: float) -> NDArray[np.int8]:
    return np.clip(np.rint(values / np.float32(scale)), -_STEPS, _STEPS).astype(np.int8)
