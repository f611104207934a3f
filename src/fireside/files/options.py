"""What can be set of files. Not where their bytes are: that is a blob store's (opening.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PIECE_BYTES: Final = 1024 * 1024
"""A good size of a piece: large enough to cost little, small enough to lose little."""

MAX_PIECE_BYTES: Final = 8 * 1024 * 1024
"""The largest piece, which is in memory whole."""

MAX_STREAMED_PIECE_BYTES: Final = 32 * 1024 * 1024
"""The largest piece that is written while it arrives: larger ones make no browser faster, and progress shows seldom."""

SEGMENT_BYTES: Final = 1024 * 1024
"""What has a checksum of its own within a piece."""


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of files."""

    max_bytes: int = 8 * 1024**3
    """The largest file; 0 for no limit."""

    refused_types: tuple[str, ...] = ()
    """Media types (`video/*` for all of a kind) and endings (`.exe`)."""

    keep: float = 7 * 86_400.0
    """Seconds that an upload is kept after its last piece."""

    keep_unused: float = 86_400.0
    """Seconds that a file is kept which no message names and no collection has."""
