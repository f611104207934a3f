"""Whose account it is that signs in at an OpenID Connect provider: found, linked or made. What the provider proves is oidc.py's."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from fireside.core.clock import now_us
from fireside.core.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from fireside.core.ids import new_id
from fireside.core.principal import Principal
from fireside.gen.v1 import account_pb2, policy_pb2
from fireside.gen.v1.account_pb2 import Account
from fireside.identity import addresses, audit
from fireside.identity.oidc import Pending
from fireside.identity.sign_in import PROVIDER
from fireside.store import accounts, groups
from fireside.store.records import timestamp_of

if TYPE_CHECKING:
    from fireside.core.principal import Origin
    from fireside.identity.attempts import Attempts
    from fireside.identity.changes import Changes
    from fireside.identity.oidc import Providers, Visitor
    from fireside.identity.providers import DeclaredProvider
    from fireside.identity.second_factors import Sealer
    from fireside.identity.server_policy import Policies
    from fireside.identity.sign_in import SignedIn, SignIn
    from fireside.store.db import Database
    from fireside.store.tx import Tx

PENDING_SECONDS: Final = 600
_PURPOSE: Final = "oidc"


class Parts(NamedTuple):
    """What ProviderSignIn works with."""

    db: Database
    changes: Changes
    policies: Policies
    sign_in: SignIn
    attempts: Attempts
    sealer: Sealer


class Returned(NamedTuple):
    """What the provider's answer says, as the browser brings it."""

    state: str
    code: str
    issuer: str
    error: str


class ProviderSignIn:
    """Signs people in by the providers of the settings."""

    def __init__(self, parts: Parts, providers: Providers, public_url: str = "") -> None:
        self.providers = providers
        self.public_url = public_url
        self._db = parts.db
        self._changes = parts.changes
        self._policies = parts.policies
        self._sign_in = parts.sign_in
        self._attempts = parts.attempts
        self._sealer = parts.sealer

    async def begin(self, name: str, redirect_uri: str, next_path: str) -> tuple[str, str]:
        """Where to send the browser, and what it has to keep: sealed, so that it can neither read nor make it.

        NotFoundError, UnimplementedError, UnavailableError: see Providers.
        """
        url, pending = await self.providers.begin(name, redirect_uri, next_path)
        sealed = self._sealer.seal(_PURPOSE, name, json.dumps(list(pending)))
        return url, base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    async def finish(
        self, name: str, kept: str, returned: Returned, redirect_uri: str, origin: Origin
    ) -> tuple[SignedIn, str]:
        """Signs in whoever came back; also the local path to go to.

        UnauthenticatedError (STATE_MISMATCH): the browser has not begun it, or too long ago. UnauthenticatedError
        (PROVIDER_REFUSED), UnavailableError (PROVIDER_AWAY), and what says that there is no account for them:
        PermissionDeniedError (SIGN_UP_CLOSED, DOMAIN_NOT_ALLOWED), AlreadyExistsError (EMAIL_TAKEN),
        FailedPreconditionError (ACCOUNT_DISABLED, NEEDS_SET_UP).
        """
        self._attempts.check(origin.address, PROVIDER, known=True)
        pending = self._opened(name, kept)
        if (
            pending is None
            or not hmac.compare_digest(pending.state.encode(), returned.state.encode())
            or time.time() - pending.begun > PENDING_SECONDS
        ):
            raise UnauthenticatedError("STATE_MISMATCH", "This sign-in was not begun in this browser; begin again.")
        try:
            visitor = await self._visitor(pending, returned, redirect_uri)
        except UnauthenticatedError:
            self._attempts.failed(origin.address, PROVIDER)
            raise
        if not await self._sign_in.is_set_up():
            raise FailedPreconditionError("NEEDS_SET_UP", "The server has no admin yet; make the first account.")
        account = await self._account(self.providers.get(name), visitor, origin)
        return await self._sign_in.finish(account, origin, how=PROVIDER), pending.next

    async def _visitor(self, pending: Pending, returned: Returned, redirect_uri: str) -> Visitor:
        if returned.error or not returned.code:
            raise UnauthenticatedError("PROVIDER_REFUSED", "The sign-in at the provider did not succeed. Try again.")
        return await self.providers.finish(pending, returned.code, returned.issuer, redirect_uri)

    def _opened(self, name: str, kept: str) -> Pending | None:
        try:
            sealed = base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
            pending = Pending(*json.loads(self._sealer.open(_PURPOSE, name, sealed)))
        except (ValueError, binascii.Error, TypeError):
            return None
        return pending if pending.provider == name else None

    async def _account(self, provider: DeclaredProvider, visitor: Visitor, origin: Origin) -> Account:
        if provider.allowed_domains and not (
            visitor.email_verified and addresses.domain_of(visitor.email) in provider.allowed_domains
        ):
            raise PermissionDeniedError(
                "DOMAIN_NOT_ALLOWED", "People with this mail address may not sign in here; ask an admin."
            )
        subject = f"{provider.name} {visitor.subject}"

        async def find(tx: Tx) -> tuple[Account | None, Account | None]:
            known = await accounts.by_subject(tx, subject)
            email = visitor.email if visitor.email_verified else ""
            return known, await accounts.by_email(tx, email) if known is None and email else None

        known, same_address = await self._db.read(find)
        found = known or same_address
        made = _draft(provider, visitor)

        async def body(tx: Tx) -> Account:
            account = await accounts.by_subject(tx, subject)
            if account is None and same_address is not None:
                account = await self._link(tx, provider, same_address.id, subject, origin)
            if account is None:
                account = await self._make(tx, provider, made, subject, origin)
            if visitor.groups is not None:
                await groups.follow_provider(tx, account.id, visitor.groups)
            return await accounts.get(tx, account.id) or account

        if known is not None and visitor.groups is None:
            return known
        return await self._changes.write(found.id if found else made.id, body)

    async def _link(
        self, tx: Tx, provider: DeclaredProvider, account_id: str, subject: str, origin: Origin
    ) -> Account | None:
        """Ties an account to the provider that knows its verified address. AlreadyExistsError (EMAIL_TAKEN)."""
        account = await accounts.get(tx, account_id)
        if account is None:
            return None
        if not provider.link_by_email or await accounts.subject_of(tx, account_id):
            raise AlreadyExistsError(
                "EMAIL_TAKEN", "There is an account with this mail address already: sign in with its password."
            )
        account.provider = provider.name
        await accounts.set_subject(tx, account_id, subject)
        account.etag = ""
        account = await accounts.update(tx, account)
        await _record(tx, "account.updated", account, provider, origin)
        return account

    async def _make(
        self, tx: Tx, provider: DeclaredProvider, account: Account, subject: str, origin: Origin
    ) -> Account:
        """Makes an account. PermissionDeniedError (SIGN_UP_CLOSED)."""
        rule = self._policies.current
        if not provider.sign_up or rule.sign_up == policy_pb2.SIGN_UP_MODE_CLOSED:
            raise PermissionDeniedError("SIGN_UP_CLOSED", "There is no account for you here yet; ask an admin for one.")
        account.role = rule.default_role or account_pb2.ACCOUNT_ROLE_MEMBER
        if rule.approve_sign_ups:
            account.state = account_pb2.ACCOUNT_STATE_PENDING
        made = await accounts.insert(tx, account, subject=subject)
        await _record(tx, "account.created", made, provider, origin)
        return made


def _draft(provider: DeclaredProvider, visitor: Visitor) -> Account:
    return Account(
        id=new_id(),
        name=visitor.name[:100],
        # One that is not verified may be somebody else's, whom others then take them for.
        email=visitor.email if visitor.email_verified else "",
        state=account_pb2.ACCOUNT_STATE_ACTIVE,
        provider=provider.name,
        create_time=timestamp_of(now_us()),
    )


async def _record(tx: Tx, action: str, account: Account, provider: DeclaredProvider, origin: Origin) -> None:
    actor, target = Principal(id=account.id, name=account.name, email=account.email), (account.id, account.name)
    details = {"how": PROVIDER, "provider": provider.name}
    await audit.record(tx, action, actor=actor, origin=origin, target=target, details=details)
