"""What a check of `fireside doctor` says. The checks are in checks.py and library_checks.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Level(Enum):
    """How a thing is. Only `MISSING` is essential: with it a person cannot chat."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing, and what to do about it (empty when there is nothing to do)."""

    name: str
    level: Level
    detail: str
    fix: str = ""


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))
