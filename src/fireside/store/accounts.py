"""Accounts: who can sign in, and what everything else belongs to. Not sign-in itself: that is identity's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from fireside.core.errors import AlreadyExistsError, NotFoundError
from fireside.core.ids import etag_of
from fireside.gen.v1 import account_pb2
from fireside.gen.v1.account_pb2 import Account
from fireside.store.folding import containing, fold
from fireside.store.records import bytes_of, int_of, revision_of, str_of, timestamp_of
from fireside.store.tx import StaleRowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.store.tx import Row, Tx, Value

FIRST: Final = "local"
"""The account of a server without sign-in, which the first admin takes over."""

_COLUMNS = (
    "id, role, state, revision, record, CASE WHEN password IS NULL THEN 0 ELSE 1 END,"
    " CASE WHEN totp IS NOT NULL OR EXISTS (SELECT 1 FROM passkeys WHERE passkeys.owner = accounts.id) THEN 1 ELSE 0 END,"
    " last_use_time"
)
_FILLED_IN = ("id", "role", "state", "group_ids", "has_password", "has_second_factor", "last_use_time", "etag")


async def ensure(tx: Tx, owner: str) -> None:
    """Makes the account's row if there is none."""
    await tx.execute("INSERT INTO accounts (id) VALUES ($1) ON CONFLICT DO NOTHING", owner)


def fold_email(email: str) -> str:
    """The form in which an address is compared."""
    return fold(email.strip())


async def get(tx: Tx, account_id: str) -> Account | None:
    """The account; None if there is none, or nobody has set it up."""
    return await _one(tx, "id = $1", account_id)


async def by_email(tx: Tx, email: str) -> Account | None:
    """The account with this address, whatever its case."""
    return await _one(tx, "email_folded = $1", fold_email(email))


async def by_subject(tx: Tx, subject: str) -> Account | None:
    """The account that an OpenID Connect provider knows: the provider's name, a space, what it calls the account."""
    return await _one(tx, "subject = $1", subject)


async def subject_of(tx: Tx, account_id: str) -> str:
    """See by_subject; empty for none."""
    rows = await tx.fetch("SELECT subject FROM accounts WHERE id = $1", account_id)
    return str_of(rows[0][0]) if rows and rows[0][0] is not None else ""


async def insert(tx: Tx, account: Account, *, password: str | None = None, subject: str = "") -> Account:
    """Stores a new account, with the hash of its password. AlreadyExistsError (EMAIL_TAKEN)."""
    await _refuse_taken(tx, account)
    await tx.execute(
        "INSERT INTO accounts (id, email_folded, name_folded, role, state, record, password, subject, revision)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
        *_values(account),
        password,
        subject or None,
    )
    return await _written(tx, account.id)


async def set_up(tx: Tx, account: Account, password: str) -> Account | None:
    """Makes the first account, FIRST, what `account` says. None, and nothing changed: there is one that can sign in."""
    await ensure(tx, FIRST)
    changed = await tx.execute(
        "UPDATE accounts SET email_folded = $2, name_folded = $3, role = $4, state = $5, record = $6, password = $7,"
        " revision = revision + 1 WHERE id = $1 AND state = 0"
        " AND NOT EXISTS (SELECT 1 FROM accounts AS others WHERE others.state <> 0)",
        FIRST,
        *_values(account)[1:],
        password,
    )
    return await _written(tx, FIRST) if changed else None


async def update(tx: Tx, account: Account) -> Account:
    """Stores a changed account and returns it with its next etag.

    AbortedError: it changed since it was read (an empty etag overwrites any). AlreadyExistsError (EMAIL_TAKEN).
    NotFoundError (ACCOUNT_NOT_FOUND).
    """
    await _refuse_taken(tx, account)
    args = _values(account)
    guard = ""
    if account.etag:
        guard = " AND revision = $7"
        args.append(revision_of(account.etag))
    changed = await tx.execute(
        "UPDATE accounts SET email_folded = $2, name_folded = $3, role = $4, state = $5, record = $6,"  # noqa: S608
        f" revision = revision + 1 WHERE id = $1 AND state <> 0{guard}",
        *args,
    )
    if not changed:
        if await get(tx, account.id) is None:
            raise not_found(account.id)
        raise StaleRowError("STALE_ETAG", "The account has changed; read it again.", account_id=account.id)
    return await _written(tx, account.id)


async def password_of(tx: Tx, account_id: str) -> str | None:
    """The hash of its password; None for none."""
    rows = await tx.fetch("SELECT password FROM accounts WHERE id = $1", account_id)
    return str_of(rows[0][0]) if rows and rows[0][0] is not None else None


async def set_password(tx: Tx, account_id: str, password: str | None) -> None:
    """Stores the hash of a password; None takes it away."""
    await tx.execute(
        "UPDATE accounts SET password = $2, revision = revision + 1 WHERE id = $1",
        account_id,
        password,
    )


async def set_subject(tx: Tx, account_id: str, subject: str) -> None:
    """Ties an account to a provider (see by_subject); empty for none."""
    await tx.execute(
        "UPDATE accounts SET subject = $2, revision = revision + 1 WHERE id = $1", account_id, subject or None
    )


async def use(tx: Tx, uses: Sequence[tuple[str, int]]) -> None:
    """Stores when (microseconds) accounts were last used. It changes no etag."""
    await tx.execute_many(
        "UPDATE accounts SET last_use_time = $2 WHERE id = $1 AND (last_use_time IS NULL OR last_use_time < $2)", uses
    )


async def delete(tx: Tx, account_id: str) -> bool:
    """Removes an account with all that belongs to it. Whether there was one."""
    return await tx.execute("DELETE FROM accounts WHERE id = $1", account_id) > 0


async def page(
    tx: Tx, query: str = "", state: int = 0, group_id: str = "", limit: int = 50, after: tuple[str, str] | None = None
) -> list[Account]:  # fmt: skip
    """At most `limit` accounts by name. `query` is a part of the name or address; 0 and empty mean all.

    `after` is what `place_of` gives for the last one of the page before.
    """
    where, args = _where(query, state, group_id)
    if after is not None:
        args.extend(after)
        where += f" AND (name_folded, id) > (${len(args) - 1}, ${len(args)})"
    args.append(limit)
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM accounts WHERE {where} ORDER BY name_folded, id LIMIT ${len(args)}",  # noqa: S608
        *args,
    )
    return [await _loaded(tx, row) for row in rows]


def place_of(account: Account) -> tuple[str, str]:
    """Where an account is in the order of `page`."""
    return fold(account.name), account.id


async def count(tx: Tx, query: str = "", state: int = 0, group_id: str = "") -> int:
    """How many accounts all pages have."""
    where, args = _where(query, state, group_id)
    rows = await tx.fetch(f"SELECT count(*) FROM accounts WHERE {where}", *args)  # noqa: S608
    return int_of(rows[0][0])


async def count_active_admins(tx: Tx) -> int:
    """How many admins can sign in. Asked by what might take the last one away."""
    rows = await tx.fetch(
        "SELECT count(*) FROM accounts WHERE role = $1 AND state = $2",
        account_pb2.ACCOUNT_ROLE_ADMIN,
        account_pb2.ACCOUNT_STATE_ACTIVE,
    )
    return int_of(rows[0][0])


async def is_set_up(tx: Tx) -> bool:
    """Whether there is an account that somebody has set up."""
    return bool(await tx.fetch("SELECT 1 FROM accounts WHERE state <> 0 LIMIT 1"))


def not_found(account_id: str) -> NotFoundError:
    """The error for an account that is not there."""
    return NotFoundError("ACCOUNT_NOT_FOUND", "There is no such account.", account_id=account_id)


async def _one(tx: Tx, where: str, value: str) -> Account | None:
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM accounts WHERE {where} AND state <> 0", value)  # noqa: S608
    return await _loaded(tx, rows[0]) if rows else None


async def _written(tx: Tx, account_id: str) -> Account:
    account = await get(tx, account_id)
    if account is None:
        raise not_found(account_id)
    return account


async def _refuse_taken(tx: Tx, account: Account) -> None:
    # Two at the same moment: on PostgreSQL the unique index has the second run again, and see the first here.
    if await tx.fetch(
        "SELECT 1 FROM accounts WHERE email_folded = $1 AND id <> $2", fold_email(account.email), account.id
    ):
        raise AlreadyExistsError("EMAIL_TAKEN", "There is an account with this address already.")


def _where(query: str, state: int, group_id: str) -> tuple[str, list[Value]]:
    where = "state <> 0"
    args: list[Value] = []
    if fold(query):
        args.append(containing(query))
        where += " AND (name_folded LIKE $1 ESCAPE '!' OR email_folded LIKE $1 ESCAPE '!')"
    if state:
        args.append(state)
        where += f" AND state = ${len(args)}"
    if group_id:
        args.append(group_id)
        where += f" AND id IN (SELECT account_id FROM group_members WHERE group_id = ${len(args)})"  # noqa: S608
    return where, args


def _values(account: Account) -> list[Value]:
    record = Account()
    record.CopyFrom(account)
    for field in _FILLED_IN:
        record.ClearField(field)
    return [
        account.id,
        # Accounts of providers may come without an address.
        fold_email(account.email) or None,
        fold(account.name),
        int(account.role),
        int(account.state),
        record.SerializeToString(),
    ]


async def _loaded(tx: Tx, row: Row) -> Account:
    account_id, role, state, revision, record, has_password, has_second_factor, last_use = row
    account = Account.FromString(bytes_of(record))
    account.id = str_of(account_id)
    account.role = cast("account_pb2.AccountRole", role)
    account.state = cast("account_pb2.AccountState", state)
    account.has_password = bool(has_password)
    account.has_second_factor = bool(has_second_factor)
    account.etag = etag_of(int_of(revision))
    if last_use is not None:
        account.last_use_time.CopyFrom(timestamp_of(int_of(last_use)))
    groups = await tx.fetch("SELECT group_id FROM group_members WHERE account_id = $1 ORDER BY group_id", account.id)
    account.group_ids.extend(str_of(group[0]) for group in groups)
    return account
