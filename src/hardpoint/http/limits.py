"""The bounds of a transport, and the addresses it may talk to."""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, final
from urllib.parse import urlsplit

from hardpoint.core.errors import (
    ConfigurationError,
    DeadlineTooShortError,
    InvalidRequestError,
)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a transport allows itself.

    Attributes:
        timeout: seconds to wait for each step: for the other side to take or to give some bytes.
        exchange: seconds for all of it together, where given; the deadline of the call that it
            belongs to bounds it as well.
        connect_timeout: seconds to wait for a connection, TLS included, or a place in the pool.
        body_bytes_max: the largest answer taken.
        cut: give the beginning of a larger answer instead of refusing it, and an encoded one as it
            came.
        connections: open at a time.
        idle_connections: kept open when unused, for `idle_seconds`.
    """

    timeout: float = 10.0
    exchange: float | None = None
    connect_timeout: float = 5.0
    body_bytes_max: int = 8 * 1024 * 1024
    cut: bool = False
    connections: int = 100
    idle_connections: int = 20
    idle_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("timeout", "connect_timeout"):
            _checked(name, bounded(getattr(self, name)), "is not a number of seconds above 0")
        _checked(
            "exchange",
            self.exchange is None or bounded(self.exchange),
            "is neither None nor a number of seconds above 0",
        )
        _checked("idle_seconds", 0 <= self.idle_seconds < inf, "is not a number of seconds")
        _checked("connections", self.connections >= 1, "is less than 1")
        for name in ("idle_connections", "body_bytes_max"):
            _checked(name, getattr(self, name) >= 0, "is less than 0")

    def bounds(self, own: float | None, remaining: float | None) -> "Bounds":
        """Seconds for a request, `remaining` being what its deadline leaves.

        Raises:
            DeadlineTooShortError: nothing is left.
            InvalidRequestError: `own` is no number of seconds.
        """
        whole = inf if self.exchange is None else self.exchange
        if remaining is not None:
            if not remaining > 0:
                raise DeadlineTooShortError
            whole = min(whole, remaining)
        step = self.timeout
        if own is not None:
            if not bounded(own):
                raise InvalidRequestError("is not a number of seconds above 0", field="timeout")
            step = min(own, step)
        return Bounds(min(step, whole, self.connect_timeout), step, whole)


@final
class Bounds(NamedTuple):
    """Seconds that one request has: to be connected, for each step, and for all of it together."""

    connect: float
    step: float
    whole: float


def bounded(seconds: float) -> bool:
    """Whether somebody can wait so long: a number, more than none, and not for ever."""
    return 0 < seconds < inf


def on_loopback(host: str | None) -> bool:
    """Whether a host is this machine: `*.localhost` is too (RFC 6761, 6.3)."""
    return host in LOOPBACK or (host is not None and host.endswith(".localhost"))


def checked_url(url: str, *, key: str) -> str:
    """A URL we are willing to send to: https, or http on loopback; no user-info.

    Raises:
        ConfigurationError: it is not; `key` is the setting's path. The URL itself is not repeated,
            since it may hold what is secret.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError(key, "is not a URL") from None
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise ConfigurationError(key, "is not a URL", fix="Percent-encode what is not ASCII")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(key, "is not an http or https URL")
    if "@" in parts.netloc:
        raise ConfigurationError(key, "holds credentials", fix="They do not belong in a URL")
    if parts.scheme == "http" and not on_loopback(parts.hostname):
        raise ConfigurationError(key, "is not https", fix="Only loopback may be plain http")
    return url


def checked_base_url(url: str, hosts: Collection[str]) -> str:
    """The address that a provider's paths go below: on one of its hosts, or on loopback (a fake).

    Settings check it when they are made, so that a mistake shows before the first call.

    Raises:
        ConfigurationError: it is not; names `base_url`.
    """
    parts = urlsplit(checked_url(url, key="base_url"))
    if parts.hostname not in hosts and not on_loopback(parts.hostname):
        raise ConfigurationError(
            "base_url",
            "is not a host of the provider",
            fix=f"Leave it out, or name {', '.join(sorted(hosts))} or loopback",
        )
    if parts.query or parts.fragment:
        raise ConfigurationError("base_url", "holds a query or a fragment")
    return url


def _checked(name: str, right: bool, problem: str) -> None:
    if not right:
        raise ConfigurationError(f"limits.{name}", problem)
