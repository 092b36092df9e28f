"""No connection of a test leaves this machine unless it may.

    with loopback_only("test_checkout"):
        ...                                     # NetworkRefusedError for all but loopback

It sees what goes through Python's sockets, by audit hook: asyncio, threads and `from socket import
...` included; DNS look-ups; and what uvloop opens by itself. It does not see the sockets of C, Rust
and Go libraries (libpq, librdkafka, gRPC, obstore), datagrams of uvloop, or child processes. A name
given to `socket.connect` itself is looked up before the connection is refused.
"""

import socket
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, final

from hardpoint.core.errors import HardpointError

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_UVLOOP_METHODS = {"create_connection": 1, "getaddrinfo": 0}
"""What uvloop does without Python's sockets, and how many arguments stand before the host."""


class NetworkRefusedError(HardpointError):
    """A test reached for something beyond this machine; point it at a fake, or allow the host.

    Attributes:
        host: what it reached for.
        test: which test it was.
    """

    def __init__(self, host: str, test: str) -> None:
        super().__init__(
            f"{test} reaches for {host}, and may reach this machine only; point it at a fake, or "
            f"allow it: hardpoint_network = loopback {host}"
        )
        self.host = host
        self.test = test


@final
class Network:
    """What a test may reach.

    Args:
        test: its name, for the error.
        allowed: hosts beside this machine.
    """

    def __init__(self, test: str, allowed: Iterable[str] = ()) -> None:
        self.test = test
        self.allowed = frozenset(allowed)
        self.refused: list[str] = []
        """What it reached for in vain, in order; code under test may have hidden the error."""

    def check(self, host: str) -> None:
        """Let it pass or not.

        Raises:
            NetworkRefusedError: it is beyond this machine, and not allowed.
        """
        __tracebackhide__ = True  # pytest shows the line that reached out
        if host in self.allowed or _is_here(host):
            return
        if any(host in _addresses_of(name) for name in self.allowed):
            return
        self.refused.append(host)
        raise NetworkRefusedError(host, self.test)


@contextmanager
def loopback_only(test: str, *, allow: Iterable[str] = ()) -> Generator[Network]:
    """Within the block no connection leaves this machine: in the whole process, on every thread.

    Args:
        test: who is told of in the error.
        allow: names and addresses that may be reached all the same.
    """
    network = Network(test, allow)
    _install()
    with ExitStack() as stack:
        if not _guards:
            stack.enter_context(_uvloop_watched())
        _guards.append(network)
        stack.callback(_guards.remove, network)
        yield network


_guards: list[Network] = []
"""Those in force; the last one decides."""


def _check(host: object) -> None:
    __tracebackhide__ = True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    for network in _guards[-1:]:
        network.check(text)


def _is_here(host: str) -> bool:
    if host in {"", "localhost", socket.gethostname()} or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return _leads_here(getattr(address, "ipv4_mapped", None) or address)


def _leads_here(address: IPv4Address | IPv6Address) -> bool:
    return address.is_loopback or address.is_unspecified


@cache
def _addresses_of(name: str) -> frozenset[str]:
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(name, None))
    except OSError:
        return frozenset()


def _reached(sock: socket.socket, address: object) -> None:
    __tracebackhide__ = True
    if sock.family in _INTERNET and isinstance(address, tuple):
        _check(address[0])  # pyright: ignore[reportUnknownArgumentType] - whatever a program passes


def _looked_up(host: object, *_: object) -> None:
    __tracebackhide__ = True
    _check(host)


_EVENTS: Mapping[str, Callable[..., None]] = {
    "socket.connect": _reached,
    "socket.sendto": _reached,
    "socket.sendmsg": _reached,
    "socket.getaddrinfo": _looked_up,
    "socket.gethostbyname": _looked_up,
    "socket.gethostbyaddr": _looked_up,
}
"""https://docs.python.org/3/library/audit_events.html"""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    __tracebackhide__ = True
    if _guards and event in _EVENTS:
        _EVENTS[event](*arguments)


@cache
def _install() -> None:
    """Once: a process cannot take an audit hook back."""
    setattr(_audit, "__cantrace__", True)  # noqa: B010 - lets debuggers and coverage in
    sys.addaudithook(_audit)


@contextmanager
def _uvloop_watched() -> Generator[None]:
    try:
        loop = import_module("uvloop").Loop
    except ImportError:
        yield
        return
    for name, before in _UVLOOP_METHODS.items():
        setattr(loop, name, _watched(getattr(loop, name), before))
    try:
        yield
    finally:
        for name in _UVLOOP_METHODS:
            delattr(loop, name)


def _watched(method: Callable[..., Any], before: int) -> Callable[..., Any]:
    async def checked(self: object, *args: Any, **options: Any) -> Any:
        _check(options.get("host", args[before] if len(args) > before else None))
        return await method(self, *args, **options)

    return checked
