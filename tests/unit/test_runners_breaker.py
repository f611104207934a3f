"""The circuit breaker: when it opens, for how long, and what closes it."""

from __future__ import annotations

import pytest

from fireside.runners.managed.breaker import Breaker


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(breaker: Breaker, times: int, *, unreachable: bool = False) -> None:
    for _ in range(times):
        breaker.failed("It broke.", unreachable=unreachable)


def test_it_opens_after_so_many_failures_in_a_row(clock: Clock) -> None:
    breaker = Breaker(3, 1.0, clock)
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert not breaker.resting
    fail(breaker, 1)
    assert breaker.resting
    assert breaker.wait_time() == 1.0
    assert breaker.problem == "It broke."


def test_zero_never_opens(clock: Clock) -> None:
    breaker = Breaker(0, 1.0, clock)
    fail(breaker, 100)
    assert not breaker.resting


def test_then_one_request_tries_and_its_failure_doubles_the_rest(clock: Clock) -> None:
    breaker = Breaker(1, 1.0, clock)
    rests: list[float] = []
    for _ in range(8):
        fail(breaker, 1)
        rests.append(breaker.wait_time())
        clock.now += rests[-1]
        assert breaker.wait_time() == 0.0
        assert breaker.begin()
        assert breaker.wait_time() > 0, "a second one has to wait for the first one's outcome"
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_beginning_answer_lets_the_others_in_and_its_end_forgets_the_failures(clock: Clock) -> None:
    breaker = Breaker(2, 1.0, clock)
    fail(breaker, 2)
    clock.now += 1
    breaker.begin()
    breaker.answered()
    assert breaker.wait_time() == 0.0
    fail(breaker, 1)
    assert breaker.resting, "it failed again before an answer came to its end"
    clock.now += 2
    breaker.begin()
    breaker.succeeded()
    fail(breaker, 1)
    assert not breaker.resting


def test_a_trial_that_is_given_up_frees_the_way_for_another(clock: Clock) -> None:
    breaker = Breaker(1, 1.0, clock)
    fail(breaker, 1)
    clock.now += 1
    breaker.begin()
    breaker.abandoned()
    assert breaker.wait_time() == 0.0


def test_old_news_while_it_rests_change_nothing(clock: Clock) -> None:
    breaker = Breaker(1, 1.0, clock)
    fail(breaker, 1)
    clock.now += 0.5
    fail(breaker, 3)
    assert breaker.wait_time() == 0.5


def test_a_backend_that_could_not_be_reached_may_be_tried_once_it_can(clock: Clock) -> None:
    away, sick = Breaker(1, 1.0, clock), Breaker(1, 1.0, clock)
    fail(away, 1, unreachable=True)
    fail(sick, 1)
    away.reachable()
    sick.reachable()
    assert (away.wait_time(), sick.wait_time()) == (0.0, 1.0)
