"""The keys that `fireside login` keeps, one for each server, in a file that its owner alone can read. Not the server's."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, cast

from fireside.cli.failure import CommandError

if TYPE_CHECKING:
    from pathlib import Path

    from fireside.config import ClientConfig


def key_for(config: ClientConfig) -> str:
    """The key to send to the server: the one that was set, else the one that was kept; empty for none."""
    return config.api_key or _read(config.credentials).get(config.url, "")


def keep(config: ClientConfig, key: str) -> None:
    """Keeps a key for the server; an empty one forgets it. Raises CommandError when the file cannot be written."""
    path = config.credentials
    keys = _read(path) | {config.url: key}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with its mode, so that there is no moment in which others can read it.
        fresh = path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({url: value for url, value in keys.items() if value}, file, indent=1)
        fresh.replace(path)
    except OSError as error:
        raise CommandError(f"The key cannot be kept in {path}: {error.strerror}.") from error


def _read(path: Path) -> dict[str, str]:
    try:
        found: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    items = cast("dict[object, object]", found).items()
    return {url: key for url, key in items if isinstance(url, str) and isinstance(key, str)}
