"""Generations, leases and logs on both databases."""

from __future__ import annotations

import pytest

from fireside.core.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError
from fireside.store import generations
from fireside.store.db import Database
from fireside.store.generations import Lease, LogBatch
from fireside.store.tx import Tx
from tests.store_rows import LEASE, OWNER, ended, generation, have_conversation, have_generation


@pytest.fixture(autouse=True)
async def _conversation(db: Database) -> None:
    await have_conversation(db)


async def append(db: Database, *batches: LogBatch, lease: Lease = LEASE) -> list[str]:
    return await db.write(lambda tx: generations.append(tx, batches, lease))


async def events(db: Database, after: int = 0, limit: int = 1_000, name: str = "g") -> list[bytes]:
    return [b.payload for b in await db.read(lambda tx: generations.events(tx, name, after, limit))]


async def test_what_is_inserted_is_read_back(db: Database) -> None:
    stored = await have_generation(db, "g")
    assert await db.read(lambda tx: generations.get(tx, OWNER, "g")) == stored
    assert await db.read(lambda tx: generations.get(tx, "other", "g")) is None


async def test_a_taken_id_and_a_missing_conversation_are_refused(db: Database) -> None:
    await have_generation(db, "g")
    with pytest.raises(AlreadyExistsError) as caught:
        await have_generation(db, "g")
    assert caught.value.reason == "GENERATION_EXISTS"
    with pytest.raises(NotFoundError):
        await db.write(lambda tx: generations.insert(tx, generation("g2", within="nowhere"), LEASE))


async def test_appending_stores_events_and_moves_the_numbers_of_each_log(db: Database) -> None:
    await have_generation(db, "g")
    await have_generation(db, "h")
    assert await append(db, LogBatch("h", 1, 3, b"h1", 10), LogBatch("g", 1, 2, b"g1", 20)) == []
    assert await append(db, LogBatch("g", 3, 3, b"g2", 20)) == []
    assert await events(db) == [b"g1", b"g2"]
    assert await events(db, name="h") == [b"h1"]
    for name, numbers in (("g", (3, 20)), ("h", (3, 10))):
        found = await db.read(lambda tx, name=name: generations.get(tx, OWNER, name))
        assert found is not None
        assert (found.record.last_seq, found.seq_limit) == numbers


async def test_many_logs_are_looked_at_together_each_from_its_own_place(db: Database) -> None:
    names = [f"g{number}" for number in range(70)]
    for name in names:
        await have_generation(db, name)
    await append(db, *(LogBatch(name, 1, 3, name.encode(), 10) for name in names))
    await append(db, LogBatch("g0", 4, 6, b"more", 10), LogBatch("g69", 8, 9, b"later", 10))
    places = [(name, 0) for name in names] + [("g0", 3), ("g0", 5), ("g69", 5), ("g69", 9), ("nowhere", 0)]
    found, batches = await db.read(lambda tx: generations.look(tx, places))
    assert sorted(found) == sorted(names)
    assert found["g0"].record.last_seq == 6
    assert [[b.payload for b in some] for some in batches[1:69]] == [[name.encode()] for name in names[1:69]]
    assert batches[0] == [LogBatch("g0", 1, 3, b"g0"), LogBatch("g0", 4, 6, b"more")]
    # From the middle of a batch it comes whole; from a place between batches, with the next one.
    assert [[b.payload for b in some] for some in batches[70:]] == [[b"more"], [b"more"], [b"later"], [], []]


async def test_what_a_process_holds_and_what_it_is_to_stop(db: Database) -> None:
    for name in ("mine", "stopped", "ended"):
        await have_generation(db, name)
    other = generation("other")
    await db.write(lambda tx: generations.insert(tx, other, Lease("run-2", 9_000)))
    await db.write(lambda tx: generations.request_stop(tx, OWNER, "stopped"))
    await db.write(lambda tx: generations.end(tx, ended(generation("ended").record, 1, 2_000)))

    async def body(tx: Tx) -> list[list[str]]:
        held = await generations.held(tx, [LEASE.holder, "nobody"])
        rest = await generations.held_by_others(tx, [LEASE.holder, "nobody"])
        return [
            [g.record.id for g in held],
            [g.record.id for g in rest],
            await generations.to_stop(tx, LEASE.holder),
            await generations.to_stop(tx, "run-2"),
        ]

    assert await db.read(body) == [["mine", "stopped"], ["other"], ["stopped"], []]


async def test_a_batch_without_payload_renews_the_lease_and_the_limit_alone(db: Database) -> None:
    await have_generation(db, "g")
    await append(db, LogBatch("g", 1, 2, b"g1", 10))
    await append(db, LogBatch("g", 3, 7, b"", 50), lease=Lease(LEASE.holder, 9_000))
    await append(db, LogBatch("g", 0, 0, b"", 40), lease=Lease(LEASE.holder, 9_000))
    assert await events(db) == [b"g1"]
    found = await db.read(lambda tx: generations.get(tx, OWNER, "g"))
    assert found is not None
    assert (found.record.last_seq, found.seq_limit) == (2, 50)
    assert await db.read(lambda tx: generations.stale(tx, 8_999)) == []
    assert len(await db.read(lambda tx: generations.stale(tx, 9_001))) == 1


async def test_who_lost_the_lease_or_the_generation_writes_nothing_and_is_told(db: Database) -> None:
    mine = await have_generation(db, "g")
    await have_generation(db, "h")
    await have_generation(db, "theirs", lease=Lease("run-2", 2_000))
    await db.write(lambda tx: generations.end(tx, ended(mine.record, 0, 5)))
    lost = await append(db, *(LogBatch(name, 1, 1, b"x", 9) for name in ("theirs", "h", "g", "nowhere")))
    assert lost == ["g", "nowhere", "theirs"]
    assert await events(db, name="h") == [b"x"]
    assert await events(db, name="g") == await events(db, name="theirs") == []
    found = await db.read(lambda tx: generations.get(tx, OWNER, "theirs"))
    assert found is not None
    assert (found.record.last_seq, found.seq_limit) == (0, 0)


async def test_appending_nothing_does_nothing(db: Database) -> None:
    assert await append(db) == []


async def test_events_come_after_a_number_and_up_to_a_size(db: Database) -> None:
    await have_generation(db, "g")
    # A reset may jump ahead: 6 to 19 were never stored.
    rows = [(1, 2, b"a" * 10), (3, 3, b"b" * 10), (4, 5, b"c" * 10), (20, 20, b"d" * 10), (21, 30, b"e" * 10)]
    for first, last, payload in rows:
        await append(db, LogBatch("g", first, last, payload, 99))
    everything = [payload for _, _, payload in rows]
    cases = {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 3, 19: 3, 20: 4, 25: 4, 30: 5, 99: 5}
    assert {after: await events(db, after) for after in cases} == {a: everything[skip:] for a, skip in cases.items()}
    assert await events(db, 0, 1) == everything[:1]
    assert await events(db, 0, 29) == everything[:2]
    assert await events(db, 0, 30) == everything[:3]
    assert await events(db, 20, 0) == everything[4:]
    assert await events(db, 0, name="nowhere") == []
    (last,) = await db.read(lambda tx: generations.events(tx, "g", 20, 100))
    assert last == LogBatch("g", 21, 30, b"e" * 10)


async def test_an_ended_generation_is_not_running_and_ends_once(db: Database) -> None:
    stored = await have_generation(db, "g")
    done = ended(stored.record, 7, 4_000)
    await db.write(lambda tx: generations.end(tx, done))
    found = await db.read(lambda tx: generations.get(tx, OWNER, "g"))
    assert found is not None
    assert (found.record, found.seq_limit) == (done, 7)
    assert await db.read(lambda tx: generations.running(tx, None)) == []
    with pytest.raises(FailedPreconditionError):
        await db.write(lambda tx: generations.end(tx, done))
    assert await db.write(lambda tx: generations.request_stop(tx, OWNER, "g")) is False


async def test_the_running_are_listed_by_account_and_conversation_oldest_first(db: Database) -> None:
    await have_conversation(db, "c2")
    for name, at in (("g3", 3), ("g1", 1), ("g2", 2)):
        await have_generation(db, name, at)
    await db.write(lambda tx: generations.insert(tx, generation("other", within="c2"), LEASE))

    async def ids(owner: str | None) -> list[str]:
        return [g.record.id for g in await db.read(lambda tx: generations.running(tx, owner))]

    assert await ids(None) == await ids(OWNER) == ["g1", "g2", "g3", "other"]
    assert await ids("somebody") == []


async def test_a_stop_is_noted_for_the_owner_alone(db: Database) -> None:
    await have_generation(db, "g")
    assert await db.write(lambda tx: generations.request_stop(tx, "other", "g")) is False
    assert await db.write(lambda tx: generations.request_stop(tx, OWNER, "g")) is True
    found = await db.read(lambda tx: generations.get(tx, OWNER, "g"))
    assert found is not None
    assert found.stop_requested is True


async def test_a_lease_is_taken_once_it_has_run_out_and_by_one(db: Database) -> None:
    await have_generation(db, "g", lease=Lease("run-1", 100))
    assert await db.read(lambda tx: generations.stale(tx, 100)) == []
    assert [g.record.id for g in await db.read(lambda tx: generations.stale(tx, 101))] == ["g"]

    async def take(holder: str, now: int | None) -> bool:
        return await db.write(lambda tx: generations.take(tx, "g", Lease(holder, 200), now_us=now))

    assert await take("run-2", 100) is False
    assert await take("run-1", 101) is False
    assert await take("run-2", 101) is True
    assert await take("run-3", 101) is False
    assert await append(db, LogBatch("g", 1, 1, b"x", 9), lease=Lease("run-1", 300)) == ["g"]
    assert await take("run-3", None) is True


async def test_logs_are_dropped_a_while_after_the_end_and_once(db: Database) -> None:
    for number in (1, 2, 3):
        stored = await have_generation(db, f"g{number}")
        await append(db, LogBatch(f"g{number}", 1, 1, b"x", 9))
        if number < 3:
            done = ended(stored.record, 1, number * 10)
            await db.write(lambda tx, done=done: generations.end(tx, done))
    assert await db.write(lambda tx: generations.drop_events(tx, 10, 9)) == 0
    assert await db.write(lambda tx: generations.drop_events(tx, 99, 1)) == 1
    assert [await events(db, name=f"g{n}") for n in (1, 2, 3)] == [[], [b"x"], [b"x"]]
    assert await db.write(lambda tx: generations.drop_events(tx, 99, 9)) == 1
    assert await db.write(lambda tx: generations.drop_events(tx, 99, 9)) == 0
    assert [await events(db, name=f"g{n}") for n in (1, 2, 3)] == [[], [], [b"x"]]
    assert await db.read(lambda tx: generations.get(tx, OWNER, "g1")) is not None


async def test_hundreds_of_logs_are_written_at_once(db: Database) -> None:
    names = [f"g{number:03}" for number in range(140)]

    async def body(tx: Tx) -> None:
        for name in names:
            await generations.insert(tx, generation(name), LEASE)
        await generations.end(tx, ended(generation("g070").record, 0, 5))

    await db.write(body)
    batches = [LogBatch(name, 1, 2, name.encode() if number % 3 else b"", 9) for number, name in enumerate(names)]
    assert await append(db, *reversed(batches)) == ["g070"]
    for number in (0, 1, 63, 64, 70, 71, 128, 136, 139):
        expected = [names[number].encode()] if number % 3 and number != 70 else []
        assert await events(db, name=names[number]) == expected
    found = {
        g.record.id: (g.record.last_seq, g.seq_limit) for g in await db.read(lambda tx: generations.running(tx, None))
    }
    assert found == {name: (2 if number % 3 else 0, 9) for number, name in enumerate(names) if number != 70}
