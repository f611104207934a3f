"""Starts, follows and stops generations. The one path: every door of the server calls this.

Owns the tasks that run generations. The tree of messages is written by start.py, the end by ending.py.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from fireside.chat import notes, replay
from fireside.chat.access import require_writer
from fireside.chat.ask import transient_start
from fireside.chat.briefing import Brief
from fireside.chat.elsewhere import Elsewhere
from fireside.chat.ending import Desk
from fireside.chat.feed import shutting_down
from fireside.chat.guests import Guests
from fireside.chat.log import STARTED_SEQ, LiveLog, LogBook
from fireside.chat.neighbours import Neighbours
from fireside.chat.plan import plan
from fireside.chat.reading import Place, read_on
from fireside.chat.reaper import Family, Retention, reap_at_start, reap_forever, reap_of
from fireside.chat.run import Run, run_generation
from fireside.chat.sources import sources_of
from fireside.chat.start import Opening, Start, write_start
from fireside.core.finishing import Finishing
from fireside.gen.v1 import generation_pb2, message_pb2
from fireside.runners.base import GenerateRequest
from fireside.store import generations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping

    from fireside.chat.admission import Admission
    from fireside.chat.ask import Ask
    from fireside.chat.feed import Feed
    from fireside.chat.research import Research
    from fireside.core.principal import Principal
    from fireside.runners.route import Route
    from fireside.store.db import Database
    from fireside.store.tx import Tx

logger = logging.getLogger(__name__)

T = TypeVar("T")

# How long a stop waits for another process to have ended the answer.
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the chat engine."""

    retention: Retention = field(default_factory=Retention)
    family: Family = field(default_factory=Family)


class StartListener(Protocol):
    """Somebody who wants to know of an account's generations as they start."""

    def on_start(self, run: Run) -> None:
        """A generation of the listener's account is live."""
        ...

    def on_start_elsewhere(self, generation_id: str, conversation_id: str) -> None:
        """Another process writes a generation of the account. May be told more than once."""
        ...


class Engine:
    """The generations of this server. `open` before use; `drain` and `aclose` at the end."""

    def __init__(
        self,
        db: Database,
        admission: Admission,
        feed: Feed,
        options: Options | None = None,
        research: Research | None = None,
    ) -> None:
        """Without `research` no answer draws on files or collections."""
        self._db = db
        self._research = research
        self._admission = admission
        self._options = options or Options()
        self._book = LogBook(db, self._options.family.name)
        self.elsewhere = Elsewhere(db)
        self.desk = Desk(db, self._book, feed, self.elsewhere)
        self.guests = Guests(db, self, feed)
        self._neighbours = None if db.exclusive else Neighbours(db, self, feed, self._options.family.name)
        self._runs: dict[str, Run] = {}
        self._finishing = Finishing()
        self._listeners: dict[str, set[StartListener]] = {}
        self._reaper: asyncio.Task[None] | None = None
        self._draining = False

    async def open(self) -> None:
        """Ends what a dead process left behind and starts the background tasks."""
        self._book.open()
        if self._neighbours is not None:
            await self._neighbours.open()
        reaped = await reap_at_start(self.desk, self._options.family)
        if reaped:
            logger.warning("%d answers had been cut off; they are kept as interrupted", reaped)
        self._reaper = asyncio.create_task(reap_forever(self.desk, self._options.retention))

    async def drain(self, grace: float) -> None:
        """Refuses new generations, gives the running ones `grace` seconds, then ends them as INTERRUPTED."""
        self._draining = True
        self.elsewhere.wake_all()
        await self._finishing.join()
        tasks = self._tasks()
        if tasks:
            logger.info("Waiting up to %.0f s for %d running answers", grace, len(tasks))
            await asyncio.wait(tasks, timeout=grace)
        for run in list(self._runs.values()):
            run.stop(message_pb2.FINISH_REASON_INTERRUPTED)
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=2.0)

    async def aclose(self) -> None:
        """Stops everything; `drain` before gives running answers a proper end."""
        self._draining = True
        await self._finishing.join()
        for task in self._tasks():
            task.cancel()
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
        if self._neighbours is not None:
            await self._neighbours.aclose()
        await self.guests.aclose()
        await asyncio.gather(*self._tasks(), return_exceptions=True)
        await self.elsewhere.aclose()
        await self._book.aclose()

    async def start(self, principal: Principal, spec: generation_pb2.GenerationSpec) -> generation_pb2.Generation:
        """Starts a generation once; returns when it is durable. Errors as ChatService.StartGeneration says."""

        async def body(tx: Tx, opening: Opening) -> tuple[Start, None]:
            return await write_start(tx, spec, opening), None

        return (await self.start_with(principal, spec, body))[0]

    async def start_with(
        self,
        principal: Principal,
        spec: generation_pb2.GenerationSpec,
        body: Callable[[Tx, Opening], Awaitable[tuple[Start, T]]],
    ) -> tuple[generation_pb2.Generation, T]:
        """Runs what `body` starts in a transaction, which may write more than the start.

        A caller who goes away in the meantime (a page that is reloaded) leaves a generation that runs.
        """
        if self._draining:
            raise shutting_down()
        return await self._finishing.run(self._begin(principal, spec, body))

    async def start_transient(self, principal: Principal, ask: Ask) -> Run:
        """Starts an answer that is not kept: nothing of it is stored, and the account's other readers are not told.

        It is found by its id, in this process, until it ends. Raises NotFoundError (no such model),
        ResourceExhaustedError (the queue is full) and UnavailableError (the server shuts down).
        """
        await self._admission.prepare(principal, ask.spec.model)
        if self._draining:
            raise shutting_down()
        start, started = transient_start(ask, self._admission.admit(principal, ask.spec.model))
        return self._launch(principal, start, started, ask.spec)

    async def _begin(
        self,
        principal: Principal,
        spec: generation_pb2.GenerationSpec,
        body: Callable[[Tx, Opening], Awaitable[tuple[Start, T]]],
    ) -> tuple[generation_pb2.Generation, T]:
        await self._admission.prepare(principal, spec.model)
        opening = Opening(principal, functools.partial(self._admission.admit, principal), self._book.lease())

        async def opened(tx: Tx) -> tuple[Start, T]:
            return await body(tx, opening)

        start, more = await self._db.write(opened)
        if start.started is not None:
            self._launch(principal, start, start.started, spec)
        return start.record, more

    def watch(
        self, principal: Principal, generation_id: str, after_seq: int, heartbeat: float
    ) -> AsyncGenerator[bytes]:
        """Every event after `after_seq` once, in order, as joined frames (wire.py), to the end of the log.

        Sends a heartbeat when there was nothing for `heartbeat` seconds. One consumer, under aclosing. Raises
        NotFoundError, OutOfRangeError for a number never handed out, UnavailableError when the server shuts down.
        """
        run = self._runs.get(generation_id)
        if run is None or run.owner != principal.id:
            return read_on(self, self._db, principal, Place(generation_id, after_seq, heartbeat))
        replay.check_position(after_seq, run.log.last_seq)
        return run.log.tail(after_seq, heartbeat)

    def live(self, principal: Principal, generation_id: str) -> Run | None:
        """The run, if this process writes it and the principal may read it."""
        run = self._runs.get(generation_id)
        return run if run is not None and run.role_of(principal.id) else None

    def log_of(self, generation_id: str) -> LiveLog | None:
        """The log of a generation that this process writes, for whoever has seen to it that they may read it."""
        run = self._runs.get(generation_id)
        return run.log if run is not None else None

    def live_in(self, principal: Principal, conversation_id: str) -> list[Run]:
        """The live runs that an account may read, of one conversation or ("") of all. Without those that are not kept."""
        return [
            run
            for run in self._runs.values()
            if run.role_of(principal.id) and run.log.kept and conversation_id in ("", run.record.conversation_id)
        ]

    def listen(self, principal: Principal, listener: StartListener) -> None:
        """Tells `listener` of every start of the account from now on, and of what another process writes already."""
        self._listeners.setdefault(principal.id, set()).add(listener)
        self.look_soon()

    def look_soon(self) -> None:
        """Has what other processes write told to those who may follow it."""
        if self._neighbours is not None:
            self._neighbours.look_soon()

    def unlisten(self, principal: Principal, listener: StartListener) -> None:
        """Ends `listen`."""
        listeners = self._listeners.get(principal.id, set())
        listeners.discard(listener)
        if not listeners:
            self._listeners.pop(principal.id, None)

    def audiences(self) -> dict[str, Mapping[str, int]]:
        """Who has access, besides the owner, to each conversation in which this process writes."""
        return {run.record.conversation_id: run.audience for run in self._runs.values() if run.log.kept}

    def set_audience(self, conversation_id: str, roles: Mapping[str, int]) -> None:
        """Says who has access to a conversation besides its owner. Whoever is new follows what runs in it."""
        for run in self._runs.values():
            if run.record.conversation_id == conversation_id and run.log.kept:
                new = roles.keys() - run.audience.keys()
                run.audience = roles
                self._tell_start(run, new)

    def listened_to(self) -> list[str]:
        """The accounts with listeners."""
        return list(self._listeners)

    @property
    def name(self) -> str:
        """This process's name among those on the store."""
        return self._options.family.name

    @property
    def draining(self) -> bool:
        """Whether the server is going."""
        return self._draining

    @property
    def writing(self) -> bool:
        """Whether this process writes any generation."""
        return bool(self._runs)

    def activities(self) -> dict[str, generation_pb2.Heartbeat]:
        """What the generations do that this process writes and that have no content yet, by id."""
        return {
            run.record.id: run.log.activity
            for run in self._runs.values()
            if run.log.kept and run.log.activity.phase and run.log.last_seq == STARTED_SEQ
        }

    def started_elsewhere(self, owner: str, generation_id: str, conversation_id: str) -> None:
        """Another process writes a generation, as far as is known."""
        if generation_id not in self._runs:
            for listener in self._listeners.get(owner, ()):
                listener.on_start_elsewhere(generation_id, conversation_id)

    def stop_here(self, generation_id: str) -> None:
        """Ends a generation as STOPPED, if this process writes it. Whoever asks has seen to it that they may."""
        if (run := self._runs.get(generation_id)) is not None:
            run.stop(message_pb2.FINISH_REASON_STOPPED)

    async def bury(self, name: str) -> None:
        """Ends the generations of a process of this server (its Family name) that has died."""
        if reaped := await reap_of(self.desk, name):
            logger.warning("%d answers were cut off when a process died; they are kept as interrupted", reaped)

    async def stop_in(self, principal: Principal, conversation_id: str) -> None:
        """Ends all running generations of a conversation as STOPPED, as `stop` does."""
        for run in self.live_in(principal, conversation_id):
            await self.stop(principal, run.record.id)
        if self._db.exclusive:
            return
        running = await self._db.read(lambda tx: generations.running(tx, principal.id))
        others = [stored.record.id for stored in running if stored.record.conversation_id == conversation_id]
        await asyncio.gather(*(self.stop(principal, generation_id) for generation_id in others))

    async def stop(self, principal: Principal, generation_id: str) -> generation_pb2.Generation:
        """Ends a running generation as STOPPED and returns when that is durable. An ended one stays as it is.

        One that another process writes is still RUNNING in the answer if that process does not end it within 10 s;
        it ends as STOPPED when that one is heard of again, or is found dead.
        """
        run = self.live(principal, generation_id)
        if run is not None and run.task is not None:
            require_writer(run.role_of(principal.id))
            run.stop(message_pb2.FINISH_REASON_STOPPED)
            await asyncio.wait([run.task])
            if not run.log.kept:
                return run.record
        standing, stored = await replay.load(self._db, principal, generation_id)
        standing.require_writer()
        if stored.record.state == generation_pb2.GENERATION_STATE_RUNNING:

            async def body(tx: Tx) -> bool:
                await tx.notify(notes.STOP, generation_id)
                return await generations.request_stop(tx, standing.owner, generation_id)

            await self._db.write(body)
            self.stop_here(generation_id)
            if not self._db.exclusive:
                stored = await self.elsewhere.ended(standing.owner, generation_id, _STOP_SECONDS)
        return stored.record

    async def get(self, principal: Principal, generation_id: str) -> generation_pb2.Generation:
        """The record, of one that is not kept while it runs. Raises NotFoundError."""
        if (run := self.live(principal, generation_id)) is not None and not run.log.kept:
            return run.record
        return (await replay.load(self._db, principal, generation_id))[1].record

    def _launch(
        self, principal: Principal, start: Start, started: generation_pb2.Event, spec: generation_pb2.GenerationSpec
    ) -> Run:
        """From here to the creation of the task there is no await: who sees the row also finds the run."""
        record = start.record
        route = self._admission.route(principal, record.model)
        session = start.session or record.conversation_id
        wish = GenerateRequest(record.model, (), spec.sampling, session, principal.id, tuple(spec.tools))
        task = self._task(principal, start, wish, route)
        log = LiveLog(record.id, started, kept=start.kept)
        run = Run(record, start.owner or principal.id, log, principal.id, start.audience)
        self._book.add(log)
        self._runs[record.id] = run
        self.elsewhere.wake([record.id])
        run.task = asyncio.create_task(run_generation(run, self.desk, route, task))
        run.task.add_done_callback(lambda task: self._forget(run, task))
        if start.kept:
            self.desk.feed.publish(start.news)
            self._tell_start(run, (run.owner, *run.audience))
        return run

    def _task(self, principal: Principal, start: Start, wish: GenerateRequest, route: Route) -> GenerateRequest | Brief:
        """What the run is to do: most answers draw on nothing, and are asked for at once."""
        if self._research is not None:
            sources = sources_of(start.history, start.collection_ids)
            if sources:
                return Brief(start.history, wish, sources, principal, self._research)
        return plan(start.history, wish, context_length=route.context_length)

    def _tell_start(self, run: Run, account_ids: Iterable[str]) -> None:
        for account_id in account_ids:
            for listener in self._listeners.get(account_id, ()):
                listener.on_start(run)

    def _forget(self, run: Run, task: asyncio.Task[None]) -> None:
        self._runs.pop(run.record.id, None)
        self._book.remove(run.log)
        self.elsewhere.wake([run.record.id])
        self._admission.spend(run.sender or run.owner, run.ending.usage)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("Generation %s could not be ended: the reaper will", run.record.id, exc_info=error)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [run.task for run in self._runs.values() if run.task is not None]
