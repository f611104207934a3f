"""What an account may do at this moment: its role, what its groups add, and what the policy asks of admins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.principal import Principal
from fireside.gen.v1 import account_pb2
from fireside.identity import policy
from fireside.store import accounts, groups, server_policy

if TYPE_CHECKING:
    from fireside.gen.v1.account_pb2 import Account
    from fireside.store.tx import Tx


async def principal_of(tx: Tx, account_id: str) -> Principal | None:
    """The account as a caller, without a credential; None when it may not call at all."""
    account = await accounts.get(tx, account_id)
    if account is None or account.state != account_pb2.ACCOUNT_STATE_ACTIVE:
        return None
    permissions = await permissions_of(tx, account)
    if await must_add_second_factor(tx, account):
        permissions -= policy.MANAGING
    return Principal(
        id=account.id,
        permissions=permissions,
        role=account.role,
        groups=frozenset(account.group_ids),
        name=account.name,
        email=account.email,
    )


async def permissions_of(tx: Tx, account: Account) -> frozenset[int]:
    """What its role and its groups come to, whatever else the policy asks for."""
    granted = [permission for group in await groups.of_account(tx, account.id) for permission in group.permissions]
    return policy.permissions_of(account.role, granted)


async def must_add_second_factor(tx: Tx, account: Account) -> bool:
    """Whether the account may not use what it manages until it has a second factor."""
    stored = await server_policy.get(tx)
    return policy.owes_second_factor(
        await permissions_of(tx, account),
        wanted=stored is not None and stored.admins_need_second_factor,
        proved_elsewhere=account.has_second_factor or bool(account.provider),
    )
