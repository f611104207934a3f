"""Groups and who is in them. Not what they allow: that is identity/policy.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.core.errors import NotFoundError
from fireside.core.ids import etag_of
from fireside.gen.v1.group_pb2 import Group
from fireside.store import collection_shares, shares
from fireside.store.folding import fold
from fireside.store.records import bytes_of, int_of, revision_of, str_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from fireside.store.tx import Tx, Value

_COLUMNS = "g.revision, g.record, (SELECT count(*) FROM group_members c WHERE c.group_id = g.id)"


async def insert(tx: Tx, group: Group) -> Group:
    """Stores a new group with nobody in it. AlreadyExistsError (GROUP_EXISTS): the name is taken."""
    record, revision = _record(group), now_us()
    await tx.execute(
        "INSERT INTO groups (id, name_folded, revision, record) VALUES ($1, $2, $3, $4)",
        group.id,
        fold(group.name),
        revision,
        record,
    )
    return _loaded(revision, record, 0)


async def update(tx: Tx, group: Group) -> Group:
    """Replaces all of a group but its members; it has the etag that it was read with, or none for any.

    NotFoundError, AbortedError (STALE_ETAG), AlreadyExistsError (GROUP_EXISTS): the name is another one's.
    """
    guard = ""
    args: list[Value] = [group.id, fold(group.name), _record(group)]
    if group.etag:
        guard = " AND revision = $4"
        args.append(revision_of(group.etag))
    changed = await tx.execute(
        f"UPDATE groups SET name_folded = $2, record = $3, revision = revision + 1 WHERE id = $1{guard}",  # noqa: S608
        *args,
    )
    found = await get(tx, group.id)
    if found is None:
        raise no_group(group.id)
    if not changed:
        raise StaleRowError("STALE_ETAG", "The group has changed; read it again.", group_id=group.id)
    return found


async def delete(tx: Tx, group_id: str) -> bool:
    """Removes a group, and tells its members of the conversations and collections that they have no more. Whether there was one."""
    concerned = sorted(await members(tx, group_id))
    await shares.delete_of_group(tx, group_id, concerned)
    await collection_shares.delete_of_group(tx, group_id, concerned)
    return await tx.execute("DELETE FROM groups WHERE id = $1", group_id) > 0


async def get(tx: Tx, group_id: str) -> Group | None:
    """The group with this id."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM groups g WHERE g.id = $1", group_id)  # noqa: S608
    return _loaded(*rows[0]) if rows else None


async def every(tx: Tx) -> list[Group]:
    """All groups by name."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM groups g ORDER BY g.name_folded")  # noqa: S608
    return [_loaded(*row) for row in rows]


async def of_account(tx: Tx, account_id: str) -> list[Group]:
    """The groups that an account is in, by name."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM group_members m JOIN groups g ON g.id = m.group_id"  # noqa: S608
        " WHERE m.account_id = $1 ORDER BY g.name_folded",
        account_id,
    )
    return [_loaded(*row) for row in rows]


async def ids_of(tx: Tx, account_ids: Collection[str]) -> dict[str, list[str]]:
    """Ids of the groups of each of these accounts, if it has any."""
    if not account_ids:
        return {}
    marks = ", ".join(f"${number}" for number in range(1, len(account_ids) + 1))
    rows = await tx.fetch(
        f"SELECT account_id, group_id FROM group_members WHERE account_id IN ({marks}) ORDER BY group_id",  # noqa: S608
        *account_ids,
    )
    found: dict[str, list[str]] = {}
    for account_id, group_id in rows:
        found.setdefault(str_of(account_id), []).append(str_of(group_id))
    return found


async def members(tx: Tx, group_id: str) -> set[str]:
    """Ids of the accounts in a group."""
    rows = await tx.fetch("SELECT account_id FROM group_members WHERE group_id = $1", group_id)
    return {str_of(row[0]) for row in rows}


async def add_members(tx: Tx, group_id: str, account_ids: Iterable[str]) -> None:
    """Puts accounts into a group; those that are in it stay, and no provider takes them away. NotFoundError.

    Whoever is new is told of the conversations and collections that are shared with it.
    """
    wanted = list(account_ids)
    new = set(wanted) - await members(tx, group_id)
    await tx.execute_many(
        "INSERT INTO group_members (group_id, account_id, by_provider) VALUES ($1, $2, 0)"
        " ON CONFLICT (group_id, account_id) DO UPDATE SET by_provider = 0",
        [(group_id, account_id) for account_id in wanted],
    )
    await shares.joined(tx, group_id, sorted(new))
    await collection_shares.joined(tx, group_id, sorted(new))


async def remove_members(tx: Tx, group_id: str, account_ids: Iterable[str]) -> None:
    """Takes accounts out of a group, and tells them of the conversations and collections that they have no more."""
    gone = list(account_ids)
    await tx.execute_many(
        "DELETE FROM group_members WHERE group_id = $1 AND account_id = $2",
        [(group_id, account_id) for account_id in gone],
    )
    await shares.left(tx, group_id, gone)
    await collection_shares.left(tx, group_id, gone)


async def set_of_account(tx: Tx, account_id: str, group_ids: Collection[str]) -> tuple[set[str], set[str]]:
    """Makes these the groups of an account; returns those that it is newly in, and those that it is out of.

    NotFoundError (GROUP_NOT_FOUND): one of them is not there.
    """
    present = set((await ids_of(tx, [account_id])).get(account_id, ()))
    wanted = set(group_ids)
    for group_id in sorted(wanted - present):
        if await get(tx, group_id) is None:
            raise no_group(group_id)
        await add_members(tx, group_id, [account_id])
    for group_id in sorted(present - wanted):
        await remove_members(tx, group_id, [account_id])
    return wanted - present, present - wanted


async def follow_provider(tx: Tx, account_id: str, names: Collection[str]) -> bool:
    """Puts an account into the groups whose `provider_group` is one of these, and out of others that a provider
    had put it into. Whether anything changed.
    """
    wanted = {group.id for group in await every(tx) if group.provider_group and group.provider_group in set(names)}
    rows = await tx.fetch("SELECT group_id, by_provider FROM group_members WHERE account_id = $1", account_id)
    present = {str_of(group_id): bool(by_provider) for group_id, by_provider in rows}
    added = [group_id for group_id in sorted(wanted) if group_id not in present]
    gone = [group_id for group_id, by_provider in present.items() if by_provider and group_id not in wanted]
    await tx.execute_many(
        "INSERT INTO group_members (group_id, account_id, by_provider) VALUES ($1, $2, 1)",
        [(group_id, account_id) for group_id in added],
    )
    for group_id in added:
        await shares.joined(tx, group_id, [account_id])
        await collection_shares.joined(tx, group_id, [account_id])
    for group_id in gone:
        await remove_members(tx, group_id, [account_id])
    return bool(added or gone)


def no_group(group_id: str) -> NotFoundError:
    """The error for a group that is not there."""
    return NotFoundError("GROUP_NOT_FOUND", "There is no such group; it may have been deleted.", group_id=group_id)


def _record(group: Group) -> bytes:
    record = Group()
    record.CopyFrom(group)
    for field in ("member_count", "etag"):
        record.ClearField(field)
    return record.SerializeToString()


def _loaded(revision: Value, record: Value, member_count: Value) -> Group:
    group = Group.FromString(bytes_of(record))
    group.member_count = int_of(member_count)
    group.etag = etag_of(int_of(revision))
    return group
