"""Takes out of a question's vector what says nothing of its subject: what all texts share, and its language. Pure.

All vectors of some models point nearly the same way, and those of one language more so: a question in Chinese finds
any Chinese text before the English one that answers it. What is needed to undo that belongs to a model, and is known of
the embedded one; a question for another stays as it is. Only questions are changed, so that no vector is made again.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from fireside.knowledge import bearings_e5

if TYPE_CHECKING:
    from collections.abc import Sequence

# All of it would also take out what distinguishes a question from others.
_PART: Final = 0.5
_E5: Final = re.compile(r"multilingual-e5-small(?!.*instruct)")


@dataclass(frozen=True, slots=True)
class Bearings:
    """Of a model: the mean of its vectors, and the direction (of length one) in which languages differ."""

    middle: tuple[float, ...]
    axis: tuple[float, ...]


def bearings_of(model: str) -> Bearings | None:
    """Those of a model, by its id or name."""
    return _e5() if _E5.search(model.lower().replace("_", "-")) else None


def neutral(vector: Sequence[float], bearings: Bearings) -> list[float]:
    """The vector of a question without them, of length one. One of another width stays as it is."""
    if len(vector) != len(bearings.axis):
        return list(vector)
    moved = [value - _PART * middle for value, middle in zip(vector, bearings.middle, strict=True)]
    along = _product(moved, bearings.axis)
    turned = [value - along * axis for value, axis in zip(moved, bearings.axis, strict=True)]
    length = math.sqrt(_product(turned, turned)) or 1.0
    return [value / length for value in turned]


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@cache
def _e5() -> Bearings:
    return Bearings(_unpacked(bearings_e5.MIDDLE), _unpacked(bearings_e5.AXIS))


def _unpacked(text: str) -> tuple[float, ...]:
    packed = base64.b64decode(text)
    return struct.unpack(f"<{len(packed) // 2}e", packed)
