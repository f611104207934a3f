"""The accounts of a server in its admins' hands: list, make, change, let in, keep out, remove. Not invitations.

Nobody can give more than they may themselves, nor change the account of somebody who may more.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, InvalidArgumentError, OutOfRangeError
from fireside.core.ids import new_id
from fireside.gen.v1 import account_pb2
from fireside.gen.v1.account_pb2 import Account
from fireside.identity import addresses, admins, audit, links, once, policy, standing
from fireside.identity.removal import is_admin
from fireside.identity.server_policy import role_word, state_word
from fireside.store import accounts, api_keys, groups, second_factors, sessions
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.account_pb2 import AccountRole, AccountState
    from fireside.identity.changes import Changes
    from fireside.identity.links import Links
    from fireside.identity.passwords import Passwords
    from fireside.identity.removal import Removals
    from fireside.store.db import Database
    from fireside.store.tx import Tx

DEFAULT_PAGE: Final = 50
_DAY_SECONDS: Final = 24 * 60 * 60
_RESET_SECONDS: Final = _DAY_SECONDS
# Somebody new may be away for a few days.
_WELCOME_SECONDS: Final = 7 * _DAY_SECONDS
# So that a page token stays short, whatever the name.
_TOKEN_NAME_BYTES: Final = 100


class Admin(NamedTuple):
    """Who makes a change, and from where."""

    principal: Principal
    origin: Origin


class Query(NamedTuple):
    """Which accounts; see ListAccountsRequest."""

    text: str = ""
    state: int = 0
    group_id: str = ""


class Page(NamedTuple):
    """A page of accounts."""

    accounts: list[Account]
    next_token: str
    total: int
    pending: int


class NewAccount(NamedTuple):
    """An account to make; see CreateAccountRequest."""

    name: str
    email: str
    role: AccountRole
    group_ids: Collection[str] = ()
    password: str = ""
    request_id: str = ""


class Update(NamedTuple):
    """What is to change of an account; None leaves it."""

    name: str | None = None
    email: str | None = None
    role: AccountRole | None = None
    state: AccountState | None = None
    group_ids: Collection[str] | None = None
    etag: str = ""


class People:
    """See PeopleService for what the methods do and raise."""

    def __init__(
        self, db: Database, changes: Changes, one_time: Links, passwords: Passwords, removals: Removals
    ) -> None:
        self._db = db
        self._changes = changes
        self._links = one_time
        self._passwords = passwords
        self._removals = removals

    async def page(self, query: Query, size: int = 0, token: str = "") -> Page:
        """Accounts by name. Raises OutOfRangeError for a bad token."""
        size = size or DEFAULT_PAGE

        async def body(tx: Tx) -> tuple[list[Account], int, int]:
            after = await _place(tx, token)
            found = await accounts.page(tx, query.text, query.state, query.group_id, size + 1, after)
            total = await accounts.count(tx, query.text, query.state, query.group_id)
            return found, total, await accounts.count(tx, state=account_pb2.ACCOUNT_STATE_PENDING)

        found, total, pending = await self._db.read(body)
        more = len(found) > size
        return Page(found[:size], _token(found[size - 1]) if more else "", total, pending)

    async def find(self, email: str) -> Account | None:
        """The account with this address, whatever its case."""
        return await self._db.read(lambda tx: accounts.by_email(tx, email))

    async def create(self, admin: Admin, wanted: NewAccount) -> tuple[Account, str]:
        """Makes an account; the path of its one-time link, or empty if it has a password.

        A repeated request returns the same account, with a new link (links are kept nowhere).
        """
        email = addresses.checked(wanted.email)
        password = await self._passwords.hash(wanted.password) if wanted.password else None
        role = wanted.role or account_pb2.ACCOUNT_ROLE_MEMBER
        given = (wanted.name, wanted.email, str(wanted.role), *sorted(wanted.group_ids))
        change = once.Repeatable(
            admin.principal.id, wanted.request_id, "create account", "\n".join(given).encode()
        )  # fmt: skip

        async def body(tx: Tx) -> tuple[Account, str]:
            account = await accounts.get(tx, await once.earlier(tx, change)) if change.request_id else None
            if account is None:
                account = Account(
                    id=new_id(),
                    name=wanted.name.strip(),
                    email=email,
                    role=role,
                    state=account_pb2.ACCOUNT_STATE_ACTIVE,
                    create_time=timestamp_of(now_us()),
                )
                await _insert(tx, account, password)
                await groups.set_of_account(tx, account.id, wanted.group_ids)
                account = await _must_get(tx, account.id)
                policy.require_as_much(admin.principal, await standing.permissions_of(tx, account))
                await once.done(tx, change, account.id)
                await _record(tx, admin, "account.created", account, {"role": role_word(role)})
            if account.has_password:
                return account, ""
            return account, await self._link(tx, "/welcome", account, _WELCOME_SECONDS)

        # Nobody remembers anything of an account that was not there.
        return await self._db.write(body)

    async def update(self, admin: Admin, account_id: str, update: Update) -> Account:
        """Changes an account; it holds at once, also for what is open."""
        _check(update)
        email = None if update.email is None else addresses.checked(update.email)

        async def body(tx: Tx) -> Account:
            before = await self._changeable(tx, admin, account_id)
            could_before = await standing.permissions_of(tx, before)
            after = Account()
            after.CopyFrom(before)
            after.etag = update.etag or before.etag
            if update.name is not None:
                after.name = update.name.strip()
            if email is not None:
                after.email = email
            after.role = update.role or before.role
            after.state = update.state or before.state
            await accounts.update(tx, after)
            moved = (set[str](), set[str]())
            if update.group_ids is not None:
                moved = await groups.set_of_account(tx, account_id, update.group_ids)
            after = await _must_get(tx, account_id)
            may_now = await standing.permissions_of(tx, after)
            policy.require_as_much(admin.principal, may_now)
            if is_admin(before) and not is_admin(after):
                await admins.keep_one(tx)
            closed = after.state != before.state and after.state == account_pb2.ACCOUNT_STATE_DISABLED
            if closed:
                await self._end_all(tx, account_id)
            if after.email != before.email:
                # They may have been mailed to the address that is no longer theirs.
                await self._links.end_all(tx, links.PASSWORD, account_id)
            if closed or could_before - may_now:
                # Nobody comes in again through an invitation that they could no longer make.
                await self._links.end_all(tx, links.INVITATION, account_id)
            await _record_update(tx, admin, before, after)
            await _record_moves(tx, admin, after, *moved)
            return after

        return await self._changes.write(account_id, body)

    async def remove(self, admin: Admin, account_id: str, email: str) -> None:
        """Removes an account and all that belongs to it. InvalidArgumentError (EMAIL_MISMATCH)."""
        account = await self._db.read(lambda tx: self._changeable(tx, admin, account_id))
        # Accounts of providers may have no address.
        if accounts.fold_email(email) != accounts.fold_email(account.email or account.name):
            raise InvalidArgumentError(
                "EMAIL_MISMATCH", "That is not the address of the account that is to be removed."
            )
        await self._removals.remove(account, lambda tx: _record(tx, admin, "account.removed", account))

    async def password_link(self, admin: Admin, account_id: str) -> str:
        """The path of a new one-time link to set a password; earlier ones end."""

        async def body(tx: Tx) -> str:
            account = await self._changeable(tx, admin, account_id)
            await _record(tx, admin, "password.link_made", account)
            return await self._link(tx, "/reset", account, _RESET_SECONDS)

        return await self._db.write(body)

    async def sign_out(self, admin: Admin, account_id: str) -> None:
        """Ends all sessions and keys of an account."""

        async def body(tx: Tx) -> None:
            account = await self._changeable(tx, admin, account_id)
            await _record(tx, admin, "session.revoked", account, await self._end_all(tx, account_id))

        await self._changes.write(account_id, body)

    async def remove_second_factors(self, admin: Admin, account_id: str) -> None:
        """Takes an account's second factors away."""

        async def body(tx: Tx) -> None:
            account = await self._changeable(tx, admin, account_id)
            await second_factors.remove_all(tx, account_id)
            await _record(tx, admin, "second_factor.removed", account)

        await self._changes.write(account_id, body)

    async def _changeable(self, tx: Tx, admin: Admin, account_id: str) -> Account:
        account = await _must_get(tx, account_id)
        policy.require_as_much(admin.principal, await standing.permissions_of(tx, account))
        return account

    async def _link(self, tx: Tx, path: str, account: Account, seconds: int) -> str:
        await self._links.end_all(tx, links.PASSWORD, account.id)
        _, token = await self._links.make(tx, links.PASSWORD, seconds, owner=account.id)
        return f"{path}#{token}"

    async def _end_all(self, tx: Tx, account_id: str) -> dict[str, str]:
        ended = await sessions.delete_all(tx, account_id), await api_keys.delete_all(tx, account_id)
        await self._links.end_all(tx, links.PASSWORD, account_id)
        return {"sessions": str(ended[0]), "keys": str(ended[1])}


async def _insert(tx: Tx, account: Account, password: str | None) -> None:
    if await accounts.is_set_up(tx):
        await accounts.insert(tx, account, password=password)
        return
    # As SetUp makes it: what the server held until now belongs to the first account.
    if account.role != account_pb2.ACCOUNT_ROLE_ADMIN:
        raise FailedPreconditionError("NOT_SET_UP", "The first account of a server has to be an admin.")
    account.id = accounts.FIRST
    await accounts.set_up(tx, account, password or "")
    if password is None:
        await accounts.set_password(tx, account.id, None)


def _check(update: Update) -> None:
    if update.role == account_pb2.ACCOUNT_ROLE_UNSPECIFIED:
        raise InvalidArgumentError("ROLE_REQUIRED", "An account has a role: admin, member or guest.")
    if update.state in {account_pb2.ACCOUNT_STATE_UNSPECIFIED, account_pb2.ACCOUNT_STATE_PENDING}:
        raise InvalidArgumentError("STATE_REQUIRED", "An account can be made active or disabled.")


async def _must_get(tx: Tx, account_id: str) -> Account:
    account = await accounts.get(tx, account_id)
    if account is None:
        raise accounts.not_found(account_id)
    return account


async def _record(
    tx: Tx, admin: Admin, action: str, account: Account, details: Mapping[str, str] | None = None
) -> None:
    target = (account.id, account.email or account.name)
    await audit.record(
        tx, action, actor=admin.principal, origin=admin.origin, target=target, details=details or {}
    )  # fmt: skip


async def _record_update(tx: Tx, admin: Admin, before: Account, after: Account) -> None:
    pairs = {"name": (before.name, after.name), "email": (before.email, after.email)}
    if changed := {key: f"{was} -> {now}" for key, (was, now) in pairs.items() if was != now}:
        await _record(tx, admin, "account.updated", after, changed)
    if before.role != after.role:
        details = {"role": f"{role_word(before.role)} -> {role_word(after.role)}"}
        await _record(tx, admin, "account.role_changed", after, details)
    if before.state != after.state:
        details = {"state": f"{state_word(before.state)} -> {state_word(after.state)}"}
        await _record(tx, admin, "account.state_changed", after, details)


async def _record_moves(tx: Tx, admin: Admin, account: Account, joined: set[str], left: set[str]) -> None:
    details: dict[str, str] = {}
    for key, group_ids in (("added", joined), ("removed", left)):
        found = [group.name for group_id in sorted(group_ids) if (group := await groups.get(tx, group_id))]
        if found:
            details[key] = ", ".join(found)
    if details:
        await _record(tx, admin, "group.members_changed", account, details)


def _token(last: Account) -> str:
    name, account_id = accounts.place_of(last)
    cut = name.encode()[:_TOKEN_NAME_BYTES].decode(errors="ignore")
    return base64.urlsafe_b64encode(f"{account_id} {cut}".encode()).decode().rstrip("=")


async def _place(tx: Tx, token: str) -> tuple[str, str] | None:
    if not token:
        return None
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    account_id, space, name = text.partition(" ")
    if not space:
        raise OutOfRangeError(
            "PAGE_TOKEN_OUT_OF_RANGE", "The page token is not one of this listing: start at the first page."
        )
    # A long name was cut: what is stored of the account is exact, while it is there.
    if len(name.encode()) >= _TOKEN_NAME_BYTES - 3 and (account := await accounts.get(tx, account_id)) is not None:
        return accounts.place_of(account)
    return name, account_id
