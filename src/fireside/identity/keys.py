"""API keys: what programs call with in an account's name. A key may at most what its account may, and never changes what
opens an account.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import (
    FailedPreconditionError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from fireside.core.ids import new_id
from fireside.gen.v1.permission_pb2 import PERMISSION_UNSPECIFIED, Permission
from fireside.gen.v1.session_pb2 import ApiKey
from fireside.identity import audit, policy
from fireside.identity.standing import principal_of
from fireside.identity.tokens import API_KEY, hash_of, new_token
from fireside.store import api_keys
from fireside.store.records import timestamp_of, us_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fireside.core.principal import Origin, Principal
    from fireside.identity.changes import Changes
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_HINT_CHARACTERS = len(API_KEY) + 6
_MOST_KEYS = 100
_NOTE_USE_EVERY = 60_000_000
_CACHED = 10_000


class NewKey(NamedTuple):
    """What somebody wants a key to be."""

    name: str
    scopes: Sequence[Permission]
    expire_us: int | None


class ApiKeys:
    """The keys of all accounts."""

    def __init__(self, db: Database, changes: Changes, clock: Callable[[], int] = now_us) -> None:
        """`clock` gives microseconds since the Unix epoch."""
        self._db = db
        self._changes = changes
        self._clock = clock
        self._known: dict[bytes, Principal] = {}
        self._noted: dict[str, int] = {}
        self._epoch = 0
        changes.listen(self._changed)

    async def look_up(self, token: str) -> Principal | None:
        """Whose key it is and what it may; None for one that is wrong, has ended, or whose account may not be used."""
        token_hash = hash_of(token)
        known = self._known.get(token_hash) or await self._load(token_hash)
        if known is None or 0 < known.expire_us <= self._clock():
            return None
        await self._note_use(known.credential)
        return known

    async def create(self, principal: Principal, origin: Origin, wanted: NewKey) -> tuple[ApiKey, str]:
        """Makes a key and returns it with its secret, which cannot be had again.

        PermissionDeniedError (SCOPE_TOO_WIDE): the account itself may not do that. InvalidArgumentError: it would have
        ended already. FailedPreconditionError (TOO_MANY_KEYS).
        """
        now = self._clock()
        _check(principal, wanted, now)
        token = new_token(API_KEY)
        key = ApiKey(
            id=new_id(),
            name=wanted.name,
            hint=token[:_HINT_CHARACTERS],
            scopes=sorted(set(wanted.scopes)),
            create_time=timestamp_of(now),
            expire_time=None if wanted.expire_us is None else timestamp_of(wanted.expire_us),
        )

        async def body(tx: Tx) -> ApiKey:
            if len(await api_keys.of_owner(tx, principal.id)) >= _MOST_KEYS:
                raise FailedPreconditionError("TOO_MANY_KEYS", "There are a hundred keys already; delete one first.")
            made = await api_keys.insert(tx, principal.id, key, hash_of(token))
            await audit.record(tx, "key.created", actor=principal, origin=origin, target=(made.id, made.name))
            return made

        return await self._db.write(body), token

    async def listed(self, principal: Principal) -> list[ApiKey]:
        """The caller's keys, the newest first."""
        return await self._db.read(lambda tx: api_keys.of_owner(tx, principal.id))

    async def delete(self, principal: Principal, origin: Origin, key_id: str) -> None:
        """Ends a key and what runs with it. NotFoundError (KEY_NOT_FOUND)."""

        async def body(tx: Tx) -> None:
            gone = await api_keys.delete(tx, principal.id, key_id)
            if gone is None:
                raise NotFoundError("KEY_NOT_FOUND", "There is no such key.", api_key_id=key_id)
            await audit.record(tx, "key.deleted", actor=principal, origin=origin, target=(gone.id, gone.name))

        await self._changes.write(principal.id, body)

    async def _load(self, token_hash: bytes) -> Principal | None:
        epoch = self._epoch

        async def body(tx: Tx) -> tuple[ApiKey, Principal] | None:
            row = await api_keys.by_hash(tx, token_hash)
            who = None if row is None else await principal_of(tx, row.owner)
            return None if row is None or who is None else (row.key, who)

        found = await self._db.read(body)
        if found is None:
            return None
        key, who = found
        allowed = policy.narrowed_to_key(who.permissions, key.scopes)
        expire_us = us_of(key.expire_time) if key.HasField("expire_time") else 0
        known = replace(who, permissions=allowed, credential=key.id, by_session=False, expire_us=expire_us)
        # What was read before a change must not outlive it.
        if epoch == self._epoch:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[token_hash] = known
        return known

    async def _note_use(self, key_id: str) -> None:
        now = self._clock()
        if now - self._noted.get(key_id, 0) < _NOTE_USE_EVERY:
            return
        if len(self._noted) >= _CACHED:
            self._noted.clear()
        # Before it is written, so that of many calls at once one writes.
        self._noted[key_id] = now
        try:
            await self._db.write(lambda tx: api_keys.touch(tx, key_id, now, now - _NOTE_USE_EVERY))
        except FiresideError as error:
            # No reason to refuse a call that may need no write at all.
            logger.info("When a key was last used could not be stored: %s", error)

    def _changed(self, account_id: str) -> None:
        self._epoch += 1
        gone = [token for token, known in self._known.items() if account_id in ("", known.id)]
        for token in gone:
            del self._known[token]


def _check(principal: Principal, wanted: NewKey, now: int) -> None:
    if wanted.expire_us is not None and wanted.expire_us <= now:
        raise InvalidArgumentError("EXPIRE_TIME_PAST", "The key would have ended already; choose a later time.")
    scopes = frozenset(wanted.scopes)
    if PERMISSION_UNSPECIFIED in scopes:
        raise InvalidArgumentError("SCOPE_UNKNOWN", "A scope is a permission; PERMISSION_UNSPECIFIED is none.")
    beyond = scopes - policy.narrowed_to_key(principal.permissions, ())
    if beyond:
        names = ", ".join(sorted(Permission.Name(Permission.ValueType(number)) for number in beyond))
        raise PermissionDeniedError(
            "SCOPE_TOO_WIDE", f"A key of this account cannot be given {names}.", permissions=names
        )
