"""How much an account may use: what policy and groups allow, what it has used today, and whether it may go on.

Use is counted in memory and stored every second in one transaction, so that an answer pays nothing for it; a crash
forgets at most that second. Each process counts by itself in between, and looks at what the others stored every ten
seconds, so several processes let through a little more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.core.errors import ResourceExhaustedError
from fireside.gen.v1.policy_pb2 import Limits as Allowed
from fireside.identity.buckets import Buckets
from fireside.store import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fireside.core.principal import Principal
    from fireside.identity.group_rules import GroupRules
    from fireside.identity.server_policy import Policies
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

_DAY_SECONDS = 86_400
_STORE_SECONDS = 1.0
_LOOK_SECONDS = 10.0
_KEEP_DAYS = 400
_MOST_KNOWN = 50_000


@dataclass(slots=True)
class _Today:
    """What an account used on `day`, as far as is known here; `stored` at the monotonic time `looked`."""

    day: int
    messages: int
    tokens: int
    looked: float


def widest(allowed: Iterable[Allowed]) -> Allowed:
    """The most generous of each limit; 0 is none and beats all. Without any: no limits."""
    found = list(allowed)
    if not found:
        return Allowed()
    result = Allowed()
    for field in Allowed.DESCRIPTOR.fields:
        values = [getattr(item, field.name) for item in found]
        setattr(result, field.name, 0 if 0 in values else max(values))
    return result


class Limits:
    """The use of all accounts. `open` before use, `aclose` at the end."""

    def __init__(
        self, db: Database, policies: Policies, rules: GroupRules, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` gives seconds since the Unix epoch."""
        self._db = db
        self._policies = policies
        self._rules = rules
        self._clock = clock
        self._known: dict[str, _Today] = {}
        self._unstored: dict[tuple[str, int], list[int]] = {}
        self._minutes: dict[int, Buckets] = {}
        self._storing: asyncio.Task[None] | None = None
        # While it is held, what was counted is either in `_unstored` or in the store.
        self._settled = asyncio.Lock()

    def open(self) -> None:
        """Starts to store what is counted."""
        self._storing = asyncio.create_task(self._store_forever(), name="store what accounts use")

    async def aclose(self) -> None:
        """Stores the rest."""
        if self._storing is not None:
            self._storing.cancel()
            await asyncio.gather(self._storing, return_exceptions=True)
        await self._store()

    def allowed(self, principal: Principal) -> Allowed:
        """What holds for the principal: of role and groups the widest."""
        of_role = [item.limits for item in self._policies.current.limits if item.role == principal.role]
        of_groups = [group.limits for group in self._rules.groups_of(principal) if group.HasField("limits")]
        # A role without limits has none, and groups cannot narrow that.
        return widest([*of_role, *of_groups]) if of_role else Allowed()

    async def used_today(self, owner: str) -> tuple[int, int]:
        """(Messages, tokens) of today."""
        today = await self._today(owner)
        return today.messages, today.tokens

    async def prepare(self, principal: Principal) -> None:
        """Sees to it that `admit` knows what the principal used today."""
        allowed = self.allowed(principal)
        if allowed.messages_per_day or allowed.tokens_per_day:
            await self._today(principal.id)

    def admit(self, principal: Principal) -> None:
        """Counts the start of a generation. Raises ResourceExhaustedError (LIMIT_REACHED) when it is one too many."""
        allowed = self.allowed(principal)
        today = self._known.get(principal.id)
        if today is not None and today.day == self._day():
            if allowed.messages_per_day and today.messages >= allowed.messages_per_day:
                raise self._reached(f"{allowed.messages_per_day} messages a day", self._until_tomorrow())
            if allowed.tokens_per_day and today.tokens >= allowed.tokens_per_day:
                raise self._reached(f"{allowed.tokens_per_day} tokens a day", self._until_tomorrow())
        if allowed.messages_per_minute:
            bucket = self._minute(allowed.messages_per_minute)
            if (wait := bucket.wait(principal.id)) > 0:
                raise self._reached(f"{allowed.messages_per_minute} messages a minute", wait)
            bucket.take(principal.id)
        self._count(principal.id, 1, 0)

    def spend(self, owner: str, tokens: int) -> None:
        """Counts the tokens of an answer that has ended."""
        if tokens:
            self._count(owner, 0, tokens)

    def _count(self, owner: str, messages: int, tokens: int) -> None:
        day = self._day()
        counted = self._unstored.setdefault((owner, day), [0, 0])
        counted[0] += messages
        counted[1] += tokens
        today = self._known.get(owner)
        if today is not None and today.day == day:
            today.messages += messages
            today.tokens += tokens

    async def _today(self, owner: str) -> _Today:
        day, now = self._day(), time.monotonic()
        today = self._known.get(owner)
        fresh = self._db.exclusive or (today is not None and now - today.looked < _LOOK_SECONDS)
        if today is not None and today.day == day and fresh:
            return today
        async with self._settled:
            messages, tokens = await self._db.read(lambda tx: usage.of_day(tx, owner, day))
        more = self._unstored.get((owner, day), (0, 0))
        today = _Today(day, messages + more[0], tokens + more[1], now)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[owner] = today
        return today

    def _minute(self, burst: int) -> Buckets:
        bucket = self._minutes.get(burst)
        if bucket is None:
            bucket = self._minutes[burst] = Buckets(burst=burst, every=60.0 / burst, clock=time.monotonic)
        return bucket

    def _day(self) -> int:
        return int(self._clock() // _DAY_SECONDS)

    def _until_tomorrow(self) -> float:
        return _DAY_SECONDS - self._clock() % _DAY_SECONDS

    @staticmethod
    def _reached(what: str, wait: float) -> ResourceExhaustedError:
        return ResourceExhaustedError(
            "LIMIT_REACHED", f"Your account may use {what}, and has. It can go on later.", retry_after=max(1.0, wait)
        )

    async def _store_forever(self) -> None:
        pruned = -1
        while True:
            await asyncio.sleep(_STORE_SECONDS)
            try:
                await self._store()
                if pruned != (day := self._day()):
                    await self._db.write(lambda tx, before=day - _KEEP_DAYS: usage.prune(tx, before))
                    pruned = day
            except Exception:  # the store may be away for a while; what is counted is kept until it is back
                logger.exception("What accounts used could not be stored; trying again")

    async def _store(self) -> None:
        async with self._settled:
            if self._unstored:
                await self._store_counted()

    async def _store_counted(self) -> None:
        counted, self._unstored = self._unstored, {}
        rows = [(owner, day, messages, tokens) for (owner, day), (messages, tokens) in counted.items()]

        async def body(tx: Tx) -> None:
            await usage.add(tx, rows)

        try:
            await self._db.write(body)
        except BaseException:
            for key, (messages, tokens) in counted.items():
                again = self._unstored.setdefault(key, [0, 0])
                again[0] += messages
                again[1] += tokens
            raise
