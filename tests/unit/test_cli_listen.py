"""Which port is taken, and what is said when it cannot be."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address

import pytest

from fireside.cli.descriptors import allow_many_connections
from fireside.cli.failure import CommandError
from fireside.cli.listen import listen


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else has."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_free_port_is_taken_and_let_go() -> None:
    with closing(listen("127.0.0.1", 0, asked=True)) as first:
        assert first.url("http") == f"http://127.0.0.1:{first.port}"
        assert first.loopback
        assert not first.everywhere
        with socket.create_connection(("127.0.0.1", first.port)):
            pass
    with closing(listen("127.0.0.1", first.port, asked=True)) as again:
        assert again.port == first.port


def test_the_next_free_port_is_taken_when_none_was_asked_for(taken: int) -> None:
    with closing(listen("127.0.0.1", taken, asked=False)) as found:
        assert taken < found.port <= taken + 99


def test_a_port_that_was_asked_for_is_that_one_or_none(taken: int) -> None:
    with pytest.raises(CommandError, match=f"Port {taken} on 127.0.0.1 is taken"):
        listen("127.0.0.1", taken, asked=True)


def test_a_name_means_all_its_addresses() -> None:
    with closing(listen("localhost", 0, asked=True)) as found:
        assert "127.0.0.1" in found.addresses
        assert found.loopback
        assert len({sock.getsockname()[1] for sock in found.sockets}) == 1
        assert found.url("https") == f"https://localhost:{found.port}"


@pytest.mark.parametrize(("host", "url"), [(str(IPv4Address(0)), "http://127.0.0.1"), ("::", "http://[::1]")])
def test_every_address_is_told_by_one_that_can_be_opened(host: str, url: str) -> None:
    with closing(listen(host, 0, asked=True)) as found:
        assert found.everywhere
        assert not found.loopback
        assert found.url("http") == f"{url}:{found.port}"
        # Both families reach it.
        with socket.create_connection(("127.0.0.1", found.port)):
            pass


def test_new_connections_are_refused_while_a_duplicate_is_open() -> None:
    with closing(listen("127.0.0.1", 0, asked=True)) as found, found.sockets[0].dup():
        found.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", found.port))


@pytest.mark.parametrize(
    ("host", "words"),
    [("192.0.2.1", "is not an address of this machine"), ("no.such.host.invalid", "There is no host called")],
)
def test_a_host_that_is_not_ours_is_told(host: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        listen(host, 0, asked=True)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such options")
def test_connections_take_over_how_they_are_probed() -> None:
    with closing(listen("127.0.0.1", 0, asked=True)) as found:
        found.probe(45, 20)
        server = found.sockets[0]
        server.setblocking(True)
        with socket.create_connection(("127.0.0.1", found.port)):
            accepted, _ = server.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
                assert [accepted.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [45, 5, 4, 20_000]


def test_connections_are_not_probed_when_that_is_switched_off() -> None:
    with closing(listen("127.0.0.1", 0, asked=True)) as found:
        found.probe(0, 20)
        assert found.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        allow_many_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
