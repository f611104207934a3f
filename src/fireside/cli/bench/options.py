"""What the commands of `fireside bench` are told, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.cli.bench.dialects import Protocol
from fireside.cli.failure import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What both commands take, as it was typed."""

    target: str | None
    peer: str | None
    protocol: str
    concurrency: str
    duration: float
    api_key: str
    peer_api_key: str
    tls_ca: Path | None
    pid: int | None
    peer_pid: int | None
    json_file: Path | None
    markdown_file: Path | None
    html_file: Path | None
    server_flags: tuple[str, ...]

    @property
    def protocols(self) -> list[Protocol]:
        """Raises UsageError."""
        return [_protocol(name) for name in _items(self.protocol)]

    @property
    def sizes(self) -> list[int]:
        """How many readers at once, step by step. Raises UsageError."""
        sizes = [int(text) for text in _items(self.concurrency) if text.isdigit()]
        if not sizes or len(sizes) != len(_items(self.concurrency)) or min(sizes) < 1:
            raise UsageError(f"--concurrency {self.concurrency!r}: expected numbers from 1 up, separated by commas.")
        return sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions(Options):
    """What `fireside bench stream` takes."""

    upstream: str
    upstream_port: int
    upstream_model: str
    serve: bool
    chats: int | None
    tokens: int
    pace: int
    model: str
    peer_model: str
    store: bool
    leaving: int
    """Of a hundred answers."""

    accounts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions(Options):
    """What `fireside bench api` takes."""

    accounts: bool


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _protocol(name: str) -> Protocol:
    try:
        return Protocol(name)
    except ValueError:
        raise UsageError(f"--protocol {name!r}: expected connect, grpc or rest, or several with commas.") from None
