"""Opens everything of accounts, in order. Not what the parts do: each is in its own file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fireside.identity.attempts import Attempts
from fireside.identity.changes import Changes
from fireside.identity.first_visit import FirstVisit
from fireside.identity.group_rules import GroupRules
from fireside.identity.keys import ApiKeys
from fireside.identity.limits import Limits
from fireside.identity.links import Links
from fireside.identity.passwords import Passwords
from fireside.identity.server_policy import Policies
from fireside.identity.sessions import Sessions
from fireside.identity.sign_in import SignIn
from fireside.store import accounts

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from fireside.gen.v1.auth_service_pb2 import SecondFactorNeeded
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


@dataclass(frozen=True, slots=True)
class IdentityOptions:
    """What the settings say of accounts."""

    loopback_only: bool = True
    """Whether only the server's own machine can reach it."""

    set_up_token: str = field(default="", repr=False)
    """Of the link that makes the first account; empty for no such link."""


async def open_identity(db: Database, options: IdentityOptions, stack: AsyncExitStack) -> Identity:
    """Opens the parts; `stack` closes them in reverse."""
    changes = Changes(db)
    policies = Policies(db, changes)
    stack.push_async_callback(policies.aclose)
    await policies.open()
    rules = GroupRules(db, changes)
    stack.push_async_callback(rules.aclose)
    await rules.open()
    limits = Limits(db, policies, rules)
    stack.push_async_callback(limits.aclose)
    limits.open()
    passwords = Passwords()
    stack.callback(passwords.close)
    keys = ApiKeys(db, changes)
    sessions = Sessions(db, changes, policies, keys)
    stack.push_async_callback(sessions.aclose)
    sessions.open()
    attempts, links = Attempts(), Links()
    first = FirstVisit(options.loopback_only)
    if options.set_up_token and not await db.read(accounts.is_set_up):
        await db.write(lambda tx: first.offer(tx, options.set_up_token))
    sign_in = SignIn(db, changes, sessions, passwords, attempts, _None(), first)
    # Last: what listens is complete.
    stack.push_async_callback(changes.aclose)
    await changes.open()
    return Identity(db, changes, policies, rules, limits, attempts, links, passwords, keys, sessions, sign_in)


class _None:
    async def needed(self, account_id: str) -> SecondFactorNeeded | None:
        return None

    async def complete(self, challenge: str, totp_code: str = "", recovery_code: str = "") -> str:
        return ""
