"""Which types of files are refused: by media type and by the ending of the name. Not what a file is: sniff.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable


def refusal(patterns: Iterable[str], name: str, media_type: str) -> str:
    """The first pattern (`video/*`, `application/pdf`, `.exe`) that a file falls under; empty for none."""
    folded = name.casefold()
    essence = media_type.partition(";")[0].strip().casefold()
    for pattern in patterns:
        wanted = pattern.strip().casefold()
        if wanted.startswith("."):
            if folded.endswith(wanted):
                return pattern
        elif wanted in (essence, "*", "*/*") or (wanted.endswith("/*") and essence.startswith(wanted[:-1])):
            return pattern
    return ""


def require_taken(patterns: Iterable[str], name: str, media_type: str) -> None:
    """Raises InvalidArgumentError (FILE_TYPE_REFUSED)."""
    pattern = refusal(patterns, name, media_type)
    if pattern:
        raise InvalidArgumentError(
            "FILE_TYPE_REFUSED", f"This server takes no files of this kind ({pattern}).",
            pattern=pattern, media_type=media_type, name=name,
        )  # fmt: skip
