"""What is looked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Mode(Enum):
    """What a search goes by."""

    HYBRID = "hybrid"
    TEXT = "text"
    VECTOR = "vector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for, and where. With neither collections nor documents: in all collections that the caller may read.

    `document_ids` are searched besides the collections, or alone. `media_types` (`image/*` for all of a kind), `folder` (and what is
    below it) and `changed_since_us` (microseconds) leave documents out. `relevant_only` leaves out passages that do not
    speak of the question, even if that leaves none.
    """

    text: str
    collection_ids: Sequence[str] = ()
    document_ids: Sequence[str] = ()
    limit: int = 10
    mode: Mode = Mode.HYBRID
    media_types: Sequence[str] = ()
    folder: str = ""
    changed_since_us: int = 0
    relevant_only: bool = False
