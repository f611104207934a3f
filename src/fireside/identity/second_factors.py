"""What an account asks for besides its password: codes of an authenticator app, recovery codes, passkeys. How passkeys
are added and used is passkeys.py's.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from fireside.core.clock import now_us
from fireside.core.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    ResourceExhaustedError,
    UnauthenticatedError,
)
from fireside.gen.v1.auth_service_pb2 import SecondFactorNeeded
from fireside.gen.v1.second_factor_pb2 import SecondFactors as Listed
from fireside.identity import audit, challenges, links, totp
from fireside.identity.buckets import Buckets
from fireside.identity.challenges import Challenge
from fireside.store import second_factors
from fireside.store.second_factors import Totp

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireside.core.principal import Origin, Principal
    from fireside.identity.changes import Changes
    from fireside.identity.links import Links
    from fireside.store.db import Database
    from fireside.store.tx import Tx

PENDING: Final = "totp"
"""The purpose of one-time tokens that hold the secret of an app until a code of it was seen."""

CHALLENGE_SECONDS: Final = 600
_MOST_TRIES = 8
_WRONG_CODES, _WRONG_CODE_EVERY = 10, 60.0


class Sealer(Protocol):
    """Encrypts secrets at rest, each bound to what it is for and whose it is."""

    def seal(self, purpose: str, name: str, secret: str) -> bytes:
        """The secret, to be opened with the same purpose and name only."""
        ...

    def open(self, purpose: str, name: str, sealed: bytes) -> str:
        """The secret. ValueError: it does not open, because another key sealed it or it is damaged."""
        ...


class SecondFactors:
    """The second factors of all accounts."""

    def __init__(
        self, db: Database, changes: Changes, one_time: Links, sealer: Sealer, clock: Callable[[], int] = now_us
    ) -> None:
        """`clock` gives microseconds since the Unix epoch."""
        self._db = db
        self._changes = changes
        self._links = one_time
        self._sealer = sealer
        self._clock = clock
        # By account: whoever guesses codes knows the password, and can have a new challenge for every guess.
        self._wrong = Buckets(burst=_WRONG_CODES, every=_WRONG_CODE_EVERY, clock=time.monotonic)

    async def needed(self, account_id: str) -> SecondFactorNeeded | None:
        """What an account asks for besides its password, with a new challenge; None for nothing."""

        async def read(tx: Tx) -> SecondFactorNeeded:
            return SecondFactorNeeded(
                totp=await second_factors.totp(tx, account_id) is not None,
                recovery_code=await second_factors.count_codes(tx, account_id) > 0,
                passkey=bool(await second_factors.passkeys(tx, account_id)),
            )

        needed = await self._db.read(read)
        if not needed.totp and not needed.passkey:
            return None
        record = Challenge(challenges.SECOND_FACTOR).packed()
        _, needed.challenge = await self._db.write(
            lambda tx: self._links.make(tx, links.CHALLENGE, CHALLENGE_SECONDS, record, account_id)
        )
        return needed

    async def complete(self, challenge: str, totp_code: str = "", recovery_code: str = "") -> str:
        """The account whose challenge it is, by one of the two codes.

        UnauthenticatedError (CODE_WRONG, CHALLENGE_ENDED). ResourceExhaustedError (TOO_MANY_ATTEMPTS).
        """
        found = await self._db.read(lambda tx: challenges.peek(tx, self._links, challenge, challenges.SECOND_FACTOR))
        if found is None:
            raise challenges.ended()
        owner = found[0].owner
        if totp_code:
            self._slow_down(owner)

        async def body(tx: Tx) -> bool:
            found = await challenges.peek(tx, self._links, challenge, challenges.SECOND_FACTOR)
            if found is None:
                raise challenges.ended()
            link, made = found
            if totp_code:
                right = await self._take_totp(tx, owner, totp_code)
            else:
                right = await second_factors.use_code(tx, owner, totp.recovery_hash(recovery_code))
            if right or made.tries + 1 >= _MOST_TRIES:
                await challenges.end(tx, self._links, link)
            else:
                await self._links.update(tx, link.id, made._replace(tries=made.tries + 1).packed())
            return right

        if await self._db.write(body):
            self._wrong.forget(owner)
            return owner
        if totp_code:
            self._wrong.take(owner)
        raise UnauthenticatedError("CODE_WRONG", "The code is wrong, or was used before. Try the next one.")

    async def has(self, tx: Tx, account_id: str) -> bool:
        """Whether the account has a second factor."""
        return await second_factors.has(tx, account_id)

    async def listed(self, principal: Principal) -> Listed:
        """What the caller's account asks for."""

        async def body(tx: Tx) -> Listed:
            return Listed(
                totp=await second_factors.totp(tx, principal.id) is not None,
                recovery_codes_left=await second_factors.count_codes(tx, principal.id),
                passkeys=[stored.passkey for stored in await second_factors.passkeys(tx, principal.id)],
            )

        return await self._db.read(body)

    async def begin_totp(self, principal: Principal) -> tuple[str, str]:
        """A new secret for an authenticator app, as its URI and as text. It holds once `confirm_totp` saw a code of it."""
        secret = totp.new_secret()
        sealed = self._sealer.seal(PENDING, principal.id, secret)

        async def body(tx: Tx) -> None:
            await self._links.end_all(tx, PENDING, principal.id)
            await self._links.make(tx, PENDING, CHALLENGE_SECONDS, sealed, principal.id)

        await self._db.write(body)
        return totp.uri_of(secret, principal.email or principal.name or principal.id), secret

    async def confirm_totp(self, principal: Principal, origin: Origin, code: str) -> list[str]:
        """Asks for codes of the new app from here on; returns the recovery codes, this once.

        InvalidArgumentError (CODE_WRONG). FailedPreconditionError (TOTP_NOT_BEGUN).
        """
        self._slow_down(principal.id)
        codes = totp.new_recovery_codes()

        async def body(tx: Tx) -> bool:
            pending = await self._links.of_owner(tx, PENDING, principal.id)
            secret = self._opened(principal.id, pending[0].record) if pending else ""
            if not secret:
                raise FailedPreconditionError("TOTP_NOT_BEGUN", "This took too long. Begin again with a new QR code.")
            step = totp.step_of(secret, code, self._seconds(), 0)
            if step is None:
                return False
            await second_factors.set_totp(tx, principal.id, Totp(pending[0].record, step))
            await second_factors.replace_codes(tx, principal.id, map(totp.recovery_hash, codes))
            await self._links.end_all(tx, PENDING, principal.id)
            await record_change(tx, "second_factor.added", principal, origin, "authenticator app")
            return True

        if not await self._changes.write(principal.id, body):
            self._wrong.take(principal.id)
            raise InvalidArgumentError(
                "CODE_WRONG", "The code is wrong. Type the six digits that the app shows now; the clock must be right."
            )
        return codes

    async def remove_totp(self, principal: Principal, origin: Origin) -> None:
        """Asks for no codes any more, and forgets the recovery codes."""

        async def body(tx: Tx) -> None:
            there = await second_factors.totp(tx, principal.id) is not None
            await second_factors.set_totp(tx, principal.id, None)
            await second_factors.replace_codes(tx, principal.id, ())
            if there:
                await record_change(tx, "second_factor.removed", principal, origin, "authenticator app")

        await self._changes.write(principal.id, body)

    async def renew_codes(self, principal: Principal, origin: Origin) -> list[str]:
        """New recovery codes in place of the old ones. FailedPreconditionError (NO_SECOND_FACTOR)."""
        codes = totp.new_recovery_codes()

        async def body(tx: Tx) -> None:
            if not await second_factors.has(tx, principal.id):
                raise FailedPreconditionError(
                    "NO_SECOND_FACTOR", "Recovery codes stand in for a second factor: add an app or a passkey first."
                )
            await second_factors.replace_codes(tx, principal.id, map(totp.recovery_hash, codes))
            await record_change(tx, "second_factor.added", principal, origin, "recovery codes")

        await self._db.write(body)
        return codes

    async def _take_totp(self, tx: Tx, owner: str, code: str) -> bool:
        stored = await second_factors.totp(tx, owner)
        secret = "" if stored is None else self._opened(owner, stored.sealed)
        if stored is None or not secret:
            return False
        step = totp.step_of(secret, code, self._seconds(), stored.last_step)
        return step is not None and await second_factors.use_totp(tx, owner, stored, step)

    def _opened(self, owner: str, sealed: bytes) -> str:
        try:
            return self._sealer.open(PENDING, owner, sealed)
        except ValueError:
            raise FailedPreconditionError(
                "TOTP_UNREADABLE",
                "The server's secret key has changed, so that codes cannot be checked. Use a recovery code or ask an admin.",
            ) from None

    def _seconds(self) -> int:
        return self._clock() // 1_000_000

    def _slow_down(self, owner: str) -> None:
        if (wait := self._wrong.wait(owner)) > 0:
            raise ResourceExhaustedError(
                "TOO_MANY_ATTEMPTS",
                "There were too many wrong codes. Wait a minute and try again.",
                retry_after=max(1.0, wait),
            )


async def record_change(tx: Tx, action: str, principal: Principal, origin: Origin, what: str) -> None:
    """Tells the audit log of a second factor that came or went."""
    target = (principal.id, principal.name)
    await audit.record(tx, action, actor=principal, origin=origin, target=target, details={"what": what})
