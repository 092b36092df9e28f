"""The first of several addresses to answer: happy eyeballs (RFC 8305) without an event loop."""

import os
import select
import socket
from collections.abc import Sequence
from ipaddress import ip_address
from itertools import zip_longest
from math import inf
from time import monotonic

from hardpoint.http.wire.channel import milliseconds, unconnected
from hardpoint.http.wire.names import ResolvedAddress

HEAD_START = 0.25
"""Seconds that an address has to itself before the next one is tried beside it (RFC 8305, 5)."""


def connected(addresses: Sequence[ResolvedAddress], until: float) -> socket.socket:
    """A socket, not blocking, to the first that answers.

    Raises:
        OSError: none does; a `TimeoutError` if none until then, by the monotonic clock.
    """
    following = 0.0
    left, race = interleaved(addresses), _Race()
    try:
        while True:
            now = monotonic()
            if now >= until:
                raise TimeoutError("no connection in time")
            if left and (now >= following or not race.running):
                race.start(left.pop(0))
                following = monotonic() + HEAD_START
            elif not race.running:
                raise race.error
            else:
                winner = race.wait(min(until, following if left else inf) - now)
                if winner is not None:
                    return winner
    finally:
        race.close()


def others(addresses: Sequence[ResolvedAddress], sock: socket.socket) -> list[ResolvedAddress]:
    """Those that a socket does not lead to: a handshake that failed there may do elsewhere."""
    peer = _plain(sock.getpeername()[0])
    return [one for one in addresses if _plain(one[4][0]) != peer]


def _plain(address: str) -> object:
    return ip_address(address.partition("%")[0])


class _Race:
    def __init__(self) -> None:
        self.running: dict[int, socket.socket] = {}
        self.error = OSError("no address")
        self._poll = select.poll()

    def start(self, address: ResolvedAddress) -> None:
        family, kind, protocol, _, where = address
        try:
            sock = unconnected(family, kind, protocol)
        except OSError as error:
            self.error = error
            return
        sock.setblocking(False)
        try:
            sock.connect(where)
        except BlockingIOError:
            pass
        except OSError as error:
            self.error = error
            sock.close()
            return
        except BaseException:
            sock.close()
            raise
        self.running[sock.fileno()] = sock
        self._poll.register(sock, select.POLLOUT)

    def wait(self, seconds: float) -> socket.socket | None:
        for descriptor, _ in self._poll.poll(milliseconds(seconds)):
            sock = self.running.pop(descriptor)
            self._poll.unregister(descriptor)
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number:
                return sock
            sock.close()
            self.error = OSError(number, os.strerror(number))
        return None

    def close(self) -> None:
        for sock in self.running.values():
            sock.close()


def interleaved(addresses: Sequence[ResolvedAddress]) -> list[ResolvedAddress]:
    """In the order given, but the families by turns."""
    families: dict[int, list[ResolvedAddress]] = {}
    for one in addresses:
        families.setdefault(one[0], []).append(one)
    return [one for row in zip_longest(*families.values()) for one in row if one is not None]
