"""Which address a request goes to: affinity, load, and leaving out what failed."""

from __future__ import annotations

from collections import Counter

from fireside.runners.router import LocalRouter, StaticRouter, router_for

ADDRESSES = ("a:1", "b:1", "c:1")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_one_address_is_always_the_one() -> None:
    router = LocalRouter("a:1")
    for session in ("x", "y", ""):
        with router.pick("m", session, avoid=("a:1",)) as lease:
            assert lease.address == "a:1"


def test_a_session_stays_where_it_is() -> None:
    router = StaticRouter(ADDRESSES)
    for session in map(str, range(20)):
        places = set()
        for _ in range(5):
            with router.pick("m", session) as lease:
                places.add(lease.address)
        assert len(places) == 1


def test_sessions_spread_over_the_addresses() -> None:
    router = StaticRouter(ADDRESSES)
    seen: Counter[str] = Counter()
    for number in range(300):
        with router.pick("m", f"session {number}") as lease:
            seen[lease.address] += 1
    assert min(seen.values()) > 50
    assert len(seen) == 3


def test_only_the_sessions_of_an_address_that_goes_move() -> None:
    before, after = StaticRouter(ADDRESSES), StaticRouter(ADDRESSES[:2])
    for number in range(100):
        session = str(number)
        with before.pick("m", session) as one, after.pick("m", session) as other:
            assert one.address in {"c:1", other.address}


def test_without_a_session_the_least_busy_one_is_taken() -> None:
    router = StaticRouter(ADDRESSES)
    leases = [router.pick("m", "") for _ in range(6)]
    assert Counter(lease.address for lease in leases) == dict.fromkeys(ADDRESSES, 2)
    leases[1].release()
    leases[1].release()
    assert router.pick("m", "").address == leases[1].address
    assert Counter(lease.address for lease in [router.pick("m", "") for _ in range(3)]) == dict.fromkeys(ADDRESSES, 1)


def test_a_session_leaves_an_address_that_is_much_busier() -> None:
    router = StaticRouter(ADDRESSES)
    leases = [router.pick("m", "one") for _ in range(6)]
    assert len({lease.address for lease in leases[:5]}) == 1
    assert leases[5].address != leases[0].address


def test_what_failed_is_avoided_for_longer_each_time_and_then_tried_again() -> None:
    clock = Clock()
    router = StaticRouter(ADDRESSES[:2], now=clock)
    with router.pick("m", "one") as lease:
        own = lease.address
        lease.failed()
    with router.pick("m", "one") as lease:
        assert lease.address != own
    clock.time += 1.0
    with router.pick("m", "one") as lease:
        assert lease.address == own
        lease.failed()
    clock.time += 1.0
    with router.pick("m", "one") as lease:
        assert lease.address != own
    clock.time += 1.0
    with router.pick("m", "one") as lease:
        assert lease.address == own
        lease.succeeded()
    with router.pick("m", "one") as lease:
        assert lease.address == own


def test_when_all_rest_the_one_that_is_due_first_is_taken() -> None:
    clock = Clock()
    router = StaticRouter(ADDRESSES, now=clock)
    order = []
    for _ in ADDRESSES:
        with router.pick("m", "one") as lease:
            order.append(lease.address)
            lease.failed()
        clock.time += 0.1
    with router.pick("m", "one") as lease:
        assert lease.address == order[0]


def test_the_avoided_are_avoided_while_there_is_another() -> None:
    router = StaticRouter(ADDRESSES)
    with router.pick("m", "one", avoid=("a:1", "b:1")) as lease:
        assert lease.address == "c:1"
    with router.pick("m", "one", avoid=ADDRESSES) as lease:
        assert lease.address in ADDRESSES


def test_a_model_goes_to_an_address_that_has_it() -> None:
    router = StaticRouter(ADDRESSES, serves=lambda address, model: model == "any" or address == "b:1")
    for number in range(20):
        with router.pick("rare", str(number)) as lease:
            assert lease.address == "b:1"
    with router.pick("unknown", "s") as lease:
        assert lease.address == "b:1"


def test_the_router_fits_the_number_of_addresses() -> None:
    assert isinstance(router_for(("a:1",), lambda *_: True), LocalRouter)
    assert isinstance(router_for(("a:1", "b:1"), lambda *_: True), StaticRouter)
