"""What an account asks for besides a password: authenticator apps, recovery codes and passkeys. What they prove is identity's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fireside.gen.v1.second_factor_pb2 import Passkey
from fireside.store.records import bytes_of, int_of, str_of, timestamp_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.store.tx import Tx, Value

_PASSKEY = "id, owner, credential_id, public_key, sign_count, create_time, last_use_time, record"
_STEP_BYTES = 8


class Totp(NamedTuple):
    """The secret of an authenticator app."""

    sealed: bytes
    last_step: int
    """The time step of the last code that was taken; no code of it or before is taken again."""


class StoredPasskey(NamedTuple):
    """A passkey and what verifies it."""

    owner: str
    passkey: Passkey
    credential_id: bytes
    public_key: bytes
    sign_count: int


async def totp(tx: Tx, owner: str) -> Totp | None:
    """The account's authenticator app; None for none."""
    rows = await tx.fetch("SELECT totp FROM accounts WHERE id = $1", owner)
    if not rows or rows[0][0] is None:
        return None
    column = bytes_of(rows[0][0])
    return Totp(column[_STEP_BYTES:], int.from_bytes(column[:_STEP_BYTES], "big"))


async def set_totp(tx: Tx, owner: str, new: Totp | None) -> bool:
    """Stores another authenticator app, or none. Whether there was such an account."""
    value = None if new is None else _column(new)
    return await tx.execute("UPDATE accounts SET totp = $2, revision = revision + 1 WHERE id = $1", owner, value) > 0


async def use_totp(tx: Tx, owner: str, seen: Totp, step: int) -> bool:
    """Notes that the code of a step was taken. False when another one was taken meanwhile: then this one was not."""
    changed = await tx.execute(
        "UPDATE accounts SET totp = $3 WHERE id = $1 AND totp = $2",
        owner,
        _column(seen),
        _column(seen._replace(last_step=step)),
    )
    return changed > 0


async def replace_codes(tx: Tx, owner: str, hashes: Iterable[bytes]) -> None:
    """Makes these the recovery codes of an account, in place of what it had."""
    await tx.execute("DELETE FROM recovery_codes WHERE owner = $1", owner)
    await tx.execute_many(
        "INSERT INTO recovery_codes (owner, code_hash) VALUES ($1, $2)", [(owner, code) for code in hashes]
    )


async def use_code(tx: Tx, owner: str, code_hash: bytes) -> bool:
    """Uses up a recovery code. Whether there was one: of two who try at once one gets it."""
    return await tx.execute("DELETE FROM recovery_codes WHERE owner = $1 AND code_hash = $2", owner, code_hash) > 0


async def count_codes(tx: Tx, owner: str) -> int:
    """How many recovery codes are left."""
    rows = await tx.fetch("SELECT count(*) FROM recovery_codes WHERE owner = $1", owner)
    return int_of(rows[0][0])


async def insert_passkey(tx: Tx, stored: StoredPasskey, now: int) -> Passkey:
    """Stores a new passkey. AlreadyExistsError: somebody has this credential already."""
    rows = await tx.fetch(
        "INSERT INTO passkeys (id, owner, credential_id, public_key, sign_count, create_time, record)"  # noqa: S608
        f" VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_PASSKEY}",
        stored.passkey.id,
        stored.owner,
        stored.credential_id,
        stored.public_key,
        stored.sign_count,
        now,
        Passkey(name=stored.passkey.name).SerializeToString(),
    )
    return _loaded(*rows[0]).passkey


async def passkeys(tx: Tx, owner: str) -> list[StoredPasskey]:
    """The passkeys of an account, the oldest first."""
    rows = await tx.fetch(f"SELECT {_PASSKEY} FROM passkeys WHERE owner = $1 ORDER BY create_time, id", owner)  # noqa: S608
    return [_loaded(*row) for row in rows]


async def passkey(tx: Tx, credential_id: bytes) -> StoredPasskey | None:
    """The passkey with this credential, whoever has it."""
    rows = await tx.fetch(f"SELECT {_PASSKEY} FROM passkeys WHERE credential_id = $1", credential_id)  # noqa: S608
    return _loaded(*rows[0]) if rows else None


async def use_passkey(tx: Tx, seen: StoredPasskey, sign_count: int, now: int) -> bool:
    """Notes a sign-in. False when there was another one meanwhile, or the passkey is gone."""
    changed = await tx.execute(
        "UPDATE passkeys SET sign_count = $3, last_use_time = $4 WHERE id = $1 AND sign_count = $2",
        seen.passkey.id,
        seen.sign_count,
        sign_count,
        now,
    )
    return changed > 0


async def delete_passkey(tx: Tx, owner: str, passkey_id: str) -> Passkey | None:
    """Removes a passkey of the account and returns what it was; None if the account has no such passkey."""
    rows = await tx.fetch(
        f"DELETE FROM passkeys WHERE id = $1 AND owner = $2 RETURNING {_PASSKEY}",  # noqa: S608
        passkey_id,
        owner,
    )
    return _loaded(*rows[0]).passkey if rows else None


async def has(tx: Tx, owner: str) -> bool:
    """Whether the account has a second factor."""
    return await totp(tx, owner) is not None or bool(
        await tx.fetch("SELECT 1 FROM passkeys WHERE owner = $1 LIMIT 1", owner)
    )


async def remove_all(tx: Tx, owner: str) -> None:
    """Takes away all second factors of an account."""
    await set_totp(tx, owner, None)
    await replace_codes(tx, owner, ())
    await tx.execute("DELETE FROM passkeys WHERE owner = $1", owner)


def _column(of: Totp) -> bytes:
    return of.last_step.to_bytes(_STEP_BYTES, "big") + of.sealed


def _loaded(*row: Value) -> StoredPasskey:
    passkey_id, owner, credential_id, public_key, sign_count, create_time, last_use_time, record = row
    found = Passkey.FromString(bytes_of(record))
    found.id = str_of(passkey_id)
    found.create_time.CopyFrom(timestamp_of(int_of(create_time)))
    if last_use_time is not None:
        found.last_use_time.CopyFrom(timestamp_of(int_of(last_use_time)))
    return StoredPasskey(
        str_of(owner), found, bytes_of(credential_id), bytes_of(public_key), int_of(sign_count)
    )  # fmt: skip
