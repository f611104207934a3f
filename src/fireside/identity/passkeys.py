"""Passkeys: added, used to sign in (alone, or after a password), and removed. What WebAuthn asks for is passkey_proofs.py's."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from fireside.core.ids import new_id
from fireside.gen.v1.second_factor_pb2 import Passkey
from fireside.identity import challenges, links, passkey_proofs
from fireside.identity.buckets import Buckets
from fireside.identity.challenges import Challenge
from fireside.identity.passkey_proofs import NewCredential, Owner, Party, ProofError
from fireside.identity.second_factors import record_change
from fireside.store import second_factors
from fireside.store.second_factors import StoredPasskey

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.core.principal import Origin, Principal
    from fireside.identity.changes import Changes
    from fireside.identity.links import Link, Links
    from fireside.store.db import Database
    from fireside.store.tx import Tx

_CHALLENGE_SECONDS: Final = 300
_MOST_OF_ONE = 20
_NONCE_BYTES = 32


class Asked(NamedTuple):
    """What the browser is asked for."""

    options_json: str
    challenge: str


class Answer(NamedTuple):
    """What the browser answered to it."""

    challenge: str
    credential_json: str


class _Taken(NamedTuple):
    """A challenge that was answered, and the passkey that the answer names."""

    owner: str
    challenge: Challenge
    passkey: StoredPasskey | None

    @property
    def nonce(self) -> bytes:
        return bytes.fromhex(self.challenge.nonce)


class Passkeys:
    """The passkeys of all accounts."""

    def __init__(
        self, db: Database, changes: Changes, one_time: Links, public_url: str = "", clock: Callable[[], int] = now_us
    ) -> None:
        """`clock` gives microseconds since the Unix epoch."""
        self._db = db
        self._changes = changes
        self._links = one_time
        self._public_url = public_url
        self._clock = clock
        # Anybody can begin, and each time is a row in the store.
        self._begun = Buckets(burst=30, every=2.0, clock=time.monotonic)

    def usable(self, origin: Origin) -> bool:
        """Whether passkeys work under the name that the server was called by."""
        return passkey_proofs.installed() and passkey_proofs.party_of(origin, self._public_url) is not None

    async def begin(self, principal: Principal, origin: Origin) -> Asked:
        """Begins to add one. UnimplementedError (PASSKEYS_UNAVAILABLE). FailedPreconditionError (TOO_MANY_PASSKEYS)."""
        party = self._party(origin)
        nonce = secrets.token_bytes(_NONCE_BYTES)

        async def body(tx: Tx) -> tuple[list[StoredPasskey], str]:
            known = await second_factors.passkeys(tx, principal.id)
            if len(known) >= _MOST_OF_ONE:
                raise FailedPreconditionError("TOO_MANY_PASSKEYS", "There are 20 passkeys already; remove one first.")
            return known, await self._make(tx, Challenge(challenges.PASSKEY_NEW, nonce.hex()), principal.id)

        known, token = await self._db.write(body)
        owner = Owner(principal.id, principal.email or principal.name or principal.id, principal.name)
        return Asked(passkey_proofs.ask_for_new(party, owner, nonce, [each.credential_id for each in known]), token)

    async def finish(self, principal: Principal, origin: Origin, answer: Answer, name: str) -> Passkey:
        """Adds it. InvalidArgumentError (PASSKEY_WRONG)."""
        party = self._party(origin)
        taken = await self._db.write(lambda tx: self._take(tx, answer.challenge, challenges.PASSKEY_NEW))
        if taken is None or taken.owner != principal.id:
            raise _not_added()
        try:
            made = passkey_proofs.check_new(party, taken.nonce, answer.credential_json)
        except ProofError:
            raise _not_added() from None
        stored = StoredPasskey(principal.id, Passkey(id=new_id(), name=name), made.id, made.public_key, made.sign_count)

        async def body(tx: Tx) -> Passkey:
            if await second_factors.passkey(tx, made.id) is not None:
                raise _not_added()
            added = await second_factors.insert_passkey(tx, stored, self._clock())
            await record_change(tx, "second_factor.added", principal, origin, f"passkey {name}")
            return added

        return await self._changes.write(principal.id, body)

    async def remove(self, principal: Principal, origin: Origin, passkey_id: str) -> None:
        """Forgets one. NotFoundError (PASSKEY_NOT_FOUND)."""

        async def body(tx: Tx) -> None:
            gone = await second_factors.delete_passkey(tx, principal.id, passkey_id)
            if gone is None:
                raise NotFoundError("PASSKEY_NOT_FOUND", "There is no such passkey; it may have been removed already.")
            await record_change(tx, "second_factor.removed", principal, origin, f"passkey {gone.name}")

        await self._changes.write(principal.id, body)

    async def begin_sign_in(self, challenge: str, origin: Origin) -> Asked:
        """Begins to sign in: alone, or after the password that `challenge` is of.

        UnauthenticatedError (CHALLENGE_ENDED). UnimplementedError (PASSKEYS_UNAVAILABLE).
        """
        party = self._party(origin)
        self._slow_down(origin.address)
        nonce = secrets.token_bytes(_NONCE_BYTES)

        async def body(tx: Tx) -> tuple[list[bytes], str]:
            if not challenge:
                return [], await self._make(tx, Challenge(challenges.PASSKEY_ALONE, nonce.hex()), "")
            found = await challenges.peek(tx, self._links, challenge, challenges.SECOND_FACTOR)
            known = [] if found is None else await second_factors.passkeys(tx, found[0].owner)
            if found is None or not known:
                raise challenges.ended()
            made = Challenge(challenges.PASSKEY_SECOND, nonce.hex(), parent=found[0].id)
            return [each.credential_id for each in known], await self._make(tx, made, found[0].owner)

        known, token = await self._db.write(body)
        return Asked(passkey_proofs.ask_for_proof(party, nonce, known), token)

    async def finish_sign_in(self, answer: Answer, origin: Origin) -> str:
        """The account that signed in. UnauthenticatedError (PASSKEY_WRONG)."""
        party = self._party(origin)
        try:
            credential_id, handle = passkey_proofs.credential_of(answer.credential_json)
        except ProofError:
            raise _wrong() from None

        async def take(tx: Tx) -> _Taken | None:
            taken = await self._take(tx, answer.challenge, challenges.PASSKEY_ALONE, challenges.PASSKEY_SECOND)
            return taken and taken._replace(passkey=await second_factors.passkey(tx, credential_id))

        # Whether the answer is right or not, there is no second one.
        taken = await self._db.write(take)
        if taken is None or taken.passkey is None:
            raise _wrong()
        stored, alone = taken.passkey, taken.challenge.kind == challenges.PASSKEY_ALONE
        owners = {stored.owner, taken.owner or stored.owner, handle or ("" if alone else stored.owner)}
        if owners != {stored.owner}:
            raise _wrong()
        known = NewCredential(stored.credential_id, stored.public_key, stored.sign_count)
        try:
            sign_count = passkey_proofs.check_proof(party, taken.nonce, answer.credential_json, known, alone=alone)
        except ProofError:
            raise _wrong() from None

        async def use(tx: Tx) -> None:
            parent = taken.challenge.parent
            if parent and await self._links.delete(tx, links.CHALLENGE, parent) is None:
                raise challenges.ended()
            if not await second_factors.use_passkey(tx, stored, sign_count, self._clock()):
                raise _wrong()

        await self._db.write(use)
        return stored.owner

    def _party(self, origin: Origin) -> Party:
        return passkey_proofs.require(passkey_proofs.party_of(origin, self._public_url))

    async def _make(self, tx: Tx, challenge: Challenge, owner: str) -> str:
        _, token = await self._links.make(tx, links.CHALLENGE, _CHALLENGE_SECONDS, challenge.packed(), owner)
        return token

    async def _take(self, tx: Tx, token: str, *kinds: str) -> _Taken | None:
        for kind in kinds:
            found: tuple[Link, Challenge] | None = await challenges.peek(tx, self._links, token, kind)
            if found is not None:
                await self._links.delete(tx, links.CHALLENGE, found[0].id)
                return _Taken(found[0].owner, found[1], None)
        return None

    def _slow_down(self, address: str) -> None:
        if (wait := self._begun.wait(address)) > 0:
            raise ResourceExhaustedError(
                "TOO_MANY_ATTEMPTS", "Wait a little and try again.", retry_after=max(1.0, wait)
            )
        self._begun.take(address)


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("PASSKEY_WRONG", "This passkey did not sign in. Try again, or sign in another way.")


def _not_added() -> InvalidArgumentError:
    return InvalidArgumentError("PASSKEY_WRONG", "This passkey could not be added. Begin again.")
