"""What roles, groups and keys may do. Pure: numbers in, decisions out; no store, no clock.

A permission is what a call declares in its proto (fireside/v1/permission.proto). Whether a caller may touch the one
resource that a request names is decided where that resource is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fireside.core.errors import PermissionDeniedError, UnauthenticatedError
from fireside.gen.v1 import account_pb2, permission_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fireside.core.principal import Principal

GUEST: Final[frozenset[int]] = frozenset(
    (
        permission_pb2.PERMISSION_SIGNED_IN,
        permission_pb2.PERMISSION_OWN_ACCOUNT,
        permission_pb2.PERMISSION_CHAT,
        permission_pb2.PERMISSION_READ_MODELS,
        permission_pb2.PERMISSION_READ_KNOWLEDGE,
    )
)
MEMBER: Final[frozenset[int]] = GUEST | {
    permission_pb2.PERMISSION_SHARE,
    permission_pb2.PERMISSION_API_KEYS,
    permission_pb2.PERMISSION_WRITE_KNOWLEDGE,
}
MANAGING: Final[frozenset[int]] = frozenset(
    (
        permission_pb2.PERMISSION_MANAGE_RUNNERS,
        permission_pb2.PERMISSION_MANAGE_PEOPLE,
        permission_pb2.PERMISSION_MANAGE_POLICY,
        permission_pb2.PERMISSION_READ_AUDIT,
    )
)
ADMIN: Final[frozenset[int]] = MEMBER | MANAGING
_ROLES: Final[dict[int, frozenset[int]]] = {
    account_pb2.ACCOUNT_ROLE_ADMIN: ADMIN,
    account_pb2.ACCOUNT_ROLE_MEMBER: MEMBER,
    account_pb2.ACCOUNT_ROLE_GUEST: GUEST,
}
# What opens an account is changed by a person at a browser, never by a program with a key.
NOT_BY_KEY: Final[frozenset[int]] = frozenset(
    (permission_pb2.PERMISSION_OWN_ACCOUNT, permission_pb2.PERMISSION_API_KEYS)
)


def permissions_of(role: int, granted: Iterable[int] = ()) -> frozenset[int]:
    """What a role and the grants of groups come to. An unknown role may nothing; a guest gets nothing that manages."""
    base = _ROLES.get(account_pb2.AccountRole.ValueType(role))
    if base is None:
        return frozenset()
    extra = frozenset(granted) & ADMIN
    return base | (extra - MANAGING if role == account_pb2.ACCOUNT_ROLE_GUEST else extra)


def narrowed_to_key(permissions: frozenset[int], scopes: Iterable[int]) -> frozenset[int]:
    """What a key with these scopes (none: all) may do in an account with these permissions."""
    wanted = frozenset(scopes)
    allowed = permissions - NOT_BY_KEY
    # A key that may do anything at all may find out whose it is.
    return allowed & (wanted | {permission_pb2.PERMISSION_SIGNED_IN}) if wanted else allowed


def allows(principal: Principal, permission: int) -> bool:
    """Whether the principal may make a call that needs `permission`."""
    return permission == permission_pb2.PERMISSION_PUBLIC or permission in principal.permissions


def require(principal: Principal, permission: int) -> None:
    """Raises UnauthenticatedError when nobody has signed in, PermissionDeniedError when they may not."""
    if allows(principal, permission):
        return
    if not principal.id:
        raise UnauthenticatedError("SIGN_IN", "Sign in, or send an API key as `authorization: Bearer KEY`.")
    raise PermissionDeniedError(
        "PERMISSION_DENIED",
        "This account or key may not do that; an admin can allow it.",
        permission=_name(permission),
    )


def owes_second_factor(permissions: frozenset[int], *, wanted: bool, proved_elsewhere: bool) -> bool:
    """Whether an account may not use what it manages until it has a second factor.

    `wanted` is what the server's policy says; `proved_elsewhere` that the account has one, or that a provider, who may
    ask for one, signs it in.
    """
    return wanted and not proved_elsewhere and bool(permissions & MANAGING)


def require_as_much(principal: Principal, permissions: Iterable[int]) -> None:
    """Raises PermissionDeniedError when these manage more than the principal may.

    Who may give more than they have, or change the account of somebody who has more, could make themselves admin.
    """
    if beyond := (frozenset(permissions) & MANAGING) - principal.permissions:
        names = ", ".join(sorted(_name(permission) for permission in beyond))
        raise PermissionDeniedError(
            "BEYOND_OWN_PERMISSIONS",
            f"That takes permissions that this account or key does not have: {names}.",
            permissions=names,
        )


def _name(permission: int) -> str:
    return permission_pb2.Permission.Name(permission_pb2.Permission.ValueType(permission)).removeprefix("PERMISSION_")
