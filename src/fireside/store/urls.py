"""What a database URL names. Not where it comes from: that is config's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from fireside.core.errors import InvalidArgumentError


def sqlite_path(url: str) -> Path | None:
    """The absolute path in `sqlite:///absolute/path.db`; None for `postgresql://...`. InvalidArgumentError otherwise."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    if parts.scheme == "sqlite" and not parts.netloc and path:
        return Path("/", path)
    if parts.scheme in {"postgresql", "postgres"}:
        return None
    raise InvalidArgumentError(
        "DATABASE_URL",
        "The database URL must be sqlite:///absolute/path.db or postgresql://user:password@host:port/name.",
    )


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return path.absolute().as_uri().replace("file://", "sqlite://", 1)
