"""Runs migrations in a process of their own: what they import (SQLAlchemy, Alembic) has no place in a server's memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fireside.core.errors import UnavailableError


def run(url: str) -> None:
    """Upgrades the database at `url` to the newest revision. Blocks. UnavailableError: it failed and changed nothing."""
    # The folder that holds the package is the child's first import path, so that it runs this very code. The URL may
    # hold a password, which has no place in a command line that others can see.
    done = subprocess.run(
        [sys.executable, "-m", "fireside.store.migrate", "-"],
        cwd=Path(__file__).parents[2],
        input=url,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise UnavailableError(
            "MIGRATION_FAILED",
            f"The database could not be upgraded, and was left as it was: {lines[-1] if lines else 'no output'}.",
        )
