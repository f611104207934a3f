"""What holds for the whole server: read often, so kept in memory; changed by its admins. Its records: store/server_policy.py."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fireside.core.errors import FieldViolation, InvalidArgumentError
from fireside.core.ids import etag_of
from fireside.gen.v1 import account_pb2, policy_pb2
from fireside.gen.v1.policy_pb2 import Policy
from fireside.identity import audit
from fireside.store import server_policy

if TYPE_CHECKING:
    from fireside.core.principal import Origin, Principal
    from fireside.identity.changes import Changes
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

# Nobody makes an account who was not asked to, and nothing is open to people without one.
DEFAULT: Final = Policy(
    sign_up=policy_pb2.SIGN_UP_MODE_INVITATION,
    default_role=account_pb2.ACCOUNT_ROLE_MEMBER,
    link_sharing=policy_pb2.LINK_SHARING_ACCOUNTS,
    session_days=30,
    etag=etag_of(0),
)


class Policies:
    """The server's policy. `open` before use, `aclose` at the end."""

    def __init__(self, db: Database, changes: Changes) -> None:
        self._db = db
        self._changes = changes
        self._current = DEFAULT
        self._reloading: asyncio.Task[None] | None = None
        self._again = False

    async def open(self) -> None:
        """Reads the policy, and again whenever it changes."""
        self._current = await self.get()
        self._changes.listen(self._heard)

    async def aclose(self) -> None:
        """Reads no more."""
        if self._reloading is not None:
            self._reloading.cancel()
            await asyncio.gather(self._reloading, return_exceptions=True)

    @property
    def current(self) -> Policy:
        """The policy that holds. Not to be changed by whoever reads it."""
        return self._current

    async def get(self) -> Policy:
        """The policy as it is stored."""
        return await self._db.read(_get)

    async def update(self, actor: Principal, origin: Origin, policy: Policy) -> Policy:
        """Replaces the policy, here at once and in other processes within a second.

        Raises InvalidArgumentError (POLICY_INVALID), AbortedError (STALE_ETAG).
        """
        wanted = checked(policy)

        async def body(tx: Tx) -> Policy:
            before = await _get(tx)
            after = await server_policy.put(tx, wanted)
            details = changed(before, after)
            await audit.record(tx, "policy.updated", actor=actor, origin=origin, details=details)
            return after

        self._current = await self._changes.write("", body)
        return self._current

    def _heard(self, account_id: str) -> None:
        if account_id:  # one account's own change is not the server's
            return
        if self._reloading is not None and not self._reloading.done():
            self._again = True
            return
        self._reloading = asyncio.create_task(self._reload(), name="read the policy again")

    async def _reload(self) -> None:
        while True:
            self._again = False
            try:
                self._current = await self.get()
            except Exception:  # the store may be away for a while; what is known goes on
                logger.exception("The policy could not be read again; the known one is kept")
            if not self._again:
                return


def checked(policy: Policy) -> Policy:
    """The policy as it is to be stored: domains in lower case, nothing unset. Raises InvalidArgumentError."""
    wanted = Policy()
    wanted.CopyFrom(policy)
    wanted.sign_up = policy.sign_up or DEFAULT.sign_up
    wanted.default_role = policy.default_role or DEFAULT.default_role
    wanted.link_sharing = policy.link_sharing or DEFAULT.link_sharing
    wanted.session_days = policy.session_days or DEFAULT.session_days
    wanted.domains[:] = sorted({domain.lower() for domain in policy.domains})
    wrong: list[FieldViolation] = []
    if wanted.sign_up == policy_pb2.SIGN_UP_MODE_DOMAIN and not wanted.domains:
        wrong.append(FieldViolation("policy.domains", "name the domains whose addresses may sign up"))
    if wanted.default_role == account_pb2.ACCOUNT_ROLE_ADMIN:
        wrong.append(FieldViolation("policy.default_role", "people cannot make themselves admins"))
    roles = [limits.role for limits in wanted.limits]
    if len(set(roles)) < len(roles):
        wrong.append(FieldViolation("policy.limits", "a role is named more than once"))
    if account_pb2.ACCOUNT_ROLE_UNSPECIFIED in roles:
        wrong.append(FieldViolation("policy.limits", "limits without a role"))
    if wrong:
        what = "; ".join(violation.description for violation in wrong)
        raise InvalidArgumentError("POLICY_INVALID", f"The policy cannot be used: {what}.", violations=tuple(wrong))
    return wanted


def changed(before: Policy, after: Policy) -> dict[str, str]:
    """What is different, as `old -> new` by the field's name."""
    was, now = _shown(before), _shown(after)
    return {name: f"{was[name]} -> {now[name]}" for name in now if was[name] != now[name]}


def _shown(policy: Policy) -> dict[str, str]:
    shown = {
        "sign_up": _word(policy_pb2.SignUpMode.Name(policy.sign_up), "SIGN_UP_MODE_"),
        "domains": ", ".join(policy.domains) or "none",
        "approve_sign_ups": "yes" if policy.approve_sign_ups else "no",
        "default_role": role_word(policy.default_role),
        "link_sharing": _word(policy_pb2.LinkSharing.Name(policy.link_sharing), "LINK_SHARING_"),
        "session_days": str(policy.session_days),
        "admins_need_second_factor": "yes" if policy.admins_need_second_factor else "no",
    }
    for role in (account_pb2.ACCOUNT_ROLE_ADMIN, account_pb2.ACCOUNT_ROLE_MEMBER, account_pb2.ACCOUNT_ROLE_GUEST):
        limits = next((item.limits for item in policy.limits if item.role == role), policy_pb2.Limits())
        set_ones = (f"{field.name} {value}" for field, value in limits.ListFields())
        shown[f"limits of {role_word(role)}"] = ", ".join(set_ones) or "none"
    return shown


def role_word(role: int) -> str:
    """A role as a person says it: `admin`."""
    return _word(account_pb2.AccountRole.Name(account_pb2.AccountRole.ValueType(role)), "ACCOUNT_ROLE_")


def state_word(state: int) -> str:
    """A state as a person says it: `active`."""
    return _word(account_pb2.AccountState.Name(account_pb2.AccountState.ValueType(state)), "ACCOUNT_STATE_")


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()


async def _get(tx: Tx) -> Policy:
    return await server_policy.get(tx) or DEFAULT
