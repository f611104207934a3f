"""What people type and read for the numbers of the API: roles, states, permissions, modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from fireside.gen.v1.account_pb2 import Account

# Written out, because the generated code costs each command, also `fireside health`, 80 ms of its start. A test compares.
ROLES: Final = {"admin": 1, "member": 2, "guest": 3}
STATES: Final = {"active": 1, "pending": 2, "disabled": 3}
SIGN_UPS: Final = {"invitation": 1, "domain": 2, "open": 3, "closed": 4}
LINK_SHARINGS: Final = {"off": 1, "accounts": 2, "anyone": 3}
PERMISSIONS: Final = {
    "signed-in": 2,
    "own-account": 3,
    "chat": 4,
    "read-models": 5,
    "share": 6,
    "api-keys": 7,
    "manage-runners": 8,
    "manage-people": 9,
    "manage-policy": 10,
    "read-audit": 11,
    "read-knowledge": 12,
    "write-knowledge": 13,
}


def one_of(words: dict[str, int]) -> click.Choice[str]:
    """The type of an argument that is one of these."""
    return click.Choice(list(words))


def word_of(words: dict[str, int], number: int) -> str:
    """The word for a number."""
    return next((word for word, each in words.items() if each == number), "unknown")


def show(account: Account, group_names: dict[str, str]) -> None:
    """Prints an account as a line."""
    about = [word_of(ROLES, account.role), word_of(STATES, account.state)]
    about += [group_names[group_id] for group_id in account.group_ids if group_id in group_names]
    click.echo(f"{account.email or account.id:<32} {account.name:<24} {', '.join(about)}")
