"""Records for the store's tests, with no more in them than a test names."""

from __future__ import annotations

from fireside.gen.v1.account_event_pb2 import AccountEvent
from fireside.gen.v1.conversation_pb2 import Conversation
from fireside.gen.v1.generation_pb2 import GENERATION_STATE_ENDED, GENERATION_STATE_RUNNING, Generation
from fireside.gen.v1.message_pb2 import FINISH_REASON_COMPLETE, ROLE_USER, Message, Part, TextPart
from fireside.gen.v1.runner_pb2 import RUNNER_KIND_OLLAMA, ModelAlias, RunnerSpec
from fireside.store import account_events, conversations, generations, messages, requests, runners
from fireside.store.db import Database
from fireside.store.generations import Lease, LogBatch, StoredGeneration
from fireside.store.records import timestamp_of
from fireside.store.tx import Tx
from tests.knowledge_rows import fill_knowledge

OWNER = "local"
LEASE = Lease(holder="run-1", until_us=2_000)


def conversation(name: str, title: str = "", at: int = 1_000) -> Conversation:
    """A conversation made and last used at `at` microseconds."""
    return Conversation(id=name, title=title, create_time=timestamp_of(at), update_time=timestamp_of(at))


def message(name: str, parent: str = "", text: str = "hello", within: str = "c") -> Message:
    """A user message of the conversation `within`."""
    return Message(
        id=name, conversation_id=within, parent_id=parent, role=ROLE_USER, parts=[Part(text=TextPart(text=text))]
    )


def generation(name: str, at: int = 1_000, within: str = "c") -> StoredGeneration:
    """A running generation that nothing was written of."""
    record = Generation(
        id=name,
        conversation_id=within,
        message_id="m",
        state=GENERATION_STATE_RUNNING,
        create_time=timestamp_of(at),
    )
    return StoredGeneration(record=record, owner=OWNER, fingerprint=b"\0f", seq_limit=0, stop_requested=False)


def ended(record: Generation, last_seq: int, at: int) -> Generation:
    """The same generation, complete."""
    done = Generation()
    done.CopyFrom(record)
    done.state = GENERATION_STATE_ENDED
    done.finish_reason = FINISH_REASON_COMPLETE
    done.last_seq = last_seq
    done.end_time.CopyFrom(timestamp_of(at))
    return done


def runner_spec(name: str, address: str = "http://shed.example:11434") -> RunnerSpec:
    """An Ollama."""
    return RunnerSpec(name=name, kind=RUNNER_KIND_OLLAMA, addresses=[address])


async def have_conversation(db: Database, name: str = "c", title: str = "", at: int = 1_000) -> Conversation:
    """Stores a conversation."""
    return await db.write(lambda tx: conversations.insert(tx, OWNER, conversation(name, title, at)))


async def have_messages(db: Database, *rows: Message) -> None:
    """Stores messages, in this order."""

    async def body(tx: Tx) -> None:
        for row in rows:
            await messages.insert(tx, row)

    await db.write(body)


async def have_generation(db: Database, name: str, at: int = 1_000, lease: Lease = LEASE) -> StoredGeneration:
    """Stores a running generation of the conversation `c`."""
    stored = generation(name, at)
    await db.write(lambda tx: generations.insert(tx, stored, lease))
    return stored


async def fill(db: Database) -> None:
    """Stores something of everything: what must be there after any upgrade (see check_filled)."""

    async def body(tx: Tx) -> None:
        await conversations.insert(tx, OWNER, conversation("c", "Éclair \0 100%"))
        gone = await conversations.insert(tx, OWNER, conversation("gone", "Deleted"))
        gone.delete_time.CopyFrom(timestamp_of(5_000))
        await conversations.update(tx, OWNER, gone)
        for row in (message("m1"), message("m2", "m1", "a\0b"), message("m2b", "m1"), message("m3", "m2b")):
            await messages.insert(tx, row)
        done, live = generation("g1"), generation("g2", at=2_000)
        for stored in (done, live):
            await generations.insert(tx, stored, LEASE)
        batches = [LogBatch("g1", 1, 4, b"one", 10), LogBatch("g2", 1, 2, b"two", 20)]
        await generations.append(tx, batches, LEASE)
        await generations.end(tx, ended(done.record, 4, 3_000))
        await generations.request_stop(tx, OWNER, "g2")
        for name in ("c", "gone"):
            await account_events.append(tx, OWNER, AccountEvent(conversation_deleted=name))
        await requests.put(tx, OWNER, "r1", "Create", b"\xff", b"\0answer")
        await runners.insert(tx, runner_spec("shed"), b"\0sealed")
        await runners.reorder(tx, ["local", "shed"])
        await runners.put_alias(tx, ModelAlias(alias="fast", targets=["shed/qwen3:8b"]))
        await fill_knowledge(tx)

    await db.write(body)


async def check_filled(db: Database) -> None:
    """Asserts that what `fill` stored is there."""

    async def body(tx: Tx) -> None:
        (listed,) = await conversations.page(tx, OWNER, query="éCLAIR  100%", limit=10, before=None)
        assert (listed.id, listed.title, listed.etag) == ("c", "Éclair \0 100%", "r1")
        gone = await conversations.get(tx, OWNER, "gone", deleted=True)
        assert gone is not None
        assert (gone.delete_time, gone.etag) == (timestamp_of(5_000), "r2")
        branch = await messages.branch(tx, "c", await messages.newest_leaf(tx, "m1"), 10)
        assert [(m.id, list(m.sibling_ids)) for m in branch] == [("m3", ["m3"]), ("m2b", ["m2", "m2b"]), ("m1", ["m1"])]
        other = await messages.get(tx, OWNER, "m2")
        assert other is not None
        assert other.parts[0].text.text == "a\0b"
        done, live = await generations.get(tx, OWNER, "g1"), (await generations.running(tx, None))[0]
        assert done is not None
        assert (done.record.last_seq, done.record.finish_reason, done.seq_limit) == (4, FINISH_REASON_COMPLETE, 10)
        assert (live.record.id, live.record.last_seq, live.stop_requested, live.fingerprint) == ("g2", 2, True, b"\0f")
        assert await generations.events(tx, "g1", 0, 100) == [LogBatch("g1", 1, 4, b"one")]
        assert [(n, e.conversation_deleted) for n, e in await account_events.read(tx, OWNER, 0, 10)] == [
            (1, "c"),
            (2, "gone"),
        ]
        assert await account_events.bounds(tx, OWNER) == (0, 2)
        assert await requests.find(tx, OWNER, "r1") == ("Create", b"\xff", b"\0answer")

    await db.read(body)


async def check_runners(db: Database) -> None:
    """Asserts that the runners that `fill` stored are there; a database that was older has none."""

    async def body(tx: Tx) -> None:
        ((runner, secret),) = await runners.every(tx)
        assert (runner.spec, secret, runner.has_secret) == (runner_spec("shed"), b"\0sealed", True)
        assert await runners.order(tx) == ["local", "shed"]
        assert [(a.alias, list(a.targets)) for a in await runners.aliases(tx)] == [("fast", ["shed/qwen3:8b"])]

    await db.read(body)
