"""Secrets that a command is given: read from a file or the standard input, never from an argument, which others can see."""

from __future__ import annotations

import sys
from pathlib import Path

from fireside.cli.failure import UsageError


def read_secret(path: str, what: str) -> str:
    """The text of the file, or of the standard input for `-`, without blanks around it. UsageError: it cannot be read."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} in {path} cannot be read: {error}.") from error
    return text.strip()
