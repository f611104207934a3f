"""A chat engine with the parts of sharing, and three people who use it: Ann, Bob and Cid."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field

from fireside.chat.follow import Follower
from fireside.chat.opening import Parts, Shares, open_shares
from fireside.chat.presence import Holds
from fireside.chat.sharing import Gift
from fireside.core.principal import Origin, Principal
from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.account_pb2 import ACCOUNT_ROLE_MEMBER, ACCOUNT_STATE_ACTIVE, Account
from fireside.gen.v1.chat_service_pb2 import WatchEventsResponse
from fireside.gen.v1.group_pb2 import Group
from fireside.gen.v1.policy_pb2 import LINK_SHARING_ACCOUNTS, LinkSharing
from fireside.gen.v1.share_pb2 import SHARE_ROLE_VIEWER, Share, ShareRole
from fireside.identity.changes import Changes
from fireside.store import accounts, groups
from fireside.store.db import Database
from fireside.store.tx import Tx
from tests.rig import Rig, open_rig, send

HERE = Origin(address="127.0.0.1")
NAMES = ("ann", "bob", "cid")
ANN, BOB, CID = (
    Principal(id=name, name=name.title(), email=f"{name}@example.org", role=ACCOUNT_ROLE_MEMBER) for name in NAMES
)
TEAM = "team"
# Longer than anything here takes.
SLOW = "tokens=100000,pace=5ms"


@dataclass
class Rules:
    """The policy of the server."""

    links: LinkSharing = LINK_SHARING_ACCOUNTS


@dataclass(frozen=True, slots=True)
class SharedRig:
    """The parts, opened."""

    rig: Rig
    shares: Shares
    changes: Changes
    rules: Rules = field(default_factory=Rules)

    async def begun(self, script: str = "tokens=3", who: Principal = ANN) -> tuple[str, str]:
        """A conversation of somebody's with an answer in it, which has ended or (SLOW) not; the ids of both."""
        spec = send(script)
        await self.rig.engine.start(who, spec)
        if script != SLOW:
            await self.rig.read(spec.generation_id, 0, who)
        return spec.conversation_id, spec.generation_id

    async def share(
        self, conversation_id: str, whom: str = "bob", role: ShareRole = SHARE_ROLE_VIEWER, end_us: int | None = None
    ) -> Share:
        """Ann shares with somebody, or with the team."""
        gift = Gift(conversation_id, role, group_id=TEAM, end_us=end_us)
        if whom != TEAM:
            gift = Gift(conversation_id, role, email=f"{whom}@example.org", end_us=end_us)
        return (await self.shares.sharing.create(ANN, HERE, gift))[0]

    async def link(self, conversation_id: str) -> str:
        """Ann makes a link; its token."""
        _, path = await self.shares.sharing.create(ANN, HERE, Gift(conversation_id, SHARE_ROLE_VIEWER))
        return path.removeprefix("/s/")

    async def move(self, account_id: str, *, into: bool) -> None:
        """Somebody comes into the team, or leaves it."""

        async def body(tx: Tx) -> None:
            await (groups.add_members if into else groups.remove_members)(tx, TEAM, [account_id])

        await self.changes.write(account_id, body)

    async def listed(self, who: Principal) -> list[str]:
        """Ids of the conversations that somebody has."""
        found, _ = await self.rig.conversations.page(who, query="", page_size=0, page_token="")
        return [conversation.id for conversation in found]

    async def events(
        self, who: Principal, until: Callable[[AccountEvent], bool], *, ready: Callable[[], object] = lambda: None
    ) -> list[AccountEvent]:
        """What somebody's feed says from now on until (with) such an event. `ready` is called once it is followed."""
        seen: list[AccountEvent] = []
        async with aclosing(self.rig.feed.watch(who, "", 60.0)) as tail:
            async for payload in tail:
                for event in WatchEventsResponse.FromString(payload).events:
                    seen.append(event)
                    if event.HasField("ready"):
                        ready()
                    if until(event):
                        return seen
        raise AssertionError("the feed ended")

    async def watch(self, who: Principal, generation_id: str, seen: Callable[[], object]) -> None:
        """Reads a log to its end; `seen` is called with each piece."""
        async with aclosing(self.rig.engine.watch(who, generation_id, 0, 60.0)) as tail:
            async for _ in tail:
                seen()

    def follower(self, who: Principal) -> Follower:
        """What a browser of somebody's opens."""
        return Follower(self.rig.engine, self.rig.feed, who, 60.0)


async def have_people(db: Database) -> None:
    """Stores the three, and a team with nobody in it."""

    async def body(tx: Tx) -> None:
        for who in (ANN, BOB, CID):
            account = Account(
                id=who.id, email=who.email, name=who.name, role=ACCOUNT_ROLE_MEMBER, state=ACCOUNT_STATE_ACTIVE
            )
            await accounts.insert(tx, account)
        await groups.insert(tx, Group(id=TEAM, name="Team"))
        await groups.add_members(tx, TEAM, [ANN.id])

    await db.write(body)


@asynccontextmanager
async def open_shared_rig(
    db: Database, rules: Rules | None = None, holds: Holds | None = None
) -> AsyncIterator[SharedRig]:
    """A rig on `db`, where `have_people` has been."""
    rules = rules or Rules()
    async with AsyncExitStack() as stack:
        rig = await stack.enter_async_context(open_rig(db))
        changes = Changes(db)
        await changes.open()
        changes.listen(rig.engine.guests.account_changed)
        parts = Parts(db, rig.engine, rig.feed, rig.conversations)
        shares = await open_shares(parts, lambda: rules.links, stack, holds)
        yield SharedRig(rig, shares, changes, rules)
