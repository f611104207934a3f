"""What roles, groups and keys may do, as a table; and what the server's policy may be."""

from __future__ import annotations

import json

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from fireside.core.errors import InvalidArgumentError, PermissionDeniedError, UnauthenticatedError
from fireside.core.principal import ANONYMOUS, Principal
from fireside.gen.v1 import account_pb2, permission_pb2, policy_pb2
from fireside.gen.v1.audit_pb2 import AuditEvent
from fireside.gen.v1.policy_pb2 import Limits, Policy, RoleLimits
from fireside.identity import policy, server_policy
from fireside.identity.audit_log import line

ADMIN, MEMBER, GUEST = account_pb2.ACCOUNT_ROLE_ADMIN, account_pb2.ACCOUNT_ROLE_MEMBER, account_pb2.ACCOUNT_ROLE_GUEST
CHAT, SHARE = permission_pb2.PERMISSION_CHAT, permission_pb2.PERMISSION_SHARE
PEOPLE, AUDIT = permission_pb2.PERMISSION_MANAGE_PEOPLE, permission_pb2.PERMISSION_READ_AUDIT


@pytest.mark.parametrize(
    ("role", "granted", "may", "may_not"),
    [
        (ADMIN, (), {PEOPLE, AUDIT, SHARE, CHAT}, set[int]()),
        (MEMBER, (), {SHARE, CHAT}, {PEOPLE, AUDIT}),
        (MEMBER, (PEOPLE,), {SHARE, PEOPLE}, {AUDIT}),
        (GUEST, (), {CHAT}, {SHARE, PEOPLE}),
        (GUEST, (SHARE, PEOPLE), {CHAT, SHARE}, {PEOPLE}),
        (MEMBER, (150,), {CHAT}, {150}),
        (0, (PEOPLE,), set[int](), {CHAT, PEOPLE}),
    ],
)
def test_roles_and_groups(role: int, granted: tuple[int, ...], may: set[int], may_not: set[int]) -> None:
    permissions = policy.permissions_of(role, granted)
    assert may <= permissions
    assert not may_not & permissions


@pytest.mark.parametrize(
    ("role", "granted", "wanted", "proved", "owes"),
    [
        (ADMIN, (), True, False, True),
        (ADMIN, (), True, True, False),
        (ADMIN, (), False, False, False),
        (MEMBER, (), True, False, False),
        (MEMBER, (AUDIT,), True, False, True),
        (GUEST, (AUDIT,), True, False, False),
    ],
)
def test_who_manages_may_owe_a_second_factor(
    role: int, granted: tuple[int, ...], wanted: bool, proved: bool, owes: bool
) -> None:
    permissions = policy.permissions_of(role, granted)
    assert policy.owes_second_factor(permissions, wanted=wanted, proved_elsewhere=proved) is owes


@pytest.mark.parametrize(
    ("own", "given", "allowed"),
    [
        (policy.ADMIN, policy.ADMIN, True),
        (policy.MEMBER | {PEOPLE}, policy.MEMBER, True),
        (policy.MEMBER | {PEOPLE}, policy.MEMBER | {PEOPLE}, True),
        (policy.MEMBER | {PEOPLE}, policy.MEMBER | {AUDIT}, False),
        (policy.MEMBER | {PEOPLE}, policy.ADMIN, False),
        # A key that may only manage people may still make members, who may more that does not manage.
        (frozenset({PEOPLE}), policy.MEMBER, True),
    ],
)
def test_nobody_gives_what_they_do_not_have(own: frozenset[int], given: frozenset[int], allowed: bool) -> None:
    who = Principal(id="ann", permissions=own)
    if allowed:
        policy.require_as_much(who, given)
        return
    with pytest.raises(PermissionDeniedError) as caught:
        policy.require_as_much(who, given)
    assert caught.value.reason == "BEYOND_OWN_PERMISSIONS"


def test_who_has_not_signed_in_is_asked_to() -> None:
    policy.require(ANONYMOUS, permission_pb2.PERMISSION_PUBLIC)
    with pytest.raises(UnauthenticatedError):
        policy.require(ANONYMOUS, CHAT)
    with pytest.raises(PermissionDeniedError) as caught:
        policy.require(Principal(id="ann", permissions=policy.GUEST), SHARE)
    assert caught.value.metadata == {"permission": "SHARE"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Policy(sign_up=policy_pb2.SIGN_UP_MODE_DOMAIN), "policy.domains"),
        (Policy(default_role=ADMIN), "policy.default_role"),
        (Policy(limits=[RoleLimits(role=GUEST), RoleLimits(role=GUEST)]), "policy.limits"),
        (Policy(limits=[RoleLimits()]), "policy.limits"),
    ],
)
def test_a_policy_that_cannot_be_used(wrong: Policy, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        server_policy.checked(wrong)
    assert caught.value.reason == "POLICY_INVALID"
    assert [violation.field for violation in caught.value.violations] == [field]


def test_what_is_unset_of_a_policy_is_what_holds_at_first() -> None:
    wanted = server_policy.checked(Policy(domains=["Example.ORG", "example.org"], etag="r4"))
    assert list(wanted.domains) == ["example.org"]
    wanted.domains.clear()
    wanted.etag = server_policy.DEFAULT.etag
    assert wanted == server_policy.DEFAULT


def test_what_changed_of_a_policy_is_told() -> None:
    after = Policy()
    after.CopyFrom(server_policy.DEFAULT)
    after.sign_up = policy_pb2.SIGN_UP_MODE_DOMAIN
    after.domains.append("example.org")
    after.admins_need_second_factor = True
    after.limits.append(RoleLimits(role=GUEST, limits=Limits(messages_per_day=20)))
    assert server_policy.changed(server_policy.DEFAULT, after) == {
        "sign_up": "invitation -> domain",
        "domains": "none -> example.org",
        "admins_need_second_factor": "no -> yes",
        "limits of guest": "none -> messages_per_day 20",
    }
    assert server_policy.changed(after, after) == {}


def test_an_event_is_a_line_of_json_with_every_field() -> None:
    event = AuditEvent(number=7, time=Timestamp(seconds=1), action="key.created", details={"b": "ü\n", "a": "x"})
    text = line(event)
    assert text.count(b"\n") == 1
    assert text.endswith(b"\n")
    assert json.loads(text) == {
        "number": 7,
        "time": "1970-01-01T00:00:01Z",
        "action": "key.created",
        "succeeded": False,
        "actor_id": "",
        "actor_email": "",
        "target_id": "",
        "target_name": "",
        "address": "",
        "details": {"a": "x", "b": "ü\n"},
    }
