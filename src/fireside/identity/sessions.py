"""Sessions of people who have signed in, and who calls with which credential. Not how one signs in: that is sign_in.py.

A call with a known credential reads no store and costs a few microseconds. What is remembered of an account is forgotten
when it changes (changes.py), so that what ended opens nothing any more: at once here, within a second elsewhere.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from fireside.core.clock import now_us
from fireside.core.errors import FailedPreconditionError, NotFoundError, UnauthenticatedError
from fireside.core.ids import new_id
from fireside.core.principal import ANONYMOUS, LOCAL, Origin, Principal
from fireside.gen.v1.session_pb2 import Session
from fireside.identity import audit, tokens
from fireside.identity.devices import described
from fireside.identity.standing import principal_of
from fireside.identity.uses import Uses
from fireside.store import sessions
from fireside.store.records import timestamp_of
from fireside.store.sessions import StoredSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.gen.v1.policy_pb2 import Policy
    from fireside.identity.changes import Changes
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

FRESH_SECONDS: Final = 15 * 60
"""How long a session that proved who it is may change what opens the account."""

_SECOND = 1_000_000
_DAY = 24 * 60 * 60 * _SECOND
_NOTED_EVERY = 60 * _SECOND
_MOST_KNOWN = 50_000
_MOST_OF_ONE = 100


class Keys(Protocol):
    """API keys, as far as calls need them."""

    async def look_up(self, token: str) -> Principal | None:
        """Whose key it is; None for one that opens nothing."""
        ...


class Ruling(Protocol):
    """The server's policy, as far as sessions need it."""

    @property
    def current(self) -> Policy:
        """The policy that holds."""
        ...


class _Known:
    """What is remembered of a session."""

    __slots__ = ("address", "principal", "used_us")

    def __init__(self, principal: Principal, used_us: int, address: str) -> None:
        self.principal = principal
        self.used_us = used_us
        self.address = address


class Sessions:
    """The sessions of all accounts; the Authenticator of a server with accounts. `open` before use, `aclose` at the end."""

    def __init__(
        self, db: Database, changes: Changes, policies: Ruling, keys: Keys, clock: Callable[[], int] = now_us
    ) -> None:
        """`clock` gives microseconds since the Unix epoch."""
        self._db = db
        self._changes = changes
        self._policies = policies
        self._keys = keys
        self._clock = clock
        self._uses = Uses(db)
        self._known: dict[bytes, _Known] = {}
        self._epoch = 0
        changes.listen(self._forget)

    def open(self) -> None:
        """Begins to note uses and to remove what ran out."""
        self._uses.open()

    async def aclose(self) -> None:
        """Notes what is left to note."""
        await self._uses.aclose()

    async def flush(self) -> None:
        """Stores what is known of when sessions and accounts were used."""
        await self._uses.flush()

    async def authenticate(self, bearer: str, cookie: str, origin: Origin) -> Principal:
        """The caller; ANONYMOUS without a credential. UnauthenticatedError (KEY_INVALID, SESSION_ENDED).

        When it returns, what it returns has held since the last time that the event loop was given away.
        """
        if bearer:
            return await self._by_key(bearer)
        if not cookie:
            return ANONYMOUS
        token_hash = tokens.hash_of(cookie)
        now = self._clock()
        known = self._known.get(token_hash)
        if known is None or known.principal.expire_us <= now:
            known = await self._load(token_hash, now)
        if now - known.used_us >= _NOTED_EVERY or known.address != origin.address:
            self._note(known, now, origin.address)
        return known.principal

    async def start(self, account_id: str, origin: Origin) -> str:
        """A new session, which has just proved who it is. Returns its token."""
        return await self._db.write(lambda tx: self.start_in(tx, account_id, origin))

    async def start_in(self, tx: Tx, account_id: str, origin: Origin) -> str:
        """Like `start`, as a part of a transaction."""
        now = self._clock()
        token = tokens.new_token(tokens.SESSION)
        session = Session(
            id=new_id(), device=described(origin.device), address=origin.address, create_time=timestamp_of(now)
        )
        for old in (await sessions.of_owner(tx, account_id, now))[_MOST_OF_ONE - 1 :]:
            await sessions.delete(tx, account_id, old.session.id)
        stored = StoredSession(session, account_id, now, now + self._lifetime(), now)
        await sessions.insert(tx, tokens.hash_of(token), stored)
        self._uses.of_account(account_id, now)
        return token

    async def rotate_in(self, tx: Tx, principal: Principal) -> str:
        """A new token for the caller's session, in a transaction of Changes.write; the old one opens nothing any more."""
        token = tokens.new_token(tokens.SESSION)
        if not await sessions.set_token(tx, principal.credential, tokens.hash_of(token)):
            raise _ended()
        return token

    async def require_fresh(self, principal: Principal) -> None:
        """FailedPreconditionError (CONFIRM_PASSWORD) unless the session proved who it is within the last 15 minutes.

        FailedPreconditionError (SINGLE_USER) on a server without sign-in.
        """
        if principal.id == LOCAL.id and not principal.credential:
            raise single_user()
        now = self._clock()
        stored = await self._db.read(lambda tx: sessions.get(tx, principal.credential, now))
        if stored is None or stored.owner != principal.id or now - stored.fresh_us > FRESH_SECONDS * _SECOND:
            raise FailedPreconditionError(
                "CONFIRM_PASSWORD", "Confirm that it is you: give your password (or passkey) once more."
            )

    async def refresh(self, principal: Principal) -> None:
        """The caller's session has just proved who it is. UnauthenticatedError (SESSION_ENDED)."""
        now = self._clock()
        if not await self._db.write(lambda tx: sessions.set_fresh(tx, principal.credential, now)):
            raise _ended()

    async def sessions_of(self, principal: Principal) -> list[Session]:
        """The caller's sessions, the last used first; the one that calls is marked."""
        await self._uses.flush()
        now = self._clock()
        found = [stored.session for stored in await self._db.read(lambda tx: sessions.of_owner(tx, principal.id, now))]
        for session in found:
            session.current = session.id == principal.credential
        return found

    async def revoke(self, principal: Principal, origin: Origin, session_id: str) -> None:
        """Ends a session of the caller's, and its streams. NotFoundError (SESSION_NOT_FOUND)."""
        action = "session.signed_out" if session_id == principal.credential else "session.revoked"

        async def body(tx: Tx) -> None:
            if not await sessions.delete(tx, principal.id, session_id):
                raise NotFoundError("SESSION_NOT_FOUND", "There is no such session; it may have ended already.")
            target = (principal.id, principal.name)
            await audit.record(
                tx, action, actor=principal, origin=origin, target=target, details={"session": session_id}
            )

        await self._changes.write(principal.id, body)

    async def revoke_all(self, account_id: str, but: str = "") -> int:
        """Ends the sessions of an account and their streams, but one. Returns how many. The caller records it."""
        return await self._changes.write(account_id, lambda tx: sessions.delete_all(tx, account_id, but))

    def _lifetime(self) -> int:
        return self._policies.current.session_days * _DAY

    async def _by_key(self, bearer: str) -> Principal:
        principal = None
        if bearer.startswith(tokens.API_KEY):
            epoch = -1
            while epoch != self._epoch:
                epoch = self._epoch
                principal = await self._keys.look_up(bearer)
        if principal is None:
            raise UnauthenticatedError("KEY_INVALID", "This API key is wrong or has ended; make another one.")
        self._uses.of_account(principal.id, self._clock())
        return principal

    async def _load(self, token_hash: bytes, now: int) -> _Known:
        """Reads a session again until nothing changed meanwhile. UnauthenticatedError (SESSION_ENDED)."""
        while True:
            epoch = self._epoch
            known = await self._db.read(lambda tx: self._read(tx, token_hash, now))
            if epoch != self._epoch:
                continue
            if known is None:
                self._known.pop(token_hash, None)
                raise _ended()
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[token_hash] = known
            return known

    async def _read(self, tx: Tx, token_hash: bytes, now: int) -> _Known | None:
        stored = await sessions.by_token(tx, token_hash, now)
        if stored is None:
            return None
        # Days that have become fewer hold at once.
        expire_us = min(stored.expire_us, stored.last_use_us + self._lifetime())
        principal = await principal_of(tx, stored.owner)
        if principal is None or expire_us <= now:
            return None
        principal = replace(principal, credential=stored.session.id, by_session=True, expire_us=expire_us)
        return _Known(principal, stored.last_use_us, stored.session.address)

    def _note(self, known: _Known, now: int, address: str) -> None:
        known.used_us, known.address = now, address
        known.principal = replace(known.principal, expire_us=now + self._lifetime())
        self._uses.of_session(sessions.Use(known.principal.credential, now, known.principal.expire_us, address))
        self._uses.of_account(known.principal.id, now)

    def _forget(self, account_id: str) -> None:
        self._epoch += 1
        if not account_id:
            self._known.clear()
            return
        for token_hash in [each for each, known in self._known.items() if known.principal.id == account_id]:
            del self._known[token_hash]


def single_user() -> FailedPreconditionError:
    """The error of what needs accounts, on a server that has none."""
    return FailedPreconditionError(
        "SINGLE_USER", "This server has one account and no sign-in. Start it without --single-user to use accounts."
    )


def _ended() -> UnauthenticatedError:
    return UnauthenticatedError("SESSION_ENDED", "You were signed out. Sign in again.")
