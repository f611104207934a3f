"""Shares: who besides its owner has access to a conversation. Not what they may do with it: that is chat/access.py.

A share ends when it is deleted or its time is over; one that is over counts for nothing, even before it is swept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar, cast

from fireside.core.clock import now_us
from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.account_pb2 import Account
from fireside.gen.v1.collection_pb2 import CollectionShare
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.share_pb2 import Share, ShareRole
from fireside.store import account_events, conversations
from fireside.store.chunks import chunks, marks
from fireside.store.folding import containing, fold
from fireside.store.records import bytes_of, int_of, str_of, timestamp_of, us_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fireside.gen.v1.conversation_pb2 import Conversation
    from fireside.store.tx import Row, Tx, Value

_AnyShare = TypeVar("_AnyShare", Share, CollectionShare)

_COLUMNS = "s.id, s.conversation_id, s.account_id, s.group_id, s.token_hash, s.role, s.create_time, s.expire_time"
_GIVEN = "SELECT s.conversation_id, s.role FROM"
_NOT_OVER = "(s.expire_time IS NULL OR s.expire_time > $2)"
GIVEN: Final = (
    f"({_GIVEN} shares s WHERE s.account_id = $1 AND {_NOT_OVER}"
    f" UNION ALL {_GIVEN} group_members m JOIN shares s ON s.group_id = m.group_id"
    f" WHERE m.account_id = $1 AND {_NOT_OVER})"
)
"""What is shared with account $1 at time $2: a table with the conversations' ids and the roles. Both halves are found by
their indexes; PostgreSQL reads all shares for one condition with an OR."""


@dataclass(frozen=True, slots=True)
class Access:
    """What an account has of a conversation that is somebody else's."""

    owner: str
    owner_name: str
    role: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Who has access to a conversation besides its owner."""

    roles: Mapping[str, int] = field(default_factory=dict[str, int])
    """What each account may do: numbers of ShareRole."""

    owner_name: str = ""

    def shown(self, account_id: str, event: AccountEvent) -> AccountEvent:
        """The event as it is for one of them."""
        kind = event.WhichOneof("kind")
        if kind not in ("conversation_created", "conversation_updated"):
            return event
        seen = AccountEvent()
        seen.CopyFrom(event)
        show(getattr(seen, kind), self.roles[account_id], self.owner_name)
        return seen


NOBODY: Final = Audience()


async def put(tx: Tx, share: Share, token_hash: bytes | None = None) -> Share:
    """Stores a share, or changes the role and the end of what the account or the group has already.

    NotFoundError: no such conversation, account or group.
    """
    kind = share.WhichOneof("recipient") or "link"
    conflict = (
        ""
        if kind == "link"
        else f" ON CONFLICT (conversation_id, {kind}) DO UPDATE SET role = excluded.role, expire_time = excluded.expire_time"
    )
    rows = await tx.fetch(
        "INSERT INTO shares AS s"  # noqa: S608 - the name of one of two columns
        " (id, conversation_id, account_id, group_id, token_hash, role, create_time, expire_time, record)"
        f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9){conflict}"
        " RETURNING id, conversation_id, account_id, group_id, token_hash, role, create_time, expire_time",
        share.id,
        share.conversation_id,
        share.account_id or None,
        share.group_id or None,
        token_hash,
        int(share.role),
        us_of(share.create_time),
        us_of(share.expire_time) if share.HasField("expire_time") else None,
        b"",
    )
    return _loaded(rows[0])


async def get(tx: Tx, share_id: str) -> Share | None:
    """The share, over or not, without names."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM shares s WHERE s.id = $1", share_id)  # noqa: S608
    return _loaded(rows[0]) if rows else None


async def of_conversation(tx: Tx, conversation_id: str) -> list[Share]:
    """The shares of a conversation that are not over, the oldest first, with names."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, a.record, g.record FROM shares s"  # noqa: S608
        " LEFT JOIN accounts a ON a.id = s.account_id LEFT JOIN groups g ON g.id = s.group_id"
        " WHERE s.conversation_id = $1 AND (s.expire_time IS NULL OR s.expire_time > $2) ORDER BY s.create_time, s.id",
        conversation_id,
        now_us(),
    )
    return [named(_loaded(columns), account, group) for *columns, account, group in rows]


async def count(tx: Tx, conversation_id: str) -> int:
    """How many shares a conversation has, over or not."""
    rows = await tx.fetch("SELECT count(*) FROM shares WHERE conversation_id = $1", conversation_id)
    return int_of(rows[0][0])


async def delete(tx: Tx, share_id: str) -> bool:
    """Removes a share. Whether there was one."""
    return await tx.execute("DELETE FROM shares WHERE id = $1", share_id) > 0


async def by_token(tx: Tx, token_hash: bytes) -> tuple[str, str] | None:
    """The id and the owner of the live conversation that a link opens."""
    rows = await tx.fetch(
        "SELECT c.id, c.owner FROM shares s JOIN conversations c ON c.id = s.conversation_id"
        " WHERE s.token_hash = $1 AND c.delete_time IS NULL AND (s.expire_time IS NULL OR s.expire_time > $2)",
        token_hash,
        now_us(),
    )
    return (str_of(rows[0][0]), str_of(rows[0][1])) if rows else None


async def access(tx: Tx, account_id: str, conversation_id: str) -> Access | None:
    """What an account has of a live conversation that is not its own, by name or through its groups."""
    rows = await tx.fetch(
        "SELECT s.role, c.owner, a.record FROM shares s JOIN conversations c ON c.id = s.conversation_id"  # noqa: S608
        f" JOIN accounts a ON a.id = c.owner WHERE s.conversation_id = $3 AND {_NOT_OVER}"
        " AND (s.account_id = $1 OR s.group_id IN (SELECT m.group_id FROM group_members m WHERE m.account_id = $1))"
        " AND c.owner <> $1 AND c.delete_time IS NULL ORDER BY s.role DESC LIMIT 1",
        account_id,
        now_us(),
        conversation_id,
    )
    if not rows:
        return None
    role, owner, record = rows[0]
    return Access(str_of(owner), _name(record), int_of(role))


async def by_name(tx: Tx, account_id: str, conversation_id: str) -> Share | None:
    """The share that names the account itself."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM shares s WHERE s.conversation_id = $2 AND s.account_id = $1",  # noqa: S608
        account_id,
        conversation_id,
    )
    return _loaded(rows[0]) if rows else None


async def audience(tx: Tx, conversation_id: str) -> Audience:
    """Everybody who has access to a conversation besides its owner. Nobody sees one that is deleted but its owner."""
    rows = await tx.fetch(
        "SELECT r.account_id, MAX(r.role), MAX(c.owner) FROM ("
        " SELECT s.conversation_id, s.account_id, s.role FROM shares s"
        " WHERE s.conversation_id = $1 AND s.account_id IS NOT NULL AND (s.expire_time IS NULL OR s.expire_time > $2)"
        " UNION ALL SELECT s.conversation_id, m.account_id, s.role FROM shares s"
        " JOIN group_members m ON m.group_id = s.group_id"
        " WHERE s.conversation_id = $1 AND (s.expire_time IS NULL OR s.expire_time > $2)"
        ") AS r JOIN conversations c ON c.id = r.conversation_id WHERE r.account_id <> c.owner"
        " AND c.delete_time IS NULL GROUP BY r.account_id ORDER BY r.account_id",
        conversation_id,
        now_us(),
    )
    if not rows:
        return NOBODY
    owner = await tx.fetch("SELECT record FROM accounts WHERE id = $1", rows[0][2])
    return Audience({str_of(account): int_of(role) for account, role, _ in rows}, _name(owner[0][0]))


async def shared_among(tx: Tx, conversation_ids: Sequence[str]) -> set[str]:
    """Those of these conversations that have any share."""
    found: set[str] = set()
    for some in chunks(conversation_ids):
        ids = marks(1, len(some))
        rows = await tx.fetch(f"SELECT DISTINCT conversation_id FROM shares WHERE conversation_id IN ({ids})", *some)  # noqa: S608
        found.update(str_of(row[0]) for row in rows)
    return found


async def page(
    tx: Tx, account_id: str, *, query: str, limit: int, before: tuple[int, str] | None
) -> list[Conversation]:
    """At most `limit` live conversations of others that are shared with an account, as conversations.page has its own.

    `access` and `owner_name` are filled in.
    """
    where = "c.owner <> $1 AND c.delete_time IS NULL"
    args: list[Value] = [account_id, now_us(), limit]
    if before is not None:
        where += " AND (c.update_time, c.id) < ($4, $5)"
        args.extend(before)
    if fold(query):
        args.append(containing(query))
        where += f" AND c.title_folded LIKE ${len(args)} ESCAPE '!'"
    rows = await tx.fetch(
        "SELECT c.revision, c.record, a.record, r.role FROM ("  # noqa: S608
        f" SELECT c.id, MAX(s.role) AS role FROM {GIVEN} AS s JOIN conversations c ON c.id = s.conversation_id"
        f" WHERE {where}"
        " GROUP BY c.id, c.update_time ORDER BY c.update_time DESC, c.id DESC LIMIT $3"
        ") AS r JOIN conversations c ON c.id = r.id JOIN accounts a ON a.id = c.owner"
        " ORDER BY c.update_time DESC, c.id DESC",
        *args,
    )
    return [
        show(conversations.loaded(revision, record), int_of(role), _name(owner))
        for revision, record, owner, role in rows
    ]


async def next_end(tx: Tx) -> int | None:
    """When (microseconds) the next share is over; it may be over already."""
    rows = await tx.fetch("SELECT MIN(expire_time) FROM shares WHERE expire_time IS NOT NULL")
    return None if rows[0][0] is None else int_of(rows[0][0])


async def over(tx: Tx, limit: int) -> list[Share]:
    """At most `limit` shares that are over, those that ended first."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM shares s WHERE s.expire_time <= $1 ORDER BY s.expire_time, s.id LIMIT $2",  # noqa: S608
        now_us(),
        limit,
    )
    return [_loaded(row) for row in rows]


async def of_account(tx: Tx, account_id: str) -> list[Share]:
    """The shares of all conversations of an account, and those that name it."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM shares s JOIN conversations c ON c.id = s.conversation_id WHERE c.owner = $1"  # noqa: S608
        f" UNION SELECT {_COLUMNS} FROM shares s WHERE s.account_id = $1",
        account_id,
    )
    return [_loaded(row) for row in rows]


async def recipients(tx: Tx, share: Share) -> list[str]:
    """The accounts that a share is for; none for a link."""
    if share.HasField("account_id"):
        return [share.account_id]
    if not share.HasField("group_id"):
        return []
    rows = await tx.fetch(
        "SELECT account_id FROM group_members WHERE group_id = $1 ORDER BY account_id", share.group_id
    )
    return [str_of(row[0]) for row in rows]


async def joined(tx: Tx, group_id: str, account_ids: Sequence[str]) -> None:
    """Tells accounts that came into a group of the conversations that are shared with it."""
    for conversation_id in await _of_group(tx, group_id):
        for account_id in sorted(account_ids):
            found = await access(tx, account_id, conversation_id)
            conversation = found and await conversations.get(tx, found.owner, conversation_id)
            if found and conversation:
                event = AccountEvent(conversation_created=show(conversation, found.role, found.owner_name))
                await account_events.append(tx, account_id, event)


async def left(tx: Tx, group_id: str, account_ids: Sequence[str]) -> None:
    """Tells accounts that went out of a group of the conversations that they have no more."""
    await lost(tx, await _of_group(tx, group_id), account_ids)


async def delete_of_group(tx: Tx, group_id: str, account_ids: Sequence[str]) -> None:
    """Removes the shares of a group that is about to be deleted, and tells its accounts."""
    conversation_ids = await _of_group(tx, group_id)
    await tx.execute("DELETE FROM shares WHERE group_id = $1", group_id)
    shared = await shared_among(tx, conversation_ids)
    for conversation_id in conversation_ids:
        found = await conversations.find(tx, conversation_id)
        if found is not None and conversation_id not in shared:
            owner, conversation = found
            conversation.shared = False
            updated = await conversations.update(tx, owner, conversation)
            await account_events.append(tx, owner, AccountEvent(conversation_updated=updated))
    await lost(tx, conversation_ids, account_ids)


async def lost(tx: Tx, conversation_ids: Sequence[str], account_ids: Sequence[str]) -> None:
    """Tells accounts of those conversations that are neither theirs nor shared with them any more."""
    for account_id in sorted(set(account_ids)):
        for conversation_id in conversation_ids:
            own = await tx.fetch(
                "SELECT 1 FROM conversations WHERE id = $1 AND owner = $2", conversation_id, account_id
            )
            if not own and await access(tx, account_id, conversation_id) is None:
                event = AccountEvent(conversation_deleted=conversation_id)
                await account_events.append(tx, account_id, event)


def named(share: _AnyShare, account: Value, group: Value) -> _AnyShare:
    """Fills in whom a share is for, by the record of the account or of the group."""
    if account is not None:
        person = Account.FromString(bytes_of(account))
        share.name, share.email = person.name, person.email
    if group is not None:
        share.name = Group.FromString(bytes_of(group)).name
    return share


def show(conversation: Conversation, role: int, owner_name: str) -> Conversation:
    """Fills in what a conversation says to somebody who does not own it."""
    conversation.access = cast("ShareRole", role)
    conversation.owner_name = owner_name
    return conversation


async def _of_group(tx: Tx, group_id: str) -> list[str]:
    rows = await tx.fetch(
        "SELECT s.conversation_id FROM shares s JOIN conversations c ON c.id = s.conversation_id"
        " WHERE s.group_id = $1 AND c.delete_time IS NULL AND (s.expire_time IS NULL OR s.expire_time > $2)"
        " ORDER BY c.update_time",
        group_id,
        now_us(),
    )
    return [str_of(row[0]) for row in rows]


def _name(record: Value) -> str:
    # The account of a server without sign-in has none.
    return "" if record is None else Account.FromString(bytes_of(record)).name


def _loaded(row: Row | Sequence[Value]) -> Share:
    share_id, conversation_id, account_id, group_id, token_hash, role, create_time, expire_time = row
    share = Share(
        id=str_of(share_id), conversation_id=str_of(conversation_id), role=cast("ShareRole", role),
        create_time=timestamp_of(int_of(create_time)),
    )  # fmt: skip
    if account_id is not None:
        share.account_id = str_of(account_id)
    elif group_id is not None:
        share.group_id = str_of(group_id)
    elif token_hash is not None:
        share.link = True
    if expire_time is not None:
        share.expire_time.CopyFrom(timestamp_of(int_of(expire_time)))
    return share
