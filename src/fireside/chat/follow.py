"""Many tails as one stream: the account's feed and any number of logs, for WatchEvents and Converse.

Holds no events: each follow is a place in a log that is read when the consumer is ready, so a slow reader costs nothing
but its places.
"""

from __future__ import annotations

import asyncio
import functools
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fireside.chat import replay
from fireside.chat.access import no_generation
from fireside.chat.feed import shutting_down
from fireside.chat.log import STARTED_SEQ, TICK_SECONDS
from fireside.core.errors import FiresideError, ResourceExhaustedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fireside.chat.engine import Engine
    from fireside.chat.feed import Feed, FeedTail
    from fireside.chat.guests import Guest
    from fireside.chat.log import LiveLog
    from fireside.chat.run import Run
    from fireside.core.principal import Principal

MAX_FOLLOWED = 4096


@dataclass(frozen=True, slots=True)
class FollowBatch:
    """A piece of one followed thing.

    `generation_id` "" is the account's feed (`payload`: joined account event frames), else a log (`payload`: joined
    event frames). With `error` the follow has ended before its log did.
    """

    generation_id: str
    payload: bytes
    error: FiresideError | None = None


class _Place:
    """A place in a live log; also the waker that the log rings."""

    __slots__ = ("_follower", "after", "log", "sent", "shown")

    def __init__(self, follower: Follower, log: LiveLog, after: int) -> None:
        self._follower = follower
        self.log = log
        self.after = after
        self.sent = time.monotonic()
        self.shown = 0

    def set(self) -> None:
        self._follower.ring(self)


class Follower:
    """One consumer's view. Used as `async with aclosing(follower.batches())`; `aclose` frees all."""

    def __init__(self, engine: Engine, feed: Feed, principal: Principal, heartbeat: float) -> None:
        self._engine = engine
        self._feed = feed
        self._principal = principal
        self._heartbeat = heartbeat
        self._bell = asyncio.Event()
        self._ready: dict[_Place, None] = {}
        self._places: dict[str, _Place] = {}
        self._replays: dict[str, asyncio.Task[None]] = {}
        self._replayed: asyncio.Queue[FollowBatch] = asyncio.Queue(maxsize=4)
        self._events: FeedTail | None = None
        self._opening = b""
        self._conversation: str | None = None
        # What was followed, so that it is not followed again by itself; and of that, what another process writes.
        self._known: set[str] = set()
        # Logs here of conversations that are not the reader's own; and what is to be said of those that they lost.
        self._guests: dict[str, Guest] = {}
        self._lost: list[FollowBatch] = []
        self._distant: dict[str, str] = {}
        self._sent = time.monotonic()
        self._finishing = False
        self._failure: FiresideError | None = None

    def fail(self, error: FiresideError) -> None:
        """Has `batches` raise an error."""
        self._failure = error
        self._bell.set()

    def ring(self, place: _Place) -> None:
        """A live log has news."""
        self._ready[place] = None
        self._bell.set()

    async def follow_events(self, after_cursor: str) -> None:
        """Adds the account's feed. Raises OutOfRangeError."""
        if self._events is not None:
            self._feed.detach(self._principal, self._bell)
            self._events = None
        self._events, self._opening = await self._feed.attach(self._principal, after_cursor, self._bell)
        self._bell.set()

    def follow(self, generation_id: str, after_seq: int) -> None:
        """Adds a log, or moves in it. What goes wrong comes as a batch with an error."""
        self.unfollow(generation_id)
        self._known.add(generation_id)
        if len(self._places) + len(self._replays) >= MAX_FOLLOWED:
            raise ResourceExhaustedError("TOO_MANY_FOLLOWED", f"One stream follows at most {MAX_FOLLOWED} generations.")
        run = self._engine.live(self._principal, generation_id)
        if run is None:
            task = asyncio.create_task(self._replay(generation_id, after_seq))
            self._replays[generation_id] = task
            return
        replay.check_position(after_seq, run.log.last_seq)
        self._place(run, after_seq)

    def unfollow(self, generation_id: str) -> None:
        """Drops a log; it goes on."""
        if (place := self._places.pop(generation_id, None)) is not None:
            place.log.detach(place)
            self._ready.pop(place, None)
        if (guest := self._guests.pop(generation_id, None)) is not None:
            self._engine.guests.leave(guest)
        if (task := self._replays.pop(generation_id, None)) is not None:
            task.cancel()
        self._distant.pop(generation_id, None)

    def follow_running(self, resume: dict[str, int], conversation_id: str = "") -> None:
        """Adds all logs of the account (or of one conversation) that run now or start later.

        `resume` maps generation ids to the last number that the reader has; those are followed though they have ended.
        """
        if self._conversation:
            self._unfollow_running()
        self._known = {*self._places, *self._replays}
        self._conversation = conversation_id
        self._engine.listen(self._principal, self)
        for generation_id, after_seq in resume.items():
            self.follow(generation_id, after_seq)
        for run in self._engine.live_in(self._principal, conversation_id):
            if run.record.id not in resume:
                self.follow(run.record.id, 0)

    def leave_conversation(self) -> None:
        """Ends `follow_running`."""
        if self._conversation is not None:
            self._unfollow_running()
            self._engine.unlisten(self._principal, self)
            self._conversation = None

    def _unfollow_running(self) -> None:
        here = [run.record.id for run in self._engine.live_in(self._principal, self._conversation or "")]
        for generation_id in (*here, *self._distant):
            self.unfollow(generation_id)

    def on_start(self, run: Run) -> None:
        """The engine says that a generation is live."""
        wanted = self._conversation in ("", run.record.conversation_id)
        followed = run.record.id in self._places or run.record.id in self._replays
        if wanted and not followed and len(self._places) < MAX_FOLLOWED:
            self._known.add(run.record.id)
            self._place(run, 0)

    def on_start_elsewhere(self, generation_id: str, conversation_id: str) -> None:
        """The engine says that another process writes a generation."""
        wanted = self._conversation in ("", conversation_id)
        if wanted and generation_id not in self._known and len(self._places) + len(self._replays) < MAX_FOLLOWED:
            self.follow(generation_id, 0)
            self._distant[generation_id] = conversation_id

    def finish(self) -> None:
        """No follow will be added: `batches` ends when all logs have ended. The account's feed is dropped."""
        self._finishing = True
        self.leave_conversation_listening()
        if self._events is not None:
            self._feed.detach(self._principal, self._bell)
            self._events = None
        self._bell.set()

    def leave_conversation_listening(self) -> None:
        """No further logs are added by themselves; those that are followed stay."""
        if self._conversation is not None:
            self._engine.unlisten(self._principal, self)
            self._conversation = None

    async def batches(self) -> AsyncGenerator[FollowBatch]:
        """What is new, in order within each log. Raises UnavailableError when the server shuts down."""
        while True:
            self._bell.clear()
            sent = False
            if self._opening:
                opening, self._opening, sent = self._opening, b"", True
                yield FollowBatch("", opening)
            if self._events is not None and (payload := await self._events.read()):
                sent = True
                yield FollowBatch("", payload)
            for waiting in self._waiting():
                sent = True
                yield waiting
            for place in list(self._ready):
                if (batch := self._take(place)) is not None:
                    sent = True
                    yield batch
            if (failure := shutting_down() if self._feed.closed else self._failure) is not None:
                raise failure
            if sent:
                self._sent = time.monotonic()
            elif self._events is not None and self._due(self._sent):
                self._sent = time.monotonic()
                yield FollowBatch("", self._events.heartbeat())
            elif self._finishing and not self._places and not self._replays and self._replayed.empty():
                return
            else:
                await self._bell.wait()

    async def aclose(self) -> None:
        """Frees every place."""
        self.leave_conversation_listening()
        tasks = list(self._replays.values())
        for generation_id in [*self._places, *self._replays]:
            self.unfollow(generation_id)
        if self._events is not None:
            self._feed.detach(self._principal, self._bell)
            self._events = None
        await asyncio.gather(*tasks, return_exceptions=True)

    def _waiting(self) -> list[FollowBatch]:
        """What is there now, and no more: a log that is read back faster than its reader takes it is not all there is."""
        waiting, self._lost = self._lost, []
        return waiting + [self._replayed.get_nowait() for _ in range(self._replayed.qsize())]

    def _expel(self, generation_id: str) -> None:
        self.unfollow(generation_id)
        self._lost.append(FollowBatch(generation_id, b"", no_generation(generation_id)))
        self._bell.set()

    def _place(self, run: Run, after_seq: int) -> None:
        if run.owner != self._principal.id:
            expel = functools.partial(self._expel, run.record.id)
            guest = self._engine.guests.enter(self._principal.id, run.record.conversation_id, expel)
            self._guests[run.record.id] = guest
        place = _Place(self, run.log, after_seq)
        self._places[run.record.id] = place
        run.log.attach(place)
        self.ring(place)

    def _take(self, place: _Place) -> FollowBatch | None:
        log = place.log
        if log.generation_id not in self._places or self._places[log.generation_id] is not place:
            self._ready.pop(place, None)
            return None
        payload, place.after = log.read(place.after)
        if payload:
            place.sent = time.monotonic()
            if place.after > STARTED_SEQ:
                place.shown = log.activity_version
            return FollowBatch(log.generation_id, payload)
        self._ready.pop(place, None)
        try:
            if log.finished(place.after):
                self.unfollow(log.generation_id)
                self._bell.set()
                return None
        except FiresideError as error:
            self.unfollow(log.generation_id)
            return FollowBatch(log.generation_id, b"", error)
        if place.shown != log.activity_version or self._due(place.sent):
            place.shown, place.sent = log.activity_version, time.monotonic()
            return FollowBatch(log.generation_id, log.heartbeat())
        return None

    def _due(self, sent: float) -> bool:
        return time.monotonic() - sent >= self._heartbeat - TICK_SECONDS / 4

    async def _replay(self, generation_id: str, after_seq: int) -> None:
        """Brings a log that is not live here into the queue, a few batches ahead of the reader at most."""
        try:
            async with aclosing(
                self._engine.watch(self._principal, generation_id, after_seq, self._heartbeat)
            ) as events:
                async for payload in events:
                    await self._replayed.put(FollowBatch(generation_id, payload))
                    self._bell.set()
        except FiresideError as error:
            await self._replayed.put(FollowBatch(generation_id, b"", error))
        finally:
            if self._replays.get(generation_id) is asyncio.current_task():
                del self._replays[generation_id]
            self._bell.set()
