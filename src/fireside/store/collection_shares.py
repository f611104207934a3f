"""Who besides its owner has access to a collection. Not what they may do with it: that is knowledge/access.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.collection_pb2 import Collection, CollectionShare
from fireside.gen.v1.share_pb2 import SHARE_ROLE_OWNER
from fireside.store import account_events, collections, shares
from fireside.store.records import int_of, str_of, timestamp_of, us_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.gen.v1.share_pb2 import ShareRole
    from fireside.store.tx import Row, Tx, Value

TOPIC: Final = "collection"
"""What other processes are told (Tx.notify) when who has access to a collection has changed: its id."""

_COLUMNS = "s.id, s.collection_id, s.account_id, s.group_id, s.role, s.create_time"


async def put(tx: Tx, share: CollectionShare) -> CollectionShare:
    """Stores a share, or changes the role of what the account or the group has already; without names.

    NotFoundError: no such collection, account or group.
    """
    kind = share.WhichOneof("recipient") or "account_id"
    rows = await tx.fetch(
        "INSERT INTO collection_shares AS s (id, collection_id, account_id, group_id, role, create_time)"  # noqa: S608 - the name of one of two columns
        f" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (collection_id, {kind}) DO UPDATE SET role = excluded.role"
        " RETURNING id, collection_id, account_id, group_id, role, create_time",
        share.id,
        share.collection_id,
        share.account_id or None,
        share.group_id or None,
        int(share.role),
        us_of(share.create_time),
    )
    return _loaded(rows[0])


async def get(tx: Tx, share_id: str) -> CollectionShare | None:
    """The share, without names."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM collection_shares s WHERE s.id = $1", share_id)  # noqa: S608
    return _loaded(rows[0]) if rows else None


async def of_collection(tx: Tx, collection_id: str) -> list[CollectionShare]:
    """The shares of a collection, the oldest first, with names."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, a.record, g.record FROM collection_shares s"  # noqa: S608
        " LEFT JOIN accounts a ON a.id = s.account_id LEFT JOIN groups g ON g.id = s.group_id"
        " WHERE s.collection_id = $1 ORDER BY s.create_time, s.id",
        collection_id,
    )
    return [shares.named(_loaded(columns), account, group) for *columns, account, group in rows]


async def of_account(tx: Tx, account_id: str) -> list[str]:
    """The ids of an account's collections that are shared with anybody."""
    rows = await tx.fetch(
        "SELECT DISTINCT s.collection_id FROM collection_shares s JOIN collections c ON c.id = s.collection_id"
        " WHERE c.owner = $1 ORDER BY s.collection_id",
        account_id,
    )
    return [str_of(row[0]) for row in rows]


async def count(tx: Tx, collection_id: str) -> int:
    """How many shares a collection has."""
    rows = await tx.fetch("SELECT count(*) FROM collection_shares WHERE collection_id = $1", collection_id)
    return int_of(rows[0][0])


async def delete(tx: Tx, share_id: str) -> bool:
    """Removes a share. Whether there was one."""
    return await tx.execute("DELETE FROM collection_shares WHERE id = $1", share_id) > 0


async def audience(tx: Tx, collection_id: str) -> dict[str, int]:
    """Everybody who may search a collection, with what they may do: numbers of ShareRole. Its owner is among them."""
    rows = await tx.fetch(
        "SELECT r.account_id, MAX(r.role) FROM ("
        " SELECT c.owner AS account_id, CAST($2 AS SMALLINT) AS role FROM collections c WHERE c.id = $1"
        " UNION ALL SELECT s.account_id, s.role FROM collection_shares s"
        " WHERE s.collection_id = $1 AND s.account_id IS NOT NULL"
        " UNION ALL SELECT m.account_id, s.role FROM collection_shares s JOIN group_members m ON m.group_id = s.group_id"
        " WHERE s.collection_id = $1) AS r GROUP BY r.account_id ORDER BY r.account_id",
        collection_id,
        int(SHARE_ROLE_OWNER),
    )
    return {str_of(account_id): int_of(role) for account_id, role in rows}


async def joined(tx: Tx, group_id: str, account_ids: Sequence[str]) -> None:
    """Tells accounts that came into a group of the collections that are shared with it."""
    for collection_id in await _of_group(tx, group_id):
        roles = await audience(tx, collection_id)
        await tell_changed(tx, collection_id, {name: roles[name] for name in account_ids if name in roles})


async def left(tx: Tx, group_id: str, account_ids: Sequence[str]) -> None:
    """Tells accounts that went out of a group of the collections that they have no more."""
    for collection_id in await _of_group(tx, group_id):
        await tell_removed(tx, collection_id, account_ids)


async def delete_of_group(tx: Tx, group_id: str, account_ids: Sequence[str]) -> None:
    """Removes the shares of a group that is about to be deleted, and tells its accounts."""
    collection_ids = await _of_group(tx, group_id)
    await tx.execute("DELETE FROM collection_shares WHERE group_id = $1", group_id)
    for collection_id in collection_ids:
        await tell_removed(tx, collection_id, account_ids)
        await tell_changed(tx, collection_id, await audience(tx, collection_id))


async def tell_changed(tx: Tx, collection_id: str, roles: Mapping[str, int]) -> list[tuple[str, int]]:
    """Tells accounts what a collection is now, each as it is for it; accounts and the numbers of the events. Late in a body."""
    found = await collections.get(tx, collection_id)
    if found is None:
        return []
    await tx.notify(TOPIC, collection_id)
    told: list[tuple[str, int]] = []
    # Feeds stay locked until the commit: always in this order, two transactions never wait for each other.
    for account_id in sorted(roles):
        allowed = await collections.access(tx, account_id, collection_id)
        if allowed is not None:
            shown = Collection()
            shown.CopyFrom(found)
            event = AccountEvent(collection_changed=collections.show(shown, allowed))
            told.append((account_id, await account_events.tell(tx, account_id, event)))
    return told


async def tell_removed(tx: Tx, collection_id: str, account_ids: Sequence[str]) -> list[tuple[str, int]]:
    """Tells those of these accounts that have a collection no more; accounts and the numbers of the events."""
    await tx.notify(TOPIC, collection_id)
    told: list[tuple[str, int]] = []
    for account_id in sorted(set(account_ids)):
        if await collections.access(tx, account_id, collection_id) is None:
            event = AccountEvent(collection_removed=collection_id)
            told.append((account_id, await account_events.tell(tx, account_id, event)))
    return told


async def _of_group(tx: Tx, group_id: str) -> list[str]:
    rows = await tx.fetch(
        "SELECT s.collection_id FROM collection_shares s WHERE s.group_id = $1 ORDER BY s.collection_id", group_id
    )
    return [str_of(row[0]) for row in rows]


def _loaded(row: Row | Sequence[Value]) -> CollectionShare:
    share_id, collection_id, account_id, group_id, role, create_time = row
    share = CollectionShare(
        id=str_of(share_id),
        collection_id=str_of(collection_id),
        role=cast("ShareRole", role),
        create_time=timestamp_of(int_of(create_time)),
    )
    if account_id is not None:
        share.account_id = str_of(account_id)
    if group_id is not None:
        share.group_id = str_of(group_id)
    return share
