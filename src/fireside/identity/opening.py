"""Opens everything of accounts, in order. Not what the parts do: each is in its own file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.identity.attempts import Attempts
from fireside.identity.audit_log import AuditLog
from fireside.identity.changes import Changes
from fireside.identity.export import Exports
from fireside.identity.first_visit import FirstVisit
from fireside.identity.group_rules import GroupRules
from fireside.identity.groups import Groups
from fireside.identity.invitations import Invitations
from fireside.identity.keys import ApiKeys
from fireside.identity.limits import Limits
from fireside.identity.links import Links
from fireside.identity.mail import Mail, MailOptions
from fireside.identity.oidc import Providers
from fireside.identity.passkeys import Passkeys
from fireside.identity.passwords import Passwords
from fireside.identity.people import People
from fireside.identity.profile import Parts as OwnParts
from fireside.identity.profile import Profiles
from fireside.identity.provider_sign_in import Parts as ProviderParts
from fireside.identity.provider_sign_in import ProviderSignIn
from fireside.identity.removal import Removals
from fireside.identity.second_factors import SecondFactors
from fireside.identity.server_policy import Policies
from fireside.identity.sessions import Sessions
from fireside.identity.sign_in import Needs, SignIn
from fireside.identity.sign_up import Parts, SignUps
from fireside.store import accounts

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from fireside.identity.providers import DeclaredProvider
    from fireside.identity.second_factors import Sealer
    from fireside.store.db import Database


@dataclass(frozen=True, slots=True)
class Identity:
    """The parts."""

    db: Database
    changes: Changes
    policies: Policies
    rules: GroupRules
    limits: Limits
    attempts: Attempts
    links: Links
    passwords: Passwords
    keys: ApiKeys
    sessions: Sessions
    sign_in: SignIn
    second_factors: SecondFactors
    passkeys: Passkeys
    provider_sign_in: ProviderSignIn
    mail: Mail
    sign_ups: SignUps
    removals: Removals
    profiles: Profiles
    exports: Exports
    people: People
    invitations: Invitations
    groups: Groups
    audit_log: AuditLog


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """What the settings say of accounts."""

    loopback_only: bool = True
    """Whether only the server's own machine can reach it."""

    set_up_token: str = field(default="", repr=False)
    """Of the link that makes the first account; empty for no such link."""

    mail: MailOptions = field(default_factory=MailOptions)
    providers: tuple[DeclaredProvider, ...] = ()
    """Where else people can sign in."""


async def open_identity(db: Database, sealer: Sealer, options: IdentityOptions, stack: AsyncExitStack) -> Identity:
    """Opens the parts; `stack` closes them in reverse. `sealer` encrypts secrets at rest."""
    changes = Changes(db)
    policies, rules, limits = await _open_rules(db, changes, stack)
    passwords = Passwords()
    stack.callback(passwords.close)
    keys = ApiKeys(db, changes)
    sessions = Sessions(db, changes, policies, keys)
    stack.push_async_callback(sessions.aclose)
    sessions.open()
    attempts, links = Attempts(), Links()
    first = await _first_visit(db, options)
    factors = SecondFactors(db, changes, links, sealer)
    sign_in = SignIn(Needs(db, changes, sessions, passwords, attempts, factors, first))
    mail = Mail(options.mail)
    stack.push_async_callback(mail.aclose)
    removals = Removals(db, changes)
    providers = Providers(options.providers)
    stack.callback(providers.close)
    parts = ProviderParts(db, changes, policies, sign_in, attempts, sealer)
    # Last: what listens is complete.
    stack.push_async_callback(changes.aclose)
    await changes.open()
    return Identity(
        db=db,
        changes=changes,
        policies=policies,
        rules=rules,
        limits=limits,
        attempts=attempts,
        links=links,
        passwords=passwords,
        keys=keys,
        sessions=sessions,
        sign_in=sign_in,
        second_factors=factors,
        provider_sign_in=ProviderSignIn(parts, providers, options.mail.public_url),
        passkeys=Passkeys(db, changes, links, options.mail.public_url),
        mail=mail,
        sign_ups=SignUps(Parts(db, changes, policies, passwords, links, mail, sign_in)),
        removals=removals,
        profiles=Profiles(OwnParts(db, changes, sessions, passwords, attempts, links, mail, removals)),
        exports=Exports(db),
        people=People(db, changes, links, passwords, removals),
        invitations=Invitations(db, links, mail if mail.configured else None),
        groups=Groups(db, changes),
        audit_log=AuditLog(db),
    )


async def _open_rules(db: Database, changes: Changes, stack: AsyncExitStack) -> tuple[Policies, GroupRules, Limits]:
    policies = Policies(db, changes)
    stack.push_async_callback(policies.aclose)
    await policies.open()
    rules = GroupRules(db, changes)
    stack.push_async_callback(rules.aclose)
    await rules.open()
    limits = Limits(db, policies, rules)
    stack.push_async_callback(limits.aclose)
    limits.open()
    return policies, rules, limits


async def _first_visit(db: Database, options: IdentityOptions) -> FirstVisit:
    first = FirstVisit(options.loopback_only)
    if options.set_up_token and not await db.read(accounts.is_set_up):
        await db.write(lambda tx: first.offer(tx, options.set_up_token))
    return first
