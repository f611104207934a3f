"""Opens the listening sockets before anything else starts, so that a taken port is told at once. Serves nothing."""

from __future__ import annotations

import errno
import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass

from fireside.cli.failure import CommandError

_BACKLOG = 1024
_PORTS_TRIED = 100
# How often a silent client is probed within the time that it has to answer.
_PROBES = 4
# An address family that the machine does not have is left out, as long as one is there.
_NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


@dataclass(frozen=True, slots=True)
class Listening:
    """Sockets that listen on one port: one for each address of the host."""

    sockets: tuple[socket.socket, ...]
    addresses: tuple[str, ...]
    """The IP address of each socket; they stay known when the sockets are closed."""

    host: str
    """As it was asked for: a name or an address."""

    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return all(ipaddress.ip_address(address).is_loopback for address in self.addresses)

    @property
    def everywhere(self) -> bool:
        """Whether it listens on every address of this machine."""
        return any(ipaddress.ip_address(address).is_unspecified for address in self.addresses)

    def url(self, scheme: str) -> str:
        """The address to open on this machine."""
        host = self.host
        if self.everywhere:
            host = "127.0.0.1" if str(ipaddress.IPv4Address(0)) in self.addresses else "::1"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def probe(self, idle: float, timeout: float) -> None:
        """Has the system probe clients that are silent for `idle` seconds (0: never), and give up those that confirm
        neither a probe nor data for `timeout` seconds.

        Connections take this over from the socket that listens. It is what a gRPC server does with pings of HTTP/2,
        which h2corn does not send; every client answers it, and a proxy or a router sees that the connection lives.
        """
        for sock in self.sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(idle > 0))
            if idle > 0 and hasattr(socket, "TCP_KEEPIDLE") and hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(idle)))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(timeout / _PROBES)))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(timeout * 1000))

    def refuse(self) -> None:
        """Refuses new connections from now on, whoever else has a duplicate of the sockets.

        Closing ours alone would leave the port listening, and new connections waiting for nothing.
        """
        for sock in self.sockets:
            with suppress(OSError):  # Not every system can; there they wait until the process ends.
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the sockets."""
        for sock in self.sockets:
            sock.close()


def listen(host: str, port: int, *, asked: bool) -> Listening:
    """Listens on every address of `host`. Without `asked`, the next free port is taken when `port` is not free.

    Raises CommandError: the port is taken, may not be used, or the host is not this machine's.
    """
    for candidate in range(port, min(port + (1 if asked else _PORTS_TRIED), 65536)):
        try:
            sockets = _listen_all(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CommandError(_refusal(host, candidate, error)) from error
        else:
            return Listening(sockets, tuple(map(_address, sockets)), host, int(sockets[0].getsockname()[1]))
    raise CommandError(_taken(host, port, asked=asked))


def _listen_all(host: str, port: int) -> tuple[socket.socket, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    places = list(dict.fromkeys((entry[0], entry[4]) for entry in found))
    for number, (family, address) in enumerate(places):
        # With port 0 the first socket chooses, and the others take the same.
        chosen = int(sockets[0].getsockname()[1]) if sockets else port
        try:
            sockets.append(_listen_on(family, (address[0], chosen, *address[2:]), alone=len(places) == 1))
        except OSError as error:
            last_hope = number == len(places) - 1 and not sockets
            if last_hope or error.errno not in _NO_SUCH_ADDRESS:
                for sock in sockets:
                    sock.close()
                raise
    return tuple(sockets)


def _listen_on(family: int, address: tuple[object, ...], *, alone: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Without it a restarted server would wait for old connections to time out.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` alone means IPv4 too; beside an IPv4 socket it would be in that one's way.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if alone else 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _address(sock: socket.socket) -> str:
    return str(sock.getsockname()[0]).partition("%")[0]


def _taken(host: str, port: int, *, asked: bool) -> str:
    if asked:
        return f"Port {port} on {host} is taken by another program. Stop that one, or choose another with --port."
    return f"All ports from {port} to {port + _PORTS_TRIED - 1} on {host} are taken. Choose another with --port."


def _refusal(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"There is no host called {host!r} ({error.strerror}). Choose another with --host."
    if error.errno in _NO_SUCH_ADDRESS:
        return f"{host} is not an address of this machine. Choose another with --host."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used without privileges. Choose one from 1024 up with --port."
    return f"Cannot listen on {host} port {port}: {error.strerror}."
