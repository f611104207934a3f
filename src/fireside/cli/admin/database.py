"""The services that manage a server, on its own database and without the server. Whoever can open the database may do all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from connectrpc.request import Headers

from fireside.cli.failure import CommandError
from fireside.core.principal import Origin, Principal
from fireside.edge.access import Access
from fireside.edge.applications import request_validator
from fireside.edge.rpc.audit import AuditHandlers
from fireside.edge.rpc.groups import GroupHandlers
from fireside.edge.rpc.people import PeopleHandlers
from fireside.edge.rpc.policy import PolicyHandlers
from fireside.gen.v1 import account_pb2
from fireside.gen.v1.permission_pb2 import PERMISSION_MANAGE_PEOPLE
from fireside.identity import policy
from fireside.identity.audit_log import AuditLog
from fireside.identity.changes import Changes
from fireside.identity.group_rules import GroupRules
from fireside.identity.groups import Groups
from fireside.identity.invitations import Invitations
from fireside.identity.limits import Limits
from fireside.identity.links import Links
from fireside.identity.passwords import Passwords
from fireside.identity.people import People
from fireside.identity.removal import Removals
from fireside.identity.server_policy import Policies
from fireside.store.db import open_database
from fireside.store.urls import sqlite_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from google.protobuf.message import Message

    from fireside.config import Config
    from fireside.edge.validate import Validator
    from fireside.store.db import Database

OFFLINE_HINT: Final = " Without --offline, this command talks to the running server."
# What the audit log calls whoever works on the database itself.
_OPERATOR: Final = Principal(
    id="",
    permissions=policy.ADMIN,
    role=account_pb2.ACCOUNT_ROLE_ADMIN,
    name="fireside admin",
    email="fireside admin --offline",
)


class Direct:
    """Calls handlers where a client would call a server."""

    def __init__(self, handlers: object, validator: Validator) -> None:
        self._handlers = handlers
        self._validator = validator

    def __getattr__(self, name: str) -> Callable[[Message], object]:
        handler: Callable[[Message, None], object] = getattr(self._handlers, name)

        def call(request: Message) -> object:
            if wrong := self._validator.violations(request):
                raise CommandError("; ".join(f"{each.field}: {each.description}" for each in wrong))
            return handler(request, None)

        return call


@dataclass(frozen=True, slots=True)
class Services:
    """The handlers of the services."""

    people: Direct
    groups: Direct
    policy: Direct
    audit: Direct


class _Operator:
    async def authenticate(self, bearer: str, cookie: str, origin: Origin) -> Principal:  # noqa: ARG002 None is needed.
        return _OPERATOR


async def open_services(config: Config, stack: AsyncExitStack) -> Services:
    """Opens the database and the services on it, in whose calls this task is the operator.

    CommandError: there is no database yet. UnavailableError (DATABASE_IN_USE): a server has it open.
    """
    path = sqlite_path(config.database_url)
    if path is not None and not path.exists():
        raise CommandError(f"There is no database {path}. Name its folder with --data-dir, or start the server once.")
    db = await open_database(config.database_url)
    stack.push_async_callback(db.close)
    await Access(_Operator(), ()).admit(Headers(), "", PERMISSION_MANAGE_PEOPLE)
    return _services(db, stack)


def _services(db: Database, stack: AsyncExitStack) -> Services:
    changes, links, passwords = Changes(db), Links(), Passwords()
    stack.callback(passwords.close)
    policies = Policies(db, changes)
    limits = Limits(db, policies, GroupRules(db, changes))
    people = People(db, changes, links, passwords, Removals(db, changes))
    validator = request_validator()
    return Services(
        Direct(PeopleHandlers(people, Invitations(db, links, None)), validator),
        Direct(GroupHandlers(Groups(db, changes)), validator),
        Direct(PolicyHandlers(policies, limits), validator),
        Direct(AuditHandlers(AuditLog(db)), validator),
    )
