"""Sets up the log: lines for a person or JSON objects, on standard error. Not a place for what people write to models.

The rule for every call in the project: ids, counts, durations and reasons may be logged, message contents never.
Fields go into `extra={"fields": {...}}`, so that they stay data.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

Field = str | int | float | bool | None

_ROOT = "fireside"
# A field is an id, a number or a reason. Whatever is longer was put there by mistake, so it is cut.
_LONGEST = 200


def set_up(level: str = "warning", form: str = "text", stream: TextIO | None = None) -> None:
    """Sends the log of the whole process to `stream` (standard error) at `level`, as `form` `text` or `json`.

    Libraries log from `warning` on, whatever the level is: their debug lines can hold what was sent.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger(_ROOT).setLevel(level.upper())
    logging.captureWarnings(capture=True)


def _fields(record: logging.LogRecord) -> Mapping[str, Field]:
    fields: object = getattr(record, "fields", None)
    if not isinstance(fields, dict):
        return {}
    return {name: _cut(value) for name, value in cast("dict[str, Field]", fields).items()}


def _cut(value: Field) -> Field:
    return value[:_LONGEST] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(logging.Formatter):
    """`2026-11-22T10:00:00.000Z warning fireside.chat.engine: sentence (field=value)`."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_time(record)} {record.levelname.lower()} {record.name}: {record.getMessage()}"
        if fields := _fields(record):
            text += " (" + ", ".join(f"{name}={value}" for name, value in fields.items()) + ")"
        return text + _trace(self, record, "\n")


class _Json(logging.Formatter):
    """One object a line: time, level, logger, message, the fields, and `trace` for an error."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Field] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        # What a caller calls a field never hides what every line has.
        entry |= {name: value for name, value in _fields(record).items() if name not in entry}
        if trace := _trace(self, record, ""):
            entry["trace"] = trace
        return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _trace(formatter: logging.Formatter, record: logging.LogRecord, before: str) -> str:
    return before + formatter.formatException(record.exc_info) if record.exc_info else ""
