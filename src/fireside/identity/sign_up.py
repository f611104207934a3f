"""Making one's own account, and setting a forgotten password. Whether an address has an account is not told on the way.

With mail an account is made once its address is confirmed; until then it is a record behind the link that was sent.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.gen.v1 import account_pb2, policy_pb2
from fireside.gen.v1.account_pb2 import Account
from fireside.gen.v1.invitation_pb2 import Invitation
from fireside.identity import addresses, audit, links, mail_texts
from fireside.identity.attempts import Attempts
from fireside.identity.buckets import Buckets
from fireside.identity.sign_in import SignedIn
from fireside.store import accounts, groups, sessions
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from fireside.core.principal import Origin
    from fireside.gen.v1.policy_pb2 import Policy
    from fireside.identity.changes import Changes
    from fireside.identity.links import Link, Links
    from fireside.identity.mail import Mail
    from fireside.identity.passwords import Passwords
    from fireside.identity.server_policy import Policies
    from fireside.identity.sign_in import SignIn
    from fireside.store.db import Database
    from fireside.store.tx import Tx

CONFIRM_SECONDS: Final = 24 * 60 * 60
RESET_SECONDS: Final = 60 * 60

_SIGN_UP: Final = "sign-up"
_CONFIRMED: Final = "confirmed address"
_INVITED: Final = "invitation"
_RESET: Final = "password reset"


class Applicant(NamedTuple):
    """Who wants an account; see SignUpRequest."""

    name: str
    email: str
    password: str
    language: str = ""
    invitation: str = ""


class SignedUp(NamedTuple):
    """What signing up came to."""

    signed_in: SignedIn
    check_mail: bool = False
    """Whether the link that was sent has to be opened first."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """An account that is not made yet. It is what the record of a link to confirm an address holds."""

    name: str
    email: str
    language: str
    password: str
    """The hash."""

    invitation: str
    """Its id; empty for none."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What SignUps works with."""

    db: Database
    changes: Changes
    policies: Policies
    passwords: Passwords
    links: Links
    mail: Mail
    sign_in: SignIn


class SignUps:
    """See AuthService for what the methods do for a person and what they raise."""

    def __init__(self, parts: Parts) -> None:
        self._db = parts.db
        self._changes = parts.changes
        self._policies = parts.policies
        self._passwords = parts.passwords
        self._links = parts.links
        self._mail = parts.mail
        self._sign_in = parts.sign_in
        # Apart from those of sign-ins: who signs up often, or has links sent, must lock nobody out.
        self._tries = Attempts()
        self._letters = Buckets(burst=3, every=600.0, clock=time.monotonic)

    async def sign_up(self, applicant: Applicant, origin: Origin) -> SignedUp:
        """Makes an account, or has its address confirmed first."""
        email = addresses.checked(applicant.email)
        self._count(origin, email)
        rule = self._policies.current
        invitation = await self._invited(applicant.invitation, email, rule)
        password = await self._passwords.hash(applicant.password)
        draft = _Draft(applicant.name, email, applicant.language, password, invitation.id if invitation else "")
        # An invitation for this very address says whose it is as well as a mail would.
        if self._mail.configured and not (invitation and invitation.email):
            self._mail.begin(lambda: self._send_confirmation(draft))
            return SignedUp(SignedIn(None), check_mail=True)
        try:
            account = await self._db.write(lambda tx: self._make(tx, draft, origin, confirmed=False))
        except AlreadyExistsError:
            if invitation is None and _waits(rule, confirmed=False):
                # The same answer as for an address that has none.
                return SignedUp(SignedIn(None, pending=True))
            raise
        how = _INVITED if invitation else _SIGN_UP
        return SignedUp(await self._sign_in.finish(account, origin, how=how))

    async def confirm_email(self, token: str, password: str, origin: Origin) -> SignedIn:
        """Makes the account whose address was confirmed, by whoever chose its password.

        Without the password, somebody could sign up with another person's address, have them open the link, and own
        an account in their name.
        """
        found = await self._db.read(lambda tx: self._links.peek(tx, links.EMAIL, token))
        if found is None:
            raise _link_ended()
        wanted = _Draft(**json.loads(found.record))
        self._tries.check(origin.address, wanted.email)
        if not await self._passwords.verify(wanted.password, password):
            self._tries.failed(origin.address, wanted.email)
            raise UnauthenticatedError("PASSWORD_WRONG", "That is not the password that was chosen when signing up.")

        async def body(tx: Tx) -> Account:
            link = await self._links.take(tx, links.EMAIL, token)
            if link is None:
                raise _link_ended()
            draft = _Draft(**json.loads(link.record))
            return await self._make(tx, draft, origin, confirmed=True)

        try:
            account = await self._db.write(body)
        except AlreadyExistsError:
            raise InvalidArgumentError("LINK_ENDED", "This address has an account already: sign in.") from None
        return await self._sign_in.finish(account, origin, how=_CONFIRMED)

    async def invitation(self, token: str) -> Invitation:
        """The invitation behind a link. NotFoundError (INVITATION_NOT_FOUND)."""
        link = await self._db.read(lambda tx: self._links.peek(tx, links.INVITATION, token))
        if link is None:
            raise NotFoundError("INVITATION_NOT_FOUND", "This invitation has ended or was used; ask for another one.")
        return _invitation_of(link)

    async def request_reset(self, email: str, origin: Origin) -> None:
        """Has a link to set a password sent, if there is such an account. FailedPreconditionError (NO_MAIL)."""
        if not self._mail.configured:
            raise FailedPreconditionError(
                "NO_MAIL", "This server sends no mail: ask an admin for a link to set a new password."
            )
        self._count(origin, email)
        self._mail.begin(lambda: self._send_reset(email, origin))

    async def reset_password(self, token: str, password: str, origin: Origin) -> SignedIn:
        """Sets a password, ends the account's sessions and signs in."""
        # A wrong token must not cost what hashing costs.
        found = await self._db.read(lambda tx: self._links.peek(tx, links.PASSWORD, token))
        if found is None:
            raise _link_ended()
        hashed = await self._passwords.hash(password)

        async def body(tx: Tx) -> Account:
            link = await self._links.take(tx, links.PASSWORD, token)
            account = None if link is None else await accounts.get(tx, link.owner)
            if account is None:
                raise _link_ended()
            await accounts.set_password(tx, account.id, hashed)
            await self._links.end_all(tx, links.PASSWORD, account.id)
            await sessions.delete_all(tx, account.id)
            actor = Principal(id=account.id, name=account.name, email=account.email)
            target = (account.id, account.name)
            await audit.record(tx, "password.reset", actor=actor, origin=origin, target=target)
            return account

        account = await self._changes.write(found.owner, body)
        return await self._sign_in.finish(account, origin, how=_RESET)

    def _count(self, origin: Origin, email: str) -> None:
        """ResourceExhaustedError (TOO_MANY_ATTEMPTS): this address asks too often."""
        # `known`: many who ask for one person's link must not keep that person from asking.
        self._tries.check(origin.address, email, known=True)
        self._tries.failed(origin.address, email)

    async def _invited(self, token: str, email: str, rule: Policy) -> Invitation | None:
        """The invitation, or None where none is needed. See AuthService.SignUp for the errors."""
        if rule.sign_up == policy_pb2.SIGN_UP_MODE_CLOSED:
            raise _closed()
        if not token:
            _check_open(rule, email)
            return None
        link = await self._db.read(lambda tx: self._links.peek(tx, links.INVITATION, token))
        if link is None:
            raise _invitation_ended()
        invitation = _invitation_of(link)
        if invitation.email and accounts.fold_email(invitation.email) != accounts.fold_email(email):
            raise InvalidArgumentError(
                "INVITATION_EMAIL", "This invitation is for another address; use the one that it was sent to."
            )
        return invitation

    async def _make(self, tx: Tx, draft: _Draft, origin: Origin, *, confirmed: bool) -> Account:
        """Makes the account. Raises AlreadyExistsError (EMAIL_TAKEN), and what `_invited` raises."""
        rule = self._policies.current
        invitation = await self._use_invitation(tx, draft, rule)
        waits = invitation is None and _waits(rule, confirmed=confirmed)
        account = Account(
            id=new_id(),
            name=draft.name.strip() or draft.email,
            email=draft.email,
            language=draft.language,
            role=(invitation.role if invitation else rule.default_role) or account_pb2.ACCOUNT_ROLE_MEMBER,
            state=account_pb2.ACCOUNT_STATE_PENDING if waits else account_pb2.ACCOUNT_STATE_ACTIVE,
            create_time=timestamp_of(now_us()),
        )
        made = await accounts.insert(tx, account, password=draft.password)
        if invitation and invitation.group_ids:
            # Some may be gone since.
            there = [each.id for each in await groups.every(tx) if each.id in set(invitation.group_ids)]
            await groups.set_of_account(tx, made.id, there)
            made = await accounts.get(tx, made.id) or made
        actor = Principal(id=made.id, name=made.name, email=made.email)
        details = {"how": _INVITED if invitation else _SIGN_UP}
        if invitation:
            details["invitation"] = draft.invitation
        target = (made.id, made.name)
        await audit.record(tx, "account.created", actor=actor, origin=origin, target=target, details=details)
        return made

    async def _use_invitation(self, tx: Tx, draft: _Draft, rule: Policy) -> Invitation | None:
        if rule.sign_up == policy_pb2.SIGN_UP_MODE_CLOSED:
            raise _closed()
        if not draft.invitation:
            _check_open(rule, draft.email)
            return None
        link = await self._links.delete(tx, links.INVITATION, draft.invitation)
        if link is None or link.expire_us <= now_us():
            raise _invitation_ended()
        return _invitation_of(link)

    async def _send_confirmation(self, draft: _Draft) -> None:
        if not self._may_send(draft.email):
            return

        async def body(tx: Tx) -> tuple[Account | None, str]:
            account = await accounts.by_email(tx, draft.email)
            if account is not None:
                return account, ""
            record = json.dumps(asdict(draft)).encode()
            return None, (await self._links.make(tx, links.EMAIL, CONFIRM_SECONDS, record))[1]

        account, token = await self._db.write(body)
        if account is not None:
            text = mail_texts.taken(account.language, self._mail.url("/"))
        else:
            text = mail_texts.confirm(draft.language, self._mail.url(f"/confirm#{token}"))
        self._mail.send_later(draft.email, text)

    async def _send_reset(self, email: str, origin: Origin) -> None:
        account = await self._db.read(lambda tx: accounts.by_email(tx, email))
        # One that signs in elsewhere has no password to forget.
        elsewhere = account is not None and bool(account.provider) and not account.has_password
        if account is None or account.state != account_pb2.ACCOUNT_STATE_ACTIVE or elsewhere:
            return
        if not self._may_send(account.email):
            return

        async def body(tx: Tx) -> str:
            target = (account.id, account.name)
            actor = Principal(id="", email=email)
            await audit.record(tx, "password.link_made", actor=actor, origin=origin, target=target)
            return (await self._links.make(tx, links.PASSWORD, RESET_SECONDS, owner=account.id))[1]

        token = await self._db.write(body)
        self._mail.send_later(account.email, mail_texts.reset(account.language, self._mail.url(f"/reset#{token}")))

    def _may_send(self, email: str) -> bool:
        """Whether somebody gets another mail now that they did not ask for themselves, as far as is known."""
        key = accounts.fold_email(email)
        if self._letters.wait(key) > 0:
            return False
        self._letters.take(key)
        return True


def _check_open(rule: Policy, email: str) -> None:
    """PermissionDeniedError (SIGN_UP_CLOSED): an invitation is needed."""
    if rule.sign_up == policy_pb2.SIGN_UP_MODE_OPEN:
        return
    if rule.sign_up == policy_pb2.SIGN_UP_MODE_DOMAIN and addresses.domain_of(email) in rule.domains:
        return
    raise _closed()


def _waits(rule: Policy, *, confirmed: bool) -> bool:
    """Whether an account that somebody makes without an invitation waits for an admin."""
    return rule.approve_sign_ups or (rule.sign_up == policy_pb2.SIGN_UP_MODE_DOMAIN and not confirmed)


def _invitation_of(link: Link) -> Invitation:
    invitation = Invitation.FromString(link.record)
    invitation.id = link.id
    return invitation


def _closed() -> PermissionDeniedError:
    return PermissionDeniedError("SIGN_UP_CLOSED", "One needs an invitation to make an account here; ask an admin.")


def _invitation_ended() -> InvalidArgumentError:
    return InvalidArgumentError("INVITATION_ENDED", "This invitation has ended or was used; ask for another one.")


def _link_ended() -> InvalidArgumentError:
    return InvalidArgumentError("LINK_ENDED", "This link was used or is too old; ask for another one.")
