"""Who is slowed down after wrong tries, and who is not."""

from __future__ import annotations

import pytest

from fireside.core.errors import ResourceExhaustedError
from fireside.identity.attempts import Attempts
from fireside.identity.buckets import Buckets


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refused(attempts: Attempts, address: str, account: str, *, known: bool = False) -> float:
    """For how long a try is refused; 0 when it is not."""
    try:
        attempts.check(address, account, known=known)
    except ResourceExhaustedError as error:
        return error.retry_after
    return 0.0


def test_a_bucket_refills_at_its_pace(clock) -> None:
    buckets = Buckets(burst=2, every=10.0, clock=clock)
    buckets.take("a")
    buckets.take("a")
    assert buckets.wait("a") == 10.0
    assert buckets.wait("b") == 0.0
    clock.now += 4
    assert buckets.wait("a") == pytest.approx(6.0)
    clock.now += 6
    assert buckets.wait("a") == 0.0
    clock.now += 1000
    buckets.take("a")
    buckets.take("a")
    assert buckets.wait("a") == 10.0


def test_a_flood_of_keys_keeps_the_newest(clock) -> None:
    buckets = Buckets(burst=1, every=10.0, clock=clock, most=3)
    for key in "abcd":
        buckets.take(key)
    assert [buckets.wait(key) > 0 for key in "abcd"] == [False, True, True, True]


def test_one_who_mistypes_is_slowed_for_that_account_alone(clock) -> None:
    attempts = Attempts(clock)
    for _ in range(6):
        assert not refused(attempts, "10.0.0.1", "ann@example.org")
        attempts.failed("10.0.0.1", "ann@example.org")
    assert refused(attempts, "10.0.0.1", "ann@example.org") == 20.0
    assert refused(attempts, "10.0.0.1", " ANN@example.org ") == 20.0
    assert not refused(attempts, "10.0.0.1", "bob@example.org")
    assert not refused(attempts, "10.0.0.2", "ann@example.org")
    clock.now += 20
    assert not refused(attempts, "10.0.0.1", "ann@example.org")


def test_a_right_try_forgives_the_wrong_ones_before(clock) -> None:
    attempts = Attempts(clock)
    for _ in range(6):
        attempts.failed("10.0.0.1", "ann@example.org")
    attempts.succeeded("10.0.0.1", "ann@example.org")
    assert not refused(attempts, "10.0.0.1", "ann@example.org")


def test_one_address_cannot_try_many_accounts(clock) -> None:
    attempts = Attempts(clock)
    for number in range(30):
        attempts.failed("2001:db8::1", f"{number}@example.org")
    assert refused(attempts, "2001:db8::ffff", "new@example.org")
    assert not refused(attempts, "2001:db8:0:1::1", "new@example.org")


def test_many_addresses_cannot_try_one_account_and_lock_its_owner_out(clock) -> None:
    attempts = Attempts(clock)
    for number in range(60):
        attempts.failed(f"10.0.{number}.1", "ann@example.org")
    assert refused(attempts, "10.1.0.1", "ann@example.org")
    assert not refused(attempts, "192.168.0.7", "ann@example.org", known=True)
