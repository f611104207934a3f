"""Writes security events to the audit log, and reads it. What is recorded is listed in docs/accounts.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict, Unpack

from fireside.core.clock import now_us
from fireside.gen.v1.audit_pb2 import AuditEvent
from fireside.store import audit_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fireside.core.principal import Origin, Principal
    from fireside.store.tx import Tx

_VALUE_CHARACTERS = 500


class Happening(TypedDict):
    """What is said of an event besides its action."""

    actor: Principal
    """Who did it. For somebody who has not signed in: no id, and the address that they tried."""

    origin: Origin
    target: NotRequired[tuple[str, str]]
    """The id and the name of what it was done to."""

    succeeded: NotRequired[bool]
    details: NotRequired[Mapping[str, str]]
    """Never a secret."""


async def record(tx: Tx, action: str, **event: Unpack[Happening]) -> None:
    """Appends an event inside the transaction that does what it tells, so that there is never one without the other.

    What is refused is recorded in a transaction of its own, because the refused one is rolled back.
    """
    actor, (target_id, target_name) = event["actor"], event.get("target", ("", ""))
    made = AuditEvent(
        action=action,
        actor_id=actor.id,
        actor_email=_cut(actor.email),
        target_id=_cut(target_id),
        target_name=_cut(target_name),
        address=event["origin"].address,
        succeeded=event.get("succeeded", True),
        details={key: _cut(value) for key, value in event.get("details", {}).items()},
    )
    await audit_events.append(tx, made, now_us())


def _cut(text: str) -> str:
    return text[:_VALUE_CHARACTERS]
