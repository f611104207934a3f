"""The fair queue: turns between accounts, order within one, truthful places, bounds and waiting."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import ResourceExhaustedError, UnavailableError
from fireside.runners.managed.fair_queue import FairQueue, Turn

PATIENCE = 30.0


def soon() -> float:
    return time.monotonic() + PATIENCE


async def test_accounts_take_turns_and_one_account_keeps_its_order() -> None:
    queue = FairQueue(1, 10)
    holder = queue.enter("a")
    waiting = [queue.enter(account) for account in ("a", "a", "a", "b", "b", "c")]
    assert [turn.place for turn in waiting] == [1, 4, 6, 2, 5, 3]
    served: list[Turn] = []
    current = holder
    for _ in waiting:
        current.leave()
        current = next(turn for turn in waiting if turn.began and turn not in served)
        served.append(current)
    assert [turn.account for turn in served] == ["a", "b", "c", "a", "b", "a"]
    assert [turn for turn in served if turn.account == "a"] == waiting[:3]


async def test_a_newcomer_comes_before_the_second_answer_of_the_others() -> None:
    queue = FairQueue(1, 100)
    queue.enter("greedy")
    greedy = [queue.enter("greedy") for _ in range(50)]
    newcomer = queue.enter("other")
    assert newcomer.place == 2
    assert [greedy[0].place, greedy[1].place] == [1, 3]


async def test_zero_lets_any_number_pass() -> None:
    queue = FairQueue(0, 0)
    assert [queue.enter("a").place for _ in range(100)] == [0] * 100
    assert queue.active == 100


async def test_a_full_queue_refuses_and_says_when_to_come_back() -> None:
    queue = FairQueue(1, 1)
    queue.enter("a")
    queue.check_room()
    queue.enter("b")
    with pytest.raises(ResourceExhaustedError) as caught:
        queue.enter("c")
    assert caught.value.reason == "QUEUE_FULL"
    assert 1.0 <= caught.value.retry_after <= 60.0


async def test_whoever_waits_is_told_each_change_of_place() -> None:
    queue = FairQueue(1, 4)
    holder, first, second = queue.enter("a"), queue.enter("a"), queue.enter("a")
    places: asyncio.Queue[int] = asyncio.Queue()

    async def follow() -> None:
        while place := second.place:
            places.put_nowait(place)
            await second.wait(place, soon())

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(follow())
        assert await places.get() == 2
        early = queue.enter("b")
        queue.enter("b")
        assert second.place == 3
        assert await places.get() == 3
        early.leave()
        assert second.place == 3
        first.leave()
        assert await places.get() == 1
        holder.leave()
    assert second.began


async def test_the_wait_is_bounded() -> None:
    queue = FairQueue(1, 1)
    queue.enter("a")
    turn = queue.enter("b")
    with pytest.raises(ResourceExhaustedError) as caught:
        await turn.wait(1, time.monotonic() + 0.001)
    assert caught.value.reason == "QUEUE_TIMEOUT"
    turn.leave()
    assert (queue.active, queue.queued) == (1, 0)


async def test_leaving_twice_gives_one_turn_back() -> None:
    queue = FairQueue(1, 0)
    turn = queue.enter("a")
    turn.leave()
    turn.leave()
    assert queue.active == 0
    queue.enter("b")
    with pytest.raises(ResourceExhaustedError):
        queue.enter("c")


async def test_closing_ends_the_wait_and_lets_nobody_in() -> None:
    queue = FairQueue(1, 1)
    holder, waiting = queue.enter("a"), queue.enter("b")
    queue.close(UnavailableError("RUNNER_REMOVED", "gone"))
    with pytest.raises(UnavailableError):
        await waiting.wait(1, soon())
    with pytest.raises(UnavailableError):
        queue.enter("c")
    waiting.leave()
    holder.leave()
    assert (queue.active, queue.queued) == (0, 0)


class Play:
    """A queue under arbitrary moves, with what must hold after each of them."""

    def __init__(self, concurrency: int) -> None:
        self.queue = FairQueue(concurrency, 1000)
        self.concurrency = concurrency
        self.present: list[Turn] = []
        self.begun: set[Turn] = set()
        # For the first that waits of each account: how many turns each other account got since it is the first.
        self.overtaken: dict[Turn, Counter[str]] = {}

    def enter(self, account: str) -> None:
        self.present.append(self.queue.enter(account))
        self.check()

    def leave(self, at: int) -> None:
        if self.present:
            turn = self.present.pop(at % len(self.present))
            self.begun.discard(turn)
            turn.leave()
            self.check()

    def check(self) -> None:
        waiting = [turn for turn in self.present if not turn.began]
        new = [turn for turn in self.present if turn.began and turn not in self.begun]
        assert len(new) <= 1
        assert len(self.present) - len(waiting) == self.queue.active <= self.concurrency
        assert not waiting or self.queue.active == self.concurrency
        assert sorted(turn.place for turn in waiting) == list(range(1, len(waiting) + 1))
        for turn in new:
            self.begun.add(turn)
            self.overtaken.pop(turn, None)
            for counts in self.overtaken.values():
                counts[turn.account] += 1
                assert counts[turn.account] <= 1, "an account came twice before another that was waiting"
        heads: dict[str, Turn] = {}
        for turn in waiting:
            heads.setdefault(turn.account, turn)
        self.overtaken = {turn: self.overtaken.get(turn, Counter()) for turn in heads.values()}

    def run_out(self) -> None:
        """With nobody coming, they are served in the order of their places, the last time those are read."""
        order = sorted((turn for turn in self.present if not turn.began), key=lambda turn: turn.place)
        for expected in order:
            running = next(turn for turn in self.present if turn.began)
            self.present.remove(running)
            running.leave()
            assert expected.began


MOVES = st.lists(st.one_of(st.sampled_from("abcd"), st.integers(0, 50)), max_size=60)


@given(concurrency=st.integers(1, 3), moves=MOVES)
def test_it_is_fair_work_conserving_and_truthful_whatever_happens(concurrency: int, moves: list[str | int]) -> None:
    async def play() -> None:
        game = Play(concurrency)
        for move in moves:
            if isinstance(move, str):
                game.enter(move)
            else:
                game.leave(move)
        game.run_out()

    asyncio.run(play())
