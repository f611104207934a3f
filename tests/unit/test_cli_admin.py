"""What people type for the numbers of the API are the names of the API."""

from __future__ import annotations

from typing import Any

import pytest

from fireside.cli.admin import words
from fireside.gen.v1 import account_pb2, permission_pb2, policy_pb2
from fireside.identity import policy


@pytest.mark.parametrize(
    ("typed", "numbers", "prefix"),
    [
        (words.ROLES, account_pb2.AccountRole, "ACCOUNT_ROLE_"),
        (words.STATES, account_pb2.AccountState, "ACCOUNT_STATE_"),
        (words.SIGN_UPS, policy_pb2.SignUpMode, "SIGN_UP_MODE_"),
        (words.LINK_SHARINGS, policy_pb2.LinkSharing, "LINK_SHARING_"),
        (words.PERMISSIONS, permission_pb2.Permission, "PERMISSION_"),
    ],
)
def test_words_are_the_names_of_the_api(typed: dict[str, int], numbers: Any, prefix: str) -> None:
    names = {name.removeprefix(prefix).lower().replace("_", "-"): number for name, number in numbers.items() if number}
    if numbers is permission_pb2.Permission:
        names = {name: number for name, number in names.items() if number in policy.ADMIN}
    assert typed == names
