"""The one row of what holds for the whole server. Not what holds while there is none: identity/server_policy.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.ids import etag_of
from fireside.gen.v1.policy_pb2 import Policy
from fireside.store.records import bytes_of, int_of, revision_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from fireside.store.tx import Tx, Value


async def get(tx: Tx) -> Policy | None:
    """The policy; None if nobody has ever set one."""
    rows = await tx.fetch("SELECT revision, record FROM server_policy WHERE id = 1")
    if not rows:
        return None
    revision, record = rows[0]
    policy = Policy.FromString(bytes_of(record))
    policy.etag = etag_of(int_of(revision))
    return policy


async def put(tx: Tx, policy: Policy) -> Policy:
    """Replaces the policy, which has the etag that it was read with (that of revision 0 while there was none).

    AbortedError (STALE_ETAG): it changed since it was read; an empty etag overwrites any.
    """
    record = Policy()
    record.CopyFrom(policy)
    record.ClearField("etag")
    await tx.execute("INSERT INTO server_policy (id, revision, record) VALUES (1, 0, $1) ON CONFLICT DO NOTHING", b"")
    guard = ""
    args: list[Value] = [record.SerializeToString()]
    if policy.etag:
        guard = " AND revision = $2"
        args.append(revision_of(policy.etag))
    rows = await tx.fetch(
        f"UPDATE server_policy SET record = $1, revision = revision + 1 WHERE id = 1{guard} RETURNING revision",  # noqa: S608
        *args,
    )
    if not rows:
        raise StaleRowError("STALE_ETAG", "The policy has changed; read it again.")
    record.etag = etag_of(int_of(rows[0][0]))
    return record
