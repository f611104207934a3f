"""A whole server with accounts, in the test's own loop, and the people who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fireside.core.clock import now_us
from fireside.core.ids import new_id
from fireside.core.principal import Origin, Principal
from fireside.gen.v1.account_pb2 import (
    ACCOUNT_ROLE_ADMIN,
    ACCOUNT_ROLE_GUEST,
    ACCOUNT_ROLE_MEMBER,
    ACCOUNT_STATE_ACTIVE,
    Account,
)
from fireside.gen.v1.auth_service_pb2 import SetUpRequest
from fireside.identity.opening import Identity
from fireside.store import accounts
from fireside.store.records import timestamp_of
from tests.callers import Caller, caller
from tests.served import Served, serve

ADMIN, MEMBER, GUEST = ACCOUNT_ROLE_ADMIN, ACCOUNT_ROLE_MEMBER, ACCOUNT_ROLE_GUEST
PASSWORD = "correct horse battery staple"
HERE = Origin(address="127.0.0.1", device="tests")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, signed in."""

    url: str
    account: Account
    token: str
    """The session's, which the cookie carries."""

    password: str = PASSWORD

    @property
    def id(self) -> str:
        """The account's id."""
        return self.account.id

    @property
    def headers(self) -> Mapping[str, str]:
        """What a browser that has signed in sends."""
        return {"cookie": f"fireside={self.token}"}

    def caller(self, kind: str = "connect-h2") -> AbstractAsyncContextManager[Caller]:
        """A client of theirs, of one of CALLERS, with a connection of its own."""
        return caller(kind, self.url, self.headers)


@dataclass(frozen=True, slots=True)
class AccountsServer(Served):
    """A server with accounts that answers at `url`."""

    @property
    def identity(self) -> Identity:
        """What is open of accounts."""
        return self.app.identity

    async def set_up(self, name: str = "Ada", email: str = "ada@example.org") -> Person:
        """Makes the first admin, as the first visitor does."""
        async with caller("connect-h2", self.url) as client:
            request = SetUpRequest(name=name, email=email, password=PASSWORD)
            account = (await client.unary("SetUp", request)).account
        return Person(self.url, account, await self.identity.sessions.start(account.id, HERE))

    async def person(
        self, name: str, role: int = ACCOUNT_ROLE_MEMBER, *, password: str = "", email: str = ""
    ) -> Person:
        """Somebody with an account of this role, signed in; without `password` the account has none, which is faster.

        There need not be an admin: the server counts as set up from here on.
        """
        stored = await self.identity.passwords.hash(password) if password else None
        wanted = Account(
            id=new_id(),
            name=name,
            email=email or f"{name.lower().replace(' ', '.')}@example.org",
            role=role,  # pyright: ignore[reportArgumentType] - a number will do
            state=ACCOUNT_STATE_ACTIVE,
            create_time=timestamp_of(now_us()),
        )
        changes = self.identity.changes
        account = await changes.write(wanted.id, lambda tx: accounts.insert(tx, wanted, password=stored))
        return Person(self.url, account, await self.identity.sessions.start(account.id, HERE), password)

    async def again(self, person: Person) -> Person:
        """The same person with another session, as in a second browser."""
        return Person(self.url, person.account, await self.identity.sessions.start(person.id, HERE), person.password)

    async def principal(self, person: Person) -> Principal:
        """Who the server takes them for."""
        return await self.identity.sessions.authenticate("", person.token, HERE)

    def anybody(self, kind: str = "connect-h2") -> AbstractAsyncContextManager[Caller]:
        """A client of somebody who has not signed in."""
        return caller(kind, self.url)


@asynccontextmanager
async def accounts_server(folder: Path, toml: str = "", **settings: str) -> AsyncIterator[AccountsServer]:
    """Opens a server with accounts on a database in `folder`. Nobody has set it up."""
    async with serve(folder, toml, single_user="false", **settings) as served:
        yield AccountsServer(served.app, served.url)
