"""Groups in the hands of those who manage people. What they allow is policy.py's; what of it is remembered, group_rules.py's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fireside.core.clock import now_us
from fireside.core.errors import InvalidArgumentError
from fireside.core.ids import new_id
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.permission_pb2 import Permission
from fireside.identity import audit, once, policy
from fireside.identity.changes import EVERYBODY
from fireside.store import accounts, groups
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fireside.identity.changes import Changes
    from fireside.identity.people import Admin
    from fireside.store.db import Database
    from fireside.store.tx import Tx


class Groups:
    """See GroupService for what the methods do and raise."""

    def __init__(self, db: Database, changes: Changes) -> None:
        self._db = db
        self._changes = changes

    async def listed(self) -> list[Group]:
        """All groups by name."""
        return await self._db.read(groups.every)

    async def create(self, admin: Admin, wanted: Group, request_id: str) -> Group:
        """Makes a group with nobody in it. InvalidArgumentError (NAME_REQUIRED, PERMISSION_NOT_GRANTABLE)."""
        group = _checked(wanted)
        arguments = group.SerializeToString(deterministic=True)
        change = once.Repeatable(admin.principal.id, request_id, "create group", arguments)
        group.id = new_id()
        group.create_time.CopyFrom(timestamp_of(now_us()))

        async def body(tx: Tx) -> Group:
            made = await groups.get(tx, await once.earlier(tx, change)) if request_id else None
            if made is None:
                policy.require_as_much(admin.principal, group.permissions)
                made = await groups.insert(tx, group)
                await once.done(tx, change, made.id)
                await _record(tx, admin, "group.created", made, _shown(made))
            return made

        # Its models are no longer for everybody.
        return await self._changes.write(EVERYBODY, body)

    async def update(self, admin: Admin, wanted: Group) -> Group:
        """Replaces all of a group but its members. InvalidArgumentError (NAME_REQUIRED, PERMISSION_NOT_GRANTABLE)."""
        group = _checked(wanted)

        async def body(tx: Tx) -> Group:
            before = await _changeable(tx, admin, group.id)
            policy.require_as_much(admin.principal, group.permissions)
            group.create_time.CopyFrom(before.create_time)
            group.etag = wanted.etag or before.etag
            after = await groups.update(tx, group)
            was, now = _shown(before), _shown(after)
            changed = {key: f"{was[key]} -> {now[key]}" for key in now if was[key] != now[key]}
            await _record(tx, admin, "group.updated", after, changed)
            return after

        return await self._changes.write(EVERYBODY, body)

    async def delete(self, admin: Admin, group_id: str) -> None:
        """Removes a group."""

        async def body(tx: Tx) -> None:
            group = await _changeable(tx, admin, group_id)
            await groups.delete(tx, group_id)
            await _record(tx, admin, "group.deleted", group, {"members": str(group.member_count)})

        await self._changes.write(EVERYBODY, body)

    async def add_members(self, admin: Admin, group_id: str, account_ids: Iterable[str]) -> Group:
        """Puts accounts into a group. NotFoundError also for an account that is not there."""
        return await self._move(admin, group_id, set(account_ids), join=True)

    async def remove_members(self, admin: Admin, group_id: str, account_ids: Iterable[str]) -> Group:
        """Takes accounts out of a group; those that are not in it stay out."""
        return await self._move(admin, group_id, set(account_ids), join=False)

    async def _move(self, admin: Admin, group_id: str, account_ids: set[str], *, join: bool) -> Group:
        async def body(tx: Tx) -> Group:
            group = await _changeable(tx, admin, group_id)
            present = await groups.members(tx, group_id)
            moved = sorted(account_ids - present if join else account_ids & present)
            called: list[str] = []
            for account_id in moved:
                account = await accounts.get(tx, account_id)
                if account is None:
                    raise accounts.not_found(account_id)
                called.append(account.email or account.name)
            if join:
                # Also those who are in it by a provider: from now on an admin's word keeps them there.
                await groups.add_members(tx, group_id, sorted(account_ids))
            else:
                await groups.remove_members(tx, group_id, moved)
            if moved:
                details = {"added" if join else "removed": ", ".join(called)}
                await _record(tx, admin, "group.members_changed", group, details)
            return await _must_get(tx, group_id)

        return await self._changes.write(EVERYBODY, body)


def _checked(wanted: Group) -> Group:
    group = Group()
    group.CopyFrom(wanted)
    group.name = " ".join(wanted.name.split())
    if not group.name:
        raise InvalidArgumentError("NAME_REQUIRED", "A group needs a name.")
    if set(group.permissions) - policy.ADMIN:
        raise InvalidArgumentError("PERMISSION_NOT_GRANTABLE", "One of the permissions is not one to be given.")
    group.permissions[:] = sorted(set(group.permissions))
    group.models[:] = sorted(set(group.models))
    return group


def _shown(group: Group) -> dict[str, str]:
    set_limits = (f"{field.name} {value}" for field, value in group.limits.ListFields())
    return {
        "name": group.name,
        "description": group.description or "none",
        "permissions": ", ".join(_word(permission) for permission in group.permissions) or "none",
        "models": ", ".join(group.models) or "none",
        "limits": (", ".join(set_limits) or "unlimited") if group.HasField("limits") else "those of the role",
        "provider_group": group.provider_group or "none",
    }


def _word(permission: int) -> str:
    return Permission.Name(Permission.ValueType(permission)).removeprefix("PERMISSION_").lower()


async def _changeable(tx: Tx, admin: Admin, group_id: str) -> Group:
    group = await _must_get(tx, group_id)
    policy.require_as_much(admin.principal, group.permissions)
    return group


async def _must_get(tx: Tx, group_id: str) -> Group:
    group = await groups.get(tx, group_id)
    if group is None:
        raise groups.no_group(group_id)
    return group


async def _record(tx: Tx, admin: Admin, action: str, group: Group, details: Mapping[str, str]) -> None:
    target = (group.id, group.name)
    await audit.record(tx, action, actor=admin.principal, origin=admin.origin, target=target, details=details)
