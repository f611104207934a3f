"""The whole table of who may what: every role, every permission, by session and by keys of every scope."""

from __future__ import annotations

import pytest

from fireside.core.errors import PermissionDeniedError, UnauthenticatedError
from fireside.core.principal import ANONYMOUS, LOCAL, Principal
from fireside.gen.v1 import account_pb2, permission_pb2
from fireside.identity import policy

ADMIN, MEMBER, GUEST = account_pb2.ACCOUNT_ROLE_ADMIN, account_pb2.ACCOUNT_ROLE_MEMBER, account_pb2.ACCOUNT_ROLE_GUEST
# The permission by name: who has it by role; whether a key can ever have it.
TABLE = {
    "PUBLIC": ({ADMIN, MEMBER, GUEST}, True),
    "SIGNED_IN": ({ADMIN, MEMBER, GUEST}, True),
    "OWN_ACCOUNT": ({ADMIN, MEMBER, GUEST}, False),
    "CHAT": ({ADMIN, MEMBER, GUEST}, True),
    "READ_MODELS": ({ADMIN, MEMBER, GUEST}, True),
    "SHARE": ({ADMIN, MEMBER}, True),
    "API_KEYS": ({ADMIN, MEMBER}, False),
    "MANAGE_RUNNERS": ({ADMIN}, True),
    "MANAGE_PEOPLE": ({ADMIN}, True),
    "MANAGE_POLICY": ({ADMIN}, True),
    "READ_AUDIT": ({ADMIN}, True),
    "READ_KNOWLEDGE": ({ADMIN, MEMBER, GUEST}, True),
    "WRITE_KNOWLEDGE": ({ADMIN, MEMBER}, True),
}
NUMBERS = {name: permission_pb2.Permission.Value(f"PERMISSION_{name}") for name in TABLE}
MANAGING = {NUMBERS[name] for name in ("MANAGE_RUNNERS", "MANAGE_PEOPLE", "MANAGE_POLICY", "READ_AUDIT")}


def test_the_table_has_every_permission_and_role() -> None:
    assert {0, *NUMBERS.values()} == set(permission_pb2.Permission.values())
    assert {0, ADMIN, MEMBER, GUEST} == set(account_pb2.AccountRole.values())


@pytest.mark.parametrize("role", [ADMIN, MEMBER, GUEST])
@pytest.mark.parametrize("name", TABLE)
def test_what_a_role_may(role: int, name: str) -> None:
    permissions = policy.permissions_of(role)
    person = Principal(id="a", permissions=permissions, role=role, by_session=True)
    wanted, (roles, by_key) = NUMBERS[name], TABLE[name]
    assert policy.allows(person, wanted) == (role in roles)
    # A key without scopes may what its account may, but for what opens the account.
    whole = Principal(id="a", permissions=policy.narrowed_to_key(permissions, ()))
    assert policy.allows(whole, wanted) == (role in roles and by_key)
    for scope in NUMBERS.values():
        narrow = Principal(id="a", permissions=policy.narrowed_to_key(permissions, (scope,)))
        always = name in ("PUBLIC", "SIGNED_IN")
        assert policy.allows(narrow, wanted) == (always or (scope == wanted and role in roles and by_key))


@pytest.mark.parametrize("name", TABLE)
def test_nobody_may_what_is_not_public(name: str) -> None:
    assert policy.allows(ANONYMOUS, NUMBERS[name]) == (name == "PUBLIC")
    if name != "PUBLIC":
        with pytest.raises(UnauthenticatedError) as caught:
            policy.require(ANONYMOUS, NUMBERS[name])
        assert caught.value.reason == "SIGN_IN"


@pytest.mark.parametrize("name", TABLE)
def test_the_one_user_may_everything(name: str) -> None:
    policy.require(LOCAL, NUMBERS[name])


@pytest.mark.parametrize("name", TABLE)
def test_what_a_group_adds(name: str) -> None:
    granted = NUMBERS[name]
    for role in (ADMIN, MEMBER, GUEST):
        added = policy.permissions_of(role, (granted,)) - policy.permissions_of(role)
        expected: set[int] = set() if name == "PUBLIC" else {granted} - policy.permissions_of(role)
        # Whoever is a guest manages nothing, whatever group they got into.
        assert added == (expected - MANAGING if role == GUEST else expected)


def test_an_unknown_role_may_nothing() -> None:
    for role in (0, 17):
        assert policy.permissions_of(role, NUMBERS.values()) == frozenset()


def test_who_may_not_is_told_what_they_would_need() -> None:
    guest = Principal(id="a", permissions=policy.permissions_of(GUEST), role=GUEST)
    with pytest.raises(PermissionDeniedError) as caught:
        policy.require(guest, NUMBERS["MANAGE_PEOPLE"])
    assert (caught.value.reason, caught.value.metadata) == ("PERMISSION_DENIED", {"permission": "MANAGE_PEOPLE"})
