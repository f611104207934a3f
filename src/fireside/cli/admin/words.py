"""What people type and read for the numbers of the API: roles, states, permissions, modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import click

from fireside.gen.v1 import account_pb2, permission_pb2, policy_pb2
from fireside.identity import policy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fireside.gen.v1.account_pb2 import Account


class _Numbers(Protocol):
    def items(self) -> Sequence[tuple[str, int]]:
        """Names and numbers."""
        ...


def _words(numbers: _Numbers, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix).lower().replace("_", "-"): number for name, number in numbers.items() if number}


ROLES = _words(account_pb2.AccountRole, "ACCOUNT_ROLE_")
STATES = _words(account_pb2.AccountState, "ACCOUNT_STATE_")
SIGN_UPS = _words(policy_pb2.SignUpMode, "SIGN_UP_MODE_")
LINK_SHARINGS = _words(policy_pb2.LinkSharing, "LINK_SHARING_")
PERMISSIONS = {
    word: number for word, number in _words(permission_pb2.Permission, "PERMISSION_").items() if number in policy.ADMIN
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
