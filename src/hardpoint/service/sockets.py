"""What the server's listeners are bound to: ports of both families, and Unix sockets."""

import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from hardpoint.core.errors import ConfigurationError

BACKLOG = 2048
PORT_MAX = 65535


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(bare(host)).is_loopback
    except ValueError:
        return host == "localhost"


def bare(host: str) -> str:
    """A host without the brackets that URLs put around IPv6 addresses."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def bind(host: str, port: int, *, key: str) -> socket.socket:
    """A listening socket. `::` takes IPv4 too, where the system can.

    Args:
        host: a name or an address; one of IPv6 may stand in brackets.
        port: 0 takes a free one.
        key: the setting that the port comes from, for the error.

    Raises:
        ConfigurationError: the port is in use, not ours to take, or the host is not of this
            machine.
    """
    if not 0 <= port <= PORT_MAX:
        raise ConfigurationError(key, f"{port} is not a port", fix=f"Choose one up to {PORT_MAX}")
    host = bare(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem, fix = "is in use", f"Stop the process that has it, or choose another {key}"
        else:
            problem, fix = f"cannot be opened ({error.strerror})", None
        raise ConfigurationError(key, f"{host}:{port} {problem}", fix=fix) from None


@contextmanager
def bind_unix(path: Path, *, key: str) -> Generator[socket.socket]:
    """A listening Unix socket, open to a proxy of any user, as a port is; gone at the end.

    What a server that was killed has left at `path` is replaced.

    Raises:
        ConfigurationError: a server listens there, something else is there, or the folder does not
            take it.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        if _answers(path):
            fix = f"Stop the process that has it, or choose another {key}"
            raise ConfigurationError(key, f"{path} is in use", fix=fix)
        try:
            if path.is_socket():
                path.unlink()
            sock.bind(str(path))
            path.chmod(0o666)
            sock.listen(BACKLOG)
            own = path.stat().st_ino
        except OSError as error:
            problem = error.strerror or str(error)
            if error.errno == errno.EADDRINUSE:
                problem = "something else is there"
            raise ConfigurationError(key, f"{path} cannot be opened ({problem})") from None
        try:
            yield sock
        finally:
            with suppress(FileNotFoundError):
                if path.stat().st_ino == own:
                    path.unlink()


def _answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.setblocking(False)
        try:
            caller.connect(str(path))
        except BlockingIOError:  # and has more callers than it takes
            return True
        except OSError:
            return False
    return True


def url_of(sock: socket.socket, *, reachable: bool = False) -> str:
    """Where a socket listens, with the actual port.

    Args:
        sock: bound.
        reachable: name an address to connect to from this machine, where it listens on all.
    """
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host: str
    host, port, *_ = sock.getsockname()
    if reachable:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - the reverse
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
