"""An account in its owner's hands: name, address, password, and its end. Sessions are sessions.py's, keys are keys.py's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, InvalidArgumentError, UnauthenticatedError
from fireside.identity import addresses, audit, links, mail_texts
from fireside.identity.sessions import single_user
from fireside.store import accounts, sessions

if TYPE_CHECKING:
    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.account_pb2 import Account
    from fireside.identity.attempts import Attempts
    from fireside.identity.changes import Changes
    from fireside.identity.links import Links
    from fireside.identity.mail import Mail
    from fireside.identity.passwords import Passwords
    from fireside.identity.removal import Removals
    from fireside.identity.sessions import Sessions
    from fireside.store.db import Database
    from fireside.store.tx import Tx


class ProfileChange(NamedTuple):
    """What is to change; None leaves it."""

    name: str | None = None
    language: str | None = None
    email: str | None = None
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What Profiles works with."""

    db: Database
    changes: Changes
    sessions: Sessions
    passwords: Passwords
    attempts: Attempts
    links: Links
    mail: Mail
    removals: Removals


class Profiles:
    """See AccountService for what the methods do for a person and what they raise. The caller is the account's owner."""

    def __init__(self, parts: Parts) -> None:
        self._db = parts.db
        self._changes = parts.changes
        self._sessions = parts.sessions
        self._passwords = parts.passwords
        self._attempts = parts.attempts
        self._links = parts.links
        self._mail = parts.mail
        self._removals = parts.removals

    async def get(self, principal: Principal) -> Account:
        """The caller's account."""
        return await self._db.read(lambda tx: _own(tx, principal))

    async def update(self, principal: Principal, origin: Origin, change: ProfileChange) -> Account:
        """Changes name, language or address."""
        before = await self.get(principal)
        name = before.name if change.name is None else change.name.strip()
        if not name:
            raise InvalidArgumentError("NAME_EMPTY", "A name has at least one character that can be seen.")
        email = before.email if change.email is None else addresses.checked(change.email)
        if email != before.email:
            await self._sessions.require_fresh(principal)

        async def body(tx: Tx) -> Account:
            account = await _own(tx, principal)
            details = _changes(account, name, email)
            account.name, account.email = name, email
            if change.language is not None:
                account.language = change.language
            if change.etag:
                account.etag = change.etag
            after = await accounts.update(tx, account)
            target = (after.id, after.name)
            await audit.record(tx, "account.updated", actor=principal, origin=origin, target=target, details=details)
            return after

        after = await self._changes.write(principal.id, body)
        if before.email and self._mail.configured and email != before.email:
            # To whoever could read the mails of the account until now, should it have been stolen.
            self._mail.send_later(before.email, mail_texts.moved(after.language, email, self._mail.url("/")))
        return after

    async def confirm_password(self, principal: Principal, origin: Origin, password: str) -> None:
        """The caller says once more who it is."""
        _require_accounts(principal)
        stored = await self._db.read(lambda tx: accounts.password_of(tx, principal.id))
        if stored is None:
            raise FailedPreconditionError(
                "NO_PASSWORD", "This account has no password: sign out and in again to confirm that it is you."
            )
        await self._verify(principal, origin, stored, password)
        await self._sessions.refresh(principal)

    async def change_password(
        self, principal: Principal, origin: Origin, current: str, new: str
    ) -> tuple[Account, str]:
        """Sets a password, ends all other sessions, and gives this one another token, which is returned."""
        _require_accounts(principal)
        stored = await self._db.read(lambda tx: accounts.password_of(tx, principal.id))
        if stored is None:
            await self._sessions.require_fresh(principal)
        else:
            await self._verify(principal, origin, stored, current)
        hashed = await self._passwords.hash(new)

        async def body(tx: Tx) -> tuple[Account, str]:
            await accounts.set_password(tx, principal.id, hashed)
            await sessions.delete_all(tx, principal.id, principal.credential)
            # A link that somebody else may have asked for must not undo this.
            await self._links.end_all(tx, links.PASSWORD, principal.id)
            token = await self._sessions.rotate_in(tx, principal)
            await sessions.set_fresh(tx, principal.credential, now_us())
            account = await _own(tx, principal)
            target = (account.id, account.name)
            await audit.record(tx, "password.changed", actor=principal, origin=origin, target=target)
            return account, token

        return await self._changes.write(principal.id, body)

    async def revoke_others(self, principal: Principal, origin: Origin) -> int:
        """Ends all sessions of the account but the one that calls, and their streams. Returns how many."""

        async def body(tx: Tx) -> int:
            ended = await sessions.delete_all(tx, principal.id, principal.credential)
            if ended:
                target = (principal.id, principal.name)
                details = {"sessions": str(ended)}
                await audit.record(
                    tx, "session.revoked", actor=principal, origin=origin, target=target, details=details
                )
            return ended

        return await self._changes.write(principal.id, body)

    async def remove(self, principal: Principal, origin: Origin, email: str) -> None:
        """Removes the account and all that belongs to it. InvalidArgumentError (EMAIL_MISMATCH)."""
        account = await self.get(principal)
        await self._sessions.require_fresh(principal)
        # Accounts of providers may have no address.
        if accounts.fold_email(email) != accounts.fold_email(account.email or account.name):
            raise InvalidArgumentError("EMAIL_MISMATCH", "That is not the address of this account; type it once more.")

        async def record(tx: Tx) -> None:
            target = (account.id, account.name)
            await audit.record(tx, "account.removed", actor=principal, origin=origin, target=target)

        await self._removals.remove(account, record)

    async def _verify(self, principal: Principal, origin: Origin, stored: str, password: str) -> None:
        # By id: whoever guesses in a stolen session must not keep the owner from signing in.
        self._attempts.check(origin.address, principal.id)
        if not await self._passwords.verify(stored, password):
            self._attempts.failed(origin.address, principal.id)
            raise UnauthenticatedError("PASSWORD_WRONG", "The password is wrong.")
        self._attempts.succeeded(origin.address, principal.id)


async def _own(tx: Tx, principal: Principal) -> Account:
    _require_accounts(principal)
    account = await accounts.get(tx, principal.id)
    if account is None:
        raise accounts.not_found(principal.id)
    return account


def _require_accounts(principal: Principal) -> None:
    """FailedPreconditionError (SINGLE_USER)."""
    if not principal.credential:
        raise single_user()


def _changes(account: Account, name: str, email: str) -> dict[str, str]:
    details: dict[str, str] = {}
    if account.name != name:
        details["name"] = f"{account.name} -> {name}"
    if account.email != email:
        details["email"] = f"{account.email} -> {email}"
    return details
