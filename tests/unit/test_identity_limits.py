"""Which of several limits holds."""

from __future__ import annotations

from fireside.gen.v1.policy_pb2 import Limits
from fireside.identity.limits import widest


def test_nothing_said_is_no_limit() -> None:
    assert widest([]) == Limits()


def test_the_most_generous_of_each_holds() -> None:
    few = Limits(messages_per_day=10, tokens_per_day=500, messages_per_minute=3, storage_bytes=7)
    many = Limits(messages_per_day=20, tokens_per_day=100, messages_per_minute=0, storage_bytes=7)
    assert widest([few, many]) == Limits(messages_per_day=20, tokens_per_day=500, storage_bytes=7)


def test_one_alone_is_as_it_is() -> None:
    only = Limits(messages_per_day=1)
    assert widest([only]) == only
