"""Signing in: the first account, passwords, second factors, and where all ways end in a session. Not sign-up: sign_up.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, PermissionDeniedError, UnauthenticatedError
from fireside.core.principal import ANONYMOUS, Origin, Principal
from fireside.gen.v1 import account_pb2
from fireside.gen.v1.account_pb2 import Account
from fireside.identity import audit
from fireside.identity.standing import must_add_second_factor
from fireside.store import accounts, sessions
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fireside.gen.v1.auth_service_pb2 import SecondFactorNeeded
    from fireside.identity.attempts import Attempts
    from fireside.identity.changes import Changes
    from fireside.identity.first_visit import FirstVisit
    from fireside.identity.passwords import Passwords
    from fireside.identity.sessions import Sessions
    from fireside.store.db import Database
    from fireside.store.tx import Tx

PASSWORD: Final = "password"  # noqa: S105 A way to sign in, not a password.
SECOND_FACTOR: Final = "second factor"
PASSKEY: Final = "passkey"
PROVIDER: Final = "provider"
_SET_UP: Final = "set-up"
# What proves more than that somebody knows a password.
_ENOUGH: Final = frozenset((SECOND_FACTOR, PASSKEY, PROVIDER))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What signing in came to: a session, or what more is needed."""

    account: Account | None
    """Who has signed in; None for nobody yet."""

    token: str = field(default="", repr=False)
    """The session's, for the cookie; empty for none."""

    needed: SecondFactorNeeded | None = None
    pending: bool = False
    """Whether the account waits for an admin's approval."""


class Newcomer(NamedTuple):
    """The first admin, as they describe themselves."""

    name: str
    email: str
    password: str
    language: str


class SecondFactors(Protocol):
    """What accounts ask for besides a password."""

    async def needed(self, account_id: str) -> SecondFactorNeeded | None:
        """What is needed, with a new challenge; None for nothing."""
        ...

    async def complete(self, challenge: str, totp_code: str = "", recovery_code: str = "") -> str:
        """The account whose challenge it is. UnauthenticatedError (CODE_WRONG, CHALLENGE_ENDED)."""
        ...


class State(NamedTuple):
    """What a sign-in screen has to know of the server and of who looks at it."""

    needs_set_up: bool
    needs_set_up_token: bool
    account: Account | None
    must_add_second_factor: bool


@dataclass(frozen=True, slots=True)
class Needs:
    """What SignIn works with."""

    db: Database
    changes: Changes
    sessions: Sessions
    passwords: Passwords
    attempts: Attempts
    factors: SecondFactors
    first: FirstVisit


class SignIn:
    """See AuthService for what the methods do for a person."""

    def __init__(self, needs: Needs) -> None:
        self._db = needs.db
        self._changes = needs.changes
        self._sessions = needs.sessions
        self._passwords = needs.passwords
        self._attempts = needs.attempts
        self._factors = needs.factors
        self._first = needs.first
        self._set_up = False

    async def is_set_up(self) -> bool:
        """Whether there is an admin. Once there was, there always is."""
        self._set_up = self._set_up or await self._db.read(accounts.is_set_up)
        return self._set_up

    async def state(self, principal: Principal, origin: Origin) -> State:
        """What there is to do for the caller before they are signed in, and who they are then."""
        if not await self.is_set_up():
            return State(True, self._first.needs_token(origin), None, False)

        async def body(tx: Tx) -> State:
            account = await accounts.get(tx, principal.id) if principal.id else None
            owes = account is not None and await must_add_second_factor(tx, account)
            return State(False, False, account, owes)

        return await self._db.read(body)

    async def set_up(self, newcomer: Newcomer, token: str, origin: Origin) -> SignedIn:
        """Makes the first admin, to whom all belongs that the server held. See AuthService.SetUp for the errors."""
        if await self.is_set_up():
            raise _already_set_up()
        self._attempts.check(origin.address, _SET_UP)
        if not await self._db.read(lambda tx: self._first.allows(tx, token, origin)):
            self._attempts.failed(origin.address, _SET_UP)
            raise PermissionDeniedError(
                "SET_UP_TOKEN",
                "Open the set-up link that the server printed when it started, or its address on its own machine.",
            )
        password = await self._passwords.hash(newcomer.password)
        wanted = Account(
            id=accounts.FIRST,
            email=newcomer.email,
            name=newcomer.name,
            language=newcomer.language,
            role=account_pb2.ACCOUNT_ROLE_ADMIN,
            state=account_pb2.ACCOUNT_STATE_ACTIVE,
            create_time=timestamp_of(now_us()),
        )

        async def body(tx: Tx) -> SignedIn:
            account = await accounts.set_up(tx, wanted, password)
            if account is None:
                raise _already_set_up()
            await self._first.end(tx)
            actor = Principal(id=account.id, name=account.name, email=account.email)
            await audit.record(tx, "setup.done", actor=actor, origin=origin, target=(account.id, account.name))
            return SignedIn(account, await self._sessions.start_in(tx, account.id, origin))

        signed_in = await self._changes.write(accounts.FIRST, body)
        self._set_up = True
        return signed_in

    async def sign_in(self, email: str, password: str, origin: Origin) -> SignedIn:
        """Signs in by address and password. UnauthenticatedError (SIGN_IN_FAILED), and what `finish` raises."""

        async def body(tx: Tx) -> tuple[Account | None, str | None, bool]:
            account = await accounts.by_email(tx, email)
            if account is None:
                return None, None, False
            known = await sessions.has_used(tx, account.id, origin.address)
            return account, await accounts.password_of(tx, account.id), known

        account, stored, known = await self._db.read(body)
        self._attempts.begin(origin.address, email, known=known)
        try:
            right = await self._passwords.verify(stored, password)
        except BaseException:
            self._attempts.undo(origin.address, email)
            raise
        if account is None or not right:
            await self._failed(Principal(id="", email=email), origin, PASSWORD)
            raise UnauthenticatedError("SIGN_IN_FAILED", "The address or the password is wrong.")
        self._attempts.undo(origin.address, email)
        self._attempts.succeeded(origin.address, email)
        return await self.finish(account, origin, how=PASSWORD)

    async def complete(self, challenge: str, totp_code: str, recovery_code: str, origin: Origin) -> SignedIn:
        """Signs in by a second factor. UnauthenticatedError (CODE_WRONG, CHALLENGE_ENDED), and what `finish` raises."""
        # Whose challenge it is, is told by no address that anybody types: it counts by itself.
        return await self.by_proof(
            lambda: self._factors.complete(challenge, totp_code, recovery_code), challenge, origin, how=SECOND_FACTOR
        )

    async def by_proof(self, proof: Callable[[], Awaitable[str]], typed: str, origin: Origin, *, how: str) -> SignedIn:
        """Signs in as the account that `proof` comes to; its UnauthenticatedError counts as a wrong try of `typed`."""
        self._attempts.begin(origin.address, typed)
        try:
            account_id = await proof()
        except UnauthenticatedError:
            await self._failed(ANONYMOUS, origin, how)
            raise
        except BaseException:
            self._attempts.undo(origin.address, typed)
            raise
        self._attempts.undo(origin.address, typed)
        account = await self._db.read(lambda tx: accounts.get(tx, account_id))
        if account is None:
            raise UnauthenticatedError("CHALLENGE_ENDED", "This took too long. Sign in again.")
        return await self.finish(account, origin, how=how)

    async def finish(self, account: Account, origin: Origin, *, how: str) -> SignedIn:
        """Starts a session for who proved to be `account` by `how`, unless more is needed or the account waits.

        FailedPreconditionError (ACCOUNT_DISABLED).
        """
        if account.state == account_pb2.ACCOUNT_STATE_PENDING:
            return SignedIn(None, pending=True)
        if account.state != account_pb2.ACCOUNT_STATE_ACTIVE:
            raise FailedPreconditionError("ACCOUNT_DISABLED", "This account was closed; ask an admin of the server.")
        if how not in _ENOUGH and (needed := await self._factors.needed(account.id)) is not None:
            return SignedIn(None, needed=needed)

        async def body(tx: Tx) -> str:
            actor = Principal(id=account.id, name=account.name, email=account.email)
            await audit.record(tx, "session.signed_in", actor=actor, origin=origin, details={"how": how})
            return await self._sessions.start_in(tx, account.id, origin)

        return SignedIn(account, await self._db.write(body))

    async def sign_out(self, principal: Principal, origin: Origin) -> None:
        """Ends the session of the call; a key stays."""
        if principal.by_session and principal.credential:
            await self._sessions.revoke(principal, origin, principal.credential)

    async def replace_session(self, principal: Principal) -> None:
        """Ends the session that a browser had before it signed in again. Quietly: it is gone either way."""
        if principal.by_session and principal.credential:
            await self._changes.write(principal.id, lambda tx: _delete(tx, principal))

    async def _failed(self, actor: Principal, origin: Origin, how: str) -> None:
        async def body(tx: Tx) -> None:
            await audit.record(tx, "session.failed", actor=actor, origin=origin, succeeded=False, details={"how": how})

        await self._db.write(body)


async def _delete(tx: Tx, principal: Principal) -> bool:
    return await sessions.delete(tx, principal.id, principal.credential)


def _already_set_up() -> FailedPreconditionError:
    return FailedPreconditionError("ALREADY_SET_UP", "There is an admin already: sign in.")
