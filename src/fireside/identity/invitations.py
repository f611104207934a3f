"""Invitations, as admins make and end them. Not what becomes of one: that is sign_up.py."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import (
    FailedPreconditionError,
    FiresideError,
    InvalidArgumentError,
    NotFoundError,
)
from fireside.gen.v1 import account_pb2, policy_pb2
from fireside.gen.v1.invitation_pb2 import Invitation
from fireside.identity import addresses, audit, links, mail_texts, policy
from fireside.identity.server_policy import DEFAULT, role_word
from fireside.store import accounts, groups, server_policy
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from fireside.gen.v1.account_pb2 import AccountRole
    from fireside.identity.links import Link, Links
    from fireside.identity.mail import Mail
    from fireside.identity.people import Admin
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_DAY_SECONDS: Final = 24 * 60 * 60
_LIFETIME_SECONDS: Final = 7 * _DAY_SECONDS
_LEAST_SECONDS: Final = 60
_MOST_SECONDS: Final = 365 * _DAY_SECONDS


class Wanted(NamedTuple):
    """An invitation to make; see CreateInvitationRequest."""

    email: str = ""
    role: AccountRole = account_pb2.ACCOUNT_ROLE_MEMBER
    group_ids: Collection[str] = ()
    lifetime_seconds: float = 0
    """0 for seven days."""


class Made(NamedTuple):
    """An invitation with the path of its link, which cannot be had again."""

    invitation: Invitation
    link: str
    mailed: bool


class Invitations:
    """See PeopleService for what the methods do and raise."""

    def __init__(self, db: Database, one_time: Links, mail: Mail | None) -> None:
        """Without `mail`, links are for the admin to send."""
        self._db = db
        self._links = one_time
        self._mail = mail

    async def create(self, admin: Admin, wanted: Wanted) -> Made:
        """Makes an invitation and mails it where that is possible.

        FailedPreconditionError (SIGN_UP_CLOSED): nobody can use one at present. InvalidArgumentError
        (LIFETIME_INVALID). NotFoundError (GROUP_NOT_FOUND).
        """
        lifetime = wanted.lifetime_seconds or _LIFETIME_SECONDS
        if not _LEAST_SECONDS <= lifetime <= _MOST_SECONDS:
            raise InvalidArgumentError("LIFETIME_INVALID", "An invitation holds for a minute at least, a year at most.")
        now = now_us()
        invitation = Invitation(
            email=addresses.checked(wanted.email) if wanted.email else "",
            role=wanted.role or account_pb2.ACCOUNT_ROLE_MEMBER,
            group_ids=sorted(set(wanted.group_ids)),
            invited_by=admin.principal.name,
            create_time=timestamp_of(now),
            expire_time=timestamp_of(now + int(lifetime * 1_000_000)),
        )

        async def body(tx: Tx) -> tuple[str, str, str]:
            if (await server_policy.get(tx) or DEFAULT).sign_up == policy_pb2.SIGN_UP_MODE_CLOSED:
                raise FailedPreconditionError(
                    "SIGN_UP_CLOSED", "Nobody can make an account at present; let the policy allow invitations first."
                )
            await _check_reach(tx, admin, invitation)
            # With its maker's account it ends too.
            maker = await accounts.get(tx, admin.principal.id)
            made = await self._links.make(
                tx, links.INVITATION, lifetime, invitation.SerializeToString(), maker.id if maker else ""
            )
            await _record(tx, admin, "invitation.created", made[0], invitation)
            return *made, maker.language if maker else ""

        invitation.id, token, language = await self._db.write(body)
        link = f"/join#{token}"
        return Made(invitation, link, await self._mailed(invitation, link, language))

    async def listed(self) -> list[Invitation]:
        """Those that hold, the newest first."""
        return [_shown(link) for link in await self._db.read(lambda tx: self._links.listed(tx, links.INVITATION))]

    async def delete(self, admin: Admin, invitation_id: str) -> None:
        """Ends one. NotFoundError (INVITATION_NOT_FOUND)."""

        async def body(tx: Tx) -> None:
            link = await self._links.delete(tx, links.INVITATION, invitation_id)
            if link is None:
                raise NotFoundError("INVITATION_NOT_FOUND", "There is no such invitation; it was used or has ended.")
            await _record(tx, admin, "invitation.deleted", link.id, _shown(link))

        await self._db.write(body)

    async def _mailed(self, invitation: Invitation, link: str, language: str) -> bool:
        if self._mail is None or not self._mail.configured or not invitation.email:
            return False
        text = mail_texts.invitation(language, invitation.invited_by, self._mail.url(link))
        try:
            await self._mail.send(invitation.email, text.subject, text.body)
        except FiresideError as error:
            # The invitation holds all the same: the admin has its link, and is told that it was not sent.
            logger.warning("An invitation was not mailed: %s", error)
            return False
        return True


async def _check_reach(tx: Tx, admin: Admin, invitation: Invitation) -> None:
    granted: list[int] = []
    for group_id in invitation.group_ids:
        group = await groups.get(tx, group_id)
        if group is None:
            raise groups.no_group(group_id)
        granted += group.permissions
    policy.require_as_much(admin.principal, policy.permissions_of(invitation.role, granted))


async def _record(tx: Tx, admin: Admin, action: str, invitation_id: str, invitation: Invitation) -> None:
    target = (invitation_id, invitation.email or "anybody")
    details = {"role": role_word(invitation.role)}
    await audit.record(tx, action, actor=admin.principal, origin=admin.origin, target=target, details=details)


def _shown(link: Link) -> Invitation:
    invitation = Invitation.FromString(link.record)
    invitation.id = link.id
    invitation.create_time.CopyFrom(timestamp_of(link.create_us))
    invitation.expire_time.CopyFrom(timestamp_of(link.expire_us))
    return invitation
