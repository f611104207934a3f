"""The form in which text is searched and compared whatever its case."""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Composed, case folded, without NUL (which PostgreSQL cannot hold)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).replace("\0", "")


def containing(text: str) -> str:
    """A pattern for `LIKE ... ESCAPE '!'` that finds what contains the text, once folded; no character is special."""
    escaped = fold(text).replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"
