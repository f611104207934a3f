"""With whom somebody may share what is theirs: accounts by their address, and groups. Not what that gives them: see whoever shares."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fireside.core.errors import InvalidArgumentError, NotFoundError, ResourceExhaustedError
from fireside.gen.v1 import account_pb2, share_pb2
from fireside.identity import audit
from fireside.identity.buckets import Buckets
from fireside.store import accounts, groups

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias

    from fireside.core.principal import Origin, Principal
    from fireside.gen.v1.collection_pb2 import CollectionShare
    from fireside.gen.v1.group_pb2 import Group
    from fireside.store.tx import Tx

    AnyShare: TypeAlias = share_pb2.Share | CollectionShare

# Addresses without an account that one account may try: 20, then one a minute.
_MISSES, _MISS_SECONDS = 20, 60.0


class Misses:
    """Keeps accounts from finding out by trying who has an account here."""

    def __init__(self) -> None:
        self._buckets = Buckets(_MISSES, _MISS_SECONDS, time.monotonic)

    @contextmanager
    def counting(self, principal: Principal, email: str) -> Generator[None]:
        """Around sharing with an address (empty: with no account). ResourceExhaustedError: too many had no account."""
        if email and (wait := self._buckets.wait(principal.id)):
            raise ResourceExhaustedError(
                "TOO_MANY_ADDRESSES", "Too many addresses had no account here; wait a while.", retry_after=wait
            )
        try:
            yield
        except NotFoundError as error:
            if error.reason == "ACCOUNT_NOT_FOUND":
                self._buckets.take(principal.id)
            raise


def check_role(role: share_pb2.ShareRole) -> None:
    """Raises InvalidArgumentError (ROLE_INVALID) for what nobody is given."""
    if role not in (share_pb2.SHARE_ROLE_VIEWER, share_pb2.SHARE_ROLE_EDITOR):
        raise InvalidArgumentError("ROLE_INVALID", "Share to view or to edit; an owner stays the only one.")


async def groups_of(tx: Tx, principal: Principal) -> list[Group]:
    """The groups that somebody can share with: their own, for an admin all."""
    if principal.role == account_pb2.ACCOUNT_ROLE_ADMIN:
        return await groups.every(tx)
    return await groups.of_account(tx, principal.id)


async def name_recipient(tx: Tx, principal: Principal, share: AnyShare, *, email: str, group_id: str) -> None:
    """Says in a share whom it is for: who has the address, else the group.

    NotFoundError (ACCOUNT_NOT_FOUND, GROUP_NOT_FOUND), InvalidArgumentError (SHARE_WITH_SELF).
    """
    if not email:
        if group_id not in {group.id for group in await groups_of(tx, principal)}:
            raise groups.no_group(group_id)
        share.group_id = group_id
        return
    account = await accounts.by_email(tx, email)
    if account is None or account.state != account_pb2.ACCOUNT_STATE_ACTIVE:
        raise NotFoundError(
            "ACCOUNT_NOT_FOUND", "Nobody with this address has an account here; an admin can invite them."
        )
    if account.id == principal.id:
        raise InvalidArgumentError("SHARE_WITH_SELF", "It is yours already: share it with somebody else.")
    share.account_id = account.id


async def record(tx: Tx, action: str, principal: Principal, origin: Origin, share: AnyShare, target_id: str) -> None:
    """Appends what was done with a share of `target_id` to the audit log."""
    kind = share.WhichOneof("recipient")
    whom = f"{kind.removesuffix('_id')} {getattr(share, kind)}" if kind in ("account_id", "group_id") else ""
    role = share_pb2.ShareRole.Name(share.role).removeprefix("SHARE_ROLE_").lower()
    details = {"with": whom or "whoever has the link", "role": role, "share": share.id}
    await audit.record(tx, action, actor=principal, origin=origin, target=(target_id, ""), details=details)
