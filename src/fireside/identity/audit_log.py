"""Reads the audit log: pages for people, all of it for programs. Nothing here writes but the note that it was exported."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from fireside.core.errors import OutOfRangeError
from fireside.identity import audit
from fireside.store import audit_events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.audit_pb2 import AuditEvent
    from fireside.store.audit_events import Filter
    from fireside.store.db import Database
    from fireside.store.tx import Tx

DEFAULT_PAGE: Final = 50
# A batch is in memory at a time, however long the log is, and takes the event loop for a few milliseconds.
_BATCH: Final = 100
_TOKEN_DIGITS: Final = 18


class AuditLog:
    """The audit log of a database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, wanted: Filter, size: int = 0, token: str = "") -> tuple[list[AuditEvent], str]:
        """Events, the newest first, and the token of the next page. Raises OutOfRangeError."""
        size = size or DEFAULT_PAGE
        if token and not (token.isascii() and token.isdecimal() and len(token) <= _TOKEN_DIGITS):
            raise OutOfRangeError(
                "PAGE_TOKEN_OUT_OF_RANGE", "The page token is not one of this listing: start at the first page."
            )
        before = int(token or 0)
        found = await self._db.read(lambda tx: audit_events.page(tx, wanted, size + 1, before))
        if len(found) <= size:
            return found, ""
        return found[:size], str(found[size - 1].number)

    async def export(self, actor: Principal, origin: Origin, wanted: Filter) -> AsyncGenerator[bytes]:
        """All events, the oldest first, as lines of JSON; whole lines in each piece. That it was done is recorded first."""
        details = {
            key: str(value)
            for key, value in (
                ("actor_id", wanted.actor_id),
                ("action", wanted.action),
                ("from_us", wanted.from_us),
                ("before_us", wanted.before_us),
            )
            if value
        }

        async def body(tx: Tx) -> int:
            await audit.record(tx, "audit.exported", actor=actor, origin=origin, details=details)
            return await audit_events.newest(tx)

        async with aclosing(self.lines(wanted, await self._db.write(body))) as pieces:
            async for piece in pieces:
                yield piece

    async def lines(self, wanted: Filter, up_to: int) -> AsyncGenerator[bytes]:
        """Events up to a number, as `export`."""
        after = 0
        while True:
            last = after
            found = await self._db.read(lambda tx, last=last: audit_events.walk(tx, wanted, _BATCH, last, up_to))
            if found:
                yield b"".join(line(event) for event in found)
            if len(found) < _BATCH:
                return
            after = found[-1].number


def line(event: AuditEvent) -> bytes:
    """An event as a line of JSON, with every field."""
    shown = {
        "number": event.number,
        "time": event.time.ToJsonString(),
        "action": event.action,
        "succeeded": event.succeeded,
        "actor_id": event.actor_id,
        "actor_email": event.actor_email,
        "target_id": event.target_id,
        "target_name": event.target_name,
        "address": event.address,
        "details": dict(sorted(event.details.items())),
    }
    return json.dumps(shown, ensure_ascii=False).encode() + b"\n"
